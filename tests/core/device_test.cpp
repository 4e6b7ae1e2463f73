// SPDX-License-Identifier: Apache-2.0
#include <set>

#include "catch.hpp"
#include "world/actors.hpp"
#include "world/device_world.hpp"

using namespace beckon;

namespace {

const UserId alice = user("alice");
const UserId bob = user("bob");
const UserId carol = user("carol");
const UserId dave = user("dave");
const InvitationId x = id("x");
const InvitationId y = id("y");
const InvitationId z = id("z");

constexpr DeviceTag here_tag{0xb1};
constexpr DeviceTag elsewhere_tag{0xb2};
constexpr DeviceTag alice_tag{0xa1};
constexpr DeviceTag carol_tag{0xc1};

using Link = Device::Link;
using Offline = Device::Offline;
using Told = World::What;

template <class T>
std::vector<T> only(const std::vector<Told>& told) {
    std::vector<T> all;
    for (const auto& one : told) {
        if (const auto* wanted = std::get_if<T>(&one)) {
            all.push_back(*wanted);
        }
    }
    return all;
}
template <class Body>
std::vector<Body> heard(const std::vector<Told>& told) {
    std::vector<Body> all;
    for (const auto& one : only<Heard>(told)) {
        if (const auto* wanted = std::get_if<Body>(&one.body)) {
            all.push_back(*wanted);
        }
    }
    return all;
}
template <class Body>
std::vector<Body> heard(const World::Site& site) {
    std::vector<Body> all;
    for (const auto& one : site.heard<Body>()) {
        all.push_back(std::get<Body>(one.body));
    }
    return all;
}

std::optional<Failure> failure_of(const Device::Result& result) {
    const auto* failure = std::get_if<Failure>(&result.outcome);
    return failure != nullptr ? std::optional(*failure) : std::nullopt;
}
bool ok(const std::optional<Device::Result>& result) {
    const auto* reply = result ? std::get_if<Reply>(&result->outcome) : nullptr;
    return reply != nullptr && reply->ok();
}
std::optional<Error> refusal_of(const std::optional<Device::Result>& result) {
    const auto* reply = result ? std::get_if<Reply>(&result->outcome) : nullptr;
    const auto* refusal = reply != nullptr ? std::get_if<Refusal>(&reply->body) : nullptr;
    return refusal != nullptr ? std::optional(refusal->error) : std::nullopt;
}

/// A device of bob's, and a test that plays the broker by hand.
class Alone {
  public:
    explicit Alone(const std::function<void(Device::Options&)>& change = {}, const UserId& me = bob)
        : user_(me), device_(options(me, change)) {}

    [[nodiscard]] const Device& device() const { return device_; }
    [[nodiscard]] Instant now() const { return now_; }

    Device::CallId call(RequestBody body, Offline offline = Offline::wait) {
        take(device_.call(++calls_, std::move(body), offline, now_));
        return calls_;
    }
    void connect() {
        in_flight_.clear();
        take(device_.connected(now_));
    }
    void disconnect() { take(device_.disconnected(now_)); }
    void close() { take(device_.close()); }

    /// Connected, and the broker holds these.
    void connect_and_sync(std::vector<InvitationInfo> open = {}) {
        connect();
        sync(std::move(open));
    }
    void sync(std::vector<InvitationInfo> open = {}) {
        const auto request = sent();
        REQUIRE(std::holds_alternative<Sync>(request.body));
        reply(request, Synced{.server_epoch = "epoch", .invitations = std::move(open)});
    }

    /// The oldest request that the test has not seen.
    Request sent() {
        REQUIRE_FALSE(sent_.empty());
        auto request = sent_.front();
        sent_.pop_front();
        return request;
    }
    template <class Body>
    Body sent_body() {
        const auto request = sent();
        REQUIRE(std::holds_alternative<Body>(request.body));
        return std::get<Body>(request.body);
    }
    [[nodiscard]] bool silent() const { return sent_.empty(); }

    void reply(const Request& to, ReplyBody body, DeviceTag device = here_tag) {
        if (to.req && std::holds_alternative<std::string>(*to.req)) {
            in_flight_.erase(std::get<std::string>(*to.req));
        }
        receive_reply(encode(Reply{.re = std::string(verb_of(to)),
                                   .device = device,
                                   .req = to.req,
                                   .body = std::move(body)},
                             Encoding::msgpack));
    }
    void event(const Event& event) { receive_event(encode(event, Encoding::msgpack)); }
    void receive_reply(std::string_view payload) { take(device_.receive_reply(payload, now_)); }
    void receive_event(std::string_view payload) { take(device_.receive_event(payload, now_)); }

    void wait(Duration duration) {
        const auto until = now_ + duration;
        while (device_.next_deadline() && *device_.next_deadline() <= until) {
            now_ = std::max(now_, *device_.next_deadline());
            take(device_.advance(now_));
            REQUIRE((!device_.next_deadline() || *device_.next_deadline() > now_));
        }
        now_ = until;
    }

    /// What the application was told since the last time.
    std::vector<Told> told() { return std::exchange(told_, {}); }
    /// How a call went, if it is over; each only once.
    std::optional<Device::Result> result(Device::CallId call) {
        std::optional<Device::Result> found;
        for (const auto& one : results_) {
            if (one.call == call) {
                REQUIRE_FALSE(found);
                found = one;
            }
        }
        return found;
    }
    std::optional<Failure> failure(Device::CallId call) {
        const auto found = result(call);
        return found ? failure_of(*found) : std::nullopt;
    }

  private:
    static Device::Options options(const UserId& me,
                                   const std::function<void(Device::Options&)>& change) {
        Device::Options options{.user = me, .req_prefix = "r-", .device = "d"};
        if (change) {
            change(options);
        }
        return options;
    }
    void take(const Device::Effects& effects) {
        for (const auto& effect : effects) {
            if (const auto* send = std::get_if<Device::Send>(&effect)) {
                const auto below = Topics("beckon").below_root(send->topic);
                REQUIRE(below);
                if (below->starts_with("user/" + user_.str() + "/here/")) {
                    continue;
                }
                const auto taken = take_in({user_, here_tag},
                                           {.topic = *below, .payload = send->payload}, Limits{});
                REQUIRE(std::holds_alternative<Request>(taken));
                // What is repeated for want of a reply is nothing new.
                if (in_flight_.insert(send->correlation).second) {
                    sent_.push_back(std::get<Request>(taken));
                }
            } else {
                std::visit(
                    [this](const auto& one) {
                        using One = std::decay_t<decltype(one)>;
                        if constexpr (!std::same_as<One, Device::Send>) {
                            told_.push_back(one);
                        }
                        if constexpr (std::same_as<One, Device::Result>) {
                            results_.push_back(one);
                        }
                    },
                    effect);
            }
        }
    }

