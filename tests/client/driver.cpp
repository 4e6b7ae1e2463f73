// SPDX-License-Identifier: Apache-2.0
//
// The library, driven by JSON lines on stdin; what it says and returns comes as JSON lines on
// stdout. tests/system/harness.py (class Driver) speaks with it.
//
//   {"do":"new","client":"a","options":{"userID":"alice",…}}     one client of several; "poll":true
//                                                                has the main thread poll it
//   {"do":"invite","client":"a","invitee":"bob","call":"c1"}     → {"did":"invite","inviteID":…}
//                                                                → {"result":"c1","code":0,…}
//   {"do":"inviteInGroupWith",…}                                 inviteInGroup, with InviteOptions
//   {"do":"on","client":"a","event":"onReceiveNewInvitation","actions":[{"do":"accept",…}]}
//
// Each line that a listener or a callback prints tells its "thread" (0: the main one), the driver's
// own call that it came from "within", if any, and whether it was "nested" in another call to a
// listener or came at the same time as one ("overlap").
//
// Commands run one after the other on the main thread; with "thread":"t1" on that thread. "on" and
// a call's "then" hold commands that run inside the listener's call or the callback; the text "$id"
// in them stands for the invitation's id. "block" waits until "open" names the same gate.
#include <atomic>
#include <beckon/beckon.hpp>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <deque>
#include <exception>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using nlohmann::json;

namespace {

// ------------------------------------------------------------------- printing

const auto started = std::chrono::steady_clock::now();

int thread_number() {
    static std::atomic<int> next{0};
    thread_local const int number = next++;
    return number;
}

/// The calls of the library that this thread is in, the innermost last.
thread_local std::vector<std::string> calls_of_this_thread;

struct InCall {
    explicit InCall(const std::string& verb) { calls_of_this_thread.push_back(verb); }
    InCall(const InCall&) = delete;
    InCall& operator=(const InCall&) = delete;
    ~InCall() { calls_of_this_thread.pop_back(); }
};

void print(json line) {
    static std::mutex one_at_a_time;
    const std::lock_guard lock(one_at_a_time);
    line["t"] = std::chrono::duration_cast<std::chrono::milliseconds>(
                    std::chrono::steady_clock::now() - started)
                    .count();
    const std::string text = line.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
}

// ------------------------------------------------------------ words and values

bool is_utf8(const std::string& text) {
    try {
        static_cast<void>(json(text).dump());
        return true;
    } catch (const json::exception&) {
        return false;
    }
}

void put_hex(json& line, const std::string& data) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string hex;
    for (const char byte : data) {
        const auto value = static_cast<unsigned char>(byte);
        hex += digits[value >> 4U];
        hex += digits[value & 15U];
    }
    line["data_hex"] = hex;
}

/// Text as `data`, anything else as `data_hex`.
void put_data(json& line, const std::string& data) {
    if (is_utf8(data)) {
        line["data"] = data;
    } else {
        put_hex(line, data);
    }
}

std::string data_of(const json& command) {
    if (!command.contains("data_hex")) {
        return command.value("data", "");
    }
    const auto hex = command["data_hex"].get<std::string>();
    std::string data;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
        data += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
    }
    return data;
}

const char* word(beckon::ConnectionState state) {
    switch (state) {
        case beckon::ConnectionState::disconnected:
            return "disconnected";
        case beckon::ConnectionState::connecting:
            return "connecting";
        case beckon::ConnectionState::connected:
            return "connected";
        case beckon::ConnectionState::noBeckon:
            return "noBeckon";
        case beckon::ConnectionState::kickedOffline:
            return "kickedOffline";
    }
    return "?";
}

const char* word(beckon::State state) {
    switch (state) {
        case beckon::State::pending:
            return "pending";
        case beckon::State::accepted:
            return "accepted";
        case beckon::State::rejected:
            return "rejected";
        case beckon::State::cancelled:
            return "cancelled";
        case beckon::State::timed_out:
            return "timed_out";
        case beckon::State::revoked:
            return "revoked";
    }
    return "?";
}

const char* word(beckon::Role role) {
    switch (role) {
        case beckon::Role::inviter:
            return "inviter";
        case beckon::Role::invitee:
            return "invitee";
        case beckon::Role::observer:
            return "observer";
    }
    return "?";
}

const char* word(beckon::Rank rank) {
    switch (rank) {
        case beckon::Rank::member:
            return "member";
        case beckon::Rank::admin:
            return "admin";
        case beckon::Rank::owner:
            return "owner";
    }
    return "?";
}

beckon::Rank rank_from(const std::string& text) {
    return text == "owner"   ? beckon::Rank::owner
           : text == "admin" ? beckon::Rank::admin
                             : beckon::Rank::member;
}

const char* word(beckon::JoinMode mode) {
    return mode == beckon::JoinMode::closed ? "closed" : "free";
}

beckon::JoinMode join_mode_from(const std::string& text) {
    return text == "closed" ? beckon::JoinMode::closed : beckon::JoinMode::free;
}

