// SPDX-License-Identifier: Apache-2.0
#include "switchboard.hpp"

#include <algorithm>
#include <charconv>
#include <concepts>
#include <unordered_set>
#include <utility>

#include "rate_limit.hpp"
#include "records.hpp"
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

/// Over a limit: `field` is larger than `limit`.
Refusal refuse_size(std::string_view field, std::int64_t limit) {
    auto refusal = refuse_field(Error::too_large, field, "is over " + std::to_string(limit));
    refusal.limit = limit;
    return refusal;
}
/// Over a limit on how many or how often.
Refusal refuse_count(Error error, std::int64_t limit) {
    auto refusal = refuse(error);
    refusal.limit = limit;
    return refusal;
}

/// Why somebody cannot be invited.
using WhyNot = std::optional<Refusal>;

struct Sorted {
    std::vector<UserId> asked;
    std::vector<Skipped> skipped;
    /// The refusal when nobody is left: the common error, else `invalid_request`.
    std::optional<Refusal> common;
};

/// Sorts who can be invited from who cannot; each is counted once.
Sorted sort_out(std::vector<UserId> distinct, const auto& why_not) {
    Sorted sorted;
    for (auto& user : distinct) {
        if (WhyNot why = why_not(user)) {
            sorted.skipped.push_back({.user = std::move(user), .error = why->error});
            if (!sorted.common) {
                sorted.common = std::move(why);
            } else if (sorted.common->error != why->error) {
                sorted.common = refuse(Error::invalid_request);
                sorted.common->message = "nobody named can be invited, for several reasons";
            }
        } else {
            sorted.asked.push_back(std::move(user));
        }
    }
    return sorted;
}

/// An event that names those whom it concerns.
template <class Body>
concept lists_invitees = requires(Body body) {
    { body.invitees } -> std::same_as<std::vector<UserId>&>;
};

}  // namespace

class Switchboard::Impl {
  public:
    explicit Impl(Options options)
        : options_(std::move(options)),
          limits_(options_.limits),
          hash_key_(derive_key(options_.secret, "hash")),
          id_key_(derive_key(options_.secret, "ids")),
          requests_(limits_.requests_per_second, limits_.requests_burst, hash_key_),
          pair_invites_(limits_.pair_invites_per_second, limits_.pair_invites_burst, hash_key_),
          events_(limits_.events_per_second, limits_.events_burst, hash_key_),
          records_(limits_, hash_key_) {}

    Effects handle(const Sender& sender, const Request& request, Instant now) {
        Effects effects = advance(now);
        Effects events;
        ReplyBody body = judge(sender, request, events);
        effects.emplace_back(Reply{.re = std::string(verb_of(request)),
                                   .device = sender.device,
                                   .req = request.req,
                                   .body = std::move(body)});
        std::move(events.begin(), events.end(), std::back_inserter(effects));
        return effects;
    }

    Effects advance(Instant now) {
        Effects effects;
        now = std::max(now, now_);
        while (Timer* timer = wheel_.pop(now)) {
            now_ = std::max(now_, timer->due());
            switch (timer->kind()) {
                case Timer::Kind::invitation:
                    come_due(static_cast<Invitation&>(*timer), effects);
                    break;
                case Timer::Kind::lost_inviter:
                    lose(static_cast<LostInviter&>(*timer).user, effects);
                    break;
            }
        }
        now_ = now;
        records_.forget_ended(now_ - Duration(limits_.ended_ms));
        return effects;
    }

    [[nodiscard]] std::optional<Instant> next_deadline() const { return wheel_.next(); }

