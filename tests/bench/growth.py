"""Row 13: how it grows, with packages, distribution points, files and workers.

What is compared is CPU time, of the workers' and the broker's processes by the kernel's account, for one more of what
there is more of: were growth linear, it would stay. It is little moved by what else the machine does, so each size runs
once.
"""
import contextlib
import json
import random
import re
import time

import folders
import pipeline
from common import PARTITIONS, Row, cpu_seconds, fill, harness, metric, progress, start_ready, system, tiny_packages

ROLES = ("stager", "updater", "broker")


class Ground:
    """A system with so many workers of each role, and what they and the broker have used."""

    def __init__(self, stack, bootstrap, name, points=1, each=1, roles=("stager", "updater")):
        self.made = system(stack, bootstrap, name)
        for number in range(points):
            self.made.add_file_point(f"dp{number}", groups=["all"])
        self.made.ready()
        self.workers = {role: [start_ready(self.made, role) for _ in range(each)] for role in roles}
        for role, workers in self.workers.items():
            harness.wait_until(f"every {role} has its shards", lambda workers=workers: all(w.ready() for w in workers) and sum(
                metric(w, "holdpoint_shards") for w in workers) == PARTITIONS)
        self.pids = {role: [w.process.pid for w in workers] for role, workers in self.workers.items()}
        self.pids["broker"] = [pipeline.broker_of(bootstrap)]

    def total(self, role, name):
        return sum(metric(worker, name) for worker in self.workers[role])

    def packages(self, first, count):
        return tiny_packages(self.made, range(first, first + count), "group:all")

    def memory(self, role):
        """What is allocated once what was under way has been freed."""
        seen = [self.total(role, "holdpoint_allocated_bytes")]

        def is_steady():
            seen.append(self.total(role, "holdpoint_allocated_bytes"))
            return abs(seen[-1] - seen[-2]) < 100_000
        harness.wait_until("memory is steady", is_steady, every=0.5)
        return seen[-1]

    def transactions(self):
        return sum(self.total(role, "holdpoint_transactions_total") for role in self.workers)

    def used(self):
        return {role: sum(map(cpu_seconds, pids)) for role, pids in self.pids.items()}

    def work(self, jobs, role, counter, topic="jobs"):
        """Sends records and waits until a role has counted as many as follow from them: seconds, and CPU seconds of each role."""
        jobs, expected = jobs
        wanted, before, began = self.total(role, counter) + expected, self.used(), time.monotonic()
        fill(self.made.bootstrap, self.made.prefix + topic, jobs)
        harness.wait_until(f"{expected} of {counter}", lambda: self.total(role, counter) >= wanted, 300)
        return time.monotonic() - began, {name: spent - before[name] for name, spent in self.used().items()}

    def update(self, jobs, pairs):
        """The same, until so many pairs of package and distribution point are current, and their jobs have ended."""
        return self.work((jobs, pairs), "updater", "holdpoint_updated_total")


class Curve:
    """CPU microseconds of each role for one more, at each size."""

    def __init__(self):
        self.cost, self.others = {}, {}

    def add(self, size, spent, count, **others):
        for role, seconds in (*spent.items(), ("all", sum(spent.values()))):
            self.cost.setdefault(role, []).append((size, round(1e6 * seconds / count, 2)))
        for name, value in others.items():
            self.others.setdefault(name, []).append((size, round(value, 2)))
        progress(f"{size:,}: {1e6 * sum(spent.values()) / count:,.1f} µs of CPU each (" + ", ".join(
            f"{role} {1e6 * seconds / count:,.1f}" for role, seconds in spent.items()) + "), " +
            ", ".join(f"{name} {value:,.1f}" for name, value in others.items()))

    def row(self, plot, title, work, x, base, aim, others, logarithmic="x", **more):
        """base: the size that the largest one is compared with. others: further panels, by title, of {line: its name here}."""
        cost = dict(self.cost["all"])
        row = Row(13, work, f"at {base:,}", aim, "less")
        row.add(cost[max(cost)], cost[base])
        row.plot = plot
        row.curves = [{"title": title, "x": x, "series": self.cost, "logarithmic": logarithmic, "linear": cost[base], **more}]
        for words, lines in others.items():
            row.curves.append({"title": words, "x": x, "series": {line: self.others[name] for line, name in lines.items()},
                               "logarithmic": "x" if "x" in logarithmic else "", **more})
        return row


# ---- what grows


def held(package, number):
    """An update of a version that does not exist: accepted and held. Two records and one row, no content."""
    name = f"PKG{package:07}"
    return name, (f'{{"type": "update", "job_id": "job-{number}", "package_id": "{name}", "version": "1.0", "distribution_points": ["dp0"], '
                  '"requested_by": "bench@example"}')


def staged(package):
    """What a stager says of a package that is staged on one point and waits for no update: the updater knows it then."""
    name = f"PKG{package:07}"
    return name, (f'{{"schema": 1, "type": "staged", "id": "{package:032x}", "time": "2026-11-22T17:02:00.123Z", "package_id": "{name}", '
                  f'"version": "1.0", "distribution_point": "dp0", "job_id": "job-{package}", "job_position": {{"partition": 0, "offset": {package}}}, '
                  f'"dp_id": "6f1d8f0a-6a55-4a0c-8d0c-5f2a1d7a7c11", "digest": "sha256:{package:064x}", "files": 1, "bytes": 8231, '
                  '"read_back": "full"}')


