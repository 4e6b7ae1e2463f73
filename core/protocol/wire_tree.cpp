// SPDX-License-Identifier: Apache-2.0
#include "wire_tree.hpp"

#include <rapidjson/reader.h>

#include <algorithm>
#include <array>
#include <functional>
#include <msgpack.hpp>
#include <utility>

#include "protocol/text.hpp"
#include "protocol/wire.hpp"

namespace beckon {

/// Is told what a payload holds, in order, and makes the tree of it.
class WireTree::Builder {
  public:
    Builder(WireTree& tree, std::int64_t most) : tree_(tree), left_(most), most_(most) {}

    void breach(std::string what, std::optional<std::string> field = {}) {
        if (!tree_.refusal) {
            tree_.refusal = Refusal{.error = Error::invalid_request,
                                    .message = std::move(what),
                                    .field = std::move(field)};
        }
    }

    /// `name` outlives the tree.
    void key(std::string_view name) {
        if (depth_ > max_depth) {
            return;
        }
        if (depth_ == 1) {
            top_key_ = name;
        }
        check_text(name);
        check_new(name);
        key_ = name;
    }
    /// False: the body holds too many values.
    bool begin(Value::Kind kind) {
        if (!count_one()) {
            return false;
        }
        ++depth_;
        if (depth_ == 1 && kind != Value::Kind::map) {
            breach("the body is no map");
        }
        if (depth_ > max_depth) {
            breach("nested deeper than 8", top_field());
        } else {
            open(depth_) = {.place = put({.kind = kind})};
        }
        return true;
    }
    void end() {
        if (depth_ <= max_depth) {
            check_many();
        }
        --depth_;
    }
    bool value(const Value& one) {
        if (!count_one()) {
            return false;
        }
        if (depth_ == 0) {
            breach("the body is no map");
        }
        if (depth_ <= max_depth) {
            put(one);
        }
        return true;
    }
    /// `one` outlives the tree.
    bool text(std::string_view one) {
        // What is no text is not kept: a refusal must not echo it.
        const bool is_text = check_text(one);
        return value(is_text ? Value{.kind = Value::Kind::text, .text = one} : Value{});
    }

  private:
    /// A list or a map that has begun, and how many it holds as yet.
    struct Open {
        std::uint32_t place = 0;
        std::uint32_t last = 0;
        std::uint32_t count = 0;
    };
    Open& open(int depth) { return open_[static_cast<std::size_t>(depth - 1)]; }

