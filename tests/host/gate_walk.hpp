// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "gate_world.hpp"
#include "world/promises.hpp"

namespace beckon {

inline constexpr Duration patience{2000};

inline Limits walk_limits() {
    Limits limits;
    limits.requests_per_second = limits.requests_burst = 1'000'000;
    limits.pair_invites_per_second = limits.pair_invites_burst = 1'000'000;
    limits.events_per_second = limits.events_burst = 1'000'000;
    // What is decided anew has ended then, and is remembered from then on.
    limits.ended_ms = a_year_ms;
    // Who is lost, and when, is a test of its own: nobody is while the journal fails.
    limits.grace_ms = a_year_ms;
    return limits;
}

/// A commit gate between a crowd that asks for anything and a journal that does anything, and the
/// judges of what it says: the contract's promises, told in the order of the decisions, and stored
/// before said. What they do is chosen by chance, or by a fuzzer.
class GateWalk {
  public:
    /// A number below `bound`.
    using Choose = std::function<std::size_t(std::size_t bound)>;

    explicit GateWalk(Choose choose, bool notes = false)
        : notes_(notes), choose_(std::move(choose)), promises_(walk_limits(), "epoch", false) {
        make_gate();
    }

    void run(const std::function<bool()>& goes_on) {
        while (goes_on()) {
            step();
        }
        mend();
        sync_all();
    }
    [[nodiscard]] const std::map<std::string, int>& seen() const { return seen_; }

  private:
    struct Asked {
        Sender sender;
        Request request;
        Instant at;
        /// In the order of the decisions.
        std::size_t turn = 0;
        /// It may wait, and is decided when that is over.
        bool while_failing = false;
        bool is_answered = false;
    };
    /// What was said, to be judged in the order of the decisions.
    struct Said {
        Instant decided_at;
        std::size_t turn = 0;
        std::function<void()> judge{};
        bool is_presence = false;
        /// Or what the clock decided.
        Effects by_clock{};
    };

    void make_gate() {
        medium_.on_give_up = [this] {
            for (auto& one : asked_) {
                one.while_failing = true;  // judged anew, if at all
            }
        };
        auto journal = std::make_unique<FakeJournal>(medium_);
        journal_ = journal.get();
        gate_ = std::make_unique<CommitGate>(
            CommitGate::Settings{.limits = walk_limits(), .server_epoch = "epoch"},
            CommitGate::Host{
                .say = [this](const Effects& effects,
                              const CommitGate::Asker& asker) { said(effects, asker); },
                .store_changed =
                    [this](const auto& failure) {
                        note(failure ? "fails: " + *failure : "works");
                        ++seen_[failure ? "fails" : "works"];
                        if (!failure) {
                            decide_what_waits();
                        }
                    },
                .tell_online =
                    [this](const auto& tell) {
                        std::for_each(online_.begin(), online_.end(), tell);
                    },
                .new_secret =
                    [this] {
                        return SipKey{++secret_, 0};
                    }},
            std::move(journal), now_);
        gate_->start([] {});
    }
    void note(const std::string& line) const {
        if (notes_) {
            std::cerr << now_.time_since_epoch().count() << ' ' << line << '\n';
        }
    }
    static std::string text_of(const Effects& effects) {
        std::string text;
        for (const auto& effect : effects) {
            if (const auto* reply = std::get_if<Reply>(&effect)) {
                text += reply->re + (reply->ok() ? " ok" : " refused") + "; ";
            } else if (const auto* event = std::get_if<Event>(&std::get<Delivery>(effect).event)) {
                text += std::string(name_of(*event)) + ' ' + event->id.str() + ' ' +
                        std::to_string(event->rev) + "; ";
            }
        }
        return text;
    }

    // ------------------------------------------------------------- judging

