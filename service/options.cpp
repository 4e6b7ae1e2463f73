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
#include <functional>
#include <string_view>

#include "acl.hpp"

namespace beckon {

namespace {

constexpr const char* default_file = "/etc/beckon/beckond.toml";
constexpr const char* default_store = "/var/lib/beckond/beckon.db";
constexpr std::size_t most_site_bytes = 48;
constexpr std::int64_t least_lease_ms = 500;
constexpr std::int64_t most_lease_ms = 60'000;

/// One option; `name` has dashes.
struct OptionRow {
    std::string name;
    std::string text;
    std::string about;
    bool many = false;
};

const std::vector<OptionRow>& service_rows() {
    static const std::vector<OptionRow> rows{
        {"server", "URL", "the broker: mqtt:// or mqtts://, host and port; several of one cluster",
         true},
        {"user", "USER", "my user name at the broker"},
        {"password-file", "FILE", "its first line is my password; or BECKOND_PASSWORD has it"},
        {"ca", "FILE",
         "certificates (PEM) of who may vouch for the broker, instead of the system's"},
        {"cert", "FILE", "my certificate (PEM)"},
        {"key", "FILE", "the key of my certificate (PEM)"},
        {"key-password-file", "FILE",
         "its first line is the key's password; or BECKOND_KEY_PASSWORD has it"},
        {"insecure", "yes|no", "take anybody for the broker"},
        {"site", "NAME",
         "what this service is of, if there are several at one broker, each with a --root "
         "(beckon)"},
        {"sender", "topic|claimed",
         "topic: the broker's rules prove who asks (beckond acl); claimed: nothing does, and "
         "anybody "
         "can ring in anybody's name"},
        {"fold-case", "yes|no",
         "the broker takes Bob for bob, as ejabberd does: only lower case is a name"},
        {"acl-checked", "yes|no", "`beckond check-acl` was run, and found nothing wrong"},
        {"instance", "NAME",
         "my name among those that share a database (the machine's, and the process's number)"},
        {"lease-ms", "MS",
         "how long a site is an instance's that is not heard of: then another takes it (3000)"},
    };
    return rows;
}

/// Those of every host, as the plugin has them behind plugin_opt_.
const std::vector<OptionRow>& host_rows() {
    static const std::vector<OptionRow> rows = [] {
        std::vector<OptionRow> all{
            {"root", "WORD", "the first level of all topics (beckon)"},
            {"status", "on|off", "tell everybody that Beckon is here (on)"},
            {"operators", "USERS", "who are operators, separated by commas"},
            {"store", "PATH|postgresql://...",
             "the store's file, a database that several share, or memory (" +
                 std::string(default_store) + ")"},
            {"sync", "always|normal",
             "what survives a power cut: all, or all but the last moments"},
            {"store-patience-ms", "MS", "a commit that takes longer is a failure"},
            {"history-days", "DAYS", "how long what has ended is in history"},
            {"max-history", "COUNT", "and how many"},
        };
        for (const auto& limit : limit_table) {
            std::string name(limit.name);
            std::replace(name.begin(), name.end(), '_', '-');
            all.push_back({std::move(name), "NUMBER",
                           std::to_string(Limits{}.*limit.value) + " if not said"});
        }
        return all;
    }();
    return rows;
}

std::string underscored(std::string name) {
    std::replace(name.begin(), name.end(), '-', '_');
    return name;
}

std::string environment_name(const std::string& option) {
    std::string name = "BECKOND_" + underscored(option);
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char letter) { return std::toupper(letter); });
    return name;
}

std::string environment_value(const char* name) {
    const char* const value = std::getenv(name);
    return value == nullptr ? "" : value;
}

[[noreturn]] void wrong(const std::string& option, const std::string& sentence) {
    throw CLI::ValidationError("--" + option, sentence);
}

/// The first line of a file that holds a secret.
std::string secret_in(const std::string& option, const std::string& file) {
    errno = 0;
    std::ifstream stream(file);
    std::string secret;
    if (!std::getline(stream, secret)) {
        wrong(option, errno == 0 ? file + " is empty"
                                 : "cannot read " + file + ": " + std::strerror(errno));
    }
    if (!secret.empty() && secret.back() == '\r') {
        secret.pop_back();
    }
    return secret;
}

/// What was said of the service's own options.
class Reader {
  public:
    explicit Reader(const SaidOptions& said) : said_(said) {}

