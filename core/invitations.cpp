// SPDX-License-Identifier: Apache-2.0
#include "invitations.hpp"

#include <algorithm>
#include <charconv>
#include <concepts>
#include <unordered_set>
#include <utility>

#include "refusals.hpp"
#include "rules.hpp"

namespace beckon {

namespace {

constexpr Instant never = Instant::max();

// What an invitee counts against max_total_data_bytes, after the first: one request
// makes a thousand.
constexpr std::int64_t invitee_bytes = 200;

// A page of `sync` ends at whichever comes first.
constexpr std::size_t page_invitations = 100;
constexpr std::int64_t page_bytes = 64 * 1024;

std::int64_t size_of(const std::optional<Data>& data) {
    return data ? static_cast<std::int64_t>(data->bytes.size()) : 0;
}

/// Who acts, and with which device; nobody: the clock.
struct Actor {
    const User* user = nullptr;
    std::optional<DeviceTag> device{};
};
constexpr Actor the_clock{};

/// An event that names those whom it concerns.
template <class Body>
concept lists_invitees = requires(Body body) {
    { body.invitees } -> std::same_as<std::vector<UserId>&>;
};

template <class MaybeConst>
auto invitee_of(MaybeConst& invitation, const UserId& user)
    -> decltype(&invitation.invitees.front()) {
    for (auto& invitee : invitation.invitees) {
        if (*invitee.user().id == user) {
            return &invitee;
        }
    }
    return nullptr;
}

std::shared_ptr<const Note> note(const std::optional<Data>& data, std::string reason = {}) {
    if (!data && reason.empty()) {
        return nullptr;
    }
    return std::make_shared<const Note>(Note{.data = data, .reason = std::move(reason)});
}

std::vector<Invitee*> all_pending(Invitation& invitation) {
    std::vector<Invitee*> pending;
    for (Invitee& invitee : invitation.invitees) {
        if (invitee.pending()) {
            pending.push_back(&invitee);
        }
    }
    return pending;
}

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
    return invitation.pending > 0 ? Openness::open : Openness::ended;
}

/// Those whom a cancel names; nothing: all.
using Named = std::optional<std::unordered_set<std::string_view>>;

Named named_in(const Cancel& asked) {
    Named named;
    if (asked.invitees) {
        named.emplace();
        for (const auto& user : *asked.invitees) {
            named->insert(user.text());
        }
    }
    return named;
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

void append_users(std::vector<UserId>& to, const std::vector<Invitee>& invitees) {
    for (const Invitee& invitee : invitees) {
        to.push_back(*invitee.user().id);
    }
}

std::string pair(const UserId& inviter, const UserId& invitee) {
    return inviter.text() + '/' + invitee.text();
}

bool may(Who who, const UserId& user, const Invitation& invitation) {
    const bool inviter = *invitation.inviter->id == user;
    const Invitee* invitee = invitee_of(invitation, user);
    switch (who) {
        case Who::invitee:
            return invitee != nullptr;
        case Who::inviter:
            return inviter;
        case Who::inviter_or_accepted:
            return inviter || (invitee != nullptr && invitee->state() == State::accepted);
        case Who::participant:
            return inviter || invitee != nullptr;
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
        if (needs == Needs::open_unless_named && told_of_each) {
            return std::nullopt;
        }
    }
    if (needs == Needs::nothing || invitation.pending > 0) {
        return std::nullopt;
    }
    if (invitation.invitees.size() == 1) {
        return told_late(invitation, invitation.invitees.front());
    }
    if constexpr (std::same_as<Verb, Add>) {
        // Somebody's answer is all that stands against adding.
        const auto taker =
            std::find_if(invitation.invitees.begin(), invitation.invitees.end(),
                         [](const Invitee& one) { return one.state() == State::accepted; });
        if (invitation.answer == Answer::first && taker != invitation.invitees.end()) {
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
    if (*invitation.inviter->id != sender.user) {
        return std::nullopt;  // who took it has cancelled others, by an accept
    }
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
        if (ended_by(invitee, State::cancelled, sender)) {
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

/// Whether this invitation ends when `user` is lost.
bool loses(const Invitation& invitation, const User& user) {
    return invitation.inviter == &user && invitation.inviter_was_online &&
           !invitation.keep_when_lost;
}

void tell(std::vector<UserId> to, const Invitation& invitation, const Sender* by, EventBody body,
          Effects& events) {
    Delivery delivery{
        .to = std::move(to),
        .event = {.id = *invitation.id, .rev = invitation.rev, .body = std::move(body)}};
    if (by != nullptr) {
        delivery.event.by = by->user;
        delivery.event.by_device = by->device;
    }
    events.emplace_back(std::move(delivery));
}

/// One event, with the next rev, to the invitation's audience. With visibility
/// `inviter` each invitee whom it concerns reads of nobody but itself.
template <class Body>
void announce(const Actor& by, Invitation& invitation, const std::vector<Invitee*>& concerned,
              Body body, Effects& events) {
    ++invitation.rev;
    Event event{.id = *invitation.id,
                .rev = invitation.rev,
                .by = by.user != nullptr ? std::optional(*by.user->id) : std::nullopt,
                .by_device = by.device,
                .body = std::move(body)};
    std::vector<UserId> to{*invitation.inviter->id};
    if (invitation.visibility != Visibility::inviter) {
        append_users(to, invitation.invitees);
        events.emplace_back(Delivery{.to = std::move(to), .event = std::move(event)});
        return;
    }
    if constexpr (lists_invitees<Body>) {
        events.emplace_back(Delivery{.to = std::move(to), .event = event});
        for (const Invitee* invitee : concerned) {
            std::get<Body>(event.body).invitees = {*invitee->user().id};
            events.emplace_back(Delivery{.to = {*invitee->user().id}, .event = event});
        }
    } else {
        for (const Invitee* invitee : concerned) {
            to.push_back(*invitee->user().id);
        }
        events.emplace_back(Delivery{.to = std::move(to), .event = std::move(event)});
    }
}

/// How many users hear an event that concerns so many invitees.
std::int64_t hearers(const Invitation& invitation, std::size_t concerned) {
    return 1 + static_cast<std::int64_t>(invitation.visibility == Visibility::inviter
                                             ? concerned
                                             : invitation.invitees.size());
}

InvitationCancelled cancelled_event(const Invitation& invitation,
                                    const std::vector<Invitee*>& chosen, CancelReason reason,
                                    const std::optional<Data>& data) {
    InvitationCancelled event{.inviter = *invitation.inviter->id, .data = data, .reason = reason};
    for (const Invitee* invitee : chosen) {
        event.invitees.push_back(*invitee->user().id);
    }
    return event;
}

/// The one way to end.
void end(Invitation& invitation, Invitee& invitee, State how, const Actor& by,
         std::shared_ptr<const Note> note) {
    invitee.end(how, by.user, by.device, std::move(note));
    --invitation.pending;
    --invitee.user().invited;
}

void cancel(Invitation& invitation, const std::vector<Invitee*>& chosen, const Actor& by,
            CancelReason reason, const std::optional<Data>& data, Effects& events) {
    const auto why = note(data, std::string(name_of(reason)));
    for (Invitee* invitee : chosen) {
        end(invitation, *invitee, State::cancelled, by, why);
    }
    announce(by, invitation, chosen, cancelled_event(invitation, chosen, reason, data), events);
}

}  // namespace

template <class Verb>
ReplyBody Invitations::judge(const Sender& sender, const Verb& asked, Effects& events) {
    static constexpr const Rule& rule = rule_of(Verb::verb);
    Invitation* invitation = desk_.records.find(asked.id);
    if (invitation == nullptr) {
        return refuse(Error::unknown_invitation);
    }
    if constexpr (rule.repeatable) {
        if (auto repeat = repeated(sender, *invitation, asked)) {
            return std::move(*repeat);
        }
    }
    if (!may(rule.who, sender.user, *invitation)) {
        return refuse(rule.otherwise);
    }
    if (auto late = too_late(rule.needs, sender.user, *invitation, asked)) {
        return std::move(*late);
    }
    return apply(sender, *invitation, asked, events);
}

ReplyBody Invitations::judge(const Sender& sender, const Invite& asked, Effects& events) {
    if (const Invitation* known = asked.id ? desk_.records.find(*asked.id) : nullptr) {
        if (*known->inviter->id != sender.user || *known->target->id != asked.invitee) {
            return refuse(Error::already_exists);
        }
        return Invited{.dup = true,
                       .id = *known->id,
                       .rev = known->rev,
                       .state = openness(*known),
                       .remaining = remaining(*known, sender.user)};
    }
    if (asked.invitee == sender.user) {
        return refuse_field(Error::invalid_request, "invitee", "is the inviter");
    }
    std::vector<UserId> named = invitees_of(asked);
    if (std::cmp_greater(named.size(), desk_.limits.max_invitees)) {
        return refuse_size("also", desk_.limits.max_invitees);
    }
    Sorted sorted = sort_out(std::move(named), [&](const UserId& user) {
        return why_not(sender.user, sender.user, user, asked.online_only);
    });
    if (sorted.asked.empty()) {
        return std::move(*sorted.common);
    }
    if (auto full = over_pending(sender.user)) {
        return std::move(*full);
    }
    if (std::cmp_greater_equal(desk_.records.open(), desk_.limits.max_pending)) {
        return refuse_count(Error::too_many_pending, desk_.limits.max_pending);
    }
    const auto count = static_cast<std::int64_t>(sorted.asked.size());
    if (auto loud = over_audience(asked.visibility, count)) {
        return std::move(*loud);
    }
    const auto bytes = size_of(asked.data) + (count - 1) * invitee_bytes;
    if (auto full = desk_.take(sender.user, count, bytes)) {
        return std::move(*full);
    }

    Invitation& invitation = create(sender, asked);
    desk_.records.keep(invitation, bytes);
    invite(sender.user, invitation, sorted.asked, asked.timeout);
    announce_new(sender, invitation, 0, events);

    Invited reply{.id = *invitation.id,
                  .rev = invitation.rev,
                  .remaining = remaining(invitation, sender.user)};
    if (!sorted.skipped.empty()) {
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
    end(invitation, invitee, State::accepted, by, note(asked.data));
    announce(by, invitation, {&invitee},
             InviteeAccepted{.invitee = sender.user, .data = asked.data}, events);
    if (others > 0) {
        cancel(invitation, all_pending(invitation), by, CancelReason::answered, {}, events);
    }
    const Rev rev = invitation.rev;
    close_if_ended(invitation);
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
    end(invitation, invitee, State::rejected, by, note(asked.data, asked.reason));
    announce(by, invitation, {&invitee},
             InviteeRejected{.invitee = sender.user, .data = asked.data, .reason = asked.reason},
             events);
    const Rev rev = invitation.rev;
    close_if_ended(invitation);
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
    close_if_ended(invitation);
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
    if (auto full = desk_.take(sender.user, 1, 0)) {
        return std::move(*full);
    }
    invitee.ringing = true;
    tell({*invitation.inviter->id}, invitation, &sender, InviteeRinging{.invitee = sender.user},
         events);
    return Done{.rev = invitation.rev};
}

ReplyBody Invitations::apply(const Sender& sender, Invitation& invitation, const Add& asked,
                             Effects& events) {
    Sorted sorted = sort_out(distinct(asked.invitees), [&](const UserId& user) -> WhyNot {
        if (const Invitee* listed = invitee_of(invitation, user)) {
            return listed->pending() ? refuse(Error::already_invited)
                                     : told_late(invitation, *listed);
        }
        return why_not(sender.user, *invitation.inviter->id, user, invitation.online_only);
    });
    if (sorted.asked.empty()) {
        return std::move(*sorted.common);
    }
    const auto before = invitation.invitees.size();
    const auto total = static_cast<std::int64_t>(before + sorted.asked.size());
    if (total > desk_.limits.max_invitees) {
        return refuse_size("invitees", desk_.limits.max_invitees);
    }
    if (auto full = Records::counts_for(invitation, sender.user) ? std::nullopt
                                                                 : over_pending(sender.user)) {
        return std::move(*full);
    }
    if (auto loud = over_audience(invitation.visibility, total)) {
        return std::move(*loud);
    }
    const auto added = static_cast<std::int64_t>(sorted.asked.size());
    const auto told_before =
        invitation.visibility == Visibility::inviter ? 1 : static_cast<std::int64_t>(before) + 1;
    if (auto full = take(sender.user, added + told_before, added * invitee_bytes, invitation)) {
        return std::move(*full);
    }

    // Who had it hears the full list; whoever is added gets it as new. One rev for both.
    std::vector<UserId> had_it{*invitation.inviter->id};
    if (invitation.visibility != Visibility::inviter) {
        append_users(had_it, invitation.invitees);
    }
    invite(sender.user, invitation, sorted.asked, asked.timeout);
    ++invitation.rev;
    announce_new(sender, invitation, before, events);
    std::vector<UserId> everyone;
    append_users(everyone, invitation.invitees);
    tell(std::move(had_it), invitation, &sender,
         InvitationModified{.invitees = std::move(everyone)}, events);

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
    Synced page{.server_epoch = desk_.server_epoch};
    const User* known = desk_.records.find(sender.user);
    if (known == nullptr) {
        return page;
    }
    std::int64_t bytes = 0;
    for (const Invitation* one : Records::open_after(*known, after)) {
        const Invitation& invitation = *one;
        if (page.invitations.size() == page_invitations || bytes > page_bytes) {
            page.next = std::to_string(after);
            break;
        }
        after = invitation.number;
        bytes += invitation.kept;
        page.invitations.push_back(describe(invitation, sender.user));
    }
    return page;
}

WhyNot Invitations::why_not(const UserId& asker, const UserId& inviter, const UserId& user,
                            bool online_only) const {
    if (user == inviter) {
        return refuse_field(Error::invalid_request, "invitees", "names the inviter");
    }
    const User* known = desk_.records.find(user);
    if (online_only && (known == nullptr || !known->online)) {
        return refuse(Error::user_offline);
    }
    if (known != nullptr &&
        std::cmp_greater_equal(known->invited, desk_.limits.max_pending_per_invitee)) {
        return refuse_count(Error::too_many_pending, desk_.limits.max_pending_per_invitee);
    }
    if (!desk_.pair_invites.allows(pair(asker, user), desk_.now)) {
        return refuse_count(Error::rate_limited, desk_.limits.pair_invites_per_second);
    }
    return std::nullopt;
}

std::optional<Refusal> Invitations::over_pending(const UserId& user) const {
    const User* known = desk_.records.find(user);
    if (known != nullptr &&
        std::cmp_greater_equal(known->inviting, desk_.limits.max_pending_per_inviter)) {
        return refuse_count(Error::too_many_pending, desk_.limits.max_pending_per_inviter);
    }
    return std::nullopt;
}

std::optional<Refusal> Invitations::over_audience(Visibility visibility,
                                                  std::int64_t invitees) const {
    if (visibility != Visibility::inviter && invitees + 1 > desk_.limits.max_audience) {
        auto refusal = refuse_size("visibility", desk_.limits.max_audience);
        refusal.message = "more than " + std::to_string(desk_.limits.max_audience) +
                          " would hear each answer; visibility inviter has no such limit";
        return refusal;
    }
    return std::nullopt;
}

std::optional<Refusal> Invitations::take(const UserId& user, std::int64_t events,
                                         std::int64_t bytes, Invitation& invitation) {
    if (auto full = desk_.take(user, events, bytes)) {
        return full;
    }
    desk_.records.keep(invitation, bytes);
    return std::nullopt;
}

void Invitations::come_due(Invitation& invitation, Effects& events) {
    while (invitation.pending > 0) {
        const Instant first = earliest_deadline(invitation);
        if (std::min(first, invitation.lifetime_end) > desk_.now) {
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
    if (invitation.pending > 0) {
        desk_.wheel.arm(invitation,
                        std::min(earliest_deadline(invitation), invitation.lifetime_end));
    }
    close_if_ended(invitation);
}

void Invitations::set_online(const UserId& id, bool online) {
    User& user = desk_.records.obtain(id);
    user.online = online;
    if (online) {
        if (user.lost) {
            desk_.wheel.disarm(*user.lost);
            user.lost.reset();
        }
        for (Invitation* invitation : user.open) {
            if (invitation->inviter == &user) {
                invitation->inviter_was_online = true;
            }
        }
    } else if (!user.lost && std::any_of(user.open.begin(), user.open.end(),
                                         [&](auto* one) { return loses(*one, user); })) {
        user.lost = std::make_unique<LostInviter>(user);
        desk_.wheel.arm(*user.lost, desk_.now + Duration(desk_.limits.grace_ms));
    }
    desk_.records.release(user);
}

void Invitations::lose(User& user, Effects& events) {
    const auto open = user.open;
    for (Invitation* invitation : open) {
        if (loses(*invitation, user)) {
            cancel(*invitation, all_pending(*invitation), {&user}, CancelReason::inviter_lost, {},
                   events);
            close_if_ended(*invitation);
        }
    }
    user.lost.reset();
    desk_.records.release(user);
}

void Invitations::announce_new(const Sender& sender, const Invitation& invitation,
                               std::size_t first, Effects& events) const {
    const auto& invitees = invitation.invitees;
    NewInvitation body{.inviter = *invitation.inviter->id,
                       .data = invitation.data,
                       .remaining = remaining_until(invitees[first].deadline()),
                       .answer = invitation.answer,
                       .visibility = invitation.visibility,
                       .online_only = invitation.online_only};
    std::vector<UserId> to;
    for (std::size_t i = first; i < invitees.size(); ++i) {
        to.push_back(*invitees[i].user().id);
    }
    if (invitation.visibility != Visibility::inviter) {
        append_users(body.invitees, invitees);
        tell(std::move(to), invitation, &sender, std::move(body), events);
        return;
    }
    for (auto& user : to) {
        body.invitees = {user};
        tell({std::move(user)}, invitation, &sender, body, events);
    }
}

InvitationInfo Invitations::describe(const Invitation& invitation, const UserId& reader) const {
    const bool inviter = *invitation.inviter->id == reader;
    InvitationInfo told{.id = *invitation.id,
                        .inviter = *invitation.inviter->id,
                        .data = invitation.data,
                        .answer = invitation.answer,
                        .online_only = invitation.online_only,
                        .visibility = invitation.visibility,
                        .rev = invitation.rev,
                        .state = openness(invitation),
                        .role = inviter ? Role::inviter : Role::invitee,
                        .remaining = remaining(invitation, reader)};
    for (const Invitee& invitee : invitation.invitees) {
        if (!inviter && invitation.visibility == Visibility::inviter &&
            *invitee.user().id != reader) {
            continue;
        }
        InviteeInfo one{
            .user = *invitee.user().id, .state = invitee.state(), .ringing = invitee.ringing};
        if (invitee.by() == &invitee.user()) {
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
    return deadline == never ? std::nullopt : std::optional(deadline - desk_.now);
}

Invitation& Invitations::create(const Sender& sender, const Invite& asked) {
    Invitation& invitation =
        desk_.records.create(asked.id ? *asked.id : desk_.fresh_id(), sender.user, asked.invitee);
    invitation.data = asked.data;
    invitation.lifetime_end = desk_.now + Duration(desk_.limits.max_lifetime_ms);
    invitation.answer = asked.answer;
    invitation.visibility = asked.visibility;
    invitation.online_only = asked.online_only;
    invitation.keep_when_lost = asked.on_inviter_lost == OnInviterLost::keep;
    invitation.inviter_was_online = invitation.inviter->online;
    return invitation;
}

void Invitations::invite(const UserId& asker, Invitation& invitation,
                         const std::vector<UserId>& asked, Duration timeout) {
    const Instant deadline =
        timeout.count() > 0 ? std::min(desk_.now + timeout, invitation.lifetime_end) : never;
    desk_.records.ask(invitation, asked, deadline);
    desk_.records.count_for(invitation, asker);
    for (const auto& id : asked) {
        desk_.pair_invites.take(pair(asker, id), desk_.now);
    }
    const Instant due = std::min(deadline, invitation.lifetime_end);
    if (!invitation.armed() || due < invitation.due()) {
        desk_.wheel.disarm(invitation);
        desk_.wheel.arm(invitation, due);
    }
}

void Invitations::close_if_ended(Invitation& invitation) {
    if (invitation.pending > 0) {
        return;
    }
    desk_.wheel.disarm(invitation);
    desk_.records.close(invitation, desk_.now);
}

template ReplyBody Invitations::judge(const Sender&, const Accept&, Effects&);
template ReplyBody Invitations::judge(const Sender&, const Reject&, Effects&);
template ReplyBody Invitations::judge(const Sender&, const Cancel&, Effects&);
template ReplyBody Invitations::judge(const Sender&, const Modify&, Effects&);
template ReplyBody Invitations::judge(const Sender&, const Ringing&, Effects&);
template ReplyBody Invitations::judge(const Sender&, const Add&, Effects&);
template ReplyBody Invitations::judge(const Sender&, const Get&, Effects&);

}  // namespace beckon
