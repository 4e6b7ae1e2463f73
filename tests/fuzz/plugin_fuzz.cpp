// SPDX-License-Identifier: Apache-2.0
// Whatever clients of a broker do, from any of some states: the plugin says what only it may say,
// to whom it concerns, answers each request once, and shows nobody what is another's.
#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "bodies.hpp"
#include "host/host_options.hpp"
#include "input.hpp"
#include "protocol/wire.hpp"
#include "stub_broker.hpp"
#include "world/fake_journal.hpp"
#include "world/promises.hpp"

using namespace beckon;

namespace {

void require(bool holds, const std::string& otherwise) {
    if (!holds) {
        throw BrokenPromise(otherwise);
    }
}

bool is_allowed(int verdict) {
    return verdict == MOSQ_ERR_SUCCESS || verdict == MOSQ_ERR_PLUGIN_DEFER;
}

/// What the plugin stores to, across starts of the broker.
std::unique_ptr<Medium> medium;
FakeJournal* journal = nullptr;

/// What it publishes, judged by itself and by what came before.
class Overheard {
  public:
    Overheard(std::string root, std::set<std::string> operators)
        : root_(std::move(root)), operators_(std::move(operators)) {}

    struct Asked {
        std::string user;
        std::string reply_topic;
    };
    /// Its reply is to have this as Correlation Data.
    void asked(const std::string& correlation, Asked one) { open_.emplace(correlation, one); }
    [[nodiscard]] bool has_open() const { return !open_.empty(); }
    [[nodiscard]] std::string first_open() const {
        return open_.begin()->second.user + ' ' + open_.begin()->first;
    }
    /// It was stored, being retained, at a topic of ours.
    void will_stored(const std::string& topic) { wills_.insert(topic); }
    /// Who asked will not be answered any more. `forgets`: perhaps not all that was told was
    /// stored.
    void restarted(bool forgets) {
        open_.clear();
        told_.clear();
        if (forgets) {
            ended_.clear();
        }
    }

    void hear(const Published& message) {
        const auto below = below_root(message.topic);
        if (const auto will = wills_.find(message.topic);
            will != wills_.end() && message.retain && message.payload.empty()) {
            wills_.erase(will);
        } else if (below == "status") {
            require(message.retain, "a status that is not retained");
            require(message.payload.empty() || decode_status(message.payload).has_value(),
                    "a status that cannot be read");
        } else if (below.starts_with("operator/")) {
            hear_for_operators(below, message);
        } else if (below.starts_with("inbox/")) {
            require(!message.retain, "something retained in an inbox");
            hear_in_inbox(message);
        } else {
            require(false, "published to " + message.topic);
        }
    }

    /// Whose inbox it is; empty: it is none.
    [[nodiscard]] std::string owner_of(const std::string& topic) const {
        const auto inbox = root_ + "/inbox/";
        if (!topic.starts_with(inbox)) {
            return {};
        }
        return topic.substr(inbox.size(), topic.find('/', inbox.size()) - inbox.size());
    }
    [[nodiscard]] bool is_operator(const std::string& user) const {
        return operators_.contains(user);
    }
    [[nodiscard]] const std::string& root() const { return root_; }

  private:
    [[nodiscard]] std::string below_root(const std::string& topic) const {
        require(topic.starts_with(root_ + "/"), "published outside of the root: " + topic);
        return topic.substr(root_.size() + 1);
    }

    void hear_for_operators(const std::string& below, const Published& message) {
        require(message.retain == (below == "operator/counters"), "retained: " + below);
        if (operators_.empty()) {
            require(below == "operator/counters" && message.payload.empty(),
                    "told to operators, of whom there are none");
            return;
        }
        require(below == "operator/counters" || below == "operator/refused" ||
                    below == "operator/absent",
                "published to " + below);
        require(nlohmann::json::accept(message.payload), "no JSON for operators");
    }

