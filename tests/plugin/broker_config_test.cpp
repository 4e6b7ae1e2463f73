// SPDX-License-Identifier: Apache-2.0
#include "broker_config.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "catch.hpp"
#include "config_doubts.hpp"

using namespace beckon;
using namespace std::string_literals;

namespace {

namespace fs = std::filesystem;

/// A folder of its own with configuration files.
class ConfigFolder {
  public:
    ConfigFolder() {
        std::string path = (fs::temp_directory_path() / "beckon-XXXXXX").string();
        REQUIRE(mkdtemp(path.data()) != nullptr);
        path_ = path;
    }
    ~ConfigFolder() { fs::remove_all(path_); }
    ConfigFolder(const ConfigFolder&) = delete;
    ConfigFolder& operator=(const ConfigFolder&) = delete;

    std::string file(const std::string& name) const { return (path_ / name).string(); }
    void write(const std::string& name, const std::string& text) const {
        fs::create_directories((path_ / name).parent_path());
        std::ofstream(path_ / name) << text;
    }
    ConfigCheck check(const std::string& text) const {
        write("main.conf", text);
        return check_config({file("main.conf")}, "/usr/lib/mosquitto_beckon.so");
    }

  private:
    fs::path path_;
};

Options saying(Policy other_topics) {
    Options options;
    options.other_topics = other_topics;
    return options;
}

const Options open = saying(Policy::allow);

/// The one sentence that there is.
std::string only_doubt(const Options& options, const ConfigCheck& config) {
    const auto doubts = doubts_about(options, config);
    REQUIRE(doubts.size() == 1);
    return doubts.front();
}

bool says(const std::string& sentence, std::string_view fragment) {
    return sentence.find(fragment) != std::string::npos;
}

const std::string ours = "plugin /usr/lib/mosquitto_beckon.so\n";

}  // namespace

TEST_CASE("the_files_are_those_of_the_command_line") {
    CHECK(config_files("mosquitto\0-c\0a.conf\0-v\0--config-file\0b.conf\0"s) ==
          std::vector<std::string>{"a.conf", "b.conf"});
    CHECK(config_files("mosquitto\0-d\0"s).empty());
    CHECK(config_files("mosquitto\0-c"s).empty());
}

TEST_CASE("an_ordinary_configuration_is_fine") {
    const ConfigFolder folder;
    CHECK(folder.check("listener 1883\nper_listener_settings false\n\n" + ours +
                       "plugin_opt_other_topics allow\n") == ConfigCheck{});
}

TEST_CASE("an_other_topics_that_does_not_fit_the_rest_is_doubted") {
    const ConfigFolder folder;
    const Options allow = saying(Policy::allow);
    const Options defer = saying(Policy::defer);
    const auto alone = folder.check(ours);
    CHECK(doubts_about(allow, alone).empty());
    CHECK(says(only_doubt(defer, alone), "all topics but Beckon's are denied"));
    const auto with_acl = folder.check(ours + "acl_file /etc/acl\n");
    CHECK(doubts_about(defer, with_acl).empty());
    CHECK(says(only_doubt(allow, with_acl), "acl_file is never asked"));
    const auto with_plugin = folder.check(ours + "plugin /usr/lib/other.so\n");
    CHECK(with_plugin ==
          ConfigCheck{.other_plugin = folder.file("main.conf") + " names /usr/lib/other.so"});
    CHECK(doubts_about(defer, with_plugin).empty());
}

