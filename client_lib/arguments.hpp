// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine.hpp"
#include "protocol/refusals.hpp"
#include "protocol/text.hpp"

namespace beckon {

/// Reads what the application says into the protocol's values; the first that cannot be is
/// refused, as the broker would refuse it, when the call is made.
class Arguments {
  public:
    /// No broker takes more (core/limits.hpp), and Paho cannot send it.
    static constexpr std::size_t max_data_bytes = 1U << 28U;

    /// `field` is the contract's name for it.
    UserId user(const std::string& text, std::string_view field) {
        return id<UserId>(text, field, "is no user id");
    }
    std::vector<UserId> users(const std::vector<std::string>& texts, std::string_view field) {
        std::vector<UserId> all;
        all.reserve(texts.size());
        for (const auto& text : texts) {
            all.push_back(user(text, field));
        }
        return all;
    }
    InvitationId invitation(const std::string& text) {
        return id<InvitationId>(text, "id", "is no invitation id");
    }
    GroupId group(const std::string& text) { return id<GroupId>(text, "group", "is no group id"); }
    Profile profile(const std::map<std::string, std::string>& texts) {
        for (const auto& [key, value] : texts) {
            text(key, "profile");
            text(value, "profile");
        }
        return texts;
    }
    Data data(const std::string& bytes) {
        if (bytes.size() > max_data_bytes) {
            if (!refusal_) {
                refusal_ = refuse_field(Error::too_large, "data", "is too long");
                refusal_->limit = max_data_bytes;
            }
            return {};
        }
        return {.bytes = bytes, .is_text = is_utf8(bytes)};
    }
    Data text_data(const std::string& bytes) {
        Data read = data(bytes);
        if (!read.is_text) {
            blame("data", "is no text");
        }
        return read;
    }
    Data binary_data(const std::string& bytes) {
        Data read = data(bytes);
        read.is_text = false;
        return read;
    }
    std::optional<Data> optional_data(const std::string& bytes) {
        return bytes.empty() ? std::nullopt : std::optional(data(bytes));
    }
    std::string text(const std::string& text, std::string_view field) {
        if (text.size() > max_data_bytes || !is_utf8(text)) {
            blame(field, "is no text");
        }
        return text;
    }
    /// One of the words that the enumeration has.
    template <class Enum>
    Enum word(Enum value, std::string_view field) {
        if (static_cast<std::size_t>(value) >= Names<Enum>::list.size()) {
            blame(field, "is none of its words");
            return {};
        }
        return value;
    }
    Duration timeout(Duration value) {
        if (value < Duration{0} || value > Duration{a_year_ms}) {
            blame("timeout_ms", "is out of range");
            return {};
        }
        return value;
    }
    void blame(std::string_view field, std::string_view why) {
        if (!refusal_) {
            refusal_ = refuse_field(Error::invalid_request, field, why);
        }
    }

    /// Whether there is something to blame: then that is the result.
    bool refused(Engine& engine, Engine::Completion& done) {
        if (refusal_) {
            engine.refuse(std::move(*refusal_), std::move(done));
        }
        return refusal_.has_value();
    }
    /// Makes the call, unless it is refused.
    void call(Engine& engine, RequestBody body, Engine::Completion done) {
        if (!refused(engine, done)) {
            engine.call(std::move(body), std::move(done));
        }
    }

  private:
    template <class Id>
    Id id(const std::string& text, std::string_view field, std::string_view otherwise) {
        auto id = Id::parse(text);
        if (!id) {
            blame(field, otherwise);
        }
        return id.value_or(Id());
    }

    std::optional<Refusal> refusal_{};
};

/// Hands what `convert` makes of the outcome to `callback`, if there is one.
template <class Callback, class Convert>
Engine::Completion completion(Callback callback, Convert convert) {
    if (!callback) {
        return {};
    }
    return [callback = std::move(callback), convert = std::move(convert)](const Outcome& outcome) {
        callback(convert(outcome));
    };
}

}  // namespace beckon