    void hear_in_inbox(const Published& message) {
        const auto user = owner_of(message.topic);
        require(is_id(user), "published to the inbox of a name that can have none");
        const auto tail = message.topic.substr((root_ + "/inbox/" + user + "/").size());
        require(message.payload.size() <= 64 * 1024, "more than 64 KiB");
        if (tail == "event" || tail == "json") {
            require(message.content_type ==
                        content_type(tail == "json" ? Encoding::json : Encoding::msgpack),
                    "another Content Type than the topic's");
            const auto read = decode_event(message.payload);
            require(read.index() == 0, "an event that cannot be read");
            if (const auto* event = std::get_if<Event>(&std::get<AnyEvent>(read))) {
                hear_event(user + '/' + tail, user, *event);
            }
            return;
        }
        require(tail == "reply" || tail.starts_with("reply/"), "published to " + message.topic);
        hear_reply(user, message);
    }

    void hear_reply(const std::string& user, const Published& message) {
        const auto read = decode_reply(message.payload);
        require(read.index() == 0, "a reply that cannot be read");
        const auto* refusal = std::get_if<Refusal>(&std::get<Reply>(read).body);
        require(refusal == nullptr || refusal->error != Error::internal, "an internal error");
        require(message.correlation.has_value(), "a reply without Correlation Data");
        const auto asked = open_.find(*message.correlation);
        require(asked != open_.end(), "a second reply, or one that nobody asked for");
        require(asked->second.user == user, "a reply to somebody else");
        require(asked->second.reply_topic == message.topic, "a reply to " + message.topic);
        open_.erase(asked);
    }

    void hear_event(const std::string& stream, const std::string& user, const Event& event) {
        const auto key = stream + ' ' + event.id.str();
        std::visit(
            [&]<class Body>(const Body& body) {
                constexpr bool raises_rev = requires { body.invitees; }
                || std::is_same_v<Body, InviteeAccepted> || std::is_same_v<Body, InviteeRejected>;
                if constexpr (raises_rev) {
                    auto& last = told_[key];
                    require(event.rev > last, "an event that was told before: " + key);
                    last = event.rev;
                }
                if constexpr (std::is_same_v<Body, NewInvitation>) {
                    require(body.role != Role::invitee || !ended_.contains({key, user}),
                            "rings again: " + key);
                } else if constexpr (std::is_same_v<Body, InviteeAccepted> ||
                                     std::is_same_v<Body, InviteeRejected>) {
                    ended(key, body.invitee);
                } else if constexpr (std::is_same_v<Body, InvitationCancelled> ||
                                     std::is_same_v<Body, InvitationTimeout> ||
                                     std::is_same_v<Body, InvitationRevoked>) {
                    for (const auto& invitee : body.invitees) {
                        ended(key, invitee);
                    }
                }
            },
            event.body);
    }
    void ended(const std::string& key, const UserId& invitee) {
        require(ended_.emplace(key, invitee.str()).second, "ended twice: " + key);
    }

    std::string root_;
    std::set<std::string> operators_;
    std::map<std::string, Asked> open_;
    std::multiset<std::string> wills_;
    /// The last `rev`, and who ended, by who is told of what.
    std::map<std::string, Rev> told_;
    std::set<std::pair<std::string, std::string>> ended_;
};

class Story {
  public:
    explicit Story(Input input) : input_(input), broker_(StubBroker::instance()) {
        medium = std::make_unique<Medium>();
        broker_.sessions.clear();
        broker_.takes_none_of_next = 0;
        broker_.take_published();
        broker_.take_log();
    }
    ~Story() {
        broker_.unload();
        journal = nullptr;
        medium.reset();
    }
    Story(const Story&) = delete;
    Story& operator=(const Story&) = delete;

    void tell() {
        const auto chosen = input_.byte();
        if (chosen == 0xff) {
            try_options();
            return;
        }
        choose(chosen);
        require(broker_.load(options_), "the plugin does not start");
        begin_in_state(input_.below(9));
        for (int steps = 0; steps < 300 && !input_.empty(); ++steps) {
            step();
            look();
        }
        settle();
    }

