"""Rows 1 and 2: the job path beside bare exactly-once loops, and beside Kafka Streams."""
import contextlib
import json
import random
import statistics

from common import Row, await_records, bare_loop, create_topics, fill, progress, steady_rate, system, zipf_keys

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


def bench_engine(bootstrap, rounds, quick):
    """The stager's whole apply path: updates that are accepted and held, 2 status records and 1 state row each."""
    work = "job path, exactly once: parse, apply, 2 records + 1 row (jobs/s)"
    without = Row(1, work, "bare loop, same bytes, no parse", "≥ 0.4", "more")
    parsing = Row(1, work, "bare loop, same bytes, parsing", "≥ 0.8", "more")
    count = 100_000 if quick else 400_000
    pick = random.Random(1)
    for number in range(rounds):
        with contextlib.ExitStack() as stack:
            made = system(stack, bootstrap, "engine")
            made.add_file_point("paris")
            made.ready()
            fill(bootstrap, made.prefix + "jobs", make_jobs(count, pick))
            ours = run_stager(made, count)
            sizes = bytes_written(made, count)
            progress(f"round {number + 1}: ours {ours:,.0f} jobs/s, records and row of {sizes} bytes")
            without.add(ours, best_bare_loop(made, count, sizes))
            parsing.add(ours, best_bare_loop(made, count, sizes, "--parse"))
    return [without, parsing]
