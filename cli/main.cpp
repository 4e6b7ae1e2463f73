// SPDX-License-Identifier: Apache-2.0
//
// beckon: the command-line client.
#include "app.hpp"

int main(int count, char** words) { return beckon::cli::run(count, words); }
