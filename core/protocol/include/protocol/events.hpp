// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "protocol/compiled_once.hpp"
#include "protocol/ids.hpp"
#include "protocol/instant.hpp"
#include "protocol/words.hpp"

/// What the broker tells users (contract, sections 4 and 7). `fields` is as in requests.hpp.
namespace beckon {

struct NewInvitation {
    UserId inviter;
    std::optional<GroupId> group{};
    std::vector<UserId> invitees{};
    std::optional<Data> data{};
    std::optional<Duration> remaining{};
    bool call = false;
    Answer answer = Answer::all;
    Visibility visibility = Visibility::invitees;
    bool online_only = false;
    Role role = Role::invitee;
    /// What it replaces has ended.
    std::vector<InvitationId> replaces{};
    /// So many others are asked, of whom its inviter is told in other ways.
    std::int64_t more = 0;

    static constexpr std::string_view event = "new_invitation";
    static void fields(auto& m, auto& v) {
        v.required("inviter", m.inviter);
        v("group", m.group);
        v.required("invitees", m.invitees);
        v("data", m.data);
        v("remaining_ms", m.remaining);
        v.unless("call", m.call, false);
        v.unless("answer", m.answer, Answer::all);
        v.unless("visibility", m.visibility, usual_visibility(m.group.has_value()));
        v.unless("online_only", m.online_only, false);
        v.unless("role", m.role, Role::invitee);
        v.unless("replaces", m.replaces, std::vector<InvitationId>{});
        v.unless("more", m.more, std::int64_t{0});
    }
    bool operator==(const NewInvitation&) const = default;
};

struct InviteeAccepted {
    UserId invitee;
    std::optional<Data> data{};

    static constexpr std::string_view event = "invitee_accepted";
    static void fields(auto& m, auto& v) {
        v.required("invitee", m.invitee);
        v("data", m.data);
    }
    bool operator==(const InviteeAccepted&) const = default;
};

struct InviteeRejected {
    UserId invitee;
    std::optional<Data> data{};
    std::string reason;

    static constexpr std::string_view event = "invitee_rejected";
    static void fields(auto& m, auto& v) {
        v.required("invitee", m.invitee);
        v("data", m.data);
        v.required("reason", m.reason);
    }
    bool operator==(const InviteeRejected&) const = default;
};

struct InvitationCancelled {
    UserId inviter;
    std::vector<UserId> invitees{};
    std::optional<Data> data{};
    CancelReason reason = CancelReason::cancelled;

    static constexpr std::string_view event = "invitation_cancelled";
    static void fields(auto& m, auto& v) {
        v.required("inviter", m.inviter);
        v.required("invitees", m.invitees);
        v("data", m.data);
        v.required("reason", m.reason);
    }
    bool operator==(const InvitationCancelled&) const = default;
};

/// One for one deadline; `invitees` are those who did not answer.
struct InvitationTimeout {
    std::vector<UserId> invitees{};

    static constexpr std::string_view event = "invitation_timeout";
    static void fields(auto& m, auto& v) { v.required("invitees", m.invitees); }
    bool operator==(const InvitationTimeout&) const = default;
};

struct InvitationModified {
    std::optional<Data> data{};
    std::optional<std::vector<UserId>> invitees{};

    static constexpr std::string_view event = "invitation_modified";
    static void fields(auto& m, auto& v) {
        v("data", m.data);
        v("invitees", m.invitees);
    }
    bool operator==(const InvitationModified&) const = default;
};

/// By leaving the group, or being removed from it.
struct InvitationRevoked {
    std::vector<UserId> invitees{};
    RevokeReason reason = RevokeReason::left_group;

    static constexpr std::string_view event = "invitation_revoked";
    static void fields(auto& m, auto& v) {
        v.required("invitees", m.invitees);
        v.required("reason", m.reason);
    }
    bool operator==(const InvitationRevoked&) const = default;
};

struct InviteeRinging {
    UserId invitee;

    static constexpr std::string_view event = "invitee_ringing";
    static void fields(auto& m, auto& v) { v.required("invitee", m.invitee); }
    bool operator==(const InviteeRinging&) const = default;
};

/// What one who takes part says to others: offers, candidates, mic on, mic off. Not stored.
struct SignalEvent {
    UserId from;
    std::optional<std::uint64_t> seq{};
    Data data{};

