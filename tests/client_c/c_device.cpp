// SPDX-License-Identifier: Apache-2.0
#include "client_c/c_device.hpp"

#include <beckon/beckon.h>

#include <algorithm>
#include <stdexcept>
#include <type_traits>

namespace beckon {

namespace {

/// So that it wraps soon.
constexpr std::uint32_t clock_begins = UINT32_MAX - 1'010'000;

std::string_view view(beckon_value text) { return {beckon_chars(text), beckon_size(text)}; }

std::optional<std::string> text(beckon_value given) {
    return given != nullptr ? std::optional(std::string(view(given))) : std::nullopt;
}

template <class Id>
std::optional<Id> id(beckon_value given) {
    return given != nullptr ? Id::parse(view(given)) : std::nullopt;
}

std::optional<Data> data(beckon_value given) {
    return given != nullptr ? std::optional(Data{.bytes = std::string(view(given)),
                                                 .is_text = !beckon_is_binary(given)})
                            : std::nullopt;
}

beckon_data data_of(const std::optional<Data>& data) {
    return data ? beckon_data{data->bytes.data(), data->bytes.size(), !data->is_text}
                : beckon_data{};
}

std::uint64_t number(beckon_value value) {
    std::uint64_t number = 0;
    return beckon_number(value, &number) ? number : 0;
}

std::optional<Duration> duration(std::uint32_t time) {
    return time == BECKON_NO_TIME ? std::nullopt : std::optional(Duration(time));
}

template <class Enum>
Enum word(beckon_value given) {
    const auto& names = Names<Enum>::list;
    const auto found = std::find(names.begin(), names.end(), view(given));
    if (found == names.end()) {
        throw std::runtime_error("no such word: " + std::string(view(given)));
    }
    return static_cast<Enum>(found - names.begin());
}

std::vector<UserId> invitees(const beckon_news& news) {
    std::vector<UserId> all;
    beckon_invitee one{};
    for (unsigned at = 0; beckon_next_invitee(&news, &at, &one);) {
        all.push_back(id<UserId>(one.user).value());
    }
    return all;
}

NewInvitation new_invitation(const beckon_news& news) {
    NewInvitation body{.inviter = id<UserId>(news.inviter).value(),
                       .group = id<GroupId>(news.group),
                       .invitees = invitees(news),
                       .data = data(news.data),
                       .remaining = duration(news.remaining_ms)};
    body.call = (news.traits & BECKON_CALL) != 0;
    body.answer = (news.traits & BECKON_FIRST) != 0 ? Answer::first : Answer::all;
    body.visibility = static_cast<Visibility>(news.visibility - 1);
    body.online_only = (news.traits & BECKON_ONLINE_ONLY) != 0;
    body.role = static_cast<Role>(news.role);
    auto replaces = beckon_entries(beckon_find(news.body, "replaces"));
    while (const auto* one = beckon_take(&replaces)) {
        body.replaces.push_back(id<InvitationId>(one).value());
    }
    body.more = static_cast<std::int64_t>(number(beckon_find(news.body, "more")));
    return body;
}

EventBody body_of(const beckon_news& news) {
    const auto user = [&] { return id<UserId>(news.user).value(); };
    const auto reason = [&] { return std::string(view(news.reason)); };
    switch (news.what) {
        case BECKON_NEW_INVITATION:
        case BECKON_OWN_INVITATION:
            return new_invitation(news);
        case BECKON_INVITEE_ACCEPTED:
            return InviteeAccepted{user(), data(news.data)};
        case BECKON_INVITEE_REJECTED:
            return InviteeRejected{user(), data(news.data), reason()};
        case BECKON_INVITATION_CANCELLED:
            return InvitationCancelled{id<UserId>(news.inviter).value(), invitees(news),
                                       data(news.data), word<CancelReason>(news.reason)};
        case BECKON_INVITATION_TIMEOUT:
            return InvitationTimeout{invitees(news)};
        case BECKON_INVITATION_MODIFIED:
            return InvitationModified{data(news.data),
                                      news.whole ? std::optional(invitees(news)) : std::nullopt};
        case BECKON_INVITATION_REVOKED:
            return InvitationRevoked{invitees(news), word<RevokeReason>(news.reason)};
        case BECKON_INVITEE_RINGING:
            return InviteeRinging{user()};
        case BECKON_SIGNAL: {
            const auto* const seq = beckon_find(news.body, "seq");
            return SignalEvent{user(), seq != nullptr ? std::optional(number(seq)) : std::nullopt,
                               data(news.data).value()};
        }
        case BECKON_PARTICIPANT_JOINED:
            return ParticipantJoined{user(), data(news.data)};
        case BECKON_PARTICIPANT_LEFT:
            return ParticipantLeft{user(), reason(), data(news.data)};
        case BECKON_PARTICIPANT_MOVED:
            return ParticipantMoved{user()};
        case BECKON_CALL_ENDED:
            return CallEnded{reason(), Duration(news.duration_ms), data(news.data)};
        default:
            throw std::runtime_error("no event");
    }
}

std::optional<DeviceTag> tag(beckon_value given) {
    return given != nullptr ? DeviceTag::parse(view(given)) : std::nullopt;
}

Heard heard(const beckon_news& news) {
    Heard heard{.id = id<InvitationId>(news.id).value(),
                .inviter = id<UserId>(news.inviter).value(),
                .group = id<GroupId>(news.group),
                .role = static_cast<Role>(news.role),
                .body = body_of(news),
                .rev = news.rev};
    heard.by = id<UserId>(news.by);
    heard.by_device = tag(news.by_device);
    heard.remaining = duration(news.remaining_ms);
    heard.ends_ours = news.ends_ours;
    heard.assumed = news.assumed;
    return heard;
}

Ended ended(const beckon_news& news) {
    return {.id = id<InvitationId>(news.id).value(),
            .inviter = id<UserId>(news.inviter).value(),
            .state = news.state == BECKON_FORGOTTEN ? std::nullopt
                                                    : std::optional(static_cast<State>(news.state)),
            .reason = text(news.reason).value_or(""),
            .by = id<UserId>(news.by),
            .by_device = tag(news.by_device),
            .here = news.here,
            .assumed = news.assumed};
}

std::variant<Reply, Failure> outcome(const beckon_result& result, std::string_view re,
                                     std::string_view received) {
    for (const auto& one : failure_table) {
        if (one.name == view(result.error)) {
            return one.failure;
        }
    }
    // What it says itself is no whole reply.
    if (beckon_find(result.reply, "re") != nullptr) {
        return std::get<Reply>(decode_reply(received));
    }
    Reply reply{.re = std::string(re), .device = DeviceTag{}, .body = Refusal{}};
    if (result.ok && re == Cancel::verb) {
        reply.body = Cancelled{};
    } else if (result.ok) {
        reply.body = Invited{.dup = true, .id = id<InvitationId>(result.id).value()};
    } else {
        const auto* const found =
            std::find_if(error_table.begin(), error_table.end(),
                         [&](const auto& one) { return one.name == view(result.error); });
        Refusal refusal{.error = found->error};
        if (result.limit != 0) {
            refusal.field = "payload";
            refusal.limit = result.limit;
        }
        reply.body = refusal;
    }
    return reply;
}

}  // namespace

/// What C calls.
struct CDevice::Callbacks {
    static CDevice& self(void* app) { return *static_cast<CDevice*>(app); }
    static void hear(void* app, const beckon_news* news) {
        self(app).effects_.emplace_back(heard(*news));
    }
    static void end(void* app, const beckon_news* news) {
        self(app).effects_.emplace_back(ended(*news));
    }
    static void busy(void* app, const beckon_news* news) {
        self(app).effects_.emplace_back(Busy{id<InvitationId>(news->id).value(),
                                             id<UserId>(news->inviter).value(),
                                             id<GroupId>(news->group), data(news->data)});
    }
    static void message(void* app, const beckon_news* news) {
        MessageEvent event{.id = id<MessageId>(news->id).value(),
                           .from = id<UserId>(news->user).value(),
                           .to = self(app).options_.user,
                           .data = data(news->data).value()};
        if (const auto group = id<GroupId>(news->group)) {
            event.to = *group;
        }
        self(app).effects_.emplace_back(event);
    }
    static void leave_out(void* /*app*/, const beckon_news* news) {
        throw std::runtime_error("left out, with tables for all: " + text(news->id).value_or(""));
    }
    static void result(void* app, const beckon_result* result) {
        CDevice& device = self(app);
        const auto call = device.calls_.at(result->call);
        device.calls_.erase(result->call);
        const bool is_cancel = result->ok && device.cancels_.contains(call);
        device.effects_.emplace_back(Device::Result{
            call, outcome(*result, is_cancel ? Cancel::verb : Invite::verb, device.received_)});
    }
    static void link(void* app, beckon_link link) {
        self(app).effects_.emplace_back(Device::LinkChanged{static_cast<Device::Link>(link)});
    }
    static std::uint32_t random(void* app) {
        auto& random = self(app).random_;
        random = random * 1664525 + 1013904223;
        return random;
    }
    static constexpr beckon_listener listener{hear, hear, hear, hear,      hear,   hear, hear,
                                              hear, hear, hear, hear,      hear,   hear, message,
                                              hear, end,  busy, leave_out, result, link};
};

CDevice::CDevice(Device::Options options)
    : options_(std::move(options)),
      c_options_(std::make_unique<beckon_options>()),
      device_(std::make_unique<beckon_device>()) {
    static std::map<std::string, int> kept;  // texts that live as long as any device
    c_options_->user = kept.try_emplace(options_.user.str()).first->first.c_str();
    c_options_->device = options_.device.empty() ? nullptr : options_.device.c_str();
    c_options_->req_prefix = options_.req_prefix.c_str();
    c_options_->listener = &Callbacks::listener;
    c_options_->app = this;
    c_options_->random = Callbacks::random;
    if (!beckon_init(device_.get(), c_options_.get())) {
        throw std::runtime_error("the options are refused");
    }
}
CDevice::~CDevice() = default;

std::uint32_t CDevice::at(Instant now) {
    now_ = now;
    return clock_begins + static_cast<std::uint32_t>(now.time_since_epoch().count());
}

CDevice::Effects CDevice::done() {
    std::string buffer(BECKON_PACKET_BYTES, '\0');
    beckon_packet packet{};
    while (beckon_next_packet(device_.get(), buffer.data(), buffer.size(), at(now_), &packet)) {
        if (!packet.subscribe) {
            effects_.emplace_back(Device::Send{
                packet.topic, std::string(static_cast<const char*>(packet.payload), packet.size)});
        }
    }
    return std::exchange(effects_, {});
}

bool CDevice::can_ask(const RequestBody& body) {
    return std::visit(
        []<class Body>(const Body& asked) {
            if constexpr (std::is_same_v<Body, Cancel>) {
                return !asked.invitees;
            }
            return MakesInvitation<Body> || std::is_same_v<Body, Accept> ||
                   std::is_same_v<Body, Reject> || std::is_same_v<Body, Ringing> ||
                   std::is_same_v<Body, Signal> || std::is_same_v<Body, Join> ||
                   std::is_same_v<Body, Hangup> || std::is_same_v<Body, Resume> ||
                   std::is_same_v<Body, Message>;
        },
        body);
}

namespace {

/// A call, and the texts that it points to.
struct Asked {
    beckon_call call{};
    std::vector<std::string> kept{};
    std::vector<const char*> others{};
    beckon_data data{};

