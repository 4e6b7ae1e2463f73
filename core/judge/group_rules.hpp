// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "protocol/events.hpp"
#include "protocol/requests.hpp"

/// Who may do what in a group (contract, section 7): what each hears who asks. The
/// switchboard judges by this table alone, and tells by it; that of docs/protocol.md is printed
/// from it.
namespace beckon {

/// One who asks: may, or hears why not.
struct Standing {
    std::optional<Error> otherwise{};
    /// `otherwise` is for closed groups alone.
    bool if_free = false;
    /// It is done already: ok, with `dup`.
    bool done_already = false;
};
inline constexpr Standing may{};
inline constexpr Standing already_so{.done_already = true};
constexpr Standing no(Error error) { return {.otherwise = error}; }
constexpr Standing in_free_groups(Error otherwise) {
    return {.otherwise = otherwise, .if_free = true};
}

/// Who gets the event.
enum class GroupHears : std::uint8_t {
    nobody,
    /// Everyone who is a member before or after it.
    members,
    /// The members but the sender.
    others,
    /// The invitation's own rule says it (rules.hpp).
    whom_it_invites,
};

struct GroupRule {
    std::string_view verb;
    Standing stranger;
    Standing member;
    Standing admin;
    Standing owner;
    std::string_view announces;
    GroupHears heard_by;
    /// Whoever is named has to be below the sender in rank.
    bool of_lower_rank = false;
};

inline constexpr std::array group_rule_table{
    GroupRule{JoinGroup::verb, in_free_groups(Error::group_closed), already_so, already_so,
              already_so, MemberEntered::event, GroupHears::members},
    GroupRule{QuitGroup::verb, no(Error::not_member), may, may, no(Error::owner_cannot_quit),
              MemberLeft::event, GroupHears::members},
    GroupRule{AddMembers::verb, no(Error::not_member), in_free_groups(Error::not_admin), may, may,
              MemberInvited::event, GroupHears::members},
    GroupRule{RemoveMembers::verb, no(Error::not_member), no(Error::not_admin), may, may,
              MemberRemoved::event, GroupHears::members, true},
    GroupRule{SetRank::verb, no(Error::not_member), no(Error::not_owner), no(Error::not_owner), may,
              RoleChanged::event, GroupHears::members},
    GroupRule{TransferGroup::verb, no(Error::not_member), no(Error::not_owner),
              no(Error::not_owner), may, OwnerChanged::event, GroupHears::members},
    GroupRule{UpdateGroup::verb, no(Error::not_member), no(Error::not_admin), may, may,
              GroupUpdated::event, GroupHears::members},
    GroupRule{DismissGroup::verb, no(Error::not_member), no(Error::not_owner), no(Error::not_owner),
              may, GroupDismissed::event, GroupHears::members},
    GroupRule{GetGroup::verb, no(Error::not_member), may, may, may, "", GroupHears::nobody},
    GroupRule{GroupInvite::verb, no(Error::not_member), may, may, may, NewInvitation::event,
              GroupHears::whom_it_invites},
    GroupRule{Message::verb, no(Error::not_member), may, may, may, MessageEvent::event,
              GroupHears::others},
};

constexpr const GroupRule& group_rule_of(std::string_view verb) {
    for (const GroupRule& rule : group_rule_table) {
        if (rule.verb == verb) {
            return rule;
        }
    }
    throw "no rule for this verb";  // in a constant expression: does not compile
}

constexpr const Standing& standing_of(const GroupRule& rule, std::optional<Rank> rank) {
    return !rank                  ? rule.stranger
           : *rank == Rank::owner ? rule.owner
           : *rank == Rank::admin ? rule.admin
                                  : rule.member;
}

/// What who has this rank hears; nothing: may.
constexpr std::optional<Error> refusal_of(const GroupRule& rule, std::optional<Rank> rank,
                                          JoinMode mode) {
    const Standing& standing = standing_of(rule, rank);
    return standing.if_free && mode == JoinMode::free ? std::nullopt : standing.otherwise;
}

consteval bool group_rules_are_sound() {
    for (const GroupRule& rule : group_rule_table) {
        if (&group_rule_of(rule.verb) != &rule) {
            return false;  // two rules for one verb
        }
        if (rule.announces.empty() != (rule.heard_by == GroupHears::nobody) ||
            (rule.announces == NewInvitation::event) !=
                (rule.heard_by == GroupHears::whom_it_invites)) {
            return false;
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
