// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "messages.hpp"

/// Refusals as every check of the core writes them. Any thread.
namespace beckon {

/// With the error's own sentence.
inline Refusal refuse(Error error) {
    return {.error = error, .message = std::string(info(error).message)};
}

/// `field` is to blame; `why` goes on from its name.
inline Refusal refuse_field(Error error, std::string_view field, std::string_view why) {
    return {.error = error,
            .message = std::string(field) + " " + std::string(why),
            .field = std::string(field)};
}

}  // namespace beckon
