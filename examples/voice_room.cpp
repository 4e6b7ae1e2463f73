// SPDX-License-Identifier: Apache-2.0
//
// A voice room: the host invites a listener to the microphone, another listener asks for it, and a
// microphone goes off again. Who is invited and who asks are the same thing, the other way round:
// an invitation that one accepts. The sound itself is for another library.
#include <map>
#include <set>

#include "story.hpp"

namespace {

class Guest : public Person {
  public:
    using Person::Person;

    /// Who has a microphone, as everybody in the room sees it.
    std::set<std::string> on_stage;

    void onReceiveNewInvitation(const std::string& id, const std::string& inviter,
                                const std::string& /*groupID*/,
                                const std::vector<std::string>& /*inviteeList*/,
                                const std::string& data) override {
        says(inviter + " asks: " + data);
        signaling().accept(id, "gladly");
        // What one's own device does comes back as a result, not as an event.
        turn(data == mic_please ? inviter : name(), true);
    }
    void onSignalingEvent(const beckon::SignalingEvent& event) override {
        if (event.type == beckon::SignalingEventType::newInvitation) {
            requests_[event.inviteID] = event.data;
            askers_[event.inviteID] = event.by;
        }
    }
    void onInviteeAccepted(const std::string& id, const std::string& invitee,
                           const std::string& /*data*/) override {
        turn(requests_[id] == mic_please ? askers_[id] : invitee, true);
    }
    void onRecvGroupCustomMessage(const std::string& /*msgID*/, const std::string& /*groupID*/,
                                  const std::string& sender,
                                  const std::string& customData) override {
        if (customData == mic_off) {
            turn(sender, false);
        }
    }

    void asks(const std::string& group, const std::string& whom, const std::string& what) {
        says("(to " + whom + ") " + what);
        const std::string id = signaling().inviteInGroup(group, {whom}, what);
        requests_[id] = what;
        askers_[id] = name();
    }
    void leaves_the_stage(const std::string& group) {
        client().sendGroupCustomMessage(mic_off, group);
        turn(name(), false);
    }

    static constexpr auto mic_please = "May I have a microphone?";
    static constexpr auto mic_off = "mic off";

  private:
    void turn(const std::string& who, bool on) {
        says("I see " + who + "'s microphone go " + (on ? "on" : "off"));
        on ? void(on_stage.insert(who)) : void(on_stage.erase(who));
    }

    std::map<std::string, std::string> requests_;
    std::map<std::string, std::string> askers_;
};

void story(Stage& stage) {
    Guest host(stage, "host");
    Guest mia(stage, "mia");
    Guest noah(stage, "noah");
    stage.until("all are there",
                [&] { return host.is_there() && mia.is_there() && noah.is_there(); });

    const std::string room = fresh("room");
    stage.done("the room opens",
               [&](auto done) { host.groups().createGroup(room, "Late night talk", {}, done); });
    for (Guest* guest : {&mia, &noah}) {
        stage.done(guest->name() + " comes in",
                   [&](auto done) { guest->groups().joinGroup(room, done); });
    }
    const auto all_see = [&](const std::set<std::string>& on_stage) {
        return [&host, &mia, &noah, on_stage] {
            return host.on_stage == on_stage && mia.on_stage == on_stage &&
                   noah.on_stage == on_stage;
        };
    };

    say("The host invites mia to the microphone.");
    host.asks(room, "mia", "Would you like to say something?");
    stage.until("mia is on stage", all_see({"mia"}));

    say("Noah asks for one himself.");
    noah.asks(room, "host", Guest::mic_please);
    stage.until("noah is on stage, too", all_see({"mia", "noah"}));

    say("Mia has said it.");
    mia.leaves_the_stage(room);
    stage.until("mia is off again", all_see({"noah"}));

    stage.done("the room closes", [&](auto done) { host.groups().dismissGroup(room, done); });
    say("The room is closed.");
}

}  // namespace

int main(int count, char** words) {
    return tell(count, words, "A voice room in which microphones go on and off.", story);
}
