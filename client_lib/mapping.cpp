// SPDX-License-Identifier: Apache-2.0
#include "mapping.hpp"

#include <optional>
#include <type_traits>
#include <vector>

namespace beckon {
namespace {

std::string text(const std::optional<Data>& data) { return data ? data->bytes : std::string(); }

template <class IdOrTag>
std::string text(const std::optional<IdOrTag>& id) {
    return id ? id->str() : std::string();
}

template <class Id>
std::vector<std::string> texts(const std::vector<Id>& ids) {
    std::vector<std::string> all;
    all.reserve(ids.size());
    for (const auto& id : ids) {
        all.push_back(id.str());
    }
    return all;
}

std::vector<LeftOut> left_out(const std::vector<Skipped>& skipped) {
    std::vector<LeftOut> all;
    all.reserve(skipped.size());
    for (const auto& one : skipped) {
        all.push_back({one.user.str(), std::string(info(one.error).name)});
    }
    return all;
}

std::optional<Duration> left_of(std::optional<Duration> remaining, Duration age) {
    return remaining && *remaining > age ? std::optional(*remaining - age) : std::nullopt;
}

/// What `onSignalingEvent` tells, and the one call of the mapped API for the same.
struct Told {
    SignalingEvent event;
    Listeners<SignalingListener>::Call mapped = [](SignalingListener&) {};

