// SPDX-License-Identifier: Apache-2.0
#include "host/commit_gate.hpp"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "bytes.hpp"
#include "history.hpp"
#include "host/device_tags.hpp"
#include "judge/invariant.hpp"
#include "protocol/refusals.hpp"
#include "protocol/wire.hpp"

namespace beckon {

namespace {

/// What ended while the broker was away is said so much at a time, in each turn of its loop.
constexpr std::size_t overdue_at_once = 64;
constexpr std::size_t most_readers = 1000;
/// Who has more waiting to be stored leaves the second half of the room to others.
constexpr std::size_t few_changes = 100;
/// So many changes are put at once: less than a second to store.
constexpr std::ptrdiff_t most_at_once = 10'000;

Reply refusal_of(const Sender& sender, const Request& request) {
    return {.re = std::string(verb_of(request)),
            .device = sender.device,
            .req = request.req,
            .body = refuse(Error::storage_unavailable)};
}

/// As it is told so much later. False: it is no news any more.
bool make_late(AnyEvent& event, Duration passed) {
    auto* const told = std::get_if<Event>(&event);
    auto* const news = told != nullptr ? std::get_if<NewInvitation>(&told->body) : nullptr;
    if (news == nullptr || !news->remaining) {
        return true;
    }
    *news->remaining -= passed;
    return news->remaining->count() > 0;
}

}  // namespace

// ------------------------------------------------------------- doubt

void phase::Doubt::add(const Change& change) {
    std::visit(
        [this](const auto& one) {
            if constexpr (requires { one.group; }) {
                groups.insert(one.group);
            } else if constexpr (requires { one.id; }) {
                invitations.insert(one.id);
            }
        },
        change);
}

bool phase::Doubt::has(const Effect& effect, const Switchboard& switchboard) const {
    const auto* const id = invitation_of(effect);
    return id != nullptr && has(*id, switchboard);
}

bool phase::Doubt::has(const InvitationId& id, const Switchboard& switchboard) const {
    // The members are the audience, and may ask.
    const auto group = groups.empty() ? std::nullopt : switchboard.group_of(id);
    return invitations.contains(id) || (group && groups.contains(*group));
}

/// Of many things at once there is always doubt.
bool phase::Doubt::has(const Request& request, const Switchboard& switchboard) const {
    return std::visit(
        [&]<class Asked>(const Asked& asked) {
            if constexpr (std::is_same_v<Asked, Message>) {
                const auto* const group = std::get_if<GroupId>(&asked.to);
                return group != nullptr && groups.contains(*group);
            } else if constexpr (std::is_same_v<Asked, ListHistory> ||
                                 std::is_same_v<Asked, ListOnline>) {
                return false;
            } else if constexpr (!MakesInvitation<Asked> && requires { asked.group; }) {
                return groups.contains(asked.group);
            } else if constexpr (requires {
                                     requires std::is_same_v<decltype(Asked::id), InvitationId>;
                                 }) {
                return has(asked.id, switchboard);
            } else {
                return true;  // an invite may be a repeat of one that is not stored
            }
        },
        request.body);
}

// ------------------------------------------------------------- the start

CommitGate::CommitGate(Settings settings, Host host, std::unique_ptr<Journal> journal, Instant now)
    : settings_(std::move(settings)),
      host_(std::move(host)),
      journal_(std::move(journal)),
      waiting_changes_(host_.new_secret()) {
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
                             .stored = journal_ != nullptr,
                             .operators = settings_.operators,
                             .presence_is_told = settings_.presence_is_told,
                             .clock_step = settings_.clock_step,
                             .totals = switchboard_ ? switchboard_->counts().totals : Totals()});
}

void CommitGate::load(Instant now) {
    Effects effects;
    try {
        damage_ = journal_->load([&](Change&& change) {
            if (is_of_host(change)) {
                restore_own(std::move(change));
            } else {
                switchboard_->restore(change, now);
            }
        });
        name_epoch();
        if (damage_) {
            begin_with_nothing();
        }
        switchboard_->go_on_after(journal_->last_number());
        effects = switchboard_->advance(now);
    } catch (const InvariantBroken& broken) {
        damage_ = journal_->set_aside(broken.what());
        name_epoch();
        begin_with_nothing();
    }
    auto& sound = std::get<phase::Sound>(phase_);
    Changes changes = switchboard_->take_changes();
    add_untold(effects, changes, now);
    effects = without_overdue(std::move(effects));
    if (!changes.empty()) {
        put(sound, std::move(changes), now);
    }
    overdue_ticket_ = put_;
    if (!effects.empty()) {
        sound.held.push({.ticket = put_, .effects = std::move(effects)}, 0);
    }
}

bool CommitGate::is_idle() const {
    const auto* const sound = std::get_if<phase::Sound>(&phase_);
    return sound != nullptr && sound->held.empty();
}

/// What the journal told is void.
void CommitGate::begin_with_nothing() {
    switchboard_ = new_switchboard();
    devices_.clear();
    untold_.clear();
}

void CommitGate::restore_own(Change&& change) {
    if (auto* const device = std::get_if<DeviceKept>(&change)) {
        devices_.push_back(std::move(*device));
    } else if (auto* const untold = std::get_if<UntoldKept>(&change)) {
        last_untold_ = std::max(last_untold_, untold->number);
        untold_.push_back(std::move(*untold));
    }
}

/// What a host that was killed had decided and perhaps not told: once more, ahead of all else.
void CommitGate::tell_untold(Instant now) {
    Effects effects;
    for (auto& untold : std::exchange(untold_, {})) {
        auto event = decode_event(untold.event);
        auto* const told = std::get_if<AnyEvent>(&event);
        if (told == nullptr || !make_late(*told, now - untold.since)) {
            own_changes_.emplace_back(UntoldDone{untold.number});
            continue;
        }
        effects.emplace_back(Delivery{.to = std::move(untold.to),
                                      .event = std::move(*told),
                                      .online_only = untold.online_only,
                                      .alone = untold.alone,
                                      .untold = untold.number});
    }
    host_.say(std::move(effects), nullptr);
}

