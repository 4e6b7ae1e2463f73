// SPDX-License-Identifier: Apache-2.0
// The tables of docs/protocol.md are printed from those that the switchboard judges by.
// `BECKON_REWRITE=1 core_tests "[rules]"` writes them; read the difference before you commit it.
#include "rules.hpp"

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "catch.hpp"
#include "group_rules.hpp"

namespace {

using namespace beckon;
using namespace std::string_literals;

std::string code(std::string_view word) {
    return word.empty() ? std::string() : '`' + std::string(word) + '`';
}

/// What is not empty, with `between`.
std::string joined(const std::vector<std::string>& texts, const std::string& between) {
    std::string all;
    for (const auto& text : texts) {
        all += text.empty() || all.empty() ? text : between + text;
    }
    return all;
}

std::string row_of(const std::vector<std::string>& cells) {
    std::string row = "|";
    for (const auto& cell : cells) {
        row += cell.empty() ? " |" : ' ' + cell + " |";
    }
    return row + '\n';
}

std::string head_of(const std::vector<std::string>& titles) {
    return row_of(titles) + row_of(std::vector<std::string>(titles.size(), "---"));
}

std::string said(Cause cause) {
    switch (cause) {
        case Cause::hangup_all:
            return "hangup, `all`";
        case Cause::taken:
            return "(another took it)";
        case Cause::talk_already:
            return "(they accepted another call of the inviter's)";
        case Cause::replaced:
            return "(the inviter asks anew, with `replace`)";
        case Cause::deadline:
            return "(their deadline)";
        case Cause::lifetime_over:
            return "(its lifetime is over)";
        case Cause::left_group:
            return "(they left the group)";
        case Cause::removed:
            return "(they were removed from it)";
        case Cause::inviter_left:
            return "(the inviter is in it no more)";
        case Cause::dismissed:
            return "(it was dismissed)";
        case Cause::inviter_lost:
            return "(the inviter is away for `grace_ms`)";
        case Cause::participant_lost:
            return "(a participant is away for `grace_ms`)";
        case Cause::participant_replaced:
            return "(likewise, and another device of theirs signals)";
        case Cause::max_call:
            return "(`max_call_ms`)";
        case Cause::call_over:
            return "(the call is over)";
        case Cause::call_was_over:
            return "(their call was over)";
        default:
            return std::string(rule_of(cause).verb);
    }
}

std::string said(Who who) {
    switch (who) {
        case Who::nobody:
        case Who::anybody:
            return {};
        case Who::another:
            return "anyone but the invitee";
        case Who::invitee:
            return "an invitee";
        case Who::inviter:
            return "the inviter";
        case Who::canceller:
            return "the inviter; in a group, but with visibility `inviter`, its owner and admins";
        case Who::returner:
            return "the inviter once there is a call, an invitee; see below";
        case Who::inviter_or_accepted:
            return "the inviter, or who accepted";
        case Who::hearer:
            return "the inviter, an invitee, with visibility `members` the group";
        case Who::speaker:
            return "the inviter, who is pending, who is in the call or, without one, accepted";
        case Who::participant:
            return "a participant";
        case Who::member:
            return "in a group a member";
    }
    return {};
}

std::string said(Needs needs) {
    switch (needs) {
        case Needs::nothing:
            return "it is remembered";
        case Needs::new_id:
            return "its `id` is new";
        case Needs::sender_pending:
            return "it is pending for them";
        case Needs::somebody_pending:
            return "somebody is pending";
        case Needs::somebody_pending_unless_named:
            return "somebody is pending, or it names some of several";
        case Needs::first_answer_counts:
            return "somebody is pending, and `answer` is `first`";
        case Needs::open:
            return "somebody is pending, or the call lives";
        case Needs::call_lives:
            return "the call lives";
    }
    return {};
}

std::string said(Repeat repeat) {
    switch (repeat) {
        case Repeat::nothing:
            return {};
        case Repeat::same_id:
            return "the same `id`, inviter and target";
        case Repeat::own_answer:
            return "this device gave that answer";
        case Repeat::own_cancel:
            return "its cancel ended one of them, and nobody is pending";
        case Repeat::hung_up:
            return "it hung up";
        case Repeat::hung_up_for_all:
            return "it hung up, and the call is over";
        case Repeat::own_place:
            return "it takes part";
    }
    return {};
}

std::string said(Hears who) {
    switch (who) {
        case Hears::nobody:
            return {};
        case Hears::inviter:
            return "the inviter";
        case Hears::audience:
            return "the audience";
        case Hears::asked:
            return "who is asked";
        case Hears::onlookers:
            return "the onlookers";
        case Hears::inviter_elsewhere:
            return "the inviter, if another device of theirs is online";
        case Hears::those_before:
            return "the audience before";
        case Hears::call_audience:
            return "the audience, who ever took part being concerned";
        case Hears::addressees:
            return "`to`; without it, see below";
        case Hears::participants:
            return "the participants";
    }
    return {};
}

std::string announced(const Rule& rule) {
    std::vector<std::string> events;
    for (const Told& told : rule.tells) {
        if (!told.empty()) {
            events.push_back(code(name_of_event(told.event)) + " to " + said(told.heard_by));
        }
    }
    return joined(events, "; ");
}

std::string next(const Rule& rule) {
    switch (rule.call) {
        case OnCall::leaves:
            return "with two in it, instead " + said(Cause::call_over);
        case OnCall::ends:
            return said(Cause::call_over);
        default:
            return rule.then ? said(*rule.then) : ""s;
    }
}

std::string printed_rules() {
    std::string text = head_of({"what", "who may", "else refused as", "while", "`dup` when",
                                "writes", "reason", "announces", "`rev`", "then"});
    for (const Rule& rule : rule_table) {
        std::vector<std::string> who;
        std::vector<std::string> otherwise;
        for (const Demand& demand : rule.may) {
            who.push_back(said(demand.who));
            otherwise.push_back(
                demand.otherwise == Error::internal ? ""s : code(info(demand.otherwise).name));
        }
        text += row_of(
            {said(rule.cause), joined(who, ", and "), joined(otherwise, ", "), said(rule.needs),
             said(rule.repeat), rule.writes ? std::string(name_of(*rule.writes)) : "",
             code(name_of(rule.reason)), announced(rule), rule.raises_rev ? "+1" : "", next(rule)});
    }
    return text;
}

std::string said(const Standing& standing) {
    if (standing.done_already) {
        return "`dup`";
    }
    if (!standing.otherwise) {
        return "done";
    }
    return (standing.if_free ? "done; closed: " : "") + code(info(*standing.otherwise).name);
}

std::string said(GroupHears who) {
    switch (who) {
        case GroupHears::nobody:
            return {};
        case GroupHears::members:
            return "all members before and after it";
        case GroupHears::others:
            return "the other members";
        case GroupHears::whom_it_invites:
            return "as above";
    }
    return {};
}

std::string printed_group_rules() {
    std::string text =
        head_of({"request", "a stranger", "a member", "an admin", "the owner", "announces", "to"});
    for (const GroupRule& rule : group_rule_table) {
        text +=
            row_of({std::string(rule.verb) + (rule.of_lower_rank ? ", below one's own rank" : ""),
                    said(rule.stranger), said(rule.member), said(rule.admin), said(rule.owner),
                    code(rule.announces), said(rule.heard_by)});
    }
    return text;
}

std::string text_of(const std::string& path) {
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

/// The page, with this between its two marks.
std::string with_block(std::string page, const std::string& name, const std::string& block) {
    const auto begin = "<!-- " + name + ": printed by tests/core/rules_test.cpp -->\n";
    const auto end = "<!-- end of " + name + " -->\n";
    const auto from = page.find(begin);
    const auto to = page.find(end);
    REQUIRE(from != std::string::npos);
    REQUIRE(to != std::string::npos);
    return page.replace(from + begin.size(), to - from - begin.size(), block);
}

}  // namespace

TEST_CASE("the tables of protocol.md are those that the switchboard judges by", "[rules]") {
    const std::string path = SOURCE "/docs/protocol.md";
    const auto written = text_of(path);
    auto right = with_block(written, "rules", printed_rules());
    right = with_block(right, "group rules", printed_group_rules());
    if (std::getenv("BECKON_REWRITE") != nullptr) {
        std::ofstream(path) << right;
    } else {
        CHECK(right == written);
    }
}
