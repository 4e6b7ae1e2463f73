// SPDX-License-Identifier: Apache-2.0
//
// How late invitation_timeout is, beside how long a plain PUBLISH takes to the same user: what one
// sent arrives by the same two hops, and the timer.
#include <algorithm>
#include <random>
#include <stdexcept>

#include "side.hpp"

namespace beckon::bench {

namespace {

class Timed {
  public:
    Timed(Side& side, const Options& options) : side_(side) {
        side.hear = [this](Connection& by, const Publish& message) { heard(by, message); };
        const std::vector users{user_name("timed-a", side.letter, 0),
                                user_name("timed-b", side.letter, 0)};
        side.connect(users, options, [&](const Connection& one) {
            auto filters = inbox_filters(side_.speech, one.user());
            filters.push_back("plain/" + one.user());
            return filters;
        });
    }

    /// Seconds until the other user hears `wanted`.
    double time(const std::string& topic, const std::string& payload, const std::string& wanted) {
        wanted_ = wanted;
        arrived_ = false;
        const auto start = Clock::now();
        side_.connections[0].publish(topic, payload);
        side_.connections[0].send();
        side_.await([this] { return arrived_; }, wanted.c_str());
        return std::chrono::duration<double>(at_ - start).count();
    }

    [[nodiscard]] const std::string& other() const { return side_.connections[1].user(); }

  private:
    void heard(const Connection& by, const Publish& message) {
        if (by.tag() == 1 && message.payload.find(wanted_) != std::string_view::npos) {
            at_ = Clock::now();
            arrived_ = true;
        } else if (message.topic.ends_with("/reply") &&
                   message.payload.find("error") != std::string_view::npos) {
            throw std::runtime_error("refused: " + std::string(message.payload));
        }
    }

    Side& side_;
    std::string wanted_;
    bool arrived_ = false;
    Clock::time_point at_{};
};

}  // namespace

Found run_timeouts(Sides& sides, const Options& options) {
    Found found;
    for (auto& side : sides) {
        Timed timed(side, options);
        std::mt19937 dice(11);  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same each time
        std::vector<double> plain;
        std::vector<double> late;
        for (std::size_t i = 0; i < options.count; ++i) {
            pause(options.gap_ms);
            const auto name = "plain-" + std::to_string(i) + "-";
            plain.push_back(
                timed.time("plain/" + timed.other(), name + std::string(190, 'x'), name) * 1e6);
            const auto timeout_ms = std::uint32_t(80 + dice() % 150);
            const auto took =
                timed.time("beckon/v1/user/" + timed.other() + "/invite",
                           invite_body(side.speech, invitation_id(side.letter, 99, i), timeout_ms),
                           "invitation_timeout");
            late.push_back(took * 1e6 - timeout_ms * 1e3);
        }
        found.push_back({{"side", side.name}, {"plain_us", plain}, {"late_us", late}});
    }
    return found;
}

}  // namespace beckon::bench