    UserId user_;
    Device device_;
    Instant now_{Duration(1'000'000)};
    Device::CallId calls_ = 0;
    std::deque<Request> sent_{};
    std::set<std::string> in_flight_{};
    std::vector<Told> told_{};
    std::vector<Device::Result> results_{};
};

/// alice asks bob (and others).
InvitationInfo ring(const InvitationId& id = x, std::vector<UserId> invitees = {bob}) {
    InvitationInfo info{.id = id, .inviter = alice, .rev = 1, .remaining = Duration(30'000)};
    for (auto& invitee : invitees) {
        info.invitees.push_back({.user = std::move(invitee)});
    }
    return info;
}
Event new_event(const InvitationInfo& info) {
    NewInvitation body{.inviter = info.inviter, .data = info.data, .remaining = info.remaining};
    for (const auto& one : info.invitees) {
        body.invitees.push_back(one.user);
    }
    return {.id = info.id, .rev = 1, .by = alice, .by_device = alice_tag, .body = body};
}
Event accepted(Rev rev, const UserId& who, DeviceTag device) {
    return {.id = x,
            .rev = rev,
            .by = who,
            .by_device = device,
            .body = InviteeAccepted{.invitee = who}};
}
Event rejected(Rev rev, const UserId& who, DeviceTag device) {
    return {.id = x,
            .rev = rev,
            .by = who,
            .by_device = device,
            .body = InviteeRejected{.invitee = who, .reason = "busy"}};
}
Event cancelled(Rev rev, std::vector<UserId> whom) {
    return {.id = x,
            .rev = rev,
            .by = alice,
            .by_device = alice_tag,
            .body = InvitationCancelled{.inviter = alice, .invitees = std::move(whom)}};
}
Event timed_out(Rev rev, std::vector<UserId> whom) {
    return {.id = x, .rev = rev, .body = InvitationTimeout{.invitees = std::move(whom)}};
}
/// As `get` tells it, once bob's part is over.
InvitationInfo over(State how, std::optional<DeviceTag> device = {},
                    std::optional<std::string> reason = {}) {
    auto info = ring();
    info.rev = 2;
    info.state = Openness::ended;
    info.remaining.reset();
    info.invitees[0].state = how;
    info.invitees[0].device = device;
    info.invitees[0].reason = std::move(reason);
    return info;
}
Refusal refusal(Error error) { return {.error = error}; }

Invite invite_of(const UserId& invitee, const InvitationId& id = x) {
    return {.invitee = invitee, .id = id};
}
Device::CallId calls_of_alice(Alone& alone, Request& sent, const InvitationId& id = x) {
    const auto call = alone.call(invite_of(bob, id));
    sent = alone.sent();
    REQUIRE(std::holds_alternative<Invite>(sent.body));
    return call;
}

}  // namespace

// ------------------------------------------------------------------ failures

TEST_CASE("a failure has a name of its own, and a code that no refusal has", "[device]") {
    std::set<std::string_view> names;
    std::set<int> codes;
    for (const auto& row : error_table) {
        names.insert(row.name);
        codes.insert(row.code);
    }
    for (const auto& row : failure_table) {
        INFO(row.name);
        CHECK(names.insert(row.name).second);
        CHECK(codes.insert(row.code).second);
        CHECK_FALSE(row.message.empty());
    }
}

// --------------------------------------------------------------------- calls

TEST_CASE("a call gets its result exactly once", "[device]") {
    Alone alone;
    alone.connect_and_sync({ring()});
    const auto call = alone.call(Accept{x});
    const auto request = alone.sent();
    CHECK_FALSE(alone.result(call));
    alone.reply(request, Done{.rev = 2});
    CHECK(ok(alone.result(call)));
    alone.reply(request, Done{.dup = true, .rev = 2});
    alone.wait(Duration(60'000));
    alone.disconnect();
    alone.close();
    CHECK(alone.result(call));
}

TEST_CASE("a call without a reply fails at its patience, and what comes later is no result",
          "[device]") {
    Alone alone([](auto& options) { options.patience = Duration(7'000); });
    alone.connect_and_sync({ring()});
    const auto call = alone.call(Reject{.id = x});
    const auto request = alone.sent();
    alone.wait(Duration(6'999));
    CHECK_FALSE(alone.result(call));
    alone.wait(Duration(1));
    CHECK(alone.failure(call) == Failure::no_reply);
    alone.reply(request, Done{.rev = 2});
    CHECK(alone.result(call));
}

TEST_CASE("nothing is asked later than it could ring", "[device]") {
    Alone alone;
    const auto invites = alone.call(Invite{.invitee = alice, .id = x, .timeout = Duration(2'000)});
    const auto adds = alone.call(Add{y, {carol}, Duration(2'000)});
    alone.wait(Duration(2'000));
    CHECK(alone.failure(invites) == Failure::not_connected);
    CHECK(alone.failure(adds) == Failure::not_connected);
}

TEST_CASE("a refusal is a result like any other", "[device]") {
    Alone alone;
    alone.connect_and_sync();
    const auto call = alone.call(Get{y});
    alone.reply(alone.sent(), refusal(Error::unknown_invitation));
    CHECK(refusal_of(alone.result(call)) == Error::unknown_invitation);
}

TEST_CASE("each request has a req of its own, which begins as the options say", "[device]") {
    Alone alone;
    alone.connect();
    std::set<std::string> reqs;
    const auto sync = alone.sent();
    reqs.insert(std::get<std::string>(sync.req.value()));
    alone.reply(sync, Synced{.server_epoch = "epoch"});
    for (int i = 0; i < 5; ++i) {
        alone.call(Get{y});
        reqs.insert(std::get<std::string>(alone.sent().req.value()));
    }
    CHECK(reqs.size() == 6);
    for (const auto& req : reqs) {
        CHECK(req.starts_with("r-"));
    }
}

TEST_CASE("a reply to another device is none of its own", "[device]") {
    Alone alone;
    alone.connect_and_sync({ring()});
    const auto call = alone.call(Accept{x});
    auto request = alone.sent();
    const auto req = request.req;
    for (const auto& other :
         {std::optional<Req>("q-1"), std::optional<Req>(std::uint64_t{1}), std::optional<Req>("r-"),
          std::optional<Req>("r-x"), std::optional<Req>("r-99999999999999999999999"),
          std::optional<Req>("r-0"), std::optional<Req>()}) {
        request.req = other;
        alone.reply(request, Done{.rev = 2}, elsewhere_tag);
        CHECK_FALSE(alone.result(call));
    }
    request.req = req;
    alone.reply(request, Done{.rev = 2});
    CHECK(ok(alone.result(call)));
}

TEST_CASE("garbage is ignored", "[device]") {
    Alone alone;
    alone.connect_and_sync({ring()});
    alone.call(Accept{x});
    const auto request = alone.sent();
    alone.told();
    std::vector<std::string> garbage{"",
                                     "{",
                                     "null",
                                     "\xc1",
                                     std::string(100'000, '\x91'),
                                     R"({"event":"what_is_that","id":"x","rev":2})",
                                     R"({"event":"invitee_accepted","id":"x"})",
                                     R"({"event":"invitee_accepted","id":"a/b","rev":2})",
                                     R"({"event":"new_invitation","id":"far","rev":1,)"
                                     R"("inviter":"alice","invitees":["bob"],)"
                                     R"("remaining_ms":9223372036854775807})",
                                     R"({"re":"accept","ok":true})"};
    const auto whole = encode(accepted(2, bob, elsewhere_tag), Encoding::msgpack);
    for (std::size_t i = 0; i < whole.size(); ++i) {
        garbage.push_back(whole.substr(0, i));
    }
    for (const auto& one : garbage) {
        alone.receive_event(one);
        alone.receive_reply(one);
    }
    // A reply to something else than was asked, which carries its req.
    alone.reply(request, Synced{.server_epoch = "epoch"});
    CHECK(only<Heard>(alone.told()).empty());
    CHECK(only<Ended>(alone.told()).empty());
    CHECK(alone.device().open(alone.now()).size() == 1);
}

TEST_CASE("on each connect a sync comes before anything else", "[device]") {
    Alone alone;
    const auto first = alone.call(Get{x});
    const auto second = alone.call(Get{y});
    CHECK(alone.silent());
    alone.connect();
    const auto sync = alone.sent();
    CHECK(std::holds_alternative<Sync>(sync.body));
    CHECK(alone.silent());
    alone.call(Get{z});
    CHECK(alone.silent());
    alone.reply(sync, Synced{.server_epoch = "epoch"});
    CHECK(alone.sent_body<Get>().id == x);
    CHECK(alone.sent_body<Get>().id == y);
    CHECK(alone.sent_body<Get>().id == z);
    CHECK_FALSE(alone.result(first));
    CHECK_FALSE(alone.result(second));
}

TEST_CASE("the application is told of each change of the link", "[device]") {
    Alone alone;
    const auto links = [&] {
        std::vector<Link> all;
        for (const auto& one : only<Device::LinkChanged>(alone.told())) {
            all.push_back(one.link);
        }
        return all;
    };
    CHECK(alone.device().link() == Link::offline);
    alone.connect();
    CHECK(links() == std::vector{Link::syncing});
    alone.sync();
    CHECK(links() == std::vector{Link::ready});
    CHECK(alone.device().link() == Link::ready);
    alone.disconnect();
    alone.disconnect();
    CHECK(links() == std::vector{Link::offline});
}

TEST_CASE("no more than max_in_flight requests are out", "[device]") {
    Alone alone([](auto& options) { options.max_in_flight = 2; });
    alone.connect_and_sync();
    for (int i = 0; i < 5; ++i) {
        alone.call(Get{x});
    }
    std::vector<Request> out{alone.sent(), alone.sent()};
    CHECK(alone.silent());
    for (int i = 0; i < 3; ++i) {
        alone.reply(out[static_cast<std::size_t>(i)], refusal(Error::unknown_invitation));
        out.push_back(alone.sent());
        CHECK(alone.silent());
    }
}

TEST_CASE("a call that failed makes room for the next", "[device]") {
    Alone alone([](auto& options) { options.max_in_flight = 1; });
    alone.connect_and_sync();
    const auto first = alone.call(Get{x});
    alone.sent();
    alone.wait(Duration(5'000));
    const auto second = alone.call(Get{y});
    CHECK(alone.silent());
    alone.wait(Duration(5'000));
    CHECK(alone.failure(first) == Failure::no_reply);
    CHECK(alone.sent_body<Get>().id == y);
    alone.wait(Duration(5'000));
    CHECK(alone.failure(second) == Failure::no_reply);
}

TEST_CASE("more than max_waiting are refused", "[device]") {
    Alone alone([](auto& options) {
        options.max_waiting = 3;
        options.max_in_flight = 2;
    });
    SECTION("offline") {
        for (int i = 0; i < 3; ++i) {
            CHECK_FALSE(alone.result(alone.call(Get{x})));
        }
    }
    SECTION("behind those in flight") {
        alone.connect_and_sync();
        for (int i = 0; i < 5; ++i) {
            CHECK_FALSE(alone.result(alone.call(Get{x})));
        }
    }
    CHECK(alone.failure(alone.call(Get{x})) == Failure::too_many_waiting);
    CHECK(alone.failure(alone.call(invite_of(alice))) == Failure::too_many_waiting);
    CHECK(alone.device().open(alone.now()).empty());
}

TEST_CASE("what waits for a connection fails with not_connected at its patience", "[device]") {
    Alone alone;
    const auto call = alone.call(Get{x});
    alone.wait(Duration(9'999));
    CHECK_FALSE(alone.result(call));
    alone.wait(Duration(1));
    CHECK(alone.failure(call) == Failure::not_connected);
    alone.connect_and_sync();
    CHECK(alone.silent());
}

TEST_CASE("who would not wait for a connection is told at once that there is none", "[device]") {
    Alone alone;
    CHECK(alone.failure(alone.call(Get{x}, Offline::fail)) == Failure::not_connected);
    alone.connect_and_sync();
    const auto call = alone.call(Get{x}, Offline::fail);
    CHECK_FALSE(alone.result(call));
    alone.sent();
    alone.disconnect();
    alone.wait(Duration(10'000));
    // It was sent: who knows.
    CHECK(alone.failure(call) == Failure::no_reply);
    CHECK(alone.failure(alone.call(invite_of(alice), Offline::fail)) == Failure::not_connected);
}

TEST_CASE("close ends every call", "[device]") {
    Alone alone([](auto& options) { options.max_in_flight = 1; });
    alone.connect_and_sync();
    const auto first = alone.call(Get{x});
    const auto second = alone.call(Get{y});
    const auto third = alone.call(invite_of(alice));
    alone.close();
    for (const auto call : {first, second, third}) {
        CHECK(alone.failure(call) == Failure::closed);
    }
    alone.wait(Duration(60'000));
    CHECK(alone.failure(first) == Failure::closed);
}

TEST_CASE("without Beckon every call fails with no_beckon", "[device]") {
    Alone alone([](auto& options) { options.patience = Duration(25'000); });
    alone.connect();
    alone.sent();
    const auto waiting = alone.call(Get{x});
    alone.wait(Duration(9'999));
    CHECK(alone.device().link() == Link::syncing);
    CHECK_FALSE(alone.result(waiting));
    alone.wait(Duration(1));
    CHECK(alone.device().link() == Link::no_beckon);
    CHECK(alone.failure(waiting) == Failure::no_beckon);
    CHECK(alone.failure(alone.call(Get{x})) == Failure::no_beckon);
    CHECK(alone.failure(alone.call(invite_of(alice))) == Failure::no_beckon);

    // It is asked again, and may have come.
    CHECK(alone.silent());
    alone.wait(Duration(30'000));
    alone.sync({ring()});
    CHECK(alone.device().link() == Link::ready);
    const auto call = alone.call(Accept{x});
    alone.reply(alone.sent(), Done{.rev = 2});
    CHECK(ok(alone.result(call)));
}

TEST_CASE("a broker that answers after all is asked at once", "[device]") {
    Alone alone;
    alone.connect();
    const auto late = alone.sent();
    alone.wait(Duration(10'000));
    REQUIRE(alone.device().link() == Link::no_beckon);
    while (!alone.silent()) {  // the same again
        alone.sent();
    }
    alone.reply(late, Synced{});
    alone.wait(Duration(0));
    alone.sync({ring()});
    CHECK(alone.device().link() == Link::ready);
}

TEST_CASE("a sync that is refused by the rate limit is asked again", "[device]") {
    Alone alone;
    const auto call = alone.call(Accept{x});
    alone.connect();
    alone.reply(alone.sent(), refusal(Error::rate_limited));
    CHECK(alone.silent());
    CHECK(alone.device().link() == Link::syncing);
    alone.wait(Duration(9'000));
    alone.sync({ring()});
    CHECK(alone.device().link() == Link::ready);
    CHECK(heard<NewInvitation>(alone.told()).size() == 1);
    CHECK(alone.sent_body<Accept>().id == x);
    CHECK_FALSE(alone.result(call));
}

TEST_CASE("a sync goes over several pages", "[device]") {
    Alone alone;
    alone.connect_and_sync({ring()});
    alone.disconnect();
    alone.told();
    alone.connect();
    const auto first = alone.sent();
    CHECK_FALSE(std::get<Sync>(first.body).page.after);
    alone.reply(first,
                Synced{.server_epoch = "epoch", .invitations = {ring(y)}, .next = "the next"});
    CHECK(alone.device().link() == Link::syncing);
    const auto second = alone.sent();
    CHECK(alone.silent());
    CHECK(std::get<Sync>(second.body).page.after == "the next");
    alone.reply(second, Synced{.server_epoch = "epoch", .invitations = {ring(z)}});
    CHECK(alone.device().link() == Link::ready);
    CHECK(heard<NewInvitation>(alone.told()).size() == 2);
    // On no page: it has ended.
    CHECK(alone.sent_body<Get>().id == x);
    CHECK(alone.silent());
}

TEST_CASE("what was in flight when the connection was lost is sent again after the sync",
          "[device]") {
    Alone alone([](auto& options) { options.max_in_flight = 2; });
    alone.connect_and_sync({ring()});
    const auto accept = alone.call(Accept{x, Data{.bytes = "yes"}});
    const auto get = alone.call(Get{x});
    const auto last = alone.call(Get{y});
    const auto sent_accept = alone.sent();
    const auto sent_get = alone.sent();
    alone.disconnect();
    alone.wait(Duration(2'000));
    alone.connect();
    const auto sync = alone.sent();
    CHECK(alone.silent());
    alone.reply(sync, Synced{.server_epoch = "epoch", .invitations = {ring()}});
    CHECK(alone.sent() == sent_accept);
    CHECK(alone.sent() == sent_get);
    CHECK(alone.silent());
    alone.reply(sent_accept, Done{.dup = true, .rev = 2});
    CHECK(alone.sent_body<Get>().id == y);
    CHECK(ok(alone.result(accept)));
    alone.wait(Duration(8'000));
    CHECK(alone.failure(get) == Failure::no_reply);
    CHECK(alone.failure(last) == Failure::no_reply);
}

// ------------------------------------------------------------------- invites

TEST_CASE("an invite that waits has its age taken off its timeout", "[device]") {
    Alone alone;
    auto invite = invite_of(alice);
    invite.timeout = Duration(8'000);
    alone.call(invite);
    invite.id = y;
    invite.timeout = Duration(0);
    alone.call(invite);
    alone.wait(Duration(3'000));
    alone.connect();
    alone.wait(Duration(500));
    alone.sync();
    CHECK(alone.sent_body<Invite>().timeout == Duration(4'500));
    CHECK(alone.sent_body<Invite>().timeout == Duration(0));
}

TEST_CASE("an invite whose time is over is not sent", "[device]") {
    Alone alone;
    auto invite = invite_of(alice);
    invite.timeout = Duration(2'000);
    const auto call = alone.call(invite);
    alone.wait(Duration(1'999));
    CHECK_FALSE(alone.result(call));
    alone.wait(Duration(1));
    CHECK(alone.failure(call) == Failure::not_connected);
    alone.connect_and_sync();
    CHECK(alone.silent());
    CHECK(alone.device().open(alone.now()).empty());
}

TEST_CASE("a cancel of an invite that was not sent withdraws both", "[device]") {
    Alone alone;
    const auto other = alone.call(invite_of(carol, y));
    const auto invite = alone.call(invite_of(alice));
    const auto cancel = alone.call(Cancel{x});
    CHECK(alone.failure(invite) == Failure::withdrawn);
    CHECK(alone.result(cancel));
    CHECK_FALSE(alone.result(other));
    alone.connect_and_sync();
    CHECK(alone.sent_body<Invite>().id == y);
    CHECK(alone.silent());
    CHECK(only<Ended>(alone.told()).empty());
}

TEST_CASE("a cancel of an invite that was sent once waits behind it", "[device]") {
    Alone alone;
    alone.connect_and_sync();
    const auto invite = alone.call(invite_of(alice));
    alone.sent();
    alone.disconnect();
    const auto cancel = alone.call(Cancel{x});
    CHECK_FALSE(alone.result(invite));
    CHECK_FALSE(alone.result(cancel));
    alone.connect_and_sync();
    CHECK(alone.sent_body<Invite>().id == x);
    CHECK(alone.sent_body<Cancel>().id == x);
}

TEST_CASE("an invite that failed for want of a reply is called off, as it may have been made",
          "[device]") {
    Alone alone({}, alice);
    alone.connect_and_sync();
    Request request;
    const auto call = calls_of_alice(alone, request);
    const auto cancelled_it = [&] {
        const auto cancel = alone.sent();
        REQUIRE(std::holds_alternative<Cancel>(cancel.body));
        CHECK(std::get<Cancel>(cancel.body) == Cancel{.id = x});
        return cancel;
    };
    SECTION("while connected") {
        alone.wait(Duration(10'000));
        CHECK(alone.failure(call) == Failure::no_reply);
        const auto cancel = cancelled_it();
        SECTION("it was made") { alone.reply(cancel, Cancelled{.rev = 2, .cancelled = {bob}}); }
        SECTION("it was not made") { alone.reply(cancel, refusal(Error::unknown_invitation)); }
    }
    SECTION("when there is a connection again") {
        alone.disconnect();
        alone.wait(Duration(10'000));
        CHECK(alone.failure(call) == Failure::no_reply);
        CHECK(alone.silent());
        alone.connect_and_sync();
        const auto first = cancelled_it();
        alone.disconnect();
        alone.connect_and_sync();
        alone.reply(cancelled_it(), Cancelled{.rev = 2, .cancelled = {bob}});
    }
    SECTION("as soon as the broker has time for it") {
        alone.wait(Duration(10'000));
        alone.reply(cancelled_it(), refusal(Error::rate_limited));
        alone.wait(Duration(5'000));
        alone.reply(cancelled_it(), Cancelled{.rev = 2, .cancelled = {bob}});
    }
    alone.wait(Duration(60'000));
    CHECK(alone.silent());
    alone.disconnect();
    alone.connect_and_sync();
    CHECK(alone.silent());
    const auto told = alone.told();
    CHECK(only<Heard>(told).empty());
    CHECK(only<Ended>(told).empty());
}

TEST_CASE("an invite that is refused for the moment is called off when it may have been made",
          "[device]") {
    Alone alone({}, alice);
    alone.connect_and_sync();
    Request request;
    const auto call = calls_of_alice(alone, request);
    auto error = Error::internal;
    SECTION("since the broker failed over it") {}
    SECTION("since it was sent before") {
        error = Error::storage_unavailable;
        alone.disconnect();
        alone.connect_and_sync();
        request = alone.sent();
        CHECK(std::get<Invite>(request.body).id == x);
    }
    alone.reply(request, refusal(error));
    CHECK(refusal_of(alone.result(call)) == error);
    const auto cancel = alone.sent();
    REQUIRE(std::holds_alternative<Cancel>(cancel.body));
    CHECK(std::get<Cancel>(cancel.body) == Cancel{.id = x});
    // What comes of it meanwhile is not told: for the caller there is none.
    alone.event(accepted(2, bob, here_tag));
    alone.reply(cancel, Cancelled{.rev = 3});
    CHECK(only<Heard>(alone.told()).empty());
    alone.wait(Duration(60'000));
    CHECK(alone.silent());
}

TEST_CASE("an invite that was sent once and refused for the moment was not made", "[device]") {
    Alone alone({}, alice);
    alone.connect_and_sync();
    Request request;
    const auto call = calls_of_alice(alone, request);
    alone.reply(request, refusal(Error::storage_unavailable));
    CHECK(refusal_of(alone.result(call)) == Error::storage_unavailable);
    alone.wait(Duration(60'000));
    CHECK(alone.silent());
}

TEST_CASE("an invite that the rate limit refuses until its patience is over was not made",
          "[device]") {
    Alone alone({}, alice);
    alone.connect_and_sync();
    Request request;
    const auto call = calls_of_alice(alone, request);
    for (int seconds = 0; seconds < 9; ++seconds) {
        alone.reply(request, refusal(Error::rate_limited));
        alone.wait(Duration(1'000));
        request = alone.sent();
    }
    CHECK_FALSE(alone.result(call));
    alone.reply(request, refusal(Error::rate_limited));
    CHECK(refusal_of(alone.result(call)) == Error::rate_limited);
    alone.wait(Duration(60'000));
    CHECK(alone.silent());
}

TEST_CASE("an invite that failed and was called off is told no more", "[device]") {
    World world;
    auto& panel = world.add_ready("alice");
    auto& phone = world.add_ready("bob");
    world.settings.reply = [&](const World::Site&, const Reply& reply) {
        return reply.re == Invite::verb ? World::Fate::lost : World::Fate::arrives;
    };
    const auto invite = world.call(panel, invite_of(bob));
    world.run(Duration(11'000));
    CHECK(failure_of(panel.result(invite).value()) == Failure::no_reply);
    CHECK(phone.all<Ended>() == std::vector{Ended{.id = x,
                                                  .inviter = alice,
                                                  .state = State::cancelled,
                                                  .reason = "cancelled",
                                                  .by = alice,
                                                  .by_device = panel.tag}});
    CHECK(panel.all<Heard>().empty());
    CHECK(panel.all<Ended>().empty());
}

TEST_CASE("an invite that was refused is no invitation", "[device]") {
    Alone alone({}, alice);
    alone.connect_and_sync();
    Request request;
    const auto call = calls_of_alice(alone, request);
    alone.reply(request, refusal(Error::user_offline));
    CHECK(refusal_of(alone.result(call)) == Error::user_offline);
    CHECK(alone.device().open(alone.now()).empty());
    alone.wait(Duration(60'000));
    CHECK(alone.silent());
    CHECK(only<Ended>(alone.told()).empty());
}

TEST_CASE("an invite that succeeded ends once", "[device]") {
    Alone alone({}, alice);
    alone.connect_and_sync();
    Request request;
    calls_of_alice(alone, request);
    alone.reply(request, Invited{.id = x, .remaining = Duration(30'000)});
    CHECK(alone.device().open(alone.now()).size() == 1);
    CHECK(only<Ended>(alone.told()).empty());
    SECTION("rejected") {
        alone.event(rejected(2, bob, here_tag));
        alone.event(rejected(2, bob, here_tag));
        const auto told = alone.told();
        CHECK(heard<InviteeRejected>(told).size() == 1);
        CHECK(only<Ended>(told) == std::vector{Ended{.id = x,
                                                     .inviter = alice,
                                                     .state = State::rejected,
                                                     .reason = "busy",
                                                     .by = bob,
                                                     .by_device = here_tag}});
        // The end is told after the event that made it.
        CHECK(std::holds_alternative<Ended>(told.back()));
    }
    SECTION("timed out") {
        alone.event(timed_out(2, {bob}));
        CHECK(only<Ended>(alone.told()) ==
              std::vector{Ended{.id = x, .inviter = alice, .state = State::timed_out}});
    }
    SECTION("cancelled by this device") {
        alone.call(Cancel{x});
        alone.reply(alone.sent(), Cancelled{.rev = 2, .cancelled = {bob}});
        Event echo = cancelled(2, {bob});
        echo.by_device = here_tag;  // Alone's own tag, whoever it is
        alone.event(echo);
        const auto told = alone.told();
        CHECK(only<Heard>(told).empty());
        REQUIRE(only<Ended>(told).size() == 1);
        CHECK(only<Ended>(told)[0].state == State::cancelled);
        CHECK(only<Ended>(told)[0].here);
    }
    SECTION("cancelled by another device") {
        alone.event(cancelled(2, {bob}));
        const auto told = alone.told();
        REQUIRE(only<Heard>(told).size() == 1);
        CHECK(only<Heard>(told)[0].ends_ours);
        CHECK(only<Ended>(told) == std::vector{Ended{.id = x,
                                                     .inviter = alice,
                                                     .state = State::cancelled,
                                                     .reason = "cancelled",
                                                     .by = alice,
                                                     .by_device = alice_tag}});
    }
    CHECK(alone.device().open(alone.now()).empty());
    alone.disconnect();
    alone.connect_and_sync();
    alone.wait(Duration(60'000));
    CHECK(only<Ended>(alone.told()).empty());
}

TEST_CASE("an inviter's end is the best that anybody's part ended in", "[device]") {
    Alone alone({}, alice);
    alone.connect_and_sync();
    auto invite = invite_of(bob);
    invite.also = {carol, dave};
    alone.call(invite);
    alone.reply(alone.sent(), Invited{.id = x, .remaining = Duration(30'000)});
    alone.event(timed_out(2, {bob}));
    alone.event(rejected(3, carol, carol_tag));
    CHECK(only<Ended>(alone.told()).empty());
    SECTION("rejected, and nobody accepted") {
        alone.event(timed_out(4, {dave}));
        REQUIRE(only<Ended>(alone.told()).size() == 1);
    }
    SECTION("accepted") {
        alone.event(accepted(4, dave, DeviceTag(4)));
        const auto ended = only<Ended>(alone.told());
        REQUIRE(ended.size() == 1);
        CHECK(ended[0].state == State::accepted);
        CHECK_FALSE(ended[0].here);
    }
}

// --------------------------------------------------------------- invitations

TEST_CASE("an invitation is announced once, however often it is delivered", "[device]") {
    Alone alone;
    alone.connect_and_sync();
    for (int i = 0; i < 3; ++i) {
        alone.event(new_event(ring()));
    }
    alone.call(Get{x});
    alone.reply(alone.sent(), Got{ring()});
    alone.disconnect();
    alone.connect_and_sync({ring()});
    alone.event(new_event(ring()));
    const auto told = alone.told();
    REQUIRE(heard<NewInvitation>(told).size() == 1);
    const auto news = only<Heard>(told)[0];
    CHECK(news.id == x);
    CHECK(news.remaining == Duration(30'000));
    CHECK(std::get<NewInvitation>(news.body).inviter == alice);
    CHECK(alone.device().open(alone.now()).size() == 1);
}

TEST_CASE("what a sync tells is announced as if it had been delivered", "[device]") {
    Alone alone;
    auto pending = ring(x, {carol, bob});
    pending.data = Data{.bytes = "hello"};
    pending.rev = 3;
    pending.remaining = Duration(12'000);
    pending.invitees[0].state = State::rejected;
    alone.connect_and_sync({pending});
    const auto told = alone.told();
    const auto news = only<Heard>(told);
    // And what happened to it since is told like what was missed.
    REQUIRE(news.size() == 2);
    CHECK(heard<InviteeRejected>(told).size() == 1);
    CHECK(news[0].remaining == Duration(12'000));
    const auto body = std::get<NewInvitation>(news[0].body);
    CHECK(body.inviter == alice);
    CHECK(body.data == pending.data);
    CHECK(body.invitees == std::vector{carol, bob});
}

TEST_CASE("an invitation that this user has answered already does not ring", "[device]") {
    Alone alone;
    auto answered = ring(x, {bob, carol});
    answered.rev = 2;
    answered.invitees[0].state = State::accepted;
    answered.invitees[0].device = elsewhere_tag;
    alone.connect_and_sync({answered});
    CHECK(heard<NewInvitation>(alone.told()).empty());
    CHECK(alone.device().open(alone.now()).size() == 1);
    // It was delivered late.
    alone.event(new_event(ring(x, {bob, carol})));
    CHECK(heard<NewInvitation>(alone.told()).empty());
}

TEST_CASE("what has ended does not ring again when it is delivered late", "[device]") {
    Alone alone;
    alone.connect_and_sync();
    alone.event(new_event(ring()));
    SECTION("after a cancel") { alone.event(cancelled(2, {bob})); }
    SECTION("after an answer of its own") {
        alone.call(Accept{x});
        alone.reply(alone.sent(), Done{.rev = 2});
    }
    SECTION("after a sync") {
        alone.disconnect();
        alone.connect_and_sync();
        alone.reply(alone.sent(), Got{over(State::timed_out)});
    }
    CHECK(only<Ended>(alone.told()).size() == 1);
    alone.event(new_event(ring()));
    alone.event(cancelled(2, {bob}));
    const auto told = alone.told();
    CHECK(only<Heard>(told).empty());
    CHECK(only<Ended>(told).empty());
}

TEST_CASE("an echo of its own is not told", "[device]") {
    Alone alone;
    alone.connect_and_sync({ring(x, {bob, carol})});
    alone.told();
    const auto call = alone.call(Accept{x});
    const auto request = alone.sent();
    SECTION("before the reply") {
        alone.event(accepted(2, bob, here_tag));
        alone.reply(request, Done{.rev = 2});
    }
    SECTION("after the reply") {
        alone.reply(request, Done{.rev = 2});
        alone.event(accepted(2, bob, here_tag));
    }
    CHECK(ok(alone.result(call)));
    const auto told = alone.told();
    CHECK(only<Heard>(told).empty());
    CHECK(only<Ended>(told) == std::vector{Ended{.id = x,
                                                 .inviter = alice,
                                                 .state = State::accepted,
                                                 .by = bob,
                                                 .by_device = here_tag,
                                                 .here = true}});
    // Others may still answer.
    CHECK(alone.device().open(alone.now()).size() == 1);
    alone.event(accepted(3, carol, carol_tag));
    CHECK(heard<InviteeAccepted>(alone.told()).size() == 1);
    CHECK(alone.device().open(alone.now()).empty());
}

TEST_CASE("answered elsewhere is told with who and which device", "[device]") {
    Alone alone;
    alone.connect_and_sync({ring()});
    alone.told();
    SECTION("by the event") {
        alone.event(accepted(2, bob, elsewhere_tag));
        const auto told = alone.told();
        REQUIRE(only<Heard>(told).size() == 1);
        CHECK(only<Heard>(told)[0].by == bob);
        CHECK(only<Heard>(told)[0].by_device == elsewhere_tag);
        CHECK(only<Ended>(told) == std::vector{Ended{.id = x,
                                                     .inviter = alice,
                                                     .state = State::accepted,
                                                     .by = bob,
                                                     .by_device = elsewhere_tag}});
    }
    SECTION("by the refusal of its own answer") {
        const auto call = alone.call(Accept{x});
        auto late = refusal(Error::already_accepted);
        late.by = bob;
        late.by_device = elsewhere_tag;
        late.rev = 2;
        alone.reply(alone.sent(), late);
        CHECK(refusal_of(alone.result(call)) == Error::already_accepted);
        if (!alone.silent()) {
            const auto get = alone.sent();
            CHECK(std::get<Get>(get.body).id == x);
            alone.reply(get, Got{over(State::accepted, elsewhere_tag)});
        }
        const auto ended = only<Ended>(alone.told());
        REQUIRE(ended.size() == 1);
        CHECK(ended[0].state == State::accepted);
        CHECK(ended[0].by == bob);
        CHECK(ended[0].by_device == elsewhere_tag);
        CHECK_FALSE(ended[0].here);
        // The event comes later.
        alone.event(accepted(2, bob, elsewhere_tag));
        CHECK(only<Ended>(alone.told()).empty());
    }
}

TEST_CASE("what ended while the device was away stops ringing after the sync, told how",
          "[device]") {
    Alone alone;
    alone.connect_and_sync({ring()});
    alone.disconnect();
    alone.wait(Duration(5'000));
    alone.told();
    alone.connect_and_sync();
    CHECK(only<Ended>(alone.told()).empty());
    const auto get = alone.sent();
    CHECK(std::get<Get>(get.body).id == x);
    SECTION("accepted elsewhere") {
        alone.reply(get, Got{over(State::accepted, elsewhere_tag)});
        const auto told = alone.told();
        CHECK(heard<InviteeAccepted>(told).size() == 1);
        CHECK(only<Ended>(told) == std::vector{Ended{.id = x,
                                                     .inviter = alice,
                                                     .state = State::accepted,
                                                     .by = bob,
                                                     .by_device = elsewhere_tag}});
    }
    SECTION("cancelled") {
        alone.reply(get, Got{over(State::cancelled, {}, "inviter_lost")});
        const auto told = alone.told();
        const auto heard_of = only<Heard>(told);
        REQUIRE(heard_of.size() == 1);
        CHECK(heard_of[0].ends_ours);
        CHECK(std::get<InvitationCancelled>(heard_of[0].body).reason == CancelReason::inviter_lost);
        REQUIRE(only<Ended>(told).size() == 1);
        CHECK(only<Ended>(told)[0].state == State::cancelled);
        CHECK(only<Ended>(told)[0].reason == "inviter_lost");
    }
    SECTION("timed out") {
        alone.reply(get, Got{over(State::timed_out)});
        CHECK(only<Ended>(alone.told()) ==
              std::vector{Ended{.id = x, .inviter = alice, .state = State::timed_out}});
    }
    CHECK(alone.device().open(alone.now()).empty());
}

TEST_CASE("what the broker no longer knows ends without a state", "[device]") {
    Alone alone;
    alone.connect_and_sync({ring()});
    alone.disconnect();
    alone.told();
    alone.connect_and_sync();
    SECTION("because it never knew, or forgot") {
        alone.reply(alone.sent(), refusal(Error::unknown_invitation));
    }
    SECTION("because it is nobody's business any more") {
        alone.reply(alone.sent(), refusal(Error::not_participant));
    }
    CHECK(only<Ended>(alone.told()) == std::vector{Ended{.id = x, .inviter = alice}});
    CHECK(alone.device().open(alone.now()).empty());
}

TEST_CASE("a get that is refused by the rate limit is asked again", "[device]") {
    Alone alone;
    alone.connect_and_sync({ring()});
    alone.disconnect();
    alone.told();
    alone.connect_and_sync();
    alone.reply(alone.sent(), refusal(Error::rate_limited));
    CHECK(only<Ended>(alone.told()).empty());
    alone.wait(Duration(10'000));
    const auto again = alone.sent();
    CHECK(std::get<Get>(again.body).id == x);
    alone.reply(again, Got{over(State::timed_out)});
    CHECK(only<Ended>(alone.told()).size() == 1);
}

TEST_CASE("after a gap get tells what was missed", "[device]") {
    Alone alone;
    auto info = ring(x, {bob, carol, dave});
    alone.connect_and_sync({info});
    alone.told();
    alone.event(accepted(4, carol, carol_tag));
    const auto get = alone.sent();
    CHECK(std::get<Get>(get.body).id == x);
    CHECK(alone.silent());
    info.rev = 4;
    info.data = Data{.bytes = "modified"};
    info.invitees[1].state = State::accepted;
    info.invitees[1].device = carol_tag;
    info.invitees[2].state = State::rejected;
    info.invitees[2].reason = "busy";
    alone.reply(get, Got{info});
    const auto told = alone.told();
    CHECK(heard<InviteeAccepted>(told) == std::vector{InviteeAccepted{.invitee = carol}});
    CHECK(heard<InviteeRejected>(told) ==
          std::vector{InviteeRejected{.invitee = dave, .reason = "busy"}});
    const auto modified = heard<InvitationModified>(told);
    REQUIRE(modified.size() == 1);
    CHECK(modified[0].data == info.data);
    CHECK(only<Ended>(told).empty());

    // What was missed comes late, and what comes next is no gap.
    Event late{.id = x,
               .rev = 2,
               .by = alice,
               .by_device = alice_tag,
               .body = InvitationModified{.data = Data{.bytes = "modified"}}};
    alone.event(late);
    alone.event(rejected(3, dave, DeviceTag(4)));
    alone.event(accepted(4, carol, carol_tag));
    CHECK(alone.told().empty());
    alone.event(cancelled(5, {bob}));
    CHECK(alone.silent());
    CHECK(only<Ended>(alone.told()).size() == 1);
}

TEST_CASE("an event about an invitation that was never heard of makes it ask", "[device]") {
    Alone alone;
    alone.connect_and_sync();
    auto info = ring(x, {bob, carol});
    info.rev = 2;
    info.invitees[1].state = State::accepted;
    alone.event(accepted(2, carol, carol_tag));
    const auto get = alone.sent();
    CHECK(std::get<Get>(get.body).id == x);
    alone.reply(get, Got{info});
    CHECK(heard<NewInvitation>(alone.told()).size() == 1);
    CHECK(alone.device().open(alone.now()).size() == 1);
}

TEST_CASE("a reply's rev hides no event that is still under way", "[device]") {
    Alone alone;
    alone.connect_and_sync({ring(x, {bob, carol, dave})});
    alone.told();
    alone.call(Accept{x});
    // carol was faster; what tells so was sent before, and comes after.
    alone.reply(alone.sent(), Done{.rev = 3});
    alone.event(rejected(2, carol, carol_tag));
    alone.event(accepted(3, bob, here_tag));
    const auto told = alone.told();
    CHECK(heard<InviteeRejected>(told).size() == 1);
    CHECK(heard<InviteeAccepted>(told).empty());
    CHECK(only<Ended>(told).size() == 1);
    CHECK(alone.silent());
}

TEST_CASE("an event that is not above the last rev is told no more", "[device]") {
    Alone alone;
    const auto modified = [](Rev rev, std::string_view text) {
        return Event{.id = x,
                     .rev = rev,
                     .by = alice,
                     .by_device = alice_tag,
                     .body = InvitationModified{.data = Data{std::string(text)}}};
    };
    auto info = ring();
    info.rev = 3;
    info.data = Data{"third"};
    SECTION("had from an event") {
        alone.connect_and_sync();
        alone.event(new_event(ring()));
        alone.event(modified(2, "second"));
        alone.event(modified(3, "third"));
        CHECK(heard<InvitationModified>(alone.told()).size() == 2);
    }
    SECTION("had from sync") { alone.connect_and_sync({info}); }
    SECTION("had from get") {
        alone.connect_and_sync({ring()});
        alone.event(modified(3, "third"));
        alone.reply(alone.sent(), Got{info});
    }
    alone.told();
    alone.event(modified(2, "second"));
    alone.event(modified(3, "third"));
    CHECK(heard<InvitationModified>(alone.told()).empty());
    CHECK(alone.device().open(alone.now())[0].data == Data{"third"});
    CHECK(alone.silent());
    alone.event(modified(4, "fourth"));
    CHECK(heard<InvitationModified>(alone.told()).size() == 1);
}

TEST_CASE("that somebody rings is told whatever the rev", "[device]") {
    Alone alone({}, alice);
    alone.connect_and_sync();
    auto invite = invite_of(bob);
    invite.also = {carol};
    alone.call(invite);
    alone.reply(alone.sent(), Invited{.id = x, .remaining = Duration(30'000)});
    const auto ringing = [&](const UserId& who, Rev rev) {
        alone.event({.id = x,
                     .rev = rev,
                     .by = who,
                     .by_device = DeviceTag(9),
                     .body = InviteeRinging{.invitee = who}});
    };
    ringing(bob, 1);
    ringing(bob, 1);
    ringing(carol, 1);
    CHECK(heard<InviteeRinging>(alone.told()).size() == 2);
    CHECK(alone.device().open(alone.now())[0].invitees[1].ringing);
    alone.event(rejected(2, bob, DeviceTag(9)));
    ringing(bob, 1);
    CHECK(heard<InviteeRinging>(alone.told()).empty());
}

TEST_CASE("whose part is cancelled is told with the cancel", "[device]") {
    Alone alone;
    alone.connect_and_sync({ring(x, {bob, carol})});
    alone.told();
    alone.event(cancelled(2, {carol}));
    auto told = alone.told();
    REQUIRE(only<Heard>(told).size() == 1);
    CHECK_FALSE(only<Heard>(told)[0].ends_ours);
    CHECK(only<Ended>(told).empty());
    alone.event(cancelled(3, {bob}));
    told = alone.told();
    REQUIRE(only<Heard>(told).size() == 1);
    CHECK(only<Heard>(told)[0].ends_ours);
    CHECK(only<Ended>(told) == std::vector{Ended{.id = x,
                                                 .inviter = alice,
                                                 .state = State::cancelled,
                                                 .reason = "cancelled",
                                                 .by = alice,
                                                 .by_device = alice_tag}});
}

TEST_CASE("an inviter's cancel is ours when nobody is left who is pending or accepted",
          "[device]") {
    Alone alone({}, alice);
    alone.connect_and_sync();
    auto invite = invite_of(bob);
    invite.also = {carol};
    alone.call(invite);
    alone.reply(alone.sent(), Invited{.id = x, .remaining = Duration(30'000)});
    SECTION("somebody accepted") {
        alone.event(accepted(2, bob, here_tag));
        alone.event(cancelled(3, {carol}));
        const auto told = alone.told();
        CHECK_FALSE(only<Heard>(told).back().ends_ours);
        CHECK(only<Ended>(told).size() == 1);
        CHECK(only<Ended>(told)[0].state == State::accepted);
    }
    SECTION("somebody is pending") {
        alone.event(cancelled(2, {bob}));
        CHECK_FALSE(only<Heard>(alone.told()).back().ends_ours);
        alone.event(cancelled(3, {carol}));
        CHECK(only<Heard>(alone.told()).back().ends_ours);
    }
}

TEST_CASE("who is added asks what has become of the others", "[device]") {
    Alone alone;
    alone.connect_and_sync();
    auto event = new_event(ring(x, {carol, bob}));
    event.rev = 3;
    alone.event(event);
    CHECK(heard<NewInvitation>(alone.told()).size() == 1);
    const auto get = alone.sent();
    CHECK(std::get<Get>(get.body).id == x);
    auto info = ring(x, {carol, bob});
    info.rev = 3;
    info.invitees[0].state = State::rejected;
    info.invitees[0].reason = "busy";
    alone.reply(get, Got{info});
    // When this user's part is over, nothing is left that is open.
    alone.event(cancelled(4, {bob}));
    CHECK(only<Ended>(alone.told()).size() == 1);
    CHECK(alone.device().open(alone.now()).empty());
}

TEST_CASE("who looked on and is added rings, and hears nothing twice", "[device]") {
    Alone alone;
    alone.connect_and_sync();
    auto observed = ring(x, {carol, dave});
    observed.visibility = Visibility::members;
    observed.role = Role::observer;
    auto event = new_event(observed);
    std::get<NewInvitation>(event.body).role = Role::observer;
    alone.event(event);
    alone.event(rejected(2, carol, carol_tag));
    CHECK(only<Heard>(alone.told()).size() == 2);

    auto asked = observed;
    asked.rev = 3;
    asked.role = Role::invitee;
    asked.remaining = Duration(40'000);
    asked.invitees[0].state = State::rejected;
    asked.invitees[0].reason = "busy";
    asked.invitees.push_back({.user = bob});
    SECTION("by an event") {
        event = new_event(asked);
        event.rev = 3;
        alone.event(event);
        const auto told = only<Heard>(alone.told());
        REQUIRE(told.size() == 1);
        CHECK(told[0].role == Role::invitee);
        CHECK(told[0].remaining == Duration(40'000));
        alone.event(event);
        CHECK(alone.told().empty());
        CHECK(alone.silent());  // it has seen who answered before
    }
    SECTION("while it was away") {
        alone.disconnect();
        alone.connect_and_sync({asked});
        const auto told = only<Heard>(alone.told());
        REQUIRE(told.size() == 1);
        CHECK(told[0].role == Role::invitee);
        CHECK(std::holds_alternative<NewInvitation>(told[0].body));
    }
    SECTION("while it was away, and another device answered") {
        alone.disconnect();
        asked.invitees[2].state = State::accepted;
        alone.connect_and_sync({asked});
        CHECK(heard<NewInvitation>(alone.told()).empty());
        alone.event(cancelled(4, {dave}));
        CHECK(only<Ended>(alone.told()).empty());
        CHECK(alone.device().open(alone.now()).empty());
        return;
    }
    CHECK(alone.device().open(alone.now())[0].role == Role::invitee);
    alone.event(cancelled(4, {bob}));
    CHECK(only<Ended>(alone.told()).size() == 1);
}

TEST_CASE("that others were cancelled because this device took it is no news", "[device]") {
    Alone alone;
    alone.connect_and_sync({ring(x, {bob, carol})});
    alone.told();
    alone.call(Accept{x});
    alone.reply(alone.sent(), Done{.rev = 2});
    CHECK(only<Ended>(alone.told()).size() == 1);
    // The events that say so are lost with the session.
    alone.disconnect();
    alone.connect_and_sync();
    auto info = over(State::accepted, here_tag);
    info.rev = 3;
    info.answer = Answer::first;
    info.invitees.push_back({.user = carol, .state = State::cancelled, .reason = "answered"});
    alone.reply(alone.sent(), Got{info});
    const auto told = alone.told();
    CHECK(only<Heard>(told).empty());
    CHECK(only<Ended>(told).empty());
}

TEST_CASE("who took it is told with the cancel of the others, though known before", "[device]") {
    Alone alone;
    alone.connect_and_sync({ring(x, {bob, carol})});
    alone.event(accepted(2, carol, carol_tag));
    alone.disconnect();
    alone.told();
    alone.connect_and_sync();
    auto info = over(State::cancelled, {}, "answered");
    info.rev = 3;
    info.invitees.push_back({.user = carol, .state = State::accepted, .device = carol_tag});
    alone.reply(alone.sent(), Got{info});
    const auto ended = only<Ended>(alone.told());
    REQUIRE(ended.size() == 1);
    CHECK(ended[0].reason == "answered");
    CHECK(ended[0].by == carol);
    CHECK(ended[0].by_device == carol_tag);
}

TEST_CASE("an invite that is on its way is not forgotten because nobody knows it yet", "[device]") {
    Alone alone({}, alice);
    alone.connect_and_sync();
    Request request;
    const auto call = calls_of_alice(alone, request);
    // The invite is late or lost; something else that was asked about it is not.
    alone.call(Modify{.id = x});
    alone.reply(alone.sent(), refusal(Error::unknown_invitation));
    while (!alone.silent()) {
        alone.reply(alone.sent(), refusal(Error::unknown_invitation));
    }
    alone.reply(request, Invited{.id = x, .remaining = Duration(30'000)});
    CHECK(ok(alone.result(call)));
    CHECK(alone.device().open(alone.now()).size() == 1);
    alone.event(rejected(2, bob, here_tag));
    CHECK(only<Ended>(alone.told()).size() == 1);
}

TEST_CASE("an invite ends once, whatever comes before its reply", "[device]") {
    Alone alone({}, alice);
    alone.connect_and_sync();
    auto invite = invite_of(bob);
    invite.also = {carol};
    const auto call = alone.call(invite);
    const auto request = alone.sent();
    std::optional<State> state = State::rejected;
    SECTION("all answers") {
        alone.event(rejected(2, bob, here_tag));
        alone.event(rejected(3, carol, carol_tag));
        alone.reply(request, Invited{.id = x, .remaining = Duration(30'000)});
    }
    SECTION("one of the answers") {
        alone.event(rejected(2, bob, here_tag));
        alone.reply(request, Invited{.id = x, .remaining = Duration(30'000)});
        alone.event(rejected(3, carol, carol_tag));
    }
    SECTION("the reply to its cancel") {
        state = State::cancelled;
        alone.call(Cancel{x});
        alone.reply(alone.sent(), Cancelled{.rev = 2, .cancelled = {bob, carol}});
        alone.reply(request, Invited{.id = x, .remaining = Duration(30'000)});
    }
    SECTION("the answer of the only one who was not skipped") {
        alone.event(rejected(2, bob, here_tag));
        alone.reply(request, Invited{.id = x,
                                     .remaining = Duration(30'000),
                                     .skipped = std::vector<Skipped>{
                                         {.user = carol, .error = Error::user_offline}}});
    }
    CHECK(ok(alone.result(call)));
    alone.wait(Duration(60'000));
    const auto told = alone.told();
    const auto ended = only<Ended>(told);
    REQUIRE(ended.size() == 1);
    CHECK(ended[0].state == state);
    if (state == State::rejected) {
        CHECK(ended[0].reason == "busy");
        CHECK(heard<InviteeRejected>(told).size() == (ended[0].by == carol ? 2 : 1));
    }
}

TEST_CASE("an inviter's end waits for what was missed", "[device]") {
    Alone alone({}, alice);
    alone.connect_and_sync();
    auto invite = invite_of(bob);
    invite.also = {carol};
    alone.call(invite);
    alone.reply(alone.sent(), Invited{.id = x, .remaining = Duration(30'000)});
    // dave was added, and nothing that says so has come.
    SECTION("that an event tells of") { alone.event(cancelled(3, {bob, carol})); }
    SECTION("that a reply tells of") {
        alone.call(Cancel{x, {}, std::vector{bob, carol}});
        alone.reply(alone.sent(), Cancelled{.rev = 3, .cancelled = {bob, carol}});
    }
    CHECK(only<Ended>(alone.told()).empty());
    const auto get = alone.sent();
    CHECK(std::get<Get>(get.body).id == x);
    auto info = ring(x, {bob, carol, dave});
    info.role = Role::inviter;
    info.rev = 3;
    for (const std::size_t i : {0U, 1U}) {
        info.invitees[i].state = State::cancelled;
        info.invitees[i].reason = "cancelled";
    }
    alone.reply(get, Got{info});
    CHECK(only<Ended>(alone.told()).empty());
    alone.event(timed_out(4, {dave}));
    CHECK(only<Ended>(alone.told()).size() == 1);
}

TEST_CASE("an invite that was heard of has succeeded, though its reply is lost", "[device]") {
    Alone alone({}, alice);
    alone.connect_and_sync();
    auto invite = invite_of(bob);
    invite.also = {carol};
    const auto offline = GENERATE(Offline::wait, Offline::fail);
    const auto call = alone.call(invite, offline);
    alone.sent();
    SECTION("by an answer before the connection broke") {
        alone.event(rejected(2, bob, here_tag));
        alone.disconnect();
        alone.connect_and_sync();
        CHECK(std::holds_alternative<Get>(alone.sent().body));
    }
    SECTION("by an answer, and there is no reply in time") {
        alone.event(rejected(2, bob, here_tag));
        alone.wait(Duration(10'000));
        CHECK(std::holds_alternative<Get>(alone.sent().body));
    }
    SECTION("by the last answer") {
        alone.event(rejected(2, bob, here_tag));
        alone.event(rejected(3, carol, carol_tag));
        alone.disconnect();
        alone.connect_and_sync();
        CHECK(only<Ended>(alone.told()).size() == 1);
    }
    SECTION("by the next sync") {
        if (offline == Offline::fail) {
            return;  // it has failed before
        }
        auto info = ring(x, {bob, carol});
        info.role = Role::inviter;
        alone.disconnect();
        alone.connect_and_sync({info});
    }
    CHECK(ok(alone.result(call)));
    CHECK(alone.silent());  // it is neither sent again nor called off
}

TEST_CASE("what ended before the first sync stays ended", "[device]") {
    Alone alone;
    alone.connect();
    alone.event(new_event(ring()));
    alone.event(cancelled(2, {bob}));
    CHECK(only<Ended>(alone.told()).size() == 1);
    alone.sync();
    alone.event(new_event(ring()));
    CHECK(heard<NewInvitation>(alone.told()).empty());
    CHECK(alone.device().open(alone.now()).empty());
}

TEST_CASE("an id that is used anew rings anew, and one that comes late does not", "[device]") {
    Alone alone;
    alone.connect_and_sync({ring()});
    alone.event(cancelled(2, {bob}));
    CHECK(only<Ended>(alone.told()).size() == 1);
    SECTION("its event came while connected") {
        alone.event(new_event(ring()));
        CHECK(alone.told().empty());
        alone.wait(Duration(0));
        SECTION("and it is open") {
            alone.sync({ring()});
            CHECK(heard<NewInvitation>(alone.told()).size() == 1);
            alone.event(accepted(2, bob, elsewhere_tag));
            CHECK(only<Ended>(alone.told()).size() == 1);
        }
        SECTION("and it is over") {
            alone.sync();
            CHECK(alone.told().empty());
        }
        SECTION("and another is asked for after this one") {
            const auto first = alone.sent();
            alone.event(new_event(ring()));
            alone.wait(Duration(0));
            CHECK(alone.silent());
            alone.reply(first, Synced{.server_epoch = "epoch"});
            alone.wait(Duration(0));
            alone.sync({ring()});
            CHECK(heard<NewInvitation>(alone.told()).size() == 1);
        }
    }
    SECTION("its event was missed") {
        alone.disconnect();
        alone.connect_and_sync({ring()});
        CHECK(heard<NewInvitation>(alone.told()).size() == 1);
    }
    SECTION("it ended after the sync was sent, which was before the end") {
        alone.disconnect();
        alone.connect();
        const auto sync = alone.sent();
        alone.event(new_event(ring(y)));
        alone.event({.id = y,
                     .rev = 2,
                     .by = alice,
                     .by_device = alice_tag,
                     .body = InvitationCancelled{.inviter = alice, .invitees = {bob}}});
        alone.told();
        alone.reply(sync, Synced{.server_epoch = "epoch", .invitations = {ring(y)}});
        CHECK(heard<NewInvitation>(alone.told()).empty());
    }
}

// ------------------------------------------------------------------ deadlines

TEST_CASE("a deadline that passes offline is taken for timed out", "[device]") {
    Alone alone;
    alone.connect_and_sync({ring()});
    alone.disconnect();
    alone.told();
    alone.wait(Duration(29'999));
    CHECK(only<Ended>(alone.told()).empty());
    alone.wait(Duration(5'000));
    auto told = alone.told();
    const auto heard_of = only<Heard>(told);
    REQUIRE(heard_of.size() == 1);
    CHECK(heard_of[0].assumed);
    CHECK(std::get<InvitationTimeout>(heard_of[0].body).invitees == std::vector{bob});
    CHECK(
        only<Ended>(told) ==
        std::vector{Ended{.id = x, .inviter = alice, .state = State::timed_out, .assumed = true}});
    CHECK(alone.device().open(alone.now()).empty());

    // It was another device's just before, which is told no more.
    alone.connect_and_sync();
    alone.event(accepted(2, bob, elsewhere_tag));
    told = alone.told();
    CHECK(only<Heard>(told).empty());
    CHECK(only<Ended>(told).empty());
}

TEST_CASE("what was taken for timed out and is still open is put right", "[device]") {
    Alone alone;
    alone.connect_and_sync({ring()});
    alone.disconnect();
    alone.wait(Duration(40'000));
    CHECK(only<Ended>(alone.told()).size() == 1);
    // carol was added meanwhile, and another device of bob's had answered.
    auto info = ring(x, {bob, carol});
    info.rev = 3;
    info.remaining.reset();
    info.invitees[0].state = State::rejected;
    info.invitees[0].device = elsewhere_tag;
    info.invitees[0].reason = "busy";
    alone.connect_and_sync({info});
    CHECK(alone.device().open(alone.now()) == std::vector{info});
    CHECK(heard<NewInvitation>(alone.told()).empty());
    alone.event(cancelled(4, {carol}));
    const auto told = alone.told();
    CHECK(heard<InvitationCancelled>(told).size() == 1);
    CHECK(only<Ended>(told).empty());
    CHECK(alone.device().open(alone.now()).empty());
}

TEST_CASE("a deadline that passes while connected is asked for", "[device]") {
    Alone alone;
    alone.connect_and_sync({ring()});
    alone.told();
    alone.wait(Duration(29'999));
    CHECK(alone.silent());
    alone.wait(Duration(5'000));
    CHECK(only<Ended>(alone.told()).empty());
    const auto get = alone.sent();
    CHECK(std::get<Get>(get.body).id == x);
    SECTION("it has timed out") {
        alone.reply(get, Got{over(State::timed_out)});
        CHECK(only<Ended>(alone.told()) ==
              std::vector{Ended{.id = x, .inviter = alice, .state = State::timed_out}});
    }
    SECTION("it was accepted") {
        alone.reply(get, Got{over(State::accepted, elsewhere_tag)});
        CHECK(only<Ended>(alone.told())[0].state == State::accepted);
    }
    SECTION("it has not ended yet: the clocks differ") {
        auto info = ring();
        info.remaining = Duration(2'000);
        alone.reply(get, Got{info});
        CHECK(only<Ended>(alone.told()).empty());
        alone.wait(Duration(20'000));
        CHECK(std::get<Get>(alone.sent().body).id == x);
        return;
    }
    SECTION("nobody answers") {
        alone.wait(Duration(60'000));
        const auto ended = only<Ended>(alone.told());
        REQUIRE(ended.size() == 1);
        CHECK(ended[0].state == State::timed_out);
        CHECK(ended[0].assumed);
    }
    alone.wait(Duration(60'000));
    CHECK(only<Ended>(alone.told()).empty());
}

TEST_CASE("the time that remains runs", "[device]") {
    Alone alone;
    alone.connect_and_sync({ring()});
    alone.wait(Duration(1'000));
    CHECK(alone.device().open(alone.now())[0].remaining == Duration(29'000));
}

// ------------------------------------------------------------ with the broker

TEST_CASE("an invitation rings on all devices, and stops on all when one accepts", "[device]") {
    World world;
    auto& panel = world.add_ready("alice");
    auto& phone = world.add_ready("bob");
    auto& tablet = world.add_ready("bob", [](auto& o) { o.encoding = Encoding::json; });
    const auto invite = world.call(panel, invite_of(bob));
    world.settle();
    CHECK(ok(panel.result(invite)));
    CHECK(phone.heard<NewInvitation>().size() == 1);
    CHECK(tablet.heard<NewInvitation>().size() == 1);
    const auto accept = world.call(tablet, Accept{x});
    world.settle();
    CHECK(ok(tablet.result(accept)));
    REQUIRE(tablet.all<Ended>().size() == 1);
    CHECK(tablet.all<Ended>()[0].here);
    CHECK(tablet.heard<InviteeAccepted>().empty());
    CHECK(phone.all<Ended>() == std::vector{Ended{.id = x,
                                                  .inviter = alice,
                                                  .state = State::accepted,
                                                  .by = bob,
                                                  .by_device = tablet.tag}});
    CHECK(panel.all<Ended>() == phone.all<Ended>());
    CHECK(heard<InviteeAccepted>(panel).size() == 1);
}

TEST_CASE("two devices answer at once: one wins, the other hears already_accepted", "[device]") {
    World world;
    auto& panel = world.add_ready("alice");
    auto& phone = world.add_ready("bob");
    auto& tablet = world.add_ready("bob");
    world.call(panel, invite_of(bob));
    world.settle();
    const auto first = world.call(phone, Accept{x});
    const auto second = world.call(tablet, Accept{x});
    world.settle();
    CHECK(ok(phone.result(first)));
    CHECK(refusal_of(tablet.result(second)) == Error::already_accepted);
    REQUIRE(phone.all<Ended>().size() == 1);
    REQUIRE(tablet.all<Ended>().size() == 1);
    CHECK(phone.all<Ended>()[0].here);
    CHECK_FALSE(tablet.all<Ended>()[0].here);
    CHECK(tablet.all<Ended>()[0].by_device == phone.tag);
    CHECK(panel.all<Ended>().size() == 1);
}

TEST_CASE("the first answer takes it: the others stop, and who accepted is not cancelled",
          "[device]") {
    World world;
    auto& panel = world.add_ready("alice");
    auto& of_bob = world.add_ready("bob");
    auto& of_carol = world.add_ready("carol");
    auto invite = invite_of(bob);
    invite.also = {carol};
    invite.answer = Answer::first;
    world.call(panel, invite);
    world.settle();
    world.call(of_bob, Accept{x});
    world.settle();
    for (const auto* site : {&panel, &of_bob}) {
        INFO(site->name);
        const auto cancels = site->heard<InvitationCancelled>();
        for (const auto& cancel : cancels) {
            CHECK_FALSE(cancel.ends_ours);
        }
        REQUIRE(site->all<Ended>().size() == 1);
        CHECK(site->all<Ended>()[0].state == State::accepted);
    }
    REQUIRE(of_carol.heard<InvitationCancelled>().size() == 1);
    CHECK(of_carol.heard<InvitationCancelled>()[0].ends_ours);
    CHECK(of_carol.all<Ended>() == std::vector{Ended{.id = x,
                                                     .inviter = alice,
                                                     .state = State::cancelled,
                                                     .reason = "answered",
                                                     .by = bob,
                                                     .by_device = of_bob.tag}});
}

TEST_CASE("an acknowledgement that it rings reaches the inviter once", "[device]") {
    World world;
    auto& panel = world.add_ready("alice");
    auto& phone = world.add_ready("bob");
    auto& tablet = world.add_ready("bob");
    world.call(panel, invite_of(bob));
    world.settle();
    world.call(phone, Ringing{x});
    world.call(tablet, Ringing{x});
    world.settle();
    CHECK(panel.heard<InviteeRinging>().size() == 1);
    CHECK(panel.device.open(world.now())[0].invitees[0].ringing);
    CHECK(phone.heard<InviteeRinging>().empty());
}

TEST_CASE("what was answered elsewhere while a device was away stops there", "[device]") {
    World world;
    auto& panel = world.add_ready("alice");
    auto& phone = world.add_ready("bob");
    auto& tablet = world.add_ready("bob");
    world.call(panel, invite_of(bob));
    world.settle();
    world.cut(tablet);
    world.call(phone, Accept{x});
    world.settle();
    CHECK(tablet.all<Ended>().empty());
    const bool kept = GENERATE(true, false);
    CAPTURE(kept);
    if (!kept) {
        world.lose_session(tablet);
    }
    world.connect(tablet);
    world.settle();
    CHECK(tablet.heard<InviteeAccepted>().size() == 1);
    CHECK(tablet.all<Ended>() == std::vector{Ended{.id = x,
                                                   .inviter = alice,
                                                   .state = State::accepted,
                                                   .by = bob,
                                                   .by_device = phone.tag}});
}

TEST_CASE("who was away hears of an invitation that is pending, with the time that remains",
          "[device]") {
    World world;
    auto& panel = world.add_ready("alice");
    auto& phone = world.add_ready("bob");
    world.cut(phone);
    world.call(panel, invite_of(bob));
    world.run(Duration(9'000));
    world.connect(phone);
    world.settle();
    const auto news = phone.heard<NewInvitation>();
    REQUIRE(news.size() == 1);
    CHECK(*news[0].remaining < Duration(21'100));
    CHECK(*news[0].remaining > Duration(20'900));
    CHECK(phone.all<Ended>().empty());
}

TEST_CASE("who was away never hears of an invitation that has ended", "[device]") {
    World world;
    auto& panel = world.add_ready("alice");
    auto& phone = world.add_ready("bob");
    world.cut(phone);
    world.call(panel, invite_of(bob));
    world.settle();
    world.call(panel, Cancel{x});
    world.settle();
    world.connect(phone);
    world.settle();
    CHECK(phone.heard<NewInvitation>().empty());
    CHECK(phone.all<Ended>().empty());
    CHECK(phone.device.open(world.now()).empty());
}

TEST_CASE("an invite whose reply was lost with the connection is made once", "[device]") {
    World world;
    auto& panel = world.add_ready("alice");
    auto& phone = world.add_ready("bob");
    const auto invite = world.call(panel, invite_of(bob));
    // The broker has it, its reply is under way.
    world.run(Duration(15));
    world.cut(panel);
    world.lose_session(panel);
    const bool answered = GENERATE(false, true);
    if (answered) {
        world.settle();
        world.call(phone, Reject{.id = x});
    }
    world.settle();
    CHECK_FALSE(panel.result(invite));
    world.connect(panel);
    world.settle();
    CHECK(ok(panel.result(invite)));
    CHECK(phone.heard<NewInvitation>().size() == 1);
    CHECK(panel.all<Ended>().size() == (answered ? 1 : 0));
    world.run(Duration(60'000));
    REQUIRE(panel.all<Ended>().size() == 1);
    CHECK(panel.all<Ended>()[0].state == (answered ? State::rejected : State::timed_out));
    CHECK(phone.all<Ended>().size() == 1);
}

TEST_CASE("a broker that comes back with nothing: a re-sent invite rings again", "[device]") {
    World world;
    auto& panel = world.add_ready("alice");
    auto& phone = world.add_ready("bob");
    // What replies there are to the panel are lost.
    world.settings.reply = [&](const World::Site& site, const Reply& reply) {
        return site.user == alice && reply.re == Invite::verb && world.generation() == 1
                   ? World::Fate::lost
                   : World::Fate::arrives;
    };
    const auto invite = world.call(panel, invite_of(bob));
    world.settle();
    CHECK(phone.heard<NewInvitation>().size() == 1);
    world.restart_broker();
    world.settle();
    const bool inviter_first = GENERATE(false, true);
    CAPTURE(inviter_first);
    world.connect(inviter_first ? panel : phone);
    world.settle();
    world.connect(inviter_first ? phone : panel);
    world.settle();
    CHECK(ok(panel.result(invite)));
    if (inviter_first) {
        // It never stopped to ring.
        CHECK(phone.heard<NewInvitation>().size() == 1);
        CHECK(phone.all<Ended>().empty());
    } else {
        CHECK(phone.heard<NewInvitation>().size() == 2);
        CHECK(phone.all<Ended>() == std::vector{Ended{.id = x, .inviter = alice}});
    }
    world.call(phone, Reject{.id = x});
    world.settle();
    REQUIRE(panel.all<Ended>().size() == 1);
    CHECK(panel.all<Ended>()[0].state == State::rejected);
    CHECK(phone.all<Ended>().back().state == State::rejected);
    CHECK(phone.all<Ended>().back().here);
}

TEST_CASE("a broker that comes back with nothing: what is sent again is another", "[device]") {
    World world;
    auto& panel = world.add_ready("alice");
    auto& of_bob = world.add_ready("bob");
    auto& of_carol = world.add_ready("carol");
    world.settings.reply = [&](const World::Site& site, const Reply& reply) {
        return site.user == alice && reply.re == Invite::verb && world.generation() == 1
                   ? World::Fate::lost
                   : World::Fate::arrives;
    };
    auto invite = invite_of(bob);
    invite.also = {carol};
    world.call(panel, invite);
    world.settle();
    world.cut(panel);
    world.lose_session(panel);
    world.call(of_carol, Reject{.id = x});
    world.settle();
    CHECK(of_carol.all<Ended>().size() == 1);
    world.restart_broker();
    for (auto* site : {&panel, &of_bob, &of_carol}) {
        world.connect(*site);
        world.settle();
    }
    // carol is asked again, bob's device knows that it is as at the start.
    CHECK(of_carol.heard<NewInvitation>().size() == 2);
    for (auto* site : {&of_bob, &of_carol}) {
        INFO(site->name);
        const auto open = site->device.open(world.now());
        REQUIRE(open.size() == 1);
        CHECK(open[0].rev == 1);
        REQUIRE(open[0].invitees.size() == 2);
        CHECK(open[0].invitees[1].state == State::pending);
    }
    world.call(panel, Cancel{x});
    world.settle();
    CHECK(of_bob.all<Ended>().back().state == State::cancelled);
    CHECK(of_carol.all<Ended>().size() == 2);
    CHECK(panel.all<Ended>().size() == 1);
}

TEST_CASE("a broker that comes back with nothing: what was open ends without a state", "[device]") {
    World world;
    auto& panel = world.add_ready("alice");
    auto& phone = world.add_ready("bob");
    world.call(panel, invite_of(bob));
    world.settle();
    world.restart_broker();
    world.connect(panel);
    world.connect(phone);
    world.settle();
    const std::vector ended{Ended{.id = x, .inviter = alice}};
    CHECK(panel.all<Ended>() == ended);
    CHECK(phone.all<Ended>() == ended);
}

TEST_CASE("who was lost has its invitations cancelled, and hears so when it is back", "[device]") {
    World world;
    auto& panel = world.add_ready("alice");
    auto& phone = world.add_ready("bob");
    world.call(panel, invite_of(bob));
    world.settle();
    world.cut(panel);
    world.run(Duration(15'100));
    REQUIRE(phone.all<Ended>().size() == 1);
    CHECK(phone.all<Ended>()[0].reason == "inviter_lost");
    CHECK(phone.all<Ended>()[0].by == alice);
    world.connect(panel);
    world.settle();
    REQUIRE(panel.all<Ended>().size() == 1);
    CHECK(panel.all<Ended>()[0].state == State::cancelled);
    CHECK(panel.all<Ended>()[0].reason == "inviter_lost");
    CHECK_FALSE(panel.all<Ended>()[0].here);
}

TEST_CASE("a device that was asleep does not ring for what has ended meanwhile", "[device]") {
    World world;
    auto& panel = world.add_ready("alice");
    auto& phone = world.add_ready("bob");
    world.call(panel, invite_of(bob));
    world.settle();
    world.sleep(phone, Duration(40'000));
    world.run(Duration(39'000));
    CHECK(phone.all<Ended>().empty());
    world.run(Duration(1'100));
    CHECK(phone.all<Ended>().size() == 1);
    CHECK(panel.all<Ended>().size() == 1);
}

TEST_CASE("a hundred and more that are pending are synced page by page", "[device]") {
    World::Settings settings;
    settings.limits.pair_invites_burst = settings.limits.requests_burst = 1000;
    settings.limits.max_pending_per_inviter = settings.limits.max_pending_per_pair = 1000;
    World world(settings);
    for (int i = 0; i < 130; ++i) {
        world.ask({alice, DeviceTag(1)}, Invite{.invitee = bob,
                                                .id = id("i-" + std::to_string(i)),
                                                .on_inviter_lost = OnInviterLost::keep});
    }
    auto& phone = world.add_ready("bob");
    CHECK(phone.heard<NewInvitation>().size() == 130);
    CHECK(phone.device.open(world.now()).size() == 130);
    world.cut(phone);
    world.connect(phone);
    world.settle();
    CHECK(phone.heard<NewInvitation>().size() == 130);
    CHECK(phone.all<Ended>().empty());
    world.run(Duration(60'000));
    CHECK(phone.all<Ended>().size() == 130);
}
