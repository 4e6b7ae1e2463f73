// SPDX-License-Identifier: Apache-2.0
// What is told of invitations to who asks for it: `sync` and `get`.
#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <queue>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "demands.hpp"
#include "invitations.hpp"
#include "page_room.hpp"
#include "protocol/refusals.hpp"

namespace beckon {

namespace {

/// So much of a page of `get` is for who takes part.
constexpr std::size_t participants_bytes = std::size_t{12} * 1024;

Openness openness(const Invitation& invitation) {
    return invitation.open() ? Openness::open : Openness::ended;
}

std::optional<GroupId> group_id(const Invitation& invitation) {
    return invitation.group ? std::optional(invitation.group->id) : std::nullopt;
}

/// Reads "3" or "3-4", which a page gave as its `next`.
template <std::size_t Count>
std::optional<std::array<std::uint64_t, Count>> read_mark(std::string_view text) {
    std::array<std::uint64_t, Count> mark{};
    const char* at = text.data();
    const char* const end = at + text.size();
    for (std::size_t i = 0; i < Count; ++i) {
        if (i > 0 && (at == end || *at++ != '-')) {
            return std::nullopt;
        }
        const auto [after, error] = std::from_chars(at, end, mark[i]);
        if (error != std::errc{}) {
            return std::nullopt;
        }
        at = after;
    }
    return at == end ? std::optional(mark) : std::nullopt;
}

Refusal refuse_mark() {
    return refuse_field(Error::invalid_request, "after", "is no `next` of a page");
}

/// Whether `reader`, or an operator if there is none, is told of this invitee.
bool is_told_of(const Invitation& invitation, const UserId* reader, const Invitee& invitee) {
    return reader == nullptr || !is_private(invitation.visibility) ||
           *invitation.inviter->id == *reader || *invitee.user().id == *reader;
}

std::vector<const Invitee*> told_of(const Invitation& invitation, const UserId* reader) {
    std::vector<const Invitee*> told;
    for (const Invitee& invitee : invitation.invitees) {
        if (is_told_of(invitation, reader, invitee)) {
            told.push_back(&invitee);
        }
    }
    return told;
}

InviteeInfo info_of(const Invitee& invitee, const UserId* reader) {
    InviteeInfo told{
        .user = *invitee.user().id, .state = invitee.state(), .ringing = invitee.ringing};
    if (invitee.state() == State::accepted || invitee.state() == State::rejected) {
        told.device = invitee.device();  // the invitee's own, which answered
    }
    if (const Note* note = invitee.note()) {
        // One cancel may end a thousand; its data is told to each, not a thousand times.
        if (invitee.state() != State::cancelled ||
            (reader != nullptr && *invitee.user().id == *reader)) {
            told.data = note->data;
        }
        if (!note->reason.empty()) {
            told.reason = note->reason;
        }
    }
    return told;
}

/// Leaves out what was said with answers, where that is too much for an item of `sync`.
bool leave_out_answers(std::vector<InviteeInfo>& invitees) {
    std::size_t data = 0;
    std::size_t reasons = 0;
    for (const InviteeInfo& one : invitees) {
        data += one.data ? one.data->bytes.size() : 0;
        reasons += one.reason.value_or("").size();
    }
    if (data + reasons <= most_said_bytes) {
        return false;
    }
    for (InviteeInfo& one : invitees) {
        one.data.reset();
        if (reasons > most_said_bytes) {
            one.reason.reset();
        }
    }
    return true;
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
    const auto after = read_mark<1>(asked.page.after.value_or("0"));
    if (!after) {
        return refuse_mark();
    }
    Synced page{.server_epoch = shared_.server_epoch};
    const UserId& reader = asked.of ? *asked.of : sender.user;
    const User* known = shared_.records.find(reader);
    if (known == nullptr) {
        return page;
    }
    PageRoom room(asked.page, page_invitations, shared_.reply_room);
    std::uint64_t last = 0;
    for (OpenFor open(*known, after->front()); const Invitation* one = open.next();) {
        auto item = item_of(*one, &reader);
        if (!room.takes(item)) {
            page.next = std::to_string(last);
            break;
        }
        last = one->number;
        page.invitations.push_back(std::move(item));
    }
    return page;
}

ReplyBody Invitations::judge(const Sender& sender, const ListOpen& asked, Effects& /*events*/) {
    const auto after = read_mark<1>(asked.page.after.value_or("0"));
    if (!sender.is_operator || !after) {
        return sender.is_operator ? refuse_mark() : refuse(Error::wrong_sender);
    }
    OpenListed page;
    PageRoom room(asked.page, page_invitations, shared_.reply_room);
    const auto& open = shared_.records.all_open();
    for (auto at = open.upper_bound(after->front()); at != open.end(); ++at) {
        auto item = item_of(*at->second, nullptr);
        if (!room.takes(item)) {
            page.next = std::to_string(std::prev(at)->first);
            break;
        }
        page.invitations.push_back(std::move(item));
    }
    return page;
}

ReplyBody Invitations::judge(const Sender& sender, const ListOnline& asked,
                             Effects& /*events*/) const {
    std::optional<UserId> last;
    if (!sender.is_operator) {
        return refuse(Error::wrong_sender);
    }
    if (asked.page.after && !(last = UserId::parse(*asked.page.after))) {
        return refuse_mark();
    }
    OnlineListed page;
    PageRoom room(asked.page, page_online, shared_.reply_room);
    const auto& online = shared_.records.online();
    for (auto at = last ? online.upper_bound(*last) : online.begin(); at != online.end(); ++at) {
        OnlineUser one{.user = *(*at)->id,
                       .devices = static_cast<std::uint32_t>((*at)->devices.size())};
        if (!room.takes(one)) {
            page.next = page.online.back().user.text();
            break;
        }
        page.online.push_back(one);
    }
    return page;
}

/// A page of the invitees and, in a large call, of those who take part as well.
ReplyBody Invitations::apply(const Sender& sender, const Invitation& invitation, const Get& asked,
                             Effects& /*events*/) {
    const auto after = read_mark<2>(asked.page.after.value_or("0-0"));
    if (!after) {
        return refuse_mark();
    }
    auto [invitees_told, participants_told] = *after;
    const UserId* reader = is_hearer(invitation, sender.user) ? &sender.user : nullptr;
    Got page{.invitation = head_of(invitation, reader)};
    const auto participants = calls_.participants_for(invitation, reader);
    PageRoom some(participants_bytes);
    while (participants_told < participants.size() && some.takes(participants[participants_told])) {
        page.invitation->call_state->participants.push_back(participants[participants_told++]);
    }
    PageRoom room(asked.page, page_invitees, shared_.reply_room - msgpack_size(*page.invitation));
    const auto told = told_of(invitation, reader);
    for (; invitees_told < told.size(); ++invitees_told) {
        auto one = info_of(*told[invitees_told], reader);
        if (!room.takes(one)) {
            break;
        }
        page.invitation->invitees.push_back(std::move(one));
    }
    if (invitees_told < told.size() || participants_told < participants.size()) {
        page.next = std::to_string(invitees_told) + '-' + std::to_string(participants_told);
    }
    return page;
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
                   .remaining = remaining(known, &sender.user),
                   .offline = away(known)};
}

InvitationInfo Invitations::head_of(const Invitation& invitation, const UserId* reader) const {
    const bool inviter = reader != nullptr && *invitation.inviter->id == *reader;
    const bool asked = reader != nullptr && invitee_of(invitation, *reader) != nullptr;
    return {.id = *invitation.id,
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
            .call_state = calls_.describe(invitation)};
}

InvitationInfo Invitations::item_of(const Invitation& invitation, const UserId* reader) const {
    InvitationInfo item = head_of(invitation, reader);
    auto told = told_of(invitation, reader);
    item.invitees_left_out = cut_others(
        told, [&](const Invitee* one) { return reader != nullptr && *one->user().id == *reader; });
    item.invitees.reserve(told.size());
    for (const Invitee* invitee : told) {
        item.invitees.push_back(info_of(*invitee, reader));
    }
    item.answers_left_out = leave_out_answers(item.invitees);
    if (item.call_state) {
        auto participants = calls_.participants_for(invitation, reader);
        item.call_state->more = cut(participants);
        item.call_state->participants = std::move(participants);
    }
    if (item.answers_left_out || item.invitees_left_out > 0 ||
        (item.call_state && item.call_state->more > 0)) {
        item.rev.reset();
    }
    return item;
}

std::optional<Duration> Invitations::remaining(const Invitation& invitation,
                                               const UserId* reader) const {
    const Invitee* own = reader != nullptr ? invitee_of(invitation, *reader) : nullptr;
    if (own != nullptr) {
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
