// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "host/journal.hpp"
#include "world/kept.hpp"

namespace beckon {

/// What a journal writes to, and a test rules over: it works, fails or hangs. It outlives the
/// journals that are made on it.
struct Medium {
    enum class Mode : std::uint8_t { works, fails, hangs };
    Mode mode = Mode::works;
    /// It cannot even be read.
    bool unreadable = false;
    Kept kept{};
    std::uint64_t last_number = 0;
    /// Told of what is put (with its ticket) and what is stored (up to which).
    std::function<void(std::uint64_t, const Changes&)> on_put = [](auto, const auto&) {};
    std::function<void(std::uint64_t)> on_stored = [](auto) {};
    std::function<void()> on_give_up = [] {};
};

/// A journal whose thread is the test: what was handed over is stored, or not, when `work` is
/// called.
class FakeJournal final : public Journal {
  public:
    explicit FakeJournal(Medium& medium) : medium_(medium) {}

    std::optional<std::string> load(const Tell& tell) override {
        for (auto& change : medium_.kept.shortest()) {
            tell(std::move(change));
        }
        return std::nullopt;
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
    std::vector<Changes> give_up() override {
        medium_.on_give_up();
        hand_over();
        std::vector<Changes> given_up;
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

    [[nodiscard]] bool is_reading() const { return reloads_; }
    /// One thing that the journal's own thread would do now. False: nothing.
    bool work() {
        if (reloads_ && !medium_.unreadable) {
            reload_some();
        } else if (!histories_.empty()) {
            progress_.history.push_back({.asked = histories_.front(), .page = HistoryPage{}});
            histories_.pop_front();
        } else if (!queue_.empty() && !progress_.failure && medium_.mode != Medium::Mode::hangs) {
            commit();
        } else {
            return false;
        }
        wake_();
        return true;
    }

  private:
    void commit() {
        if (medium_.mode == Medium::Mode::fails) {
            progress_.failure = "no room";
            return;
        }
        for (const auto& [ticket, changes] : std::exchange(queue_, {})) {
            medium_.kept.add(changes);
            for (const Change& change : changes) {
                if (const auto* kept = std::get_if<InvitationKept>(&change)) {
                    medium_.last_number = std::max(medium_.last_number, kept->number);
                }
            }
            progress_.stored = ticket;
            medium_.on_stored(ticket);
        }
    }
    /// In two parts, that there are parts.
    void reload_some() {
        Changes all = medium_.kept.shortest();
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

    Medium& medium_;
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
