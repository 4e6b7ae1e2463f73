// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>
#include <variant>

#include "host/line.hpp"
#include "judge/sharded_map.hpp"
#include "judge/switchboard.hpp"

namespace beckon {

/// Who waits for a reply, and where; the gate's user knows.
struct PendingReply;

/// How many changes of each user's requests wait to be stored and said.
using WaitingChanges = ShardedMap<UserId, std::size_t>;

/// Some of them, for as long as it exists. The map has to outlive it.
class OwnChanges {
  public:
    OwnChanges() = default;
    OwnChanges(WaitingChanges& all, const UserId& user, std::size_t count)
        : all_(&all), entry_(all.obtain(user).first), count_(count) {
        entry_->second += count_;
    }
    ~OwnChanges() {
        if (all_ != nullptr && (entry_->second -= count_) == 0) {
            all_->erase(entry_->first.key);
        }
    }
    OwnChanges(OwnChanges&& from) noexcept
        : all_(std::exchange(from.all_, nullptr)), entry_(from.entry_), count_(from.count_) {}
    OwnChanges& operator=(OwnChanges&& from) noexcept {
        std::swap(all_, from.all_);
        std::swap(entry_, from.entry_);
        std::swap(count_, from.count_);
        return *this;
    }
    OwnChanges(const OwnChanges&) = delete;
    OwnChanges& operator=(const OwnChanges&) = delete;

  private:
    WaitingChanges* all_ = nullptr;
    WaitingChanges::Entry* entry_ = nullptr;
    std::size_t count_ = 0;
};

/// Where a commit gate stands; it draws how one phase follows another (commit_gate.hpp). Each owns
/// what waits in it, so nothing can wait in a phase that is over.
namespace phase {

struct Asked {
    std::shared_ptr<PendingReply> asker;
    Sender sender;
    Request request;
};
/// Decided, and said when its ticket is stored.
struct Held {
    std::uint64_t ticket = 0;
    Effects effects{};
    std::shared_ptr<PendingReply> asker{};
    /// What the effects are of, if a request.
    std::unique_ptr<Asked> asked{};
    /// It put changes into the journal.
    bool changed = false;
    OwnChanges own{};
};
/// What was decided of these is perhaps not stored, and perhaps it is.
struct Doubt {
    std::unordered_set<InvitationId> invitations{};
    std::unordered_set<GroupId> groups{};
    void add(const Change& change);
    /// In a switchboard that remembers what the effect is about.
    [[nodiscard]] bool has(const Effect& effect, const Switchboard& switchboard) const;
    [[nodiscard]] bool has(const Request& request, const Switchboard& switchboard) const;
    /// Or its group.
    [[nodiscard]] bool has(const InvitationId& id, const Switchboard& switchboard) const;
};
/// Until when all that the clock decided has been said; nothing: of none that is not stored.
using SaidUntil = std::optional<Instant>;

struct Sound {
    Line<Held> held{};
    /// Since when the oldest commit is on its way.
    std::optional<Instant> waiting_since{};
    /// The journal has failed, and is told to work again when this is stored: with it, all that was
    /// said meanwhile.
    std::optional<std::uint64_t> works_from{};
};
/// It is not known whether what is held is stored, or will be.
struct Stalled {
    Line<Held> held{};
    Doubt doubt{};
    /// But of what is in doubt.
    SaidUntil said_until{};
    /// Said, and not given to the journal.
    Changes unstored{};
};
struct GoingBack {
    /// On its way to the journal still; it is read after that.
    Line<Held> held{};
    Doubt doubt{};
    SaidUntil said_until{};
    /// The clock goes on in memory that is as it was.
    bool runs = true;
    bool reads = false;
    /// Judged when memory has gone back, if that does not take too long.
    Line<Asked> waiting{};
    Instant wait_until{};
    /// What memory becomes; what it is still to be made of.
    std::unique_ptr<Switchboard> anew{};
    std::deque<Changes> read{};
    std::size_t made = 0;
    bool all_read = false;
};
struct Refusing {
    /// Said, and not given to the journal.
    Changes unstored{};
    /// When the journal is tried though nobody asks for anything.
    Instant try_at{};
};
struct Trying {
    Changes unstored{};
    std::uint64_t ticket = 0;
    Instant since{};
    /// Judged when the trial succeeds.
    Line<Asked> waiting{};
};

}  // namespace phase

using Phase =
    std::variant<phase::Sound, phase::Stalled, phase::GoingBack, phase::Refusing, phase::Trying>;

inline void append(Changes& to, Changes more) {
    to.insert(to.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

}  // namespace beckon
