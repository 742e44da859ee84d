#!/usr/bin/python3
"""Strikes at each call on a folder while two versions are staged there and made current, and holds what was said, and
what a power cut would leave, against the folder. Then all is done again without a fault, and must succeed.

A call is struck so: the process is killed before or behind it; it fails, once, for 40 calls or for good; it is done and
fails; it moves half of the bytes; it writes a wrong byte; the process is stopped before it, a twin does all the work, and
it goes on. Ends with a table, and with exit code 1 if anything was wrong.
"""
import argparse
import collections
import contextlib
import errno
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from judge import Device, File, Folder, said, went_back  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
PATIENCE_S = 60 * float(os.environ.get("HOLDPOINT_TEST_SLOWNESS", 1))
DP_ID = "6f1d8f0a-6a55-4a0c-8d0c-5f2a1d7a7c11"
WRITES = {"pwrite", "copy_file_range"}
# what a kill behind it can find; between two of these all kills are alike
CHANGES = WRITES | {"create", "ftruncate", "ioctl", "mkdirat", "symlinkat", "linkat", "renameat", "renameat2", "unlinkat", "futimens", "fsync", "syncfs"}
ERRORS = ("EIO", "ENOSPC", "EROFS", "ESTALE", "EACCES", "EMFILE")
FOR_GOOD = 1000000
EXAMPLES = """examples:
  tests/strike/strike.py                             EIO at each call, killed behind each change, a twin at each fourth call
  tests/strike/strike.py --long                      everything, with a large file too
  tests/strike/strike.py --long --only killed        of that, the rows whose name has the word
  tests/strike/strike.py --strike 'error 12 1 5'     one run, with all that was called and said
"""


class Strike(NamedTuple):
    name: str  # a row of the table
    order: str  # as tests/strike/calls.c takes it
    large: bool = False


# ---- which strikes

def strikes(calls, large, long):
    """For the names of all calls of a run, in their order."""
    def at(names=None, step=1):
        return [number for number, name in enumerate(calls, 1) if names is None or name in names][::step]

    def each(name, order, numbers):
        return (Strike(name, order.format(number), large) for number in numbers)

    yield from each("EIO, once", f"error {{}} 1 {errno.EIO}", at())
    yield from each("killed behind it", "killed {}", at(None if long else CHANGES))
    yield from each("stopped before it, while a twin does all", "stop {}", at(step=1 if long else 4))
    yield from each("a wrong byte", "flip {}", at(WRITES))
    if not long:
        return
    yield from each("killed before it", "kill {}", at())
    yield from each("half of the bytes", "short {}", at(WRITES | {"pread"}))
    yield from each("done, and EIO", f"unsaid {{}} 1 {errno.EIO}", at())
    for error in () if large else ERRORS:  # which do not depend on sizes
        for words, count in (("once", 1), ("for 40 calls", 40), ("for good", FOR_GOOD)):
            if (error, words) != ("EIO", "once"):
                yield from each(f"{error}, {words}", f"error {{}} {count} {getattr(errno, error)}", at())


# ---- a place to work in

def files_of(version, large):
    files = [File("a/empty", b""), File("bin/tool", b"tool", executable=True), File("data", version.encode()), File("same", b"the same in both")]
    if large:  # goes alone, and from the first version into the second
        files += [File("large", bytes(number * 2654435761 >> 13 & 0xff for number in range(300000)) * 5)]
    return files


class Content:
    """Two versions, and the sources of their files."""

    def __init__(self, folder, large):
        self.folder, self.versions = folder, {version: files_of(version, large) for version in ("1.0", "2.0")}
        for version, files in self.versions.items():
            entries = []
            for file in files:
                source = folder / version / file.path
                source.parent.mkdir(parents=True, exist_ok=True)
                source.write_bytes(file.data)
                entries.append({"path": file.path, "size": len(file.data), "digest": file.digest, "executable": file.executable,
                                "url": f"file://{source}"})
            (folder / f"{version}.json").write_text(json.dumps({"files": entries}))


