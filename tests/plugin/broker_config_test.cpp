// SPDX-License-Identifier: Apache-2.0
#include "broker_config.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "catch.hpp"

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
    const auto alone = folder.check(ours);
    CHECK_FALSE(doubt_about(Policy::allow, alone));
    CHECK(doubt_about(Policy::defer, alone)->find("all topics but Beckon's are denied") !=
          std::string::npos);
    const auto with_acl = folder.check(ours + "acl_file /etc/acl\n");
    CHECK_FALSE(doubt_about(Policy::defer, with_acl));
    CHECK(doubt_about(Policy::allow, with_acl)->find("acl_file is never asked") !=
          std::string::npos);
    const auto with_plugin = folder.check(ours + "plugin /usr/lib/other.so\n");
    CHECK(with_plugin == ConfigCheck{.has_other_plugin = true});
    CHECK_FALSE(doubt_about(Policy::defer, with_plugin));
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
          ConfigCheck{.has_other_plugin = true});
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
    CHECK(folder.check(include) == ConfigCheck{.has_other_plugin = true});
    CHECK(folder.check("plugin /usr/lib/other.so\n" + include).objection);
    folder.write("conf.d/a.conf", "plugin /usr/lib/other.so\n");
    CHECK(folder.check(include).objection);
    CHECK_FALSE(folder.check(ours + include).objection);
}

TEST_CASE("what_cannot_be_read_is_told") {
    const ConfigFolder folder;
    CHECK(check_config({folder.file("none.conf")}, "ours.so") ==
          ConfigCheck{.unread = folder.file("none.conf")});
    CHECK(folder.check(ours + "include_dir " + folder.file("none") + "\n") ==
          ConfigCheck{.unread = folder.file("none")});
}
