// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <beckon/export.hpp>
#include <beckon/result.hpp>
#include <beckon/vocabulary.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace beckon {

class Engine;

/// One invitee of an invitation.
struct SignalingInvitee {
    std::string user;
    State state = State::pending;
    /// A device of theirs said that it rings (`SignalingManager::ringing`).
    bool ringing = false;
    /// The device that answered, else empty; opaque, never a client id.
    std::string device{};
    /// What they said with the answer, or what the cancel said to them.
    std::string data{};
    /// Why they rejected, or why they were cancelled.
    std::string reason{};
};

/// One invitation, as far as this user may know it (contract, section 6).
struct SignalingInfo {
    std::string inviteID;
    std::string inviter;
    /// Empty: not in a group.
    std::string groupID{};
    std::vector<std::string> inviteeList{};
    std::string data{};
    bool onlineUserOnly = false;
    /// This user's part in it.
    Role role = Role::invitee;
    /// Somebody has yet to answer, or its call goes on.
    bool open = true;
    /// Who accepts talks: a call.
    bool call = false;
    /// Those in the call, and since when it goes on; nobody: it has not begun, or is over.
    std::vector<std::string> participants{};
    std::chrono::milliseconds callDuration{0};
    Answer answer = Answer::all;
    Visibility visibility = Visibility::invitees;
    /// Until the deadline, as of the moment that this was handed out; absent: none.
    std::optional<std::chrono::milliseconds> remaining{};
    /// The same as `inviteeList`, with what became of each.
    std::vector<SignalingInvitee> invitees{};
    /// So many others are asked, and what was said with answers is not told here:
    /// `SignalingManager::getSignalingInfo` tells.
    std::int64_t inviteesLeftOut = 0;
    bool answersLeftOut = false;
    /// So many others are in the call.
    std::int64_t participantsLeftOut = 0;
    /// Why the call is over; empty: it is not.
    std::string callReason{};
    /// It rises with what changes; absent where something is left out.
    std::optional<std::int64_t> rev{};
};

/// An invitation of this user, as inviter or invitee, that has ended (contract, section 7).
struct PastSignaling {
    std::string inviteID;
    std::string inviter;
    /// Empty: not in a group.
    std::string groupID{};
    /// What became of each whom this user may know of, at most 100; their `ringing`, `device` and
    /// `data` are not kept.
    std::vector<SignalingInvitee> invitees{};
    /// So many others were asked.
    std::int64_t inviteesLeftOut = 0;
    /// Why its call ended, such as `hangup`; without one, the first that is true of anybody:
    /// `accepted`, `rejected`, `cancelled`, `timed_out`, `revoked`.
    std::string reason{};
    Role role = Role::invitee;
    /// This user was asked, and it was cancelled, timed out, or rejected as `busy`.
    bool missed = false;
    /// When it ended, before the moment that this was handed out.
    std::chrono::milliseconds age{};
    /// Until the call began, or else until it ended.
    std::chrono::milliseconds rang{};
    /// If there was a call: how long it was.
    std::optional<std::chrono::milliseconds> talked{};
};

/// How an invitation ended for this user.
struct InvitationEnd {
    std::string inviteID;
    /// The invitee: how this user's own part ended. The inviter, when nobody is
    /// left to answer: `accepted` if anyone did, else the first that somebody's part
    /// ended in, in the order of `State`. Absent: nobody knows any more (the broker
    /// was restarted without its memory, or it was too long ago).
    std::optional<State> state{};
    /// This device did it. False with a `by` that is the user's own: another of
    /// the user's devices did, "answered elsewhere".
    bool here = false;
    /// `declined`, `busy`, `cancelled`, `answered`, `expired`, `inviter_lost`, …
    std::string reason{};
    /// Who did it, and with which device; empty: the clock, or not known.
    std::string by{};
    std::string byDevice{};
    /// The deadline passed while the broker could not be reached: taken for `timed_out`.
    /// The inviter may still be told of an answer that had come before.
    bool assumed = false;
};

enum class SignalingEventType {
    newInvitation,
    inviteeAccepted,
    inviteeRejected,
    invitationCancelled,
    invitationTimeout,
    invitationModified,
    inviteeRinging,
    /// Invitees who left the group, or were removed from it, are no longer asked.
    invitationRevoked,
    signal,
    participantJoined,
    participantLeft,
    participantMoved,
    callEnded,
};