    void of(const Heard& heard, const NewInvitation& invitation) {
        event.type = SignalingEventType::newInvitation;
        event.invitees = texts(invitation.invitees);
        event.data = text(invitation.data);
        event.replaces = texts(invitation.replaces);
        event.call = invitation.call;
        event.answer = invitation.answer;
        event.visibility = invitation.visibility;
        event.onlineUserOnly = invitation.online_only;
        event.more = invitation.more;
        if (heard.role != Role::invitee) {
            return;
        }
        mapped = [&heard, &invitation, this](SignalingListener& listener) {
            listener.onReceiveNewInvitation(heard.id.str(), invitation.inviter.str(), event.groupID,
                                            event.invitees, event.data);
        };
    }
    void of(const Heard& heard, const InviteeAccepted& accepted) {
        event.type = SignalingEventType::inviteeAccepted;
        event.invitees = {accepted.invitee.str()};
        event.data = text(accepted.data);
        mapped = [&heard, &accepted, this](SignalingListener& listener) {
            listener.onInviteeAccepted(heard.id.str(), accepted.invitee.str(), event.data);
        };
    }
    void of(const Heard& heard, const InviteeRejected& rejected) {
        event.type = SignalingEventType::inviteeRejected;
        event.invitees = {rejected.invitee.str()};
        event.data = text(rejected.data);
        event.reason = rejected.reason;
        mapped = [&heard, &rejected, this](SignalingListener& listener) {
            listener.onInviteeRejected(heard.id.str(), rejected.invitee.str(), event.data);
        };
    }
    void of(const Heard& heard, const InvitationCancelled& cancelled) {
        event.type = SignalingEventType::invitationCancelled;
        event.invitees = texts(cancelled.invitees);
        event.data = text(cancelled.data);
        event.reason = name_of(cancelled.reason);
        cancel_ours(heard);
    }
    void of(const Heard& heard, const InvitationRevoked& revoked) {
        event.type = SignalingEventType::invitationRevoked;
        event.invitees = texts(revoked.invitees);
        event.reason = name_of(revoked.reason);
        cancel_ours(heard);
    }
    /// The mapped API knows no other word for an end that nobody chose.
    void cancel_ours(const Heard& heard) {
        if (heard.ends_ours) {
            mapped = [&heard, this](SignalingListener& listener) {
                listener.onInvitationCancelled(heard.id.str(), heard.inviter.str(), event.data);
            };
        }
    }
    void of(const Heard& heard, const InvitationTimeout& timeout) {
        event.type = SignalingEventType::invitationTimeout;
        event.invitees = texts(timeout.invitees);
        mapped = [&heard, this](SignalingListener& listener) {
            listener.onInvitationTimeout(heard.id.str(), event.invitees);
        };
    }
    void of(const Heard& heard, const InvitationModified& modified) {
        event.type = SignalingEventType::invitationModified;
        if (modified.invitees) {
            event.invitees = texts(*modified.invitees);
        }
        event.data = text(modified.data);
        if (modified.data) {
            mapped = [&heard, this](SignalingListener& listener) {
                listener.onInvitationModified(heard.id.str(), event.data);
            };
        }
    }
    void of(const Heard& heard, const InviteeRinging& ringing) {
        event.type = SignalingEventType::inviteeRinging;
        event.invitees = {ringing.invitee.str()};
        mapped = [&heard, &ringing](SignalingListener& listener) {
            listener.onInviteeRinging(heard.id.str(), ringing.invitee.str());
        };
    }
    void of(const Heard& heard, const SignalEvent& signal) {
        event.type = SignalingEventType::signal;
        event.invitees = {signal.from.str()};
        event.seq = signal.seq;
        event.data = signal.data.bytes;
        mapped = [&heard, &signal](SignalingListener& listener) {
            listener.onSignal(heard.id.str(), signal.from.str(), signal.data.bytes);
        };
    }
    void of(const Heard& heard, const ParticipantJoined& joined) {
        event.type = SignalingEventType::participantJoined;
        event.invitees = {joined.user.str()};
        event.data = text(joined.data);
        mapped = [&heard, &joined, this](SignalingListener& listener) {
            listener.onParticipantJoined(heard.id.str(), joined.user.str(), event.data);
        };
    }
    void of(const Heard& heard, const ParticipantLeft& left) {
        event.type = SignalingEventType::participantLeft;
        event.invitees = {left.user.str()};
        event.data = text(left.data);
        event.reason = left.reason;
        mapped = [&heard, &left, this](SignalingListener& listener) {
            listener.onParticipantLeft(heard.id.str(), left.user.str(), left.reason, event.data);
        };
    }
    void of(const Heard& heard, const ParticipantMoved& moved) {
        event.type = SignalingEventType::participantMoved;
        event.invitees = {moved.user.str()};
        mapped = [&heard, &moved](SignalingListener& listener) {
            listener.onParticipantMoved(heard.id.str(), moved.user.str());
        };
    }
    void of(const Heard& heard, const CallEnded& ended) {
        event.type = SignalingEventType::callEnded;
        event.data = text(ended.data);
        event.reason = ended.reason;
        event.duration = ended.duration;
        mapped = [&heard, &ended, this](SignalingListener& listener) {
            listener.onCallEnded(heard.id.str(), ended.reason, ended.duration, event.data);
        };
    }
};

}  // namespace

namespace {

Result result_of(const Refusal& refusal) {
    const auto& known = info(refusal.error);
    return {.code = known.code,
            .error = std::string(known.name),
            .message = refusal.message,
            .field = refusal.field.value_or(""),
            .limit = refusal.limit,
            .by = text(refusal.by),
            .byDevice = text(refusal.by_device),
            .replacedBy = text(refusal.replaced_by),
            .rev = refusal.rev};
}

/// Of a reply that is ok.
template <class Body>
Result result_of(const Body& body) {
    Result result;
    if constexpr (requires { body.dup; }) {
        result.dup = body.dup;
    }
    if constexpr (requires { body.rev; }) {
        result.rev = body.rev;
    }
    return result;
}

}  // namespace

Result to_result(const Outcome& outcome) {
    if (const auto* failure = std::get_if<Failure>(&outcome.told)) {
        const auto& known = info(*failure);
        Result result{.code = known.code,
                      .error = std::string(known.name),
                      .message = std::string(known.message)};
        if (*failure == Failure::too_many_waiting) {
            result.limit = outcome.max_waiting;
        }
        const bool for_want_of_connection =
            *failure == Failure::no_reply || *failure == Failure::not_connected;
        if (for_want_of_connection && !outcome.why_offline.empty()) {
            result.message += " (" + outcome.why_offline + ")";
        }
        return result;
    }
    const auto& reply = std::get<Reply>(outcome.told);
    Result result = std::visit([](const auto& body) { return result_of(body); }, reply.body);
    if (!reply.re.empty()) {  // else it is of this client's own
        result.device = reply.device.str();
    }
    return result;
}

InviteResult to_invite_result(const Outcome& outcome, const InvitationId& id) {
    InviteResult result{to_result(outcome), id.str()};
    const auto invited = body_of<Invited>(outcome);
    result.skipped = left_out(invited.skipped.value_or(std::vector<Skipped>{}));
    result.offline = texts(invited.offline);
    result.more = invited.more;
    result.remaining = left_of(invited.remaining, outcome.age);
    result.open = invited.state == Openness::open;
    const auto* reply = std::get_if<Reply>(&outcome.told);
    const auto* merged = reply != nullptr ? std::get_if<Merged>(&reply->body) : nullptr;
    if (merged != nullptr) {
        result.mergedInto = merged->merged_into.str();
    }
    return result;
}

MembersResult to_members_result(const Outcome& outcome) {
    const auto done = body_of<MembersDone>(outcome);
    return {to_result(outcome), left_out(done.skipped), done.more};
}

CancelResult to_cancel_result(const Outcome& outcome) {
    CancelResult result{to_result(outcome)};
    const auto cancelled = body_of<Cancelled>(outcome);
    result.cancelled = texts(cancelled.cancelled);
    for (const auto& already : cancelled.already) {
        result.already.push_back({already.user.str(), already.state});
    }
    result.more = cancelled.more;
    return result;
}

SignalingInfo to_signaling_info(const InvitationInfo& info, Duration age) {
    SignalingInfo told{.inviteID = info.id.str(),
                       .inviter = info.inviter.str(),
                       .groupID = text(info.group),
                       .data = text(info.data),
                       .onlineUserOnly = info.online_only,
                       .role = info.role,
                       .open = info.state == Openness::open,
                       .call = info.call,
                       .answer = info.answer,
                       .visibility = info.visibility,
                       .remaining = left_of(info.remaining, age),
                       .inviteesLeftOut = info.invitees_left_out,
                       .answersLeftOut = info.answers_left_out,
                       .rev = info.rev};
    if (info.call_state) {
        told.participants = texts(info.call_state->participants);
        told.callDuration = info.call_state->duration;
        told.participantsLeftOut = info.call_state->more;
        told.callReason = info.call_state->reason.value_or("");
    }
    for (const auto& invitee : info.invitees) {
        told.inviteeList.push_back(invitee.user.str());
        told.invitees.push_back({.user = invitee.user.str(),
                                 .state = invitee.state,
                                 .ringing = invitee.ringing,
                                 .device = text(invitee.device),
                                 .data = text(invitee.data),
                                 .reason = invitee.reason.value_or("")});
    }
    return told;
}

std::vector<PastSignaling> to_history(const HistoryListed& listed, Duration age) {
    std::vector<PastSignaling> page;
    for (const auto& past : listed.history) {
        PastSignaling told{.inviteID = past.id.str(),
                           .inviter = past.inviter.str(),
                           .groupID = text(past.group),
                           .inviteesLeftOut = past.invitees_left_out,
                           .reason = past.reason,
                           .role = past.role,
                           .missed = past.missed,
                           .age = past.age + age,
                           .rang = past.ring,
                           .talked = past.talk};
        for (const auto& invitee : past.invitees) {
            told.invitees.push_back({.user = invitee.user.str(),
                                     .state = invitee.state,
                                     .reason = invitee.reason.value_or("")});
        }
        page.push_back(std::move(told));
    }
    return page;
}

SignalingInfo to_signaling_info(const Outcome& outcome) {
    return to_signaling_info(*body_of<Got>(outcome).invitation, outcome.age);
}

void tell(Listeners<SignalingListener>& listeners, const Heard& heard, Duration age) {
    Told told{.event = {.inviteID = heard.id.str(),
                        .groupID = text(heard.group),
                        .role = heard.role,
                        .by = text(heard.by),
                        .byDevice = text(heard.by_device),
                        .remaining = left_of(heard.remaining, age),
                        .assumed = heard.assumed,
                        .inviter = heard.inviter.str(),
                        .rev = heard.rev}};
    std::visit([&](const auto& body) { told.of(heard, body); }, heard.body);
    listeners.tell(
        {[&](SignalingListener& listener) { listener.onSignalingEvent(told.event); }, told.mapped});
}

void tell(Listeners<SignalingListener>& listeners, const Ended& ended) {
    const InvitationEnd end{.inviteID = ended.id.str(),
                            .state = ended.state,
                            .here = ended.here,
                            .reason = ended.reason,
                            .by = text(ended.by),
                            .byDevice = text(ended.by_device),
                            .assumed = ended.assumed};
    const auto tell_end = [&](SignalingListener& listener) { listener.onInvitationEnded(end); };
    if (end.state) {
        listeners.tell({tell_end});
    } else {
        // No event said so, so those who know the mapped API alone would ring on.
        listeners.tell({[&](SignalingListener& listener) {
                            listener.onInvitationCancelled(end.inviteID, ended.inviter.str(), {});
                        },
                        tell_end});
    }
}

void tell(Listeners<SignalingListener>& listeners, const Busy& busy) {
    listeners.tell({[&](SignalingListener& listener) {
        listener.onRejectedAsBusy(busy.id.str(), busy.inviter.str(), text(busy.group),
                                  text(busy.data));
    }});
}

GroupInfoResult to_group_info_result(const Outcome& outcome) {
    const auto group = body_of<GotGroup>(outcome).group;
    return {to_result(outcome),
            {.groupID = group.group.str(),
             .groupName = group.name.value_or(""),
             .joinMode = group.join_mode,
             .memberCount = group.count,
             .owner = group.owner.str(),
             .profile = group.profile.value_or(Profile{})}};
}

GroupDescription to_group_description(const GroupSummary& group) {
    return {.groupID = group.group.str(),
            .groupName = group.name.value_or(""),
            .joinMode = group.join_mode,
            .memberCount = group.count,
            .role = group.role};
}

namespace {

/// The one call of the mapped API for each event of a group.
struct OfGroup {
    std::string group;
    std::string by;
    GroupListener& listener;

