#!/usr/bin/python3
"""Breaks everything that can break, at random, under load, and then judges. See script/chaos --help."""
import argparse
import contextlib
import pathlib
import random
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from world import World, settle  # noqa: E402
from faults import FAULTS, heal, may_join  # noqa: E402
from watcher import Watcher  # noqa: E402
from workload import Workload  # noqa: E402
import verdict  # noqa: E402


class Journal:
    def __init__(self, path):
        self.file, self.began = open(path, "a", encoding="utf-8"), time.time()

    def say(self, words):
        line = f"{time.time() - self.began:7.1f} s  {words}"
        print(line, flush=True)
        print(line, file=self.file, flush=True)


def one_round(world, pick, names, journal, counts):
    """A few faults at once, then quiet."""
    begun = []
    for _ in range(pick.choice([1, 1, 2, 3])):
        name = pick.choice([name for name in names if may_join(name, [other for other, _, _ in begun])] or [None])
        if name is None:
            break
        words, seconds, end = FAULTS[name](world, pick)
        counts[name] += 1
        journal.say(f"{name}: {words}" + (f", for {seconds} s" if seconds else ""))
        begun.append((name, time.monotonic() + seconds, end))
    for name, until, end in sorted(begun, key=lambda fault: fault[1]):
        settle(max(0, until - time.monotonic()))
        end()
    quiet = pick.choice([1, 3, 6])
    settle(quiet)


def chaos(arguments, folder, journal):
    pick, counts = random.Random(arguments.seed), Counter()
    world = World(folder)
    world.killed = []
    with contextlib.closing(world):
        world.build()
        workload, watcher = Workload(world, arguments.rate, arguments.seed), Watcher(world.base("paris"))
        journal.say(f"three brokers at {world.bootstrap}, {len(world.workers)} workers, {len(world.points)} distribution points")
        workload.start()
        watcher.start()
        names = [name for name in FAULTS if not arguments.faults or any(part in name for part in arguments.faults.split(","))]
        end = time.monotonic() + 60 * arguments.minutes
        violations = []
        try:
            while time.monotonic() < end:
                one_round(world, pick, names, journal, counts)
        except Exception:  # a fault that could not be made or ended: say so, and judge all the same
            violations.append(f"chaos itself failed: {traceback.format_exc()}")
        journal.say("all well again; what is under way may end")
        heal(world)
        workload.finish()
        healed = time.monotonic()
        violations += verdict.await_end(world, workload)
        converged = time.monotonic() - healed
        watcher.over.set()
        watcher.join()
        violations += verdict.check(world, workload, watcher)
        surprises = [words for worker in world.workers for words in worker.surprises]
        report(journal, arguments, world, workload, watcher, counts, converged, violations, surprises)
    return violations


def report(journal, arguments, world, workload, watcher, counts, converged, violations, surprises):
    journal.say(f"seed {arguments.seed}, {arguments.minutes} minutes, {sum(counts.values())} faults:")
    for name, count in sorted(counts.items()):
        journal.say(f"  {count:4} {name}")
    sent = Counter(kind for kind, *_ in workload.sent)
    journal.say(f"sent {len(workload.sent)} records ({dict(sent)}), {workload.lost} not acknowledged")
    journal.say(f"ends: {verdict.ends(world)}")
    journal.say(f"all ended {converged:.1f} s after all was well; {watcher.reads} reads of packages, none mixed" if not watcher.mixed
                else f"{len(watcher.mixed)} mixed reads")
    journal.say(f"takeover after a kill: {verdict.summary(verdict.takeovers(world))}")
    for words in surprises:
        journal.say(f"unexpected: {words}")
    for words in violations:
        journal.say(f"VIOLATION {words}")
    journal.say(f"{len(violations)} violations, {len(surprises)} unexpected ends of workers")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=4)
    parser.add_argument("--faults", default="")
    parser.add_argument("--report", default=None)
    arguments = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="holdpoint-chaos-"))
    folder.chmod(0o755)
    journal = Journal(folder / "journal")
    journal.say(f"seed {arguments.seed}: script/chaos --minutes {arguments.minutes:g} --seed {arguments.seed} makes the same choices")
    violations = chaos(arguments, folder / "world", journal)
    if violations or arguments.report:
        kept = pathlib.Path(arguments.report or f"chaos-{arguments.seed}").absolute()
        kept.mkdir(parents=True, exist_ok=True)
        shutil.copy(folder / "journal", kept)
        for log in (folder / "world" / "system").glob("*.log"):
            shutil.copy(log, kept)
        print(f"journal and logs are in {kept}")
    shutil.rmtree(folder, ignore_errors=True)
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
