// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "host/commit_gate.hpp"
#include "protocol/errors.hpp"
#include "world/fake_journal.hpp"
#include "world/pending_reply.hpp"

namespace beckon {

/// A commit gate, its journal on a medium that a test rules over, in virtual time; and all that
/// happens, as lines.
class GateWorld {
  public:
    GateWorld() {
        medium.on_put = [this](std::uint64_t ticket, const Changes& changes) {
            note("decided " + std::to_string(ticket) + named(changes));
        };
        medium.on_stored = [this](std::uint64_t ticket) {
            note("stored " + std::to_string(ticket));
        };
        make_gate();
    }

    Medium medium{};

    void ask(const std::string& who, RequestBody body) {
        gate_->handle(std::make_shared<PendingReply>(PendingReply{who}),
                      {.user = *UserId::parse(who), .device = DeviceTag(1)},
                      {.body = std::move(body)}, now_);
        gate_->tick(now_);
    }
    void set_online(const std::string& who, bool online) {
        const Sender device{.user = *UserId::parse(who), .device = DeviceTag(1)};
        std::erase(online_, device);
        if (online) {
            online_.push_back(device);
        }
        gate_->set_online(device, online, now_);
        gate_->tick(now_);
    }
    /// So much time passes; the gate is called when it wants to be.
    void wait(Duration time) {
        const Instant end = now_ + time;
        for (auto due = gate_->next_deadline(); due && *due < end; due = gate_->next_deadline()) {
            now_ = std::max(*due, now_ + Duration(1));
            gate_->tick(now_);
        }
        now_ = end;
        gate_->tick(now_);
    }
    void let_journal_work() {
        gate_->tick(now_);
        while (journal_->work()) {
            gate_->tick(now_);
        }
    }
    /// Killed, and started anew: what was on its way to the journal is lost.
    void restart() {
        gate_.reset();
        online_.clear();
        make_gate();
    }
    void go_on_from_memory() {
        on_failure_ = OnStoreFailure::go_on;
        restart();
    }

    /// As a host that devices do not see (contract, section 10, 5).
    void be_a_service() {
        on_failure_ = OnStoreFailure::be_silent;
        keeps_untold_ = true;
        restart();
    }
    /// All that was said so far has reached whom it is for.
    void all_is_told() {
        Changes told;
        for (const auto number : std::exchange(said_untold_, {})) {
            told.emplace_back(UntoldDone{number});
        }
        gate_->keep(std::move(told));
        gate_->tick(now_);
    }

    void note(std::string line) { lines_.push_back(std::move(line)); }
    [[nodiscard]] std::vector<std::string> take() { return std::exchange(lines_, {}); }
    [[nodiscard]] CommitGate& gate() { return *gate_; }
    [[nodiscard]] FakeJournal& journal() { return *journal_; }
    [[nodiscard]] Instant now() const { return now_; }

  private:
    void make_gate() {
        auto journal = std::make_unique<FakeJournal>(medium);
        journal_ = journal.get();
        gate_ = std::make_unique<CommitGate>(
            CommitGate::Settings{.keeps_untold = keeps_untold_, .on_failure = on_failure_},
            CommitGate::Host{.say = [this](const Effects& effects,
                                           const CommitGate::Asker& asker) { say(effects, asker); },
                             .store_changed =
                                 [this](const auto& failure) {
                                     note(failure ? "the store fails: " + *failure
                                                  : "the store works");
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
    /// Those whom changes are of.
    static std::string named(const Changes& changes) {
        std::set<std::string> names;
        for (const Change& change : changes) {
            if (const auto* kept = std::get_if<InvitationKept>(&change)) {
                names.insert(kept->id.str() + " rev " + std::to_string(kept->rev));
            } else if (const auto* group = std::get_if<GroupKept>(&change)) {
                names.insert(group->group.str());
            } else if (const auto* member = std::get_if<MemberKept>(&change)) {
                names.insert(member->group.str());
            }
        }
        std::string text = names.empty() ? " (nothing but the time)" : "";
        for (const auto& name : names) {
            text += (text.empty() ? ": " : ", ") + name;
        }
        return text;
    }
    void say(const Effects& effects, const CommitGate::Asker& asker) {
        for (const auto& effect : effects) {
            if (const auto* reply = std::get_if<Reply>(&effect)) {
                const auto* refusal = std::get_if<Refusal>(&reply->body);
                note("to " + asker->who + ": " + reply->re + ' ' +
                     (refusal != nullptr ? std::string(info(refusal->error).name) : "ok"));
                continue;
            }
            const auto& delivery = std::get<Delivery>(effect);
            if (delivery.untold != 0) {
                said_untold_.push_back(delivery.untold);
            }
            std::string to;
            for (const auto& user : delivery.to) {
                to += (to.empty() ? "" : ", ") + user.str();
            }
            const auto* event = std::get_if<Event>(&delivery.event);
            note("to " + to + ": " + std::string(name_of(delivery.event)) +
                 (event != nullptr ? ' ' + event->id.str() + " rev " + std::to_string(event->rev)
                                   : ""));
        }
    }

    OnStoreFailure on_failure_ = OnStoreFailure::refuse;
    bool keeps_untold_ = false;
    std::vector<std::uint64_t> said_untold_{};
    Instant now_{Duration(1000)};
    std::uint64_t secret_ = 0;
    std::vector<Sender> online_;
    std::vector<std::string> lines_;
    FakeJournal* journal_ = nullptr;
    std::unique_ptr<CommitGate> gate_;
};

}  // namespace beckon
