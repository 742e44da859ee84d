"""Row 4: publish → updated, beside bare exactly-once hops at the same rate.

Two workloads: 4a, an update of a version that is staged already, is two hops (job → release → updated), each update
moving the pointer between two versions; 4b, an update that carries content, is three (accepted; staged and released;
updated). Everything is started once and stays; the sides take turns, and who is not measured is idle.

A bare hop has one transactional producer for all partitions. Ours has one for each, since that is what Kafka fences; so
loops that do so too come last, at one rate: they show what that costs.
"""
import contextlib
import json
import subprocess
import urllib.error
import urllib.request

from common import BENCH, PARTITIONS, Row, create_topics, harness, progress, system
from secure import free_ports

PACKAGES = 12500  # so many that no update supersedes the one before, however late it is
RATES = {10: (5, ("a",)), 50: (4, ("a", "b")), 500: (4, ("a", "b")), 5000: (2, ("a",))}  # seconds, workloads
HOPS = {"a": 2, "b": 3}
SPLIT_RATE = 500


class Ours:
    def __init__(self, stack, bootstrap):
        self.system = made = system(stack, bootstrap, "latency")
        made.add_file_point("paris")
        made.ready()
        for role, port in zip(("stager", "updater"), free_ports(2)):
            made.start(role, "--listen", f"127.0.0.1:{port}")
        for worker in made.workers:
            harness.wait_until(f"the {worker.role} is ready", lambda worker=worker: is_ready(worker))
        self.versions = [made.source(f"v{n}", {"a": b"tiny %d" % n}) for n in (1, 2)]
        self.stage()

    def stage(self):
        """Two versions of each package."""
        jobs = [{"type": "create", "job_id": f"c{n}-{p}", "package_id": f"PKG{p:06}", "version": str(n),
                 "distribution_points": ["paris"], "content": content} for n, content in enumerate(self.versions, 1) for p in range(PACKAGES)]
        self.system.publish(*jobs)
        self.system.await_jobs(*(job["job_id"] for job in jobs), deadline=120)

    def topics(self):
        return self.system.prefix + "jobs", self.system.prefix + "updated"

    def templates(self, workload):
        job = {"type": "update", "job_id": "%JOB%", "package_id": "%KEY%"}
        if workload == "a":
            return [{**job, "version": str(n)} for n in (1, 2)]
        return [{**job, "version": "%JOB%", "distribution_points": ["paris"], "content": self.versions[0]}]


class Bare:
    """Loops that pass records on, exactly once: nothing is parsed or kept."""

    def __init__(self, stack, bootstrap, hops, prefix, threads=1):
        self.names = [f"{prefix}{hops}-{n}" for n in range(hops + 1)]
        create_topics(bootstrap, self.names)
        for source, target in zip(self.names, self.names[1:]):
            process = subprocess.Popen([BENCH / "bench_bare_loop", "--threads", str(threads), bootstrap, source, "0", "0", "20000",
                                        f"{target}:0"], stdout=subprocess.DEVNULL)
            stack.callback(process.wait)
            stack.callback(process.terminate)

    def topics(self):
        return self.names[0], self.names[-1]


def is_ready(worker):
    assert worker.alive(), worker.log()[-2000:]
    address = worker.command[worker.command.index("--listen") + 1]
    try:
        with urllib.request.urlopen(f"http://{address}/readyz", timeout=5) as answer:
            return answer.status == 200 and f"{PARTITIONS} of {PARTITIONS} shards run" in answer.read().decode()
    except (urllib.error.URLError, OSError):
        return False