  private:
    // ------------------------------------------------------------- the start

    /// Any options: it starts, or says why not.
    void try_options() {
        StubBroker::Options options{{"other_topics", "allow"}};
        while (!input_.empty()) {
            const auto key = std::string(input_.text());
            options.emplace_back(key.c_str(), std::string(input_.text()).c_str());
        }
        if (!broker_.load(options)) {
            const auto log = broker_.take_log();
            require(!log.empty() && log.back().first == MOSQ_LOG_ERR, "refused without a sentence");
        }
    }

    void choose(std::size_t bits) {
        const auto has = [bits](std::size_t bit) { return (bits >> bit & 1U) != 0; };
        const std::string word = has(6) ? "w" : "beckon";
        options_ = {{"root", word},
                    {"store", has(0) ? "memory" : "/store"},
                    {"other_topics", has(3) ? "defer" : "allow"},
                    {"requests", has(4) ? "defer" : "allow"},
                    {"on_store_failure", has(5) ? "continue" : "refuse"},
                    {"status", has(7) ? "off" : "on"},
                    // No id is ever free again, so that what is told twice is known by it.
                    {"ended_ms", std::to_string(a_year_ms)}};
        if (has(2)) {
            for (const auto& [name, value] :
                 std::map<std::string, std::string>{{"max_payload_bytes", "256"},
                                                    {"max_data_bytes", "64"},
                                                    {"max_invitees", "3"},
                                                    {"max_audience", "3"},
                                                    {"max_pending_per_inviter", "2"},
                                                    {"max_pending", "4"},
                                                    {"max_group_members", "3"},
                                                    {"requests_per_second", "5"},
                                                    {"requests_burst", "20"},
                                                    {"events_per_second", "10"},
                                                    {"events_burst", "15"}}) {
                options_.emplace_back(name, value);
            }
        }
        if (has(1)) {
            options_.emplace_back("operators", "alice, root");
        }
        may_have_lost_ = has(0);
        sink_ = "$" + word;
        overheard_ = Overheard(word + "/v1", has(1) ? std::set<std::string>{"alice", "root"}
                                                    : std::set<std::string>{});
    }

    /// Alice, Bob, Carol and Dave are there, and something has happened.
    void begin_in_state(std::size_t state) {
        if (state == 0) {
            return;
        }
        for (std::size_t n = 0; n < some_users.size(); ++n) {
            auto& client = broker_.connections[n];
            client = {.client_id = some_users[n],
                      .username = some_users[n],
                      .address = "127.0.0.1",
                      .clean = n % 2 == 0,
                      .version = 5};
            connect(client);
            subscribe(client, inbox_of(client) + (n == 2 ? "json" : n == 3 ? "#" : "event"));
        }
        if (state == 1) {
            return;
        }
        auto& alice = broker_.connections[0];
        auto& bob = broker_.connections[1];
        if (state == 4 || state == 5) {
            ask(alice, "group/g/create", R"({"members":["bob","carol"]})");
            ask(alice, "group/g/invite", R"({"id":"i","call":true})");
        } else {
            ask(alice, "user/bob/invite", R"({"id":"i","call":true,"also":["carol"],"data":"x"})");
        }
        if (state == 3 || state == 5) {
            ask(bob, "invitation/i/accept", "");
        }
        let_journal_work();
        look();
        if (state == 6) {
            medium->mode = Medium::Mode::fails;
            may_have_lost_ = true;
        } else if (state == 7) {
            medium->mode = Medium::Mode::hangs;
            may_have_lost_ = true;
        } else if (state == 8) {
            restart();
        }
    }

    // ------------------------------------------------------------- what happens

