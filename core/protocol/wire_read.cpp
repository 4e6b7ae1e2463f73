// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>
#include <msgpack.hpp>
#include <nlohmann/json.hpp>
#include <utility>

#include "protocol/refusals.hpp"
#include "protocol/text.hpp"
#include "protocol/wire.hpp"
#include "wire_types.hpp"

namespace beckon {

namespace {

/// Its maps keep their order, so that to add to one costs nothing, however many keys it has.
using Json = nlohmann::ordered_json;

/// Names of fields.
using Fields = std::vector<std::string_view>;

/// In JSON, what is binary stands in the field of this name's end.
constexpr std::string_view b64_suffix = "_b64";

/// Builds the tree of one payload, whichever its encoding, and notes the first
/// breach of the contract's form. It goes on after a breach, so that `req` is
/// found and the refusal can echo it.
class TreeBuilder {
  public:
    Json tree;
    std::optional<Refusal> refusal;

    /// Reads no further than `most` values, and looks at all of them, but keeps only the `wanted`
    /// fields of the body: null, all of them.
    TreeBuilder(std::int64_t most, const Fields* wanted)
        : left_(most), most_(most), wanted_(wanted) {}

    void breach(std::string what, std::optional<std::string> field = {}) {
        if (!refusal) {
            refusal = Refusal{.error = Error::invalid_request,
                              .message = std::move(what),
                              .field = std::move(field)};
        }
    }

    void key(std::string name) {
        if (depth_ > max_depth) {
            return;
        }
        if (depth_ == 1) {
            top_key_ = is_field_name(name) ? std::optional(name) : std::nullopt;
        }
        check_text(name);
        check_new(name);
        if (depth_ == 1) {
            drops_ = !is_wanted(name);
        }
        key_ = std::move(name);
    }
    /// False: the body holds too many values.
    bool begin(Json::value_t kind) {
        if (!count_one()) {
            return false;
        }
        ++depth_;
        if (depth_ == 1 && kind != Json::value_t::object) {
            breach("the body is no map");
        }
        if (depth_ > max_depth) {
            breach("nested deeper than 8", top_key_);
        } else {
            open_.push_back({.place = put([kind] { return Json(kind); }), .keys = keys_.size()});
        }
        return true;
    }
    void end() {
        if (depth_-- <= max_depth) {
            check_many();
            keys_.resize(open_.back().keys);
            open_.pop_back();
        }
    }
    /// One that `make` makes, if it is kept.
    bool value(const auto& make) {
        if (!count_one()) {
            return false;
        }
        if (depth_ == 0) {
            breach("the body is no map");
        }
        if (depth_ <= max_depth) {
            put(make);
        }
        return true;
    }
    bool text(std::string_view one) {
        // What is no text is not kept: a refusal must not echo it.
        const bool is_text = check_text(one);
        return value([&] { return is_text ? Json(one) : Json(nullptr); });
    }

