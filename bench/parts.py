# SPDX-License-Identifier: Apache-2.0
"""What side_by_side.py measures, part by part. Each part fills the tables; `quick` is with smaller rounds."""
import json
import statistics
import subprocess
import tempfile

import sides  # noqa: F401: finds tests/system
import client
import fanout
import kamailio
import lateness
import restart
from report import Ratio, percentile
from sides import STORES, Callgrind, Measured, Side, SystemCalls, load, load_meanwhile, program, running

# Goals, as docs/performance.md has them.
CYCLE, CYCLE_TO_FLOOR = 95_000, 1.5
STORED, WRITTEN = 110_000, 70_000
CPU, CPU_STORED, SYSTEM_CALLS = 1.25, 1.6, 1.02
RING, COMMITS = 1.5, 1.2
PLAIN, CONNECT, GROUP = 1.03, 1.25, 1.25
GROWTH, GROWTH_OF_TIME, BYTES = 1.06, 1.5, 512
LATER_IDLE_MS, LATER_LOADED_MS = 5, 20
RESTART_CPU_S, RESTART_MIB, OVERDUE_S = 5, 300, 5
ACCEPT_MS, WAKES, ROUND_TRIP = 2, 2, 3
MILLION = 1_000_000


def measured_sizes():
    """Of Beckon's four messages in a cycle, in JSON: reply, new_invitation, reply, invitee_accepted."""
    broker = Measured("memory")
    with running(broker):
        found = load("cycles", [Side("sizes", broker, "json")], "--pairs", 10, "--rounds", 1, "--cycles", 200)
    return [round(size) for size in found["sizes"]["rounds"][0]["sizes"]]


def like(sizes):
    """The options of a bare side whose messages are as large as Beckon's are: two for an invite, three for an accept."""
    reply, ring, accepted_reply, accepted = sizes
    return "--sizes", (reply + ring) // 2, (accepted_reply + 2 * accepted) // 3


# Kind of broker, and how it is spoken to.
SIDES = {"bare": ("bare", "bare"), "floor": ("floor", "json"),
         "memory, JSON": ("memory", "json"), "memory, msgpack": ("memory", "msgpack"),
         "normal, JSON": ("normal", "json"), "normal, msgpack": ("normal", "msgpack"),
         "always, JSON": ("always", "json")}


def counted(kind, speech, units, part, *options, sizes=()):
    """Instructions of a unit: of the broker's own thread, and of the others; and where those of the first are."""
    tool = Callgrind()
    broker = Measured(kind, sizes=sizes, under=tool.under)
    with running(broker):
        found = load(part, [Side("one", broker, speech)], *options, "--rounds", 1, begin=tool.begin, end=tool.end)["one"]
    units = units or found["messages"]
    first, others, places = tool.counted()
    return first / units, others / units, {place: count / units for place, count in places.items()}


def instructions(tables, quick):
    sizes = measured_sizes()
    cycles = 400 if quick else 2000
    found = {name: counted(*side, cycles, "cycles", "--pairs", 100, "--cycles", cycles, "--warm-up", 3, *like(sizes),
                           sizes=sizes)
             for name, side in SIDES.items() if name != "always, JSON"}
    bare, floor = found["bare"][0], found["floor"][0]
    for name, (first, others, places) in found.items():
        tables.count("cycle", name, first, others, bare, floor)
        most = sorted(places.items(), key=lambda place: -place[1])[:5]
        tables.note(f"A cycle, {name}, is " + ", ".join(f"{count:,.0f} in {place}" for place, count in most) + ".")
    for encoding in "JSON", "msgpack":
        first = found[f"memory, {encoding}"][0]
        tables.goal("1a", f"instructions of a cycle, {encoding}", f"floor {floor:,.0f}", f"{first:,.0f}",
                    Ratio([first], [floor]), f"{CYCLE:,} and {CYCLE_TO_FLOOR} times the floor",
                    first <= CYCLE and first <= CYCLE_TO_FLOOR * floor)
        first, others, _ = found[f"normal, {encoding}"]
        tables.goal("1b", f"instructions of a stored cycle, {encoding}, broker's thread + writer's", f"floor {floor:,.0f}",
                    f"{first:,.0f} + {others:,.0f}", None, f"{STORED:,} + {WRITTEN:,}", first <= STORED and others <= WRITTEN)
    other_traffic(tables, cycles)
    connects(tables, 100 if quick else 500)
    group_answers(tables)


