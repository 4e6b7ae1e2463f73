// SPDX-License-Identifier: Apache-2.0
#include "app.hpp"

#include <array>
#include <iostream>
#include <stdexcept>
#include <string_view>

#include "commands.hpp"
#include "terminal.hpp"
#include "words.hpp"

namespace beckon::cli {

const std::vector<Section>& sections() {
    static const std::vector<Section> all{
        {"Environment and files",
         R"(Each option of the broker is a variable of the environment as well (BECKON_SERVER,
BECKON_USER, BECKON_PASSWORD_FILE ...) and a key of the configuration file
(server = "mqtts://home:8883", user = "door", password-file = "/home/me/door.password").
Options of a command may stand there below its name: [home-assistant].
The file is ~/.config/beckon/config.toml, or what --config or BECKON_CONFIG names.
The command line comes before the environment, and that before the file. No option
takes a password, since everybody sees the command line: put it in a file that only
you may read, or in BECKON_PASSWORD (of the key: BECKON_KEY_PASSWORD).)"},
        {"JSON lines",
         R"(With --json each line is an object with the keys of the Beckon contract: an event has
"event", what became of a request "re" and "ok" and, if it was refused, "error".
"invitation_ended" tells how an invitation ended, "connection" of the connection, and
"metrics" where Prometheus may ask; these three are this program's own.)"},
        {"Exit status",
         R"(0   it was done, or somebody accepted
1   rejected
2   nobody answered in time
3   cancelled, by Ctrl-C for example
4   the broker refused it
5   there is no broker, or no Beckon in it, or nobody knows how it ended
64  wrong usage
70  the program itself could not go on)"},
        {"Examples",
         R"(  beckon --server mqtt://127.0.0.1:18830 --user kitchen listen
  beckon --server mqtt://127.0.0.1:18830 --user door call kitchen
  beckon call --help)"},
    };
    return all;
}

namespace {

/// A later CLI11 would break its lines anew, which are laid out.
void leave_the_footer_as_it_is(auto& formatter) {
    if constexpr (requires { formatter.enable_footer_formatting(false); }) {
        formatter.enable_footer_formatting(false);
    }
}

}  // namespace

std::unique_ptr<CLI::App> command_line(Invocation& invocation) {
    auto app = std::make_unique<CLI::App>(
        "Rings people and devices through an MQTT broker with Beckon, and answers.", "beckon");
    std::string footer;
    for (const Section& section : sections()) {
        footer += (footer.empty() ? "" : "\n\n") + section.title + ":\n" + section.text;
    }
    app->footer(footer);
    app->get_formatter()->column_width(32);
    leave_the_footer_as_it_is(*app->get_formatter());
    add_options(*app, invocation.settings);
    app->set_version_flag("--version", std::string("beckon ") + BECKON_VERSION,
                          "tells the version and ends");
    app->get_help_ptr()->description("tells this and ends");
    add_call(*app, invocation);
    add_listen(*app, invocation);
    add_requests(*app, invocation);
    add_group(*app, invocation);
    add_watch(*app, invocation);
    add_doctor(*app, invocation);
    add_operator(*app, invocation);
    add_home_assistant(*app, invocation);
    app->require_subcommand(0, 1);  // so that one that there is not is told
    return app;
}

namespace {

/// The same, with the name that an option has on the command line, and where it was said if that
/// was elsewhere.
std::string blaming(std::string sentence, const Settings& settings,
                    const std::vector<std::string>& words) {
    static constexpr std::array<std::pair<std::string_view, const char*>, 6> of_client{
        {{"userID:", "--user:"},
         {"topicRoot:", "--root:"},
         {"server:", "--server:"},
         {"requestTimeout:", "--wait:"},
         {"password:", "--password-file:"},
         {"tls.certFile:", "--cert:"}}};
    for (const auto& [its, ours] : of_client) {
        if (sentence.starts_with(its)) {
            sentence.replace(0, its.size(), ours);
        }
    }
    const auto end = sentence.find(':');
    if (sentence.starts_with("--") && end != std::string::npos) {
        sentence.insert(end, settings.said_in(sentence.substr(0, end), words));
    }
    return sentence;
}

/// What CLI11 says of the configuration file does not name it.
std::string of_file(const CLI::Error& error, const CLI::App& app, const Settings& settings,
                    const std::vector<std::string>& words) {
    const auto file = config_file(app);
    if (dynamic_cast<const CLI::FileError*>(&error) != nullptr) {
        return blaming("--config: " + why_unreadable(file), settings, words);
    }
    if (dynamic_cast<const CLI::ConfigError*>(&error) != nullptr) {
        return file + ": " + error.what();
    }
    return blaming(error.what(), settings, words);
}

}  // namespace

int run(int count, char** words) {
    prepare_terminal();
    Invocation invocation;
    const auto app = command_line(invocation);
    const std::vector<std::string> said(words + 1, words + count);
    const auto wrong = [](const std::string& sentence, int code) {
        std::cerr << "beckon: " << printable(sentence) << "\n";
        return code;
    };
    try {
        app->parse(count, words);
        if (!invocation.run) {
            throw CLI::RequiredError("a subcommand");
        }
        invocation.settings.complete();
        const int code = invocation.run();
        if (!std::cout) {
            throw std::runtime_error("what was to be told could not be written");
        }
        return code;
    } catch (const CLI::Success& success) {  // --help, --version
        return app->exit(success);
    } catch (const CLI::Error& error) {
        const bool of_words = dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr ||
                              dynamic_cast<const CLI::RequiredError*>(&error) != nullptr;
        if (const auto told = of_words ? no_subcommand(*app, said) : std::nullopt) {
            std::cerr << *told << (told->ends_with('\n') ? "" : "\n");
            return usage;
        }
        return wrong(of_file(error, *app, invocation.settings, said), usage);
    } catch (const std::invalid_argument& error) {  // the client checks its own options
        return wrong(blaming(error.what(), invocation.settings, said), usage);
    } catch (const std::exception& error) {
        return wrong(error.what(), failed);
    }
}

}  // namespace beckon::cli
