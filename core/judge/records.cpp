// SPDX-License-Identifier: Apache-2.0
#include "records.hpp"

#include <algorithm>
#include <memory>
#include <unordered_set>
#include <utility>

#include "judge/invariant.hpp"

namespace beckon {

namespace {

/// What an ended invitation counts beside its data.
constexpr std::int64_t ended_record_bytes = 500;

bool comes_before(std::uint64_t number, const Invitation* one) { return number < one->number; }

void insert(std::vector<Invitation*>& open, Invitation& invitation) {
    open.insert(std::upper_bound(open.begin(), open.end(), invitation.number, comes_before),
                &invitation);
}

void remove(std::vector<Invitation*>& open, const Invitation& invitation) {
    const auto after = std::upper_bound(open.begin(), open.end(), invitation.number, comes_before);
    ensure(after != open.begin() && *(after - 1) == &invitation,
           "what is open is listed by all who have a part in it");
    open.erase(after - 1);
    if (open.empty()) {
        open.shrink_to_fit();
    }
}

auto place_of(std::vector<Group*>& groups, const Group& group) {
    return std::lower_bound(groups.begin(), groups.end(), group.id,
                            [](const Group* one, const GroupId& id) { return one->id < id; });
}

}  // namespace

User& Records::obtain(const UserId& id) {
    const auto [at, made] = users_.obtain(id);
    if (made) {
        at->second.id = &at->first;
    }
    return at->second;
}

void Records::release(User& user) {
    if (user.references == 0 && !user.online() && !user.lost) {
        users_.erase(*user.id);
    }
}

User& Records::refer(const UserId& id) {
    User& user = obtain(id);
    ++user.references;
    return user;
}

void Records::unrefer(User& user) {
    --user.references;
    release(user);
}

Invitation& Records::create(const InvitationId& id, const UserId& inviter, const UserId& target) {
    Invitation& invitation = create(id, inviter);
    invitation.target = &refer(target);
    touch(invitation);
    return invitation;
}

Invitation& Records::create(const InvitationId& id, const UserId& inviter, const GroupId& group) {
    Invitation& invitation = create(id, inviter);
    invitation.group = *groups_.find(group);
    invitation.group->open.push_back(&invitation);
    touch(invitation);
    return invitation;
}

Invitation& Records::create(const InvitationId& id, const UserId& inviter) {
    const auto [at, made] = invitations_.obtain(id);
    ensure(made, "a new invitation has a new id");
    Invitation& invitation = at->second;
    invitation.id = &at->first;
    invitation.inviter = &refer(inviter);
    invitation.number = ++last_number_;
    invitation.inviter->open.push_back(&invitation);
    ++invitation.inviter->inviting;
    return invitation;
}

void Records::ask(Invitation& invitation, const std::vector<UserId>& invitees, Instant deadline) {
    invitation.invitees.reserve(invitation.invitees.size() + invitees.size());
    for (const auto& id : invitees) {
        User& user = refer(id);
        ++user.invited;
        invitation.invitees.emplace_back(user, deadline);
        insert(user.open, invitation);
    }
    invitation.pending += static_cast<std::uint32_t>(invitees.size());
    touch(invitation);
}

bool Records::counts_for(const Invitation& invitation, const UserId& user) {
    return *invitation.inviter->id == user ||
           (invitation.adders &&
            std::any_of(invitation.adders->begin(), invitation.adders->end(),
                        [&](const User* adder) { return *adder->id == user; }));
}

void Records::count_for(Invitation& invitation, const UserId& adder) {
    if (counts_for(invitation, adder)) {
        return;
    }
    if (!invitation.adders) {
        invitation.adders = std::make_unique<std::vector<User*>>();
    }
    // An adder is an invitee as well, and so known.
    User& user = *users_.find(adder);
    invitation.adders->push_back(&user);
    ++user.inviting;
    for (Invitee& invitee : invitation.invitees) {
        invitee.touched = invitee.touched || &invitee.user() == &user;
    }
}

void Records::keep_remover(Invitation& invitation, User& user) {
    const bool has_part = invitation.inviter == &user ||
                          std::any_of(invitation.invitees.begin(), invitation.invitees.end(),
                                      [&](const Invitee& one) { return &one.user() == &user; });
    const bool is_kept =
        invitation.removers && std::find(invitation.removers->begin(), invitation.removers->end(),
                                         &user) != invitation.removers->end();
    if (has_part || is_kept) {
        return;
    }
    if (!invitation.removers) {
        invitation.removers = std::make_unique<std::vector<User*>>();
    }
    ++user.references;
    invitation.removers->push_back(&user);
}

void Records::merge(Invitation& invitation, const InvitationId& id) {
    invitation.call->merged = id;
    invitation.call->touched = true;
    touch(invitation);
    merged_.obtain(id).first->second = &invitation;
}

void Records::close(Invitation& invitation, Instant now) {
    take_out(invitation);
    become_ended(invitation, now);
    trim_ended();
}

void Records::take_out(Invitation& invitation) {
    remove(invitation.inviter->open, invitation);
    if (invitation.group) {
        remove(invitation.group->open, invitation);
    }
    --invitation.inviter->inviting;
    for (const Invitee& invitee : invitation.invitees) {
        remove(invitee.user().open, invitation);
    }
    if (invitation.adders) {
        for (User* adder : *invitation.adders) {
            --adder->inviting;
        }
        invitation.adders.reset();
    }
    open_bytes_ -= invitation.kept;
}

/// Time does not go back, but when ended ones are restored: then each has its place.
void Records::become_ended(Invitation& invitation, Instant now) {
    invitation.ended_at = now;
    const auto earlier = [](Instant when, const Invitation* one) { return when < one->ended_at; };
    const bool is_last = ended_.empty() || ended_.back()->ended_at <= now;
    ended_.insert(
        is_last ? ended_.end() : std::upper_bound(ended_.begin(), ended_.end(), now, earlier),
        &invitation);
    invitation.kept += ended_record_bytes;
    ended_bytes_ += invitation.kept;
}

void Records::forget_ended(Instant until) {
    while (!ended_.empty() && ended_.front()->ended_at <= until) {
        forget_oldest();
    }
}

std::span<Invitation* const> Records::open_after(const std::vector<Invitation*>& open,
                                                 std::uint64_t number) {
    return {std::upper_bound(open.begin(), open.end(), number, comes_before), open.end()};
}

Group* Records::find(const GroupId& id) {
    const auto* found = groups_.find(id);
    return found != nullptr ? found->get() : nullptr;
}

Group& Records::create(const CreateGroup& asked, const UserId& owner) {
    const auto [at, made] = groups_.obtain(asked.group);
    ensure(made, "a new group has a new id");
    at->second = std::make_shared<Group>();
    Group& group = *at->second;
    group.id = asked.group;
    group.name = asked.name;
    group.profile = asked.profile;
    group.join_mode = asked.join_mode;
    group.max_audience = limits_.max_audience;
    group.made_after = last_number_;
    touch(group);
    put_in(group, owner, Rank::owner);
    note(MemberKept{.group = group.id, .user = owner, .rank = Rank::owner});
    return group;
}

void Records::join(Group& group, const UserId& id) {
    put_in(group, id, Rank::member);
    note(MemberKept{.group = group.id, .user = id, .rank = Rank::member});
}

void Records::put_in(Group& group, const UserId& id, Rank rank) {
    User& user = refer(id);
    ensure(group.members.emplace(&user, rank).second, "who comes into a group is no member yet");
    user.groups.insert(place_of(user.groups, group), &group);
    if (rank == Rank::owner) {
        group.owner = &user;
        ++user.owned;
    }
}

void Records::leave(Group& group, const UserId& id) {
    const auto at = group.members.find(id);
    ensure(at != group.members.end(), "who leaves a group is a member");
    note(MemberGone{.group = group.id, .user = id});
    take_out(group, *at->first);
}

void Records::take_out(Group& group, User& member) {
    group.members.erase(&member);
    member.groups.erase(place_of(member.groups, group));
    unrefer(member);
}

void Records::set_rank(Group& group, const UserId& member, Rank rank) {
    group.members.find(member)->second = rank;
    note(MemberKept{.group = group.id, .user = member, .rank = rank});
}

void Records::transfer(Group& group, const UserId& member) {
    --group.owner->owned;
    set_rank(group, *group.owner->id, Rank::member);
    set_rank(group, member, Rank::owner);
    group.owner = users_.find(member);
    ++group.owner->owned;
}

void Records::dismiss(Group& group) {
    note(GroupGone{group.id});
    take_away(group);
}

/// Only invitations refer to it then.
std::shared_ptr<Group> Records::take_away(Group& group) {
    std::shared_ptr<Group> kept = *groups_.find(group.id);
    if (group.owner != nullptr) {
        --group.owner->owned;
        group.owner = nullptr;
    }
    while (!group.members.empty()) {
        take_out(group, *group.members.begin()->first);
    }
    count(group, -group.kept);
    group.name.reset();
    group.profile.reset();
    groups_.erase(group.id);
    return kept;
}

bool Records::has_room(std::int64_t bytes) const {
    return bytes <= 0 || open_bytes_ + group_bytes_ + bytes <= limits_.max_total_data_bytes;
}

bool Records::has_room_for_groups(std::int64_t bytes) const {
    return bytes <= 0 || (group_bytes_ + bytes <= most_for_groups(limits_) && has_room(bytes));
}

void Records::keep(Invitation& invitation, std::int64_t bytes) {
    count(invitation, bytes);
    trim_ended();
}

void Records::keep(Group& group, std::int64_t bytes) {
    count(group, bytes);
    trim_ended();
}

void Records::count(Invitation& invitation, std::int64_t bytes) {
    invitation.kept += bytes;
    (invitation.ended() ? ended_bytes_ : open_bytes_) += bytes;
}

void Records::count(Group& group, std::int64_t bytes) {
    group.kept += bytes;
    group_bytes_ += bytes;
}

/// Forgets the oldest while there are too many or they are too large. They fill what
/// the open ones leave, and always a quarter: were what has just ended forgotten at
/// once, a repeat would ring again.
void Records::trim_ended() {
    const auto most = limits_.max_total_data_bytes;
    const auto room = std::max(most - open_bytes_ - group_bytes_, most / 4);
    while (!ended_.empty() &&
           (std::cmp_greater(ended_.size(), limits_.max_ended) || ended_bytes_ > room)) {
        forget_oldest();
    }
}

void Records::forget_oldest() {
    Invitation& oldest = *ended_.front();
    ended_.pop_front();
    ended_bytes_ -= oldest.kept;
    if (oldest.touched) {
        tell_touched();
    }
    note(InvitationForgotten{.number = oldest.number, .id = *oldest.id});
    erase(oldest);
}

void Records::erase(Invitation& invitation) {
    unrefer(*invitation.inviter);
    if (invitation.target != nullptr) {
        unrefer(*invitation.target);
    }
    for (const Invitee& invitee : invitation.invitees) {
        unrefer(invitee.user());
    }
    if (invitation.removers) {
        for (User* remover : *invitation.removers) {
            unrefer(*remover);
        }
    }
    if (invitation.call && invitation.call->merged) {
        const InvitationId& id = *invitation.call->merged;
        if (find_merged(id) == &invitation) {
            merged_.erase(id);
        }
    }
    if (restored_ == &invitation) {
        restored_ = nullptr;
    }
    invitations_.erase(*invitation.id);
}

// ------------------------------------------------------------- what changed

template <class SomeChange>
void Records::note(SomeChange change) {
    if (stored_) {
        changes_.push_back(std::move(change));
    }
}

void Records::touch(Invitation& invitation) {
    if (stored_ && !invitation.touched) {
        invitation.touched = true;
        touched_.push_back(&invitation);
    }
}

void Records::touch(const Group& group) {
    note(GroupKept{.group = group.id,
                   .made_after = group.made_after,
                   .name = group.name,
                   .profile = group.profile,
                   .join_mode = group.join_mode});
}

Changes Records::take_changes() {
    tell_touched();
    return std::exchange(changes_, {});
}

void Records::tell_touched() {
    for (Invitation* invitation : std::exchange(touched_, {})) {
        tell(*invitation);
    }
}

void Records::tell(Invitation& invitation) {
    InvitationKept kept{
        .number = invitation.number,
        .id = *invitation.id,
        .inviter = *invitation.inviter->id,
        .target = {},
        .answer = invitation.answer,
        .visibility = invitation.visibility,
        .call = invitation.call != nullptr,
        .online_only = invitation.online_only,
        .keep_when_lost = invitation.keep_when_lost,
        .inviter_was_online = invitation.inviter_was_online,
        .rev = invitation.rev,
        .made_at = invitation.made_at,
        .lifetime_end = invitation.lifetime_end,
        .ended_at = invitation.ended() ? std::optional(invitation.ended_at) : std::nullopt};
    if (invitation.group) {
        kept.target = invitation.group->id;
    } else {
        kept.target = *invitation.target->id;
    }
    note(std::move(kept));
    if (invitation.data_touched) {
        note(DataKept{.number = invitation.number, .data = invitation.data});
    }
    std::vector<const Note*> told;
    for (std::size_t i = 0; i < invitation.invitees.size(); ++i) {
        Invitee& invitee = invitation.invitees[i];
        if (!std::exchange(invitee.touched, false)) {
            continue;
        }
        const Note* said = invitee.note();
        if (said != nullptr && std::find(told.begin(), told.end(), said) == told.end()) {
            told.push_back(said);
            note(NoteKept{.number = invitation.number,
                          .rev = said->rev,
                          .data = said->data,
                          .reason = said->reason});
        }
        const bool adder =
            invitation.adders && std::find(invitation.adders->begin(), invitation.adders->end(),
                                           &invitee.user()) != invitation.adders->end();
        note(InviteeKept{
            .number = invitation.number,
            .position = static_cast<std::uint32_t>(i),
            .user = *invitee.user().id,
            .state = invitee.state(),
            .deadline = invitee.deadline(),
            .by = invitee.by() != nullptr ? std::optional(*invitee.by()->id) : std::nullopt,
            .device = invitee.device(),
            .note = said != nullptr ? std::optional(said->rev) : std::nullopt,
            .adder = adder});
    }
    if (invitation.call) {
        tell(*invitation.call);
    }
    invitation.touched = invitation.data_touched = false;
}

void Records::tell(Call& call) {
    const auto number = call.invitation.number;
    const bool has_begun = call.phase != Call::Phase::waiting;
    const bool has_ended = call.phase == Call::Phase::ended;
    if (std::exchange(call.touched, false)) {
        note(CallKept{.number = number,
                      .started_at = has_begun ? std::optional(call.started_at) : std::nullopt,
                      .ended_at = has_ended ? std::optional(call.ended_at) : std::nullopt,
                      .reason = call.reason,
                      .merged = call.merged});
    }
    for (std::size_t i = 0; i < call.participants.size(); ++i) {
        Participant& one = call.participants[i];
        if (std::exchange(one.touched, false)) {
            note(ParticipantKept{.number = number,
                                 .position = static_cast<std::uint32_t>(i),
                                 .user = *one.user->id,
                                 .device = one.device,
                                 .was_online = one.was_online,
                                 .takes_part = one.takes_part,
                                 .hung_up = one.hung_up});
        }
    }
}

void Records::change_again(const Changes& stored) {
    std::unordered_set<std::uint64_t> known;
    for (const Change& change : stored) {
        if (const auto* kept = std::get_if<InvitationKept>(&change)) {
            known.insert(kept->number);
        }
    }
    for (const Change& change : stored) {
        if (const auto* gone = std::get_if<InvitationForgotten>(&change)) {
            Invitation* invitation = find(gone->id);
            if (invitation != nullptr && invitation->number == gone->number) {
                touch(*invitation);
                invitation->data_touched = true;
                for (Invitee& invitee : invitation->invitees) {
                    invitee.touched = true;
                }
                if (invitation->call) {
                    invitation->call->touched = true;
                    for (Participant& one : invitation->call->participants) {
                        one.touched = true;
                    }
                }
            } else if (known.contains(gone->number)) {
                note(*gone);
            }
        } else if (const auto* group_gone = std::get_if<GroupGone>(&change)) {
            note(*group_gone);
            if (const Group* group = find(group_gone->group)) {
                touch(*group);
                for (const auto& [member, rank] : group->members) {
                    note(MemberKept{.group = group->id, .user = *member->id, .rank = rank});
                }
            }
        }
    }
}

// ------------------------------------------------------------- as it was

Invitation& Records::restore(const InvitationKept& kept) {
    go_on_after(kept.number);
    const auto [at, made] = invitations_.obtain(kept.id);
    Invitation& invitation = at->second;
    restored_ = &invitation;
    restored_notes_.clear();
    if (made) {
        invitation.id = &at->first;
        invitation.inviter = &refer(kept.inviter);
        invitation.number = kept.number;
        if (const auto* group = std::get_if<GroupId>(&kept.target)) {
            invitation.group = group_at(*group, kept.number);
        } else {
            invitation.target = &refer(std::get<UserId>(kept.target));
        }
        invitation.made_at = kept.made_at;
        if (kept.call) {
            invitation.call = std::make_unique<Call>(invitation);
            invitation.call->touched = false;
        }
        invitation.answer = kept.answer;
        invitation.visibility = kept.visibility;
        invitation.online_only = kept.online_only;
        invitation.keep_when_lost = kept.keep_when_lost;
        invitation.inviter_was_online = kept.inviter_was_online;
        if (!kept.ended_at) {
            insert(invitation.inviter->open, invitation);
            ++invitation.inviter->inviting;
            if (invitation.group) {
                insert(invitation.group->open, invitation);
            }
        }
    }
    invitation.rev = kept.rev;
    invitation.lifetime_end = kept.lifetime_end;
    if (kept.ended_at && !invitation.ended()) {
        if (!made) {
            take_out(invitation);
        }
        become_ended(invitation, *kept.ended_at);
    }
    return invitation;
}

/// The group that an invitation with this number is of; perhaps one that is no more.
std::shared_ptr<Group> Records::group_at(const GroupId& id, std::uint64_t number) {
    const auto* found = groups_.find(id);
    if (found != nullptr && (*found)->made_after < number) {
        return *found;
    }
    auto dismissed = std::make_shared<Group>();
    dismissed->id = id;
    return dismissed;
}

Invitation* Records::restored(std::uint64_t number) {
    return restored_ != nullptr && restored_->number == number ? restored_ : nullptr;
}

void Records::restore(const DataKept& kept) {
    if (Invitation* invitation = restored(kept.number)) {
        count(*invitation, size_of(kept.data) - size_of(invitation->data));
        invitation->data = kept.data;
    }
}

void Records::restore(const NoteKept& kept) {
    if (Invitation* invitation = restored(kept.number)) {
        restored_notes_.push_back(std::make_shared<const Note>(
            Note{.rev = kept.rev, .data = kept.data, .reason = kept.reason}));
        count(*invitation, size_of(kept.data));
    }
}

Invitation* Records::restore(const InviteeKept& kept) {
    Invitation* invitation = restored(kept.number);
    if (invitation == nullptr) {
        return nullptr;
    }
    if (kept.position >= invitation->invitees.size()) {
        User& user = refer(kept.user);
        if (!invitation->invitees.empty()) {
            count(*invitation, invitee_bytes);
        }
        invitation->invitees.emplace_back(user, kept.deadline);
        invitation->invitees.back().touched = false;
        ++invitation->pending;
        ++user.invited;
        if (!invitation->ended()) {
            insert(user.open, *invitation);
        }
    }
    Invitee& invitee =
        invitation->invitees[std::min<std::size_t>(kept.position, invitation->invitees.size() - 1)];
    if (invitee.pending() && kept.state != State::pending) {
        User* by = kept.by ? &obtain(*kept.by) : nullptr;
        const auto said = std::find_if(restored_notes_.begin(), restored_notes_.end(),
                                       [&](const auto& note) { return kept.note == note->rev; });
        const bool was_touched = invitee.touched;
        invitee.end(kept.state, by, kept.device, said != restored_notes_.end() ? *said : nullptr);
        invitee.touched = was_touched;
        --invitation->pending;
        --invitee.user().invited;
        if (kept.state == State::rejected && invitee.note() != nullptr) {
            count(*invitation, std::ssize(invitee.note()->reason));
        }
        if (by != nullptr) {
            keep_remover(*invitation, *by);
        }
    }
    if (kept.adder && !invitation->ended()) {
        count_for(*invitation, kept.user);
        invitee.touched = false;
    }
    return invitation;
}

Invitation* Records::restore(const CallKept& kept) {
    Invitation* invitation = restored(kept.number);
    if (invitation == nullptr || !invitation->call) {
        return nullptr;
    }
    Call& call = *invitation->call;
    call.phase = kept.ended_at     ? Call::Phase::ended
                 : kept.started_at ? Call::Phase::lives
                                   : Call::Phase::waiting;
    call.started_at = kept.started_at.value_or(Instant{});
    call.ended_at = kept.ended_at.value_or(Instant{});
    count(*invitation, std::ssize(kept.reason) - std::ssize(call.reason));
    call.reason = kept.reason;
    if (kept.merged && !call.merged) {
        call.merged = kept.merged;
        merged_.obtain(*kept.merged).first->second = invitation;
    }
    return invitation;
}

Invitation* Records::restore(const ParticipantKept& kept) {
    Invitation* invitation = restored(kept.number);
    User* user = invitation != nullptr ? users_.find(kept.user) : nullptr;
    if (user == nullptr || !invitation->call) {
        return nullptr;
    }
    auto& all = invitation->call->participants;
    if (kept.position > all.size()) {
        return nullptr;
    }
    if (kept.position == all.size()) {
        all.emplace_back();
    }
    Participant& one = all[kept.position];
    one.user = user;
    one.device = kept.device;
    one.was_online = kept.was_online;
    one.takes_part = kept.takes_part;
    one.hung_up = kept.hung_up;
    one.touched = false;
    return invitation;
}

void Records::restore(const InvitationForgotten& forgotten) {
    Invitation* invitation = find(forgotten.id);
    if (invitation == nullptr || invitation->number != forgotten.number) {
        return;
    }
    if (invitation->ended()) {
        ended_bytes_ -= invitation->kept;
        const auto not_before = std::lower_bound(
            ended_.begin(), ended_.end(), invitation->ended_at,
            [](const Invitation* one, Instant when) { return one->ended_at < when; });
        ended_.erase(std::find(not_before, ended_.end(), invitation));
    } else {
        take_out(*invitation);
        for (const Invitee& invitee : invitation->invitees) {
            invitee.user().invited -= invitee.pending() ? 1U : 0U;
        }
    }
    if (invitation->touched) {
        touched_.erase(std::find(touched_.begin(), touched_.end(), invitation));
    }
    erase(*invitation);
}

void Records::restore(const GroupKept& kept) {
    const auto [at, made] = groups_.obtain(kept.group);
    if (made) {
        // The same as before, for what is open in it.
        const bool is_again = gone_ && gone_->id == kept.group;
        at->second = is_again ? std::exchange(gone_, nullptr) : std::make_shared<Group>();
    }
    Group& group = *at->second;
    group.id = kept.group;
    group.max_audience = limits_.max_audience;
    group.made_after = kept.made_after;
    count(group, group_bytes + size_of(kept.name) + size_of(kept.profile) -
                     (made ? 0 : group_bytes + size_of(group.name) + size_of(group.profile)));
    group.name = kept.name;
    group.profile = kept.profile;
    group.join_mode = kept.join_mode;
    if (made) {
        for (Invitation* invitation : ended_) {
            if (invitation->group && invitation->group->id == group.id &&
                invitation->number > group.made_after) {
                invitation->group = at->second;
            }
        }
    }
}

void Records::restore(const MemberKept& kept) {
    Group* group = find(kept.group);
    if (group != nullptr && !group->has(kept.user)) {
        put_in(*group, kept.user, kept.rank);
        count(*group, member_bytes);
    }
}

void Records::restore(const MemberGone& gone) {
    Group* group = find(gone.group);
    if (group != nullptr && group->has(gone.user)) {
        take_out(*group, *find(gone.user));
        count(*group, -member_bytes);
    }
}

void Records::restore(const GroupGone& gone) {
    gone_ = nullptr;
    if (Group* group = find(gone.group)) {
        gone_ = take_away(*group);
    }
}

}  // namespace beckon
