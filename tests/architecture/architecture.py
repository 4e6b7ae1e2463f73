# SPDX-License-Identifier: Apache-2.0
"""Who may include whom, what core must not touch, and how long a function may be.

    service ──► postgres ──► host;  broker_plugin, service ──► mqtt5 ──► host ──► judge ──► protocol ◄── device ◄── client_lib ◄── cli, examples

Usage: architecture.py [ROOT]; prints what is wrong, a line each, and fails if there is anything."""

import pathlib
import re
import sys

MOST_LINES = 70

POSIX = ("unistd.h", "fcntl.h", "sys/", "poll.h", "termios.h", "spawn.h", "dlfcn.h")


class Room:
    """The sources below `place`. Others may include what lies below `public`, if they name this room in `may`; all
    else is its own. `libraries`: what it may include beside the standard library."""

    def __init__(self, place, public=None, may=(), libraries=()):
        self.place, self.public, self.may, self.libraries = place, public, may, libraries


ROOMS = {
    # What the client library's users and the protocol share.
    "vocabulary": Room("core/protocol/include/beckon", public="core/protocol/include"),
    "protocol": Room("core/protocol", public="core/protocol/include", may=["vocabulary"],
                     libraries=["nlohmann/json.hpp", "msgpack.hpp", "rapidjson/"]),
    "judge": Room("core/judge", public="core/judge/include", may=["protocol", "vocabulary"]),
    "device": Room("core/device", public="core/device/include", may=["protocol", "vocabulary"]),
    "host": Room("host", public="host/include", may=["judge", "protocol", "vocabulary"],
                 libraries=[*POSIX, "malloc.h", "nlohmann/json.hpp", "openssl/", "sqlite3.h"]),
    "mqtt5": Room("mqtt5", public="mqtt5/include", may=["host", "judge", "protocol", "vocabulary"],
                  libraries=["mosquitto.h", "mqtt_protocol.h"]),
    "postgres": Room("postgres", public="postgres/include", may=["host", "judge", "protocol", "vocabulary"],
                     libraries=["poll.h", "libpq-fe.h"]),
    "service": Room("service", may=["mqtt5", "postgres", "host", "judge", "protocol", "vocabulary"],
                    libraries=[*POSIX, "CLI/", "nlohmann/json.hpp", "mosquitto.h", "mqtt_protocol.h"]),
    "broker_plugin": Room("broker_plugin", may=["mqtt5", "host", "judge", "protocol", "vocabulary"],
                          libraries=[*POSIX, "nlohmann/json.hpp", "mosquitto.h", "mosquitto_broker.h",
                                     "mosquitto_plugin.h", "mosquitto/", "mqtt_protocol.h"]),
    # For microcontrollers: stands for itself.
    "client_c": Room("client_c", public="client_c/include",
                     libraries=["string.h", "stdbool.h", "stddef.h", "stdint.h"]),
    # What is installed.
    "client_api": Room("client_lib/include", public="client_lib/include", may=["vocabulary"]),
    "client_lib": Room("client_lib", may=["client_api", "device", "protocol", "vocabulary"],
                       libraries=[*POSIX, "netinet/", "openssl/", "mqtt/"]),
    "cli": Room("cli", may=["client_api", "vocabulary"],
                libraries=[*POSIX, "netdb.h", "nlohmann/json.hpp", "CLI/", "openssl/", "prometheus/"]),
    "examples": Room("examples", may=["client_api", "client_c", "vocabulary"],
                     libraries=[*POSIX, "CLI/", "msgpack.hpp", "mosquitto.h"]),
}

# The standard library, as a program in C names it.
C_HEADERS = ("signal.h", "stdio.h", "stdlib.h", "string.h", "time.h")

# Arrows that are against the rule, and why they are there all the same.
EXCEPTIONS = {
    ("examples/console.hpp", "cli/terminal.hpp"): "knows nothing of Beckon: what every program at a terminal needs",
    ("cli/home_assistant/mqtt_link.cpp", "mqtt/async_client.h"): "Home Assistant hears no Beckon, but plain MQTT",
}

# No I/O, no clock, no thread in core.
CORE_HEADERS = re.compile(
    r"(thread|mutex|shared_mutex|atomic|condition_variable|future|semaphore|latch|barrier|stop_token|coroutine"
    r"|iostream|fstream|filesystem|cstdio|stdio\.h|ctime|time\.h|csignal|random|syncstream|sys/.*|unistd\.h)\Z")
