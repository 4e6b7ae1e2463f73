// SPDX-License-Identifier: Apache-2.0
#include "host/row_writer.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

namespace beckon {

namespace {

void bind_data(Statement& statement, int at, const std::optional<Data>& data) {
    if (!data) {
        statement.bind_null(at);
    } else {
        statement.bind_bytes(at, data->bytes, data->is_text);
    }
}

/// Binds what may be absent.
template <class Value>
void bind_if(Statement& statement, int at, const std::optional<Value>& value) {
    if (value) {
        statement.bind(at, *value);
    } else {
        statement.bind_null(at);
    }
}

std::optional<std::string_view> text_of(const auto& id) {
    return id ? std::optional<std::string_view>(id->text()) : std::nullopt;
}

}  // namespace

void RowWriter::write(const Batch& batch) {
    if (clock_.all_due_at) {
        all_are_due(*clock_.all_due_at);
    }
    for (const Changes& changes : batch) {
        apply(changes);
    }
    list_ended();
}

void RowWriter::apply(const Changes& changes) {
    for (auto at = changes.begin(); at != changes.end(); ++at) {
        const auto* const kept = std::get_if<InvitationKept>(&*at);
        if (kept != nullptr && kept->number > counts_.last_number) {
            // A new one, with its data, which comes right behind it if there is any.
            const auto next = std::next(at);
            const auto* const data =
                next != changes.end() ? std::get_if<DataKept>(&*next) : nullptr;
            const bool has_data = data != nullptr && data->number == kept->number;
            insert(*kept, has_data ? data->data : std::nullopt);
            at = has_data ? next : at;
        } else {
            std::visit([this](const auto& one) { apply(one); }, *at);
        }
    }
}

/// What may change of it; false: it is not there, or not known to be. To insert what is there costs
/// twice as much.
bool RowWriter::update(const InvitationKept& kept) {
    Statement update = sql_.statement(
        "UPDATE invitations SET inviter_was_online = ?2, rev = ?3, lifetime_ms = ?4, "
        "ended_ms = ?5, replaced_by = ?6 WHERE number = ?1");
    update.bind(1, as_integer(kept.number))
        .bind(2, std::int64_t{kept.inviter_was_online})
        .bind(3, std::int64_t{kept.rev})
        .bind(4, clock_.to_file(kept.lifetime_end));
    bind_if(update, 5,
            kept.ended_at ? std::optional(clock_.to_file(*kept.ended_at)) : std::nullopt);
    bind_if(update, 6, text_of(kept.replaced_by));
    return update.run().value_or(0) > 0;
}

void RowWriter::insert(const InvitationKept& kept, const std::optional<Data>& data) {
    counts_.last_number = std::max(counts_.last_number, kept.number);
    Statement insert = sql_.statement(
        "INSERT INTO invitations (number, id, inviter, invitee, group_id, answer, visibility, "
        "call, online_only, keep_when_lost, inviter_was_online, rev, made_ms, lifetime_ms, "
        "ended_ms, replaced_by, data) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17) "
        "ON CONFLICT DO NOTHING");
    insert.bind(1, as_integer(kept.number)).bind(2, kept.id.text()).bind(3, kept.inviter.text());
    const auto* const invitee = std::get_if<UserId>(&kept.target);
    const auto* const group = std::get_if<GroupId>(&kept.target);
    bind_if(insert, 4, invitee != nullptr ? std::optional(invitee->text()) : std::nullopt);
    bind_if(insert, 5, group != nullptr ? std::optional(group->text()) : std::nullopt);
    insert.bind(6, name_of(kept.answer))
        .bind(7, name_of(kept.visibility))
        .bind(8, std::int64_t{kept.call})
        .bind(9, std::int64_t{kept.online_only})
        .bind(10, std::int64_t{kept.keep_when_lost})
        .bind(11, std::int64_t{kept.inviter_was_online})
        .bind(12, std::int64_t{kept.rev})
        .bind(13, clock_.to_file(kept.made_at))
        .bind(14, clock_.to_file(kept.lifetime_end));
    bind_if(insert, 15,
            kept.ended_at ? std::optional(clock_.to_file(*kept.ended_at)) : std::nullopt);
    bind_if(insert, 16, text_of(kept.replaced_by));
    bind_data(insert, 17, data);
    insert.run();
    note_end(kept);
}

/// Of a number that was written before, unless what was is lost.
void RowWriter::apply(const InvitationKept& kept) {
    if (update(kept)) {
        note_end(kept);
    } else {
        insert(kept, std::nullopt);
    }
}

void RowWriter::note_end(const InvitationKept& kept) {
    if (kept.ended_at) {
        ended_.push_back({kept.number, kept.inviter, clock_.to_file(*kept.ended_at)});
    }
}

void RowWriter::apply(const DataKept& kept) {
    Statement update = sql_.statement("UPDATE invitations SET data = ?2 WHERE number = ?1");
    bind_data(update.bind(1, as_integer(kept.number)), 2, kept.data);
    update.run();
}

void RowWriter::apply(const NoteKept& kept) {
    Statement insert = sql_.statement(
        "INSERT INTO notes (invitation, rev, reason, data) VALUES (?1, ?2, ?3, ?4) "
        "ON CONFLICT (invitation, rev) DO UPDATE SET reason = excluded.reason, data = "
        "excluded.data");
    insert.bind(1, as_integer(kept.number))
        .bind(2, std::int64_t{kept.rev})
        .bind_bytes(3, kept.reason, true);
    bind_data(insert, 4, kept.data);
    insert.run();
}

/// Likewise.
bool RowWriter::update(const InviteeKept& kept, std::string_view device) {
    Statement update = sql_.statement(
        "UPDATE invitees SET state = ?3, ended_by = ?4, device = ?5, note = ?6, adder = ?7 "
        "WHERE invitation = ?1 AND position = ?2");
    update.bind(1, as_integer(kept.number))
        .bind(2, std::int64_t{kept.position})
        .bind(3, name_of(kept.state));
    bind_if(update, 4, text_of(kept.by));
    bind_if(update, 5, kept.device ? std::optional(device) : std::nullopt);
    bind_if(update, 6, kept.note ? std::optional(std::int64_t{*kept.note}) : std::nullopt);
    return update.bind(7, std::int64_t{kept.adder}).run().value_or(0) > 0;
}

void RowWriter::apply(const InviteeKept& kept) {
    const auto tag = kept.device.value_or(DeviceTag()).text();
    if (kept.state != State::pending && update(kept, tag)) {
        return;
    }
    Statement insert = sql_.statement(
        "INSERT INTO invitees (invitation, position, user, state, deadline_ms, ended_by, device, "
        "note, adder) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) "
        "ON CONFLICT (invitation, position) DO UPDATE SET state = excluded.state, ended_by = "
        "excluded.ended_by, "
        "device = excluded.device, note = excluded.note, adder = excluded.adder");
    insert.bind(1, as_integer(kept.number))
        .bind(2, std::int64_t{kept.position})
        .bind(3, kept.user.text())
        .bind(4, name_of(kept.state));
    bind_if(insert, 5,
            kept.deadline == never ? std::nullopt : std::optional(clock_.to_file(kept.deadline)));
    bind_if(insert, 6, text_of(kept.by));
    bind_if(insert, 7, kept.device ? std::optional<std::string_view>(tag) : std::nullopt);
    bind_if(insert, 8, kept.note ? std::optional(std::int64_t{*kept.note}) : std::nullopt);
    insert.bind(9, std::int64_t{kept.adder}).run();
}

void RowWriter::apply(const CallKept& kept) {
    Statement insert = sql_.statement(
        "INSERT INTO calls (invitation, started_ms, ended_ms, reason, merged) "
        "VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (invitation) DO UPDATE SET started_ms = "
        "excluded.started_ms, "
        "ended_ms = excluded.ended_ms, reason = excluded.reason, merged = excluded.merged");
    insert.bind(1, as_integer(kept.number));
    bind_if(insert, 2,
            kept.started_at ? std::optional(clock_.to_file(*kept.started_at)) : std::nullopt);
    bind_if(insert, 3,
            kept.ended_at ? std::optional(clock_.to_file(*kept.ended_at)) : std::nullopt);
    insert.bind_bytes(4, kept.reason, true);
    bind_if(insert, 5, text_of(kept.merged));
    insert.run();
}

void RowWriter::apply(const ParticipantKept& kept) {
    Statement insert = sql_.statement(
        "INSERT INTO participants (invitation, position, user, device, was_online, takes_part, "
        "hung_up) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) "
        "ON CONFLICT (invitation, position) DO UPDATE SET device = excluded.device, was_online = "
        "excluded.was_online, "
        "takes_part = excluded.takes_part, hung_up = excluded.hung_up");
    const std::string device = kept.device.str();
    const std::string hung_up = kept.hung_up ? kept.hung_up->str() : std::string();
    insert.bind(1, as_integer(kept.number))
        .bind(2, std::int64_t{kept.position})
        .bind(3, kept.user.text())
        .bind(4, std::string_view(device))
        .bind(5, std::int64_t{kept.was_online})
        .bind(6, std::int64_t{kept.takes_part});
    bind_if(insert, 7, kept.hung_up ? std::optional(std::string_view(hung_up)) : std::nullopt);
    insert.run();
}

void RowWriter::apply(const InvitationForgotten& forgotten) {
    const auto count =
        sql_.statement(
                "UPDATE invitations SET remembered = FALSE, data = NULL WHERE number = ?1 AND "
                "remembered")
            .bind(1, as_integer(forgotten.number))
            .run()
            .value_or(1);
    counts_.forgotten += count;
    newly_forgotten_ += count;
    if (forgotten.notes_with_data) {
        sql_.statement("UPDATE notes SET data = NULL WHERE invitation = ?1 AND data IS NOT NULL")
            .bind(1, as_integer(forgotten.number))
            .run();
    }
}

void RowWriter::apply(const GroupKept& kept) {
    Statement insert = sql_.statement(
        "INSERT INTO groups (id, name, join_mode, profile, made_after, described_by) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6) "
        "ON CONFLICT (id) DO UPDATE SET name = excluded.name, join_mode = excluded.join_mode, "
        "profile = excluded.profile, described_by = excluded.described_by");
    insert.bind(1, kept.group.text());
    if (kept.name) {
        insert.bind_bytes(2, *kept.name, true);
    } else {
        insert.bind_null(2);
    }
    insert.bind(3, name_of(kept.join_mode));
    const std::string profile = kept.profile ? nlohmann::json(*kept.profile).dump() : std::string();
    bind_if(insert, 4, kept.profile ? std::optional(std::string_view(profile)) : std::nullopt);
    insert.bind(5, as_integer(kept.made_after)).bind(6, kept.described_by.text()).run();
}

void RowWriter::apply(const MemberKept& kept) {
    sql_.statement(
            "INSERT INTO members (group_id, user, role, brought_by) VALUES (?1, ?2, ?3, ?4) "
            "ON CONFLICT (group_id, user) DO UPDATE SET role = excluded.role")
        .bind(1, kept.group.text())
        .bind(2, kept.user.text())
        .bind(3, name_of(kept.rank))
        .bind(4, kept.brought_by.text())
        .run();
}

void RowWriter::apply(const MemberGone& gone) {
    sql_.statement("DELETE FROM members WHERE group_id = ?1 AND user = ?2")
        .bind(1, gone.group.text())
        .bind(2, gone.user.text())
        .run();
}

void RowWriter::apply(const GroupGone& gone) {
    sql_.statement("DELETE FROM members WHERE group_id = ?1").bind(1, gone.group.text()).run();
    sql_.statement("DELETE FROM groups WHERE id = ?1").bind(1, gone.group.text()).run();
}

void RowWriter::apply(const DeviceKept& kept) {
    sql_.statement(
            "INSERT INTO devices (user, device, run, again_ms, online, time_ms) "
            "VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (user, device) DO UPDATE SET "
            "run = excluded.run, again_ms = excluded.again_ms, online = excluded.online, "
            "time_ms = excluded.time_ms")
        .bind(1, kept.user.text())
        .bind(2, std::string_view(kept.device.str()))
        .bind(3, std::string_view(kept.run))
        .bind(4, kept.again.count())
        .bind(5, std::int64_t{kept.online})
        .bind(6, clock_.to_file(kept.time))
        .run();
}

void RowWriter::apply(const DeviceForgotten& forgotten) {
    sql_.statement("DELETE FROM devices WHERE user = ?1 AND device = ?2")
        .bind(1, forgotten.user.text())
        .bind(2, std::string_view(forgotten.device.str()))
        .run();
}

void RowWriter::apply(const UntoldKept& kept) {
    std::string receivers;
    for (const auto& user : kept.to) {
        receivers.append(receivers.empty() ? "" : " ").append(user.text());
    }
    sql_.statement(
            "INSERT INTO untold (number, since_ms, receivers, event, online_only, alone) "
            "VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (number) DO UPDATE SET "
            "since_ms = excluded.since_ms, receivers = excluded.receivers, "
            "event = excluded.event, online_only = excluded.online_only, alone = excluded.alone")
        .bind(1, as_integer(kept.number))
        .bind(2, clock_.to_file(kept.since))
        .bind(3, std::string_view(receivers))
        .bind(4, std::string_view(kept.event))
        .bind(5, std::int64_t{kept.online_only})
        .bind(6, std::int64_t{kept.alone})
        .run();
}

void RowWriter::apply(const UntoldDone& done) {
    sql_.statement("DELETE FROM untold WHERE number = ?1").bind(1, as_integer(done.number)).run();
}

/// Else a broker that is killed while it tells of these would find the others pending again.
void RowWriter::all_are_due(Instant now) {
    sql_.statement(
            "UPDATE invitations SET lifetime_ms = ?1 WHERE ended_ms IS NULL AND lifetime_ms > ?1")
        .bind(1, clock_.to_file(now))
        .run();
    sql_.statement(
            "UPDATE invitees SET deadline_ms = ?1 WHERE state = 'pending' AND deadline_ms > ?1")
        .bind(1, clock_.to_file(now))
        .run();
}

/// Only now are all their invitees there.
void RowWriter::list_ended() {
    for (const auto& [number, inviter, ended_ms] : ended_) {
        sql_.statement(
                "INSERT INTO history (user, ended_ms, invitation) "
                "SELECT user, ?1, ?2 FROM invitees WHERE invitation = ?2 "
                "UNION ALL SELECT ?3, ?1, ?2 WHERE TRUE ON CONFLICT DO NOTHING")
            .bind(1, ended_ms)
            .bind(2, as_integer(number))
            .bind(3, inviter.text())
            .run();
    }
}

void RowWriter::remove(std::int64_t number, std::int64_t ended_ms) {
    sql_.statement(
            "DELETE FROM history WHERE invitation = ?1 AND ended_ms = ?2 AND user IN "
            "(SELECT user FROM invitees WHERE invitation = ?1 UNION "
            "SELECT inviter FROM invitations WHERE number = ?1)")
        .bind(1, number)
        .bind(2, ended_ms)
        .run();
    for (const char* const text :
         {"DELETE FROM invitees WHERE invitation = ?1", "DELETE FROM notes WHERE invitation = ?1",
          "DELETE FROM participants WHERE invitation = ?1",
          "DELETE FROM calls WHERE invitation = ?1", "DELETE FROM invitations WHERE number = ?1"}) {
        sql_.statement(text).bind(1, number).run();
    }
    --counts_.forgotten;
}

bool RowWriter::prune(Instant now, const HistoryLimits& limits, std::int64_t most) {
    const auto oldest = clock_.to_file(now - limits.age);
    std::vector<std::pair<std::int64_t, std::int64_t>> first;
    {
        Statement row = sql_.statement(
            "SELECT number, ended_ms FROM invitations WHERE NOT remembered "
            "ORDER BY ended_ms LIMIT ?1");
        row.bind(1, most);
        auto left = counts_.forgotten;
        while (row.step() && (row.integer(1) < oldest || left > limits.count)) {
            first.emplace_back(row.integer(0), row.integer(1));
            --left;
        }
    }
    for (const auto& [number, ended_ms] : first) {
        remove(number, ended_ms);
    }
    return static_cast<std::int64_t>(first.size()) == most;
}

}  // namespace beckon
