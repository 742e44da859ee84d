"""Whether the promises were kept, from what was sent, the topics and the distribution points alone. I1–I9 are the
invariants' names in docs/reliability.md."""
import pathlib
import re
import statistics
import subprocess
from collections import Counter
from datetime import datetime

import checker  # of tests/e2e; shares no code with the product
from world import CANARY, harness

CONVERGE_SECONDS = 240


def await_end(world, workload):
    """I3: each acknowledged job ends, once all is well again."""
    wanted = {job for kind, _, _, ends, *_ in workload.sent if kind in ("job", "misrouted") for job in ends}

    def all_ended():
        records = world.read("status")
        ended = {status["job_id"] for status in map(lambda record: record.json, records)
                 if status["type"] == "job" and (status.get("final") or status["state"] == "rejected")}
        world.still_open = wanted - ended
        return not world.still_open
    try:
        harness.wait_until("the end of all jobs", all_ended, CONVERGE_SECONDS, every=2)
    except AssertionError:
        yield f"I3: {len(world.still_open)} of {len(wanted)} jobs have not ended {CONVERGE_SECONDS} s after all was well " \
              f"again, such as {sorted(world.still_open)[:8]}"


def check(world, workload, watcher):
    records = world.read_all()
    yield from (f"I1, I3, I4, I5: {words}" for words in checker.check_log(records, world.partitions))
    yield from (f"I1, I2: {words}" for words in checker.check_points(records, world.points))
    yield from check_watcher(watcher)
    yield from check_poison(records, workload)
    yield from check_duplicates(records, workload)
    yield from check_canary(world, records)
    yield from check_auditor(world)


def check_watcher(watcher):
    yield from (f"I6: {words}" for words in watcher.mixed)
    if not watcher.reads:
        yield "I6: nothing was read, so nothing was shown"


def check_poison(records, workload):
    """I7: each comes out as it went in, once."""
    found = Counter((record.key, record.value) for record in records["dlq"])
    sent = Counter((key, value) for kind, key, value, *_ in workload.sent if kind == "poison")
    for what, count in sent.items():
        # a producer's unacknowledged ones may have come too
        if found[what] < count or found[what] > count + workload.lost:
            yield f"I7: sent {count} times, in the dead letters {found[what]} times: {what}"


def check_duplicates(records, workload):
    """I5: a job sent again is answered as a duplicate, and does nothing."""
    answers = [record.json for record in records["status"] if record.json["type"] == "duplicate"]
    places = Counter((answer["duplicate"]["partition"], answer["duplicate"]["offset"]) for answer in answers)
    for kind, _, _, ends, partition, offset in workload.sent:
        if kind == "duplicate" and places[partition, offset] != 1:
            yield f"I5: {ends} was sent again at {partition}@{offset}, and answered so {places[partition, offset]} times"


def check_canary(world, records):
    """I9: a distribution point's secret is in no record, log or command line."""
    for topic, all_of_topic in records.items():
        for record in all_of_topic:
            if CANARY.encode() in (record.value or b"") or any(CANARY.encode() in (value or b"") for value in record.headers.values()):
                yield f"I9: the secret is in {record.topic}/{record.partition}@{record.offset}"
    for worker in world.workers:
        if CANARY in worker.log():
            yield f"I9: the secret is in {worker.name}'s log"
        if worker.alive() and CANARY.encode() in pathlib.Path(f"/proc/{worker.process.pid}/cmdline").read_bytes():
            yield f"I9: the secret is in {worker.name}'s command line"


def check_auditor(world):
    """I8: the auditor, which shares no code with this judge, comes to the same verdict."""
    done = subprocess.run([str(harness.BIN / "holdpoint-auditor"), "verify", *world.common()], capture_output=True, text=True,
                          timeout=120, check=False)
    world.auditor = done.stdout
    if done.returncode != 0:
        yield f"I8: holdpoint-auditor verify ended with {done.returncode}: {done.stdout[-1500:]}{done.stderr[-500:]}"


# -- how long it took to take over

LINE = re.compile(r'^time=(\S+) .*msg="(shard running|shard ended|shard lost|shard refused)".*partition=(\d+)')


def shard_events(world):
    """(time, worker, what, partition), in order."""
    events = []
    for worker in world.workers:
        for line in worker.log().splitlines():
            match = LINE.match(line)
            if match:
                events.append((datetime.fromisoformat(match[1].replace("Z", "+00:00")).timestamp(), worker.name, match[2], int(match[3])))
    return sorted(events)


def takeovers(world):
    """Seconds from a worker's kill until each shard that it ran runs again."""
    events, times = shard_events(world), []
    for at, name in world.killed:
        role, runs = name.rstrip("0123456789"), {}
        for when, worker, what, partition in events:
            if when <= at and worker.startswith(role):
                runs[partition] = worker if what == "shard running" else None
        for partition in (p for p, worker in runs.items() if worker == name):
            again = [when for when, worker, what, p in events
                     if when > at and p == partition and worker.startswith(role) and what == "shard running"]
            if again:
                times.append(again[0] - at)
    return times


def summary(times):
    if not times:
        return "none"
    return f"{len(times)} shards, p50 {statistics.median(times):.1f} s, max {max(times):.1f} s"


def ends(world):
    """How many jobs ended how, and why."""
    return dict(Counter(status["state"] + (f" ({status['reason']})" if status.get("reason") else "")
                        for record in world.read("status") for status in [record.json]
                        if status["type"] == "job" and status.get("final")))