const char* word(beckon::SignalingEventType type) {
    switch (type) {
        case beckon::SignalingEventType::newInvitation:
            return "newInvitation";
        case beckon::SignalingEventType::inviteeAccepted:
            return "inviteeAccepted";
        case beckon::SignalingEventType::inviteeRejected:
            return "inviteeRejected";
        case beckon::SignalingEventType::invitationCancelled:
            return "invitationCancelled";
        case beckon::SignalingEventType::invitationTimeout:
            return "invitationTimeout";
        case beckon::SignalingEventType::invitationModified:
            return "invitationModified";
        case beckon::SignalingEventType::inviteeRinging:
            return "inviteeRinging";
        case beckon::SignalingEventType::invitationRevoked:
            return "invitationRevoked";
        case beckon::SignalingEventType::signal:
            return "signal";
        case beckon::SignalingEventType::participantJoined:
            return "participantJoined";
        case beckon::SignalingEventType::participantLeft:
            return "participantLeft";
        case beckon::SignalingEventType::participantMoved:
            return "participantMoved";
        case beckon::SignalingEventType::callEnded:
            return "callEnded";
    }
    return "?";
}

json described(const beckon::SignalingInfo& info) {
    json told{{"inviteID", info.inviteID},
              {"inviter", info.inviter},
              {"groupID", info.groupID},
              {"inviteeList", info.inviteeList},
              {"onlineUserOnly", info.onlineUserOnly},
              {"role", word(info.role)},
              {"open", info.open},
              {"answer", info.answer == beckon::Answer::first ? "first" : "all"},
              {"visibility", info.visibility == beckon::Visibility::inviter    ? "inviter"
                             : info.visibility == beckon::Visibility::invitees ? "invitees"
                                                                               : "members"},
              {"invitees", json::array()}};
    if (info.call) {
        told["call"] = true;
        told["participants"] = info.participants;
        told["callDuration"] = info.callDuration.count();
    }
    put_data(told, info.data);
    if (info.remaining) {
        told["remaining"] = info.remaining->count();
    }
    for (const auto& invitee : info.invitees) {
        json one{{"user", invitee.user},
                 {"state", word(invitee.state)},
                 {"ringing", invitee.ringing},
                 {"device", invitee.device},
                 {"reason", invitee.reason}};
        put_data(one, invitee.data);
        told["invitees"].push_back(std::move(one));
    }
    return told;
}

json described(const beckon::GroupDescription& group) {
    return {{"groupID", group.groupID},         {"groupName", group.groupName},
            {"joinMode", word(group.joinMode)}, {"memberCount", group.memberCount},
            {"role", word(group.role)},         {"owner", group.owner},
            {"profile", group.profile}};
}

/// What has changed, without what has not.
json described(const beckon::GroupChange& change) {
    json told = json::object();
    if (change.groupName) {
        told["groupName"] = *change.groupName;
    }
    if (change.joinMode) {
        told["joinMode"] = word(*change.joinMode);
    }
    if (change.profile) {
        told["profile"] = *change.profile;
    }
    if (change.owner) {
        told["owner"] = *change.owner;
    }
    return told;
}

/// user → error
json described(const std::vector<beckon::LeftOut>& skipped) {
    json told = json::object();
    for (const auto& one : skipped) {
        told[one.user] = one.error;
    }
    return told;
}

json described(const beckon::Result& result) {
    json told{{"ok", result.ok()},           {"code", result.code},   {"error", result.error},
              {"message", result.message},   {"field", result.field}, {"by", result.by},
              {"byDevice", result.byDevice}, {"more", json::object()}};
    if (result.limit) {
        told["limit"] = *result.limit;
    }
    return told;
}

beckon::ClientOptions options_from(const json& given) {
    beckon::ClientOptions options;
    for (const auto& [name, value] : given.items()) {
        const auto milliseconds = [&number = value] {
            return std::chrono::milliseconds{number.get<std::int64_t>()};
        };
        const auto seconds = [&number = value] {
            return std::chrono::seconds{number.get<std::int64_t>()};
        };
        if (name == "server") {
            options.server = value;
        } else if (name == "userID") {
            options.userID = value;
        } else if (name == "password") {
            options.password = value;
        } else if (name == "clientID") {
            options.clientID = value;
        } else if (name == "caFile") {
            options.tls.caFile = value;
        } else if (name == "certFile") {
            options.tls.certFile = value;
        } else if (name == "keyFile") {
            options.tls.keyFile = value;
        } else if (name == "keyPassword") {
            options.tls.keyPassword = value;
        } else if (name == "verify") {
            options.tls.verify = value;
        } else if (name == "delivery") {
            options.delivery = value == "poll" ? beckon::Delivery::poll : beckon::Delivery::thread;
        } else if (name == "whenOffline") {
            options.whenOffline =
                value == "fail" ? beckon::WhenOffline::fail : beckon::WhenOffline::wait;
        } else if (name == "requestTimeout") {
            options.requestTimeout = milliseconds();
        } else if (name == "maxWaiting") {
            options.maxWaiting = value;
        } else if (name == "keepAlive") {
            options.keepAlive = seconds();
        } else if (name == "sessionExpiry") {
            options.sessionExpiry = seconds();
        } else if (name == "reconnectMin") {
            options.reconnectMin = milliseconds();
        } else if (name == "reconnectMax") {
            options.reconnectMax = milliseconds();
        } else if (name == "topicRoot") {
            options.topicRoot = value;
        } else {
            throw std::logic_error("no such option: " + name);
        }
    }
    return options;
}

