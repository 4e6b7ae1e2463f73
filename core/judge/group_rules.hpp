// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "protocol/events.hpp"
#include "protocol/requests.hpp"

/// Who may do what in a group (contract, section 7): what each hears who asks. The
/// switchboard judges by this table alone; README shows it.
namespace beckon {

/// One who asks: may, or hears why not.
struct Standing {
    std::optional<Error> otherwise{};
    /// `otherwise` is for closed groups alone.
    bool if_free = false;
};
inline constexpr Standing may{};
constexpr Standing no(Error error) { return {.otherwise = error}; }
constexpr Standing in_free_groups(Error otherwise) {
    return {.otherwise = otherwise, .if_free = true};
}

struct GroupRule {
    std::string_view verb;
    Standing stranger;
    Standing member;
    Standing admin;
    Standing owner;
    /// To everyone who is a member before or after it.
    std::string_view announces;
};

inline constexpr std::array group_rule_table{
    GroupRule{JoinGroup::verb, in_free_groups(Error::group_closed), may, may, may,
              MemberEntered::event},
    GroupRule{QuitGroup::verb, no(Error::not_member), may, may, no(Error::owner_cannot_quit),
              MemberLeft::event},
    GroupRule{AddMembers::verb, no(Error::not_member), in_free_groups(Error::not_admin), may, may,
              MemberInvited::event},
    GroupRule{RemoveMembers::verb, no(Error::not_member), no(Error::not_admin), may, may,
              MemberRemoved::event},
    GroupRule{SetRank::verb, no(Error::not_member), no(Error::not_owner), no(Error::not_owner), may,
              RoleChanged::event},
    GroupRule{TransferGroup::verb, no(Error::not_member), no(Error::not_owner),
              no(Error::not_owner), may, OwnerChanged::event},
    GroupRule{UpdateGroup::verb, no(Error::not_member), no(Error::not_admin), may, may,
              GroupUpdated::event},
    GroupRule{DismissGroup::verb, no(Error::not_member), no(Error::not_owner), no(Error::not_owner),
              may, GroupDismissed::event},
    GroupRule{GetGroup::verb, no(Error::not_member), may, may, may, ""},
    GroupRule{GroupInvite::verb, no(Error::not_member), may, may, may, NewInvitation::event},
    GroupRule{Message::verb, no(Error::not_member), may, may, may, MessageEvent::event},
};

constexpr const GroupRule& group_rule_of(std::string_view verb) {
    for (const GroupRule& rule : group_rule_table) {
        if (rule.verb == verb) {
            return rule;
        }
    }
    throw "no rule for this verb";  // in a constant expression: does not compile
}

/// What who has this rank hears; nothing: may.
constexpr std::optional<Error> refusal_of(const GroupRule& rule, std::optional<Rank> rank,
                                          JoinMode mode) {
    const Standing& standing = !rank                  ? rule.stranger
                               : *rank == Rank::owner ? rule.owner
                               : *rank == Rank::admin ? rule.admin
                                                      : rule.member;
    return standing.if_free && mode == JoinMode::free ? std::nullopt : standing.otherwise;
}

consteval bool group_rules_are_sound() {
    for (const GroupRule& rule : group_rule_table) {
        if (&group_rule_of(rule.verb) != &rule) {
            return false;  // two rules for one verb
        }
        for (const JoinMode mode : {JoinMode::free, JoinMode::closed}) {
            const auto stranger = refusal_of(rule, std::nullopt, mode);
            const auto member = refusal_of(rule, Rank::member, mode);
            const auto admin = refusal_of(rule, Rank::admin, mode);
            const auto owner = refusal_of(rule, Rank::owner, mode);
            // Who is more may more; but an owner has to stay.
            if ((admin && !member) || (owner && !admin && rule.verb != QuitGroup::verb)) {
                return false;
            }
            // Strangers may only join, and hear of nothing else but that they are strangers.
            if (rule.verb != JoinGroup::verb && stranger != Error::not_member) {
                return false;
            }
        }
    }
    return true;
}
static_assert(group_rules_are_sound());

}  // namespace beckon