/// All that is known about an event, for those to whom the calls of the mapped
/// listener API tell too little.
struct SignalingEvent {
    SignalingEventType type = SignalingEventType::newInvitation;
    std::string inviteID;
    /// Empty: not in a group.
    std::string groupID{};
    /// This user's part in it.
    Role role = Role::invitee;
    /// Whom it concerns: the invited, those who answered, were cancelled, timed out; who
    /// signals, left the call or moved within it.
    std::vector<std::string> invitees{};
    std::string data{};
    std::string reason{};
    /// Of `newInvitation`: those that end by it, and ring on as it.
    std::vector<std::string> replaces{};
    /// Who did it, and with which device; empty: the clock, or not known.
    std::string by{};
    std::string byDevice{};
    /// Until the deadline, as of now; absent: none, or over.
    std::optional<std::chrono::milliseconds> remaining{};
    /// See `InvitationEnd::assumed`.
    bool assumed = false;
    /// Of `callEnded`: since the first accept, by the broker's clock.
    std::chrono::milliseconds duration{0};
    std::string inviter{};
    /// Of the invitation; it rises with what changes.
    std::int64_t rev = 0;
    /// Of `signal`: its number, if its sender gave it one.
    std::optional<std::uint64_t> seq{};
    /// Of `newInvitation`: how it asks (`SignalingInfo` has the same), and how many others it asks
    /// that `invitees` does not name.
    bool call = false;
    Answer answer = Answer::all;
    Visibility visibility = Visibility::invitees;
    bool onlineUserOnly = false;
    std::int64_t more = 0;
};

/// Hears of invitations: override what is of interest.
///
/// What this device did itself is told by the result of its call and by
/// `onInvitationEnded`, and comes back through none of the others.
/// All calls come one at a time, from the thread that `ClientOptions::delivery`
/// names. They may call everything, remove this or other listeners and destroy the
/// client. They must not throw.
class BECKON_EXPORT SignalingListener {
  public:
    SignalingListener();
    SignalingListener(const SignalingListener&) = delete;
    SignalingListener& operator=(const SignalingListener&) = delete;
    virtual ~SignalingListener();

    /// Somebody rings this user; exactly once for each invitation, those that were
    /// pending when the client connected included. `groupID` is empty outside groups.
    virtual void onReceiveNewInvitation(const std::string& inviteID, const std::string& inviter,
                                        const std::string& groupID,
                                        const std::vector<std::string>& inviteeList,
                                        const std::string& data);
    /// `invitee` accepted; this user's own id: with another of the user's devices.
    virtual void onInviteeAccepted(const std::string& inviteID, const std::string& invitee,
                                   const std::string& data);
    /// `invitee` rejected; this user's own id: with another of the user's devices.
    virtual void onInviteeRejected(const std::string& inviteID, const std::string& invitee,
                                   const std::string& data);
    /// It was cancelled for this user: an invitee is no longer asked (also because it
    /// left the group), or an inviter hears that nobody is left to answer and nobody
    /// accepted. (That others were cancelled is told by `onSignalingEvent` alone.)
    virtual void onInvitationCancelled(const std::string& inviteID, const std::string& inviter,
                                       const std::string& data);
    /// `inviteeList` did not answer in time.
    virtual void onInvitationTimeout(const std::string& inviteID,
                                     const std::vector<std::string>& inviteeList);
    /// The inviter changed the data.
    virtual void onInvitationModified(const std::string& inviteID, const std::string& data);

    // Beside the mapped API.

