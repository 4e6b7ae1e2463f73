// SPDX-License-Identifier: Apache-2.0
#include "host/store_reading.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "protocol/requests.hpp"
#include "protocol/text.hpp"

namespace beckon {

namespace {

/// The columns of invitations, in the order of their table.
enum InvitationColumn : std::uint8_t {
    number_column,
    id_column,
    inviter_column,
    invitee_column,
    group_column,
    answer_column,
    visibility_column,
    call_column,
    online_only_column,
    keep_when_lost_column,
    inviter_was_online_column,
    rev_column,
    made_column,
    lifetime_column,
    ended_column,
    remembered_column,
    data_column,
    replaced_by_column,
};

constexpr std::uint64_t highest_number = std::numeric_limits<std::int64_t>::max() / 2;
/// A page of history ends after so much, however few invitations that are.
constexpr std::size_t page_bytes = 32'768;

[[noreturn]] void cannot_be(std::string_view what, std::string_view text) {
    throw Store::Damaged("'" + std::string(text) + "' is no " + std::string(what));
}

template <class SomeId>
SomeId read_id(const Statement& row, int column) {
    const auto id = SomeId::parse(row.bytes(column));
    if (!id) {
        cannot_be("id", row.bytes(column));
    }
    return *id;
}

template <class Enum>
Enum read_word(const Statement& row, int column) {
    const auto& words = Names<Enum>::list;
    const auto at = std::find(words.begin(), words.end(), row.bytes(column));
    if (at == words.end()) {
        cannot_be("word of the contract", row.bytes(column));
    }
    return static_cast<Enum>(at - words.begin());
}

DeviceTag read_device(const Statement& row, int column) {
    const auto device = DeviceTag::parse(row.bytes(column));
    if (!device) {
        cannot_be("device", row.bytes(column));
    }
    return *device;
}

std::string read_text(const Statement& row, int column) {
    const auto text = row.bytes(column);
    if (!is_utf8(text)) {
        throw Store::Damaged("a text is no UTF-8");
    }
    return std::string(text);
}

std::optional<Data> read_data(const Statement& row, int column) {
    if (row.is_null(column)) {
        return std::nullopt;
    }
    // First: reading the bytes may change it.
    const bool is_text = row.is_text(column);
    return Data{.bytes = is_text ? read_text(row, column) : std::string(row.bytes(column)),
                .is_text = is_text};
}

std::int64_t read_between(std::int64_t least, std::int64_t most, std::string_view what,
                          const Statement& row, int column) {
    const auto number = row.integer(column);
    if (number < least || number > most) {
        cannot_be(what, std::to_string(number));
    }
    return number;
}

// Each so that counting on from there goes well.

Rev read_rev(const Statement& row, int column) {
    constexpr auto most = std::numeric_limits<Rev>::max() / 2;
    return static_cast<Rev>(read_between(1, most, "rev", row, column));
}

std::uint32_t read_position(const Statement& row, int column) {
    constexpr auto most = std::numeric_limits<std::uint32_t>::max();
    return static_cast<std::uint32_t>(read_between(0, most, "position", row, column));
}

std::optional<Profile> read_profile(const Statement& row, int column) {
    if (row.is_null(column)) {
        return std::nullopt;
    }
    try {
        return nlohmann::json::parse(read_text(row, column)).get<Profile>();
    } catch (const nlohmann::json::exception& /*error*/) {
        cannot_be("profile", row.bytes(column));
    }
}

/// About what a page takes when it is told, in either encoding: so one page costs whoever tells it
/// about a millisecond, however many were invited and however much they said.
class Told {
  public:
    void operator()(const Change& change) {
        std::visit([this](const auto& one) { count(one); }, change);
    }
    [[nodiscard]] std::size_t bytes() const { return bytes_; }

  private:
    static constexpr std::size_t names_of_fields = 60;

    void count(const InvitationKept& kept) {
        reasons_.clear();
        bytes_ += kept.id.text().size() + kept.inviter.text().size() + 3 * names_of_fields;
    }
    void count(const NoteKept& note) { reasons_[note.rev] = note.reason.size(); }
    void count(const InviteeKept& invitee) {
        // Each is told what was said of all.
        bytes_ += invitee.user.text().size() + names_of_fields;
        bytes_ += invitee.note ? reasons_[*invitee.note] : 0;
    }
    void count(const auto& /*other*/) {}

