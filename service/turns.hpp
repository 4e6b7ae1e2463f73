// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "options.hpp"
#include "postgres/pg_site.hpp"

namespace beckon {

/// Where the site's tables are, as the options say.
PgPlace place_of(const ServiceOptions& options);
/// Watches a site of which one instance at a time is the owner, and serves it each time when it is
/// this one's turn; until a signal that ends it, which has to be blocked in all threads. Returns
/// the program's code, after `ending` was told it and what was open is closed.
int serve_in_turn(const ServiceOptions& options, const std::function<void(int)>& ending);

}  // namespace beckon
