"""Distribution points that are down, slow, lying or not who they should be; sources that are missing or wrong."""
import contextlib
import json
import pathlib
import shutil
import subprocess
import sys
import time
import urllib.request

import pytest

import harness
from harness import wait_until
from test_order import assert_kept, jobs_for, start_all

BAD_DP = pathlib.Path(__file__).with_name("bad_dp.py")


@contextlib.contextmanager
def bad_point(folder, *options):
    """A WebDAV server that can be told to misbehave; yields its URL and a function that sets a fault."""
    folder.mkdir(parents=True, exist_ok=True)
    process = subprocess.Popen([sys.executable, str(BAD_DP), "--root", str(folder), "--port", "0", *options], stdout=subprocess.PIPE, text=True)
    url = process.stdout.readline().strip()

    def fault(**description):
        request = urllib.request.Request(url.rstrip("/") + "/_control", data=json.dumps(description).encode(), method="POST")
        urllib.request.urlopen(request, timeout=10).read()

    try:
        yield url, fault
    finally:
        process.kill()
        process.wait()


def add_bad_point(system, url):
    system.add_http_point("liar", url)
    system.write_catalogue()
    system.init_points("liar")


@pytest.mark.parametrize("lie", ["truncate", "flip", "nothing"])
def test_a_point_that_lies_about_its_uploads_is_never_counted_as_staged(pipeline, tmp_path, lie):
    with bad_point(tmp_path / "liar") as (url, fault):
        add_bad_point(pipeline, url)
        start_all(pipeline)
        fault(fault=lie, method="PUT", match="content|tmp", times=1000000)
        create, update = jobs_for(pipeline, "LIED", "1.0", ["liar", "paris"], tag="1")
        pipeline.publish(create, update)
        seen = pipeline.await_status("retrying on the liar", lambda s: s["type"] == "distribution_point" and
                                     s["distribution_point"] == "liar" and s["state"] == "retrying")
        assert seen.json["error"]["code"] and seen.json["error"]["message"]
        wait_until("paris is updated", lambda: pipeline.current("paris", "LIED"))
        assert not [r for r in pipeline.read("staged") if r.json["distribution_point"] == "liar"]
        fault(fault="none")
        assert pipeline.await_jobs("c-1", "u-1", deadline=60) == {"c-1": "completed", "u-1": "completed"}
        assert_kept(pipeline)


@pytest.mark.parametrize("outage", ["refused", "500", "hang"])
def test_a_point_that_is_down_delays_no_other_and_is_served_when_it_returns(pipeline, tmp_path, outage):
    with contextlib.ExitStack() as stack:
        urls = stack.enter_context(harness.nginx(tmp_path / "nginx", 1))
        if outage == "refused":
            url = urls[0] + "dp/"
        else:
            url, fault = stack.enter_context(bad_point(tmp_path / "bad"))
        add_bad_point(pipeline, url)
        start_all(pipeline)
        warm, warm_update = jobs_for(pipeline, "WARM", "1.0", ["liar", "paris", "tokyo"], tag="warm")
        pipeline.publish(warm, warm_update)
        pipeline.await_jobs("c-warm", "u-warm")

        def round_trip(tag, to):
            began = time.monotonic()
            names = []
            for number in range(20):
                create, update = jobs_for(pipeline, f"{tag}{number}", "1.0", to, tag=f"{tag}{number}")
                pipeline.publish(create, update)
                names += [create["job_id"], update["job_id"]]
            return names, began

        names, began = round_trip("QUIET", ["paris", "tokyo"])
        pipeline.await_jobs(*names)
        quiet = time.monotonic() - began
        if outage == "refused":
            subprocess.run([str(harness.ROOT / "script/nginx"), "kill", "1", "--dir", str(tmp_path / "nginx")], check=True, capture_output=True)
        else:
            fault(fault=outage, times=1000000)
        stuck, _ = round_trip("STUCK", ["liar"])
        names, began = round_trip("LOUD", ["paris", "tokyo"])
        pipeline.await_jobs(*names)
        loud = time.monotonic() - began
        print(f"{outage}: 20 packages to two healthy points took {quiet:.2f} s, with a third down {loud:.2f} s")
        assert loud < quiet + 15, "the healthy points wait for no time-out of the third (20 s)"
        assert not set(stuck) & set(pipeline.terminal())
        if outage == "refused":
            subprocess.run([str(harness.ROOT / "script/nginx"), "restart", "1", "--dir", str(tmp_path / "nginx")], check=True, capture_output=True)
        else:
            fault(fault="none")
        assert set(pipeline.await_jobs(*stuck, deadline=90).values()) == {"completed"}
        assert_kept(pipeline)


