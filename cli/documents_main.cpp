// SPDX-License-Identifier: Apache-2.0
//
// Writes the manual page and the completion of beckon, while it is built: DIRECTORY/beckon.1 and
// DIRECTORY/beckon.bash.
#include <fstream>
#include <iostream>

#include "commands.hpp"
#include "documents.hpp"

int main(int count, char** words) {
    if (count != 2) {
        std::cerr << "which directory?\n";
        return 64;
    }
    beckon::cli::Invocation invocation;
    const auto app = beckon::cli::command_line(invocation);
    const std::string directory = words[1];
    std::ofstream(directory + "/beckon.1") << beckon::cli::manual_page(*app);
    std::ofstream(directory + "/beckon.bash") << beckon::cli::bash_completion(*app);
}
