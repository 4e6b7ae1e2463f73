// SPDX-License-Identifier: Apache-2.0

// What the reply to a request of this device's own changes.

#include <set>
#include <type_traits>

#include "inbox.hpp"

namespace beckon {

namespace {

template <class Asked>
constexpr bool names_invitation = requires {
    requires std::is_same_v<decltype(Asked::id), InvitationId>;
};

template <class Asked>
const InvitationId& id_of(const Asked& asked) {
    if constexpr (MakesInvitation<Asked>) {
        return *asked.id;
    } else {
        return asked.id;
    }
}

/// It is not as this device thought.
bool contradicts(const Refusal& refusal) {
    const int code = info(refusal.error).code;
    return code == info(Error::already_ended).code || code == info(Error::not_invitee).code;
}

}  // namespace

Inbox::News Inbox::take(const RequestBody& asked, const ReplyBody& reply, Instant now) {
    News news;
    const auto* refusal = std::get_if<Refusal>(&reply);
    std::visit(
        [&]<class Asked>(const Asked& request) {
            if constexpr (MakesInvitation<Asked>) {
                const auto* merged = std::get_if<Merged>(&reply);
                if (refusal != nullptr || merged != nullptr) {
                    not_invited(*request.id);
                }
                if (merged != nullptr) {
                    merged_into(merged->merged_into, request.data, now, news);
                }
                if (refusal != nullptr || merged != nullptr) {
                    return;
                }
            }
            if constexpr (MakesInvitation<Asked> || names_invitation<Asked>) {
                if constexpr (std::is_same_v<Asked, Cancel>) {
                    cancelling(request.id, false);
                }
                Held* const held = find(id_of(request));
                if (held == nullptr) {
                    if constexpr (std::is_same_v<Asked, Join>) {
                        if (refusal == nullptr) {
                            come_back(request.id, news);
                        }
                    }
                    return;
                }
                if (refusal == nullptr) {
                    take_reply(*held, request, reply, now, news);
                } else if (held->confirmed && contradicts(*refusal)) {
                    // What is on its way is not known yet: the reply to it tells.
                    news.emplace_back(Unsure{id_of(request)});
                }
            }
        },
        asked);
    return news;
}

/// The invite was the accept of a call that crossed it.
void Inbox::merged_into(const InvitationId& id, const std::optional<Data>& data, Instant now,
                        News& news) {
    Held* const into = find(id);
    if (into == nullptr) {
        news.emplace_back(Unsure{id});
        return;
    }
    apply(*into, InviteeAccepted{me_, data}, {.by = me_, .by_device = device_, .here = true}, now,
          news);
    settle(*into, news);
}

template <class Asked>
void Inbox::take_reply(Held& held, const Asked& asked, const ReplyBody& reply, Instant now,
                       News& news) {
    const InvitationId& id = id_of(asked);
    const Cause own{.by = me_, .by_device = device_, .here = true};
    if (held.info.role == Role::inviter) {
        // Whatever was done to it, the broker has it.
        held.confirmed = held.announced = true;
    }
    if constexpr (MakesInvitation<Asked> || std::is_same_v<Asked, Add>) {
        const auto& invited = std::get<Invited>(reply);
        std::set<UserId> skipped;
        for (const auto& one : invited.skipped.value_or(std::vector<Skipped>{})) {
            skipped.insert(one.user);
        }
        if constexpr (MakesInvitation<Asked>) {
            held.skip([&](const UserId& user) { return skipped.contains(user); });
            set_deadline(held, invited.remaining, now);
            if (invited.dup || held.unlisted || invited.more > 0) {
                // Said again, or of very many, it does not tell who was skipped.
                news.emplace_back(Unsure{id});
            }
        } else {
            for (const auto& user : asked.invitees) {
                if (!skipped.contains(user)) {
                    held.list(user);
                }
            }
            if (held.info.role == Role::inviter || invited.more > 0) {
                // The last deadline, of the added or of those before; or who was skipped.
                news.emplace_back(Unsure{id});
            }
        }
    } else if constexpr (std::is_same_v<Asked, Accept>) {
        apply(held, InviteeAccepted{me_, asked.data}, own, now, news);
    } else if constexpr (std::is_same_v<Asked, Join>) {
        const InviteeInfo* const part = held.own_part();
        if (part != nullptr && part->state == State::pending) {
            apply(held, InviteeAccepted{me_, asked.data}, own, now, news);
        } else {
            join_call(held, me_, now, news);
        }
    } else if constexpr (std::is_same_v<Asked, Reject>) {
        apply(held, InviteeRejected{me_, asked.data, asked.reason}, own, now, news);
    } else if constexpr (std::is_same_v<Asked, Cancel>) {
        const auto& cancelled = std::get<Cancelled>(reply);
        if (cancelled.rev > held.rev() + 1 || cancelled.more > 0) {
            held.gap = true;
            news.emplace_back(Unsure{id});
        }
        apply(held,
              InvitationCancelled{me_, cancelled.cancelled, asked.data, CancelReason::cancelled},
              own, now, news);
    } else if constexpr (std::is_same_v<Asked, Modify>) {
        held.info.data = asked.data;
    }
    settle(held, news);
}

}  // namespace beckon
