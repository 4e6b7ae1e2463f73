// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "options.hpp"
#include "session.hpp"

/// The subcommands. Each adds its own to the command line, with an example, and says by
/// `Invocation::run` what is to be done if it was chosen.
namespace beckon::cli {

/// What the command line asks for.
struct Invocation {
    Settings settings{};
    /// Of the chosen subcommand; the settings are complete when it is called.
    std::function<Exit()> run{};
};

/// What stays while it rings and while one talks: call, accept, resume.
void add_call(CLI::App& app, Invocation& invocation);
void add_listen(CLI::App& app, Invocation& invocation);
/// What asks the broker one thing: reject, cancel, hangup, signal, status,
/// history.
void add_requests(CLI::App& app, Invocation& invocation);
void add_group(CLI::App& app, Invocation& invocation);
void add_watch(CLI::App& app, Invocation& invocation);
void add_operator(CLI::App& app, Invocation& invocation);
/// Of `operator`: what Prometheus asks.
void add_operator_metrics(CLI::App& operators, Invocation& invocation);
/// Stays, as a user of Beckon whom Home Assistant sees.
void add_home_assistant(CLI::App& app, Invocation& invocation);
void add_doctor(CLI::App& app, Invocation& invocation);

/// What is to be known beside the options: --help and the manual page end with it.
struct Section {
    std::string title;
    std::string text;
};
const std::vector<Section>& sections();

/// The whole command line; `invocation` is filled when it is parsed, and outlives it.
std::unique_ptr<CLI::App> command_line(Invocation& invocation);

/// For what may be left out, but not be nothing: a shell variable that is not set, most likely.
inline CLI::Validator not_empty() {
    return CLI::Validator(
        [](std::string& text) { return text.empty() ? std::string("is empty") : std::string(); },
        "");
}

/// What ends whoever asks for what only operators hear.
inline constexpr const char* no_operator =
    "I am no operator: plugin_opt_operators of the broker does not name me";

/// Of the ID that a subcommand needs (Session::whole_id).
inline constexpr const char* id_about =
    "of the invitation; of one that is open, the first 6 letters or more will do";

/// Adds one subcommand, whose options stand in `Options`; `run` gets them and a session's makings.
template <class Options, class Run>
CLI::App& add_subcommand(CLI::App& app, Invocation& invocation, const std::string& name,
                         const std::string& about, const std::string& examples,
                         const std::shared_ptr<Options>& options, Run run) {
    CLI::App* const command = app.add_subcommand(name, about);
    command->footer("Examples:\n" + examples);
    command->get_help_ptr()->description("tells this and ends; beckon --help tells more");
    command->fallthrough();  // so the options of all may come after it as well
    command->final_callback([&invocation, options, run] {
        invocation.run = [&invocation, options, run] {
            const Output output(invocation.settings.json);
            return run(*options, invocation.settings, output);
        };
    });
    return *command;
}

}  // namespace beckon::cli
