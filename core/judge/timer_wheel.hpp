// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <optional>

#include "judge/invariant.hpp"
#include "protocol/instant.hpp"

namespace beckon {

/// One deadline in a `TimerWheel`; a part of the thing it belongs to, which must
/// outlive its stay in the wheel and must not move meanwhile.
class Timer {
  public:
    /// Tells the wheel's owner which thing a timer is part of.
    enum class Kind : std::uint8_t { invitation, lost_inviter, call };

    explicit Timer(Kind kind) : kind_(kind) {}
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;
    ~Timer() = default;

    [[nodiscard]] Kind kind() const noexcept { return kind_; }
    [[nodiscard]] Instant due() const noexcept { return due_; }
    [[nodiscard]] bool armed() const noexcept { return next_ != nullptr; }

  private:
    friend class TimerWheel;
    Timer* next_ = nullptr;
    Timer* previous_ = nullptr;
    Instant due_{};
    Kind kind_;
    std::uint8_t level_ = 0;
    std::uint8_t slot_ = 0;
};

/// Deadlines, to the millisecond, at a cost that does not grow with how many are
/// pending: a hierarchical timing wheel (Varghese and Lauck) of 64 slots a level.
/// Level 0 holds the present 64 ms, level n the present 64^(n+1) ms; a slot is
/// spread over the level below when its time begins.
class TimerWheel {
  public:
    TimerWheel() {
        for (auto& level : slots_) {
            for (auto& head : level) {
                head.next_ = head.previous_ = &head;
            }
        }
    }

    /// Due at or before an instant that was popped already: the next `pop` gives it.
    void arm(Timer& timer, Instant due) {
        ensure(!timer.armed(), "a timer is armed once");
        timer.due_ = due;
        place(timer);
    }

    void disarm(Timer& timer) {
        if (!timer.armed()) {
            return;
        }
        timer.previous_->next_ = timer.next_;
        timer.next_->previous_ = timer.previous_;
        timer.next_ = timer.previous_ = nullptr;
        Timer& head = slots_[timer.level_][timer.slot_];
        if (head.next_ == &head) {
            occupied_[timer.level_] &= ~bit(timer.slot_);
        }
    }

    /// Takes out the earliest timer that is due at `now`; nothing when none is.
    Timer* pop(Instant now) {
        const auto until = now.time_since_epoch().count();
        while (const auto first = first_slot()) {
            if (first->begins > until) {
                break;
            }
            cursor_ = std::max(cursor_, first->begins);
            Timer* timer = slots_[first->level][first->slot].next_;
            if (first->level == 0) {
                disarm(*timer);
                return timer;
            }
            spread(first->level, first->slot);
        }
        cursor_ = std::max(cursor_, until);
        return nullptr;
    }

    /// Not later than the earliest deadline; nothing when none is armed. It is
    /// that deadline exactly when that lies within the present 64 ms.
    [[nodiscard]] std::optional<Instant> next() const {
        const auto first = first_slot();
        return first ? std::optional(Instant(Duration(first->begins))) : std::nullopt;
    }

  private:
    static constexpr unsigned bits = 6;
    static constexpr unsigned levels = 8;  // 2^48 ms

    struct Slot {
        unsigned level;
        unsigned slot;
        std::int64_t begins;
    };

    static constexpr std::uint64_t bit(unsigned slot) { return std::uint64_t{1} << slot; }
    static constexpr unsigned digit(std::int64_t time, unsigned level) {
        return static_cast<unsigned>(time >> (bits * level)) & 63U;
    }

    void place(Timer& timer) {
        const auto time = std::max(timer.due_.time_since_epoch().count(), cursor_);
        const auto differ = static_cast<std::uint64_t>(time ^ cursor_);
        const auto level =
            differ == 0 ? 0U : static_cast<unsigned>(std::bit_width(differ) - 1) / bits;
        ensure(level < levels, "a deadline lies within the wheel");
        timer.level_ = static_cast<std::uint8_t>(level);
        timer.slot_ = static_cast<std::uint8_t>(digit(time, level));
        occupied_[level] |= bit(timer.slot_);
        Timer& head = slots_[level][timer.slot_];
        timer.next_ = &head;
        timer.previous_ = head.previous_;
        head.previous_->next_ = &timer;
        head.previous_ = &timer;
    }

    void spread(unsigned level, unsigned slot) {
        Timer& head = slots_[level][slot];
        while (head.next_ != &head) {
            Timer& timer = *head.next_;
            disarm(timer);
            place(timer);
        }
    }

    /// Every armed timer shares with the cursor the digits above its level, so the
    /// lowest slot of the lowest level that holds any comes first.
    [[nodiscard]] std::optional<Slot> first_slot() const {
        for (unsigned level = 0; level < levels; ++level) {
            if (occupied_[level] != 0) {
                const auto slot = static_cast<unsigned>(std::countr_zero(occupied_[level]));
                const auto shift = bits * level;
                const auto above = cursor_ >> (shift + bits) << (shift + bits);
                return Slot{level, slot, above | std::int64_t{slot} << shift};
            }
        }
        return std::nullopt;
    }

    struct Head : Timer {
        Head() : Timer(Kind::invitation) {}
    };

    /// All that came before has been popped.
    std::int64_t cursor_ = 0;
    std::array<std::uint64_t, levels> occupied_{};
    std::array<std::array<Head, 64>, levels> slots_;
};

}  // namespace beckon