    void step() {
        switch (input_.below(20)) {
            case 0:
                come();
                break;
            case 1:
                if (auto* const client = somebody()) {
                    broker_.disconnect(*client);
                    did_something_.erase(client);
                }
                break;
            case 2:
                if (auto* const client = somebody()) {
                    subscribe(*client, some_filter(*client));
                }
                break;
            case 3:
                if (auto* const client = somebody()) {
                    unsubscribe(*client, some_filter(*client));
                }
                break;
            case 4:
                pass_time();
                break;
            case 5:
                change_medium();
                break;
            case 6:
                if (auto* const client = somebody()) {
                    publish(*client, some_publish(*client));
                }
                break;
            case 7:
                if (auto* const client = somebody()) {
                    come_by_bridge(*client, some_publish(*client));
                }
                break;
            case 8:
                if (auto* const client = somebody()) {
                    leave_will(*client, some_publish(*client));
                }
                break;
            case 9:
                if (auto* const client = somebody()) {
                    look_at_anything(*client);
                }
                break;
            case 10:
                if (input_.below(4) == 0) {
                    restart();
                } else {
                    broker_.takes_none_of_next = input_.below(3);
                }
                break;
            default:
                if (auto* const client = somebody()) {
                    const auto topic = some_request(input_);
                    ask(*client, topic, some_body(input_));
                }
                break;
        }
        if (works_alone_) {
            let_journal_work();
        }
    }

    mosquitto* somebody() {
        auto& client = broker_.connections[input_.below(broker_.connections.size())];
        return client.connected ? &client : nullptr;
    }

    void come() {
        static const std::array<const char*, 9> names{
            "alice",
            "bob",
            "carol",
            "dave",
            "root",
            "",
            "no id",
            "\xc3\xa9",
            "a-name-with-sixty-five-characters-that-is-one-more-than-an-id-has"};
        static const std::array<const char*, 5> client_ids{"alice", "bob", "carol", "dave", "x"};
        auto& client = broker_.connections[input_.below(broker_.connections.size())];
        if (client.connected) {
            broker_.disconnect(client);
        }
        const auto name = input_.below(names.size() + 1);
        const auto* const client_id = input_.one_of(client_ids);
        const auto flags = input_.byte();
        client = {.client_id = client_id};
        if (name < names.size()) {
            client.username = names[name];
        }
        if ((flags & 1U) == 0) {
            client.address = "127.0.0.1";
        }
        client.clean = (flags & 2U) != 0;
        client.protocol = (flags & 4U) != 0 ? mp_websockets : mp_mqtt;
        client.version = (flags & 8U) != 0 ? 5 : (flags & 16U) != 0 ? 3 : 4;
        // The session is taken over: the one that had it goes, before or after.
        const bool goes_late = (flags & 32U) != 0;
        mosquitto* other = nullptr;
        for (auto& one : broker_.connections) {
            if (&one != &client && one.connected && one.client_id == client.client_id) {
                other = &one;
            }
        }
        if (other != nullptr && !goes_late) {
            broker_.disconnect(*other);
        }
        connect(client);
        if (other != nullptr && goes_late) {
            broker_.disconnect(*other);
        }
    }
    void connect(mosquitto& client) {
        did_something_.erase(&client);
        broker_.connect(client);
        // What its session was sent meanwhile.
        auto queued = std::exchange(queued_[client.client_id], {});
        if (client.clean) {
            return;
        }
        for (const auto& message : queued) {
            check_delivery(client, message);
        }
    }

    [[nodiscard]] std::string inbox_of(const mosquitto& client) const {
        return overheard_.root() + "/inbox/" + client.username.value_or("") + "/";
    }
    /// As the broker takes it: what it refuses by itself is left out.
    static std::string some_text(Input& input) { return std::string(input.text()).c_str(); }

