"""Row 12: one of two stagers is killed: how soon another has written to each partition that was its."""
import contextlib
import json
import random
import re
import statistics
import threading
import time

from common import PARTITIONS, Row, harness, progress, start_ready, system

SESSION_S = 6  # as shipped
JOBS_PER_SECOND = 100


class Load:
    """A job now and then, each for a package of its own: accepted, held, and written down as such."""

    def __init__(self, made):
        from confluent_kafka import Producer
        self.made, self.ended = made, threading.Event()
        self.producer = Producer({"bootstrap.servers": made.bootstrap, "partitioner": "murmur2_random", "linger.ms": 0})
        self.thread = threading.Thread(target=self.run)

    def run(self):
        number = 0
        while not self.ended.wait(1 / JOBS_PER_SECOND):
            name = f"PKG{number:06}"
            self.producer.produce(self.made.prefix + "jobs", key=name, value=json.dumps({
                "type": "update", "package_id": name, "version": "1.0", "distribution_points": ["paris"]}))
            self.producer.poll(0)
            number += 1
        self.producer.flush(30)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()


def shards_of(worker):
    """Those that it runs; none where it does not say that it is ready."""
    status, ready = harness.ask(worker.port, "/readyz")
    text = harness.ask(worker.port, "/metrics")[1] if status == 200 else ""
    found = {int(number) for number in re.findall(r'^holdpoint_input_position\{.*partition="(\d+)"', text, re.M)}
    return found if f"{len(found)} of {len(found)} shards run" in ready else set()


def share(workers):
    """Waits until both have half of them, and returns which."""
    def halves():
        shards = [shards_of(worker) for worker in workers]
        return shards if all(len(some) == PARTITIONS // 2 for some in shards) and len(set.union(*shards)) == PARTITIONS else None
    return harness.wait_until("both stagers have half of the shards", halves, 60)


def first_records(made, partitions, since_ms):
    """When the first record after a time was appended to each of some partitions; a request of the dead may be a moment on its way."""
    from confluent_kafka import Consumer, TopicPartition
    consumer = Consumer({"bootstrap.servers": made.bootstrap, "group.id": "bench", "isolation.level": "read_committed",
                         "enable.auto.commit": False})
    topic, times = made.prefix + "status", {}
    try:
        consumer.assign(consumer.offsets_for_times([TopicPartition(topic, p, int(since_ms) + 100) for p in partitions], 10))
        end = time.monotonic() + 60
        while len(times) < len(partitions):
            assert time.monotonic() < end, f"nothing new in partitions {partitions - set(times)}\n{made.last_words()}"
            for message in consumer.consume(1000, 0.1):
                if not message.error() and message.timestamp()[1] > since_ms + 100:
                    times.setdefault(message.partition(), message.timestamp()[1])
    finally:
        consumer.close()
    return times


def kill_one(made, workers, pick):
    """Seconds until the first record, and until there is one in each of its partitions."""
    shards = share(workers)
    time.sleep(pick.random() * 3)  # somewhere between two heartbeats of either
    which = pick.randrange(2)
    killed_ms = time.time() * 1000
    workers[which].kill()
    times = first_records(made, shards[which], killed_ms)
    workers[which].start()
    return (min(times.values()) - killed_ms) / 1000, (max(times.values()) - killed_ms) / 1000


def bench_takeover(bootstrap, rounds, quick):
    against = f"session time-out + 1 s ({SESSION_S + 1} s)"
    half = Row(12, "kill -9 of one of two stagers → a new record in each moved partition (s)", against, "≤ 1", "less")
    worst = Row(12, "the same, the longest of all kills (s)", against, "≤ 1", "less")
    pick = random.Random(12)
    with contextlib.ExitStack() as stack:
        made = system(stack, bootstrap, "takeover")
        made.add_file_point("paris")
        made.ready()
        workers = [start_ready(made, "stager", f"--spool={made.folder / name}") for name in ("one", "two")]
        stack.enter_context(Load(made))
        for number in range(2 if quick else 3 * rounds):
            first, all_of_them = kill_one(made, workers, pick)
            progress(f"kill {number + 1}: first record after {first:.2f} s, in all moved partitions after {all_of_them:.2f} s")
            half.add(all_of_them, SESSION_S + 1)
    worst.add(max(ours for ours, _ in half.rounds), SESSION_S + 1)
    progress(f"p50 {statistics.median(ours for ours, _ in half.rounds):.2f} s, longest {worst.rounds[0][0]:.2f} s")
    return [half, worst]
