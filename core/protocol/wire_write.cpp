// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <charconv>
#include <concepts>
#include <msgpack.hpp>
#include <nlohmann/json.hpp>
#include <utility>

#include "protocol/text.hpp"
#include "protocol/wire.hpp"
#include "wire_types.hpp"

namespace beckon {

namespace {

/// Counts the fields that will be written; msgpack wants to know first.
struct FieldCounter {
    std::uint32_t count = 0;

    template <class T>
    void operator()(std::string_view, const std::optional<T>& value) {
        count += value ? 1U : 0U;
    }
    void required(std::string_view, const auto&) { ++count; }
    void defaulted(std::string_view, const auto&) { ++count; }
    template <class T>
    void unless(std::string_view, const T& value, const T& left_out) {
        count += value != left_out ? 1U : 0U;
    }
    void flag(std::string_view, bool set) { count += set ? 1U : 0U; }
    void code_of(std::string_view, Error) { ++count; }
    void one_of(std::string_view, std::string_view, const auto&) { ++count; }
};

/// What is written, in room that is made ahead: most of it comes a few bytes at a time.
class Bytes {
  public:
    void write(const char* from, std::size_t size) { std::copy_n(from, size, room(size)); }
    /// Where so many more bytes are to be put at once.
    char* room(std::size_t size) {
        if (bytes_.size() - used_ < size) {
            bytes_.resize(std::max(used_ + size, 2 * bytes_.size()));
        }
        char* const at = bytes_.data() + used_;
        used_ += size;
        return at;
    }
    std::string take() {
        bytes_.resize(used_);
        return std::move(bytes_);
    }

  private:
    // So much nearly every message takes.
    std::string bytes_ = std::string(480, '\0');
    std::size_t used_ = 0;
};
struct ByteCount {
    std::size_t bytes = 0;
    void write(const char* /*from*/, std::size_t size) { bytes += size; }
    [[nodiscard]] std::size_t take() const { return bytes; }
};

template <class Buffer>
class MsgpackSink {
  public:
    static constexpr bool counts = true;
    void begin_map(std::uint32_t size) { pack_.pack_map(size); }
    void end_map() {}
    void key(std::string_view name) { text(name); }
    void text_key(std::string_view name) { text(name); }
    void begin_array(std::uint32_t size) { pack_.pack_array(size); }
    void item() {}
    void end_array() {}
    void text(std::string_view value) {
        pack_.pack_str(static_cast<std::uint32_t>(value.size()));
        pack_.pack_str_body(value.data(), static_cast<std::uint32_t>(value.size()));
    }
    void plain(std::string_view value) { text(value); }
    void boolean(bool value) { pack_.pack(value); }
    void integer(std::int64_t value) { pack_.pack(value); }
    void integer(std::uint64_t value) { pack_.pack(value); }
    void data(std::string_view name, const Data& value) {
        key(name);
        if (value.is_text) {
            text(value.bytes);
        } else {
            pack_.pack_bin(static_cast<std::uint32_t>(value.bytes.size()));
            pack_.pack_bin_body(value.bytes.data(), static_cast<std::uint32_t>(value.bytes.size()));
        }
    }
    auto take() { return buffer_.take(); }

  private:
    Buffer buffer_;
    msgpack::packer<Buffer> pack_{buffer_};
};

class JsonSink {
  public:
    /// Whether it has to know first how many fields a map will have.
    static constexpr bool counts = false;
    void begin_map(std::uint32_t /*size*/) { open('{'); }
    void end_map() { close('}'); }
    /// A field's name.
    void key(std::string_view name, std::string_view suffix = {}) {
        item();
        char* at = out_.room(name.size() + suffix.size() + 3);
        *at++ = '"';
        at = std::copy(name.begin(), name.end(), at);
        at = std::copy(suffix.begin(), suffix.end(), at);
        *at++ = '"';
        *at = ':';
    }
    /// A key that somebody chose.
    void text_key(std::string_view name) {
        item();
        text(name);
        put(':');
    }
    void begin_array(std::uint32_t /*size*/) { open('['); }
    void item() {
        if (!first_) {
            put(',');
        }
        first_ = false;
    }
    void end_array() { close(']'); }
    void text(std::string_view value) {
        if (std::all_of(value.begin(), value.end(), stands_for_itself)) {
            return plain(value);
        }
        const auto spelled =
            nlohmann::json(value).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
        out_.write(spelled.data(), spelled.size());
    }
    /// Of which each character stands for itself.
    void plain(std::string_view value) {
        char* at = out_.room(value.size() + 2);
        *at++ = '"';
        at = std::copy(value.begin(), value.end(), at);
        *at = '"';
    }
    void boolean(bool value) {
        const std::string_view word = value ? "true" : "false";
        out_.write(word.data(), word.size());
    }
    void integer(std::integral auto value) {
        std::array<char, 20> digits{};
        const auto [end, error] = std::to_chars(digits.begin(), digits.end(), value);
        out_.write(digits.data(), static_cast<std::size_t>(end - digits.begin()));
    }
    void data(std::string_view name, const Data& value) {
        if (value.is_text) {
            key(name);
            text(value.bytes);
        } else {
            key(name, "_b64");
            plain(base64(value.bytes));
        }
    }
    std::string take() { return out_.take(); }

  private:
    static bool stands_for_itself(char c) {
        return plain_characters[static_cast<unsigned char>(c)];
    }
    static constexpr auto plain_characters = [] {
        std::array<bool, 256> plain{};
        for (char c = ' '; c <= '~'; ++c) {
            plain[static_cast<unsigned char>(c)] = c != '"' && c != '\\';
        }
        return plain;
    }();
    void put(char c) { *out_.room(1) = c; }
    void open(char bracket) {
        put(bracket);
        first_ = true;
    }
    void close(char bracket) {
        put(bracket);
        first_ = false;
    }
    Bytes out_;
    bool first_ = true;
};

template <class Sink>
class FieldWriter {
  public:
    explicit FieldWriter(Sink& sink) : sink_(sink) {}

