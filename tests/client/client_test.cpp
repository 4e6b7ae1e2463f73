// SPDX-License-Identifier: Apache-2.0
//
// What the library promises without a broker: what it refuses, what becomes of calls that nobody
// hears, and that clients and listeners may come and go in any thread at any time.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <beckon/beckon.hpp>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <iterator>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "../catch.hpp"

using namespace beckon;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr seconds patience{20};

/// Nobody listens on that port.
ClientOptions options_of(const std::string& user) {
    ClientOptions options;
    options.server = "mqtt://127.0.0.1:1";
    options.userID = user;
    options.reconnectMin = milliseconds{1};
    options.reconnectMax = milliseconds{10};
    return options;
}

ClientOptions polled(const std::string& user) {
    ClientOptions options = options_of(user);
    options.delivery = Delivery::poll;
    return options;
}

/// Lets one client connect, and says nothing more.
class LonelyBroker {
  public:
    LonelyBroker() : listens_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        address_.sin_family = AF_INET;
        address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof(address_);
        auto* const any = reinterpret_cast<sockaddr*>(&address_);
        REQUIRE(bind(listens_, any, size) == 0);
        REQUIRE(listen(listens_, 1) == 0);
        REQUIRE(getsockname(listens_, any, &size) == 0);
    }
    LonelyBroker(const LonelyBroker&) = delete;
    LonelyBroker& operator=(const LonelyBroker&) = delete;
    ~LonelyBroker() {
        close(connection_);
        close(listens_);
    }

    [[nodiscard]] int port() const { return ntohs(address_.sin_port); }
    /// Answers CONNECT with CONNACK.
    bool accepts_a_connection() {
        connection_ = accept4(listens_, nullptr, nullptr, SOCK_CLOEXEC);
        const std::string connack("\x20\x03\x00\x00\x00", 5);
        return waits_for_input() &&
               write(connection_, connack.data(), connack.size()) == std::ssize(connack);
    }
    /// Whether it is so after one of the things that the client sends next.
    template <class Holds>
    bool waits_for(const Holds& holds) {
        while (!holds()) {
            if (!waits_for_input()) {
                return false;
            }
        }
        return true;
    }

  private:
    /// Reads it.
    [[nodiscard]] bool waits_for_input() const {
        pollfd input{connection_, POLLIN, 0};
        std::array<char, 1024> bytes{};
        return ::poll(&input, 1, static_cast<int>(milliseconds(patience).count())) == 1 &&
               read(connection_, bytes.data(), bytes.size()) > 0;
    }

    int listens_;
    int connection_ = -1;
    sockaddr_in address_{};
};

/// Whether a socket of this process to that port has TCP_NODELAY.
bool sends_at_once_to(int port) {
    for (int descriptor = 0; descriptor < 1024; ++descriptor) {
        sockaddr_in peer{};
        socklen_t size = sizeof(peer);
        int on = 0;
        socklen_t on_size = sizeof(on);
        if (getpeername(descriptor, reinterpret_cast<sockaddr*>(&peer), &size) == 0 &&
            ntohs(peer.sin_port) == port &&
            getsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, &on_size) == 0 && on != 0) {
            return true;
        }
    }
    return false;
}

/// Counts what comes from any thread.
class Tally {
  public:
    void add() {
        const std::lock_guard lock(mutex_);
        ++count_;
        changed_.notify_all();
    }
    /// Whether there are that many, at the latest when the patience is over.
    bool reaches(int count) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, patience, [&] { return count_ >= count; });
    }
    int count() {
        const std::lock_guard lock(mutex_);
        return count_;
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    int count_ = 0;
};

/// Why the constructor threw; empty when it did not.
std::string objection(const ClientOptions& options) {
    try {
        const Client client(options);
    } catch (const std::invalid_argument& refused) {
        return refused.what();
    }
    return {};
}

using Done = std::function<void(const Result&)>;

/// The result of a call of a client that is polled.
Result result_at_client(const std::function<void(Client&, Done)>& call) {
    Client client(polled("alice"));
    int results = 0;
    Result told;
    call(client, [&](const Result& result) {
        ++results;
        told = result;
    });
    CHECK(results == 0);
    client.poll(patience);
    CHECK(client.poll() == 0);
    CHECK(results == 1);
    return told;
}
Result result_of(const std::function<void(SignalingManager&, Done)>& call) {
    return result_at_client(
        [&](Client& client, Done done) { call(client.getSignalingManager(), std::move(done)); });
}
Result result_in_groups(const std::function<void(GroupManager&, Done)>& call) {
    return result_at_client(
        [&](Client& client, Done done) { call(client.getGroupManager(), std::move(done)); });
}

void check_refused(const Result& result, const std::string& field) {
    CHECK(result.error == "invalid_request");
    CHECK(result.code == 6017);
    CHECK_FALSE(result.ok());
    CHECK(result.field == field);
    CHECK_FALSE(result.message.empty());
}

