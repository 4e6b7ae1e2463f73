// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "protocol/boxed.hpp"
#include "protocol/compiled_once.hpp"
#include "protocol/errors.hpp"
#include "protocol/ids.hpp"
#include "protocol/instant.hpp"
#include "protocol/words.hpp"

/// What the broker replies, one for each request, and the state that it tells (contract, sections
/// 3, 5, 6 and 7). `fields` is as in requests.hpp.
namespace beckon {

// -------------------------------------------------- state, as told (§6 and §7)

struct InviteeInfo {
    UserId user;
    State state = State::pending;
    bool ringing = false;
    std::optional<DeviceTag> device{};
    std::optional<Data> data{};
    std::optional<std::string> reason{};

    static void fields(auto& m, auto& v) {
        v.required("user", m.user);
        v.unless("state", m.state, State::pending);
        v.unless("ringing", m.ringing, false);
        v("device", m.device);
        v("data", m.data);
        v("reason", m.reason);
    }
    bool operator==(const InviteeInfo&) const = default;
};

/// A call that lives, or lived: then nobody takes part and `reason` says why.
struct CallInfo {
    std::vector<UserId> participants{};
    /// So many others take part.
    std::int64_t more = 0;
    Duration duration{};
    std::optional<std::string> reason{};

    static void fields(auto& m, auto& v) {
        v.required("participants", m.participants);
        v.unless("more", m.more, std::int64_t{0});
        v.required("duration_ms", m.duration);
        v("reason", m.reason);
    }
    bool operator==(const CallInfo&) const = default;
};

/// An item of `sync` leaves out what would be too much; such a one has no `rev`, and `get` has all.
struct InvitationInfo {
    InvitationId id;
    UserId inviter;
    std::optional<GroupId> group{};
    std::optional<Data> data{};
    bool call = false;
    Answer answer = Answer::all;
    bool online_only = false;
    Visibility visibility = Visibility::invitees;
    std::optional<Rev> rev{};
    Openness state = Openness::open;
    Role role = Role::invitee;
    std::optional<Duration> remaining{};
    std::vector<InviteeInfo> invitees{};
    /// What was said with answers is not told here.
    bool answers_left_out = false;
    /// So many others are asked.
    std::int64_t invitees_left_out = 0;
    /// Absent until somebody accepts.
    std::optional<CallInfo> call_state{};

    static void fields(auto& m, auto& v) {
        v.required("id", m.id);
        v.required("inviter", m.inviter);
        v("group", m.group);
        v("data", m.data);
        v.unless("call", m.call, false);
        v.unless("answer", m.answer, Answer::all);
        v.unless("online_only", m.online_only, false);
        v.unless("visibility", m.visibility, usual_visibility(m.group.has_value()));
        v("rev", m.rev);
        v.unless("state", m.state, Openness::open);
        v.unless("role", m.role, Role::invitee);
        v("remaining_ms", m.remaining);
        v.required("invitees", m.invitees);
        v.flag("answers_left_out", m.answers_left_out);
        v.unless("invitees_left_out", m.invitees_left_out, std::int64_t{0});
        v("call_state", m.call_state);
    }
    bool operator==(const InvitationInfo&) const = default;
};

struct MemberInfo {
    UserId user;
    Rank role = Rank::member;

    static void fields(auto& m, auto& v) {
        v.required("user", m.user);
        v.required("role", m.role);
    }
    bool operator==(const MemberInfo&) const = default;
};

/// `count` is of all members, `members` are those of one page.
struct GroupInfo {
    GroupId group;
    std::optional<std::string> name{};
    JoinMode join_mode = JoinMode::free;
    UserId owner;
    std::optional<Profile> profile{};
    std::uint32_t count = 0;
    std::vector<MemberInfo> members{};

    static void fields(auto& m, auto& v) {
        v.required("group", m.group);
        v("name", m.name);
        v.required("join_mode", m.join_mode);
        v.required("owner", m.owner);
        v("profile", m.profile);
        v.required("count", m.count);
        v.required("members", m.members);
    }
    bool operator==(const GroupInfo&) const = default;
};

/// A group, as one of its members lists it.
struct GroupSummary {
    GroupId group;
    std::optional<std::string> name{};
    Rank role = Rank::member;
    JoinMode join_mode = JoinMode::free;
    std::uint32_t count = 0;

    static void fields(auto& m, auto& v) {
        v.required("group", m.group);
        v("name", m.name);
        v.required("role", m.role);
        v.required("join_mode", m.join_mode);
        v.required("count", m.count);
    }
    bool operator==(const GroupSummary&) const = default;
};

/// How the part of one invitee ended, in history.
struct PastInvitee {
    UserId user;
    State state = State::pending;
    std::optional<std::string> reason{};