    std::string some_filter(const mosquitto& client) {
        static const std::array<const char*, 10> tails{
            "event", "json", "reply", "#", "+", "+/#", "event/#", "", "reply/x", "json/#"};
        const auto kind = input_.below(8);
        const std::string share = kind % 2 == 1 ? "$share/s/" : "";
        switch (kind / 2) {
            case 0:
                return share + inbox_of(client) + input_.one_of(tails);
            case 1:
                return share + overheard_.root() + "/inbox/" + input_.one_of(some_users) + '/' +
                       input_.one_of(tails);
            case 2: {
                static const std::array<const char*, 12> filters{"#",
                                                                 "+/#",
                                                                 "+/+/inbox/#",
                                                                 "+/v1/inbox/+/event",
                                                                 "beckon/#",
                                                                 "w/#",
                                                                 "beckon/v1/#",
                                                                 "w/v1/+/+/+",
                                                                 "beckon/v1/status",
                                                                 "$beckon",
                                                                 "x/y",
                                                                 "beckon/v1/operator/#"};
                return share + input_.one_of(filters);
            }
            default:
                return share + some_text(input_);
        }
    }
    static bool is_filter(const std::string& filter) {
        return !filter.empty() && mosquitto_sub_topic_check(filter.c_str()) == MOSQ_ERR_SUCCESS &&
               mosquitto_validate_utf8(filter.c_str(), static_cast<int>(filter.size())) ==
                   MOSQ_ERR_SUCCESS;
    }
    static bool is_topic(const std::string& topic) {
        return !topic.empty() && mosquitto_pub_topic_check(topic.c_str()) == MOSQ_ERR_SUCCESS &&
               mosquitto_validate_utf8(topic.c_str(), static_cast<int>(topic.size())) ==
                   MOSQ_ERR_SUCCESS;
    }

    void subscribe(mosquitto& client, const std::string& filter) {
        if (is_filter(filter)) {
            did_something_.insert(&client);
            broker_.subscribe(client, filter);
        }
    }
    void unsubscribe(mosquitto& client, const std::string& filter) {
        if (is_filter(filter)) {
            did_something_.insert(&client);
            broker_.unsubscribe(client, filter);
        }
    }

    void pass_time() {
        static const std::array<std::int64_t, 7> some_ms{1, 30, 100, 1000, 2100, 16'000, 41'000};
        const auto choice = input_.below(10);
        if (choice < some_ms.size()) {
            broker_.wait(some_ms[choice]);
        } else if (choice == 7) {
            broker_.skip(86'400'000);
            broker_.tick();
        } else {
            broker_.skip(static_cast<std::int64_t>(input_.number(2)));
            broker_.tick();
        }
    }

    void change_medium() {
        may_have_lost_ = true;
        const auto choice = input_.below(6);
        if (choice < 3) {
            medium->mode = static_cast<Medium::Mode>(choice);
            medium->unreadable = choice != 0 && input_.below(3) == 0;
        } else if (choice == 3) {
            works_alone_ = !works_alone_;
        } else if (journal != nullptr) {
            journal->work();
        }
    }
    void let_journal_work() {
        broker_.tick();
        while (journal != nullptr && journal->work()) {
            broker_.tick();
        }
    }

    /// Killed, and started again: with what was stored.
    void restart() {
        look();
        broker_.unload();
        journal = nullptr;
        did_something_.clear();
        overheard_.restarted(may_have_lost_);
        broker_.takes_none_of_next = 0;
        require(broker_.load(options_), "the plugin does not start again");
    }

    // ------------------------------------------------------------- publishing