  private:
    bool count_one() {
        if (left_-- > 0) {
            return true;
        }
        if (!refusal) {
            refusal = refuse_size("payload", most_);
            refusal->message = "payload holds more than " + std::to_string(most_) + " values";
        }
        return false;
    }
    /// A refusal echoes no key but one that could be ours.
    static bool is_field_name(std::string_view name) {
        const auto is_letter = [](char c) { return c >= 'a' && c <= 'z'; };
        return !name.empty() && name.size() <= 32 && is_letter(name.front()) &&
               std::all_of(name.begin(), name.end(), [&](char c) {
                   return is_letter(c) || (c >= '0' && c <= '9') || c == '_';
               });
    }
    [[nodiscard]] bool is_wanted(std::string_view name) const {
        if (refusal) {
            return name == "req";
        }
        if (name.ends_with(b64_suffix)) {
            name.remove_suffix(b64_suffix.size());
        }
        return wanted_ == nullptr ||
               std::find(wanted_->begin(), wanted_->end(), name) != wanted_->end();
    }
    /// Where it is kept; null: it is not.
    Json* put(const auto& make) {
        if (open_.empty()) {
            tree = make();
            return &tree;
        }
        Json* const parent = open_.back().place;
        if (parent == nullptr || drops_) {
            return nullptr;
        }
        if (parent->is_array()) {
            parent->push_back(make());
            return &parent->back();
        }
        if (refusal && open_.size() == 1) {
            return &((*parent)[key_] = make());  // `req`, perhaps again
        }
        // It has no such key, or there is a breach.
        auto& map = static_cast<Json::object_t::Container&>(parent->get_ref<Json::object_t&>());
        return &map.emplace_back(std::move(key_), make()).second;
    }
    /// Among few keys each is looked for at once, to be blamed; among many, when all are there.
    void check_new(std::string_view key) {
        const auto hash = std::hash<std::string_view>{}(key);
        const auto first = keys_.begin() + static_cast<std::ptrdiff_t>(open_.back().keys);
        if (keys_.end() - first < many_keys && std::find(first, keys_.end(), hash) != keys_.end()) {
            breach("a key stands twice", top_key_);
        }
        keys_.push_back(hash);
    }
    void check_many() {
        const auto first = keys_.begin() + static_cast<std::ptrdiff_t>(open_.back().keys);
        if (keys_.end() - first <= many_keys) {
            return;
        }
        std::sort(first, keys_.end());
        if (std::adjacent_find(first, keys_.end()) != keys_.end()) {
            breach("a key stands twice", depth_ > 0 ? top_key_ : std::nullopt);
        }
    }
    bool check_text(std::string_view text) {
        const bool well_formed = is_utf8(text);
        if (!well_formed) {
            breach("text is not UTF-8", top_key_);
        }
        return well_formed;
    }

    static constexpr std::ptrdiff_t many_keys = 64;

    /// An array or a map that has begun: where it is kept, and which of `keys_` is its first.
    struct Open {
        Json* place;
        std::size_t keys;
    };

    std::int64_t left_;
    std::int64_t most_;
    const Fields* wanted_;
    std::vector<Open> open_;
    /// Hashes of the keys of all maps that have begun.
    std::vector<std::size_t> keys_;
    /// What the body's present key holds is not kept.
    bool drops_ = false;
    std::string key_;
    std::optional<std::string> top_key_;
    int depth_ = 0;
};

class MsgpackVisitor : public msgpack::null_visitor {
  public:
    explicit MsgpackVisitor(TreeBuilder& build) : build_(build) {}

    // NOLINTBEGIN(readability-identifier-naming)
    bool visit_nil() { return scalar(nullptr); }
    bool visit_boolean(bool v) { return scalar(v); }
    bool visit_positive_integer(std::uint64_t v) { return scalar(v); }
    bool visit_negative_integer(std::int64_t v) { return scalar(v); }
    bool visit_float32(float v) { return scalar(static_cast<double>(v)); }
    bool visit_float64(double v) { return scalar(v); }
    bool visit_str(const char* v, std::uint32_t size) {
        if (in_key_) {
            build_.key(std::string(v, size));
        } else {
            return build_.text({v, size});
        }
        return true;
    }
    bool visit_bin(const char* v, std::uint32_t size) {
        return made([=] { return Json::binary({v, v + size}); });
    }
    // An extension is no type of the contract: null fits no field.
    bool visit_ext(const char* /*v*/, std::uint32_t /*size*/) { return scalar(nullptr); }
    bool start_array(std::uint32_t /*size*/) { return container(Json::value_t::array); }
    bool end_array() { return closed(); }
    bool start_map(std::uint32_t /*size*/) { return container(Json::value_t::object); }
    bool start_map_key() { return in_key_ = true; }
    bool end_map_key() {
        in_key_ = false;
        return true;
    }
    bool end_map() { return closed(); }
    void parse_error(std::size_t /*parsed*/, std::size_t /*at*/) { broken(); }
    void insufficient_bytes(std::size_t /*parsed*/, std::size_t /*at*/) { broken(); }
    // NOLINTEND(readability-identifier-naming)

