#!/usr/bin/python3
"""Measures Holdpoint beside its limits and peers, pair by pair in one run, and prints ratios.

Machines are noisy: absolute figures are not evidence, so each pair runs alternately for several rounds, and what counts
is the median of the rounds' ratios.
"""
import argparse
import contextlib
import json
import os
import pathlib
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
import harness  # noqa: E402

BENCH = pathlib.Path(os.environ.get("HOLDPOINT_BIN", ROOT / "build" / "bin"))
PARTITIONS = 12


class Row:
    def __init__(self, number, work, peer, aim, better):
        self.number, self.work, self.peer, self.aim, self.better = number, work, peer, aim, better
        self.rounds = []  # (ours, peer), in a unit where more is better if better is "more"

    def add(self, ours, peer):
        self.rounds.append((ours, peer))

    def ratio(self):
        return statistics.median(ours / peer for ours, peer in self.rounds)

    def as_json(self):
        return {"row": self.number, "work": self.work, "ours": statistics.median(o for o, _ in self.rounds),
                "peer": statistics.median(p for _, p in self.rounds), "against": self.peer, "ratio": round(self.ratio(), 3),
                "aim": self.aim, "rounds": len(self.rounds)}

    def line(self):
        ratios = sorted(ours / peer for ours, peer in self.rounds)
        row = self.as_json()
        return (f"{self.number:<3} {self.work:<58} {self.peer:<28} {row['ours']:>10.4g} {row['peer']:>10.4g} "
                f"{row['ratio']:>7.2f} ({ratios[0]:.2f}–{ratios[-1]:.2f})  aim {self.aim}")


def progress(words):
    print(f"  {words}", file=sys.stderr, flush=True)


def system(stack, bootstrap, name, partitions=PARTITIONS):
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix=f"holdpoint-bench-{name}-", dir="/dev/shm"))
    made = harness.System(bootstrap, folder, f"bench-{name}-{os.getpid()}-{random.randrange(10**6)}.", partitions)
    stack.callback(made.close)
    return made


def create_topics(bootstrap, names):
    from confluent_kafka.admin import AdminClient, NewTopic
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for future in admin.create_topics([NewTopic(name, PARTITIONS, 1) for name in names]).values():
        future.result(30)
    harness.wait_until("the topics have leaders", lambda: (lambda known: all(
        name in known and len(known[name].partitions) == PARTITIONS and
        all(p.leader >= 0 for p in known[name].partitions.values()) for name in names))(admin.list_topics(timeout=10).topics))


def zipf_keys(count, packages, pick):
    """Package numbers, few of them often: weights 1/rank."""
    weights = [1 / rank for rank in range(1, packages + 1)]
    return pick.choices(range(packages), weights, k=count)


def fill(bootstrap, topic, jobs):
    from confluent_kafka import Producer
    producer = Producer({"bootstrap.servers": bootstrap, "partitioner": "murmur2_random", "linger.ms": 20,
                         "queue.buffering.max.messages": 1000000})
    for number, (key, value) in enumerate(jobs):
        producer.produce(topic, key=key, value=value)
        if number % 10000 == 0:
            producer.poll(0)
    assert producer.flush(60) == 0


def bare_loop(bootstrap, source, count, linger, batch, *outs):
    done = subprocess.run([BENCH / "bench_bare_loop", bootstrap, source, str(count), str(linger), str(batch), *outs],
                          capture_output=True, text=True, check=True, timeout=300)
    result = json.loads(done.stdout)
    return result["records"] / result["seconds"]


def high_watermarks(bootstrap, topic):
    from confluent_kafka import Consumer, TopicPartition
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "bench"})
    total = sum(consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=10)[1] for p in range(PARTITIONS))
    consumer.close()
    return total


