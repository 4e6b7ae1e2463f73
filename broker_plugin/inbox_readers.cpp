// SPDX-License-Identifier: Apache-2.0
#include "inbox_readers.hpp"

#include <utility>

#include "access.hpp"

namespace beckon {

namespace {

using Kind = InboxReaders::Kind;

constexpr std::size_t place_of(Kind kind) { return static_cast<std::size_t>(kind); }

/// Replies below `reply` are for who asked for them there, by MQTT 5.
std::optional<Kind> kind_at(std::string_view level) {
    if (level == "event") {
        return Kind::msgpack_event;
    }
    if (level == "json") {
        return Kind::json_event;
    }
    return level == "reply" ? std::optional(Kind::reply) : std::nullopt;
}

/// The user level of `filter` when that may match what is in somebody's inbox; `#` and
/// `+`: in anybody's.
std::optional<std::string_view> whose_inbox(std::string_view filter, std::string_view root) {
    const auto slash = root.find('/');
    for (const auto expected : {root.substr(0, slash), root.substr(slash + 1), inbox_level}) {
        const auto level = take_level(filter);
        if (level == "#") {
            return level;
        }
        if (level != expected && level != "+") {
            return std::nullopt;
        }
    }
    return take_level(filter);
}

}  // namespace

InboxReaders::InboxReaders(const Topics& topics, const SipKey& key, std::size_t most)
    : topics_(topics),
      key_(key),
      most_(most),
      known_(key),
      published_now_(0, KeyedHash{key}),
      published_before_(0, KeyedHash{key}) {}

InboxReaders::Known InboxReaders::known_of(const UserId& user) const {
    if (last_ != user) {
        const auto* const known = known_.find(user);
        last_known_ = known != nullptr ? *known : Known();
        last_ = user;
    }
    return last_known_;
}

InboxReaders::Known& InboxReaders::know(const UserId& user) {
    if (known_.size() >= most_) {
        known_ = ShardedMap<UserId, Known>(key_);
    }
    last_.reset();
    return known_.obtain(user).first->second;
}

void InboxReaders::published_both(const UserId& user) {
    auto& of_user = published_now_[user];
    of_user[place_of(Kind::msgpack_event)].published = true;
    of_user[place_of(Kind::json_event)].published = true;
}

void InboxReaders::replied(const UserId& user) {
    if (known_of(user).replies == Typed::unknown) {
        published_now_[user][place_of(Kind::reply)].published = true;
    }
}

void InboxReaders::asked(std::string_view below, bool has_no_types) {
    if (published_before_.empty() && published_now_.empty()) {
        return;
    }
    if (take_level(below) != inbox_level) {
        return;
    }
    const auto user = UserId::parse(take_level(below));
    const auto kind = kind_at(below);
    if (!user || !kind) {
        return;
    }
    for (auto* const published : {&published_before_, &published_now_}) {
        if (const auto found = published->find(*user); found != published->end()) {
            auto& of_kind = found->second.at(place_of(*kind));
            of_kind.asked = true;
            of_kind.typed |= !has_no_types;
        }
    }
}

void InboxReaders::subscribed(std::string_view filter) {
    const auto whose = whose_inbox(without_share(filter), topics_.root());
    if (whose == "#" || whose == "+") {
        forget_all();
    } else if (whose) {
        if (const auto user = UserId::parse(*whose)) {
            forget(*user);
        }
    }
}

void InboxReaders::ticked() {
    for (const auto& [user, of_user] : published_before_) {
        const auto& [msgpack, json, reply] = of_user;
        if (json.published && msgpack.asked != json.asked) {
            Known& known = know(user);
            known.only = msgpack.asked ? Encoding::msgpack : Encoding::json;
            known.events_have_no_type = !msgpack.typed && !json.typed;
        }
        if (reply.published && reply.asked) {
            know(user).replies = reply.typed ? Typed::yes : Typed::no;
        }
    }
    published_before_.clear();
    std::swap(published_before_, published_now_);
}

void InboxReaders::forget(const UserId& user) {
    last_.reset();
    known_.erase(user);
    published_now_.erase(user);
    published_before_.erase(user);
}

void InboxReaders::forget_all() {
    last_.reset();
    known_ = ShardedMap<UserId, Known>(key_);
    published_now_.clear();
    published_before_.clear();
}

}  // namespace beckon