    const char* keep(const std::string& text) {
        kept.push_back(text);
        return kept.back().c_str();
    }
    void add(const std::vector<UserId>& users) {
        for (const auto& user : users) {
            others.push_back(keep(user.str()));
        }
    }
    void trait(bool has, int what) {
        call.traits = static_cast<std::uint8_t>(call.traits | (has ? what : 0));
    }
    void about(const InvitationId& id, beckon_verb verb) {
        call.id = keep(id.str());
        call.verb = verb;
    }
    void invite(const auto& asked) {
        about(*asked.id, BECKON_INVITE);
        call.timeout_ms = asked.timeout.count() == 0
                              ? BECKON_NO_TIME
                              : static_cast<std::uint32_t>(asked.timeout.count());
        trait(asked.call, BECKON_CALL);
        trait(asked.answer == Answer::first, BECKON_FIRST);
        trait(asked.online_only, BECKON_ONLINE_ONLY);
        trait(asked.on_inviter_lost == OnInviterLost::keep, BECKON_KEEP);
        trait(asked.replace, BECKON_REPLACE);
        const bool in_group = call.group != nullptr;
        call.visibility =
            asked.visibility == usual_visibility(in_group)
                ? BECKON_VISIBILITY_USUAL
                : static_cast<beckon_visibility>(1 + static_cast<int>(asked.visibility));
    }