CORE_WORDS = {
    "a clock": re.compile(r"::now\s*\(|\bstd::time\b|(?<![\w.>:])time\s*\(\s*(nullptr|NULL|0|&)|\bclock_gettime\b"
                          r"|\bgettimeofday\b|\b(system|steady|high_resolution)_clock\b"),
    "a thread": re.compile(r"\bstd::(thread|jthread|(shared_|recursive_)?mutex|atomic\w*|condition_variable\w*|async"
                           r"|promise|future|this_thread)\b|\bthread_local\b"),
    "I/O": re.compile(r"\bstd::(cout|cerr|clog|cin|ofstream|ifstream|fstream|filesystem)\b|\bv?[fs]?n?printf\s*\("
                      r"|\bf(open|read|write|puts|scanf)\s*\(|\bgetenv\b"),
    "chance": re.compile(r"(?<![\w.>:])rand\s*\(|\bstd::(rand|random_device|mt19937\w*)\b"),
    "an adapter's library": re.compile(r"\bsqlite3|\bmosquitto|\bmqtt/"),
}

MEASURED = ("core", "host", "mqtt5", "postgres", "broker_plugin", "service", "client_lib", "client_c", "cli")
# Functions that are still too long, as (file, name). None is added; who has shortened one takes it out.
STILL_TOO_LONG = set()


def sources(root, place):
    return sorted(path for path in (root / place).rglob("*") if path.suffix in (".cpp", ".hpp", ".c", ".h"))


# ------------------------------------------------------------------- reading C++

NO_CODE = re.compile(r"""//[^\n]*|/\*.*?\*/|R"(?P<end>[^(\s]*)\(.*?\)(?P=end)"|"(?:\\.|[^"\\\n])*"
                         |(?<![0-9a-zA-Z])'(?:\\.|[^'\\\n])+'""", re.DOTALL | re.VERBOSE)
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)
DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", re.MULTILINE)


def blank(match):
    return re.sub(r"[^\n]", " ", match.group())


def code_of(text):
    """Without comments, literals and directives, each line where it was."""
    return DIRECTIVE.sub(blank, NO_CODE.sub(blank, text))


def without_templates(head):
    """Without `template <…>`, whose `class` is none."""
    while (found := re.search(r"\btemplate\s*<", head)):
        depth, end = 1, found.end()
        while depth and end < len(head):
            depth += {"<": 1, ">": -1}.get(head[end], 0)
            end += 1
        head = head[:found.start()] + head[end:]
    return head


def kind_of(head):
    """What a brace opens after this: a scope in which functions are defined, a function, or something else."""
    head = without_templates(head).strip()
    if head.count("(") > head.count(")"):
        return "other"  # a default argument
    if re.search(r"\b(namespace|extern)\b", head) and "(" not in head:
        return "scope"
    if re.match(r"(\[\[[^]]*\]\]\s*)?(inline\s+|static\s+|typedef\s+)*(class|struct|union|enum)\b", head):
        return "other" if "=" in head or head.startswith("enum") else "scope"
    if re.search(r"\brequires\s*(\([^()]*\))?\Z", head):
        return "other"
    return "function" if "(" in head else "other"


def name_in(head):
    head = " ".join(without_templates(head).split())
    found = re.search(r"([\w:~]+(?:<[^<>()]*>)?|operator\s*\S+?)\s*\(", head)
    return found.group(1) if found else head[:40]


def functions(text):
    """(name, line, lines) of each function, from the first line of its head to its last brace."""
    code = code_of(text)
    scopes = []  # [kind, where its head begins]
    head_at = 0
    for at in (match.start() for match in re.finditer(r"[{};]", code)):
        inside = scopes and scopes[-1][0] != "scope"
        if code[at] == "{":
            scopes.append(["other" if inside else kind_of(code[head_at:at]), head_at])
            if not inside and scopes[-1][0] == "scope":
                head_at = at + 1
        elif code[at] == "}":
            if not scopes:
                continue
            kind, begin = scopes.pop()
            outside = not scopes or scopes[-1][0] == "scope"
            # Behind a member that is initialised by braces, a default argument or a requirement.
            head_goes_on = r"\s*[,{]" if kind == "function" else r"\s*([,{)]|[\w\[]|->)"
            if outside and kind != "scope" and re.match(head_goes_on, code[at + 1:]):
                head_at = begin
                continue
            if kind == "function":
                head = code[begin:at]
                start = begin + len(head) - len(head.lstrip())
                first = code.count("\n", 0, start) + 1
                yield name_in(head), first, code.count("\n", 0, at) + 2 - first
            if outside:
                head_at = at + 1
        elif not inside:
            head_at = at + 1


