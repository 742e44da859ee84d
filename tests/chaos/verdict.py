"""Whether the promises were kept, from what was sent, the topics and the distribution points alone. I1–I9 are the
invariants' names in docs/reliability.md."""
import pathlib
import subprocess
import time
from collections import Counter

import checker  # of tests/e2e; shares no code with the product
from world import CANARY, harness

# All is well: something must end every so often, however slow the machine is, and all within the second bound.
STANDSTILL_SECONDS, CONVERGE_SECONDS = 90, 600


def await_end(world, workload):
    """I3: each acknowledged job ends, once all is well again."""
    wanted = {job for kind, _, _, ends, *_ in workload.sent if kind in ("job", "misrouted") for job in ends}
    began = progressed = time.monotonic()
    still_open = wanted
    while True:
        now_open = wanted - ended(world)
        if len(now_open) < len(still_open):
            progressed = time.monotonic()
        still_open = now_open
        if not still_open:
            return
        now = time.monotonic()
        if now - progressed > STANDSTILL_SECONDS * harness.SLOW or now - began > CONVERGE_SECONDS * harness.SLOW:
            break
        time.sleep(1)
    yield f"I3: {len(still_open)} of {len(wanted)} jobs have not ended {now - began:.0f} s after all was well again, nor did any " \
          f"in the last {now - progressed:.0f} s, such as {sorted(still_open)[:8]}"


def ended(world):
    return {status["job_id"] for record in world.read("status", deadline=120) for status in [record.json]
            if status["type"] == "job" and (status.get("final") or status["state"] == "rejected")}


def check(world, workload, watcher):
    records = {topic: world.read(topic, deadline=120) for topic in harness.TOPICS}
    yield from (f"I1, I3, I4, I5: {words}" for words in checker.check_log(records, world.partitions))
    yield from (f"I1, I2: {words}" for words in checker.check_points(records, world.points))
    yield from check_how_they_ended(records, workload)
    yield from check_watcher(watcher)
    yield from check_poison(records, workload)
    yield from check_duplicates(records, workload)
    yield from check_canary(world, records)
    yield from check_auditor(world)


def check_how_they_ended(records, workload):
    """I3: faults that pass make no job fail, nor any expire but those that ask for it."""
    brief = {ends[0] for kind, _, value, ends, *_ in workload.sent if kind in ("job", "misrouted") and b'"deadline"' in value}
    for record in records["status"]:
        status = record.json
        if status["type"] == "job" and status.get("final") and status["job_id"] not in brief and \
                status["state"] not in ("completed", "superseded", "rejected"):
            yield f"I3: {status['job_id']} ended as {status['state']}, which nothing in it asks for: {record}"


def check_watcher(watcher):
    yield from (f"I6: {words}" for words in watcher.mixed)
    yield from (f"I4: {words}" for words in watcher.gone_back)
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


def ends(world):
    """How many jobs ended how, and why."""
    return dict(Counter(status["state"] + (f" ({status['reason']})" if status.get("reason") else "")
                        for record in world.read("status", deadline=120) for status in [record.json]
                        if status["type"] == "job" and status.get("final")))
