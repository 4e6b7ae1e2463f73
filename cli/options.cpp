// SPDX-License-Identifier: Apache-2.0
#include "options.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <limits>
#include <memory>

#include "tls_failure.hpp"

namespace beckon::cli {

namespace {

std::string environment_value(const std::string& name) {
    const char* const value = std::getenv(name.c_str());
    return value == nullptr ? "" : value;
}

/// `--password-file` is BECKON_PASSWORD_FILE.
std::string environment_name(const std::string& option) {
    std::string name = "BECKON_";
    for (const char letter : option) {
        name += letter == '-' ? '_'
                              : static_cast<char>(std::toupper(static_cast<unsigned char>(letter)));
    }
    return name;
}

/// Leaves out what the environment says: CLI11 would ask the file first. Notes what the file says.
class BehindEnvironment : public CLI::ConfigTOML {
  public:
    BehindEnvironment(const CLI::App& app, Settings& settings) : app_(app), settings_(settings) {}

    std::vector<CLI::ConfigItem> from_config(std::istream& input) const override {
        settings_.file = config_file(app_);
        auto said = CLI::ConfigTOML::from_config(input);
        for (const CLI::ConfigItem& item : said) {
            if (!is_option(item)) {
                throw CLI::ConfigError(item.fullname() + " is no option of beckon");
            }
            settings_.in_file.insert("--" + item.name);
        }
        said.erase(
            std::remove_if(said.begin(), said.end(),
                           [&](const CLI::ConfigItem& item) { return is_in_environment(item); }),
            said.end());
        return said;
    }

  private:
    /// Below [SUBCOMMAND] stand its own.
    bool is_option(const CLI::ConfigItem& item) const {
        const CLI::App* of = &app_;
        for (const std::string& parent : item.parents) {
            const auto named = of->get_subcommands(
                [&](const CLI::App* command) { return command->get_name() == parent; });
            if (named.empty()) {
                return false;
            }
            of = named.front();
        }
        const bool is_section = item.name == "++" || item.name == "--";  // begins, or ends
        return is_section || of->get_option_no_throw("--" + item.name) != nullptr;
    }
    bool is_in_environment(const CLI::ConfigItem& item) const {
        const CLI::Option* const option =
            item.parents.empty() ? app_.get_option_no_throw("--" + item.name) : nullptr;
        return option != nullptr && !option->get_envname().empty() &&
               !environment_value(option->get_envname()).empty();
    }
    const CLI::App& app_;
    Settings& settings_;
};

std::string default_config_file() {
    const std::string home = environment_value("XDG_CONFIG_HOME");
    return (home.empty() ? environment_value("HOME") + "/.config" : home) + "/beckon/config.toml";
}

void check_file(const std::string& option, const std::string& file) {
    if (file.empty()) {
        return;
    }
    if (const std::string why = why_unreadable(file); !why.empty()) {
        throw CLI::ValidationError(option, why);
    }
}

}  // namespace

std::string secret_in(const std::string& option, const std::string& file) {
    errno = 0;
    std::ifstream stream(file);
    std::string secret;
    if (!std::getline(stream, secret)) {
        throw CLI::ValidationError(
            option,
            errno == 0 ? file + " is empty" : "cannot read " + file + ": " + std::strerror(errno));
    }
    if (!secret.empty() && secret.back() == '\r') {
        secret.pop_back();
    }
    return secret;
}

std::string url_of(const std::string& server) {
    return server.find("://") == std::string::npos ? "mqtt://" + server : server;
}

std::string why_unreadable(const std::string& file) {
    return access(file.c_str(), R_OK) == 0 ? ""
                                           : "cannot read " + file + ": " + std::strerror(errno);
}

std::optional<std::chrono::milliseconds> parse_duration(const std::string& text) {
    static constexpr std::array<std::pair<const char*, std::int64_t>, 4> units{
        {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}}};
    std::int64_t count = 0;
    const char* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, count);
    if (error != std::errc{} || count < 0) {
        return std::nullopt;
    }
    const std::string unit(rest, end);
    if (unit.empty() && count == 0) {
        return std::chrono::milliseconds{0};
    }
    for (const auto& [name, factor] : units) {
        if (unit == name && count <= std::numeric_limits<std::int64_t>::max() / factor) {
            return std::chrono::milliseconds{count * factor};
        }
    }
    return std::nullopt;
}

