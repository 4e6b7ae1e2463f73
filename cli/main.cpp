// SPDX-License-Identifier: Apache-2.0
//
// beckon: the command-line client.
#include <iostream>
#include <stdexcept>

#include "commands.hpp"
#include "terminal.hpp"

using namespace beckon::cli;

int main(int count, char** words) {
    prepare_terminal();
    Invocation invocation;
    const auto app = command_line(invocation);
    const auto wrong = [](const std::exception& error, int code) {
        std::cerr << "beckon: " << printable(error.what()) << "\n";
        return code;
    };
    try {
        app->parse(count, words);
        if (!invocation.run) {
            throw CLI::RequiredError("a subcommand");
        }
        invocation.settings.complete();
        return invocation.run();
    } catch (const CLI::Success& success) {  // --help, --version
        return app->exit(success);
    } catch (const CLI::Error& error) {
        return wrong(error, usage);
    } catch (const std::invalid_argument& error) {  // the client checks its own options
        return wrong(error, usage);
    } catch (const std::exception& error) {
        return wrong(error, failed);
    }
}
