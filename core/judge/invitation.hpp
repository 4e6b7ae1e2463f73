// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "call.hpp"
#include "judge/invariant.hpp"
#include "protocol/events.hpp"
#include "timer_wheel.hpp"

/// The switchboard's records. A million are kept, so sizes matter: users and ids
/// are referred to, not copied.
namespace beckon {

struct Group;
struct Invitation;
struct User;

/// What an invitee counts against max_total_data_bytes, after the first: one request
/// makes a thousand.
inline constexpr std::int64_t invitee_bytes = 200;

inline std::int64_t size_of(const std::optional<Data>& data) {
    return data ? static_cast<std::int64_t>(data->bytes.size()) : 0;
}

/// Runs while an inviter with open invitations has no device online.
struct LostInviter : Timer {
    explicit LostInviter(User& lost) : Timer(Kind::lost_inviter), user(lost) {}
    User& user;
};

/// What of a user's own making has ended and is remembered.
struct EndedOwn {
    /// Oldest first.
    std::vector<Invitation*> invitations{};
    /// Of the user's bytes, those in them.
    std::int64_t bytes = 0;
};

/// Somebody who is online, a member of a group, or has a part in an invitation that is kept.
struct User {
    const UserId* id = nullptr;
    /// The open invitations of this inviter or invitee, oldest first.
    std::vector<Invitation*> open{};
    /// The groups of this member, by id.
    std::vector<Group*> groups{};
    std::unique_ptr<LostInviter> lost{};
    /// Invitations, kept ones too, and groups that point here.
    std::uint32_t references = 0;
    /// Groups of this owner.
    std::uint32_t owned = 0;
    /// Open invitations that count as this user's own (as inviter, or by adding).
    std::uint32_t inviting = 0;
    /// Invitations that wait for this user's answer.
    std::uint32_t invited = 0;
    /// What this user counts against max_user_data_bytes, and against max_user_group_bytes.
    std::int64_t data_bytes = 0;
    std::int64_t group_bytes = 0;
    /// Nothing: there is none.
    std::unique_ptr<EndedOwn> ended{};
    /// Those that are online.
    std::vector<DeviceTag> devices{};

    [[nodiscard]] bool online() const { return !devices.empty(); }
    [[nodiscard]] bool has(DeviceTag device) const {
        return std::find(devices.begin(), devices.end(), device) != devices.end();
    }
};

/// So many bytes are kept because of this user.
struct Share {
    User* user = nullptr;
    std::int64_t bytes = 0;
};

/// What somebody said when an invitee's part ended, and the rev of the event that told it.
struct Note {
    Rev rev = 1;
    std::optional<Data> data{};
    std::string reason{};
};

/// One invitee of one invitation: one question, and its one answer.
class Invitee {
  public:
    Invitee(User& asked, Instant until) : user_(&asked), deadline_(until) {}

    [[nodiscard]] User& user() const { return *user_; }
    [[nodiscard]] Instant deadline() const { return deadline_; }
    [[nodiscard]] State state() const { return state_; }
    [[nodiscard]] bool pending() const { return state_ == State::pending; }
    /// Who ended it, and with which device; nobody when the clock did.
    [[nodiscard]] const User* by() const { return by_; }
    [[nodiscard]] std::optional<DeviceTag> device() const {
        return has_device_ ? std::optional(device_) : std::nullopt;
    }
    [[nodiscard]] const Note* note() const { return note_.get(); }

    /// The only writer of an answer.
    void end(State how, const User* by, std::optional<DeviceTag> device,
             std::shared_ptr<const Note> note) {
        ensure(pending() && how != State::pending, "each invitee ends exactly once");
        state_ = how;
        by_ = by;
        has_device_ = device.has_value();
        device_ = device.value_or(DeviceTag());
        note_ = std::move(note);
        changed = true;
    }

    bool ringing = false;
    /// Has changed since the changes were taken.
    bool changed = true;

  private:
    State state_ = State::pending;
    bool has_device_ = false;
    User* user_;
    const User* by_ = nullptr;
    DeviceTag device_{};
    Instant deadline_;
    std::shared_ptr<const Note> note_{};
};

/// What few invitations have, so that the others need no room for it.
struct Seldom {
    /// Who added invitees and so has it counted as their own.
    std::vector<User*> adders{};
    /// Who ended parts in it without having one.
    std::vector<User*> removers{};
    /// What its inviter asked instead, when that ended it.
    std::optional<InvitationId> replaced_by{};
    /// Of what it counts, whose it is but the inviter's.
    std::vector<Share> shares{};
};
inline constinit const Seldom nothing_seldom{};

/// Open while `pending` is above 0, when the timer runs, at or before the earliest deadline;
/// and while its call lives.
struct Invitation : Timer {
    Invitation() : Timer(Kind::invitation) {}

    const InvitationId* id = nullptr;
    User* inviter = nullptr;
    /// What the topic that made it named: a user, invited or skipped, or the group.
    User* target = nullptr;
    std::shared_ptr<Group> group{};
    std::vector<Invitee> invitees{};
    std::optional<Data> data{};
    /// With `call:true`, also before and after it lives.
    std::unique_ptr<Call> call{};
    /// Rises with each invitation.
    std::uint64_t number = 0;
    Instant made_at{};
    Instant lifetime_end{};
    /// `never`: it is open.
    Instant ended_at = never;
    /// What it counts against max_total_data_bytes.
    std::int64_t counted_bytes = 0;
    /// Its news raises it to 1.
    Rev rev = 0;
    std::uint32_t pending = 0;
    Answer answer = Answer::all;
    Visibility visibility = Visibility::invitees;
    bool online_only = false;
    bool keep_when_lost = false;
    /// The inviter had a device online at or after the invite.
    bool inviter_was_online = false;
    /// Has changed since the changes were taken; so has its data.
    bool changed = false;
    bool data_changed = false;

    [[nodiscard]] const Seldom& seldom() const { return seldom_ ? *seldom_ : nothing_seldom; }
    /// To change it.
    Seldom& make_seldom() {
        if (!seldom_) {
            seldom_ = std::make_unique<Seldom>();
        }
        return *seldom_;
    }
    [[nodiscard]] bool open() const {
        return pending > 0 || (call && call->phase == Call::Phase::lives);
    }
    [[nodiscard]] bool ended() const { return ended_at != never; }

  private:
    std::unique_ptr<Seldom> seldom_{};
};

}  // namespace beckon
