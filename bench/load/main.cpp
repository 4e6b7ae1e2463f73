// SPDX-License-Identifier: Apache-2.0
// Drives brokers in turns, from one process on one thread, and tells what each costs as JSON lines;
// bench/side_by_side.py starts it and them. `bench_load --help` lists the options.
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <array>
#include <iostream>

#include "side.hpp"

namespace {

using namespace beckon::bench;

struct Part {
    const char* name;
    const char* about;
    Found (*run)(Sides&, const Options&);
};
constexpr std::array parts{
    Part{"cycles", "invites and their accepts, many at once", run_cycles},
    Part{"latency", "how long a ring takes, one at a time", run_latency},
    Part{"timeouts", "how late a timeout is, one at a time", run_timeouts},
    Part{"pending", "invitations that stay pending", run_pending},
    Part{"churn", "clients that connect, subscribe and leave", run_churn},
    Part{"group", "answers that a whole group hears", run_group},
};

void add_options(CLI::App& app, Options& options, std::vector<std::string>& sides) {
    app.add_option("--side", sides,
                   "NAME:json|msgpack|bare|plain:PORT:PID; the first is the anchor")
        ->required();
    app.add_option("--pairs", options.pairs, "Pairs of users");
    app.add_option("--rounds", options.rounds, "Rounds of each side, which take turns");
    app.add_option("--seconds", options.seconds, "Of a round");
    app.add_option("--cycles", options.cycles, "Of a round, instead of its seconds");
    app.add_option("--rate", options.rate, "Cycles a second, instead of one after the other");
    app.add_option("--warm-up", options.warm_up, "Seconds before the first round");
    app.add_option("--count", options.count, "Of rings, timeouts, pending, or comers in a round");
    app.add_option("--members", options.members, "Of a group")->check(CLI::Range(3, 10000));
    app.add_option("--gap", options.gap_ms, "Mean pause in ms between what is done one at a time");
    app.add_option("--sizes", options.sizes, "Of a bare side's payloads")->expected(2);
    app.add_option("--qos", options.qos, "0 or 1");
    app.add_flag("--inboxes", options.inboxes, "Who comes and goes subscribes to inboxes");
    app.add_flag("--ask", options.ask, "Says what counts, and waits for a line");
    app.add_flag_callback(
        "--mqtt5", [&options] { options.version = Version::v5; }, "MQTT 5 instead of 3.1.1");
}

void allow_many_connections() {
    rlimit files{};
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app("Drives brokers in turns, and tells what each costs.", "bench_load");
    Options options;
    std::vector<std::string> described;
    const Part* chosen = nullptr;
    app.require_subcommand(1)->fallthrough();
    add_options(app, options, described);
    for (const auto& part : parts) {
        app.add_subcommand(part.name, part.about)->callback([&] { chosen = &part; });
    }
    CLI11_PARSE(app, argc, argv);
    try {
        allow_many_connections();
        Sides sides;
        for (const auto& one : described) {
            sides.emplace_back(one, char('A' + sides.size()));
        }
        for (const auto& line : chosen->run(sides, options)) {
            std::cout << line.dump() << '\n';
        }
    } catch (const std::exception& wrong) {
        std::cerr << "bench_load: " << wrong.what() << '\n';
        return 1;
    }
    return 0;
}
