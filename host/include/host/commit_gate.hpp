// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/sqlite_journal.hpp"
#include "judge/switchboard.hpp"

namespace beckon {

/// When the store takes nothing: `refuse` what would have to be stored, or `go_on` from memory.
enum class OnStoreFailure : std::uint8_t { refuse, go_on };

/// Who waits for a reply, and where; the host knows.
struct PendingReply;

/// The switchboard and the store behind it: what is decided takes effect in memory at once, and
/// is said when all that it rests on is stored (contract, section 8), in the order of the
/// decisions. Without a store it is said at once.
///
/// When the disk refuses: what was not stored was not said, so its requests are refused and
/// memory goes back to what is stored. A request that changed nothing may have seen what was
/// not stored: it is judged anew then, and so is what comes meanwhile. From then on, what the clock
/// decides is said at once, for it follows from what is stored, and so is what changes nothing;
/// each other request tries the disk, and nobody is lost for being away. With
/// `OnStoreFailure::go_on` all is said from memory meanwhile. Either way what the store has not
/// is put there when the disk takes it.
///
/// History is read from the store, and told when it is read: other replies may come before.
///
/// The host's thread; only `wake` is called on another.
class CommitGate {
  public:
    using Asker = std::shared_ptr<PendingReply>;
    struct Host {
        /// `asker` is null when nobody asked.
        std::function<void(Effects effects, const Asker& asker)> say;
        /// The store fails, and why; nothing: it works again.
        std::function<void(const std::optional<std::string>& failure)> store_changed;
    };
    struct Settings {
        Switchboard::Options switchboard{};
        /// Nothing: without a store.
        std::optional<SqliteJournal::Options> store{};
        OnStoreFailure on_failure = OnStoreFailure::refuse;
    };

    /// Goes on from what is stored. Throws `StoreFile::Unusable`.
    CommitGate(Settings settings, Host host, Instant now);

    /// A sentence about a store that was damaged.
    [[nodiscard]] const std::optional<std::string>& damage() const { return damage_; }
    /// What device tags are derived by; empty: there is no store.
    [[nodiscard]] std::string_view secret() const;
    [[nodiscard]] Switchboard::Counts counts() const { return switchboard_->counts(); }
    [[nodiscard]] const Limits& limits() const { return switchboard_->limits(); }
    /// For `status`: `memory`, `ok` or `failing`.
    [[nodiscard]] std::string_view state() const;

    /// Starts to store. `wake` is to have `tick` called soon.
    void start(const std::function<void()>& wake);

    void handle(const Asker& asker, const Sender& sender, Request request, Instant now);
    /// A reply that needs no switchboard, in its turn.
    void reply(const Asker& asker, Reply reply);
    void set_online(const Sender& device, bool online, Instant now);
    /// Says what is stored by now, and does what is due. True: there is more to be said.
    bool tick(Instant now);
    [[nodiscard]] std::optional<Instant> next_deadline() const;

  private:
    struct Asked {
        Asker asker;
        Sender sender;
        Request request;
    };
    struct Held {
        std::uint64_t ticket = 0;
        Effects effects{};
        Asker asker{};
        /// What the effects are of, if a request; and whether that changed something.
        std::optional<Asked> asked{};
        bool changed = false;
    };
    struct Presence {
        Sender device;
        bool online = false;
    };

    void load(const Settings& settings, Instant now);
    [[nodiscard]] bool is_of_open(const Effect& effect) const;
    void look_at_store(Instant now);
    void fail(const std::string& why, Instant now);
    void refuse_asked(const Asked& asked) const;
    void ask_history(const Asker& asker, const Sender& sender, const ListHistory& asked,
                     Reply answer);
    void tell_history(const std::vector<SqliteJournal::HistoryAnswer>& answers, Instant now);
    void go_back(const Changes& stored, Instant now);
    void recover();
    void try_again(Instant now);
    void by_clock(Effects effects);
    void apply_due(Instant now);
    void say(const Asker& asker, Reply reply) const;
    void hold(Held held);
    void put(Changes changes);
    void release();
    bool say_overdue();
    [[nodiscard]] bool goes_on() const { return on_failure_ == OnStoreFailure::go_on; }
    /// Memory is what is stored, or is to be, or all that counts.
    [[nodiscard]] bool is_settled() const { return !going_back_ || goes_on(); }
    /// And nothing is on its way that may have to be taken back, though the disk fails.
    [[nodiscard]] bool is_free() const { return is_settled() && (held_.empty() || goes_on()); }

    Switchboard::Options switchboard_options_;
    OnStoreFailure on_failure_;
    Host host_;
    std::unique_ptr<Switchboard> switchboard_;
    std::optional<std::string> damage_{};

    std::deque<Held> held_;
    std::uint64_t put_ = 0;
    std::uint64_t stored_ = 0;

    /// What ended while the broker was away, and nothing more is to be said of: there may be
    /// very many, so all else goes first.
    Effects overdue_{};
    std::size_t overdue_said_ = 0;
    std::uint64_t overdue_ticket_ = 0;

    /// The disk refuses; since this ticket, which was the last to be given up.
    bool failing_ = false;
    std::uint64_t given_up_ = 0;
    /// Memory waits for what is stored.
    bool going_back_ = false;
    Duration patience_{};
    Instant try_at_{};
    /// Said, but not stored.
    Changes unstored_;
    std::vector<Presence> waiting_;
    /// What is judged when memory has gone back, if that does not take too long.
    std::vector<Asked> asked_;
    Instant asked_until_{};

    /// Who waits for a page of history.
    struct Reader {
        Asker asker;
        UserId user;
        Reply reply;
    };
    std::map<std::uint64_t, Reader> readers_;
    std::uint64_t history_asked_ = 0;

    std::vector<Changes> given_up_changes_;
    Changes reloaded_;

    std::atomic<bool> woken_ = false;
    std::unique_ptr<SqliteJournal> store_;
};

}  // namespace beckon
