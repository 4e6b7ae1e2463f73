// SPDX-License-Identifier: Apache-2.0
#include "errands.hpp"

#include <utility>

namespace beckon {

namespace {

/// So that they do not get in the way of calls.
constexpr std::size_t max_in_flight = 4;
/// That are remembered, to be called off.
constexpr std::size_t max_errands = 1000;

}  // namespace

void Errands::get(const InvitationId& id, Instant when) {
    errands_.try_emplace({Errand::What::get, id}, when);
}

void Errands::call_off(const InvitationId& id, bool may_be_call) {
    if (errands_.size() < max_errands) {
        errands_.try_emplace({Errand::What::cancel, id}, Instant{});
        if (may_be_call) {
            calls_.insert(id);
        }
    }
}

void Errands::reject(Reject as, Instant when) {
    const Errand errand{Errand::What::reject, as.id};
    rejects_.insert_or_assign(errand.id, std::move(as));
    errands_.try_emplace(errand, when);
}

std::optional<RequestBody> Errands::begin(Instant now) {
    if (in_flight_ >= max_in_flight) {
        return std::nullopt;
    }
    for (auto& [errand, when] : errands_) {
        if (when && *when <= now) {
            when.reset();
            ++in_flight_;
            switch (errand.what) {
                case Errand::What::get:
                    return Get{errand.id};
                case Errand::What::cancel:
                    return Cancel{.id = errand.id};
                case Errand::What::hangup:
                    return Hangup{.id = errand.id, .all = true};
                case Errand::What::reject:
                    return rejects_.at(errand.id);
            }
        }
    }
    return std::nullopt;
}

Errand Errands::of(const RequestBody& body) {
    if (const auto* get = std::get_if<Get>(&body)) {
        return {Errand::What::get, get->id};
    }
    if (const auto* reject = std::get_if<Reject>(&body)) {
        return {Errand::What::reject, reject->id};
    }
    if (const auto* hangup = std::get_if<Hangup>(&body)) {
        return {Errand::What::hangup, hangup->id};
    }
    return {Errand::What::cancel, std::get<Cancel>(body).id};
}

void Errands::again(const Errand& errand, Instant when) {
    --in_flight_;
    errands_[errand] = when;
}

bool Errands::drop_data(const Errand& errand) {
    return errand.what == Errand::What::reject &&
           std::exchange(rejects_.at(errand.id).data, std::nullopt).has_value();
}

void Errands::done(const Errand& errand) {
    --in_flight_;
    errands_.erase(errand);
    if (errand.what == Errand::What::reject) {
        rejects_.erase(errand.id);
    } else if (errand.what == Errand::What::cancel && calls_.erase(errand.id) > 0) {
        errands_.try_emplace({Errand::What::hangup, errand.id}, Instant{});
    }
}

void Errands::lose_connection() {
    std::erase_if(errands_, [](const auto& one) { return one.first.what == Errand::What::get; });
    for (auto& [errand, when] : errands_) {
        when = Instant{};
    }
    in_flight_ = 0;
}

void Errands::clear() {
    errands_.clear();
    rejects_.clear();
    calls_.clear();
    in_flight_ = 0;
}

std::optional<Instant> Errands::next_deadline() const {
    std::optional<Instant> next;
    if (in_flight_ < max_in_flight) {
        for (const auto& [errand, when] : errands_) {
            if (when && (!next || *when < *next)) {
                next = when;
            }
        }
    }
    return next;
}

}  // namespace beckon
