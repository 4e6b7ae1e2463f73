// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdlib>
#include <iostream>
#include <random>
#include <set>
#include <tuple>

#include "catch.hpp"
#include "world/actors.hpp"
#include "world/device_world.hpp"
#include "world/walks.hpp"

/// Many users with several devices each do anything at any time over a network that fails, by a
/// broker that dies and whose disk fails. What their applications are told must be true, and told
/// once; and whenever all is whole for a moment, every device must know what the broker knows.
namespace beckon {

using Fate = World::Fate;
using Site = World::Site;

constexpr Duration most_delay{300};
/// How long a connected device may ring on: what is under way, a sync, and a `get`.
constexpr Duration enough{2'500};
/// How long a device rings on that nobody tells of the end, after its deadline: it asks, and waits
/// for what it is told.
constexpr Duration too_late_by{8'500};
/// A broker tells for so long how an invitation ended.
constexpr Duration remembered{60'000};

inline Limits wide_limits() {
    Limits limits = without_rates();
    limits.max_pending_per_inviter = limits.max_pending_per_invitee = 1'000'000;
    limits.max_lifetime_ms = 90'000;
    limits.ended_ms = remembered.count();
    return limits;
}

/// What ends a call in time; and ended is what has ended, whenever memory is made anew.
inline Limits stored_limits() {
    Limits limits = wide_limits();
    limits.max_call_ms = 60'000;
    limits.ended_ms = a_year_ms;
    return limits;
}

/// Limits that refuse now and then.
inline Limits low_limits() {
    Limits limits = wide_limits();
    limits.requests_per_second = 4;
    limits.requests_burst = 8;
    limits.pair_invites_per_second = 1;
    limits.pair_invites_burst = 3;
    limits.max_pending_per_inviter = 2;
    return limits;
}

/// How the network is, beside the cuts.
enum class Network {
    mqtt,  ///< It loses nothing but what a cut or a lost session takes with it.
    nasty  ///< It loses, doubles and delays what it likes.
};

struct Story {
    Network network = Network::mqtt;
    bool limits_bite = false;
    /// Replies and events, which are two topics, overtake each other.
    bool topics_apart = false;
    /// The broker has a store, whose disk fails and hangs; is killed at any moment, and started
    /// where clocks tell what they like. And some invitations are calls.
    bool stores = false;
    std::uint32_t seed = 0;
    int steps = 0;
    /// Every second device is made by it, and can ask less: what this says.
    MakeDevice make_small{};
    std::function<bool(const RequestBody&)> small_can_ask{};
};

class Walk {
  public:
    Walk(const Story& story, std::function<void(const std::string&)> trace)
        : story_(story), random_(story.seed), world_(settings(std::move(trace))) {
        for (const auto* user : {"alice", "bob", "carol", "dave"}) {
            for (auto devices = 1 + below(3); devices > 0; --devices) {
                const auto encoding = below(4) == 0 ? Encoding::json : Encoding::msgpack;
                add(user, encoding);
            }
            users_.push_back(beckon::user(user));
        }
        for (const auto& site : world_.sites()) {
            apps_.emplace(&*site, App{});
            world_.connect(*site);
        }
        world_.settle();
        make_group();
    }

    void run() {
        for (int step = 0; step < story_.steps; ++step) {
            act();
            world_.run(Duration(static_cast<std::int64_t>(below(150))));
            check_calls();
            check_rings();
            if (step % 200 == 199) {
                check_that_all_know();
            }
        }
        check_that_all_know();
        finish();
    }

    /// How often what was told or done.
    [[nodiscard]] const std::map<std::string, int>& counts() const { return counts_; }

  private:
    /// What one device's application was told about one invitation.
    struct Seen {
        /// It was shown, and not asked.
        bool watches = false;
        /// It rings: it was announced, or invited to with success, and has not ended.
        bool rings = false;
        /// Until then, whatever becomes of network and broker.
        std::optional<Instant> rings_until{};
        int call_ends = 0;
        std::set<std::pair<unsigned, std::string>> modified{};
        bool asked_to_cancel = false;
        /// Its invite failed, though it may have been made.
        bool gave_up = false;
        int rung = 0;
        int ended = 0;
        std::optional<unsigned> rung_in{};
        std::set<UserId> heard_ends{};
        std::set<UserId> assumed_ends{};
        std::set<UserId> heard_ringing{};
    };
    struct Asked {
        Instant due{};
        std::optional<InvitationId> invite{};
        /// And what was answered.
        std::optional<std::pair<InvitationId, State>> answer{};
    };
    struct App {
        std::map<InvitationId, Seen> seen{};
        std::map<Device::CallId, Asked> asked{};
        /// Since when it has been connected and synced.
        std::optional<Instant> ready{};
    };

    void add(std::string_view user, Encoding encoding) {
        if (story_.make_small && world_.sites().size() % 2 == 0) {
            small_.insert(&world_.add(user, {}, story_.make_small));
        } else {
            world_.add(user, [&](auto& options) { options.encoding = encoding; });
        }
    }

    World::Settings settings(std::function<void(const std::string&)> trace) {
        World::Settings settings{
            .limits = story_.limits_bite ? low_limits()
                      : story_.stores    ? stored_limits()
                                         : wide_limits(),
            .limits_bite = story_.limits_bite,
            .delay = [this] { return delay(); },
            .topics_apart = story_.topics_apart,
            .stores = story_.stores,
            .disk = [this] { return Duration(static_cast<std::int64_t>(1 + below(20))); },
            .lateness = [this] { return Duration(static_cast<std::int64_t>(below(20'000))); },
            .watch = [this](Site& site, const World::Told& told) { hear(site, told); },
            .trace = std::move(trace)};
        if (story_.network == Network::nasty) {
            settings.to_broker = [this](auto&&...) {
                const auto luck = below(40);
                return healed_ || luck > 1 ? Fate::arrives : luck == 0 ? Fate::lost : Fate::doubled;
            };
            settings.reply = [this](auto&&...) { return fate(); };
            settings.event = [this](auto&&...) { return fate(); };
        }
        return settings;
    }
    Fate fate() {
        const auto luck = below(40);
        if (healed_ || luck > 3) {
            return Fate::arrives;
        }
        return luck == 0 ? Fate::late : luck == 1 ? Fate::doubled : Fate::lost;
    }
    Duration delay() {
        const auto most = static_cast<std::size_t>(most_delay.count());
        return Duration(static_cast<std::int64_t>(below(6) == 0 ? below(most) : below(30)));
    }

    std::size_t below(std::size_t bound) {
        return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random_);
    }
    const UserId& anybody() { return users_[below(users_.size())]; }
    Site& any_site() { return *world_.sites()[below(world_.sites().size())]; }
    std::vector<UserId> some() {
        std::vector<UserId> some;
        for (auto count = 1 + below(3); count > 0; --count) {
            some.push_back(anybody());
        }
        return some;
    }
    std::optional<Data> some_data() {
        return below(2) == 0 ? std::nullopt
                             : std::optional(Data{.bytes = "data " + std::to_string(below(100))});
    }
    Duration some_time() {
        return Duration(below(8) == 0 ? 0 : static_cast<std::int64_t>(500 + below(30'000)));
    }

    // -------------------------------------------------------------- what they do

    void act() {
        if (story_.stores && below(20) == 0) {
            disturb_store();
            return;
        }
        Site& site = any_site();
        switch (const auto what = below(100)) {
            case 0:
            case 1:
            case 2:
            case 3: {
                const auto notice = [this] {
                    return Duration(below(2) == 0 ? 0 : static_cast<std::int64_t>(below(20'000)));
                };
                const auto at_device = notice();
                world_.cut(site, at_device, notice());
                apps_.at(&site).ready.reset();
                break;
            }
            case 4:
                world_.lose_session(site);
                break;
            case 5:
                world_.sleep(site, Duration(static_cast<std::int64_t>(below(10'000))));
                break;
            case 6:
                world_.run(Duration(static_cast<std::int64_t>(below(15'000))));
                break;
            case 7:
                if (const auto next = world_.next(); next && below(3) == 0) {
                    world_.run_until(*next - Duration(static_cast<std::int64_t>(below(2))));
                }
                break;
            case 8:
                if (below(8) == 0 && !story_.stores) {
                    restart();
                }
                break;
            default:
                if (what < 12) {
                    come_or_go(site);
                } else if (what < 30) {
                    world_.connect(site);
                } else if (what < 42) {
                    invite(site);
                } else {
                    about_one(site);
                }
                break;
        }
    }

    void disturb_store() {
        switch (below(6)) {
            case 0:
                kill();
                break;
            case 1:
                world_.set_disk(Medium::Mode::fails, below(3) == 0);
                ++counts_["the disk fails"];
                break;
            case 2:
                world_.set_disk(Medium::Mode::hangs);
                ++counts_["the disk hangs"];
                break;
            default:
                world_.set_disk(Medium::Mode::works);
                break;
        }
    }

    void kill() {
        ++counts_["killed"];
        for (auto& [site, app] : apps_) {
            app.ready.reset();
            for (auto& [id, seen] : app.seen) {
                seen.heard_ringing.clear();  // is not stored
            }
        }
        // What is said though it cannot be stored would be undone by a clock that proves nothing.
        const bool sound = world_.store_works();
        const auto death =
            sound && below(2) == 0 ? World::Death::stores_first : World::Death::forgets;
        const auto noticed = Duration(static_cast<std::int64_t>(below(2) * below(5'000)));
        world_.kill_broker(death, noticed, below(2) == 0);
        world_.run(Duration(static_cast<std::int64_t>(below(below(4) == 0 ? 40'000 : 2'000))));
        World::Start start;
        if (sound && below(3) == 0) {
            start = {.other_boot = true, .wall_is_right = below(2) == 0};
            world_.step_wall_clock(
                Duration(static_cast<std::int64_t>(below(200'000'000)) - 100'000'000));
            ++counts_[start.wall_is_right ? "another boot" : "another boot, time unproven"];
        }
        world_.start_broker(start);
    }

    void restart() {
        ++counts_["restart"];
        restarted_ = world_.now();
        for (auto& [site, app] : apps_) {
            app.ready.reset();
            for (auto& [id, seen] : app.seen) {
                seen.heard_ends.clear();
                seen.assumed_ends.clear();
                seen.heard_ringing.clear();
            }
        }
        world_.restart_broker(Duration(static_cast<std::int64_t>(below(2) * below(5'000))));
        make_group();
    }

    void call(Site& site, RequestBody body) {
        if (small_.contains(&site) && !story_.small_can_ask(body)) {
            return;
        }
        Asked asked{.due = world_.now() + Device::Options{}.patience};
        std::visit(
            [&]<class Body>(const Body& one) {
                if constexpr (MakesInvitation<Body>) {
                    asked.invite = one.id;
                }
                if constexpr (requires { one.timeout; }) {
                    if (one.timeout.count() > 0) {
                        asked.due = std::min(asked.due, world_.now() + one.timeout);
                    }
                }
            },
            body);
        if (const auto* accept = std::get_if<Accept>(&body)) {
            asked.answer = {accept->id, State::accepted};
        } else if (const auto* reject = std::get_if<Reject>(&body)) {
            asked.answer = {reject->id, State::rejected};
        } else if (const auto* cancel = std::get_if<Cancel>(&body)) {
            apps_.at(&site).seen[cancel->id].asked_to_cancel = true;
        }
        apps_.at(&site).asked[next_call_] = asked;
        const auto offline = below(6) == 0 ? Device::Offline::fail : Device::Offline::wait;
        const auto call = world_.call(site, std::move(body), offline);
        require(call == next_call_++, "calls are not counted");
    }

    /// By nobody who has a device here, so that it is there whatever became of it.
    void make_group() {
        world_.ask({users_[0], DeviceTag(0xfffe)}, CreateGroup{.group = group_, .members = users_});
    }

    void come_or_go(Site& site) {
        switch (below(6)) {
            case 0:
                return void(call(site, QuitGroup{group_}));
            case 1:
            case 2:
                return void(call(site, JoinGroup{group_}));
            case 3:
                return void(call(site, RemoveMembers{group_, some()}));
            default:
                return void(call(site, AddMembers{group_, some()}));
        }
    }

    void invite(Site& site) {
        if (below(3) == 0) {
            GroupInvite invite{.group = group_};
            if (below(2) == 0) {
                invite.invitees = some();
            }
            constexpr std::array all{Visibility::members, Visibility::members, Visibility::invitees,
                                     Visibility::inviter};
            invite.visibility = all.at(below(all.size()));
            return invite_by(site, std::move(invite));
        }
        Invite invite{.invitee = anybody()};
        if (below(2) == 0) {
            invite.also = some();
        }
        invite.visibility = below(3) == 0 ? Visibility::inviter : Visibility::invitees;
        invite_by(site, std::move(invite));
    }

    void invite_by(Site& site, auto invite) {
        invite.id = id("i" + std::to_string(++last_id_));
        invite.data = some_data();
        invite.timeout = some_time();
        invite.answer = below(2) == 0 ? Answer::all : Answer::first;
        invite.call = story_.stores && below(2) == 0;
        invite.online_only = below(8) == 0;
        invite.replace = below(8) == 0;
        invite.on_inviter_lost = below(2) == 0 ? OnInviterLost::keep : OnInviterLost::cancel;
        call(site, std::move(invite));
        if (below(10) == 0) {
            call(site, Cancel{id("i" + std::to_string(last_id_))});
        }
    }

    /// Mostly about something that rings, or that the device invited to.
    void about_one(Site& site) {
        std::vector<InvitationId> ids;
        for (const auto& one : site.device.open(world_.now())) {
            ids.push_back(one.id);
        }
        // Or something that it need not have heard of.
        const bool another = below(10) == 0 && last_id_ > 0;
        if (another) {
            const auto back = below(std::min<std::size_t>(last_id_, 12));
            ids = {id("i" + std::to_string(last_id_ - back))};
        }
        if (ids.empty()) {
            return;
        }
        const auto id = ids[below(ids.size())];
        if (story_.stores && below(4) == 0) {
            return about_call(site, id);
        }
        const auto* present = world_.present(id);
        const bool own = present != nullptr && present->inviter == site.user;
        const auto what = below(12);
        if (what == 0 || (own && another)) {
            call(site, Get{id});
        } else if (what == 1) {
            call(site, Add{id, some(), some_time()});
        } else if (own && what < 5) {
            std::optional<std::vector<UserId>> named;
            if (below(2) == 0) {
                named =
                    std::vector{std::next(present->parts.begin(),
                                          static_cast<std::ptrdiff_t>(below(present->parts.size())))
                                    ->first};
            }
            call(site, Cancel{id, some_data(), named});
        } else if (own) {
            if (what < 8) {
                call(site, Modify{id, some_data().value_or(Data{})});
            }
        } else if (what < 6) {
            call(site, Accept{id, some_data()});
        } else if (what < 9) {
            call(site, Reject{.id = id, .data = some_data()});
        } else {
            call(site, Ringing{id});
        }
    }

    void about_call(Site& site, const InvitationId& id) {
        switch (below(8)) {
            case 0:
            case 1:
            case 2:
                return void(
                    call(site, Hangup{.id = id, .data = some_data(), .all = below(4) == 0}));
            case 3:
                return void(call(site, Resume{id}));
            case 4:
                if (!story_.topics_apart) {
                    call(site, Join{id});
                }
                return;
            default:
                return void(
                    call(site, Signal{.id = id, .seq = ++signals_, .data = {.bytes = "s"}}));
        }
    }

    // -------------------------------------------------------- what they are told

    void hear(Site& site, const World::Told& told) {
        std::visit([&](const auto& what) { hear(site, apps_.at(&site), what); }, told.what);
    }

    void hear(Site& site, App& app, const Device::LinkChanged& changed) {
        if (changed.link == Device::Link::ready && site.wired()) {
            app.ready = world_.now();
        } else {
            app.ready.reset();
        }
    }

    void hear(Site&, App&, const GroupEvent&) { ++counts_["of the group"]; }
    void hear(Site&, App&, const MessageEvent&) {}
    void hear(Site&, App&, const Busy& busy) { require(false, busy.id, "nobody here is busy"); }
    void hear(Site& site, App& app, const Device::Result& result) {
        const auto asked = app.asked.find(result.call);
        require(asked != app.asked.end(), "a second result, or of no call");
        const auto* reply = std::get_if<Reply>(&result.outcome);
        const bool ok = reply != nullptr && reply->ok();
        if (asked->second.invite && !ok) {
            app.seen[*asked->second.invite].gave_up = true;
        }
        if (asked->second.invite && ok && !std::holds_alternative<Merged>(reply->body)) {
            ++counts_["invited"];
            Seen& seen = app.seen[*asked->second.invite];
            seen.rings = seen.ended == 0;
        }
        if (asked->second.answer && ok) {
            const auto& [id, state] = *asked->second.answer;
            const auto* decided = any_decided(id);
            require(decided != nullptr && decided->parts.contains(site.user), id,
                    "an answer to what nobody asked");
            const auto& part = decided->parts.at(site.user);
            require(world_.decided(id).size() > 1 ||
                        (part.state == state && own(site, part.by, part.by_device)),
                    id, "an answer that was taken, and does not stand");
        }
        const auto* refusal = reply != nullptr ? std::get_if<Refusal>(&reply->body) : nullptr;
        ++counts_[refusal != nullptr ? std::string(info(refusal->error).name)
                  : reply != nullptr ? reply->re + " ok"
                                     : std::string(info(std::get<Failure>(result.outcome)).name)];
        app.asked.erase(asked);
    }

    void hear(Site& site, App& app, const Heard& heard) {
        std::visit([&](const auto& body) { hear(site, app.seen[heard.id], heard, body); },
                   heard.body);
    }
    void hear(Site& site, Seen& seen, const Heard& heard, const NewInvitation& body) {
        const auto& id = heard.id;
        require(heard.role == body.role, id, "another role");
        if (body.role == Role::observer) {
            ++counts_["watches"];
            const auto* watched = world_.present(id);
            require(watched != nullptr && watched->group == group_ &&
                        watched->visibility == Visibility::members,
                    id, "shown to whom it is not for");
            seen.watches = true;
            return;
        }
        if (body.role == Role::inviter) {
            ++counts_["shown to the inviter's others"];
            const auto* shown = world_.present(id);
            require(shown != nullptr && shown->inviter == site.user, id, "shown to another");
            require(!own(site, heard.by, heard.by_device), id, "an echo of its own");
            return;
        }
        if (std::exchange(seen.watches, false)) {
            seen.heard_ends.clear();  // with the ring it is told how it stands
        }
        ++counts_["rings"];
        const auto generation = world_.generation();
        require(!seen.rings, id, "announced again while it rings");
        require(!seen.rung_in || *seen.rung_in != generation, id, "announced twice");
        const auto* decided = world_.present(id);
        require(decided != nullptr && decided->parts.contains(site.user), id,
                "announced to whom nobody invited");
        require(body.inviter == decided->inviter, id, "announced as another's");
        const auto& part = decided->parts.at(site.user);
        require(story_.network == Network::nasty || part.state == State::pending ||
                    world_.now() <= later(part.ended_at, site) + most_delay,
                id, "announced after it had ended");
        seen.rings = true;
        seen.rung_in = generation;
        ++seen.rung;
        // Who is told no time knows that it is over from the broker alone, which may be away.
        seen.rings_until = body.remaining
                               ? std::optional(world_.now() + *body.remaining + too_late_by)
                               : std::nullopt;
    }
    void hear(Site& site, Seen& seen, const Heard& heard, const InviteeAccepted& body) {
        hear_end(site, seen, heard, body.invitee, State::accepted, "");
    }
    void hear(Site& site, Seen& seen, const Heard& heard, const InviteeRejected& body) {
        hear_end(site, seen, heard, body.invitee, State::rejected, body.reason);
    }
    void hear(Site& site, Seen& seen, const Heard& heard, const InvitationCancelled& body) {
        for (const auto& invitee : body.invitees) {
            hear_end(site, seen, heard, invitee, State::cancelled,
                     std::string(name_of(body.reason)));
        }
        const auto* decided = any_decided(heard.id);
        if (decided != nullptr && decided->inviter != site.user) {
            const bool ours = std::find(body.invitees.begin(), body.invitees.end(), site.user) !=
                              body.invitees.end();
            // One that was asked, and that this was lost on the way, only watches.
            require(heard.ends_ours == (ours && heard.role == Role::invitee), heard.id,
                    "ends_ours is wrong");
        }
    }
    void hear(Site& site, Seen& seen, const Heard& heard, const InvitationTimeout& body) {
        require(!body.invitees.empty(), heard.id, "a timeout of nobody");
        for (const auto& invitee : body.invitees) {
            hear_end(site, seen, heard, invitee, State::timed_out, "");
        }
    }
    void hear(Site& site, Seen& seen, const Heard& heard, const InvitationRevoked& body) {
        ++counts_["revoked"];
        for (const auto& invitee : body.invitees) {
            hear_end(site, seen, heard, invitee, State::revoked, std::string(name_of(body.reason)));
        }
    }
    void hear(Site& site, Seen& seen, const Heard& heard, const InvitationModified& body) {
        require(!own(site, heard.by, heard.by_device), heard.id, "an echo of its own");
        const auto what =
            encode(AnyEvent(Event{.id = heard.id, .rev = heard.rev, .body = body}), Encoding::json);
        require(seen.modified.emplace(world_.generation(), what).second, heard.id,
                "a modification told twice");
    }
    void hear(Site& site, Seen& seen, const Heard& heard, const InviteeRinging& body) {
        const auto* decided = any_decided(heard.id);
        require(decided != nullptr && decided->inviter == site.user, heard.id,
                "ringing that is not for us");
        require(seen.heard_ringing.insert(body.invitee).second, heard.id, "ringing told twice");
    }
    void hear(Site&, Seen& seen, const Heard& heard, const CallEnded& body) {
        ++counts_["call ended"];
        require(++seen.call_ends == 1, heard.id, "the end of a call told twice");
        const auto& end = decided_call(heard.id).call_end;
        require(end && end->reason == body.reason && end->duration == body.duration, heard.id,
                "an end of a call that was another");
    }
    void hear(Site&, Seen&, const Heard& heard, const ParticipantLeft& body) {
        ++counts_["left the call"];
        const auto& decided = decided_call(heard.id);
        require(decided.left_call.contains(body.user) || decided.call_end, heard.id,
                "told that one left who is there");
    }
    template <class Body>
    void hear(Site& site, Seen&, const Heard& heard, const Body&) {
        ++counts_["of a call"];
        decided_call(heard.id);
        require(!own(site, heard.by, heard.by_device) || std::same_as<Body, SignalEvent>, heard.id,
                "an echo of its own");
    }
    const World::Decided& decided_call(const InvitationId& id) const {
        const auto* decided = any_decided(id);
        require(story_.stores && decided != nullptr, id, "an event of a call");
        return *decided;
    }
    void hear_end(Site& site, Seen& seen, const Heard& heard, const UserId& invitee, State state,
                  const std::string& reason) {
        const auto& id = heard.id;
        if (heard.assumed) {
            ++counts_["assumed"];
            require(!seen.heard_ends.contains(invitee) && seen.assumed_ends.insert(invitee).second,
                    id, "an end told, and assumed as well");
            return;
        }
        // Who comes into the group is shown how it stands, again when it comes again.
        require(seen.heard_ends.insert(invitee).second || seen.watches, id, "an end told twice");
        const auto* decided = any_decided(id);
        require(decided != nullptr && decided->parts.contains(invitee), id, "an end of nobody");
        const auto& part = decided->parts.at(invitee);
        require(part.state == state && part.reason == reason, id, "an end that was another");
        require(!heard.by || heard.by == part.by, id, "an end by somebody else");
        require(!heard.by_device || heard.by_device == part.by_device, id,
                "an end by another device");
        // The broker's `get` does not tell which device of the inviter cancelled or ended the call,
        // nor who left the group or was removed from it.
        const bool unclear = !heard.by_device && is_unclear(seen, site, part);
        require(unclear || !own(site, part.by, part.by_device), id, "an echo of its own");
    }

    void hear(Site& site, App& app, const Ended& ended) {
        ++counts_["ended"];
        const auto& id = ended.id;
        Seen& seen = app.seen[id];
        const auto* decided = any_decided(id);
        require(decided != nullptr, id, "the end of nothing");
        require(ended.inviter == decided->inviter, id, "the end of another's");
        ++seen.ended;
        if (decided->inviter == site.user) {
            // Again only when it was sent again to a broker without memory.
            require(std::cmp_less_equal(seen.ended, world_.decided(id).size()), id,
                    "the inviter is told of two ends");
        } else {
            require(seen.ended == seen.rung, id, "not one end for each that rang");
        }
        seen.rings = false;
        if (ended.assumed) {
            // Of an inviter it may be the rest that is assumed.
            require(decided->inviter == site.user ||
                        (ended.state == State::timed_out && !ended.by && !ended.here),
                    id, "assumed is something else");
            return;
        }
        const auto* present = world_.present(id);
        if (!ended.state) {
            ++counts_["ended without a state"];
            // Or it was made anew while the broker's answer was under way.
            require(present == nullptr || world_.decided(id).size() > 1 ||
                        (!present->open() &&
                         present->last.ended_at + Duration(world_.settings.limits.ended_ms) <=
                             world_.now()),
                    id, "the broker knew how it ended");
            return;
        }
        if (decided->inviter != site.user) {
            const auto& part = decided->parts.at(site.user);
            check_end(site, ended, part.state, part);
            require(ended.here == own(site, part.by, part.by_device) ||
                        (is_unclear(seen, site, part) && !ended.by_device),
                    id, "here is wrong");
            return;
        }
        if (decided->reopened) {
            return;  // it was so before somebody was called into the call
        }
        require(!decided->open(), id, "the inviter is told of an end, and somebody is pending");
        State best = State::revoked;
        for (const auto& [user, part] : decided->parts) {
            best = std::min(best, part.state);
        }
        if (decided->parts.size() == 1) {
            check_end(site, ended, best, decided->parts.begin()->second);
            const bool unclear = (seen.asked_to_cancel && decided->last.by == site.user) ||
                                 (is_unclear(seen, site, decided->last) && !ended.by_device);
            require(unclear || ended.here == own(site, decided->last.by, decided->last.by_device),
                    id, "here is wrong");
        }
        require(ended.state == best, id, "the inviter is told of another end");
    }
    static void check_end(const Site&, const Ended& ended, State state, const World::Part& part) {
        const auto& id = ended.id;
        require(ended.state == state, id, "it ended in another state");
        require(ended.reason == part.reason, id, "it ended for another reason");
        require(!ended.by || ended.by == part.by, id, "somebody else ended it");
        require(!ended.by_device || ended.by_device == part.by_device, id,
                "another device ended it");
    }

    /// Somebody came out of the group, or the group is no more.
    static bool is_unclear(const Seen& seen, const Site& site, const World::Part& part) {
        return is_by_group(part) || part.reason == "call_ended" || part.reason == "replaced" ||
               part.reason == "answered" || (seen.asked_to_cancel && part.by == site.user);
    }
    static bool is_by_group(const World::Part& part) {
        return part.state == State::revoked || part.reason == "left_group" ||
               part.reason == "group_dismissed";
    }
    static bool own(const Site& site, const std::optional<UserId>& by,
                    const std::optional<DeviceTag>& by_device) {
        return by == site.user && by_device == site.tag;
    }
    const World::Decided* any_decided(const InvitationId& id) const {
        const auto& all = world_.decided(id);
        return all.empty() ? nullptr : &all.back();
    }
    static Instant later(Instant when, const Site& site) {
        return std::max(when, site.asleep_until());
    }

    // ------------------------------------------------------------- what must hold

    void check_calls() {
        for (const auto& [site, app] : apps_) {
            for (const auto& [call, asked] : app.asked) {
                require(asked.due > world_.now() || site->asleep_until() >= world_.now(),
                        "a call without a result at its patience");
            }
        }
    }

    void check_rings() {
        if (!world_.store_works()) {
            store_failed_ = world_.now();  // what is in doubt is told to nobody who asks
        }
        for (const auto& [site, app] : apps_) {
            for (const auto& [id, seen] : app.seen) {
                // Who wakes up asks, and waits for what it is told.
                require(!seen.rings || !seen.rings_until || world_.now() <= *seen.rings_until ||
                            world_.now() <= site->asleep_until() + too_late_by,
                        id, "it rings past its time");
            }
            if (!app.ready || story_.network == Network::nasty || story_.limits_bite) {
                continue;
            }
            for (const auto& [id, seen] : app.seen) {
                if (!seen.rings) {
                    continue;
                }
                const auto* present = world_.present(id);
                Instant ended_at = restarted_;
                const bool inviter = present != nullptr && present->inviter == site->user;
                // Made anew, it may ask others.
                if (present != nullptr && (inviter || present->parts.contains(site->user))) {
                    const auto& part = inviter ? present->last : present->parts.at(site->user);
                    if (inviter ? present->open() : part.state == State::pending) {
                        continue;
                    }
                    ended_at = part.ended_at;
                }
                const auto from = std::max({later(ended_at, *site), *app.ready, store_failed_});
                require(world_.now() <= from + enough, id, "it rings on");
            }
        }
    }

    /// The network is whole for a moment.
    void heal() {
        healed_ = true;
        world_.set_disk(Medium::Mode::works);
        if (story_.network == Network::nasty) {
            // What came late is over before.
            for (const auto& site : world_.sites()) {
                world_.cut(*site);
            }
            world_.run(Duration(20'000));
        }
        for (const auto& site : world_.sites()) {
            world_.connect(*site);
        }
        // Until the last sleeper is awake, and what was refused has been asked again.
        world_.run(Duration(15'000));
        for (int waits = 0; !world_.store_works(); ++waits) {
            require(waits < 100, "the disk works, and the store does not");
            world_.run(Duration(1'000));
        }
        for (int waits = 0; !all_ready(); ++waits) {
            require(waits < 100, "a device does not become ready");
            world_.run(Duration(1'000));
        }
        world_.settle();
    }
    bool all_ready() {
        return std::all_of(world_.sites().begin(), world_.sites().end(), [](const auto& site) {
            return site->device.link() == Device::Link::ready;
        });
    }

    void check_that_all_know() {
        ++counts_["looked around"];
        heal();
        if (!story_.limits_bite) {
            for (const auto& site : world_.sites()) {
                compare(*site, site->device.open(world_.now()), world_.open(site->user));
            }
        }
        healed_ = false;
    }

    /// With visibility `inviter`, an invitee hears of nothing after its own end.
    bool hears_no_more(const Site& site, const InvitationId& id) const {
        const auto* present = world_.present(id);
        return present != nullptr && present->visibility == Visibility::inviter &&
               present->inviter != site.user && present->parts.contains(site.user) &&
               present->parts.at(site.user).state != State::pending;
    }
    /// The others talk, and perhaps ask somebody else; this user is not asked.
    static bool talk_without(const UserId& user, const InvitationInfo& one) {
        return one.call_state &&
               std::count(one.call_state->participants.begin(), one.call_state->participants.end(),
                          user) == 0 &&
               std::none_of(one.invitees.begin(), one.invitees.end(), [&](const auto& part) {
                   return part.user == user && part.state == State::pending;
               });
    }
    void compare(const Site& site, std::vector<InvitationInfo> held,
                 std::vector<InvitationInfo> right) {
        counts_["open and known"] += static_cast<int>(right.size());
        const auto leave_out = [&](auto& all) {
            std::erase_if(all, [&](const auto& one) {
                return hears_no_more(site, one.id) || talk_without(site.user, one) ||
                       (small_.contains(&site) && one.role == Role::observer);
            });
        };
        leave_out(held);
        leave_out(right);
        for (const auto& one : right) {
            const auto found = std::find_if(held.begin(), held.end(),
                                            [&](const auto& it) { return it.id == one.id; });
            // Nobody tells the inviter's other devices before their next sync.
            const bool may_miss = one.role == Role::inviter &&
                                  world_.present(one.id)->device != site.tag &&
                                  story_.network == Network::mqtt;
            if (found == held.end() && may_miss && !story_.stores) {
                continue;
            }
            if (found == held.end() && apps_.at(&site).seen[one.id].gave_up) {
                continue;
            }
            require(found != held.end(), one.id,
                    ("open at the broker, and unknown to " + site.name).c_str());
            compare(site, *found, one);
        }
        for (const auto& one : held) {
            require(std::any_of(right.begin(), right.end(),
                                [&](const auto& it) { return it.id == one.id; }),
                    one.id, ("open for " + site.name + ", and not at the broker").c_str());
        }
    }
    void compare(const Site& site, InvitationInfo held, InvitationInfo right) const {
        const auto& decided = *world_.present(right.id);
        const bool added_to = decided.was_added_to;
        const bool slept = site.asleep_until() >= decided.made_at;
        // A store takes its time, and its clock may prove less than has passed.
        if (held.remaining && right.remaining && !added_to && !slept && !story_.stores &&
            story_.network == Network::mqtt) {
            const auto more = *held.remaining - *right.remaining;
            require(more >= Duration(0) && more <= most_delay, right.id, "another time remains");
        }
        require(added_to || held.remaining.has_value() == right.remaining.has_value(), right.id,
                "a time that the other does not know");
        held.remaining = right.remaining;
        // What the broker does not tell everybody.
        if (right.role != Role::inviter) {
            if (right.visibility == Visibility::inviter) {
                right.rev = held.rev;
            }
            for (auto* one : {&held, &right}) {
                for (auto& part : one->invitees) {
                    part.ringing = false;
                }
            }
        }
        for (auto* one : {&held, &right}) {
            for (auto& part : one->invitees) {
                if (part.state == State::cancelled && part.user != site.user) {
                    part.data.reset();
                }
                part.ringing = part.ringing && part.state == State::pending;
            }
            std::sort(one->invitees.begin(), one->invitees.end(),
                      [](const auto& a, const auto& b) { return a.user < b.user; });
            if (story_.stores) {
                compare_as_stored(site, *one, right);
            }
            if (small_.contains(&site)) {
                forget_what_was_said(*one);
            }
        }
        if (held != right) {
            const auto text = [](const InvitationInfo& one) {
                return encode(Reply{.re = "get", .device = {}, .body = Got{one}}, Encoding::json);
            };
            throw Broken(site.name + " holds " + text(held) + " where the broker holds " +
                         text(right));
        }
    }

    /// A small device keeps how it stands.
    static void forget_what_was_said(InvitationInfo& one) {
        one.data.reset();
        for (auto& part : one.invitees) {
            part = {.user = part.user, .state = part.state, .ringing = part.ringing};
        }
    }

    /// What is not stored counts for nothing, and nor does what who is not in a call knows of it.
    static void compare_as_stored(const Site& site, InvitationInfo& one,
                                  const InvitationInfo& right) {
        for (auto& part : one.invitees) {
            part.ringing = false;
        }
        const auto& call = right.call_state;
        const bool is_in_it =
            call && std::find(call->participants.begin(), call->participants.end(), site.user) !=
                        call->participants.end();
        if (!is_in_it) {
            one.call_state.reset();
        } else if (one.call_state) {
            auto& told = *one.call_state;
            told.duration = Duration(0);
            std::sort(told.participants.begin(), told.participants.end());
        }
    }

    void finish() {
        heal();
        // Everything comes to its end.
        world_.run(Duration(world_.settings.limits.max_lifetime_ms) + Duration(60'000));
        if (story_.stores) {
            world_.run(Duration(world_.settings.limits.max_call_ms));
        }
        healed_ = false;
        require(world_.counts().open == 0, "open in the end");
        for (const auto& [site, app] : apps_) {
            require(app.asked.empty(), "a call without a result");
            for (const auto& one : site->device.open(world_.now())) {
                require(false, one.id, ("held at " + site->name + " in the end").c_str());
            }
            for (const auto& [id, seen] : app.seen) {
                require(!seen.rings, id, ("rings at " + site->name + " in the end").c_str());
            }
            const auto next = site->device.next_deadline();
            require(!next, ("nothing is left, and there is something to do for " + site->name +
                            (next ? " in " + std::to_string((*next - world_.now()).count()) : ""))
                               .c_str());
        }
    }

    Story story_;
    std::mt19937 random_;
    std::map<std::string, int> counts_{};
    std::vector<UserId> users_{};
    std::map<const Site*, App> apps_{};
    Device::CallId next_call_ = 1;
    std::size_t last_id_ = 0;
    std::uint64_t signals_ = 0;
    const GroupId group_ = group_id("g");
    Instant restarted_{};
    Instant store_failed_{};
    bool healed_ = false;
    std::set<const Site*> small_{};
    World world_;
};

/// What broke, if anything; `trace` gets what happened.
inline std::optional<std::string> broken(
    const Story& story, std::map<std::string, int>* counts = nullptr,
    const std::function<void(const std::string&)>& trace = {}) {
    try {
        Walk walk(story, trace);
        walk.run();
        if (counts != nullptr) {
            for (const auto& [what, count] : walk.counts()) {
                (*counts)[what] += count;
            }
        }
        return std::nullopt;
    } catch (const std::exception& error) {
        return error.what();
    }
}

/// A shorter story that breaks, too, if there is one that is found soon.
inline Story shorter(const Story& story) {
    Story one = story;
    for (one.steps = 5; one.steps < story.steps; one.steps *= 2) {
        for (one.seed = 1; one.seed <= 300; ++one.seed) {
            if (broken(one)) {
                return one;
            }
        }
    }
    return story;
}

/// What happens in it, to read; the last of it, when that is much.
inline std::string transcript(const Story& story, std::size_t most_lines) {
    std::deque<std::string> lines;
    broken(story, nullptr, [&](const std::string& line) {
        lines.push_back(line.substr(0, 400));
        if (lines.size() > most_lines) {
            lines.pop_front();
        }
    });
    std::string text;
    for (const auto& line : lines) {
        text += line + '\n';
    }
    return text;
}

/// Walks, and says how often what happened.
inline std::map<std::string, int> walk(Story story, std::uint32_t seeds) {
    seeds = walks(seeds);
    std::map<std::string, int> counts;
    for (story.seed = 1; story.seed <= seeds; ++story.seed) {
        if (broken(story, &counts)) {
            const Story short_story = shorter(story);
            INFO(transcript(short_story, 300));
            FAIL("seed " << short_story.seed << ", " << short_story.steps
                         << " steps (found by seed " << story.seed << ", " << story.steps
                         << " steps): " << broken(short_story).value_or("nothing"));
        }
    }
    return counts;
}

inline void check_counts(std::map<std::string, int> counts, const std::vector<std::string>& wanted,
                         int at_least) {
    std::string text;
    for (const auto& [what, count] : counts) {
        text += what + " " + std::to_string(count) + "\n";
    }
    INFO(text);
    for (const auto& what : wanted) {
        INFO(what);
        CHECK(counts[what] >= at_least);
    }
}
inline void check_counts(std::map<std::string, int> counts,
                         const std::vector<std::string>& wanted) {
    check_counts(std::move(counts), wanted, static_cast<int>(walks(10)));
}

/// One of the many worlds: all that happens in it follows from its number.
inline Story world(std::uint32_t seed) {
    return {.network = seed % 3 == 0 ? Network::nasty : Network::mqtt,
            .topics_apart = std::getenv("BECKON_TOPICS_APART") != nullptr,
            .stores = true,
            .seed = seed,
            .steps = static_cast<int>(20 + seed % 7 * 30)};
}

inline std::optional<std::uint32_t> number_in(const char* variable) {
    const char* const text = std::getenv(variable);
    return text != nullptr ? std::optional(static_cast<std::uint32_t>(std::stoul(text)))
                           : std::nullopt;
}

/// Goes through worlds. BECKON_WORLDS=1000000 for more, from BECKON_WORLD on; BECKON_WORLDS=1
/// prints that as a transcript. With BECKON_ALL each is gone through, whatever breaks, and what it
/// was is printed.
inline void go_through_worlds(const std::function<Story(std::uint32_t)>& story,
                              std::uint32_t usual) {
    const auto first = number_in("BECKON_WORLD").value_or(1);
    const auto count = number_in("BECKON_WORLDS").value_or(usual);
    const bool all = std::getenv("BECKON_ALL") != nullptr;
    std::map<std::string, int> counts;
    std::map<std::string, std::pair<int, std::uint32_t>> breaches;
    for (std::uint32_t seed = first; seed - first < count; ++seed) {
        const auto why = broken(story(seed), &counts);
        if (count == 1) {
            std::cout << transcript(story(seed), 1'000'000);
        }
        if (why && (all || count == 1)) {
            ++breaches.try_emplace(*why, 0, seed).first->second.first;
        } else if (why) {
            INFO(transcript(story(seed), 300));
            FAIL("BECKON_WORLD=" << seed << ": " << *why);
        }
        counts["steps"] += story(seed).steps;
    }
    for (const auto& [why, times] : breaches) {
        std::cout << times.first << " broken, BECKON_WORLD=" << times.second << ": " << why << '\n';
    }
    if (number_in("BECKON_WORLDS") && count > 1) {
        for (const auto& [what, times] : counts) {
            std::cout << times << ' ' << what << '\n';
        }
    }
    CHECK(breaches.empty());
    if (count > 1 && breaches.empty()) {
        check_counts(
            counts,
            {"rings", "ended", "killed", "the disk fails", "the disk hangs", "another boot",
             "another boot, time unproven", "accept ok", "storage_unavailable", "call ended",
             "left the call", "assumed", "open and known"},
            static_cast<int>(count / 50));
    }
}

}  // namespace beckon
