// SPDX-License-Identifier: Apache-2.0
#include "words.hpp"

#include <algorithm>
#include <numeric>

namespace beckon::cli {

namespace {

/// How many letters are to be changed, left out, added, or swapped with the next.
std::size_t distance(const std::string& one, const std::string& other) {
    std::vector<std::size_t> before(other.size() + 1);
    std::vector<std::size_t> row(other.size() + 1);
    std::vector<std::size_t> two_before;
    std::iota(row.begin(), row.end(), 0U);
    for (std::size_t i = 1; i <= one.size(); ++i) {
        two_before = before;
        before = row;
        row[0] = i;
        for (std::size_t k = 1; k <= other.size(); ++k) {
            const bool same = one[i - 1] == other[k - 1];
            row[k] = std::min({before[k] + 1, row[k - 1] + 1, before[k - 1] + (same ? 0U : 1U)});
            if (i > 1 && k > 1 && one[i - 1] == other[k - 2] && one[i - 2] == other[k - 1]) {
                row[k] = std::min(row[k], two_before[k - 2] + 1);
            }
        }
    }
    return row.back();
}

std::vector<std::string> names_of_subcommands(const CLI::App& app) {
    std::vector<std::string> names;
    for (const CLI::App* const command :
         app.get_subcommands([](const CLI::App*) { return true; })) {
        names.push_back(command->get_name());
    }
    return names;
}

/// The option that a word names, of this command or of all.
const CLI::Option* option_of(const CLI::App& app, const CLI::App& command,
                             const std::string& word) {
    const std::string name = word.substr(0, word.find('='));
    const CLI::Option* const own = command.get_option_no_throw(name);
    return own != nullptr ? own : app.get_option_no_throw(name);
}

}  // namespace

std::optional<std::string> near(const std::string& word, const std::vector<std::string>& known) {
    std::optional<std::string> nearest;
    std::size_t least = 3;
    for (const std::string& one : known) {
        const bool begins = word.size() > 1 && one.starts_with(word);
        const std::size_t far = begins ? 1 : distance(word, one);
        if (far < least && far < word.size()) {
            least = far;
            nearest = one;
        }
    }
    return nearest;
}

std::optional<std::string> no_subcommand(const CLI::App& app,
                                         const std::vector<std::string>& words) {
    const CLI::App* at = &app;
    std::string path = app.get_name();
    for (std::size_t i = 0; i < words.size(); ++i) {
        const std::string& word = words[i];
        if (word.starts_with('-')) {
            const CLI::Option* const option = option_of(app, *at, word);
            if (option == nullptr) {
                return std::nullopt;
            }
            const bool has_value = word.find('=') != std::string::npos;
            i += option->get_expected_max() > 0 && !has_value ? 1U : 0U;
            continue;
        }
        const auto known = names_of_subcommands(*at);
        if (known.empty()) {
            return std::nullopt;
        }
        if (std::find(known.begin(), known.end(), word) == known.end()) {
            const auto meant = near(word, known);
            return path + " " + word + ": " +
                   (meant ? "do you mean " + *meant + "?"
                          : "there is no such command, see " + path + " --help");
        }
        at = at->get_subcommand(word);
        path += " " + word;
    }
    if (names_of_subcommands(*at).empty()) {
        return std::nullopt;
    }
    return at->help(at == &app ? "" : app.get_name());
}

}  // namespace beckon::cli
