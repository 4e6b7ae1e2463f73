// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <beckon/vocabulary.hpp>
#include <concepts>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "errors.hpp"
#include "ids.hpp"
#include "instant.hpp"

/// Every message of the contract, once. Each type lists its wire fields in
/// `fields`, in wire order; both codecs (wire.hpp) read and write by that list,
/// so a field is spelled in one place. In a list
///   v("name", optional)           may be absent (never null);
///   v.required("name", value)     must be there;
///   v.defaulted("name", value)    keeps its value when absent, is always written;
///   v.one_of("a", "b", variant)   is one of the two, by the name of what it is.
namespace beckon {

// ---------------------------------------------------------------- vocabulary

/// The application's own bytes: text, or binary (`data_b64` in JSON). Never read.
struct Data {
    std::string bytes;
    bool is_text = true;
    bool operator==(const Data&) const = default;
};

/// What a request may carry in `req`, echoed by its reply.
using Req = std::variant<std::string, std::int64_t, std::uint64_t>;

/// What a group tells of itself, by keys of its application. Never read.
using Profile = std::map<std::string, std::string>;
/// How many texts a profile may hold.
inline constexpr std::size_t max_profile_texts = 16;

/// Counts the events of an invitation, from 1 (contract, section 3).
using Rev = std::uint32_t;

/// Where the invitation stands: open while anyone is pending. Computed, never stored.
enum class Openness : std::uint8_t { open, ended };
enum class OnInviterLost : std::uint8_t { cancel, keep };
/// Why pending invitees were cancelled.
enum class CancelReason : std::uint8_t {
    cancelled,
    answered,
    call_ended,
    expired,
    inviter_lost,
    left_group,
    group_dismissed,
};
/// Why an invitee has no part any more.
enum class RevokeReason : std::uint8_t { left_group, removed };

template <class Enum>
struct Names;
template <>
struct Names<State> {
    static constexpr std::array<std::string_view, 6> list{"pending",   "accepted",  "rejected",
                                                          "cancelled", "timed_out", "revoked"};
};
template <>
struct Names<Openness> {
    static constexpr std::array<std::string_view, 2> list{"open", "ended"};
};
template <>
struct Names<Answer> {
    static constexpr std::array<std::string_view, 2> list{"all", "first"};
};
template <>
struct Names<Visibility> {
    static constexpr std::array<std::string_view, 3> list{"members", "invitees", "inviter"};
};
template <>
struct Names<OnInviterLost> {
    static constexpr std::array<std::string_view, 2> list{"cancel", "keep"};
};
template <>
struct Names<Role> {
    static constexpr std::array<std::string_view, 3> list{"inviter", "invitee", "observer"};
};
template <>
struct Names<CancelReason> {
    static constexpr std::array<std::string_view, 7> list{
        "cancelled",    "answered",   "call_ended",     "expired",
        "inviter_lost", "left_group", "group_dismissed"};
};

template <>
struct Names<RevokeReason> {
    static constexpr std::array<std::string_view, 2> list{"left_group", "removed"};
};
template <>
struct Names<JoinMode> {
    static constexpr std::array<std::string_view, 2> list{"free", "closed"};
};
template <>
struct Names<Rank> {
    static constexpr std::array<std::string_view, 3> list{"member", "admin", "owner"};
};

/// The wire's word for an enumerator.
template <class Enum>
constexpr std::string_view name_of(Enum value) {
    return Names<Enum>::list[static_cast<std::size_t>(value)];
}

// ------------------------------------------------------------------ requests
// What stands in the topic comes first and is no wire field.

inline constexpr Duration default_timeout{30'000};

/// `user/{invitee}/invite`
struct Invite {
    UserId invitee;
    std::optional<InvitationId> id{};
    std::optional<Data> data{};
    Duration timeout = default_timeout;
    std::vector<UserId> also{};
    Answer answer = Answer::all;
    bool call = false;
    bool online_only = false;
    OnInviterLost on_inviter_lost = OnInviterLost::cancel;
    Visibility visibility = Visibility::invitees;

    static constexpr std::string_view verb = "invite";
    static void fields(auto& m, auto& v) {
        v("id", m.id);
        v("data", m.data);
        v.defaulted("timeout_ms", m.timeout);
        v.defaulted("also", m.also);
        v.defaulted("answer", m.answer);
        v.defaulted("call", m.call);
        v.defaulted("online_only", m.online_only);
        v.defaulted("on_inviter_lost", m.on_inviter_lost);
        v.defaulted("visibility", m.visibility);
    }
    bool operator==(const Invite&) const = default;
};

/// All whom it asks, each once.
inline std::vector<UserId> invitees_of(const Invite& invite) {
    std::vector<UserId> all{invite.invitee};
    all.insert(all.end(), invite.also.begin(), invite.also.end());
    return distinct(all);
}

/// `group/{group}/invite`; without `invitees`: all other members
struct GroupInvite {
    GroupId group;
    std::optional<InvitationId> id{};
    std::optional<Data> data{};
    Duration timeout = default_timeout;
    std::optional<std::vector<UserId>> invitees{};
    Answer answer = Answer::all;
    bool call = false;
    bool online_only = false;
    OnInviterLost on_inviter_lost = OnInviterLost::cancel;
    Visibility visibility = Visibility::members;

    static constexpr std::string_view verb = Invite::verb;
    static void fields(auto& m, auto& v) {
        v("id", m.id);
        v("data", m.data);
        v.defaulted("timeout_ms", m.timeout);
        v("invitees", m.invitees);
        v.defaulted("answer", m.answer);
        v.defaulted("call", m.call);
        v.defaulted("online_only", m.online_only);
        v.defaulted("on_inviter_lost", m.on_inviter_lost);
        v.defaulted("visibility", m.visibility);
    }
    bool operator==(const GroupInvite&) const = default;
};

/// Makes an invitation.
template <class Request>
concept MakesInvitation = std::same_as<Request, Invite> || std::same_as<Request, GroupInvite>;

/// Whom it names, each once; nobody: all other members of the group.
inline std::vector<UserId> invitees_of(const GroupInvite& invite) {
    return distinct(invite.invitees.value_or(std::vector<UserId>{}));
}

/// `invitation/{id}/accept`
struct Accept {
    InvitationId id;
    std::optional<Data> data{};

    static constexpr std::string_view verb = "accept";
    static void fields(auto& m, auto& v) { v("data", m.data); }
    bool operator==(const Accept&) const = default;
};

/// `invitation/{id}/reject`
struct Reject {
    InvitationId id;
    std::optional<Data> data{};
    std::string reason = "declined";

    static constexpr std::string_view verb = "reject";
    static void fields(auto& m, auto& v) {
        v("data", m.data);
        v.defaulted("reason", m.reason);
    }
    bool operator==(const Reject&) const = default;
};

/// `invitation/{id}/cancel`; without `invitees`: all still pending
struct Cancel {
    InvitationId id;
    std::optional<Data> data{};
    std::optional<std::vector<UserId>> invitees{};

    static constexpr std::string_view verb = "cancel";
    static void fields(auto& m, auto& v) {
        v("data", m.data);
        v("invitees", m.invitees);
    }
    bool operator==(const Cancel&) const = default;
};

/// `invitation/{id}/modify`
struct Modify {
    InvitationId id;
    Data data{};

    static constexpr std::string_view verb = "modify";
    static void fields(auto& m, auto& v) { v.required("data", m.data); }
    bool operator==(const Modify&) const = default;
};

/// `invitation/{id}/ringing`
struct Ringing {
    InvitationId id;

    static constexpr std::string_view verb = "ringing";
    static void fields(auto& /*m*/, auto& /*v*/) {}
    bool operator==(const Ringing&) const = default;
};

/// `invitation/{id}/add`
struct Add {
    InvitationId id;
    std::vector<UserId> invitees{};
    Duration timeout = default_timeout;

    static constexpr std::string_view verb = "add";
    static void fields(auto& m, auto& v) {
        v.required("invitees", m.invitees);
        v.defaulted("timeout_ms", m.timeout);
    }
    bool operator==(const Add&) const = default;
};

/// `invitation/{id}/get`
struct Get {
    InvitationId id;

    static constexpr std::string_view verb = "get";
    static void fields(auto& /*m*/, auto& /*v*/) {}
    bool operator==(const Get&) const = default;
};

/// `invitation/{id}/signal`; without `to`: whoever the sender talks with
struct Signal {
    InvitationId id;
    std::optional<UserId> to{};
    /// Rises with each signal of a sender; a receiver knows by it which it has had.
    std::optional<std::uint64_t> seq{};
    Data data{};

    static constexpr std::string_view verb = "signal";
    static void fields(auto& m, auto& v) {
        v("to", m.to);
        v("seq", m.seq);
        v.required("data", m.data);
    }
    bool operator==(const Signal&) const = default;
};

/// `invitation/{id}/hangup`; `all`: the inviter ends the call for everyone
struct Hangup {
    InvitationId id;
    std::optional<Data> data{};
    std::string reason = "hangup";
    bool all = false;

    static constexpr std::string_view verb = "hangup";
    static void fields(auto& m, auto& v) {
        v("data", m.data);
        v.defaulted("reason", m.reason);
        v.defaulted("all", m.all);
    }
    bool operator==(const Hangup&) const = default;
};

/// `invitation/{id}/resume`; the sender's device takes its user's part in the call over
struct Resume {
    InvitationId id;

    static constexpr std::string_view verb = "resume";
    static void fields(auto& /*m*/, auto& /*v*/) {}
    bool operator==(const Resume&) const = default;
};

/// `user/{me}/sync`; `after` is the `next` of the page before, opaque to clients
struct Sync {
    std::optional<std::string> after{};

    static constexpr std::string_view verb = "sync";
    static void fields(auto& m, auto& v) { v("after", m.after); }
    bool operator==(const Sync&) const = default;
};

/// `user/{peer}/message`, `group/{group}/message`
struct Message {
    std::variant<UserId, GroupId> to;
    Data data{};
    std::optional<MessageId> id{};
    bool online_only = false;

    static constexpr std::string_view verb = "message";
    static void fields(auto& m, auto& v) {
        v.required("data", m.data);
        v("id", m.id);
        v.defaulted("online_only", m.online_only);
    }
    bool operator==(const Message&) const = default;
};

/// `group/{group}/create`
struct CreateGroup {
    GroupId group;
    std::optional<std::string> name{};
    JoinMode join_mode = JoinMode::free;
    std::vector<UserId> members{};
    std::optional<Profile> profile{};

    static constexpr std::string_view verb = "create";
    static void fields(auto& m, auto& v) {
        v("name", m.name);
        v.defaulted("join_mode", m.join_mode);
        v.defaulted("members", m.members);
        v("profile", m.profile);
    }
    bool operator==(const CreateGroup&) const = default;
};

/// `group/{group}/join`
struct JoinGroup {
    GroupId group;

    static constexpr std::string_view verb = "join";
    static void fields(auto& /*m*/, auto& /*v*/) {}
    bool operator==(const JoinGroup&) const = default;
};

/// `group/{group}/quit`
struct QuitGroup {
    GroupId group;

    static constexpr std::string_view verb = "quit";
    static void fields(auto& /*m*/, auto& /*v*/) {}
    bool operator==(const QuitGroup&) const = default;
};

/// `group/{group}/dismiss`
struct DismissGroup {
    GroupId group;

    static constexpr std::string_view verb = "dismiss";
    static void fields(auto& /*m*/, auto& /*v*/) {}
    bool operator==(const DismissGroup&) const = default;
};

/// `group/{group}/get`; `after` is the `next` of the page before, opaque to clients
struct GetGroup {
    GroupId group;
    std::optional<std::string> after{};

    static constexpr std::string_view verb = Get::verb;
    static void fields(auto& m, auto& v) { v("after", m.after); }
    bool operator==(const GetGroup&) const = default;
};

/// `group/{group}/update`; what is absent stays, a profile is replaced whole
struct UpdateGroup {
    GroupId group;
    std::optional<std::string> name{};
    std::optional<JoinMode> join_mode{};
    std::optional<Profile> profile{};

    static constexpr std::string_view verb = "update";
    static void fields(auto& m, auto& v) {
        v("name", m.name);
        v("join_mode", m.join_mode);
        v("profile", m.profile);
    }
    bool operator==(const UpdateGroup&) const = default;
};

/// `group/{group}/add`
struct AddMembers {
    GroupId group;
    std::vector<UserId> members{};

    static constexpr std::string_view verb = Add::verb;
    static void fields(auto& m, auto& v) { v.required("members", m.members); }
    bool operator==(const AddMembers&) const = default;
};

/// `group/{group}/remove`
struct RemoveMembers {
    GroupId group;
    std::vector<UserId> members{};
    std::optional<std::string> reason{};

    static constexpr std::string_view verb = "remove";
    static void fields(auto& m, auto& v) {
        v.required("members", m.members);
        v("reason", m.reason);
    }
    bool operator==(const RemoveMembers&) const = default;
};

/// `group/{group}/role`
struct SetRank {
    GroupId group;
    UserId user{};
    Rank role = Rank::member;

    static constexpr std::string_view verb = "role";
    static void fields(auto& m, auto& v) {
        v.required("user", m.user);
        v.required("role", m.role);
    }
    bool operator==(const SetRank&) const = default;
};

/// `group/{group}/transfer`
struct TransferGroup {
    GroupId group;
    UserId user{};

    static constexpr std::string_view verb = "transfer";
    static void fields(auto& m, auto& v) { v.required("user", m.user); }
    bool operator==(const TransferGroup&) const = default;
};

/// `user/{me}/groups`; `after` is the `next` of the page before, opaque to clients
struct ListGroups {
    std::optional<std::string> after{};

    static constexpr std::string_view verb = "groups";
    static void fields(auto& m, auto& v) { v("after", m.after); }
    bool operator==(const ListGroups&) const = default;
};

/// `user/{me}/history`; `before` is the `next` of the page before, opaque to clients
struct ListHistory {
    std::optional<std::int64_t> limit{};
    std::optional<std::string> before{};

    static constexpr std::string_view verb = "history";
    static void fields(auto& m, auto& v) {
        v("limit", m.limit);
        v("before", m.before);
    }
    bool operator==(const ListHistory&) const = default;
};
inline constexpr std::int64_t default_history_page = 50;
/// Who asks for more gets so many, and where to go on.
inline constexpr std::int64_t most_history_page = 200;

using RequestBody = std::variant<Invite, GroupInvite, Accept, Reject, Cancel, Modify, Ringing, Add,
                                 Get, Signal, Hangup, Resume, Sync, Message, CreateGroup, JoinGroup,
                                 QuitGroup, DismissGroup, GetGroup, UpdateGroup, AddMembers,
                                 RemoveMembers, SetRank, TransferGroup, ListGroups, ListHistory>;

struct Request {
    std::optional<Req> req{};
    RequestBody body;
    bool operator==(const Request&) const = default;
};

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
        v.required("state", m.state);
        v.required("ringing", m.ringing);
        v("device", m.device);
        v("data", m.data);
        v("reason", m.reason);
    }
    bool operator==(const InviteeInfo&) const = default;
};

