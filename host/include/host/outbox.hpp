// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <span>
#include <utility>

#include "judge/sharded_map.hpp"
#include "protocol/ids.hpp"

namespace beckon {

/// Paces what is published to users, so that neither a large fan-out nor large messages keep the
/// broker from all else, or fill its memory: in one turn of its loop it gets so many messages and
/// so many bytes, and what is more waits. What is for few is published at once where that fits.
///
/// Promised: each user gets all that is said to it in the order in which it was said, whether it
/// waited or not. Users take turns, a message at a time. Nothing is dropped. A message is kept
/// once, however many it waits for.
///
/// What waits is not bounded here: while it `is_full`, whoever asks for more is to be refused, when
/// something waits that they caused (`waits_because_of`).
///
/// A `Message` has `bytes()`, what it takes here, and `bytes_for_each()`, what the broker holds of
/// it for each receiver. One thread; `publish` must not call back.
template <class Message>
class Outbox {
  public:
    struct Pace {
        /// How many that waited are published in one turn of the loop: a few milliseconds of its
        /// work.
        std::size_t slice = 64;
        /// And what the broker gets to hold of them; one message more in any case.
        std::size_t slice_bytes = std::size_t{1024} * 1024;
        /// What it gets to hold in one turn of what did not wait; what is more waits.
        std::size_t at_once_bytes = std::size_t{4} * 1024 * 1024;
        /// How many that wait for a user are published ahead of one that should not wait.
        std::size_t most_ahead = 4;
        /// More waiting than that, counted for each receiver as the broker will hold it, is full.
        std::size_t most_bytes = std::size_t{64} * 1024 * 1024;
        /// And so is more than that, counted as it is kept here.
        std::size_t most_kept_bytes = std::size_t{32} * 1024 * 1024;
    };
    using Publish = std::function<void(const UserId& to, Message& message)>;
    /// Whose request caused a message; null: nobody's, or it does not matter.
    using Cause = const UserId*;

    Outbox(const SipKey& key, Pace pace, Publish publish)
        : pace_(pace), publish_(std::move(publish)), causes_(key), queues_(key) {}
    ~Outbox() = default;
    Outbox(const Outbox&) = delete;
    Outbox& operator=(const Outbox&) = delete;

    /// To each of them at once, behind what waits for that user, which is
    /// published ahead of it; where that is too much, in the user's turn.
    void say(std::span<const UserId> to, Message message, Cause cause = nullptr) {
        std::shared_ptr<Kept> kept;  // once it has to wait for somebody
        for (const auto& user : to) {
            Queue* const queue = waiting_ > 0 ? queues_.find(user) : nullptr;
            const std::size_t ahead = queue != nullptr ? queue->messages.size() : 0;
            if (ahead > pace_.most_ahead || at_once_bytes_ >= pace_.at_once_bytes) {
                if (!kept) {
                    // NOLINTNEXTLINE(bugprone-use-after-move): only once
                    kept = keep(std::move(message), cause);
                }
                append(user, kept);
                continue;
            }
            for (std::size_t i = 0; i < ahead; ++i) {
                publish_first(user, *queue);
            }
            Message& one = kept ? kept->message : message;
            at_once_bytes_ += one.bytes_for_each();
            publish_(user, one);
        }
    }

    /// To each of them in the user's turn.
    void say_in_turn(std::span<const UserId> to, Message message, Cause cause = nullptr) {
        const auto kept = keep(std::move(message), cause);
        for (const auto& user : to) {
            append(user, kept);
        }
    }

    /// Begins a turn of the loop, and publishes the next slice in it; true if it published
    /// anything.
    bool publish_slice() {
        at_once_bytes_ = 0;
        std::size_t published = 0;
        std::size_t bytes = 0;
        while (!line_.empty()) {
            Entry& entry = *line_.front();
            if (entry.second.messages.empty()) {  // had its last, or got it ahead of its turn
                line_.pop_front();
                queues_.erase(entry.first.key);
                kept_bytes_ -= bytes_of_a_user;
            } else if (published < pace_.slice && bytes < pace_.slice_bytes) {
                line_.push_back(&entry);
                line_.pop_front();
                bytes += entry.second.messages.front()->for_each;
                publish_first(entry.first.key, entry.second);
                ++published;
            } else {
                break;
            }
        }
        return published > 0;
    }

