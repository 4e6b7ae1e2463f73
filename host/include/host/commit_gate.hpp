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
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

#include "host/journal.hpp"
#include "host/phase.hpp"
#include "judge/siphash.hpp"
#include "judge/switchboard.hpp"

namespace beckon {

/// When the store takes nothing: `refuse` what would have to be stored, or `go_on` from memory. Or
/// `be_silent`: accept nothing and say nothing until it does (contract, section 10, 5).
enum class OnStoreFailure : std::uint8_t { refuse, go_on, be_silent };

/// The switchboard and the journal behind it: what is decided takes effect in memory at once, and
/// is said when all that it rests on is stored (contract, section 8), in the order of the
/// decisions. Without a journal it is said at once.
///
///            a commit is older than `patience`
///     sound ───────────────────────────────────► stalled ─┐
///      ▲ │ ◄──────────────────────── it is stored ┘       │ it fails
///      │ └──────── a commit fails ───────────────────────►├──► going back
///      │                                                  ┘        │ read and built anew
///      │  it is stored                a request, or in time        ▼
///      └──────────────── trying ◄──────────────────────────── refusing
///                          └──────────── it fails ────────────────►┘
///
/// Each phase owns what waits in it, so nothing can wait in a phase that is over. What holds in
/// all but `sound`:
///
/// - What the clock decides is said on time, for it follows from what is stored; unless it is of an
///   invitation of which it is not known whether what was decided last is stored (`Doubt`).
/// - What would have to be stored is refused: at once while a commit is on its way for too long,
///   after a trial else. That trial stores nothing but the time, so nothing is decided on sand.
/// - Nobody is lost for being away, since that does not follow from what is stored.
///
/// On failure the switchboard is built anew from the journal, as at a start, and told who is there;
/// what the clock had decided by then is decided again, and not said twice. With
/// `OnStoreFailure::go_on` memory is what counts: all is said from it, and the journal gets the
/// rest when it takes it. With `OnStoreFailure::be_silent` nothing is said in any phase but
/// `sound`: what was decided meanwhile waits for that, and who asked has to ask again.
///
/// History is read from the journal and told a page a turn: other replies may come before.
///
/// The host's thread; only the function that `start` hands to the journal is called on another.
class CommitGate {
  public:
    using Asker = std::shared_ptr<PendingReply>;
    struct Host {
        /// `asker` is null when nobody asked. Must not call back.
        std::function<void(Effects effects, const Asker& asker)> say;
        /// The store fails, and why; nothing: it works again.
        std::function<void(const std::optional<std::string>& failure)> store_changed;
        /// Calls for each device that is online.
        std::function<void(const std::function<void(const Sender&)>& tell)> tell_online;
        /// Random bits, others each time.
        std::function<SipKey()> new_secret;
    };
    struct Settings {
        Limits limits{};
        std::string server_epoch = "0";
        /// See `Switchboard::Options`.
        bool operators = false;
        /// Likewise.
        bool presence_is_told = false;
        /// Of the journal instead, as long as nothing of it is lost.
        bool epoch_of_journal = false;
        /// Devices do not notice when this host is gone, so what it has not told is kept, too.
        bool keeps_untold = false;
        /// See `Switchboard::Options`.
        Duration clock_step{};
        OnStoreFailure on_failure = OnStoreFailure::refuse;
        /// A commit that takes longer is a failure.
        Duration patience{2000};
    };

    /// Goes on from what the journal holds; null: from nothing, and stores nothing. Throws
    /// `Journal::Unusable`.
    CommitGate(Settings settings, Host host, std::unique_ptr<Journal> journal, Instant now);
    ~CommitGate();
    CommitGate(const CommitGate&) = delete;
    CommitGate& operator=(const CommitGate&) = delete;

    /// A sentence about a journal that was damaged.
    [[nodiscard]] const std::optional<std::string>& damage() const { return damage_; }
    /// What device tags are derived by; empty: there is no journal.
    [[nodiscard]] std::string_view secret() const;
    [[nodiscard]] const std::string& server_epoch() const { return settings_.server_epoch; }
    [[nodiscard]] Switchboard::Counts counts() const { return switchboard_->counts(); }
    [[nodiscard]] const Limits& limits() const { return settings_.limits; }
    /// How many changes wait to be stored, and for how long.
    struct Unstored {
        std::size_t changes = 0;
        Duration oldest{};
    };
    [[nodiscard]] Unstored unstored(Instant now) const;
    /// For `status`: `memory`, `ok` or `failing`.
    [[nodiscard]] std::string_view state() const;

    /// Starts to store. `wake` is to have `tick` called soon.
    void start(const std::function<void()>& wake);

    /// Judges a request; an exception has done nothing of it that will last.
    void handle(const Asker& asker, const Sender& sender, Request request, Instant now);
    /// A reply that needs no switchboard, in its turn.
    void reply(const Asker& asker, Reply reply);
    /// Whether this user may ask so often (`Switchboard::admit`).
    std::optional<Refusal> admit(const UserId& user, Instant now) {
        return switchboard_->admit(user, now);
    }
    void set_online(const Sender& device, bool online, Instant now);
    /// Is stored soon, but for what a failure of the journal takes with it.
    void keep(Changes changes) { append(own_changes_, std::move(changes)); }
    /// Those that the journal told at the start; once.
    std::vector<DeviceKept> take_devices() { return std::exchange(devices_, {}); }
    /// Says what is stored by now, and does what is due. True: there is more to be said.
    bool tick(Instant now);
    [[nodiscard]] std::optional<Instant> next_deadline() const;

