// SPDX-License-Identifier: Apache-2.0
#include "invitations.hpp"

#include <algorithm>
#include <charconv>
#include <concepts>
#include <map>
#include <queue>
#include <set>
#include <span>
#include <unordered_set>
#include <utility>

#include "group_rules.hpp"
#include "protocol/refusals.hpp"
#include "rules.hpp"

namespace beckon {

namespace {

// Each deadline is an event for the whole audience, and an invitation may have one for each
// invitee. So no more of them lie in one second; one more moves to its end.
constexpr std::size_t deadlines_in_a_second = 4;

// A page of `sync` ends at whichever comes first.
constexpr std::size_t page_invitations = 100;
constexpr std::int64_t page_bytes = 64 * 1024;

Instant earliest_deadline(const Invitation& invitation) {
    Instant first = never;
    for (const Invitee& invitee : invitation.invitees) {
        if (invitee.pending()) {
            first = std::min(first, invitee.deadline());
        }
    }
    return first;
}

Openness openness(const Invitation& invitation) {
    return invitation.open() ? Openness::open : Openness::ended;
}

/// Those whom a cancel names; nothing: all.
using Named = std::optional<std::unordered_set<std::string_view>>;

std::unordered_set<std::string_view> texts_of(const std::vector<UserId>& users) {
    std::unordered_set<std::string_view> texts;
    for (const auto& user : users) {
        texts.insert(user.text());
    }
    return texts;
}

Named named_in(const Cancel& asked) {
    return asked.invitees ? Named(texts_of(*asked.invitees)) : std::nullopt;
}

bool is_named(const Named& named, const Invitee& invitee) {
    return !named || named->contains(invitee.user().id->text());
}

bool names_stranger(const Named& named, const Invitation& invitation) {
    return named && std::cmp_not_equal(
                        named->size(),
                        std::count_if(invitation.invitees.begin(), invitation.invitees.end(),
                                      [&](const Invitee& one) { return is_named(named, one); }));
}

std::optional<GroupId> group_id(const Invitation& invitation) {
    return invitation.group ? std::optional(invitation.group->id) : std::nullopt;
}

/// Whether a member who is not asked hears of it.
bool shown_to(const Invitation& invitation, const UserId& user) {
    return invitation.visibility == Visibility::members && invitation.group &&
           invitation.group->has(user);
}

std::string pair(const UserId& inviter, const UserId& invitee) {
    return inviter.text() + '/' + invitee.text();
}

bool is_allowed(Who who, const UserId& user, const Invitation& invitation) {
    const bool inviter = *invitation.inviter->id == user;
    const Invitee* invitee = invitee_of(invitation, user);
    switch (who) {
        case Who::invitee:
            return invitee != nullptr;
        case Who::inviter:
            return inviter;
        case Who::inviter_or_accepted:
            return inviter || (invitee != nullptr && invitee->state() == State::accepted);
        case Who::hearer:
            return inviter || invitee != nullptr || shown_to(invitation, user);
        case Who::speaker:
            return voice_of(invitation, user).speaks();
        case Who::participant:
            return in_call(invitation, user) != nullptr;
    }
    return false;
}

/// How this invitee's part ended, and by whom.
Refusal told_late(const Invitation& invitation, const Invitee& invitee) {
    auto refusal = refuse(already(invitee.state()));
    refusal.rev = invitation.rev;
    if (invitee.by() != nullptr) {
        refusal.by = *invitee.by()->id;
        refusal.by_device = invitee.device();
    }
    return refusal;
}

template <class Verb>
std::optional<Refusal> too_late(Needs needs, const UserId& user, const Invitation& invitation,
                                const Verb& asked) {
    if (needs == Needs::sender_pending) {
        const Invitee* invitee = invitee_of(invitation, user);
        return invitee->pending() ? std::nullopt : std::optional(told_late(invitation, *invitee));
    }
    if constexpr (requires { asked.invitees.has_value(); }) {
        const bool told_of_each = asked.invitees && invitation.invitees.size() > 1;
        if (needs == Needs::somebody_pending_unless_named && told_of_each) {
            return std::nullopt;
        }
    }
    const bool needs_call = needs == Needs::call_lives;
    const bool call_counts = needs_call || needs == Needs::open;
    if (needs == Needs::nothing || (invitation.pending > 0 && !needs_call) ||
        (call_counts && lives(invitation))) {
        return std::nullopt;
    }
    if (invitation.invitees.size() == 1 && !(call_counts && call_has_ended(invitation))) {
        return told_late(invitation, invitation.invitees.front());
    }
    if constexpr (std::same_as<Verb, Add>) {
        // Somebody's answer is all that stands against adding.
        const auto taker =
            std::find_if(invitation.invitees.begin(), invitation.invitees.end(),
                         [](const Invitee& one) { return one.state() == State::accepted; });
        if (invitation.answer == Answer::first && !call_has_ended(invitation) &&
            taker != invitation.invitees.end()) {
            return told_late(invitation, *taker);
        }
    }
    auto refusal = refuse(Error::already_ended);
    refusal.rev = invitation.rev;
    return refusal;
}

bool ended_by(const Invitee& invitee, State how, const Sender& sender) {
    return invitee.state() == how && invitee.by() != nullptr && *invitee.by()->id == sender.user &&
           invitee.device() == sender.device;
}

/// By its `cancel`: much else that a device asks cancels too, by what it leads to.
bool cancelled_by(const Invitee& invitee, const Sender& sender) {
    return ended_by(invitee, State::cancelled, sender) && invitee.note() != nullptr &&
           invitee.note()->reason == name_of(CancelReason::cancelled);
}

/// What is open for a user, oldest first: where they have a part, and what their groups
/// show to all members.
class OpenFor {
  public:
    OpenFor(const User& user, std::uint64_t after) : last_(after) {
        add(Records::open_after(user.open, after));
        for (const Group* group : user.groups) {
            add(Records::open_after(group->open, after));
        }
        own_ = Records::open_after(user.open, after);
    }