GroupsInfoCallback for_each(const Done& done) {
    return [done](const std::vector<GroupInfoResult>& results) {
        // A call of several requests has one answer; that is about the first here.
        done(results.at(0));
    };
}
GroupMembersCallback without_members(const Done& done) {
    return [done](const Result& result, const std::vector<GroupMember>& members) {
        CHECK(members.empty());
        done(result);
    };
}

/// Each kind of call, answered by `done`.
std::vector<std::function<void(Client&, Done)>> each_call() {
    const auto signaling = [](auto call) {
        return
            [call](Client& client, const Done& done) { call(client.getSignalingManager(), done); };
    };
    const auto group = [](auto call) {
        return [call](Client& client, const Done& done) { call(client.getGroupManager(), done); };
    };
    using S = SignalingManager;
    using G = GroupManager;
    return {
        signaling([](S& s, const Done& done) { s.invite("bob", "data", false, 30, done); }),
        signaling([](S& s, const Done& done) {
            s.inviteSeveral({"bob", "carol"}, {}, {}, done);
        }),
        signaling(
            [](S& s, const Done& done) { s.inviteInGroup("flat", {}, "data", false, 30, done); }),
        signaling([](S& s, const Done& done) {
            s.inviteInGroup("flat", {"bob"}, "data", InviteOptions{}, done);
        }),
        signaling([](S& s, const Done& done) { s.cancel("an-id", {}, done); }),
        signaling([](S& s, const Done& done) { s.accept("an-id", "data", done); }),
        signaling([](S& s, const Done& done) { s.reject("an-id", "data", done, "busy"); }),
        signaling([](S& s, const Done& done) { s.modifyInvitation("an-id", "d", done); }),
        signaling([](S& s, const Done& done) { s.addInvitees("an-id", {"carol"}, 30, done); }),
        signaling([](S& s, const Done& done) {
            s.getSignalingInfo("an-id", [done](const Result& r, const SignalingInfo&) { done(r); });
        }),
        signaling([](S& s, const Done& done) { s.ringing("an-id", done); }),
        signaling([](S& s, const Done& done) { s.signal("an-id", "offer", {}, done); }),
        signaling([](S& s, const Done& done) { s.hangup("an-id", "bye", done); }),
        signaling([](S& s, const Done& done) { s.resume("an-id", done); }),
        group([](G& g, const Done& done) { g.createGroup("flat", "Flat 2", {}, done); }),
        group([](G& g, const Done& done) { g.joinGroup("flat", done); }),
        group([](G& g, const Done& done) { g.quitGroup("flat", done); }),
        group([](G& g, const Done& done) { g.dismissGroup("flat", done); }),
        group([](G& g, const Done& done) {
            g.getJoinedGroupList([done](const Result& r, const auto&) { done(r); });
        }),
        group([](G& g, const Done& done) {
            g.getGroupsInfo({"flat", "class"}, for_each(done));
        }),
        group([](G& g, const Done& done) { g.setGroupInfo("flat", {.groupName = "x"}, done); }),
        group([](G& g, const Done& done) { g.getGroupMemberList("flat", without_members(done)); }),
        group([](G& g, const Done& done) { g.inviteUserToGroup("flat", {"bob"}, done); }),
        group([](G& g, const Done& done) { g.kickGroupMember("flat", {"bob"}, "noise", done); }),
        group(
            [](G& g, const Done& done) { g.setGroupMemberRole("flat", "bob", Rank::admin, done); }),
        group([](G& g, const Done& done) { g.transferGroupOwner("flat", "bob", done); }),
        [](Client& c, const Done& done) { c.sendC2CTextMessage("hello", "bob", done); },
        [](Client& c, const Done& done) { c.sendC2CCustomMessage("hello", "bob", done); },
        [](Client& c, const Done& done) { c.sendGroupTextMessage("hello", "flat", done); },
        [](Client& c, const Done& done) { c.sendGroupCustomMessage("hello", "flat", done); },
    };
}

}  // namespace

// ------------------------------------------------------------------- options

TEST_CASE("what_is_in_order_is_taken") {
    for (const auto* const server :
         {"mqtt://127.0.0.1:1883", "mqtts://broker.example:8883", "ws://127.0.0.1:8080/mqtt",
          "wss://broker.example:443/", "mqtt://[::1]:1883"}) {
        INFO(server);
        ClientOptions options = options_of("bob");
        options.server = server;
        CHECK(objection(options).empty());
    }
    for (const auto& user : {std::string("b"), std::string(64, 'x'), std::string("A.z_9@home:-")}) {
        INFO(user);
        CHECK(objection(options_of(user)).empty());
    }
    CHECK(Client(options_of("bob")).userID() == "bob");
}

