"""Workers killed and stalled at random moments under load: nothing lost, nothing doubled, no pointer back."""
import os
import random
import re
import time

import pytest

import checker
from harness import SLOW, wait_until
from test_order import assert_kept, jobs_for, start_all

PACKAGES = int(os.environ.get("HOLDPOINT_TEST_PACKAGES", "300"))


def workload(system, packages, pick):
    """Creates and updates of many packages, some with two versions, each package's update now before, now behind."""
    jobs, names, last = [], [], {}
    for number in range(packages):
        package = f"PKG{number:05}"
        to = pick.choice([["paris"], ["group:apac"], ["group:all"]])
        for version in range(1, pick.choice([2, 2, 3])):
            pair = list(jobs_for(system, package, f"{version}.0", to, tag=f"{number}-{version}"))
            if pick.random() < 0.4:
                pair.reverse()
            jobs.append(pair)
            names += [job["job_id"] for job in pair]
            last[package] = f"{version}.0"
    return jobs, names, last


@pytest.mark.slow
def test_kills_of_all_workers_at_random_moments_lose_and_double_nothing(pipeline):
    seed = int(os.environ.get("HOLDPOINT_TEST_SEED", time.time_ns() % 1000000))
    print(f"seed {seed}: HOLDPOINT_TEST_SEED={seed} repeats the choices")
    pick = random.Random(seed)
    start_all(pipeline)
    pairs, names, last = workload(pipeline, PACKAGES, pick)
    kills = 0
    while pairs or kills < 8:
        for pair in pairs[:40]:
            pipeline.publish(*pair)
        pairs = pairs[40:]
        victim = pick.choice(pipeline.workers)
        victim.kill()
        kills += 1
        time.sleep(pick.random())  # the random moment itself: no condition is awaited here
        victim.start()
    states = pipeline.await_jobs(*names, deadline=120)
    records = assert_kept(pipeline)
    assert {state for job, state in states.items() if job.startswith("c-")} == {"completed"}
    assert {state for job, state in states.items() if job.startswith("u-")} <= {"completed", "superseded"}
    updated = {}
    for record in records["updated"]:
        updated[record.json["package_id"]] = record.json["version"]
    assert updated == last


def test_a_third_stager_takes_its_share_and_gives_it_back(pipeline):
    start_all(pipeline)
    third = pipeline.start("stager")
    wait_until("the third stager runs a shard", lambda: "msg=running" in third.log() or "running" in third.log(), 30)
    pairs, names, _ = workload(pipeline, 40, random.Random(3))
    pipeline.publish(*[job for pair in pairs for job in pair])
    assert third.stop() == 0
    pipeline.await_jobs(*names, deadline=60)
    assert_kept(pipeline)


def takeover(pipeline, victim, restart):
    """Kills the only worker of its role that runs at the time, and returns how long until new work is done again."""
    victim.kill()
    began = time.monotonic()
    restart()
    create, update = jobs_for(pipeline, "AFTER", "1.0", ["paris"], tag="after")
    pipeline.publish(create, update)
    pipeline.await_jobs("u-after", "c-after")
    return time.monotonic() - began


def test_a_restarted_instance_goes_on_at_once(pipeline):
    """Static membership: no session time-out is waited for. It is a long one here, so that a slow machine is not taken for it."""
    stager = pipeline.start("stager", "-X", "session.timeout.ms=60000", instance="s1")
    pipeline.start("updater", instance="u1")
    create, update = jobs_for(pipeline, "BEFORE", "1.0", ["paris"], tag="before")
    pipeline.publish(create, update)
    pipeline.await_jobs("c-before", "u-before")
    seconds = takeover(pipeline, stager, stager.start)
    print(f"restarted instance: work done {seconds:.1f} s after the kill")
    assert seconds < 45, "should not wait for the session time-out"
    assert_kept(pipeline)


def test_another_worker_takes_over_within_the_session_timeout_and_about_a_second(pipeline):
    first = pipeline.start("stager")
    pipeline.start("updater")
    create, update = jobs_for(pipeline, "BEFORE", "1.0", ["paris"], tag="before")
    pipeline.publish(create, update)
    pipeline.await_jobs("c-before", "u-before")
    pipeline.start("stager")
    wait_until("both stagers have shards", lambda: all(re.search(r"running", w.log()) for w in pipeline.workers if w.role == "stager"))
    seconds = takeover(pipeline, first, lambda: None)
    print(f"takeover: work done {seconds:.1f} s after the kill")
    assert seconds < 6 + 6 * SLOW, "a session time-out of 6 s, and then some"
    assert_kept(pipeline)


def test_a_stalled_worker_that_wakes_after_its_successor_changes_nothing(pipeline):
    """SIGSTOP past the session time-out under load, of a stager and an updater, then SIGCONT. A stopped updater may hold
    the lock of one pointer on a folder: that switch waits for it, by design, and nothing else does."""
    start_all(pipeline)
    wait_until("every worker runs shards", lambda: all("shard running" in w.log() for w in pipeline.workers))
    pairs, names, _ = workload(pipeline, 60, random.Random(11))
    stalled = pipeline.workers[:2]
    for number in range(0, len(pairs), 10):
        pipeline.publish(*[job for pair in pairs[number:number + 10] for job in pair])
        if number == 20:
            for worker in stalled:
                worker.stall()
    wait_until("nearly all jobs ended without the stalled workers", lambda: len(pipeline.terminal()) >= len(names) - 3, 60)
    before = pipeline.read_all()
    for worker in stalled:
        worker.wake()
    wait_until("the stalled workers saw that they had been replaced",
               lambda: all(re.search(r"shard (lost|ended)", w.log()) for w in stalled), 30)
    create, update = jobs_for(pipeline, "LATER", "1.0", ["group:all"], tag="later")
    pipeline.publish(create, update)
    pipeline.await_jobs("c-later", "u-later", *names, deadline=60)
    after = assert_kept(pipeline)
    for topic in ("staged", "updated", "status"):
        old = [r.json["id"] for r in before[topic]]
        assert [i for i in (r.json["id"] for r in after[topic]) if i in set(old)] == old, f"{topic} changed by a stalled twin"
