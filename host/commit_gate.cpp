// SPDX-License-Identifier: Apache-2.0
#include "host/commit_gate.hpp"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "history.hpp"
#include "protocol/refusals.hpp"

namespace beckon {

namespace {

/// What ended while the broker was away is said so much at a time, in each turn of its loop.
constexpr std::size_t overdue_at_once = 64;
constexpr std::size_t most_readers = 1000;
/// So many changes are made memory in one turn: some milliseconds.
constexpr std::size_t made_at_once = 4000;
/// So many changes are put at once: less than a second to store.
constexpr std::ptrdiff_t most_at_once = 10'000;
constexpr Duration first_pause{1000};
constexpr Duration most_pause{30'000};
constexpr Duration most_going_back{1000};

void append(Changes& to, Changes more) {
    to.insert(to.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

Reply refusal_of(const Sender& sender, const Request& request) {
    return {.re = std::string(verb_of(request)),
            .device = sender.device,
            .req = request.req,
            .body = refuse(Error::storage_unavailable)};
}

std::size_t size_of(const Data& data) { return data.bytes.size(); }
std::size_t size_of(const std::optional<Data>& data) { return data ? size_of(*data) : 0; }

/// About what it takes in memory, beside the application's own bytes some hundred.
std::size_t bytes_of(const Request& request) {
    return sizeof(Request) + std::visit(
                                 [](const auto& asked) {
                                     if constexpr (requires { asked.data; }) {
                                         return size_of(asked.data);
                                     } else {
                                         return std::size_t{0};
                                     }
                                 },
                                 request.body);
}

std::size_t bytes_of(const Effect& effect) {
    constexpr std::size_t bytes_of_a_user = 40;
    const auto* const delivery = std::get_if<Delivery>(&effect);
    if (delivery == nullptr) {
        return sizeof(Effect);
    }
    const auto data_of = [](const auto& body) {
        if constexpr (requires { body.data; }) {
            return size_of(body.data);
        } else {
            return std::size_t{0};
        }
    };
    std::size_t bytes = sizeof(Effect) + bytes_of_a_user * delivery->to.size();
    if (const auto* const event = std::get_if<Event>(&delivery->event)) {
        bytes += std::visit(data_of, event->body);
    } else if (const auto* const message = std::get_if<MessageEvent>(&delivery->event)) {
        bytes += data_of(*message);
    }
    return bytes;
}

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

// ------------------------------------------------------------- doubt

void phase::Doubt::add(const Change& change) {
    std::visit(
        [this](const auto& one) {
            if constexpr (requires { one.group; }) {
                groups.insert(one.group.text());
            } else if constexpr (requires { one.id; }) {
                invitations.insert(one.id.text());
            }
        },
        change);
}

bool phase::Doubt::has(const Effect& effect, const Switchboard& switchboard) const {
    const auto* const delivery = std::get_if<Delivery>(&effect);
    const auto* const event = delivery != nullptr ? std::get_if<Event>(&delivery->event) : nullptr;
    if (event == nullptr) {
        return false;
    }
    // Its members are the audience.
    const auto group = groups.empty() ? std::nullopt : switchboard.group_of(event->id);
    return invitations.contains(event->id.text()) || (group && groups.contains(group->text()));
}

/// Of many things at once there is always doubt.
bool phase::Doubt::has(const Request& request) const {
    return std::visit(
        [this]<class Asked>(const Asked& asked) {
            if constexpr (std::is_same_v<Asked, Message>) {
                const auto* const group = std::get_if<GroupId>(&asked.to);
                return group != nullptr && groups.contains(group->text());
            } else if constexpr (std::is_same_v<Asked, ListHistory>) {
                return false;
            } else if constexpr (requires { asked.group; }) {
                return groups.contains(asked.group.text());
            } else if constexpr (requires {
                                     requires std::is_same_v<decltype(Asked::id), InvitationId>;
                                 }) {
                return invitations.contains(asked.id.text());
            } else {
                return true;
            }
        },
        request.body);
}

// ------------------------------------------------------------- the start

CommitGate::CommitGate(Settings settings, Host host, std::unique_ptr<Journal> journal, Instant now)
    : settings_(std::move(settings)), host_(std::move(host)), journal_(std::move(journal)) {
    switchboard_ = new_switchboard();
    if (journal_) {
        load(now);
    }
}

CommitGate::~CommitGate() = default;

std::unique_ptr<Switchboard> CommitGate::new_switchboard() const {
    return std::make_unique<Switchboard>(
        Switchboard::Options{.limits = settings_.limits,
                             .server_epoch = settings_.server_epoch,
                             .secret = host_.new_secret(),
                             .stored = journal_ != nullptr});
}

void CommitGate::load(Instant now) {
    damage_ = journal_->load([&](Change&& change) { switchboard_->restore(change, now); });
    if (damage_) {
        // What was told is void.
        switchboard_ = new_switchboard();
    }
    switchboard_->go_on_after(journal_->last_number());
    auto& sound = std::get<phase::Sound>(phase_);
    Effects effects = without_overdue(switchboard_->advance(now));
    if (Changes changes = switchboard_->take_changes(); !changes.empty()) {
        put(sound, std::move(changes), now);
    }
    overdue_ticket_ = put_;
    if (!effects.empty()) {
        sound.held.push({.ticket = put_, .effects = std::move(effects)}, 0);
    }
}

std::string_view CommitGate::secret() const {
    return journal_ ? std::string_view(journal_->secret()) : std::string_view{};
}

std::string_view CommitGate::state() const {
    return !journal_ ? "memory" : is_failing_ ? "failing" : "ok";
}

void CommitGate::start(const std::function<void()>& wake) {
    if (journal_) {
        journal_->start([this, wake] {
            woken_ = true;
            wake();
        });
    }
}

// ------------------------------------------------------------- a request

void CommitGate::handle(const Asker& asker, const Sender& sender, Request request, Instant now) {
    if (!journal_) {
        host_.say(switchboard_->handle(sender, request, now), asker);
        return;
    }
    if (is_broken_) {
        mend_memory(now);
    }
    Asked asked{asker, sender, std::move(request)};
    std::visit([&](auto& phase) { judge(phase, std::move(asked), now); }, phase_);
}

/// An exception out of the switchboard leaves memory as nobody knows.
Effects CommitGate::decide(const auto& ask) {
    try {
        return ask(*switchboard_);
    } catch (...) {
        is_broken_ = true;
        throw;
    }
}

void CommitGate::judge(phase::Sound& sound, Asked asked, Instant now) {
    if (!has_room(sound.held)) {
        refuse(asked);
        return;
    }
    // Apart from the request, of which it may be in doubt whether it is stored.
    apply_due(now);
    Held held{.effects = decide([&](Switchboard& switchboard) {
                  return switchboard.handle(asked.sender, asked.request, now);
              }),
              .asker = asked.asker};
    if (const auto* history = std::get_if<ListHistory>(&asked.request.body)) {
        // What was due has been applied, so that the reply is all there is.
        ask_history(asked.asker, asked.sender, *history,
                    std::get<Reply>(std::move(held.effects.back())));
        return;
    }
    held.asked.emplace(std::move(asked));
    hold(sound, std::move(held), now);
}

void CommitGate::judge(phase::Stalled& stalled, Asked asked, Instant now) {
    if (stalled.doubt.has(asked.request) || !judge_and_say(asked, stalled.unstored, now)) {
        refuse(asked);
    }
}

void CommitGate::judge(phase::GoingBack& back, Asked asked, Instant now) {
    if (back.waiting.has_room() && now < back.wait_until) {
        const auto bytes = bytes_of(asked.request);
        back.waiting.push(std::move(asked), bytes);
    } else {
        refuse(asked);
    }
}

void CommitGate::judge(phase::Refusing& refusing, Asked asked, Instant now) {
    if (judge_and_say(asked, refusing.unstored, now)) {
        return;
    }
    if (goes_on()) {
        refuse(asked);
        return;
    }
    Line<Asked> waiting;
    const auto bytes = bytes_of(asked.request);
    waiting.push(std::move(asked), bytes);
    try_journal(std::move(waiting), now);
}

void CommitGate::judge(phase::Trying& trying, Asked asked, Instant now) {
    if (judge_and_say(asked, trying.unstored, now)) {
        return;
    }
    if (!goes_on() && trying.waiting.has_room() && now < trying.since + settings_.patience) {
        const auto bytes = bytes_of(asked.request);
        trying.waiting.push(std::move(asked), bytes);
    } else {
        refuse(asked);
    }
}

/// While the journal takes nothing. False: it would have to be stored, and nothing was done.
bool CommitGate::judge_and_say(const Asked& asked, Changes& unstored, Instant now) {
    if (unstored.size() >= Line<Held>::most_items) {
        return false;
    }
    apply_due(now);
    Effects effects = decide([&](Switchboard& switchboard) {
        return switchboard.handle(asked.sender, asked.request, now);
    });
    const auto& reply = std::get<Reply>(effects.front());
    const auto* const refusal = std::get_if<Refusal>(&reply.body);
    if (refusal != nullptr && refusal->error == Error::storage_unavailable) {
        return false;
    }
    append(unstored, switchboard_->take_changes());
    if (const auto* history = std::get_if<ListHistory>(&asked.request.body)) {
        ask_history(asked.asker, asked.sender, *history, reply);
    } else {
        host_.say(std::move(effects), asked.asker);
    }
    return true;
}

void CommitGate::refuse(const Asked& asked) const {
    say(asked.asker, refusal_of(asked.sender, asked.request));
}

void CommitGate::refuse_all(Line<Asked>& waiting) const {
    while (!waiting.empty()) {
        refuse(waiting.pop());
    }
}

void CommitGate::judge_all(Line<Asked> waiting, Instant now) {
    while (!waiting.empty()) {
        const Asked asked = waiting.pop();
        try {
            handle(asked.asker, asked.sender, asked.request, now);
        } catch (const std::exception& /*error*/) {
            Reply reply = refusal_of(asked.sender, asked.request);
            reply.body = beckon::refuse(Error::internal);
            say(asked.asker, std::move(reply));
        }
    }
}

void CommitGate::say(const Asker& asker, Reply reply) const {
    Effects effects;
    effects.emplace_back(std::move(reply));
    host_.say(std::move(effects), asker);
}

void CommitGate::reply(const Asker& asker, Reply reply) {
    auto* const sound = std::get_if<phase::Sound>(&phase_);
    if (sound == nullptr || sound->held.empty() || !sound->held.has_room()) {
        say(asker, std::move(reply));
        return;
    }
    Held held{.ticket = put_, .asker = asker};
    held.effects.emplace_back(std::move(reply));
    sound->held.push(std::move(held), sizeof(Held) + sizeof(Effect));
}

// ------------------------------------------------------------- the clock, and who is there

void CommitGate::set_online(const Sender& device, bool online, Instant now) {
    if (std::holds_alternative<phase::GoingBack>(phase_)) {
        return;  // told when memory has gone back
    }
    applied_ = now;
    decided(decide([&](Switchboard& switchboard) {
                return switchboard.set_online(device, online, now);
            }),
            now);
}

void CommitGate::apply_due(Instant now) {
    const auto due = switchboard_->next_deadline();
    const auto* const back = std::get_if<phase::GoingBack>(&phase_);
    if (back != nullptr && !back->runs) {
        return;
    }
    applied_ = now;
    if (due && *due <= now) {
        decided(decide([&](Switchboard& switchboard) { return switchboard.advance(now); }), now);
    }
}

void CommitGate::decided(Effects effects, Instant now) {
    if (!journal_) {
        host_.say(std::move(effects), nullptr);
        return;
    }
    std::visit([&](auto& phase) { decided(phase, std::move(effects), now); }, phase_);
}

void CommitGate::decided(phase::Sound& sound, Effects effects, Instant now) {
    hold(sound, {.effects = std::move(effects)}, now);
}

void CommitGate::decided(phase::Stalled& stalled, Effects effects, Instant now) {
    append(stalled.unstored, switchboard_->take_changes());
    stalled.said_until = now;
    say_undoubted(effects, stalled.doubt);
    if (!effects.empty()) {
        stalled.held.push({.ticket = put_, .effects = std::move(effects)}, 0);
    }
}

/// What is in doubt is decided again when memory has gone back, and what is not is not said again.
void CommitGate::decided(phase::GoingBack& back, Effects effects, Instant now) {
    static_cast<void>(switchboard_->take_changes());
    back.said_until = now;
    say_undoubted(effects, back.doubt);
}

void CommitGate::decided(phase::Refusing& refusing, Effects effects, Instant now) {
    append(refusing.unstored, switchboard_->take_changes());
    said_until_ = now;
    host_.say(std::move(effects), nullptr);
}

void CommitGate::decided(phase::Trying& trying, Effects effects, Instant now) {
    append(trying.unstored, switchboard_->take_changes());
    said_until_ = now;
    host_.say(std::move(effects), nullptr);
}

// ------------------------------------------------------------- a turn

bool CommitGate::tick(Instant now) {
    if (!journal_) {
        apply_due(now);
        return false;
    }
    if (woken_.exchange(false)) {
        look_at_journal(now);
    }
    if (is_broken_) {
        mend_memory(now);
    }
    apply_due(now);
    std::visit([&](auto& phase) { turn(phase, now); }, phase_);
    const bool more_overdue = say_overdue();
    const bool more_history = tell_history(now);
    journal_->hand_over();
    return more_overdue || more_history || std::holds_alternative<phase::GoingBack>(phase_);
}

void CommitGate::turn(phase::Sound& sound, Instant now) {
    if (sound.waiting_since && now >= *sound.waiting_since + settings_.patience) {
        stall(now);
    }
}

void CommitGate::turn(phase::Stalled& /*stalled*/, Instant /*now*/) {}  // the journal wakes us

void CommitGate::turn(phase::GoingBack& back, Instant now) {
    if (now >= back.wait_until) {
        refuse_all(back.waiting);
    }
    if (!back.reads && stored_ >= put_) {
        back.reads = true;
        journal_->reload();
    }
    build(back, now);
}

void CommitGate::turn(phase::Refusing& refusing, Instant now) {
    if (now >= refusing.try_at) {
        try_journal({}, now);
    }
}

void CommitGate::turn(phase::Trying& trying, Instant now) {
    if (now >= trying.since + settings_.patience) {
        refuse_all(trying.waiting);
    }
}

std::optional<Instant> CommitGate::next_deadline() const {
    const auto due = switchboard_->next_deadline();
    const auto turn = turn_at();
    return due && turn ? std::min(*due, *turn) : due ? due : turn;
}

/// When the phase has something to do though nobody calls.
std::optional<Instant> CommitGate::turn_at() const {
    if (const auto* const sound = std::get_if<phase::Sound>(&phase_)) {
        return sound->waiting_since ? std::optional(*sound->waiting_since + settings_.patience)
                                    : std::nullopt;
    }
    if (const auto* const back = std::get_if<phase::GoingBack>(&phase_)) {
        return back->waiting.empty() ? std::nullopt : std::optional(back->wait_until);
    }
    if (const auto* const refusing = std::get_if<phase::Refusing>(&phase_)) {
        return refusing->try_at;
    }
    if (const auto* const trying = std::get_if<phase::Trying>(&phase_)) {
        return trying->waiting.empty() ? std::nullopt
                                       : std::optional(trying->since + settings_.patience);
    }
    return std::nullopt;
}

// ------------------------------------------------------------- stored before said

bool CommitGate::has_room(const Line<Held>& held) const {
    const auto waiting = journal_->waiting();
    return held.has_room() && waiting.changes < Line<Held>::most_items &&
           waiting.bytes < Line<Held>::most_bytes;
}

/// In parts that are each stored soon, of whole invitations.
void CommitGate::put(phase::Sound& sound, Changes changes, Instant now) {
    auto rest = changes.begin();
    while (std::cmp_greater(changes.end() - rest, most_at_once)) {
        const auto end = std::find_if(rest + most_at_once, changes.end(), [](const Change& one) {
            return std::holds_alternative<InvitationKept>(one);
        });
        put_ = journal_->put({std::make_move_iterator(rest), std::make_move_iterator(end)});
        rest = end;
    }
    changes.erase(changes.begin(), rest);
    if (!changes.empty()) {
        put_ = journal_->put(std::move(changes));
    }
    if (!sound.waiting_since) {
        sound.waiting_since = now;
    }
}

void CommitGate::hold(phase::Sound& sound, Held held, Instant now) {
    Changes changes = switchboard_->take_changes();
    held.changed = !changes.empty();
    if (held.changed) {
        put(sound, std::move(changes), now);
    }
    held.ticket = put_;
    if (sound.held.empty() && put_ <= stored_) {
        host_.say(std::move(held.effects), held.asker);
    } else if (!held.effects.empty()) {
        std::size_t bytes = sizeof(Held) + (held.asked ? bytes_of(held.asked->request) : 0);
        for (const Effect& effect : held.effects) {
            bytes += bytes_of(effect);
        }
        sound.held.push(std::move(held), bytes);
    }
}

void CommitGate::release(Line<Held>& held) {
    while (!held.empty() && held.front().ticket <= stored_) {
        Held first = held.pop();
        host_.say(std::move(first.effects), first.asker);
    }
}

// ------------------------------------------------------------- from phase to phase

void CommitGate::look_at_journal(Instant now) {
    auto progress = journal_->progress();
    std::move(progress.history.begin(), progress.history.end(), std::back_inserter(pages_));
    const bool advanced = progress.stored > stored_;
    stored_ = std::max(stored_, progress.stored);
    if (auto* const sound = std::get_if<phase::Sound>(&phase_)) {
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
        back.anew->restore(back.read.front()[back.made], as_of);
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
    said_until_ = now;
    overdue_ticket_ = 0;
    Changes unstored = switchboard_->take_changes();
    if (is_failing_) {
        become_refusing(std::move(unstored), now);
    } else {
        become_sound(std::move(unstored), now);
    }
    host_.say(without_overdue(std::move(effects)), nullptr);
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
    if (!unstored.empty()) {
        put(sound, std::move(unstored), now);
    }
    if (std::exchange(is_failing_, false)) {
        host_.store_changed(std::nullopt);
    }
}

void CommitGate::tell_failing(const std::string& why) {
    if (!std::exchange(is_failing_, true)) {
        host_.store_changed(why);
    }
}

// ------------------------------------------------------------- history

void CommitGate::ask_history(const Asker& asker, const Sender& sender, const ListHistory& asked,
                             Reply answer) {
    const auto before = asked.before ? read_mark(*asked.before) : std::nullopt;
    if (asked.before && !before && answer.ok()) {
        answer.body = refuse_field(Error::invalid_request, "before", "is no `next` of a page");
    } else if (answer.ok() && readers_.size() > most_readers) {
        answer.body = beckon::refuse(Error::storage_unavailable);
    }
    if (!answer.ok()) {
        reply(asker, std::move(answer));
        return;
    }
    const auto limit = std::min(asked.limit.value_or(default_history_page), most_history_page);
    journal_->ask_history(++history_asked_, sender.user, static_cast<std::size_t>(limit), before);
    readers_.emplace(history_asked_, Reader{asker, sender.user, std::move(answer)});
}

/// One page: to write it takes about a millisecond. True: there is more.
bool CommitGate::tell_history(Instant now) {
    if (pages_.empty()) {
        return false;
    }
    const auto answer = std::move(pages_.front());
    pages_.pop_front();
    auto reader = std::move(readers_.extract(answer.asked).mapped());
    if (answer.page) {
        reader.reply.body = told_of(*answer.page, reader.user, now);
    } else {
        reader.reply.body = beckon::refuse(Error::storage_unavailable);
    }
    say(reader.asker, std::move(reader.reply));
    return !pages_.empty();
}

// ------------------------------------------------------------- what ended meanwhile

/// Those of what goes on, of which there may be more to be said after this; the others wait
/// behind all else.
Effects CommitGate::without_overdue(Effects effects) {
    const auto is_of_open = [this](const Effect& effect) {
        const auto& event = std::get<Event>(std::get<Delivery>(effect).event);
        return switchboard_->is_open(event.id);
    };
    const auto ended = std::stable_partition(effects.begin(), effects.end(), is_of_open);
    std::move(ended, effects.end(), std::back_inserter(overdue_));
    effects.erase(ended, effects.end());
    return effects;
}

/// True: there is more.
bool CommitGate::say_overdue() {
    if (overdue_.empty() ||
        (overdue_ticket_ > stored_ && std::holds_alternative<phase::Sound>(phase_))) {
        return false;
    }
    Effects some;
    while (!overdue_.empty() && some.size() < overdue_at_once) {
        some.push_back(std::move(overdue_.front()));
        overdue_.pop_front();
    }
    host_.say(std::move(some), nullptr);
    return !overdue_.empty();
}

}  // namespace beckon
