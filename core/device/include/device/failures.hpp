// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace beckon {

/// Why a client's call ended without a reply. The broker's refusals are in errors.hpp.
enum class Failure : std::uint8_t {
    no_reply,
    not_connected,
    no_beckon,
    closed,
    too_many_waiting,
    withdrawn,
};

struct FailureInfo {
    Failure failure;
    std::string_view name;
    int code;
    std::string_view message;
};

inline constexpr std::array failure_table{
    FailureInfo{Failure::no_reply, "no_reply", 6012,
                "there was no reply in time; it may have been done or not"},
    FailureInfo{Failure::not_connected, "not_connected", 20191,
                "not sent, as there was no connection"},
    FailureInfo{Failure::no_beckon, "no_beckon", 20192,
                "the broker does not answer: it has no Beckon"},
    FailureInfo{Failure::closed, "closed", 20193, "the client was closed before there was a reply"},
    FailureInfo{Failure::too_many_waiting, "too_many_waiting", 20194,
                "not sent, as too many calls are waiting"},
    FailureInfo{Failure::withdrawn, "withdrawn", 20195, "cancelled before it was sent"},
};

consteval bool failure_table_is_in_order() {
    for (std::size_t i = 0; i < failure_table.size(); ++i) {
        if (static_cast<std::size_t>(failure_table[i].failure) != i) {
            return false;
        }
    }
    return failure_table.size() == static_cast<std::size_t>(Failure::withdrawn) + 1;
}
static_assert(failure_table_is_in_order());

constexpr const FailureInfo& info(Failure failure) {
    return failure_table[static_cast<std::size_t>(failure)];
}

}  // namespace beckon
