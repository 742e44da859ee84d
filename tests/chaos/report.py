"""What a run leaves behind: a page of words, a folder of evidence."""
import base64
import json
import pathlib
import shutil
import time
from collections import Counter

from world import ROOT, harness
from faults import KINDS
import takeovers


class Journal:
    def __init__(self, path, aloud):
        self.file, self.aloud, self.began = open(path, "a", encoding="utf-8"), aloud, time.time()

    def say(self, words, aloud=False):
        line = f"{time.time() - self.began:7.1f} s  {words}"
        print(line, file=self.file, flush=True)
        if aloud or self.aloud:
            print(line, flush=True)


def command(arguments):
    more = f" --rate {arguments.rate:g}" if arguments.rate != 4 else ""
    more += f" --faults '{arguments.faults}'" if arguments.faults else ""
    return f"script/chaos --minutes {arguments.minutes:g} --seed {arguments.seed}{more}"


def keep(run, world, journal, folder, failure):
    """Says it all, and returns the folder where it is."""
    seed = run.arguments.seed
    kept = pathlib.Path(run.arguments.report or ROOT / "build" / "chaos" / str(seed)).absolute()
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir(parents=True)
    figures = figures_of(run, failure)
    tell(figures, run, journal)
    (kept / "summary.json").write_text(json.dumps(figures, indent=1))
    for log in (folder / "world" / "system").glob("*.log"):
        shutil.copy(log, kept)
    if world and (run.violations or failure):
        keep_evidence(world, kept, journal)
    shutil.copy(folder / "journal", kept)
    return kept


def figures_of(run, failure):
    figures = {"command": command(run.arguments), "seed": run.arguments.seed, "minutes": run.arguments.minutes,
               "seconds": round(time.monotonic() - run.began, 1), "faults": dict(sorted(run.counts.items())),
               "not_reached": sorted(set(run.kinds) - set(run.counts) - set(run.skipped)),
               "skipped": run.skipped, "failure": failure, "violations": run.violations}
    if hasattr(run, "takeovers"):
        found = run.takeovers
        figures.update(sent=Counter(kind for kind, *_ in run.workload.sent), not_acknowledged=run.workload.lost, ends=run.ends,
                       converged_seconds=round(run.converged, 1), reads=run.watcher.reads, surprises=run.surprises,
                       takeover=takeovers.summary(found), takeovers=found)
    return figures


def tell(figures, run, journal):
    def say(words):
        journal.say(words, aloud=True)
    say(f"{figures['command']}: {sum(figures['faults'].values())} faults of {len(figures['faults'])} kinds "
        f"(of {len(KINDS)}) in {figures['seconds']:.0f} s, start, healing and judging included")
    say("faults: " + ", ".join(f"{count} {name}" for name, count in figures["faults"].items()))
    if figures["not_reached"]:
        say("not reached in the time: " + ", ".join(figures["not_reached"]))
    for name, why in run.skipped.items():
        say(f"skipped: {name} ({why.splitlines()[0][:150]})")
    if "takeover" in figures:
        say(f"sent {sum(figures['sent'].values())} records ({dict(figures['sent'])}), {figures['not_acknowledged']} not acknowledged")
        say(f"jobs ended: {figures['ends']}")
        say(f"all ended {figures['converged_seconds']} s after all was well; {figures['reads']} reads of packages meanwhile")
        for words in takeovers.words(figures["takeover"]):
            say(f"takeover, {words}")
        for words in figures["surprises"]:
            say(f"unexpected: {words}")
    if figures["failure"]:
        say(f"FAILED: the run itself could not be done, which shows nothing: {figures['failure']}")
    for words in figures["violations"][:20]:
        say(f"VIOLATION {words}")
    if "takeover" in figures:
        say(f"{len(figures['violations'])} violations")


def keep_evidence(world, kept, journal):
    """All topics, one JSON line a record, and what the brokers had to say."""
    for log in (world.home / "kafka").glob("broker*/log"):
        shutil.copy(log, kept / f"{log.parent.name}.log")
    for topic in (*harness.TOPICS, "stager-state", "updater-state"):
        try:
            with open(kept / f"{topic}.jsonl", "w", encoding="utf-8") as file:
                for record in world.read(topic):
                    print(json.dumps(plain(record)), file=file)
        except Exception as error:
            journal.say(f"{topic} could not be kept: {error}", aloud=True)


def plain(record):
    def text(octets):
        if octets is None:
            return None
        try:
            return octets.decode()
        except UnicodeDecodeError:
            return {"base64": base64.b64encode(octets).decode()}
    return {"partition": record.partition, "offset": record.offset, "timestamp": record.timestamp, "key": text(record.key),
            "headers": {name: text(value) for name, value in record.headers.items()}, "value": text(record.value)}
