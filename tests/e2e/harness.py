"""Real processes on a real Kafka with real distribution points, for whole-behaviour tests.

A System is one installation under its own topic prefix: catalogue, distribution points, workers. Nothing here is a
stand-in; what a test sees it reads back from the topics (read_committed) and from the distribution points.
"""
import contextlib
import hashlib
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("HOLDPOINT_BIN", ROOT / "build" / "bin"))
TOPICS = ("jobs", "staged", "updated", "status", "dlq")
SLOW = float(os.environ.get("HOLDPOINT_TEST_SLOWNESS", "1"))  # scales every deadline, for sanitizers and slow machines


def wait_until(what, condition, deadline=30.0, every=0.05):
    """The condition's first true value; fails with what was waited for."""
    end = time.monotonic() + deadline * SLOW
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline * SLOW:g} s: {what}")
        time.sleep(every)


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def ask(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10 * SLOW)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except OSError:
        return None, ""
    finally:
        connection.close()


class Record:
    """One record as read from a topic."""

    def __init__(self, message, topic):
        self.topic, self.partition, self.offset = topic, message.partition(), message.offset()
        self.key, self.value = message.key(), message.value()
        self.headers = {name: value for name, value in message.headers() or []}
        self.timestamp = message.timestamp()[1]

    @property
    def json(self):
        return json.loads(self.value)

    def __repr__(self):
        return f"{self.topic}/{self.partition}@{self.offset} {self.value!r}"


class Worker:
    """A stager or updater process. Its log is a file; it dies with the test."""

    def __init__(self, role, command, log):
        self.role, self.command, self.log_path = role, command, log
        self.process = None
        self.start()

    def start(self):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def log(self):
        return self.log_path.read_text(errors="replace")

    def alive(self):
        return self.process.poll() is None

    def signal(self, number):
        if self.alive():
            self.process.send_signal(number)

    def kill(self):
        self.signal(signal.SIGKILL)
        return self.process.wait(timeout=30)

    def stall(self):
        self.signal(signal.SIGSTOP)

    def wake(self):
        self.signal(signal.SIGCONT)

    def stop(self, deadline=30):
        self.wake()
        self.signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=deadline * SLOW)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.role} did not end within {deadline} s of SIGTERM; its log ends:\n{self.log()[-2000:]}")


