// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "protocol/refusals.hpp"
#include "protocol/text.hpp"
#include "protocol/wire.hpp"
#include "wire_tree.hpp"
#include "wire_types.hpp"

namespace beckon {

namespace {

/// In JSON, what is binary stands in the field of this name's end.
constexpr std::string_view b64_suffix = "_b64";

/// Reads the fields of one map. Keeps the first field that does not fit.
class FieldReader {
  public:
    FieldReader(const WireTree& tree, const Value& map, Encoding encoding)
        : tree_(tree), map_(map), encoding_(encoding) {}

    /// The field to blame, or nothing.
    std::optional<std::string> bad;

    void operator()(std::string_view name, std::optional<Data>& value) {
        const Value* plain = find(name);
        const Value* b64 = encoding_ == Encoding::json ? find_base64(name) : nullptr;
        if (b64 != nullptr) {
            std::optional<std::string> bytes;
            if (plain == nullptr && b64->kind == Value::Kind::text) {
                bytes = from_base64(b64->text);
            }
            if (!bytes) {
                return blame(b64->key);
            }
            value = Data{.bytes = std::move(*bytes), .is_text = false};
        } else if (plain != nullptr) {
            const bool is_text = plain->kind == Value::Kind::text;
            if (is_text || plain->kind == Value::Kind::binary) {
                value = Data{.bytes = std::string(plain->text), .is_text = is_text};
            } else {
                blame(name);
            }
        }
    }
    template <class T>
    void operator()(std::string_view name, std::optional<T>& value) {
        if (const Value* found = find(name)) {
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
        if (const Value* found = find(name)) {
            read_into(name, *found, value);
        } else {
            blame(name);
        }
    }
    void defaulted(std::string_view name, auto& value) {
        if (const Value* found = find(name)) {
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
    [[nodiscard]] const Value* find(std::string_view name) const { return tree_.find(map_, name); }
    [[nodiscard]] const Value* find_base64(std::string_view name) const {
        for (const Value* one = tree_.first(map_); one != nullptr; one = tree_.next(*one)) {
            if (one->key.size() == name.size() + b64_suffix.size() && one->key.starts_with(name) &&
                one->key.ends_with(b64_suffix)) {
                return one;
            }
        }
        return nullptr;
    }
    void blame(std::string_view name) {
        if (!bad) {
            bad = name;
        }
    }
    void read_into(std::string_view name, const Value& from, auto& value) {
        if (!read(from, value)) {
            blame(name);
        }
    }

    template <class T>
    bool read(const Value& from, T& value) const {
        if constexpr (std::same_as<T, bool>) {
            return from.kind == Value::Kind::boolean && (value = from.boolean, true);
        } else if constexpr (std::integral<T>) {
            return read_integer(from, value);
        } else if constexpr (std::same_as<T, Duration>) {
            // Two thousand years: what more is added to no clock.
            constexpr Duration::rep most = Duration::rep{1} << 46;
            Duration::rep ms = 0;
            return read_integer(from, ms) && ms >= -most && ms <= most &&
                   (value = Duration(ms), true);
        } else if constexpr (std::same_as<T, std::string>) {
            return from.kind == Value::Kind::text && (value = from.text, true);
        } else if constexpr (IdLike<T>) {
            const auto id =
                from.kind == Value::Kind::text ? T::parse(from.text) : std::optional<T>();
            return id && (value = *id, true);
        } else if constexpr (Named<T>) {
            return read_word(from, Names<T>::list, value);
        } else if constexpr (std::same_as<T, Error>) {
            return read_error(from, value);
        } else if constexpr (std::same_as<T, Req>) {
            return read_req(from, value);
        } else if constexpr (std::same_as<T, Profile>) {
            return from.kind == Value::Kind::map && read_each(from, [&](const Value& one) {
                       return read(one, value[std::string(one.key)]);
                   });
        } else if constexpr (is_vector<T>) {
            return from.kind == Value::Kind::list && read_each(from, [&](const Value& one) {
                       return read(one, value.emplace_back());
                   });
        } else {
            if (from.kind != Value::Kind::map) {
                return false;
            }
            FieldReader nested(tree_, from, encoding_);
            T::fields(value, nested);
            return !nested.bad;
        }
    }

    /// All that the list or map holds, as long as it fits.
    bool read_each(const Value& of, const auto& read_one) const {
        for (const Value* one = tree_.first(of); one != nullptr; one = tree_.next(*one)) {
            if (!read_one(*one)) {
                return false;
            }
        }
        return true;
    }

    /// Any number without a fraction that fits; some languages know no integers.
    template <class T>
    static bool read_integer(const Value& from, T& value) {
        if (from.kind == Value::Kind::whole) {
            return std::in_range<T>(from.whole) && (value = static_cast<T>(from.whole), true);
        }
        if (from.kind == Value::Kind::negative) {
            return std::in_range<T>(from.negative) && (value = static_cast<T>(from.negative), true);
        }
        constexpr double exact = 9007199254740992.0;  // 2^53: beyond it a double skips integers
        if (from.kind == Value::Kind::real) {
            if (!(std::abs(from.real) <= exact) || from.real != std::trunc(from.real)) {
                return false;
            }
            const auto whole = static_cast<std::int64_t>(from.real);
            return std::in_range<T>(whole) && (value = static_cast<T>(whole), true);
        }
        return false;
    }
    template <class T>
    static bool read_word(const Value& from, const auto& list, T& value) {
        if (from.kind != Value::Kind::text) {
            return false;
        }
        for (std::size_t i = 0; i < list.size(); ++i) {
            if (list[i] == from.text) {
                value = static_cast<T>(i);
                return true;
            }
        }
        return false;
    }
    static bool read_error(const Value& from, Error& value) {
        if (from.kind != Value::Kind::text) {
            return false;
        }
        for (const auto& row : error_table) {
            if (row.name == from.text) {
                value = row.error;
                return true;
            }
        }
        return false;
    }
    static bool read_req(const Value& from, Req& value) {
        if (from.kind == Value::Kind::text) {
            value = std::string(from.text);
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

    const WireTree& tree_;
    const Value& map_;
    Encoding encoding_;
};

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
    const WireTree tree(payload, INT64_MAX);
    if (tree.refusal) {
        return tree.refusal->message;
    }
    Message message;
    FieldReader reader(tree, *tree.root(), encoding_of(payload));
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
    if constexpr (I < std::variant_size_v<typename Bodies::Variant>) {
        using Body = std::variant_alternative_t<I, typename Bodies::Variant>;
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

Decoded decode_request(std::string_view payload, const Limits& limits, RequestBody& body,
                       bool with_device) {
    if (std::cmp_greater(payload.size(), limits.max_payload_bytes)) {
        return {.refusal = too_large("payload", limits.max_payload_bytes)};
    }
    WireTree tree(payload, limits.max_payload_values);
    Decoded decoded{.refusal = std::move(tree.refusal)};
    if (const Value* root = tree.root()) {
        FieldReader reader(tree, *root, encoding_of(payload));
        reader("req", decoded.req);
        if (reader.bad) {
            decoded.req.reset();
        }
        if (with_device) {
            reader("device", decoded.device);
        }
        if (!decoded.refusal) {
            std::visit([&reader](auto& held) { held.fields(held, reader); }, body);
            if (reader.bad) {
                decoded.refusal = Refusal{.error = Error::invalid_request,
                                          .message = *reader.bad + " is missing or does not fit",
                                          .field = std::move(reader.bad)};
            }
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
    const auto tree = nlohmann::ordered_json::parse(payload, nullptr, false);
    if (!tree.is_object()) {
        return std::nullopt;
    }
    Status status;
    status.presence_told = tree.contains("presence") && tree["presence"] == "told";
    const auto limits = tree.contains("limits") ? tree["limits"] : nlohmann::ordered_json();
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