beckon::InviteOptions invite_options_from(const json& given) {
    beckon::InviteOptions options;
    options.timeout = std::chrono::milliseconds{
        given.value("timeout", static_cast<std::int64_t>(options.timeout.count()))};
    options.onlineUserOnly = given.value("onlineUserOnly", false);
    options.answer =
        given.value("answer", "all") == "first" ? beckon::Answer::first : beckon::Answer::all;
    if (given.contains("visibility")) {
        options.visibility = given["visibility"] == "inviter"    ? beckon::Visibility::inviter
                             : given["visibility"] == "invitees" ? beckon::Visibility::invitees
                                                                 : beckon::Visibility::members;
    }
    options.keepWhenInviterLost = given.value("keepWhenInviterLost", false);
    options.call = given.value("isCall", false);
    options.replace = given.value("replace", false);
    return options;
}

beckon::CreateGroupOptions create_options_from(const json& given) {
    beckon::CreateGroupOptions options;
    options.joinMode = join_mode_from(given.value("joinMode", "free"));
    options.memberList = given.value("memberList", options.memberList);
    options.profile = given.value("profile", options.profile);
    return options;
}

beckon::GroupChange change_from(const json& given) {
    beckon::GroupChange change;
    if (given.contains("groupName")) {
        change.groupName = given["groupName"].get<std::string>();
    }
    if (given.contains("joinMode")) {
        change.joinMode = join_mode_from(given["joinMode"]);
    }
    if (given.contains("profile")) {
        change.profile = given["profile"].get<std::map<std::string, std::string>>();
    }
    return change;
}

/// The commands with the id of the invitation that they react to.
json with_id(const json& actions, const std::string& id) {
    json filled = actions;
    for (auto& action : filled) {
        for (auto& [name, value] : action.items()) {
            if (value == "$id") {
                value = id;
            }
        }
    }
    return filled;
}

// -------------------------------------------------------------------- calls in

/// Watches that the calls to one client's listeners and callbacks come one at a time.
class Traffic {
  public:
    /// One such call; it may outlive the client and its listeners.
    class Call {
      public:
        Call(std::shared_ptr<Traffic> traffic, json& line) : traffic_(std::move(traffic)) {
            const int here = thread_number();
            line["thread"] = here;
            if (!calls_of_this_thread.empty()) {
                line["within"] = calls_of_this_thread.back();
            }
            const std::lock_guard lock(traffic_->mutex_);
            if (traffic_->inside_.contains(here)) {
                line["nested"] = true;
            } else if (!traffic_->inside_.empty()) {
                line["overlap"] = true;
            }
            traffic_->inside_.insert(here);
        }
        Call(const Call&) = delete;
        Call& operator=(const Call&) = delete;
        ~Call() {
            const std::lock_guard lock(traffic_->mutex_);
            traffic_->inside_.erase(traffic_->inside_.find(thread_number()));
            traffic_->changed_.notify_all();
        }

      private:
        const std::shared_ptr<Traffic> traffic_;
    };

    /// Whether this thread is in one.
    bool inside() {
        const std::lock_guard lock(mutex_);
        return inside_.contains(thread_number());
    }
    void wait_until_over() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return inside_.empty(); });
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::multiset<int> inside_;
};

class Driver;

/// What a listener does beside printing.
class Reactions {
  public:
    void add(const std::string& event, const json& actions, int times) {
        const std::lock_guard lock(mutex_);
        reactions_.push_back({event, actions, times});
    }
    json take(const std::string& event) {
        const std::lock_guard lock(mutex_);
        for (auto& reaction : reactions_) {
            if (reaction.event == event && reaction.times != 0) {
                --reaction.times;
                return reaction.actions;
            }
        }
        return json::array();
    }

  private:
    struct Reaction {
        std::string event;
        json actions;
        int times = -1;
    };
    std::mutex mutex_;
    std::vector<Reaction> reactions_;
};

