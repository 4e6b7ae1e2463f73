// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "actors.hpp"
#include "judge/switchboard.hpp"
#include "judged.hpp"
#include "kept.hpp"
#include "promises.hpp"
#include "protocol/topics.hpp"
#include "protocol/wire.hpp"

/// What may happen to a switchboard, and a stage where it does.
namespace beckon {

struct Wait {
    Duration time;
};
struct ComesOrGoes {
    Sender device;
    bool online;
};
struct Asking {
    Sender sender;
    Request request;
    /// Whether a refusal is seen to change nothing that is counted.
    bool counted;
};
/// The host starts again with what it has stored.
struct Restart {};
using Happening = std::variant<Wait, ComesOrGoes, Asking, Restart>;

/// As transcripts spell it.
inline std::string spelled(const Wait& one) {
    return "after " + std::to_string(one.time.count()) + "ms";
}
inline std::string spelled(const ComesOrGoes& one) {
    return (one.online ? "online " : "offline ") + spelled(one.device);
}
inline std::string spelled(const Restart& /*one*/) { return "restart"; }
inline std::string spelled(const Asking& one) {
    const Topics topics("beckon");
    const auto topic = topics.request(one.request.body, one.sender.user);
    return spelled(one.sender) + " > " + std::string(*topics.below_root(topic)) + ' ' +
           encode(one.request, Encoding::json);
}

/// A switchboard, its time, and who watches over it.
class Stage {
  public:
    Stage(const Limits& limits, Promises promises)
        : limits_(limits), switchboard_(start()), promises_(std::move(promises)) {
        promises_.expect_operators();
    }

    Promises& promises() { return promises_; }
    [[nodiscard]] Instant now() const { return now_; }
    [[nodiscard]] Switchboard::Counts counts() const { return switchboard_->counts(); }
    [[nodiscard]] std::optional<Instant> next_deadline() const {
        return switchboard_->next_deadline();
    }

    Reply ask(const Sender& sender, RequestBody body) {
        const Request request{.req = std::uint64_t{++asked_}, .body = std::move(body)};
        return ask(sender, request);
    }
    Reply ask(const Sender& sender, const Request& request, bool counted = false) {
        note(Asking{sender, request, counted});
        const auto before = counts();
        const auto effects = heard(judged(*switchboard_, sender, request, now_));
        if (watching_) {
            promises_.asked(sender, request, now_, effects);
        }
        for (const auto& effect : effects) {
            if (const auto* reply = std::get_if<Reply>(&effect)) {
                if (counted && !reply->ok()) {
                    check_unchanged(before);
                }
                const auto changes = switchboard_->take_changes();
                if (counted && !reply->ok() && !changes.empty()) {
                    throw BrokenPromise("a refusal that is to be stored");
                }
                kept_.add(changes);
                return *reply;
            }
        }
        throw BrokenPromise("no reply");
    }
    void set_online(const Sender& who, bool online) {
        note(ComesOrGoes{who, online});
        std::erase(there_, who);
        if (online) {
            there_.push_back(who);
        }
        const auto effects = heard(switchboard_->set_online(who, online, now_));
        kept_.add(switchboard_->take_changes());
        if (watching_) {
            promises_.went(who, online, now_, effects);
        }
    }
    void wait_until(Instant instant) {
        const auto since = now_;
        now_ = std::max(now_, instant);
        note(Wait{now_ - since});
        const auto effects = heard(switchboard_->advance(now_));
        kept_.add(switchboard_->take_changes());
        if (watching_) {
            promises_.passed(now_, effects);
        }
    }
    void wait(Duration duration) { wait_until(now_ + duration); }

    /// From what was stored comes a switchboard that is the same but for who is there.
    void restart() {
        note(Restart{});
        there_.clear();
        const auto before = counts();
        switchboard_ = start();
        for (const auto& change : kept_.shortest()) {
            switchboard_->restore(change, now_);
        }
        if (!switchboard_->advance(now_).empty()) {
            throw BrokenPromise("a restart makes something due");
        }
        const auto after = counts();
        if (after.open != before.open || after.ended != before.ended ||
            after.groups != before.groups || after.kept_bytes != before.kept_bytes) {
            throw BrokenPromise("not the same after a restart");
        }
        if (!switchboard_->take_changes().empty()) {
            throw BrokenPromise("a restart is no change");
        }
        if (watching_) {
            promises_.restarted(now_);
        }
    }

