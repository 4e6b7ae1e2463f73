// SPDX-License-Identifier: Apache-2.0
//
// A door station rings a flat, a group of panels and phones. The first who answers takes it, and
// the others stop ringing at once (answer `first`).
#include <optional>

#include "story.hpp"

namespace {

class Device : public Person {
  public:
    using Person::Person;

    std::string ring;
    std::optional<beckon::InvitationEnd> end;

    void onReceiveNewInvitation(const std::string& id, const std::string& inviter,
                                const std::string& /*groupID*/,
                                const std::vector<std::string>& /*inviteeList*/,
                                const std::string& data) override {
        says("ring, ring! " + inviter + ": " + data);
        ring = id;
        signaling().ringing(id);
    }
    // Called once for each ring, however it ends: a ring tone stops here.
    void onInvitationEnded(const beckon::InvitationEnd& how) override {
        says(how.here ? "I answered" : "I stop ringing: " + how.by + " " + how.reason);
        end = how;
    }
};

class Door : public Person {
  public:
    using Person::Person;

    int rings = 0;
    std::string answered_by;

    void onInviteeRinging(const std::string& /*id*/, const std::string& invitee) override {
        says(invitee + " rings");
        ++rings;
    }
    void onInviteeAccepted(const std::string& /*id*/, const std::string& invitee,
                           const std::string& data) override {
        says(invitee + " answers: " + data);
        answered_by = invitee;
    }
};

void story(Stage& stage) {
    Door door(stage, "door");
    Device hall(stage, "hall-panel");
    Device kitchen(stage, "kitchen-panel");
    Device phone(stage, "annas-phone");
    stage.until("all are there", [&] {
        return door.is_there() && hall.is_there() && kitchen.is_there() && phone.is_there();
    });

    const std::string flat = fresh("flat-3");
    stage.done("the flat is set up", [&](auto done) {
        door.groups().createGroup(flat, "Flat 3",
                                  {.joinMode = beckon::JoinMode::closed,
                                   .memberList = {"hall-panel", "kitchen-panel", "annas-phone"}},
                                  done);
    });

    say("Somebody presses the bell of flat 3.");
    door.signaling().inviteInGroup(flat, {}, "front door", {.answer = beckon::Answer::first});
    stage.until("all three ring", [&] { return door.rings == 3; });

    say("Anna is quickest, on her phone.");
    phone.signaling().accept(phone.ring, "I am coming down");
    stage.until("the door knows", [&] { return door.answered_by == "annas-phone"; });
    stage.until("the others stop", [&] { return hall.end && kitchen.end && phone.end; });
    if (hall.end->reason != "answered" || kitchen.end->by != "annas-phone" || !phone.end->here) {
        throw std::runtime_error("they stopped for another reason");
    }

    stage.done("the flat is cleared", [&](auto done) { door.groups().dismissGroup(flat, done); });
    say("The door is answered, and nobody rings on.");
}

}  // namespace

int main(int count, char** words) {
    return tell(count, words, "A door station that rings all devices of a flat.", story);
}