def other_traffic(tables, cycles):
    for qos in 1, 0:
        of = {kind: counted(kind, "plain", cycles, "cycles", "--pairs", 100, "--cycles", cycles, "--warm-up", 1,
                            "--qos", qos)[0] for kind in ("bare", "memory")}
        for kind, each in of.items():
            tables.count(f"other PUBLISH, QoS {qos}", kind, each, 0, of["bare"])
        told(tables, "3a", f"instructions of other traffic, QoS {qos}", of, PLAIN)


def connects(tables, count):
    for what, options, most in ("inbox filters", ["--inboxes"], CONNECT), ("other filters", [], None):
        of = {kind: counted(kind, "bare", count, "churn", "--count", count, *options)[0] for kind in ("bare", "memory")}
        for kind, each in of.items():
            tables.count(f"connect, {what}", kind, each, 0, of["bare"])
        told(tables, "3b", f"instructions of a connect, {what}", of, most)


def group_answers(tables):
    of = {}
    for kind, speech in ("memory", "json"), ("bare", "bare"):
        of[kind] = counted(kind, speech, None, "group")[0]
    for kind, each in sorted(of.items()):
        tables.count("message of an answer to 250", kind, each, 0, of["bare"])
    told(tables, "4", "instructions of a group's answer to 250, for each message", of, None)


def told(tables, number, what, of, most):
    ratio = Ratio([of["memory"]], [of["bare"]])
    tables.goal(number, what, f"{of['bare']:,.0f}", f"{of['memory']:,.0f}", ratio, "" if most is None else f"{most} times",
                None if most is None else ratio.median <= most)


def cpu(tables, quick):
    sizes = measured_sizes()
    brokers = [Measured(kind, sizes=sizes) for kind, _ in SIDES.values()]
    with running(*brokers):
        sides = [Side(name, broker, speech) for (name, (_, speech)), broker in zip(SIDES.items(), brokers)]
        for pairs in (100,) if quick else (1, 100, 1000):
            found = load("cycles", sides, "--pairs", pairs, *like(sizes), "--rounds", 3 if quick else 7,
                         "--seconds", 0.4 if quick else 0.8)
            us = {name: [each["cpu_us"] for each in found[name]["rounds"]] for name in found}
            for name in list(SIDES)[1:]:
                tables.within("1c", f"CPU of a cycle, all threads, {pairs} pairs, {name}", us[name], us["bare"], "us",
                              None if name == "floor" or pairs == 1 else CPU if name.startswith("memory") else CPU_STORED)
            first = found["memory, JSON"]["rounds"][0]
            tables.note(f"A cycle at {pairs} pairs is {first['in']:.2f} messages in and {first['out']:.2f} out, "
                        f"{first['bytes_in']:.0f} and {first['bytes_out']:.0f} bytes (memory, JSON), "
                        f"{found['bare']['rounds'][0]['bytes_out']:.0f} out on the bare side; the load took "
                        f"{statistics.median(each['own_share'] for each in found['bare']['rounds']):.0%} of its core.")
        system_calls(tables, sides, sizes, 500 if quick else 3000)


def system_calls(tables, sides, sizes, cycles):
    if reason := SystemCalls.why_not():
        tables.note(f"System calls were not measured: {reason}.")
        return
    each = {}
    for side in sides:
        counter = SystemCalls()
        load("cycles", [side], "--pairs", 100, *like(sizes), "--rounds", 1, "--cycles", cycles,
             begin=counter.begin, end=counter.end)
        each[side.name] = counter.count / cycles
    for name in list(SIDES)[1:]:
        ratio = Ratio([each[name]], [each["bare"]])
        tables.goal("1d", f"system calls of a cycle, all threads, 100 pairs, {name}", f"{each['bare']:.1f}",
                    f"{each[name]:.1f}", ratio, "" if name == "floor" else f"{SYSTEM_CALLS} times",
                    None if name == "floor" else ratio.median <= SYSTEM_CALLS)


def commits():
    """Microseconds of one on an idle store, by its sync."""
    lines = map(json.loads, subprocess.run([program("bench/bench_store")], stdout=subprocess.PIPE, text=True,
                                           check=True).stdout.splitlines())
    return {line["what"]: statistics.median(line["us"]) for line in lines if "us" in line}


