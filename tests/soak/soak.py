#!/usr/bin/python3
"""A steady load for a long time, and whether the processes' memory stays flat: see script/soak --help.

What is remembered is bounded here: the same packages and versions all the time, job ids up to what a package keeps, and
content that is lost and staged anew again and again, so that transfers never end. First more jobs a second come, until
what is bounded is full: the ids, the cache of manifests, the pages that the auditors' databases keep. What grows then, leaks.
"""
import argparse
import csv
import json
import math
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from confluent_kafka import Producer

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import checker  # noqa: E402
import harness  # noqa: E402
from harness import ask, free_port  # noqa: E402

EVERY, PACKAGES, VERSIONS, PARTITIONS = 10, 16, 4, 2
LOSE_EVERY = 300  # seconds from one loss of a distribution point's content to the next
FILL_JOBS, FILL_FASTER = 16000, 4  # so many jobs fill what is bounded; they come so many times as fast
STUDENT = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23)  # t of 95 % for 1, 2, … degrees of freedom; then 2.2


def memory_of(pid):
    """kB: resident, and of it anonymous; threads, open files, processor seconds."""
    status = dict(re.findall(r"^(\w+):\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M))
    ticks = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]
    return {"rss": int(status["VmRSS"]), "anonymous": int(status["RssAnon"]), "threads": int(status["Threads"]),
            "files": len(os.listdir(f"/proc/{pid}/fd")), "cpu": sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")}


class Soak:
    def __init__(self, system, web, options):
        self.system, self.web, self.options = system, web, options
        self.processes, self.ports, self.samples, self.names, self.sent, self.losses = {}, [], [], [], 0, 0
        self.producer = Producer({"bootstrap.servers": system.bootstrap, "partitioner": "murmur2_random", "enable.idempotence": True})
        self.known = {}  # (package, version) → content

    # -- set up

    def start(self):
        system, served = self.system, self.web[1]
        system.sources.append({"prefix": f"{served}src/"})
        system.add_file_point("paris", groups=["all"])
        system.add_file_point("lyon", groups=["all"])
        system.add_http_point("tokyo", f"{self.web[0]}tokyo/", groups=["all"])
        system.ready()
        for role in ("stager", "updater", "stager", "updater"):
            bound = ["--manifest-bytes", str(1 << 20)] if role == "stager" else []  # the cache of manifests is full soon
            self.processes[f"{role} {len(self.processes) // 2 + 1}"] = system.start(role, *self.listen(), *bound)
        self.audit("serve", *self.listen())
        self.audit("export", "--follow", str(system.folder / "history.db"))
        self.ports = dict(zip(self.processes, self.ports))  # all but export, the last
        for name, port in self.ports.items():
            harness.wait_until(f"{name} is ready", lambda at=port: ask(at, "/readyz")[0] == 200)

    def listen(self):
        self.ports.append(free_port())
        return "--listen", f"127.0.0.1:{self.ports[-1]}"

    def audit(self, name, *arguments):
        command = [str(harness.BIN / "holdpoint-auditor"), name, *self.system.common(), *arguments]
        self.processes[f"auditor {name}"] = harness.Worker("auditor", command, self.system.folder / f"auditor-{name}.log")
        self.system.workers.append(self.processes[f"auditor {name}"])

    def content(self, package, version):
        """A folder's files for the one half of the packages, an http server's for the other (they go through the spool)."""
        if (package, version) not in self.known:
            name = f"{package}-{version}"
            content = self.system.source(name, {"a": f"{name}\n".encode() * 100, "b/c": f"{name} {version}\n".encode() * 2000})
            if int(package[3:]) % 2:
                shutil.copytree(self.system.folder / "src" / name, self.system.folder.parent / "nginx" / "dp2" / "www" / "src" / name)
                for entry in content["files"]:
                    entry["url"] = f"{self.web[1]}src/{name}/{entry['path']}"
            self.known[package, version] = content
        return self.known[package, version]

    # -- what happens every second, every ten, every five minutes

    def jobs(self, count):
        jobs = []
        while len(jobs) < count:
            pair = self.sent // 2
            package, version = f"PKG{pair % PACKAGES:03}", f"{pair // PACKAGES % VERSIONS + 1}.0"
            if self.options.new_versions and pair % self.options.new_versions == 0:
                version = f"{pair}.new"
            create = {"type": "create", "job_id": f"c-{pair}", "package_id": package, "version": version,
                      "content": self.content(package, version), "distribution_points": ["group:all"]}
            update = {"type": "update", "job_id": f"u-{pair}", "package_id": package, "version": version}
            jobs += [create, update] if pair % 3 else [update, create]
            self.names += [f"c-{pair}", f"u-{pair}"]
            self.sent += 2
        return jobs

    def publish(self, jobs):
        for job in jobs:
            self.producer.produce(f"{self.system.prefix}jobs", key=job["package_id"], value=json.dumps(job))
        assert self.producer.flush(60) == 0, "jobs not delivered in a minute"

    def look(self, second):
        """As those who watch an installation do: metrics, readiness, the auditor's page. And how large who answers is."""
        pages = {name: self.page(name, "/metrics") for name in self.ports}
        for name, text in pages.items():
            assert "# TYPE holdpoint_" in text, name
        for path in ("/api/overview", "/api/packages", "/api/jobs?state=open", "/api/events?package=PKG001"):
            self.page("auditor serve", path)
        for name, worker in self.processes.items():
            assert worker.alive(), f"{name} ended: {worker.log()[-2000:]}"
            allocated = re.search(r"^holdpoint_allocated_bytes (\d+)$", pages.get(name, ""), re.M)
            self.samples.append({"second": round(second), "jobs": self.sent, "process": name, **memory_of(worker.process.pid),
                                 "allocated": int(allocated[1]) // 1024 if allocated else ""})

    def page(self, name, path):
        status, text = ask(self.ports[name], path)
        assert status == 200, f"{name} answers {status} to {path}"
        return text

    def lose(self):
        """A distribution point's disk is replaced by an empty one."""
        base = self.system.base(("paris", "lyon")[self.losses % 2])
        identity = json.loads((base / ".holdpoint" / "dp.json").read_text())["dp_id"]
        self.losses += 1
        base.rename(self.system.folder / "lost")
        base.mkdir()
        self.system.init_points("--lost-id", identity, base.name, replace=True)
        shutil.rmtree(self.system.folder / "lost", ignore_errors=True)  # a worker may still be writing there

    def run(self):
        """Fills what is bounded, then goes on for the minutes asked for; returns the second at which it was full."""
        began = now = due = time.monotonic()
        next_look, next_loss, full, end = began, began + LOSE_EVERY / 3, None, math.inf
        while now < end:
            self.publish(self.jobs(self.options.rate * (FILL_FASTER if full is None else 1)))
            if now >= next_look:
                self.look(now - began)
                next_look += EVERY
            if now >= next_loss and end - now > 60:
                self.lose()
                next_loss += LOSE_EVERY
            due += 1
            time.sleep(max(0, due - time.monotonic()))
            now = time.monotonic()
            if full is None and self.sent >= FILL_JOBS:
                full, end = now, now + 60 * self.options.minutes
        self.look(now - began)
        return full - began

    # -- the end

    def conclude(self):
        states = self.system.await_jobs(*self.names, deadline=120)
        bad = {job: state for job, state in states.items() if state not in ("completed", "superseded")}
        assert not bad, f"{len(bad)} jobs did not complete: {list(bad.items())[:5]}"
        for name, worker in self.processes.items():
            assert worker.stop() == 0, f"{name}: {worker.process.returncode}"
        records = self.system.read_all()
        found = [*checker.check_log(records, self.system.partitions), *checker.check_points(records, self.system.points)]
        assert not found, found[:5]


def fit(samples, what):
    """KB an hour of a straight line through the samples, and how far off that may be (95 %).

    Samples that follow each other are alike, and what happens every five minutes shows in all of them: a block of five
    minutes counts as one observation, not as thirty.
    """
    blocks = {}
    for sample in samples:
        blocks.setdefault((sample["second"] - samples[0]["second"]) // LOSE_EVERY, []).append(sample)
    if len(blocks[max(blocks)]) < LOSE_EVERY / EVERY / 2 and len(blocks) > 3:
        del blocks[max(blocks)]
    x = [statistics.fmean(sample["second"] / 3600 for sample in block) for block in blocks.values()]
    y = [statistics.fmean(sample[what] for sample in block) for block in blocks.values()]
    line, free = statistics.linear_regression(x, y), len(x) - 2
    spread = sum((value - line.slope * at - line.intercept) ** 2 for at, value in zip(x, y)) / free
    error = (spread / sum((at - statistics.fmean(x)) ** 2 for at in x)) ** 0.5
    return line.slope, error * (STUDENT[free - 1] if free <= len(STUDENT) else 2.2)


def verdict(fits, limit):
    """Flat is only what is shown to be."""
    if any(slope - error > limit for slope, error in fits):
        return "grows"
    return "flat" if all(slope + error <= limit for slope, error in fits) else "not known"


def report(soak, limit, start):
    """A line a process: what is resident and its own (no file's), and, of those with metrics, what of it is allocated. All flat?"""
    verdicts = []
    print(f"{soak.sent} jobs, {len(soak.known)} versions of {PACKAGES} packages, {soak.losses} times a point's content lost and staged anew")
    print(f"from second {start:.0f} to {soak.samples[-1]['second']}; KB; limit {limit:g} KB/h\n")
    print(f"{'process':<16}{'first':>8}{'last':>8}{'KB/h':>9}{'±':>7}  {'allocated':>9}{'last':>8}{'KB/h':>9}{'±':>7}"
          f"{'resident':>10}{'threads':>9}{'files':>7}{'CPU s':>8}")
    for name in soak.processes:
        warm = [sample for sample in soak.samples if sample["process"] == name and sample["second"] >= start]
        fits = [fit(warm, what) for what in ("anonymous", "allocated") if warm[0][what] != ""]
        cells = [f"{warm[0][what]:>{width}}{warm[-1][what]:>8}{slope:>9.0f}{error:>7.0f}"
                 for what, width, (slope, error) in zip(("anonymous", "allocated"), (8, 11), fits)]
        verdicts.append(verdict(fits, limit))
        print(f"{name:<16}{cells[0]}{cells[1] if cells[1:] else '':<35}{warm[-1]['rss']:>10}{warm[-1]['threads']:>9}"
              f"{warm[-1]['files']:>7}{warm[-1]['cpu']:>8.1f}  {verdicts[-1]}")
    return all(word == "flat" for word in verdicts)


def save(samples, path):
    with open(path, "w", newline="") as file:
        table = csv.DictWriter(file, samples[0].keys())
        table.writeheader()
        table.writerows(samples)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--rate", type=int, default=10)
    parser.add_argument("--warm-up", type=float, default=5)
    parser.add_argument("--limit", type=float, default=1024)
    parser.add_argument("--new-versions", type=int, default=0)
    parser.add_argument("--samples", type=pathlib.Path)
    options = parser.parse_args()
    if options.minutes < options.warm_up + 3 * LOSE_EVERY / 60:
        parser.error(f"--minutes must be {3 * LOSE_EVERY // 60} or more beyond the warm-up: less says nothing of an hour")
    with tempfile.TemporaryDirectory(prefix="holdpoint-soak-") as folder, harness.kafka(folder + "/kafka") as bootstrap, \
            harness.nginx(folder + "/nginx", 2) as web:
        soak = Soak(harness.System(bootstrap, folder + "/system", "soak.", PARTITIONS), web, options)
        try:
            soak.start()
            full = soak.run()
            soak.conclude()
        finally:
            soak.system.close()
            if options.samples and soak.samples:
                save(soak.samples, options.samples)
        flat = report(soak, options.limit, full + 60 * options.warm_up)
    return 0 if flat else 1


if __name__ == "__main__":
    sys.exit(main())
