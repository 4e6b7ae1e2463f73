// SPDX-License-Identifier: Apache-2.0
#include "device/device.hpp"

#include <algorithm>
#include <type_traits>

#include "busy_mode.hpp"
#include "errands.hpp"
#include "inbox.hpp"
#include "open_requests.hpp"
#include "pace.hpp"
#include "protocol/refusals.hpp"
#include "recent_ids.hpp"

namespace beckon {
namespace {

/// Until a request that was refused for the moment is tried again.
constexpr Duration soon{1'000};
/// Until a request without a reply is repeated; then twice as long, and twice.
constexpr Duration first_repeat{2'000};
constexpr unsigned max_doublings = 2;
/// What every broker takes.
constexpr std::size_t always_taken = 1'024;

/// The device's own requests that it may try again.
bool for_the_moment(Error error) {
    return error == Error::rate_limited || error == Error::storage_unavailable ||
           error == Error::internal;
}

Duration until_repeat(unsigned tries) {
    return first_repeat * (1U << std::min(tries, max_doublings));
}

/// Whether it may be sent again: not what would be heard twice.
bool may_be_repeated(const RequestBody& body) { return !std::holds_alternative<Signal>(body); }

/// Names the second half of those whom it names, and leaves them to be added afterwards; false: it
/// cannot be split.
bool split(RequestBody& body, std::vector<UserId>& rest) {
    std::vector<UserId>* members = nullptr;
    if (auto* create = std::get_if<CreateGroup>(&body)) {
        members = &create->members;
    } else if (auto* add = std::get_if<AddMembers>(&body)) {
        members = &add->members;
    }
    if (members == nullptr || members->size() < 2) {
        return false;
    }
    const auto half = members->begin() + static_cast<std::ptrdiff_t>(members->size() / 2);
    rest.insert(rest.begin(), half, members->end());
    members->erase(half, members->end());
    return true;
}

/// The id of the invitation that it makes, if it makes one.
const InvitationId* made_by(const RequestBody& body) {
    return std::visit(
        [](const auto& asked) -> const InvitationId* {
            if constexpr (MakesInvitation<std::decay_t<decltype(asked)>>) {
                return &*asked.id;
            }
            return nullptr;
        },
        body);
}

/// Whether who accepts is in a call with its sender.
bool begins_call(const RequestBody& invite) {
    return std::visit(
        [](const auto& asked) {
            if constexpr (MakesInvitation<std::decay_t<decltype(asked)>>) {
                return asked.call;
            }
            return false;
        },
        invite);
}

/// Nothing rings later than it was to ring at most.
template <class Asked>
Duration patience_for(const Asked& asked, Duration patience) {
    if constexpr (requires { asked.timeout; }) {
        if (asked.timeout > Duration{0}) {
            return std::min(patience, asked.timeout);
        }
    }
    return patience;
}

/// What is left of the time that a request asks for, after it has waited; 0 stays "none".
template <class Asked>
void age(Asked& asked, Duration waited) {
    if constexpr (requires { asked.timeout; }) {
        if (asked.timeout > Duration{0}) {
            asked.timeout = std::max(asked.timeout - waited, Duration{1});
        }
    }
}

}  // namespace

Device::Device(Options options)
    : options_(std::move(options)),
      inbox_(std::make_unique<Inbox>(options_.user)),
      requests_(std::make_unique<OpenRequests>(options_.req_prefix)),
      errands_(std::make_unique<Errands>()),
      busy_(std::make_unique<BusyMode>()),
      pace_(std::make_unique<Pace>()),
      messages_(std::make_unique<RecentIds<std::pair<UserId, MessageId>>>()) {
    const Limits limits;
    pace_->set(limits.requests_per_second, limits.requests_burst);
}
Device::~Device() = default;
Device::Device(Device&&) noexcept = default;
Device& Device::operator=(Device&&) noexcept = default;

void Device::set_busy(std::optional<Reject> as) { busy_->set(std::move(as)); }

std::string Device::server_epoch() const { return inbox_->server_epoch(); }

std::optional<DeviceTag> Device::tag() const { return inbox_->device(); }

std::vector<InvitationInfo> Device::open(Instant now) const { return inbox_->open(now); }

Device::Effects Device::done() { return std::exchange(effects_, {}); }

// -------------------------------------------------------------------- calls

Device::Effects Device::call(CallId call, RequestBody body, Offline offline, Instant now) {
    apply_due(now);
    const auto refuse = [&](Failure failure) {
        effects_.emplace_back(Result{call, failure});
        return done();
    };
    if (link_ == Link::no_beckon) {
        return refuse(Failure::no_beckon);
    }
    if (link_ == Link::offline && offline == Offline::fail) {
        return refuse(Failure::not_connected);
    }
    if (const auto* cancel = std::get_if<Cancel>(&body)) {
        if (withdraw(call, *cancel)) {
            return done();
        }
    }
    if (requests_->waiting().size() >= options_.max_waiting) {
        return refuse(Failure::too_many_waiting);
    }
    const auto patience = std::visit(
        [&](const auto& asked) {
            if constexpr (requires { inbox_->inviting(asked); }) {
                inbox_->inviting(asked);
            } else if constexpr (std::is_same_v<std::decay_t<decltype(asked)>, Cancel>) {
                inbox_->cancelling(asked.id, !asked.invitees);
            }
            return patience_for(asked, options_.patience);
        },
        body);
    requests_->add({.call = call,
                    .body = std::move(body),
                    .offline = offline,
                    .asked = now,
                    .deadline = now + patience});
    pump(now);
    return done();
}

/// An invite that nobody has heard of is gone when its sender does not want it any more.
bool Device::withdraw(CallId call, const Cancel& cancel) {
    if (cancel.invitees) {
        return false;
    }
    for (const auto number : requests_->waiting()) {
        const OpenRequest& waiting = requests_->at(number);
        const auto* made = made_by(waiting.body);
        if (made != nullptr && *made == cancel.id && waiting.sent == 0) {
            Cancelled cancelled;
            std::visit(
                [&](const auto& asked) {
                    if constexpr (requires { invitees_of(asked); }) {
                        cancelled.cancelled = invitees_of(asked);
                    }
                },
                waiting.body);
            fail(number, Failure::withdrawn);
            effects_.emplace_back(Result{call, Reply{.re = std::string(Cancel::verb),
                                                     .device = device_,
                                                     .body = std::move(cancelled)}});
            return true;
        }
    }
    return false;
}

void Device::pump(Instant now) {
    if (link_ != Link::ready) {
        return;
    }
    while (pace_->next() <= now) {
        auto errand = errands_->begin(now);
        if (!errand) {
            break;
        }
        send_own(std::move(*errand), options_.patience, now);
    }
    while (requests_->in_flight() < options_.max_in_flight && pace_->next() <= now) {
        const auto number = requests_->first_waiting(now);
        if (!number) {
            break;
        }
        if (!was_made(*number)) {
            send(*number, now);
        }
    }
}

void Device::send_own(RequestBody body, Duration patience, Instant now) {
    send(requests_->add({.body = std::move(body), .asked = now, .deadline = now + patience}), now);
}

void Device::send(Number number, Instant now) {
    OpenRequest& open = requests_->at(number);
    Send send = message_of(number, now);
    while (const auto limit = size_broken_by(send)) {
        if (!split(open.body, open.rest)) {
            refuse_as_too_large(number, limit, now);
            return;
        }
        send = message_of(number, now);
    }
    const auto again_at = now + until_repeat(open.tries);
    requests_->begin(number, send.payload.size(),
                     may_be_repeated(open.body) ? std::optional(again_at) : std::nullopt);
    pace_->sent(now);
    effects_.emplace_back(std::move(send));
}

Device::Send Device::message_of(Number number, Instant now) const {
    const OpenRequest& open = std::as_const(*requests_).at(number);
    const auto req = requests_->req_of(number);
    Request request{.req = req, .device = options_.device, .body = open.body};
    std::visit([&](auto& asked) { age(asked, now - open.asked); }, request.body);
    return {options_.topics.request(request.body, options_.user) + "/" + options_.user.str(),
            encode(request, options_.encoding), req};
}

std::optional<std::int64_t> Device::size_broken_by(const Send& send) const {
    const auto size = static_cast<std::int64_t>(send.payload.size());
    auto limit = status_ ? status_->limits.max_payload_bytes : size;
    if (max_packet_) {
        const auto beside = send.topic.size() + send.correlation.size() + options_.packet_overhead;
        limit = std::min(limit,
                         static_cast<std::int64_t>(*max_packet_ - std::min(*max_packet_, beside)));
    }
    return size > limit ? std::optional(limit) : std::nullopt;
}

void Device::refuse_as_too_large(Number number, std::optional<std::int64_t> limit, Instant now) {
    const OpenRequest asked = requests_->take(number);
    Refusal refusal = refuse_field(Error::too_large, "payload", "is more than the broker takes");
    refusal.limit = limit;
    told(asked,
         {.re = std::string(verb_of({.body = asked.body})), .device = device_, .body = refusal},
         now);
}

/// The broker may have ended the connection because of what was sent: of that, the largest.
void Device::blame_for_loss(bool too_large, Instant now) {
    const auto number = requests_->largest_in_flight();
    if (!number) {
        return;
    }
    OpenRequest& open = requests_->at(*number);
    if (!too_large && (max_packet_ || open.size <= always_taken)) {
        return;
    }
    ++open.thrown_out;
    if (too_large || open.thrown_out > 1) {
        refuse_as_too_large(*number, std::nullopt, now);
    }
}

/// Another invite is not sent, and none fails, when the broker was heard to have made it.
bool Device::was_made(Number number) {
    const auto* id = made_by(requests_->at(number).body);
    const auto state = id != nullptr ? inbox_->made(*id) : std::nullopt;
    if (!state || requests_->at(number).sent == 0) {
        return false;
    }
    Reply reply{.re = std::string(Invite::verb),
                .device = device_,
                .body = Invited{.dup = true, .id = *id, .state = *state}};
    const InvitationId made = *id;
    effects_.emplace_back(Result{*requests_->take(number).call, std::move(reply)});
    if (state == Openness::open) {
        errands_->get(made, {});  // only the reply would have told who was skipped
    }
    return true;
}

void Device::fail(Number number, Failure failure) {
    if (was_made(number)) {
        return;
    }
    const OpenRequest request = requests_->take(number);
    if (request.refused && request.sent == 0 && failure != Failure::withdrawn) {
        effects_.emplace_back(Result{*request.call, *request.refused});
    } else {
        effects_.emplace_back(Result{*request.call, failure});
    }
    if (const auto* id = made_by(request.body)) {
        if (request.sent == 0) {
            inbox_->not_invited(*id);
        } else {
            call_off(request.body);
        }
    } else if (const auto* cancel = std::get_if<Cancel>(&request.body);
               cancel && request.sent == 0) {
        inbox_->cancelling(cancel->id, false);
    }
}

void Device::call_off(const RequestBody& invite) {
    const InvitationId& id = *made_by(invite);
    inbox_->disown(id);
    inbox_->cancelling(id, true);
    errands_->call_off(id, begins_call(invite));
}

// --------------------------------------------------------------- connection

void Device::set_link(Link link) {
    if (link_ != link) {
        link_ = link;
        effects_.emplace_back(LinkChanged{link});
    }
}

Device::Send Device::will() {
    ++runs_;
    return here(true);
}

Device::Send Device::here(bool gone) const {
    const Request request{.req = here_req(),
                          .device = options_.device,
                          .body = Here{.run = here_req(), .gone = gone}};
    return {options_.topics.request(request.body, options_.user) + "/" + options_.user.str(),
            encode(request, options_.encoding), here_req()};
}

Device::Effects Device::connected(Instant now, std::optional<std::size_t> max_packet) {
    apply_due(now);
    lose_connection(now);
    max_packet_ = max_packet;
    here_tries_ = 0;
    here_noted_ = false;
    set_link(Link::syncing);
    start_sync(std::nullopt, now);
    return done();
}

Device::Effects Device::disconnected(Instant now, bool too_large) {
    apply_due(now);
    lose_connection(now, too_large);
    status_.reset();
    set_link(Link::offline);
    return done();
}

Device::Effects Device::receive_status(std::string_view payload, Instant now) {
    apply_due(now);
    if (auto status = decode_status(payload)) {
        pace_->set(status->limits.requests_per_second, status->limits.requests_burst);
        status_ = status;
        pump(now);
    }
    return done();
}

/// What was in flight waits to be sent again, if its caller waits.
void Device::lose_connection(Instant now, bool too_large) {
    blame_for_loss(too_large, now);
    for (const auto number : requests_->all()) {
        const OpenRequest& request = requests_->at(number);
        if (!request.call) {
            requests_->take(number);
        } else if (request.offline == Offline::fail) {
            fail(number, failure_of(number, Failure::not_connected));
        }
    }
    requests_->wait_again();
    errands_->lose_connection();
    here_at_.reset();
    sync_at_.reset();
    sync_after_.reset();
    syncing_ = sync_unanswered_ = false;
}

/// Why a request fails that gets no reply; `unsent`: when it was never sent.
Failure Device::failure_of(Number number, Failure unsent) const {
    return requests_->at(number).sent > 0 ? Failure::no_reply : unsent;
}

void Device::start_sync(std::optional<std::string> after, Instant now) {
    if (!after) {
        if (!here_noted_ && !here_at_) {
            say_here(now);
        }
        inbox_->begin_sync(std::exchange(sync_unanswered_, true));
    }
    sync_at_.reset();
    syncing_ = true;
    send_own(Sync{{.after = std::move(after)}}, options_.sync_patience, now);
}

/// Names the connection, and what is said of it.
std::string Device::here_req() const {
    return options_.req_prefix + ":run-" + std::to_string(runs_);
}

void Device::say_here(Instant now) {
    effects_.emplace_back(here(false));
    pace_->sent(now);
    here_at_.reset();
    if (here_tries_ <= max_doublings) {
        here_at_ = now + until_repeat(here_tries_++);
    }
}

void Device::here_replied(const Reply& reply, Instant now) {
    here_noted_ = true;
    here_tries_ = 0;
    here_at_.reset();
    if (const auto* refusal = std::get_if<Refusal>(&reply.body)) {
        if (for_the_moment(refusal->error)) {
            here_at_ = now + soon;
        }
        return;
    }
    auto again = std::get<HereNoted>(reply.body).again;
    if (!again && status_ && status_->presence_told) {
        again = default_again;
    }
    if (again) {
        here_at_ = now + std::max(*again / 2, soon);
    }
}

void Device::synced(const Sync& asked, const Reply& reply, Instant now) {
    const auto* page = std::get_if<Synced>(&reply.body);
    syncing_ = false;
    if (page == nullptr) {
        const auto* refusal = std::get_if<Refusal>(&reply.body);
        if (refusal != nullptr && refusal->error == Error::rate_limited) {
            // That page again: from the first, a long list might never come to its end.
            sync_after_ = asked.page.after;
        }
        sync_at_ = now + soon;
        return;
    }
    inbox_->speaks(page->server_epoch);
    for (const auto& invitation : page->invitations) {
        pass_on(inbox_->listed(invitation, now), now);
    }
    if (page->next) {
        start_sync(page->next, now);
        return;
    }
    sync_unanswered_ = false;
    set_link(Link::ready);
    pass_on(inbox_->end_sync(), now);
}

// --------------------------------------------------------------- deliveries

void Device::pass_on(News news, Instant now) {
    for (auto& one : news) {
        std::visit(
            [&](auto& told) {
                if constexpr (std::is_same_v<std::decay_t<decltype(told)>, Unsure>) {
                    if (link_ == Link::syncing || link_ == Link::ready) {
                        errands_->get(told.id, now);
                    }
                } else if constexpr (std::is_same_v<std::decay_t<decltype(told)>, Doubtful>) {
                    if (link_ == Link::ready) {
                        sync_at_ = now;
                    }
                } else if constexpr (std::is_same_v<std::decay_t<decltype(told)>, Heard>) {
                    if (!is_rejected(told, now)) {
                        effects_.emplace_back(std::move(told));
                    }
                } else if (!busy_->rejected(told.id)) {
                    effects_.emplace_back(std::move(told));
                }
            },
            one);
    }
}

bool Device::is_rejected(const Heard& heard, Instant now) {
    const auto* rings = std::get_if<NewInvitation>(&heard.body);
    if (rings == nullptr || heard.role != Role::invitee) {
        return busy_->rejected(heard.id);
    }
    auto reject = busy_->reject(heard.id);
    if (!reject) {
        return false;
    }
    errands_->reject(std::move(*reject), now);
    effects_.emplace_back(Busy{heard.id, heard.inviter, heard.group, rings->data});
    return true;
}

Device::Effects Device::receive_event(std::string_view payload, Instant now) {
    apply_due(now);
    auto decoded = decode_event(payload);
    if (auto* any = std::get_if<AnyEvent>(&decoded)) {
        std::visit(
            [&](auto& told) {
                using Told = std::decay_t<decltype(told)>;
                if constexpr (std::is_same_v<Told, Event>) {
                    pass_on(inbox_->take(told, now), now);
                } else if constexpr (std::is_same_v<Told, MessageEvent>) {
                    if (messages_->insert({told.from, told.id})) {
                        effects_.emplace_back(std::move(told));
                    }
                } else {
                    note_own_part(told, now);
                    effects_.emplace_back(std::move(told));
                }
            },
            *any);
        pump(now);
    }
    return done();
}

/// Who comes into a group asks what is open there, and who is out of it hears no more.
void Device::note_own_part(const GroupEvent& event, Instant now) {
    const auto me = [this](const std::vector<UserId>& users) {
        return std::find(users.begin(), users.end(), options_.user) != users.end();
    };
    std::visit(
        [&]<class Body>(const Body& body) {
            if constexpr (std::is_same_v<Body, MemberEntered> ||
                          std::is_same_v<Body, MemberInvited>) {
                if (me(body.members) && link_ == Link::ready) {
                    sync_at_ = now;
                }
            } else if constexpr (std::is_same_v<Body, MemberRemoved>) {
                if (me(body.members)) {
                    inbox_->left(event.group);
                }
            } else if constexpr (std::is_same_v<Body, MemberLeft>) {
                if (body.user == options_.user) {
                    inbox_->left(event.group);
                }
            } else if constexpr (std::is_same_v<Body, GroupDismissed>) {
                inbox_->left(event.group);
            }
        },
        event.body);
}

Device::Effects Device::receive_reply(std::string_view payload, Instant now,
                                      std::string_view correlation) {
    apply_due(now);
    auto decoded = decode_reply(payload);
    auto* reply = std::get_if<Reply>(&decoded);
    if (reply == nullptr) {
        return done();
    }
    if (link_ == Link::no_beckon && !syncing_) {
        sync_at_ = now;  // it has come late, but whoever answers is there
    }
    if (reply->re == Here::verb) {
        if (reply->req == Req(here_req()) || (!reply->req && correlation == here_req())) {
            here_replied(*reply, now);
        }
    } else if (const auto number = requests_->asked_by(*reply, correlation)) {
        device_ = reply->device;
        inbox_->set_device(device_);
        replied(*number, std::move(*reply), now);
        pump(now);
    }
    return done();
}

void Device::replied(Number number, Reply reply, Instant now) {
    OpenRequest& open = requests_->at(number);
    const auto* refusal = std::get_if<Refusal>(&reply.body);
    if (refusal != nullptr && refusal->error == Error::rate_limited) {
        pace_->refused(now);
        if (!open.in_flight) {
            return;  // the refusal of a repeat: it waits already
        }
        const bool waits = open.call ? may_be_repeated(open.body) : open.so_far.has_value();
        if (waits && now + soon < open.deadline) {
            --open.sent;
            open.refused = std::move(reply);
            requests_->put_off(number, now + soon);
            return;
        }
    }
    OpenRequest asked = requests_->take(number);
    if (!go_on(asked, reply)) {
        told(asked, std::move(reply), now);
    }
}

bool Device::go_on(OpenRequest& asked, Reply& reply) {
    if (auto* got = std::get_if<Got>(&reply.body)) {
        return get_on(asked, *got);
    }
    if (auto* done = std::get_if<MembersDone>(&reply.body)) {
        done->skipped.insert(done->skipped.begin(), asked.skipped.begin(), asked.skipped.end());
        asked.skipped = done->skipped;
        done->more += asked.more;
        asked.more = done->more;
    }
    if (asked.rest.empty() || !reply.ok()) {
        return false;
    }
    const auto group = std::visit(
        [](const auto& body) {
            if constexpr (requires {
                              body.group;
                              body.members;
                          }) {
                return body.group;
            }
            return GroupId();
        },
        asked.body);
    requests_->add({.call = asked.call,
                    .body = AddMembers{group, std::move(asked.rest)},
                    .offline = asked.offline,
                    .asked = asked.asked,
                    .deadline = asked.deadline,
                    .skipped = std::move(asked.skipped),
                    .more = asked.more});
    return true;
}

/// What is told on several pages is told as a whole; the first tells how it stands.
bool Device::get_on(OpenRequest& asked, Got& page) {
    if (asked.so_far) {
        InvitationInfo whole = std::move(*asked.so_far);
        for (InviteeInfo& invitee : page.invitation->invitees) {
            whole.invitees.push_back(std::move(invitee));
        }
        if (whole.call_state && page.invitation->call_state) {
            for (UserId& user : page.invitation->call_state->participants) {
                whole.call_state->participants.push_back(user);
            }
        }
        *page.invitation = std::move(whole);
    }
    if (!page.next) {
        return false;
    }
    requests_->add({.call = asked.call,
                    .body = Get{page.invitation->id, {.after = page.next}},
                    .offline = asked.offline,
                    .asked = asked.asked,
                    .deadline = asked.deadline,
                    .so_far = std::move(*page.invitation)});
    return true;
}

void Device::told(const OpenRequest& asked, Reply reply, Instant now) {
    if (!asked.call) {
        if (const auto* sync = std::get_if<Sync>(&asked.body)) {
            synced(*sync, reply, now);
        } else {
            errand_replied(asked.body, reply, now);
        }
        return;
    }
    effects_.emplace_back(Result{*asked.call, reply});
    if (const auto* got = std::get_if<Got>(&reply.body)) {
        // What is over and was not held is no news: the caller asked for the past.
        const auto& info = *got->invitation;
        if (inbox_->holds(info.id) || info.state == Openness::open) {
            pass_on(inbox_->take(info, now), now);
        }
        return;
    }
    pass_on(inbox_->take(asked.body, reply.body, now), now);
    const auto* refusal = std::get_if<Refusal>(&reply.body);
    const auto* made = made_by(asked.body);
    if (made != nullptr && refusal != nullptr && for_the_moment(refusal->error) &&
        (asked.sent > 1 || refusal->error == Error::internal)) {
        // When it was sent before, it may have been made.
        call_off(asked.body);
    }
}

void Device::errand_replied(const RequestBody& asked, const Reply& reply, Instant now) {
    const auto* refusal = std::get_if<Refusal>(&reply.body);
    const Errand errand = Errands::of(asked);
    if (refusal != nullptr && for_the_moment(refusal->error)) {
        errands_->again(errand, now + soon);
        return;
    }
    if (refusal != nullptr && refusal->error == Error::too_large && errands_->drop_data(errand)) {
        // What this broker does not take: that it stops ringing counts for more.
        errands_->again(errand, now);
        return;
    }
    errands_->done(errand);
    if (errand.what != Errand::What::get) {
        pass_on(inbox_->take(asked, reply.body, now), now);
    } else if (const auto* got = std::get_if<Got>(&reply.body)) {
        pass_on(inbox_->take(*got->invitation, now), now);
    } else {
        pass_on(inbox_->forgotten(errand.id, now), now);
    }
}

// --------------------------------------------------------------------- time

void Device::apply_due(Instant now) {
    while (const auto number = requests_->due(now)) {
        if (requests_->at(*number).call) {
            fail(*number, failure_of(*number, link_ == Link::no_beckon ? Failure::no_beckon
                                                                       : Failure::not_connected));
            continue;
        }
        const OpenRequest own = requests_->take(*number);
        if (std::holds_alternative<Sync>(own.body)) {
            syncing_ = false;
            sync_at_ = now + options_.sync_again;
            no_beckon();
        } else {
            // There was no answer: again.
            errands_->again(Errands::of(own.body), now);
        }
    }
    while (const auto number = requests_->due_again(now)) {
        send(*number, now);
    }
    if (here_at_ && *here_at_ <= now) {
        say_here(now);
    }
    if (sync_at_ && *sync_at_ <= now && !syncing_) {
        start_sync(std::exchange(sync_after_, std::nullopt), now);
    }
    const bool connected = link_ == Link::syncing || link_ == Link::ready;
    pass_on(inbox_->advance(connected, now), now);
    pump(now);
}

void Device::no_beckon() {
    set_link(Link::no_beckon);
    for (const auto number : requests_->all()) {
        if (requests_->at(number).call) {
            fail(number, failure_of(number, Failure::no_beckon));
        }
    }
}

Device::Effects Device::advance(Instant now) {
    apply_due(now);
    return done();
}

std::optional<Instant> Device::next_deadline() const {
    std::optional<Instant> next = inbox_->next_deadline();
    const auto consider = [&next](std::optional<Instant> when) {
        if (when && (!next || *when < *next)) {
            next = when;
        }
    };
    consider(requests_->next_deadline());
    if (!syncing_) {
        consider(sync_at_);
    }
    consider(here_at_);
    if (link_ == Link::ready) {
        const auto paced = [this](std::optional<Instant> when) {
            return when ? std::optional(std::max(*when, pace_->next())) : when;
        };
        consider(paced(errands_->next_deadline()));
        if (requests_->in_flight() < options_.max_in_flight) {
            consider(paced(requests_->first_waiting_at()));
        }
    }
    return next;
}

Device::Effects Device::close() {
    for (const auto number : requests_->all()) {
        if (requests_->at(number).call) {
            fail(number, Failure::closed);
        } else {
            requests_->take(number);
        }
    }
    errands_->clear();
    here_at_.reset();
    if (link_ != Link::offline) {
        effects_.emplace_back(here(true));
    }
    return done();
}

}  // namespace beckon
