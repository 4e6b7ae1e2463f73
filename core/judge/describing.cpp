// SPDX-License-Identifier: Apache-2.0
// What is told of invitations to who asks for it: `sync` and `get`.
#include <charconv>
#include <queue>
#include <span>
#include <utility>

#include "invitations.hpp"
#include "protocol/refusals.hpp"

namespace beckon {

namespace {

// A page of `sync` ends at whichever comes first.
constexpr std::size_t page_invitations = 100;
constexpr std::int64_t page_bytes = 64 * 1024;

Openness openness(const Invitation& invitation) {
    return invitation.open() ? Openness::open : Openness::ended;
}

std::optional<GroupId> group_id(const Invitation& invitation) {
    return invitation.group ? std::optional(invitation.group->id) : std::nullopt;
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

}  // namespace

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
        bytes += one->counted_bytes;
        page.invitations.push_back(describe(*one, sender.user));
    }
    return page;
}

ReplyBody Invitations::apply(const Sender& sender, const Invitation& invitation,
                             const Get& /*asked*/, Effects& /*events*/) {
    return Got{.invitation = describe(invitation, sender.user)};
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
        if (invitee.state() == State::accepted || invitee.state() == State::rejected) {
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
        return own->pending() ? remaining_until(own->deadline(), shared_.now) : std::nullopt;
    }
    std::optional<Instant> last;
    for (const Invitee& invitee : invitation.invitees) {
        if (invitee.pending() && (!last || *last < invitee.deadline())) {
            last = invitee.deadline();
        }
    }
    return last ? remaining_until(*last, shared_.now) : std::nullopt;
}

}  // namespace beckon
