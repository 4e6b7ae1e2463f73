// SPDX-License-Identifier: Apache-2.0
#include "broker_config.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

namespace beckon {

namespace {

namespace fs = std::filesystem;

/// Takes the first word off `line`, as Mosquitto separates them.
std::string_view take_word(std::string_view& line) {
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    const auto word = line.substr(0, line.find(' '));
    line.remove_prefix(std::min(word.size() + 1, line.size()));
    return word;
}

std::string_view trimmed(std::string_view text) {
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    return text.substr(0, text.find_last_not_of(' ') + 1);
}

/// 0: it is none.
std::int64_t number_in(std::string_view text) {
    std::int64_t number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
}

bool is_true(std::string_view value) { return value == "true" || value == "1"; }

std::string file_name(std::string_view path) { return fs::path(path).filename().string(); }

class ConfigReader {
  public:
    explicit ConfigReader(std::string_view own_file) : own_name_(file_name(own_file)) {}

    void read(const std::string& path, bool may_include) {
        std::ifstream file(path);
        std::string line;
        while (std::getline(file, line)) {
            if (line.starts_with('#')) {
                continue;
            }
            line.erase(std::min(line.find_last_not_of("\r\n") + 1, line.size()));
            std::string_view rest = line;
            const auto word = take_word(rest);
            if (word == "include_dir") {
                if (may_include) {
                    read_folder(std::string(rest));
                }
            } else if (!see_plugins(word, rest, path) && !see_listener(word, rest)) {
                see_others(word, rest, path);
            }
        }
        if (!file.eof()) {
            unread(path);
        }
    }

    ConfigCheck take() {
        check_.lacks_own_plugin = !seen_own_;
        return std::move(check_);
    }

  private:
    void read_folder(const std::string& folder) {
        std::error_code error;
        std::vector<std::string> files;
        for (const auto& entry : fs::directory_iterator(folder, error)) {
            if (entry.path().extension() == ".conf") {
                files.push_back(entry.path().string());
            }
        }
        if (error) {
            unread(folder);
        }
        std::ranges::sort(files);
        for (const auto& file : files) {
            read(file, false);
        }
    }

    /// What decides about topics, and about what. False: this line is of something else.
    bool see_plugins(std::string_view word, std::string_view rest, const std::string& path) {
        if (word == "plugin" || word == "auth_plugin" || word == "global_plugin") {
            see_plugin(std::string(trimmed(rest)), path);
        } else if (word == "plugin_load") {
            take_word(rest);  // what plugin_use calls it
            see_plugin_of_some_listeners(std::string(trimmed(rest)), path);
        } else if (word == "acl_file") {
            check_.acl_file = path + " names an acl_file";
        } else if (word == "per_listener_settings") {
            see_per_listener_settings(take_word(rest), path);
        } else {
            return false;
        }
        return true;
    }

    /// A listener begins, or has a setting of its own. False: likewise.
    bool see_listener(std::string_view word, std::string_view rest) {
        if (word == "listener") {
            listener_ = "listener " + std::string(trimmed(rest));
        } else if (word == "mount_point") {
            check_.mount_points.push_back(
                {.listener = listener_, .prefix = std::string(trimmed(rest))});
        } else if (word == "use_username_as_clientid") {
            if (is_true(take_word(rest))) {
                check_.clients_named_by_user.push_back(listener_);
            }
        } else if (word == "allow_anonymous") {
            check_.allows_anonymous = is_true(take_word(rest));
        } else if (word == "listener_allow_anonymous") {
            check_.listener_allows_anonymous =
                is_true(take_word(rest)) || check_.listener_allows_anonymous;
        } else {
            return false;
        }
        return true;
    }

    void see_others(std::string_view word, std::string_view rest, const std::string& path) {
        if (word == "persistence") {
            check_.has_persistence = is_true(take_word(rest));
        } else if (word == "persistence_location") {
            check_.persistence_folder = trimmed(rest);
        } else if (word == "log_dest") {
            const auto where = take_word(rest);
            check_.logs_to_topic = where == "topic" || (check_.logs_to_topic && where != "none");
        } else if (word == "message_size_limit") {
            check_.message_size_limit = number_in(trimmed(rest));
        } else if (word == "connection") {
            bridge_ = trimmed(rest);
        } else if (word == "topic") {
            see_bridged_topic(rest, path);
        }
    }