TEST_CASE("an_option_that_cannot_be_is_refused_by_its_name") {
    const auto refused = [](const std::string& name, auto change) {
        ClientOptions options = options_of("bob");
        change(options);
        const std::string why = objection(options);
        INFO(name << ": " << why);
        CHECK(why.find(name) != std::string::npos);
    };
    for (const auto& user : {std::string(), std::string("a b"), std::string("a/b"),
                             std::string("+"), std::string("#"), std::string("gr\xc3\xbcn"),
                             std::string(65, 'x'), std::string("a\0b", 3), std::string("a\n")}) {
        refused("userID", [&](ClientOptions& options) { options.userID = user; });
    }
    for (const auto* const root : {"", "a/b", "+", "#", "a b"}) {
        refused("topicRoot", [&](ClientOptions& options) { options.topicRoot = root; });
    }
    for (const auto* const server :
         {"", "127.0.0.1", "http://127.0.0.1:80", "mqtt://", "mqtt://:1883", "mqtt://host:0",
          "mqtt://host:65536", "mqtt://host:-1", "mqtt://host:1883x", "mqtt://ho st:1883",
          "mqtt://a:1883,b:1883", "mqtt://::1:1883", "mqtt://bob:secret@host"}) {
        refused("server", [&](ClientOptions& options) { options.server = server; });
    }
    ClientOptions secret = options_of("bob");
    secret.server = "mqtt://bob:secret@host";
    CHECK(objection(secret).find("secret") == std::string::npos);
    refused("delivery", [](ClientOptions& o) { o.delivery = static_cast<Delivery>(9); });
    refused("whenOffline", [](ClientOptions& o) { o.whenOffline = static_cast<WhenOffline>(9); });
    refused("requestTimeout", [](ClientOptions& o) { o.requestTimeout = milliseconds{-1}; });
    refused("keepAlive", [](ClientOptions& o) { o.keepAlive = seconds{-1}; });
    refused("keepAlive", [](ClientOptions& o) { o.keepAlive = seconds{65536}; });
    refused("sessionExpiry", [](ClientOptions& o) { o.sessionExpiry = seconds{-1}; });
    refused("reconnectMin", [](ClientOptions& o) { o.reconnectMin = milliseconds{-1}; });
    refused("reconnectMax", [](ClientOptions& o) { o.reconnectMax = milliseconds{-1}; });
    refused("reconnectMax", [](ClientOptions& o) {
        o.reconnectMin = seconds{2};
        o.reconnectMax = seconds{1};
    });
}

// --------------------------------------------------------------- bad arguments

TEST_CASE("an_argument_that_cannot_be_is_refused_by_the_callback") {
    for (const auto& user : {std::string(), std::string("a b"), std::string("a/b"),
                             std::string(65, 'x'), std::string("\xff"), std::string("b\0b", 3)}) {
        check_refused(result_of([&](SignalingManager& signaling, ResultCallback done) {
                          signaling.invite(user, {}, false, 30, done);
                      }),
                      "invitee");
        check_refused(result_of([&](SignalingManager& signaling, ResultCallback done) {
                          signaling.addInvitees("an-id", {"carol", user}, 30, done);
                      }),
                      "invitees");
        check_refused(result_of([&](SignalingManager& signaling, ResultCallback done) {
                          signaling.cancel("an-id", {}, done, {"carol", user});
                      }),
                      "invitees");
        if (!user.empty()) {  // to all
            check_refused(result_of([&](SignalingManager& signaling, ResultCallback done) {
                              signaling.signal("an-id", "x", user, done);
                          }),
                          "to");
        }
    }
    for (const auto& id : {std::string(), std::string("a b"), std::string("a/b"), std::string("#"),
                           std::string(65, 'x'), std::string("\xff")}) {
        INFO(id);
        for (const auto& call : std::vector<
                 std::function<void(SignalingManager&, const std::string&, ResultCallback)>>{
                 [](auto&s, const auto&bad, auto done) { s.accept(bad, {}, done); },
                 [](auto&s, const auto&bad, auto done) { s.reject(bad, {}, done); },
                 [](auto&s, const auto&bad, auto done) { s.ringing(bad, done); },
                 [](auto&s, const auto&bad, auto done) { s.signal(bad, "x", {}, done); },
                 [](auto&s, const auto&bad, auto done) { s.hangup(bad, {}, done); },
                 [](auto&s, const auto&bad, auto done) { s.resume(bad, done); },
                 [](auto&s, const auto&bad, auto done) { s.modifyInvitation(bad, "x", done); },
                 [](auto&s, const auto&bad, auto done) { s.cancel(bad, {}, done); },
                 [](auto&s, const auto&bad, auto done) { s.addInvitees(bad, {"carol"}, 30, done); },
                 [](auto&s, const auto&bad, auto done) {
                     s.getSignalingInfo(bad, [done](const Result& r, const auto&) { done(r); });
                 }}) {
            check_refused(result_of([&](SignalingManager& signaling, ResultCallback done) {
                              call(signaling, id, std::move(done));
                          }),
                          "id");
        }
    }
}