    std::size_t bytes_ = 0;
    std::map<Rev, std::size_t> reasons_{};
};

}  // namespace

StoreClock StoreClock::going_on(Duration store_then, std::optional<Duration> passed, Instant now) {
    return {.offset = store_then + passed.value_or(Duration(0)) - now.time_since_epoch(),
            .all_due_at = passed ? std::nullopt : std::optional(now)};
}

std::uint64_t read_number(const Statement& row, int column) {
    return static_cast<std::uint64_t>(
        read_between(0, as_integer(highest_number), "number", row, column));
}

Duration read_file_time(const Statement& row, int column) {
    // What the deadlines of a switchboard can be apart.
    constexpr std::int64_t most = std::int64_t{1} << 46;
    return Duration(read_between(-most, most, "time", row, column));
}

/// What belongs to invitations of these numbers, by their number, which is its first column; read
/// along with them, and asked for when the first is wanted.
struct StoreReading::Rows {
    Statement row;
    std::uint64_t first;
    std::uint64_t last;
    bool remembered_only;
    std::optional<bool> has_row{};

    /// There is another of this one. Those before it, which have no invitation, are left out.
    bool is_of(std::uint64_t number) {
        if (!has_row) {
            row.bind(1, as_integer(first))
                .bind(2, as_integer(last))
                .bind(3, std::int64_t{!remembered_only});
            next();
        }
        while (*has_row && read_number(row, 0) < number) {
            next();
        }
        return *has_row && read_number(row, 0) == number;
    }
    void next() { has_row = row.step(); }
};

struct StoreReading::Parts {
    Rows notes;
    Rows invitees;
    Rows calls;
    Rows participants;