    /// The ring is over for this user, however it ended: exactly once for each
    /// invitation that was announced by `onReceiveNewInvitation` or whose `invite`
    /// succeeded, after the call above that tells the same. Whoever stops the ring
    /// tone here never rings on.
    virtual void onInvitationEnded(const InvitationEnd& end);
    /// A device of `invitee` rings (to the inviter).
    virtual void onInviteeRinging(const std::string& inviteID, const std::string& invitee);
    /// Somebody rang and was rejected as busy (`SignalingManager::setBusy`), instead of
    /// `onReceiveNewInvitation`; nothing else is told of it.
    virtual void onRejectedAsBusy(const std::string& inviteID, const std::string& inviter,
                                  const std::string& groupID, const std::string& data);
    /// `from` says something within the invitation or its call: once each, in the order in
    /// which one device sent them.
    virtual void onSignal(const std::string& inviteID, const std::string& from,
                          const std::string& data);
    /// `user` came into the call by `join`, perhaps back. (Who accepts is told by
    /// `onInviteeAccepted`.)
    virtual void onParticipantJoined(const std::string& inviteID, const std::string& user,
                                     const std::string& data);
    /// `user` is not in the call any more, which goes on for the others. `reason`: `hangup`,
    /// `connection_lost`, a word of the application's own, or empty when that was missed. This
    /// user's own id: another of the user's devices hung up, or this one was away for too long.
    virtual void onParticipantLeft(const std::string& inviteID, const std::string& user,
                                   const std::string& reason, const std::string& data);
    /// `user` is in the call with another device now. This user's own id: another of the user's
    /// devices took it over, and this one is to stop its sound.
    virtual void onParticipantMoved(const std::string& inviteID, const std::string& user);
    /// The call is over: exactly once for each that this user was in, also for the device that
    /// ended it. `duration` is since the first accept, by the broker's clock. `reason`: `hangup`,
    /// `connection_lost`, `expired`, a word of the application's own, or empty when nobody knows
    /// any more.
    virtual void onCallEnded(const std::string& inviteID, const std::string& reason,
                             std::chrono::milliseconds duration, const std::string& data);
    /// Each event with all that is known, right before the call above that it maps
    /// to; also those that none of them tells, such as `newInvitation` to a member of
    /// the group who is not asked (`role` is `observer`), or of what another device of this user
    /// asks (`role` is `inviter`). Who rings is told by `role` `invitee` alone.
    virtual void onSignalingEvent(const SignalingEvent& event);
};

/// What `inviteSeveral` and `inviteInGroup` may be told beside the mapped API.
struct InviteOptions {
    /// Above 0, up to the broker's limit (24 h by default); 0: no timeout is told.
    std::chrono::milliseconds timeout{30'000};
    /// Only users who have a device online are invited.
    bool onlineUserOnly = false;
    /// `first`: the first who accepts takes it, the others stop ringing at once.
    Answer answer = Answer::all;
    /// Who else hears of the answers; absent: all invitees or, in a group, all its members.
    std::optional<Visibility> visibility{};
    /// The invitation outlives the connection of the device that made it.
    bool keepWhenInviterLost = false;
    /// Whoever accepts talks with the inviter and with the others who did, until somebody hangs
    /// up. When the one who is called is just calling this user, the two calls become one:
    /// see `InviteResult::mergedInto`.
    bool call = false;
    /// What this user has pending that was sent to the same first invitee, or the same group, ends
    /// with it (reason `replaced`) and rings on as this: a bell that is pressed again rings once.
    bool replace = false;
};

/// Invites, answers and ends invitations. Belongs to a `Client`; any thread.
///
/// Each call is answered by its callback exactly once, whatever happens: by the
/// broker's reply, or by one of the client's own errors (result.hpp). Callbacks
/// come from where the listener's calls come, never from within the call itself
/// (but for the destruction of the client), and must not throw.
/// `data` is the application's own: valid UTF-8 goes as text, all else as binary.
class BECKON_EXPORT SignalingManager {
  public:
    SignalingManager(const SignalingManager&) = delete;
    SignalingManager& operator=(const SignalingManager&) = delete;

    /// `listener` hears from now on, until it is removed; it is not owned.
    void addSignalingListener(SignalingListener* listener);
    /// When this returns, `listener` is in no call and will get no more (called from
    /// within one of its own calls: gets no more once that returns).
    void removeSignalingListener(SignalingListener* listener);