TEST_CASE("nobody_can_be_invited_only_by_name_and_for_a_time_that_is_none") {
    const auto several = [](std::vector<std::string> invitees, InviteOptions options) {
        return result_of([=](SignalingManager& signaling, ResultCallback done) {
            CHECK_FALSE(signaling.inviteSeveral(invitees, {}, options, done).empty());
        });
    };
    CHECK(several({}, {}).error == "invalid_request");
    CHECK_FALSE(several({}, {}).field.empty());
    check_refused(several({"bob", "a b"}, {}), "also");
    check_refused(several({"bob"}, {.answer = static_cast<Answer>(77)}), "answer");
    check_refused(several({"bob"}, {.visibility = static_cast<Visibility>(77)}), "visibility");
    check_refused(several({"bob"}, {.timeout = milliseconds{-1}}), "timeout_ms");
    check_refused(several({"bob"}, {.timeout = milliseconds::max()}), "timeout_ms");
    check_refused(several({"bob"}, {.timeout = milliseconds::min()}), "timeout_ms");
    for (const int timeout : {-1, std::numeric_limits<int>::min()}) {
        check_refused(result_of([=](SignalingManager& signaling, ResultCallback done) {
                          signaling.invite("bob", {}, false, timeout, done);
                      }),
                      "timeout_ms");
        check_refused(result_of([=](SignalingManager& signaling, ResultCallback done) {
                          signaling.addInvitees("an-id", {"bob"}, timeout, done);
                      }),
                      "timeout_ms");
    }
    check_refused(result_of([](SignalingManager& signaling, ResultCallback done) {
                      signaling.addInvitees("an-id", {}, 30, done);
                  }),
                  "invitees");
    for (const auto* const reason : {"", "\xff"}) {
        check_refused(result_of([=](SignalingManager& signaling, ResultCallback done) {
                          signaling.reject("an-id", {}, done, reason);
                      }),
                      "reason");
        check_refused(result_of([=](SignalingManager& signaling, ResultCallback done) {
                          signaling.hangup("an-id", {}, done, reason);
                      }),
                      "reason");
    }
}

TEST_CASE("data_that_no_broker_takes_is_refused_wherever_it_stands") {
    const std::string large((1U << 28U) + 1, 'x');
    for (const auto& call :
         std::vector<std::function<void(SignalingManager&, const ResultCallback&)>>{
             [&](auto&s, const auto&done) { s.accept("an-id", large, done); },
             [&](auto&s, const auto&done) { s.signal("an-id", large, {}, done); },
             [&](auto&s, const auto&done) { s.hangup("an-id", large, done); },
             [&](auto&s, const auto&done) { s.setBusy(true, large, done); }}) {
        const Result result = result_of(call);
        CHECK(result.error == "too_large");
        CHECK(result.code == 8001);
        CHECK(result.field == "data");
        CHECK(result.limit == 1 << 28);
    }
}

TEST_CASE("to_be_busy_asks_nobody") {
    for (const bool busy : {true, false}) {
        CHECK(result_of([=](SignalingManager& signaling, const ResultCallback& done) {
                  signaling.setBusy(busy, "in a meeting", done);
              }).ok());
    }
}

TEST_CASE("a_group_that_cannot_be_is_refused_by_the_callback") {
    for (const auto& id : {std::string(), std::string("a b"), std::string("a/b"), std::string("#"),
                           std::string(65, 'x'), std::string("\xff"), std::string("g\0g", 3)}) {
        INFO(id);
        for (const auto& call :
             std::vector<std::function<void(Client&, const std::string&, const Done&)>>{
                 [](Client&c, const auto&bad, const Done&done) {
                     c.getSignalingManager().inviteInGroup(bad, {}, {}, false, 30, done);
                 },
                 [](Client&c, const auto&bad, const Done&done) {
                     c.getSignalingManager().inviteInGroup(bad, {"bob"}, {}, InviteOptions{}, done);
                 },
                 [](Client&c, const auto&bad, const Done&done) {
                     c.getGroupManager().createGroup(bad, {}, {}, done);
                 },
                 [](Client&c, const auto&bad, const Done&done) {
                     c.getGroupManager().joinGroup(bad, done);
                 },
                 [](Client&c, const auto&bad, const Done&done) {
                     c.getGroupManager().quitGroup(bad, done);
                 },
                 [](Client&c, const auto&bad, const Done&done) {
                     c.getGroupManager().dismissGroup(bad, done);
                 },
                 [](Client&c, const auto&bad, const Done&done) {
                     c.getGroupManager().getGroupsInfo({bad}, for_each(done));
                 },
                 [](Client&c, const auto&bad, const Done&done) {
                     c.getGroupManager().setGroupInfo(bad, {}, done);
                 },
                 [](Client&c, const auto&bad, const Done&done) {
                     c.getGroupManager().getGroupMemberList(bad, without_members(done));
                 },
                 [](Client&c, const auto&bad, const Done&done) {
                     c.getGroupManager().inviteUserToGroup(bad, {"bob"}, done);
                 },
                 [](Client&c, const auto&bad, const Done&done) {
                     c.getGroupManager().kickGroupMember(bad, {"bob"}, {}, done);
                 },
                 [](Client&c, const auto&bad, const Done&done) {
                     c.getGroupManager().setGroupMemberRole(bad, "bob", Rank::admin, done);
                 },
                 [](Client&c, const auto&bad, const Done&done) {
                     c.getGroupManager().transferGroupOwner(bad, "bob", done);
                 },
                 [](Client&c, const auto&bad, const Done&done) {
                     c.sendGroupTextMessage("hello", bad, done);
                 },
                 [](Client&c, const auto&bad, const Done&done) {
                     c.sendGroupCustomMessage("hello", bad, done);
                 }}) {
            check_refused(
                result_at_client([&](Client& client, const Done& done) { call(client, id, done); }),
                "group");
        }
    }
}

