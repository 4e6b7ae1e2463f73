// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "host/journal.hpp"
#include "options.hpp"

namespace beckon {

/// Where what is remembered is stored; null: nothing is.
std::unique_ptr<Journal> journal_of(const Options& options);

}  // namespace beckon
