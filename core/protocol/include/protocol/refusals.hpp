// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/replies.hpp"
#include "protocol/requests.hpp"

/// Refusals as every check of the core writes them. Any thread.
namespace beckon {

/// With the error's own sentence.
inline Refusal refuse(Error error) {
    return {.error = error, .message = std::string(info(error).message)};
}

/// Of somebody named, who would have to be a member.
inline Refusal refuse_stranger() {
    auto refusal = refuse(Error::not_member);
    refusal.message = "who is named is no member of the group";
    return refusal;
}

/// Of somebody named, who would have to be below the asker.
inline Refusal refuse_rank() {
    auto refusal = refuse(Error::not_owner);
    refusal.message = "who is named is not below you in rank";
    return refusal;
}

/// `field` is to blame; `why` goes on from its name.
inline Refusal refuse_field(Error error, std::string_view field, std::string_view why) {
    return {.error = error,
            .message = std::string(field) + " " + std::string(why),
            .field = std::string(field)};
}

/// Over a limit: `field` is larger than `limit`.
inline Refusal refuse_size(std::string_view field, std::int64_t limit) {
    auto refusal = refuse_field(Error::too_large, field, "is over " + std::to_string(limit));
    refusal.limit = limit;
    return refusal;
}

/// Over a limit on how many or how often.
inline Refusal refuse_count(Error error, std::int64_t limit) {
    auto refusal = refuse(error);
    refusal.limit = limit;
    return refusal;
}

/// Why somebody who is named is left out.
using WhyNot = std::optional<Refusal>;

struct Sorted {
    std::vector<UserId> asked;
    std::vector<Skipped> skipped;
    /// The refusal when nobody is left: the common error, else `invalid_request`.
    std::optional<Refusal> common;
};

/// Sorts those whom a request is about from those whom it cannot be about.
Sorted sort_out(std::vector<UserId> distinct, const auto& why_not) {
    Sorted sorted;
    for (auto& user : distinct) {
        if (WhyNot why = why_not(user)) {
            sorted.skipped.push_back({.user = user, .error = why->error});
            if (!sorted.common) {
                sorted.common = std::move(why);
            } else if (sorted.common->error != why->error) {
                sorted.common = refuse(Error::invalid_request);
                sorted.common->message = "it can be done for nobody named, for several reasons";
            }
        } else {
            sorted.asked.push_back(user);
        }
    }
    return sorted;
}

}  // namespace beckon