    /// All that was decided is stored, as far as is known, and handed on.
    [[nodiscard]] bool is_idle() const;

  private:
    using Asked = phase::Asked;
    using Held = phase::Held;
    using Doubt = phase::Doubt;
    using SaidUntil = phase::SaidUntil;

    // At the start.
    [[nodiscard]] std::unique_ptr<Switchboard> new_switchboard() const;
    void load(Instant now);
    void name_epoch();
    void begin_with_nothing();
    void restore_own(Change&& change);
    void tell_untold(Instant now);
    void add_untold(Effects& effects, Changes& changes, Instant now);

    // A request, by phase.
    void judge(phase::Sound& sound, Asked asked, Instant now);
    void judge(phase::Stalled& stalled, const Asked& asked, Instant now);
    void judge(phase::GoingBack& back, Asked asked, Instant now);
    void judge(phase::Refusing& refusing, Asked asked, Instant now);
    void judge(phase::Trying& trying, Asked asked, Instant now);
    bool judge_and_say(const Asked& asked, Changes& unstored, Instant now);
    Effects decide(const auto& ask);
    void refuse(const Asked& asked) const;
    void refuse_all(Line<Asked>& waiting) const;
    void judge_all(Line<Asked> waiting, Instant now);
    void say(const Asker& asker, Reply reply) const;

    // What the clock decides, by phase.
    void apply_due(Instant now);
    void decided(Effects effects, Instant now);
    void decided(phase::Sound& sound, Effects effects, Instant now);
    void decided(phase::Stalled& stalled, Effects effects, Instant now);
    void decided(phase::GoingBack& back, Effects effects, Instant now);
    void decided(phase::Refusing& refusing, Effects effects, Instant now);
    void decided(phase::Trying& trying, Effects effects, Instant now);

    void say_while_failing(Effects effects, Instant now);

    // A turn, by phase.
    void turn(phase::Sound& sound, Instant now);
    void turn(phase::Stalled& stalled, Instant now);
    void turn(phase::GoingBack& back, Instant now);
    void turn(phase::Refusing& refusing, Instant now);
    void turn(phase::Trying& trying, Instant now);
    [[nodiscard]] std::optional<Instant> turn_at() const;

    // Stored before said.
    /// Whether a request of this user may change something more.
    [[nodiscard]] bool has_room(const Line<Held>& held, const UserId& user) const;
    void hold(phase::Sound& sound, Held held, Instant now);
    void put(phase::Sound& sound, Changes changes, Instant now);
    void release(Line<Held>& held) const;

    // From phase to phase; each is the last thing that is done in the phase before.
    void look_at_journal(Instant now);
    void stall(Instant now);
    phase::Stalled stalled_from(phase::Sound sound);
    void say_undoubted(Effects& effects, const Doubt& doubt) const;
    void say_all(Line<Held>& held) const;
    void fail(const std::string& why, Instant now);
    Changes give_up();
    void mend_memory(Instant now);
    phase::GoingBack going_back_from(Instant now);
    void go_back(phase::GoingBack back);
    void build(phase::GoingBack& back, Instant now);
    void end_building(Instant now);
    void become_refusing(Changes unstored, Instant now);
    void try_journal(Line<Asked> waiting, Instant now);
    void become_sound(Changes unstored, Instant now);
    void tell_failing(const std::string& why);
    void tell_works(phase::Sound& sound);

    /// Who waits for a page of history.
    struct Reader {
        Asker asker;
        UserId user;
        UserId asked_by;
        Reply reply;
    };
    void ask_history(const Asker& asker, const Sender& sender, const ListHistory& asked,
                     Reply answer);
    bool tell_history(Instant now);

    Effects without_overdue(Effects effects);
    bool say_overdue();

    [[nodiscard]] bool goes_on() const { return settings_.on_failure == OnStoreFailure::go_on; }
    [[nodiscard]] bool never_says_unstored() const {
        return settings_.on_failure == OnStoreFailure::be_silent;
    }
    [[nodiscard]] bool is_silent() const {
        return never_says_unstored() && !std::holds_alternative<phase::Sound>(phase_);
    }

    Settings settings_;
    Host host_;
    std::unique_ptr<Journal> journal_;
    std::unique_ptr<Switchboard> switchboard_;
    std::optional<std::string> damage_{};

    WaitingChanges waiting_changes_;
    Phase phase_{};
    /// When the clock was applied last.
    Instant applied_{};
    std::uint64_t put_ = 0;
    std::uint64_t stored_ = 0;
    SaidUntil said_until_{};
    bool is_failing_ = false;
    /// Until the next trial, when the last one failed.
    Duration pause_{};
    /// An exception has left memory half changed.
    bool is_broken_ = false;

    /// Kept beside what the switchboard remembers: not put yet; told by the journal at the start.
    Changes own_changes_;
    std::vector<DeviceKept> devices_;
    std::vector<UntoldKept> untold_;
    std::uint64_t last_untold_ = 0;

    /// Decided while the store took nothing, and not to be said before it does.
    Effects unsaid_;

    /// What ended while nobody could tell, and nothing more is to be said of: there may be very
    /// many, so all else goes first.
    std::deque<Effect> overdue_;
    std::uint64_t overdue_ticket_ = 0;

    std::map<std::uint64_t, Reader> readers_;
    std::uint64_t history_asked_ = 0;
    /// What was read for them, told one a turn.
    std::deque<Journal::HistoryAnswer> pages_;

    std::atomic<bool> woken_ = false;
};

}  // namespace beckon