    void broken() { build_.breach("the body is no complete msgpack map"); }

  private:
    bool made(const auto& make) { return in_key_ ? key_is_no_text() : build_.value(make); }
    bool scalar(const auto& v) {
        return made([&] { return Json(v); });
    }
    bool container(Json::value_t kind) { return in_key_ ? key_is_no_text() : build_.begin(kind); }
    bool closed() {
        build_.end();
        return true;
    }
    bool key_is_no_text() {
        build_.breach("a key is no text");
        return false;
    }

    TreeBuilder& build_;
    bool in_key_ = false;
};

class JsonVisitor : public nlohmann::json_sax<Json> {
  public:
    explicit JsonVisitor(TreeBuilder& build) : build_(build) {}

    bool null() override { return value(nullptr); }
    bool boolean(bool v) override { return value(v); }
    bool number_integer(number_integer_t v) override { return value(v); }
    bool number_unsigned(number_unsigned_t v) override { return value(v); }
    bool number_float(number_float_t v, const string_t& /*spelled*/) override { return value(v); }
    bool string(string_t& v) override { return build_.text(v); }
    bool binary(binary_t& /*v*/) override { return false; }
    bool start_object(std::size_t /*size*/) override { return begin(Json::value_t::object); }
    bool key(string_t& v) override {
        build_.key(v);
        return true;
    }
    bool end_object() override { return end(); }
    bool start_array(std::size_t /*size*/) override { return begin(Json::value_t::array); }
    bool end_array() override { return end(); }
    bool parse_error(std::size_t /*at*/, const std::string& /*token*/,
                     const nlohmann::detail::exception& /*why*/) override {
        build_.breach("the body is no valid JSON");
        return false;
    }

  private:
    bool value(const auto& v) {
        return build_.value([&] { return Json(v); });
    }
    bool begin(Json::value_t kind) { return build_.begin(kind); }
    bool end() {
        build_.end();
        return true;
    }
    TreeBuilder& build_;
};

/// White space and byte order marks before JSON mean nothing.
std::string_view without_blanks(std::string_view payload) {
    constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
    for (;;) {
        payload.remove_prefix(std::min(payload.find_first_not_of(" \t\r\n"), payload.size()));
        if (!payload.starts_with(byte_order_mark)) {
            return payload;
        }
        payload.remove_prefix(byte_order_mark.size());
    }
}

TreeBuilder read_tree(std::string_view payload, std::int64_t most_values,
                      const Fields* wanted = nullptr) {
    TreeBuilder build(most_values, wanted);
    const bool is_json = encoding_of(payload) == Encoding::json;
    if (is_json) {
        payload = without_blanks(payload);
    }
    if (payload.empty()) {
        build.tree = Json::object();
    } else if (is_json) {
        JsonVisitor visitor(build);
        Json::sax_parse(payload.begin(), payload.end(), &visitor);
        // The parser takes a NUL for the end; JSON text holds none.
        if (payload.find('\0') != std::string_view::npos) {
            build.breach("bytes follow the body");
        }
    } else {
        MsgpackVisitor visitor(build);
        std::size_t used = 0;
        try {
            msgpack::parse(payload.data(), payload.size(), used, visitor);
            if (used != payload.size()) {
                build.breach("bytes follow the body");
            }
        } catch (const msgpack::unpack_error&) {  // its own limits on sizes
            visitor.broken();
        }
    }
    return build;
}

/// Reads the fields of one map. Keeps the first field that does not fit.
class FieldReader {
  public:
    FieldReader(const Json& map, Encoding encoding) : map_(map), encoding_(encoding) {}

    /// The field to blame, or nothing.
    std::optional<std::string> bad;

