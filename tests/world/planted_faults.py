#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Judges the judge: plants a fault in a copy of the source, one after the other, and demands that the worlds find it.

    tests/world/planted_faults.py [--worlds N] [--keep DIRECTORY] [NAME...]

Each fault is one place of the source that reads otherwise. Of the copy only the worlds' tests are built, and each
fault's worlds are all gone through. Prints a table: in how many worlds it was found, and what broke most often. Fails
when one is not found, or does not apply any more.

    --worlds N   so many worlds for each (default 600)
    --keep D     the copy, which the next run takes up and need not compile anew (default: build/faults)
    --jobs N     compilers at once (default 2)
"""

import argparse
import collections
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
Fault = collections.namedtuple("Fault", "name file right wrong")

GATE = "host/commit_gate.cpp"
PHASES = "host/commit_gate_phases.cpp"
RULES = "core/judge/rules.hpp"
RESTORING = "core/judge/restoring.cpp"
UNASKED = "core/judge/unasked.cpp"
DEMANDS = "core/judge/demands.cpp"

FAULTS = [
    # The gate, and how it uses the journal.
    Fault("what is decided is said before it is stored", GATE,
          "if (sound.held.empty() && put_ <= stored_) {",
          "if (true) {"),
    Fault("who accepts hears of it before it is stored", GATE,
          "    held.asked.emplace(std::move(asked));\n    hold(sound, std::move(held), now);",
          "    if (std::holds_alternative<Accept>(asked.request.body)) {\n"
          "        host_.say(std::exchange(held.effects, {}), held.asker);\n"
          "    }\n"
          "    held.asked.emplace(std::move(asked));\n    hold(sound, std::move(held), now);"),
    Fault("a commit that fails is said all the same", PHASES,
          "} else if (held.asked && held.changed) {\n            refuse(*held.asked);",
          "} else if (held.asked && held.changed) {\n            host_.say(std::move(held.effects), held.asker);"),
    Fault("memory is not built anew when the disk fails", PHASES,
          "    go_back(std::move(back));\n}\n\n/// What is not stored is not to be.",
          "    switchboard_->store_takes_nothing(true);\n"
          "    static_cast<void>(switchboard_->take_changes());\n"
          "    refuse_all(back.waiting);\n"
          "    become_refusing({}, now);\n}\n\n/// What is not stored is not to be."),
    Fault("what is only on its way to the disk counts as stored", PHASES,
          "    stored_ = std::max(stored_, progress.stored);",
          "    stored_ = std::max(put_, progress.stored);"),
    Fault("what the clock said while the disk failed is said again", PHASES,
          "                 [&](const Effect& effect) { return !back.doubt.has(effect, *switchboard_); });",
          "                 [&](const Effect& /*effect*/) { return false; });"),
    Fault("memory that is built anew is not told who is there", PHASES,
          "        Effects due = switchboard_->set_online(device, true, now);",
          "        Effects due = switchboard_->set_online(device, false, now);"),
    Fault("what hangs is not in doubt", GATE,
          "    return id != nullptr && has(*id, switchboard);",
          "    return id != nullptr && has(*id, switchboard) && invitations.empty();"),
    Fault("what is asked of a group whose members are in doubt is answered", GATE,
          "                return has(asked.id, switchboard);",
          "                return invitations.contains(asked.id.text());"),
    Fault("what is asked about what hangs is answered", GATE,
          "if (stalled.doubt.has(asked.request, *switchboard_) ||\n"
          "        !judge_and_say(asked, stalled.unstored, now)) {",
          "if (!judge_and_say(asked, stalled.unstored, now)) {"),
    Fault("a commit may hang for ever", GATE,
          "if (sound.waiting_since && now >= *sound.waiting_since + settings_.patience) {",
          "if (sound.waiting_since && now >= *sound.waiting_since + 100 * settings_.patience) {"),
    Fault("the numbers of invitations begin again", PHASES,
          "    switchboard_->go_on_after(journal_->last_number());\n    // It was made",
          "    // It was made"),
    Fault("absence counts from before memory was built anew", PHASES,
          "    switchboard_->count_absence_from(now);",
          ""),
    Fault("a group's invite that is repeated tells of what is not stored", GATE,
          "            if constexpr (MakesInvitation<Asked>) {\n                return true;",
          "            if constexpr (std::is_same_v<Asked, Invite>) {\n                return true;"),
    Fault("the disk says that it has stored, and loses the last of it", "tests/world/fake_journal.hpp",
          "            medium_.kept.add(changes);",
          "            static int lies = 0;\n            if (++lies % 8 != 0) {\n                medium_.kept.add(changes);\n            }"),
    Fault("a wall clock that nobody vouches for is believed", "host/clocks.cpp",
          "if (then.wall_is_right && now.wall_is_right && now.wall_ms >= then.wall_ms) {",
          "if (now.wall_ms >= then.wall_ms) {"),
    # What is stored, and made again of it.
    Fault("a deadline is forgotten at a restart", RESTORING,
          "    if (!invitation->ended() && kept.state == State::pending) {\n"
          "        invitations_.restored(*invitation, kept.deadline);\n    }",
          ""),
    Fault("it is not stored that the inviter was there", "core/judge/change_log.cpp",
          ".inviter_was_online = invitation.inviter_was_online,",
          ".inviter_was_online = false,"),
    Fault("who has hung up is in the call again after a restart", RESTORING,
          "    one.takes_part = kept.takes_part;",
          "    one.takes_part = true;"),
    Fault("the first answer does not count any more after a restart", RESTORING,
          "    invitation.answer = kept.answer;",
          "    invitation.answer = Answer::all;"),
    Fault("who answered with which device is forgotten at a restart", RESTORING,
          "invitee.end(kept.state, by, kept.device, said",
          "invitee.end(kept.state, by, DeviceTag(1), said"),
    # The switchboard.
    Fault("it expires a moment late", UNASKED,
          "if (std::min(first, invitation.lifetime_end) > shared_.now) {",
          "if (std::min(first, invitation.lifetime_end) + Duration(50) > shared_.now) {"),
    Fault("an invite that is repeated rings again", "core/judge/asking.cpp",
          "    if (const Invitation* known = asked.id ? shared_.records.find(*asked.id) : nullptr) {\n"
          "        return known_already(sender, *known, is_sent_to(*known, asked.invitee));",
          "    if (const Invitation* known = asked.id ? shared_.records.find(*asked.id) : nullptr) {\n"
          "        if (known->pending > 0 && known->visibility == Visibility::invitees) {\n"
          "            events.emplace_back(Delivery{\n"
          "                .to = {*known->invitees.front().user().id},\n"
          "                .event = Event{.id = *known->id, .rev = known->rev + 1,\n"
          "                               .body = NewInvitation{.inviter = sender.user,\n"
          "                                                     .invitees = {asked.invitee}}}});\n"
          "        }\n"
          "        return known_already(sender, *known, is_sent_to(*known, asked.invitee));"),
    Fault("an answer that is repeated is taken again", DEMANDS,
          "            return invitee != nullptr && ended_by(*invitee, *rule.writes, sender);",
          "            return false;"),
    Fault("`sync` leaves out who only looks on", "core/judge/describing.cpp",
          "if (!again && (is_own || invitation->visibility == Visibility::members)) {",
          "if (!again && is_own) {"),
    Fault("the grace period goes on when the inviter comes back", UNASKED,
          "        if (user.lost) {\n            shared_.wheel.disarm(*user.lost);\n            user.lost.reset();\n        }\n",
          ""),
    Fault("one hears nothing of the end of a call", "core/judge/audience.cpp",
          "        case Hears::call_audience:\n            return call_audience(circle);",
          "        case Hears::call_audience: {\n            auto to = call_audience(circle);\n"
          "            to.resize(std::max<std::size_t>(1, to.size() - 1));\n            return to;\n        }"),
    Fault("the inviter's other devices hear nothing of an invite", "core/judge/audience.cpp",
          "return circle.inviter_elsewhere ? std::vector{circle.inviter} : std::vector<UserId>{};",
          "return {};"),
    Fault("a cancel ends who has accepted as well", "core/judge/invitations.cpp",
          "        if (invitee.pending()) {\n            chosen.push_back(&invitee);",
          "        if (invitee.pending() || invitee.state() == State::accepted) {\n            chosen.push_back(&invitee);"),
    Fault("a cancel is told to who has rejected, as their end", "core/judge/outcome.cpp",
          "    for (const Invitee* invitee : concerned_) {\n        names.push_back(*invitee->user().id);",
          "    for (const Invitee* invitee : concerned_) {\n        names.push_back(*concerned_.front()->user().id);\n"
          "        static_cast<void>(invitee);"),
    Fault("a call goes on though only one is left", "core/judge/outcome.cpp",
          "circle.invitation->call->size() <= 2);",
          "circle.invitation->call->size() <= 1);"),
    # The device.
    Fault("the device takes an event again that it has had", "core/device/inbox_events.cpp",
          "    if (event.rev <= held.rev()) {",
          "    if (event.rev < held.rev()) {"),
    Fault("the device does not ask after a gap", "core/device/inbox_events.cpp",
          "    if (held.gap || (modified != nullptr",
          "    if ((modified != nullptr"),
    Fault("the device rings on with what a sync does not list", "core/device/inbox.cpp",
          "        if (std::exchange(held.missing, false)) {\n            news.emplace_back(Unsure{id});",
          "        if (std::exchange(held.missing, false) && held.over()) {\n            news.emplace_back(Unsure{id});"),
    Fault("the device rings on when nobody tells it of the end", "core/device/inbox.cpp",
          "            look_at(held, now + until_told);\n            news.emplace_back(Unsure{held.info.id});",
          "            look_at(held, now + 20 * until_told);\n            news.emplace_back(Unsure{held.info.id});"),
    Fault("the device rings again for what has ended", "core/device/inbox.cpp",
          "    return ended_.contains(id) || disowned_.contains(id);",
          "    return disowned_.contains(id);"),
    Fault("the device tells a call's result twice", "core/device/device.cpp",
          "    effects_.emplace_back(Result{*asked.call, reply});\n    if (const",
          "    effects_.emplace_back(Result{*asked.call, reply});\n    if (asked.sent > 1) {\n"
          "        effects_.emplace_back(Result{*asked.call, reply});\n    }\n    if (const"),
    Fault("the device forgets a call that broke off with the connection", "core/device/device.cpp",
          "    requests_->wait_again();",
          "    for (const auto number : requests_->all()) {\n        if (requests_->at(number).in_flight) {\n"
          "            requests_->take(number);\n        }\n    }"),
    Fault("the device does not ask how it stands when a refusal surprises it", "core/device/inbox_replies.cpp",
          "                } else if (contradicts(*refusal)) {",
          "                } else if (false && contradicts(*refusal)) {"),
    Fault("the device tells anew what it was told, when others are called into a call", "core/device/inbox_standing.cpp",
          "if (held->end_told && asks(info, me_) && held->is_asked_again_in(info)) {",
          "if (held->end_told && asks(info, me_)) {"),
    Fault("the device takes each sync that is repeated for the first", "core/device/inbox.cpp",
          "    if (!again) {\n        first_sync_ = mark;",
          "    if (true) {\n        first_sync_ = mark;"),
    Fault("the device polls for ever what it took for timed out", "core/device/inbox_standing.cpp",
          "    held.assumed = false;  // it is known how it stands\n",
          ""),
    Fault("the device forgets what it was told, when the broker starts anew", "core/device/inbox_standing.cpp",
          "    if (is_over || (info.role",
          "    if ((is_over && false) || (info.role"),
    Fault("the device tells the end of a call again", "core/device/inbox_calls.cpp",
          "    if (!held.info.call_state || held.info.call_state->reason) {\n        return;\n    }",
          "    if (!held.info.call_state) {\n        return;\n    }"),
]


def run(*command, **options):
    return subprocess.run(command, check=True, **options)


def copy_source(to):
    """What is tracked or new; a file that is the same stays as it is, so that it is not compiled again."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=True,
                            capture_output=True, text=True).stdout.split("\n")
    for name in filter(None, listed):
        source, target = ROOT / name, to / name
        if not source.is_file():
            continue
        if not target.exists() or target.read_bytes() != source.read_bytes():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
            shutil.copymode(source, target)