    static constexpr std::string_view event = "signal";
    static void fields(auto& m, auto& v) {
        v.required("from", m.from);
        v("seq", m.seq);
        v.required("data", m.data);
    }
    bool operator==(const SignalEvent&) const = default;
};

/// `user` comes into the call without having just accepted it, perhaps back.
struct ParticipantJoined {
    UserId user;
    std::optional<Data> data{};

    static constexpr std::string_view event = "participant_joined";
    static void fields(auto& m, auto& v) {
        v.required("user", m.user);
        v("data", m.data);
    }
    bool operator==(const ParticipantJoined&) const = default;
};

/// The call goes on without `user`.
struct ParticipantLeft {
    UserId user;
    std::string reason;
    std::optional<Data> data{};

    static constexpr std::string_view event = "participant_left";
    static void fields(auto& m, auto& v) {
        v.required("user", m.user);
        v.required("reason", m.reason);
        v("data", m.data);
    }
    bool operator==(const ParticipantLeft&) const = default;
};

/// `user` takes part with another device now, that of `by_device`.
struct ParticipantMoved {
    UserId user;

    static constexpr std::string_view event = "participant_moved";
    static void fields(auto& m, auto& v) { v.required("user", m.user); }
    bool operator==(const ParticipantMoved&) const = default;
};

/// `duration` is from the first accept, by the broker's clock.
struct CallEnded {
    std::string reason;
    Duration duration{};
    std::optional<Data> data{};

    static constexpr std::string_view event = "call_ended";
    static void fields(auto& m, auto& v) {
        v.required("reason", m.reason);
        v.required("duration_ms", m.duration);
        v("data", m.data);
    }
    bool operator==(const CallEnded&) const = default;
};

using EventBodies =
    std::variant<NewInvitation, InviteeAccepted, InviteeRejected, InvitationCancelled,
                 InvitationTimeout, InvitationModified, InvitationRevoked, InviteeRinging,
                 SignalEvent, ParticipantJoined, ParticipantLeft, ParticipantMoved, CallEnded>;
extern template class CompiledOnce<EventBodies>;
using EventBody = CompiledOnce<EventBodies>;

/// Whether it raises `rev` (contract, section 3): so do those of an invitation but `ringing`, and
/// none of its call.
template <class Body>
inline constexpr bool raises_rev =
    !(std::same_as<Body, InviteeRinging> || std::same_as<Body, SignalEvent> ||
      std::same_as<Body, ParticipantJoined> || std::same_as<Body, ParticipantLeft> ||
      std::same_as<Body, ParticipantMoved> || std::same_as<Body, CallEnded>);

/// What the broker tells of an invitation; `by` and `by_device` say who acted, absent when the
/// clock did.
struct Event {
    InvitationId id;
    Rev rev = 1;
    /// Absent in a `new_invitation` that its inviter made as well.
    std::optional<UserId> by{};
    std::optional<DeviceTag> by_device{};
    EventBody body;

    /// The fields before those of the body.
    static void head(auto& m, auto& v) {
        v.required("id", m.id);
        v.required("rev", m.rev);
        v("by", m.by);
        v("by_device", m.by_device);
    }
    bool operator==(const Event&) const = default;
};

struct GroupCreated {
    std::optional<std::string> name{};
    std::vector<UserId> members{};

    static constexpr std::string_view event = "group_created";
    static void fields(auto& m, auto& v) {
        v("name", m.name);
        v.required("members", m.members);
    }
    bool operator==(const GroupCreated&) const = default;
};

/// By themselves.
struct MemberEntered {
    std::vector<UserId> members{};

    static constexpr std::string_view event = "member_entered";
    static void fields(auto& m, auto& v) { v.required("members", m.members); }
    bool operator==(const MemberEntered&) const = default;
};

/// Added by another.
struct MemberInvited {
    std::vector<UserId> members{};

    static constexpr std::string_view event = "member_invited";
    static void fields(auto& m, auto& v) { v.required("members", m.members); }
    bool operator==(const MemberInvited&) const = default;
};

struct MemberRemoved {
    std::vector<UserId> members{};
    std::optional<std::string> reason{};

    static constexpr std::string_view event = "member_removed";
    static void fields(auto& m, auto& v) {
        v.required("members", m.members);
        v("reason", m.reason);
    }
    bool operator==(const MemberRemoved&) const = default;
};

struct MemberLeft {
    UserId user;

    static constexpr std::string_view event = "member_left";
    static void fields(auto& m, auto& v) { v.required("user", m.user); }
    bool operator==(const MemberLeft&) const = default;
};

struct RoleChanged {
    UserId user;
    Rank role = Rank::member;