    Effects set_online(const UserId& id, bool online, Instant now) {
        Effects effects = advance(now);
        User& user = records_.obtain(id);
        user.online = online;
        if (online) {
            if (user.lost) {
                wheel_.disarm(*user.lost);
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
            wheel_.arm(*user.lost, now_ + Duration(limits_.grace_ms));
        }
        records_.release(user);
        return effects;
    }

    [[nodiscard]] const Limits& limits() const { return limits_; }

    [[nodiscard]] Counts counts() const {
        return {.open = records_.open(),
                .ended = records_.ended(),
                .users = records_.users(),
                .kept_bytes = records_.kept_bytes()};
    }

  private:
    // ------------------------------------------------------------- judging

    ReplyBody judge(const Sender& sender, const Request& request, Effects& events) {
        const auto& who = sender.user.text();
        if (!requests_.allows(who, now_)) {
            return refuse_count(Error::rate_limited, limits_.requests_per_second);
        }
        requests_.take(who, now_);
        return std::visit([&](const auto& asked) { return judge(sender, asked, events); },
                          request.body);
    }

    /// The checks that every verb about an invitation shares, in the contract's order.
    template <class Verb>
    ReplyBody judge(const Sender& sender, const Verb& asked, Effects& events) {
        static constexpr const Rule& rule = rule_of(Verb::verb);
        Invitation* invitation = records_.find(asked.id);
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

    [[nodiscard]] static bool may(Who who, const UserId& user, const Invitation& invitation) {
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

    template <class Verb>
    [[nodiscard]] static std::optional<Refusal> too_late(Needs needs, const UserId& user,
                                                         const Invitation& invitation,
                                                         const Verb& asked) {
        if (needs == Needs::sender_pending) {
            const Invitee* invitee = invitee_of(invitation, user);
            return invitee->pending() ? std::nullopt
                                      : std::optional(told_late(invitation, *invitee));
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

    /// How this invitee's part ended, and by whom.
    [[nodiscard]] static Refusal told_late(const Invitation& invitation, const Invitee& invitee) {
        auto refusal = refuse(already(invitee.state()));
        refusal.rev = invitation.rev;
        if (invitee.by() != nullptr) {
            refusal.by = *invitee.by()->id;
            refusal.by_device = invitee.device();
        }
        return refusal;
    }

    [[nodiscard]] static bool ended_by(const Invitee& invitee, State how, const Sender& sender) {
        return invitee.state() == how && invitee.by() != nullptr &&
               *invitee.by()->id == sender.user && invitee.device() == sender.device;
    }

    template <class Answered>
    [[nodiscard]] static std::optional<ReplyBody> repeated(const Sender& sender,
                                                           const Invitation& invitation,
                                                           const Answered& /*asked*/) {
        const Invitee* invitee = invitee_of(invitation, sender.user);
        if (invitee == nullptr || !ended_by(*invitee, *rule_of(Answered::verb).writes, sender)) {
            return std::nullopt;
        }
        return Done{.dup = true, .rev = invitation.rev};
    }

    [[nodiscard]] static std::optional<ReplyBody> repeated(const Sender& sender,
                                                           const Invitation& invitation,
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

    // ------------------------------------------------------------ the verbs

    ReplyBody judge(const Sender& sender, const Invite& asked, Effects& events) {
        if (const Invitation* known = asked.id ? records_.find(*asked.id) : nullptr) {
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
        if (std::cmp_greater(named.size(), limits_.max_invitees)) {
            return refuse_size("also", limits_.max_invitees);
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
        if (std::cmp_greater_equal(records_.open(), limits_.max_pending)) {
            return refuse_count(Error::too_many_pending, limits_.max_pending);
        }
        const auto count = static_cast<std::int64_t>(sorted.asked.size());
        if (auto loud = over_audience(asked.visibility, count)) {
            return std::move(*loud);
        }
        const auto bytes = size_of(asked.data) + (count - 1) * invitee_bytes;
        if (auto full = take(sender.user, count, bytes)) {
            return std::move(*full);
        }

        Invitation& invitation = create(sender, asked);
        records_.keep(invitation, bytes);
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

    ReplyBody apply(const Sender& sender, Invitation& invitation, const Accept& asked,
                    Effects& events) {
        Invitee& invitee = *invitee_of(invitation, sender.user);
        const bool takes_it = invitation.answer == Answer::first;
        const std::size_t others = takes_it ? invitation.pending - 1 : 0;
        const auto heard = hearers(invitation, 1) + (others > 0 ? hearers(invitation, others) : 0);
        if (auto full = take(sender.user, heard, size_of(asked.data), &invitation)) {
            return std::move(*full);
        }
        end(invitation, invitee, State::accepted, sender, note(asked.data));
        announce(sender, invitation, {&invitee},
                 InviteeAccepted{.invitee = sender.user, .data = asked.data}, events);
        if (others > 0) {
            cancel(invitation, all_pending(invitation), sender, CancelReason::answered, {}, events);
        }
        const Rev rev = invitation.rev;
        close_if_ended(invitation);
        return Done{.rev = rev};
    }

    ReplyBody apply(const Sender& sender, Invitation& invitation, const Reject& asked,
                    Effects& events) {
        Invitee& invitee = *invitee_of(invitation, sender.user);
        if (auto full = take(sender.user, hearers(invitation, 1),
                             size_of(asked.data) + std::ssize(asked.reason), &invitation)) {
            return std::move(*full);
        }
        end(invitation, invitee, State::rejected, sender, note(asked.data, asked.reason));
        announce(
            sender, invitation, {&invitee},
            InviteeRejected{.invitee = sender.user, .data = asked.data, .reason = asked.reason},
            events);
        const Rev rev = invitation.rev;
        close_if_ended(invitation);
        return Done{.rev = rev};
    }

    ReplyBody apply(const Sender& sender, Invitation& invitation, const Cancel& asked,
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
                             &invitation)) {
            return std::move(*full);
        }
        cancel(invitation, chosen, sender, CancelReason::cancelled, asked.data, events);
        reply.rev = invitation.rev;
        close_if_ended(invitation);
        return reply;
    }

    ReplyBody apply(const Sender& sender, Invitation& invitation, const Modify& asked,
                    Effects& events) {
        if (invitation.online_only) {
            return refuse(Error::not_modifiable);
        }
        const auto grown = std::ssize(asked.data.bytes) - size_of(invitation.data);
        if (auto full = take(sender.user, hearers(invitation, invitation.invitees.size()), grown,
                             &invitation)) {
            return std::move(*full);
        }
        invitation.data = asked.data;
        std::vector<Invitee*> everyone;  // whoever has it, has other data now
        for (Invitee& invitee : invitation.invitees) {
            everyone.push_back(&invitee);
        }
        announce(sender, invitation, everyone, InvitationModified{.data = asked.data}, events);
        return Done{.rev = invitation.rev};
    }

    ReplyBody apply(const Sender& sender, Invitation& invitation, const Ringing& /*asked*/,
                    Effects& events) {
        Invitee& invitee = *invitee_of(invitation, sender.user);
        if (invitee.ringing) {
            return Done{.rev = invitation.rev};
        }
        if (auto full = take(sender.user, 1, 0)) {
            return std::move(*full);
        }
        invitee.ringing = true;
        tell({*invitation.inviter->id}, invitation, &sender, InviteeRinging{.invitee = sender.user},
             events);
        return Done{.rev = invitation.rev};
    }

    ReplyBody apply(const Sender& sender, Invitation& invitation, const Add& asked,
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
        if (total > limits_.max_invitees) {
            return refuse_size("invitees", limits_.max_invitees);
        }
        if (auto full = Records::counts_for(invitation, sender.user) ? std::nullopt
                                                                     : over_pending(sender.user)) {
            return std::move(*full);
        }
        if (auto loud = over_audience(invitation.visibility, total)) {
            return std::move(*loud);
        }
        const auto added = static_cast<std::int64_t>(sorted.asked.size());
        const auto told_before = invitation.visibility == Visibility::inviter
                                     ? 1
                                     : static_cast<std::int64_t>(before) + 1;
        if (auto full =
                take(sender.user, added + told_before, added * invitee_bytes, &invitation)) {
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

    ReplyBody apply(const Sender& sender, const Invitation& invitation, const Get& /*asked*/,
                    Effects& /*events*/) {
        return Got{.invitation = describe(invitation, sender.user)};
    }

    ReplyBody judge(const Sender& sender, const Sync& asked, Effects& /*events*/) {
        std::uint64_t after = 0;
        if (asked.after) {
            const auto& text = *asked.after;
            const auto* end = text.data() + text.size();
            const auto [at, error] = std::from_chars(text.data(), end, after);
            if (error != std::errc{} || at != end) {
                return refuse_field(Error::invalid_request, "after", "is no `next` of a page");
            }
        }
        Synced page{.server_epoch = options_.server_epoch};
        const User* known = records_.find(sender.user);
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

    // --------------------------------------------------------------- limits

    /// Why `user` cannot be asked by `asker` into an invitation of `inviter`.
    [[nodiscard]] WhyNot why_not(const UserId& asker, const UserId& inviter, const UserId& user,
                                 bool online_only) const {
        if (user == inviter) {
            return refuse_field(Error::invalid_request, "invitees", "names the inviter");
        }
        const User* known = records_.find(user);
        if (online_only && (known == nullptr || !known->online)) {
            return refuse(Error::user_offline);
        }
        if (known != nullptr &&
            std::cmp_greater_equal(known->invited, limits_.max_pending_per_invitee)) {
            return refuse_count(Error::too_many_pending, limits_.max_pending_per_invitee);
        }
        if (!pair_invites_.allows(pair(asker, user), now_)) {
            return refuse_count(Error::rate_limited, limits_.pair_invites_per_second);
        }
        return std::nullopt;
    }

    [[nodiscard]] std::optional<Refusal> over_pending(const UserId& user) const {
        const User* known = records_.find(user);
        if (known != nullptr &&
            std::cmp_greater_equal(known->inviting, limits_.max_pending_per_inviter)) {
            return refuse_count(Error::too_many_pending, limits_.max_pending_per_inviter);
        }
        return std::nullopt;
    }

    [[nodiscard]] std::optional<Refusal> over_audience(Visibility visibility,
                                                       std::int64_t invitees) const {
        if (visibility != Visibility::inviter && invitees + 1 > limits_.max_audience) {
            auto refusal = refuse_size("visibility", limits_.max_audience);
            refusal.message = "more than " + std::to_string(limits_.max_audience) +
                              " would hear each answer; visibility inviter has no such limit";
            return refusal;
        }
        return std::nullopt;
    }

    /// Charges `user` for so many events, and `invitation` for so many bytes (one that
    /// is still to be made is charged then); or takes nothing. The last check of each
    /// request.
    [[nodiscard]] std::optional<Refusal> take(const UserId& user, std::int64_t events,
                                              std::int64_t bytes,
                                              Invitation* invitation = nullptr) {
        if (!events_.allows(user.text(), now_, events)) {
            return refuse_count(Error::rate_limited, limits_.events_per_second);
        }
        if (!records_.has_room(bytes)) {
            return refuse_size("data", limits_.max_total_data_bytes);
        }
        events_.take(user.text(), now_, events);
        if (invitation != nullptr) {
            records_.keep(*invitation, bytes);
        }
        return std::nullopt;
    }

    // ---------------------------------------------------- the one way to end

    void end(Invitation& invitation, Invitee& invitee, State how, const Sender& sender,
             std::shared_ptr<const Note> note) {
        end(invitation, invitee, how, records_.find(sender.user), sender.device, std::move(note));
    }

    void end(Invitation& invitation, Invitee& invitee, State how, const User* by,
             std::optional<DeviceTag> device, std::shared_ptr<const Note> note) {
        invitee.end(how, by, device, std::move(note));
        --invitation.pending;
        --invitee.user().invited;
    }

    void cancel(Invitation& invitation, const std::vector<Invitee*>& chosen, const Sender& sender,
                CancelReason reason, const std::optional<Data>& data, Effects& events) {
        const auto why = note(data, std::string(name_of(reason)));
        for (Invitee* invitee : chosen) {
            end(invitation, *invitee, State::cancelled, sender, why);
        }
        announce(&sender.user, sender.device, invitation, chosen,
                 cancelled_event(invitation, chosen, reason, data), events);
    }

    /// Cancelled by the broker; `by` is who caused it, if anybody.
    void cancel_all(Invitation& invitation, const User* by, CancelReason reason, Effects& events) {
        const auto chosen = all_pending(invitation);
        const auto why = note({}, std::string(name_of(reason)));
        for (Invitee* invitee : chosen) {
            end(invitation, *invitee, State::cancelled, by, std::nullopt, why);
        }
        announce(by != nullptr ? by->id : nullptr, std::nullopt, invitation, chosen,
                 cancelled_event(invitation, chosen, reason, {}), events);
    }

    void come_due(Invitation& invitation, Effects& events) {
        while (invitation.pending > 0) {
            const Instant first = earliest_deadline(invitation);
            if (std::min(first, invitation.lifetime_end) > now_) {
                break;
            }
            if (first > invitation.lifetime_end) {
                cancel_all(invitation, nullptr, CancelReason::expired, events);
                break;
            }
            std::vector<Invitee*> late;
            InvitationTimeout event;
            for (Invitee& invitee : invitation.invitees) {
                if (invitee.pending() && invitee.deadline() == first) {
                    late.push_back(&invitee);
                    event.invitees.push_back(*invitee.user().id);
                    end(invitation, invitee, State::timed_out, nullptr, std::nullopt, nullptr);
                }
            }
            announce(nullptr, std::nullopt, invitation, late, std::move(event), events);
        }
        if (invitation.pending > 0) {
            wheel_.arm(invitation,
                       std::min(earliest_deadline(invitation), invitation.lifetime_end));
        }
        close_if_ended(invitation);
    }

    void lose(User& user, Effects& events) {
        const auto open = user.open;
        for (Invitation* invitation : open) {
            if (loses(*invitation, user)) {
                cancel_all(*invitation, &user, CancelReason::inviter_lost, events);
                close_if_ended(*invitation);
            }
        }
        user.lost.reset();
        records_.release(user);
    }

    /// Whether this invitation ends when `user` is lost.
    [[nodiscard]] static bool loses(const Invitation& invitation, const User& user) {
        return invitation.inviter == &user && invitation.inviter_was_online &&
               !invitation.keep_when_lost;
    }

    // -------------------------------------------------------------- telling

    void tell(std::vector<UserId> to, const Invitation& invitation, const Sender* by,
              EventBody body, Effects& events) {
        Delivery delivery{
            .to = std::move(to),
            .event = {.id = *invitation.id, .rev = invitation.rev, .body = std::move(body)}};
        if (by != nullptr) {
            delivery.event.by = by->user;
            delivery.event.by_device = by->device;
        }
        events.emplace_back(std::move(delivery));
    }

    template <class Body>
    void announce(const Sender& sender, Invitation& invitation,
                  const std::vector<Invitee*>& concerned, Body body, Effects& events) {
        announce(&sender.user, sender.device, invitation, concerned, std::move(body), events);
    }

    /// One event, with the next rev, to the invitation's audience. With visibility
    /// `inviter` each invitee whom it concerns reads of nobody but itself.
    template <class Body>
    void announce(const UserId* by, std::optional<DeviceTag> by_device, Invitation& invitation,
                  const std::vector<Invitee*>& concerned, Body body, Effects& events) {
        ++invitation.rev;
        Event event{.id = *invitation.id,
                    .rev = invitation.rev,
                    .by = by != nullptr ? std::optional(*by) : std::nullopt,
                    .by_device = by_device,
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

    /// `new_invitation` to the invitees from index `first` on.
    void announce_new(const Sender& sender, const Invitation& invitation, std::size_t first,
                      Effects& events) {
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

    /// How many users hear an event that concerns so many invitees.
    [[nodiscard]] static std::int64_t hearers(const Invitation& invitation, std::size_t concerned) {
        return 1 + static_cast<std::int64_t>(invitation.visibility == Visibility::inviter
                                                 ? concerned
                                                 : invitation.invitees.size());
    }

    [[nodiscard]] static InvitationCancelled cancelled_event(const Invitation& invitation,
                                                             const std::vector<Invitee*>& chosen,
                                                             CancelReason reason,
                                                             const std::optional<Data>& data) {
        InvitationCancelled event{
            .inviter = *invitation.inviter->id, .data = data, .reason = reason};
        for (const Invitee* invitee : chosen) {
            event.invitees.push_back(*invitee->user().id);
        }
        return event;
    }

    [[nodiscard]] InvitationInfo describe(const Invitation& invitation,
                                          const UserId& reader) const {
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

    /// An invitee's own time, anyone else's the last; none when nothing runs.
    [[nodiscard]] std::optional<Duration> remaining(const Invitation& invitation,
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
    [[nodiscard]] std::optional<Duration> remaining_until(Instant deadline) const {
        return deadline == never ? std::nullopt : std::optional(deadline - now_);
    }

    // ---------------------------------------------------------- invitations

    template <class MaybeConst>
    [[nodiscard]] static auto invitee_of(MaybeConst& invitation, const UserId& user)
        -> decltype(&invitation.invitees.front()) {
        for (auto& invitee : invitation.invitees) {
            if (*invitee.user().id == user) {
                return &invitee;
            }
        }
        return nullptr;
    }

    Invitation& create(const Sender& sender, const Invite& asked) {
        Invitation& invitation =
            records_.create(asked.id ? *asked.id : fresh_id(), sender.user, asked.invitee);
        invitation.data = asked.data;
        invitation.lifetime_end = now_ + Duration(limits_.max_lifetime_ms);
        invitation.answer = asked.answer;
        invitation.visibility = asked.visibility;
        invitation.online_only = asked.online_only;
        invitation.keep_when_lost = asked.on_inviter_lost == OnInviterLost::keep;
        invitation.inviter_was_online = invitation.inviter->online;
        return invitation;
    }

    /// Asks these users, until `timeout` from now (0: until the lifetime ends).
    void invite(const UserId& asker, Invitation& invitation, const std::vector<UserId>& asked,
                Duration timeout) {
        const Instant deadline =
            timeout.count() > 0 ? std::min(now_ + timeout, invitation.lifetime_end) : never;
        records_.ask(invitation, asked, deadline);
        records_.count_for(invitation, asker);
        for (const auto& id : asked) {
            pair_invites_.take(pair(asker, id), now_);
        }
        const Instant due = std::min(deadline, invitation.lifetime_end);
        if (!invitation.armed() || due < invitation.due()) {
            wheel_.disarm(invitation);
            wheel_.arm(invitation, due);
        }
    }

    /// To be called when nothing of a request or deadline is left to do.
    void close_if_ended(Invitation& invitation) {
        if (invitation.pending > 0) {
            return;
        }
        wheel_.disarm(invitation);
        records_.close(invitation, now_);
    }

    static std::shared_ptr<const Note> note(const std::optional<Data>& data,
                                            std::string reason = {}) {
        if (!data && reason.empty()) {
            return nullptr;
        }
        return std::make_shared<const Note>(Note{.data = data, .reason = std::move(reason)});
    }

    static std::vector<Invitee*> all_pending(Invitation& invitation) {
        std::vector<Invitee*> pending;
        for (Invitee& invitee : invitation.invitees) {
            if (invitee.pending()) {
                pending.push_back(&invitee);
            }
        }
        return pending;
    }

    static Instant earliest_deadline(const Invitation& invitation) {
        Instant first = never;
        for (const Invitee& invitee : invitation.invitees) {
            if (invitee.pending()) {
                first = std::min(first, invitee.deadline());
            }
        }
        return first;
    }

    static Openness openness(const Invitation& invitation) {
        return invitation.pending > 0 ? Openness::open : Openness::ended;
    }

    /// Those whom a cancel names; nothing: all.
    using Named = std::optional<std::unordered_set<std::string_view>>;
    static Named named_in(const Cancel& asked) {
        Named named;
        if (asked.invitees) {
            named.emplace();
            for (const auto& user : *asked.invitees) {
                named->insert(user.text());
            }
        }
        return named;
    }
    static bool is_named(const Named& named, const Invitee& invitee) {
        return !named || named->contains(invitee.user().id->text());
    }
    static bool names_stranger(const Named& named, const Invitation& invitation) {
        return named &&
               std::cmp_not_equal(
                   named->size(),
                   std::count_if(invitation.invitees.begin(), invitation.invitees.end(),
                                 [&](const Invitee& one) { return is_named(named, one); }));
    }

    static void append_users(std::vector<UserId>& to, const std::vector<Invitee>& invitees) {
        for (const Invitee& invitee : invitees) {
            to.push_back(*invitee.user().id);
        }
    }

    static std::string pair(const UserId& inviter, const UserId& invitee) {
        return inviter.text() + '/' + invitee.text();
    }

    /// 128 bits that nobody can foretell.
    InvitationId fresh_id() {
        for (;;) {
            const auto bits = derive_key(id_key_, std::to_string(++ids_made_));
            auto id = InvitationId::parse(DeviceTag(bits.low).text() + DeviceTag(bits.high).text());
            if (records_.find(*id) == nullptr) {
                return *id;
            }
        }
    }

    Options options_;
    const Limits& limits_;
    SipKey hash_key_;
    SipKey id_key_;
    Instant now_{};
    TimerWheel wheel_;
    RateLimit requests_;
    RateLimit pair_invites_;
    RateLimit events_;
    std::uint64_t ids_made_ = 0;
    Records records_;
};

Switchboard::Switchboard(Options options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Switchboard::~Switchboard() = default;

Effects Switchboard::handle(const Sender& sender, const Request& request, Instant now) {
    return impl_->handle(sender, request, now);
}
Effects Switchboard::advance(Instant now) { return impl_->advance(now); }
std::optional<Instant> Switchboard::next_deadline() const { return impl_->next_deadline(); }
Effects Switchboard::set_online(const UserId& user, bool online, Instant now) {
    return impl_->set_online(user, online, now);
}
const Limits& Switchboard::limits() const noexcept { return impl_->limits(); }
Switchboard::Counts Switchboard::counts() const noexcept { return impl_->counts(); }

}  // namespace beckon