class Listener : public beckon::SignalingListener,
                 public beckon::GroupListener,
                 public beckon::SimpleMsgListener,
                 public beckon::ConnectionListener {
  public:
    Listener(Driver& driver, std::string client, std::string name, std::shared_ptr<Traffic> traffic)
        : driver_(driver),
          client_(std::move(client)),
          name_(std::move(name)),
          traffic_(std::move(traffic)) {}

    Reactions& reactions() { return reactions_; }

    void onReceiveNewInvitation(const std::string& inviteID, const std::string& inviter,
                                const std::string& groupID,
                                const std::vector<std::string>& inviteeList,
                                const std::string& data) override {
        json line{{"inviteID", inviteID},
                  {"inviter", inviter},
                  {"groupID", groupID},
                  {"inviteeList", inviteeList}};
        put_data(line, data);
        told("onReceiveNewInvitation", line);
    }
    void onInviteeAccepted(const std::string& inviteID, const std::string& invitee,
                           const std::string& data) override {
        answered("onInviteeAccepted", inviteID, invitee, data);
    }
    void onInviteeRejected(const std::string& inviteID, const std::string& invitee,
                           const std::string& data) override {
        answered("onInviteeRejected", inviteID, invitee, data);
    }
    void onInvitationCancelled(const std::string& inviteID, const std::string& inviter,
                               const std::string& data) override {
        json line{{"inviteID", inviteID}, {"inviter", inviter}};
        put_data(line, data);
        told("onInvitationCancelled", line);
    }
    void onInvitationTimeout(const std::string& inviteID,
                             const std::vector<std::string>& inviteeList) override {
        told("onInvitationTimeout", {{"inviteID", inviteID}, {"inviteeList", inviteeList}});
    }
    void onInvitationModified(const std::string& inviteID, const std::string& data) override {
        json line{{"inviteID", inviteID}};
        put_data(line, data);
        told("onInvitationModified", line);
    }
    void onInvitationEnded(const beckon::InvitationEnd& end) override {
        json line{{"inviteID", end.inviteID}, {"state", nullptr}, {"here", end.here},
                  {"reason", end.reason},     {"by", end.by},     {"byDevice", end.byDevice},
                  {"assumed", end.assumed}};
        if (end.state) {
            line["state"] = word(*end.state);
        }
        told("onInvitationEnded", line);
    }
    void onInviteeRinging(const std::string& inviteID, const std::string& invitee) override {
        told("onInviteeRinging", {{"inviteID", inviteID}, {"invitee", invitee}});
    }
    void onRejectedAsBusy(const std::string& inviteID, const std::string& inviter,
                          const std::string& groupID, const std::string& data) override {
        json line{{"inviteID", inviteID}, {"inviter", inviter}, {"groupID", groupID}};
        put_data(line, data);
        told("onRejectedAsBusy", line);
    }
    void onSignal(const std::string& inviteID, const std::string& from,
                  const std::string& data) override {
        json line{{"inviteID", inviteID}, {"from", from}};
        put_data(line, data);
        told("onSignal", line);
    }
    void onParticipantLeft(const std::string& inviteID, const std::string& user,
                           const std::string& reason, const std::string& data) override {
        json line{{"inviteID", inviteID}, {"user", user}, {"reason", reason}};
        put_data(line, data);
        told("onParticipantLeft", line);
    }
    void onParticipantJoined(const std::string& inviteID, const std::string& user,
                             const std::string& data) override {
        told("onParticipantJoined", {{"inviteID", inviteID}, {"user", user}, {"data", data}});
    }
    void onParticipantMoved(const std::string& inviteID, const std::string& user) override {
        told("onParticipantMoved", {{"inviteID", inviteID}, {"user", user}});
    }
    void onCallEnded(const std::string& inviteID, const std::string& reason,
                     std::chrono::milliseconds duration, const std::string& data) override {
        json line{{"inviteID", inviteID}, {"reason", reason}, {"duration", duration.count()}};
        put_data(line, data);
        told("onCallEnded", line);
    }
    void onSignalingEvent(const beckon::SignalingEvent& event) override {
        json line{
            {"type", word(event.type)}, {"inviteID", event.inviteID}, {"groupID", event.groupID},
            {"role", word(event.role)}, {"invitees", event.invitees}, {"reason", event.reason},
            {"by", event.by},           {"byDevice", event.byDevice}, {"assumed", event.assumed}};
        put_data(line, event.data);
        if (event.remaining) {
            line["remaining"] = event.remaining->count();
        }
        told("onSignalingEvent", line);
    }
    void onGroupCreated(const std::string& groupID) override {
        told("onGroupCreated", {{"groupID", groupID}});
    }
    void onMemberEnter(const std::string& groupID,
                       const std::vector<std::string>& memberList) override {
        told("onMemberEnter", {{"groupID", groupID}, {"memberList", memberList}});
    }
    void onMemberLeave(const std::string& groupID, const std::string& member) override {
        told("onMemberLeave", {{"groupID", groupID}, {"member", member}});
    }
    void onMemberInvited(const std::string& groupID, const std::string& opUser,
                         const std::vector<std::string>& memberList) override {
        operated("onMemberInvited", groupID, opUser, memberList);
    }
    void onMemberKicked(const std::string& groupID, const std::string& opUser,
                        const std::vector<std::string>& memberList) override {
        operated("onMemberKicked", groupID, opUser, memberList);
    }
    void onGroupDismissed(const std::string& groupID, const std::string& opUser) override {
        told("onGroupDismissed", {{"groupID", groupID}, {"opUser", opUser}});
    }
    void onGroupInfoChanged(const std::string& groupID,
                            const beckon::GroupChange& change) override {
        told("onGroupInfoChanged", {{"groupID", groupID}, {"change", described(change)}});
    }
    void onGrantAdministrator(const std::string& groupID, const std::string& opUser,
                              const std::vector<std::string>& memberList) override {
        operated("onGrantAdministrator", groupID, opUser, memberList);
    }
    void onRevokeAdministrator(const std::string& groupID, const std::string& opUser,
                               const std::vector<std::string>& memberList) override {
        operated("onRevokeAdministrator", groupID, opUser, memberList);
    }
    void onRecvC2CTextMessage(const std::string& msgID, const std::string& sender,
                              const std::string& text) override {
        told("onRecvC2CTextMessage", {{"msgID", msgID}, {"sender", sender}, {"data", text}});
    }
    void onRecvC2CCustomMessage(const std::string& msgID, const std::string& sender,
                                const std::string& customData) override {
        json line{{"msgID", msgID}, {"sender", sender}};
        put_hex(line, customData);
        told("onRecvC2CCustomMessage", line);
    }
    void onRecvGroupTextMessage(const std::string& msgID, const std::string& groupID,
                                const std::string& sender, const std::string& text) override {
        told("onRecvGroupTextMessage",
             {{"msgID", msgID}, {"groupID", groupID}, {"sender", sender}, {"data", text}});
    }
    void onRecvGroupCustomMessage(const std::string& msgID, const std::string& groupID,
                                  const std::string& sender,
                                  const std::string& customData) override {
        json line{{"msgID", msgID}, {"groupID", groupID}, {"sender", sender}};
        put_hex(line, customData);
        told("onRecvGroupCustomMessage", line);
    }
    void onConnectionStateChanged(beckon::ConnectionState state, const std::string& why) override {
        told("onConnectionStateChanged", {{"state", word(state)}, {"why", why}});
    }

  private:
    void answered(const char* event, const std::string& inviteID, const std::string& invitee,
                  const std::string& data) {
        json line{{"inviteID", inviteID}, {"invitee", invitee}};
        put_data(line, data);
        told(event, line);
    }
    void operated(const char* event, const std::string& groupID, const std::string& opUser,
                  const std::vector<std::string>& memberList) {
        told(event, {{"groupID", groupID}, {"opUser", opUser}, {"memberList", memberList}});
    }
    void told(const std::string& event, json line);

    Driver& driver_;
    const std::string client_;
    const std::string name_;
    const std::shared_ptr<Traffic> traffic_;
    Reactions reactions_;
};