class Place:
    """A new distribution point, and the log of all that is called and said there."""

    def __init__(self, options, content, name):
        self.options, self.content, self.folder = options, content, options.work / name
        self.base, self.log = self.folder / "dp", self.folder / "log"
        (self.base / ".holdpoint").mkdir(parents=True)
        (self.base / ".holdpoint" / "dp.json").write_text(json.dumps({"dp_id": DP_ID}))
        self.log.touch()
        # one connection: the calls of a run have one order
        (self.folder / "points.json").write_text(json.dumps({
            "distribution_points": [{"name": "paris", "url": f"file://{self.base}/", "connections_per_worker": 1}],
            "sources": [{"prefix": f"file://{content.folder}/"}]}))

    def start(self, run, order=None, under=()):
        ours = {"LD_PRELOAD": str(self.options.calls), "STRIKE_FOLDER": str(self.base)} | ({"STRIKE": order} if order else {})
        command = [self.options.program, self.folder / "points.json", self.content.folder, run]
        if under:
            command = [*under, *(word for name, value in ours.items() for word in ("-E", f"{name}={value}")), *command]
        with self.log.open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, env=os.environ if under else os.environ | ours)

    def lines(self, begin=0, end=None):
        return self.log.read_bytes()[begin:end].decode(errors="replace").splitlines()

    def size(self):
        return self.log.stat().st_size


def ends(process):
    """Its exit status; None: it had to be ended."""
    try:
        return process.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return None


# ---- one strike

def has_done_all(lines):
    return said(lines, "staged") == ["1.0", "2.0"] and "2.0" in said(lines, "current")


