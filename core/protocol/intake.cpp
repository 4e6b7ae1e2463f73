// SPDX-License-Identifier: Apache-2.0
#include "protocol/intake.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "protocol/refusals.hpp"
#include "protocol/wire.hpp"

namespace beckon {

namespace {

/// A request's topic: `kind/subject/verb[/me]`; an operator's has no subject.
struct TopicRow {
    std::string_view kind;
    std::string_view verb;
    /// What the contract calls the subject; named in a refusal.
    std::string_view placeholder;
    /// The body to fill, holding the subject; nothing when that is no id.
    std::optional<RequestBody> (*start)(std::string_view subject);
    /// Whom else than the sender it may be about.
    bool operators_ask_of_others = false;
};

template <class Body>
std::optional<RequestBody> about_invitation(std::string_view subject) {
    auto id = InvitationId::parse(subject);
    return id ? std::optional<RequestBody>(Body{.id = *id}) : std::nullopt;
}
std::optional<RequestBody> about_invitee(std::string_view subject) {
    auto user = UserId::parse(subject);
    return user ? std::optional<RequestBody>(Invite{.invitee = *user}) : std::nullopt;
}
template <class Body>
std::optional<RequestBody> about_me(std::string_view subject) {
    return is_id(subject) ? std::optional<RequestBody>(Body{}) : std::nullopt;
}
template <class Body>
std::optional<RequestBody> about_user(std::string_view subject) {
    auto user = UserId::parse(subject);
    return user ? std::optional<RequestBody>(Body{.of = *user}) : std::nullopt;
}
template <class Body>
std::optional<RequestBody> about_all(std::string_view /*subject*/) {
    return Body{};
}
template <class Body>
std::optional<RequestBody> about_group(std::string_view subject) {
    auto group = GroupId::parse(subject);
    return group ? std::optional<RequestBody>(Body{.group = *group}) : std::nullopt;
}
template <class To>
std::optional<RequestBody> message_to(std::string_view subject) {
    auto to = To::parse(subject);
    return to ? std::optional<RequestBody>(Message{.to = std::move(*to)}) : std::nullopt;
}

constexpr std::array topic_table{
    TopicRow{"user", Invite::verb, "invitee", about_invitee},
    TopicRow{"user", Message::verb, "peer", message_to<UserId>},
    TopicRow{"user", Sync::verb, "me", about_user<Sync>, true},
    TopicRow{"user", ListGroups::verb, "me", about_user<ListGroups>, true},
    TopicRow{"user", ListHistory::verb, "me", about_user<ListHistory>, true},
    TopicRow{"user", Here::verb, "me", about_me<Here>},
    TopicRow{"invitation", Accept::verb, "id", about_invitation<Accept>},
    TopicRow{"invitation", Reject::verb, "id", about_invitation<Reject>},
    TopicRow{"invitation", Cancel::verb, "id", about_invitation<Cancel>},
    TopicRow{"invitation", Modify::verb, "id", about_invitation<Modify>},
    TopicRow{"invitation", Ringing::verb, "id", about_invitation<Ringing>},
    TopicRow{"invitation", Add::verb, "id", about_invitation<Add>},
    TopicRow{"invitation", Get::verb, "id", about_invitation<Get>},
    TopicRow{"invitation", Signal::verb, "id", about_invitation<Signal>},
    TopicRow{"invitation", Join::verb, "id", about_invitation<Join>},
    TopicRow{"invitation", Hangup::verb, "id", about_invitation<Hangup>},
    TopicRow{"invitation", Resume::verb, "id", about_invitation<Resume>},
    TopicRow{"group", GroupInvite::verb, "group", about_group<GroupInvite>},
    TopicRow{"group", Message::verb, "group", message_to<GroupId>},
    TopicRow{"group", CreateGroup::verb, "group", about_group<CreateGroup>},
    TopicRow{"group", JoinGroup::verb, "group", about_group<JoinGroup>},
    TopicRow{"group", QuitGroup::verb, "group", about_group<QuitGroup>},
    TopicRow{"group", DismissGroup::verb, "group", about_group<DismissGroup>},
    TopicRow{"group", GetGroup::verb, "group", about_group<GetGroup>},
    TopicRow{"group", UpdateGroup::verb, "group", about_group<UpdateGroup>},
    TopicRow{"group", AddMembers::verb, "group", about_group<AddMembers>},
    TopicRow{"group", RemoveMembers::verb, "group", about_group<RemoveMembers>},
    TopicRow{"group", SetRank::verb, "group", about_group<SetRank>},
    TopicRow{"group", TransferGroup::verb, "group", about_group<TransferGroup>},
    TopicRow{"operator", ListOnline::verb, "", about_all<ListOnline>},
    TopicRow{"operator", ListOpen::verb, "", about_all<ListOpen>},
};

/// The levels of a topic, by what they are.
struct TopicLevels {
    std::string_view kind;
    std::string_view subject{};
    /// Empty: there are not so many levels.
    std::string_view verb{};
    std::optional<std::string_view> me{};
    bool too_many = false;
};

/// Takes the first level off what is left of a topic; nothing: none is left.
std::optional<std::string_view> take_level(std::optional<std::string_view>& rest) {
    const auto level = rest;
    if (rest) {
        const auto slash = rest->find('/');
        if (slash == std::string_view::npos) {
            rest.reset();
            return level;
        }
        rest->remove_prefix(slash + 1);
        return level->substr(0, slash);
    }
    return level;
}

TopicLevels read_levels(std::string_view topic) {
    std::optional rest(topic);
    TopicLevels read{.kind = *take_level(rest)};
    const auto subject = read.kind == "operator" ? std::nullopt : take_level(rest);
    if (const auto verb = take_level(rest)) {
        read.subject = subject.value_or("");
        read.verb = *verb;
    }
    read.me = take_level(rest);
    read.too_many = rest.has_value();
    return read;
}

Refusal invalid(std::string_view field, std::string_view why) {
    return refuse_field(Error::invalid_request, field, why);
}

/// Who says nothing of a timeout is not refused for the one that the contract gives.
void lower_default_timeout(RequestBody& body, const Limits& limits) {
    std::visit(
        [&limits](auto& held) {
            if constexpr (requires { held.timeout; }) {
                held.timeout = std::min(held.timeout, Duration(limits.max_timeout_ms));
            }
        },
        body);
}

/// Who asks of themselves names nobody.
void leave_out_self(RequestBody& body, const UserId& self) {
    std::visit(
        [&self](auto& held) {
            if constexpr (requires { held.of; }) {
                if (held.of == self) {
                    held.of.reset();
                }
            }
        },
        body);
}

std::optional<Refusal> check_timeout(Duration timeout, const Limits& limits) {
    if (timeout.count() < 0 || timeout.count() > limits.max_timeout_ms) {
        return invalid("timeout_ms", "is not from 0 to " + std::to_string(limits.max_timeout_ms));
    }
    return std::nullopt;
}

std::optional<Refusal> check_named(const std::optional<std::vector<UserId>>& named,
                                   std::string_view field) {
    return named && named->empty() ? std::optional(invalid(field, "names nobody")) : std::nullopt;
}
std::optional<Refusal> check_reason(const std::optional<std::string>& reason) {
    return reason && reason->empty() ? std::optional(invalid("reason", "is empty")) : std::nullopt;
}
std::optional<Refusal> check_profile(const std::optional<Profile>& profile) {
    if (profile && profile->size() > max_profile_texts) {
        return refuse_size("profile", max_profile_texts);
    }
    return std::nullopt;
}

// What the values may be, beyond their types.
std::optional<Refusal> check(const Invite& invite, const Limits& limits) {
    if (auto refusal = check_timeout(invite.timeout, limits)) {
        return refusal;
    }
    if (invite.visibility == Visibility::members) {
        return invalid("visibility", "members is for groups");
    }
    return std::nullopt;
}
std::optional<Refusal> check(const GroupInvite& invite, const Limits& limits) {
    if (auto refusal = check_named(invite.invitees, "invitees")) {
        return refusal;
    }
    return check_timeout(invite.timeout, limits);
}
std::optional<Refusal> check(const Add& add, const Limits& limits) {
    if (auto refusal = check_named(add.invitees, "invitees")) {
        return refusal;
    }
    return check_timeout(add.timeout, limits);
}
std::optional<Refusal> check(const Reject& reject, const Limits& /*limits*/) {
    return check_reason(reject.reason);
}
std::optional<Refusal> check(const Hangup& hangup, const Limits& /*limits*/) {
    return check_reason(hangup.reason);
}
std::optional<Refusal> check(const Cancel& cancel, const Limits& /*limits*/) {
    return check_named(cancel.invitees, "invitees");
}
std::optional<Refusal> check(const CreateGroup& create, const Limits& /*limits*/) {
    return check_profile(create.profile);
}
std::optional<Refusal> check(const UpdateGroup& update, const Limits& /*limits*/) {
    return check_profile(update.profile);
}
std::optional<Refusal> check(const AddMembers& add, const Limits& /*limits*/) {
    return check_named(add.members, "members");
}
std::optional<Refusal> check(const RemoveMembers& remove, const Limits& /*limits*/) {
    if (auto refusal = check_named(remove.members, "members")) {
        return refusal;
    }
    return check_reason(remove.reason);
}
std::optional<Refusal> check(const SetRank& set, const Limits& /*limits*/) {
    return set.role == Rank::owner ? std::optional(invalid("role", "owner is for transfer"))
                                   : std::nullopt;
}
std::optional<Refusal> check_limit(const std::optional<std::int64_t>& limit) {
    return limit && *limit < 1 ? std::optional(invalid("limit", "is below 1")) : std::nullopt;
}
std::optional<Refusal> check(const ListHistory& list, const Limits& /*limits*/) {
    return check_limit(list.limit);
}
std::optional<Refusal> check(const auto& body, const Limits& /*limits*/) {
    if constexpr (requires { body.page; }) {
        return check_limit(body.page.limit);
    }
    return std::nullopt;
}

std::optional<Refusal> check(const Here& here, const Limits& /*limits*/) {
    if (here.run.empty() || here.run.size() > most_run_bytes) {
        return invalid("run", "is not 1 to " + std::to_string(most_run_bytes) + " bytes");
    }
    if (here.again && here.again->count() < 1) {
        return invalid("again_ms", "is below 1");
    }
    return std::nullopt;
}
std::optional<Refusal> check_device(const std::optional<std::string>& device) {
    return device && !is_id(*device) ? std::optional(invalid("device", "is no id")) : std::nullopt;
}

bool has_upper_case(std::string_view name) {
    return std::any_of(name.begin(), name.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

/// Finds the first field with a user's name that is not in lower case: visits what `fields` lists.
class NamesInUpperCase {
  public:
    std::optional<std::string_view> field{};

    void operator()(std::string_view name, const auto& value) { look(name, value); }
    void required(std::string_view name, const auto& value) { look(name, value); }
    void defaulted(std::string_view name, const auto& value) { look(name, value); }
    void unless(std::string_view name, const auto& value, const auto& /*left_out*/) {
        look(name, value);
    }
    void flag(std::string_view /*name*/, bool /*value*/) {}
    void one_of(std::string_view /*a*/, std::string_view /*b*/, const auto& /*value*/) {}
    void look(std::string_view name, const UserId& user) {
        if (!field && has_upper_case(user.text())) {
            field = name;
        }
    }

  private:
    template <class T>
    void look(std::string_view name, const std::optional<T>& value) {
        if (value) {
            look(name, *value);
        }
    }
    void look(std::string_view name, const std::vector<UserId>& users) {
        for (const auto& user : users) {
            look(name, user);
        }
    }
    void look(std::string_view /*name*/, const auto& /*no name*/) {}
};

/// Of the names in it, that in the topic included.
std::optional<Refusal> check_case(RequestBody& body, const TopicLevels& levels) {
    NamesInUpperCase names;
    if (levels.kind == "user" && has_upper_case(levels.subject)) {
        names.field = levels.verb == Message::verb ? "peer" : "invitee";
    }
    std::visit([&names](auto& held) { held.fields(held, names); }, body);
    return names.field ? std::optional(invalid(*names.field, "is not in lower case"))
                       : std::nullopt;
}

/// About oneself; operators about all, and about others where the row says so.
bool may_ask(const Sender& sender, const TopicRow& row, std::string_view subject) {
    if (row.kind == "operator") {
        return sender.is_operator;
    }
    const bool is_own = row.placeholder != "me" || subject == sender.user.text();
    return is_own || (sender.is_operator && row.operators_ask_of_others);
}

}  // namespace

Reply refuse_untaken(const Sender& sender, const RawRequest& raw, Refusal refusal) {
    const auto levels = read_levels(raw.topic);
    return {.re = is_id(levels.verb) ? std::string(levels.verb) : "unknown",
            .device = sender.device,
            .req = find_req(raw.payload),
            .body = std::move(refusal)};
}

std::optional<UserId> sender_in(std::string_view topic) {
    const auto levels = read_levels(topic);
    return levels.me && !levels.too_many ? UserId::parse(*levels.me) : std::nullopt;
}

std::variant<Request, Reply> take_in(const Sender& sender, const RawRequest& raw,
                                     const Limits& limits) {
    Sender same = sender;
    return take_in(same, raw, limits, {});
}

std::variant<Request, Reply> take_in(Sender& sender, const RawRequest& raw, const Limits& limits,
                                     const Intake& intake) {
    const auto levels = read_levels(raw.topic);
    const auto refused_early = [&](Refusal refusal) {
        return refuse_untaken(sender, raw, std::move(refusal));
    };

    const auto row = std::find_if(topic_table.begin(), topic_table.end(), [&](const auto& r) {
        return r.kind == levels.kind && r.verb == levels.verb;
    });
    if (row == topic_table.end() || levels.too_many) {
        return refused_early(refuse(Error::unknown_request));
    }
    auto body = row->start(levels.subject);
    if (!body) {
        return refused_early(invalid(row->placeholder, "is no id"));
    }
    if (levels.me && !is_id(*levels.me)) {
        return refused_early(invalid("me", "is no id"));
    }
    if (levels.me &&
        (*levels.me != sender.user.text() || (intake.folds_case && has_upper_case(*levels.me)))) {
        return refused_early(refuse(Error::wrong_sender));
    }
    if (!may_ask(sender, *row, levels.subject)) {
        auto refusal = refuse(Error::wrong_sender);
        if (row->kind == "operator") {
            refusal.message = "only operators may ask this";
        }
        return refused_early(std::move(refusal));
    }
    if (raw.retain) {
        return refused_early(invalid("retain", "must not be set on a request"));
    }

    leave_out_self(*body, sender.user);
    lower_default_timeout(*body, limits);
    Decoded decoded = decode_request(raw.payload, limits, *body, intake.tag_of != nullptr);
    if (!decoded.refusal) {
        decoded.refusal = check_device(decoded.device);
    }
    if (decoded.device && is_id(*decoded.device)) {
        sender.device = intake.tag_of(sender.user, *decoded.device);
    }
    if (!decoded.refusal) {
        decoded.refusal = std::visit([&](const auto& held) { return check(held, limits); }, *body);
    }
    if (!decoded.refusal && intake.folds_case) {
        decoded.refusal = check_case(*body, levels);
    }
    if (decoded.refusal) {
        return Reply{.re = std::string(row->verb),
                     .device = sender.device,
                     .req = std::move(decoded.req),
                     .body = std::move(*decoded.refusal)};
    }
    return Request{.req = std::move(decoded.req), .body = std::move(*body)};
}

}  // namespace beckon