// ------------------------------------------------------------------ the driver

/// Commands for one thread.
class Queue {
  public:
    void push(json command) {
        const std::lock_guard lock(mutex_);
        commands_.push_back(std::move(command));
        changed_.notify_all();
    }
    void end() {
        const std::lock_guard lock(mutex_);
        ended_ = true;
        changed_.notify_all();
    }
    /// Nothing: none came in time, or (then `ended()`) none will come.
    std::optional<json> pop(std::optional<std::chrono::milliseconds> wait) {
        std::unique_lock lock(mutex_);
        const auto ready = [this] { return ended_ || !commands_.empty(); };
        if (wait) {
            changed_.wait_for(lock, *wait, ready);
        } else {
            changed_.wait(lock, ready);
        }
        if (commands_.empty()) {
            return std::nullopt;
        }
        std::optional<json> command(std::in_place, std::move(commands_.front()));
        commands_.pop_front();
        return command;
    }
    bool ended() {
        const std::lock_guard lock(mutex_);
        return ended_ && commands_.empty();
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<json> commands_;
    bool ended_ = false;
};

class Driver {
  public:
    void run() {
        std::thread reader([this] { read(); });
        while (!main_.ended()) {
            // A client that is polled may be destroyed by what it calls.
            const std::vector<std::string> polled = clients_to_poll();
            for (const auto& name : polled) {
                if (beckon::Client* const client = find(name); client != nullptr) {
                    const InCall call("poll");
                    client->poll(std::chrono::milliseconds{2});
                }
            }
            using Wait = std::optional<std::chrono::milliseconds>;
            const Wait wait = polled.empty() ? Wait{} : std::chrono::milliseconds{0};
            if (const auto command = main_.pop(wait)) {
                perform(*command);
            }
        }
        reader.join();
        for (auto& [name, worker] : workers_) {
            worker->queue.end();
            worker->thread.join();
        }
        while (const auto name = any_client()) {
            destroy(*name);
        }
        std::unique_lock lock(mutex_);
        const auto kept = std::exchange(kept_, {});
        lock.unlock();
        for (const auto& [traffic, listeners] : kept) {
            traffic->wait_until_over();
        }
        print({{"did", "end"}});
    }

    void perform_all(const json& actions) {
        for (const auto& action : actions) {
            perform(action);
        }
    }

    void perform(const json& command) {
        const auto verb = command.at("do").get<std::string>();
        try {
            if (!perform_plain(verb, command)) {
                perform_call(verb, command);
            }
        } catch (const std::exception& error) {
            print({{"did", verb},
                   {"client", command.value("client", "")},
                   {"call", command.value("call", "")},
                   {"failed", error.what()}});
        }
    }

  private:
    struct Slot {
        std::unique_ptr<beckon::Client> client;
        std::shared_ptr<Traffic> traffic;
        std::map<std::string, std::unique_ptr<Listener>> listeners;
        bool polled = false;
    };
    struct Worker {
        Queue queue;
        std::thread thread;
    };

    void read() {
        std::string text;
        while (std::getline(std::cin, text)) {
            json command = json::parse(text);
            if (command.contains("thread")) {
                worker(command["thread"]).queue.push(std::move(command));
            } else if (command["do"] == "open") {
                open(command["gate"]);
            } else {
                main_.push(std::move(command));
            }
        }
        {
            const std::lock_guard lock(gates_mutex_);
            all_open_ = true;
            gates_changed_.notify_all();
        }
        main_.end();
    }

    Worker& worker(const std::string& name) {
        auto& place = workers_[name];
        if (place == nullptr) {
            place = std::make_unique<Worker>();
            place->thread = std::thread([this, &queue = place->queue] {
                while (const auto command = queue.pop(std::nullopt)) {
                    perform(*command);
                }
            });
        }
        return *place;
    }

    // Clients

    std::vector<std::string> clients_to_poll() {
        const std::lock_guard lock(mutex_);
        std::vector<std::string> names;
        for (const auto& [name, slot] : clients_) {
            if (slot.polled) {
                names.push_back(name);
            }
        }
        return names;
    }

    std::optional<std::string> any_client() {
        const std::lock_guard lock(mutex_);
        return clients_.empty() ? std::nullopt : std::optional(clients_.begin()->first);
    }

    beckon::Client* find(const std::string& name) {
        const std::lock_guard lock(mutex_);
        const auto found = clients_.find(name);
        return found == clients_.end() ? nullptr : found->second.client.get();
    }

    beckon::Client& client(const std::string& name) {
        beckon::Client* const found = find(name);
        if (found == nullptr) {
            throw std::runtime_error("no such client: " + name);
        }
        return *found;
    }

