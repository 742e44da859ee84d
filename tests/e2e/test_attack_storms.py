"""Storms: brokers that restart or stall, workers that come and go, a drain under load, bad catalogues, leaks."""
import contextlib
import json
import os
import pathlib
import random
import re
import signal
import subprocess
import time
import urllib.request

import pytest

import checker
import harness
from harness import SLOW, wait_until
from test_dp_faults import bad_point
from test_kill import workload
from test_order import assert_kept, jobs_for, start_all

pytestmark = pytest.mark.long  # script/test --long runs these


def publish_in_pieces(system, pairs, size=10):
    for number in range(0, len(pairs), size):
        system.publish(*[job for pair in pairs[number:number + size] for job in pair])
        yield number


def await_started(worker):
    """Up and listening to signals, since its last start."""
    wait_until(f"{worker.role} has started", lambda: worker.log().rfind("msg=started") > worker.log().rfind("msg=ended"))


def descriptors(worker):
    return len(os.listdir(f"/proc/{worker.process.pid}/fd"))


def resident_kib(worker):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{worker.process.pid}/status").read_text())[1])


def under_way(url):
    with urllib.request.urlopen(url + "_control", timeout=10) as answer:
        return json.loads(answer.read())["under_way"]


def settled(system, names, states=("completed", "superseded"), deadline=120):
    ended = system.await_jobs(*names, deadline=deadline)
    odd = {job: state for job, state in ended.items() if state not in states}
    assert not odd, odd
    return assert_kept(system)


@pytest.fixture
def own(tmp_path, web):
    """An installation on a Kafka of its own, whose brokers may be hurt."""
    @contextlib.contextmanager
    def make(brokers):
        with harness.kafka(tmp_path / "kafka", brokers) as bootstrap:
            system = harness.System(bootstrap, tmp_path / "system", f"own-{os.getpid()}.")
            try:
                system.add_file_point("paris", groups=["emea", "all"])
                system.add_http_point("tokyo", f"{web[0]}{tmp_path.name}-{os.getpid()}/tokyo/", groups=["apac", "all"])
                system.ready()
                yield system, lambda verb, n: subprocess.run(
                    [str(harness.ROOT / "script/kafka"), verb, str(n), "--dir", str(tmp_path / "kafka")], check=True,
                    capture_output=True, timeout=90)
            finally:
                system.close()
    return make


def test_a_broker_that_restarts_and_stalls_under_load_loses_and_doubles_nothing(own):
    with own(1) as (system, broker):
        start_all(system)
        pairs, names, _ = workload(system, 80, random.Random(21))
        for number in publish_in_pieces(system, pairs):
            if number == 20:
                broker("restart", 1)
            if number == 50:
                broker("pause", 1)
                time.sleep(8)  # longer than the session time-out and the lease
                broker("resume", 1)
        settled(system, names)
        assert all(worker.alive() for worker in system.workers)


def test_one_of_three_brokers_killed_under_load_stops_nothing(own):
    with own(3) as (system, broker):
        start_all(system)
        pairs, names, _ = workload(system, 60, random.Random(22))
        for number in publish_in_pieces(system, pairs):
            if number == 20:
                broker("kill", 2)
            if number == 60:
                broker("restart", 2)
                broker("kill", 3)
        settled(system, names)
        broker("restart", 3)
        assert all(worker.alive() for worker in system.workers)


def test_workers_that_come_and_go_every_second_under_load(pipeline):
    pick = random.Random(23)
    start_all(pipeline)
    pairs, names, _ = workload(pipeline, 120, pick)
    slowest = 0.0
    for _ in publish_in_pieces(pipeline, pairs):
        worker = pick.choice(pipeline.workers)
        await_started(worker)
        began = time.monotonic()
        assert worker.stop() == 0, worker.log()[-1000:]
        slowest = max(slowest, time.monotonic() - began)
        time.sleep(pick.random())
        worker.start()
    print(f"slowest stop {slowest:.2f} s")
    settled(pipeline, names)


