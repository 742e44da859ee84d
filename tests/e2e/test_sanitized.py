"""The processes built with sanitizers, while everything happens to them at once: no data race, no leak, nothing undefined.

That a report fails the test is conftest.py's; built they are by `script/build tsan` and `script/build asan`.
"""
import signal
import threading

import pytest

import harness
from harness import ask, free_port, wait_until
from test_dp_faults import add_bad_point, bad_point
from test_order import assert_kept, jobs_for

PAGES = ("/api/overview", "/api/packages", "/api/jobs?state=open", "/api/events", "/api/dead-letters")


def use(monkeypatch, preset, slowness):
    folder = harness.ROOT / "build" / preset / "bin"
    if not (folder / "holdpoint-stager").exists():
        pytest.skip(f"not built: script/build {preset}")
    monkeypatch.setattr(harness, "BIN", folder)
    monkeypatch.setattr(harness, "SLOW", harness.SLOW * slowness)


@pytest.fixture
def tsan(monkeypatch):
    use(monkeypatch, "tsan", 3)


@pytest.fixture
def asan(monkeypatch):
    use(monkeypatch, "asan", 3)


class Installation:
    """Workers and auditors of a system, each asked for its pages all the time, in threads of its own."""

    def __init__(self, system):
        self.system, self.over, self.asked, self.watchers = system, threading.Event(), {}, []

    def listen(self, *paths):
        port = free_port()
        watcher = threading.Thread(target=self.watch, args=(port, paths))
        self.watchers.append(watcher)
        watcher.start()
        return "--listen", f"127.0.0.1:{port}"

    def watch(self, port, paths):
        while not self.over.wait(0.05):
            for path in paths:
                code, _ = ask(port, path)  # None while it does not run
                self.asked[path, code] = self.asked.get((path, code), 0) + 1

    def worker(self, role):
        return self.system.start(role, *self.listen("/metrics", "/readyz"))

    def auditor(self, name, *arguments):
        command = [str(harness.BIN / "holdpoint-auditor"), name, *self.system.common(), *arguments]
        self.system.workers.append(harness.Worker("auditor", command, self.system.folder / f"auditor-{name}.log"))

    def auditors(self):
        self.auditor("serve", *self.listen(*PAGES, "/metrics"))
        self.auditor("export", "--follow", str(self.system.folder / "history.db"))

    def close(self):
        self.over.set()
        for watcher in self.watchers:
            watcher.join()


@pytest.fixture
def installation(system):
    installation = Installation(system)
    yield installation
    installation.close()


def burst(system, tag, count=12):
    """Creates and updates, half of them in the other order; returns the jobs' ids."""
    jobs = []
    for number in range(count):
        pair = jobs_for(system, f"{tag}{number:03}", "1.0", ["group:all"], tag=f"{tag}-{number}")
        jobs += pair if number % 2 else reversed(pair)
    system.publish(*jobs)
    return [job["job_id"] for job in jobs]


def test_no_data_race_while_everything_happens_at_once(tsan, pipeline, installation, tmp_path):
    with bad_point(tmp_path / "liar") as (url, fault):
        add_bad_point(pipeline, url)
        stager, updater, _, _ = (installation.worker(role) for role in ("stager", "updater", "stager", "updater"))
        installation.auditors()
        fault(fault="500", times=9)
        fault(fault="reset", times=5)
        names = burst(pipeline, "A")
        pipeline.publish(*jobs_for(pipeline, "LIAR", "1.0", ["liar"], tag="liar"), ("PKG", b"{poison"))
        third = installation.worker("stager")
        wait_until("the third stager has shards", lambda: "shard running" in third.log(), 60)
        for worker in pipeline.workers:
            if worker.role != "auditor":
                worker.signal(signal.SIGHUP)
        names += burst(pipeline, "B")
        updater.kill()
        updater.start()
        stager.signal(signal.SIGHUP)
        assert third.stop() == 0
        names += burst(pipeline, "C")
        stager.kill()
        stager.start()
        states = pipeline.await_jobs(*names, "c-liar", "u-liar", deadline=60)
        assert set(states.values()) == {"completed"}
        assert_kept(pipeline)
        burst(pipeline, "D")
        for worker in pipeline.workers:
            if worker.alive():
                assert worker.stop() == 0, worker.log()[-2000:]
    for path in (*PAGES, "/metrics"):
        assert installation.asked.get((path, 200)), f"nobody was answered {path}: {installation.asked}"


@pytest.mark.parametrize("jobs", [500, pytest.param(10000, marks=pytest.mark.long)])
def test_no_leak_behind_many_jobs(asan, system, web, installation, jobs):
    system.add_file_point("paris", groups=["all"])
    system.add_http_point("tokyo", f"{web[0]}{system.prefix}tokyo/", groups=["all"])
    system.ready()
    for role in ("stager", "updater"):
        installation.worker(role)
    installation.auditors()
    names = [name for number in range(0, jobs, 500) for name in burst(system, f"P{number}-", 250)]
    assert set(system.await_jobs(*names, deadline=40 + jobs / 40).values()) == {"completed"} and len(names) == jobs
    for worker in system.workers:
        assert worker.stop() == 0, worker.log()[-4000:]
    assert_kept(system)