    void create(const json& command) {
        const auto name = command.at("client").get<std::string>();
        json line{{"did", "new"}, {"client", name}};
        try {
            Slot slot;
            slot.client = std::make_unique<beckon::Client>(options_from(command["options"]));
            slot.traffic = std::make_shared<Traffic>();
            slot.polled = command.value("poll", false);
            beckon::Client& made = *slot.client;
            {
                const std::lock_guard lock(mutex_);
                clients_.insert_or_assign(name, std::move(slot));
            }
            Listener& listener = this->listener(name, "main");
            made.addConnectionListener(&listener);
            made.getSignalingManager().addSignalingListener(&listener);
            made.getGroupManager().addGroupListener(&listener);
            made.addSimpleMsgListener(&listener);
            line["userID"] = made.userID();
        } catch (const std::invalid_argument& error) {
            line["threw"] = error.what();
        }
        print(line);
    }

    /// The one of this name, made when there is none.
    Listener& listener(const std::string& client_name, const std::string& name) {
        const std::lock_guard lock(mutex_);
        Slot& slot = clients_.at(client_name);
        auto& place = slot.listeners[name];
        if (place == nullptr) {
            place = std::make_unique<Listener>(*this, client_name, name, slot.traffic);
        }
        return *place;
    }

    void destroy(const std::string& name) {
        Slot gone;
        {
            const std::lock_guard lock(mutex_);
            const auto found = clients_.find(name);
            if (found == clients_.end()) {
                throw std::runtime_error("no such client: " + name);
            }
            gone = std::move(found->second);
            clients_.erase(found);
            // Whoever is called after the destruction shall not be there, but this may be its own
            // call.
            if (gone.traffic->inside()) {
                kept_.emplace_back(gone.traffic, std::move(gone.listeners));
            }
        }
        {
            const InCall call("destroy");
            gone.client.reset();
        }
        print({{"did", "destroy"}, {"client", name}, {"thread", thread_number()}});
    }

    // Gates

    void open(const std::string& gate) {
        const std::lock_guard lock(gates_mutex_);
        open_gates_.insert(gate);
        gates_changed_.notify_all();
    }

    void wait_at(const std::string& gate) {
        print({{"did", "block"}, {"gate", gate}, {"thread", thread_number()}});
        std::unique_lock lock(gates_mutex_);
        gates_changed_.wait(lock, [&] { return all_open_ || open_gates_.contains(gate); });
    }

    // Commands

    /// Those that have no result; false: another.
    bool perform_plain(const std::string& verb, const json& command) {
        const auto name = command.value("client", "");
        const auto say_done = [&](json more = json::object()) {
            more["did"] = verb;
            more["client"] = name;
            more["thread"] = thread_number();
            if (command.contains("call")) {
                more["call"] = command["call"];
            }
            print(std::move(more));
        };
        if (verb == "new") {
            create(command);
        } else if (verb == "destroy") {
            destroy(name);
        } else if (verb == "block") {
            wait_at(command.at("gate"));
        } else if (verb == "open") {
            open(command.at("gate"));
        } else if (verb == "mark") {
            say_done();
        } else if (verb == "on") {
            listener(name, command.value("listener", "main"))
                .reactions()
                .add(command.at("event"), command.at("actions"), command.value("times", 1));
            say_done();
        } else if (verb == "connect") {
            const InCall call(verb);
            client(name).connect();
            say_done();
        } else if (verb == "state") {
            say_done({{"state", word(client(name).connectionState())}});
        } else if (verb == "pending") {
            json list = json::array();
            for (const auto& info : client(name).getSignalingManager().getPendingInvitations()) {
                list.push_back(described(info));
            }
            say_done({{"pending", std::move(list)}});
        } else if (verb == "poll") {
            const InCall call(verb);
            const auto before = std::chrono::steady_clock::now();
            const std::size_t count =
                client(name).poll(std::chrono::milliseconds{command.value("wait", 0)});
            const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
                std::chrono::steady_clock::now() - before);
            say_done({{"count", count}, {"took", took.count()}});
        } else if (verb == "addListener") {
            Listener& added = listener(name, command.at("listener"));
            const auto kind = command.value("kind", "signaling");
            if (kind == "connection") {
                client(name).addConnectionListener(&added);
            } else if (kind == "group") {
                client(name).getGroupManager().addGroupListener(&added);
            } else if (kind == "message") {
                client(name).addSimpleMsgListener(&added);
            } else {
                client(name).getSignalingManager().addSignalingListener(&added);
            }
            say_done();
        } else if (verb == "removeListener") {
            remove(name, command);
            say_done();
        } else {
            return false;
        }
        return true;
    }

    void remove(const std::string& name, const json& command) {
        const auto listener_name = command.at("listener").get<std::string>();
        Listener& removed = listener(name, listener_name);
        const InCall call("removeListener");
        const auto kind = command.value("kind", "signaling");
        if (kind == "connection") {
            client(name).removeConnectionListener(&removed);
        } else if (kind == "group") {
            client(name).getGroupManager().removeGroupListener(&removed);
        } else if (kind == "message") {
            client(name).removeSimpleMsgListener(&removed);
        } else {
            client(name).getSignalingManager().removeSignalingListener(&removed);
        }
        if (command.value("delete", false)) {
            const std::lock_guard lock(mutex_);
            clients_.at(name).listeners.erase(listener_name);
        }
    }