@pytest.mark.parametrize("hanging", [False, True])
def test_a_drain_under_load_is_quick_and_doubles_nothing(pipeline, tmp_path, hanging):
    with bad_point(tmp_path / "liar") as (url, fault):
        pipeline.add_http_point("liar", url, groups=["all"])
        pipeline.write_catalogue()
        pipeline.init_points("liar")
        start_all(pipeline)
        pairs, names, _ = workload(pipeline, 60, random.Random(24))
        if hanging:
            fault(fault="hang", method="PUT", match="content|tmp|current")
        for _ in publish_in_pieces(pipeline, pairs, 20):
            pass
        if hanging:
            wait_until("uploads hang", lambda: len(under_way(url)) >= 4)
        took = []
        for worker in pipeline.workers:
            began = time.monotonic()
            assert worker.stop() == 0, worker.log()[-1000:]
            took.append(time.monotonic() - began)
        for worker, t in zip(pipeline.workers, took):
            if t > 1.5:
                print(worker.log()[-4000:])
        print(f"hanging {hanging}: drains took", [f"{t:.2f}" for t in took])
        assert max(took) < 5 + 2 * SLOW, "a worker ends within five seconds, whatever hangs"
        fault(fault="none")
        for worker in pipeline.workers:
            worker.start()
        settled(pipeline, names)


