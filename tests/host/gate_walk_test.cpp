// SPDX-License-Identifier: Apache-2.0
#include "gate_walk.hpp"

#include <map>
#include <random>
#include <string>

#include "catch.hpp"
#include "world/walks.hpp"

using namespace beckon;

namespace {

/// Takes steps by chance.
class RandomWalk {
  public:
    explicit RandomWalk(std::uint32_t seed, bool notes = false)
        : random_(seed),
          walk_(
              [this](std::size_t bound) {
                  return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random_);
              },
              notes) {}

    void run(int steps) {
        walk_.run([&] { return steps-- > 0; });
    }
    [[nodiscard]] const std::map<std::string, int>& seen() const { return walk_.seen(); }

  private:
    std::mt19937 random_;
    GateWalk walk_;
};

}  // namespace

TEST_CASE("every promise is kept whatever the journal does") {
    std::map<std::string, std::int64_t> seen;
    const std::uint32_t seeds = walks(300);
    for (std::uint32_t seed = 1; seed <= seeds; ++seed) {
        RandomWalk walk(seed);
        try {
            walk.run(800);
        } catch (const std::exception& error) {
            const std::string why = error.what();
            try {
                RandomWalk(seed, true).run(800);
            } catch (const std::exception& /*again*/) {
            }
            FAIL("seed " << seed << ": " << why);
        }
        for (const auto& [what, count] : walk.seen()) {
            seen[what] += count;
        }
    }
    for (const auto* what : {"fails", "works", "refused", "killed", "by the clock", "invite ok",
                             "accept ok", "hangup ok", "get ok", "join ok", "quit ok"}) {
        INFO(what);
        CHECK(seen[what] * 6 > std::int64_t{seeds});
    }
}