    [[nodiscard]] bool empty() const noexcept { return waiting_ == 0; }
    [[nodiscard]] bool is_full() const noexcept {
        return waiting_bytes_ > pace_.most_bytes || kept_bytes_ > pace_.most_kept_bytes;
    }
    [[nodiscard]] std::size_t most_bytes() const noexcept { return pace_.most_bytes; }
    [[nodiscard]] bool waits_because_of(const UserId& user) const {
        return causes_.find(user) != nullptr;
    }
    /// What is waiting takes about so much memory here.
    [[nodiscard]] std::size_t kept_bytes() const noexcept { return kept_bytes_; }
    /// And will take so much in the broker.
    [[nodiscard]] std::size_t waiting_bytes() const noexcept { return waiting_bytes_; }

  private:
    /// How many messages wait because of a user.
    using Causes = ShardedMap<UserId, std::size_t>;

    /// A message that waits, counted while it exists.
    struct Kept {
        Kept(Message what, Outbox& counted_in)
            : message(std::move(what)),
              bytes(message.bytes()),
              for_each(message.bytes_for_each()),
              outbox(counted_in) {
            outbox.kept_bytes_ += bytes;
        }
        ~Kept() {
            outbox.kept_bytes_ -= bytes;
            if (cause != nullptr && --cause->second == 0) {
                outbox.causes_.erase(cause->first.key);
            }
        }
        Kept(const Kept&) = delete;
        Kept& operator=(const Kept&) = delete;

        Message message;
        std::size_t bytes;
        std::size_t for_each;
        typename Causes::Entry* cause = nullptr;
        Outbox& outbox;
    };
    struct Queue {
        std::list<std::shared_ptr<Kept>> messages;
        bool in_line = false;
    };
    using Queues = ShardedMap<UserId, Queue>;
    using Entry = typename Queues::Entry;

    // A node of a list; an entry and its place in the line.
    static constexpr std::size_t bytes_of_a_place = 48;
    static constexpr std::size_t bytes_of_a_user = 150;

    std::shared_ptr<Kept> keep(Message message, Cause cause) {
        auto kept = std::make_shared<Kept>(std::move(message), *this);
        if (cause != nullptr) {
            kept->cause = causes_.obtain(*cause).first;
            ++kept->cause->second;
        }
        return kept;
    }

    void append(const UserId& user, std::shared_ptr<Kept> kept) {
        Entry& entry = *queues_.obtain(user).first;
        if (!entry.second.in_line) {
            line_.push_back(&entry);
            entry.second.in_line = true;
            kept_bytes_ += bytes_of_a_user;
        }
        waiting_bytes_ += kept->for_each;
        kept_bytes_ += bytes_of_a_place;
        ++waiting_;
        entry.second.messages.push_back(std::move(kept));
    }

    void publish_first(const UserId& user, Queue& queue) {
        const auto kept = std::move(queue.messages.front());
        queue.messages.pop_front();
        waiting_bytes_ -= kept->for_each;
        kept_bytes_ -= bytes_of_a_place;
        --waiting_;
        publish_(user, kept->message);
    }

    Pace pace_;
    Publish publish_;
    std::size_t kept_bytes_ = 0;
    std::size_t waiting_bytes_ = 0;
    std::size_t waiting_ = 0;
    /// What was published in this turn of the loop without waiting.
    std::size_t at_once_bytes_ = 0;
    Causes causes_;
    Queues queues_;
    /// Whose turn is next. Each user who has a queue stands in it once.
    std::deque<Entry*> line_;
};

}  // namespace beckon