    void said(const Effects& effects, const CommitGate::Asker& asker) {
        if (effects.empty()) {
            return;
        }
        note((asker ? "says to " + std::to_string(asker->number) + ": " : std::string("says: ")) +
             text_of(effects));
        if (!asker) {
            by_clock(effects);
            return;
        }
        Asked& asked = asked_.at(asker->number);
        if (asked.is_answered) {
            throw BrokenPromise("two replies to one request");
        }
        asked.is_answered = true;
        const auto& reply = std::get<Reply>(effects.front());
        const auto* refusal = std::get_if<Refusal>(&reply.body);
        if (refusal != nullptr && refusal->error == Error::storage_unavailable) {
            ++seen_["refused"];
            return;
        }
        ++seen_[reply.re + (refusal != nullptr ? " refused" : " ok")];
        stored_before_said(effects);
        const Instant decided_at = asked.while_failing ? now_ : asked.at;
        const auto turn = asked.while_failing ? ++turn_ : asked.turn;
        unjudged_.push_back({decided_at, turn, [this, asked, decided_at, effects] {
                                 promises_.asked(asked.sender, asked.request, decided_at, effects);
                             }});
    }
    void decide_what_waits() {
        for (auto& one : asked_) {
            if (!one.is_answered && one.while_failing) {
                one.while_failing = false;
                one.at = now_;
                one.turn = ++turn_;
            }
        }
    }
    void by_clock(const Effects& effects) {
        ++seen_["by the clock"];
        if (gate_ && gate_->state() == "ok") {
            stored_before_said(effects);
        }
        // The clock decides when it is due: no sooner, however late that is said.
        for (const auto& effect : effects) {
            const auto& event = std::get<Event>(std::get<Delivery>(effect).event);
            unjudged_.push_back({.decided_at = due_of(event), .by_clock = {effect}});
        }
    }
    /// At which of the stored deadlines this was decided.
    Instant due_of(const Event& event) const {
        Instant due = now_;
        for (const auto& [number, one] : medium_.kept.invitations) {
            if (one.kept.id != event.id) {
                continue;
            }
            due = one.kept.lifetime_end;
            const auto* timeout = std::get_if<InvitationTimeout>(&event.body);
            for (const auto& [position, invitee] : one.invitees) {
                if (timeout != nullptr && invitee.user == timeout->invitees.front()) {
                    due = invitee.deadline;
                }
            }
        }
        return std::min(due, now_);
    }
    void stored_before_said(const Effects& effects) const {
        for (const auto& effect : effects) {
            const auto* delivery = std::get_if<Delivery>(&effect);
            const auto* event =
                delivery != nullptr ? std::get_if<Event>(&delivery->event) : nullptr;
            if (event == nullptr || std::holds_alternative<InviteeRinging>(event->body) ||
                std::holds_alternative<SignalEvent>(event->body)) {
                continue;
            }
            Rev stored = 0;
            for (const auto& [number, one] : medium_.kept.invitations) {
                if (one.kept.id == event->id) {
                    stored = std::max(stored, one.kept.rev);
                }
            }
            if (stored < event->rev) {
                throw BrokenPromise("said before it was stored: " + event->id.str());
            }
        }
    }
    /// What was decided until now is told, if nobody waits for a reply, nor for what is stored.
    void judge() {
        const bool holds = gate_->state() == "ok" && journal_->waiting().changes > 0;
        if (holds || journal_->is_reading() ||
            std::any_of(asked_.begin(), asked_.end(),
                        [](const auto& one) { return !one.is_answered; })) {
            return;
        }
        judge_all();
        promises_.passed(now_, {});  // all that was due has been said
        asked_.clear();
    }
    void judge_all() {
        std::stable_sort(unjudged_.begin(), unjudged_.end(), [](const Said& a, const Said& b) {
            return std::tie(a.decided_at, a.turn) < std::tie(b.decided_at, b.turn);
        });
        Effects by_clock;
        Instant until{};
        const auto pass = [&] {
            if (!by_clock.empty()) {
                promises_.passed(until, std::exchange(by_clock, {}));
            }
        };
        for (const auto& one : std::exchange(unjudged_, {})) {
            by_clock.insert(by_clock.end(), one.by_clock.begin(), one.by_clock.end());
            until = one.decided_at;
            if (one.judge) {
                pass();
                one.judge();
            }
        }
        pass();
    }

