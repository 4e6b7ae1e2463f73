// SPDX-License-Identifier: Apache-2.0
//
// How one phase of a commit gate follows another; commit_gate.cpp has what it does in each.
#include <algorithm>
#include <iterator>
#include <utility>

#include "bytes.hpp"
#include "host/commit_gate.hpp"

namespace beckon {

namespace {

/// So many changes are made memory in one turn: some milliseconds.
constexpr std::size_t made_at_once = 4000;
constexpr Duration first_pause{1000};
constexpr Duration most_pause{30'000};
constexpr Duration most_going_back{1000};

/// Somebody caused it, present or absent: it does not follow from what is stored.
bool has_cause(const Effects& effects) {
    return std::any_of(effects.begin(), effects.end(), [](const Effect& effect) {
        const auto* const delivery = std::get_if<Delivery>(&effect);
        const auto* const event =
            delivery != nullptr ? std::get_if<Event>(&delivery->event) : nullptr;
        return event != nullptr && event->by.has_value();
    });
}

}  // namespace

void CommitGate::look_at_journal(Instant now) {
    auto progress = journal_->progress();
    std::move(progress.history.begin(), progress.history.end(), std::back_inserter(pages_));
    const bool advanced = progress.stored > stored_;
    stored_ = std::max(stored_, progress.stored);
    if (auto* const sound = std::get_if<phase::Sound>(&phase_)) {
        tell_works(*sound);
        release(sound->held);
        if (advanced) {
            sound->waiting_since = stored_ < put_ ? std::optional(now) : std::nullopt;
        }
    } else if (auto* const stalled = std::get_if<phase::Stalled>(&phase_)) {
        release(stalled->held);
    } else if (auto* const back = std::get_if<phase::GoingBack>(&phase_)) {
        release(back->held);
        if (progress.reload_began) {
            back->anew.reset();
            back->read.clear();
            back->made = 0;
            back->all_read = false;
        }
        if (!progress.reloaded.empty()) {
            back->read.push_back(std::move(progress.reloaded));
        }
        back->all_read = back->all_read || progress.reload_ended;
    }
    if (progress.failure) {
        fail(*progress.failure, now);
    } else if (auto* const stalled = std::get_if<phase::Stalled>(&phase_);
               stalled && stored_ >= put_) {
        said_until_ = stalled->said_until;
        become_sound(std::move(stalled->unstored), now);
    } else if (auto* const trying = std::get_if<phase::Trying>(&phase_);
               trying != nullptr && stored_ >= trying->ticket) {
        Line<Asked> waiting = std::move(trying->waiting);
        become_sound(std::move(trying->unstored), now);
        judge_all(std::move(waiting), now);
    }
}

/// What the clock has decided follows from what is stored, so it is said.
phase::Stalled CommitGate::stalled_from(phase::Sound sound) {
    if (never_says_unstored()) {
        return {.held = std::move(sound.held)};
    }
    phase::Stalled stalled{.said_until = applied_};
    std::unordered_set<std::uint64_t> in_doubt;
    sound.held.for_each([&](const Held& held) {
        if (held.changed && (held.asked || has_cause(held.effects))) {
            in_doubt.insert(held.ticket);
        }
    });
    journal_->look_at_unstored([&](std::uint64_t ticket, const Changes& changes) {
        if (in_doubt.contains(ticket)) {
            std::for_each(changes.begin(), changes.end(),
                          [&](const Change& change) { stalled.doubt.add(change); });
        }
    });
    while (!sound.held.empty()) {
        Held held = sound.held.pop();
        if (!held.asked && !held.asker) {
            say_undoubted(held.effects, stalled.doubt);
        }
        if (!held.effects.empty()) {
            stalled.held.push(std::move(held), 0);
        }
    }
    if (overdue_ticket_ > stored_) {
        const auto doubtful = std::stable_partition(
            overdue_.begin(), overdue_.end(),
            [&](const Effect& effect) { return !stalled.doubt.has(effect, *switchboard_); });
        Held held{.ticket = overdue_ticket_};
        held.effects.assign(std::make_move_iterator(doubtful),
                            std::make_move_iterator(overdue_.end()));
        overdue_.erase(doubtful, overdue_.end());
        if (!held.effects.empty()) {
            stalled.held.push(std::move(held), 0);
        }
    }
    return stalled;
}

/// Leaves what is in doubt.
void CommitGate::say_undoubted(Effects& effects, const Doubt& doubt) const {
    const auto doubtful = std::stable_partition(
        effects.begin(), effects.end(),
        [&](const Effect& effect) { return !doubt.has(effect, *switchboard_); });
    Effects sure(std::make_move_iterator(effects.begin()), std::make_move_iterator(doubtful));
    effects.erase(effects.begin(), doubtful);
    host_.say(std::move(sure), nullptr);
}

void CommitGate::stall(Instant now) {
    tell_failing("a commit takes longer than " + std::to_string(settings_.patience.count()) +
                 " ms");
    phase::Stalled stalled;
    if (goes_on()) {
        stalled.said_until = now;
        say_all(std::get<phase::Sound>(phase_).held);
    } else {
        stalled = stalled_from(std::move(std::get<phase::Sound>(phase_)));
        switchboard_->store_takes_nothing(true);
    }
    phase_ = std::move(stalled);
}

void CommitGate::say_all(Line<Held>& held) const {
    while (!held.empty()) {
        Held first = held.pop();
        host_.say(std::move(first.effects), first.asker);
    }
}

void CommitGate::fail(const std::string& why, Instant now) {
    tell_failing(why);
    if (auto* const trying = std::get_if<phase::Trying>(&phase_)) {
        // Nothing was decided on the trial.
        static_cast<void>(give_up());
        pause_ = std::min(2 * pause_, most_pause);
        Line<Asked> waiting = std::move(trying->waiting);
        become_refusing(std::move(trying->unstored), now);
        refuse_all(waiting);
        return;
    }
    pause_ = first_pause;
    if (goes_on()) {
        Changes unstored = give_up();
        if (auto* const sound = std::get_if<phase::Sound>(&phase_)) {
            say_all(sound->held);
        } else if (auto* const stalled = std::get_if<phase::Stalled>(&phase_)) {
            append(unstored, std::move(stalled->unstored));
        }
        become_refusing(std::move(unstored), now);
        return;
    }
    phase::GoingBack back = going_back_from(now);
    static_cast<void>(give_up());
    // What is of no request rests on nothing, or comes of the clock: that is decided anew.
    while (!back.held.empty()) {
        Held held = back.held.pop();
        if (never_says_unstored() && (held.changed || !held.asked)) {
            continue;  // asked again
        }
        if (held.asker && !held.asked) {
            host_.say(std::move(held.effects), held.asker);
        } else if (held.asked && held.changed) {
            refuse(*held.asked);
        } else if (held.asked) {
            const auto bytes = bytes_of(held.asked->request);
            back.waiting.push(std::move(*held.asked), bytes);
        }
    }
    go_back(std::move(back));
}

/// What is not stored is not to be.
Changes CommitGate::give_up() {
    Changes unstored;
    for (auto& changes : journal_->give_up()) {
        append(unstored, std::move(changes));
    }
    stored_ = put_;
    return unstored;
}

/// It is built anew of what is stored, when all that is on its way is; if that is what counts.
void CommitGate::mend_memory(Instant now) {
    is_broken_ = false;
    if (!goes_on()) {
        phase::GoingBack back = going_back_from(now);
        back.runs = false;
        back.anew.reset();
        back.reads = false;
        go_back(std::move(back));
    }
}

/// What each phase leaves to this one.
phase::GoingBack CommitGate::going_back_from(Instant now) {
    if (auto* const back = std::get_if<phase::GoingBack>(&phase_)) {
        return std::move(*back);
    }
    phase::GoingBack back{.wait_until = now + most_going_back};
    phase::Stalled left;
    if (auto* const sound = std::get_if<phase::Sound>(&phase_)) {
        left = stalled_from(std::move(*sound));
    } else if (auto* const stalled = std::get_if<phase::Stalled>(&phase_)) {
        left = std::move(*stalled);
    } else if (auto* const trying = std::get_if<phase::Trying>(&phase_)) {
        back.waiting = std::move(trying->waiting);
    }
    back.held = std::move(left.held);
    back.doubt = std::move(left.doubt);
    back.said_until = left.said_until;
    return back;
}

void CommitGate::go_back(phase::GoingBack back) {
    switchboard_->store_takes_nothing(true);
    unsaid_.clear();  // decided anew
    phase_ = std::move(back);
}

/// A slice of what is stored becomes memory.
void CommitGate::build(phase::GoingBack& back, Instant now) {
    // Not later than what has been said by then, which is to be decided once more.
    const Instant as_of = std::min(said_until_.value_or(now), back.said_until.value_or(now));
    if (!back.anew) {
        back.anew = new_switchboard();
        back.anew->store_takes_nothing(true);
    }
    for (std::size_t n = 0; n < made_at_once && !back.read.empty(); ++n) {
        if (const Change& change = back.read.front()[back.made]; !is_of_host(change)) {
            back.anew->restore(change, as_of);
        }
        if (++back.made == back.read.front().size()) {
            back.read.pop_front();
            back.made = 0;
        }
    }
    if (back.all_read && back.read.empty()) {
        end_building(now);
    }
}

void CommitGate::end_building(Instant now) {
    phase::GoingBack back = std::move(std::get<phase::GoingBack>(phase_));
    switchboard_ = std::move(back.anew);
    switchboard_->go_on_after(journal_->last_number());
    // It was made as of a time at which they may have been there.
    switchboard_->count_absence_from(now);
    Effects effects;
    const auto decide_until = [&](const SaidUntil& until, const auto& is_said) {
        if (until) {
            Effects again = switchboard_->advance(*until);
            std::erase_if(again, is_said);
            std::move(again.begin(), again.end(), std::back_inserter(effects));
        }
    };
    decide_until(said_until_, [](const Effect& /*effect*/) { return true; });
    decide_until(back.said_until,
                 [&](const Effect& effect) { return !back.doubt.has(effect, *switchboard_); });
    host_.tell_online([&](const Sender& device) {
        Effects due = switchboard_->set_online(device, true, now);
        std::move(due.begin(), due.end(), std::back_inserter(effects));
    });
    decide_until(now, [](const Effect& /*effect*/) { return false; });
    overdue_ticket_ = 0;
    effects = without_overdue(std::move(effects));
    if (never_says_unstored()) {
        unsaid_ = std::exchange(effects, {});
    } else {
        said_until_ = now;
    }
    Changes unstored = switchboard_->take_changes();
    if (is_failing_) {
        become_refusing(std::move(unstored), now);
    } else {
        become_sound(std::move(unstored), now);
    }
    host_.say(std::move(effects), nullptr);
    judge_all(std::move(back.waiting), now);
}

void CommitGate::become_refusing(Changes unstored, Instant now) {
    phase_ = phase::Refusing{.unstored = std::move(unstored), .try_at = now + pause_};
}

/// Stores nothing but the time.
void CommitGate::try_journal(Line<Asked> waiting, Instant now) {
    put_ = journal_->put({});
    phase::Trying trying{.ticket = put_, .since = now, .waiting = std::move(waiting)};
    trying.unstored = std::move(std::get<phase::Refusing>(phase_).unstored);
    phase_ = std::move(trying);
}

void CommitGate::become_sound(Changes unstored, Instant now) {
    switchboard_->store_takes_nothing(false);
    auto& sound = phase_.emplace<phase::Sound>();
    add_untold(unsaid_, unstored, now);
    if (!unstored.empty()) {
        put(sound, std::move(unstored), now);
    }
    if (put_ <= stored_) {
        host_.say(std::exchange(unsaid_, {}), nullptr);
    } else if (!unsaid_.empty()) {
        sound.held.push({.ticket = put_, .effects = std::exchange(unsaid_, {})}, 0);
    }
    if (is_failing_) {
        sound.works_from = put_;
        tell_works(sound);
    }
}

void CommitGate::tell_works(phase::Sound& sound) {
    if (sound.works_from && *sound.works_from <= stored_) {
        sound.works_from.reset();
        is_failing_ = false;
        host_.store_changed(std::nullopt);
    }
}

void CommitGate::tell_failing(const std::string& why) {
    if (!std::exchange(is_failing_, true)) {
        host_.store_changed(why);
    }
}

}  // namespace beckon
