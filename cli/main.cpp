// SPDX-License-Identifier: Apache-2.0
//
// beckon: the command-line client.
#include <cstdlib>
#include <iostream>

#include "app.hpp"

int main(int count, char** words) {
    const int code = beckon::cli::run(count, words);
    std::cout << std::flush;
    std::_Exit(code);  // the client's threads are still there
}