def bench_engine(bootstrap, rounds, quick):
    """The stager's whole apply path: updates that are accepted and held, 2 status records and 1 state row each."""
    row = Row(1, "job path, exactly once: parse, apply, 2 records + 1 row (jobs/s)", "bare loop, same records", "≥ 0.5", "more")
    count = 100_000 if quick else 300_000
    pick = random.Random(1)
    for number in range(rounds):
        with contextlib.ExitStack() as stack:
            made = system(stack, bootstrap, "engine")
            made.add_file_point("paris")
            made.ready()
            # Zipf over packages, but no more than 250 jobs of one: more holds than that are refused
            seen, jobs = {}, []
            for package in zipf_keys(count, 30000, pick):
                while seen.get(package, 0) >= 250:
                    package = pick.randrange(30000)
                seen[package] = seen.get(package, 0) + 1
                name = f"PKG{package:05}"
                jobs.append((name, json.dumps({"type": "update", "job_id": f"job-{len(jobs)}", "package_id": name, "version": "1.0",
                                               "distribution_points": ["paris"], "requested_by": "bench@example",
                                               "annotations": {"ticket": "OPS-12345", "note": "a text of some length to make three hundred bytes"}})))
            fill(bootstrap, made.prefix + "jobs", jobs)
            ours = time_stager(made, count)
            records = made.read("status", deadline=120)
            sizes = sorted(len(record.value) for record in records)
            create_topics(bootstrap, [made.prefix + "bare1", made.prefix + "bare2", made.prefix + "bare3"])
            size = sizes[len(sizes) // 2]
            bare = max(bare_loop(bootstrap, made.prefix + "jobs", count, linger, 20000, f"{made.prefix}bare1:{size}",
                                 f"{made.prefix}bare2:{size}", f"{made.prefix}bare3:110") for linger in (5, 100))
            assert len(records) == 2 * count, f"{len(records)} status records for {count} jobs"
            row.add(ours, bare)
            progress(f"round {number + 1}: ours {ours:,.0f}, bare {bare:,.0f} jobs/s, records of {size} bytes")
    return [row]


def time_stager(made, count):
    """Jobs per second between the first and the last commit that the status topic shows."""
    from confluent_kafka import Consumer, TopicPartition
    consumer = Consumer({"bootstrap.servers": made.bootstrap, "group.id": "bench"})
    topic = made.prefix + "status"

    def written():
        return sum(consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=10)[1] for p in range(PARTITIONS))

    made.start("stager")
    first = first_count = None
    end = time.monotonic() + 300
    while True:
        now, records = time.monotonic(), written()
        if records and first is None:
            first, first_count = now, records
        if records >= 2 * count:
            break
        assert now < end, f"{records} of {2 * count} records in 300 s\n{made.last_words()}"
        time.sleep(0.01)
    consumer.close()
    return (records - first_count) / 2 / (now - first)


def bench_latency(bootstrap, rounds, quick):
    rows = []
    for rate in (50, 500):
        p50 = Row(4, f"publish → updated at {rate}/s, p50 (ms; less is better)", "bare two hops", "≤ 2", "less")
        p99 = Row(4, f"publish → updated at {rate}/s, p99 (ms; less is better)", "bare two hops", "≤ 2", "less")
        count = rate * (10 if quick else 20)
        for number in range(rounds):
            with contextlib.ExitStack() as stack:
                made = system(stack, bootstrap, f"latency{rate}")
                made.add_file_point("paris")
                made.ready()
                job = json.dumps({"type": "update", "package_id": "%KEY%", "version": "1.0", "distribution_points": ["paris"],
                                  "content": made.source("tiny", {"a": b"tiny"})})
                made.start("stager")
                made.start("updater")
                ours = measure_latency(bootstrap, made.prefix + "jobs", made.prefix + "updated", rate, count, job)
                made.close()
                names = [made.prefix + f"hop{n}" for n in range(3)]
                create_topics(bootstrap, names)
                for source, target in zip(names, names[1:]):
                    process = subprocess.Popen([BENCH / "bench_bare_loop", bootstrap, source, "0", "0", "20000", f"{target}:0"],
                                               stdout=subprocess.DEVNULL)
                    stack.callback(process.wait)
                    stack.callback(process.terminate)
                bare = measure_latency(bootstrap, names[0], names[2], rate, count, job)
            p50.add(ours["p50"], bare["p50"])
            p99.add(ours["p99"], bare["p99"])
            progress(f"{rate}/s round {number + 1}: ours {ours}, bare {bare}")
        rows += [p50, p99]
    return rows


def measure_latency(bootstrap, source, target, rate, count, template):
    done = subprocess.run([BENCH / "bench_latency", bootstrap, source, target, str(PARTITIONS), str(rate), str(count), "L"],
                          input=template, capture_output=True, text=True, check=True, timeout=300)
    result = json.loads(done.stdout)
    assert result["missing"] == 0, result
    return result