def test_bad_catalogues_under_load_are_refused_and_renamed_points_wait(pipeline):
    start_all(pipeline)
    for worker in pipeline.workers:
        await_started(worker)
    pairs, names, _ = workload(pipeline, 40, random.Random(25))
    good = pipeline.catalogue.read_text()
    bad = ["", "{", "[]", "null", '{"distribution_points": 7}', good.replace("file://", "ftp://"), good.replace('"paris"', '"pa ris"'),
           good.replace('"paris"', '"tokyo"'), good + good, "\x00" * 100, good.replace('"name"', '"nom"')]
    for number in publish_in_pieces(pipeline, pairs, 4):
        pipeline.catalogue.write_text(bad[number // 4 % len(bad)])
        for worker in pipeline.workers:
            worker.signal(signal.SIGHUP)
        time.sleep(0.1)
    assert all(worker.alive() for worker in pipeline.workers)
    settled(pipeline, names)
    assert all("level=error" in worker.log() for worker in pipeline.workers)
    renamed = json.loads(good)
    renamed["distribution_points"][0]["name"] = "lutetia"
    pipeline.catalogue.write_text(json.dumps(renamed))
    for worker in pipeline.workers:
        worker.signal(signal.SIGHUP)
    wait_until("the new catalogue is read", lambda: all("msg=reloaded" in w.log().split("level=error")[-1] for w in pipeline.workers))
    create, _ = jobs_for(pipeline, "PKG00000", "7.0", ["paris"], tag="7")
    pipeline.publish(create)
    assert pipeline.await_jobs("c-7") == {"c-7": "rejected"}
    update = {"type": "update", "job_id": "u-8", "package_id": "AFTER", "version": "1", "gate": "each",
              "content": pipeline.source("after", {"a": b"a"}), "distribution_points": ["lutetia", "tokyo"]}
    pipeline.publish(update)
    assert pipeline.await_jobs("u-8") == {"u-8": "completed"}


def test_many_held_updates_are_bounded_and_all_let_go(pipeline):
    """More than are held at once: what is beyond is rejected, the newest wins, nobody is forgotten."""
    start_all(pipeline)
    names = []
    jobs = []
    for number in range(400):
        jobs.append({"type": "update", "job_id": f"u-{number}", "package_id": "HELD", "version": "1.0"})
        names.append(f"u-{number}")
    pipeline.publish(*jobs)
    wait_until("the last is accepted or rejected", lambda: any(r.json.get("job_id") == "u-399" for r in pipeline.read("status")))
    create, _ = jobs_for(pipeline, "HELD", "1.0", ["group:all"], tag="1")
    pipeline.publish(create)
    states = pipeline.await_jobs("c-1", *names, deadline=60)
    records = assert_kept(pipeline)
    counts = {state: list(states.values()).count(state) for state in set(states.values())}
    print(counts)
    accepted = [name for name in names if states[name] != "rejected"]
    assert states[accepted[-1]] == "completed" and counts["rejected"] > 0
    assert {states[name] for name in accepted} <= {"completed", "superseded"}
    reasons = {s["reason"] for s in (r.json for r in records["status"]) if s["type"] == "job" and s["state"] == "rejected"}
    assert reasons == {"overloaded"}


def test_deadlines_in_the_past_and_at_once_end_every_job_once(pipeline):
    start_all(pipeline)
    names = []
    for number, deadline in enumerate(["2001-01-01T00:00:00Z", "PT0S", "PT1S", "1970-01-01T00:00:00Z"]):
        content = pipeline.source(f"late{number}", {"a": b"a"})
        base = {"package_id": f"LATE{number}", "version": "1.0", "deadline": deadline}
        pipeline.publish({"type": "update", "job_id": f"b-{number}", **base},
                         {"type": "create", "job_id": f"c-{number}", "content": content, "distribution_points": ["group:all"], **base},
                         {"type": "update", "job_id": f"u-{number}", **base},
                         {"type": "update", "job_id": f"w-{number}", "gate": "all", "content": content,
                          "distribution_points": ["group:all"], **base})
        names += [f"{kind}-{number}" for kind in "bcuw"]
    print(pipeline.await_jobs(*names, deadline=60))
    assert_kept(pipeline)


def test_an_update_of_a_version_whose_staging_failed_fails_and_a_new_create_heals_it(pipeline):
    start_all(pipeline)
    create, update = jobs_for(pipeline, "HEAL", "1.0", ["paris", "tokyo"], tag="1")
    path = pathlib.Path(create["content"]["files"][0]["url"].removeprefix("file://"))
    data = path.read_bytes()
    path.unlink()
    pipeline.publish(create)
    assert pipeline.await_jobs("c-1", deadline=60) == {"c-1": "failed"}
    pipeline.publish(update)
    assert pipeline.await_jobs("u-1") == {"u-1": "failed"}
    path.write_bytes(data)
    pipeline.publish({**create, "job_id": "c-2"}, {**update, "job_id": "u-2"})
    assert pipeline.await_jobs("c-2", "u-2", deadline=60) == {"c-2": "completed", "u-2": "completed"}
    assert_kept(pipeline)


def test_work_and_restarts_leak_neither_descriptors_nor_memory(pipeline):
    rounds, size = int(os.environ.get("HOLDPOINT_TEST_LEAK_ROUNDS", "4")), int(os.environ.get("HOLDPOINT_TEST_LEAK_JOBS", "400"))
    steady = [pipeline.start("stager"), pipeline.start("updater")]
    restless = [pipeline.start("stager"), pipeline.start("updater")]
    seen = []
    for number in range(rounds):
        jobs, names = [], []
        content = pipeline.source("same", {"a": b"a"})
        for package in range(size // 2):
            for kind in ("create", "update"):
                jobs.append({"type": kind, "job_id": f"{kind}-{number}-{package}", "package_id": f"LEAK{package % 50}",
                             "version": f"{number}.{package // 50}"} | ({"content": content, "distribution_points": ["paris"]} if kind == "create" else {}))
                names.append(jobs[-1]["job_id"])
        pipeline.publish(*jobs)
        for worker in restless:  # each makes the steady ones lose and claim shards
            worker.stop()
            worker.start()
        pipeline.await_jobs(*names, deadline=120)
        seen.append([(descriptors(w), resident_kib(w)) for w in steady])
    print("descriptors and resident KiB of stager and updater after each round:", *seen, sep="\n")
    for before, after in zip(seen[1], seen[-1]):
        assert after[0] <= before[0] + 12, "descriptors grow"
        assert after[1] <= before[1] * 1.3 + 20000, "memory grows"
    assert_kept(pipeline)
