// SPDX-License-Identifier: Apache-2.0
//
// What the command-line client reads and writes, without a broker.
#include <clocale>
#include <limits>
#include <string>
#include <vector>

#include "../catch.hpp"
#include "facts.hpp"
#include "options.hpp"
#include "session.hpp"
#include "table.hpp"
#include "terminal.hpp"

using namespace beckon;
using namespace beckon::cli;
using std::chrono::milliseconds;

namespace {

/// In which foreign text is text.
const bool in_utf8 = std::setlocale(LC_CTYPE, "C.UTF-8") != nullptr;

SignalingInfo ring() {
    SignalingInfo info;
    info.inviteID = "ring-1";
    info.inviter = "door";
    info.data = "front door";
    info.remaining = milliseconds{23'000};
    info.invitees = {{.user = "kitchen", .ringing = true}, {.user = "hall"}};
    return info;
}

Result refusal(const std::string& error) { return {.code = 1, .error = error, .message = "no"}; }

}  // namespace

TEST_CASE("a_duration_has_a_unit") {
    CHECK(parse_duration("500ms") == milliseconds{500});
    CHECK(parse_duration("30s") == milliseconds{30'000});
    CHECK(parse_duration("2m") == milliseconds{120'000});
    CHECK(parse_duration("24h") == milliseconds{86'400'000});
    CHECK(parse_duration("0") == milliseconds{0});
    CHECK(parse_duration("0s") == milliseconds{0});
    for (const auto* const text : {"", "s", "30", "-1s", "+1s", " 1s", "1 s", "1s ", "1.5s", "1d",
                                   "1S", "99999999999999999999s", "9223372036854775807h"}) {
        INFO(text);
        CHECK_FALSE(parse_duration(text));
    }
}

TEST_CASE("a_duration_is_spoken") {
    CHECK(spoken(milliseconds{-5}) == "0 s");
    CHECK(spoken(milliseconds{1}) == "1 s");
    CHECK(spoken(milliseconds{59'001}) == "1 min");
    CHECK(spoken(milliseconds{65'000}) == "1 min 5 s");
    CHECK(spoken(milliseconds{7'200'000}) == "2 h");
    CHECK(spoken(milliseconds{7'380'000}) == "2 h 3 min");
}

TEST_CASE("what_others_wrote_does_not_steer_the_terminal") {
    REQUIRE(in_utf8);
    CHECK(printable("Grüezi 世界") == "Grüezi 世界");
    CHECK(printable("a\x1b[2Jb\n\x7f\t") == "a?[2Jb???");
    CHECK(printable("\xc2\x9b"
                    "31m") == "?31m");  // a control sequence in one letter
    CHECK(printable("\xe2\x80\xae"
                    "a\xe2\x81\xa6\xd8\x9c") == "?a??");
    CHECK(printable("\xff\xfe") == "??");
    CHECK(printable("\u200e\u200f\u2028\u2029\u2066\u2069") == "??????");
}

TEST_CASE("all_that_does_not_steer_the_terminal_stays_as_it_was_written") {
    REQUIRE(in_utf8);
    for (const std::string text :
         {"“It’s the door” – or is it…", "\u200b\u200d\u2010\u2027\u202f\u2065\u206a",
          "👩‍👩‍👧 \u20ac", "\U0001fae8\U000e0041", "\ue000"}) {
        INFO(text);
        CHECK(printable(text) == text);
    }
}

TEST_CASE("an_event_has_the_contracts_keys") {
    SignalingEvent event;
    event.type = SignalingEventType::inviteeRejected;
    event.inviteID = "ring-1";
    event.role = Role::inviter;
    event.invitees = {"kitchen"};
    event.reason = "busy";
    event.by = "kitchen";
    event.byDevice = "d1";
    event.rev = 2;
    CHECK(
        json_line(facts_of(event)) ==
        R"({"event":"invitee_rejected","id":"ring-1","rev":2,"invitee":"kitchen","role":"inviter",)"
        R"("reason":"busy","by":"kitchen","by_device":"d1"})");
    event = {};
    event.inviteID = "ring-1";
    event.inviter = "door";
    event.rev = 1;
    event.answer = Answer::first;
    event.visibility = Visibility::members;
    event.more = 3;
    event.groupID = "flat";
    event.invitees = {"kitchen", "hall"};
    event.data = "\xff";
    event.remaining = milliseconds{5};
    CHECK(json_line(facts_of(event)) ==
          R"({"event":"new_invitation","id":"ring-1","rev":1,"inviter":"door","call":false,)"
          R"("answer":"first","visibility":"members","online_only":false,"group":"flat",)"
          R"("invitees":["kitchen","hall"],"more":3,"role":"invitee","data_b64":"/w==",)"
          R"("remaining_ms":5})");
}

TEST_CASE("an_event_of_a_group_has_the_contracts_keys") {
    GroupNews news{.event = "member_removed", .groupID = "flat", .by = "bob", .byDevice = "d1"};
    news.members = {"carol"};
    news.reason = "moved out";
    CHECK(json_line(facts_of(news)) ==
          R"({"event":"member_removed","group":"flat","by":"bob","by_device":"d1",)"
          R"("members":["carol"],"reason":"moved out"})");
    news = {.event = "group_updated", .groupID = "flat", .by = "bob", .byDevice = "d1"};
    news.change = {.groupName = "Flat", .joinMode = JoinMode::closed, .profile = {{{"a", "b"}}}};
    CHECK(json_line(facts_of(news)) ==
          R"({"event":"group_updated","group":"flat","by":"bob","by_device":"d1","name":"Flat",)"
          R"("join_mode":"closed","profile":{"a":"b"}})");
}

TEST_CASE("a_reply_has_the_contracts_keys") {
    Result done;
    done.device = "d1";
    done.dup = true;
    done.rev = 3;
    CHECK(json_line(reply_to("accept", done)) ==
          R"({"re":"accept","ok":true,"device":"d1","dup":true,"rev":3})");
    InviteResult invited;
    invited.inviteID = "ring-1";
    invited.remaining = milliseconds{5};
    CHECK(json_line(reply_to("invite", invited)) ==
          R"({"re":"invite","ok":true,"id":"ring-1","state":"open","remaining_ms":5})");
    CHECK(json_line(reply_to("add", MembersResult{})) == R"({"re":"add","ok":true,"skipped":[]})");
    SignalingInfo over = ring();
    over.open = false;
    over.call = true;
    over.callReason = "hangup";
    over.callDuration = milliseconds{7};
    over.participantsLeftOut = 2;
    over.inviteesLeftOut = 4;
    over.answersLeftOut = true;
    over.rev = 9;
    const Facts facts = facts_of(over);
    CHECK(facts["call_state"].dump() ==
          R"({"participants":[],"duration_ms":7,"more":2,"reason":"hangup"})");
    CHECK(facts["rev"] == 9);
    CHECK(facts["invitees_left_out"] == 4);
    CHECK(facts["answers_left_out"] == true);
}

TEST_CASE("what_has_ended_is_told_by_the_contracts_keys_and_in_words") {
    PastSignaling past{.inviteID = "ring-1", .inviter = "door"};
    past.invitees = {{.user = "kitchen", .state = State::cancelled, .reason = "cancelled"}};
    past.reason = "cancelled";
    past.missed = true;
    past.age = milliseconds{65'000};
    past.rang = milliseconds{4200};
    PastSignaling talk = past;
    talk.invitees.front() = {.user = "kitchen", .state = State::accepted};
    talk.reason = "hangup";
    talk.missed = false;
    talk.talked = milliseconds{61'000};
    Facts reply{{"re", "history"}, {"ok", true}, {"history", facts_of({past, talk})}};
    CHECK(json_line(reply["history"][0]) ==
          R"({"id":"ring-1","inviter":"door","invitees":[{"user":"kitchen","state":"cancelled",)"
          R"("reason":"cancelled"}],"reason":"cancelled","role":"invitee","missed":true,)"
          R"("age_ms":65000,"ring_ms":4200})");
    reply["next"] = "7-1";
    CHECK(sentence(reply) ==
          "1 min 5 s ago: door asked kitchen (cancelled), cancelled, missed [ring-1]\n"
          "1 min 5 s ago: door talked with kitchen (accepted) for 1 min 1 s [ring-1]\n"
          "more: beckon history --before 7-1");
    reply["history"] = Facts::array();
    reply.erase("next");
    CHECK(sentence(reply) == "nothing has ended");
}

TEST_CASE("a_calls_events_have_the_contracts_keys") {
    SignalingEvent event;
    event.inviteID = "ring-1";
    event.invitees = {"kitchen"};
    event.data = "mic off";
    event.type = SignalingEventType::signal;
    CHECK(json_line(facts_of(event)) ==
          R"({"event":"signal","id":"ring-1","rev":0,"from":"kitchen","role":"invitee",)"
          R"("data":"mic off"})");
    event.data.clear();
    event.seq = 7;
    CHECK(json_line(facts_of(event)) ==
          R"({"event":"signal","id":"ring-1","rev":0,"from":"kitchen","role":"invitee","data":"",)"
          R"("seq":7})");
    event.data = "mic off";
    event.seq.reset();
    event.type = SignalingEventType::participantLeft;
    event.reason = "hangup";
    CHECK(json_line(facts_of(event)) ==
          R"({"event":"participant_left","id":"ring-1","rev":0,"user":"kitchen",)"
          R"("role":"invitee","data":"mic off","reason":"hangup"})");
    event = {};
    event.type = SignalingEventType::callEnded;
    event.inviteID = "ring-1";
    event.reason = "hangup";
    event.duration = milliseconds{65'000};
    CHECK(json_line(facts_of(event)) ==
          R"({"event":"call_ended","id":"ring-1","rev":0,"role":"invitee",)"
          R"("reason":"hangup","duration_ms":65000})");
    CHECK(sentence(facts_of(event)) == "the call is over after 1 min 5 s (hangup)");
}

TEST_CASE("a_call_tells_who_talks") {
    SignalingInfo info = ring();
    info.call = true;
    info.participants = {"door", "hall"};
    info.callDuration = milliseconds{61'000};
    info.invitees[1].state = State::accepted;
    CHECK(facts_of(info)["call_state"].dump() ==
          R"({"participants":["door","hall"],"duration_ms":61000})");
    CHECK(sentence(Facts{{"re", "get"}, {"ok", true}, {"invitation", facts_of(info)}}) ==
          "door, hall talk since 1 min 1 s: door calls kitchen (ringing), hall (accepted), 23 s "
          "left: "
          "\"front door\" [ring-1]");
    CHECK(rows_of({info})[1] == Row{.to = "hall", .state = "talks", .time = "1 min 1 s"});
}

TEST_CASE("a_json_line_is_ascii") {
    const Facts facts = message_from("bob", "m-1", "kitchen", {}, "ü\x1b\xe2\x80\xae\n");
    CHECK(
        json_line(facts) ==
        R"({"event":"message","id":"m-1","from":"bob","to":"kitchen","data":"\u00fc\u001b\u202e\n"})");
}

TEST_CASE("a_sentence_is_one_line_whatever_others_wrote") {
    SignalingEvent event;
    event.type = SignalingEventType::inviteeAccepted;
    event.inviteID = "ring-1";
    event.invitees = {"kitchen"};
    event.data = "yes\nhall accepted";
    CHECK(sentence(facts_of(event)) == R"(kitchen accepted: "yes?hall accepted")");
    CHECK(sentence(facts_of(ring())).empty() == false);
}

TEST_CASE("each_event_has_a_sentence") {
    for (const auto type :
         {SignalingEventType::newInvitation, SignalingEventType::inviteeAccepted,
          SignalingEventType::inviteeRejected, SignalingEventType::invitationCancelled,
          SignalingEventType::invitationTimeout, SignalingEventType::invitationModified,
          SignalingEventType::inviteeRinging, SignalingEventType::invitationRevoked,
          SignalingEventType::signal, SignalingEventType::participantLeft,
          SignalingEventType::participantMoved}) {
        SignalingEvent event;
        event.type = type;
        event.inviteID = "ring-1";
        event.invitees = {"kitchen"};
        const Facts facts = facts_of(event);
        INFO(json_line(facts));
        CHECK(facts["event"] != "unknown");
        CHECK(sentence(facts).find("kitchen") != std::string::npos);
    }
}

TEST_CASE("how_a_ring_ended_is_said_and_ended_with") {
    const auto ends = [](std::optional<State> state, const std::string& reason = {},
                         bool assumed = false) {
        return InvitationEnd{
            .inviteID = "ring-1", .state = state, .reason = reason, .assumed = assumed};
    };
    CHECK(exit_of(ends(State::accepted)) == done);
    CHECK(exit_of(ends(State::rejected)) == rejected);
    CHECK(exit_of(ends(State::timed_out)) == timed_out);
    CHECK(exit_of(ends(State::cancelled)) == cancelled);
    CHECK(exit_of(ends(State::revoked)) == cancelled);
    CHECK(exit_of(ends(std::nullopt)) == unreachable);
    CHECK(exit_of(ends(State::timed_out, {}, true)) == unreachable);
    CHECK(sentence(facts_of(ends(State::rejected, "busy"))) == "the ring is over: rejected (busy)");
    CHECK(sentence(facts_of(ends(State::cancelled, "cancelled"))) == "the ring is over: cancelled");
    CHECK(sentence(facts_of(ends(State::cancelled, "answered"))) == "the ring is over: answered");
    CHECK(sentence(facts_of(ends(std::nullopt))) ==
          "the ring is over: the broker has forgotten it");
}

TEST_CASE("what_became_of_a_request_is_said_and_ended_with") {
    CHECK(exit_of(Result{}) == done);
    CHECK(exit_of(refusal("already_accepted")) == refused);
    CHECK(exit_of(refusal("not_connected")) == unreachable);
    CHECK(exit_of(refusal("no_reply")) == unreachable);
    CHECK(exit_of(refusal("no_beckon")) == unreachable);
    CHECK(exit_of(refusal("withdrawn")) == cancelled);
    Result late = refusal("already_accepted");
    late.by = "hall";
    CHECK(
        json_line(reply_to("accept", late)) ==
        R"({"re":"accept","ok":false,"error":"already_accepted","code":1,"message":"no","by":"hall"})");
    CHECK(sentence(reply_to("accept", late)) == "accept: no (already_accepted)");
    InviteResult invited;
    invited.inviteID = "ring-1";
    invited.skipped = {{"bob", "user_offline"}};
    CHECK(sentence(reply_to("invite", invited)) == "ringing; left out: bob (user_offline)");
    CancelResult called_off;
    called_off.cancelled = {"bob"};
    called_off.already = {{"carol", State::accepted}};
    CHECK(sentence(reply_to("cancel", called_off)) ==
          "cancel: bob stops ringing; was faster: carol (accepted)");
}

TEST_CASE("the_facts_of_a_program_are_variables") {
    Facts facts = message_from("bob", "m-1", {}, "flat", "$(x)\n");
    facts["invitees"] = {"kitchen", "hall"};
    facts["user"] = "carol";
    facts["here"] = true;
    const std::vector<std::pair<std::string, std::string>> expected{
        {"BECKON_EVENT", "message"}, {"BECKON_ID", "m-1"},      {"BECKON_FROM", "bob"},
        {"BECKON_GROUP", "flat"},    {"BECKON_DATA", "$(x)\n"}, {"BECKON_INVITEES", "kitchen hall"},
        {"BECKON_WHO", "carol"},     {"BECKON_HERE", "true"}};
    CHECK(environment(facts) == expected);
}

TEST_CASE("the_table_has_a_row_for_each_invitee") {
    SignalingInfo info = ring();
    info.invitees.push_back({.user = "bath", .state = State::rejected, .data = "no"});
    const std::vector<Row> expected{
        {.from = "door", .to = "kitchen", .state = "rings", .time = "23 s", .about = "front door"},
        {.to = "hall", .state = "pending", .time = "23 s"},
        {.to = "bath", .state = "rejected", .about = "no"}};
    CHECK(rows_of({info}) == expected);
}

TEST_CASE("the_table_fits_the_terminal") {
    const std::vector<Row> rows{{.from = "door", .to = "kitchen", .state = "rings", .about = "x\n"},
                                {.to = "hall", .state = "pending"}};
    CHECK(table(rows, 80) == std::vector<std::string>{"FROM  TO       STATE    TIME  ABOUT",
                                                      "door  kitchen  rings          x?",
                                                      "      hall     pending"});
    CHECK(table(rows, 10) == std::vector<std::string>{"FROM  TO", "door  kitc", "      hall"});
}

TEST_CASE("a_wide_letter_counts_as_two_columns") {
    REQUIRE(in_utf8);
    CHECK(columns_of("世界") == 4);
    CHECK(cut("世界", 3) == "世");
    CHECK(cut("e\xcc\x81x", 1) == "e\xcc\x81");  // with its accent
}
