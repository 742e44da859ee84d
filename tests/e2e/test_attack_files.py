"""Sources and distribution points that are not what they seem: links, pipes, growing files, full disks, odd names."""
import contextlib
import json
import os
import pathlib
import subprocess
import threading
import time

import pytest

from harness import sha256, wait_until
from test_order import assert_kept, jobs_for, start_all


def point_error(system):
    points = [r.json for r in system.read("status") if r.json["type"] == "distribution_point" and r.json.get("error")]
    return points[-1]["error"] if points else None


def spoil(kind, path, folder):
    data = path.read_bytes()
    path.unlink()
    if kind.startswith("link"):
        there = folder / "secret" if kind == "link outside" else path.with_name("inside")
        there.write_bytes(data)
        path.symlink_to(there)
    elif kind == "folder is a link":
        outside = folder / "outside"
        outside.mkdir()
        (outside / path.name).write_bytes(data)
        path.parent.rmdir()
        path.parent.symlink_to(outside)
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()


def test_a_source_that_is_no_plain_file_is_not_read(pipeline, tmp_path):
    start_all(pipeline)
    names = []
    for number, kind in enumerate(("link outside", "link inside", "folder is a link", "pipe", "folder")):
        create, _ = jobs_for(pipeline, f"ODD{number}", "1.0", ["paris"], tag=str(number))
        spoil(kind, pathlib.Path(create["content"]["files"][0]["url"].removeprefix("file://")), tmp_path)
        pipeline.publish(create)
        names.append(create["job_id"])
    neighbour, update = jobs_for(pipeline, "PLAIN", "1.0", ["paris"], tag="plain")
    pipeline.publish(neighbour, update)
    assert pipeline.await_jobs("c-plain", "u-plain") == {"c-plain": "completed", "u-plain": "completed"}
    assert set(pipeline.await_jobs(*names, deadline=60).values()) == {"failed"}
    points = [r.json for r in pipeline.read("status") if r.json["type"] == "distribution_point" and r.json["state"] == "failed"]
    assert len(points) == len(names) and all(p["error"]["code"].startswith("source_") for p in points)
    assert not list(pipeline.base("paris").glob("ODD*/manifests/*"))


def test_a_source_that_changes_while_it_is_copied_never_counts_and_is_told_from_a_bad_point(pipeline):
    """Its bytes are rewritten, grown and cut all the time; once it is left alone it is staged."""
    start_all(pipeline)
    content = pipeline.source("moving", {"a": b"x" * 3000000, "b": b"y"})
    path = pathlib.Path(content["files"][0]["url"].removeprefix("file://"))
    stop = threading.Event()

    def disturb():
        while not stop.is_set():
            with open(path, "r+b") as file:
                for change in (lambda: os.pwrite(file.fileno(), b"?", 2999999), lambda: os.truncate(file.fileno(), 1000),
                               lambda: os.truncate(file.fileno(), 4000000)):
                    change()
                    time.sleep(0.003)
            path.write_bytes(b"x" * 3000000)
            time.sleep(0.01)

    thread = threading.Thread(target=disturb)
    thread.start()
    try:
        pipeline.publish({"type": "create", "job_id": "c-1", "package_id": "MOVING", "version": "1", "content": content,
                          "distribution_points": ["group:all"]})
        wait_until("a complaint", lambda: point_error(pipeline) or pipeline.terminal())
    finally:
        stop.set()
        thread.join()
    path.write_bytes(b"x" * 3000000)
    pipeline.await_jobs("c-1", deadline=60)
    print(point_error(pipeline), pipeline.terminal()["c-1"][0]["state"])
    pipeline.publish({"type": "update", "job_id": "u-2", "package_id": "MOVING", "version": "1", "content": content,
                      "distribution_points": ["group:all"]})
    assert pipeline.await_jobs("u-2", deadline=60) == {"u-2": "completed"}
    assert_kept(pipeline)


PLANTED = {"PACKAGE": "PACKAGE", "CONTENT": "CONTENT/content", "VERSION": "VERSION/content/1.0", "SEALS": "SEALS/manifests",
           "POINTER": "POINTER/current.json"}