# -------------------------------------------------------------------- the rules

def room_of(path):
    """The innermost room that a path from the root lies in."""
    text = path.as_posix()
    rooms = [name for name, room in ROOMS.items() if text.startswith(room.place + "/")]
    return max(rooms, key=lambda name: len(ROOMS[name].place), default=None)


def find(root, source, name, quoted):
    """The file of ours that is included, from the root; None: a library's."""
    own = ROOMS[room_of(source)]
    beside = [source.parent] if quoted else []
    own_places = [pathlib.Path(own.place)] + ([pathlib.Path(own.public)] if own.public else [])
    public = [pathlib.Path(room.public) for room in ROOMS.values() if room.public]
    private = [pathlib.Path(room.place) for room in ROOMS.values()]
    for place in beside + own_places + public + private:
        file = (root / place / name).resolve()
        if file.is_file() and file.is_relative_to(root):
            return file.relative_to(root)
    return None


def wrong_include(root, source, name, quoted):
    """What is wrong with this include; None: nothing."""
    here = room_of(source)
    file = find(root, source, name, quoted)
    if file is None:
        if "." not in name and "/" not in name:
            return None
        if source.suffix == ".c" and here == "examples" and name in C_HEADERS:
            return None
        if (source.as_posix(), name) in EXCEPTIONS:
            return None
        if any(name == library or library.endswith("/") and name.startswith(library)
               for library in ROOMS[here].libraries):
            return None
        return f"{here} has nothing to do with <{name}>"
    there = room_of(file)
    if there == here or (source.as_posix(), file.as_posix()) in EXCEPTIONS:
        return None
    if there is None:
        return f"{file} is in no room"
    if there not in ROOMS[here].may:
        return f"{here} must not know {there} ({file})"
    if not ROOMS[there].public or not file.is_relative_to(ROOMS[there].public):
        return f"{file} is {there}'s own"
    return None


def wrong_includes(root):
    for place in sorted({room.place.split("/")[0] for room in ROOMS.values()}):
        for path in sources(root, place):
            source = path.relative_to(root)
            text = path.read_text(encoding="utf-8")
            if room_of(source) is None:
                yield f"{source}: is in no room"
                continue
            for match in INCLUDE.finditer(text):
                wrong = wrong_include(root, source, match.group(2), match.group(1) == '"')
                if wrong:
                    yield f"{source}:{text.count(chr(10), 0, match.start()) + 1}: {wrong}"


def impure(root):
    """What core has of the world around it."""
    for path in sources(root, "core"):
        source = path.relative_to(root)
        text = path.read_text(encoding="utf-8")
        for match in INCLUDE.finditer(text):
            if CORE_HEADERS.match(match.group(2)):
                yield f"{source}:{text.count(chr(10), 0, match.start()) + 1}: core includes <{match.group(2)}>"
        for number, line in enumerate(code_of(text).split("\n"), 1):
            for what, words in CORE_WORDS.items():
                if words.search(line):
                    yield f"{source}:{number}: core has {what}: {line.strip()}"


def too_long(root):
    """(file, name, line, lines)"""
    for place in MEASURED:
        for path in sources(root, place):
            for name, line, lines in functions(path.read_text(encoding="utf-8")):
                if lines > MOST_LINES:
                    yield path.relative_to(root).as_posix(), name, line, lines


def wrong_lengths(root):
    found = list(too_long(root))
    for file, name, line, lines in found:
        if (file, name) not in STILL_TOO_LONG:
            yield f"{file}:{line}: {name} has {lines} lines, more than {MOST_LINES}"
    for file, name in sorted(STILL_TOO_LONG - {(file, name) for file, name, _, _ in found}):
        yield f"{file}: {name} is not too long any more: take it out of STILL_TOO_LONG"


def wrongs(root):
    return [*wrong_includes(root), *impure(root), *wrong_lengths(root)]


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[2]).resolve()
    found = wrongs(root)
    for wrong in found:
        print(wrong)
    for file, name, line, lines in too_long(root):
        if (file, name) in STILL_TOO_LONG:
            print(f"still too long: {file}:{line}: {name} has {lines} lines")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
