#!/usr/bin/python3
"""Breaks everything that can break, at random, under load, and then judges. See script/chaos --help."""
import argparse
import contextlib
import pathlib
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from world import Failed, World, settle  # noqa: E402
from faults import KINDS, heal  # noqa: E402
from plan import rounds  # noqa: E402
from watcher import Watcher  # noqa: E402
from workload import Workload  # noqa: E402
import report  # noqa: E402
import takeovers  # noqa: E402
import verdict  # noqa: E402

START_SECONDS = 30  # a start that takes longer than this shortens the time of faults


class Run:
    """One run: what is done and what was found."""

    def __init__(self, arguments, journal):
        self.arguments, self.journal = arguments, journal
        self.began, self.kinds = time.monotonic(), chosen_kinds(arguments)
        self.counts, self.skipped, self.intervals, self.violations = Counter(), {}, [], []

    def go(self, world):
        world.build()
        self.workload, self.watcher = Workload(world, self.arguments.rate, self.arguments.seed), Watcher(world.base("paris"))
        self.journal.say(f"three brokers at {world.bootstrap}, {len(world.workers)} workers, {len(world.points)} distribution points")
        self.workload.start()
        self.watcher.start()
        self.make_faults(world)
        self.journal.say("all well again; what is under way may end")
        heal(world)
        self.workload.finish()
        self.judge(world)

    def make_faults(self, world):
        end = min(time.monotonic(), self.began + START_SECONDS) + 60 * self.arguments.minutes
        for faults, quiet in rounds(self.arguments.seed, self.kinds):
            if time.monotonic() > end:
                return
            self.one_round(world, [(name, choices) for name, choices in faults if self.allowed(world, name)], quiet)

    def allowed(self, world, name):
        why_not = world.why_not[KINDS[name].needs] if KINDS[name].needs else None
        if why_not:
            self.skipped[name] = why_not
        return not why_not

    def one_round(self, world, faults, quiet):
        """A few faults at once, then quiet."""
        begun = []
        for name, choices in faults:
            at = time.time()
            words, end = KINDS[name].begin(world, choices)
            self.counts[name] += 1
            seconds = choices["seconds"]
            self.journal.say(f"{name}: {words}" + (f", for {seconds} s" if seconds else ""))
            begun.append((time.monotonic() + seconds, name, at, end))
        for until, name, at, end in sorted(begun, key=lambda fault: fault[0]):
            settle(max(0, until - time.monotonic()))
            end()
            self.intervals.append((name, at, time.time()))
        if faults:
            settle(quiet)

    def judge(self, world):
        healed = time.monotonic()
        self.violations += verdict.await_end(world, self.workload)
        self.converged = time.monotonic() - healed
        self.watcher.over.set()
        self.watcher.join()
        self.violations += verdict.check(world, self.workload, self.watcher)
        self.surprises = [words for worker in world.workers for words in worker.surprises]
        self.ends = verdict.ends(world)
        self.takeovers = takeovers.takeovers(world, self.intervals)

    def too_little(self):
        """Why this run shows nothing though nothing is wrong: too little was sent, or went wrong. None if it shows enough."""
        faults, sent, wanted = sum(self.counts.values()), len(self.workload.sent), 60 * self.arguments.minutes * self.arguments.rate
        if faults < self.arguments.least:
            return f"{faults} faults were made, fewer than {self.arguments.least}"
        if sent < wanted:
            return f"{sent} records were sent, fewer than {wanted:.0f}: one or more each time"
        return None


def chosen_kinds(arguments):
    parts = arguments.faults.split(",")
    return {name: kind for name, kind in KINDS.items() if any(part in name for part in parts)}


def print_plan(arguments):
    seconds = 0
    for faults, quiet in rounds(arguments.seed, chosen_kinds(arguments)):
        for name, choices in faults:
            print(f"{name}: {choices}")
        print(f"quiet {quiet} s")
        seconds += quiet + max((choices["seconds"] for _, choices in faults), default=0)
        if seconds > 60 * arguments.minutes:
            return 0


def arguments_of(words):
    parser = argparse.ArgumentParser(prog="script/chaos")
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=4)
    parser.add_argument("--faults", default="")
    parser.add_argument("--least", type=int, default=1)
    parser.add_argument("--report", default=None)
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--plan", action="store_true")
    parser.add_argument("--namespaces", action="store_true", help=argparse.SUPPRESS)  # script/chaos made them
    arguments = parser.parse_args(words)
    if not chosen_kinds(arguments):
        parser.error(f"no kind of fault has one of '{arguments.faults}' in its name")
    return arguments


def chaos(arguments, folder):
    """Returns the exit code."""
    journal = report.Journal(folder / "journal", arguments.verbose)
    journal.say(f"seed {arguments.seed}; to make the same choices again: {report.command(arguments)}")
    run, world, failure = Run(arguments, journal), None, None
    try:
        world = World(folder / "world", arguments.namespaces)
        with contextlib.closing(world):
            try:
                run.go(world)
            except Exception:  # not the product's failure, as far as is known
                failure = traceback.format_exc()
            failure = failure or (None if run.violations else run.too_little())
            kept = report.keep(run, world, journal, folder, failure)
    except Failed:
        failure = traceback.format_exc()
        kept = report.keep(run, world, journal, folder, failure)
    print(f"journal, logs and summary.json are in {kept}", flush=True)
    return 3 if failure else 1 if run.violations else 0


def main():
    arguments = arguments_of(sys.argv[1:])
    if arguments.plan:
        return print_plan(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = pathlib.Path(tempfile.mkdtemp(prefix="holdpoint-chaos-"))
    folder.chmod(0o755)
    try:
        return chaos(arguments, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
