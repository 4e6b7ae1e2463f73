// SPDX-License-Identifier: Apache-2.0
#include "invitations.hpp"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

#include "demands.hpp"
#include "protocol/refusals.hpp"

namespace beckon {

template <NamesInvitation Verb>
ReplyBody Invitations::judge(const Sender& sender, const Verb& asked, Effects& events) {
    const Rule& rule = rule_for(asked);
    Invitation* invitation = shared_.records.find(asked.id);
    if (invitation == nullptr) {
        return refuse(Error::unknown_invitation);
    }
    const Named named = named_in(asked);
    if (auto repeat = repeated(rule, sender, *invitation, named)) {
        return std::move(*repeat);
    }
    if (auto no = forbidden(rule, sender, *invitation)) {
        return std::move(*no);
    }
    if (auto late = too_late(rule, sender.user, *invitation, named)) {
        return std::move(*late);
    }
    return apply(sender, *invitation, asked, events);
}

std::optional<Refusal> Invitations::charge(Outcome& outcome, std::int64_t bytes,
                                           Invitation& invitation, const UserId& whose) {
    if (auto full = outcome.charge(bytes, whose)) {
        return full;
    }
    if (bytes != 0) {
        shared_.records.count_bytes(invitation, bytes, *shared_.records.find(whose));
    }
    return std::nullopt;
}

ReplyBody Invitations::answer(const Rule& rule, const Sender& sender, Invitation& invitation,
                              const Said& said, Effects& events) {
    Invitee& own = *invitee_of(invitation, sender.user);
    Outcome outcome(shared_, rule, circle_of(invitation, &sender.user, {&own}));
    const auto bytes =
        (said.data != nullptr ? std::ssize(said.data->bytes) : 0) + std::ssize(said.reason);
    if (auto full = charge(outcome, bytes, invitation, sender.user)) {
        return std::move(*full);
    }
    outcome.conclude(invitation, {&own.user(), sender.device}, said, events);
    const bool talks = rule.call == OnCall::joins && invitation.call;
    if (talks) {
        calls_.accepted(invitation, own.user(), sender.device);
    }
    const Rev rev = invitation.rev;
    settle(shared_, invitation);
    if (talks) {
        end_other_rings(invitation, {&own.user(), sender.device}, events);
    }
    return Done{.rev = rev};
}

void Invitations::end_other_rings(const Invitation& accepted, const Actor& by, Effects& events) {
    std::vector<Invitation*> rings;
    std::copy_if(by.user->open.begin(), by.user->open.end(), std::back_inserter(rings),
                 [&](const Invitation* one) {
                     return one != &accepted && one->call && one->pending > 0 &&
                            one->inviter == accepted.inviter && one->target == by.user &&
                            one->invitees.size() == 1;
                 });
    for (Invitation* one : rings) {
        happen(Cause::talk_already, *one, by, all_pending(*one), events);
        settle(shared_, *one);
    }
}

ReplyBody Invitations::judge(const Sender& sender, const Join& asked, Effects& events) {
    if (const Invitation* known = shared_.records.find(asked.id); known != nullptr && known->call) {
        const Invitee* own = invitee_of(*known, sender.user);
        if (own != nullptr && own->pending()) {
            return judge(sender, Accept{.id = asked.id, .data = asked.data}, events);
        }
        if (lives(*known) && in_call(*known, sender.user) != nullptr) {
            return judge(sender, Resume{asked.id}, events);
        }
    }
    return judge<Join>(sender, asked, events);
}

ReplyBody Invitations::apply(const Sender& sender, Invitation& invitation, const Accept& asked,
                             Effects& events) {
    return answer(rule_for(asked), sender, invitation, {.data = said(asked.data)}, events);
}

ReplyBody Invitations::apply(const Sender& sender, Invitation& invitation, const Reject& asked,
                             Effects& events) {
    return answer(rule_for(asked), sender, invitation,
                  {.data = said(asked.data), .reason = asked.reason}, events);
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
    Outcome outcome(shared_, rule_for(asked),
                    circle_of(invitation, &sender.user, std::move(chosen)));
    if (auto full = charge(outcome, size_of(asked.data), invitation, sender.user)) {
        return std::move(*full);
    }
    User& by = *shared_.records.find(sender.user);
    outcome.conclude(invitation, {&by, sender.device}, {.data = said(asked.data)}, events);
    shared_.records.hold_remover(invitation, by);
    reply.rev = invitation.rev;
    settle(shared_, invitation);
    return reply;
}

ReplyBody Invitations::apply(const Sender& sender, Invitation& invitation, const Modify& asked,
                             Effects& events) {
    if (invitation.online_only) {
        return refuse(Error::not_modifiable);
    }
    std::vector<Invitee*> everyone;  // whoever has it, has other data now
    for (Invitee& invitee : invitation.invitees) {
        everyone.push_back(&invitee);
    }
    Outcome outcome(shared_, rule_for(asked),
                    circle_of(invitation, &sender.user, std::move(everyone)));
    const auto grown = std::ssize(asked.data.bytes) - size_of(invitation.data);
    if (auto full = charge(outcome, grown, invitation, sender.user)) {
        return std::move(*full);
    }
    invitation.data = asked.data;
    shared_.changes.mark_data(invitation);
    outcome.conclude(invitation, {invitation.inviter, sender.device}, {.data = &asked.data},
                     events);
    return Done{.rev = invitation.rev};
}

ReplyBody Invitations::apply(const Sender& sender, Invitation& invitation, const Ringing& asked,
                             Effects& events) {
    Invitee& own = *invitee_of(invitation, sender.user);
    if (own.ringing) {
        return Done{.rev = invitation.rev};
    }
    Outcome outcome(shared_, rule_for(asked), circle_of(invitation, &sender.user, {&own}));
    if (auto full = outcome.charge()) {
        return std::move(*full);
    }
    own.ringing = true;
    outcome.conclude(invitation, {&own.user(), sender.device}, {}, events);
    return Done{.rev = invitation.rev};
}

ReplyBody Invitations::apply(const Sender& sender, Invitation& invitation, const Signal& asked,
                             Effects& events) {
    return calls_.signal(sender, invitation, asked, events);
}

ReplyBody Invitations::apply(const Sender& sender, Invitation& invitation, const Join& asked,
                             Effects& events) {
    return calls_.join(sender, invitation, asked, events);
}

ReplyBody Invitations::apply(const Sender& sender, Invitation& invitation, const Hangup& asked,
                             Effects& events) {
    return calls_.hang_up(sender, invitation, asked, events);
}

ReplyBody Invitations::apply(const Sender& sender, Invitation& invitation, const Resume& /*asked*/,
                             Effects& events) {
    return calls_.resume(sender, invitation, events);
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
