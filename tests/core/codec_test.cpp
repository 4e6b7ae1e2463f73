// SPDX-License-Identifier: Apache-2.0
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <sstream>

#include "catch.hpp"
#include "protocol/intake.hpp"
#include "protocol/text.hpp"
#include "protocol/topics.hpp"
#include "protocol/wire.hpp"
#include "world/actors.hpp"
#include "world/walks.hpp"

using namespace beckon;
using nlohmann::json;
using namespace std::string_literals;

namespace {

const Sender alice{user("alice"), DeviceTag(0xa1)};
const Limits defaults{};

std::string from_hex(const std::string& hex) {
    std::string bytes;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
        bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
    }
    return bytes;
}
std::string hex_of(const std::string& bytes) {
    std::ostringstream hex;
    for (const char one : bytes) {
        const auto byte = static_cast<unsigned char>(one);
        hex << "0123456789abcdef"[byte >> 4U] << "0123456789abcdef"[byte & 15U];
    }
    return hex.str();
}

json read_schemas_file(const std::string& name) {
    std::ifstream file(SCHEMAS "/" + name);
    INFO(name);
    REQUIRE(file);
    return json::parse(file);
}

struct Vector {
    std::string name;
    std::string kind;
    std::string json_text;
    std::string msgpack;
};

/// The golden vectors of all messages.
std::vector<Vector> vectors() {
    std::vector<Vector> all;
    for (const auto* file : {"requests", "replies", "events"}) {
        for (const auto& one : read_schemas_file("vectors/"s + file + ".json")) {
            all.push_back({one.at("name"), one.at("kind"), one.at("json"),
                           from_hex(one.at("msgpack").get<std::string>())});
        }
    }
    return all;
}

/// The vectors' word for a request: its verb, and whether it is about a group.
template <class Body>
std::string word_of() {
    const std::string verb(Body::verb);
    return requires { &Body::group; }
    ? "group_" + verb : verb;
}

/// An empty body of this word.
template <std::size_t I = 0>
RequestBody body_of(std::string_view word) {
    if constexpr (I < std::variant_size_v<RequestBodies>) {
        using Body = std::variant_alternative_t<I, RequestBodies>;
        return word_of<Body>() == word ? RequestBody(Body{}) : body_of<I + 1>(word);
    }
    throw std::invalid_argument("no such request: " + std::string(word));
}

/// A topic on which this is asked.
std::string topic_of(const std::string& word) {
    RequestBody body = body_of(word);
    std::visit(
        [](auto& asked) {
            if constexpr (requires { asked.invitee; }) {
                asked.invitee = user("bob");
            } else if constexpr (requires { asked.to; }) {
                asked.to = user("bob");
            }
        },
        body);
    return Topics("beckon").request(body, alice.user).substr(std::string("beckon/v1/").size());
}

using Any = std::variant<Request, Reply, AnyEvent>;

/// What `payload` says, or nothing when it is refused.
std::optional<Any> decode(const std::string& kind, const std::string& payload) {
    const auto colon = kind.find(':');
    const auto what = kind.substr(0, colon);
    if (what == "request") {
        Request request{.body = body_of(kind.substr(colon + 1))};
        auto decoded = decode_request(payload, defaults, request.body);
        request.req = std::move(decoded.req);
        return decoded.refusal ? std::nullopt : std::optional<Any>(std::move(request));
    }
    if (what == "reply") {
        auto reply = decode_reply(payload);
        return reply.index() == 0 ? std::optional<Any>(std::get<0>(std::move(reply)))
                                  : std::nullopt;
    }
    auto event = decode_event(payload);
    return event.index() == 0 ? std::optional<Any>(std::get<0>(std::move(event))) : std::nullopt;
}

std::string encoded(const Any& message, Encoding encoding) {
    return std::visit([&](const auto& one) { return encode(one, encoding); }, message);
}