def build(copy, jobs):
    return subprocess.run(["cmake", "--build", "build", "--target", "world_tests", "-j", str(jobs)], cwd=copy,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def breaches(copy, worlds):
    """How many worlds broke, by what broke."""
    environment = dict(os.environ, BECKON_WORLDS=str(worlds), BECKON_ALL="1")
    told = subprocess.run(["build/tests/world_tests", "worlds:*"], cwd=copy, env=environment, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    found = collections.Counter()
    for line in told.stdout.split("\n"):
        if match := re.match(r"(\d+) broken, BECKON_WORLD=\d+: (?:i\d+: )?(.*)", line):
            # Whatever device or invitation it was.
            found[re.sub(r" (of|at|for|to) \w+/\d.*| holds .*", "", match[2])] += int(match[1])
    if told.returncode not in (0, 1) and not found:
        found[f"ended by {told.returncode}"] = 1
    return found


def plant(fault, copy):
    path = copy / fault.file
    text = path.read_text()
    if text.count(fault.right) != 1:
        sys.exit(f"'{fault.name}' applies {text.count(fault.right)} times in {fault.file}")
    path.write_text(text.replace(fault.right, fault.wrong))
    return text


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("names", nargs="*", help="only those whose name has this in it")
    parser.add_argument("--worlds", type=int, default=600)
    parser.add_argument("--keep", type=pathlib.Path, default=ROOT / "build" / "faults")
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    copy = asked.keep
    copy_source(copy)
    run("cmake", "-S", ".", "-B", "build", "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Debug",
        "-DCMAKE_CXX_FLAGS_DEBUG=-Og -g1 -D_GLIBCXX_ASSERTIONS", "-DBECKON_PLUGIN=OFF", "-DBECKON_CLIENT=OFF",
        "-DBECKON_BENCH=OFF", cwd=copy, stdout=subprocess.DEVNULL)
    made = build(copy, asked.jobs)
    if made.returncode or (sound := breaches(copy, asked.worlds)):
        sys.exit(f"without a fault: {made.stdout if made.returncode else dict(sound)}")
    print(f"| planted | worlds of {asked.worlds} | what broke |\n|---|---|---|", flush=True)
    missed = 0
    for fault in FAULTS:
        if asked.names and not any(name in fault.name for name in asked.names):
            continue
        text = plant(fault, copy)
        try:
            made = build(copy, asked.jobs)
            if made.returncode:
                sys.exit(f"'{fault.name}' does not compile:\n{made.stdout}")
            found = breaches(copy, asked.worlds)
        finally:
            (copy / fault.file).write_text(text)
        missed += not found
        most = "; ".join(f"{what} ({times})" for what, times in found.most_common(3))
        print(f"| {fault.name} | {sum(found.values())} | {most or '**nothing**'} |", flush=True)
    sys.exit(f"{missed} not found" if missed else 0)


if __name__ == "__main__":
    main()
