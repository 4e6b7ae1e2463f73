// SPDX-License-Identifier: Apache-2.0
//
// Many users: invitations that stay pending, clients that come and go, and a group.
#include <algorithm>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <thread>

#include "side.hpp"

namespace beckon::bench {

namespace {

constexpr std::size_t invites_each = 10;
constexpr std::uint32_t a_day_ms = 86'400'000;

/// Of the user with this number, who comes, invites ten others for a day, and goes.
void say_invites(Side& side, Connection& user, std::size_t number, std::size_t users) {
    for (std::size_t i = 0; i < invites_each; ++i) {
        const auto invitee = user_name("holder", side.letter, (number + i + 1) % users);
        user.publish("beckon/v1/user/" + invitee + "/invite",
                     invite_body(side.speech, invitation_id(side.letter, number, i), a_day_ms));
    }
    user.send();
}

}  // namespace

Found run_pending(Sides& sides, const Options& options) {
    constexpr std::size_t at_once = 100;
    Found found;
    for (auto& side : sides) {
        side.hear = [](Connection&, const Publish&) {};
        side.settle();
        const auto before = side.resident();
        const auto cpu = side.cpu();
        const auto users = std::max(options.count / invites_each, std::size_t(1));
        std::size_t acknowledged = 0;
        for (std::size_t first = 0; first < users; first += at_once) {
            std::deque<Connection> some;
            for (auto number = first; number < std::min(users, first + at_once); ++number) {
                auto& one = some.emplace_back(side.poller, user_name("holder", side.letter, number),
                                              number, side.hear);
                one.open(side.port, options.version, 1);
                say_invites(side, one, number, users);
            }
            side.await(
                [&] {
                    return std::all_of(some.begin(), some.end(), [](const Connection& one) {
                        return one.acknowledged() == invites_each;
                    });
                },
                "acknowledgements");
            acknowledged += some.size() * invites_each;
            for (auto& one : some) {
                one.leave();
            }
            side.await(
                [&] {
                    return std::none_of(some.begin(), some.end(),
                                        [](const Connection& one) { return one.is_open(); });
                },
                "the end of connections");
        }
        side.settle();
        found.push_back({{"side", side.name},
                         {"pending", acknowledged},
                         {"resident_before", before},
                         {"resident", side.resident()},
                         {"cpu_s", side.cpu() - cpu}});
    }
    return found;
}

namespace {

/// Connects, subscribes and leaves; so many of these, one after the other.
void come_and_go(Side& side, const Options& options, std::size_t count, std::size_t& number) {
    for (std::size_t i = 0; i < count; ++i) {
        const auto user = user_name("comer", side.letter, number++ % 10'000);
        Connection one(side.poller, user, 0, side.hear);
        one.open(side.port, options.version, 1);
        one.subscribe(options.inboxes
                          ? inbox_filters(Speech::json, user)
                          : std::vector{"other/" + user + "/a", "other/" + user + "/b"});
        one.send();
        side.await([&] { return one.ready(); }, "SUBACK");
        one.leave();
        side.await([&] { return !one.is_open(); }, "the end of a connection");
    }
}

}  // namespace

Found run_churn(Sides& sides, const Options& options) {
    std::vector<std::vector<double>> cpu_us(sides.size());
    std::size_t number = 0;
    for (auto& side : sides) {
        side.hear = [](Connection&, const Publish&) {};
    }
    for (int round = -1; round < options.rounds; ++round) {
        for (std::size_t i = 0; i < sides.size(); ++i) {
            auto& side = sides[i];
            if (round < 0) {
                come_and_go(side, options, options.count / 5, number);
                continue;
            }
            side.settle();
            ask(options, "begin", side);
            const auto cpu = side.cpu();
            come_and_go(side, options, options.count, number);
            ask(options, "end", side);
            side.settle();
            cpu_us[i].push_back((side.cpu() - cpu) * 1e6 / double(options.count));
        }
    }
    Found found;
    for (std::size_t i = 0; i < sides.size(); ++i) {
        found.push_back({{"side", sides[i].name}, {"cpu_us", cpu_us[i]}});
    }
    return found;
}

namespace {

/// A group whose owner invites all others, some of whom answer, and everybody hears each answer; on
/// a bare broker, a PUBLISH that all others hear, and some that everybody hears.
class Group {
  public:
    Group(Side& side, const Options& options) : side_(side), options_(options) {
        side.hear = [this](const Connection&, const Publish& message) {
            if (message.topic.ends_with("/reply") &&
                message.payload.find(R"("error")") != std::string_view::npos) {
                throw std::runtime_error("refused: " + std::string(message.payload));
            }
            ++heard_;
            bytes_ += message.payload.size();
        };
        std::vector<std::string> users;
        for (std::size_t i = 0; i < options.members; ++i) {
            users.push_back(user_name("member", side.letter, i));
        }
        side.connect(users, options, [&](const Connection& one) {
            return side_.is_beckon() ? inbox_filters(side_.speech, one.user())
                   : one.tag() == 0  ? std::vector<std::string>{"flat/all"}
                                     : std::vector<std::string>{"flat/all", "flat/others"};
        });
        if (side.is_beckon()) {
            std::string others;
            for (std::size_t i = 1; i < users.size(); ++i) {
                others.append(i > 1 ? "," : "").append("\"" + users[i] + "\"");
            }
            say(0, "beckon/v1/group/flat/create", "{\"members\":[" + others + "]}",
                users.size() + 1);
        }
    }