/// The tree of a msgpack message as JSON spells it: binary as `…_b64`.
json spelled_as_json(const json& tree) {
    if (tree.is_array()) {
        json array = json::array();
        for (const auto& one : tree) {
            array.push_back(spelled_as_json(one));
        }
        return array;
    }
    if (tree.is_object()) {
        json object = json::object();
        for (const auto& [key, value] : tree.items()) {
            if (value.is_binary()) {
                const auto& bytes = value.get_binary();
                object[key + "_b64"] =
                    base64({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
            } else {
                object[key] = spelled_as_json(value);
            }
        }
        return object;
    }
    return tree;
}

std::optional<Refusal> refusal_of(const std::string& topic, const std::string& payload,
                                  const Limits& limits = defaults) {
    const auto taken = take_in(alice, {.topic = topic, .payload = payload}, limits);
    const auto* reply = std::get_if<Reply>(&taken);
    return reply != nullptr ? std::optional(std::get<Refusal>(reply->body)) : std::nullopt;
}

Accept taken_accept(const std::string& payload, const Limits& limits = defaults) {
    const auto taken = take_in(alice, {.topic = "invitation/i/accept", .payload = payload}, limits);
    INFO(payload);
    REQUIRE(std::holds_alternative<Request>(taken));
    return std::get<Accept>(std::get<Request>(taken).body);
}

/// msgpack by hand, for what no library writes.
std::string text_item(const std::string& text) {
    return "\xd9"s + static_cast<char>(text.size()) + text;
}
std::string sized_item(char kind, std::size_t size) {
    std::string item(1, kind);
    for (int shift = 24; shift >= 0; shift -= 8) {
        item += static_cast<char>(size >> shift & 0xFFU);
    }
    return item;
}
std::string one_field(const std::string& key, const std::string& value) {
    return "\x81"s + text_item(key) + value;
}

/// Fills any message at random, field by field.
class Randomizer {
  public:
    explicit Randomizer(std::uint32_t seed) : random_(seed) {}

    std::size_t below(std::size_t bound) {
        return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random_);
    }
    bool coin() { return below(2) == 0; }

    template <class T>
    void operator()(std::string_view, std::optional<T>& value) {
        value = coin() ? std::optional<T>(any<T>()) : std::nullopt;
    }
    template <class T>
    void required(std::string_view, T& value) {
        value = any<T>();
    }
    template <class T>
    void defaulted(std::string_view, T& value) {
        value = any<T>();
    }
    template <class T>
    void unless(std::string_view, T& value, const T& /*left_out*/) {
        value = any<T>();
    }
    void flag(std::string_view, bool& set) { set = coin(); }
    void code_of(std::string_view, const Error&) {}
    template <class A, class B>
    void one_of(std::string_view, std::string_view, std::variant<A, B>& value) {
        if (coin()) {
            value = any<A>();
        } else {
            value = any<B>();
        }
    }

    template <class T>
    T any() {
        if constexpr (std::same_as<T, bool>) {
            return coin();
        } else if constexpr (std::integral<T>) {
            return static_cast<T>(whole());
        } else if constexpr (std::same_as<T, Duration>) {
            // As far as they are read.
            return Duration(static_cast<std::int64_t>(whole() >> 18U));
        } else if constexpr (std::same_as<T, DeviceTag>) {
            return DeviceTag(whole());
        } else if constexpr (std::same_as<T, std::string>) {
            return text();
        } else if constexpr (requires { T::parse(""); }) {
            return *T::parse(id_text());
        } else if constexpr (std::same_as<T, Profile>) {
            Profile profile;
            for (auto left = below(4); left > 0; --left) {
                profile[text()] = text();
            }
            return profile;
        } else if constexpr (std::same_as<T, Error>) {
            return error_table[below(error_table.size())].error;
        } else if constexpr (std::same_as<T, Data>) {
            return coin() ? Data{.bytes = text(), .is_text = true}
                          : Data{.bytes = bytes(), .is_text = false};
        } else if constexpr (std::same_as<T, Req>) {
            const auto number = whole();
            // What fits both integers is read as the unsigned one.
            return coin()                  ? Req(text())
                   : coin() || number == 0 ? Req(number)
                                           : Req(std::numeric_limits<std::int64_t>::min() +
                                                 static_cast<std::int64_t>(number >> 1U));
        } else if constexpr (requires { Names<T>::list; }) {
            return static_cast<T>(below(Names<T>::list.size()));
        } else if constexpr (requires(T list) { list.push_back(list.front()); }) {
            T list;
            for (auto left = below(4) * below(8); left > 0; --left) {
                list.push_back(any<typename T::value_type>());
            }
            return list;
        } else {
            T message;
            T::fields(message, *this);
            return message;
        }
    }

  private:
    /// Of any width, mostly at the ends of one.
    std::uint64_t whole() {
        const auto power = std::uint64_t{1} << below(64);
        switch (below(4)) {
            case 0:
                return power;
            case 1:
                return power - 1;
            case 2:
                return ~power;
            default:
                return std::uniform_int_distribution<std::uint64_t>()(random_);
        }
    }
    std::string bytes() {
        std::string bytes(below(2) * below(40), '\0');
        for (auto& byte : bytes) {
            byte = static_cast<char>(below(256));
        }
        return bytes;
    }
    std::string text() {
        static const std::vector<std::string> pieces{"a",
                                                     "ring",
                                                     "\""s,
                                                     "\\",
                                                     "\n",
                                                     "\0"s,
                                                     "\x1f",
                                                     "\x7f",
                                                     "/",
                                                     "{",
                                                     "é",
                                                     "門口",
                                                     "\xf0\x9f\x94\x94",
                                                     "\xed\x9f\xbf",
                                                     "\xee\x80\x80",
                                                     "\xf4\x8f\xbf\xbf",
                                                     "\xe2\x80\xa8"};
        std::string text;
        for (auto left = below(2) * below(30); left > 0; --left) {
            text += pieces[below(pieces.size())];
        }
        return text;
    }
    std::string id_text() {
        static constexpr std::string_view letters =
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._@:-";
        std::string id;
        for (auto left = 1 + below(64); left > 0; --left) {
            id += letters[below(letters.size())];
        }
        return id;
    }

    std::mt19937 random_;
};

/// One message of each kind, filled at random; `kind` as in the vectors.
using Sample = std::pair<std::string, Any>;

template <std::size_t I = 0>
void random_requests(Randomizer& random, std::vector<Sample>& all) {
    if constexpr (I < std::variant_size_v<RequestBodies>) {
        using Body = std::variant_alternative_t<I, RequestBodies>;
        Request request{.body = random.any<Body>()};
        random("req", request.req);
        all.emplace_back("request:" + word_of<Body>(), std::move(request));
        random_requests<I + 1>(random, all);
    }
}
template <class Told, std::size_t I = 0>
void random_events(Randomizer& random, std::vector<Sample>& all) {
    using Bodies = typename decltype(Told::body)::Variant;
    if constexpr (I < std::variant_size_v<Bodies>) {
        using Body = std::variant_alternative_t<I, Bodies>;
        Told told;
        Told::head(told, random);
        told.body = random.any<Body>();
        all.emplace_back("event:" + std::string(Body::event), AnyEvent(std::move(told)));
        random_events<Told, I + 1>(random, all);
    }
}
void random_events(Randomizer& random, std::vector<Sample>& all) {
    random_events<Event>(random, all);
    random_events<GroupEvent>(random, all);
    all.emplace_back("event:message", AnyEvent(random.any<MessageEvent>()));
}
void random_replies(Randomizer& random, std::vector<Sample>& all) {
    const auto add = [&](std::string re, ReplyBody body) {
        Reply reply{
            .re = std::move(re), .device = random.any<DeviceTag>(), .body = std::move(body)};
        random("req", reply.req);
        all.emplace_back("reply:", std::move(reply));
    };
    add("invite", random.any<Invited>());
    add("add", random.any<Invited>());
    for (const auto* verb : {"accept", "reject", "modify", "ringing"}) {
        add(verb, random.any<Done>());
    }
    add("cancel", random.any<Cancelled>());
    add("get", random.any<Got>());
    add("sync", random.any<Synced>());
    for (const auto* verb : {"create", "join", "quit", "dismiss", "update", "role", "transfer"}) {
        add(verb, random.any<GroupDone>());
    }
    add("add", random.any<MembersDone>());
    add("remove", random.any<MembersDone>());
    add("get", random.any<GotGroup>());
    add("groups", random.any<GroupsListed>());
    add("history", random.any<HistoryListed>());
    add("message", random.any<Sent>());
    add("online", random.any<OnlineListed>());
    add("open", random.any<OpenListed>());
    add("anything", random.any<Refusal>());
}

}  // namespace

