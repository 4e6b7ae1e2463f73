// SPDX-License-Identifier: Apache-2.0
#include <poll.h>

#include <algorithm>
#include <stdexcept>

#include "commands.hpp"
#include "home_assistant/bridge.hpp"
#include "home_assistant/configuration.hpp"
#include "home_assistant/discovery.hpp"
#include "home_assistant/mqtt_link.hpp"
#include "terminal.hpp"

namespace beckon::cli {

namespace {

struct HomeAssistantOptions {
    home::Typed typed{};
    std::string server{};
    std::string user{};
    std::string password_file{};
    std::string ca{};
    bool print = false;
    bool remove = false;
};

/// Of the broker where Home Assistant is: Beckon's, unless another is named.
home::MqttLink::Options link_of(const HomeAssistantOptions& chosen, const Settings& settings,
                                const home::Configuration& configuration) {
    const ClientOptions& beckon = settings.client;
    home::MqttLink::Options link{.server = beckon.server,
                                 .user = beckon.userID,
                                 .password = beckon.password,
                                 .tls = beckon.tls};
    if (!chosen.server.empty()) {
        link.server = url_of(chosen.server);
        link.user = chosen.user;
        link.password = chosen.password_file.empty()
                            ? ""
                            : secret_in("--mqtt-password-file", chosen.password_file);
        link.tls = {.caFile = chosen.ca, .verify = beckon.tls.verify};
    } else if (!chosen.user.empty() || !chosen.password_file.empty() || !chosen.ca.empty()) {
        throw CLI::ValidationError("--mqtt-server",
                                   "--mqtt-user, --mqtt-password-file and --mqtt-ca are of another "
                                   "broker than Beckon's, which this is to name");
    }
    link.will = {.topic = home::status_topic(configuration), .payload = home::offline};
    link.subscriptions = home::subscriptions(configuration);
    return link;
}

/// Takes out of Home Assistant what was announced, and what was kept for it.
Exit remove_all(home::MqttLink& link, const home::Configuration& configuration) {
    bool is_up = false;
    while (interrupted == 0 && !is_up) {
        pollfd wake{link.descriptor(), POLLIN, 0};
        ::poll(&wake, 1, static_cast<int>(std::min(link.advance(), Session::moment).count()));
        for (const auto& happening : link.take()) {
            is_up = is_up || std::holds_alternative<home::MqttLink::Up>(happening);
            if (const auto* down = std::get_if<home::MqttLink::Down>(&happening)) {
                Output::remark("no connection to Home Assistant's broker: " + down->why);
                return unreachable;
            }
        }
    }
    for (const std::string& topic : home::kept_topics(configuration)) {
        link.publish({.topic = topic, .payload = ""});
    }
    link.leave();
    return is_up ? done : cancelled;
}

Exit run_home_assistant(const HomeAssistantOptions& chosen, const Settings& settings,
                        const Output& output) {
    const home::Configuration configuration =
        home::configuration_of(chosen.typed, settings.client.userID, settings.client.topicRoot);
    if (chosen.print) {
        Output::line(home::announcement(configuration));
        return done;
    }
    Session session(settings, output);  // it checks Beckon's own options
    const auto options = link_of(chosen, settings, configuration);
    const auto link = [&] {
        try {
            return std::make_unique<home::MqttLink>(options);
        } catch (const std::invalid_argument& wrong) {
            throw CLI::ValidationError("--mqtt-server", wrong.what());
        }
    }();
    if (chosen.remove) {
        return remove_all(*link, configuration);
    }
    home::Bridge(configuration, session, *link).run();
    return done;
}

/// One of a list, each by an option of its own.
void add_list(CLI::App& command, const std::string& name, std::vector<std::string>& list,
              const std::string& form, const std::string& about) {
    command.add_option(name, list, about)->option_text(form)->allow_extra_args(false);
}

void add_broker_options(CLI::App& command, HomeAssistantOptions& options) {
    command
        .add_option("--mqtt-server", options.server,
                    "the broker where Home Assistant is, if that is another than Beckon's")
        ->option_text("URL");
    command.add_option("--mqtt-user", options.user, "who I am there")->option_text("NAME");
    command
        .add_option("--mqtt-password-file", options.password_file,
                    "its first line is my password there")
        ->option_text("FILE");
    command
        .add_option("--mqtt-ca", options.ca,
                    "certificates (PEM) of who may vouch for it, instead of the system's")
        ->option_text("FILE");
    command
        .add_option("--discovery-prefix", options.typed.discovery_prefix,
                    "Home Assistant's discovery prefix, homeassistant if not said")
        ->option_text("TOPIC");
    command
        .add_option("--topic", options.typed.topic,
                    "all else is told below this topic and my name, beckon-ha if not said")
        ->option_text("TOPIC");
}

}  // namespace

void add_home_assistant(CLI::App& app, Invocation& invocation) {
    const auto options = std::make_shared<HomeAssistantOptions>();
    CLI::App& command = add_subcommand(
        app, invocation, "home-assistant",
        "Shows Home Assistant what rings, by MQTT discovery, and does what is asked for there. The "
        "same options may stand below [home-assistant] in the configuration file.",
        "  beckon --user home home-assistant --group flat-3=\"Front door\" --contact kitchen\n"
        "  beckon --config /etc/beckon/home-assistant.toml home-assistant\n"
        "  beckon --user home home-assistant --door gate=open=\"Garden gate\" --print",
        options, run_home_assistant);
    add_list(command, "--group", options->typed.groups, "GROUP[=NAME]",
             "a group of mine whose rings are shown; once for each");
    add_list(command, "--contact", options->typed.contacts, "USER[=NAME]",
             "somebody who can be rung and written to from there; once for each");
    add_list(command, "--contact-group", options->typed.contact_groups, "GROUP[=NAME]",
             "a group of mine that can be rung and written to; once for each");
    add_list(command, "--door", options->typed.doors, "USER=WORD[=NAME]",
             "a door that opens when I send it this word as a message; once for each");
    add_list(command, "--lock", options->typed.locks, "USER=UNLOCK=LOCK[=NAME]",
             "a door that is a lock, with the words for both; once for each");
    command.add_option("--data", options->typed.data, "what is said with a ring from there")
        ->option_text("TEXT");
    add_duration(command, "--ring-for", options->typed.ring_for,
                 "how long a ring from there lasts, 30s if not said");
    add_broker_options(command, *options);
    auto* const print =
        command.add_flag("--print", options->print, "print what would be announced, and end");
    command
        .add_flag("--remove", options->remove,
                  "take all that was announced out of Home Assistant, and end")
        ->excludes(print);
}

}  // namespace beckon::cli
