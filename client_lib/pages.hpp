// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <utility>

#include "arguments.hpp"
#include "mapping.hpp"

namespace beckon {

/// Asks for one page after the other; `done` gets all that was read, or why it could not be.
/// `take` puts what a page has into `all`, and tells where the next begins.
template <class Ask, class All, class Take, class Done>
void ask_pages(Engine& engine, Arguments arguments, const Ask& ask, All all, Take take, Done done) {
    arguments.call(engine, ask,
                   [&engine, ask = Ask(ask), all = std::move(all), take = std::move(take),
                    done = std::move(done)](const Outcome& outcome) mutable {
                       const Result result = to_result(outcome);
                       ask.page.after = result.ok() ? take(outcome, all) : std::nullopt;
                       if (ask.page.after) {
                           ask_pages(engine, {}, ask, std::move(all), std::move(take),
                                     std::move(done));
                       } else {
                           done(result, all);
                       }
                   });
}

}  // namespace beckon
