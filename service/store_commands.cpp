// SPDX-License-Identifier: Apache-2.0
#include "store_commands.hpp"

#include <chrono>
#include <filesystem>
#include <iostream>
#include <memory>
#include <thread>
#include <utility>

#include "host/device_tags.hpp"
#include "host/store_file.hpp"
#include "postgres/pg_store.hpp"
#include "turns.hpp"

namespace beckon {

namespace {

/// So many changes go in one commit.
constexpr std::size_t changes_at_once = 2000;
constexpr std::chrono::milliseconds between_looks{50};

void need_database(const ServiceOptions& options) {
    if (!options.database) {
        throw CLI::ValidationError("--store", "which database? Say --store postgresql://...");
    }
}

int check(const ServiceOptions& options) {
    const auto place = place_of(options);
    const auto database = connect_to(place);
    check_tables(*database, place.site);
    const auto row = look_at_site(*database);
    std::cout << "the tables of the site " << place.site << " can be used; "
              << (row.owner.empty() ? "nobody serves it" : row.owner + " serves it") << "; epoch "
              << row.epoch << "; what is committed is stored on " << database->copies()
              << (database->copies() == 1 ? " machine" : " machines")
              << ", as far as the database's settings tell\n";
    return 0;
}

/// Of what a file holds.
int import(const std::string& path, const ServiceOptions& options) {
    const auto now = read_clocks();
    StoreFile file({.path = path, .history = std::chrono::days(options.history_days)});
    if (!std::filesystem::exists(path)) {
        throw Store::Unusable("there is no " + path);
    }
    file.open(now, DeviceTags::new_secret());
    const auto place = place_of(options);
    make_new_tables(place, now, file.secret());
    const auto database = connect_to(place);
    const auto epoch = take_site(*database, look_at_site(*database), "import", Duration(0), now);
    PgStore store({.place = place, .epoch = epoch.value_or(0)});
    store.open(now, {});
    Batch batch(1);
    std::uint64_t invitations = 0;
    const auto write = [&](std::size_t from) {
        if (batch.front().size() >= from) {
            store.write(std::exchange(batch, Batch(1)), now);
        }
    };
    const auto add = [&](Change&& change) {
        if (const auto* const kept = std::get_if<InvitationKept>(&change)) {
            ++invitations;
            // Not between an invitation and what belongs to it.
            write(changes_at_once);
        }
        batch.front().push_back(std::move(change));
    };
    file.tell_history(add);
    file.tell_all(add);
    write(1);
    let_go_of_site(*database, *epoch, now);
    std::cout << invitations << " invitations, and the groups, of " << path
              << " are in the database now\n";
    return 0;
}

}  // namespace

int run_store_command(const CLI::App& app, const std::string& file, const ServiceOptions& options) {
    need_database(options);
    const auto* const store = app.get_subcommand("store");
    if (store->got_subcommand("check")) {
        return check(options);
    }
    if (store->got_subcommand("import")) {
        return import(file, options);
    }
    std::cout << make_tables(place_of(options), read_clocks(), DeviceTags::new_secret()) << "\n";
    return 0;
}

int drain(const ServiceOptions& options) {
    need_database(options);
    const auto database = connect_to(place_of(options));
    const auto before = look_at_site(*database);
    if (before.owner.empty()) {
        std::cout << "nobody serves the site " << options.site << "\n";
        return 0;
    }
    drain_site(*database);
    const auto until =
        std::chrono::steady_clock::now() + 3 * std::chrono::milliseconds(options.lease_ms);
    while (std::chrono::steady_clock::now() < until) {
        const auto now = look_at_site(*database);
        if (now.epoch != before.epoch && !now.owner.empty()) {
            std::cout << now.owner << " serves the site " << options.site << " instead of "
                      << before.owner << "\n";
            return 0;
        }
        std::this_thread::sleep_for(between_looks);
    }
    std::cerr << "beckond: nobody has taken the site " << options.site
              << " over so far: is there another instance?\n";
    return 1;
}

}  // namespace beckon