// ---------------------------------------------------------- golden vectors

TEST_CASE("each vector is read and written byte by byte in both encodings") {
    for (const auto& one : vectors()) {
        INFO(one.kind << ", " << one.name);
        const auto from_json = decode(one.kind, one.json_text);
        const auto from_msgpack = decode(one.kind, one.msgpack);
        REQUIRE(from_json);
        REQUIRE(from_msgpack);
        CHECK(*from_json == *from_msgpack);
        CHECK(encoded(*from_json, Encoding::json) == one.json_text);
        CHECK(hex_of(encoded(*from_json, Encoding::msgpack)) == hex_of(one.msgpack));
    }
}

TEST_CASE("a second codec reads the same from both encodings of each vector") {
    for (const auto& one : vectors()) {
        INFO(one.kind << ", " << one.name);
        CHECK(spelled_as_json(json::from_msgpack(one.msgpack)) == json::parse(one.json_text));
    }
}

TEST_CASE("the vectors show every message that there is") {
    std::map<std::string, int> shown;
    for (const auto& one : vectors()) {
        ++shown[one.kind];
    }
    Randomizer random(1);
    std::vector<Sample> all;
    random_requests(random, all);
    random_events(random, all);
    for (const auto& [kind, message] : all) {
        INFO(kind);
        CHECK(shown[kind] > 0);
    }
    for (const auto* reply :
         {"invite", "add", "accept", "reject", "cancel", "modify", "ringing", "get", "sync",
          "refused", "message", "groups", "history", "group_done", "group_get", "members_done",
          "here", "online", "open"}) {
        INFO(reply);
        CHECK(shown["reply:"s + reply] > 0);
    }
}

TEST_CASE("the status vector names each limit with its default") {
    for (const auto& one : read_schemas_file("vectors/status.json")) {
        const auto status = json::parse(one.at("json").get<std::string>());
        CHECK(status.at("limits").size() == limit_table.size());
        for (const auto& limit : limit_table) {
            INFO(limit.name);
            CHECK(status.at("limits").value(std::string(limit.name), std::int64_t{-1}) ==
                  defaults.*limit.value);
        }
    }
}

namespace {

/// Fills a message from JSON that nothing of ours has read.
struct FromJson {
    const json& from;

    template <class T>
    void required(const char* name, T& field) const {
        put(from.at(name), field);
    }
    template <class T>
    void operator()(const char* name, std::optional<T>& field) const {
        if (const auto at = from.find(name); at != from.end()) {
            put(*at, field.emplace());
        }
    }
    void operator()(const char* name, std::optional<Data>& field) const {
        if (const auto in_base64 = name + "_b64"s; from.contains(in_base64)) {
            field = {.bytes = *from_base64(from.at(in_base64).get<std::string>()),
                     .is_text = false};
        } else if (from.contains(name)) {
            field = {.bytes = from.at(name).get<std::string>(), .is_text = true};
        }
    }
    template <class T>
    void unless(const char* name, T& field, const T& usual) const {
        field = from.value(name, usual);
    }

  private:
    template <class T>
    static void put(const json& value, T& field) {
        if constexpr (requires { T::parse(""); }) {
            field = *T::parse(value.get<std::string>());
        } else if constexpr (std::same_as<T, Duration>) {
            field = Duration(value.get<std::int64_t>());
        } else if constexpr (std::same_as<T, State>) {
            const auto& names = Names<State>::list;
            const auto at = std::find(names.begin(), names.end(), value.get<std::string>());
            field = static_cast<State>(at - names.begin());
        } else if constexpr (std::same_as<T, std::string>) {
            field = value.get<std::string>();
        } else {
            for (const auto& one : value) {
                put(one, field.emplace_back());
            }
        }
    }
};

}  // namespace

TEST_CASE("each vector of who is absent is written byte by byte") {
    std::size_t seen = 0;
    for (const auto& one : read_schemas_file("vectors/operator.json")) {
        const auto text = one.at("json").get<std::string>();
        const auto told = json::parse(text);
        FromJson reader{told};
        const auto kind = one.at("kind").get<std::string>();
        INFO(kind << ", " << one.at("name"));
        if (kind == "operator:absent_asked") {
            AbsentAsked asked;
            AbsentAsked::fields(asked, reader);
            CHECK(encode(Absent(asked)) == text);
            ++seen;
        } else if (kind == "operator:absent_ended") {
            AbsentEnded ended;
            AbsentEnded::fields(ended, reader);
            CHECK(encode(Absent(ended)) == text);
            ++seen;
        }
    }
    CHECK(seen > 20);
}

// --------------------------------------------------------------- malformed

TEST_CASE("each malformed sample is refused for its reason") {
    for (const auto& one : read_schemas_file("samples/malformed.json")) {
        const auto kind = one.at("kind").get<std::string>();
        INFO(kind << ", " << one.at("name"));
        const auto verb = kind.substr(kind.find(':') + 1);
        const auto refusal = refusal_of(topic_of(verb), from_hex(one.at("hex").get<std::string>()));
        const auto& expect = one.at("expect");
        if (expect.contains("ok")) {
            CHECK_FALSE(refusal);
            continue;
        }
        REQUIRE(refusal);
        CHECK(info(refusal->error).name == expect.at("error").get<std::string>());
        if (expect.contains("field")) {
            CHECK(refusal->field == expect.at("field").get<std::string>());
        }
    }
}

TEST_CASE("a message cut short anywhere is no message") {
    for (const auto& one : vectors()) {
        for (const auto& whole : {one.json_text, one.msgpack}) {
            // From 1: an empty payload is an empty map.
            for (std::size_t size = 1; size < whole.size(); ++size) {
                if (decode(one.kind, whole.substr(0, size))) {
                    FAIL(one.kind << ", " << one.name << ", cut to " << size << " bytes");
                }
            }
        }
    }
}