def grow_packages(bootstrap, quick):
    """What a job costs where so many packages are known, and the memory that the workers take."""
    curve, pick, known, sent = Curve(), random.Random(13), 0, 0
    probe = 10_000 if quick else 50_000
    with contextlib.ExitStack() as stack:
        ground = Ground(stack, bootstrap, "packages")
        del ground.pids["updater"]  # it has no part in a job that is held

        def send(packages, count):
            nonlocal sent
            first, sent = sent, sent + count
            return ground.work((((held(package, first + n)) for n, package in enumerate(packages)), count), "stager", "holdpoint_input_records_total")

        def learn(role, packages):
            """What a role has allocated once it has learnt of these packages too, and bytes for each of them."""
            before = ground.memory(role)
            if role == "stager":
                send(packages, len(packages))
            else:
                ground.work((map(staged, packages), len(packages)), role, "holdpoint_input_records_total", "staged")
            after = ground.memory(role)
            return {f"MB of the {role}": after / 1e6, f"bytes each of the {role}": (after - before) / len(packages)}
        # not counted: a broker is slower until its code is compiled. 200 jobs a package, since each package is known from then on
        send((-1 - number % (probe // 200) for number in range(probe)), probe)
        for size in [1_000, 10_000, 100_000, *([] if quick else [1_000_000])]:
            new, known = range(known, size), size
            memory = learn("stager", new) | learn("updater", new)
            seconds, spent = send((pick.randrange(size) for _ in range(probe)), probe)
            curve.add(size, spent, probe, **{"jobs/s": probe / seconds, **memory})
    row = curve.row("growth-packages", "CPU time of a job, µs", f"a job's CPU µs with {size:,} packages known", "packages", 1_000, "≤ 1.2",
                    {"memory allocated, MB": {role: f"MB of the {role}" for role in ("stager", "updater")}})
    row.curves[1]["logarithmic"] = "xy"
    return row


def grow_points(bootstrap, quick):
    """What a package costs for each distribution point that it is created and made current on; folders in memory."""
    curve, pairs = Curve(), 1_000 if quick else 4_000
    sizes = [1, 10, 100, *([] if quick else [1_000])]
    for size in sizes:
        with contextlib.ExitStack() as stack:
            ground = Ground(stack, bootstrap, f"points{size}", points=size)
            first = PARTITIONS  # not counted: each point's first package, for which it is asked who it is
            ground.update(ground.packages(0, first), first * size) if size < 100 else ground.update(ground.packages(0, 1), size)
            count = pairs // size
            seconds, spent = ground.update(ground.packages(first, count), count * size)
            curve.add(size, spent, count * size, **{"pairs/s": count * size / seconds})
    return curve.row("growth-points", "CPU time for each point, µs", f"CPU µs of a (package, point) pair, {size:,} points", "distribution points", 1,
                     "≤ 1.2", {"(package, point) pairs/s on two processors": {"pairs/s": "pairs/s"}})


def grow_files(bootstrap, quick):
    """What a file costs in a version of so many, of 100 bytes, in a folder in memory, read back."""
    curve, files = Curve(), 2_000 if quick else 20_000
    with contextlib.ExitStack() as stack:
        ground = Ground(stack, bootstrap, "files")
        ground.update(ground.packages(0, 200), 200)  # not counted
        for size in [1, 10, 100, 1_000, 10_000, *([] if quick else [100_000])]:
            count, jobs, made = min(max(files // size, 1), 2_000), [], ground.made
            for number in range(count):
                name, pick = f"F{size}-{number}", random.Random(f"{size} {number}")
                content = {f"d{n // 100:03}/f{n:05}": pick.randbytes(100) for n in range(size)}
                folders.write_files(made.folder / "src" / name, content)
                jobs.append((name, json.dumps({"type": "update", "package_id": name, "version": "1.0", "distribution_points": ["dp0"],
                                               "content": folders.manifest(made.folder / "src" / name, name, content)})))
            pid = ground.pids["stager"][0]
            with open(f"/proc/{pid}/clear_refs", "w") as clear:
                clear.write("5")  # the peak begins anew
            seconds, spent = ground.update(jobs, count)
            with open(f"/proc/{pid}/status") as status:
                peak = int(re.search(r"VmHWM:\s+(\d+)", status.read()).group(1)) / 1024
            curve.add(size, spent, count * size, **{"MB": peak, "files/s": count * size / seconds})
    return curve.row("growth-files", "CPU time of a file, µs", f"a file's CPU µs, {size:,} files a package", "files a package", 1_000, "≤ 1.2",
                     {"peak memory of the stager, MB": {"stager": "MB"}}, logarithmic="xy")


def grow_workers(bootstrap, quick):
    """The whole pipeline by so many stagers and as many updaters, all on one machine."""
    curve, count = Curve(), 500 if quick else 3_000
    for size in (1, 2, 3, 4):
        with contextlib.ExitStack() as stack:
            ground = Ground(stack, bootstrap, f"workers{size}", each=size)
            warm = 100 if quick else 500  # not counted
            ground.update(ground.packages(0, warm), warm)
            before = ground.transactions()
            seconds, spent = ground.update(ground.packages(warm, count), count)
            curve.add(size, spent, count, **{"packages/s": count / seconds, "transactions": (ground.transactions() - before) / count})
    return curve.row("growth-workers", "CPU time of a package, µs", "a package's CPU µs, 4 stagers and 4 updaters", "stagers, and as many updaters", 1,
                     "≤ 1.2", {"packages/s on two processors": {"packages/s": "packages/s"},
                                "transactions a package": {"transactions": "transactions"}}, logarithmic="", ticks=[1, 2, 3, 4])


def bench_growth(bootstrap, rounds, quick):
    rows = []
    for grow in (grow_packages, grow_points, grow_files, grow_workers):
        progress(grow.__doc__.splitlines()[0])
        rows.append(grow(bootstrap, quick))
    return rows