    template <class T>
    void operator()(std::string_view name, const std::optional<T>& value) {
        if (value) {
            required(name, *value);
        }
    }
    void required(std::string_view name, const Data& value) { sink_.data(name, value); }
    void required(std::string_view name, const auto& value) {
        sink_.key(name);
        write(value);
    }
    void defaulted(std::string_view name, const auto& value) { required(name, value); }
    template <class T>
    void unless(std::string_view name, const T& value, const T& left_out) {
        if (value != left_out) {
            required(name, value);
        }
    }
    void flag(std::string_view name, bool set) {
        if (set) {
            required(name, set);
        }
    }
    void code_of(std::string_view name, Error error) {
        required(name, static_cast<std::int64_t>(info(error).code));
    }

    template <class A, class B>
    void one_of(std::string_view a, std::string_view b, const std::variant<A, B>& value) {
        sink_.key(value.index() == 0 ? a : b);
        std::visit([this](const auto& held) { this->write(held); }, value);
    }

    /// Writes one map: the fields that `list(visitor)` names.
    void map(auto&& list) {
        FieldCounter counter;
        if constexpr (Sink::counts) {
            list(counter);
        }
        sink_.begin_map(counter.count);
        list(*this);
        sink_.end_map();
    }

    template <class T>
    void write(const T& value) {
        if constexpr (std::same_as<T, bool>) {
            sink_.boolean(value);
        } else if constexpr (std::unsigned_integral<T>) {
            sink_.integer(std::uint64_t{value});
        } else if constexpr (std::signed_integral<T>) {
            sink_.integer(std::int64_t{value});
        } else if constexpr (std::same_as<T, Duration>) {
            sink_.integer(std::int64_t{value.count()});
        } else if constexpr (std::same_as<T, std::string> || std::same_as<T, std::string_view>) {
            sink_.text(value);
        } else if constexpr (IdLike<T>) {
            sink_.plain(value.text());
        } else if constexpr (Named<T>) {
            sink_.plain(name_of(value));
        } else if constexpr (std::same_as<T, Error>) {
            sink_.plain(info(value).name);
        } else if constexpr (std::same_as<T, Req>) {
            std::visit([this](const auto& held) { this->write(held); }, value);
        } else if constexpr (std::same_as<T, Profile>) {
            sink_.begin_map(static_cast<std::uint32_t>(value.size()));
            for (const auto& [key, text] : value) {
                sink_.text_key(key);
                sink_.text(text);
            }
            sink_.end_map();
        } else if constexpr (is_vector<T>) {
            sink_.begin_array(static_cast<std::uint32_t>(value.size()));
            for (const auto& one : value) {
                sink_.item();
                write(one);
            }
            sink_.end_array();
        } else {
            map([&value](auto& v) { T::fields(value, v); });
        }
    }

  private:
    Sink& sink_;
};

template <class Sink>
std::string write_map(auto&& list) {
    Sink sink;
    FieldWriter<Sink>(sink).map(list);
    return sink.take();
}

std::string write_map(Encoding encoding, auto&& list) {
    return encoding == Encoding::json ? write_map<JsonSink>(list)
                                      : write_map<MsgpackSink<Bytes>>(list);
}

void body_fields(const auto& body, auto& v) {
    std::visit([&v](const auto& held) { held.fields(held, v); }, body);
}

}  // namespace

template <class Entry>
std::size_t msgpack_size(const Entry& entry) {
    MsgpackSink<ByteCount> sink;
    FieldWriter(sink).write(entry);
    return sink.take();
}
template std::size_t msgpack_size(const InvitationInfo&);
template std::size_t msgpack_size(const InviteeInfo&);
template std::size_t msgpack_size(const GroupInfo&);
template std::size_t msgpack_size(const GroupSummary&);
template std::size_t msgpack_size(const MemberInfo&);
template std::size_t msgpack_size(const UserId&);
template std::size_t msgpack_size(const OnlineUser&);
template std::size_t msgpack_size(const Synced&);
template std::size_t msgpack_size(const Got&);
template std::size_t msgpack_size(const GotGroup&);
template std::size_t msgpack_size(const GroupsListed&);
template std::size_t msgpack_size(const HistoryListed&);
template std::size_t msgpack_size(const OnlineListed&);
template std::size_t msgpack_size(const OpenListed&);

std::string encode(const Reply& reply, Encoding encoding) {
    return write_map(encoding, [&reply](auto& v) {
        v.required("re", reply.re);
        v.required("ok", reply.ok());
        v.required("device", reply.device);
        v("req", reply.req);
        body_fields(reply.body, v);
    });
}

std::string encode(const AnyEvent& event, Encoding encoding) {
    return write_map(encoding, [&event](auto& v) {
        v.required("event", name_of(event));
        std::visit(
            [&v](const auto& told) {
                if constexpr (requires { told.body; }) {
                    told.head(told, v);
                    body_fields(told.body, v);
                } else {
                    told.fields(told, v);
                }
            },
            event);
    });
}

std::string encode(const Absent& absent) {
    return write_map(Encoding::json, [&absent](auto& v) { body_fields(absent, v); });
}

std::string encode(const Request& request, Encoding encoding) {
    return write_map(encoding, [&request](auto& v) {
        v("req", request.req);
        v("device", request.device);
        body_fields(request.body, v);
    });
}

}  // namespace beckon
