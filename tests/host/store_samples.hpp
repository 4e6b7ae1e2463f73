// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "host/sqlite_journal.hpp"
#include "judge/changes.hpp"
#include "world/actors.hpp"
#include "world/kept.hpp"

namespace beckon {

/// A folder of its own.
class Folder {
  public:
    Folder() {
        std::string path = (std::filesystem::temp_directory_path() / "beckon-XXXXXX").string();
        REQUIRE(mkdtemp(path.data()) != nullptr);
        path_ = path;
    }
    ~Folder() {
        std::error_code none;
        std::filesystem::remove_all(path_, none);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;

    std::string file(const std::string& name) const { return (path_ / name).string(); }
    const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

inline Changes told_by(StoreFile& file) {
    Changes told;
    file.tell_all([&](Change&& change) { told.push_back(std::move(change)); });
    return told;
}

inline constexpr auto much_later = std::chrono::seconds(60);
inline const std::string the_secret(32, 's');

/// A store as a host has it. `now` is what its clocks say.
class Host {
  public:
    explicit Host(const std::string& path, ClockReading when = first_boot(),
                  std::chrono::milliseconds patience_at_end = much_later)
        : now(std::move(when)),
          store({.file = {.path = path, .history = Duration(86'400'000), .max_history = 100},
                 .new_secret = the_secret,
                 .clocks = [this] { return now; },
                 .patience_at_end = patience_at_end}) {
        damage = store.load([this](Change&& change) { loaded.push_back(std::move(change)); });
    }

    static ClockReading first_boot() {
        return {.boot_id = "first", .since_boot = at(5000), .wall_ms = 1'700'000'000'000};
    }

    void start() {
        store.start([this] {
            {
                const std::lock_guard lock(mutex_);
                ++wakes_;
            }
            woken_.notify_one();
        });
    }
    /// Does not look at what there is, though it is told so often.
    void ignore_wakes(int count) {
        std::unique_lock lock(mutex_);
        REQUIRE(woken_.wait_for(lock, much_later, [&] { return wakes_ >= count; }));
    }
    /// Waits for progress that suits.
    Journal::Progress until(const auto& suits) {
        store.hand_over();
        std::unique_lock lock(mutex_);
        for (;;) {
            auto progress = store.progress();
            if (suits(progress)) {
                return progress;
            }
            REQUIRE(woken_.wait_for(lock, much_later, [this] { return wakes_ > 0; }));
            wakes_ = 0;
        }
    }
    /// What is stored, as it is told after a failure.
    Changes reloaded() {
        store.reload();
        Changes all;
        until([&](auto& progress) {
            if (progress.reload_began) {
                all.clear();
            }
            std::ranges::move(progress.reloaded, std::back_inserter(all));
            return progress.reload_ended;
        });
        return all;
    }
    void keep(const Changes& changes) {
        const auto ticket = store.put(changes);
        until([&](const auto& progress) { return progress.stored >= ticket; });
    }

  private:
    // The writer uses these until the store is gone.
    std::mutex mutex_;
    std::condition_variable woken_;
    int wakes_ = 0;

  public:
    ClockReading now;
    SqliteJournal store;
    Changes loaded{};
    std::optional<std::string> damage{};
};

/// An open invitation of bob by alice.
inline InvitationKept invitation(std::uint64_t number) {
    return {.number = number,
            .id = id("i" + std::to_string(number)),
            .inviter = user("alice"),
            .target = user("bob"),
            .made_at = at(1000),
            .lifetime_end = at(1000 + 86'400'000)};
}
inline InviteeKept invitee(std::uint64_t number, std::uint32_t position = 0,
                           const std::string& name = "bob") {
    return {.number = number, .position = position, .user = user(name), .deadline = at(31'000)};
}

/// One that has ended, whole.
inline Changes ended(std::uint64_t number, Instant when, State state = State::accepted,
                     const std::string& inviter = "alice", const std::string& asked = "bob") {
    auto kept = invitation(number);
    kept.inviter = user(inviter);
    kept.target = user(asked);
    kept.rev = 2;
    kept.ended_at = when;
    auto one = invitee(number, 0, asked);
    one.state = state;
    one.note = 2;
    return {kept, NoteKept{.number = number, .rev = 2, .reason = "because"}, one};
}

/// Random changes that hang together: each batch rests on those before.
class Scenario {
  public:
    explicit Scenario(std::uint32_t seed) : random_(seed) {}

    /// What a few requests change.
    Changes next() {
        Changes changes;
        for (auto left = 1 + below(4); left > 0; --left) {
            const auto what = below(10);
            if (what < 4 || open_.empty()) {
                invite(changes);
            } else if (what < 7) {
                end(changes, below(open_.size()));
            } else if (what < 8) {
                changes.push_back(DataKept{.number = any(open_).number, .data = data()});
            } else if (what < 9 && !ended_.empty()) {
                changes.push_back(InvitationForgotten{ended_.front()});
                ended_.erase(ended_.begin());
            } else {
                regroup(changes);
            }
        }
        return changes;
    }

  private:
    struct Open {
        std::uint64_t number;
        std::uint32_t invitees;
        InvitationKept kept;
    };
    std::size_t below(std::size_t limit) { return random_() % limit; }
    const Open& any(const std::vector<Open>& of) { return of[below(of.size())]; }
    UserId somebody() { return user("user" + std::to_string(below(20))); }
    std::optional<Data> data() {
        if (below(3) == 0) {
            return std::nullopt;
        }
        // Some do not fit a page.
        const auto size = below(8) == 0 ? 5000 + below(9000) : below(200);
        return Data{.bytes = std::string(size, static_cast<char>('a' + below(20))),
                    .is_text = below(2) == 0};
    }
    void invite(Changes& changes) {
        Open one{
            .number = ++last_, .invitees = static_cast<std::uint32_t>(1 + below(5)), .kept = {}};
        one.kept = invitation(one.number);
        one.kept.inviter = somebody();
        one.kept.call = below(3) == 0;
        changes.push_back(one.kept);
        changes.push_back(DataKept{.number = one.number, .data = data()});
        for (std::uint32_t i = 0; i < one.invitees; ++i) {
            changes.push_back(invitee(one.number, i, "user" + std::to_string(i)));
        }
        if (one.kept.call) {
            changes.push_back(CallKept{.number = one.number});
            changes.push_back(participant(one.number, 0, one.kept.inviter));
        }
        open_.push_back(one);
    }
    void end(Changes& changes, std::size_t which) {
        Open one = open_[which];
        open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(which));
        one.kept.rev = 2;
        one.kept.ended_at = at(2000 + static_cast<std::int64_t>(one.number));
        if (one.number % 3 == 0) {
            one.kept.replaced_by = id("after" + std::to_string(one.number));
        }
        changes.push_back(one.kept);
        changes.push_back(NoteKept{
            .number = one.number, .rev = 2, .data = data(), .reason = below(2) == 0 ? "" : "busy"});
        for (std::uint32_t i = 0; i < one.invitees; ++i) {
            auto ended = invitee(one.number, i, "user" + std::to_string(i));
            ended.state = below(2) == 0 ? State::accepted : State::rejected;
            ended.by = ended.user;
            ended.device = DeviceTag(random_());
            ended.note = 2;
            changes.push_back(ended);
        }
        if (one.kept.call) {
            CallKept call{.number = one.number,
                          .started_at = at(1500),
                          .ended_at = one.kept.ended_at,
                          .reason = below(2) == 0 ? "hangup" : "connection_lost"};
            if (below(2) == 0) {
                call.merged = id("crossing" + std::to_string(one.number));
            }
            changes.push_back(call);
            for (std::uint32_t i = 0; i <= one.invitees; ++i) {
                auto gone =
                    participant(one.number, i,
                                i == 0 ? one.kept.inviter : user("user" + std::to_string(i - 1)));
                gone.takes_part = false;
                if (below(2) == 0) {
                    gone.hung_up = DeviceTag(random_());
                }
                changes.push_back(gone);
            }
        }
        ended_.push_back(one.number);
    }
    ParticipantKept participant(std::uint64_t number, std::uint32_t position, const UserId& who) {
        return {.number = number,
                .position = position,
                .user = who,
                .device = DeviceTag(random_()),
                .was_online = below(2) == 0};
    }
    void regroup(Changes& changes) {
        const auto group = group_id("group" + std::to_string(below(5)));
        auto& members = groups_[group];
        if (members.empty()) {
            members.push_back(somebody());
            changes.push_back(
                GroupKept{.group = group, .name = "Family", .described_by = members[0]});
            changes.push_back(MemberKept{
                .group = group, .user = members[0], .rank = Rank::owner, .brought_by = members[0]});
        } else if (below(4) == 0) {
            changes.push_back(GroupGone{group});
            members.clear();
        } else if (members.size() > 1 && below(3) == 0) {
            changes.push_back(MemberGone{group, members.back()});
            members.pop_back();
        } else {
            const auto one = somebody();
            if (std::find(members.begin(), members.end(), one) == members.end()) {
                members.push_back(one);
            }
            changes.push_back(MemberKept{.group = group,
                                         .user = one,
                                         .rank = one == members[0] ? Rank::owner : Rank::member,
                                         .brought_by = one});
        }
    }

    std::mt19937 random_;
    std::uint64_t last_ = 0;
    std::vector<Open> open_;
    std::vector<std::uint64_t> ended_;
    std::map<GroupId, std::vector<UserId>> groups_;
};

/// One of everything, with the values that are easily lost.
inline Changes one_of_everything() {
    auto ringing = invitation(1);
    ringing.answer = Answer::first;
    ringing.visibility = Visibility::inviter;
    ringing.call = true;
    ringing.online_only = true;
    ringing.keep_when_lost = true;
    ringing.inviter_was_online = true;
    auto in_group = invitation(2);
    in_group.target = group_id("family");
    in_group.visibility = Visibility::members;
    auto forever = invitee(2, 0, "carol");
    forever.deadline = Instant::max();
    auto over = invitation(3);
    over.rev = 3;
    over.ended_at = at(4000);
    auto said_no = invitee(3, 0, "bob");
    said_no.state = State::rejected;
    said_no.by = user("bob");
    said_no.device = DeviceTag(0xfedcba9876543210U);
    said_no.note = 2;
    auto late = invitee(3, 1, "carol");
    late.state = State::timed_out;
    late.adder = true;
    const std::string odd("a\0b'\"\xC3\xA4", 7);
    return {
        ringing,
        DataKept{1, Data{.bytes = odd}},
        invitee(1),
        CallKept{.number = 1},
        ParticipantKept{.number = 1, .user = user("alice")},
        in_group,
        DataKept{2, Data{.bytes = std::string("\0\xff\xfe", 3), .is_text = false}},
        forever,
        over,
        DataKept{3, Data{.bytes = "", .is_text = false}},
        NoteKept{.number = 3, .rev = 2, .data = Data{.bytes = ""}, .reason = "busy"},
        said_no,
        late,
        GroupKept{.group = group_id("family"),
                  .made_after = 1,
                  .name = "The 'family'",
                  .profile = Profile{{"colour", "red"}, {"", "\xC3\xA4"}},
                  .join_mode = JoinMode::closed,
                  .described_by = user("alice")},
        MemberKept{group_id("family"), user("alice"), Rank::owner, user("alice")},
        MemberKept{group_id("family"), user("bob"), Rank::admin, user("alice")},
        GroupKept{.group = group_id("empty"), .profile = Profile{}, .described_by = user("carol")},
        MemberKept{group_id("empty"), user("carol"), Rank::owner, user("carol")}};
}

}  // namespace beckon
