"""A worker killed or stopped at each single step of a staging and of a switch on an HTTP distribution point."""
import json
import re
import time
import urllib.request

import pytest

from harness import wait_until
from test_dp_faults import add_bad_point, bad_point
from test_order import assert_kept, jobs_for

pytestmark = pytest.mark.long  # script/test --long runs these

# role, method, path: where it stands when it dies
STEPS = [
    ("stager", "GET", r"STEP\d+/manifests/"),
    ("stager", "PUT", r"tmp/STEP\d+.*README"),
    ("stager", "MOVE", r"tmp/STEP\d+"),
    ("stager", "GET", r"STEP\d+/content/1.0/README"),
    ("stager", "PUT", r"STEP\d+/manifests|tmp/.*manifest|tmp/.*json"),
    ("stager", "GET", r"STEP\d+/manifests/1.0.json"),
    ("updater", "GET", r"STEP\d+/manifests/"),
    ("updater", "GET", r"STEP\d+/current.json"),
    ("updater", "PUT", r"STEP\d+/current.json|tmp/.*current"),
]


def under_way(url):
    with urllib.request.urlopen(url + "_control", timeout=10) as answer:
        return json.loads(answer.read())["under_way"]


def requests(url):
    with urllib.request.urlopen(url + "_control/log", timeout=10) as answer:
        return answer.read().decode().splitlines()


def test_kills_at_each_step_leave_nothing_half_done(pipeline, tmp_path):
    with bad_point(tmp_path / "point") as (url, fault):
        add_bad_point(pipeline, url)
        workers = {role: pipeline.start(role, instance=role) for role in ("stager", "updater")}
        names = []
        for number, (role, method, match) in enumerate(STEPS):
            for how in ("hang", "hold"):
                package = f"STEP{number}{0 if how == 'hang' else 1}"
                wanted = match.replace(r"STEP\d+", package)
                fault(fault=how, method=method, match=wanted)
                create, update = jobs_for(pipeline, package, "1.0", ["liar"], tag=package)
                pipeline.publish(create, update)
                # not at one of its trials of what the server can do: killed there it leaves a file in tmp, which expires
                wait_until(f"{role} is at {method} {wanted}", lambda: [
                    r for r in under_way(url) if r.startswith(method) and re.search(wanted, r)])
                workers[role].kill()
                fault(fault="none")
                workers[role].start()
                names += [create["job_id"], update["job_id"]]
        assert set(pipeline.await_jobs(*names, deadline=60).values()) == {"completed"}
        records = assert_kept(pipeline)
        assert len(records["updated"]) == 2 * len(STEPS)
        assert not [p for p in (tmp_path / "point/.holdpoint/tmp").rglob("*") if p.is_file()], "nothing is left in tmp"


@pytest.mark.parametrize("step", ["GET", "PUT"])
def test_an_updater_stopped_at_its_switch_and_woken_after_its_successors_newer_one(pipeline, tmp_path, step):
    """A look from before the stop decides nothing. A PUT that was on its way can show the old pointer for a moment: the
    successor's re-checks mend it."""
    with bad_point(tmp_path / "point") as (url, fault):
        add_bad_point(pipeline, url)
        pipeline.start("stager")
        first = pipeline.start("updater")
        wait_until("the updater runs", lambda: first.log().count("shard running") == pipeline.partitions)
        fault(fault="hold", method=step, match="TWIN/current.json|tmp/.*current", times=1)
        create, update = jobs_for(pipeline, "TWIN", "1.0", ["liar"], tag="1")
        pipeline.publish(create, update)
        wait_until("the updater is at its switch", lambda: under_way(url))
        first.stall()
        if step == "GET":  # it finds the answer, of now, when it wakes
            fault(fault="none")
            wait_until("the answer is sent", lambda: not under_way(url))
        second = pipeline.start("updater")
        wait_until("the successor runs", lambda: second.log().count("shard running") == pipeline.partitions)
        create, update = jobs_for(pipeline, "TWIN", "2.0", ["liar"], tag="2")
        pipeline.publish(create, update)
        pipeline.await_jobs("c-2", "u-2")
        pointer = tmp_path / "point/TWIN/current.json"
        assert json.loads(pointer.read_text())["version"] == "2.0"
        before = len(requests(url))
        fault(fault="none")  # the held request goes on …
        first.wake()  # … and so does the one that sent it
        wait_until("the stalled updater saw that it was replaced", lambda: "lost" in first.log() or not first.alive(), 30)
        back, end = 0.0, time.monotonic() + 12
        last = time.monotonic()
        while time.monotonic() < end:
            now = time.monotonic()
            if json.loads(pointer.read_text())["version"] != "2.0":
                back += now - last
            last = now
            time.sleep(0.05)
        late = [r for r in requests(url)[before:] if r.startswith("PUT")]
        print(f"{step}: the old pointer showed for {back:.1f} s; written after waking: {late}")
        assert json.loads(pointer.read_text())["version"] == "2.0"
        assert step == "PUT" or not late
        records = assert_kept(pipeline)
        assert [r.json["version"] for r in records["updated"]].count("2.0") == 1


def test_two_stagers_on_one_version_one_stalled_at_each_step(pipeline, tmp_path):
    """The first is stopped with its request on the way; its twin stages the version; then the first wakes and goes on."""
    with bad_point(tmp_path / "point") as (url, fault):
        add_bad_point(pipeline, url)
        pipeline.start("updater")
        steps = [step for step in STEPS if step[0] == "stager"]
        for number, (_, method, match) in enumerate(steps):
            package = f"STEP{number}"
            first = pipeline.start("stager")
            wait_until("the stager runs", lambda: first.log().count("shard running") == pipeline.partitions, 40)
            fault(fault="hold", method=method, match=match.replace(r"STEP\d+", package), times=1)
            create, update = jobs_for(pipeline, package, "1.0", ["liar"], tag=package)
            pipeline.publish(create, update)
            wait_until(f"at {method} {match}", lambda: [r for r in under_way(url) if r.startswith(method)])
            first.stall()
            second = pipeline.start("stager")
            assert set(pipeline.await_jobs(create["job_id"], update["job_id"], deadline=40).values()) == {"completed"}
            fault(fault="none")
            first.wake()
            wait_until("the stalled one saw that it was replaced", lambda: "lost" in first.log() or not first.alive(), 30)
            assert_kept(pipeline)
            first.kill()
            second.kill()
