// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

namespace beckon {

/// What tells our files from those of others, in SQLite's header: "Beck".
inline constexpr std::int64_t store_application_id = 0x4265636b;

/// The tables of the store's file, by version: each script leads from the version of its index to
/// the next; the last one is the present.
std::span<const char* const> store_migrations();

}  // namespace beckon
