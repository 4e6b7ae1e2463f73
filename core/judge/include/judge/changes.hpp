// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "protocol/compiled_once.hpp"
#include "protocol/events.hpp"
#include "protocol/ids.hpp"
#include "protocol/instant.hpp"

/// What a switchboard remembers, as values: what a request changed, and also what makes
/// the same switchboard again after a restart. No SQL, no clock: instants are the host's.
///
/// Each `…Kept` says how its record stands now, whether it is new or was known before. An
/// invitation goes by its number, which no other ever has; its id may come again once it
/// is forgotten. Not among them, by nature: who is online, `ringing`, rates.
namespace beckon {

/// An invitation but for its data, which may be large and seldom changes.
struct InvitationKept {
    std::uint64_t number = 0;
    InvitationId id;
    UserId inviter;
    /// What the topic that made it named.
    std::variant<UserId, GroupId> target;
    Answer answer = Answer::all;
    Visibility visibility = Visibility::invitees;
    bool call = false;
    bool online_only = false;
    bool keep_when_lost = false;
    bool inviter_was_online = false;
    Rev rev = 1;
    Instant made_at{};
    Instant lifetime_end{};
    /// Nothing: it is open.
    std::optional<Instant> ended_at{};
    /// What its inviter asked instead, when that ended it.
    std::optional<InvitationId> replaced_by{};
    bool operator==(const InvitationKept&) const = default;
};

/// The invitation's data, after an invite or a modify.
struct DataKept {
    std::uint64_t number = 0;
    std::optional<Data> data{};
    bool operator==(const DataKept&) const = default;
};

/// What was said when the parts of invitees ended; `rev` is that of the event that told it.
struct NoteKept {
    std::uint64_t number = 0;
    Rev rev = 1;
    std::optional<Data> data{};
    std::string reason{};
    bool operator==(const NoteKept&) const = default;
};

/// One invitee, by its position in the invitation.
struct InviteeKept {
    std::uint64_t number = 0;
    std::uint32_t position = 0;
    UserId user;
    State state = State::pending;
    /// `never`: no timeout but the invitation's lifetime.
    Instant deadline{};
    /// Who ended it, and with which device; nobody: the clock, or it is pending.
    std::optional<UserId> by{};
    std::optional<DeviceTag> device{};
    /// The rev of its note, if anything was said.
    std::optional<Rev> note{};
    /// Has added others, so that the invitation counts as this one's own as well.
    bool adder = false;
    bool operator==(const InviteeKept&) const = default;
};

/// The call of an invitation with `call:true`.
struct CallKept {
    std::uint64_t number = 0;
    /// Nothing: nobody has accepted yet.
    std::optional<Instant> started_at{};
    std::optional<Instant> ended_at{};
    std::string reason{};
    /// The id of the invite that crossed this one and became its accept.
    std::optional<InvitationId> merged{};
    bool operator==(const CallKept&) const = default;
};

/// One who takes part in a call, or did, by its position in the call: the inviter first, then
/// who accepted.
struct ParticipantKept {
    std::uint64_t number = 0;
    std::uint32_t position = 0;
    UserId user;
    DeviceTag device{};
    /// That device was seen online, so it can be lost.
    bool was_online = false;
    bool takes_part = true;
    /// The device that hung up.
    std::optional<DeviceTag> hung_up{};
    bool operator==(const ParticipantKept&) const = default;
};

/// It has ended and is not remembered any more; only history may still know it.
struct InvitationForgotten {
    std::uint64_t number = 0;
    InvitationId id{};
    /// Some of its notes may have data.
    bool notes_with_data = true;
    bool operator==(const InvitationForgotten&) const = default;
};

struct GroupKept {
    GroupId group;
    /// Invitations up to this number that name its id are of an earlier group, now dismissed.
    std::uint64_t made_after = 0;
    std::optional<std::string> name{};
    std::optional<Profile> profile{};
    JoinMode join_mode = JoinMode::free;
    /// Who named and described it last.
    UserId described_by{};
    bool operator==(const GroupKept&) const = default;
};

struct MemberKept {
    GroupId group;
    UserId user;
    Rank rank = Rank::member;
    UserId brought_by{};
    bool operator==(const MemberKept&) const = default;
};

struct MemberGone {
    GroupId group;
    UserId user;
    bool operator==(const MemberGone&) const = default;
};

/// With all its members.
struct GroupGone {
    GroupId group;
    bool operator==(const GroupGone&) const = default;
};

// What a host remembers beside that, if devices tell it that they are there, and if they do not
// notice when it is gone (contract, section 10). No switchboard makes or is made of these.

/// A device, by the last `here` of it.
struct DeviceKept {
    UserId user;
    DeviceTag device{};
    std::string run{};
    Duration again{};
    bool online = false;
    /// Until when it is, or since when it is not.
    Instant time{};
    bool operator==(const DeviceKept&) const = default;
};

struct DeviceForgotten {
    UserId user;
    DeviceTag device{};
    bool operator==(const DeviceForgotten&) const = default;
};

/// An event that perhaps not all have been told, as JSON.
struct UntoldKept {
    std::uint64_t number = 0;
    std::vector<UserId> to{};
    std::string event{};
    /// As in `Delivery`.
    bool online_only = false;
    bool alone = false;
    Instant since{};
    bool operator==(const UntoldKept&) const = default;
};

/// All have been told.
struct UntoldDone {
    std::uint64_t number = 0;
    bool operator==(const UntoldDone&) const = default;
};

using ChangeTypes =
    std::variant<InvitationKept, DataKept, NoteKept, InviteeKept, CallKept, ParticipantKept,
                 InvitationForgotten, GroupKept, MemberKept, MemberGone, GroupGone, DeviceKept,
                 DeviceForgotten, UntoldKept, UntoldDone>;
extern template class CompiledOnce<ChangeTypes>;
using Change = CompiledOnce<ChangeTypes>;

/// Nothing for a switchboard.
inline bool is_of_host(const Change& change) {
    return std::holds_alternative<DeviceKept>(change) ||
           std::holds_alternative<DeviceForgotten>(change) ||
           std::holds_alternative<UntoldKept>(change) || std::holds_alternative<UntoldDone>(change);
}

/// In order: an invitation comes before its data, notes, invitees and call, a note before the
/// invitees that refer to it, a call before its participants and they after the invitees, a group
/// before its members. The shortest tell each once, as it stands, and nothing of what is gone: all
/// groups, then the invitations by their number, each with all that belongs to it; and what is the
/// host's, at the end.
using Changes = std::vector<Change>;

}  // namespace beckon
