// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "host/sql.hpp"
#include "host/store.hpp"

namespace beckon {

/// The number of an invitation, and a time on the file's clock; `Store::Damaged` is thrown for
/// one that cannot be.
std::uint64_t read_number(const Statement& row, int column);
Duration read_file_time(const Statement& row, int column);

/// Tells what the tables of the store hold. Of any connection, while that lives; errors are thrown
/// as the database's, and `Store::Damaged` for a row that cannot be.
class StoreReading {
  public:
    StoreReading(Sql& sql, const StoreClock& clock) : sql_(sql), clock_(clock) {}

    /// The shortest changes that make what is remembered.
    void tell_all(const Journal::Tell& tell);
    /// What is there for history only, each invitation whole and then forgotten.
    void tell_history(const Journal::Tell& tell);
    /// What ended since `oldest`, as far as a page goes.
    HistoryPage history(const UserId& user, std::size_t limit,
                        const std::optional<HistoryMark>& before, Instant oldest);

  private:
    enum class Part : std::uint8_t { all, without_data };
    struct Rows;
    struct Parts;
    void tell_invitation(const Statement& row, Parts& parts, Part part, const Journal::Tell& tell);
    [[nodiscard]] InvitationKept read_invitation(const Statement& row) const;
    [[nodiscard]] Instant read_time(const Statement& row, int column) const;
    static void tell_notes(std::uint64_t number, Rows& notes, Part part, const Journal::Tell& tell);
    void tell_invitees(std::uint64_t number, Rows& invitees, const Journal::Tell& tell) const;
    void tell_call(std::uint64_t number, Parts& parts, const Journal::Tell& tell) const;
    void tell_group(const GroupId& group, const Journal::Tell& tell);
    void tell_devices(const Journal::Tell& tell);
    void tell_untold(const Journal::Tell& tell);

    Sql& sql_;
    const StoreClock& clock_;
};

}  // namespace beckon