    void play(const Restart& /*one*/) { restart(); }
    void play(const Wait& one) { wait(one.time); }
    void play(const ComesOrGoes& one) { set_online(one.device, one.online); }
    void play(const Asking& one) { ask(one.sender, one.request, one.counted); }

    /// Who looks at all that is answered from now on.
    void listen(std::function<void(const Effects&)> listener) { listener_ = std::move(listener); }

    /// All that happens from now on is written there; nowhere, when null.
    void note_in(std::vector<Happening>* notes) { notes_ = notes; }

    /// While not, what happens is only repeated from a story that was watched.
    void watch(bool watching) { watching_ = watching; }
    void check() { promises_.check(*switchboard_); }

    /// What each reads by `sync` is what `get` tells, page by page.
    void check_sync(const std::vector<Sender>& readers) {
        for (const auto& reader : readers) {
            Sync page;
            do {
                const auto reply = ask(reader, page);
                page.page.after = reply.ok() ? std::get<Synced>(reply.body).next : std::nullopt;
            } while (page.page.after);
            ask({reader.user, reader.device, true}, ListOpen{});
            ask({reader.user, reader.device, true}, ListOnline{});
            ask(reader, ListGroups{});
            for (const auto& [id, group] : std::map(promises_.groups())) {
                ask(reader, GetGroup{id});
            }
        }
    }

    /// A refusal changes nothing that is counted.
    Reply ask_and_count(const Sender& sender, RequestBody body) {
        wait(Duration(0));
        return ask(sender, {.req = std::uint64_t{++asked_}, .body = std::move(body)}, true);
    }

    /// Lets time end all that is open and forget all that has ended: nothing is left.
    void finish() {
        for (int wakes = 0; const auto next = switchboard_->next_deadline(); ++wakes) {
            if (wakes > 100'000) {
                throw BrokenPromise("next_deadline() without end");
            }
            wait_until(*next);
            check();
        }
        if (counts().open != 0) {
            throw BrokenPromise("open without a deadline");
        }
        for (const auto& one : std::vector(there_)) {
            set_online(one, false);
        }
        for (int tries = 0; !promises_.groups().empty(); ++tries) {
            if (tries > 10'000) {
                throw BrokenPromise("a group that cannot be dismissed");
            }
            const auto& [id, group] = *promises_.groups().begin();
            if (!ask({group.owner(), DeviceTag(9)}, DismissGroup{id}).ok()) {
                wait(Duration(1000));  // for a limit on how often
            }
        }
        wait(Duration(limits_.ended_ms));
        const auto left = counts();
        if (left.open != 0 || left.ended != 0 || left.users != 0 || left.groups != 0 ||
            left.kept_bytes != 0) {
            throw BrokenPromise("something is kept in the end");
        }
        if (!kept_.invitations.empty() || !kept_.groups.empty()) {
            throw BrokenPromise("something is stored in the end");
        }
    }

  private:
    Effects heard(Effects effects) const {
        if (listener_) {
            listener_(effects);
        }
        return effects;
    }
    void note(Happening one) {
        if (notes_ != nullptr) {
            notes_->push_back(std::move(one));
        }
    }
    void check_unchanged(const Switchboard::Counts& before) const {
        const auto after = counts();
        if (after.open != before.open || after.ended != before.ended ||
            after.users != before.users || after.groups != before.groups ||
            after.kept_bytes != before.kept_bytes) {
            throw BrokenPromise("a refusal that changed something");
        }
    }

    std::unique_ptr<Switchboard> start() {
        return std::make_unique<Switchboard>(Switchboard::Options{.limits = limits_,
                                                                  .server_epoch = "epoch",
                                                                  .secret = {++starts_, 0},
                                                                  .stored = true,
                                                                  .operators = true});
    }

    Limits limits_;
    std::uint64_t starts_ = 0;
    std::unique_ptr<Switchboard> switchboard_;
    Kept kept_;
    Promises promises_;
    std::vector<Happening>* notes_ = nullptr;
    std::function<void(const Effects&)> listener_{};
    /// Devices that are online.
    std::vector<Sender> there_;
    Instant now_{Duration(1'000'000)};
    std::uint64_t asked_ = 0;
    bool watching_ = true;
};

}  // namespace beckon