CLI::Option* add_duration(CLI::App& app, const std::string& name, std::chrono::milliseconds& value,
                          const std::string& about) {
    // Not by check(): what that refuses in the environment, CLI11 2.4 ignores.
    const auto take = [&value, name](const std::string& text) {
        const auto duration = parse_duration(text);
        if (!duration) {
            throw CLI::ValidationError(name, text + " is no duration such as 500ms, 30s or 2m");
        }
        value = *duration;
    };
    return app.add_option_function<std::string>(name, take, about)->option_text("DURATION");
}

// Not by `as`: of an option that nobody named, CLI11 2.4 reads a value that is not there.
std::string config_file(const CLI::App& app) {
    const CLI::Option& config = *app.get_config_ptr();
    return config.empty() ? config.get_default_str() : config.results().back();
}

void add_options(CLI::App& app, Settings& settings) {
    ClientOptions& client = settings.client;
    const std::string broker = "Broker";
    app.add_option("--server", client.server,
                   "mqtt://, mqtts://, ws:// or wss://, host and port; mqtt:// if only these")
        ->option_text("URL");
    app.add_option("--user", client.userID, "who I am: my user name at the broker")
        ->option_text("USER");
    app.add_option("--password-file", settings.password_file,
                   "its first line is my password; or BECKON_PASSWORD has it")
        ->option_text("FILE");
    app.add_option("--ca", client.tls.caFile,
                   "certificates (PEM) of who may vouch for the broker, instead of the system's")
        ->option_text("FILE");
    app.add_option("--cert", client.tls.certFile, "my certificate (PEM)")->option_text("FILE");
    app.add_option("--key", client.tls.keyFile, "the key of my certificate (PEM)")
        ->option_text("FILE");
    app.add_option("--key-password-file", settings.key_password_file,
                   "its first line is the key's password; or BECKON_KEY_PASSWORD has it")
        ->option_text("FILE");
    app.add_option("--root", client.topicRoot, "the first level of all topics")
        ->option_text("WORD");
    add_duration(app, "--wait", client.requestTimeout,
                 "how long the broker may take to be there and to answer, 10s if not said");
    app.add_flag("--insecure", settings.insecure, "take anybody for the broker");
    for (CLI::Option* const option : app.get_options()) {
        if (const std::string& name = option->get_single_name(); name != "help") {
            option->envname(environment_name(name))->group(broker);
        }
    }
    app.add_flag("--json", settings.json, "a JSON object a line instead of sentences");

    const std::string named = environment_value("BECKON_CONFIG");
    app.set_config("--config", named.empty() ? default_config_file() : named,
                   "a file with these options, such as user = \"door\"", !named.empty())
        ->option_text("FILE");
    app.config_formatter(std::make_shared<BehindEnvironment>(app, settings));
    app.allow_config_extras(CLI::config_extras_mode::error);
}

void Settings::complete() {
    if (client.userID.empty()) {
        throw CLI::ValidationError("--user",
                                   "who are you? Say --user NAME, BECKON_USER=NAME or, in " +
                                       default_config_file() + ", user = \"NAME\"");
    }
    client.password = password_file.empty() ? environment_value("BECKON_PASSWORD")
                                            : secret_in("--password-file", password_file);
    client.tls.keyPassword = key_password_file.empty()
                                 ? environment_value("BECKON_KEY_PASSWORD")
                                 : secret_in("--key-password-file", key_password_file);
    client.tls.verify = !insecure;
    client.server = url_of(client.server);
    if (uses_tls(client)) {
        check_file("--ca", client.tls.caFile);
        check_file("--cert", client.tls.certFile);
        check_file("--key", client.tls.keyFile);
    }
    client.delivery = Delivery::poll;
}

std::string Settings::said_in(const std::string& option,
                              const std::vector<std::string>& words) const {
    for (const std::string& word : words) {
        if (word == option || word.starts_with(option + "=")) {
            return {};
        }
    }
    const std::string variable = environment_name(option.substr(2));
    if (!environment_value(variable).empty()) {
        return " (" + variable + ")";
    }
    return in_file.contains(option) ? " (in " + file + ")" : "";
}

std::vector<std::pair<std::string, std::string>> Settings::environment() const {
    return {{"BECKON_SERVER", client.server},
            {"BECKON_USER", client.userID},
            {"BECKON_PASSWORD_FILE", password_file},
            {"BECKON_CA", client.tls.caFile},
            {"BECKON_CERT", client.tls.certFile},
            {"BECKON_KEY", client.tls.keyFile},
            {"BECKON_KEY_PASSWORD_FILE", key_password_file},
            {"BECKON_INSECURE", insecure ? "true" : ""},
            {"BECKON_ROOT", client.topicRoot}};
}

}  // namespace beckon::cli
