#!/usr/bin/python3
"""Holds the source to its own rules: which room may include which, who may use which library, how long things are.

A line of code should know its room. Prints each breach as file:line and words; exit code 1 if there is any.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "mutation"))
from mutations import MUTATIONS  # noqa: E402

AUDITOR = {"base", "schemas", "engine", "command", "auditor/log"}
ROOMS = {  # room → rooms that it may include
    "base": {"base"},
    "schemas": {"base", "schemas"},
    "distribution": {"base", "schemas", "distribution"},
    "engine": {"base", "engine"},
    "command": {"base", "engine", "command"},
    "stager": {"base", "schemas", "distribution", "engine", "stager"},
    "updater": {"base", "schemas", "distribution", "engine", "updater"},
    "producer": {"base", "schemas", "engine", "command", "producer"},
    "auditor": {"command", "auditor/ask", "auditor/history", "auditor/letters", "auditor/serve", "auditor/timeline", "auditor/verify"},
    "auditor/ask": {*AUDITOR, "auditor/history", "auditor/timeline", "auditor/reading", "auditor/ask"},
    "auditor/history": {*AUDITOR, "auditor/reading", "auditor/history"},
    "auditor/letters": {*AUDITOR, "auditor/reading", "auditor/letters"},
    "auditor/log": AUDITOR,
    "auditor/points": {*AUDITOR, "distribution", "auditor/points"},
    "auditor/reading": {*AUDITOR, "auditor/reading"},
    "auditor/serve": {*AUDITOR, "auditor/history", "auditor/serve"},
    "auditor/timeline": {*AUDITOR, "auditor/letters", "auditor/reading", "auditor/timeline"},
    "auditor/verify": {*AUDITOR, "auditor/points", "auditor/reading", "auditor/verify"},
}
BASE = {"arena", "bytes", "clock", "digest", "error", "log", "map", "memory", "position", "queue", "table", "timestamp"}  # a closed list
LIBRARIES = {  # header → the files that may include it
    "uthash.h": {"base/map.c"},
    "openssl/": {"base/digest.c"},
    "jansson.h": {"schemas/json.c"},
    "curl/": {"distribution/exchange.h", "distribution/url.c"},
    "librdkafka/": {"engine/kafka/internal.h"},
    "microhttpd.h": {"engine/http_server.c"},
    "sqlite3.h": {"auditor/history/database.c", "tests/unit/auditor/test_database.c"},
}
FORBIDDEN = {  # room → words that it does not know
    "engine": r"\b(package|manifest|jansson|json_|distribution point|stager|updater)\b",
    "distribution": r"\b(topic|kafka|rdkafka|consumer group)\b",
}
# what a pure file must not call: the shard does no I/O of its own, a machine gets its time as an argument as well
PURE_SHARD = {"engine/" + name for name in ("back_off.c", "batch.c", "effects.c", "outbox.c", "packed.c", "progress.c", "route.c", "rows.c", "shard.c",
                                            "store.c", "suspicion.c", "term.c", "timers.c", "trace.c")}
PURE_MACHINE = {*(f"stager/{path.name}" for path in (ROOT / "stager").glob("gate*.c")),
                *("updater/" + name for name in ("point.c", "switch.c", "switch_codec.c", "switch_state.c", "tally.c"))}
IMPURE = r"\b(poll|sleep|usleep|nanosleep|pthread_mutex_lock|open|read|write|fopen|time|clock_gettime|rand|random)\("
CLOCKS = r"\bclock_(monotonic|wall)_ms\("
FUNCTION_LINES, FILE_LINES = 70, 600


def room_of(name):
    """The innermost room that a path is in; None outside of all."""
    return max((room for room in ROOMS if name.startswith(room + "/")), key=len, default=None)


def sources():
    for top in sorted({room.split("/")[0] for room in ROOMS}):
        for path in sorted((ROOT / top).rglob("*.[ch]")):
            name = str(path.relative_to(ROOT))
            yield room_of(name), path, name, path.read_text()


def code_only(text):
    """Without comments and string contents, line numbers kept."""
    text = re.sub(r"/\*.*?\*/", lambda m: "\n" * m.group().count("\n"), text, flags=re.S)
    text = re.sub(r"//[^\n]*", "", text)
    return re.sub(r'"(\\.|[^"\\\n])*"', '""', text)


def check_includes(room, name, text):
    for number, line in enumerate(text.splitlines(), 1):
        match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if not match:
            continue
        kind, header = match.groups()
        target = room_of(header)
        if kind == '"' and target and target not in ROOMS[room]:
            yield f"{name}:{number}: {room} must not include {header}"
        if header.startswith("engine/kafka/") and not name.startswith(("engine/", "producer/")):
            yield f"{name}:{number}: only the engine and the producer's tools know engine/kafka"
        for library, users in LIBRARIES.items():
            if kind == "<" and header.startswith(library) and name not in users:
                yield f"{name}:{number}: {header} is included by {', '.join(users)} alone"


def check_words(room, name, text):
    lines = text.splitlines()
    if room in FORBIDDEN:
        for number, line in enumerate(lines, 1):
            match = re.search(FORBIDDEN[room], line, re.I)
            if match and not line.lstrip().startswith("#include"):
                yield f"{name}:{number}: {room} does not know the word '{match.group()}'"
    if name in PURE_SHARD | PURE_MACHINE:
        for number, line in enumerate(code_only(text).splitlines(), 1):
            match = re.search(IMPURE, line) or (name in PURE_MACHINE and re.search(CLOCKS, line))
            if match:
                yield f"{name}:{number}: a pure file calls {match.group()[:-1]}()"


def check_lengths(name, text):
    lines = code_only(text).splitlines()
    if len(lines) > FILE_LINES:
        yield f"{name}:1: {len(lines)} lines; a file holds one idea (at most {FILE_LINES})"
    start = None
    for number, line in enumerate(lines, 1):
        if line.startswith("{"):
            start = number
        elif line.startswith("}") and start:
            if number - start > FUNCTION_LINES:
                yield f"{name}:{start}: a function of {number - start} lines (at most {FUNCTION_LINES})"
            start = None


def check_base():
    for path in (ROOT / "base").glob("*.[ch]"):
        if path.stem not in BASE:
            yield f"base/{path.name}:1: base is a closed list: {', '.join(sorted(BASE))}"


def check_pages():
    """Every path that a page names is there."""
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        if not page.exists():
            continue
        for number, line in enumerate(page.read_text().splitlines(), 1):
            for path in re.findall(r"`((?:base|schemas|distribution|engine|command|stager|updater|producer|auditor|tests|script|docs|compose)/[\w./-]+)`", line):
                if not (ROOT / path).exists():
                    yield f"{page.relative_to(ROOT)}:{number}: there is no {path}"


def check_mutations():
    """Each bug to plant still finds its place, once."""
    for mutation in MUTATIONS:
        file = ROOT / mutation.file
        found = file.read_text().count(mutation.old) if file.exists() else 0
        if found != 1:
            yield (f"{mutation.file}:1: what the planted bug '{mutation.name}' replaces is there {found} times: "
                   "tell tests/mutation/mutations.py how the code reads now")


def main():
    breaches = [*check_base(), *check_pages(), *check_mutations()]
    files = 0
    for room, _, name, text in sources():
        files += 1
        breaches += [*check_includes(room, name, text), *check_words(room, name, text), *check_lengths(name, text)]
    for breach in breaches:
        print(breach)
    print(f"{files} source files, {len(breaches)} breaches")
    return 1 if breaches or not files else 0


if __name__ == "__main__":
    sys.exit(main())
