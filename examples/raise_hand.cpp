// SPDX-License-Identifier: Apache-2.0
//
// A teacher asks the class, the class sees who raises a hand, the teacher lets one speak.
// Raising a hand is accepting an invitation in a group: with visibility `members`, everybody in the
// group hears each answer.
#include <set>

#include "story.hpp"

namespace {

constexpr auto the_floor = "You have the floor";

class Pupil : public Person {
  public:
    Pupil(Stage& stage, const std::string& name, bool knows_it)
        : Person(stage, name), knows_it_(knows_it) {}

    std::set<std::string> hands;
    std::string speaker;
    int ended = 0;

    void onReceiveNewInvitation(const std::string& id, const std::string& inviter,
                                const std::string& /*groupID*/,
                                const std::vector<std::string>& /*inviteeList*/,
                                const std::string& data) override {
        says(inviter + ": " + data);
        if (data == the_floor || knows_it_) {
            says(data == the_floor ? "(stands up)" : "(raises a hand)");
            signaling().accept(id);
        }
    }
    void onInviteeAccepted(const std::string& /*id*/, const std::string& invitee,
                           const std::string& /*data*/) override {
        says("I see " + invitee);
        hands.insert(invitee);
    }
    void onInvitationEnded(const beckon::InvitationEnd& /*end*/) override { ++ended; }
    void onRecvGroupTextMessage(const std::string& /*msgID*/, const std::string& /*groupID*/,
                                const std::string& sender, const std::string& text) override {
        says("I hear " + sender + ": " + text);
        speaker = sender;
    }

  private:
    bool knows_it_;
};

class Teacher : public Person {
  public:
    using Person::Person;

    std::set<std::string> hands;

    void onInviteeAccepted(const std::string& /*id*/, const std::string& invitee,
                           const std::string& /*data*/) override {
        says("I see " + invitee);
        hands.insert(invitee);
    }
    void onRecvGroupTextMessage(const std::string& /*msgID*/, const std::string& /*groupID*/,
                                const std::string& sender, const std::string& text) override {
        says(sender + " says: " + text);
    }
};

void story(Stage& stage) {
    Teacher teacher(stage, "teacher");
    Pupil anna(stage, "anna", true);
    Pupil ben(stage, "ben", true);
    Pupil cleo(stage, "cleo", false);
    stage.until("all are there", [&] {
        return teacher.is_there() && anna.is_there() && ben.is_there() && cleo.is_there();
    });

    const std::string group = fresh("class");
    stage.done("the class begins", [&](auto done) {
        teacher.groups().createGroup(group, "Class 3b", {.memberList = {"anna", "ben", "cleo"}},
                                     done);
    });

    say("The teacher asks everybody.");
    const std::string question =
        teacher.signaling().inviteInGroup(group, {}, "What is seven times eight?");
    stage.until("all see both hands", [&] {
        const std::set<std::string> both{"anna", "ben"};
        return teacher.hands == both && cleo.hands == both && anna.hands.contains("ben") &&
               ben.hands.contains("anna");
    });

    say("The teacher has seen enough: no more hands.");
    stage.done<beckon::CancelResult>(
        "the question is over", [&](auto done) { teacher.signaling().cancel(question, {}, done); });
    stage.until("cleo is no longer asked", [&] { return cleo.ended == 1; });

    say("Anna may speak, and all see it.");
    teacher.signaling().inviteInGroup(group, {"anna"}, the_floor);
    stage.until("anna takes the floor", [&] { return anna.ended == 2; });
    anna.client().sendGroupTextMessage("Fifty-six!", group);
    stage.until("all heard her", [&] { return ben.speaker == "anna" && cleo.speaker == "anna"; });

    stage.done("the class ends", [&](auto done) { teacher.groups().dismissGroup(group, done); });
    say("The class is over.");
}

}  // namespace

int main(int count, char** words) {
    return tell(count, words, "A class in which hands are raised.", story);
}