    [[nodiscard]] std::string value(const std::string& option) const {
        const auto found = said_.find(underscored(option));
        return found == said_.end() ? "" : found->second.back();
    }
    [[nodiscard]] bool yes(const std::string& option) const {
        return one_of(option, "yes", "no", false);
    }
    [[nodiscard]] bool one_of(const std::string& option, std::string_view first,
                              std::string_view second, bool usual) const {
        const auto said = value(option);
        bool is_first = usual;
        if (!said.empty()) {
            if (const auto complaint = read_switch(
                    said, is_first, std::array{std::pair(first, true), std::pair(second, false)})) {
                wrong(option, "'" + said + "' " + *complaint);
            }
        }
        return is_first;
    }
    [[nodiscard]] std::string file(const std::string& option) const {
        auto name = value(option);
        if (!name.empty() && access(name.c_str(), R_OK) != 0) {
            wrong(option, "cannot read " + name + ": " + std::strerror(errno));
        }
        return name;
    }
    [[nodiscard]] std::string secret(const std::string& option, const char* variable) const {
        const auto name = value(option);
        return name.empty() ? environment_value(variable) : secret_in(option, name);
    }
    [[nodiscard]] std::vector<BrokerAddress> servers() const {
        std::vector<BrokerAddress> servers;
        const auto found = said_.find("server");
        for (const auto& url :
             found == said_.end() ? std::vector<std::string>{"127.0.0.1"} : found->second) {
            servers.push_back(read_address("server", url));
            if (servers.back().tls != servers.front().tls) {
                wrong("server", "all of them mqtt://, or all mqtts://");
            }
        }
        return servers;
    }

  private:
    const SaidOptions& said_;
};

void add_row(CLI::App& app, SaidOptions& said, const OptionRow& row, const char* group) {
    const std::string key = underscored(row.name);
    const std::string names = "--" + row.name + (key == row.name ? "" : ",--" + key);
    app.add_option_function<std::vector<std::string>>(
           names, [&said, key](const std::vector<std::string>& values) { said[key] = values; },
           row.about)
        ->option_text(row.text)
        ->envname(environment_name(row.name))
        ->group(group)
        ->expected(1)
        ->multi_option_policy(row.many ? CLI::MultiOptionPolicy::TakeAll
                                       : CLI::MultiOptionPolicy::Throw);
}

bool is_database(std::string_view store) {
    return store.starts_with("postgresql://") || store.starts_with("postgres://");
}

/// For people.
std::string without_password(const std::string& address) {
    const auto user = address.find("://") + 3;
    const auto host = address.find('@', user);
    const auto colon = address.find(':', user);
    return colon < host && host != std::string::npos
               ? address.substr(0, colon) + address.substr(host)
               : address;
}

std::string name_of_process() {
    std::array<char, 49> name{};
    gethostname(name.data(), name.size() - 1);
    const std::string host = is_id(name.data()) ? name.data() : "here";
    return host + "-" + std::to_string(getpid());
}

BrokerLogin read_login(const Reader& reader) {
    BrokerLogin login{.brokers = reader.servers(),
                      .user = reader.value("user"),
                      .password = reader.secret("password-file", "BECKOND_PASSWORD"),
                      .ca_file = reader.file("ca"),
                      .cert_file = reader.file("cert"),
                      .key_file = reader.file("key"),
                      .key_password = reader.secret("key-password-file", "BECKOND_KEY_PASSWORD"),
                      .takes_anybody = reader.yes("insecure")};
    if (login.cert_file.empty() != login.key_file.empty()) {
        wrong(login.key_file.empty() ? "cert" : "key", "--cert and --key go together");
    }
    if (login.user.empty() && !login.password.empty()) {
        wrong("user", "there is a password, and nobody whose it is: say --user");
    }
    return login;
}

}  // namespace

BrokerAddress read_address(const std::string& option, const std::string& url) {
    std::string_view rest = url;
    BrokerAddress address;
    const auto scheme_end = rest.find("://");
    if (scheme_end != std::string_view::npos) {
        const auto scheme = rest.substr(0, scheme_end);
        if (scheme != "mqtt" && scheme != "mqtts") {
            wrong(option, "'" + url + "' begins with neither mqtt:// nor mqtts://");
        }
        address.tls = scheme == "mqtts";
        rest.remove_prefix(scheme_end + 3);
    }
    address.port = address.tls ? 8883 : 1883;
    const auto bracket = rest.starts_with('[') ? rest.find(']') : std::string_view::npos;
    const auto colon = rest.find(':', bracket == std::string_view::npos ? 0 : bracket);
    if (colon != std::string_view::npos) {
        const auto port = rest.substr(colon + 1);
        const auto [end, error] =
            std::from_chars(port.data(), port.data() + port.size(), address.port);
        if (error != std::errc{} || end != port.data() + port.size() || address.port < 1 ||
            address.port > 65535) {
            wrong(option, "'" + url + "' has no port from 1 to 65535");
        }
        rest = rest.substr(0, colon);
    }
    if (bracket != std::string_view::npos) {
        rest = rest.substr(1, bracket - 1);
    }
    if (rest.empty() || rest.find('/') != std::string_view::npos) {
        wrong(option, "'" + url + "' is no host, or host and port");
    }
    address.host = rest;
    return address;
}

