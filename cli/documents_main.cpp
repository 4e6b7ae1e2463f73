// SPDX-License-Identifier: Apache-2.0
//
// Writes the manual page and the completions of beckon into a directory, while it is built.
#include <iostream>

#include "app.hpp"

int main(int count, char** words) {
    if (count != 2) {
        std::cerr << "which directory?\n";
        return 64;
    }
    beckon::cli::write_documents(words[1]);
}