def with_twin(place, folder, first):
    """→ from where to where in the log the twin speaks; what was wrong. It does not get a lock that the stopped one holds."""
    os.waitid(os.P_PID, first.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
    begin = place.size()
    status = ends(place.start("twin"))
    end = place.size()
    lines, wrong = place.lines(begin, end), []
    if status != 0 or not (has_done_all(lines) or any(": locked: " in line for line in lines)):
        wrong.append(f"the twin ended by {status}, and has not done all")
    wrong += folder.wrong(lines)
    first.send_signal(signal.SIGCONT)
    return begin, end, wrong


def strike(place, order, long=True):
    """→ what was wrong. Where it got over its fault by itself, that is enough for the short run."""
    folder = Folder(place.base, place.content.versions)
    kind, *numbers = order.split()
    first, wrong, begin, end = place.start("first", order), [], 0, 0
    if kind == "stop":
        begin, end, wrong = with_twin(place, folder, first)
    status = ends(first)
    lines = place.lines(0, begin) + place.lines(end)
    if status != (-signal.SIGKILL if kind in ("kill", "killed") else 0):
        wrong.append(f"ended by {status}")
    is_once = kind not in ("kill", "killed") and (len(numbers) < 2 or numbers[1] == "1")
    if is_once and not has_done_all(lines):
        wrong.append("one fault was too much")
    wrong += folder.wrong(lines)
    if status != -signal.SIGKILL and not any(line.startswith(f"call {numbers[0]} ") for line in lines):
        wrong.append("it made fewer calls")
    if long or not is_once:
        wrong += again(place, folder)
    lines = place.lines()
    return [*wrong, *went_back(lines), *Device(place.content.versions).follow(lines)]


def again(place, folder):
    begin = place.size()
    status, wrong = ends(place.start("again")), []
    lines = place.lines(begin)
    if status != 0 or not has_done_all(lines):
        wrong.append(f"done again without a fault it ends by {status}, and has not done all")
    return wrong + list(folder.wrong(lines))


# ---- without a strike

def counted(lines):
    return [line.split()[2] for line in lines if line.startswith("call ")]


# kernel's name → ours. What the C library calls for others of ours comes with them.
KERNEL = {"openat": ("open", "create"), "openat2": ("open", "create"), "close": ("close", "fdopendir"), "fstat": ("fstat", "fstatat", "fdopendir"),
          "newfstatat": ("fstat", "fstatat", "fdopendir"), "pread64": ("pread",), "pwrite64": ("pwrite",), "fcntl": ("fcntl", "fdopendir", "fdopendir"),
          "fadvise64": ("drop", "posix_fadvise"), "utimensat": ("futimens",), "getdents64": ("readdir",)}


def uncounted(place):
    """By whom else the kernel was asked for anything on the folder: a new call that calls.c does not know of."""
    trace = place.folder / "trace"
    trace.mkdir()
    status = ends(place.start("traced", under=["strace", "-ff", "-qq", "-y", "-e", "signal=none", "-o", trace / "of"]))
    ours = collections.Counter(counted(place.lines()))
    if status != 0 or not ours:
        return [f"strace ends by {status}: {place.lines()[-3:]}"]
    asked = collections.Counter()
    for file in trace.iterdir():
        for line in file.read_text(errors="replace").splitlines():
            if re.search(rf'[<"]{re.escape(str(place.base))}[/">(]', line.split(" = ")[0]):
                asked[KERNEL.get((name := line.split("(")[0]), (name,))] += 1
    wrong = []
    for names, count in asked.items():
        known = sum(ours[name] for name in names)
        if count > known and names not in (("readdir",), ("readlink",)):  # one for many; how calls.c finds out what is on the folder
            wrong.append(f"the kernel was asked {count} times for {' or '.join(names)}, and {known} were counted")
    return wrong


def without_strike(options, content, name):
    """→ the names of all calls, what was wrong."""
    place = Place(options, content, name)
    status = ends(place.start("first"))
    lines = place.lines()
    wrong = [] if status == 0 and has_done_all(lines) else [f"without a fault it ends by {status}, and has not done all"]
    wrong += Folder(place.base, content.versions).wrong(lines)
    wrong += Device(content.versions).follow(lines)
    return counted(lines), wrong + uncounted(Place(options, content, f"{name}-traced"))


# ---- all of it

class Table:
    def __init__(self):
        self.runs, self.wrong, self.failed = collections.Counter(), collections.Counter(), 0

    def add(self, done, wrong, lines):
        row = (done.large, done.name)
        self.runs[row] += 1
        self.wrong[row] += bool(wrong)
        self.failed += bool(wrong)
        if not wrong or self.failed > 20:
            return
        print(f"\nWRONG: '{done.order}'{', large' if done.large else ''}: " + "; ".join(dict.fromkeys(wrong)))
        print(f"alone: tests/strike/strike.py{' --large' if done.large else ''} --strike '{done.order}'")
        struck = [number for number, line in enumerate(lines) if line.startswith(f"call {done.order.split()[1]} ")]
        print("  " + "\n  ".join(lines[max(0, struck[0] - 3):][:20] if struck else lines[-20:]))

    def print(self):
        print("\n| a call is struck so | content | runs | wrong |\n|---|---|---:|---:|")
        for (large, name), runs in sorted(self.runs.items()):
            print(f"| {name} | {'with a large file' if large else 'tiny files'} | {runs:,} | {self.wrong[large, name]} |")
        print(f"| all | | {self.runs.total():,} | {self.wrong.total()} |")


def strike_all(options):
    table, failed = Table(), False
    for large in (False, True) if options.long else (False,):
        content = Content(options.work / f"content-{large}", large)
        calls, wrong = without_strike(options, content, f"unstruck-{large}")
        print(f"{len(calls)} calls {'with a large file' if large else 'on tiny files'}: "
              + ", ".join(f"{count} {name}" for name, count in collections.Counter(calls).most_common()), flush=True)
        if wrong:
            failed = True
            print("WRONG without a fault: " + "; ".join(wrong))

        def run(done, content=content):
            place = Place(options, content, f"{done.order.replace(' ', '-')}")
            wrong = strike(place, done.order, options.long)
            lines = place.lines() if wrong else []
            shutil.rmtree(place.folder)
            return done, wrong, lines

        chosen = [each for each in strikes(calls, large, options.long) if re.search(options.only, each.name)]
        with ThreadPoolExecutor(options.jobs) as pool, contextlib.closing(pool.map(run, chosen)) as results:
            for result in results:
                table.add(*result)
    table.print()
    return failed or table.failed > 0 or not table.runs


def strike_once(options):
    content = Content(options.work / "content", options.large)
    place = Place(options, content, "place")
    wrong = strike(place, options.strike)
    print("\n".join(place.lines()))
    print("WRONG: " + "; ".join(wrong) if wrong else "all is well")
    return bool(wrong)


def main():
    parser = argparse.ArgumentParser(description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter)
    built = ROOT / "build"
    parser.add_argument("--program", type=pathlib.Path, default=built / "bin" / "strike_folder", help="what is struck")
    parser.add_argument("--calls", type=pathlib.Path, default=built / "tests" / "strike" / "libstrike_calls.so", help="what is preloaded into it")
    parser.add_argument("--folder", type=pathlib.Path, default="/dev/shm", help="where to work: %(default)s")
    parser.add_argument("--jobs", type=int, help="runs at once: two a processor; with --long, where many wait most of the time, 24")
    parser.add_argument("--long", action="store_true", help="everything")
    parser.add_argument("--only", default="", metavar="REGEX", help="only rows whose name has it")
    parser.add_argument("--strike", metavar="ORDER", help="this strike alone, in full; orders are told in tests/strike/calls.c")
    parser.add_argument("--large", action="store_true", help="that one with a large file")
    options = parser.parse_args()
    options.jobs = options.jobs or os.cpu_count() * (24 if options.long else 2)
    options.program, options.calls = options.program.resolve(), options.calls.resolve()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # by way of what cleans up
    options.work = pathlib.Path(tempfile.mkdtemp(prefix="holdpoint-strike-", dir=options.folder))
    try:
        return 1 if (strike_once if options.strike else strike_all)(options) else 0
    finally:
        shutil.rmtree(options.work)


if __name__ == "__main__":
    sys.exit(main())
