// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <concepts>
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

/// What clients ask (contract, sections 4, 6 and 7).
///
/// Each type lists its wire fields once in `fields`, in wire order; both codecs (wire.hpp) read and
/// write by that list. In a list
///   v("name", optional)           may be absent (never null);
///   v.required("name", value)     must be there;
///   v.defaulted("name", value)    keeps its value when absent, is always written;
///   v.unless("name", value, one)  is absent when it is `one`;
///   v.one_of("a", "b", variant)   is one of the two, by the name of what it is.
namespace beckon {

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
    /// What this inviter has pending by the same topic ends with it.
    bool replace = false;

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
        v.flag("replace", m.replace);
    }
    bool operator==(const Invite&) const = default;
};

/// All whom it asks, each once.
inline std::vector<UserId> invitees_of(const Invite& invite) {
    std::vector<UserId> all{invite.invitee};
    if (invite.also.empty()) {
        return all;
    }
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
    bool replace = false;

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
        v.flag("replace", m.replace);
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

/// How much of a list is asked for: `after` is the `next` of the page before, opaque to clients,
/// and `limit` at most what the contract gives (section 3).
struct Page {
    std::optional<std::string> after{};
    std::optional<std::int64_t> limit{};

    static void fields(auto& m, auto& v) {
        v("after", m.after);
        v("limit", m.limit);
    }
    bool operator==(const Page&) const = default;
};
/// So many entries are on one page, unless less is asked for.
inline constexpr std::int64_t page_invitations = 100;
inline constexpr std::int64_t page_invitees = 100;
inline constexpr std::int64_t page_groups = 100;
inline constexpr std::int64_t page_members = 500;
inline constexpr std::int64_t page_online = 500;

/// `invitation/{id}/get`; pages are of its invitees
struct Get {
    InvitationId id;
    Page page{};

    static constexpr std::string_view verb = "get";
    static void fields(auto& m, auto& v) { Page::fields(m.page, v); }
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

/// `invitation/{id}/join`; into the call, again or at last
struct Join {
    InvitationId id;
    std::optional<Data> data{};

    static constexpr std::string_view verb = "join";
    static void fields(auto& m, auto& v) { v("data", m.data); }
    bool operator==(const Join&) const = default;
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

/// `user/{me}/sync`; `of`: another user's, whom an operator asks about
struct Sync {
    Page page{};
    std::optional<UserId> of{};

    static constexpr std::string_view verb = "sync";
    static void fields(auto& m, auto& v) { Page::fields(m.page, v); }
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

    static constexpr std::string_view verb = Join::verb;
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

/// `group/{group}/get`; pages are of its members
struct GetGroup {
    GroupId group;
    Page page{};

    static constexpr std::string_view verb = Get::verb;
    static void fields(auto& m, auto& v) { Page::fields(m.page, v); }
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

/// `user/{me}/groups`; `of` as in `sync`
struct ListGroups {
    Page page{};
    std::optional<UserId> of{};

    static constexpr std::string_view verb = "groups";
    static void fields(auto& m, auto& v) { Page::fields(m.page, v); }
    bool operator==(const ListGroups&) const = default;
};

/// `user/{me}/history`; `before` is the `next` of the page before, opaque to clients; `of` as in
/// `sync`
struct ListHistory {
    std::optional<std::int64_t> limit{};
    std::optional<std::string> before{};
    std::optional<UserId> of{};

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

/// `user/{me}/here`: this device has subscribed, on the connection `run`; `gone`: it is there no
/// more. A host that sees connections needs none of it.
struct Here {
    std::string run;
    bool gone = false;
    /// Silent for so long, it is gone.
    std::optional<Duration> again{};

    static constexpr std::string_view verb = "here";
    static void fields(auto& m, auto& v) {
        v.required("run", m.run);
        v.flag("gone", m.gone);
        v("again_ms", m.again);
    }
    bool operator==(const Here&) const = default;
};
inline constexpr std::size_t most_run_bytes = 128;
inline constexpr Duration default_again{600'000};
inline constexpr Duration most_again{3'600'000};
/// How long the device counts as there that says this and nothing more.
inline Duration again_of(const Here& here) {
    return std::min(here.again.value_or(default_again), most_again);
}

/// `operator/online`: who has a device online, by name
struct ListOnline {
    Page page{};

    static constexpr std::string_view verb = "online";
    static void fields(auto& m, auto& v) { Page::fields(m.page, v); }
    bool operator==(const ListOnline&) const = default;
};

/// `operator/open`: what is open, oldest first
struct ListOpen {
    Page page{};

    static constexpr std::string_view verb = "open";
    static void fields(auto& m, auto& v) { Page::fields(m.page, v); }
    bool operator==(const ListOpen&) const = default;
};

using RequestBodies =
    std::variant<Invite, GroupInvite, Accept, Reject, Cancel, Modify, Ringing, Add, Get, Signal,
                 Join, Hangup, Resume, Sync, Message, CreateGroup, JoinGroup, QuitGroup,
                 DismissGroup, GetGroup, UpdateGroup, AddMembers, RemoveMembers, SetRank,
                 TransferGroup, ListGroups, ListHistory, Here, ListOnline, ListOpen>;
extern template class CompiledOnce<RequestBodies>;
using RequestBody = CompiledOnce<RequestBodies>;

struct Request {
    std::optional<Req> req{};
    /// The device's own name for itself; hosts that see connections need none.
    std::optional<std::string> device{};
    RequestBody body;
    bool operator==(const Request&) const = default;
};

/// Whether any request has this verb.
inline bool is_verb(std::string_view word) {
    return []<class... Bodies>(std::string_view one, const std::variant<Bodies...>* /*all*/) {
        return ((Bodies::verb == one) || ...);
    }(word, static_cast<const RequestBody*>(nullptr));
}

inline std::string_view verb_of(const Request& request) {
    return std::visit([](const auto& body) { return body.verb; }, request.body);
}

}  // namespace beckon