    // ------------------------------------------------------------- acting

    std::size_t below(std::size_t bound) { return choose_(bound); }
    UserId somebody() { return *UserId::parse("user-" + std::to_string(below(5))); }
    Sender some_device() { return {somebody(), DeviceTag(1 + below(2))}; }
    GroupId some_group() { return *GroupId::parse("group-" + std::to_string(below(2))); }
    InvitationId new_id() { return *InvitationId::parse("id-" + std::to_string(++last_id_)); }
    /// Mostly one of the last that are stored, and whom it concerns.
    std::pair<InvitationId, Sender> somebody_s() {
        const auto& all = medium_.kept.invitations;
        if (all.empty() || below(5) == 0) {
            return {*InvitationId::parse("id-" + std::to_string(last_id_)), some_device()};
        }
        const auto back = static_cast<std::ptrdiff_t>(below(std::min<std::size_t>(all.size(), 4)));
        const auto& one = std::prev(all.end(), 1 + back)->second;
        UserId user = one.kept.inviter;
        if (below(2) == 0 && !one.invitees.empty()) {
            user = std::next(one.invitees.begin(),
                             static_cast<std::ptrdiff_t>(below(one.invitees.size())))
                       ->second.user;
        }
        return {one.kept.id, Sender{user, DeviceTag(1 + below(2))}};
    }