@pytest.mark.parametrize("kind", ["missing", "wrong hash", "wrong size", "outside"])
def test_a_bad_source_is_retried_visibly_and_then_fails_with_the_cause(pipeline, tmp_path, kind):
    start_all(pipeline)
    create, update = jobs_for(pipeline, "NOSRC", "1.0", ["paris"], tag="1")
    file = create["content"]["files"][0]
    path = pathlib.Path(file["url"].removeprefix("file://"))
    if kind == "missing":
        path.unlink()
    elif kind == "wrong hash":
        path.write_bytes(b"!" * file["size"])
    elif kind == "wrong size":
        path.write_bytes(b"!")
    else:
        outside = tmp_path / "outside"
        outside.write_bytes(path.read_bytes())
        file["url"] = f"file://{outside}"
    pipeline.publish(create, update)
    states = pipeline.await_jobs("c-1", "u-1", deadline=90)
    assert states == {"c-1": "failed", "u-1": "failed"}
    points = [r.json for r in pipeline.read("status") if r.json["type"] == "distribution_point"]
    assert points[-1]["state"] == "failed" and points[-1]["error"]["code"].startswith("source_")
    if kind != "outside":
        assert [p["state"] for p in points].count("retrying") >= 2, "retries are visible"
    assert not pipeline.read("staged") or all(r.json["type"] != "staged" for r in pipeline.read("staged"))
    terminal = pipeline.terminal()["c-1"][0]
    assert "source" in (terminal.get("reason") or "") + (terminal.get("detail") or "")


def test_an_unmounted_point_never_counts_as_staged(pipeline):
    """The mount point's folder is there, but empty: no dp.json."""
    base = pipeline.base("paris")
    base.rename(base.with_name("unmounted"))
    base.mkdir()
    start_all(pipeline)
    create, update = jobs_for(pipeline, "MNT", "1.0", ["paris"], tag="1")
    pipeline.publish(create, update)
    seen = pipeline.await_status("retrying", lambda s: s["type"] == "distribution_point" and s["state"] == "retrying")
    assert "dp init" in seen.json["error"]["message"]
    assert list(base.iterdir()) == [], "nothing may be written to a base that is not a distribution point"
    base.rmdir()
    base.with_name("unmounted").rename(base)
    assert pipeline.await_jobs("c-1", "u-1", deadline=60) == {"c-1": "completed", "u-1": "completed"}
    assert_kept(pipeline)


def test_a_replaced_point_is_an_alarm_until_its_loss_is_confirmed_and_then_served_anew(pipeline):
    start_all(pipeline)
    create, update = jobs_for(pipeline, "DISK", "1.0", ["paris"], tag="1")
    pipeline.publish(create, update)
    pipeline.await_jobs("c-1", "u-1")
    base = pipeline.base("paris")
    old = json.loads((base / ".holdpoint/dp.json").read_text())["dp_id"]
    for entry in base.iterdir():
        shutil.rmtree(entry)
    (base / ".holdpoint").mkdir()
    (base / ".holdpoint/dp.json").write_text(json.dumps({"dp_id": "11111111-2222-4333-8444-555555555555"}))
    create, update = jobs_for(pipeline, "DISK", "2.0", ["paris"], tag="2")
    pipeline.publish(create, update)
    seen = pipeline.await_status("an alarm", lambda s: s["type"] == "distribution_point" and s["state"] == "retrying" and s["version"] == "2.0")
    assert seen.json["error"]["code"] == "dp_id_changed" or "dp_id" in seen.json["error"]["message"]
    assert not (base / "DISK").exists()
    (base / ".holdpoint/dp.json").unlink()
    assert "dp init --help" in pipeline.run("holdpoint-stager", "dp", check=2).stderr
    pipeline.run("holdpoint-stager", "dp", "init", "--distribution-points", str(pipeline.catalogue), "--replace", "--lost-id", old, "paris")
    assert pipeline.await_jobs("c-2", "u-2", deadline=90) == {"c-2": "completed", "u-2": "completed"}
    assert pipeline.current("paris", "DISK")["version"] == "2.0"
    wait_until("version 1.0 staged again on the new disk", lambda: (base / "DISK/manifests/1.0.json").exists(), 60)


@pytest.mark.slow
def test_a_worker_stalled_inside_an_upload_cannot_harm_what_its_successor_staged(pipeline, tmp_path):
    with bad_point(tmp_path / "slow") as (url, fault):
        add_bad_point(pipeline, url)
        first = pipeline.start("stager")
        pipeline.start("updater")
        content = pipeline.source("big", {"blob": b"0123456789abcdef" * 65536 * 4})
        fault(fault="drip", method="PUT", match="blob", times=1)
        create, update = jobs_for(pipeline, "TWIN", "1.0", ["liar"], tag="1", content=content)
        pipeline.publish(create, update)
        wait_until("the upload has begun", lambda: any((tmp_path / "slow").rglob("*blob*")) or "PUT" in urllib.request.urlopen(url.rstrip("/") + "/_control", timeout=5).read().decode())
        first.stall()
        pipeline.start("stager")
        assert pipeline.await_jobs("c-1", "u-1", deadline=60) == {"c-1": "completed", "u-1": "completed"}
        before = assert_kept(pipeline)
        first.wake()
        wait_until("the stalled stager saw that it was replaced", lambda: "lost" in first.log() or "fenced" in first.log() or "stall" in first.log(), 30)
        create, update = jobs_for(pipeline, "LATER", "1.0", ["liar"], tag="2")
        pipeline.publish(create, update)
        pipeline.await_jobs("c-2", "u-2")
        after = assert_kept(pipeline)
        assert [r.json["id"] for r in after["staged"] if r.json["package_id"] == "TWIN"] == [r.json["id"] for r in before["staged"]]
