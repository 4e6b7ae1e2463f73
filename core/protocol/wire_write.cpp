// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <msgpack.hpp>
#include <nlohmann/json.hpp>
#include <utility>

#include "protocol/text.hpp"
#include "protocol/wire.hpp"
#include "wire_types.hpp"

namespace beckon {

namespace {

using nlohmann::json;

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

struct Bytes {
    std::string bytes;
    void write(const char* from, std::size_t size) { bytes.append(from, size); }
};
struct ByteCount {
    std::size_t bytes = 0;
    void write(const char* /*from*/, std::size_t size) { bytes += size; }
};

template <class Buffer>
class MsgpackSink {
  public:
    void begin_map(std::uint32_t size) { pack_.pack_map(size); }
    void end_map() {}
    void key(std::string_view name) { text(name); }
    void begin_array(std::uint32_t size) { pack_.pack_array(size); }
    void item() {}
    void end_array() {}
    void text(std::string_view value) {
        pack_.pack_str(static_cast<std::uint32_t>(value.size()));
        pack_.pack_str_body(value.data(), static_cast<std::uint32_t>(value.size()));
    }
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
    auto take() { return std::move(buffer_.bytes); }

  private:
    Buffer buffer_;
    msgpack::packer<Buffer> pack_{buffer_};
};

class JsonSink {
  public:
    void begin_map(std::uint32_t /*size*/) { open('{'); }
    void end_map() { close('}'); }
    void key(std::string_view name) {
        item();
        text(name);
        out_ += ':';
    }
    void begin_array(std::uint32_t /*size*/) { open('['); }
    void item() {
        if (!first_) {
            out_ += ',';
        }
        first_ = false;
    }
    void end_array() { close(']'); }
    void text(std::string_view value) {
        if (std::all_of(value.begin(), value.end(), stands_for_itself)) {
            out_ += '"';
            out_ += value;
            out_ += '"';
            return;
        }
        out_ += json(value).dump(-1, ' ', false, json::error_handler_t::replace);
    }
    void boolean(bool value) { out_ += value ? "true" : "false"; }
    void integer(std::int64_t value) { out_ += std::to_string(value); }
    void integer(std::uint64_t value) { out_ += std::to_string(value); }
    void data(std::string_view name, const Data& value) {
        key(value.is_text ? std::string(name) : std::string(name) + "_b64");
        text(value.is_text ? value.bytes : base64(value.bytes));
    }
    std::string take() { return std::move(out_); }

  private:
    static bool stands_for_itself(char c) { return c >= ' ' && c <= '~' && c != '"' && c != '\\'; }
    void open(char bracket) {
        out_ += bracket;
        first_ = true;
    }
    void close(char bracket) {
        out_ += bracket;
        first_ = false;
    }
    std::string out_;
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
        list(counter);
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
            sink_.text(value.text());
        } else if constexpr (Named<T>) {
            sink_.text(name_of(value));
        } else if constexpr (std::same_as<T, Error>) {
            sink_.text(info(value).name);
        } else if constexpr (std::same_as<T, Req>) {
            std::visit([this](const auto& held) { this->write(held); }, value);
        } else if constexpr (std::same_as<T, Profile>) {
            sink_.begin_map(static_cast<std::uint32_t>(value.size()));
            for (const auto& [key, text] : value) {
                required(key, text);
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