TEST_CASE("a message that bytes follow is no message") {
    for (const auto& one : vectors()) {
        for (int byte = 0; byte < 256; ++byte) {
            const auto more = static_cast<char>(byte);
            const bool is_space = " \t\r\n"s.find(more) != std::string::npos;
            if (decode(one.kind, one.msgpack + more) ||
                decode(one.kind, one.json_text + more).has_value() != is_space) {
                FAIL(one.kind << ", " << one.name << ", byte " << byte);
            }
        }
    }
}

TEST_CASE("a message with one byte changed is refused or means what it is written back as") {
    constexpr std::uint32_t seed = 20;
    INFO("seed " << seed);
    Randomizer random(seed);
    for (const auto& one : vectors()) {
        for (const auto& whole : {one.json_text, one.msgpack}) {
            for (std::size_t at = 0; at < whole.size(); ++at) {
                auto changed = whole;
                changed[at] = static_cast<char>(random.below(256));
                const auto message = decode(one.kind, changed);
                if (!message) {
                    continue;
                }
                for (const auto encoding : {Encoding::json, Encoding::msgpack}) {
                    const auto written = encoded(*message, encoding);
                    const auto again = decode(one.kind, written);
                    if (!again || encoded(*again, encoding) != written) {
                        FAIL(one.kind << ", " << one.name << ": " << hex_of(changed));
                    }
                }
            }
        }
    }
}

TEST_CASE("random messages survive the way there and back in both encodings") {
    for (std::uint32_t seed = 1; seed <= walks(300); ++seed) {
        INFO("seed " << seed);
        Randomizer random(seed);
        std::vector<Sample> all;
        random_requests(random, all);
        random_events(random, all);
        random_replies(random, all);
        for (const auto& [kind, message] : all) {
            INFO(kind << " " << encoded(message, Encoding::json));
            const auto in_json = encoded(message, Encoding::json);
            const auto in_msgpack = encoded(message, Encoding::msgpack);
            if (decode(kind, in_json) != message || decode(kind, in_msgpack) != message) {
                FAIL("does not come back");
            }
            if (spelled_as_json(json::from_msgpack(in_msgpack)) != json::parse(in_json)) {
                FAIL("a second codec reads it differently");
            }
        }
    }
}

TEST_CASE("random bytes are never a crash") {
    constexpr std::uint32_t seed = 7;
    INFO("seed " << seed);
    Randomizer random(seed);
    for (int i = 0; i < 20'000; ++i) {
        std::string payload(random.below(60), '\0');
        for (auto& byte : payload) {
            byte = static_cast<char>(random.below(256));
        }
        if (!payload.empty() && random.coin()) {
            payload[0] = random.coin() ? '{' : static_cast<char>(0x80 + random.below(16));
        }
        for (const auto* kind : {"request:invite", "reply:", "event:"}) {
            decode(kind, payload);
        }
    }
}

// ----------------------------------------------------------- form of a body

TEST_CASE("an empty payload is an empty JSON map") {
    CHECK(encoding_of("") == Encoding::json);
    CHECK(taken_accept("") == Accept{.id = id("i")});
    CHECK(refusal_of("invitation/i/modify", "")->field == "data");
}

TEST_CASE("the reply's encoding is told by the first byte") {
    CHECK(encoding_of("{}") == Encoding::json);
    CHECK(encoding_of("\x80") == Encoding::msgpack);
    CHECK(encoding_of("\x8f") == Encoding::msgpack);
    CHECK(encoding_of("\xde") == Encoding::msgpack);
    CHECK(encoding_of("\xdf") == Encoding::msgpack);
    for (const auto* const other : {" {}", "[]", "\x7f", "\x90", "\xc0", "\xdd", "\xe0"}) {
        CHECK(encoding_of(other) == Encoding::json);
    }
}

