// SPDX-License-Identifier: Apache-2.0
#include "inbox.hpp"

#include <algorithm>
#include <type_traits>

namespace beckon {

namespace {

/// The broker tells a timeout when it is due; only when it is late by this much is
/// something wrong.
constexpr Duration too_late_by{3'000};
/// How long `get` may take to tell how it ended.
constexpr Duration until_told{5'000};
/// How often to ask for what has no deadline.
constexpr Duration now_and_then{300'000};

template <class Body>
constexpr bool ends_somebody =
    std::is_same_v<Body, InvitationCancelled> || std::is_same_v<Body, InvitationRevoked>;

/// As `InviteeInfo` has it.
std::string reason_in(const EventBody& body) {
    return std::visit(
        []<class Body>(const Body& told) -> std::string {
            if constexpr (std::is_same_v<Body, InviteeRejected>) {
                return told.reason;
            } else if constexpr (ends_somebody<Body>) {
                return std::string(name_of(told.reason));
            }
            return {};
        },
        body);
}

}  // namespace

// ------------------------------------------------------------- what is held

bool Inbox::is_own(const std::optional<UserId>& by,
                   const std::optional<DeviceTag>& by_device) const {
    return by == me_ && by_device && by_device == device_;
}

bool Inbox::is_past(const InvitationId& id) const {
    return ended_.contains(id) || disowned_.contains(id);
}

Held* Inbox::find(const InvitationId& id) {
    const auto found = held_.find(id);
    return found == held_.end() ? nullptr : &found->second;
}

Held& Inbox::hold(InvitationInfo info) {
    Held held{.me = me_, .info = std::move(info)};
    return held_.insert_or_assign(held.info.id, std::move(held)).first->second;
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
    return found->second.unlisted || found->second.anyone_pending() ? Openness::open
                                                                    : Openness::ended;
}

std::vector<InvitationInfo> Inbox::open(Instant now) const {
    std::vector<InvitationInfo> all;
    for (const auto& [id, held] : held_) {
        const bool pending = (held.anyone_pending() || held.unlisted) && !held.assumed;
        if (held.confirmed && (pending || held.in_call())) {
            all.push_back(held.info);
            all.back().remaining = held.remaining(now);
            if (held.in_call()) {
                all.back().call_state->duration = now - held.call_began;
            }
        }
    }
    return all;
}

// ------------------------------------------------------------------ changes

void Inbox::tell(const Held& held, EventBody body, const Cause& cause, Instant now,
                 News& news) const {
    Heard heard{.id = held.info.id,
                .inviter = held.info.inviter,
                .group = held.info.group,
                .role = held.info.role,
                .body = std::move(body),
                .rev = held.rev()};
    heard.by = cause.by;
    heard.by_device = cause.by_device;
    heard.assumed = cause.assumed;
    heard.remaining = held.remaining(now);
    std::visit(
        [&]<class Body>(const Body& told) {
            if constexpr (ends_somebody<Body>) {
                heard.ends_ours =
                    (held.info.role == Role::invitee && contains(told.invitees, me_)) ||
                    (held.info.role == Role::inviter && held.nobody_left());
            }
        },
        heard.body);
    news.emplace_back(std::move(heard));
}

void Inbox::rings(Held& held, const NewInvitation& body, const Cause& cause, Instant now,
                  News& news) {
    held.info.role = body.role;
    held.announced = body.role != Role::observer;
    for (const auto& user : body.invitees) {
        held.list(user);
    }
    set_deadline(held, body.remaining, now);
    tell(held, body, cause, now, news);
}

void Inbox::apply(Held& held, const EventBody& body, Cause cause, Instant now, News& news) {
    const bool was_over = held.over() && !held.unlisted;
    cause.reason = reason_in(body);
    auto told = held.change(body, cause);
    if (!was_over && held.over()) {
        held.ending = cause;
    }
    if (!told) {
        return;
    }
    const auto* accepted = std::get_if<InviteeAccepted>(&body);
    const bool answer = accepted != nullptr || std::holds_alternative<InviteeRejected>(body);
    // Once the application has taken it for over, only answers are news.
    if (!cause.here && (!held.assumed || answer)) {
        tell(held, std::move(*told), cause, now, news);
    }
    if (accepted != nullptr && held.info.call) {
        join_call(held, accepted->invitee, now, news);
    }
}

void Inbox::settle(Held& held, News& news) {
    // After a gap, only the user's own end is certain: others may have been added.
    if (!held.over() || (held.gap && held.own_part() == nullptr)) {
        return;
    }
    tell_end(held, news);
    if (held.gap || held.assumed) {
        return;
    }
    if (held.in_call()) {
        held.deadline.reset();
        return;
    }
    look_at(held, std::nullopt);
    // With visibility `inviter` an invitee hears no more of it.
    if (!held.anyone_pending() ||
        (held.info.role == Role::invitee && held.info.visibility == Visibility::inviter)) {
        ended_.insert(held.info.id);
        drop(InvitationId(held.info.id));
    }
}

void Inbox::tell_end(Held& held, News& news) {
    if (!held.announced || std::exchange(held.end_told, true)) {
        return;
    }
    Ended ended{.id = held.info.id, .inviter = held.info.inviter};
    if (const InviteeInfo* own = held.own_part()) {
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

// ----------------------------------------------------- what the device asks

template <MakesInvitation Asked>
void Inbox::inviting(const Asked& invite) {
    InvitationInfo info{.id = *invite.id, .inviter = me_, .rev = 1};
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
    const Held* held = find(id);
    if (held != nullptr && !held->confirmed) {
        drop(id);
    }
}

void Inbox::disown(const InvitationId& id) {
    const Held* held = find(id);
    if (held == nullptr || !held->announced) {
        drop(id);
        disowned_.insert(id);
    }
}

void Inbox::cancelling(const InvitationId& id, bool on_its_way) {
    if (Held* held = find(id)) {
        held->cancelling = on_its_way;
    }
}

// ------------------------------------------------ what the broker has of all

void Inbox::speaks(const std::string& server_epoch) {
    const auto before = std::exchange(server_epoch_, server_epoch);
    if (before == server_epoch) {
        return;
    }
    if (!before.empty()) {
        ended_.move_older(ended_before_, first_sync_);
        calls_over_ = RecentIds<InvitationId>();
    }
    // What came after the first sync was sent is of this start.
    for (auto& [id, held] : held_) {
        held.earlier = held.before;
    }
}

Inbox::News Inbox::forgotten(const InvitationId& id, Instant now) {
    News news;
    Held* const held = find(id);
    // An invite that is on its way is not known yet.
    if (held == nullptr || !held->confirmed) {
        return news;
    }
    end_call(*held, CallEnded{.reason = "", .duration = now - held->call_began}, {}, now, news);
    if (held->announced && !held->end_told) {
        news.emplace_back(Ended{.id = id, .inviter = held->info.inviter});
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

void Inbox::begin_sync(bool again) {
    for (auto& [id, held] : held_) {
        held.missing = held.confirmed;
        if (!again) {
            held.before = held.confirmed;
            held.heard.reset();
        }
    }
    const auto mark = ended_.mark();
    if (!again) {
        first_sync_ = mark;
    }
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

void Inbox::look_now_and_then(Held& held, Instant now) { look_at(held, now + now_and_then); }

Inbox::News Inbox::advance(bool connected, Instant now) {
    News news;
    while (!looks_.empty() && looks_.begin()->first <= now) {
        Held& held = held_.at(looks_.begin()->second);
        if (!held.deadline) {
            look_now_and_then(held, now);
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
    // Told once: it may have been taken for over before, and been open still.
    if (held.announced && !held.end_told && !timeout.invitees.empty()) {
        tell(held, std::move(timeout), {.assumed = true}, now, news);
    }
    held.assumed = gap || held.anyone_pending();
    tell_end(held, news);
    settle(held, news);
}

std::optional<Instant> Inbox::next_deadline() const {
    return looks_.empty() ? std::nullopt : std::optional(looks_.begin()->first);
}

}  // namespace beckon