def latency(tables, quick):
    sizes = measured_sizes()
    brokers = {kind: Measured(kind, sizes=sizes) for kind in ("bare", "floor", "memory", "normal", "always")}
    with running(*brokers.values()):
        sides = [Side("plain", brokers["bare"], "plain"), Side("floor", brokers["floor"], "json"),
                 Side("memory, msgpack", brokers["memory"], "msgpack")]
        sides += [Side(f"{kind}, JSON", brokers[kind], "json") for kind in ("memory", "normal", "always")]
        found = load("latency", sides, "--count", 200 if quick else 1200, "--gap", 4, "--sizes", sizes[1], sizes[3])
    us = {name: each["ring_us"] for name, each in found.items()}
    p50 = {name: statistics.median(each) for name, each in us.items()}

    def tell(name):
        return f"{p50[name]:.0f} us (p99 {percentile(us[name], 0.99):.0f})"
    for name in "memory, JSON", "memory, msgpack", "floor":
        ratio = Ratio([p50[name]], [p50["plain"]])
        tables.goal("2a", f"idle ring, p50, {name}", "plain PUBLISH " + tell("plain"), tell(name), ratio,
                    "" if name == "floor" else f"{RING} times", None if name == "floor" else ratio.median <= RING)
    alone = commits()
    for kind in "normal", "always":
        more = p50[f"{kind}, JSON"] - p50["memory, JSON"]
        tables.goal("2b", f"idle ring, p50, what {kind} adds", f"one commit {alone[kind]:.0f} us",
                    f"{more:.0f} us ({tell(kind + ', JSON')})", Ratio([more], [alone[kind]]), f"{COMMITS} commits",
                    more <= COMMITS * alone[kind])


def plain(tables, quick):
    brokers = [Measured("bare"), Measured("memory")]
    with running(*brokers):
        sides = [Side(broker.kind, broker, "plain") for broker in brokers]
        for qos in 1, 0:
            found = load("cycles", sides, "--pairs", 100, "--qos", qos, "--rounds", 3 if quick else 9,
                         "--seconds", 0.4 if quick else 0.7)
            us = {name: [each["cpu_us"] for each in one["rounds"]] for name, one in found.items()}
            tables.within("3a", f"CPU of other traffic, QoS {qos}", us["memory"], us["bare"], "us", None)


def group(tables, quick):
    brokers = {"bare": Measured("bare"), "memory": Measured("memory")}
    each = {}
    for members in 50, 250:
        with running(*brokers.values()):
            sides = [Side("memory", brokers["memory"], "json"), Side("bare", brokers["bare"], "bare")]
            each[members] = load("group", sides, "--members", members, "--rounds", 3 if quick else 7)
        brokers = {"bare": Measured("bare"), "memory": Measured("memory")}
    found = each[250]
    tables.within("4", "CPU of a group's answer to 250, for each message", found["memory"]["answer_us"],
                  found["bare"]["answer_us"], "us", GROUP)
    tables.within("4", "CPU of an invite of 250, for each message", found["memory"]["invite_us"], found["bare"]["invite_us"],
                  "us", None)
    few, many = (statistics.median(each[members]["memory"]["invite_us"]) for members in (50, 250))
    ratio = Ratio([many], [few])
    tables.goal("4", "invite of 250, for each message (250 lists would make it five times)", f"of 50: {few:.1f} us",
                f"{many:.1f} us", ratio, "2 times", ratio.median <= 2)


def churn(tables, quick):
    brokers = [Measured("bare"), Measured("memory")]
    with running(*brokers):
        sides = [Side(broker.kind, broker, "bare") for broker in brokers]
        for what, options in ("inbox filters", ["--inboxes"]), ("other filters", []):
            found = load("churn", sides, "--count", 300 if quick else 1000, "--rounds", 3 if quick else 7, *options)
            tables.within("3b", f"CPU of a connect, subscribe and leave, {what}", found["memory"]["cpu_us"],
                          found["bare"]["cpu_us"], "us", None)


def fan_outs(tables, quick):
    count = 500 if quick else 2000
    bare, beckon = fanout.measure(count, 3 if quick else 15)
    for kind, results in beckon.items():
        of = {side: [result.ring * 1e3 for result in found[kind]] for side, found in (("bare", bare), ("Beckon", beckon))}

        def tell(side):
            return f"p50 {statistics.median(of[side]):.1f}, p99 {percentile(of[side], 0.99):.1f} ms"
        tables.goal("4", f"a ring during a fan-out to {count:,}, {kind}", tell("bare"), tell("Beckon"),
                    f"{statistics.median(of['Beckon']) - statistics.median(of['bare']):+.1f} ms")
        tables.within("4", f"CPU of a fan-out to {count:,}, {kind}", [result.cpu * 1e3 for result in results],
                      [result.cpu * 1e3 for result in bare[kind]], "ms", None)


