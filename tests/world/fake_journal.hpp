// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "host/clocks.hpp"
#include "host/journal.hpp"
#include "host/store_file.hpp"
#include "kept.hpp"

namespace beckon {

/// What a journal writes to, and a test rules over: it works, fails or hangs. It outlives the
/// journals that are made on it.
struct Medium {
    enum class Mode : std::uint8_t { works, fails, hangs };
    Mode mode = Mode::works;
    /// It cannot even be read.
    bool unreadable = false;
    /// By a clock of its own, which goes on where it stopped (`StoreClock`).
    Kept kept{};
    std::uint64_t last_number = 0;
    /// What the system's clocks say. Null: the host's clock never stops.
    std::function<ClockReading()> clocks{};
    /// What that and its own said at the last commit.
    std::optional<std::pair<ClockReading, Duration>> committed{};
    /// Told of what is put (with its ticket), what is stored (up to which), and what of it the host
    /// has heard.
    std::function<void(std::uint64_t, const Changes&)> on_put = [](auto, const auto&) {};
    std::function<void(std::uint64_t)> on_stored = [](auto) {};
    std::function<void(const Journal::Progress&)> on_progress = [](const auto&) {};
    std::function<void()> on_give_up = [] {};
};

/// A journal whose thread is the test: what was handed over is stored, or not, when `work` is
/// called.
class FakeJournal final : public Journal {
  public:
    explicit FakeJournal(Medium& medium) : medium_(medium) {
        if (medium_.clocks && medium_.committed) {
            const auto& [then, file_then] = *medium_.committed;
            const auto now = medium_.clocks();
            clock_ = StoreClock::going_on(file_then, time_passed(then, now), now.since_boot);
        }
    }

    std::optional<std::string> load(const Tell& tell) override {
        for (auto& change : stored()) {
            tell(std::move(change));
        }
        return std::nullopt;
    }
    std::string set_aside(const std::string& why) override {
        medium_.kept = {};
        return why;
    }
    [[nodiscard]] const std::string& secret() const override { return secret_; }
    [[nodiscard]] std::uint64_t last_number() const override { return medium_.last_number; }
    void start(std::function<void()> wake) override { wake_ = std::move(wake); }

    std::uint64_t put(Changes changes) override {
        medium_.on_put(put_ + 1, changes);
        gathered_.emplace_back(++put_, std::move(changes));
        return put_;
    }
    void hand_over() override {
        std::move(gathered_.begin(), gathered_.end(), std::back_inserter(queue_));
        gathered_.clear();
    }
    Progress progress() override {
        Progress now = std::exchange(progress_, {});
        progress_.stored = now.stored;
        progress_.failure = now.failure;
        medium_.on_progress(now);
        return now;
    }
    [[nodiscard]] Waiting waiting() const override {
        return {.changes = gathered_.size() + queue_.size()};
    }
    void look_at_unstored(
        const std::function<void(std::uint64_t, const Changes&)>& look) const override {
        for (const auto& part : {queue_, gathered_}) {
            for (const auto& [ticket, changes] : part) {
                look(ticket, changes);
            }
        }
    }
    Batch give_up() override {
        medium_.on_give_up();
        hand_over();
        Batch given_up;
        for (auto& [ticket, changes] : queue_) {
            given_up.push_back(std::move(changes));
        }
        queue_.clear();
        progress_.failure.reset();
        progress_.stored = put_;
        return given_up;
    }
    void reload() override { reloads_ = true; }
    void ask_history(std::uint64_t asked, UserId /*user*/, std::size_t /*limit*/,
                     std::optional<HistoryMark> /*before*/) override {
        histories_.push_back(asked);
    }