    bool count_one() {
        if (left_-- > 0) {
            return true;
        }
        if (!tree_.refusal) {
            tree_.refusal = refuse_size("payload", most_);
            tree_.refusal->message = "payload holds more than " + std::to_string(most_) + " values";
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
    [[nodiscard]] std::optional<std::string> top_field() const {
        return is_field_name(top_key_) ? std::optional(std::string(top_key_)) : std::nullopt;
    }
    std::uint32_t put(Value one) {
        const auto place = static_cast<std::uint32_t>(tree_.values_.size());
        // What is open is one level up where a list or a map begins.
        const int up = one.kind == Value::Kind::list || one.kind == Value::Kind::map ? 1 : 0;
        if (depth_ > up) {
            Open& parent = open(depth_ - up);
            if (tree_.values_[parent.place].kind == Value::Kind::map) {
                one.key = key_;
            }
            (parent.count == 0 ? tree_.values_[parent.place].first
                               : tree_.values_[parent.last].next) = place;
            parent.last = place;
            ++parent.count;
        }
        tree_.values_.push_back(one);
        return place;
    }
    /// Among few keys each is looked for at once, to be blamed; among many, when all are there.
    void check_new(std::string_view key) {
        const Open& map = open(depth_);
        if (map.count < many_keys && tree_.find(tree_.values_[map.place], key) != nullptr) {
            breach("a key stands twice", top_field());
        }
    }
    void check_many() {
        const Open& map = open(depth_);
        const Value& parent = tree_.values_[map.place];
        if (map.count <= many_keys || parent.kind != Value::Kind::map) {
            return;
        }
        std::vector<std::size_t> keys;
        keys.reserve(map.count);
        for (const Value* one = tree_.first(parent); one != nullptr; one = tree_.next(*one)) {
            keys.push_back(std::hash<std::string_view>{}(one->key));
        }
        std::sort(keys.begin(), keys.end());
        if (std::adjacent_find(keys.begin(), keys.end()) != keys.end()) {
            breach("a key stands twice", depth_ > 1 ? top_field() : std::nullopt);
        }
    }
    bool check_text(std::string_view text) {
        const bool well_formed = is_utf8(text);
        if (!well_formed) {
            breach("text is not UTF-8", top_field());
        }
        return well_formed;
    }

    static constexpr std::uint32_t many_keys = 64;

    WireTree& tree_;
    std::int64_t left_;
    std::int64_t most_;
    std::array<Open, max_depth> open_{};
    std::string_view key_;
    /// The body's present key.
    std::string_view top_key_;
    int depth_ = 0;
};

namespace {

template <class Builder>
class MsgpackVisitor : public msgpack::null_visitor {
  public:
    explicit MsgpackVisitor(Builder& build) : build_(build) {}

    // NOLINTBEGIN(readability-identifier-naming)
    bool visit_nil() { return made({}); }
    bool visit_boolean(bool v) { return made({.kind = Value::Kind::boolean, .boolean = v}); }
    bool visit_positive_integer(std::uint64_t v) {
        return made({.kind = Value::Kind::whole, .whole = v});
    }
    bool visit_negative_integer(std::int64_t v) {
        return made({.kind = Value::Kind::negative, .negative = v});
    }
    bool visit_float32(float v) { return visit_float64(static_cast<double>(v)); }
    bool visit_float64(double v) { return made({.kind = Value::Kind::real, .real = v}); }
    bool visit_str(const char* v, std::uint32_t size) {
        if (in_key_) {
            build_.key({v, size});
            return true;
        }
        return build_.text({v, size});
    }
    bool visit_bin(const char* v, std::uint32_t size) {
        return made({.kind = Value::Kind::binary, .text = {v, size}});
    }
    // An extension is no type of the contract: null fits no field.
    bool visit_ext(const char* /*v*/, std::uint32_t /*size*/) { return made({}); }
    bool start_array(std::uint32_t /*size*/) { return container(Value::Kind::list); }
    bool end_array() { return closed(); }
    bool start_map(std::uint32_t /*size*/) { return container(Value::Kind::map); }
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
    bool made(const Value& one) { return in_key_ ? key_is_no_text() : build_.value(one); }
    bool container(Value::Kind kind) { return in_key_ ? key_is_no_text() : build_.begin(kind); }
    bool closed() {
        build_.end();
        return true;
    }
    bool key_is_no_text() {
        build_.breach("a key is no text");
        return false;
    }

    Builder& build_;
    bool in_key_ = false;
};

template <class Builder>
class JsonVisitor {
  public:
    explicit JsonVisitor(Builder& build) : build_(build) {}

    // NOLINTBEGIN(readability-identifier-naming)
    bool Null() { return build_.value({}); }
    bool Bool(bool v) { return build_.value({.kind = Value::Kind::boolean, .boolean = v}); }
    bool Int(int v) { return Int64(v); }
    bool Uint(unsigned v) { return Uint64(v); }
    bool Int64(std::int64_t v) {
        return build_.value({.kind = Value::Kind::negative, .negative = v});
    }
    bool Uint64(std::uint64_t v) { return build_.value({.kind = Value::Kind::whole, .whole = v}); }
    bool Double(double v) { return build_.value({.kind = Value::Kind::real, .real = v}); }
    bool RawNumber(const char* /*v*/, rapidjson::SizeType /*size*/, bool /*copy*/) { return false; }
    bool String(const char* v, rapidjson::SizeType size, bool /*copy*/) {
        return build_.text({v, size});
    }
    bool StartObject() { return build_.begin(Value::Kind::map); }
    bool Key(const char* v, rapidjson::SizeType size, bool /*copy*/) {
        build_.key({v, size});
        return true;
    }
    bool EndObject(rapidjson::SizeType /*size*/) { return end(); }
    bool StartArray() { return build_.begin(Value::Kind::list); }
    bool EndArray(rapidjson::SizeType /*size*/) { return end(); }
    // NOLINTEND(readability-identifier-naming)

  private:
    bool end() {
        build_.end();
        return true;
    }
    Builder& build_;
};

/// Reads what stands in `json`, and leaves there what its texts spell. False: it is no JSON.
template <class Builder>
bool read_json(std::pmr::string& json, Builder& build) {
    // Without recursion, however deep. Not with full precision, of which what counts leading zeros
    // is undefined for some numbers: integers that are spelled with a fraction are exact without.
    constexpr unsigned how = rapidjson::kParseInsituFlag | rapidjson::kParseIterativeFlag;
    rapidjson::InsituStringStream stream(json.data());
    // What it puts aside: a byte or two for each level.
    std::array<char, 256> room;  // NOLINT(cppcoreguidelines-pro-type-member-init)
    using Memory = rapidjson::MemoryPoolAllocator<>;
    Memory memory(room.data(), room.size());
    rapidjson::GenericReader<rapidjson::UTF8<>, rapidjson::UTF8<>, Memory> reader(&memory, 64);
    JsonVisitor visitor(build);
    const auto result = reader.Parse<how>(stream, visitor);
    return !result.IsError() || result.Code() == rapidjson::kParseErrorTermination;
}

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

}  // namespace

// Nobody reads its room before it is written.
// NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init)
WireTree::WireTree(std::string_view payload, std::int64_t most_values) {
    const bool is_json = encoding_of(payload) == Encoding::json;
    if (is_json) {
        payload = without_blanks(payload);
    }
    // As many as nearly all requests have.
    values_.reserve(12);
    Builder build(*this, most_values);
    if (payload.empty()) {
        values_.push_back({.kind = Value::Kind::map});
    } else if (is_json) {
        texts_ = payload;
        if (!read_json(texts_, build)) {
            build.breach("the body is no valid JSON");
        }
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
}

const Value* WireTree::find(const Value& map, std::string_view key) const {
    const Value* found = nullptr;
    for (const Value* one = first(map); one != nullptr; one = next(*one)) {
        if (one->key == key) {
            found = one;
        }
    }
    return found;
}

}  // namespace beckon