    static constexpr std::string_view event = "role_changed";
    static void fields(auto& m, auto& v) {
        v.required("user", m.user);
        v.required("role", m.role);
    }
    bool operator==(const RoleChanged&) const = default;
};

struct OwnerChanged {
    UserId owner;

    static constexpr std::string_view event = "owner_changed";
    static void fields(auto& m, auto& v) { v.required("owner", m.owner); }
    bool operator==(const OwnerChanged&) const = default;
};

/// What changed, and nothing else.
struct GroupUpdated {
    std::optional<std::string> name{};
    std::optional<JoinMode> join_mode{};
    std::optional<Profile> profile{};

    static constexpr std::string_view event = "group_updated";
    static void fields(auto& m, auto& v) {
        v("name", m.name);
        v("join_mode", m.join_mode);
        v("profile", m.profile);
    }
    bool operator==(const GroupUpdated&) const = default;
};

struct GroupDismissed {
    static constexpr std::string_view event = "group_dismissed";
    static void fields(auto& /*m*/, auto& /*v*/) {}
    bool operator==(const GroupDismissed&) const = default;
};

using GroupEventBodies =
    std::variant<GroupCreated, MemberEntered, MemberInvited, MemberRemoved, MemberLeft, RoleChanged,
                 OwnerChanged, GroupUpdated, GroupDismissed>;
extern template class CompiledOnce<GroupEventBodies>;
using GroupEventBody = CompiledOnce<GroupEventBodies>;

/// What the broker tells of a group; somebody did it.
struct GroupEvent {
    GroupId group;
    UserId by;
    DeviceTag by_device;
    GroupEventBody body;

    static void head(auto& m, auto& v) {
        v.required("group", m.group);
        v.required("by", m.by);
        v.required("by_device", m.by_device);
    }
    bool operator==(const GroupEvent&) const = default;
};

/// What a user says to another, or to a group.
struct MessageEvent {
    MessageId id;
    UserId from;
    std::variant<UserId, GroupId> to;
    Data data{};

    static constexpr std::string_view event = "message";
    static void fields(auto& m, auto& v) {
        v.required("id", m.id);
        v.required("from", m.from);
        v.one_of("to", "group", m.to);
        v.required("data", m.data);
    }
    bool operator==(const MessageEvent&) const = default;
};

/// All that is told without being asked.
using EventTypes = std::variant<Event, GroupEvent, MessageEvent>;
extern template class CompiledOnce<EventTypes>;
using AnyEvent = CompiledOnce<EventTypes>;

/// The word in `event`.
inline std::string_view name_of(const Event& event) {
    return std::visit([](const auto& body) { return body.event; }, event.body);
}
inline std::string_view name_of(const GroupEvent& event) {
    return std::visit([](const auto& body) { return body.event; }, event.body);
}
constexpr std::string_view name_of(const MessageEvent& /*message*/) { return MessageEvent::event; }
inline std::string_view name_of(const AnyEvent& event) {
    return std::visit([](const auto& told) { return name_of(told); }, event);
}

// What operators are told (contract, section 8a).

/// `invitees` are asked, or pending still, and none of their devices is online.
struct AbsentAsked {
    InvitationId id;
    UserId inviter;
    std::optional<GroupId> group{};
    std::vector<UserId> invitees{};
    std::optional<Duration> remaining{};
    bool call = false;
    std::optional<Data> data{};

    static void fields(auto& m, auto& v) {
        v.required("id", m.id);
        v.required("inviter", m.inviter);
        v("group", m.group);
        v.required("invitees", m.invitees);
        v("remaining_ms", m.remaining);
        v.unless("call", m.call, false);
        v("data", m.data);
    }
    bool operator==(const AbsentAsked&) const = default;
};

/// It has ended for `invitees`, none of whose devices is online.
struct AbsentEnded {
    InvitationId id;
    std::vector<UserId> invitees{};
    State state = State::cancelled;
    std::optional<std::string> reason{};
    std::optional<UserId> by{};

    static void fields(auto& m, auto& v) {
        v.required("id", m.id);
        v.required("invitees", m.invitees);
        v.required("state", m.state);
        v("reason", m.reason);
        v("by", m.by);
    }
    bool operator==(const AbsentEnded&) const = default;
};

/// For whoever wakes those by push.
using Absent = std::variant<AbsentAsked, AbsentEnded>;

}  // namespace beckon