def timeouts(tables, quick):
    pending, count = (10_000, 40) if quick else (100_000, 200)
    broker = Measured("memory")
    with running(broker):
        load("pending", [Side("holder", broker, "msgpack")], "--count", pending)
        found = load("timeouts", [Side("idle", broker, "json")], "--count", count)["idle"]
        tell_lateness(tables, f"{pending:,} pending, idle", found, LATER_IDLE_MS)
        busy = Side("busy", broker, "json")
        rounds = load("cycles", [busy], "--pairs", 100, "--rounds", 1, "--seconds", 1.5)["busy"]["rounds"]
        rate = 0.8e6 / rounds[0]["cpu_us"]
        with load_meanwhile("cycles", [busy], "--pairs", 400, "--rate", rate, "--rounds", 1, "--seconds", 600):
            found = load("timeouts", [Side("loaded", broker, "json")], "--count", count, "--gap", 1)["loaded"]
        tell_lateness(tables, f"{pending:,} pending, at {rate:.0f} cycles/s (80 % of a core)", found, LATER_LOADED_MS)
    tell_lateness(tables, "websockets, idle", lateness.measure(count), LATER_IDLE_MS)


def tell_lateness(tables, what, found, most):
    def tell(us):
        return f"p50 {statistics.median(us) / 1e3:.2f}, p99 {percentile(us, 0.99) / 1e3:.2f} ms"
    more = (percentile(found["late_us"], 0.99) - percentile(found["plain_us"], 0.99)) / 1e3
    tables.goal("7d", f"timeout's lateness, {what}", "plain PUBLISH " + tell(found["plain_us"]), tell(found["late_us"]),
                f"{more:+.2f} ms", f"p99 {most} ms later", more <= most)


def sip(tables, quick):
    if reason := kamailio.why_not():
        tables.note(f"Kamailio was not measured: {reason} (scripts/dependencies sip).")
        return
    rounds = 3 if quick else 7
    brokers = {kind: Measured(kind) for kind in STORES}
    with kamailio.Kamailio() as proxy:
        proxy.set_up(1000)
        set_up = [proxy.set_up(1000 if quick else 5000) for _ in range(rounds)]
    with running(*brokers.values()):
        sides = [Side(kind, broker, "json") for kind, broker in brokers.items()]
        found = load("cycles", sides, "--pairs", 32, "--rounds", rounds, "--seconds", 0.4 if quick else 0.8)
    for kind, each in found.items():
        tables.within("8a", f"CPU of a cycle, all threads, 32 pairs, {kind}, JSON, beside Kamailio's of a call that is set up",
                      [one["cpu_us"] for one in each["rounds"]], set_up, "us", None)
    with kamailio.Kamailio() as proxy:
        each = proxy.held(5_000 if quick else 20_000)
    tables.goal("8b", "resident bytes of Kamailio for each call that rings (ours: 5b)", f"{each:,.0f}", "")


def core(part, pending):
    """What bench_core says, by lines."""
    told_lines = subprocess.run([program("bench/bench_core"), part, str(pending)], stdout=subprocess.PIPE, text=True,
                                check=True).stdout.splitlines()
    return list(map(json.loads, told_lines))


def memory(tables, quick):
    pending = 100_000 if quick else MILLION
    for part, most in ("memory", BYTES), ("memory-distinct", None):
        found = core(part, pending)[0]
        tables.goal("5b", f"bytes in core of each of {pending:,} pending, {found['users']:,} users", "",
                    str(found["bytes_each"]), None, "" if most is None else f"{most} B",
                    None if most is None else found["bytes_each"] <= most)
    pending = 20_000 if quick else 200_000
    for kind in "memory", "normal":
        broker = Measured(kind)
        with running(broker):
            found = load("pending", [Side(kind, broker, "msgpack")], "--count", pending)[kind]
            each = (found["resident"] - found["resident_before"]) / found["pending"]
        tables.goal("5b", f"resident bytes of the broker for each of {pending:,} pending, {kind}", "", f"{each:.0f}")