    struct Cost {
        double cpu_us_for_each = 0;
        std::size_t size = 0;
        std::size_t messages = 0;
    };

    /// The owner invites all others; a round of answers follows.
    Cost invite(std::size_t size) {
        ++round_;
        const auto heard = options_.members - 1 + (side_.is_beckon() ? 1 : 0);
        return costs([&] {
            side_.is_beckon()
                ? say(0, "beckon/v1/group/flat/invite", invite_body(side_.speech, id()), heard)
                : say(0, "flat/others", std::string(size, 'i'), heard);
        });
    }
    /// `counts`: it is no warm-up.
    Cost answers(std::size_t size, bool counts) {
        const auto count = std::min(options_.members - 2, std::size_t(60));
        const auto heard = options_.members + (side_.is_beckon() ? 1 : 0);
        if (counts) {
            ask(options_, "begin", side_);
        }
        const auto cost = costs([&] {
            for (std::size_t i = 1; i <= count; ++i) {
                side_.is_beckon() ? say(i, "beckon/v1/invitation/" + id() + "/accept", "{}", heard)
                                  : say(i, "flat/all", std::string(size, 'a'), heard);
            }
        });
        if (counts) {
            ask(options_, "end", side_);
        }
        return cost;
    }
    void end() {
        if (side_.is_beckon()) {
            say(0, "beckon/v1/invitation/" + id() + "/cancel", "{}", options_.members + 1);
        }
    }

  private:
    [[nodiscard]] std::string id() const { return invitation_id(side_.letter, 0, round_); }

    void say(std::size_t member, const std::string& topic, const std::string& payload,
             std::size_t heard_then) {
        const auto until = heard_ + heard_then;
        side_.connections[member].publish(topic, payload);
        side_.connections[member].send();
        side_.await([&] { return heard_ >= until; }, "what a group hears");
    }

    Cost costs(const std::function<void()>& act) {
        side_.settle();
        const auto cpu = side_.cpu();
        const auto heard = heard_;
        const auto bytes = bytes_;
        act();
        side_.settle();
        const auto messages = heard_ - heard;
        return {(side_.cpu() - cpu) * 1e6 / double(messages), (bytes_ - bytes) / messages,
                messages};
    }

    Side& side_;
    const Options& options_;
    std::size_t heard_ = 0;
    std::size_t bytes_ = 0;
    std::size_t round_ = 0;
};

}  // namespace

Found run_group(Sides& sides, const Options& options) {
    std::deque<Group> groups;
    Found found;
    for (auto& side : sides) {
        groups.emplace_back(side, options);
        found.push_back({{"side", side.name}, {"members", options.members}});
    }
    auto sizes = options.sizes;
    for (int round = -1; round < options.rounds; ++round) {
        for (std::size_t i = 0; i < sides.size(); ++i) {
            const auto turn = (i + std::size_t(round + 1)) % sides.size();
            const auto invite = groups[turn].invite(sizes.at(0));
            const auto answers = groups[turn].answers(sizes.at(1), round >= 0);
            groups[turn].end();
            if (sides[turn].is_beckon()) {  // as large for the others the next time
                sizes = {invite.size, answers.size};
            }
            if (round >= 0) {
                found[turn]["invite_us"].push_back(invite.cpu_us_for_each);
                found[turn]["answer_us"].push_back(answers.cpu_us_for_each);
                found[turn]["messages"] = answers.messages;
                found[turn]["sizes"] = sizes;
            }
        }
    }
    return found;
}

}  // namespace beckon::bench
