// SPDX-License-Identifier: Apache-2.0
//
// beckond: the switchboard as a service on any MQTT 5 broker.
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <thread>

#include "acl.hpp"
#include "check_acl.hpp"
#include "options.hpp"
#include "service.hpp"
#include "store_commands.hpp"
#include "turns.hpp"

namespace beckon {

namespace {

constexpr int wrong_usage = 64;
constexpr int something_is_wrong = 1;
constexpr int cannot_go_on = 70;
/// A broker that is not there may keep the connection's thread, a disk or a database the store's.
constexpr std::chrono::seconds patience_of_the_process{10};

void block_signals() {
    sigset_t signals;
    sigemptyset(&signals);
    for (const int signal : {SIGTERM, SIGINT, SIGPIPE}) {
        sigaddset(&signals, signal);
    }
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

void end_within_patience(int code) {
    std::thread([code] {
        std::this_thread::sleep_for(patience_of_the_process);
        std::_Exit(code);
    }).detach();
}

/// The only one that serves.
int serve_alone(const ServiceOptions& options) {
    block_signals();
    auto service = std::make_unique<Service>(options, journal_of(options), nullptr);
    const int code = service->run().value_or(0);
    end_within_patience(code);
    service.reset();
    return code;
}

int serve(const ServiceOptions& options) {
    if (!options.database) {
        return serve_alone(options);
    }
    block_signals();
    return serve_in_turn(options, end_within_patience);
}

/// `beckond acl ENGINE`.
int print_acl(const std::string& engine, const ServiceOptions& options) {
    AclSubject subject{.word = options.word};
    if (!options.login.user.empty()) {
        subject.service = options.login.user;
    }
    for (const auto& user : options.operators) {
        subject.operators.push_back(user.str());
    }
    const auto rules = acl_of(engine, subject);
    if (!rules) {
        throw CLI::ValidationError("acl", "'" + engine + "' is none of " + names_of_engines());
    }
    std::cout << *rules << std::flush;
    if (!is_tried(engine)) {
        std::cerr
            << "beckond: these rules are by that broker's documentation, and were not tried: run "
               "`beckond check-acl`\n";
    }
    return 0;
}

/// `beckond check-acl`.
int check(const SaidOptions& said, const ServiceOptions& options) {
    AclCheck check{.login = options.login, .word = options.word};
    if (!is_id(check.login.user)) {
        throw CLI::ValidationError("--user",
                                   "whose rights are to be tried? Say --user and "
                                   "--password-file of any user but the service's");
    }
    check.other = read_other(said, options.login);
    bool is_right = true;
    for (const auto& finding : check_acl(check)) {
        is_right = is_right && !finding.could.value_or(false);
        std::cout << (!finding.could   ? "  -    "
                      : *finding.could ? "WRONG  " + check.login.user + " could "
                                       : "right  " + check.login.user + " could not ")
                  << finding.what << "\n";
    }
    std::cout << (is_right ? "Nothing wrong was found: tell beckond by --acl-checked yes.\n"
                           : "The broker's access rules are wrong: compare them with those of "
                             "`beckond acl`.\n");
    return is_right ? 0 : something_is_wrong;
}

int run(int count, char** words) {
    SaidOptions said;
    std::string engine;
    std::string file;
    const auto app = command_line(said, engine, file);
    try {
        app->parse(count, words);
        add_file(*app, said);
        const auto options = read_options(said);
        return app->got_subcommand("acl")         ? print_acl(engine, options)
               : app->got_subcommand("check-acl") ? check(said, options)
               : app->got_subcommand("store")     ? run_store_command(*app, file, options)
               : app->got_subcommand("drain")     ? drain(options)
                                                  : serve(options);
    } catch (const CLI::Success& success) {  // --help, --version
        return app->exit(success);
    } catch (const CLI::Error& error) {
        std::cerr << "beckond: " << error.what() << "\n";
        return wrong_usage;
    } catch (const std::exception& error) {
        log_line(LogLevel::error, error.what());
        return cannot_go_on;
    }
}

}  // namespace

}  // namespace beckon

int main(int count, char** words) { return beckon::run(count, words); }
