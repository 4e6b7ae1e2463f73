// SPDX-License-Identifier: Apache-2.0
// What history tells of what a switchboard has done.
#include "judge/history.hpp"

#include <memory>

#include "catch.hpp"
#include "judge/switchboard.hpp"
#include "world/actors.hpp"
#include "world/kept.hpp"

using namespace beckon;

namespace {

const Sender door = device("door.1");
const Sender kitchen = device("kitchen.2");
const Sender hall = device("hall.3");
const InvitationId x = id("x");

/// A switchboard, and what its journal keeps of it.
class Story {
  public:
    void ask(const Sender& sender, RequestBody body, std::int64_t ms) {
        const auto effects = board_->handle(sender, {.body = std::move(body)}, at(ms));
        for (const auto& effect : effects) {
            if (const auto* reply = std::get_if<Reply>(&effect)) {
                REQUIRE(reply->ok());
            }
        }
    }
    void wait(std::int64_t ms) { board_->advance(at(ms)); }

    std::vector<PastInvitation> told(const Sender& reader, std::int64_t ms) {
        kept_.add(board_->take_changes());
        Changes ended;
        for (const auto& change : kept_.shortest()) {
            if (!std::holds_alternative<DataKept>(change)) {
                ended.push_back(change);
            }
        }
        return past_of(ended, reader.user, at(ms));
    }
    PastInvitation one(const Sender& reader, std::int64_t ms = 100'000) {
        auto all = told(reader, ms);
        REQUIRE(all.size() == 1);
        return all.front();
    }

    /// What is told of the one that is forgotten by then.
    std::optional<InvitationForgotten> forgotten(std::int64_t ms) {
        wait(ms);
        std::optional<InvitationForgotten> found;
        for (const auto& change : board_->take_changes()) {
            if (const auto* const gone = std::get_if<InvitationForgotten>(&change)) {
                REQUIRE_FALSE(found);
                found = *gone;
            }
        }
        return found;
    }

  private:
    std::unique_ptr<Switchboard> board_ =
        std::make_unique<Switchboard>(Switchboard::Options{.limits = {}, .stored = true});
    Kept kept_;
};

/// An invitation of the kitchen, at 1000.
Story asked(bool call = false) {
    Story story;
    story.ask(door, Invite{.invitee = kitchen.user, .id = x, .call = call}, 1000);
    return story;
}

}  // namespace