    /// Nothing: that was all.
    const Invitation* next() {
        while (!lists_.empty()) {
            const auto list = lists_.top();
            lists_.pop();
            add(list.subspan(1));
            const Invitation* invitation = list.front();
            const bool is_own = !own_.empty() && own_.front() == invitation;
            if (is_own) {
                own_ = own_.subspan(1);
            }
            const bool again = invitation->number == last_;
            if (!again && (is_own || invitation->visibility == Visibility::members)) {
                last_ = invitation->number;
                return invitation;
            }
        }
        return nullptr;
    }

  private:
    using List = std::span<Invitation* const>;
    struct Younger {
        bool operator()(const List& a, const List& b) const {
            return a.front()->number > b.front()->number;
        }
    };
    void add(List list) {
        if (!list.empty()) {
            lists_.push(list);
        }
    }
    std::priority_queue<List, std::vector<List>, Younger> lists_;
    List own_;
    std::uint64_t last_;
};

template <class Answered>
std::optional<ReplyBody> repeated(const Sender& sender, const Invitation& invitation,
                                  const Answered& /*asked*/) {
    const Invitee* invitee = invitee_of(invitation, sender.user);
    if (invitee == nullptr || !ended_by(*invitee, *rule_of(Answered::verb).writes, sender)) {
        return std::nullopt;
    }
    return Done{.dup = true, .rev = invitation.rev};
}

std::optional<ReplyBody> repeated(const Sender& sender, const Invitation& invitation,
                                  const Cancel& asked) {
    const auto named = named_in(asked);
    if (names_stranger(named, invitation)) {
        return std::nullopt;
    }
    Cancelled reply{.dup = true, .rev = invitation.rev};
    for (const Invitee& invitee : invitation.invitees) {
        if (!is_named(named, invitee)) {
            continue;
        }
        if (invitee.pending()) {
            return std::nullopt;  // there is something left to cancel
        }
        if (cancelled_by(invitee, sender)) {
            reply.cancelled.push_back(*invitee.user().id);
        } else {
            reply.already.push_back({.user = *invitee.user().id, .state = invitee.state()});
        }
    }
    if (reply.cancelled.empty()) {
        return std::nullopt;
    }
    return reply;
}

std::optional<ReplyBody> repeated(const Sender& sender, const Invitation& invitation,
                                  const Hangup& asked) {
    if (!invitation.call || (asked.all && lives(invitation))) {
        return std::nullopt;
    }
    for (const Participant& one : invitation.call->participants) {
        if (*one.user->id == sender.user && one.hung_up == sender.device) {
            return Done{.dup = true, .rev = invitation.rev};
        }
    }
    return std::nullopt;
}

std::optional<ReplyBody> repeated(const Sender& sender, const Invitation& invitation,
                                  const Resume& /*asked*/) {
    const Participant* own = in_call(invitation, sender.user);
    if (!lives(invitation) || own == nullptr || own->device != sender.device) {
        return std::nullopt;
    }
    return Done{.dup = true, .rev = invitation.rev};
}

/// Whether this invitation ends when `user` is lost.
bool loses(const Invitation& invitation, const User& user) {
    return invitation.inviter == &user && invitation.inviter_was_online &&
           !invitation.keep_when_lost;
}

}  // namespace

template <NamesInvitation Verb>
ReplyBody Invitations::judge(const Sender& sender, const Verb& asked, Effects& events) {
    static constexpr const Rule& rule = rule_of(Verb::verb);
    Invitation* invitation = shared_.records.find(asked.id);
    if (invitation == nullptr) {
        return refuse(Error::unknown_invitation);
    }
    if constexpr (rule.repeatable) {
        if (auto repeat = repeated(sender, *invitation, asked)) {
            return std::move(*repeat);
        }
    }
    if (!is_allowed(rule.who, sender.user, *invitation)) {
        return refuse(rule.otherwise);
    }
    if (rule.members_only && invitation->group && !invitation->group->has(sender.user)) {
        return refuse(Error::not_member);
    }
    if constexpr (std::same_as<Verb, Hangup>) {
        if (asked.all && *invitation->inviter->id != sender.user) {
            return refuse(Error::not_inviter);
        }
    }
    if (auto late = too_late(rule.needs, sender.user, *invitation, asked)) {
        return std::move(*late);
    }
    return apply(sender, *invitation, asked, events);
}

ReplyBody Invitations::judge(const Sender& sender, const Invite& asked, Effects& events) {
    if (const Invitation* known = asked.id ? shared_.records.find(*asked.id) : nullptr) {
        const bool same_target = known->target != nullptr && *known->target->id == asked.invitee;
        return known_already(sender, *known, same_target);
    }
    if (const Invitation* into = asked.id ? shared_.records.find_merged(*asked.id) : nullptr) {
        if (*into->inviter->id == asked.invitee && invitee_of(*into, sender.user) != nullptr) {
            return Merged{.dup = true, .merged_into = *into->id};
        }
    }
    if (asked.invitee == sender.user) {
        return refuse_field(Error::invalid_request, "invitee", "is the inviter");
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
    const Invitation* known = asked.id ? shared_.records.find(*asked.id) : nullptr;
    const bool same_target = known != nullptr && known->group && known->group->id == asked.group;
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
    const User* caller = shared_.records.find(sender.user);
    if (!asked.call || !asked.also.empty() || caller == nullptr) {
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

ReplyBody Invitations::known_already(const Sender& sender, const Invitation& known,
                                     bool same_target) const {
    if (*known.inviter->id != sender.user || !same_target) {
        return refuse(Error::already_exists);
    }
    return Invited{.dup = true,
                   .id = *known.id,
                   .rev = known.rev,
                   .state = openness(known),
                   .remaining = remaining(known, sender.user)};
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
    Sorted sorted = sort_out(std::move(named), [&](const UserId& user) {
        return why_not(sender.user, sender.user, user, group, asked.online_only);
    });
    if (sorted.asked.empty()) {
        return std::move(*sorted.common);
    }
    if (auto full = over_pending(sender.user)) {
        return std::move(*full);
    }
    if (std::cmp_greater_equal(shared_.records.open(), shared_.limits.max_pending)) {
        return refuse_count(Error::too_many_pending, shared_.limits.max_pending);
    }
    const auto count = std::ssize(sorted.asked);
    const bool members_hear = group != nullptr && asked.visibility == Visibility::members;
    // All but the inviter, of whom nobody reads that they invited.
    const auto told = members_hear ? std::ssize(group->members) - 1 : count;
    if (auto loud = over_audience(asked.visibility, told + 1)) {
        return std::move(*loud);
    }
    const auto bytes = size_of(asked.data) + (count - 1) * invitee_bytes;
    if (auto full = shared_.take(sender.user, told, bytes)) {
        return std::move(*full);
    }

    Invitation& invitation = shared_.records.create(
        asked.id ? *asked.id : shared_.fresh_invitation(), sender.user, target);
    invitation.data = asked.data;
    invitation.data_touched = asked.data.has_value();
    invitation.made_at = shared_.now;
    invitation.lifetime_end = shared_.now + Duration(shared_.limits.max_lifetime_ms);
    invitation.answer = asked.answer;
    invitation.visibility = asked.visibility;
    invitation.online_only = asked.online_only;
    invitation.keep_when_lost = asked.on_inviter_lost == OnInviterLost::keep;
    invitation.inviter_was_online = invitation.inviter->online();
    if (asked.call) {
        calls_.wait(invitation, sender);
    }
    shared_.records.keep(invitation, bytes);
    ask(sender.user, invitation, sorted.asked, asked.timeout);
    announce_new({invitation.inviter, sender.device}, invitation, 0, events);

    Invited reply{.id = *invitation.id,
                  .rev = invitation.rev,
                  .remaining = remaining(invitation, sender.user)};
    if (in_group || !sorted.skipped.empty()) {
        reply.skipped = std::move(sorted.skipped);
    }
    return reply;
}

ReplyBody Invitations::apply(const Sender& sender, Invitation& invitation, const Accept& asked,
                             Effects& events) {
    Invitee& invitee = *invitee_of(invitation, sender.user);
    const bool takes_it = invitation.answer == Answer::first;
    const std::size_t others = takes_it ? invitation.pending - 1 : 0;
    const auto heard = hearers(invitation, 1) + (others > 0 ? hearers(invitation, others) : 0);
    if (auto full = take(sender.user, heard, size_of(asked.data), invitation)) {
        return std::move(*full);
    }
    const Actor by{&invitee.user(), sender.device};
    end(invitation, invitee, State::accepted, by, note(invitation, asked.data));
    if (invitation.call) {
        calls_.join(invitation, invitee.user(), sender.device);
    }
    announce(by, invitation, {&invitee},
             InviteeAccepted{.invitee = sender.user, .data = asked.data}, events);
    if (others > 0) {
        cancel(invitation, all_pending(invitation), by, CancelReason::answered, {}, events);
    }
    const Rev rev = invitation.rev;
    settle(shared_, invitation);
    return Done{.rev = rev};
}

ReplyBody Invitations::apply(const Sender& sender, Invitation& invitation, const Reject& asked,
                             Effects& events) {
    Invitee& invitee = *invitee_of(invitation, sender.user);
    if (auto full = take(sender.user, hearers(invitation, 1),
                         size_of(asked.data) + std::ssize(asked.reason), invitation)) {
        return std::move(*full);
    }
    const Actor by{&invitee.user(), sender.device};
    end(invitation, invitee, State::rejected, by, note(invitation, asked.data, asked.reason));
    announce(by, invitation, {&invitee},
             InviteeRejected{.invitee = sender.user, .data = asked.data, .reason = asked.reason},
             events);
    const Rev rev = invitation.rev;
    settle(shared_, invitation);
    return Done{.rev = rev};
}

ReplyBody Invitations::apply(const Sender& sender, Invitation& invitation, const Cancel& asked,
                             Effects& events) {
    const auto named = named_in(asked);
    if (names_stranger(named, invitation)) {
        return refuse_field(Error::invalid_request, "invitees", "names who is no invitee");
    }
    Cancelled reply{.rev = invitation.rev};
    std::vector<Invitee*> chosen;
    for (Invitee& invitee : invitation.invitees) {
        if (!is_named(named, invitee)) {
            continue;
        }
        if (invitee.pending()) {
            chosen.push_back(&invitee);
            reply.cancelled.push_back(*invitee.user().id);
        } else {
            reply.already.push_back({.user = *invitee.user().id, .state = invitee.state()});
        }
    }
    if (chosen.empty()) {
        return reply;
    }
    if (auto full = take(sender.user, hearers(invitation, chosen.size()), size_of(asked.data),
                         invitation)) {
        return std::move(*full);
    }
    cancel(invitation, chosen, {invitation.inviter, sender.device}, CancelReason::cancelled,
           asked.data, events);
    reply.rev = invitation.rev;
    settle(shared_, invitation);
    return reply;
}

ReplyBody Invitations::apply(const Sender& sender, Invitation& invitation, const Modify& asked,
                             Effects& events) {
    if (invitation.online_only) {
        return refuse(Error::not_modifiable);
    }
    const auto grown = std::ssize(asked.data.bytes) - size_of(invitation.data);
    if (auto full =
            take(sender.user, hearers(invitation, invitation.invitees.size()), grown, invitation)) {
        return std::move(*full);
    }
    invitation.data = asked.data;
    invitation.data_touched = true;
    shared_.records.touch(invitation);
    std::vector<Invitee*> everyone;  // whoever has it, has other data now
    for (Invitee& invitee : invitation.invitees) {
        everyone.push_back(&invitee);
    }
    announce({invitation.inviter, sender.device}, invitation, everyone,
             InvitationModified{.data = asked.data}, events);
    return Done{.rev = invitation.rev};
}

ReplyBody Invitations::apply(const Sender& sender, Invitation& invitation, const Ringing& /*asked*/,
                             Effects& events) {
    Invitee& invitee = *invitee_of(invitation, sender.user);
    if (invitee.ringing) {
        return Done{.rev = invitation.rev};
    }
    if (auto full = shared_.take(sender.user, 1, 0)) {
        return std::move(*full);
    }
    invitee.ringing = true;
    tell({*invitation.inviter->id}, invitation, {&invitee.user(), sender.device},
         InviteeRinging{.invitee = sender.user}, events);
    return Done{.rev = invitation.rev};
}

ReplyBody Invitations::apply(const Sender& sender, Invitation& invitation, const Add& asked,
                             Effects& events) {
    Sorted sorted = sort_out(distinct(asked.invitees), [&](const UserId& user) -> WhyNot {
        if (const Invitee* listed = invitee_of(invitation, user)) {
            // With visibility `inviter`, invitees are not told how the others answered.
            const bool told = *invitation.inviter->id == sender.user ||
                              invitation.visibility != Visibility::inviter;
            return listed->pending() || !told ? refuse(Error::already_invited)
                                              : told_late(invitation, *listed);
        }
        return why_not(sender.user, *invitation.inviter->id, user, invitation.group.get(),
                       invitation.online_only);
    });
    if (sorted.asked.empty()) {
        return std::move(*sorted.common);
    }
    const auto before = invitation.invitees.size();
    const auto total = static_cast<std::int64_t>(before + sorted.asked.size());
    if (total > shared_.limits.max_invitees) {
        return refuse_size("invitees", shared_.limits.max_invitees);
    }
    if (auto full = Records::counts_for(invitation, sender.user) ? std::nullopt
                                                                 : over_pending(sender.user)) {
        return std::move(*full);
    }
    // Of a group whose members hear of it, the added are among them already.
    std::vector<UserId> had_it{*invitation.inviter->id};
    if (invitation.visibility != Visibility::inviter) {
        append_users(had_it, invitation.invitees);
        const std::unordered_set<std::string_view> added = texts_of(sorted.asked);
        for (const User* observer : onlookers(invitation)) {
            if (!added.contains(observer->id->text())) {
                had_it.push_back(*observer->id);
            }
        }
    }
    const auto added = std::ssize(sorted.asked);
    if (auto loud = over_audience(invitation.visibility, std::ssize(had_it) + added)) {
        return std::move(*loud);
    }
    if (auto full =
            take(sender.user, std::ssize(had_it) + added, added * invitee_bytes, invitation)) {
        return std::move(*full);
    }

    if (lives(invitation)) {
        // Who is called into a call may be asked as long as that may last.
        invitation.lifetime_end =
            std::max(invitation.lifetime_end, calls_.ends_at(*invitation.call));
    }
    // Who had it hears the full list; whoever is added gets it as new. One rev for both.
    ask(sender.user, invitation, sorted.asked, asked.timeout);
    ++invitation.rev;
    const Actor by{shared_.records.find(sender.user), sender.device};
    announce_new(by, invitation, before, events);
    std::vector<UserId> everyone;
    append_users(everyone, invitation.invitees);
    tell(std::move(had_it), invitation, by, InvitationModified{.invitees = std::move(everyone)},
         events);

    Invited reply{.id = *invitation.id,
                  .rev = invitation.rev,
                  .remaining = remaining_until(invitation.invitees.back().deadline())};
    reply.skipped = std::move(sorted.skipped);
    return reply;
}

ReplyBody Invitations::apply(const Sender& sender, const Invitation& invitation,
                             const Get& /*asked*/, Effects& /*events*/) {
    return Got{.invitation = describe(invitation, sender.user)};
}

ReplyBody Invitations::apply(const Sender& sender, const Invitation& invitation,
                             const Signal& asked, Effects& events) {
    return calls_.signal(sender, invitation, asked, events);
}

ReplyBody Invitations::apply(const Sender& sender, Invitation& invitation, const Hangup& asked,
                             Effects& events) {
    return calls_.hang_up(sender, invitation, asked, events);
}

ReplyBody Invitations::apply(const Sender& sender, Invitation& invitation, const Resume& /*asked*/,
                             Effects& events) {
    return calls_.resume(sender, invitation, events);
}

ReplyBody Invitations::judge(const Sender& sender, const Sync& asked, Effects& /*events*/) {
    std::uint64_t after = 0;
    if (asked.after) {
        const auto& text = *asked.after;
        const auto* end = text.data() + text.size();
        const auto [at, error] = std::from_chars(text.data(), end, after);
        if (error != std::errc{} || at != end) {
            return refuse_field(Error::invalid_request, "after", "is no `next` of a page");
        }
    }
    Synced page{.server_epoch = shared_.server_epoch};
    const User* known = shared_.records.find(sender.user);
    if (known == nullptr) {
        return page;
    }
    std::int64_t bytes = 0;
    for (OpenFor open(*known, after); const Invitation* one = open.next();) {
        if (page.invitations.size() == page_invitations || bytes > page_bytes) {
            page.next = std::to_string(after);
            break;
        }
        after = one->number;
        bytes += one->kept;
        page.invitations.push_back(describe(*one, sender.user));
    }
    return page;
}

WhyNot Invitations::why_not(const UserId& asker, const UserId& inviter, const UserId& user,
                            const Group* group, bool online_only) const {
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
        std::cmp_greater_equal(known->invited, shared_.limits.max_pending_per_invitee)) {
        return refuse_count(Error::too_many_pending, shared_.limits.max_pending_per_invitee);
    }
    if (!shared_.pair_invites.allows(pair(asker, user), shared_.now)) {
        return refuse_count(Error::rate_limited, shared_.limits.pair_invites_per_second);
    }
    return std::nullopt;
}

std::optional<Refusal> Invitations::over_pending(const UserId& user) const {
    const User* known = shared_.records.find(user);
    if (known != nullptr &&
        std::cmp_greater_equal(known->inviting, shared_.limits.max_pending_per_inviter)) {
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

std::optional<Refusal> Invitations::take(const UserId& user, std::int64_t events,
                                         std::int64_t bytes, Invitation& invitation) {
    if (auto full = shared_.take(user, events, bytes)) {
        return full;
    }
    shared_.records.keep(invitation, bytes);
    return std::nullopt;
}

void Invitations::come_due(Invitation& invitation, Effects& events) {
    const auto before = events.size();
    while (invitation.pending > 0) {
        const Instant first = earliest_deadline(invitation);
        if (std::min(first, invitation.lifetime_end) > shared_.now) {
            break;
        }
        if (first > invitation.lifetime_end) {
            cancel(invitation, all_pending(invitation), the_clock, CancelReason::expired, {},
                   events);
            break;
        }
        std::vector<Invitee*> late;
        InvitationTimeout event;
        for (Invitee& invitee : invitation.invitees) {
            if (invitee.pending() && invitee.deadline() == first) {
                late.push_back(&invitee);
                event.invitees.push_back(*invitee.user().id);
                end(invitation, invitee, State::timed_out, the_clock, nullptr);
            }
        }
        announce(the_clock, invitation, late, std::move(event), events);
    }
    owe(shared_, *invitation.inviter->id, events, before);
    if (invitation.pending > 0) {
        shared_.wheel.arm(invitation,
                          std::min(earliest_deadline(invitation), invitation.lifetime_end));
    }
    settle(shared_, invitation);
}

void Invitations::set_online(const Sender& device, bool online) {
    User& user = shared_.records.obtain(device.user);
    const bool was_online = user.online();
    std::erase(user.devices, device.device);
    if (online) {
        user.devices.push_back(device.device);
    }
    if (user.online() == was_online) {
        // Another of this user's devices is there.
    } else if (online) {
        if (user.lost) {
            shared_.wheel.disarm(*user.lost);
            user.lost.reset();
        }
        for (Invitation* invitation : user.open) {
            if (invitation->inviter == &user && !invitation->inviter_was_online) {
                invitation->inviter_was_online = true;
                shared_.records.touch(*invitation);
            }
        }
    } else if (std::any_of(user.open.begin(), user.open.end(),
                           [&](auto* one) { return loses(*one, user); })) {
        await(user);
    }
    calls_.set_online(user, device.device, online);
    shared_.records.release(user);
}

/// Gives an inviter who is not there the grace period to come back.
void Invitations::await(User& user) {
    if (!user.lost) {
        user.lost = std::make_unique<LostInviter>(user);
        shared_.wheel.arm(*user.lost, shared_.now + Duration(shared_.limits.grace_ms));
    }
}

void Invitations::lose(User& user, Effects& events) {
    if (shared_.absences_wait) {
        shared_.wheel.arm(*user.lost, shared_.now + SharedState::moment);
        return;
    }
    const auto before = events.size();
    const auto open = user.open;
    for (Invitation* invitation : open) {
        if (loses(*invitation, user) && invitation->pending > 0) {
            cancel(*invitation, all_pending(*invitation), {&user}, CancelReason::inviter_lost, {},
                   events);
            settle(shared_, *invitation);
        }
    }
    owe(shared_, *user.id, events, before);
    user.lost.reset();
    shared_.records.release(user);
}

void Invitations::announce_new(const Actor& by, const Invitation& invitation, std::size_t first,
                               Effects& events) const {
    const auto& invitees = invitation.invitees;
    NewInvitation body{.inviter = *invitation.inviter->id,
                       .group = group_id(invitation),
                       .data = invitation.data,
                       .remaining = remaining_until(invitees[first].deadline()),
                       .call = invitation.call != nullptr,
                       .answer = invitation.answer,
                       .visibility = invitation.visibility,
                       .online_only = invitation.online_only};
    std::vector<UserId> to;
    for (std::size_t i = first; i < invitees.size(); ++i) {
        to.push_back(*invitees[i].user().id);
    }
    if (!is_private(invitation)) {
        append_users(body.invitees, invitees);
    }
    tell(std::move(to), invitation, by, body, events);
    // Who hears of it later, by `add`, has heard of it before.
    std::vector<UserId> others;
    if (first == 0) {
        append_observers(others, invitation);
    }
    if (!others.empty()) {
        body.role = Role::observer;
        tell(std::move(others), invitation, by, std::move(body), events);
    }
}

InvitationInfo Invitations::describe(const Invitation& invitation, const UserId& reader) const {
    const bool inviter = *invitation.inviter->id == reader;
    const bool asked = invitee_of(invitation, reader) != nullptr;
    InvitationInfo told{.id = *invitation.id,
                        .inviter = *invitation.inviter->id,
                        .group = group_id(invitation),
                        .data = invitation.data,
                        .call = invitation.call != nullptr,
                        .answer = invitation.answer,
                        .online_only = invitation.online_only,
                        .visibility = invitation.visibility,
                        .rev = invitation.rev,
                        .state = openness(invitation),
                        .role = inviter ? Role::inviter
                                : asked ? Role::invitee
                                        : Role::observer,
                        .remaining = remaining(invitation, reader),
                        .call_state = calls_.describe(invitation, reader)};
    for (const Invitee& invitee : invitation.invitees) {
        if (!inviter && invitation.visibility == Visibility::inviter &&
            *invitee.user().id != reader) {
            continue;
        }
        InviteeInfo one{
            .user = *invitee.user().id, .state = invitee.state(), .ringing = invitee.ringing};
        if (invitee.by() == &invitee.user() && invitee.state() != State::revoked) {
            one.device = invitee.device();  // the invitee's own, which answered
        }
        if (const Note* note = invitee.note()) {
            // One cancel may end a thousand; its data is told to each, not a thousand times.
            if (invitee.state() != State::cancelled || *invitee.user().id == reader) {
                one.data = note->data;
            }
            if (!note->reason.empty()) {
                one.reason = note->reason;
            }
        }
        told.invitees.push_back(std::move(one));
    }
    return told;
}

std::optional<Duration> Invitations::remaining(const Invitation& invitation,
                                               const UserId& reader) const {
    if (const Invitee* own = invitee_of(invitation, reader)) {
        return own->pending() ? remaining_until(own->deadline()) : std::nullopt;
    }
    std::optional<Instant> last;
    for (const Invitee& invitee : invitation.invitees) {
        if (invitee.pending() && (!last || *last < invitee.deadline())) {
            last = invitee.deadline();
        }
    }
    return last ? remaining_until(*last) : std::nullopt;
}

std::optional<Duration> Invitations::remaining_until(Instant deadline) const {
    return deadline == never ? std::nullopt : std::optional(deadline - shared_.now);
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
    shared_.records.count_for(invitation, asker);
    for (const auto& id : asked) {
        shared_.pair_invites.take(pair(asker, id), shared_.now);
    }
    look_again(invitation, std::min(deadline, invitation.lifetime_end));
}

void Invitations::look_again(Invitation& invitation, Instant due) {
    if (!invitation.armed() || due < invitation.due()) {
        shared_.wheel.disarm(invitation);
        shared_.wheel.arm(invitation, due);
    }
}

void Invitations::restore(const InvitationKept& kept) {
    Invitation& invitation = shared_.records.restore(kept);
    if (invitation.ended()) {
        shared_.wheel.disarm(invitation);
        return;
    }
    look_again(invitation, invitation.lifetime_end);
    User& inviter = *invitation.inviter;
    if (inviter.online() && !invitation.inviter_was_online) {
        invitation.inviter_was_online = true;
        shared_.records.touch(invitation);
    } else if (!inviter.online() && loses(invitation, inviter)) {
        await(inviter);
    }
}

void Invitations::restore(const InviteeKept& kept) {
    Invitation* invitation = shared_.records.restore(kept);
    if (invitation != nullptr && !invitation->ended() && kept.state == State::pending) {
        look_again(*invitation, std::min(kept.deadline, invitation->lifetime_end));
    }
}

void Invitations::restore(const CallKept& kept) {
    if (Invitation* invitation = shared_.records.restore(kept)) {
        calls_.restored(*invitation, invitation->call->participants.size());
    }
}

void Invitations::restore(const ParticipantKept& kept) {
    if (Invitation* invitation = shared_.records.restore(kept)) {
        calls_.restored(*invitation, kept.position);
    }
}

void Invitations::restore(const InvitationForgotten& forgotten) {
    Invitation* invitation = shared_.records.find(forgotten.id);
    if (invitation != nullptr && invitation->number == forgotten.number) {
        shared_.wheel.disarm(*invitation);
        if (invitation->call) {
            shared_.wheel.disarm(*invitation->call);
        }
        shared_.records.restore(forgotten);
    }
}

void Invitations::parted(const Group& group, const std::vector<UserId>& gone, const Sender& sender,
                         RevokeReason reason, Effects& events) {
    const auto before = events.size();
    std::unordered_set<const User*> leaving;
    std::map<std::uint64_t, Invitation*> concerned;
    for (const auto& id : gone) {
        const User& user = *shared_.records.find(id);
        leaving.insert(&user);
        for (Invitation* invitation : user.open) {
            if (invitation->group.get() == &group) {
                concerned.emplace(invitation->number, invitation);
            }
        }
    }
    User& actor = *shared_.records.find(sender.user);
    const Actor by{&actor, sender.device};
    for (const auto& [number, one] : concerned) {
        Invitation& invitation = *one;
        auto chosen = all_pending(invitation);
        if (chosen.empty()) {
            continue;  // its call lives on
        }
        if (leaving.contains(invitation.inviter)) {
            cancel(invitation, chosen, by, CancelReason::left_group, {}, events);
        } else {
            std::erase_if(chosen,
                          [&](auto* invitee) { return !leaving.contains(&invitee->user()); });
            if (chosen.empty()) {
                continue;
            }
            revoke(invitation, chosen, by, reason, events);
        }
        shared_.records.keep_remover(invitation, actor);
        settle(shared_, invitation);
    }
    owe(shared_, sender.user, events, before);
}

void Invitations::dismissed(const Group& group, const Sender& sender, Effects& events) {
    User& actor = *shared_.records.find(sender.user);
    const Actor by{&actor, sender.device};
    const auto before = events.size();
    // From the youngest: what is taken out then stands at the end. Calls that live go on.
    const std::vector<Invitation*> youngest_first(group.open.rbegin(), group.open.rend());
    for (Invitation* one : youngest_first) {
        Invitation& invitation = *one;
        if (invitation.pending == 0) {
            continue;
        }
        cancel(invitation, all_pending(invitation), by, CancelReason::group_dismissed, {}, events);
        shared_.records.keep_remover(invitation, actor);
        settle(shared_, invitation);
    }
    owe(shared_, sender.user, events, before);
}

template ReplyBody Invitations::judge(const Sender&, const Accept&, Effects&);
template ReplyBody Invitations::judge(const Sender&, const Reject&, Effects&);
template ReplyBody Invitations::judge(const Sender&, const Cancel&, Effects&);
template ReplyBody Invitations::judge(const Sender&, const Modify&, Effects&);
template ReplyBody Invitations::judge(const Sender&, const Ringing&, Effects&);
template ReplyBody Invitations::judge(const Sender&, const Add&, Effects&);
template ReplyBody Invitations::judge(const Sender&, const Get&, Effects&);
template ReplyBody Invitations::judge(const Sender&, const Signal&, Effects&);
template ReplyBody Invitations::judge(const Sender&, const Hangup&, Effects&);
template ReplyBody Invitations::judge(const Sender&, const Resume&, Effects&);

}  // namespace beckon
