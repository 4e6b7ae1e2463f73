// SPDX-License-Identifier: Apache-2.0
// Who is asked: `invite`, of a user or a group, and `add`.
#include <algorithm>
#include <concepts>
#include <cstddef>
#include <iterator>
#include <memory>
#include <set>
#include <span>
#include <utility>

#include "demands.hpp"
#include "group_rules.hpp"
#include "invitations.hpp"
#include "protocol/refusals.hpp"

namespace beckon {

namespace {

// Each deadline is an event for the whole audience, and an invitation may have one for each
// invitee. So no more of them lie in one second; one more moves to its end.
constexpr std::size_t deadlines_in_a_second = 4;

bool is_elsewhere(const User* inviter, DeviceTag device) {
    return inviter != nullptr && std::any_of(inviter->devices.begin(), inviter->devices.end(),
                                             [&](DeviceTag other) { return other != device; });
}

/// In how many of these the user is pending.
std::ptrdiff_t waiting_in(std::span<Invitation* const> invitations, const UserId& user) {
    return std::count_if(invitations.begin(), invitations.end(), [&](const Invitation* one) {
        const Invitee* own = invitee_of(*one, user);
        return own != nullptr && own->pending();
    });
}

bool is_sent_to(const Invitation& invitation, const UserId& target) {
    return invitation.target != nullptr && *invitation.target->id == target;
}
bool is_sent_to(const Invitation& invitation, const GroupId& target) {
    return invitation.group && invitation.group->id == target;
}

/// An invitation as an invite asks for it.
template <class Asked>
void set_up(Invitation& invitation, const Asked& asked) {
    invitation.data = asked.data;
    invitation.data_changed = asked.data.has_value();
    invitation.answer = asked.answer;
    invitation.visibility = asked.visibility;
    invitation.online_only = asked.online_only;
    invitation.keep_when_lost = asked.on_inviter_lost == OnInviterLost::keep;
    invitation.inviter_was_online = invitation.inviter->online();
}

}  // namespace

ReplyBody Invitations::judge(const Sender& sender, const Invite& asked, Effects& events) {
    if (const Invitation* known = asked.id ? shared_.records.find(*asked.id) : nullptr) {
        return known_already(sender, *known, is_sent_to(*known, asked.invitee));
    }
    if (const Invitation* into = asked.id ? shared_.records.find_merged(*asked.id) : nullptr) {
        if (*into->inviter->id == asked.invitee && invitee_of(*into, sender.user) != nullptr) {
            return Merged{.dup = true, .merged_into = *into->id};
        }
    }
    if (asked.invitee == sender.user) {
        return refuse_field(rule_for(asked).may[0].otherwise, "invitee", "is the inviter");
    }
    if (Invitation* crossed = crossed_by(sender, asked)) {
        const InvitationId into = *crossed->id;
        auto reply = apply(sender, *crossed, Accept{.id = into, .data = asked.data}, events);
        if (!std::holds_alternative<Done>(reply)) {
            return reply;
        }
        if (asked.id) {
            shared_.records.merge(*crossed, *asked.id);
        }
        return Merged{.merged_into = into};
    }
    return invite(sender, asked, asked.invitee, "also", invitees_of(asked), events);
}

ReplyBody Invitations::judge(const Sender& sender, const GroupInvite& asked, Effects& events) {
    static constexpr const GroupRule& rule = group_rule_of(GroupInvite::verb);
    static_assert(rule.announces == name_of_event(rule_of(Cause::invite).tells[0].event));
    const Invitation* known = asked.id ? shared_.records.find(*asked.id) : nullptr;
    const bool same_target = known != nullptr && is_sent_to(*known, asked.group);
    const Group* group = shared_.records.find(asked.group);
    // A repeat is about an invitation that exists, whatever became of its group.
    if (group == nullptr && !(same_target && *known->inviter->id == sender.user)) {
        return refuse(Error::unknown_group);
    }
    if (known != nullptr) {
        return known_already(sender, *known, same_target);
    }
    if (const auto error = refusal_of(rule, group->rank_of(sender.user), group->join_mode)) {
        return refuse(*error);
    }
    std::vector<UserId> named;
    if (asked.invitees) {
        named = distinct(*asked.invitees);
    } else {
        for (const auto& [member, rank] : group->members) {
            if (*member->id != sender.user) {
                named.push_back(*member->id);
            }
        }
        if (named.empty()) {
            return refuse_field(Error::invalid_request, "invitees",
                                "are all other members, and there are none");
        }
    }
    return invite(sender, asked, asked.group, "invitees", std::move(named), events);
}

Invitation* Invitations::crossed_by(const Sender& sender, const Invite& asked) {
    if (!asked.call || !asked.also.empty()) {
        return nullptr;
    }
    const User* caller = shared_.records.find(sender.user);
    if (caller == nullptr) {
        return nullptr;
    }
    const auto& open = caller->open;
    const auto crossed = std::find_if(open.begin(), open.end(), [&](const Invitation* one) {
        return one->call && !one->group && *one->inviter->id == asked.invitee &&
               one->invitees.size() == 1 && one->pending == 1 &&
               (one->inviter->online() || !asked.online_only);
    });
    return crossed == open.end() ? nullptr : *crossed;
}

template <class Target>
std::vector<Invitation*> Invitations::pending_at(const UserId& inviter, const Target& target) {
    std::vector<Invitation*> pending;
    if (const User* known = shared_.records.find(inviter)) {
        std::copy_if(known->open.begin(), known->open.end(), std::back_inserter(pending),
                     [&](const Invitation* one) {
                         return one->inviter == known && !lives(*one) && is_sent_to(*one, target);
                     });
    }
    return pending;
}

template <class Asked, class Target>
ReplyBody Invitations::invite(const Sender& sender, const Asked& asked, const Target& target,
                              std::string_view field, std::vector<UserId> named, Effects& events) {
    constexpr bool in_group = std::same_as<Target, GroupId>;
    const Group* group = nullptr;
    if constexpr (in_group) {
        group = shared_.records.find(target);
    }
    if (std::cmp_greater(named.size(), shared_.limits.max_invitees)) {
        return refuse_size(field, shared_.limits.max_invitees);
    }
    const auto replaced =
        asked.replace ? pending_at(sender.user, target) : std::vector<Invitation*>{};
    const User* const inviter = shared_.records.find(sender.user);
    const Asking asking{.asker = shared_.rate_key(sender.user),
                        .inviter = sender.user,
                        .group = group,
                        .online_only = asked.online_only,
                        .replaced = replaced,
                        .waiting = waiting_of(inviter, group, replaced)};
    Sorted sorted =
        sort_out(std::move(named), [&](const UserId& user) { return why_not(asking, user); });
    if (sorted.asked.empty()) {
        return std::move(*sorted.common);
    }
    if (auto full = over_pending(inviter, replaced.size())) {
        return std::move(*full);
    }
    if (std::cmp_greater_equal(shared_.records.open() - replaced.size(),
                               shared_.limits.max_pending)) {
        return refuse_count(Error::too_many_pending, shared_.limits.max_pending);
    }
    const bool elsewhere = is_elsewhere(inviter, sender.device);
    Outcome outcome(shared_, rule_of(Cause::invite),
                    {.inviter = sender.user,
                     .visibility = asked.visibility,
                     .group = group,
                     .actor = &sender.user,
                     .asked = sorted.asked,
                     .inviter_elsewhere = elsewhere});
    // The inviter, who may hear of no news of their own, is one of the audience.
    if (auto loud = over_audience(asked.visibility, outcome.heard() + (elsewhere ? 0 : 1))) {
        return std::move(*loud);
    }
    const auto bytes = size_of(asked.data) + (std::ssize(sorted.asked) - 1) * invitee_bytes;
    if (auto full = outcome.charge(bytes, sender.user)) {
        return std::move(*full);
    }

    Invitation& invitation = shared_.records.create(
        asked.id ? *asked.id : shared_.fresh_invitation(), sender.user, target);
    set_up(invitation, asked);
    invitation.made_at = shared_.now;
    invitation.lifetime_end = shared_.now + Duration(shared_.limits.max_lifetime_ms);
    if (asked.call) {
        calls_.wait(invitation, sender);
    }
    shared_.records.count_bytes(invitation, bytes, *invitation.inviter);
    ask(sender.user, invitation, sorted.asked, asked.timeout);
    announce(outcome, invitation, sender, replaced, events);

    Invited reply{.id = *invitation.id,
                  .rev = invitation.rev,
                  .remaining = remaining(invitation, &sender.user),
                  .offline = away(std::move(sorted.asked))};
    if (in_group || !sorted.skipped.empty()) {
        reply.skipped = std::move(sorted.skipped);
    }
    return reply;
}

/// Its news goes first, so that what it replaces rings on.
void Invitations::announce(Outcome& outcome, Invitation& invitation, const Sender& sender,
                           const std::vector<Invitation*>& replaced, Effects& events) {
    std::vector<InvitationId> ids;
    std::transform(replaced.begin(), replaced.end(), std::back_inserter(ids),
                   [](const Invitation* one) { return *one->id; });
    const Actor by{invitation.inviter, sender.device};
    outcome.conclude(invitation, by, {.replaces = ids}, events);
    for (Invitation* one : replaced) {
        one->make_seldom().replaced_by = *invitation.id;
        happen(Cause::replaced, *one, by, all_pending(*one), events);
        settle(shared_, *one);
    }
}

ReplyBody Invitations::apply(const Sender& sender, Invitation& invitation, const Add& asked,
                             Effects& events) {
    const UserId& inviter = *invitation.inviter->id;
    const Asking asking{.asker = shared_.rate_key(sender.user),
                        .inviter = inviter,
                        .group = invitation.group.get(),
                        .online_only = invitation.online_only,
                        .waiting = waiting_of(invitation.inviter, invitation.group.get(), {})};
    Sorted sorted = sort_out(distinct(asked.invitees), [&](const UserId& user) -> WhyNot {
        if (const Invitee* listed = invitee_of(invitation, user)) {
            // With visibility `inviter`, invitees are not told how the others answered.
            const bool told = *invitation.inviter->id == sender.user ||
                              invitation.visibility != Visibility::inviter;
            return listed->pending() || !told ? refuse(Error::already_invited)
                                              : told_late(invitation, *listed);
        }
        return why_not(asking, user);
    });
    if (sorted.asked.empty()) {
        return std::move(*sorted.common);
    }
    const auto added = std::ssize(sorted.asked);
    if (std::ssize(invitation.invitees) + added > shared_.limits.max_invitees) {
        return refuse_size("invitees", shared_.limits.max_invitees);
    }
    if (auto full = Records::counts_as_own_of(invitation, sender.user)
                        ? std::nullopt
                        : over_pending(shared_.records.find(sender.user), 0)) {
        return std::move(*full);
    }
    Circle circle = circle_of(invitation, &sender.user);
    circle.asked = sorted.asked;
    Outcome outcome(shared_, rule_for(asked), std::move(circle));
    if (auto loud = over_audience(invitation.visibility, outcome.heard())) {
        return std::move(*loud);
    }
    if (auto full = charge(outcome, added * invitee_bytes, invitation, *invitation.inviter->id)) {
        return std::move(*full);
    }

    if (lives(invitation)) {
        // Who is called into a call may be asked as long as that may last.
        invitation.lifetime_end =
            std::max(invitation.lifetime_end, calls_.ends_at(*invitation.call));
    }
    ask(sender.user, invitation, sorted.asked, asked.timeout);
    outcome.conclude(invitation, {shared_.records.find(sender.user), sender.device}, {}, events);

    Invited reply{.id = *invitation.id,
                  .rev = invitation.rev,
                  .remaining = remaining_until(invitation.invitees.back().deadline(), shared_.now),
                  .offline = away(std::move(sorted.asked))};
    reply.skipped = std::move(sorted.skipped);
    return reply;
}

std::vector<UserId> Invitations::away(std::vector<UserId> users) const {
    std::erase_if(users, [&](const UserId& id) {
        const User* user = shared_.records.find(id);
        return user != nullptr && user->online();
    });
    return users;
}

std::vector<UserId> Invitations::away(const Invitation& invitation) {
    std::vector<UserId> users;
    for (const Invitee& invitee : invitation.invitees) {
        if (!invitee.user().online()) {
            users.push_back(*invitee.user().id);
        }
    }
    return users;
}

Invitations::Waiting Invitations::waiting_of(const User* inviter, const Group* group,
                                             std::span<Invitation* const> replaced) const {
    Waiting waiting;
    if (group != nullptr || inviter == nullptr ||
        std::cmp_less(inviter->inviting, shared_.limits.max_pending_per_pair)) {
        return waiting;
    }
    for (const Invitation* one : inviter->open) {
        if (one->inviter != inviter || one->group ||
            std::find(replaced.begin(), replaced.end(), one) != replaced.end()) {
            continue;
        }
        for (const Invitee& invitee : one->invitees) {
            if (invitee.pending()) {
                ++waiting[&invitee.user()];
            }
        }
    }
    return waiting;
}

WhyNot Invitations::why_not(const Asking& asking, const UserId& user) const {
    const auto& [asker, inviter, group, online_only, replaced, waiting] = asking;
    if (user == inviter) {
        return refuse_field(Error::invalid_request, "invitees", "names the inviter");
    }
    if (group != nullptr && !group->has(user)) {
        return refuse_stranger();
    }
    const User* known = shared_.records.find(user);
    if (online_only && (known == nullptr || !known->online())) {
        return refuse(Error::user_offline);
    }
    if (known != nullptr &&
        std::cmp_greater_equal(known->invited, shared_.limits.max_pending_per_invitee) &&
        std::cmp_greater_equal(known->invited - waiting_in(replaced, user),
                               shared_.limits.max_pending_per_invitee)) {
        return refuse_count(Error::too_many_pending, shared_.limits.max_pending_per_invitee);
    }
    if (const auto of_pair = waiting.find(known);
        of_pair != waiting.end() &&
        std::cmp_greater_equal(of_pair->second, shared_.limits.max_pending_per_pair)) {
        return refuse_count(Error::too_many_pending, shared_.limits.max_pending_per_pair);
    }
    if (!shared_.pair_invites.allows(shared_.rate_key(asker, user), shared_.now)) {
        return refuse_count(Error::rate_limited, shared_.limits.pair_invites_per_second);
    }
    return std::nullopt;
}

std::optional<Refusal> Invitations::over_pending(const User* user, std::size_t gone) const {
    if (user != nullptr &&
        std::cmp_greater_equal(user->inviting - gone, shared_.limits.max_pending_per_inviter)) {
        return refuse_count(Error::too_many_pending, shared_.limits.max_pending_per_inviter);
    }
    return std::nullopt;
}

std::optional<Refusal> Invitations::over_audience(Visibility visibility,
                                                  std::int64_t audience) const {
    if (visibility != Visibility::inviter && audience > shared_.limits.max_audience) {
        auto refusal = refuse_size("visibility", shared_.limits.max_audience);
        refusal.message = "more than " + std::to_string(shared_.limits.max_audience) +
                          " would hear each answer; visibility inviter has no such limit";
        return refusal;
    }
    return std::nullopt;
}

Instant Invitations::deadline_after(const Invitation& invitation, Duration timeout) const {
    if (timeout.count() == 0) {
        return never;
    }
    const Instant exact = std::min(shared_.now + timeout, invitation.lifetime_end);
    const auto second = std::chrono::floor<std::chrono::seconds>(exact);
    std::set<Instant> others;
    for (const Invitee& invitee : invitation.invitees) {
        if (invitee.pending() && invitee.deadline() >= second &&
            invitee.deadline() < second + std::chrono::seconds(1)) {
            others.insert(invitee.deadline());
        }
    }
    return others.size() < deadlines_in_a_second || others.contains(exact)
               ? exact
               : std::min<Instant>(second + std::chrono::seconds(1), invitation.lifetime_end);
}

void Invitations::ask(const UserId& asker, Invitation& invitation, const std::vector<UserId>& asked,
                      Duration timeout) {
    const Instant deadline = deadline_after(invitation, timeout);
    shared_.records.ask(invitation, asked, deadline);
    shared_.records.count_as_own(invitation, asker);
    const auto key = shared_.rate_key(asker);
    for (const auto& id : asked) {
        shared_.pair_invites.charge(shared_.rate_key(key, id), shared_.now);
    }
    look_again(invitation, std::min(deadline, invitation.lifetime_end));
}

}  // namespace beckon
