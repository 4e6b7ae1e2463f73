// SPDX-License-Identifier: Apache-2.0
#include <deque>
#include <functional>
#include <iostream>
#include <memory>
#include <random>
#include <unordered_set>

#include "catch.hpp"
#include "judge/switchboard.hpp"
#include "protocol/topics.hpp"
#include "world/actors.hpp"
#include "world/stage.hpp"
#include "world/walks.hpp"

using namespace beckon;
using namespace std::string_literals;

namespace {

const InvitationId the_id = id("i");

const Sender alice_panel{user("alice"), DeviceTag(0xa1)};
const Sender alice_phone{user("alice"), DeviceTag(0xa2)};
const Sender bob_phone{user("bob"), DeviceTag(0xb1)};
const Sender bob_tablet{user("bob"), DeviceTag(0xb2)};
const Sender carol{user("carol"), DeviceTag(0xc1)};
const Sender dave{user("dave"), DeviceTag(0xd1)};
const Sender eve{user("eve"), DeviceTag(0xe1)};

/// Limits that refuse nothing in a short story.
Limits wide_limits() {
    Limits limits = without_rates();
    limits.max_pending_per_inviter = limits.max_pending_per_invitee = 1'000'000;
    limits.max_call_ms = 40'000;
    return limits;
}

/// Something that somebody does; without `run`, time goes on to `before` the
/// next deadline.
struct Action {
    std::string name;
    std::function<void(Stage&)> run{};
    Duration before{};
};

Action asks(const std::string& name, const Sender& sender, RequestBody body) {
    return {name, [=](Stage& stage) { stage.ask(sender, body); }};
}

/// One invitation and what may become of it.
struct Setting {
    std::string name;
    Invite invite;
    bool inviter_online = true;
    /// Whether the inviter comes and goes.
    bool inviter_moves = false;
    /// Asked in a group of eve's, whose members are all but dave.
    bool in_group = false;
    /// It has too many states to see all.
    bool endless = false;
};

Setting setting(const std::string& name, const std::function<void(Setting&)>& change) {
    Setting one{.name = name,
                .invite = {.invitee = user("bob"),
                           .id = the_id,
                           .data = Data{.bytes = "ring"},
                           .also = {user("carol")}}};
    change(one);
    return one;
}

const GroupId the_group = group_id("g");
GroupInvite in_group(const Setting& setting) {
    GroupInvite asked{.group = the_group, .id = the_id, .data = setting.invite.data};
    asked.invitees = invitees_of(setting.invite);
    asked.answer = setting.invite.answer;
    asked.visibility = setting.invite.visibility;
    asked.call = setting.invite.call;
    return asked;
}

std::vector<Setting> settings() {
    return {
        setting("all are asked", [](Setting& one) { one.inviter_moves = true; }),
        setting("the first takes it", [](Setting& one) { one.invite.answer = Answer::first; }),
        setting("all are asked, only the inviter hears",
                [](Setting& one) { one.invite.visibility = Visibility::inviter; }),
        setting("the first takes it, only the inviter hears",
                [](Setting& one) {
                    one.invite.answer = Answer::first;
                    one.invite.visibility = Visibility::inviter;
                    one.inviter_moves = true;
                }),
        setting("one is asked", [](Setting& one) { one.invite.also.clear(); }),
        setting("it is kept when the inviter is lost",
                [](Setting& one) {
                    one.invite.on_inviter_lost = OnInviterLost::keep;
                    one.inviter_moves = true;
                }),
        setting("without a timeout", [](Setting& one) { one.invite.timeout = Duration(0); }),
        setting("one is asked, the inviter was not online",
                [](Setting& one) {
                    one.invite.also.clear();
                    one.inviter_online = false;
                    one.inviter_moves = true;
                }),
        setting("in a group, all see it",
                [](Setting& one) {
                    one.in_group = true;
                    one.invite.visibility = Visibility::members;
                }),
        setting("in a group, the first takes it, only the inviter hears",
                [](Setting& one) {
                    one.in_group = true;
                    one.invite.answer = Answer::first;
                    one.invite.visibility = Visibility::inviter;
                }),
        setting("online_only",
                [](Setting& one) {
                    one.invite.online_only = true;
                    one.inviter_moves = true;
                }),
        setting("a call of two",
                [](Setting& one) {
                    one.invite.call = true;
                    one.invite.also.clear();
                    one.endless = true;
                }),
        setting("a call that the first takes, only the inviter hears",
                [](Setting& one) {
                    one.invite.call = true;
                    one.invite.answer = Answer::first;
                    one.invite.visibility = Visibility::inviter;
                    one.endless = true;
                }),
        setting("a call of several",
                [](Setting& one) {
                    one.invite.call = true;
                    one.inviter_moves = true;
                    one.endless = true;
                }),
        setting("a call in a group, all see it",
                [](Setting& one) {
                    one.in_group = true;
                    one.invite.call = true;
                    one.invite.visibility = Visibility::members;
                }),
    };
}

std::vector<Action> actions(const Setting& setting) {
    const std::vector<UserId> bob{user("bob")};
    std::vector<UserId> all = setting.invite.also;
    all.push_back(user("bob"));
    Invite other = setting.invite;
    other.invitee = user("carol");
    Invite crossing = setting.invite;
    crossing.invitee = user("alice");
    crossing.id = id("j");
    crossing.visibility = Visibility::invitees;
    Invite not_crossing = crossing;
    not_crossing.id = the_id;
    std::vector<Action> actions{
        {.name = "just before the next deadline", .before = Duration(1)},
        {.name = "the next deadline"},
        asks("bob's phone accepts", bob_phone, Accept{the_id, Data{.bytes = "yes"}}),
        asks("bob's tablet accepts", bob_tablet, Accept{the_id}),
        asks("carol accepts", carol, Accept{the_id}),
        asks("dave accepts", dave, Accept{the_id}),
        asks("bob's phone rejects", bob_phone, Reject{the_id, Data{.bytes = "no"}, "busy"}),
        asks("bob's tablet rejects", bob_tablet, Reject{.id = the_id}),
        asks("carol rejects", carol, Reject{.id = the_id}),
        asks("alice cancels", alice_panel, Cancel{the_id, Data{.bytes = "never mind"}}),
        asks("alice's phone cancels", alice_phone, Cancel{the_id}),
        asks("alice cancels bob", alice_panel, Cancel{the_id, {}, bob}),
        asks("alice cancels all by name", alice_panel, Cancel{the_id, {}, all}),
        asks("bob's phone cancels", bob_phone, Cancel{the_id}),
        asks("alice modifies", alice_panel, Modify{the_id, Data{.bytes = "RING"}}),
        asks("alice adds dave", alice_panel, Add{the_id, {user("dave")}, Duration(20'000)}),
        asks("bob adds dave and carol", bob_phone, Add{the_id, {user("dave"), user("carol")}}),
        asks("bob is ringing", bob_phone, Ringing{the_id}),
        asks("carol is ringing", carol, Ringing{the_id}),
        {.name = "what changes nothing",
         .run =
             [=](Stage& stage) {
                 stage.ask(alice_panel, setting.invite);
                 stage.ask(alice_panel, other);
                 stage.ask(bob_phone, not_crossing);
                 stage.ask(alice_panel, Accept{the_id});
                 stage.ask(alice_panel, Ringing{the_id});
                 stage.ask(alice_panel, Cancel{the_id, {}, std::vector{user("eve")}});
                 stage.ask(bob_phone, Modify{the_id, Data{.bytes = "RING"}});
                 stage.ask(eve, Get{the_id});
                 stage.ask(eve, Accept{the_id});
                 stage.ask(eve, Cancel{the_id});
                 stage.ask(eve, Add{the_id, {user("dave")}});
             }},
    };
    if (setting.in_group) {
        const std::vector<Action> of_groups{
            asks("bob quits", bob_phone, QuitGroup{the_group}),
            asks("bob joins", bob_phone, JoinGroup{the_group}),
            asks("alice quits", alice_panel, QuitGroup{the_group}),
            asks("dave joins", dave, JoinGroup{the_group}),
            asks("eve removes bob and carol", eve,
                 RemoveMembers{the_group, {user("bob"), user("carol")}, {}}),
            asks("eve hands over to carol", eve, TransferGroup{the_group, user("carol")}),
            asks("eve dismisses", eve, DismissGroup{the_group}),
            asks("eve makes it anew", eve, CreateGroup{.group = the_group, .members = bob}),
            asks("alice asks again", alice_panel, in_group(setting)),
        };
        actions.insert(actions.end(), of_groups.begin(), of_groups.end());
    }
    if (setting.invite.call) {
        const std::vector<Action> of_calls{
            asks("bob's tablet calls alice", bob_tablet, crossing),
            asks("bob's phone hangs up", bob_phone, Hangup{.id = the_id}),
            asks("bob's tablet resumes", bob_tablet, Resume{the_id}),
            asks("bob's phone joins", bob_phone, Join{.id = the_id}),
            asks("carol joins", carol, Join{the_id, Data{.bytes = "me too"}}),
            asks("alice's phone joins", alice_phone, Join{.id = the_id}),
            asks("carol hangs up", carol, Hangup{the_id, Data{.bytes = "bye"}, "busy"}),
            asks("alice hangs up", alice_panel, Hangup{.id = the_id}),
            asks("alice's phone hangs up for all", alice_phone, Hangup{.id = the_id, .all = true}),
            {.name = "bob's phone goes",
             .run = [](Stage& stage) { stage.set_online(bob_phone, false); }},
            {.name = "bob's phone comes",
             .run = [](Stage& stage) { stage.set_online(bob_phone, true); }},
            {.name = "what only speaks",
             .run =
                 [](Stage& stage) {
                     const Data data{.bytes = "offer"};
                     for (const auto& one : {alice_panel, bob_phone, bob_tablet, carol, dave}) {
                         stage.ask(one, Signal{.id = the_id, .data = data});
                         for (const auto* to : {"alice", "bob", "carol"}) {
                             stage.ask(one, Signal{the_id, user(to), 1, data});
                         }
                     }
                     stage.ask(dave, Hangup{.id = the_id, .all = true});
                     stage.ask(dave, Resume{the_id});
                     stage.ask(dave, Join{the_id});
                     stage.ask(bob_phone, Hangup{.id = the_id, .all = true});
                 }},
        };
        actions.insert(actions.end(), of_calls.begin(), of_calls.end());
    }
    if (setting.inviter_moves) {
        for (const bool online : {false, true}) {
            actions.push_back({online ? "alice comes online" : "alice goes offline",
                               [=](Stage& stage) { stage.set_online(alice_panel, online); }});
        }
    }
    return actions;
}

const std::vector<Sender> readers{alice_panel, bob_phone, carol, dave, eve};
/// What happened, and what is known after it.
struct Story {
    struct Step {
        std::size_t action;
        Instant at;
    };
    std::vector<Step> steps;
    Promises promises;
};

/// Everything that may become of one setting. A switchboard cannot be copied, so
/// each story is told from its beginning, and only what is new in it is watched: the
/// rest was new once.
class Stories {
  public:
    explicit Stories(Setting setting)
        : setting_(std::move(setting)), actions_(actions(setting_)), limits_(wide_limits()) {}

    /// Each sequence of so many actions, restarts being one. Returns how many stories were told.
    std::size_t tell_all(std::size_t depth) {
        actions_.push_back({.name = "a restart", .run = [](Stage& stage) { stage.restart(); }});
        std::size_t told = 0;
        std::vector<Story> stories{beginning()};
        while (!stories.empty()) {
            const Story story = std::move(stories.back());
            stories.pop_back();
            for (std::size_t action = 0; action < actions_.size(); ++action, ++told) {
                Story longer = story;
                const auto stage = tell(longer);
                go_on(*stage, longer, action);
                longer.promises = stage->promises();
                finish(*stage, longer);
                if (longer.steps.size() < depth) {
                    stories.push_back(std::move(longer));
                }
            }
        }
        return told;
    }

    /// Each action in each state that sequences of any length reach.
    /// Returns how many states there are.
    std::size_t tell_until_nothing_is_new() {
        std::unordered_set<std::string> seen;
        std::deque<Story> stories{beginning()};
        while (!stories.empty()) {
            const Story story = std::move(stories.front());
            stories.pop_front();
            const auto state = state_and_rev(story.promises);
            Story longer = story;
            auto stage = tell(longer);
            for (std::size_t action = 0; action < actions_.size(); ++action) {
                go_on(*stage, longer, action);
                const bool is_new = seen.insert(stage->promises().state()).second;
                const bool changed = state_and_rev(stage->promises()) != state;
                if (is_new) {
                    longer.promises = stage->promises();
                    const auto last = longer.steps.back();
                    if (seen.size() % 2 == 0) {
                        stage->restart();
                    }
                    finish(*stage, longer);
                    // What was tried before it changed nothing.
                    longer.steps = story.steps;
                    longer.steps.push_back(last);
                    stories.push_back(std::move(longer));
                }
                // Where nothing changed, the next action finds the state that it is to find.
                if (is_new || changed) {
                    longer = story;
                    stage = tell(longer);
                }
            }
        }
        return seen.size();
    }

  private:
    Story beginning() {
        Stage stage(limits_, Promises(limits_, "epoch", false));
        begin(stage);
        return {{}, stage.promises()};
    }
    void begin(Stage& stage) const {
        if (setting_.inviter_online) {
            stage.set_online(alice_panel, true);
        }
        stage.set_online(bob_phone, true);
        stage.set_online(carol, true);
        if (setting_.in_group) {
            stage.ask(eve, CreateGroup{.group = the_group,
                                       .members = {user("alice"), user("bob"), user("carol")}});
            stage.ask(alice_panel, in_group(setting_));
        } else {
            stage.ask(alice_panel, setting_.invite);
        }
    }

    static std::string state_and_rev(const Promises& promises) {
        std::string text = promises.state();
        for (const auto& [id, known] : promises.known()) {
            text += std::to_string(known.rev) + ' ';
        }
        return text;
    }
    std::unique_ptr<Stage> tell(const Story& story) {
        auto stage = std::make_unique<Stage>(limits_, story.promises);
        stage->watch(false);
        begin(*stage);
        for (const auto& step : story.steps) {
            stage->wait_until(step.at);
            run(*stage, actions_[step.action]);
        }
        stage->watch(true);
        return stage;
    }
    /// One action more in the story that was told on this stage.
    void go_on(Stage& stage, Story& story, std::size_t action) {
        story.steps.push_back({action, stage.now()});
        watched(story, [&] {
            const auto due = stage.promises().next_due();
            if (!actions_[action].run && due) {
                stage.wait_until(*due - actions_[action].before);
                story.steps.back().at = stage.now();
            }
            run(stage, actions_[action]);
            stage.check();
            stage.ask(alice_panel, Get{the_id});
        });
    }
    /// How the story ends by itself.
    void finish(Stage& stage, const Story& story) {
        watched(story, [&] {
            stage.check_sync(readers);
            stage.finish();
        });
    }
    void watched(const Story& story, const std::function<void()>& part) {
        try {
            part();
        } catch (const BrokenPromise& broken) {
            std::string text = setting_.name;
            for (const auto& step : story.steps) {
                text += "; " + actions_[step.action].name;
            }
            throw BrokenPromise(text + ": " + broken.what());
        }
    }
    static void run(Stage& stage, const Action& action) {
        if (action.run) {
            action.run(stage);
        }
    }

    Setting setting_;
    std::vector<Action> actions_;
    Limits limits_;
};

struct Terms {
    Limits limits;
    /// The limits are so low that they may refuse what would else be right.
    bool limits_bite;
    int steps;
};

std::vector<UserId> walkers() {
    std::vector<UserId> all;
    for (int i = 0; i < 24; ++i) {
        all.push_back(user("user-" + std::to_string(i)));
    }
    return all;
}

/// Many users who do anything at any time.
class Walk {
  public:
    /// `notes` gets what happens before the end, if it is not null.
    Walk(std::uint32_t seed, const Terms& terms, std::vector<Happening>* notes)
        : random_(seed),
          stage_(terms.limits, Promises(terms.limits, "epoch", terms.limits_bite)),
          users_(walkers()) {
        stage_.note_in(notes);
    }

    void run(int steps) {
        for (taken_ = 0; taken_ < steps; ++taken_) {
            step();
            if (below(200) == 0) {
                stage_.restart();
            }
            if (taken_ % 500 == 0) {
                look_around();
            }
        }
        stage_.note_in(nullptr);
        stage_.finish();
    }
    [[nodiscard]] int taken() const { return taken_; }
    [[nodiscard]] const std::map<std::string, int>& replies() const { return replies_; }

  private:
    void step() {
        switch (below(16)) {
            case 0:
                stage_.wait(Duration(
                    static_cast<std::int64_t>(below(20) == 0 ? below(20'000) : below(400))));
                break;
            case 1:
                if (const auto due = stage_.promises().next_due(); due && below(3) == 0) {
                    stage_.wait_until(*due - Duration(static_cast<std::int64_t>(below(2))));
                }
                break;
            case 2:
                stage_.set_online(some_device(anybody()), below(3) > 0);
                break;
            case 3:
                ask(some_device(anybody()), some_invite());
                break;
            case 4:
                invite_in_group();
                break;
            case 5:
            case 6:
                about_groups();
                break;
            default:
                about_one();
                break;
        }
        stage_.check();
    }

    void look_around() {
        std::vector<Sender> all;
        for (const auto& one : users_) {
            all.push_back({one, DeviceTag(1)});
        }
        stage_.check_sync(all);
        for (const auto& [id, known] : std::map(stage_.promises().known())) {
            for (const auto& part : known.parts) {
                stage_.ask({part.user, DeviceTag(2)}, Get{id});
            }
        }
    }

    std::size_t below(std::size_t bound) {
        return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random_);
    }
    const UserId& anybody() { return users_[below(users_.size())]; }
    std::vector<UserId> some(std::size_t most) {
        std::vector<UserId> chosen;
        for (auto left = 1 + below(most); left > 0; --left) {
            chosen.push_back(anybody());
        }
        return chosen;
    }
    Sender some_device(const UserId& of) { return {of, DeviceTag(1 + below(2))}; }
    std::optional<Data> some_data() {
        return below(2) == 0 ? std::nullopt
                             : std::optional(Data{.bytes = std::string(below(200), 'x')});
    }
    Duration some_timeout() {
        return Duration(below(6) == 0 ? 0 : static_cast<std::int64_t>(1 + below(15'000)));
    }

    void ask(const Sender& sender, RequestBody body) {
        const auto reply =
            below(2) == 0 ? stage_.ask(sender, body) : stage_.ask_and_count(sender, body);
        const auto* refusal = std::get_if<Refusal>(&reply.body);
        const bool merged = std::holds_alternative<Merged>(reply.body);
        ++replies_[reply.re + " " +
                   std::string(refusal  ? info(refusal->error).name
                               : merged ? "merged"
                                        : "ok")];
    }

    /// Few, so that they are known, and now and then one that is not.
    GroupId some_group() { return group_id("group-" + std::to_string(below(6))); }
    std::optional<InvitationId> some_id() {
        if (below(5) == 0) {
            return std::nullopt;
        }
        // At times an id that was used before.
        const auto number = below(4) == 0 ? below(last_id_ + 1) : ++last_id_;
        return id("id-" + std::to_string(number));
    }
    /// Mostly a member of the group.
    UserId somebody_of(const GroupId& id) {
        const auto& groups = stage_.promises().groups();
        const auto at = groups.find(id);
        if (at == groups.end() || below(6) == 0) {
            return anybody();
        }
        const auto& members = at->second.members;
        return std::next(members.begin(), static_cast<std::ptrdiff_t>(below(members.size())))
            ->first;
    }
    UserId leader_of(const GroupId& id) {
        const auto& groups = stage_.promises().groups();
        const auto at = groups.find(id);
        return at == groups.end() || below(4) == 0 ? somebody_of(id) : at->second.owner();
    }
    std::vector<UserId> some_of(const GroupId& id, std::size_t most) {
        std::vector<UserId> chosen;
        for (auto left = 1 + below(most); left > 0; --left) {
            chosen.push_back(somebody_of(id));
        }
        return chosen;
    }

    void invite_in_group() {
        const auto group = some_group();
        GroupInvite invite{
            .group = group, .id = some_id(), .data = some_data(), .timeout = some_timeout()};
        if (below(2) == 0) {
            invite.invitees = some_of(group, 4);
        }
        invite.answer = below(3) > 0 ? Answer::all : Answer::first;
        invite.online_only = below(6) == 0;
        invite.on_inviter_lost = below(3) == 0 ? OnInviterLost::keep : OnInviterLost::cancel;
        invite.call = below(2) == 0;
        invite.visibility = static_cast<Visibility>(below(3));
        invite.replace = below(5) == 0;
        const auto sender = some_device(somebody_of(group));
        ask(sender, invite);
        if (below(6) == 0) {
            ask(sender, invite);
        }
    }

    void about_groups() {
        const auto group = some_group();
        const auto member = somebody_of(group);
        const auto leader = leader_of(group);
        switch (below(13)) {
            case 0: {
                CreateGroup create{.group = group, .members = some(6)};
                create.join_mode = below(2) == 0 ? JoinMode::free : JoinMode::closed;
                ask(some_device(anybody()), create);
                break;
            }
            case 1:
            case 2:
                ask(some_device(anybody()), JoinGroup{group});
                break;
            case 3:
                ask(some_device(member), QuitGroup{group});
                break;
            case 4:
                ask(some_device(below(2) == 0 ? member : leader), AddMembers{group, some(3)});
                break;
            case 5:
                ask(some_device(leader), RemoveMembers{group, some_of(group, 3), {}});
                break;
            case 6:
                ask(some_device(leader),
                    SetRank{group, member, below(2) == 0 ? Rank::admin : Rank::member});
                break;
            case 7:
                ask(some_device(leader), TransferGroup{group, member});
                break;
            case 8: {
                UpdateGroup update{.group = group};
                if (below(2) == 0) {
                    update.name = std::string(below(3), 'n');
                }
                if (below(2) == 0) {
                    update.join_mode = below(2) == 0 ? JoinMode::free : JoinMode::closed;
                }
                if (below(2) == 0) {
                    update.profile = Profile{{"color", std::string(below(3), 'c')}};
                }
                ask(some_device(leader), update);
                break;
            }
            case 9:
                if (below(8) == 0) {
                    ask(some_device(leader), DismissGroup{group});
                }
                break;
            case 10:
                ask(some_device(member), GetGroup{group, {}});
                break;
            case 11:
                ask(some_device(member),
                    Message{.to = group, .data = {.bytes = "hello"}, .online_only = below(3) == 0});
                break;
            default:
                ask(some_device(member),
                    Message{.to = anybody(), .data = {}, .online_only = below(2) == 0});
                break;
        }
    }

    Invite some_invite() {
        Invite invite{.invitee = anybody(), .data = some_data(), .timeout = some_timeout()};
        invite.id = some_id();
        if (below(2) == 0) {
            invite.also = some(4);
        }
        invite.answer = below(2) == 0 ? Answer::all : Answer::first;
        invite.online_only = below(6) == 0;
        invite.on_inviter_lost = below(3) == 0 ? OnInviterLost::keep : OnInviterLost::cancel;
        invite.call = below(2) == 0;
        invite.visibility = below(2) == 0 ? Visibility::invitees : Visibility::inviter;
        invite.replace = below(5) == 0;
        return invite;
    }

    /// Mostly by somebody whom it concerns.
    void about_one() {
        const auto& all = stage_.promises().known();
        if (all.empty()) {
            return;
        }
        const auto one = std::next(all.begin(), static_cast<std::ptrdiff_t>(below(all.size())));
        const auto id = one->first;
        const auto inviter = one->second.inviter;
        const auto invite = one->second.asked;
        const auto group = one->second.group;
        const auto& parts = one->second.parts;
        const auto invitee = parts[below(parts.size())].user;
        const auto speaker = below(12) == 0 ? anybody() : invitee;
        switch (below(18)) {
            case 16:
            case 17:
                ask(some_device(below(3) == 0 ? inviter : speaker), Join{id, some_data()});
                break;
            case 10:
            case 11: {
                Signal signal{.id = id, .seq = below(10), .data = some_data().value_or(Data{})};
                if (below(2) == 0) {
                    signal.to = below(2) == 0 ? inviter : parts[below(parts.size())].user;
                }
                ask(some_device(below(2) == 0 ? speaker : inviter), signal);
                break;
            }
            case 12:
            case 13: {
                Hangup hangup{.id = id, .data = some_data(), .all = below(6) == 0};
                ask(some_device(below(2) == 0 ? speaker : inviter), hangup);
                break;
            }
            case 14:
                ask(some_device(below(2) == 0 ? speaker : inviter), Resume{id});
                break;
            case 15: {
                Invite crossing{.invitee = inviter, .id = some_id(), .call = true};
                ask(some_device(speaker), crossing);
                if (below(2) == 0) {
                    ask(some_device(speaker), crossing);
                }
                break;
            }
            case 0:
            case 1:
                ask(some_device(speaker), Accept{id, some_data()});
                break;
            case 2:
                ask(some_device(speaker), Reject{.id = id, .data = some_data()});
                break;
            case 3:
                ask(some_device(speaker), Ringing{id});
                break;
            case 4: {
                std::optional<std::vector<UserId>> named;
                if (below(2) == 0) {
                    named = std::vector{invitee};
                }
                ask(some_device(below(8) == 0 ? speaker : inviter), Cancel{id, some_data(), named});
                break;
            }
            case 5:
                ask(some_device(below(8) == 0 ? speaker : inviter),
                    Modify{id, some_data().value_or(Data{})});
                break;
            case 6:
                ask(some_device(below(2) == 0 ? speaker : inviter),
                    Add{id, group ? some_of(*group, 3) : some(3), some_timeout()});
                break;
            case 7:
                if (group) {
                    GroupInvite again{.group = *group, .id = id};
                    again.visibility = Visibility::inviter;
                    ask(some_device(inviter), again);
                } else {
                    ask(some_device(inviter), invite);
                }
                break;
            default:
                ask(some_device(below(3) == 0 ? anybody() : inviter), Get{id});
                break;
        }
        stage_.ask(some_device(inviter), Get{id});
    }

    std::mt19937 random_;
    Stage stage_;
    std::vector<UserId> users_;
    int taken_ = 0;
    std::size_t last_id_ = 0;
    std::map<std::string, int> replies_;
};

/// What broke as this happened, and after how much of it.
struct Break {
    std::size_t length;
    std::string why;
};
std::optional<Break> broken(const std::vector<Happening>& story, const Terms& terms) {
    std::size_t length = 0;
    try {
        Stage stage(terms.limits, Promises(terms.limits, "epoch", terms.limits_bite));
        for (const auto& one : story) {
            ++length;
            std::visit([&](const auto& it) { stage.play(it); }, one);
            stage.check();
        }
        stage.finish();
        return std::nullopt;
    } catch (const std::exception& error) {
        return Break{length, error.what()};
    }
}

/// What is left of a story that breaks when all is taken out that is not needed for that,
/// first large pieces, then small ones, as far as it is done soon.
std::vector<Happening> shorter(std::vector<Happening> story, const Terms& terms) {
    std::size_t patience = 5'000'000;
    for (auto piece = story.size() / 2; piece > 0;) {
        bool is_shorter = false;
        for (std::size_t at = 0; at < story.size() && patience > 0;) {
            const auto from = story.begin() + static_cast<std::ptrdiff_t>(at);
            const auto size = std::min(piece, story.size() - at);
            std::vector<Happening> rest(story.begin(), from);
            rest.insert(rest.end(), from + static_cast<std::ptrdiff_t>(size), story.end());
            patience -= std::min(patience, rest.size() + 1);
            if (const auto one = broken(rest, terms)) {
                rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(one->length), rest.end());
                story = std::move(rest);
                is_shorter = true;
            } else {
                at += size;
            }
        }
        if (piece > 1 || !is_shorter) {
            piece /= 2;
        }
    }
    return story;
}

/// As a scenario of a transcript.
std::string spelled(const std::vector<Happening>& story, const Limits& limits) {
    std::string text = "limits";
    for (const auto& row : limit_table) {
        if (limits.*row.value != Limits().*row.value) {
            text += ' ' + std::string(row.name) + '=' + std::to_string(limits.*row.value);
        }
    }
    for (const auto& one : story) {
        text += '\n' + std::visit([](const auto& it) { return spelled(it); }, one);
    }
    return text;
}

void walk(const Terms& terms, std::uint32_t seeds) {
    seeds = walks(seeds);
    std::map<std::string, int> replies;
    for (std::uint32_t seed = 1; seed <= seeds; ++seed) {
        Walk one(seed, terms, nullptr);
        try {
            one.run(terms.steps);
        } catch (const std::exception& error) {
            std::vector<Happening> story;
            try {
                Walk(seed, terms, &story).run(terms.steps);
            } catch (const std::exception&) {
                story = shorter(std::move(story), terms);
            }
            const auto left = broken(story, terms);
            // Catch would break the lines.
            std::cerr << spelled(story, terms.limits) << '\n';
            FAIL("seed " << seed << ", step " << one.taken() << ": " << error.what() << "; "
                         << story.size() << " lines, above, are enough for: "
                         << (left ? left->why : "nothing, when played again"));
        }
        for (const auto& [what, count] : one.replies()) {
            replies[what] += count;
        }
    }
    // They went everywhere.
    const bool limits_bite = terms.limits_bite;
    const auto often = [&](int times) { return times * static_cast<int>(seeds); };
    for (const auto* verb : {"invite", "accept", "reject", "cancel", "modify", "ringing", "add",
                             "get", "message", "signal", "hangup"}) {
        CHECK(replies[verb + " ok"s] > often(50));
    }
    for (const auto* verb :
         {"create", "join", "quit", "dismiss", "remove", "role", "transfer", "update"}) {
        INFO(verb);
        CHECK(replies[verb + " ok"s] > often(3));
    }
    for (const auto* refusal :
         {"accept already_accepted", "accept already_cancelled", "reject already_timed_out",
          "cancel already_ended", "cancel not_inviter", "modify not_modifiable",
          "invite user_offline", "invite already_exists", "add already_accepted",
          "get not_participant", "hangup already_ended", "hangup not_participant",
          "hangup not_inviter", "signal not_participant", "resume ok", "invite merged"}) {
        INFO(refusal);
        CHECK(replies[refusal] > often(1));
    }
    if (!limits_bite) {
        for (const auto* refusal :
             {"accept already_revoked", "invite unknown_group", "invite not_member",
              "join group_closed", "quit owner_cannot_quit", "create group_exists",
              "remove not_admin", "remove not_owner", "role not_member", "transfer not_owner",
              "update not_admin", "message not_member", "message user_offline"}) {
            INFO(refusal);
            CHECK(replies[refusal] > 0);
        }
    }
    if (limits_bite) {
        for (const auto* refusal :
             {"invite too_large", "invite too_many_pending", "invite rate_limited", "add too_large",
              "accept unknown_invitation", "join group_full", "create too_large"}) {
            INFO(refusal);
            CHECK(replies[refusal] > often(1));
        }
    }
}

}  // namespace

TEST_CASE("every promise is kept in every sequence of two actions") {
    for (const auto& setting : settings()) {
        INFO(setting.name);
        CHECK(Stories(setting).tell_all(2) > 400);
    }
}

TEST_CASE("every promise is kept in every sequence of three actions, when the first takes it") {
    CHECK(Stories(settings()[1]).tell_all(3) > 8000);
}

TEST_CASE("every promise is kept in every state") {
    for (const auto& setting : settings()) {
        if (!setting.in_group && !setting.endless) {  // theirs have no end of combinations
            INFO(setting.name);
            CHECK(Stories(setting).tell_until_nothing_is_new() > 100);
        }
    }
}

TEST_CASE("every promise is kept in a long walk of many users") {
    Limits limits = wide_limits();
    limits.ended_ms = 20'000;
    limits.grace_ms = 5000;
    walk({.limits = limits, .limits_bite = false, .steps = 10'000}, 5);
}

TEST_CASE("every promise is kept in a long walk where the limits are low") {
    Limits limits;
    limits.max_total_data_bytes = 9000;
    limits.max_lifetime_ms = 60'000;
    limits.max_call_ms = 20'000;
    limits.max_invitees = 5;
    limits.max_audience = 5;
    limits.max_group_members = 4;
    limits.max_groups_per_owner = 2;
    limits.max_pending_per_inviter = 3;
    limits.max_pending_per_invitee = 4;
    limits.max_pending = 14;
    limits.max_ended = 8;
    limits.ended_ms = 20'000;
    limits.requests_burst = 40;
    limits.pair_invites_burst = 2;
    limits.events_per_second = 5;
    limits.events_burst = 12;
    limits.grace_ms = 4000;
    walk({.limits = limits, .limits_bite = true, .steps = 30'000}, 5);
}
