// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <string>

/// What is written of the command line for others to read: all of it is what the command line
/// itself knows, so nothing can be missing in it, or wrong. Pure.
namespace beckon::cli {

/// For man, in roff.
std::string manual_page(const CLI::App& app);
/// For bash: subcommands, options, files.
std::string bash_completion(const CLI::App& app);

}  // namespace beckon::cli