    /// `pattern [out|in|both [qos [local prefix [remote prefix]]]]`, where "" is nothing.
    void see_bridged_topic(std::string_view rest, const std::string& path) {
        const std::string line(trimmed(rest));
        const auto spelled = [&rest] {
            const auto word = take_word(rest);
            return word == "\"\"" ? std::string_view{} : word;
        };
        const auto pattern = spelled();
        const auto direction = take_word(rest);
        take_word(rest);  // the qos
        const auto prefix = spelled();
        if (direction != "in") {
            check_.bridged_out.push_back({.bridge = bridge_,
                                          .line = path + ": topic " + line,
                                          .filter = std::string(prefix) + std::string(pattern)});
        }
    }

    void see_plugin(const std::string& plugin, const std::string& path) {
        if (file_name(plugin) == own_name_) {
            seen_own_ = true;
            return;
        }
        see_other_plugin(plugin, path);
        if (!seen_own_) {
            object(path + " names " + plugin + " before " + own_name_ +
                   ": name Beckon's plugin first, for the first plugin's answer about a topic is "
                   "final");
        }
    }

    /// Mosquitto 2.1 loads it for those listeners that say plugin_use, and asks it after all that
    /// `plugin` names.
    void see_plugin_of_some_listeners(const std::string& plugin, const std::string& path) {
        if (file_name(plugin) == own_name_) {
            object(
                path + " names " + own_name_ +
                " in plugin_load: say plugin instead, for with plugin_use the inboxes stand open "
                "on every other listener");
            return;
        }
        see_other_plugin(plugin, path);
    }

    void see_other_plugin(const std::string& plugin, const std::string& path) {
        if (!check_.other_plugin) {
            check_.other_plugin = path + " names " + plugin;
        }
    }

    void see_per_listener_settings(std::string_view value, const std::string& path) {
        if (is_true(value)) {
            object(path +
                   " says per_listener_settings true: remove it, for then Mosquitto asks no plugin "
                   "about some listeners and bridges, and wakes none for what is due");
        }
    }

    void object(std::string sentence) {
        if (!check_.objection) {
            check_.objection = std::move(sentence);
        }
    }
    void unread(const std::string& path) {
        if (!check_.unread) {
            check_.unread = path;
        }
    }

    std::string own_name_;
    bool seen_own_ = false;
    /// That, and the bridge, which the lines read now are of.
    std::string listener_ = "the default listener";
    std::string bridge_;
    ConfigCheck check_;
};

}  // namespace

std::vector<std::string> config_files(std::string_view command_line) {
    std::vector<std::string> files;
    bool is_file = false;
    while (!command_line.empty()) {
        const auto word = command_line.substr(0, command_line.find('\0'));
        command_line.remove_prefix(std::min(word.size() + 1, command_line.size()));
        if (is_file) {
            files.emplace_back(word);
        }
        is_file = !is_file && (word == "-c" || word == "--config-file");
    }
    return files;
}

ConfigCheck check_config(const std::vector<std::string>& files, std::string_view own_file) {
    ConfigReader reader(own_file);
    for (const auto& file : files) {
        reader.read(file, true);
    }
    return reader.take();
}

std::string default_store(const ConfigCheck& config) {
    if (!config.has_persistence) {
        return {};
    }
    return fs::absolute(fs::path(config.persistence_folder) / "beckon.db").string();
}

ConfigCheck check_own_config() {
    Dl_info own{};
    const char* const command_line = "/proc/self/cmdline";
    std::ifstream file(command_line, std::ios::binary);
    const std::string words{std::istreambuf_iterator<char>(file), {}};
    const auto files = config_files(words);
    if (files.empty() || dladdr(reinterpret_cast<void*>(&check_own_config), &own) == 0) {
        return {.unread = command_line};
    }
    return check_config(files, own.dli_fname);
}

}  // namespace beckon
