// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

#include "protocol/ids.hpp"
#include "protocol/wire.hpp"

/// The topics of the contract's section 2, spelled in one place for every host
/// and client. Any thread.
namespace beckon {

/// The root of all topics, such as `beckon/v1`.
class Topics {
  public:
    /// `word` is one level that is an id, such as `beckon`.
    explicit Topics(std::string_view word) : root_(std::string(word) + "/v1") {}

    [[nodiscard]] const std::string& root() const noexcept { return root_; }
    [[nodiscard]] std::string status() const { return root_ + "/status"; }
    /// `topic` becomes where `user` reads events; its memory is used again.
    void events(std::string& topic, const UserId& user, Encoding encoding) const {
        inbox(topic, user, encoding == Encoding::json ? "/json" : "/event");
    }
    [[nodiscard]] std::string events(const UserId& user, Encoding encoding) const {
        std::string topic;
        events(topic, user, encoding);
        return topic;
    }
    /// What operators read there: `counters`, `refused`, `absent`.
    [[nodiscard]] std::string for_operators(std::string_view what) const {
        return root_ + "/operator/" + std::string(what);
    }
    /// Likewise, for replies.
    void replies(std::string& topic, const UserId& user) const { inbox(topic, user, "/reply"); }
    [[nodiscard]] std::string replies(const UserId& user) const {
        std::string topic;
        replies(topic, user);
        return topic;
    }

    /// Where `me` publishes a request.
    [[nodiscard]] std::string request(const RequestBody& body, const UserId& me) const {
        return root_ + std::visit(
                           [&me](const auto& asked) {
                               using Asked = std::decay_t<decltype(asked)>;
                               std::string place;
                               if constexpr (requires { asked.group; }) {
                                   place = "/group/" + asked.group.str();
                               } else if constexpr (std::same_as<Asked, Message>) {
                                   const bool user = std::holds_alternative<UserId>(asked.to);
                                   place = (user ? "/user/" : "/group/") +
                                           std::visit([](auto& id) { return id.str(); }, asked.to);
                               } else if constexpr (requires { asked.invitee; }) {
                                   place = "/user/" + asked.invitee.str();
                               } else if constexpr (requires { asked.id; }) {
                                   place = "/invitation/" + asked.id.str();
                               } else if constexpr (std::same_as<Asked, ListOnline> ||
                                                    std::same_as<Asked, ListOpen>) {
                                   place = "/operator";
                               } else if constexpr (requires { asked.of; }) {
                                   place = "/user/" + asked.of.value_or(me).str();
                               } else {
                                   place = "/user/" + me.str();
                               }
                               return place + "/" + std::string(Asked::verb);
                           },
                           body);
    }

    /// What stands below the root in `topic`, such as `user/bob/invite` ("" for
    /// the root itself); nothing when `topic` is elsewhere. Takes filters too,
    /// when they spell the root out.
    [[nodiscard]] std::optional<std::string_view> below_root(std::string_view topic) const {
        if (!topic.starts_with(root_)) {
            return std::nullopt;
        }
        topic.remove_prefix(root_.size());
        if (topic.empty()) {
            return topic;
        }
        return topic.front() == '/' ? std::optional(topic.substr(1)) : std::nullopt;
    }

  private:
    void inbox(std::string& topic, const UserId& user, std::string_view end) const {
        constexpr std::string_view level = "/inbox/";
        topic.clear();
        topic.reserve(root_.size() + level.size() + user.text().size() + end.size());
        topic.append(root_).append(level).append(user.text()).append(end);
    }
    std::string root_;
};

}  // namespace beckon