    /// Rings `invitee` for `timeout` seconds (0: until it is answered or cancelled).
    /// Returns the id of the invitation at once.
    std::string invite(const std::string& invitee, const std::string& data = {},
                       bool onlineUserOnly = false, int timeout = 30, InviteCallback callback = {});
    /// Rings several, who hear of each other's answers (see `InviteOptions`).
    std::string inviteSeveral(const std::vector<std::string>& inviteeList,
                              const std::string& data = {}, const InviteOptions& options = {},
                              InviteCallback callback = {});
    /// Rings members of a group, whose other members hear of the answers; an empty
    /// `inviteeList` means all the others.
    std::string inviteInGroup(const std::string& groupID,
                              const std::vector<std::string>& inviteeList,
                              const std::string& data = {}, bool onlineUserOnly = false,
                              int timeout = 30, InviteCallback callback = {});
    std::string inviteInGroup(const std::string& groupID,
                              const std::vector<std::string>& inviteeList, const std::string& data,
                              const InviteOptions& options, InviteCallback callback = {});
    /// Ends what this user asked: for those `invitees`, or all who have yet to answer.
    void cancel(const std::string& inviteID, const std::string& data = {},
                CancelCallback callback = {}, const std::vector<std::string>& invitees = {});
    void accept(const std::string& inviteID, const std::string& data = {},
                ResultCallback callback = {});
    /// `reason`: `declined`, `busy`, or a word of the application's own.
    void reject(const std::string& inviteID, const std::string& data = {},
                ResultCallback callback = {}, const std::string& reason = "declined");
    /// Replaces the data of an invitation that this user made and that is open.
    void modifyInvitation(const std::string& inviteID, const std::string& data,
                          ResultCallback callback = {});
    /// Invites more users into an open invitation, for `timeout` seconds.
    void addInvitees(const std::string& inviteID, const std::vector<std::string>& inviteeList,
                     int timeout = 30, InviteCallback callback = {});
    /// Asks the broker how it stands, while it is open or remembered (10 minutes).
    void getSignalingInfo(const std::string& inviteID, SignalingInfoCallback callback);

    // Beside the mapped API.

    /// Tells the inviter that this device rings.
    void ringing(const std::string& inviteID, ResultCallback callback = {});
    /// What of this user's has ended, newest first: missed calls and the like, as long as the
    /// broker keeps it (30 days by default; a broker without a store: nothing). At most `limit`
    /// (the broker may tell fewer); `before` is the `next` that came with the page before, empty
    /// for the newest.
    void getHistory(SignalingHistoryCallback callback, int limit = 50,
                    const std::string& before = {});
    /// Says something to `to`, or else to the others in the call; before there is one, an
    /// inviter speaks to all who are pending, and who is pending to the inviter. Arrives once
    /// and in order; it is not stored: who is away misses it.
    void signal(const std::string& inviteID, const std::string& data, const std::string& to = {},
                ResultCallback callback = {});
    /// Leaves the call; of two, it ends. `all`: the inviter ends it for everyone.
    void hangup(const std::string& inviteID, const std::string& data = {},
                ResultCallback callback = {}, const std::string& reason = "hangup",
                bool all = false);
    /// Comes into a call that goes on: back, after this user hung up or was lost, or at last,
    /// after they did not answer or declined; while it rings for them, it is an accept. Not for
    /// whom it was cancelled, nor for who is no member of the group, nor, with
    /// `Answer::first`, for who has not been in it.
    void join(const std::string& inviteID, const std::string& data = {},
              ResultCallback callback = {});
    /// Takes the call over from another of this user's devices, with which it took part until
    /// now. (After a new start this one is another, unless `ClientOptions::clientID` names it.)
    void resume(const std::string& inviteID, ResultCallback callback = {});
    /// While busy, this device rejects whatever rings from now on, at once, with reason `busy`
    /// and this data, for all devices of the user (`onRejectedAsBusy`); without the data where
    /// this broker takes less (16 KiB, unless it says otherwise). Asks nobody: the result is ok,
    /// or tells that `data` is too large for any broker, and then all stays as it was.
    void setBusy(bool busy, const std::string& data = {}, ResultCallback callback = {});
    /// What is open for this user, calls that it is in included, as this device knows it: asks
    /// nobody.
    std::vector<SignalingInfo> getPendingInvitations() const;

  private:
    friend class Client;
    explicit SignalingManager(Engine& engine);
    ~SignalingManager() = default;
    Engine& engine_;
};

}  // namespace beckon
