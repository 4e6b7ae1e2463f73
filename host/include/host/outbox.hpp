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

/// Paces what is published to users, so that a large fan-out does not keep the
/// broker from all else: it waits, and goes out in slices, one for each turn of
/// the broker's loop, while what is for few is published at once.
///
/// Promised: each user gets all that is said to it in the order in which it was
/// said, whether it waited or not. Users take turns, a message at a time.
/// Nothing is dropped. A message is kept once, however many it waits for; while
/// more than `most_bytes` wait, a slice is as large as it has to be.
///
/// A `Message` has `bytes()`. One thread; `publish` must not call back.
template <class Message>
class Outbox {
  public:
    struct Pace {
        /// How many are published in one turn of the loop: a few milliseconds of its work.
        std::size_t slice = 64;
        /// How many that wait for a user are published ahead of one that should not wait.
        std::size_t most_ahead = 4;
        std::size_t most_bytes = std::size_t{32} * 1024 * 1024;
    };
    using Publish = std::function<void(const UserId& to, Message& message)>;

    Outbox(const SipKey& key, Pace pace, Publish publish)
        : pace_(pace), publish_(std::move(publish)), queues_(key) {}
    ~Outbox() = default;
    Outbox(const Outbox&) = delete;
    Outbox& operator=(const Outbox&) = delete;

    /// To each of them at once, behind what waits for that user, which is
    /// published ahead of it; where that is too much, in the user's turn.
    void say(std::span<const UserId> to, Message message) {
        const auto kept = std::make_shared<Kept>(std::move(message), bytes_);
        for (const auto& user : to) {
            Queue* const queue = waiting_ > 0 ? queues_.find(user) : nullptr;
            if (queue != nullptr && queue->messages.size() > pace_.most_ahead) {
                append(*queue, kept);
                continue;
            }
            while (queue != nullptr && !queue->messages.empty()) {
                publish_first(user, *queue);
            }
            publish_(user, kept->message);
        }
    }

    /// To each of them in the user's turn.
    void say_in_turn(std::span<const UserId> to, Message message) {
        const auto kept = std::make_shared<Kept>(std::move(message), bytes_);
        for (const auto& user : to) {
            Entry& entry = *queues_.obtain(user).first;
            if (!entry.second.in_line) {
                line_.push_back(&entry);
                entry.second.in_line = true;
                bytes_ += bytes_of_a_user;
            }
            append(entry.second, kept);
        }
    }

    /// Publishes the next slice, in each turn of the loop; true if it published anything.
    bool publish_slice() {
        std::size_t published = 0;
        while (!line_.empty()) {
            Entry& entry = *line_.front();
            if (entry.second.messages.empty()) {  // had its last, or got it ahead of its turn
                line_.pop_front();
                queues_.erase(entry.first);
                bytes_ -= bytes_of_a_user;
            } else if (published < pace_.slice || bytes_ > pace_.most_bytes) {
                line_.push_back(&entry);
                line_.pop_front();
                publish_first(entry.first, entry.second);
                ++published;
            } else {
                break;
            }
        }
        return published > 0;
    }

    [[nodiscard]] bool empty() const noexcept { return waiting_ == 0; }
    /// What is waiting takes about so much memory.
    [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

  private:
    /// A message, counted while it exists.
    struct Kept {
        Kept(Message what, std::size_t& counted_in)
            : message(std::move(what)), bytes(message.bytes()), total(counted_in) {
            total += bytes;
        }
        ~Kept() { total -= bytes; }
        Kept(const Kept&) = delete;
        Kept& operator=(const Kept&) = delete;

        Message message;
        std::size_t bytes;
        std::size_t& total;
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

    void append(Queue& queue, std::shared_ptr<Kept> kept) {
        queue.messages.push_back(std::move(kept));
        ++waiting_;
        bytes_ += bytes_of_a_place;
    }

    void publish_first(const UserId& user, Queue& queue) {
        const auto kept = std::move(queue.messages.front());
        queue.messages.pop_front();
        --waiting_;
        bytes_ -= bytes_of_a_place;
        publish_(user, kept->message);
    }

    Pace pace_;
    Publish publish_;
    std::size_t bytes_ = 0;
    std::size_t waiting_ = 0;
    Queues queues_;
    /// Whose turn is next. Each user who has a queue stands in it once.
    std::deque<Entry*> line_;
};

}  // namespace beckon