TEST_CASE("depth 8 is read and depth 9 refused") {
    const auto brackets = [](std::size_t depth) {
        return "{\"x\":" + std::string(depth - 1, '[') + std::string(depth - 1, ']') + "}";
    };
    const auto maps = [](std::size_t depth) {
        std::string text = "1";
        for (std::size_t i = 0; i < depth; ++i) {
            text.insert(0, "{\"x\":");
            text += '}';
        }
        return text;
    };
    const auto arrays = [](std::size_t depth) {
        return one_field("x", std::string(depth - 2, '\x91') + "\x90");
    };
    CHECK_FALSE(refusal_of("invitation/i/accept", brackets(8)));
    CHECK_FALSE(refusal_of("invitation/i/accept", maps(8)));
    CHECK_FALSE(refusal_of("invitation/i/accept", arrays(8)));
    for (const auto depth : {9U, 10U, 500U, 10'000U}) {
        for (const auto& payload : {brackets(depth), maps(std::min(depth, 5000U)), arrays(depth)}) {
            const auto refusal = refusal_of("invitation/i/accept", payload);
            INFO("depth " << depth);
            REQUIRE(refusal);
            CHECK(refusal->error == Error::invalid_request);
            CHECK(refusal->field == "x");
        }
    }
}

TEST_CASE("a field after one that is nested deepest is read") {
    CHECK(taken_accept(R"({"x":[[[[[[[]]]]]]],"data":"d"})").data == Data{.bytes = "d"});
    CHECK(taken_accept("\x82"s + text_item("x") + "\x91\x91\x91\x91\x91\x91\x90"s +
                       text_item("data") + text_item("d"))
              .data == Data{.bytes = "d"});
}

TEST_CASE("a key that stands twice is refused at any depth") {
    const auto refused = [](const std::string& payload) {
        const auto refusal = refusal_of("invitation/i/accept", payload);
        INFO(payload);
        REQUIRE(refusal);
        CHECK(refusal->error == Error::invalid_request);
        return refusal->field;
    };
    CHECK(refused(R"({"data":"a","data":"a"})") == "data");
    CHECK(refused(R"({"x":1,"x":2})") == "x");
    CHECK(refused(R"({"y":1,"x":[{"k":1,"k":2}]})") == "x");
    CHECK(refused(R"({"x":{"x":{"k":1,"z":{},"k":2}}})") == "x");
    const auto twice = "\x82"s + text_item("k") + "\x01" + text_item("k") + "\x01";
    CHECK(refused("\x82"s + text_item("data") + text_item("a") + text_item("data") +
                  text_item("a")) == "data");
    CHECK(refused(one_field("x", "\x91" + twice)) == "x");
    CHECK(refused(twice) == "k");
    // Among many keys it is only known that there is one.
    std::string many;
    for (int i = 0; i < 300; ++i) {
        many += "\"k" + std::to_string(i) + "\":1,";
    }
    CHECK_FALSE(refusal_of("invitation/i/accept", "{" + many + "\"data\":\"a\"}"));
    CHECK_FALSE(refused("{" + many + "\"k7\":1}"));
    CHECK(refused("{\"x\":{" + many + "\"k299\":1}}") == "x");
    CHECK_FALSE(
        refusal_of("invitation/i/accept", "{\"x\":[{" + many + "\"k\":1},{" + many + "\"k\":1}]}"));
}

TEST_CASE("text that is not UTF-8 is refused in keys and values, known or not") {
    for (const auto& bad : {"\xff"s, "\xc3"s, "\xc0\xaf"s, "\xed\xa0\x80"s, "\xf4\x90\x80\x80"s,
                            "a\x80"s, "\xe2\x82"s, "\xf8\x88\x80\x80\x80"s}) {
        const auto quoted = "\"" + bad + "\"";
        const auto item = text_item(bad);
        for (const auto& payload :
             {"{" + quoted + ":1}", "{\"data\":" + quoted + "}", "{\"x\":[" + quoted + "]}",
              "{\"x\":{" + quoted + ":1}}", one_field(bad, "\x01"), one_field("data", item),
              one_field("x", "\x91" + item), one_field("x", "\x81" + item + "\x01")}) {
            const auto refusal = refusal_of("invitation/i/accept", payload);
            INFO(hex_of(payload));
            REQUIRE(refusal);
            CHECK(refusal->error == Error::invalid_request);
        }
    }
}

TEST_CASE("five bytes that ask for gigabytes are refused") {
    for (const char kind : "\xdf\xdd\xdb\xc6\xc9"s) {
        for (const std::size_t size : {0xffff'ffffU, 0x7fff'ffffU, 0x4000'0000U, 0x0010'0000U}) {
            const auto item = sized_item(kind, size);
            for (const auto& payload :
                 {item, one_field("data", item), one_field("x", item),
                  one_field("x", "\x91" + item), "\x81" + item, "\x82" + item + item}) {
                const auto refusal = refusal_of("invitation/i/accept", payload);
                INFO(hex_of(payload));
                REQUIRE(refusal);
                CHECK(refusal->error == Error::invalid_request);
            }
        }
    }
}

TEST_CASE("a key that is no text is refused") {
    for (const auto& key : {"\x01"s, "\xff"s, "\xc0"s, "\xc3"s, "\xc4\x01k"s, "\x80"s, "\x90"s,
                            "\x91\xa1k"s, "\xcb\0\0\0\0\0\0\0\0"s, "\xd4\x01\x00"s}) {
        for (const auto& payload : {"\x81" + key + "\x01", one_field("x", "\x81" + key + "\x01")}) {
            const auto refusal = refusal_of("invitation/i/accept", payload);
            INFO(hex_of(payload));
            REQUIRE(refusal);
            CHECK(refusal->error == Error::invalid_request);
        }
    }
}

TEST_CASE("an extension type fits no field but may stand in an unknown one") {
    for (const auto& extension : {"\xd4\x01\x00"s, "\xd6\xff\0\0\0\0"s, "\xc7\x02\x05\x61\x62"s}) {
        CHECK_FALSE(refusal_of("invitation/i/accept", one_field("x", extension)));
        CHECK(refusal_of("invitation/i/accept", one_field("data", extension))->field == "data");
        CHECK(refusal_of("invitation/i/accept", one_field("req", extension))->field == "req");
        CHECK(refusal_of("user/bob/invite", one_field("timeout_ms", extension))->field ==
              "timeout_ms");
    }
}

TEST_CASE("integers come in any spelling that has no fraction and fits") {
    const auto timeout = [](const std::string& payload) {
        const auto taken =
            take_in(alice, {.topic = "user/bob/invite", .payload = payload}, defaults);
        const auto* request = std::get_if<Request>(&taken);
        return request != nullptr ? std::get<Invite>(request->body).timeout.count() : -1;
    };
    CHECK(timeout(R"({"timeout_ms":1000})") == 1000);
    CHECK(timeout(R"({"timeout_ms":1000.0})") == 1000);
    CHECK(timeout(R"({"timeout_ms":1e3})") == 1000);
    CHECK(timeout(R"({"timeout_ms":-0.0})") == 0);
    CHECK(timeout(one_field("timeout_ms", "\xca\x44\x7a\x00\x00"s)) == 1000);
    CHECK(timeout(one_field("timeout_ms", "\xcb\x40\x8f\x40\x00\x00\x00\x00\x00"s)) == 1000);
    CHECK(timeout(one_field("timeout_ms", "\xd3\0\0\0\0\0\0\x03\xe8"s)) == 1000);

    for (const auto* bad :
         {"1000.5", "-1", "1e300", "9007199254740993", "18446744073709551615",
          "18446744073709551616", "-9223372036854775809", "\"1000\"", "null", "true", "[1000]"}) {
        INFO(bad);
        const auto refusal = refusal_of("user/bob/invite", "{\"timeout_ms\":"s + bad + "}");
        REQUIRE(refusal);
        CHECK(refusal->error == Error::invalid_request);
        CHECK(refusal->field == "timeout_ms");
    }
    for (const auto& bad : {"\xca\x7f\xc0\x00\x00"s,                  // NaN
                            "\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00"s,  // NaN
                            "\xcb\xff\xf0\x00\x00\x00\x00\x00\x00"s,  // -Infinity
                            "\xcb\x7f\xef\xff\xff\xff\xff\xff\xff"s,  // the largest double
                            "\xcf\xff\xff\xff\xff\xff\xff\xff\xff"s}) {
        INFO(hex_of(bad));
        CHECK(refusal_of("user/bob/invite", one_field("timeout_ms", bad))->field == "timeout_ms");
    }
}

TEST_CASE("unknown keys are ignored, whatever they hold") {
    CHECK(taken_accept(R"({"x":null,"y":[1,{"z":1.5}],"data":"d","datum":7})").data ==
          Data{.bytes = "d"});
    CHECK(taken_accept(one_field("x", "\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00"s)).data ==
          std::nullopt);
}

TEST_CASE("an absent field is absent, not null") {
    for (const auto* field : {"id", "data", "timeout_ms", "also", "answer", "call", "online_only",
                              "on_inviter_lost", "visibility", "req"}) {
        const auto in_json = refusal_of("user/bob/invite", "{\""s + field + "\":null}");
        const auto in_msgpack = refusal_of("user/bob/invite", one_field(field, "\xc0"));
        INFO(field);
        REQUIRE(in_json);
        REQUIRE(in_msgpack);
        CHECK(in_json->field == field);
        CHECK(in_msgpack->field == field);
    }
    CHECK(encode(Request{.body = Accept{}}, Encoding::json) == "{}");
}

// --------------------------------------------------------------------- data

TEST_CASE("binary data is data_b64 in JSON and bytes in msgpack") {
    const Data bytes{.bytes = "\0\xff\x10"s, .is_text = false};
    CHECK(taken_accept(R"({"data_b64":"AP8Q"})").data == bytes);
    CHECK(taken_accept(one_field("data", "\xc4\x03\0\xff\x10"s)).data == bytes);
    const Request accept{.body = Accept{.id = {}, .data = bytes}};
    CHECK(encode(accept, Encoding::json) == R"({"data_b64":"AP8Q"})");
    CHECK(encode(accept, Encoding::msgpack) ==
          "\x81\xa4"
          "data\xc4\x03\0\xff\x10"s);
}

TEST_CASE("base64 is read strictly") {
    for (const auto* good : {"", "AA==", "AAA=", "AAAA", "+/+/", "TWE="}) {
        INFO(good);
        const auto data = taken_accept("{\"data_b64\":\""s + good + "\"}").data;
        REQUIRE(data);
        CHECK(base64(data->bytes) == good);
    }
    for (const auto* bad :
         {"A",     "AA",       "AAA",     "A===", "====",       "=AAA",      "AA=A",
          "AAAA=", "AAAAA===", "AB==",    "AAB=", "AA==AAAA",   "AAAA====",  "A AA",
          "AAAA ", " AAAA",    "AA\\nAA", "-_-_", "AA\\u0000A", "A\\u00e9A", "AAA*"}) {
        INFO(bad);
        const auto refusal = refusal_of("invitation/i/accept", "{\"data_b64\":\""s + bad + "\"}");
        REQUIRE(refusal);
        CHECK(refusal->error == Error::invalid_request);
        CHECK(refusal->field == "data_b64");
    }
}

TEST_CASE("base64 writes what RFC 4648 shows, and reads all that it writes") {
    CHECK(base64("f") == "Zg==");
    CHECK(base64("fo") == "Zm8=");
    CHECK(base64("foo") == "Zm9v");
    CHECK(base64("foob") == "Zm9vYg==");
    CHECK(base64("fooba") == "Zm9vYmE=");
    CHECK(base64("foobar") == "Zm9vYmFy");
    std::string bytes;
    for (int i = 0; i < 600; ++i) {
        CHECK(from_base64(base64(bytes)) == bytes);
        bytes += static_cast<char>(i * 37);
    }
}

TEST_CASE("data and data_b64 together are refused") {
    CHECK(refusal_of("invitation/i/accept", R"({"data":"x","data_b64":"eA=="})")->field ==
          "data_b64");
    CHECK(refusal_of("invitation/i/modify", R"({"data_b64":"eA==","data":"x"})")->field ==
          "data_b64");
}

TEST_CASE("a data_b64 that does not fit is blamed, though data is required") {
    CHECK(refusal_of("invitation/i/modify", R"({"data_b64":"?"})")->field == "data_b64");
    CHECK(refusal_of("invitation/i/modify", R"({"datum":"x"})")->field == "data");
}

TEST_CASE("data at the limit is taken and one byte more is too large") {
    const Limits limits{.max_payload_bytes = 1000, .max_data_bytes = 100};
    for (const std::size_t over : {0U, 1U}) {
        const std::string bytes(100 + over, 'x');
        const auto binary = "\xc4"s + static_cast<char>(bytes.size()) + bytes;
        for (const auto& payload :
             {"{\"data\":\"" + bytes + "\"}", "{\"data_b64\":\"" + base64(bytes) + "\"}",
              one_field("data", text_item(bytes)), one_field("data", binary)}) {
            for (const auto* topic :
                 {"invitation/i/accept", "invitation/i/reject", "invitation/i/cancel",
                  "invitation/i/modify", "user/bob/invite"}) {
                const auto refusal = refusal_of(topic, payload, limits);
                INFO(topic);
                REQUIRE(refusal.has_value() == (over > 0));
                if (refusal) {
                    CHECK(refusal->error == Error::too_large);
                    CHECK(refusal->field == "data");
                    CHECK(refusal->limit == 100);
                }
            }
        }
        const auto reason =
            refusal_of("invitation/i/reject", one_field("reason", text_item(bytes)), limits);
        REQUIRE(reason.has_value() == (over > 0));
        if (reason) {
            CHECK(reason->error == Error::too_large);
            CHECK(reason->field == "reason");
        }
    }
}

TEST_CASE("a payload at the limit is taken and one byte more is too large") {
    const Limits limits{.max_payload_bytes = 256};
    for (const std::size_t over : {0U, 1U}) {
        const auto payload = "{" + std::string(254 + over, ' ') + "}";
        const auto refusal = refusal_of("invitation/i/accept", payload, limits);
        REQUIRE(refusal.has_value() == (over > 0));
        if (refusal) {
            CHECK(refusal->error == Error::too_large);
            CHECK(refusal->field == "payload");
            CHECK(refusal->limit == 256);
        }
    }
}

// ---------------------------------------------------------------------- req

TEST_CASE("req comes back with any refusal that could read it") {
    const auto req_of = [](const std::string& topic, const std::string& payload,
                           bool retain = false) {
        const auto taken =
            take_in(alice, {.topic = topic, .payload = payload, .retain = retain}, defaults);
        INFO(topic << " " << payload);
        REQUIRE(std::holds_alternative<Reply>(taken));
        return std::get<Reply>(taken).req;
    };
    const std::optional<Req> seven(std::uint64_t{7});
    const auto body = R"({"req":7})"s;
    CHECK(req_of("invitation/i/modify", body) == seven);
    CHECK(req_of("invitation/i/frob", body) == seven);
    CHECK(req_of("frob", body) == seven);
    CHECK(req_of("invitation/i/accept/alice/x", body) == seven);
    CHECK(req_of("invitation/a b/accept", body) == seven);
    CHECK(req_of("invitation/i/accept/bob", body) == seven);
    CHECK(req_of("user/bob/sync", body) == seven);
    CHECK(req_of("invitation/i/accept", body, true) == seven);
    CHECK(req_of("invitation/i/accept", R"({"req":7,"data":1})") == seven);
    CHECK(req_of("invitation/i/accept", R"({"x":1,"x":1,"req":7})") == seven);
    CHECK(req_of("invitation/i/accept", R"({"x":[[[[[[[[1]]]]]]]],"req":7})") == seven);
    CHECK(req_of("invitation/i/accept", R"({"req":7}x)") == seven);
    CHECK(req_of("user/bob/invite", R"({"req":7,"timeout_ms":-1})") == seven);
    CHECK(req_of("invitation/i/accept",
                 "\x82"s + text_item("data") + "\xc0" + text_item("req") + "\x07") == seven);
    CHECK(req_of("invitation/i/modify", R"({"req":"größer"})") == std::optional<Req>("größer"));
    CHECK(req_of("invitation/i/modify", R"({"req":-3})") == std::optional<Req>(std::int64_t{-3}));
    CHECK(req_of("invitation/i/modify", R"({"req":1.5})") == std::nullopt);
    CHECK(req_of("invitation/i/modify", R"({"req":[7]})") == std::nullopt);
}

TEST_CASE("a large body that is not taken keeps its req to itself") {
    const auto body = [](std::size_t size, const std::string& rest) {
        std::string text = R"({"req":7,"x":")";
        text.append(size - text.size() - 1 - rest.size(), 'x');
        return text + '"' + rest;
    };
    const std::optional<Req> seven(std::uint64_t{7});
    const auto req_of = [](const std::string& topic, const std::string& payload) {
        return std::get<Reply>(take_in(alice, {.topic = topic, .payload = payload}, defaults)).req;
    };
    for (const std::string rest : {"}x", R"(,"data":1})"}) {
        CHECK(req_of("invitation/i/accept", body(1024, rest)) == seven);
        CHECK(req_of("invitation/i/accept", body(1025, rest)) == std::nullopt);
    }
    CHECK(req_of("invitation/i/frob", body(1024, "}")) == seven);
    CHECK(req_of("invitation/i/frob", body(1025, "}")) == std::nullopt);
    // What was taken, and is refused for what it says.
    CHECK(req_of("user/bob/invite", body(2000, R"(,"timeout_ms":-1})")) == seven);
}

