// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "host/clocks.hpp"
#include "host/journal.hpp"
#include "judge/changes.hpp"

namespace beckon {

class Database;
class StorePlace;
struct SqlError;

/// The clock of the store's file.
struct StoreClock {
    /// What it says at the zero of the host's.
    Duration offset{};
    /// The time that passed could not be proven: what was pending is due then. The file does
    /// not say so before the first commit.
    std::optional<Instant> all_due_at{};

    /// It goes on after a restart, from what it said at the last commit, and what the system's
    /// clocks said.
    static StoreClock going_on(Duration file_then, const ClockReading& then,
                               const ClockReading& now);

    [[nodiscard]] std::int64_t to_file(Instant instant) const {
        return (instant.time_since_epoch() + offset).count();
    }
    [[nodiscard]] Instant from_file(std::int64_t ms) const {
        return Instant(Duration(ms) - offset);
    }
};

/// The file that the store keeps: its tables, its versions, and how changes are written
/// there and told again. It is an SQLite database in WAL mode; docs/store.md describes
/// it to people.
///
/// The file has a clock of its own that goes on where it stopped, so that no row is to be
/// rewritten after a restart: its `…_ms` are milliseconds since 1970 by the wall clock of the
/// moment when the file was made, plus all time that passed since.
///
/// One thread at a time. Errors are thrown as `SqlError`; what failed has changed nothing.
class StoreFile {
  public:
    struct Options {
        std::string path;
        /// Each commit reaches the disk; else the system's memory.
        bool sync_always = true;
        Duration history{};
        std::int64_t max_history = 0;
        /// So many pages of the log are moved into the file at once.
        int checkpoint_pages = 1000;
    };

    using Unusable = Journal::Unusable;
    /// The file cannot be read as what it was; says where.
    struct Damaged : std::runtime_error {
        using std::runtime_error::runtime_error;
    };

    explicit StoreFile(Options options);
    ~StoreFile();
    StoreFile(const StoreFile&) = delete;
    StoreFile& operator=(const StoreFile&) = delete;

    /// Claims the file, which is made if there is none, and brings it to the present version.
    /// `secret` is kept if there is none. Throws `Unusable`, `Damaged`.
    void open(const ClockReading& now, std::string_view secret);
    /// It stays claimed.
    void close();
    /// After `close`.
    void reopen();
    /// And can be read, as far as is known.
    [[nodiscard]] bool is_open() const;
    /// It was deleted or replaced; what it was is open here and nowhere else.
    [[nodiscard]] bool is_misplaced() const;
    /// After `Damaged`: moves it out of the way; `open` makes a new one. Returns where to.
    std::string move_aside();
    [[nodiscard]] std::shared_ptr<const StorePlace> place() const { return place_; }

    /// The shortest changes that make what is remembered. Throws `Unusable`, `Damaged`.
    void tell_all(const Journal::Tell& tell);
    /// No invitation has a higher number.
    [[nodiscard]] std::uint64_t last_number() const { return last_number_; }
    [[nodiscard]] const std::string& secret() const { return secret_; }
    [[nodiscard]] const StoreClock& clock() const { return clock_; }

    /// All of them, or on an exception none. A file that was deleted or replaced is such an
    /// exception; where nothing stands in the way, the next `write` makes it anew, with all that is
    /// stored: what was deleted is still open.
    void write(const Batch& batch, const ClockReading& now);
    /// Moves what the log holds into the file when it has grown; to be called when nobody
    /// waits. Not doing it does no harm.
    void tidy_up() noexcept;
    /// Whether there is history that is too old or too much; and some of it goes.
    bool prune(const ClockReading& now);

  private:
    [[noreturn]] void cannot_use(const SqlError& error) const;
    void check_application();
    void check_place();
    void mend();
    void open_place();
    bool make_index_void();
    void notice_lost_index();
    [[nodiscard]] std::string lost_index() const;
    void get_ready();
    void write_all(const Batch& batch, const ClockReading& now);
    void close_without_checkpoint();
    void migrate(const ClockReading& now, std::string_view secret);
    void read_broker(const ClockReading& now);
    void ready();
    void apply(const Changes& changes);
    bool update(const InvitationKept& kept);
    void insert(const InvitationKept& kept, const std::optional<Data>& data);
    void note_end(const InvitationKept& kept);
    void apply(const InvitationKept& kept);
    void apply(const DataKept& kept);
    void apply(const NoteKept& kept);
    bool update(const InviteeKept& kept, std::string_view device);
    void apply(const InviteeKept& kept);
    void apply(const CallKept& kept);
    void apply(const ParticipantKept& kept);
    void apply(const InvitationForgotten& forgotten);
    void apply(const GroupKept& kept);
    void apply(const MemberKept& kept);
    void apply(const MemberGone& gone);
    void apply(const GroupGone& gone);
    void apply(const DeviceKept& kept);
    void apply(const DeviceForgotten& forgotten);
    void apply(const UntoldKept& kept);
    void apply(const UntoldDone& done);
    void all_are_due(Instant now);
    void list_ended();
    /// What its inviter and its invitees find in their history.
    struct Ended {
        std::uint64_t number = 0;
        UserId inviter;
        std::int64_t ended_ms = 0;
    };
    struct Forgotten {
        std::int64_t ended_ms = 0;
        std::int64_t number = 0;
    };
    std::optional<Forgotten> first_forgotten();
    bool prune_some(Instant now, int most);
    void keep_clock(const ClockReading& now);
    void write_over_failed(const ClockReading& now) noexcept;
    void roll_back() noexcept;

    Options options_;
    std::shared_ptr<StorePlace> place_;
    std::unique_ptr<Database> database_;
    /// Something else stands where the file was, or nothing.
    bool is_misplaced_ = false;
    /// The connection is of no more use: it only reads, or the index of its log is lost.
    bool is_spoilt_ = false;
    /// The index of the log may not know all that the log has: it has to be made anew.
    bool is_index_void_ = false;
    std::string secret_;
    std::uint64_t last_number_ = 0;
    StoreClock clock_;
    /// Invitations that are there for history only.
    std::int64_t forgotten_ = 0;
    int log_pages_ = 0;
    /// Of the present transaction.
    std::vector<Ended> ended_;
    std::int64_t newly_forgotten_ = 0;
};

}  // namespace beckon