    static void fields(auto& m, auto& v) {
        v.required("user", m.user);
        v.required("state", m.state);
        v("reason", m.reason);
    }
    bool operator==(const PastInvitee&) const = default;
};

/// An invitation that has ended, as its inviter or an invitee is told later.
struct PastInvitation {
    InvitationId id;
    UserId inviter;
    std::optional<GroupId> group{};
    std::vector<PastInvitee> invitees{};
    /// So many others were asked.
    std::int64_t invitees_left_out = 0;
    std::string reason;
    Role role = Role::invitee;
    bool missed = false;
    Duration age{};
    /// Until the call began, or it ended.
    Duration ring{};
    /// If there was a call: until that ended.
    std::optional<Duration> talk{};

    static void fields(auto& m, auto& v) {
        v.required("id", m.id);
        v.required("inviter", m.inviter);
        v("group", m.group);
        v.required("invitees", m.invitees);
        v.unless("invitees_left_out", m.invitees_left_out, std::int64_t{0});
        v.required("reason", m.reason);
        v.unless("role", m.role, Role::invitee);
        v.unless("missed", m.missed, false);
        v.required("age_ms", m.age);
        v.required("ring_ms", m.ring);
        v("talk_ms", m.talk);
    }
    bool operator==(const PastInvitation&) const = default;
};

// ------------------------------------------------------------------- replies

/// Somebody who was named and is left out, and why.
struct Skipped {
    UserId user;
    Error error = Error::invalid_request;

    static void fields(auto& m, auto& v) {
        v.required("user", m.user);
        v.required("error", m.error);
    }
    bool operator==(const Skipped&) const = default;
};

/// An invitee whom a cancel named too late.
struct Already {
    UserId user;
    State state = State::pending;

    static void fields(auto& m, auto& v) {
        v.required("user", m.user);
        v.required("state", m.state);
    }
    bool operator==(const Already&) const = default;
};

/// Each list that a reply names people in has at most so many; `more` counts the rest of all.
inline constexpr std::size_t most_named = 100;

struct Invited {
    bool dup = false;
    InvitationId id;
    Rev rev = 1;
    Openness state = Openness::open;
    std::optional<Duration> remaining{};
    std::optional<std::vector<Skipped>> skipped{};
    /// Of those who were asked, who has no device online.
    std::vector<UserId> offline{};
    std::int64_t more = 0;

    static void fields(auto& m, auto& v) {
        v.flag("dup", m.dup);
        v.required("id", m.id);
        v.required("rev", m.rev);
        v.unless("state", m.state, Openness::open);
        v("remaining_ms", m.remaining);
        v("skipped", m.skipped);
        v.unless("offline", m.offline, std::vector<UserId>{});
        v.unless("more", m.more, std::int64_t{0});
    }
    bool operator==(const Invited&) const = default;
};

/// Ok to an invite that crossed another: it was its sender's accept of that one.
struct Merged {
    bool dup = false;
    InvitationId merged_into;

    static void fields(auto& m, auto& v) {
        v.flag("dup", m.dup);
        v.required("merged_into", m.merged_into);
    }
    bool operator==(const Merged&) const = default;
};

/// Ok to accept, reject, modify, ringing, signal, join, hangup and resume.
struct Done {
    bool dup = false;
    Rev rev = 1;

    static void fields(auto& m, auto& v) {
        v.flag("dup", m.dup);
        v.required("rev", m.rev);
    }
    bool operator==(const Done&) const = default;
};

struct Cancelled {
    bool dup = false;
    Rev rev = 1;
    std::vector<UserId> cancelled{};
    std::vector<Already> already{};
    std::int64_t more = 0;

    static void fields(auto& m, auto& v) {
        v.flag("dup", m.dup);
        v.required("rev", m.rev);
        v.required("cancelled", m.cancelled);
        v.required("already", m.already);
        v.unless("more", m.more, std::int64_t{0});
    }
    bool operator==(const Cancelled&) const = default;
};

struct Got {
    /// Boxed: by far the largest that a reply holds, and seldom what one is.
    Boxed<InvitationInfo> invitation;
    /// Its invitees go on.
    std::optional<std::string> next{};

    static void fields(auto& m, auto& v) {
        v.required("invitation", *m.invitation);
        v("next", m.next);
    }
    bool operator==(const Got&) const = default;
};

struct Synced {
    std::string server_epoch;
    std::vector<InvitationInfo> invitations{};
    std::optional<std::string> next{};

