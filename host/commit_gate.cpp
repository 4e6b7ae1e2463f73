// SPDX-License-Identifier: Apache-2.0
#include "host/commit_gate.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <utility>

#include "history.hpp"
#include "protocol/refusals.hpp"

namespace beckon {

namespace {

/// A disk that is so far behind takes no more.
constexpr std::size_t most_waiting = 100'000;
/// What ended while the broker was away is said so much at a time, in each turn of its loop.
constexpr std::size_t overdue_at_once = 64;
constexpr std::size_t most_readers = 1000;
constexpr Duration first_patience{1000};
constexpr Duration most_going_back{1000};
constexpr Duration most_patience{30'000};

void append(Changes& to, Changes more) {
    to.insert(to.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

/// What makes the switchboard as it is stored, where these changes touched it.
Changes put_back(const std::vector<Changes>& given_up, Changes stored) {
    std::map<std::uint64_t, InvitationId> numbers;
    std::set<GroupId> groups;
    const auto look = [&](const auto& change) {
        if constexpr (requires { change.number; }) {
            auto& id = numbers[change.number];
            if constexpr (requires { change.id; }) {
                id = change.id;
            }
        } else {
            groups.insert(change.group);
        }
    };
    for (const Changes& changes : given_up) {
        for (const Change& change : changes) {
            std::visit(look, change);
        }
    }
    Changes all;
    for (const auto& group : groups) {
        all.emplace_back(GroupGone{group});
    }
    for (const auto& [number, id] : numbers) {
        all.emplace_back(InvitationForgotten{.number = number, .id = id});
    }
    for (Change& change : stored) {
        const bool is_touched = std::visit(
            [&](const auto& one) {
                if constexpr (requires { one.number; }) {
                    return numbers.contains(one.number);
                } else {
                    return groups.contains(one.group);
                }
            },
            change);
        if (is_touched) {
            all.push_back(std::move(change));
        }
    }
    return all;
}

Reply refusal_of(const Sender& sender, const Request& request) {
    return {.re = std::string(verb_of(request)),
            .device = sender.device,
            .req = request.req,
            .body = refuse(Error::storage_unavailable)};
}

}  // namespace

CommitGate::CommitGate(Settings settings, Host host, Instant now)
    : switchboard_options_(std::move(settings.switchboard)),
      on_failure_(settings.on_failure),
      host_(std::move(host)) {
    switchboard_options_.stored = settings.store.has_value();
    switchboard_ = std::make_unique<Switchboard>(switchboard_options_);
    if (settings.store) {
        load(settings, now);
    }
}

void CommitGate::load(const Settings& settings, Instant now) {
    store_ = std::make_unique<SqliteJournal>(*settings.store);
    damage_ = store_->load([&](Change&& change) { switchboard_->restore(change, now); });
    if (damage_) {
        // What was told is void.
        switchboard_ = std::make_unique<Switchboard>(switchboard_options_);
    }
    switchboard_->go_on_after(store_->last_number());
    overdue_ = switchboard_->advance(now);
    put(switchboard_->take_changes());
    overdue_ticket_ = put_;
    // Of what goes on there may be more to be said, after this.
    const auto goes_on =
        std::stable_partition(overdue_.begin(), overdue_.end(),
                              [this](const auto& effect) { return !is_of_open(effect); });
    if (goes_on != overdue_.end()) {
        Held held{.ticket = put_};
        held.effects.assign(std::make_move_iterator(goes_on),
                            std::make_move_iterator(overdue_.end()));
        overdue_.erase(goes_on, overdue_.end());
        held_.push_back(std::move(held));
    }
}

bool CommitGate::is_of_open(const Effect& effect) const {
    const auto& event = std::get<Event>(std::get<Delivery>(effect).event);
    return switchboard_->is_open(event.id);
}

std::string_view CommitGate::secret() const {
    return store_ ? std::string_view(store_->secret()) : std::string_view{};
}

std::string_view CommitGate::state() const {
    return !store_ ? "memory" : failing_ ? "failing" : "ok";
}

void CommitGate::start(const std::function<void()>& wake) {
    if (store_) {
        store_->start([this, wake] {
            woken_ = true;
            wake();
        });
    }
}

// ------------------------------------------------------------- what happens

void CommitGate::handle(const Asker& asker, const Sender& sender, Request request, Instant now) {
    if (!store_) {
        host_.say(switchboard_->handle(sender, request, now), asker);
        return;
    }
    if (store_->waiting().changes > most_waiting || held_.size() + asked_.size() > most_waiting ||
        (!is_settled() && now >= asked_until_)) {
        reply(asker, refusal_of(sender, request));
        return;
    }
    if (!is_settled()) {
        asked_.push_back({asker, sender, std::move(request)});
        return;
    }
    // Apart from the request, which may have to be taken back.
    apply_due(now);
    Held held{.effects = switchboard_->handle(sender, request, now), .asker = asker};
    if (const auto* history = std::get_if<ListHistory>(&request.body)) {
        // What was due has been applied, so that the reply is all there is.
        ask_history(asker, sender, *history, std::get<Reply>(std::move(held.effects.back())));
        return;
    }
    held.asked.emplace(Asked{asker, sender, std::move(request)});
    hold(std::move(held));
}

void CommitGate::ask_history(const Asker& asker, const Sender& sender, const ListHistory& asked,
                             Reply answer) {
    const auto before = asked.before ? read_mark(*asked.before) : std::nullopt;
    if (asked.before && !before && answer.ok()) {
        answer.body = refuse_field(Error::invalid_request, "before", "is no `next` of a page");
    } else if (readers_.size() > most_readers) {
        answer.body = refuse(Error::storage_unavailable);
    }
    if (!answer.ok()) {
        reply(asker, std::move(answer));
        return;
    }
    const auto limit = std::min(asked.limit.value_or(default_history_page), most_history_page);
    store_->ask_history(++history_asked_, sender.user, static_cast<std::size_t>(limit), before);
    readers_.emplace(history_asked_, Reader{asker, sender.user, std::move(answer)});
}

void CommitGate::tell_history(const std::vector<SqliteJournal::HistoryAnswer>& answers,
                              Instant now) {
    for (const auto& answer : answers) {
        auto reader = std::move(readers_.extract(answer.asked).mapped());
        if (answer.page) {
            reader.reply.body = told_of(*answer.page, reader.user, now);
        } else {
            reader.reply.body = refuse(Error::storage_unavailable);
        }
        say(reader.asker, std::move(reader.reply));
    }
}

void CommitGate::reply(const Asker& asker, Reply reply) {
    if (held_.empty()) {
        say(asker, std::move(reply));
    } else {
        Held held{.ticket = put_, .asker = asker};
        held.effects.emplace_back(std::move(reply));
        held_.push_back(std::move(held));
    }
}

void CommitGate::say(const Asker& asker, Reply reply) const {
    Effects effects;
    effects.emplace_back(std::move(reply));
    host_.say(std::move(effects), asker);
}

void CommitGate::set_online(const Sender& device, bool online, Instant now) {
    if (!failing_) {
        hold({.effects = switchboard_->set_online(device, online, now)});
    } else if (is_free()) {
        by_clock(switchboard_->set_online(device, online, now));
    } else {
        waiting_.push_back({device, online});
    }
}

bool CommitGate::tick(Instant now) {
    if (woken_.exchange(false)) {
        look_at_store(now);
    }
    if (!is_settled() && now >= asked_until_) {
        for (const auto& asked : std::exchange(asked_, {})) {
            refuse_asked(asked);
        }
    }
    release();
    const bool more = say_overdue();
    if (failing_ && is_free()) {
        for (const auto& one : std::exchange(waiting_, {})) {
            by_clock(switchboard_->set_online(one.device, one.online, now));
        }
        apply_due(now);
        try_again(now);
    } else if (!failing_) {
        apply_due(now);
    }
    if (store_) {
        store_->hand_over();
    }
    return more;
}

void CommitGate::apply_due(Instant now) {
    if (failing_ && is_free()) {
        by_clock(switchboard_->advance(now));
    } else if (const auto due = switchboard_->next_deadline(); due && *due <= now) {
        hold({.effects = switchboard_->advance(now)});
    }
}

std::optional<Instant> CommitGate::next_deadline() const {
    const auto due = switchboard_->next_deadline();
    if (!failing_) {
        return due;
    }
    if (!is_free()) {
        return std::nullopt;  // the store wakes us
    }
    return due ? std::min(*due, try_at_) : try_at_;
}

// ------------------------------------------------------------- stored before said

void CommitGate::hold(Held held) {
    Changes changes = switchboard_->take_changes();
    if (failing_ && goes_on()) {
        append(unstored_, std::move(changes));
        host_.say(std::move(held.effects), held.asker);
        return;
    }
    held.changed = !changes.empty();
    if (held.changed) {
        put(std::move(changes));
    }
    held.ticket = put_;
    if (held_.empty() && put_ <= stored_) {
        host_.say(std::move(held.effects), held.asker);
    } else if (!held.effects.empty()) {
        held_.push_back(std::move(held));
    }
}

void CommitGate::put(Changes changes) {
    if (!unstored_.empty()) {
        // They stay there until they are stored.
        Changes all = unstored_;
        append(all, std::move(changes));
        changes = std::move(all);
    }
    put_ = store_->put(std::move(changes));
}

void CommitGate::release() {
    while (!held_.empty() && held_.front().ticket <= stored_) {
        Held held = std::move(held_.front());
        held_.pop_front();
        host_.say(std::move(held.effects), held.asker);
    }
}

/// True: there is more.
bool CommitGate::say_overdue() {
    if (overdue_.empty() || overdue_ticket_ > stored_) {
        return false;
    }
    const auto from = overdue_.begin() + static_cast<std::ptrdiff_t>(overdue_said_);
    overdue_said_ = std::min(overdue_said_ + overdue_at_once, overdue_.size());
    const auto to = overdue_.begin() + static_cast<std::ptrdiff_t>(overdue_said_);
    host_.say({std::make_move_iterator(from), std::make_move_iterator(to)}, nullptr);
    if (overdue_said_ == overdue_.size()) {
        overdue_ = {};
    }
    return !overdue_.empty();
}

/// What follows from what is stored, by the clock alone or by who is there.
void CommitGate::by_clock(Effects effects) {
    append(unstored_, switchboard_->take_changes());
    host_.say(std::move(effects), nullptr);
}

// ------------------------------------------------------------- when the disk refuses

void CommitGate::look_at_store(Instant now) {
    auto progress = store_->progress();
    tell_history(progress.history, now);
    stored_ = progress.stored;
    if (failing_ && !going_back_ && stored_ > given_up_ && !progress.failure) {
        recover();
    }
    if (progress.failure && !going_back_) {
        // What is stored may be said before.
        release();
        fail(*progress.failure, now);
    }
    if (progress.reload_began) {
        reloaded_.clear();
    }
    append(reloaded_, std::move(progress.reloaded));
    if (progress.reload_ended) {
        go_back(put_back(std::exchange(given_up_changes_, {}), std::exchange(reloaded_, {})), now);
    }
}

void CommitGate::refuse_asked(const Asked& asked) const {
    say(asked.asker, refusal_of(asked.sender, asked.request));
}

void CommitGate::fail(const std::string& why, Instant now) {
    const bool is_new = !std::exchange(failing_, true);
    patience_ = is_new ? first_patience : std::min(2 * patience_, most_patience);
    going_back_ = true;
    switchboard_->let_absences_wait(!goes_on());
    asked_until_ = now + most_going_back;
    given_up_changes_ = store_->give_up();
    store_->reload();
    if (overdue_ticket_ > stored_ && goes_on()) {
        overdue_ticket_ = stored_;
    } else if (overdue_ticket_ > stored_) {
        overdue_ = {};  // judged anew
    }
    for (auto& held : std::exchange(held_, {})) {
        // What is of no request rests on nothing, or comes of the clock: that is judged anew.
        if (goes_on() || (held.asker && !held.asked)) {
            host_.say(std::move(held.effects), held.asker);
        } else if (held.asked && held.changed) {
            refuse_asked(*held.asked);
        } else if (held.asked) {
            asked_.push_back(std::move(*held.asked));
        }
    }
    if (is_new) {
        host_.store_changed(why);
    }
}

void CommitGate::go_back(const Changes& stored, Instant now) {
    going_back_ = false;
    given_up_ = stored_;
    try_at_ = now + patience_;
    if (goes_on()) {
        switchboard_->change_again(stored);
        append(unstored_, switchboard_->take_changes());
        return;
    }
    // Not what came since, either.
    static_cast<void>(switchboard_->take_changes());
    for (const auto& change : stored) {
        switchboard_->restore(change, now);
    }
    for (const auto& change : unstored_) {
        switchboard_->restore(change, now);
    }
    for (auto& asked : std::exchange(asked_, {})) {
        handle(asked.asker, asked.sender, std::move(asked.request), now);
    }
}

/// So that the store gets what it has not, and works again though nobody asks for anything.
void CommitGate::try_again(Instant now) {
    if (now < try_at_ || going_back_ || !held_.empty()) {
        return;
    }
    try_at_ = now + most_patience;
    if (goes_on()) {
        put_ = store_->put(std::exchange(unstored_, {}));
    } else {
        put({});
    }
    held_.push_back({.ticket = put_});
}

void CommitGate::recover() {
    failing_ = false;
    switchboard_->let_absences_wait(false);
    if (!goes_on()) {
        unstored_.clear();
    } else if (!unstored_.empty()) {
        put_ = store_->put(std::exchange(unstored_, {}));
    }
    host_.store_changed(std::nullopt);
}

}  // namespace beckon
