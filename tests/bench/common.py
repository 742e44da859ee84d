"""What the rows have in common: pairs of figures, a system to measure, filled topics."""
import json
import os
import pathlib
import random
import re
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
        self.plot, self.curves = None, None  # the name of a drawing, and what it shows: see plot.py

    def add(self, ours, peer):
        self.rounds.append((ours, peer))

    def ratio(self):
        return statistics.median(ours / peer for ours, peer in self.rounds)

    def as_json(self):
        return {"row": self.number, "work": self.work, "ours": statistics.median(o for o, _ in self.rounds),
                "peer": statistics.median(p for _, p in self.rounds), "against": self.peer, "ratio": round(self.ratio(), 3),
                "aim": self.aim, "rounds": len(self.rounds), **({"plot": self.plot, "curves": self.curves} if self.plot else {})}

    def line(self):
        ratios = sorted(ours / peer for ours, peer in self.rounds)
        row = self.as_json()
        return (f"{self.number:<3} {self.work:<58} {self.peer:<28} {row['ours']:>10.4g} {row['peer']:>10.4g} "
                f"{row['ratio']:>7.2f} ({ratios[0]:.2f}–{ratios[-1]:.2f})  aim {self.aim}")


def progress(words):
    print(f"  {words}", file=sys.stderr, flush=True)


def scratch(stack, name, where="/dev/shm"):
    return pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=f"holdpoint-bench-{name}-", dir=where)))


def system(stack, bootstrap, name, partitions=PARTITIONS, folder=None):
    made = harness.System(bootstrap, folder or scratch(stack, name), f"bench-{name}-{os.getpid()}-{random.randrange(10**6)}.", partitions)
    stack.callback(made.close)
    return made


def start_ready(made, role, *arguments, **options):
    """A worker that listens on worker.port and has all shards running; worker.ready() tells whether it does."""
    port = harness.free_port()
    worker = made.start(role, "--listen", f"127.0.0.1:{port}", *arguments, **options)
    worker.port = port

    def ready():
        assert worker.alive(), worker.log()[-2000:]
        status, words = harness.ask(port, "/readyz")
        return status == 200 and words.startswith("in the group") and "0 of 0" not in words

    worker.ready = ready
    harness.wait_until(f"the {role} runs", ready)
    return worker


def cpu_seconds(pid):
    """Of all its threads, also of those that have ended, in nanoseconds' steps: /proc/PID/stat counts in ticks of 10 ms."""
    return time.clock_gettime((~pid << 3) | 2)  # the process's CPU clock: man 3 clock_getcpuclockid


def metric(worker, name):
    """The sum over its labels; of shards, those that run."""
    text = harness.ask(worker.port, "/metrics")[1]
    return sum(float(value) for labels, value in re.findall(rf"^{name}(\S*) (\S+)$", text, re.M) if "phase" not in labels or "running" in labels)


def duration(made, job):
    """Seconds from the job's time in the log to its completion's."""
    sent = made.publish(job)[0]
    states = made.await_jobs(job["job_id"], deadline=300)
    assert states[job["job_id"]] == "completed", f"{states}\n{made.last_words()}"
    began = next(r.timestamp for r in made.read("jobs") if (r.partition, r.offset) == sent)
    ended = next(r.timestamp for r in made.read("status")
                 if r.json["type"] == "job" and r.json["job_id"] == job["job_id"] and r.json.get("final"))
    return (ended - began) / 1000


def create_topics(bootstrap, names, config=None):
    from confluent_kafka.admin import AdminClient, NewTopic
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for future in admin.create_topics([NewTopic(name, PARTITIONS, 1, config=config or {}) for name in names]).values():
        future.result(30)
    harness.wait_until("the topics have leaders", lambda: (lambda known: all(
        name in known and len(known[name].partitions) == PARTITIONS and
        all(p.leader >= 0 for p in known[name].partitions.values()) for name in names))(admin.list_topics(timeout=10).topics))


def tiny_packages(made, numbers, to):
    """One small file each; their jobs: all creates, each followed by its update."""
    jobs = []
    for number in numbers:
        name = f"PKG{number:06}"
        content = made.source(name, {"tool": f"the content of package {number}".encode()})
        jobs.append((name, json.dumps({"type": "create", "package_id": name, "version": "1.0", "content": content,
                                       "distribution_points": [to]})))
        jobs.append((name, json.dumps({"type": "update", "package_id": name, "version": "1.0"})))
    return jobs


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


def bare_loop(bootstrap, source, count, linger, batch, *outs, switches=()):
    done = subprocess.run([BENCH / "bench_bare_loop", *switches, bootstrap, source, str(count), str(linger), str(batch), *outs],
                          capture_output=True, text=True, check=True, timeout=300)
    result = json.loads(done.stdout)
    return result["records"] / result["seconds"]


def topic_ends(bootstrap, topic):
    """The sum of a topic's end offsets, control records included; 0 while a partition that was just made has no leader."""
    from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "bench"})
    try:
        return sum(consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=10)[1] for p in range(PARTITIONS))
    except KafkaException as error:
        if error.args[0].code() != KafkaError.NOT_LEADER_FOR_PARTITION:
            raise
        return 0
    finally:
        consumer.close()


def append_times(bootstrap, topic):
    """When the broker appended each committed record (ms); the topic has LogAppendTime."""
    from confluent_kafka import Consumer, KafkaError, TopicPartition
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "bench", "isolation.level": "read_committed",
                         "enable.partition.eof": True, "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, p, 0) for p in range(PARTITIONS)])
    times, ended = [], 0
    while ended < PARTITIONS:
        for message in consumer.consume(10000, 0.1):
            if message.error():
                assert message.error().code() == KafkaError._PARTITION_EOF, message.error()
                ended += 1
            else:
                times.append(message.timestamp()[1])
    consumer.close()
    return sorted(times)


def await_records(bootstrap, topic, count, deadline=300):
    """Until a topic has so many committed records; returns when each was appended."""
    harness.wait_until(f"{topic} is that long", lambda: topic_ends(bootstrap, topic) >= count, deadline, every=0.2)
    times = harness.wait_until(f"{topic} has {count} records", lambda: len(
        found := append_times(bootstrap, topic)) >= count and found, every=0.2)
    assert len(times) == count, f"{len(times)} records in {topic}, not {count}"
    return times


def steady_rate(times):
    """Records a second once the first quarter is written: starts of processes and machines of any kind don't count."""
    first = len(times) // 4
    return (len(times) - first) * 1000 / (times[-1] - times[first])