def restart_part(tables, quick):
    pending = 100_000 if quick else MILLION
    empty, full, overdue, size = restart.measure(pending)
    of_all = pending == MILLION
    tables.goal("6a", f"{pending:,} pending back: CPU until the first reply", f"empty {empty[1]:.2f} s",
                f"{full[1]:.2f} s ({full[0]:.2f} s passed; the file has {size / 1e6:.0f} MB)", None, f"{RESTART_CPU_S} s",
                full[1] <= RESTART_CPU_S if of_all else None)
    tables.goal("6a", f"{pending:,} pending back: memory", f"empty {empty[2]:.0f} MiB", f"{full[2]:.0f} MiB", None,
                f"{RESTART_MIB} MiB", full[2] <= RESTART_MIB if of_all else None)
    tables.goal("6b", f"{pending:,} overdue: the first reply after", f"empty {empty[0]:.2f} s", f"{overdue[0]:.2f} s", None,
                f"{OVERDUE_S} s", overdue[0] <= OVERDUE_S if of_all else None)


def growth(tables, quick):
    pending = (1000, 100_000) if quick else (1000, MILLION)
    counts = []
    for many in pending:
        with tempfile.TemporaryDirectory(prefix="beckon-callgrind-") as directory:
            found = json.loads(subprocess.run(
                ["valgrind", "-q", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={directory}/out",
                 program("bench/bench_core"), "instructions", str(many)],
                stdout=subprocess.PIPE, text=True, check=True).stdout)
            with open(f"{directory}/out.1", encoding="utf-8", errors="replace") as file:
                total = next(int(line.split()[1]) for line in file if line.startswith("totals:"))
            counts.append(total / found["cycles"])
            tables.count(f"cycle in the core, {many:,} pending", "msgpack", counts[-1], 0, None)
    ratio = Ratio(counts[1:], counts[:1])
    tables.goal("5a", f"instructions of a cycle in the core, {pending[1]:,} pending", f"1,000: {counts[0]:,.0f}",
                f"{counts[1]:,.0f}", f"{ratio.median:.3f}", f"{GROWTH} times", ratio.median <= GROWTH)
    for line in core("time", pending[1]):
        if "us" in line:
            few, many = zip(*line["us"])
            tables.within("5a", f"time of a cycle in the core, {line['encoding']}, {pending[1]:,} pending against 1,000",
                          many, few, "us", GROWTH_OF_TIME)
        else:
            tables.note(f"Of {pending[1]:,} that time out, one after the other, each takes {line['timeout_us']} us, and the "
                        f"slowest wake {line['slowest_wake_ms']} ms; an `advance` when nothing is due takes "
                        f"{line['idle_advance_ns']} ns.")


def client_part(tables, quick):
    broker = Measured("memory")
    with running(broker):
        took = client.accepts(broker, 30 if quick else 200)
        tables.goal("7a", "client library: from new_invitation to its accept on the wire, p50", "",
                    f"{statistics.median(took):.2f} ms (p99 {percentile(took, 0.99):.2f})", None, f"{ACCEPT_MS} ms",
                    statistics.median(took) <= ACCEPT_MS)
        woken = client.wakes(broker, 5 if quick else 20)
        tables.goal("7b", "client library: wake-ups a second, idle", "", f"{woken:.1f}", None, str(WAKES), woken <= WAKES)
        if trips := client.round_trips(broker, 5 if quick else 20):
            tables.within("7c", "`beckon status ID` against mosquitto_rr", *trips, "ms", ROUND_TRIP)
        else:
            tables.note("The command-line client's round trip was not measured: there is no mosquitto_rr.")


PARTS = {
    "instructions": (instructions, "of a cycle, of other traffic, of connects and of a group's answers, by callgrind"),
    "cpu": (cpu, "of a cycle, and its system calls"),
    "latency": (latency, "of a ring on an idle broker"),
    "plain": (plain, "CPU of traffic that is not Beckon's"),
    "group": (group, "CPU of a group's invites and answers"),
    "fanout": (fan_outs, "how late a large one makes a ring between two others"),
    "churn": (churn, "CPU of connects"),
    "timeouts": (timeouts, "how late they are, idle and loaded"),
    "kamailio": (sip, "Kamailio's CPU and memory of a call, where it and SIPp are installed"),
    "memory": (memory, "of what is pending"),
    "restart": (restart_part, "with what is pending, and with what is overdue"),
    "growth": (growth, "of a cycle's cost with what is pending"),
    "client": (client_part, "the client library and the command-line client"),
}