TEST_CASE("a body holds so many values and not one more") {
    const auto refused = [](std::size_t values) {
        // The map, the list, and what is in it; keys are none.
        json body{{"x", json(std::vector<int>(values - 2))}};
        const auto as_json = refusal_of("invitation/i/accept", body.dump());
        const auto packed = json::to_msgpack(body);
        const auto as_msgpack =
            refusal_of("invitation/i/accept", std::string(packed.begin(), packed.end()));
        REQUIRE(as_json == as_msgpack);
        return as_json;
    };
    CHECK_FALSE(refused(4096));
    const auto refusal = refused(4097);
    REQUIRE(refusal);
    CHECK(refusal->error == Error::too_large);
    CHECK(refusal->field == "payload");
    CHECK(refusal->limit == 4096);
    Limits few;
    few.max_payload_values = 16;
    CHECK(refusal_of("invitation/i/accept",
                     R"({"x":[[],[],[],[],[],[],[],[],[],[],[],[],[],[],[]]})", few)
              ->limit == 16);
}

TEST_CASE("a plain ring fits a packet of 256 bytes") {
    // Of MQTT 3.1.1 at QoS 1: two bytes and the length's, the topic's length, the packet's number.
    const auto packet = [](const std::string& topic, const std::string& payload) {
        const auto rest = 2 + topic.size() + 2 + payload.size();
        return 1 + (rest < 128 ? 1 : 2) + rest;
    };
    const std::string id_of_32(32, 'f');
    const Event ring{.id = id(id_of_32),
                     .rev = 1,
                     .by_device = DeviceTag(~0ULL),
                     .body = NewInvitation{.inviter = user("door-man"),
                                           .invitees = {user("kitchen1")},
                                           .remaining = Duration(30'000)}};
    CHECK(packet("beckon/v1/inbox/kitchen1/event", encode(ring, Encoding::msgpack)) <= 256);
    InvitationInfo item{.id = id(id_of_32), .inviter = user("door-man")};
    item.remaining = Duration(29'999);
    item.invitees.push_back({.user = user("kitchen1")});
    const Reply page{.re = "sync",
                     .device = DeviceTag(~0ULL),
                     .body = Synced{.server_epoch = std::string(16, 'e'), .invitations = {item}}};
    CHECK(packet("beckon/v1/inbox/kitchen1/reply", encode(page, Encoding::msgpack)) <= 256);
}

TEST_CASE("a whole req is the same value however it is spelled") {
    const auto req = [](const std::string& payload) {
        RequestBody body = Accept{};
        return decode_request(payload, defaults, body).req;
    };
    const std::optional<Req> seven(std::uint64_t{7});
    CHECK(req(R"({"req":7})") == seven);
    CHECK(req(R"({"req":7.0})") == seven);
    CHECK(req(one_field("req", "\x07")) == seven);
    CHECK(req(one_field("req", "\xd0\x07")) == seven);
    CHECK(req(one_field("req", "\xd3\0\0\0\0\0\0\0\x07"s)) == seven);
}

TEST_CASE("a req that is not UTF-8 is not echoed") {
    const auto taken = take_in(
        alice, {.topic = "invitation/i/accept", .payload = one_field("req", text_item("a\xff"))},
        defaults);
    const auto& reply = std::get<Reply>(taken);
    CHECK_FALSE(reply.req);
    for (const auto encoding : {Encoding::json, Encoding::msgpack}) {
        CHECK(decode_reply(encode(reply, encoding)).index() == 0);
    }
}

TEST_CASE("req keeps all 64 bits in both encodings") {
    for (const auto& req :
         {Req(std::numeric_limits<std::uint64_t>::max()), Req(std::uint64_t{9007199254740993}),
          Req(std::numeric_limits<std::int64_t>::min())}) {
        for (const auto encoding : {Encoding::json, Encoding::msgpack}) {
            RequestBody body = Accept{};
            const auto payload = encode(Request{.req = req, .body = Accept{}}, encoding);
            CHECK(decode_request(payload, defaults, body).req == req);
        }
    }
}

// ------------------------------------------------------------------- topics

TEST_CASE("checks come in the contract's order") {
    const auto check = [](const std::string& topic, const std::string& payload, bool retain) {
        const auto taken =
            take_in(alice, {.topic = topic, .payload = payload, .retain = retain}, defaults);
        return std::get<Refusal>(std::get<Reply>(taken).body);
    };
    const std::string bad = "{";
    CHECK(check("invitation/a b/frob/bob", bad, true).error == Error::unknown_request);
    CHECK(check("invitation/a b/accept/bob", bad, true).field == "id");
    CHECK(check("invitation/i/accept/b b", bad, true).field == "me");
    CHECK(check("invitation/i/accept/bob", bad, true).error == Error::wrong_sender);
    CHECK(check("invitation/i/accept/alice", bad, true).field == "retain");
    CHECK(check("invitation/i/accept/alice", bad, false).field == std::nullopt);
    CHECK(check("invitation/i/accept", std::string(40'000, 'x'), true).field == "retain");
    CHECK(check("invitation/i/accept", std::string(40'000, 'x'), false).error == Error::too_large);
}

TEST_CASE("an unknown verb or a wrong number of levels is an unknown request") {
    for (const auto* topic :
         {"", "/", "user", "user/bob", "user/bob/", "user/bob/invite/alice/",
          "user//invite/alice/x", "invitation/i", "invitation/i/invite", "user/bob/accept",
          "group/g/sync", "user/bob/get", "user/bob/INVITE", "users/bob/invite", "/user/bob/invite",
          "invitation/i/accept /", "status/i/get"}) {
        INFO(topic);
        const auto refusal = refusal_of(topic, "");
        REQUIRE(refusal);
        CHECK(refusal->error == Error::unknown_request);
    }
}

TEST_CASE("a bad id in a topic is an invalid request that names it") {
    const std::string longest(64, 'i');
    CHECK_FALSE(refusal_of("invitation/" + longest + "/accept", ""));
    CHECK(refusal_of("invitation/" + longest + "i/accept", "")->field == "id");
    CHECK(refusal_of("invitation//accept", "")->field == "id");
    CHECK(refusal_of("user/b\xc3\xb6/invite", "")->field == "invitee");
    CHECK(refusal_of("user/b#/invite", "")->field == "invitee");
    CHECK(refusal_of("user/a+/sync", "")->field == "me");
    CHECK(refusal_of("user/bob/invite/", "")->field == "me");
    CHECK(refusal_of("group/a b/join", "")->field == "group");
    CHECK(refusal_of("group//message", "")->field == "group");
    CHECK(refusal_of("user/a b/message", "")->field == "peer");
}

TEST_CASE("who is named as sender must be the sender") {
    CHECK_FALSE(refusal_of("user/bob/invite/alice", ""));
    CHECK(refusal_of("user/bob/invite/bob", "")->error == Error::wrong_sender);
    CHECK_FALSE(refusal_of("user/alice/sync/alice", ""));
    CHECK(refusal_of("user/bob/sync/bob", "")->error == Error::wrong_sender);
    CHECK(refusal_of("user/bob/sync/alice", "")->error == Error::wrong_sender);
    CHECK(refusal_of("user/alice/sync/bob", "")->error == Error::wrong_sender);
}

TEST_CASE("a refusal names the verb that it answers, if there is one") {
    const auto re = [](const std::string& topic) {
        return std::get<Reply>(take_in(alice, {.topic = topic, .payload = "{"}, defaults)).re;
    };
    CHECK(re("invitation/i/accept") == "accept");
    CHECK(re("invitation/i/frob/alice/x") == "frob");
    CHECK(re("invitation/i") == "unknown");
    CHECK(re("invitation/i/a b") == "unknown");
}

TEST_CASE("a body without sense is refused with its field") {
    const auto field = [](const std::string& topic, const std::string& payload) {
        const auto refusal = refusal_of(topic, payload);
        INFO(topic << " " << payload);
        REQUIRE(refusal);
        CHECK(refusal->error == Error::invalid_request);
        return refusal->field;
    };
    CHECK(field("user/bob/invite", R"({"visibility":"members"})") == "visibility");
    CHECK(field("user/bob/invite", R"({"visibility":"nobody"})") == "visibility");
    CHECK(field("user/bob/invite", R"({"answer":"ALL"})") == "answer");
    CHECK(field("user/bob/invite", R"({"also":["b b"]})") == "also");
    CHECK(field("invitation/i/add", R"({"invitees":[]})") == "invitees");
    CHECK(field("invitation/i/add", R"({})") == "invitees");
    CHECK(field("invitation/i/add", R"({"invitees":["c"],"timeout_ms":-1})") == "timeout_ms");
}