TEST_CASE("history tells an answer, and that it was not missed") {
    auto story = asked();
    story.ask(kitchen, Accept{.id = x}, 3000);
    CHECK(story.one(kitchen, 10'000) ==
          PastInvitation{.id = x,
                         .inviter = door.user,
                         .invitees = {{kitchen.user, State::accepted}},
                         .reason = "accepted",
                         .role = Role::invitee,
                         .age = Duration(7000),
                         .ring = Duration(2000)});
    CHECK(story.one(door).role == Role::inviter);
}

TEST_CASE("what was cancelled, timed out or rejected as busy was missed by the invitee alone") {
    const auto missed = [](const RequestBody& end, const Sender& by) {
        auto story = asked();
        story.ask(by, end, 2000);
        CHECK_FALSE(story.one(door).missed);
        return story.one(kitchen).missed;
    };
    CHECK(missed(Cancel{.id = x}, door));
    CHECK(missed(Reject{.id = x, .reason = "busy"}, kitchen));
    CHECK_FALSE(missed(Reject{.id = x}, kitchen));
    CHECK_FALSE(missed(Accept{.id = x}, kitchen));

    auto story = asked();
    story.wait(40'000);
    CHECK(story.one(kitchen).missed);
    CHECK_FALSE(story.one(door).missed);
}

TEST_CASE("what timed out rang until its deadline, however late that was noticed") {
    auto story = asked();
    story.wait(90'000);
    const auto past = story.one(kitchen);
    CHECK(past.reason == "timed_out");
    CHECK(past.ring == Duration(30'000));
}

TEST_CASE("of several, the reason is the first of accepted, rejected, cancelled and timed out") {
    Story story;
    story.ask(door, Invite{.invitee = kitchen.user, .id = x, .also = {hall.user}}, 1000);
    story.ask(hall, Reject{.id = x, .reason = "busy"}, 2000);
    story.ask(door, Cancel{.id = x}, 3000);
    const auto past = story.one(door);
    CHECK(past.reason == "rejected");
    CHECK(past.invitees == std::vector<PastInvitee>{{kitchen.user, State::cancelled, "cancelled"},
                                                    {hall.user, State::rejected, "busy"}});
}

TEST_CASE("a call is told by why it ended, how long it rang and how long they talked") {
    auto story = asked(true);
    story.ask(kitchen, Accept{.id = x}, 3000);
    story.ask(kitchen, Hangup{.id = x, .reason = "bye"}, 10'000);
    const auto past = story.one(door, 12'000);
    CHECK(past.reason == "bye");
    CHECK(past.ring == Duration(2000));
    CHECK(past.talk == Duration(7000));
    CHECK(past.age == Duration(2000));

    auto missed = asked(true);
    missed.ask(door, Cancel{.id = x}, 2000);
    CHECK(missed.one(door).reason == "cancelled");
    CHECK_FALSE(missed.one(door).talk);
}

TEST_CASE("who was told of nobody else is told of nobody else later") {
    Story story;
    story.ask(door,
              Invite{.invitee = kitchen.user,
                     .id = x,
                     .also = {hall.user},
                     .visibility = Visibility::inviter},
              1000);
    story.ask(kitchen, Accept{.id = x}, 2000);
    story.ask(hall, Reject{.id = x}, 2000);
    CHECK(story.one(door).invitees.size() == 2);
    const auto past = story.one(hall);
    CHECK(past.invitees == std::vector<PastInvitee>{{hall.user, State::rejected, "declined"}});
    CHECK(past.reason == "rejected");
}

TEST_CASE("history is for the inviter and the invitees") {
    auto story = asked();
    story.ask(door, Cancel{.id = x}, 2000);
    CHECK(story.told(hall, 3000).empty());
}

TEST_CASE("history tells the group of an invitation") {
    const GroupId home = group_id("home");
    Story story;
    story.ask(door, CreateGroup{.group = home, .members = {kitchen.user}}, 0);
    story.ask(door, GroupInvite{.group = home, .id = x}, 1000);
    story.ask(kitchen, Accept{.id = x}, 2000);
    CHECK(story.one(kitchen).group == home);
}

TEST_CASE("history names a hundred of one invitation, its reader among them", "[history]") {
    Story story;
    std::vector<UserId> also;
    for (int i = 0; i < 200; ++i) {
        also.push_back(*UserId::parse("u" + std::to_string(i)));
    }
    story.ask(door, Invite{.invitee = kitchen.user, .id = x, .also = also}, 1000);
    story.ask({also[199], DeviceTag(9)}, Reject{x, {}, "busy"}, 2000);
    story.ask({also[5], DeviceTag(9)}, Reject{x, {}, std::string(5000, 'r')}, 2000);
    story.wait(40'000);
    const auto told = story.one({also[199], DeviceTag(9)});
    CHECK(told.invitees.size() == 100);
    CHECK(told.invitees_left_out == 101);
    CHECK(told.missed);
    CHECK(told.invitees[99].user == also[199]);
    CHECK(told.invitees[99].reason == "busy");
    CHECK_FALSE(told.invitees[6].reason);
    CHECK(story.one(door).invitees_left_out == 101);
}

TEST_CASE("who forgets an invitation is told whether its answers have data to forget") {
    const auto after = [](const RequestBody& end) {
        auto story = asked();
        story.ask(kitchen, end, 2000);
        return story.forgotten(100'000'000);
    };
    CHECK(after(Accept{.id = x, .data = Data{.bytes = "said"}})->notes_with_data);
    CHECK_FALSE(after(Reject{.id = x, .reason = "busy"})->notes_with_data);
    CHECK_FALSE(after(Accept{.id = x})->notes_with_data);
}
