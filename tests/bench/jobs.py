"""Row 1: the job path beside a bare exactly-once loop."""
import contextlib
import json
import random
import time

from common import PARTITIONS, Row, bare_loop, create_topics, fill, progress, system, zipf_keys


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
