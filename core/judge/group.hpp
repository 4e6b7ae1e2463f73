// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "invitation.hpp"
#include "protocol/words.hpp"

namespace beckon {

/// What counts against max_total_data_bytes beside name and profile.
inline constexpr std::int64_t group_bytes = 1000;
inline constexpr std::int64_t member_bytes = 300;

inline std::int64_t size_of(const std::optional<std::string>& text) {
    return text ? static_cast<std::int64_t>(text->size()) : 0;
}
inline std::int64_t size_of(const std::optional<Profile>& profile) {
    std::int64_t size = 0;
    for (const auto& [key, text] : profile.value_or(Profile{})) {
        size += static_cast<std::int64_t>(key.size() + text.size());
    }
    return size;
}

/// Users in the order of their ids, so that a page of members goes on where it ended.
struct ByUserId {
    using is_transparent = void;  // NOLINT(readability-identifier-naming): the library's name
    bool operator()(const User* a, const User* b) const { return *a->id < *b->id; }
    bool operator()(const User* a, const UserId& b) const { return *a->id < b; }
    bool operator()(const UserId& a, const User* b) const { return a < *b->id; }
};

/// One who is in a group, and who brought them in, whose share they count for.
struct Member {
    Rank rank = Rank::member;
    User* brought_by = nullptr;
};

/// A group. Invitations of it that are remembered keep it, without members, when it is
/// dismissed.
struct Group {
    GroupId id{};
    std::optional<std::string> name{};
    std::optional<Profile> profile{};
    std::map<User*, Member, ByUserId> members{};
    User* owner = nullptr;
    /// Who named and described it last, whose share that counts for.
    User* described_by = nullptr;
    /// Its open invitations, oldest first.
    std::vector<Invitation*> open{};
    /// The last invitation before it was made: up to that, they are of an earlier group.
    std::uint64_t made_after = 0;
    /// What it counts against max_total_data_bytes.
    std::int64_t counted_bytes = 0;
    /// Of that, what it is called and the like.
    std::int64_t described_bytes = 0;
    /// The limit of who may hear of each answer to an invitation of it.
    std::int64_t max_audience = 0;
    JoinMode join_mode = JoinMode::free;

    /// Nothing: a stranger.
    [[nodiscard]] std::optional<Rank> rank_of(const UserId& user) const {
        const auto at = members.find(user);
        return at == members.end() ? std::nullopt : std::optional(at->second.rank);
    }
    [[nodiscard]] bool has(const UserId& user) const { return members.contains(user); }
};

/// What a group counts but for its members.
inline std::int64_t bytes_of(const Group& group) {
    return group_bytes + size_of(group.name) + size_of(group.profile);
}

}  // namespace beckon