    /// Prints a result; nothing in it may outlive the client but what it owns.
    void say_result(const json& command, const std::shared_ptr<Traffic>& traffic, json line,
                    const std::string& id) {
        line["client"] = command["client"];
        line["result"] = command["call"];
        line["verb"] = command["do"];
        const Traffic::Call call(traffic, line);
        print(std::move(line));
        if (command.contains("then")) {
            perform_all(with_id(command["then"], id));
        }
    }

    void perform_call(const std::string& verb, const json& command) {
        const auto name = command.at("client").get<std::string>();
        beckon::Client& called = client(name);
        std::shared_ptr<Traffic> traffic;
        {
            const std::lock_guard lock(mutex_);
            traffic = clients_.at(name).traffic;
        }
        json line{{"did", verb}, {"client", name}, {"thread", thread_number()}};
        {
            const InCall call(verb);
            if (!signal(called.getSignalingManager(), command, traffic, line) &&
                !manage_group(called.getGroupManager(), command, traffic) &&
                !send_message(called, command, traffic, line)) {
                throw std::logic_error("no such command: " + verb);
            }
        }
        line["call"] = command.value("call", "");
        print(std::move(line));
    }

    /// Calls of one kind each; false: the command is of another.
    bool signal(beckon::SignalingManager& signaling, const json& command,
                const std::shared_ptr<Traffic>& traffic, json& did) {
        const auto verb = command.at("do").get<std::string>();
        const bool silent = !command.contains("call");
        const auto id = command.value("id", "");
        const auto plain = [this, command, traffic, id](const beckon::Result& result) {
            say_result(command, traffic, described(result), id);
        };
        const auto invited = [this, command, traffic](const beckon::InviteResult& result) {
            json line = described(result);
            line["inviteID"] = result.inviteID;
            line["skipped"] = described(result.skipped);
            line["offline"] = result.offline;
            if (!result.mergedInto.empty()) {
                line["mergedInto"] = result.mergedInto;
            }
            say_result(command, traffic, std::move(line), result.inviteID);
        };
        const auto cancelled = [this, command, traffic, id](const beckon::CancelResult& result) {
            json line = described(result);
            line["cancelled"] = result.cancelled;
            line["already"] = json::object();
            for (const auto& already : result.already) {
                line["already"][already.user] = word(already.state);
            }
            say_result(command, traffic, std::move(line), id);
        };
        const auto asked = [this, command, traffic, id](const beckon::Result& result,
                                                        const beckon::SignalingInfo& info) {
            json line = described(result);
            if (result.ok()) {
                line["info"] = described(info);
            }
            say_result(command, traffic, std::move(line), id);
        };
        const auto result_callback = silent ? beckon::ResultCallback{} : plain;
        const auto invite_callback = silent ? beckon::InviteCallback{} : invited;
        const auto list = [&command](const char* key) {
            return command.value(key, std::vector<std::string>{});
        };

        if (verb == "invite") {
            did["inviteID"] = signaling.invite(command.at("invitee"), data_of(command),
                                               command.value("onlineUserOnly", false),
                                               command.value("timeout", 30), invite_callback);
        } else if (verb == "inviteSeveral") {
            did["inviteID"] = signaling.inviteSeveral(
                list("invitees"), data_of(command), invite_options_from(command), invite_callback);
        } else if (verb == "inviteInGroup") {
            did["inviteID"] =
                signaling.inviteInGroup(command.at("groupID"), list("invitees"), data_of(command),
                                        command.value("onlineUserOnly", false),
                                        command.value("timeout", 30), invite_callback);
        } else if (verb == "inviteInGroupWith") {
            did["inviteID"] =
                signaling.inviteInGroup(command.at("groupID"), list("invitees"), data_of(command),
                                        invite_options_from(command), invite_callback);
        } else if (verb == "cancel") {
            signaling.cancel(id, data_of(command), silent ? beckon::CancelCallback{} : cancelled,
                             list("invitees"));
        } else if (verb == "accept") {
            signaling.accept(id, data_of(command), result_callback);
        } else if (verb == "reject") {
            signaling.reject(id, data_of(command), result_callback,
                             command.value("reason", "declined"));
        } else if (verb == "modifyInvitation") {
            signaling.modifyInvitation(id, data_of(command), result_callback);
        } else if (verb == "addInvitees") {
            signaling.addInvitees(id, list("invitees"), command.value("timeout", 30),
                                  invite_callback);
        } else if (verb == "getSignalingInfo") {
            signaling.getSignalingInfo(id, silent ? beckon::SignalingInfoCallback{} : asked);
        } else if (verb == "getHistory") {
            signaling.getHistory(
                [this, command, traffic, id](const beckon::Result& result,
                                             const std::vector<beckon::PastSignaling>& page,
                                             const std::string& next) {
                    json line = described(result);
                    line["history"] = json::array();
                    for (const auto& past : page) {
                        line["history"].push_back({{"inviteID", past.inviteID},
                                                   {"reason", past.reason},
                                                   {"missed", past.missed},
                                                   {"invitees", past.invitees.size()}});
                    }
                    line["next"] = next;
                    say_result(command, traffic, std::move(line), id);
                },
                command.value("limit", 50), command.value("before", ""));
        } else if (verb == "ringing") {
            signaling.ringing(id, result_callback);
        } else if (verb == "signal") {
            signaling.signal(id, data_of(command), command.value("to", ""), result_callback);
        } else if (verb == "hangup") {
            signaling.hangup(id, data_of(command), result_callback,
                             command.value("reason", "hangup"), command.value("all", false));
        } else if (verb == "join") {
            signaling.join(id, data_of(command), result_callback);
        } else if (verb == "resume") {
            signaling.resume(id, result_callback);
        } else if (verb == "setBusy") {
            signaling.setBusy(command.value("busy", true), data_of(command), result_callback);
        } else {
            return false;
        }
        return true;
    }