    void operator()(std::string_view name, std::optional<Data>& value) {
        const Json* plain = find(name);
        const std::string b64_name = std::string(name).append(b64_suffix);
        const Json* b64 = encoding_ == Encoding::json ? find(b64_name) : nullptr;
        if (b64 != nullptr) {
            std::optional<std::string> bytes;
            if (plain == nullptr && b64->is_string()) {
                bytes = from_base64(b64->get_ref<const std::string&>());
            }
            if (!bytes) {
                return blame(b64_name);
            }
            value = Data{.bytes = std::move(*bytes), .is_text = false};
        } else if (plain != nullptr) {
            if (plain->is_string()) {
                value = Data{.bytes = plain->get<std::string>(), .is_text = true};
            } else if (plain->is_binary()) {
                const auto& bytes = plain->get_binary();
                value = Data{.bytes = std::string(bytes.begin(), bytes.end()), .is_text = false};
            } else {
                blame(name);
            }
        }
    }
    template <class T>
    void operator()(std::string_view name, std::optional<T>& value) {
        if (const Json* found = find(name)) {
            read_into(name, *found, value.emplace());
        }
    }
    void required(std::string_view name, Data& value) {
        std::optional<Data> read;
        (*this)(name, read);
        if (read) {
            value = std::move(*read);
        } else {
            blame(name);
        }
    }
    void required(std::string_view name, auto& value) {
        if (const Json* found = find(name)) {
            read_into(name, *found, value);
        } else {
            blame(name);
        }
    }
    void defaulted(std::string_view name, auto& value) {
        if (const Json* found = find(name)) {
            read_into(name, *found, value);
        }
    }
    template <class T>
    void unless(std::string_view name, T& value, const T& left_out) {
        value = left_out;
        defaulted(name, value);
    }
    void flag(std::string_view name, bool& set) { defaulted(name, set); }
    template <class A, class B>
    void one_of(std::string_view a, std::string_view b, std::variant<A, B>& value) {
        if (has(a) && has(b)) {
            blame(b);
        } else if (has(b)) {
            required(b, value.template emplace<B>());
        } else {
            required(a, value.template emplace<A>());
        }
    }
    void code_of(std::string_view name, const Error& error) {
        std::int64_t code = 0;
        required(name, code);
        if (code != info(error).code) {
            blame(name);
        }
    }

    [[nodiscard]] bool has(std::string_view name) const { return find(name) != nullptr; }

  private:
    const Json* find(std::string_view name) const {
        const auto at = map_.find(name);
        return at == map_.end() ? nullptr : &*at;
    }
    void blame(std::string_view name) {
        if (!bad) {
            bad = name;
        }
    }
    void read_into(std::string_view name, const Json& from, auto& value) {
        if (!read(from, value)) {
            blame(name);
        }
    }

    template <class T>
    bool read(const Json& from, T& value) const {
        if constexpr (std::same_as<T, bool>) {
            return from.is_boolean() && (value = from.get<bool>(), true);
        } else if constexpr (std::integral<T>) {
            return read_integer(from, value);
        } else if constexpr (std::same_as<T, Duration>) {
            // Two thousand years: what more is added to no clock.
            constexpr Duration::rep most = Duration::rep{1} << 46;
            Duration::rep ms = 0;
            return read_integer(from, ms) && ms >= -most && ms <= most &&
                   (value = Duration(ms), true);
        } else if constexpr (std::same_as<T, std::string>) {
            return from.is_string() && (value = from.get<std::string>(), true);
        } else if constexpr (IdLike<T>) {
            auto id = from.is_string() ? T::parse(from.get_ref<const std::string&>())
                                       : std::optional<T>();
            return id && (value = std::move(*id), true);
        } else if constexpr (Named<T>) {
            return read_word(from, Names<T>::list, value);
        } else if constexpr (std::same_as<T, Error>) {
            return read_error(from, value);
        } else if constexpr (std::same_as<T, Req>) {
            return read_req(from, value);
        } else if constexpr (std::same_as<T, Profile>) {
            if (!from.is_object()) {
                return false;
            }
            for (const auto& [key, text] : from.items()) {
                if (!read(text, value[key])) {
                    return false;
                }
            }
            return true;
        } else if constexpr (is_vector<T>) {
            if (!from.is_array()) {
                return false;
            }
            for (const auto& one : from) {
                if (!read(one, value.emplace_back())) {
                    return false;
                }
            }
            return true;
        } else {
            if (!from.is_object()) {
                return false;
            }
            FieldReader nested(from, encoding_);
            T::fields(value, nested);
            return !nested.bad;
        }
    }