    Parts(Sql& sql, std::uint64_t first, std::uint64_t last, bool remembered_only)
        : notes{sql.statement(
                    "SELECT n.invitation, n.rev, n.reason, n.data FROM invitations i "
                    "JOIN notes n ON n.invitation = i.number "
                    "WHERE i.number >= ?1 AND i.number <= ?2 AND (i.remembered OR ?3 = 1) "
                    "ORDER BY i.number, n.rev"),
                first, last, remembered_only},
          invitees{
              sql.statement("SELECT n.invitation, n.position, n.user, n.state, n.deadline_ms, "
                            "n.ended_by, n.device, n.note, n.adder FROM invitations i "
                            "JOIN invitees n ON n.invitation = i.number "
                            "WHERE i.number >= ?1 AND i.number <= ?2 AND (i.remembered OR ?3 = 1) "
                            "ORDER BY i.number, n.position"),
              first, last, remembered_only},
          calls{
              sql.statement("SELECT c.invitation, c.started_ms, c.ended_ms, c.reason, c.merged "
                            "FROM invitations i JOIN calls c ON c.invitation = i.number "
                            "WHERE i.number >= ?1 AND i.number <= ?2 AND (i.remembered OR ?3 = 1) "
                            "ORDER BY i.number"),
              first, last, remembered_only},
          participants{
              sql.statement("SELECT p.invitation, p.position, p.user, p.device, p.was_online, "
                            "p.takes_part, p.hung_up FROM invitations i "
                            "JOIN participants p ON p.invitation = i.number "
                            "WHERE i.number >= ?1 AND i.number <= ?2 AND (i.remembered OR ?3 = 1) "
                            "ORDER BY i.number, p.position"),
              first, last, remembered_only} {}
};

void StoreReading::tell_all(const Journal::Tell& tell) {
    Statement groups = sql_.statement("SELECT id FROM groups ORDER BY id");
    while (groups.step()) {
        tell_group(read_id<GroupId>(groups, 0), tell);
    }
    Statement row = sql_.statement("SELECT * FROM invitations WHERE remembered ORDER BY number");
    Parts parts(sql_, 0, highest_number, true);
    while (row.step()) {
        tell_invitation(row, parts, Part::all, tell);
    }
    tell_devices(tell);
    tell_untold(tell);
}

void StoreReading::tell_history(const Journal::Tell& tell) {
    Statement row =
        sql_.statement("SELECT * FROM invitations WHERE NOT remembered ORDER BY number");
    Parts parts(sql_, 0, highest_number, false);
    while (row.step()) {
        const auto number = read_number(row, number_column);
        tell_invitation(row, parts, Part::without_data, tell);
        tell(InvitationForgotten{.number = number});
    }
}

void StoreReading::tell_devices(const Journal::Tell& tell) {
    Statement row = sql_.statement(
        "SELECT user, device, run, again_ms, online, time_ms FROM devices ORDER BY user, device");
    while (row.step()) {
        tell(DeviceKept{.user = read_id<UserId>(row, 0),
                        .device = read_device(row, 1),
                        .run = read_text(row, 2),
                        .again = Duration(read_between(0, most_again.count(), "time", row, 3)),
                        .online = row.integer(4) != 0,
                        .time = read_time(row, 5)});
    }
}

void StoreReading::tell_untold(const Journal::Tell& tell) {
    Statement row = sql_.statement(
        "SELECT number, since_ms, receivers, event, online_only, alone FROM untold ORDER BY "
        "number");
    while (row.step()) {
        UntoldKept kept{.number = read_number(row, 0),
                        .event = read_text(row, 3),
                        .online_only = row.integer(4) != 0,
                        .alone = row.integer(5) != 0,
                        .since = read_time(row, 1)};
        std::string_view rest = row.bytes(2);
        while (!rest.empty()) {
            const auto end = std::min(rest.find(' '), rest.size());
            const auto user = UserId::parse(rest.substr(0, end));
            if (!user) {
                cannot_be("id", rest.substr(0, end));
            }
            kept.to.push_back(*user);
            rest.remove_prefix(std::min(end + 1, rest.size()));
        }
        tell(std::move(kept));
    }
}

void StoreReading::tell_invitation(const Statement& row, Parts& parts, Part part,
                                   const Journal::Tell& tell) {
    InvitationKept kept = read_invitation(row);
    const auto number = kept.number;
    const bool has_notes = kept.rev > 1;
    const bool has_call = kept.call;
    tell(kept);
    if (part == Part::all && !row.is_null(data_column)) {
        tell(DataKept{.number = number, .data = read_data(row, data_column)});
    }
    if (has_notes) {
        tell_notes(number, parts.notes, part, tell);
    }
    tell_invitees(number, parts.invitees, tell);
    if (has_call) {
        tell_call(number, parts, tell);
    }
}

InvitationKept StoreReading::read_invitation(const Statement& row) const {
    InvitationKept kept{
        .number = read_number(row, number_column),
        .id = read_id<InvitationId>(row, id_column),
        .inviter = read_id<UserId>(row, inviter_column),
        .target = {},
        .answer = read_word<Answer>(row, answer_column),
        .visibility = read_word<Visibility>(row, visibility_column),
        .call = row.integer(call_column) != 0,
        .online_only = row.integer(online_only_column) != 0,
        .keep_when_lost = row.integer(keep_when_lost_column) != 0,
        .inviter_was_online = row.integer(inviter_was_online_column) != 0,
        .rev = read_rev(row, rev_column),
        .made_at = read_time(row, made_column),
        .lifetime_end = read_time(row, lifetime_column),
    };
    if (row.is_null(group_column)) {
        kept.target = read_id<UserId>(row, invitee_column);
    } else {
        kept.target = read_id<GroupId>(row, group_column);
    }
    if (!row.is_null(ended_column)) {
        kept.ended_at = read_time(row, ended_column);
    } else if (clock_.all_due_at) {
        kept.lifetime_end = std::min(kept.lifetime_end, *clock_.all_due_at);
    }
    if (!row.is_null(replaced_by_column)) {
        kept.replaced_by = read_id<InvitationId>(row, replaced_by_column);
    }
    return kept;
}

Instant StoreReading::read_time(const Statement& row, int column) const {
    return clock_.from_file(read_file_time(row, column).count());
}

void StoreReading::tell_notes(std::uint64_t number, Rows& notes, Part part,
                              const Journal::Tell& tell) {
    for (; notes.is_of(number); notes.next()) {
        tell(NoteKept{.number = number,
                      .rev = read_rev(notes.row, 1),
                      .data = part == Part::all ? read_data(notes.row, 3) : std::nullopt,
                      .reason = read_text(notes.row, 2)});
    }
}

void StoreReading::tell_invitees(std::uint64_t number, Rows& invitees,
                                 const Journal::Tell& tell) const {
    const Statement& row = invitees.row;
    for (; invitees.is_of(number); invitees.next()) {
        InviteeKept one{.number = number,
                        .position = read_position(row, 1),
                        .user = read_id<UserId>(row, 2),
                        .state = read_word<State>(row, 3),
                        .deadline = row.is_null(4) ? never : read_time(row, 4),
                        .adder = row.integer(8) != 0};
        if (clock_.all_due_at && one.state == State::pending && one.deadline != never) {
            one.deadline = std::min(one.deadline, *clock_.all_due_at);
        }
        if (!row.is_null(5)) {
            one.by = read_id<UserId>(row, 5);
        }
        if (!row.is_null(6)) {
            one.device = read_device(row, 6);
        }
        if (!row.is_null(7)) {
            one.note = read_rev(row, 7);
        }
        tell(one);
    }
}

void StoreReading::tell_call(std::uint64_t number, Parts& parts, const Journal::Tell& tell) const {
    const Statement& row = parts.calls.row;
    if (!parts.calls.is_of(number)) {
        throw Store::Damaged("a call has no row in calls");
    }
    CallKept kept{.number = number, .reason = read_text(row, 3)};
    if (!row.is_null(1)) {
        kept.started_at = read_time(row, 1);
    }
    if (!row.is_null(2)) {
        kept.ended_at = read_time(row, 2);
    }
    if (!row.is_null(4)) {
        kept.merged = read_id<InvitationId>(row, 4);
    }
    tell(std::move(kept));
    const Statement& participant = parts.participants.row;
    bool is_alone = true;
    for (; parts.participants.is_of(number); parts.participants.next()) {
        ParticipantKept one{.number = number,
                            .position = read_position(participant, 1),
                            .user = read_id<UserId>(participant, 2),
                            .device = read_device(participant, 3),
                            .was_online = participant.integer(4) != 0,
                            .takes_part = participant.integer(5) != 0};
        if (!participant.is_null(6)) {
            one.hung_up = read_device(participant, 6);
        }
        tell(one);
        is_alone = false;
    }
    if (is_alone) {
        throw Store::Damaged("a call has no row in participants");
    }
}

void StoreReading::tell_group(const GroupId& group, const Journal::Tell& tell) {
    Statement row = sql_.statement(
        "SELECT name, join_mode, profile, made_after, described_by FROM groups WHERE id = ?1");
    row.bind(1, std::string_view(group.text()));
    if (!row.step()) {
        return;
    }
    GroupKept kept{.group = group,
                   .made_after = read_number(row, 3),
                   .profile = read_profile(row, 2),
                   .join_mode = read_word<JoinMode>(row, 1),
                   .described_by = read_id<UserId>(row, 4)};
    if (!row.is_null(0)) {
        kept.name = read_text(row, 0);
    }
    tell(std::move(kept));
    Statement member = sql_.statement(
        "SELECT user, role, brought_by FROM members WHERE group_id = ?1 ORDER BY user");
    member.bind(1, std::string_view(group.text()));
    int owners = 0;
    while (member.step()) {
        const auto rank = read_word<Rank>(member, 1);
        owners += rank == Rank::owner ? 1 : 0;
        tell(MemberKept{.group = group,
                        .user = read_id<UserId>(member, 0),
                        .rank = rank,
                        .brought_by = read_id<UserId>(member, 2)});
    }
    if (owners != 1) {
        throw Store::Damaged("the group '" + group.str() + "' has " +
                             (owners == 0 ? "no owner" : "two owners"));
    }
}

HistoryPage StoreReading::history(const UserId& user, std::size_t limit,
                                  const std::optional<HistoryMark>& before, Instant oldest) {
    const auto from = before.value_or(HistoryMark{INT64_MAX, INT64_MAX});
    Statement row = sql_.statement(
        "SELECT i.* FROM history h JOIN invitations i ON i.number = h.invitation "
        "WHERE h.user = ?1 AND (h.ended_ms, h.invitation) < (?2, ?3) AND h.ended_ms >= ?4 "
        "ORDER BY h.ended_ms DESC, h.invitation DESC");
    row.bind(1, std::string_view(user.text()))
        .bind(2, from.ended_ms)
        .bind(3, as_integer(from.number))
        .bind(4, clock_.to_file(oldest));
    HistoryPage page;
    HistoryMark last;
    Told told;
    for (std::size_t count = 0; row.step(); ++count) {
        if (count == limit || told.bytes() >= page_bytes) {
            page.next = last;
            break;
        }
        last = {row.integer(ended_column), read_number(row, number_column)};
        Parts parts(sql_, last.number, last.number, false);
        tell_invitation(row, parts, Part::without_data, [&](Change&& change) {
            told(change);
            page.ended.push_back(std::move(change));
        });
    }
    return page;
}

}  // namespace beckon