def test_a_link_planted_on_a_distribution_point_leads_nowhere(pipeline, tmp_path):
    """Whoever may write below the base cannot make a worker write or read outside of it."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "keep").write_bytes(b"keep")
    names = []
    for package, path in PLANTED.items():
        planted = pipeline.base("paris") / path
        planted.parent.mkdir(parents=True, exist_ok=True)
        planted.symlink_to(outside / "keep" if package == "POINTER" else outside)
    start_all(pipeline)
    for package in PLANTED:
        create, update = jobs_for(pipeline, package, "1.0", ["paris"], tag=package)
        pipeline.publish(create, update)
        names += [create["job_id"], update["job_id"]]

    def complaints():
        return {r.json["package_id"] for r in pipeline.read("status") if r.json["type"] == "distribution_point" and
                (r.json.get("error") or {}).get("code") == "dp_refused"}

    wait_until("a complaint about each", lambda: complaints() == set(PLANTED))
    assert sorted(p.name for p in outside.iterdir()) == ["keep"] and (outside / "keep").read_bytes() == b"keep"
    for path in PLANTED.values():
        (pipeline.base("paris") / path).unlink()
    assert set(pipeline.await_jobs(*names, deadline=60).values()) == {"completed"}
    assert_kept(pipeline)


def test_odd_but_allowed_names_arrive_everywhere(pipeline):
    start_all(pipeline)
    files = {"a": b"lower", "A": b"upper", "B/b": b"1", "b/B": b"2", "sp ace/%2e%2e/x": b"3", "q?x=1&y#z": b"4", "-rf": b"5",
             "caf\u00e9": b"nfc", "cafe\u0301": b"nfd", "\U0001f600/\u202etxt": b"emoji", "...": b"dots", ".hidden": b"6",
             "con": b"7", "x" * 255: b"long", "/".join(["d"] * 500): b"deep", "empty": b"", "a;b|c`d`$(e)'\"": b"8",
             "current.json": b"9", "manifests/1.json": b"10", "*": b"11", ":": b"12", "100%": b"13", "+": b"14", "trail ": b"15"}
    package, version = "P" * 128, "9" + "~" * 63
    content = pipeline.source("odd", files)
    for entry in content["files"]:  # a file URL is percent-decoded
        entry["url"] = "file://" + "".join(c if c.isalnum() and c.isascii() or c in "/-._" else
                                           "".join(f"%{b:02X}" for b in c.encode()) for c in entry["url"].removeprefix("file://"))
    pipeline.publish({"type": "update", "job_id": "u-1", "package_id": package, "version": version, "content": content,
                      "distribution_points": ["group:all"], "deadline": "PT60S"})
    state = pipeline.await_jobs("u-1", deadline=70)
    assert state == {"u-1": "completed"}, (point_error(pipeline), pipeline.terminal()["u-1"])
    assert_kept(pipeline)


def test_paths_that_no_folder_can_hold_are_refused_at_once(pipeline):
    start_all(pipeline)
    (pipeline.folder / "src/one").write_bytes(b"1")
    one = {"size": 1, "digest": sha256(b"1"), "url": f"file://{pipeline.folder}/src/one"}
    wrong = [["a", "a/b"], ["a", "a"], ["a/", "b"], ["a//b"], ["./a"], ["a/.."], ["a\\b"], ["x" * 256], [""]]
    pipeline.publish(*[{"type": "create", "job_id": f"c-{number}", "package_id": "PATHS", "version": "1", "distribution_points": ["paris"],
                        "content": {"files": [{"path": path, **one} for path in paths]}} for number, paths in enumerate(wrong)])
    assert set(pipeline.await_jobs(*[f"c-{number}" for number in range(len(wrong))]).values()) == {"rejected"}
    assert len(pipeline.read("dlq")) == len(wrong)


@contextlib.contextmanager
def small_disk(folder, size):
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small disk")
def test_a_full_distribution_point_is_named_and_served_when_there_is_room(pipeline, tmp_path):
    with small_disk(tmp_path / "disk", "4m") as disk:
        pipeline.points.append({"name": "small", "url": f"file://{disk}/", "groups": []})
        pipeline.write_catalogue()
        pipeline.init_points("small")
        start_all(pipeline)
        (disk / "ballast").write_bytes(b"b" * 3500000)
        content = pipeline.source("big", {"a": b"a" * 400000, "b": b"b" * 2000000})
        jobs = [{"type": "update", "job_id": "u-1", "package_id": "BIG", "version": "1", "content": content,
                 "distribution_points": ["small", "paris"]}]
        pipeline.publish(*jobs)
        wait_until("paris is updated", lambda: pipeline.current("paris", "BIG"))
        full = pipeline.await_status("full", lambda s: s["type"] == "distribution_point" and s["state"] == "retrying" and
                                     s["error"]["code"] == "dp_full")
        assert "No space left" in full.json["error"]["message"]
        assert not (disk / "BIG/manifests").exists()
        (disk / "ballast").unlink()
        assert pipeline.await_jobs("u-1", deadline=90) == {"u-1": "completed"}
        (disk / "ballast").write_bytes(b"b" * (os.statvfs(disk).f_bavail * 4096))
        create, update = jobs_for(pipeline, "BIG", "2", ["small"], tag="2")
        pipeline.publish(create, update)  # a pointer cannot be written on a full disk
        pipeline.await_status("full again", lambda s: s["type"] == "distribution_point" and s["version"] == "2" and
                              (s.get("error") or {}).get("code") == "dp_full")
        assert json.loads((disk / "BIG/current.json").read_text())["version"] == "1"
        (disk / "ballast").unlink()
        assert pipeline.await_jobs("c-2", "u-2", deadline=90) == {"c-2": "completed", "u-2": "completed"}
        assert_kept(pipeline)


def test_thousands_of_files_arrive(pipeline):
    start_all(pipeline)
    count = 3000
    files = {f"d{n % 100}/f{n:05}": b"%d" % n for n in range(count)}
    content = pipeline.source("many", files)
    began = time.monotonic()
    pipeline.publish({"type": "update", "job_id": "u-1", "package_id": "MANY", "version": "1", "content": content,
                      "distribution_points": ["paris", "tokyo"]})
    assert pipeline.await_jobs("u-1", deadline=120) == {"u-1": "completed"}
    print(f"{count} files to two points: {time.monotonic() - began:.1f} s")
    assert_kept(pipeline)
