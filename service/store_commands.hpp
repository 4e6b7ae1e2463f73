// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "options.hpp"

namespace beckon {

/// `beckond store init`, `upgrade`, `check` and `import FILE`, whichever was said. Returns the
/// program's code. Throws `CLI::Error`, and for the database what that throws.
int run_store_command(const CLI::App& app, const std::string& file, const ServiceOptions& options);
/// `beckond drain`: asks whoever owns the site to let it go, and waits until another has it.
int drain(const ServiceOptions& options);

}  // namespace beckon