TEST_CASE("a_user_that_cannot_be_is_refused_wherever_a_group_names_one") {
    for (const auto& user : {std::string(), std::string("a b"), std::string("a/b"),
                             std::string(65, 'x'), std::string("\xff"), std::string("b\0b", 3)}) {
        INFO(user);
        check_refused(result_of([&](SignalingManager& signaling, const Done& done) {
                          signaling.inviteInGroup("flat", {"bob", user}, {}, false, 30, done);
                      }),
                      "invitees");
        check_refused(result_in_groups([&](GroupManager& groups, const Done& done) {
                          groups.createGroup("flat", {}, {.memberList = {"bob", user}}, done);
                      }),
                      "members");
        check_refused(result_in_groups([&](GroupManager& groups, const Done& done) {
                          groups.inviteUserToGroup("flat", {"bob", user}, done);
                      }),
                      "members");
        check_refused(result_in_groups([&](GroupManager& groups, const Done& done) {
                          groups.kickGroupMember("flat", {"bob", user}, {}, done);
                      }),
                      "members");
        check_refused(result_in_groups([&](GroupManager& groups, const Done& done) {
                          groups.setGroupMemberRole("flat", user, Rank::admin, done);
                      }),
                      "user");
        check_refused(result_in_groups([&](GroupManager& groups, const Done& done) {
                          groups.transferGroupOwner("flat", user, done);
                      }),
                      "user");
        check_refused(result_at_client([&](Client& client, const Done& done) {
                          client.sendC2CTextMessage("hello", user, done);
                      }),
                      "peer");
        check_refused(result_at_client([&](Client& client, const Done& done) {
                          client.sendC2CCustomMessage("hello", user, done);
                      }),
                      "peer");
    }
}

TEST_CASE("nothing_is_said_of_a_group_or_in_it_that_is_no_text_or_no_word") {
    const std::string no_text = "\xff";
    const std::map<std::string, std::string> bad_key{{no_text, ""}};
    const std::map<std::string, std::string> bad_value{{"floor", no_text}};
    const auto create = [](const std::string& name, const CreateGroupOptions& options) {
        return result_in_groups([&](GroupManager& groups, const Done& done) {
            groups.createGroup("flat", name, options, done);
        });
    };
    check_refused(create(no_text, {}), "name");
    check_refused(create({}, {.joinMode = static_cast<JoinMode>(77)}), "join_mode");
    check_refused(create({}, {.profile = bad_key}), "profile");
    check_refused(create({}, {.profile = bad_value}), "profile");
    const auto change = [](const GroupChange& changed) {
        return result_in_groups([&](GroupManager& groups, const Done& done) {
            groups.setGroupInfo("flat", changed, done);
        });
    };
    check_refused(change({.groupName = no_text}), "name");
    check_refused(change({.joinMode = static_cast<JoinMode>(77)}), "join_mode");
    check_refused(change({.profile = bad_key}), "profile");
    check_refused(change({.profile = bad_value}), "profile");
    check_refused(result_in_groups([&](GroupManager& groups, const Done& done) {
                      groups.kickGroupMember("flat", {"bob"}, no_text, done);
                  }),
                  "reason");
    check_refused(result_in_groups([&](GroupManager& groups, const Done& done) {
                      groups.setGroupMemberRole("flat", "bob", static_cast<Rank>(77), done);
                  }),
                  "role");
    check_refused(result_at_client([&](Client& client, const Done& done) {
                      client.sendC2CTextMessage(no_text, "bob", done);
                  }),
                  "data");
    check_refused(result_at_client([&](Client& client, const Done& done) {
                      client.sendGroupTextMessage(no_text, "flat", done);
                  }),
                  "data");
    const auto ask = [](const InviteOptions& options) {
        return result_of([&](SignalingManager& signaling, const Done& done) {
            signaling.inviteInGroup("flat", {}, {}, options, done);
        });
    };
    check_refused(ask({.timeout = milliseconds{-1}}), "timeout_ms");
    check_refused(ask({.answer = static_cast<Answer>(77)}), "answer");
    check_refused(ask({.visibility = static_cast<Visibility>(77)}), "visibility");
}

