// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <beckon/vocabulary.hpp>
#include <cstdint>
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
///   v.defaulted("name", value)    keeps its value when absent, is always written.
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

/// Counts the events of an invitation, from 1 (contract, section 3).
using Rev = std::uint32_t;

/// Where the invitation stands: open while anyone is pending. Computed, never stored.
enum class Openness : std::uint8_t { open, ended };
enum class OnInviterLost : std::uint8_t { cancel, keep };
/// Why pending invitees were cancelled (those of calls and groups, by later brokers).
enum class CancelReason : std::uint8_t {
    cancelled,
    answered,
    call_ended,
    expired,
    inviter_lost,
    left_group,
    group_dismissed,
};

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

/// `user/{me}/sync`; `after` is the `next` of the page before, opaque to clients
struct Sync {
    std::optional<std::string> after{};

    static constexpr std::string_view verb = "sync";
    static void fields(auto& m, auto& v) { v("after", m.after); }
    bool operator==(const Sync&) const = default;
};

using RequestBody = std::variant<Invite, Accept, Reject, Cancel, Modify, Ringing, Add, Get, Sync>;

struct Request {
    std::optional<Req> req{};
    RequestBody body;
    bool operator==(const Request&) const = default;
};

// ------------------------------------------------------- state, as told (§6)

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

struct InvitationInfo {
    InvitationId id;
    UserId inviter;
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

    static void fields(auto& m, auto& v) {
        v.required("id", m.id);
        v.required("inviter", m.inviter);
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
    }
    bool operator==(const InvitationInfo&) const = default;
};

// ------------------------------------------------------------------- replies

/// Somebody who was named but not invited, and why.
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

/// Ok to accept, reject, modify and ringing.
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

using ReplyBody = std::variant<Refusal, Invited, Done, Cancelled, Got, Synced>;

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
    std::vector<UserId> invitees{};
    std::optional<Data> data{};
    std::optional<Duration> remaining{};
    bool call = false;
    Answer answer = Answer::all;
    Visibility visibility = Visibility::invitees;
    bool online_only = false;
    Role role = Role::invitee;

    static constexpr std::string_view name = "new_invitation";
    static void fields(auto& m, auto& v) {
        v.required("inviter", m.inviter);
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

    static constexpr std::string_view name = "invitee_accepted";
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

    static constexpr std::string_view name = "invitee_rejected";
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

    static constexpr std::string_view name = "invitation_cancelled";
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

    static constexpr std::string_view name = "invitation_timeout";
    static void fields(auto& m, auto& v) { v.required("invitees", m.invitees); }
    bool operator==(const InvitationTimeout&) const = default;
};

struct InvitationModified {
    std::optional<Data> data{};
    std::optional<std::vector<UserId>> invitees{};

    static constexpr std::string_view name = "invitation_modified";
    static void fields(auto& m, auto& v) {
        v("data", m.data);
        v("invitees", m.invitees);
    }
    bool operator==(const InvitationModified&) const = default;
};

struct InviteeRinging {
    UserId invitee;

    static constexpr std::string_view name = "invitee_ringing";
    static void fields(auto& m, auto& v) { v.required("invitee", m.invitee); }
    bool operator==(const InviteeRinging&) const = default;
};

using EventBody = std::variant<NewInvitation, InviteeAccepted, InviteeRejected, InvitationCancelled,
                               InvitationTimeout, InvitationModified, InviteeRinging>;

/// What the broker tells users; `by` and `by_device` say who acted, absent when the clock did.
struct Event {
    InvitationId id;
    Rev rev = 1;
    std::optional<UserId> by{};
    std::optional<DeviceTag> by_device{};
    EventBody body;
    bool operator==(const Event&) const = default;
};

/// The word in `event`.
inline std::string_view name_of(const Event& event) {
    return std::visit([](const auto& body) { return body.name; }, event.body);
}

/// The word in a request's topic.
inline std::string_view verb_of(const Request& request) {
    return std::visit([](const auto& body) { return body.verb; }, request.body);
}

}  // namespace beckon
