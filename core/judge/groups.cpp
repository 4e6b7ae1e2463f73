// SPDX-License-Identifier: Apache-2.0
#include "groups.hpp"

#include <algorithm>
#include <utility>

#include "group_rules.hpp"
#include "page_room.hpp"
#include "protocol/refusals.hpp"

namespace beckon {

namespace {

/// Of a group that changes: before it does, with those who come into it.
std::vector<UserId> hearers(GroupHears who, const Group& group, const UserId& sender,
                            std::vector<UserId> entering = {}) {
    std::vector<UserId> to;
    if (who == GroupHears::nobody || who == GroupHears::whom_it_invites) {
        return to;
    }
    to.reserve(group.members.size() + entering.size());
    for (const auto& [member, rank] : group.members) {
        if (who == GroupHears::members || *member->id != sender) {
            to.push_back(*member->id);
        }
    }
    std::sort(entering.begin(), entering.end());
    const auto middle = to.insert(to.end(), entering.begin(), entering.end());
    std::inplace_merge(to.begin(), middle, to.end());
    return to;
}
template <class Verb>
std::vector<UserId> hearers(const Sender& sender, const Group& group, const Verb& /*asked*/,
                            std::vector<UserId> entering = {}) {
    return hearers(group_rule_of(Verb::verb).heard_by, group, sender.user, std::move(entering));
}

void tell(const Sender& by, std::vector<UserId> to, const Group& group, GroupEventBody body,
          Effects& events) {
    events.emplace_back(Delivery{
        .to = std::move(to),
        .event = GroupEvent{
            .group = group.id, .by = by.user, .by_device = by.device, .body = std::move(body)}});
}
/// What the row of this verb announces.
template <class Verb, class Body>
void tell(const Sender& by, std::vector<UserId> to, const Group& group, const Verb& /*asked*/,
          Body body, Effects& events) {
    static_assert(group_rule_of(Verb::verb).announces == Body::event);
    tell(by, std::move(to), group, GroupEventBody(std::move(body)), events);
}

}  // namespace

template <NamesGroup Verb>
ReplyBody Groups::judge(const Sender& sender, const Verb& asked, Effects& events) {
    static constexpr const GroupRule& rule = group_rule_of(Verb::verb);
    Group* group = shared_.records.find(asked.group);
    if (group == nullptr) {
        return refuse(Error::unknown_group);
    }
    const auto rank = group->rank_of(sender.user);
    const bool looks = std::same_as<Verb, GetGroup> && sender.is_operator;
    if (const auto error = refusal_of(rule, rank, group->join_mode); error && !looks) {
        return refuse(*error);
    }
    if (standing_of(rule, rank).done_already) {
        return GroupDone{.dup = true};
    }
    return apply(sender, *group, asked, events);
}

ReplyBody Groups::judge(const Sender& sender, const CreateGroup& asked, Effects& events) {
    if (const Group* known = shared_.records.find(asked.group)) {
        if (*known->owner->id == sender.user) {
            return GroupDone{.dup = true};
        }
        return refuse(Error::group_exists);
    }
    std::vector<UserId> members{sender.user};
    members.insert(members.end(), asked.members.begin(), asked.members.end());
    members = distinct(members);
    const auto count = std::ssize(members);
    if (count > shared_.limits.max_group_members) {
        return refuse_size("members", shared_.limits.max_group_members);
    }
    if (auto full = over_owned(sender.user, "group")) {
        return std::move(*full);
    }
    const auto bytes =
        group_bytes + count * member_bytes + size_of(asked.name) + size_of(asked.profile);
    if (auto full = charge(sender.user, count, bytes, bytes)) {
        return std::move(*full);
    }

    Group& group = shared_.records.create(asked, sender.user);
    std::for_each(std::next(members.begin()), members.end(),
                  [&](const UserId& user) { shared_.records.join(group, user, sender.user); });
    auto to = members;
    tell(sender, std::move(to), group,
         GroupCreated{.name = group.name, .members = std::move(members)}, events);
    return GroupDone{};
}

ReplyBody Groups::apply(const Sender& sender, Group& group, const JoinGroup& asked,
                        Effects& events) {
    if (std::cmp_greater_equal(group.members.size(), shared_.limits.max_group_members)) {
        return refuse_count(Error::group_full, shared_.limits.max_group_members);
    }
    auto to = hearers(sender, group, asked, {sender.user});
    if (auto full = charge(sender.user, std::ssize(to), member_bytes, member_bytes)) {
        return std::move(*full);
    }
    shared_.records.join(group, sender.user, sender.user);
    tell(sender, std::move(to), group, asked, MemberEntered{.members = {sender.user}}, events);
    return GroupDone{};
}

ReplyBody Groups::apply(const Sender& sender, Group& group, const QuitGroup& asked,
                        Effects& events) {
    auto to = hearers(sender, group, asked);
    if (auto full = charge(sender.user, std::ssize(to), 0, 0)) {
        return std::move(*full);
    }
    // Membership counts at the moment of the request: who goes still hears of all this.
    tell(sender, std::move(to), group, asked, MemberLeft{.user = sender.user}, events);
    part(sender, group, {sender.user}, RevokeReason::left_group, events);
    return GroupDone{};
}

ReplyBody Groups::apply(const Sender& sender, Group& group, const RemoveMembers& asked,
                        Effects& events) {
    constexpr bool must_be_lower = group_rule_of(RemoveMembers::verb).of_lower_rank;
    const Rank own = *group.rank_of(sender.user);
    Sorted sorted = sort_out(distinct(asked.members), [&](const UserId& user) -> WhyNot {
        const auto rank = group.rank_of(user);
        if (!rank) {
            return refuse_stranger();
        }
        return !must_be_lower || *rank < own ? std::nullopt : WhyNot(refuse_rank());
    });
    if (sorted.asked.empty()) {
        return std::move(*sorted.common);
    }
    auto to = hearers(sender, group, asked);
    if (auto full = charge(sender.user, std::ssize(to), 0, 0)) {
        return std::move(*full);
    }
    tell(sender, std::move(to), group, asked,
         MemberRemoved{.members = sorted.asked, .reason = asked.reason}, events);
    part(sender, group, sorted.asked, RevokeReason::removed, events);
    return MembersDone{.skipped = std::move(sorted.skipped)};
}

ReplyBody Groups::apply(const Sender& sender, Group& group, const DismissGroup& asked,
                        Effects& events) {
    auto to = hearers(sender, group, asked);
    if (auto full = charge(sender.user, std::ssize(to), 0, 0)) {
        return std::move(*full);
    }
    tell(sender, std::move(to), group, asked, GroupDismissed{}, events);
    invitations_.dismissed(group, sender, events);
    shared_.records.dismiss(group);
    return GroupDone{};
}

ReplyBody Groups::apply(const Sender& sender, Group& group, const AddMembers& asked,
                        Effects& events) {
    Sorted sorted = sort_out(distinct(asked.members), [&](const UserId& user) {
        return group.has(user) ? WhyNot(refuse(Error::already_member)) : std::nullopt;
    });
    if (sorted.asked.empty()) {
        return MembersDone{.skipped = std::move(sorted.skipped)};
    }
    const auto added = std::ssize(sorted.asked);
    if (std::ssize(group.members) + added > shared_.limits.max_group_members) {
        return refuse_count(Error::group_full, shared_.limits.max_group_members);
    }
    auto to = hearers(sender, group, asked, sorted.asked);
    const auto bytes = added * member_bytes;
    if (auto full = charge(sender.user, std::ssize(to), bytes, bytes)) {
        return std::move(*full);
    }
    for (const auto& user : sorted.asked) {
        shared_.records.join(group, user, sender.user);
    }
    tell(sender, std::move(to), group, asked, MemberInvited{.members = std::move(sorted.asked)},
         events);
    return MembersDone{.skipped = std::move(sorted.skipped)};
}

ReplyBody Groups::apply(const Sender& sender, Group& group, const SetRank& asked, Effects& events) {
    const auto rank = group.rank_of(asked.user);
    if (!rank) {
        return refuse_stranger();
    }
    if (*rank == Rank::owner) {
        return refuse_field(Error::invalid_request, "user", "is the owner");
    }
    if (*rank == asked.role) {
        return GroupDone{.dup = true};
    }
    auto to = hearers(sender, group, asked);
    if (auto full = charge(sender.user, std::ssize(to), 0, 0)) {
        return std::move(*full);
    }
    shared_.records.set_rank(group, asked.user, asked.role);
    tell(sender, std::move(to), group, asked, RoleChanged{.user = asked.user, .role = asked.role},
         events);
    return GroupDone{};
}

ReplyBody Groups::apply(const Sender& sender, Group& group, const TransferGroup& asked,
                        Effects& events) {
    const auto rank = group.rank_of(asked.user);
    if (!rank) {
        return refuse_stranger();
    }
    if (*rank == Rank::owner) {
        return GroupDone{.dup = true};
    }
    if (auto full = over_owned(asked.user, "user")) {
        return std::move(*full);
    }
    auto to = hearers(sender, group, asked);
    if (auto full = charge(sender.user, std::ssize(to), 0, 0)) {
        return std::move(*full);
    }
    shared_.records.transfer(group, asked.user);
    tell(sender, std::move(to), group, asked, OwnerChanged{.owner = asked.user}, events);
    return GroupDone{};
}

ReplyBody Groups::apply(const Sender& sender, Group& group, const UpdateGroup& asked,
                        Effects& events) {
    GroupUpdated changed;
    std::int64_t bytes = 0;
    if (asked.name && asked.name != group.name) {
        changed.name = asked.name;
        bytes += size_of(asked.name) - size_of(group.name);
    }
    if (asked.join_mode && asked.join_mode != group.join_mode) {
        changed.join_mode = asked.join_mode;
    }
    if (asked.profile && asked.profile != group.profile) {
        changed.profile = asked.profile;
        bytes += size_of(asked.profile) - size_of(group.profile);
    }
    if (changed == GroupUpdated{}) {
        return GroupDone{.dup = true};
    }
    auto to = hearers(sender, group, asked);
    // All of what it is called counts as the sender's then.
    const bool is_own = *group.described_by->id == sender.user;
    if (auto full =
            charge(sender.user, std::ssize(to), bytes, is_own ? bytes : bytes_of(group) + bytes)) {
        return std::move(*full);
    }
    if (changed.name) {
        group.name = changed.name;
    }
    if (changed.profile) {
        group.profile = changed.profile;
    }
    group.join_mode = changed.join_mode.value_or(group.join_mode);
    shared_.records.describe(group, sender.user);
    tell(sender, std::move(to), group, asked, std::move(changed), events);
    return GroupDone{};
}

ReplyBody Groups::apply(const Sender& /*sender*/, const Group& group, const GetGroup& asked,
                        Effects& /*events*/) const {
    auto at = group.members.begin();
    if (asked.page.after) {
        const auto last = UserId::parse(*asked.page.after);
        if (!last) {
            return refuse_field(Error::invalid_request, "after", "is no `next` of a page");
        }
        at = group.members.upper_bound(*last);
    }
    GotGroup page{.group = {.group = group.id,
                            .name = group.name,
                            .join_mode = group.join_mode,
                            .owner = *group.owner->id,
                            .profile = group.profile,
                            .count = static_cast<std::uint32_t>(group.members.size())}};
    PageRoom room(asked.page, page_members, shared_.reply_room - msgpack_size(page.group));
    auto& members = page.group.members;
    for (; at != group.members.end(); ++at) {
        MemberInfo member{.user = *at->first->id, .role = at->second.rank};
        if (!room.takes(member)) {
            page.next = members.back().user.text();
            break;
        }
        members.push_back(member);
    }
    return page;
}

ReplyBody Groups::judge(const Sender& sender, const ListGroups& asked, Effects& /*events*/) {
    std::optional<GroupId> last;
    if (asked.page.after && !(last = GroupId::parse(*asked.page.after))) {
        return refuse_field(Error::invalid_request, "after", "is no `next` of a page");
    }
    GroupsListed page;
    const UserId& reader = asked.of ? *asked.of : sender.user;
    const User* known = shared_.records.find(reader);
    if (known == nullptr) {
        return page;
    }
    const auto& groups = known->groups;
    auto at =
        last ? std::upper_bound(groups.begin(), groups.end(), *last,
                                [](const GroupId& id, const Group* one) { return id < one->id; })
             : groups.begin();
    PageRoom room(asked.page, page_groups, shared_.reply_room);
    for (; at != groups.end(); ++at) {
        const Group& group = **at;
        GroupSummary summary{.group = group.id,
                             .name = group.name,
                             .role = *group.rank_of(reader),
                             .join_mode = group.join_mode,
                             .count = static_cast<std::uint32_t>(group.members.size())};
        if (!room.takes(summary)) {
            page.next = page.groups.back().group.text();
            break;
        }
        page.groups.push_back(std::move(summary));
    }
    return page;
}

ReplyBody Groups::judge(const Sender& sender, const Message& asked, Effects& events) {
    std::vector<UserId> to;
    if (const auto* peer = std::get_if<UserId>(&asked.to)) {
        to.push_back(*peer);
    } else {
        const Group* group = shared_.records.find(std::get<GroupId>(asked.to));
        if (group == nullptr) {
            return refuse(Error::unknown_group);
        }
        static constexpr const GroupRule& rule = group_rule_of(Message::verb);
        static_assert(rule.announces == MessageEvent::event);
        if (const auto error = refusal_of(rule, group->rank_of(sender.user), group->join_mode)) {
            return refuse(*error);
        }
        to = hearers(sender, *group, asked);
    }
    if (asked.online_only) {
        std::erase_if(to, [&](const UserId& id) {
            const User* user = shared_.records.find(id);
            return user == nullptr || !user->online();
        });
        if (to.empty()) {
            return refuse(Error::user_offline);
        }
    }
    if (auto full = shared_.charge_unstored(sender.user, std::ssize(to))) {
        return std::move(*full);
    }
    const MessageId id = asked.id ? *asked.id : shared_.fresh_message();
    if (!to.empty()) {
        events.emplace_back(Delivery{
            .to = std::move(to),
            .event =
                MessageEvent{.id = id, .from = sender.user, .to = asked.to, .data = asked.data},
            .online_only = asked.online_only});
    }
    return Sent{.id = id};
}

std::optional<Refusal> Groups::charge(const UserId& user, std::int64_t events, std::int64_t bytes,
                                      std::int64_t own) {
    if (shared_.events.allows(shared_.rate_key(user), shared_.now, events)) {
        if (!shared_.records.has_group_share(user, own)) {
            return refuse_size("data", shared_.limits.max_user_group_bytes);
        }
        if (!shared_.records.has_room_for_groups(bytes, user, own)) {
            return refuse_size("data", Records::most_for_groups(shared_.limits));
        }
    }
    return shared_.charge(user, events, 0, user);
}

std::optional<Refusal> Groups::over_owned(const UserId& user, std::string_view field) const {
    const User* known = shared_.records.find(user);
    const auto owned = known != nullptr ? known->owned : 0;
    if (std::cmp_less(owned, shared_.limits.max_groups_per_owner)) {
        return std::nullopt;
    }
    auto refusal = refuse_size(field, shared_.limits.max_groups_per_owner);
    refusal.message = "nobody may own more than " +
                      std::to_string(shared_.limits.max_groups_per_owner) + " groups";
    return refusal;
}

void Groups::part(const Sender& sender, Group& group, const std::vector<UserId>& gone,
                  RevokeReason reason, Effects& events) {
    invitations_.parted(group, gone, sender, reason, events);
    for (const auto& user : gone) {
        shared_.records.leave(group, user);
    }
}

template ReplyBody Groups::judge(const Sender&, const JoinGroup&, Effects&);
template ReplyBody Groups::judge(const Sender&, const QuitGroup&, Effects&);
template ReplyBody Groups::judge(const Sender&, const DismissGroup&, Effects&);
template ReplyBody Groups::judge(const Sender&, const GetGroup&, Effects&);
template ReplyBody Groups::judge(const Sender&, const UpdateGroup&, Effects&);
template ReplyBody Groups::judge(const Sender&, const AddMembers&, Effects&);
template ReplyBody Groups::judge(const Sender&, const RemoveMembers&, Effects&);
template ReplyBody Groups::judge(const Sender&, const SetRank&, Effects&);
template ReplyBody Groups::judge(const Sender&, const TransferGroup&, Effects&);

}  // namespace beckon
