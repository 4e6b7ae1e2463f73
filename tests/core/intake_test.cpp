// SPDX-License-Identifier: Apache-2.0
//
// How requests are read where a host does not see connections (contract, section 10).
#include "protocol/intake.hpp"

#include <variant>

#include "catch.hpp"
#include "world/actors.hpp"

using namespace beckon;

namespace {

const Intake by_name{
    .tag_of = [](const UserId&, std::string_view device) { return DeviceTag(device.size()); }};

std::variant<Request, Reply> taken(Sender& sender, std::string_view topic, std::string_view payload,
                                   const Intake& intake = by_name) {
    return take_in(sender, {.topic = topic, .payload = payload}, Limits{}, intake);
}
/// The field that is to blame; empty: another error, or none.
std::string blamed(std::string_view topic, std::string_view payload, const Intake& intake) {
    Sender sender = device("alice.1");
    const auto read = taken(sender, topic, payload, intake);
    const auto* const reply = std::get_if<Reply>(&read);
    const auto* const refusal = reply != nullptr ? std::get_if<Refusal>(&reply->body) : nullptr;
    return refusal != nullptr && refusal->error == Error::invalid_request
               ? refusal->field.value_or("")
               : "";
}

}  // namespace

TEST_CASE("the_sender_is_the_topics_last_level_where_there_may_be_one") {
    CHECK(sender_in("user/bob/invite/alice") == user("alice"));
    CHECK(sender_in("operator/online/alice") == user("alice"));
    CHECK(sender_in("user/bob/invite") == std::nullopt);
    CHECK(sender_in("user/bob/invite/no id") == std::nullopt);
    CHECK(sender_in("user/bob/invite/alice/more") == std::nullopt);
}

TEST_CASE("a_device_that_names_itself_is_known_by_that") {
    Sender sender = device("alice.1");
    const auto read = taken(sender, "user/alice/sync/alice", R"({"device":"12345"})");
    CHECK(std::holds_alternative<Request>(read));
    CHECK(sender.device == DeviceTag(5));
    taken(sender, "user/alice/sync/alice", "{}");
    CHECK(sender.device == DeviceTag(5));
}

TEST_CASE("a_refusal_is_told_to_the_device_that_named_itself") {
    Sender sender = device("alice.1");
    const auto read = taken(sender, "user/bob/invite/alice", R"({"device":"123","timeout_ms":-1})");
    CHECK(std::get<Reply>(read).device == DeviceTag(3));
}

TEST_CASE("a_device_is_an_id") {
    CHECK(blamed("user/alice/sync/alice", R"({"device":"no id"})", by_name) == "device");
    CHECK(blamed("user/alice/sync/alice", R"({"device":1})", by_name) == "device");
    CHECK(blamed("user/alice/sync/alice", R"({"device":"no id"})", {}).empty());
}

TEST_CASE("here_needs_a_run_and_says_how_long_it_counts") {
    CHECK(blamed("user/alice/here/alice", "{}", by_name) == "run");
    CHECK(blamed("user/alice/here/alice", R"({"run":""})", by_name) == "run");
    CHECK(blamed("user/alice/here/alice", R"({"run":"a","again_ms":0})", by_name) == "again_ms");
    CHECK(blamed("user/alice/here/alice", R"({"run":"a","again_ms":1})", by_name).empty());
}

TEST_CASE("where_the_broker_folds_case_only_lower_case_is_a_name") {
    const Intake folds{.folds_case = true};
    CHECK(blamed("user/bob/invite/alice", "{}", folds).empty());
    CHECK(blamed("user/Bob/invite/alice", "{}", folds) == "invitee");
    CHECK(blamed("user/Bob/message/alice", R"({"data":""})", folds) == "peer");
    CHECK(blamed("user/bob/invite/alice", R"({"also":["carol","Dave"]})", folds) == "also");
    CHECK(blamed("group/G/create/alice", R"({"members":["Bob"]})", folds) == "members");
    CHECK(blamed("group/G/transfer/alice", R"({"user":"Bob"})", folds) == "user");
    CHECK(blamed("invitation/I/signal/alice", R"({"to":"Bob","data":"x"})", folds) == "to");
    // Ids of groups and invitations are no names.
    CHECK(blamed("group/G/invite/alice", R"({"id":"I"})", folds).empty());

    Sender loud{.user = user("ALICE"), .device = {}};
    const auto read = taken(loud, "user/bob/invite/ALICE", "{}", folds);
    CHECK(std::get<Refusal>(std::get<Reply>(read).body).error == Error::wrong_sender);
}