    /// Any number without a fraction that fits; some languages know no integers.
    template <class T>
    static bool read_integer(const Json& from, T& value) {
        if (from.is_number_unsigned()) {
            const auto held = from.get<std::uint64_t>();
            return std::in_range<T>(held) && (value = static_cast<T>(held), true);
        }
        if (from.is_number_integer()) {
            const auto held = from.get<std::int64_t>();
            return std::in_range<T>(held) && (value = static_cast<T>(held), true);
        }
        constexpr double exact = 9007199254740992.0;  // 2^53: beyond it a double skips integers
        if (from.is_number_float()) {
            const auto held = from.get<double>();
            if (!(std::abs(held) <= exact) || held != std::trunc(held)) {
                return false;
            }
            const auto whole = static_cast<std::int64_t>(held);
            return std::in_range<T>(whole) && (value = static_cast<T>(whole), true);
        }
        return false;
    }
    template <class T>
    static bool read_word(const Json& from, const auto& list, T& value) {
        if (!from.is_string()) {
            return false;
        }
        for (std::size_t i = 0; i < list.size(); ++i) {
            if (list[i] == from.get_ref<const std::string&>()) {
                value = static_cast<T>(i);
                return true;
            }
        }
        return false;
    }
    static bool read_error(const Json& from, Error& value) {
        if (!from.is_string()) {
            return false;
        }
        for (const auto& row : error_table) {
            if (row.name == from.get_ref<const std::string&>()) {
                value = row.error;
                return true;
            }
        }
        return false;
    }
    static bool read_req(const Json& from, Req& value) {
        if (from.is_string()) {
            value = from.get<std::string>();
            return true;
        }
        // One value, one form: below zero signed, else unsigned.
        if (std::uint64_t whole = 0; read_integer(from, whole)) {
            value = whole;
            return true;
        }
        std::int64_t whole = 0;
        return read_integer(from, whole) && (value = whole, true);
    }