    void ask(const Invite& asked) {
        call.user = keep(asked.invitee.str());
        add(asked.also);
        invite(asked);
    }
    void ask(const GroupInvite& asked) {
        call.group = keep(asked.group.str());
        add(asked.invitees.value_or(std::vector<UserId>{}));
        invite(asked);
    }
    void ask(const Accept& asked) { about(asked.id, BECKON_ACCEPT); }
    void ask(const Reject& asked) {
        about(asked.id, BECKON_REJECT);
        call.reason = asked.reason == "declined" ? nullptr : asked.reason.c_str();
    }
    void ask(const Cancel& asked) { about(asked.id, BECKON_CANCEL); }
    void ask(const Ringing& asked) { about(asked.id, BECKON_RING); }
    void ask(const Signal& asked) {
        about(asked.id, BECKON_SEND_SIGNAL);
        if (asked.to) {
            add({*asked.to});
        }
    }
    void ask(const Join& asked) { about(asked.id, BECKON_JOIN); }
    void ask(const Hangup& asked) {
        about(asked.id, BECKON_HANGUP);
        trait(asked.all, BECKON_ALL);
        call.reason = asked.reason == "hangup" ? nullptr : asked.reason.c_str();
    }
    void ask(const Resume& asked) { about(asked.id, BECKON_RESUME); }
    void ask(const Message& asked) {
        const auto to = std::visit([](const auto& one) { return one.str(); }, asked.to);
        (std::holds_alternative<GroupId>(asked.to) ? call.group : call.user) = keep(to);
        call.id = keep(asked.id->str());
        call.verb = BECKON_SEND_MESSAGE;
        trait(asked.online_only, BECKON_ONLINE_ONLY);
    }
    template <class Body>
    void ask(const Body& /*asked*/) {
        throw std::runtime_error("the C client has no " + std::string(Body::verb));
    }
};

}  // namespace

int CDevice::ask(const RequestBody& body, std::uint32_t now) {
    Asked asked;
    asked.kept.reserve(64);  // they stay where they are
    std::visit(
        [&](const auto& one) {
            asked.ask(one);
            if constexpr (requires { data_of(one.data); }) {
                asked.data = data_of(one.data);
            }
        },
        body);
    asked.call.data = &asked.data;
    asked.call.others = asked.others.data();
    asked.call.count = static_cast<std::uint8_t>(asked.others.size());
    return beckon_ask(device_.get(), &asked.call, now);
}

CDevice::Effects CDevice::call(CallId call, const RequestBody& body, Device::Offline offline,
                               Instant now) {
    beckon_advance(device_.get(), at(now));
    if (offline == Device::Offline::fail && link() == Device::Link::offline) {
        effects_.emplace_back(Device::Result{call, Failure::not_connected});
        return done();
    }
    const int number = ask(body, at(now));
    if (number > 0) {
        calls_[number] = call;
        if (std::holds_alternative<Cancel>(body)) {
            cancels_.insert(call);
        }
    } else {
        const auto failure =
            number == BECKON_NOT_THERE ? Failure::no_beckon : Failure::too_many_waiting;
        effects_.emplace_back(Device::Result{call, failure});
    }
    return done();
}

void CDevice::set_busy(std::optional<Reject> as) {
    busy_data_ = as && as->data ? as->data->bytes : "";
    const beckon_data data{busy_data_.data(), busy_data_.size(), false};
    beckon_set_busy(device_.get(), as.has_value(), as && as->data ? &data : nullptr);
}

CDevice::Effects CDevice::connected(Instant now, std::optional<std::size_t> max_packet) {
    beckon_connected(device_.get(), max_packet.value_or(0), at(now));
    return done();
}

CDevice::Effects CDevice::disconnected(Instant now, bool too_large) {
    beckon_disconnected(device_.get(), too_large, at(now));
    return done();
}

CDevice::Effects CDevice::receive_event(std::string_view payload, Instant now) {
    const auto topic = "beckon/v1/inbox/" + options_.user.str() + "/event";
    const std::vector<char> alone(payload.begin(), payload.end());  // to be seen by sanitizers
    beckon_receive(device_.get(), topic.c_str(), alone.data(), alone.size(), at(now));
    return done();
}

CDevice::Effects CDevice::receive_reply(std::string_view payload, Instant now,
                                        std::string_view /*correlation*/) {
    const auto topic = "beckon/v1/inbox/" + options_.user.str() + "/reply";
    received_ = payload;
    const std::vector<char> alone(payload.begin(), payload.end());
    beckon_receive(device_.get(), topic.c_str(), alone.data(), alone.size(), at(now));
    return done();
}

CDevice::Effects CDevice::advance(Instant now) {
    beckon_advance(device_.get(), at(now));
    return done();
}

CDevice::Effects CDevice::close() {
    beckon_close(device_.get(), at(now_));
    return done();
}

std::optional<Instant> CDevice::next_deadline() const {
    const auto in = beckon_next_deadline(
        device_.get(), clock_begins + static_cast<std::uint32_t>(now_.time_since_epoch().count()));
    return in == BECKON_NO_TIME ? std::nullopt : std::optional(now_ + Duration(in));
}

Device::Link CDevice::link() const noexcept {
    return static_cast<Device::Link>(beckon_link_now(device_.get()));
}

std::vector<InvitationInfo> CDevice::open(Instant now) const {
    std::vector<InvitationInfo> all;
    beckon_news news{};
    const auto then = clock_begins + static_cast<std::uint32_t>(now.time_since_epoch().count());
    for (unsigned at = 0; beckon_next_open(device_.get(), then, &at, &news);) {
        InvitationInfo info{.id = id<InvitationId>(news.id).value(),
                            .inviter = id<UserId>(news.inviter).value(),
                            .group = id<GroupId>(news.group)};
        info.call = (news.traits & BECKON_CALL) != 0;
        info.answer = (news.traits & BECKON_FIRST) != 0 ? Answer::first : Answer::all;
        info.online_only = (news.traits & BECKON_ONLINE_ONLY) != 0;
        info.visibility = static_cast<Visibility>(news.visibility - 1);
        info.rev = news.rev;
        info.role = static_cast<Role>(news.role);
        info.remaining = duration(news.remaining_ms);
        std::vector<UserId> participants;
        if (news.inviter_in_call) {
            participants.push_back(info.inviter);
        }
        beckon_invitee one{};
        for (unsigned next = 0; beckon_next_invitee(&news, &next, &one);) {
            info.invitees.push_back({.user = id<UserId>(one.user).value(),
                                     .state = static_cast<State>(one.state),
                                     .ringing = one.ringing});
            if (one.in_call) {
                participants.push_back(info.invitees.back().user);
            }
        }
        if (!participants.empty()) {
            info.call_state = CallInfo{.participants = participants};
        }
        all.push_back(info);
    }
    std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
    return all;
}

}  // namespace beckon
