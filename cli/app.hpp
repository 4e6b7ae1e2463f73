// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

/// The program as a whole.
namespace beckon::cli {

/// Reads the command line, does what it says, and returns what to end with (session.hpp).
int run(int count, char** words);

/// Writes beckon.1 (for man) and its completions, beckon.bash, beckon.zsh and beckon.fish. All in
/// them is what the command line itself knows, so nothing can be missing, or wrong.
void write_documents(const std::string& directory);

}  // namespace beckon::cli
