// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "host/journal.hpp"
#include "host/sql.hpp"
#include "host/store.hpp"

namespace beckon {

/// Writes changes as rows of the store's tables, within one transaction, which is the caller's.
class RowWriter {
  public:
    RowWriter(Sql& sql, const StoreClock& clock, StoreCounts& counts)
        : sql_(sql), clock_(clock), counts_(counts) {}

    void write(const Batch& batch);
    /// So many have become history by it.
    [[nodiscard]] std::int64_t newly_forgotten() const { return newly_forgotten_; }
    /// History that is too old or too much goes, up to so many invitations of it. True: that was
    /// not all.
    bool prune(Instant now, const HistoryLimits& limits, std::int64_t most);

  private:
    void all_are_due(Instant now);
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
    void list_ended();
    void remove(std::int64_t number, std::int64_t ended_ms);

    /// What its inviter and its invitees find in their history.
    struct Ended {
        std::uint64_t number = 0;
        UserId inviter;
        std::int64_t ended_ms = 0;
    };

    Sql& sql_;
    const StoreClock& clock_;
    StoreCounts& counts_;
    std::vector<Ended> ended_;
    std::int64_t newly_forgotten_ = 0;
};

}  // namespace beckon