    StubBroker::Publish some_publish(const mosquitto& client) {
        StubBroker::Publish what;
        const auto kind = input_.byte();
        switch (kind % 4) {
            case 0:
                what.topic = overheard_.root() + '/' + some_request(input_);
                break;
            case 1:
                what.topic = overheard_.root() + '/' + some_text(input_);
                break;
            case 2:
                what.topic = inbox_of(client) + some_text(input_);
                break;
            default:
                what.topic = some_text(input_);
                break;
        }
        what.retain = (kind & 4U) != 0;
        if ((kind & 8U) != 0) {
            what.topic += '/' + client.username.value_or("");
        }
        what.payload = some_body(input_);
        if ((kind & 16U) != 0) {
            what.properties.response_topic = (kind & 32U) != 0
                                                 ? some_text(input_)
                                                 : inbox_of(client) + "reply/" + some_text(input_);
        }
        if ((kind & 64U) != 0) {
            what.properties.content_type = some_text(input_);
        }
        return what;
    }

    void ask(mosquitto& client, const std::string& below, const std::string& body) {
        publish(client, {.topic = overheard_.root() + '/' + below, .payload = body});
    }

    void publish(mosquitto& client, StubBroker::Publish what) {
        if (!is_topic(what.topic)) {
            return;
        }
        did_something_.insert(&client);
        const auto correlation = std::to_string(++asked_);
        what.properties.correlation = correlation;
        const auto user = client.username.value_or("");
        if (is_request(what.topic) && is_id(user)) {
            overheard_.asked(correlation, {user, reply_topic(user, what)});
        }
        const auto outcome = broker_.publish(client, what);
        if (is_ours(what.topic)) {
            require(is_allowed(outcome.access) == (is_request(what.topic) && is_id(user)),
                    "may be published: " + what.topic);
        }
        if (!outcome.message) {
            return;
        }
        require(*outcome.message == MOSQ_ERR_SUCCESS, "the sender of a request is told of it");
        if (is_request(what.topic)) {
            require(outcome.topic == sink_ && !outcome.retain,
                    "a request goes on to " + outcome.topic);
        } else {
            require(outcome.topic == what.topic, "the topic of a message changed: " + what.topic);
        }
    }
    void come_by_bridge(mosquitto& client, const StubBroker::Publish& what) {
        if (is_topic(what.topic)) {
            const auto outcome = broker_.come_by_bridge(client, what);
            require(
                *outcome.message == (is_ours(what.topic) ? MOSQ_ERR_ACL_DENIED : MOSQ_ERR_SUCCESS),
                "a bridge's message is taken: " + what.topic);
        }
    }
    void leave_will(mosquitto& client, const StubBroker::Publish& what) {
        if (is_topic(what.topic) && is_allowed(broker_.will(client, what)) && what.retain &&
            is_ours(what.topic)) {
            overheard_.will_stored(what.topic);
        }
    }

    [[nodiscard]] bool is_ours(const std::string& topic) const {
        return topic == sink_ || topic == overheard_.root() ||
               topic.starts_with(overheard_.root() + "/");
    }
    /// As the contract's section 2 has it: all that is nothing else.
    [[nodiscard]] bool is_request(const std::string& topic) const {
        const auto& root = overheard_.root();
        if (!is_ours(topic) || topic == sink_ || topic == root + "/status" ||
            topic == root + "/inbox" || topic.starts_with(root + "/inbox/")) {
            return false;
        }
        const auto level = root + "/operator";
        if (topic != level && !topic.starts_with(level + "/")) {
            return true;
        }
        const auto verb = topic.substr(std::min(topic.size(), level.size() + 1));
        const auto first = verb.substr(0, verb.find('/'));
        return first == "online" || first == "open";
    }
    [[nodiscard]] std::string reply_topic(const std::string& user,
                                          const StubBroker::Publish& what) const {
        const auto usual = overheard_.root() + "/inbox/" + user + "/reply";
        const auto asked_for = what.properties.response_topic.value_or("");
        const bool is_below = asked_for == usual || asked_for.starts_with(usual + "/");
        return is_below && is_topic(asked_for) ? asked_for : usual;
    }

    // ------------------------------------------------------------- judging

    /// Whoever asks to read anything, as if it had been published.
    void look_at_anything(mosquitto& client) {
        Published message{.topic = input_.below(2) == 0
                                       ? overheard_.root() + '/' + some_text(input_)
                                       : some_text(input_),
                          .payload = some_body(input_)};
        if (is_topic(message.topic)) {
            check_delivery(client, message, input_.below(2) == 1);
        }
    }

