// SPDX-License-Identifier: Apache-2.0
#include "cannot_signal.hpp"

#include <array>
#include <cstddef>

#include "host/host_log.hpp"
#include "protocol/ids.hpp"
#include "protocol/text.hpp"

namespace beckon {

namespace {

constexpr std::size_t most_shown = 96;
constexpr std::string_view rule = "[A-Za-z0-9._@:-]{1,64}";

/// How many bytes a letter has that begins with this one, in UTF-8.
std::size_t length_of_letter(char first) {
    const auto byte = static_cast<unsigned char>(first);
    return byte < 0xC0 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

/// Controls, in one byte or two, and what turns a line around or breaks it (U+061C, U+200E, U+200F,
/// U+2028 to 202E, U+2066 to 2069).
bool steers(std::string_view letter) {
    const auto first = static_cast<unsigned char>(letter.front());
    if (letter.size() == 1) {
        return first < 0x20 || first >= 0x7F;
    }
    const auto second = static_cast<unsigned char>(letter[1]);
    if (letter.size() == 2) {
        return (first == 0xC2 && second < 0xA0) || letter == "\xD8\x9C";
    }
    const auto third = static_cast<unsigned char>(letter[2]);
    return first == 0xE2 && ((second == 0x80 && (third == 0x8E || third == 0x8F ||
                                                 (third >= 0xA8 && third <= 0xAE))) ||
                             (second == 0x81 && third >= 0xA6 && third <= 0xA9));
}

std::string_view what(Tried tried) {
    switch (tried) {
        case Tried::request:
            return "sent a request, which went nowhere: ";
        case Tried::inbox:
            break;
    }
    return "subscribed to an inbox, which was refused: ";
}

}  // namespace

std::string shown_name(std::string_view name) {
    if (is_id(name)) {
        return std::string(name);
    }
    std::string shown;
    while (!name.empty() && shown.size() < most_shown) {
        auto letter = name.substr(0, length_of_letter(name.front()));
        if (!is_utf8(letter)) {
            letter = name.substr(0, 1);
        }
        shown += steers(letter) ? "?" : letter;
        name.remove_prefix(letter.size());
    }
    return "'" + shown + (name.empty() ? "'" : "...'");
}

std::string cannot_signal(Tried tried, std::string_view name, const char* address) {
    const std::string who =
        somebody_at(name.empty() ? "" : shown_name(name), address) + " " + std::string(what(tried));
    if (name.empty()) {
        return who +
               "who has no user name can neither ring nor be rung; give the client one that "
               "matches " +
               std::string(rule);
    }
    const bool is_subject = name.find("CN=") != std::string_view::npos;
    return who + "with that name one can neither ring nor be rung; " +
           (is_subject ? "say use_identity_as_username instead of use_subject_as_username, or give "
                         "the client a name that matches "
                       : "give the client one that matches ") +
           std::string(rule);
}

}  // namespace beckon