TEST_CASE("each_of_several_groups_has_a_result_of_its_own") {
    ClientOptions options = polled("alice");
    options.whenOffline = WhenOffline::fail;
    Client client(options);
    std::vector<std::vector<GroupInfoResult>> told;
    const auto keep = [&](const std::vector<GroupInfoResult>& results) { told.push_back(results); };
    client.getGroupManager().getGroupsInfo({"flat", "a b", "class"}, keep);
    client.getGroupManager().getGroupsInfo({}, keep);
    while (client.poll() > 0) {
    }
    REQUIRE(told.size() == 2);
    const auto& several = told[0].size() == 3 ? told[0] : told[1];
    REQUIRE(told[0].size() + told[1].size() == 3);
    CHECK(several[0].error == "not_connected");
    check_refused(several[1], "group");
    CHECK(several[2].error == "not_connected");
}

TEST_CASE("a_bad_call_without_a_callback_does_nothing") {
    Client client(polled("alice"));
    SignalingManager& signaling = client.getSignalingManager();
    CHECK_FALSE(signaling.invite("a b").empty());
    signaling.inviteSeveral({});
    signaling.cancel("");
    signaling.accept("");
    signaling.reject("a b");
    signaling.modifyInvitation("#", "");
    signaling.addInvitees("", {});
    signaling.getSignalingInfo("", {});
    signaling.ringing("");
    signaling.signal("", "");
    signaling.hangup("");
    signaling.resume("");
    CHECK_FALSE(signaling.inviteInGroup("a b", {}).empty());
    GroupManager& groups = client.getGroupManager();
    groups.createGroup("");
    groups.joinGroup("#");
    groups.quitGroup("");
    groups.dismissGroup("");
    groups.getJoinedGroupList({});
    groups.getGroupsInfo({""}, {});
    groups.setGroupInfo("", {});
    groups.getGroupMemberList("", {});
    groups.inviteUserToGroup("", {});
    groups.kickGroupMember("", {});
    groups.setGroupMemberRole("", "", Rank::admin);
    groups.transferGroupOwner("", "");
    CHECK_FALSE(client.sendC2CTextMessage("x", "a b").empty());
    CHECK_FALSE(client.sendC2CCustomMessage("x", "a b").empty());
    CHECK_FALSE(client.sendGroupTextMessage("x", "a b").empty());
    CHECK_FALSE(client.sendGroupCustomMessage("x", "a b").empty());
    signaling.addSignalingListener(nullptr);
    signaling.removeSignalingListener(nullptr);
    groups.addGroupListener(nullptr);
    groups.removeGroupListener(nullptr);
    client.addSimpleMsgListener(nullptr);
    client.removeSimpleMsgListener(nullptr);
    client.addConnectionListener(nullptr);
    client.removeConnectionListener(nullptr);
    CHECK(client.poll() == 0);
}

TEST_CASE("each_invite_has_an_id_of_its_own") {
    Client client(polled("alice"));
    std::vector<std::string> ids;
    for (int i = 0; i < 100; ++i) {
        ids.push_back(client.getSignalingManager().invite("bob"));
        CHECK(ids.back().size() >= 22);  // 128 bits
    }
    std::sort(ids.begin(), ids.end());
    CHECK(std::adjacent_find(ids.begin(), ids.end()) == ids.end());
    // What is not known to the broker is not pending.
    CHECK(client.getSignalingManager().getPendingInvitations().empty());
}

// --------------------------------------------------------------------- offline

TEST_CASE("offline_with_fail_each_call_fails_at_once") {
    ClientOptions options = polled("alice");
    options.whenOffline = WhenOffline::fail;
    for (const bool connect : {false, true}) {
        Client client(options);
        if (connect) {
            client.connect();
        }
        int results = 0;
        const auto calls = each_call();
        for (const auto& call : calls) {
            call(client, [&](const Result& result) {
                ++results;
                CHECK(result.error == "not_connected");
                CHECK(result.code == 20191);
                CHECK_FALSE(result.message.empty());
            });
        }
        CHECK(results == 0);
        client.poll();
        CHECK(results == static_cast<int>(calls.size()));
    }
}

TEST_CASE("offline_with_wait_each_call_fails_when_its_time_is_over") {
    ClientOptions options = options_of("alice");
    options.requestTimeout = milliseconds{200};
    for (const bool connect : {false, true}) {
        Client client(options);
        if (connect) {
            client.connect();
        }
        Tally tally;
        const auto calls = each_call();
        const auto begun = std::chrono::steady_clock::now();
        std::atomic<int> wrong = 0;
        for (const auto& call : calls) {
            call(client, [&](const Result& result) {
                wrong += result.error != "not_connected";
                wrong += std::chrono::steady_clock::now() - begun < milliseconds{190};
                tally.add();
            });
        }
        CHECK(tally.reaches(static_cast<int>(calls.size())));
        CHECK(wrong == 0);
        CHECK(std::chrono::steady_clock::now() - begun < seconds{5});
    }
}

TEST_CASE("only_so_many_calls_may_wait") {
    ClientOptions options = polled("alice");
    options.maxWaiting = 10;
    int full = 0;
    Client client(options);
    for (int i = 0; i < 15; ++i) {
        client.getSignalingManager().accept("an-id", {}, [&](const Result& result) {
            full +=
                result.error == "too_many_waiting" && result.code == 20194 && result.limit == 10;
        });
    }
    client.poll();
    CHECK(full == 5);
}