def measure(bootstrap, topics, rate, count, tag, templates):
    lines = "".join(json.dumps(template, separators=(",", ":")) + "\n" for template in templates)
    done = subprocess.run([BENCH / "bench_latency", bootstrap, *topics, str(PARTITIONS), str(rate), str(count), str(PACKAGES), tag],
                          input=lines, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["missing"] == 0, f"{result['missing']} jobs of {count} did not come back"
    return result["took"]


def warm_up(bootstrap, ours, bare, seconds):
    """Until the broker's code is compiled: a cold one takes five times the CPU time for a transaction."""
    for workload in ("a", "b"):
        measure(bootstrap, ours.topics(), 300, 300 * seconds, f"warm{workload}", ours.templates(workload))
    for hops, side in bare.items():
        measure(bootstrap, side.topics(), 300, 150 * seconds, f"warm{hops}", ours.templates("a"))


def quantile(took, share):
    return sorted(took)[int(len(took) * share)]


class Pair:
    """One workload at one rate beside one kind of bare loop: p50 and p99 of each round, p99.9 of all rounds together."""

    def __init__(self, rate, workload, hops, kind=""):
        self.rate, self.workload, self.hops, self.kind, self.rounds = rate, workload, hops, kind, []

    def rows(self):
        what = {"a": "update of a staged version", "b": "update with content"}[self.workload]
        aims = ("≤ 1.2", "≤ 1.5") if self.hops == HOPS[self.workload] and not self.kind else ("", "")
        rows, count, peer = [], sum(len(ours) for ours, _ in self.rounds), f"{self.hops} bare hops{self.kind}"
        for name, share, aim in (("p50", 0.5, aims[0]), ("p99", 0.99, aims[1])):
            row = Row(f"4{self.workload}", f"{what}, {self.rate}/s, {name} (ms)", peer, aim, "less")
            for ours, bare in self.rounds:
                row.add(quantile(ours, share), quantile(bare, share))
            rows.append(row)
        if count >= 5000:
            row = Row(f"4{self.workload}", f"{what}, {self.rate}/s, p99.9 of {count:,} (ms)", peer, "", "less")
            row.add(*(quantile([ms for pair in self.rounds for ms in pair[side]], 0.999) for side in (0, 1)))
            rows.append(row)
        return rows


def in_words(took):
    return "/".join(f"{quantile(took, share):.1f}" for share in (0.5, 0.99, 0.999)) + " ms"


def measure_split(bootstrap, ours, workload, rounds, seconds):
    """Beside bare hops that have a producer for each partition, as ours have."""
    hops, count = HOPS[workload], int(SPLIT_RATE * seconds * 5 / 4)
    pair = Pair(SPLIT_RATE, workload, hops, ", a producer a partition")
    with contextlib.ExitStack() as stack:
        bare = Bare(stack, bootstrap, hops, f"{ours.system.prefix}split", PARTITIONS)
        measure(bootstrap, bare.topics(), 300, 300 * seconds, f"warm{hops}", ours.templates("a"))
        for number in range(rounds):
            both = [(ours.topics(), ours.templates(workload)), (bare.topics(), ours.templates("a"))]
            pair.rounds.append([measure(bootstrap, topics, SPLIT_RATE, count, f"s{workload}{side}n{number}", templates)
                                for side, (topics, templates) in enumerate(both)])
            progress(f"{SPLIT_RATE}/s {workload}, split, round {number + 1}: " + " and ".join(map(in_words, pair.rounds[-1])))
    return pair


def bench_latency(bootstrap, rounds, quick):
    pairs = {}
    with contextlib.ExitStack() as stack:
        ours = Ours(stack, bootstrap)
        bare = {hops: Bare(stack, bootstrap, hops, ours.system.prefix + "hop") for hops in (2, 3)}
        warm_up(bootstrap, ours, bare, 4 if quick else 12)
        for number in range(rounds):
            for rate, (seconds, workloads) in RATES.items():
                count = int(rate * (seconds / 2 if quick else seconds) * 5 / 4)
                took = {}
                for side in workloads + ((2, 3) if "b" in workloads else (2,)):
                    topics = ours.topics() if side in ("a", "b") else bare[side].topics()
                    templates = ours.templates(side if side in ("a", "b") else "a")
                    took[side] = measure(bootstrap, topics, rate, count, f"{side}r{rate}n{number}", templates)
                    progress(f"{rate}/s {side} round {number + 1}: {in_words(took[side])}")
                for workload, hops in (("a", 2), ("b", 3), ("b", 2)):
                    if workload in workloads:
                        pairs.setdefault((rate, workload, hops), Pair(rate, workload, hops)).rounds.append((took[workload], took[hops]))
        split = [measure_split(bootstrap, ours, workload, rounds, 2 if quick else 4) for workload in HOPS]
    return [row for pair in [*pairs.values(), *split] for row in pair.rows()]
