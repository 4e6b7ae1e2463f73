// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "audience.hpp"
#include "judge/effects.hpp"
#include "protocol/replies.hpp"
#include "rules.hpp"
#include "shared_state.hpp"

namespace beckon {

/// Who acts, and with which device; nobody: the clock.
struct Actor {
    const User* user = nullptr;
    std::optional<DeviceTag> device{};
};

/// What who acts says with it.
struct Said {
    const Data* data = nullptr;
    /// Where the row has none.
    std::string_view reason{};
    std::optional<std::uint64_t> seq{};
    /// By an invite: what ends with it.
    std::span<const InvitationId> replaces{};
};
inline const Data* said(const std::optional<Data>& data) { return data ? &*data : nullptr; }

/// What a row of the table does to one invitation, and what it leads to: the one place that ends
/// parts, raises `rev` and makes events. Made before anything changes, so that what is charged is
/// what is told; made anew for each time. One thread.
///
///     Outcome outcome(shared, rule_for(asked), circle_of(invitation, &sender.user, {&invitee}));
///     if (auto full = outcome.charge()) return *full;       // nothing has changed
///     outcome.conclude(invitation, by, {}, events);
///     settle(shared, invitation);
class Outcome {
  public:
    /// Throws `InvariantBroken` where the row cannot be true of this circle.
    Outcome(SharedState& shared, const Rule& cause, Circle circle);

    /// How many events for how many users, all in all.
    [[nodiscard]] std::int64_t heard() const;
    /// Likewise, with what operators are told.
    [[nodiscard]] std::int64_t told() const;
    /// Whether the call that it is about is over by it.
    [[nodiscard]] bool ends_call() const { return row_.cause == Cause::call_over; }
    /// The row's, else what who acts says.
    [[nodiscard]] std::string_view reason(const Said& said) const;

    /// Charges whom the row says for what is heard. Where that is the sender, it must fit, and so
    /// must so many bytes more, or it is refused and nothing has happened: the last check of a
    /// request.
    [[nodiscard]] std::optional<Refusal> charge();
    /// Likewise; the bytes are `whose`.
    [[nodiscard]] std::optional<Refusal> charge(std::int64_t bytes, const UserId& whose);
    /// Does it. Whom the row asks must have been put into the invitation.
    void conclude(Invitation& invitation, const Actor& by, const Said& said, Effects& events);

  private:
    /// What is happening, while it is concluded.
    struct Act {
        Invitation& invitation;
        const Actor& by;
        const Said& said;
    };
    void find_what_follows(Circle& circle);
    void end_parts(const Act& act);
    void deliver(const Act& act, const Told& told, std::vector<UserId> to, Effects& events) const;
    [[nodiscard]] EventBody body_of(const Act& act, const Told& told) const;
    [[nodiscard]] NewInvitation news_of(const Act& act, Hears heard_by) const;
    [[nodiscard]] std::vector<UserId> names() const;
    void tell_absent(const Act& act, Effects& events) const;

    SharedState& shared_;
    /// What happens, and the row of what comes of it: another where the call is over by it.
    const Rule& cause_;
    const Rule& row_;
    const UserId* payer_ = nullptr;
    std::vector<Invitee*> concerned_;
    std::size_t asked_ = 0;
    /// Operators are told that some whom it concerns are not there.
    bool tells_absent_ = false;
    std::array<std::vector<UserId>, std::tuple_size_v<decltype(Rule::tells)>> to_;
    std::unique_ptr<Outcome> next_;
};

/// How long until that instant; nothing: for ever.
std::optional<Duration> remaining_until(Instant deadline, Instant now);

/// What operators are told of these, who are not there.
Absent absent_asked(const Invitation& invitation, std::vector<UserId> invitees,
                    std::optional<Duration> remaining);

std::vector<Invitee*> all_pending(Invitation& invitation);

/// To be called when nothing of a request or deadline is left to do: the invitation is ended
/// when it is not open any more, and may be gone after this.
void settle(SharedState& shared, Invitation& invitation);

}  // namespace beckon
