// SPDX-License-Identifier: Apache-2.0
#include "encodings_read.hpp"

#include <utility>

#include "access.hpp"

namespace beckon {

namespace {

constexpr std::size_t place_of(Encoding encoding) { return encoding == Encoding::json ? 1 : 0; }

std::optional<Encoding> encoding_at(std::string_view level) {
    if (level == "event") {
        return Encoding::msgpack;
    }
    return level == "json" ? std::optional(Encoding::json) : std::nullopt;
}

/// The user level of `filter` when that may match events of somebody's; `#` and
/// `+`: of anybody's.
std::optional<std::string_view> whose_events(std::string_view filter, std::string_view root) {
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
    const auto user = take_level(filter);
    const auto last = take_level(filter);
    const bool matches = user == "#" || last == "#" || last == "+" || encoding_at(last);
    return matches ? std::optional(user) : std::nullopt;
}

}  // namespace

EncodingsRead::EncodingsRead(const Topics& topics, const SipKey& key, std::size_t most)
    : topics_(topics),
      key_(key),
      most_(most),
      only_(key),
      published_now_(0, KeyedHash{key}),
      published_before_(0, KeyedHash{key}) {}

std::optional<Encoding> EncodingsRead::only(const UserId& user) const {
    const auto* const known = only_.find(user);
    return known != nullptr ? std::optional(*known) : std::nullopt;
}

void EncodingsRead::published_both(const UserId& user) { published_now_.try_emplace(user); }

void EncodingsRead::asked(std::string_view below) {
    if (published_before_.empty() && published_now_.empty()) {
        return;
    }
    if (take_level(below) != inbox_level) {
        return;
    }
    const auto user = UserId::parse(take_level(below));
    const auto encoding = encoding_at(below);
    if (!user || !encoding) {
        return;
    }
    for (auto* const published : {&published_before_, &published_now_}) {
        if (const auto found = published->find(*user); found != published->end()) {
            found->second.at(place_of(*encoding)) = true;
        }
    }
}

void EncodingsRead::subscribed(std::string_view filter) {
    const auto whose = whose_events(without_share(filter), topics_.root());
    if (whose == "#" || whose == "+") {
        forget_all();
    } else if (whose) {
        if (const auto user = UserId::parse(*whose)) {
            forget(*user);
        }
    }
}

void EncodingsRead::ticked() {
    for (const auto& [user, asked] : published_before_) {
        if (asked[0] != asked[1]) {
            if (only_.size() >= most_) {
                only_ = ShardedMap<UserId, Encoding>(key_);
            }
            only_.obtain(user).first->second = asked[0] ? Encoding::msgpack : Encoding::json;
        }
    }
    published_before_.clear();
    std::swap(published_before_, published_now_);
}

void EncodingsRead::forget(const UserId& user) {
    only_.erase(user);
    published_now_.erase(user);
    published_before_.erase(user);
}

void EncodingsRead::forget_all() {
    only_ = ShardedMap<UserId, Encoding>(key_);
    published_now_.clear();
    published_before_.clear();
}

}  // namespace beckon