class System:
    """An installation: topics under a prefix of its own, distribution points, sources, workers."""

    def __init__(self, bootstrap, folder, prefix, partitions=4):
        self.bootstrap, self.folder, self.prefix, self.partitions = bootstrap, pathlib.Path(folder), prefix, partitions
        self.has_topics = False
        self.points, self.sources, self.workers = [], [{"prefix": f"file://{self.folder}/src/"}], []
        self.catalogue = self.folder / "distribution-points.json"
        (self.folder / "src").mkdir(parents=True, exist_ok=True)

    # -- set up

    def topics(self):
        self.producer_command("topics", "--partitions", str(self.partitions), "--timeout", str(round(30 * SLOW)))
        self.has_topics = True

    def add_file_point(self, name, groups=(), **settings):
        base = self.folder / "dp" / name
        base.mkdir(parents=True, exist_ok=True)
        self.points.append({"name": name, "url": f"file://{base}/", "groups": list(groups), **settings})
        return base

    def add_http_point(self, name, url, groups=(), **settings):
        self.points.append({"name": name, "url": url if url.endswith("/") else url + "/", "groups": list(groups), **settings})

    def write_catalogue(self):
        text = json.dumps({"distribution_points": self.points, "sources": self.sources}, indent=1)
        temporary = self.catalogue.with_suffix(".new")
        temporary.write_text(text)
        temporary.rename(self.catalogue)

    def init_points(self, *names, replace=False):
        arguments = ["--replace"] if replace else []
        return self.run("holdpoint-stager", "dp", "init", "--distribution-points", str(self.catalogue), *arguments, *names)

    def ready(self):
        """Topics, catalogue and dp.json files."""
        self.topics()
        self.write_catalogue()
        self.init_points()

    # -- commands

    def common(self):
        return ["-b", self.bootstrap, "--prefix", self.prefix]

    def run(self, binary, *arguments, check=0, deadline=60, stdin=None):
        done = subprocess.run([str(BIN / binary), *arguments], capture_output=True, text=True, input=stdin,
                              timeout=deadline * SLOW)
        if check is not None and done.returncode != check:
            raise AssertionError(f"{binary} {' '.join(arguments)}: exit {done.returncode}, expected {check}\n"
                                 f"{done.stdout}\n{done.stderr}")
        return done

    def producer_command(self, command, *arguments, **options):
        return self.run("holdpoint-producer", command, *self.common(), *arguments, **options)

    def start(self, role, *arguments, instance=None):
        number = len(self.workers)
        command = [str(BIN / f"holdpoint-{role}"), *self.common(), "--distribution-points", str(self.catalogue), *arguments]
        if role == "stager":
            command += ["--spool", str(self.folder / f"spool{number}")]
        if instance:
            command += ["--instance", instance]
        worker = Worker(role, command, self.folder / f"{role}{number}.log")
        self.workers.append(worker)
        return worker

    def close(self):
        for worker in self.workers:
            if worker.alive():
                worker.wake()
                worker.kill()

    # -- content

    def source(self, name, files):
        """A source folder; files: path → bytes. Returns the job's content."""
        base = self.folder / "src" / name
        entries = []
        for path, data in files.items():
            target = base / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
            entries.append({"path": path, "size": len(data), "digest": sha256(data), "url": f"file://{target}"})
        return {"files": entries}

    # -- jobs

    def publish(self, *jobs, partitioner="murmur2_random", **config):
        """Publishes jobs (dicts, or (key, bytes) pairs) in order, as any Kafka client would; returns positions."""
        producer = Producer({"bootstrap.servers": self.bootstrap, "partitioner": partitioner, "linger.ms": 0,
                             "enable.idempotence": True, "message.max.bytes": 2000000, **config})
        positions = []

        def delivered(error, message):
            assert error is None, error
            positions.append((message.partition(), message.offset()))

        for job in jobs:
            key, value = job if isinstance(job, tuple) else (job["package_id"], json.dumps(job))
            while True:
                try:
                    producer.produce(f"{self.prefix}jobs", key=key, value=value, on_delivery=delivered)
                    break
                except BufferError:
                    producer.poll(0.1)
        assert producer.flush(30) == 0, "jobs not delivered in 30 s"
        return positions

    # -- what is in the log

    def read(self, topic, isolation="read_committed", deadline=30):
        """All records of a topic now, each partition in order."""
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": "e2e-reader", "isolation.level": isolation,
                             "enable.auto.commit": False, "enable.partition.eof": True, "auto.offset.reset": "earliest",
                             "fetch.wait.max.ms": 10, "receive.message.max.bytes": 1000000000, "log_level": 2})
        name, records, open_partitions = self.prefix + topic, [], set(range(self.partitions))
        try:
            consumer.assign([TopicPartition(name, p, 0) for p in range(self.partitions)])
            end = time.monotonic() + deadline * SLOW
            while open_partitions:
                assert time.monotonic() < end, f"{name} not read to its end in {deadline} s"
                for message in consumer.consume(10000, 0.1):
                    if not message.error():
                        records.append(Record(message, topic))
                    elif message.error().code() == KafkaError._PARTITION_EOF:
                        open_partitions.discard(message.partition())
                    else:
                        raise AssertionError(f"{name}: {message.error()}")
        finally:
            consumer.close()
        return sorted(records, key=lambda record: (record.partition, record.offset))

    def read_all(self):
        return {topic: self.read(topic) for topic in TOPICS}

    def terminal(self):
        """job_id → its terminal status records."""
        ends = {}
        for record in self.read("status"):
            status = record.json
            if status["type"] == "job" and status.get("final"):
                ends.setdefault(status["job_id"], []).append(status)
        return ends

    def await_jobs(self, *job_ids, deadline=30):
        """Waits until each job has a terminal status; returns job_id → state."""
        def ended():
            ends = self.terminal()
            return ends if all(job in ends for job in job_ids) else None
        try:
            ends = wait_until(f"the end of {len(job_ids)} jobs", ended, deadline, every=0.2)
        except AssertionError as error:
            ends = self.terminal()
            missing = [job for job in job_ids if job not in ends]
            raise AssertionError(f"{error}; still open: {missing[:10]} ({len(missing)})\n{self.last_words()}") from None
        return {job: ends[job][0]["state"] for job in job_ids}

    def await_status(self, what, matches, deadline=30):
        def found():
            return next((record for record in self.read("status") if matches(record.json)), None)
        try:
            return wait_until(what, found, deadline, every=0.2)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.last_words()}") from None

    def last_words(self):
        return "\n".join(f"--- {w.role} ({'alive' if w.alive() else w.process.returncode}): {w.log()[-1500:]}" for w in self.workers)

    # -- what is on a file distribution point

    def base(self, point):
        return self.folder / "dp" / point

    def current(self, point, package):
        path = self.base(point) / package / "current.json"
        return json.loads(path.read_text()) if path.exists() else None


@contextlib.contextmanager
def kafka(folder, brokers=1):
    """A real Kafka of its own; yields the bootstrap address."""
    script = [str(ROOT / "script" / "kafka")]
    started = subprocess.run([*script, "start", "--dir", str(folder), "--brokers", str(brokers)], capture_output=True,
                             text=True, timeout=120 * SLOW)
    assert started.returncode == 0, started.stderr
    try:
        yield started.stdout.strip().splitlines()[-1]
    finally:
        subprocess.run([*script, "clean", "--dir", str(folder)], capture_output=True, timeout=60 * SLOW, check=False)
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def nginx(folder, count=1, *options):
    """Real nginx servers with WebDAV; yields their base URLs."""
    script = [str(ROOT / "script" / "nginx")]
    started = subprocess.run([*script, "start", "--dir", str(folder), "--count", str(count), *options], capture_output=True,
                             text=True, timeout=60)
    assert started.returncode == 0, started.stderr
    try:
        yield started.stdout.split()
    finally:
        subprocess.run([*script, "clean", "--dir", str(folder)], capture_output=True, timeout=60 * SLOW, check=False)