def bench_content(bootstrap, rounds, quick):
    small = ("1,000 × 64 KiB", {f"f{n:04}": random.Random(n).randbytes(65536) for n in range(200 if quick else 1000)})
    large = ("1 × 1 GiB", {"blob": random.Random(1).randbytes(1 << 20) * (128 if quick else 1024)})
    rows = []
    for number, (name, files) in enumerate((small, large), 5):
        against_curl = {read_back: Row(number, f"{name} to 4 nginx, verification {'on' if read_back == 'full' else 'off'} (s; less is better)",
                                       "curl -Z", "≤ 1.1 off", "less") for read_back in ("size", "full")}
        against_rclone = Row(number, f"{name} to 4 nginx, verification on (s; less is better)", "rclone copy", "≤ 0.5", "less")
        for turn in range(rounds):
            with contextlib.ExitStack() as stack:
                folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="holdpoint-bench-", dir="/dev/shm")))
                urls = stack.enter_context(harness.nginx(folder / "nginx", 4, "--propfind", "on"))
                times = {}
                source = folder / "source"
                source.mkdir()
                for path, data in files.items():
                    (source / path).write_bytes(data)
                for read_back in ("size", "full"):
                    times[read_back] = stage_content(stack, bootstrap, urls, files, read_back)
                    wipe(folder)
                times["curl"] = curl(urls, source, files)
                wipe(folder)
                times["rclone"] = rclone(urls, source)
                for read_back, row in against_curl.items():
                    row.add(times[read_back], times["curl"])
                against_rclone.add(times["full"], times["rclone"])
                progress(f"{name} round {turn + 1}: " + ", ".join(f"{what} {seconds:.2f} s" for what, seconds in times.items()))
        rows += [*against_curl.values(), against_rclone]
    return rows


def wipe(folder):
    for root in (folder / "nginx").glob("dp*/www"):
        for entry in root.iterdir():
            shutil.rmtree(entry)


def stage_content(stack, bootstrap, urls, files, read_back):
    """Seconds from the job's acceptance to its completion, as the log's time stamps say."""
    with contextlib.ExitStack() as inner:
        made = system(inner, bootstrap, "content", 1)
        for number, url in enumerate(urls):
            made.add_http_point(f"dp{number}", url, groups=["all"], read_back=read_back)
        made.ready()
        made.start("stager")
        warm = {"type": "create", "job_id": "warm", "package_id": "WARM", "version": "1", "distribution_points": ["group:all"],
                "content": made.source("warm", {"a": b"a"})}
        made.publish(warm)
        made.await_jobs("warm")
        made.publish({"type": "create", "job_id": "big", "package_id": "BIG", "version": "1", "distribution_points": ["group:all"],
                      "content": made.source("big", files)})
        made.await_jobs("big", deadline=300)
        times = {record.json["state"]: record.timestamp for record in made.read("status")
                 if record.json["type"] == "job" and record.json["job_id"] == "big"}
        return (times["completed"] - times["accepted"]) / 1000


def curl(urls, source, files):
    began = time.monotonic()
    arguments = []
    for url in urls:
        for path in files:
            arguments += ["-T", str(source / path), f"{url.rstrip('/')}/curl/{path}"]
    config = source.parent / "curl.config"
    config.write_text("".join(f'upload-file = "{arguments[i + 1]}"\nurl = "{arguments[i + 2]}"\n' for i in range(0, len(arguments), 3)))
    subprocess.run(["curl", "-sS", "-f", "-Z", "--parallel-max", "32", "-K", str(config)], check=True, timeout=300,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.monotonic() - began


def rclone(urls, source):
    began = time.monotonic()
    copies = [subprocess.Popen(["rclone", "--config", "/dev/null", "copy", str(source), ":webdav:rclone", "--webdav-url", url,
                                "--transfers", "8"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for url in urls]
    for copy in copies:
        words = copy.communicate(timeout=600)[1]
        assert copy.returncode == 0, f"rclone: {words[-1000:]}"
    return time.monotonic() - began


def bench_verify(bootstrap, rounds, quick):
    """The auditor's verify beside a consumer that only reads."""
    import verify
    return verify.bench_verify(bootstrap, rounds, quick)


BENCHES = {"1": bench_engine, "4": bench_latency, "5": bench_content, "verify": bench_verify}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", help="rows to run, such as 1,5", default=",".join(BENCHES))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="less work: to see that it runs, not to quote")
    parser.add_argument("--json", metavar="FILE", help="also write the rows as JSON")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory(prefix="holdpoint-bench-kafka-") as folder, harness.kafka(folder + "/kafka") as bootstrap:
        for number in options.only.split(","):
            progress(f"row {number}: {BENCHES[number].__name__}")
            rows += BENCHES[number](bootstrap, options.rounds, options.quick)
    print(f"{'row':<3} {'work':<58} {'against':<28} {'ours':>10} {'peer':>10} {'ratio':>7} (min–max)")
    for row in rows:
        print(row.line())
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps([row.as_json() for row in rows], indent=1) + "\n")


if __name__ == "__main__":
    sys.modules["bench"] = sys.modules["__main__"]
    main()