    const Json& map_;
    Encoding encoding_;
};

/// Names the fields that a request may have.
struct FieldNames {
    Fields& names;
    void operator()(std::string_view name, const auto& /*value*/) { names.push_back(name); }
    void required(std::string_view name, const auto& /*value*/) { names.push_back(name); }
    void defaulted(std::string_view name, const auto& /*value*/) { names.push_back(name); }
    template <class T>
    void unless(std::string_view name, const T& /*value*/, const T& /*left_out*/) {
        names.push_back(name);
    }
    void flag(std::string_view name, bool /*set*/) { names.push_back(name); }
};

/// Those of a request of its kind, whatever it holds, and `req`.
const Fields& fields_of(const RequestBody& body) {
    return std::visit(
        [](const auto& held) -> const Fields& {
            static const Fields all = [&held] {
                Fields names{"req"};
                FieldNames reader{names};
                held.fields(held, reader);
                return names;
            }();
            return all;
        },
        body);
}

/// Whether `req` is looked for where the body is not taken (contract, section 3).
bool may_hold_req(std::string_view payload) { return payload.size() <= 1024; }

Refusal too_large(std::string_view field, std::int64_t limit) {
    auto refusal = refuse_size(field, limit);
    refusal.message = std::string(field) + " is larger than " + std::to_string(limit) + " bytes";
    return refusal;
}

/// The sizes of the texts that bodies share.
std::optional<Refusal> check_sizes(const RequestBody& body, const Limits& limits) {
    std::optional<Refusal> refusal;
    const auto check = [&](std::string_view field, const std::string& bytes) {
        if (!refusal && std::cmp_greater(bytes.size(), limits.max_data_bytes)) {
            refusal = too_large(field, limits.max_data_bytes);
        }
    };
    std::visit(
        [&check](const auto& held) {
            if constexpr (requires { held.data; }) {
                const std::optional<Data>& data = held.data;
                if (data) {
                    check("data", data->bytes);
                }
            }
            if constexpr (requires { held.reason; }) {
                const std::optional<std::string>& reason = held.reason;
                if (reason) {
                    check("reason", *reason);
                }
            }
            if constexpr (requires { held.profile; }) {
                if (held.name) {
                    check("name", *held.name);
                }
                for (const auto& [key, text] : held.profile.value_or(Profile{})) {
                    check("profile", key);
                    check("profile", text);
                }
            }
        },
        body);
    return refusal;
}

/// Reads a received map: its envelope by `read`, or says what is wrong.
template <class Message>
std::variant<Message, std::string> read_received(std::string_view payload, auto&& read) {
    const TreeBuilder built = read_tree(payload, INT64_MAX);
    if (built.refusal) {
        return built.refusal->message;
    }
    Message message;
    FieldReader reader(built.tree, encoding_of(payload));
    const bool known = read(reader, message);
    if (reader.bad) {
        return "the field " + *reader.bad + " is missing or does not fit";
    }
    if (!known) {
        return std::string("no message of this protocol");
    }
    return message;
}

/// Makes `body` the alternative that has this name and reads it.
template <class Bodies, std::size_t I = 0>
bool read_event_body(std::string_view name, FieldReader& reader, Bodies& body) {
    if constexpr (I < std::variant_size_v<Bodies>) {
        using Body = std::variant_alternative_t<I, Bodies>;
        if (Body::event == name) {
            Body::fields(body.template emplace<I>(), reader);
            return true;
        }
        return read_event_body<Bodies, I + 1>(name, reader, body);
    } else {
        return false;
    }
}

/// Whether `ok` to this verb says nothing more.
bool is_group_verb(std::string_view verb) {
    constexpr std::array verbs{CreateGroup::verb,  JoinGroup::verb,   QuitGroup::verb,
                               DismissGroup::verb, UpdateGroup::verb, SetRank::verb,
                               TransferGroup::verb};
    return std::find(verbs.begin(), verbs.end(), verb) != verbs.end();
}

template <class Body>
void read_reply_body(FieldReader& reader, ReplyBody& body) {
    Body::fields(body.emplace<Body>(), reader);
}

}  // namespace

Decoded decode_request(std::string_view payload, const Limits& limits, RequestBody& body) {
    if (std::cmp_greater(payload.size(), limits.max_payload_bytes)) {
        return {.refusal = too_large("payload", limits.max_payload_bytes)};
    }
    TreeBuilder built = read_tree(payload, limits.max_payload_values, &fields_of(body));
    Decoded decoded{.refusal = std::move(built.refusal)};
    FieldReader reader(built.tree, encoding_of(payload));
    if (built.tree.is_object()) {
        reader("req", decoded.req);
        if (reader.bad) {
            decoded.req.reset();
        }
    }
    if (!decoded.refusal) {
        std::visit([&reader](auto& held) { held.fields(held, reader); }, body);
        if (reader.bad) {
            decoded.refusal = Refusal{.error = Error::invalid_request,
                                      .message = *reader.bad + " is missing or does not fit",
                                      .field = std::move(reader.bad)};
        }
    }
    if (decoded.refusal) {
        if (!may_hold_req(payload)) {
            decoded.req.reset();
        }
    } else {
        decoded.refusal = check_sizes(body, limits);
    }
    return decoded;
}

std::optional<Req> find_req(std::string_view payload) {
    if (!may_hold_req(payload)) {
        return std::nullopt;
    }
    RequestBody unread = Get{};
    return decode_request(payload, Limits{}, unread).req;
}

std::variant<Reply, std::string> decode_reply(std::string_view payload) {
    const auto read = [](FieldReader& reader, Reply& reply) {
        bool ok = false;
        reader.required("re", reply.re);
        reader.required("ok", ok);
        reader.required("device", reply.device);
        reader("req", reply.req);
        if (!ok) {
            read_reply_body<Refusal>(reader, reply.body);
        } else if (reply.re == Invite::verb && reader.has("merged_into")) {
            read_reply_body<Merged>(reader, reply.body);
        } else if (reply.re == Invite::verb || (reply.re == Add::verb && reader.has("id"))) {
            read_reply_body<Invited>(reader, reply.body);
        } else if (reply.re == AddMembers::verb || reply.re == RemoveMembers::verb) {
            read_reply_body<MembersDone>(reader, reply.body);
        } else if (reply.re == Cancel::verb) {
            read_reply_body<Cancelled>(reader, reply.body);
        } else if (reply.re == Get::verb && !reader.has("group")) {
            read_reply_body<Got>(reader, reply.body);
        } else if (reply.re == GetGroup::verb) {
            read_reply_body<GotGroup>(reader, reply.body);
        } else if (reply.re == Sync::verb) {
            read_reply_body<Synced>(reader, reply.body);
        } else if (reply.re == ListGroups::verb) {
            read_reply_body<GroupsListed>(reader, reply.body);
        } else if (reply.re == ListHistory::verb) {
            read_reply_body<HistoryListed>(reader, reply.body);
        } else if (reply.re == Message::verb) {
            read_reply_body<Sent>(reader, reply.body);
        } else if (reply.re == ListOnline::verb) {
            read_reply_body<OnlineListed>(reader, reply.body);
        } else if (reply.re == ListOpen::verb) {
            read_reply_body<OpenListed>(reader, reply.body);
        } else if (reply.re == Here::verb) {
            read_reply_body<HereNoted>(reader, reply.body);
        } else if (is_group_verb(reply.re) && !reader.has("rev")) {
            read_reply_body<GroupDone>(reader, reply.body);
        } else {
            read_reply_body<Done>(reader, reply.body);
        }
        return true;
    };
    return read_received<Reply>(payload, read);
}

std::variant<AnyEvent, std::string> decode_event(std::string_view payload) {
    const auto read = [](FieldReader& reader, AnyEvent& event) {
        std::string name;
        reader.required("event", name);
        if (name == MessageEvent::event) {
            MessageEvent::fields(event.emplace<MessageEvent>(), reader);
            return true;
        }
        if (auto told = GroupEvent{}; read_event_body(name, reader, told.body)) {
            GroupEvent::head(told, reader);
            event = std::move(told);
            return true;
        }
        Event told;
        Event::head(told, reader);
        const bool known = read_event_body(name, reader, told.body);
        event = std::move(told);
        return known;
    };
    return read_received<AnyEvent>(payload, read);
}

std::optional<Status> decode_status(std::string_view payload) {
    const auto tree = Json::parse(payload, nullptr, false);
    if (!tree.is_object()) {
        return std::nullopt;
    }
    Status status;
    status.presence_told = tree.contains("presence") && tree["presence"] == "told";
    const Json limits = tree.contains("limits") ? tree["limits"] : Json();
    for (const auto& limit : limit_table) {
        const std::string name(limit.name);
        if (limits.is_object() && limits.contains(name) && limits[name].is_number_integer()) {
            status.limits.*limit.value =
                std::clamp(limits[name].get<std::int64_t>(), limit.least, limit.most);
        }
    }
    return status;
}

}  // namespace beckon