/// Of what rests on changes; all else is said once or never.
void CommitGate::add_untold(Effects& effects, Changes& changes, Instant now) {
    if (!settings_.keeps_untold || changes.empty()) {
        return;
    }
    for (Effect& effect : effects) {
        if (auto* const delivery = std::get_if<Delivery>(&effect)) {
            delivery->untold = ++last_untold_;
            changes.emplace_back(UntoldKept{.number = delivery->untold,
                                            .to = delivery->to,
                                            .event = encode(delivery->event, Encoding::json),
                                            .online_only = delivery->online_only,
                                            .alone = delivery->alone,
                                            .since = now});
        }
    }
}

void CommitGate::name_epoch() {
    if (settings_.epoch_of_journal) {
        settings_.server_epoch =
            DeviceTags(journal_->secret()).tag_of(UserId(), "server_epoch").str();
        switchboard_->go_on_in(settings_.server_epoch);
    }
}

std::string_view CommitGate::secret() const {
    return journal_ ? std::string_view(journal_->secret()) : std::string_view{};
}

std::string_view CommitGate::state() const {
    return !journal_ ? "memory" : is_failing_ ? "failing" : "ok";
}

CommitGate::Unstored CommitGate::unstored(Instant now) const {
    if (!journal_) {
        return {};
    }
    const auto* const sound = std::get_if<phase::Sound>(&phase_);
    const bool waits = sound != nullptr && sound->waiting_since;
    return {.changes = journal_->waiting().changes,
            .oldest = waits ? now - *sound->waiting_since : Duration(0)};
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
    if (!has_room(sound.held, asked.sender.user)) {
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
    held.asked = std::make_unique<Asked>(std::move(asked));
    hold(sound, std::move(held), now);
}

void CommitGate::judge(phase::Stalled& stalled, const Asked& asked, Instant now) {
    if (stalled.doubt.has(asked.request, *switchboard_) ||
        !judge_and_say(asked, stalled.unstored, now)) {
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
    if (is_silent() || unstored.size() >= Line<Held>::most_items) {
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

/// Who gets none asks again.
void CommitGate::say(const Asker& asker, Reply reply) const {
    if (is_silent()) {
        return;
    }
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
    if (!is_silent()) {
        stalled.said_until = now;
        say_undoubted(effects, stalled.doubt);
    }
    if (!effects.empty()) {
        stalled.held.push({.ticket = put_, .effects = std::move(effects)}, 0);
    }
}

/// What is in doubt is decided again when memory has gone back, and what is not is not said again.
void CommitGate::decided(phase::GoingBack& back, Effects effects, Instant now) {
    static_cast<void>(switchboard_->take_changes());
    if (!is_silent()) {
        back.said_until = now;
        say_undoubted(effects, back.doubt);
    }
}

void CommitGate::decided(phase::Refusing& refusing, Effects effects, Instant now) {
    append(refusing.unstored, switchboard_->take_changes());
    say_while_failing(std::move(effects), now);
}

void CommitGate::decided(phase::Trying& trying, Effects effects, Instant now) {
    append(trying.unstored, switchboard_->take_changes());
    say_while_failing(std::move(effects), now);
}

void CommitGate::say_while_failing(Effects effects, Instant now) {
    if (is_silent()) {
        std::move(effects.begin(), effects.end(), std::back_inserter(unsaid_));
    } else {
        said_until_ = now;
        host_.say(std::move(effects), nullptr);
    }
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
    if (auto* const sound = std::get_if<phase::Sound>(&phase_)) {
        if (!untold_.empty()) {
            tell_untold(now);
        }
        if (!own_changes_.empty()) {
            put(*sound, std::exchange(own_changes_, {}), now);
        }
    }
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

bool CommitGate::has_room(const Line<Held>& held, const UserId& user) const {
    const auto waiting = journal_->waiting();
    const auto is_over = [&](std::size_t part) {
        return waiting.changes >= Line<Held>::most_items / 2 * part ||
               waiting.bytes >= Line<Held>::most_bytes / 2 * part;
    };
    const auto* const own = waiting_changes_.find(user);
    const bool has_few = own == nullptr || *own <= few_changes;
    return held.has_room() && !is_over(has_few ? 2 : 1);
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
    add_untold(held.effects, changes, now);
    if (held.changed) {
        if (held.asked) {
            held.own = {waiting_changes_, held.asked->sender.user, changes.size()};
        }
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

void CommitGate::release(Line<Held>& held) const {
    while (!held.empty() && held.front().ticket <= stored_) {
        Held first = held.pop();
        host_.say(std::move(first.effects), first.asker);
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
    const UserId& reader = asked.of ? *asked.of : sender.user;
    journal_->ask_history(++history_asked_, reader, static_cast<std::size_t>(limit), before);
    readers_.emplace(history_asked_, Reader{asker, reader, sender.user, std::move(answer)});
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
        auto told = told_of(*answer.page, reader.user, now);
        switchboard_->told_history(reader.asked_by, msgpack_size(told));
        reader.reply.body = std::move(told);
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
        return switchboard_->is_open(*invitation_of(effect));
    };
    const auto ended = std::stable_partition(effects.begin(), effects.end(), is_of_open);
    std::move(ended, effects.end(), std::back_inserter(overdue_));
    effects.erase(ended, effects.end());
    return effects;
}

/// True: there is more.
bool CommitGate::say_overdue() {
    if (overdue_.empty() || is_silent() ||
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