TEST_CASE("a_ring_that_was_never_sent_is_withdrawn_by_its_cancel") {
    Client client(polled("alice"));
    SignalingManager& signaling = client.getSignalingManager();
    InviteResult invited;
    CancelResult cancelled;
    const auto id = signaling.inviteSeveral({"bob", "carol"}, {}, {},
                                            [&](const InviteResult& result) { invited = result; });
    signaling.cancel(id, {}, [&](const CancelResult& result) { cancelled = result; });
    CHECK(client.poll() == 2);
    CHECK(invited.error == "withdrawn");
    CHECK(invited.code == 20195);
    CHECK(invited.inviteID == id);
    CHECK(cancelled.ok());
    CHECK(cancelled.cancelled == std::vector<std::string>{"bob", "carol"});
}

TEST_CASE("a_broker_that_is_not_there_is_a_state_with_a_reason") {
    struct Listener : ConnectionListener {
        void onConnectionStateChanged(ConnectionState state, const std::string& why) override {
            states.push_back(state);
            if (state == ConnectionState::disconnected) {
                reason = why;
            }
        }
        std::vector<ConnectionState> states{};
        std::string reason{};
    };
    Listener listener;
    Client client(polled("alice"));
    client.addConnectionListener(&listener);
    CHECK(client.connectionState() == ConnectionState::disconnected);
    CHECK(client.poll() == 0);
    client.connect();
    while (listener.reason.empty() && client.poll(patience) > 0) {
    }
    REQUIRE(listener.states.size() >= 2);
    CHECK(listener.states[0] == ConnectionState::connecting);
    CHECK(listener.states[1] == ConnectionState::disconnected);
    CHECK_FALSE(listener.reason.empty());
}

// ----------------------------------------------------------------- destruction

TEST_CASE("what_is_sent_waits_for_no_acknowledgement") {
    LonelyBroker broker;
    ClientOptions options = options_of("bob");
    options.server = "mqtt://127.0.0.1:" + std::to_string(broker.port());
    Client client(options);
    client.connect();
    REQUIRE(broker.accepts_a_connection());
    CHECK(broker.waits_for([&] { return sends_at_once_to(broker.port()); }));
}

TEST_CASE("a_descriptor_can_be_read_while_there_is_something_to_poll") {
    Client client(polled("bob"));
    pollfd waits{client.descriptor(), POLLIN, 0};
    CHECK(::poll(&waits, 1, 0) == 0);
    int results = 0;
    client.getSignalingManager().accept("no id", {}, [&](const Result&) { ++results; });
    CHECK(::poll(&waits, 1, 0) == 1);
    client.poll();
    CHECK(results == 1);
    CHECK(::poll(&waits, 1, 0) == 0);
    CHECK(Client(options_of("carol")).descriptor() == -1);
}

TEST_CASE("a_thousand_waiting_calls_are_closed_before_the_destructor_returns") {
    for (const auto delivery : {Delivery::thread, Delivery::poll}) {
        ClientOptions options = options_of("alice");
        options.delivery = delivery;
        std::atomic<int> closed = 0;
        {
            Client client(options);
            for (int i = 0; i < 1000; ++i) {
                client.getSignalingManager().accept("an-id", {}, [&](const Result& result) {
                    closed += result.error == "closed" && result.code == 20193;
                });
            }
        }
        CHECK(closed == 1000);
    }
}

TEST_CASE("what_a_callback_holds_is_let_go") {
    const auto held = std::make_shared<int>(0);
    {
        Client client(options_of("alice"));
        for (int i = 0; i < 10; ++i) {
            client.getSignalingManager().accept("an-id", {}, [held](const Result&) {});
            client.getSignalingManager().accept("", {}, [held](const Result&) {});
        }
    }
    CHECK(held.use_count() == 1);
}

TEST_CASE("each_call_is_closed_once_and_what_it_holds_is_let_go") {
    for (const auto delivery : {Delivery::thread, Delivery::poll}) {
        ClientOptions options = options_of("alice");
        options.delivery = delivery;
        const auto calls = each_call();
        std::atomic<int> closed = 0;
        const auto held = std::make_shared<int>(0);
        {
            Client client(options);
            for (const auto& call : calls) {
                call(client, [&closed, held](const Result& result) {
                    closed += result.error == "closed" && result.code == 20193;
                });
            }
        }
        CHECK(closed == static_cast<int>(calls.size()));
        CHECK(held.use_count() == 1);
    }
}

TEST_CASE("a_callback_may_call_the_client_that_is_being_destroyed") {
    for (const auto delivery : {Delivery::thread, Delivery::poll}) {
        ClientOptions options = options_of("alice");
        options.delivery = delivery;
        std::atomic<int> first = 0;
        std::atomic<int> second = 0;
        {
            Client client(options);
            for (int i = 0; i < 10; ++i) {
                client.getSignalingManager().accept("an-id", {}, [&](const Result&) {
                    ++first;
                    client.connect();
                    client.poll();
                    client.getSignalingManager().getPendingInvitations();
                    client.getSignalingManager().ringing(
                        "an-id", [&](const Result& result) { second += result.error == "closed"; });
                });
            }
        }
        CHECK(first == 10);
        CHECK(second == 10);
    }
}