    void look() {
        for (const auto& message : broker_.take_published()) {
            overheard_.hear(message);
            if (message.taken) {
                deliver(message);
            }
        }
        for (const auto& [level, line] : broker_.take_log()) {
            require(line.find("internal error") == std::string::npos, line);
        }
    }

    static bool is_news_of(const Published& message) {
        const auto event = decode_event(message.payload);
        const auto* const read = std::get_if<AnyEvent>(&event);
        const auto* const one = read != nullptr ? std::get_if<Event>(read) : nullptr;
        return one != nullptr && std::holds_alternative<NewInvitation>(one->body);
    }

    /// Asked of everybody, as if all had subscribed to all of it.
    void deliver(const Published& message) {
        for (auto& client : broker_.connections) {
            if (client.connected) {
                check_delivery(client, message);
            }
        }
        for (const auto& [client_id, filters] : broker_.sessions) {
            auto& queue = queued_[client_id];
            if (message.qos > 0 && queue.size() < 20) {
                queue.push_back(message);
            }
        }
    }
    void check_delivery(mosquitto& client, const Published& message, bool retained = false) {
        const int verdict = broker_.may_read(client, message, retained);
        if (!is_ours(message.topic)) {
            return;
        }
        const bool may = is_allowed(verdict);
        const auto me = client.username.value_or("");
        const auto owner = overheard_.owner_of(message.topic);
        require(!may || message.topic == overheard_.root() + "/status" ||
                    (!owner.empty() && owner == me && is_id(me) && !retained) ||
                    (message.topic.starts_with(overheard_.root() + "/operator/") &&
                     overheard_.is_operator(me)),
                me + " reads " + message.topic);
        const bool is_there = did_something_.contains(&client);
        if (may && !owner.empty() && !is_there) {
            require(!is_news_of(message), "rings late: " + message.topic);
        }
        if (!owner.empty() && owner == me && is_there && is_subscribed(client, message.topic)) {
            require(may || retained, "does not hear what is theirs: " + message.topic);
        }
    }
    /// On this connection, to what names the user.
    [[nodiscard]] bool is_subscribed(const mosquitto& client, const std::string& topic) const {
        return client.clean && is_id(client.username.value_or("")) &&
               (topic == inbox_of(client) + "event" || topic == inbox_of(client) + "json") &&
               broker_.sessions.at(client.client_id).contains(topic);
    }

    /// In the end, everybody who asked has had an answer.
    void settle() {
        medium->mode = Medium::Mode::works;
        medium->unreadable = false;
        broker_.takes_none_of_next = 0;
        let_journal_work();
        look();
        for (int n = 0; n < 100 && overheard_.has_open(); ++n) {
            broker_.wait(1000);
            let_journal_work();
            look();
        }
        require(!overheard_.has_open(),
                overheard_.has_open() ? "no reply to " + overheard_.first_open() : "");
    }

    Input input_;
    StubBroker& broker_;
    StubBroker::Options options_;
    /// What was told may be forgotten at a restart.
    bool may_have_lost_ = false;
    std::string sink_;
    Overheard overheard_{"beckon/v1", {}};
    bool works_alone_ = true;
    std::size_t asked_ = 0;
    /// Who has done something on the present connection.
    std::set<const mosquitto*> did_something_;
    std::map<std::string, std::deque<Published>> queued_;
};

}  // namespace

namespace beckon {

std::unique_ptr<Journal> journal_of(const HostOptions& options) {
    if (!has_store(options)) {
        return nullptr;
    }
    auto made = std::make_unique<FakeJournal>(*medium);
    journal = made.get();
    return made;
}

}  // namespace beckon

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    return judge([&] { Story(Input(data, size)).tell(); });
}
