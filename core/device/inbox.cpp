// SPDX-License-Identifier: Apache-2.0
#include "device/inbox.hpp"

#include <algorithm>

namespace beckon {
namespace {

/// The broker tells a timeout when it is due; only when it is late by this much is
/// something wrong.
constexpr Duration too_late_by{3'000};
/// How long `get` may take to tell how it ended.
constexpr Duration until_told{5'000};
/// How often to ask for what has no deadline.
constexpr Duration now_and_then{300'000};

bool contains(const std::vector<UserId>& users, const UserId& user) {
    return std::find(users.begin(), users.end(), user) != users.end();
}

/// The first of its words when it is none of them.
template <class Reason>
Reason reason_of(const std::optional<std::string>& word) {
    const auto& names = Names<Reason>::list;
    const auto found = std::find(names.begin(), names.end(), word.value_or(""));
    return found == names.end() ? Reason{} : static_cast<Reason>(found - names.begin());
}

NewInvitation announcement_of(const InvitationInfo& info) {
    NewInvitation body{.inviter = info.inviter, .group = info.group};
    body.role = info.role;
    body.data = info.data;
    body.remaining = info.remaining;
    body.call = info.call;
    body.answer = info.answer;
    body.visibility = info.visibility;
    body.online_only = info.online_only;
    for (const auto& part : info.invitees) {
        body.invitees.push_back(part.user);
    }
    return body;
}

/// The part of `user` in it; nothing: not listed.
template <class Parts>
auto find_part(Parts& parts, const UserId& user) -> decltype(parts.data()) {
    const auto found = std::find_if(parts.begin(), parts.end(),
                                    [&user](const auto& part) { return part.user == user; });
    return found == parts.end() ? nullptr : &*found;
}

template <class Asked>
constexpr bool names_invitation = requires {
    requires std::is_same_v<decltype(Asked::id), InvitationId>;
};

template <class Body>
constexpr bool ends_somebody =
    std::is_same_v<Body, InvitationCancelled> || std::is_same_v<Body, InvitationRevoked>;

}  // namespace

// ------------------------------------------------------------- what is held

bool Inbox::is_own(const std::optional<UserId>& by,
                   const std::optional<DeviceTag>& by_device) const {
    return by == me_ && by_device && by_device == device_;
}

InviteeInfo* Inbox::part_of(Held& held, const UserId& user) {
    return find_part(held.info.invitees, user);
}

const InviteeInfo* Inbox::own_part(const Held& held) const {
    return held.info.role == Role::invitee ? find_part(held.info.invitees, me_) : nullptr;
}

bool Inbox::asks_us(const InvitationInfo& info) const {
    if (info.role != Role::invitee) {
        return std::any_of(info.invitees.begin(), info.invitees.end(),
                           [](const auto& part) { return part.state == State::pending; });
    }
    const InviteeInfo* own = find_part(info.invitees, me_);
    return own != nullptr && own->state == State::pending;
}

void Inbox::list(Held& held, const UserId& user) {
    if (part_of(held, user) == nullptr) {
        held.info.invitees.push_back({.user = user});
    }
}

void Inbox::skip(Held& held, const std::function<bool(const UserId&)>& skipped) const {
    const bool was_over = over(held);
    std::erase_if(held.info.invitees, [&skipped](const auto& part) {
        return part.state == State::pending && skipped(part.user);
    });
    if (was_over || !over(held)) {
        return;
    }
    // So another's end was the last, and was told as it came.
    for (const auto& part : held.info.invitees) {
        const bool answer = part.state == State::accepted || part.state == State::rejected;
        held.ending = {.by = answer ? std::optional(part.user) : std::nullopt,
                       .by_device = part.device,
                       .reason = part.reason.value_or("")};
    }
}

bool Inbox::anyone_pending(const Held& held) {
    return std::any_of(held.info.invitees.begin(), held.info.invitees.end(),
                       [](const auto& part) { return part.state == State::pending; });
}

bool Inbox::nobody_left(const Held& held) {
    return std::all_of(held.info.invitees.begin(), held.info.invitees.end(), [](const auto& part) {
        return part.state != State::pending && part.state != State::accepted;
    });
}

bool Inbox::over(const Held& held) const {
    const InviteeInfo* own = own_part(held);
    return own != nullptr ? own->state != State::pending : !anyone_pending(held);
}

Inbox::Held& Inbox::hold(InvitationInfo info) {
    Held held;
    held.info = std::move(info);
    return held_.insert_or_assign(held.info.id, std::move(held)).first->second;
}

void Inbox::look_at(Held& held, std::optional<Instant> when) {
    if (held.look) {
        looks_.erase({*held.look, held.info.id});
    }
    held.look = when;
    if (when) {
        looks_.emplace(*when, held.info.id);
    }
}

void Inbox::set_deadline(Held& held, std::optional<Duration> remaining, Instant now) {
    held.deadline = remaining ? std::optional(now + *remaining) : std::nullopt;
    held.looked = false;
    look_at(held, remaining ? *held.deadline + too_late_by : now + now_and_then);
}

void Inbox::drop(const InvitationId& id) {
    const auto found = held_.find(id);
    if (found != held_.end()) {
        look_at(found->second, std::nullopt);
        held_.erase(found);
    }
}

std::optional<Openness> Inbox::made(const InvitationId& id) const {
    if (ended_.contains(id)) {
        return Openness::ended;
    }
    const auto found = held_.find(id);
    if (found == held_.end() || !found->second.confirmed) {
        return std::nullopt;
    }
    return found->second.unlisted || anyone_pending(found->second) ? Openness::open
                                                                   : Openness::ended;
}

// ----------------------------------------------------- what the device asks

template <MakesInvitation Asked>
void Inbox::inviting(const Asked& invite) {
    InvitationInfo info{.id = *invite.id, .inviter = me_};
    info.data = invite.data;
    info.call = invite.call;
    info.answer = invite.answer;
    info.online_only = invite.online_only;
    info.visibility = invite.visibility;
    info.role = Role::inviter;
    for (const auto& user : invitees_of(invite)) {
        info.invitees.push_back({.user = user});
    }
    if constexpr (std::is_same_v<Asked, GroupInvite>) {
        info.group = invite.group;
    }
    if (!held_.contains(info.id)) {
        Held& held = hold(std::move(info));
        held.unlisted = held.gap = held.info.invitees.empty();
    }
}
template void Inbox::inviting(const Invite& invite);
template void Inbox::inviting(const GroupInvite& invite);

void Inbox::not_invited(const InvitationId& id) {
    const auto found = held_.find(id);
    if (found != held_.end() && !found->second.confirmed) {
        drop(id);
    }
}

void Inbox::disown(const InvitationId& id) {
    const auto found = held_.find(id);
    if (found == held_.end() || !found->second.announced) {
        drop(id);
        disowned_.insert(id);
    }
}

void Inbox::cancelling(const InvitationId& id, bool on_its_way) {
    const auto found = held_.find(id);
    if (found != held_.end()) {
        found->second.cancelling = on_its_way;
    }
}

// ------------------------------------------------------------------ changes

std::optional<Duration> Inbox::remaining(const Held& held, Instant now) const {
    return held.deadline && !over(held) ? std::optional(std::max(*held.deadline - now, Duration{0}))
                                        : std::nullopt;
}

void Inbox::tell(const Held& held, EventBody body, const Cause& cause, Instant now,
                 News& news) const {
    Heard heard{.id = held.info.id,
                .inviter = held.info.inviter,
                .group = held.info.group,
                .role = held.info.role,
                .body = std::move(body)};
    heard.by = cause.by;
    heard.by_device = cause.by_device;
    heard.assumed = cause.assumed;
    heard.remaining = remaining(held, now);
    std::visit(
        [&]<class Body>(const Body& told) {
            if constexpr (ends_somebody<Body>) {
                heard.ends_ours =
                    (held.info.role == Role::invitee && contains(told.invitees, me_)) ||
                    (held.info.role == Role::inviter && nobody_left(held));
            }
        },
        heard.body);
    news.emplace_back(std::move(heard));
}

void Inbox::apply(Held& held, const EventBody& body, Cause cause, Instant now, News& news) {
    const bool was_over = over(held) && !held.unlisted;
    // Those who were pending and are not now: only they are news.
    const auto end = [&held, &cause](const std::vector<UserId>& users, State state,
                                     const std::optional<Data>& data, bool answered) {
        std::vector<UserId> changed;
        for (const auto& user : users) {
            InviteeInfo* part = part_of(held, user);
            if (part == nullptr) {
                part = &held.info.invitees.emplace_back(InviteeInfo{.user = user});
            }
            if (part->state != State::pending) {
                continue;
            }
            part->state = state;
            part->data = data;
            part->device = answered ? cause.by_device : std::nullopt;
            part->reason = cause.reason.empty() ? std::nullopt : std::optional(cause.reason);
            changed.push_back(user);
        }
        return changed;
    };
    std::optional<EventBody> told;
    std::optional<UserId> joins;
    bool answer = false;
    std::visit(
        [&](auto changed) {
            using Body = decltype(changed);
            if constexpr (std::is_same_v<Body, InviteeAccepted>) {
                answer = true;
                if (!end({changed.invitee}, State::accepted, changed.data, true).empty()) {
                    joins = changed.invitee;
                    told = std::move(changed);
                }
            } else if constexpr (std::is_same_v<Body, InviteeRejected>) {
                answer = true;
                cause.reason = changed.reason;
                if (!end({changed.invitee}, State::rejected, changed.data, true).empty()) {
                    told = std::move(changed);
                }
            } else if constexpr (std::is_same_v<Body, InvitationCancelled>) {
                cause.reason = name_of(changed.reason);
                changed.invitees = end(changed.invitees, State::cancelled, changed.data, false);
                if (!changed.invitees.empty()) {
                    told = std::move(changed);
                }
            } else if constexpr (std::is_same_v<Body, InvitationRevoked>) {
                cause.reason = name_of(changed.reason);
                changed.invitees = end(changed.invitees, State::revoked, std::nullopt, false);
                if (!changed.invitees.empty()) {
                    told = std::move(changed);
                }
            } else if constexpr (std::is_same_v<Body, InvitationTimeout>) {
                changed.invitees = end(changed.invitees, State::timed_out, std::nullopt, false);
                if (!changed.invitees.empty()) {
                    told = std::move(changed);
                }
            } else if constexpr (std::is_same_v<Body, InvitationModified>) {
                if (changed.data) {
                    held.info.data = changed.data;
                }
                for (const auto& user : changed.invitees.value_or(std::vector<UserId>{})) {
                    list(held, user);
                }
                told = std::move(changed);
            }
        },
        body);
    if (!was_over && over(held)) {
        held.ending = cause;
    }
    // Once the application has taken it for over, only answers are news.
    if (told && !cause.here && (!held.assumed || answer)) {
        tell(held, std::move(*told), cause, now, news);
    }
    if (joins && held.info.call) {
        join_call(held, *joins, now, news);
    }
}

void Inbox::settle(Held& held, News& news) {
    // After a gap, only the user's own end is certain: others may have been added.
    if (!over(held) || (held.gap && own_part(held) == nullptr)) {
        return;
    }
    tell_end(held, news);
    if (held.gap || held.assumed) {
        return;
    }
    if (in_call(held)) {
        held.deadline.reset();
        return;
    }
    look_at(held, std::nullopt);
    // With visibility `inviter` an invitee hears no more of it.
    if (!anyone_pending(held) ||
        (held.info.role == Role::invitee && held.info.visibility == Visibility::inviter)) {
        ended_.insert(held.info.id);
        drop(InvitationId(held.info.id));
    }
}

void Inbox::tell_end(Held& held, News& news) const {
    if (!held.announced || std::exchange(held.end_told, true)) {
        return;
    }
    Ended ended{.id = held.info.id, .inviter = held.info.inviter};
    if (const InviteeInfo* own = own_part(held)) {
        ended.state = own->state;
    } else if (held.assumed) {
        ended.state = State::timed_out;
    }
    for (const auto& part : held.info.invitees) {
        if (held.info.role != Role::invitee && part.state != State::pending) {
            ended.state = std::min(ended.state.value_or(part.state), part.state);
        }
    }
    ended.reason = held.ending.reason;
    ended.by = held.ending.by;
    ended.by_device = held.ending.by_device;
    ended.here = held.ending.here;
    ended.assumed = held.assumed;
    news.emplace_back(std::move(ended));
}

// ---------------------------------------------------- what the broker says

void Inbox::speaks(const std::string& server_epoch) {
    const auto before = std::exchange(server_epoch_, server_epoch);
    if (before == server_epoch) {
        return;
    }
    if (!before.empty()) {
        ended_.forget_older();
    }
    // What came after the sync was sent is of this start.
    for (auto& [id, held] : held_) {
        held.earlier = held.missing;
    }
}

Inbox::News Inbox::take(const Event& event, Instant now) {
    News news;
    if (ended_.contains(event.id) || disowned_.contains(event.id)) {
        if (std::holds_alternative<NewInvitation>(event.body)) {
            news.emplace_back(Doubtful{});
        }
        return news;
    }
    const auto found = held_.find(event.id);
    if (found != held_.end() && found->second.earlier) {
        news.emplace_back(Unsure{event.id});
        return news;
    }
    if (const auto* body = std::get_if<NewInvitation>(&event.body)) {
        const Cause cause{.by = event.by, .by_device = event.by_device};
        if (found != held_.end()) {
            Held& held = found->second;
            if (held.info.role == Role::observer && body->role == Role::invitee) {
                held.gap = held.gap || event.rev > held.info.rev + 1;
                held.info.rev = std::max(held.info.rev, event.rev);
                rings(held, *body, cause, now, news);
                if (held.gap) {
                    news.emplace_back(Unsure{event.id});
                }
            }
            return news;
        }
        InvitationInfo info{.id = event.id, .inviter = body->inviter, .group = body->group};
        info.data = body->data;
        info.call = body->call;
        info.answer = body->answer;
        info.online_only = body->online_only;
        info.visibility = body->visibility;
        info.rev = event.rev;
        Held& held = hold(std::move(info));
        held.confirmed = true;
        rings(held, *body, cause, now, news);
        // Added later, to others who may have answered already.
        if (event.rev > 1 && body->invitees.size() > 1) {
            news.emplace_back(Unsure{event.id});
        }
        return news;
    }
    const auto* ringing = std::get_if<InviteeRinging>(&event.body);
    const bool raises =
        std::visit([]<class Body>(const Body&) { return raises_rev<Body>; }, event.body);
    if (ringing == nullptr && !raises) {
        return take_of_call(event, now);
    }
    if (found == held_.end()) {
        // Nothing is owed for what this device did to an invitation of another's.
        if (ringing == nullptr && !is_own(event.by, event.by_device)) {
            if (event.by == me_ && std::holds_alternative<InvitationModified>(event.body)) {
                // By another device of the inviter: `get` does not tell what it was before.
                news.emplace_back(Heard{.id = event.id,
                                        .inviter = me_,
                                        .role = Role::inviter,
                                        .body = event.body,
                                        .by = event.by,
                                        .by_device = event.by_device});
            }
            news.emplace_back(Unsure{event.id});
        }
        return news;
    }
    Held& held = found->second;
    if (ringing != nullptr) {
        InviteeInfo* part = part_of(held, ringing->invitee);
        if (part != nullptr && part->state == State::pending && !part->ringing) {
            part->ringing = true;
            tell(held, *ringing, {.by = event.by, .by_device = event.by_device}, now, news);
        }
        return news;
    }
    if (event.rev <= held.info.rev) {
        return news;
    }
    // With visibility `inviter`, invitees are not told of each other.
    if (event.rev > held.info.rev + 1 &&
        !(held.info.role == Role::invitee && held.info.visibility == Visibility::inviter)) {
        held.gap = true;
    }
    held.info.rev = event.rev;
    held.confirmed = true;
    held.announced = held.announced || held.info.role == Role::inviter;
    const Cause cause{
        .by = event.by, .by_device = event.by_device, .here = is_own(event.by, event.by_device)};
    apply(held, event.body, cause, now, news);
    const auto* modified = std::get_if<InvitationModified>(&event.body);
    // Others were added: only `get` tells the inviter how long they have.
    if (held.gap || (modified != nullptr && modified->invitees && !cause.here &&
                     held.info.role == Role::inviter)) {
        news.emplace_back(Unsure{event.id});
    }
    settle(held, news);
    return news;
}

// -------------------------------------------------------------------- calls

bool Inbox::in_call(const Held& held) const {
    const auto& call = held.info.call_state;
    return call && !call->reason && contains(call->participants, me_);
}

Inbox::News Inbox::take_of_call(const Event& event, Instant now) {
    News news;
    const auto found = held_.find(event.id);
    if (found == held_.end()) {
        return news;
    }
    Held& held = found->second;
    const Cause cause{
        .by = event.by, .by_device = event.by_device, .here = is_own(event.by, event.by_device)};
    std::visit(
        [&]<class Body>(const Body& body) {
            if constexpr (std::is_same_v<Body, SignalEvent>) {
                if (!body.seq || !event.by_device ||
                    signals_.insert({event.id, *event.by_device, *body.seq})) {
                    tell(held, body, cause, now, news);
                }
            } else if constexpr (std::is_same_v<Body, ParticipantLeft>) {
                leave_call(held, body, cause, now, news);
            } else if constexpr (std::is_same_v<Body, ParticipantMoved>) {
                if (in_call(held) && !cause.here) {
                    tell(held, body, cause, now, news);
                }
            } else if constexpr (std::is_same_v<Body, CallEnded>) {
                end_call(held, body, cause, now, news);
            }
        },
        event.body);
    // It carries the present rev, so something came before it that did not arrive.
    if (event.rev > held.info.rev && in_call(held)) {
        news.emplace_back(Unsure{event.id});
    }
    settle(held, news);
    return news;
}

void Inbox::join_call(Held& held, const UserId& user, Instant now, News& news) const {
    auto& call = held.info.call_state;
    if (!call) {
        call = CallInfo{.participants = {held.info.inviter}};
        held.call_began = now;
    } else if (user == me_) {
        // Who is not in it is not told who has left it.
        news.emplace_back(Unsure{held.info.id});
    }
    if (!call->reason && !contains(call->participants, user)) {
        call->participants.push_back(user);
    }
}

void Inbox::leave_call(Held& held, const ParticipantLeft& left, const Cause& cause, Instant now,
                       News& news) const {
    if (!in_call(held) || !contains(held.info.call_state->participants, left.user)) {
        return;
    }
    std::erase(held.info.call_state->participants, left.user);
    if (!cause.here) {
        tell(held, left, cause, now, news);
    }
}

void Inbox::end_call(Held& held, CallEnded ended, const Cause& cause, Instant now,
                     News& news) const {
    if (!in_call(held)) {
        return;
    }
    held.info.call_state =
        CallInfo{.participants = {}, .duration = ended.duration, .reason = ended.reason};
    tell(held, std::move(ended), cause, now, news);
}

/// Whatever was missed of it.
void Inbox::correct_call(Held& held, const InvitationInfo& told, Instant now, News& news) {
    if (!told.call_state) {
        if (in_call(held)) {
            // The broker was started anew and has forgotten it.
            end_call(held, CallEnded{.reason = "", .duration = now - held.call_began}, {}, now,
                     news);
        }
        return;
    }
    const CallInfo& call = *told.call_state;
    if (call.reason) {
        end_call(held, CallEnded{.reason = *call.reason, .duration = call.duration}, {}, now, news);
        return;
    }
    if (in_call(held)) {
        for (const auto& user : std::vector(held.info.call_state->participants)) {
            if (!contains(call.participants, user)) {
                leave_call(held, {.user = user, .reason = ""}, {.by = user}, now, news);
            }
        }
    }
    held.info.call_state = call;
    held.call_began = now - call.duration;
    if (in_call(held) && !held.look) {
        look_at(held, now + now_and_then);
    }
}

// ------------------------------------------------------------------- rings

/// Somebody is asked, and this user perhaps only watches.
void Inbox::rings(Held& held, const NewInvitation& body, const Cause& cause, Instant now,
                  News& news) {
    held.info.role = body.role;
    held.announced = body.role != Role::observer;
    for (const auto& user : body.invitees) {
        list(held, user);
    }
    set_deadline(held, body.remaining, now);
    tell(held, body, cause, now, news);
}

Inbox::News Inbox::listed(const InvitationInfo& info, Instant now) {
    if (asks_us(info) && ended_.has_older(info.id)) {
        ended_.erase(info.id);
    }
    return take(info, now);
}

Inbox::News Inbox::take(const InvitationInfo& info, Instant now) {
    News news;
    if (ended_.contains(info.id) || disowned_.contains(info.id)) {
        return news;
    }
    auto found = held_.find(info.id);
    if (found != held_.end() && std::exchange(found->second.earlier, false)) {
        correct(found->second, info);
        found = held_.find(info.id);
    }
    if (found == held_.end()) {
        const bool is_open = info.state == Openness::open;
        if (info.role != Role::inviter && !is_open) {
            ended_.insert(info.id);
            return news;
        }
        // As it was before anything happened to it; the difference is news, unless this
        // user's part is over: then it never rang here, and never will.
        InvitationInfo begun = info;
        begun.call_state.reset();
        const bool rang_elsewhere = info.role == Role::invitee && !asks_us(info);
        for (auto& part : begun.invitees) {
            if (!rang_elsewhere) {
                part = InviteeInfo{.user = part.user};
            }
        }
        Held& held = hold(std::move(begun));
        held.end_told = rang_elsewhere;
        held.confirmed = true;
        held.announced = info.role != Role::observer;
        if (info.role != Role::inviter && !rang_elsewhere) {
            rings(held, announcement_of(info), {.by = info.inviter}, now, news);
        }
        apply_newer(held, info, now, news);
        correct_call(held, info, now, news);
        settle(held, news);
        return news;
    }
    Held& held = found->second;
    held.missing = false;
    if (info.rev < held.info.rev) {
        if (held.gap) {
            news.emplace_back(Unsure{info.id});
        }
        return news;
    }
    held.confirmed = true;
    held.announced = held.announced || info.role == Role::inviter;
    held.gap = false;
    if (std::exchange(held.unlisted, false)) {
        for (const auto& part : info.invitees) {
            list(held, part.user);
        }
    }
    if (held.info.role == Role::observer && info.role == Role::invitee) {
        if (asks_us(info)) {
            rings(held, announcement_of(info), {.by = info.inviter}, now, news);
        } else {
            held.info.role = Role::invitee;
            held.end_told = true;
        }
    }
    if (held.assumed && held.info.role == Role::invitee) {
        // It was taken for timed out. How it really stands is no news, but what comes next is.
        const InviteeInfo* told = find_part(info.invitees, me_);
        InviteeInfo* known = part_of(held, me_);
        if (told != nullptr && known != nullptr) {
            *known = *told;
        }
        held.assumed = false;
    }
    apply_newer(held, info, now, news);
    correct_call(held, info, now, news);
    settle(held, news);
    return news;
}

/// What a broker that was started anew tells counts, whatever was known from before: it may have
/// lost that, and the inviter have sent the invitation again.
void Inbox::correct(Held& held, const InvitationInfo& told) {
    if (held.end_told && asks_us(told)) {
        drop(told.id);
        return;
    }
    held.info.rev = std::min(held.info.rev, told.rev);
    for (const auto& part : told.invitees) {
        InviteeInfo* known = part_of(held, part.user);
        if (known != nullptr && known->state != part.state) {
            *known = InviteeInfo{.user = part.user, .ringing = known->ringing && part.ringing};
        }
    }
}

void Inbox::apply_newer(Held& held, const InvitationInfo& told, Instant now, News& news) {
    // It is told whole: whoever is not listed was skipped.
    skip(held, [&told](const UserId& user) { return find_part(told.invitees, user) == nullptr; });
    InvitationModified modified;
    if (told.data && told.data != held.info.data) {
        modified.data = told.data;
    }
    std::vector<UserId> listed;
    std::vector<UserId> timed_out;
    std::map<CancelReason, InvitationCancelled> cancelled;
    std::map<RevokeReason, InvitationRevoked> revoked;
    const InviteeInfo* taker = nullptr;
    for (const auto& part : told.invitees) {
        listed.push_back(part.user);
        taker = part.state == State::accepted ? &part : taker;
        const InviteeInfo* known = part_of(held, part.user);
        if (known == nullptr) {
            modified.invitees.emplace();
        } else if (known->state != State::pending) {
            continue;
        }
        if (part.state == State::timed_out) {
            timed_out.push_back(part.user);
        } else if (part.state == State::cancelled) {
            const auto reason = reason_of<CancelReason>(part.reason);
            auto& body = cancelled[reason];
            body.inviter = told.inviter;
            body.reason = reason;
            body.data = part.data ? part.data : body.data;
            body.invitees.push_back(part.user);
        } else if (part.state == State::revoked) {
            const auto reason = reason_of<RevokeReason>(part.reason);
            revoked[reason].reason = reason;
            revoked[reason].invitees.push_back(part.user);
        }
    }
    if (modified.invitees) {
        modified.invitees = listed;
    }
    held.info.rev = told.rev;
    if (modified.data || modified.invitees) {
        apply(held, modified, {.by = told.inviter}, now, news);
    }
    for (const auto& part : told.invitees) {
        InviteeInfo* known = part_of(held, part.user);
        if (known == nullptr || known->state != State::pending) {
            continue;
        }
        const Cause cause{
            .by = part.user, .by_device = part.device, .here = is_own(part.user, part.device)};
        if (part.ringing && !known->ringing) {
            known->ringing = true;
            if (part.state == State::pending && held.info.role == Role::inviter) {
                tell(held, InviteeRinging{part.user}, {.by = part.user}, now, news);
            }
        }
        if (part.state == State::accepted) {
            apply(held, InviteeAccepted{part.user, part.data}, cause, now, news);
        } else if (part.state == State::rejected) {
            apply(held, InviteeRejected{part.user, part.data, part.reason.value_or("declined")},
                  cause, now, news);
        }
    }
    for (auto& [reason, body] : revoked) {
        apply(held, std::move(body), {}, now, news);
    }
    for (auto& [reason, body] : cancelled) {
        Cause cause;
        if (reason == CancelReason::answered && taker != nullptr) {
            cause.by = taker->user;
            cause.by_device = taker->device;
            cause.here = is_own(taker->user, taker->device);
        } else if (reason == CancelReason::cancelled || reason == CancelReason::inviter_lost) {
            cause.by = told.inviter;
            cause.here = reason == CancelReason::cancelled && held.cancelling &&
                         held.info.role == Role::inviter;
        }
        apply(held, std::move(body), cause, now, news);
    }
    if (!timed_out.empty()) {
        apply(held, InvitationTimeout{std::move(timed_out)}, {}, now, news);
    }
    if (!over(held)) {
        held.assumed = false;
        set_deadline(held, told.remaining, now);
    }
}

Inbox::News Inbox::take(const RequestBody& asked, const ReplyBody& reply, Instant now) {
    News news;
    const auto* refusal = std::get_if<Refusal>(&reply);
    std::visit(
        [&](const auto& request) {
            using Asked = std::decay_t<decltype(request)>;
            if constexpr (MakesInvitation<Asked>) {
                if (refusal != nullptr) {
                    not_invited(*request.id);
                    return;
                }
                if (const auto* merged = std::get_if<Merged>(&reply)) {
                    // It was the accept of a call that crossed it.
                    not_invited(*request.id);
                    const auto into = held_.find(merged->merged_into);
                    if (into == held_.end()) {
                        news.emplace_back(Unsure{merged->merged_into});
                    } else {
                        apply(into->second, InviteeAccepted{me_, request.data},
                              {.by = me_, .by_device = device_, .here = true}, now, news);
                        settle(into->second, news);
                    }
                    return;
                }
            }
            if constexpr (MakesInvitation<Asked> || names_invitation<Asked>) {
                InvitationId id;
                if constexpr (MakesInvitation<Asked>) {
                    id = *request.id;
                } else {
                    id = request.id;
                }
                if constexpr (std::is_same_v<Asked, Cancel>) {
                    cancelling(id, false);
                }
                const auto found = held_.find(id);
                if (found == held_.end()) {
                    return;
                }
                if (refusal != nullptr) {
                    // It is not as we thought.
                    const int code = info(refusal->error).code;
                    if (code == info(Error::already_ended).code ||
                        code == info(Error::not_invitee).code) {
                        news.emplace_back(Unsure{id});
                    }
                    return;
                }
                Held& held = found->second;
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
                        skip(held, [&](const UserId& user) { return skipped.contains(user); });
                        set_deadline(held, invited.remaining, now);
                        if (invited.dup || held.unlisted) {
                            // Said again, it does not tell who was skipped.
                            news.emplace_back(Unsure{id});
                        }
                    } else {
                        for (const auto& user : request.invitees) {
                            if (!skipped.contains(user)) {
                                list(held, user);
                            }
                        }
                        if (held.info.role == Role::inviter) {
                            // The last deadline, of the added or of those before.
                            news.emplace_back(Unsure{id});
                        }
                    }
                } else if constexpr (std::is_same_v<Asked, Accept>) {
                    apply(held, InviteeAccepted{me_, request.data}, own, now, news);
                } else if constexpr (std::is_same_v<Asked, Reject>) {
                    apply(held, InviteeRejected{me_, request.data, request.reason}, own, now, news);
                } else if constexpr (std::is_same_v<Asked, Cancel>) {
                    const auto& cancelled = std::get<Cancelled>(reply);
                    if (cancelled.rev > held.info.rev + 1) {
                        held.gap = true;
                        news.emplace_back(Unsure{id});
                    }
                    apply(held,
                          InvitationCancelled{me_, cancelled.cancelled, request.data,
                                              CancelReason::cancelled},
                          own, now, news);
                } else if constexpr (std::is_same_v<Asked, Modify>) {
                    held.info.data = request.data;
                }
                settle(held, news);
            }
        },
        asked);
    return news;
}

Inbox::News Inbox::forgotten(const InvitationId& id, Instant now) {
    News news;
    const auto found = held_.find(id);
    // An invite that is on its way is not known yet.
    if (found == held_.end() || !found->second.confirmed) {
        return news;
    }
    Held& held = found->second;
    end_call(held, CallEnded{.reason = "", .duration = now - held.call_began}, {}, now, news);
    if (held.announced && !held.end_told) {
        news.emplace_back(Ended{.id = id, .inviter = held.info.inviter});
    }
    // Not remembered as ended: after a restart of the broker an invite that is sent
    // again makes it anew.
    drop(id);
    return news;
}

void Inbox::left(const GroupId& group) {
    std::vector<InvitationId> watched;
    for (const auto& [id, held] : held_) {
        if (held.info.role == Role::observer && held.info.group == group) {
            watched.push_back(id);
        }
    }
    for (const auto& id : watched) {
        drop(id);
    }
}

void Inbox::begin_sync() {
    for (auto& [id, held] : held_) {
        held.missing = held.confirmed;
    }
    ended_.mark();
}

Inbox::News Inbox::end_sync() {
    News news;
    for (auto& [id, held] : held_) {
        if (std::exchange(held.missing, false)) {
            news.emplace_back(Unsure{id});
        }
    }
    return news;
}

// --------------------------------------------------------------------- time

Inbox::News Inbox::advance(bool connected, Instant now) {
    News news;
    while (!looks_.empty() && looks_.begin()->first <= now) {
        Held& held = held_.at(looks_.begin()->second);
        if (!held.deadline) {
            look_at(held, now + now_and_then);
            if (connected) {
                news.emplace_back(Unsure{held.info.id});
            }
        } else if (connected && !std::exchange(held.looked, true)) {
            look_at(held, now + until_told);
            news.emplace_back(Unsure{held.info.id});
        } else {
            assume(held, now, news);
        }
    }
    return news;
}

/// Nobody can say how it ended, and it must not ring on.
void Inbox::assume(Held& held, Instant now, News& news) {
    look_at(held, std::nullopt);
    const bool gap = std::exchange(held.gap, false);
    if (held.info.role == Role::invitee) {
        apply(held, InvitationTimeout{{me_}}, {.assumed = true}, now, news);
        held.assumed = true;
        settle(held, news);
        return;
    }
    // What the inviter was not told stays open to being told: an answer counts.
    InvitationTimeout timeout;
    for (const auto& part : held.info.invitees) {
        if (part.state == State::pending) {
            timeout.invitees.push_back(part.user);
        }
    }
    if (held.announced && !timeout.invitees.empty()) {
        tell(held, std::move(timeout), {.assumed = true}, now, news);
    }
    held.assumed = gap || anyone_pending(held);
    tell_end(held, news);
    settle(held, news);
}

std::optional<Instant> Inbox::next_deadline() const {
    return looks_.empty() ? std::nullopt : std::optional(looks_.begin()->first);
}

std::vector<InvitationInfo> Inbox::open(Instant now) const {
    std::vector<InvitationInfo> all;
    for (const auto& [id, held] : held_) {
        const bool pending = (anyone_pending(held) || held.unlisted) && !held.assumed;
        if (held.confirmed && (pending || in_call(held))) {
            all.push_back(held.info);
            all.back().remaining = remaining(held, now);
            if (in_call(held)) {
                all.back().call_state->duration = now - held.call_began;
            }
        }
    }
    return all;
}

}  // namespace beckon