TEST_CASE("a_bridge_that_carries_inboxes_out_is_doubted") {
    const ConfigFolder folder;
    for (const auto* const topic :
         {"#", "# out", "# both 0 \"\" mydevice/", "beckon/# out 1", "+/v1/inbox/# out",
          "beckon/v1/+/+/json out", "v1/# out 0 beckon/ far/", "\"\" out 0 beckon/v1/# far",
          "beckon/v1/inbox/door/reply/1 out", "beckon/v1/operator/+ out", "+/+/+/+ out",
          "$beckon out"}) {
        INFO(topic);
        const auto check = folder.check(ours + "connection cloud\ntopic " + topic + "\n");
        REQUIRE(check.bridged_out.size() == 1);
        CHECK(only_doubt(open, check) ==
              "the bridge cloud carries everybody's inbox, or what is for operators alone, to "
              "another broker (" +
                  folder.file("main.conf") + ": topic " + topic +
                  "): name what it is to carry, without beckon/v1 and $beckon, for Mosquitto asks "
                  "no plugin about it");
    }
    for (const auto* const topic :
         {"# in", "sensors/# both", "+ out", "+/+/+ out", "beckon/v1/status out", "beckon/v2/# out",
          "# out 0 home/", "$SYS/# out", "beckon/v1/user/# out"}) {
        INFO(topic);
        CHECK(doubts_about(open, folder.check(ours + "connection cloud\ntopic " + topic + "\n"))
                  .empty());
    }
    Options bell = open;
    bell.word = "bell";
    CHECK(
        doubts_about(bell, folder.check(ours + "connection cloud\ntopic beckon/# out\n")).empty());
}

TEST_CASE("a_size_at_which_the_broker_drops_what_beckon_takes_is_doubted") {
    const ConfigFolder folder;
    CHECK(only_doubt(open, folder.check(ours + "message_size_limit 8000\n")) ==
          "message_size_limit 8000 is below plugin_opt_max_payload_bytes, 32768: Mosquitto drops "
          "what is between, and who sent it waits for a reply in vain: give both the same value");
    CHECK(doubts_about(open, folder.check(ours + "message_size_limit 0\n")).empty());
    CHECK(doubts_about(open, folder.check(ours + "message_size_limit 32768\n")).empty());
    Options less = open;
    less.limits.max_payload_bytes = 8000;
    CHECK(doubts_about(less, folder.check(ours + "message_size_limit 8000\n")).empty());
}

TEST_CASE("client_ids_in_a_topic_are_doubted") {
    const ConfigFolder folder;
    folder.write("conf.d/log.conf", "log_dest stderr\nlog_dest topic\n");
    CHECK(says(only_doubt(open, folder.check(ours + "include_dir " + folder.file("conf.d") + "\n")),
               "log_dest topic"));
    CHECK(doubts_about(open, folder.check(ours + "log_dest file /topic\n")).empty());
    CHECK(doubts_about(open, folder.check(ours + "log_dest topic\nlog_dest none\n")).empty());
}

TEST_CASE("a_mount_point_is_doubted_with_its_listener") {
    const ConfigFolder folder;
    const auto check =
        folder.check("listener 1883\nlistener 1884 127.0.0.1\nmount_point home1/\n" + ours);
    CHECK(check.mount_points ==
          std::vector<MountPoint>{{.listener = "listener 1884 127.0.0.1", .prefix = "home1/"}});
    CHECK(says(only_doubt(open, check), "mount_point home1/ (listener 1884 127.0.0.1)"));
}

TEST_CASE("client_ids_that_are_user_names_are_doubted_where_anybody_may_connect") {
    const ConfigFolder folder;
    const std::string named = "listener 1884\nuse_username_as_clientid true\n" + ours;
    CHECK(doubts_about(open, folder.check(named)).empty());
    CHECK(doubts_about(open, folder.check(named + "allow_anonymous false\n")).empty());
    CHECK(doubts_about(open, folder.check(ours + "allow_anonymous true\n"
                                                 "use_username_as_clientid false\n"))
              .empty());
    for (const auto* const word : {"allow_anonymous", "listener_allow_anonymous"}) {
        CHECK(says(only_doubt(open, folder.check(named + word + " true\n")),
                   "use_username_as_clientid (listener 1884)"));
    }
    CHECK(says(only_doubt(open, folder.check(ours + "use_username_as_clientid 1\n"
                                                    "allow_anonymous 1\n")),
               "(the default listener)"));
}

TEST_CASE("beckon_must_be_the_first_plugin") {
    const ConfigFolder folder;
    for (const auto* const word : {"plugin", "auth_plugin", "global_plugin"}) {
        const auto check = folder.check(std::string(word) + "   /usr/lib/other.so  \r\n" + ours);
        REQUIRE(check.objection);
        CHECK(*check.objection ==
              folder.file("main.conf") +
                  " names /usr/lib/other.so before mosquitto_beckon.so: name Beckon's plugin "
                  "first, for the first plugin's answer about a topic is final");
    }
}