    void operator()(const GroupCreated& /*created*/) const { listener.onGroupCreated(group); }
    void operator()(const MemberEntered& entered) const {
        listener.onMemberEnter(group, texts(entered.members));
    }
    void operator()(const MemberInvited& invited) const {
        listener.onMemberInvited(group, by, texts(invited.members));
    }
    void operator()(const MemberRemoved& removed) const {
        listener.onMemberKicked(group, by, texts(removed.members));
    }
    void operator()(const MemberLeft& left) const {
        listener.onMemberLeave(group, left.user.str());
    }
    void operator()(const RoleChanged& changed) const {
        if (changed.role == Rank::admin) {
            listener.onGrantAdministrator(group, by, {changed.user.str()});
        } else {
            listener.onRevokeAdministrator(group, by, {changed.user.str()});
        }
    }
    void operator()(const OwnerChanged& changed) const {
        listener.onGroupInfoChanged(group, {.owner = changed.owner.str()});
    }
    void operator()(const GroupUpdated& updated) const {
        listener.onGroupInfoChanged(
            group,
            {.groupName = updated.name, .joinMode = updated.join_mode, .profile = updated.profile});
    }
    void operator()(const GroupDismissed& /*dismissed*/) const {
        listener.onGroupDismissed(group, by);
    }
};

/// What each of them has beside the head.
void describe(GroupNews& told, const auto& body) {
    if constexpr (requires { body.members; }) {
        told.members = texts(body.members);
    }
    if constexpr (requires { body.user; }) {
        told.user = body.user.str();
    }
    if constexpr (requires { body.role; }) {
        told.role = body.role;
    }
    if constexpr (requires { body.owner; }) {
        told.change.owner = body.owner.str();
    }
    if constexpr (requires { body.name; }) {
        told.change.groupName = body.name;
    }
    if constexpr (requires { body.join_mode; }) {
        told.change.joinMode = body.join_mode;
        told.change.profile = body.profile;
    }
    if constexpr (requires { body.reason; }) {
        told.reason = body.reason.value_or("");
    }
}

}  // namespace

void tell(Listeners<GroupListener>& listeners, const GroupEvent& event) {
    const GroupNews news = std::visit(
        [&](const auto& body) {
            GroupNews told{.event = std::string(body.event),
                           .groupID = event.group.str(),
                           .by = event.by.str(),
                           .byDevice = event.by_device.str()};
            describe(told, body);
            return told;
        },
        event.body);
    listeners.tell({[&](GroupListener& listener) { listener.onGroupEvent(news); },
                    [&](GroupListener& listener) {
                        std::visit(OfGroup{news.groupID, news.by, listener}, event.body);
                    }});
}

void tell(Listeners<SimpleMsgListener>& listeners, const MessageEvent& event) {
    const auto& id = event.id.str();
    const auto& from = event.from.str();
    const bool is_text = event.data.is_text;
    const auto* group = std::get_if<GroupId>(&event.to);
    listeners.tell({[&](SimpleMsgListener& listener) {
        if (group != nullptr && is_text) {
            listener.onRecvGroupTextMessage(id, group->str(), from, event.data.bytes);
        } else if (group != nullptr) {
            listener.onRecvGroupCustomMessage(id, group->str(), from, event.data.bytes);
        } else if (is_text) {
            listener.onRecvC2CTextMessage(id, from, event.data.bytes);
        } else {
            listener.onRecvC2CCustomMessage(id, from, event.data.bytes);
        }
    }});
}

}  // namespace beckon