/// A call that lives, or lived: then nobody takes part and `reason` says why.
struct CallInfo {
    std::vector<UserId> participants{};
    Duration duration{};
    std::optional<std::string> reason{};

    static void fields(auto& m, auto& v) {
        v.required("participants", m.participants);
        v.required("duration_ms", m.duration);
        v("reason", m.reason);
    }
    bool operator==(const CallInfo&) const = default;
};

struct InvitationInfo {
    InvitationId id;
    UserId inviter;
    std::optional<GroupId> group{};
    std::optional<Data> data{};
    bool call = false;
    Answer answer = Answer::all;
    bool online_only = false;
    Visibility visibility = Visibility::invitees;
    Rev rev = 1;
    Openness state = Openness::open;
    Role role = Role::invitee;
    std::optional<Duration> remaining{};
    std::vector<InviteeInfo> invitees{};
    /// Absent until somebody accepts.
    std::optional<CallInfo> call_state{};

    static void fields(auto& m, auto& v) {
        v.required("id", m.id);
        v.required("inviter", m.inviter);
        v("group", m.group);
        v("data", m.data);
        v.required("call", m.call);
        v.required("answer", m.answer);
        v.required("online_only", m.online_only);
        v.required("visibility", m.visibility);
        v.required("rev", m.rev);
        v.required("state", m.state);
        v.required("role", m.role);
        v("remaining_ms", m.remaining);
        v.required("invitees", m.invitees);
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
        v.required("reason", m.reason);
        v.required("role", m.role);
        v.required("missed", m.missed);
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

struct Invited {
    bool dup = false;
    InvitationId id;
    Rev rev = 1;
    std::optional<Openness> state{};  ///< with `dup` only
    std::optional<Duration> remaining{};
    std::optional<std::vector<Skipped>> skipped{};

    static void fields(auto& m, auto& v) {
        v.flag("dup", m.dup);
        v.required("id", m.id);
        v.required("rev", m.rev);
        v("state", m.state);
        v("remaining_ms", m.remaining);
        v("skipped", m.skipped);
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

/// Ok to accept, reject, modify, ringing, signal, hangup and resume.
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

    static void fields(auto& m, auto& v) {
        v.flag("dup", m.dup);
        v.required("rev", m.rev);
        v.required("cancelled", m.cancelled);
        v.required("already", m.already);
    }
    bool operator==(const Cancelled&) const = default;
};

struct Got {
    InvitationInfo invitation;

    static void fields(auto& m, auto& v) { v.required("invitation", m.invitation); }
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

    static void fields(auto& m, auto& v) { v.required("skipped", m.skipped); }
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

/// Not done, and nothing changed (contract, section 5).
struct Refusal {
    Error error = Error::internal;
    std::string message{info(Error::internal).message};
    std::optional<std::string> field{};
    std::optional<std::int64_t> limit{};
    std::optional<UserId> by{};
    std::optional<DeviceTag> by_device{};
    std::optional<Rev> rev{};

    static void fields(auto& m, auto& v) {
        v.required("error", m.error);
        v.code_of("code", m.error);
        v.required("message", m.message);
        v("field", m.field);
        v("limit", m.limit);
        v("by", m.by);
        v("by_device", m.by_device);
        v("rev", m.rev);
    }
    bool operator==(const Refusal&) const = default;
};

using ReplyBody = std::variant<Refusal, Invited, Merged, Done, Cancelled, Got, Synced, Sent,
                               GroupDone, MembersDone, GotGroup, GroupsListed, HistoryListed>;

/// The answer to one request; `re` is its verb, `device` the asker's own tag.
struct Reply {
    std::string re;
    DeviceTag device;
    std::optional<Req> req{};
    ReplyBody body;

    [[nodiscard]] bool ok() const { return !std::holds_alternative<Refusal>(body); }
    bool operator==(const Reply&) const = default;
};

// -------------------------------------------------------------------- events

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

    static constexpr std::string_view event = "new_invitation";
    static void fields(auto& m, auto& v) {
        v.required("inviter", m.inviter);
        v("group", m.group);
        v.required("invitees", m.invitees);
        v("data", m.data);
        v("remaining_ms", m.remaining);
        v.required("call", m.call);
        v.required("answer", m.answer);
        v.required("visibility", m.visibility);
        v.required("online_only", m.online_only);
        v.required("role", m.role);
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

    static constexpr std::string_view event = Signal::verb;
    static void fields(auto& m, auto& v) {
        v.required("from", m.from);
        v("seq", m.seq);
        v.required("data", m.data);
    }
    bool operator==(const SignalEvent&) const = default;
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

using EventBody =
    std::variant<NewInvitation, InviteeAccepted, InviteeRejected, InvitationCancelled,
                 InvitationTimeout, InvitationModified, InvitationRevoked, InviteeRinging,
                 SignalEvent, ParticipantLeft, ParticipantMoved, CallEnded>;

/// Whether it raises `rev` (contract, section 3): so do those of an invitation but `ringing`, and
/// none of its call.
template <class Body>
inline constexpr bool raises_rev =
    !(std::same_as<Body, InviteeRinging> || std::same_as<Body, SignalEvent> ||
      std::same_as<Body, ParticipantLeft> || std::same_as<Body, ParticipantMoved> ||
      std::same_as<Body, CallEnded>);

/// What the broker tells of an invitation; `by` and `by_device` say who acted, absent when the
/// clock did.
struct Event {
    InvitationId id;
    Rev rev = 1;
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

using GroupEventBody =
    std::variant<GroupCreated, MemberEntered, MemberInvited, MemberRemoved, MemberLeft, RoleChanged,
                 OwnerChanged, GroupUpdated, GroupDismissed>;

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
using AnyEvent = std::variant<Event, GroupEvent, MessageEvent>;

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

/// The word in a request's topic.
inline std::string_view verb_of(const Request& request) {
    return std::visit([](const auto& body) { return body.verb; }, request.body);
}

}  // namespace beckon
