"""Rows 1 and 2: the job path beside bare exactly-once loops, and beside Kafka Streams."""
import contextlib
import json
import random
import statistics
import subprocess
import tempfile

from common import ROOT, Row, await_records, bare_loop, create_topics, fill, progress, steady_rate, system, zipf_keys

PACKAGES, PER_PACKAGE = 30000, 250
SHAPES = [(threads, linger) for threads in (1, 2) for linger in (5, 50)]  # of the bare loop: the best one counts


def make_jobs(count, pick):
    """Updates of 300 bytes that are accepted and held; Zipf over packages, but no more of one than may be held."""
    seen, jobs = {}, []
    for package in zipf_keys(count, PACKAGES, pick):
        while seen.get(package, 0) >= PER_PACKAGE:
            package = pick.randrange(PACKAGES)
        seen[package] = seen.get(package, 0) + 1
        name = f"PKG{package:05}"
        jobs.append((name, json.dumps({"type": "update", "job_id": f"job-{len(jobs)}", "package_id": name, "version": "1.0",
                                       "distribution_points": ["paris"], "requested_by": "bench@example",
                                       "annotations": {"ticket": "OPS-12345", "note": "a text of some length to make three hundred bytes"}})))
    return jobs


def job_system(stack, bootstrap, name, count, pick):
    made = system(stack, bootstrap, name)
    made.add_file_point("paris")
    made.ready()
    fill(bootstrap, made.prefix + "jobs", make_jobs(count, pick))
    return made


def warm(bootstrap):
    """A broker is slower until its code is compiled: nobody is measured on a cold one."""
    with contextlib.ExitStack() as stack:
        made = job_system(stack, bootstrap, "warm", 100_000, random.Random(0))
        run_stager(made, 100_000)
        best_bare_loop(made, 100_000, [465, 323, 86])


def run_stager(made, count):
    """Jobs per second."""
    stager = made.start("stager")
    times = await_records(made.bootstrap, made.prefix + "status", 2 * count)
    stager.stop()
    return steady_rate(times) / 2


def bytes_written(made, count):
    """Mean bytes, key and value, of what the stager wrote for a job: the two statuses and the row."""
    sizes = {"accepted": [], "held": []}
    for record in made.read("status", deadline=120):
        sizes[record.json["state"]].append(len(record.key) + len(record.value))
    assert [len(of_state) for of_state in sizes.values()] == [count, count], "not two records a job"
    rows = [len(row.key) + len(row.value) for row in made.read("stager-state", deadline=120) if row.key[:1] != b"@"]
    assert len(rows) == count, f"{len(rows)} rows for {count} jobs"
    return [round(statistics.mean(of_kind)) for of_kind in (*sizes.values(), rows)]


def best_bare_loop(made, count, sizes, *switches):
    rates = {}
    for threads, linger in SHAPES:
        name = f"{made.prefix}bare{''.join(switches)}-{threads}-{linger}-"
        create_topics(made.bootstrap, [name + str(out) for out in range(3)], {"message.timestamp.type": "LogAppendTime"})
        bare_loop(made.bootstrap, made.prefix + "jobs", count, linger, 20000,
                  *(f"{name}{out}:{size - len('PKG00000')}" for out, size in enumerate(sizes)),
                  switches=("--threads", str(threads), *switches))
        rates[threads, linger] = steady_rate(await_records(made.bootstrap, name + "0", count))
    progress(f"bare loop {' '.join(switches)}: " + ", ".join(
        f"{rate:,.0f} jobs/s ({threads} threads, {linger} ms)" for (threads, linger), rate in rates.items()))
    return max(rates.values())


def job_rounds(bootstrap, name, rounds, quick, seed):
    """Each round's jobs as a stager has done them: the system, how many, jobs per second, bytes of its records and row."""
    count = 100_000 if quick else 400_000
    pick = random.Random(seed)
    warm(bootstrap)
    for number in range(rounds):
        with contextlib.ExitStack() as stack:
            made = job_system(stack, bootstrap, name, count, pick)
            ours = run_stager(made, count)
            sizes = bytes_written(made, count)
            progress(f"round {number + 1}: ours {ours:,.0f} jobs/s, records and row of {sizes} bytes")
            yield made, count, ours, sizes


def bench_engine(bootstrap, rounds, quick):
    """The stager's whole apply path: updates that are accepted and held, 2 status records and 1 state row each."""
    work = "job path, exactly once: parse, apply, 2 records + 1 row (jobs/s)"
    without = Row(1, work, "bare loop, same bytes, no parse", "≥ 0.4", "more")
    parsing = Row(1, work, "bare loop, same bytes, parsing", "≥ 0.8", "more")
    for made, count, ours, sizes in job_rounds(bootstrap, "engine", rounds, quick, seed=1):
        without.add(ours, best_bare_loop(made, count, sizes))
        parsing.add(ours, best_bare_loop(made, count, sizes, "--parse"))
    return [without, parsing]


def libraries():
    libs = sorted((ROOT / ".cache" / "streams").glob("*/libs"))
    assert libs, "no Kafka Streams in .cache: run script/bootstrap --bench"
    return libs[-1]


def run_streams(made, count, sizes, threads, store):
    """Jobs per second of the peer on Kafka Streams."""
    out = f"{made.prefix}streams-{store}-{threads}"
    create_topics(made.bootstrap, [out], {"message.timestamp.type": "LogAppendTime"})
    with tempfile.TemporaryDirectory(prefix="holdpoint-bench-streams-", dir="/dev/shm") as folder, \
            open(f"{folder}/log", "w+") as log:
        key = len("PKG00000")
        peer = subprocess.Popen(
            ["java", "-Xmx1500m", "-XX:+UseParallelGC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", f"{libraries()}/*",
             ROOT / "tests/bench/streams/StreamsPeer.java", made.bootstrap, made.prefix + "jobs", out, str(threads), store,
             folder, *(str(size - key) for size in sizes[:2]), str(sizes[2] - len("PKG00000/j/job-000000"))],
            stdout=log, stderr=subprocess.STDOUT)
        try:
            return steady_rate(await_records(made.bootstrap, out, 2 * count)) / 2
        except AssertionError as error:
            log.seek(0)
            raise AssertionError(f"{error}\n{log.read()[-2000:]}") from error
        finally:
            peer.terminate()
            peer.wait(60)


def bench_streams(bootstrap, rounds, quick):
    """The same work by Kafka Streams, on one and on two threads: the better one counts."""
    rows = {store: Row(2, "job path, exactly once: parse, apply, 2 records + 1 row (jobs/s)", f"Kafka Streams, {words}", "≥ 2", "more")
            for store, words in (("memory", "in memory"), ("rocksdb", "RocksDB"))}
    for made, count, ours, sizes in job_rounds(bootstrap, "streams", rounds, quick, seed=2):
        for store, row in rows.items():
            rates = [run_streams(made, count, sizes, threads, store) for threads in (1, 2)]
            progress(f"Kafka Streams, {store}: {rates[0]:,.0f} jobs/s on one thread, {rates[1]:,.0f} on two")
            row.add(ours, max(rates))
    return list(rows.values())