    static void fields(auto& m, auto& v) {
        v.required("server_epoch", m.server_epoch);
        v.required("invitations", m.invitations);
        v("next", m.next);
    }
    bool operator==(const Synced&) const = default;
};

/// Ok to `message`.
struct Sent {
    MessageId id;

    static void fields(auto& m, auto& v) { v.required("id", m.id); }
    bool operator==(const Sent&) const = default;
};

/// Ok to create, join, quit, dismiss, update, role and transfer.
struct GroupDone {
    bool dup = false;

    static void fields(auto& m, auto& v) { v.flag("dup", m.dup); }
    bool operator==(const GroupDone&) const = default;
};

/// Ok to a group's add and remove.
struct MembersDone {
    std::vector<Skipped> skipped{};
    std::int64_t more = 0;

    static void fields(auto& m, auto& v) {
        v.required("skipped", m.skipped);
        v.unless("more", m.more, std::int64_t{0});
    }
    bool operator==(const MembersDone&) const = default;
};

struct GotGroup {
    GroupInfo group;
    std::optional<std::string> next{};

    static void fields(auto& m, auto& v) {
        v.required("group", m.group);
        v("next", m.next);
    }
    bool operator==(const GotGroup&) const = default;
};

struct GroupsListed {
    std::vector<GroupSummary> groups{};
    std::optional<std::string> next{};

    static void fields(auto& m, auto& v) {
        v.required("groups", m.groups);
        v("next", m.next);
    }
    bool operator==(const GroupsListed&) const = default;
};

struct HistoryListed {
    std::vector<PastInvitation> history{};
    std::optional<std::string> next{};

    static void fields(auto& m, auto& v) {
        v.required("history", m.history);
        v("next", m.next);
    }
    bool operator==(const HistoryListed&) const = default;
};

/// A user with so many devices online.
struct OnlineUser {
    UserId user;
    std::uint32_t devices = 0;

    static void fields(auto& m, auto& v) {
        v.required("user", m.user);
        v.required("devices", m.devices);
    }
    bool operator==(const OnlineUser&) const = default;
};

struct OnlineListed {
    std::vector<OnlineUser> online{};
    std::optional<std::string> next{};

    static void fields(auto& m, auto& v) {
        v.required("online", m.online);
        v("next", m.next);
    }
    bool operator==(const OnlineListed&) const = default;
};

struct OpenListed {
    std::vector<InvitationInfo> invitations{};
    std::optional<std::string> next{};

    static void fields(auto& m, auto& v) {
        v.required("invitations", m.invitations);
        v("next", m.next);
    }
    bool operator==(const OpenListed&) const = default;
};

/// Not done, and nothing changed (contract, section 5).
struct Refusal {
    Error error = Error::internal;
    std::string message{info(Error::internal).message};
    std::optional<std::string> field{};
    std::optional<std::int64_t> limit{};
    std::optional<UserId> by{};
    std::optional<DeviceTag> by_device{};
    std::optional<Rev> rev{};
    /// What the invitation was replaced by.
    std::optional<InvitationId> replaced_by{};

    static void fields(auto& m, auto& v) {
        v.required("error", m.error);
        v.code_of("code", m.error);
        v.required("message", m.message);
        v("field", m.field);
        v("limit", m.limit);
        v("by", m.by);
        v("by_device", m.by_device);
        v("rev", m.rev);
        v("replaced_by", m.replaced_by);
    }
    bool operator==(const Refusal&) const = default;
};

/// Of `here`: how long after it this device counts as there, where that has to be told.
struct HereNoted {
    std::optional<Duration> again{};

    static void fields(auto& m, auto& v) { v("again_ms", m.again); }
    bool operator==(const HereNoted&) const = default;
};

using ReplyBodies = std::variant<Refusal, Invited, Merged, Done, Cancelled, Got, Synced, Sent,
                                 GroupDone, MembersDone, GotGroup, GroupsListed, HistoryListed,
                                 HereNoted, OnlineListed, OpenListed>;
extern template class CompiledOnce<ReplyBodies>;
using ReplyBody = CompiledOnce<ReplyBodies>;

/// The answer to one request; `re` is its verb, `device` the asker's own tag.
struct Reply {
    std::string re;
    DeviceTag device;
    std::optional<Req> req{};
    ReplyBody body;

    [[nodiscard]] bool ok() const { return !std::holds_alternative<Refusal>(body); }
    bool operator==(const Reply&) const = default;
};

}  // namespace beckon
