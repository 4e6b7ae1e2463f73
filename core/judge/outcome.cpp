// SPDX-License-Identifier: Apache-2.0
#include "outcome.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "demands.hpp"
#include "judge/invariant.hpp"
#include "page_room.hpp"

namespace beckon {

namespace {

const Rule& what_comes_of(const Rule& cause, const Circle& circle) {
    const bool is_over = cause.call == OnCall::ends ||
                         (cause.call == OnCall::leaves && circle.invitation->call->size() <= 2);
    return is_over ? rule_of(Cause::call_over) : cause;
}

std::optional<Data> copy_of(const Data* data) {
    return data != nullptr ? std::optional(*data) : std::nullopt;
}

std::vector<UserId> all_names(const Invitation& invitation) {
    std::vector<UserId> names;
    names.reserve(invitation.invitees.size());
    for (const Invitee& invitee : invitation.invitees) {
        names.push_back(*invitee.user().id);
    }
    return names;
}

bool is_pending(const Invitee* invitee) { return invitee->pending(); }

bool concerns_absent(const Records& records, const Circle& circle) {
    return std::any_of(circle.asked.begin(), circle.asked.end(),
                       [&](const UserId& id) {
                           const User* user = records.find(id);
                           return user == nullptr || !user->online();
                       }) ||
           std::any_of(circle.concerned.begin(), circle.concerned.end(),
                       [](const Invitee* one) { return !one->user().online(); });
}

}  // namespace

Outcome::Outcome(SharedState& shared, const Rule& cause, Circle circle)
    : shared_(shared),
      cause_(cause),
      row_(what_comes_of(cause, circle)),
      payer_(cause.pays == Pays::inviter_owes ? &circle.inviter : circle.actor),
      asked_(circle.asked.size()) {
    if (cause.verb.empty()) {
        ensure(holds(cause.needs, *circle.invitation, circle.invitation->pending),
               "what nobody asks for happens only while it can");
    }
    if (row_.writes == State::pending) {
        ensure(asked_ > 0, "a row that asks has somebody to ask");
    } else if (row_.writes) {
        ensure(!circle.concerned.empty() &&
                   std::all_of(circle.concerned.begin(), circle.concerned.end(), is_pending),
               "whoever ends is pending");
    }
    for (std::size_t i = 0; i < to_.size(); ++i) {
        to_[i] = hearers(row_.tells[i].heard_by, circle);
    }
    tells_absent_ = shared.operators && row_.writes && concerns_absent(shared.records, circle);
    if (row_.then) {
        find_what_follows(circle);
    }
    concerned_ = std::move(circle.concerned);
}

void Outcome::find_what_follows(Circle& circle) {
    const Rule& next = rule_of(*row_.then);
    const std::size_t others = circle.invitation->pending - circle.concerned.size();
    if (!holds(next.needs, *circle.invitation, others)) {
        return;
    }
    Circle rest = circle;
    rest.concerned = all_pending(*circle.invitation);
    std::erase_if(rest.concerned, [&](const Invitee* one) {
        return std::find(circle.concerned.begin(), circle.concerned.end(), one) !=
               circle.concerned.end();
    });
    next_ = std::make_unique<Outcome>(shared_, next, std::move(rest));
}

std::int64_t Outcome::heard() const {
    std::int64_t count = next_ ? next_->heard() : 0;
    for (const auto& to : to_) {
        count += std::ssize(to);
    }
    return count;
}

std::int64_t Outcome::told() const {
    std::int64_t count = heard();
    for (const Outcome* one = this; one != nullptr; one = one->next_.get()) {
        count += one->tells_absent_ ? 1 : 0;
    }
    return count;
}

std::string_view Outcome::reason(const Said& said) const {
    const auto own = name_of(cause_.reason);
    return own.empty() ? said.reason : own;
}

std::optional<Refusal> Outcome::charge() { return charge(0, *payer_); }

std::optional<Refusal> Outcome::charge(std::int64_t bytes, const UserId& whose) {
    ensure(payer_ != nullptr && cause_.pays != Pays::with_its_cause,
           "somebody pays for each event");
    if (cause_.pays == Pays::sender) {
        return is_stored(cause_) ? shared_.charge(*payer_, told(), bytes, whose)
                                 : shared_.charge_unstored(*payer_, told());
    }
    shared_.owe(*payer_, told());
    return std::nullopt;
}

void Outcome::conclude(Invitation& invitation, const Actor& by, const Said& said, Effects& events) {
    const Act act{.invitation = invitation, .by = by, .said = said};
    if (row_.raises_rev) {
        ++invitation.rev;
    }
    if (row_.writes == State::pending) {
        concerned_.clear();
        for (std::size_t i = invitation.invitees.size() - asked_; i < invitation.invitees.size();
             ++i) {
            concerned_.push_back(&invitation.invitees[i]);
        }
    } else if (row_.writes) {
        end_parts(act);
    }
    for (std::size_t i = 0; i < to_.size(); ++i) {
        if (!to_[i].empty()) {
            deliver(act, row_.tells[i], std::move(to_[i]), events);
        }
    }
    if (tells_absent_) {
        tell_absent(act, events);
    }
    if (next_) {
        next_->conclude(invitation, by, {}, events);
    }
}

void Outcome::tell_absent(const Act& act, Effects& events) const {
    std::vector<UserId> absent;
    for (const Invitee* invitee : concerned_) {
        if (!invitee->user().online()) {
            absent.push_back(*invitee->user().id);
        }
    }
    if (row_.writes == State::pending) {
        events.emplace_back(
            absent_asked(act.invitation, std::move(absent),
                         remaining_until(concerned_.front()->deadline(), shared_.now)));
        return;
    }
    AbsentEnded ended{
        .id = *act.invitation.id, .invitees = std::move(absent), .state = *row_.writes};
    if (const auto why = reason(act.said); !why.empty()) {
        ended.reason = std::string(why);
    }
    if (act.by.user != nullptr) {
        ended.by = *act.by.user->id;
    }
    events.emplace_back(Absent(std::move(ended)));
}

Absent absent_asked(const Invitation& invitation, std::vector<UserId> invitees,
                    std::optional<Duration> remaining) {
    constexpr std::int64_t most_data = 1024;
    AbsentAsked asked{.id = *invitation.id,
                      .inviter = *invitation.inviter->id,
                      .invitees = std::move(invitees),
                      .remaining = remaining,
                      .call = invitation.call != nullptr};
    if (invitation.group) {
        asked.group = invitation.group->id;
    }
    if (size_of(invitation.data) <= most_data) {
        asked.data = invitation.data;
    }
    return asked;
}

void Outcome::end_parts(const Act& act) {
    std::shared_ptr<const Note> note;
    const auto why = reason(act.said);
    if (act.said.data != nullptr || !why.empty()) {
        note = std::make_shared<const Note>(Note{
            .rev = act.invitation.rev, .data = copy_of(act.said.data), .reason = std::string(why)});
    }
    for (Invitee* invitee : concerned_) {
        invitee->end(*row_.writes, act.by.user, act.by.device, note);
        --act.invitation.pending;
        --invitee->user().invited;
    }
    shared_.totals.ends[static_cast<std::size_t>(*row_.writes)] += concerned_.size();
}

void Outcome::deliver(const Act& act, const Told& told, std::vector<UserId> to,
                      Effects& events) const {
    const Invitation& invitation = act.invitation;
    const bool is_news = told.event == index_of<NewInvitation>;
    const bool is_told_by =
        act.by.user != nullptr && !(is_news && act.by.user == invitation.inviter);
    Event event{.id = *invitation.id,
                .rev = invitation.rev,
                .by = is_told_by ? std::optional(*act.by.user->id) : std::nullopt,
                .by_device = act.by.device,
                .body = body_of(act, told)};
    bool alone = false;
    if (is_private(invitation.visibility)) {
        auto* const names = invitees_in(event.body);
        if (names != nullptr && told.heard_by == Hears::audience) {
            // All names are the inviter's to read, who comes first.
            events.emplace_back(Delivery{.to = {to.front()}, .event = event});
            to.erase(to.begin());
        }
        if (names != nullptr && told.heard_by != Hears::inviter_elsewhere) {
            names->clear();
            alone = true;
        }
    }
    if (auto* const ended = std::get_if<CallEnded>(&event.body); ended != nullptr && ended->data) {
        // Said among those who talked; the others hear that it is over.
        const auto others = std::stable_partition(to.begin(), to.end(), [&](const UserId& user) {
            return was_in_call(*invitation.call, user);
        });
        std::vector<UserId> rest(others, to.end());
        to.erase(others, to.end());
        events.emplace_back(Delivery{.to = std::move(to), .event = event});
        to = std::move(rest);
        ended->data.reset();
        if (to.empty()) {
            return;
        }
    }
    events.emplace_back(Delivery{.to = std::move(to),
                                 .event = std::move(event),
                                 .online_only = is_news && invitation.online_only,
                                 .alone = alone});
}

EventBody Outcome::body_of(const Act& act, const Told& told) const {
    auto data = copy_of(act.said.data);
    const auto actor = [&] { return *act.by.user->id; };
    switch (told.event) {
        case index_of<NewInvitation>:
            return news_of(act, told.heard_by);
        case index_of<InviteeAccepted>:
            return InviteeAccepted{.invitee = actor(), .data = std::move(data)};
        case index_of<InviteeRejected>:
            return InviteeRejected{.invitee = actor(),
                                   .data = std::move(data),
                                   .reason = std::string(reason(act.said))};
        case index_of<InvitationCancelled>:
            return InvitationCancelled{.inviter = *act.invitation.inviter->id,
                                       .invitees = names(),
                                       .data = std::move(data),
                                       .reason = std::get<CancelReason>(row_.reason)};
        case index_of<InvitationTimeout>:
            return InvitationTimeout{.invitees = names()};
        case index_of<InvitationModified>:
            return row_.writes == State::pending
                       ? InvitationModified{.invitees = all_names(act.invitation)}
                       : InvitationModified{.data = std::move(data)};
        case index_of<InvitationRevoked>:
            return InvitationRevoked{.invitees = names(),
                                     .reason = std::get<RevokeReason>(row_.reason)};
        case index_of<InviteeRinging>:
            return InviteeRinging{.invitee = actor()};
        case index_of<SignalEvent>:
            return SignalEvent{
                .from = actor(), .seq = act.said.seq, .data = std::move(data).value_or(Data{})};
        case index_of<ParticipantJoined>:
            return ParticipantJoined{.user = actor(), .data = std::move(data)};
        case index_of<ParticipantLeft>:
            return ParticipantLeft{
                .user = actor(), .reason = std::string(reason(act.said)), .data = std::move(data)};
        case index_of<ParticipantMoved>:
            return ParticipantMoved{.user = actor()};
        case index_of<CallEnded>: {
            const Call& call = *act.invitation.call;
            return CallEnded{.reason = std::string(reason(act.said)),
                             .duration = call.ended_at - call.started_at,
                             .data = std::move(data)};
        }
        default:
            throw InvariantBroken("each event that a row tells can be made");
    }
}

NewInvitation Outcome::news_of(const Act& act, Hears heard_by) const {
    const Invitation& invitation = act.invitation;
    const bool is_inviter = heard_by == Hears::inviter_elsewhere;
    NewInvitation news{
        .inviter = *invitation.inviter->id,
        .group = invitation.group ? std::optional(invitation.group->id) : std::nullopt,
        .data = invitation.data,
        .remaining = remaining_until(concerned_.front()->deadline(), shared_.now),
        .call = invitation.call != nullptr,
        .answer = invitation.answer,
        .visibility = invitation.visibility,
        .online_only = invitation.online_only,
        .role = is_inviter                     ? Role::inviter
                : heard_by == Hears::onlookers ? Role::observer
                                               : Role::invitee,
        .replaces = {act.said.replaces.begin(), act.said.replaces.end()}};
    if (!is_private(invitation.visibility)) {
        news.invitees = all_names(invitation);
    } else if (is_inviter) {
        news.invitees = all_names(invitation);
        news.more = cut(news.invitees);
    }
    return news;
}

std::vector<UserId> Outcome::names() const {
    std::vector<UserId> names;
    names.reserve(concerned_.size());
    for (const Invitee* invitee : concerned_) {
        names.push_back(*invitee->user().id);
    }
    return names;
}

std::optional<Duration> remaining_until(Instant deadline, Instant now) {
    return deadline == never ? std::nullopt : std::optional(deadline - now);
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

void settle(SharedState& shared, Invitation& invitation) {
    shared.changes.mark(invitation);
    if (invitation.pending > 0) {
        return;
    }
    shared.wheel.disarm(invitation);
    if (!invitation.open()) {
        shared.records.close(invitation, shared.now);
    }
}

}  // namespace beckon