std::unique_ptr<CLI::App> command_line(SaidOptions& said, std::string& engine, std::string& file) {
    auto app = std::make_unique<CLI::App>(
        "Decides who rings whom, as a client of somebody else's MQTT 5 broker.", "beckond");
    for (const auto& row : service_rows()) {
        add_row(*app, said, row, "Broker");
    }
    for (const auto& row : host_rows()) {
        add_row(*app, said, row, "Switchboard (as plugin_opt_... of the plugin)");
    }
    add_row(*app, said,
            {"config", "FILE",
             "a file with these options, such as user = \"beckond\" (" + std::string(default_file) +
                 ")"},
            "Options");
    app->set_version_flag("--version", std::string("beckond ") + BECKON_VERSION,
                          "tells the version and ends");
    app->get_help_ptr()->description("tells this and ends");
    app->fallthrough();  // which subcommands have from it when they are made
    auto* const acl = app->add_subcommand("acl", "prints the access rules for a kind of broker");
    acl->add_option("engine", engine, "which: " + names_of_engines())->required();
    auto* const checks = app->add_subcommand(
        "check-acl", "tries as --user what the broker has to keep users from; beckond has to run");
    add_row(*checks, said, {"other-user", "USER", "whose session is to be taken over, for a try"},
            "Options");
    add_row(*checks, said,
            {"other-password-file", "FILE", "its first line is that user's password"}, "Options");
    auto* const store = app->add_subcommand("store", "of a database: --store postgresql://...");
    store->add_subcommand("init", "makes the tables of --site");
    store->add_subcommand("upgrade", "brings them to the present version");
    store->add_subcommand("check", "tells whether they can be used, and who serves");
    auto* const import = store->add_subcommand(
        "import", "makes them of a plugin's or a service's file, which nobody uses meanwhile");
    import->add_option("file", file, "such as beckon.db")->required();
    store->require_subcommand(1);
    app->add_subcommand("drain", "has the instance that serves --site let another do it");
    app->require_subcommand(0, 1);
    return app;
}

std::optional<BrokerLogin> read_other(const SaidOptions& said, const BrokerLogin& login) {
    const Reader reader(said);
    BrokerLogin other = login;
    other.user = reader.value("other-user");
    if (other.user.empty()) {
        return std::nullopt;
    }
    const auto file = reader.value("other-password-file");
    other.password = file.empty() ? "" : secret_in("other-password-file", file);
    return other;
}

void add_file(const CLI::App& app, SaidOptions& said) {
    const bool is_named = said.contains("config");
    const std::string file = is_named ? said["config"].back() : default_file;
    if (access(file.c_str(), R_OK) != 0) {
        if (is_named || errno != ENOENT) {
            wrong("config", "cannot read " + file + ": " + std::strerror(errno));
        }
        return;
    }
    SaidOptions in_file;
    try {
        for (const CLI::ConfigItem& item : CLI::ConfigTOML().from_file(file)) {
            if (!item.parents.empty() || app.get_option_no_throw("--" + item.name) == nullptr ||
                item.name == "config") {
                throw CLI::ConfigError(item.fullname() + " is no option of beckond");
            }
            if (!in_file.emplace(underscored(item.name), item.inputs).second) {
                throw CLI::ConfigError(item.name + " is there twice");
            }
        }
    } catch (const CLI::Error& error) {
        throw CLI::ConfigError(file + ": " + error.what());
    }
    said.merge(in_file);
}

ServiceOptions read_options(const SaidOptions& said) {
    ServiceOptions options;
    options.store = default_store;
    for (const auto& row : host_rows()) {
        const auto key = underscored(row.name);
        const auto found = said.find(key);
        if (found == said.end()) {
            continue;
        }
        const auto& value = found->second.back();
        if (key == "store" && is_database(value)) {
            options.database = value;
            options.store = without_password(value);
            continue;
        }
        if (const auto complaint = read_host_option(key, value, options); complaint && *complaint) {
            wrong(row.name, "'" + value + "' " + **complaint);
        }
    }
    if (const auto together = check_together(options, "--")) {
        throw CLI::ValidationError(*together);
    }
    const Reader reader(said);
    options.login = read_login(reader);
    if (const auto site = reader.value("site"); !site.empty()) {
        if (!is_id(site) || site.size() > most_site_bytes) {
            wrong("site", "'" + site + "' is not 1 to " + std::to_string(most_site_bytes) +
                              " characters A-Z a-z 0-9 . _ @ : -");
        }
        options.site = site;
    }
    options.instance = reader.value("instance");
    if (!options.instance.empty() && !is_id(options.instance)) {
        wrong("instance",
              "'" + options.instance + "' is not 1 to 64 characters A-Z a-z 0-9 . _ @ : -");
    }
    if (options.instance.empty()) {
        options.instance = name_of_process();
    }
    if (const auto lease = reader.value("lease-ms"); !lease.empty()) {
        if (const auto complaint =
                read_number(lease, least_lease_ms, most_lease_ms, options.lease_ms)) {
            wrong("lease-ms", "'" + lease + "' " + *complaint);
        }
    }
    options.sender_is_proven = reader.one_of("sender", "topic", "claimed", true);
    options.folds_case = reader.yes("fold-case");
    options.acl_is_checked = reader.yes("acl-checked");
    return options;
}

}  // namespace beckon