    bool manage_group(beckon::GroupManager& groups, const json& command,
                      const std::shared_ptr<Traffic>& traffic) {
        const auto verb = command.at("do").get<std::string>();
        const auto group = command.value("groupID", "");
        const auto user = command.value("userID", "");
        const auto members = command.value("memberList", std::vector<std::string>{});
        const bool silent = !command.contains("call");
        const auto say = [this, command, traffic, group](json line) {
            say_result(command, traffic, std::move(line), group);
        };
        beckon::ResultCallback done;
        beckon::MembersCallback members_done;
        if (!silent) {
            done = [say](const beckon::Result& result) { say(described(result)); };
            members_done = [say](const beckon::MembersResult& result) {
                json line = described(result);
                line["skipped"] = described(result.skipped);
                say(std::move(line));
            };
        }
        if (verb == "createGroup") {
            groups.createGroup(group, command.value("groupName", ""), create_options_from(command),
                               done);
        } else if (verb == "joinGroup") {
            groups.joinGroup(group, done);
        } else if (verb == "quitGroup") {
            groups.quitGroup(group, done);
        } else if (verb == "dismissGroup") {
            groups.dismissGroup(group, done);
        } else if (verb == "getJoinedGroupList") {
            groups.getJoinedGroupList([say](const beckon::Result& result,
                                            const std::vector<beckon::GroupDescription>& list) {
                json line = described(result);
                line["groups"] = json::array();
                for (const auto& one : list) {
                    line["groups"].push_back(described(one));
                }
                say(std::move(line));
            });
        } else if (verb == "getGroupsInfo") {
            groups.getGroupsInfo(command.at("groupIDList"),
                                 [say](const std::vector<beckon::GroupInfoResult>& results) {
                                     json line{{"results", json::array()}};
                                     for (const auto& one : results) {
                                         json told = described(one);
                                         told["info"] = described(one.info);
                                         line["results"].push_back(std::move(told));
                                     }
                                     say(std::move(line));
                                 });
        } else if (verb == "getGroupMemberList") {
            groups.getGroupMemberList(group, [say](const beckon::Result& result,
                                                   const std::vector<beckon::GroupMember>& list) {
                json line = described(result);
                line["members"] = json::array();
                for (const auto& member : list) {
                    line["members"].push_back({member.userID, word(member.role)});
                }
                say(std::move(line));
            });
        } else if (verb == "setGroupInfo") {
            groups.setGroupInfo(group, change_from(command), done);
        } else if (verb == "inviteUserToGroup") {
            groups.inviteUserToGroup(group, members, members_done);
        } else if (verb == "kickGroupMember") {
            groups.kickGroupMember(group, members, command.value("reason", ""), members_done);
        } else if (verb == "setGroupMemberRole") {
            groups.setGroupMemberRole(group, user, rank_from(command.at("role")), done);
        } else if (verb == "transferGroupOwner") {
            groups.transferGroupOwner(group, user, done);
        } else {
            return false;
        }
        return true;
    }

    bool send_message(beckon::Client& client, const json& command,
                      const std::shared_ptr<Traffic>& traffic, json& line) {
        const auto verb = command.at("do").get<std::string>();
        const auto data = data_of(command);
        const auto to = command.value(command.contains("groupID") ? "groupID" : "userID", "");
        beckon::ResultCallback done;
        if (command.contains("call")) {
            done = [this, command, traffic](const beckon::Result& result) {
                say_result(command, traffic, described(result), {});
            };
        }
        if (verb == "sendC2CTextMessage") {
            line["msgID"] = client.sendC2CTextMessage(data, to, done);
        } else if (verb == "sendC2CCustomMessage") {
            line["msgID"] = client.sendC2CCustomMessage(data, to, done);
        } else if (verb == "sendGroupTextMessage") {
            line["msgID"] = client.sendGroupTextMessage(data, to, done);
        } else if (verb == "sendGroupCustomMessage") {
            line["msgID"] = client.sendGroupCustomMessage(data, to, done);
        } else {
            return false;
        }
        return true;
    }

    std::mutex mutex_;
    std::map<std::string, Slot> clients_;
    /// Listeners whose client was destroyed in a call to one of them.
    std::vector<
        std::pair<std::shared_ptr<Traffic>, std::map<std::string, std::unique_ptr<Listener>>>>
        kept_;
    Queue main_;
    /// The reader's own; after it has ended, the main thread's.
    std::map<std::string, std::unique_ptr<Worker>> workers_;
    std::mutex gates_mutex_;
    std::condition_variable gates_changed_;
    std::set<std::string> open_gates_;
    bool all_open_ = false;
};

void Listener::told(const std::string& event, json line) {
    line["client"] = client_;
    line["listener"] = name_;
    line["event"] = event;
    const Traffic::Call call(traffic_, line);
    const auto id = line.value("inviteID", "");
    print(std::move(line));
    driver_.perform_all(with_id(reactions_.take(event), id));
}

}  // namespace

int main() {
    static_cast<void>(thread_number());  // the main thread is 0
    Driver driver;
    driver.run();
}