    /// All that is stored, by the host's clock.
    [[nodiscard]] Changes stored() const {
        Changes all = medium_.kept.shortest();
        for (Change& change : all) {
            move(change, -clock_.offset);
            become_due(change, clock_.all_due_at);
        }
        return all;
    }
    [[nodiscard]] bool is_reading() const { return reloads_; }
    /// Whether `work` would do anything.
    [[nodiscard]] bool can_work() const {
        return (reloads_ && !medium_.unreadable) || !histories_.empty() || can_commit();
    }
    /// One thing that the journal's own thread would do now. False: nothing.
    bool work() {
        if (reloads_ && !medium_.unreadable) {
            reload_some();
        } else if (!histories_.empty()) {
            progress_.history.push_back({.asked = histories_.front(), .page = HistoryPage{}});
            histories_.pop_front();
        } else if (can_commit()) {
            commit();
        } else {
            return false;
        }
        wake_();
        return true;
    }

  private:
    [[nodiscard]] bool can_commit() const {
        return !queue_.empty() && !progress_.failure && medium_.mode != Medium::Mode::hangs;
    }
    void commit() {
        if (medium_.mode == Medium::Mode::fails) {
            progress_.failure = "no room";
            return;
        }
        if (clock_.all_due_at) {
            const auto due = Instant(clock_.all_due_at->time_since_epoch() + clock_.offset);
            Kept all;
            for (Change& change : medium_.kept.shortest()) {
                become_due(change, due);
                all.add({change});
            }
            medium_.kept = std::move(all);
            clock_.all_due_at.reset();
        }
        for (auto& [ticket, changes] : std::exchange(queue_, {})) {
            for (Change& change : changes) {
                move(change, clock_.offset);
                if (const auto* kept = std::get_if<InvitationKept>(&change)) {
                    medium_.last_number = std::max(medium_.last_number, kept->number);
                }
            }
            medium_.kept.add(changes);
            progress_.stored = ticket;
            medium_.on_stored(ticket);
        }
        if (medium_.clocks) {
            const auto now = medium_.clocks();
            medium_.committed = {now, now.since_boot.time_since_epoch() + clock_.offset};
        }
    }
    /// In two parts, that there are parts.
    void reload_some() {
        Changes all = stored();
        const auto half = all.begin() + std::ssize(all) / 2;
        progress_.reload_began = !is_half_read_;
        if (std::exchange(is_half_read_, !is_half_read_)) {
            all.erase(all.begin(), half);
            progress_.reload_ended = true;
            reloads_ = false;
        } else {
            all.erase(half, all.end());
        }
        std::move(all.begin(), all.end(), std::back_inserter(progress_.reloaded));
    }

    /// To another clock.
    static void move(Change& change, Duration by) {
        const auto some = [by](std::optional<Instant>& at) {
            at = at ? std::optional(*at + by) : at;
        };
        if (auto* invitation = std::get_if<InvitationKept>(&change)) {
            invitation->made_at += by;
            invitation->lifetime_end += by;
            some(invitation->ended_at);
        } else if (auto* invitee = std::get_if<InviteeKept>(&change)) {
            invitee->deadline += invitee->deadline == never ? Duration(0) : by;
        } else if (auto* call = std::get_if<CallKept>(&change)) {
            some(call->started_at);
            some(call->ended_at);
        }
    }
    /// What is pending, by then.
    static void become_due(Change& change, std::optional<Instant> by) {
        if (auto* invitation = std::get_if<InvitationKept>(&change);
            by && invitation != nullptr && !invitation->ended_at) {
            invitation->lifetime_end = std::min(invitation->lifetime_end, *by);
        } else if (auto* invitee = std::get_if<InviteeKept>(&change);
                   by && invitee != nullptr && invitee->state == State::pending &&
                   invitee->deadline != never) {
            invitee->deadline = std::min(invitee->deadline, *by);
        }
    }

    Medium& medium_;
    StoreClock clock_{};
    std::string secret_ = "secret";
    std::function<void()> wake_ = [] {};
    std::uint64_t put_ = 0;
    std::deque<std::pair<std::uint64_t, Changes>> gathered_;
    std::deque<std::pair<std::uint64_t, Changes>> queue_;
    std::deque<std::uint64_t> histories_;
    Progress progress_;
    bool reloads_ = false;
    bool is_half_read_ = false;
};

}  // namespace beckon
