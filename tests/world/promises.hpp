// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "judge/switchboard.hpp"

/// A second opinion on the contract, for tests: watches a switchboard from
/// outside. What it knows of an invitation is what replies and events said; from
/// that and the contract's rules it knows what each reply must say and who must
/// hear of what. Written for plainness, not for speed.
namespace beckon {

/// What the switchboard did against the contract.
struct BrokenPromise : std::runtime_error {
    using std::runtime_error::runtime_error;
};

class Promises {
  public:
    /// `limits_bite`: the limits are so low that they may refuse what would else be right.
    Promises(const Limits& limits, std::string server_epoch, bool limits_bite);
    Promises(const Promises& other);
    Promises(Promises&&) noexcept;
    Promises& operator=(Promises other) noexcept;
    ~Promises();

    /// Operators are named, and are told of whom is not there.
    void expect_operators();

    struct Part {
        UserId user;
        State state = State::pending;
        bool ringing = false;
        Instant deadline = Instant::max();
        Instant asked_at{};
        std::optional<UserId> by{};
        std::optional<DeviceTag> device{};
        std::optional<Data> data{};
        std::optional<std::string> reason{};

        [[nodiscard]] bool pending() const { return state == State::pending; }
    };
    /// Whether somebody has been there since; and whether that may be forgotten.
    struct WasOnline {
        bool known = false;
        Instant since{};
        bool may_be_forgotten = false;

        WasOnline(bool is) : known(is) {}
        operator bool() const { return known; }
        void doubt(Instant sure_until) {
            may_be_forgotten = may_be_forgotten || (known && since > sure_until);
        }
        void come(Instant now, bool is_stored) {
            if (!known || (may_be_forgotten && is_stored)) {
                known = true;
                since = now;
                may_be_forgotten = !is_stored;
            }
        }
    };
    /// One who takes part in a call, or did.
    struct Participant {
        UserId user;
        DeviceTag device{};
        WasOnline was_online = false;
        bool takes_part = true;
        Instant lost_at = Instant::max();
        std::optional<DeviceTag> hung_up{};
        /// Other devices of the user's that have signalled, the last at the end.
        std::vector<std::pair<DeviceTag, Instant>> signalled{};
    };
    struct KnownCall {
        std::vector<Participant> participants{};
        std::optional<Instant> started_at{};
        std::optional<Instant> ended_at{};
        std::string reason{};
        std::optional<UserId> ended_by{};

        [[nodiscard]] bool lives() const { return started_at && !ended_at; }
        [[nodiscard]] std::vector<UserId> users() const {
            std::vector<UserId> all;
            for (const auto& one : participants) {
                if (one.takes_part) {
                    all.push_back(one.user);
                }
            }
            return all;
        }
        /// Who takes part; once it has ended, who did.
        [[nodiscard]] const Participant* find(const UserId& user) const {
            for (const auto& one : participants) {
                if (one.user == user && started_at && (one.takes_part || ended_at)) {
                    return &one;
                }
            }
            return nullptr;
        }
        /// Whether the user takes part, or did.
        [[nodiscard]] bool knew(const UserId& user) const {
            return std::any_of(participants.begin(), participants.end(),
                               [&](auto& one) { return one.user == user; });
        }
        Participant& taking(const UserId& user) {
            const Participant* found = lives() ? find(user) : nullptr;
            if (found == nullptr) {
                throw BrokenPromise("an event of a call about who takes no part");
            }
            return const_cast<Participant&>(*found);
        }
    };
    /// An invitation. `asked` holds a group's too; its `invitee` is nobody's then.
    struct Known {
        Invite asked;
        UserId inviter;
        std::optional<GroupId> group{};
        std::uint64_t group_number = 0;
        WasOnline was_online = false;
        std::uint64_t number = 0;
        Instant lifetime_end{};
        Rev rev = 0;
        std::vector<Part> parts{};
        std::optional<Instant> ended_at{};
        std::set<UserId> told{};
        std::set<UserId> to_be_told{};
        std::optional<std::vector<UserId>> had_it{};
        std::optional<KnownCall> call{};
        /// What its inviter asked instead.
        std::optional<InvitationId> replaced_by{};

        [[nodiscard]] bool open() const { return anyone_pending() || lives(); }
        [[nodiscard]] bool lives() const { return call && call->lives(); }
        [[nodiscard]] bool call_has_ended() const { return call && call->ended_at; }
        [[nodiscard]] bool anyone_pending() const {
            return std::any_of(parts.begin(), parts.end(),
                               [](auto& part) { return part.pending(); });
        }
        [[nodiscard]] bool private_to_inviter() const {
            return asked.visibility == Visibility::inviter;
        }
        [[nodiscard]] const Part* part(const UserId& user) const {
            for (const auto& one : parts) {
                if (one.user == user) {
                    return &one;
                }
            }
            return nullptr;
        }
        Part* part(const UserId& user) {
            return const_cast<Part*>(std::as_const(*this).part(user));
        }
    };

    struct KnownGroup {
        /// Another after it was dismissed and made anew.
        std::uint64_t number = 0;
        std::optional<std::string> name{};
        JoinMode join_mode = JoinMode::free;
        std::optional<Profile> profile{};
        std::map<UserId, Rank> members{};

        [[nodiscard]] std::optional<Rank> rank(const UserId& user) const {
            const auto at = members.find(user);
            return at == members.end() ? std::nullopt : std::optional(at->second);
        }
        [[nodiscard]] UserId owner() const {
            for (const auto& [user, rank] : members) {
                if (rank == Rank::owner) {
                    return user;
                }
            }
            throw BrokenPromise("a group without an owner");
        }
        bool operator==(const KnownGroup&) const = default;
    };

    // ------------------------------------------------------------ what happens

    /// `effects` is what `handle` answered.
    void asked(const Sender& sender, const Request& request, Instant now, const Effects& effects);
    /// `effects` is what `advance` answered.
    void passed(Instant now, const Effects& effects);
    /// `effects` is what `set_online` answered.
    void went(const Sender& device, bool online, Instant now, const Effects& effects);
    struct Restarted {
        std::optional<std::string> server_epoch{};
        /// Who came after that may be forgotten, as it was perhaps not stored.
        Instant sure_until = Instant::max();
        /// It could not be proven that time passed: so long nothing was seen to go on, and all that
        /// was pending is due.
        std::optional<Duration> unproven{};
    };
    /// The switchboard was made again from what was stored of it: nobody is there.
    void restarted(Instant now, const Restarted& how);
    void restarted(Instant now) { restarted(now, Restarted{}); }
    /// The store takes what is decided, or does not: then nobody has to be lost. What is refused
    /// for that alone is not told.
    void store_works(bool works, Instant now);
    /// What was due may have been decided and not said; until `restarted`.
    void some_is_unsaid(bool is);
    /// Memory was made again from what is stored, and told who is there: it may have forgotten
    /// since when others are not.
    void rebuilt(Instant now, Instant sure_until);
    /// To be called after each step: what the switchboard tells of itself.
    void check(const Switchboard& switchboard) const;

    // --------------------------------------------------------------- knowledge

    [[nodiscard]] const std::map<InvitationId, Known>& known() const;
    [[nodiscard]] const std::map<GroupId, KnownGroup>& groups() const;
    /// The next instant at which something is due.
    [[nodiscard]] std::optional<Instant> next_due() const;
    /// What decides on the future, without what only counts (rev, data): two
    /// histories with the same state go on in the same way.
    [[nodiscard]] std::string state() const;

  private:
    class Model;
    std::unique_ptr<Model> model_;
};

}  // namespace beckon