TEST_CASE("a_callback_may_destroy_its_client") {
    for (const auto delivery : {Delivery::thread, Delivery::poll}) {
        ClientOptions options = options_of("alice");
        options.delivery = delivery;
        auto client = std::make_unique<Client>(options);
        Client& alias = *client;
        Tally tally;
        std::atomic<int> closed = 0;
        std::atomic<bool> gone = false;
        for (int i = 0; i < 100; ++i) {
            alias.getSignalingManager().accept("an-id", {}, [&](const Result& result) {
                closed += result.error == "closed" && !gone;
                tally.add();
            });
        }
        Tally destroyed;
        alias.getSignalingManager().accept("", {}, [&](const Result&) {
            client.reset();
            gone = true;
            destroyed.add();
        });
        alias.poll(patience);
        REQUIRE(destroyed.reaches(1));
        CHECK(closed == 100);
        CHECK(tally.count() == 100);
    }
}

TEST_CASE("clients_come_and_go_a_thousand_times") {
    for (int i = 0; i < 1000; ++i) {
        Client client(options_of("alice"));
        client.getSignalingManager().invite("bob");
    }
}

TEST_CASE("clients_that_connect_come_and_go") {
    for (int i = 0; i < 30; ++i) {
        std::vector<std::unique_ptr<Client>> clients;
        for (int j = 0; j < 5; ++j) {
            clients.push_back(std::make_unique<Client>(options_of("alice")));
            clients.back()->connect();
        }
        clients.front()->getSignalingManager().invite("bob");
    }
}

// --------------------------------------------------------------------- threads

TEST_CASE("any_thread_may_call_anything") {
    struct Listener : SignalingListener, GroupListener, SimpleMsgListener, ConnectionListener {
        void onConnectionStateChanged(ConnectionState /*state*/,
                                      const std::string& /*why*/) override {
            ++*calls;
        }
        explicit Listener(std::atomic<int>& count) : calls(&count) {}
        std::atomic<int>* calls;
    };
    for (const auto delivery : {Delivery::thread, Delivery::poll}) {
        ClientOptions options = options_of("alice");
        options.delivery = delivery;
        options.requestTimeout = milliseconds{5};
        options.maxWaiting = 100;
        Client client(options);
        client.connect();
        constexpr int rounds = 300;
        constexpr int callers = 3;
        std::atomic<int> states = 0;
        Tally results;
        std::atomic<bool> done = false;
        std::vector<std::thread> threads;
        for (int caller = 0; caller < callers; ++caller) {
            threads.emplace_back([&] {
                for (int round = 0; round < rounds; ++round) {
                    for (const auto& call : each_call()) {
                        call(client, [&](const Result&) { results.add(); });
                    }
                    client.getSignalingManager().getPendingInvitations();
                    static_cast<void>(client.connectionState());
                    client.connect();
                }
            });
        }
        threads.emplace_back([&] {
            while (!done) {
                // They are gone right after they were removed: nothing may call them then.
                const auto listener = std::make_unique<Listener>(states);
                client.addConnectionListener(listener.get());
                client.getSignalingManager().addSignalingListener(listener.get());
                client.getGroupManager().addGroupListener(listener.get());
                client.addSimpleMsgListener(listener.get());
                std::this_thread::yield();
                client.removeSimpleMsgListener(listener.get());
                client.getGroupManager().removeGroupListener(listener.get());
                client.getSignalingManager().removeSignalingListener(listener.get());
                client.removeConnectionListener(listener.get());
            }
        });
        if (delivery == Delivery::poll) {
            threads.emplace_back([&] {
                while (!done) {
                    client.poll(milliseconds{1});
                }
            });
        }
        CHECK(results.reaches(callers * rounds * static_cast<int>(each_call().size())));
        done = true;
        for (auto& thread : threads) {
            thread.join();
        }
        CHECK(results.count() == callers * rounds * static_cast<int>(each_call().size()));
    }
}

TEST_CASE("poll_wakes_for_a_call_of_another_thread") {
    Client client(polled("alice"));
    std::thread other([&] { client.getSignalingManager().accept("", {}, [](const Result&) {}); });
    const auto begun = std::chrono::steady_clock::now();
    CHECK(client.poll(patience) == 1);
    CHECK(std::chrono::steady_clock::now() - begun < patience);
    other.join();
}

TEST_CASE("poll_in_a_call_that_comes_from_poll_does_nothing") {
    Client client(polled("alice"));
    std::vector<std::size_t> inner;
    for (int i = 0; i < 3; ++i) {
        client.getSignalingManager().accept(
            "", {}, [&](const Result&) { inner.push_back(client.poll(patience)); });
    }
    CHECK(client.poll() == 3);
    CHECK(inner == std::vector<std::size_t>{0, 0, 0});
}