TEST_CASE("beckon_guards_all_listeners_or_none") {
    const ConfigFolder folder;
    CHECK(*folder.check("plugin_load calls /usr/lib/mosquitto_beckon.so\n").objection ==
          folder.file("main.conf") +
              " names mosquitto_beckon.so in plugin_load: say plugin instead, for with plugin_use "
              "the inboxes stand open on every other listener");
    // Another that some listeners use is asked after it, wherever it stands.
    CHECK(folder.check("plugin_load other /usr/lib/other.so\n" + ours + "plugin_use other\n") ==
          ConfigCheck{.other_plugin = folder.file("main.conf") + " names /usr/lib/other.so"});
}

TEST_CASE("per_listener_settings_must_be_off") {
    const ConfigFolder folder;
    for (const auto* const value : {"true", " 1", "true  "}) {
        const auto check = folder.check(ours + "per_listener_settings " + value + "\n");
        REQUIRE(check.objection);
        CHECK(check.objection->find("per_listener_settings true") != std::string::npos);
    }
    CHECK_FALSE(folder.check("#per_listener_settings true\n" + ours).objection);
}

TEST_CASE("included_files_are_read_in_the_order_of_their_names_where_they_are_included") {
    const ConfigFolder folder;
    folder.write("conf.d/b.conf", ours);
    folder.write("conf.d/c.conf", "plugin /usr/lib/other.so\n");
    folder.write("conf.d/a.conf.disabled", "plugin /usr/lib/other.so\n");
    const auto include = "include_dir " + folder.file("conf.d") + "\n";
    CHECK(folder.check(include) ==
          ConfigCheck{.other_plugin = folder.file("conf.d/c.conf") + " names /usr/lib/other.so"});
    CHECK(folder.check("plugin /usr/lib/other.so\n" + include).objection);
    folder.write("conf.d/a.conf", "plugin /usr/lib/other.so\n");
    CHECK(folder.check(include).objection);
    CHECK_FALSE(folder.check(ours + include).objection);
}

TEST_CASE("what_cannot_be_read_is_told") {
    const ConfigFolder folder;
    CHECK(check_config({folder.file("none.conf")}, "ours.so") ==
          ConfigCheck{.unread = folder.file("none.conf"), .lacks_own_plugin = true});
    CHECK(folder.check(ours + "include_dir " + folder.file("none") + "\n") ==
          ConfigCheck{.unread = folder.file("none")});
}

TEST_CASE("auto_defers_to_what_decides_allows_where_nothing_does_and_else_refuses") {
    const ConfigFolder folder;
    const auto decided = [&folder](const std::string& text) {
        const auto found = decide_other_topics(folder.check(text));
        REQUIRE(std::holds_alternative<DecidedPolicy>(found));
        return std::get<DecidedPolicy>(found);
    };
    CHECK(decided(ours).policy == Policy::allow);
    CHECK(decided(ours + "allow_anonymous true\npassword_file /etc/passwd\n#acl_file /etc/acl\n")
              .policy == Policy::allow);
    for (const auto* const line :
         {"acl_file /etc/acl", " acl_file  /etc/acl", "plugin /usr/lib/other.so",
          "auth_plugin /usr/lib/other.so", "global_plugin /usr/lib/other.so",
          "plugin_load other /usr/lib/other.so"}) {
        INFO(line);
        CHECK(decided(ours + line + "\n").policy == Policy::defer);
        folder.write("conf.d/more.conf", line + "\n"s);
        const auto included = decided(ours + "include_dir " + folder.file("conf.d") + "\n");
        CHECK(included.policy == Policy::defer);
        CHECK(says(included.why, folder.file("conf.d/more.conf") + " names "));
    }
    const auto unread = folder.file("none");
    const auto include_none = "include_dir " + unread + "\n";
    const auto refused = decide_other_topics(folder.check(ours + include_none));
    REQUIRE(std::holds_alternative<std::string>(refused));
    CHECK(says(std::get<std::string>(refused), unread + " cannot be read"));
    CHECK(decided(ours + "acl_file /etc/acl\n" + include_none).policy == Policy::defer);
}
