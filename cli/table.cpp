// SPDX-License-Identifier: Apache-2.0
#include "table.hpp"

#include <algorithm>
#include <array>
#include <cwchar>

#include "facts.hpp"
#include "terminal.hpp"

namespace beckon::cli {

namespace {

/// Calls `letter(bytes, columns)` for each letter; bytes that are none count as one each.
template <class Letter>
void each_letter(const std::string& text, Letter letter) {
    for (std::size_t at = 0; at < text.size();) {
        wchar_t wide = 0;
        std::mbstate_t state{};
        const std::size_t length = std::mbrtowc(&wide, &text[at], text.size() - at, &state);
        const bool known = length > 0 && length <= text.size() - at;
        const int columns = known ? wcwidth(wide) : -1;  // that is of no letter that is known
        const std::size_t bytes = known ? length : 1;
        letter(text.substr(at, bytes), static_cast<std::size_t>(columns < 0 ? 1 : columns));
        at += bytes;
    }
}

std::string padded(const std::string& text, std::size_t columns) {
    const std::size_t has = columns_of(text);
    return has < columns ? text + std::string(columns - has, ' ') : text;
}

}  // namespace

std::vector<Row> rows_of(const std::vector<SignalingInfo>& open) {
    std::vector<Row> rows;
    for (const SignalingInfo& info : open) {
        bool first = true;
        for (const SignalingInvitee& invitee : info.invitees) {
            const bool pending = invitee.state == State::pending;
            const bool talks = std::find(info.participants.begin(), info.participants.end(),
                                         invitee.user) != info.participants.end();
            Row row{.to = invitee.user,
                    .state = talks                        ? "talks"
                             : pending && invitee.ringing ? "rings"
                                                          : std::string(name_of(invitee.state)),
                    .time = talks                       ? spoken(info.callDuration)
                            : pending && info.remaining ? spoken(*info.remaining)
                                                        : "",
                    .about = pending ? "" : invitee.data};
            if (first) {
                row.from = info.inviter + (info.groupID.empty() ? "" : " (" + info.groupID + ")");
                row.about = row.about.empty() ? info.data : row.about;
            }
            first = false;
            rows.push_back(std::move(row));
        }
    }
    return rows;
}

std::size_t columns_of(const std::string& text) {
    std::size_t columns = 0;
    each_letter(text, [&](const std::string&, std::size_t more) { columns += more; });
    return columns;
}

std::string cut(const std::string& text, std::size_t columns) {
    std::string kept;
    std::size_t taken = 0;
    each_letter(text, [&](const std::string& letter, std::size_t more) {
        taken += more;
        if (taken <= columns) {
            kept += letter;
        }
    });
    return kept;
}

std::vector<std::string> table(const std::vector<Row>& rows, std::size_t columns) {
    std::vector<std::array<std::string, 5>> cells{{"FROM", "TO", "STATE", "TIME", "ABOUT"}};
    for (const Row& row : rows) {
        cells.push_back({printable(row.from), printable(row.to), printable(row.state),
                         printable(row.time), printable(row.about)});
    }
    std::array<std::size_t, 5> widths{};
    for (const auto& line : cells) {
        for (std::size_t i = 0; i < line.size(); ++i) {
            widths.at(i) = std::max(widths.at(i), columns_of(line.at(i)));
        }
    }
    std::vector<std::string> lines;
    for (const auto& line : cells) {
        std::string all;
        for (std::size_t i = 0; i + 1 < line.size(); ++i) {
            all += padded(line.at(i), widths.at(i)) + "  ";
        }
        all = cut(all + line.back(), columns);
        all.erase(all.find_last_not_of(' ') + 1);
        lines.push_back(std::move(all));
    }
    return lines;
}

}  // namespace beckon::cli
