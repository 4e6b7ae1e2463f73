// SPDX-License-Identifier: Apache-2.0
#include "lease.hpp"

#include <algorithm>

namespace beckon {

Lease::Lease(const Settings& settings, Instant now) : settings_(settings), next_(now) {}

Lease::Next Lease::next() const {
    if (const auto* const owning = std::get_if<Owning>(&state_)) {
        return {owning->is_given_up ? Deed::let_go : Deed::renew, next_};
    }
    const auto& watching = std::get<Watching>(state_);
    if (!watching.unchanged_since) {
        return {Deed::look, next_};
    }
    const bool is_free = seen_.owner.empty();
    const auto takes_at =
        std::max(is_free ? *watching.unchanged_since : *watching.unchanged_since + settings_.length,
                 watching.not_before);
    return takes_at <= next_ ? Next{Deed::take, takes_at} : Next{Deed::look, next_};
}

void Lease::saw(const SiteRow& row, Instant asked, Instant now) {
    auto* const watching = std::get_if<Watching>(&state_);
    if (watching == nullptr) {
        return;
    }
    if (!watching->unchanged_since) {
        watching->unchanged_since = now;
    } else if (row != seen_) {
        watching->unchanged_since = now;
        watching->changed_after = last_asked_;
    }
    last_asked_ = asked;
    seen_ = row;
    next_ = now + settings_.between_looks;
}

void Lease::took(std::optional<std::uint64_t> epoch, Instant asked, Instant now) {
    const auto* const watching = std::get_if<Watching>(&state_);
    if (watching == nullptr) {
        return;
    }
    if (!epoch) {
        next_ = now;
        state_ = Watching{.not_before = watching->not_before};
        return;
    }
    state_ = Owning{.epoch = *epoch, .counted_from = asked};
    seen_.is_drained = false;
    next_ = asked + settings_.length / 3;
}

void Lease::renewed(const std::optional<SiteRow>& row, Instant asked, Instant now) {
    auto* const owning = std::get_if<Owning>(&state_);
    if (owning == nullptr) {
        return;
    }
    if (!row) {
        watch(now, now);
        return;
    }
    seen_ = *row;
    owning->counted_from = asked;
    next_ = asked + settings_.length / 3;
}

void Lease::was_let_go(Instant now) { watch(now, now + 10 * settings_.between_looks); }

void Lease::failed(Instant now) {
    if (const auto* const owning = std::get_if<Owning>(&state_);
        owning != nullptr && now >= owning->counted_from + settings_.length) {
        watch(now + settings_.between_looks, now);
        return;
    }
    next_ = now + settings_.between_looks;
}

void Lease::give_up(Instant now) {
    if (auto* const owning = std::get_if<Owning>(&state_)) {
        owning->is_given_up = true;
        next_ = now;
    }
}

void Lease::watch(Instant next, Instant not_before) {
    state_ = Watching{.not_before = not_before};
    seen_ = {};
    next_ = next;
}

std::optional<Instant> Lease::clock_seen_at() const {
    const auto* const watching = std::get_if<Watching>(&state_);
    return watching != nullptr ? watching->changed_after : std::nullopt;
}

std::optional<std::uint64_t> Lease::owned() const {
    const auto* const owning = std::get_if<Owning>(&state_);
    return owning != nullptr && !owning->is_given_up ? std::optional(owning->epoch) : std::nullopt;
}

std::optional<std::uint64_t> Lease::given_up() const {
    const auto* const owning = std::get_if<Owning>(&state_);
    return owning != nullptr && owning->is_given_up ? std::optional(owning->epoch) : std::nullopt;
}

std::optional<Instant> Lease::speaks_until() const {
    const auto* const owning = std::get_if<Owning>(&state_);
    return owning == nullptr ? std::nullopt
                             : std::optional(owning->counted_from + settings_.length * 9 / 10);
}

bool Lease::may_speak(Instant now) const {
    const auto until = speaks_until();
    return until && now < *until;
}

}  // namespace beckon