    void ask_something() {
        switch (below(7)) {
            case 0:
            case 1:
                ask(some_device(), some_invite());
                break;
            case 2:
                about_groups();
                break;
            default:
                about_one();
                break;
        }
    }
    RequestBody some_invite() {
        if (below(4) == 0) {
            return GroupInvite{.group = some_group(), .id = new_id()};
        }
        Invite invite{.invitee = somebody(),
                      .id = new_id(),
                      .timeout = Duration(static_cast<std::int64_t>(1 + below(8000)))};
        if (below(2) == 0) {
            invite.also = {somebody()};
        }
        invite.call = below(2) == 0;
        invite.online_only = below(4) == 0;
        invite.replace = below(12) == 0;
        invite.answer = below(2) == 0 ? Answer::all : Answer::first;
        return invite;
    }
    void about_groups() {
        switch (below(4)) {
            case 0:
                ask(some_device(),
                    CreateGroup{.group = some_group(), .members = {somebody(), somebody()}});
                break;
            case 1:
                ask(some_device(), JoinGroup{some_group()});
                break;
            case 2:
                ask(some_device(), QuitGroup{some_group()});
                break;
            default:
                ask(some_device(), Message{.to = somebody(), .data = {}, .online_only = true});
                break;
        }
    }
    void about_one() {
        const auto [id, sender] = somebody_s();
        switch (below(8)) {
            case 0:
            case 1:
                ask(sender, Accept{.id = id});
                break;
            case 2:
                ask(sender, Reject{.id = id});
                break;
            case 3:
                ask(sender, Cancel{.id = id});
                break;
            case 4:
                ask(sender, Hangup{.id = id});
                break;
            case 5:
                ask(sender, Resume{.id = id});
                break;
            case 6:
                ask(sender, Signal{.id = id, .data = {.bytes = "s"}});
                break;
            default:
                ask(sender, Get{id});
                break;
        }
    }
    void ask(const Sender& sender, RequestBody body) {
        asked_.push_back({.sender = sender,
                          .request = {.body = std::move(body)},
                          .at = now_,
                          .turn = ++turn_,
                          .while_failing = gate_->state() != "ok"});
        const auto& asked = asked_.back();
        note(std::to_string(asked_.size() - 1) + ": " + sender.user.str() + ' ' +
             std::string(verb_of(asked.request)));
        gate_->tick(now_);
        gate_->handle(
            std::make_shared<PendingReply>(PendingReply{.who = {}, .number = asked_.size() - 1}),
            sender, asked.request, now_);
    }
    void go(const Sender& device, bool online) {
        gate_->tick(now_);
        online ? (void)online_.insert(device) : (void)online_.erase(device);
        note(device.user.str() + (online ? " comes" : " goes"));
        gate_->set_online(device, online, now_);
        unjudged_.push_back(
            {now_, ++turn_,
             [this, device, online, at = now_] { promises_.went(device, online, at, {}); }, true});
    }
    /// The journal's thread does all that it can do, and the gate's turns with it.
    void let_journal_work() {
        gate_->tick(now_);
        while (journal_->work()) {
            gate_->tick(now_);
        }
        gate_->tick(now_);
        judge();
    }
    void wait(Duration time) {
        // What waits for a trial or for memory is decided at a time that nobody here knows: so that
        // takes no time, or so long that it is refused.
        now_ += time;
        gate_->tick(now_);
        judge();
    }
    void step() {
        switch (below(12)) {
            case 0: {
                medium_.mode = static_cast<Medium::Mode>(below(3));
                medium_.unreadable = medium_.mode != Medium::Mode::works && below(3) == 0;
                static const std::map<Medium::Mode, std::string> names{
                    {Medium::Mode::works, "works"},
                    {Medium::Mode::fails, "fails"},
                    {Medium::Mode::hangs, "hangs"}};
                note("the disk " + names.at(medium_.mode) +
                     (medium_.unreadable ? ", unreadable" : ""));
                break;
            }
            case 1:
                let_journal_work();
                wait_if_decided();
                break;
            case 2:
                let_journal_work();
                wait_if_decided();
                break;
            case 3:
                go(some_device(), below(3) > 0);
                break;
            case 4:
                if (below(6) == 0) {
                    restart();
                }
                break;
            default:
                ask_something();
                break;
        }
    }
    void wait_if_decided() {
        const bool waits = std::any_of(asked_.begin(), asked_.end(), [](const auto& one) {
            return !one.is_answered && one.while_failing;
        });
        wait(waits ? Duration(static_cast<std::int64_t>(2500 + below(2000)))
                   : Duration(static_cast<std::int64_t>(below(4) == 0 ? below(9000) : below(500))));
    }
    /// The broker is killed; what was on its way is lost.
    void restart() {
        if (gate_->state() != "ok") {
            return;  // what the clock has said meanwhile would be said again
        }
        note("killed");
        ++seen_["killed"];
        // Nor who came and went after the last that was said.
        while (!unjudged_.empty() && unjudged_.back().is_presence) {
            unjudged_.pop_back();
        }
        judge_all();
        asked_.clear();
        gate_.reset();
        online_.clear();
        make_gate();
        promises_.restarted(now_);
    }
    void mend() {
        medium_.mode = Medium::Mode::works;
        medium_.unreadable = false;
        for (int n = 0; n < 200; ++n) {
            wait(Duration(1000));
            let_journal_work();
        }
        if (gate_->state() != "ok") {
            throw BrokenPromise("the journal works, and the gate does not");
        }
    }
    void sync_all() {
        for (int n = 0; n < 5; ++n) {
            ask({*UserId::parse("user-" + std::to_string(n)), DeviceTag(1)}, Sync{});
            let_journal_work();
        }
        if (!asked_.empty()) {
            throw BrokenPromise("a request without a reply");
        }
    }

    struct ByName {
        bool operator()(const Sender& a, const Sender& b) const {
            return std::pair(a.user, a.device) < std::pair(b.user, b.device);
        }
    };

    bool notes_;
    Choose choose_;
    Promises promises_;
    Medium medium_;
    Instant now_{Duration(1000)};
    std::set<Sender, ByName> online_;
    std::size_t last_id_ = 0;
    std::size_t turn_ = 0;
    std::uint64_t secret_ = 0;
    std::vector<Asked> asked_;
    std::vector<Said> unjudged_;
    std::map<std::string, int> seen_;
    FakeJournal* journal_ = nullptr;
    std::unique_ptr<CommitGate> gate_;
};

}  // namespace beckon
