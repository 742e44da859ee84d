"""Open-loop load: jobs are sent at their times, whether or not those before are done."""
import json
import random
import threading
import time
import traceback

from confluent_kafka import KafkaError, KafkaException, Producer

PACKAGES = 120


class Sender:
    """An idempotent producer, and the one after it: librdkafka gives one up for good where a broker lost track of its sequence.
    What is not acknowledged is sent again, as by any client that wants its jobs done."""

    def __init__(self, world, partitioner, acknowledged):
        self.topic, self.acknowledged, self.given_up, self.again, self.lost = f"{world.prefix}jobs", acknowledged, False, [], 0
        self.settings = {"bootstrap.servers": world.bootstrap, "enable.idempotence": True, "linger.ms": 0, "message.max.bytes": 2000000,
                         "message.timeout.ms": 120000, "log_level": 2, "partitioner": partitioner}
        self.producer = Producer(self.settings)

    def send(self, record):
        """record: (kind, key, value, job ids that it must end)."""
        def delivered(error, message):
            if error:
                self.lost += 1  # perhaps in the log, perhaps not
                self.again.append(record)
            else:
                self.acknowledged(record, message)
        _, key, value, _ = record
        try:
            self.producer.produce(self.topic, key=key, value=value, on_delivery=delivered)
        except KafkaException as error:
            self.note(error)
            self.again.append(record)

    def note(self, error):
        if not error.args[0].fatal() and error.args[0].code() != KafkaError._FATAL:
            raise error
        self.given_up = True

    def poll(self, seconds):
        try:
            self.producer.poll(seconds)
        except KafkaException as error:
            self.note(error)
        if self.given_up:
            self.replace()
        again, self.again = self.again, []
        for record in again:
            self.send(record)

    def replace(self):
        self.producer.purge()
        while len(self.producer):
            try:
                self.producer.flush(10)
            except KafkaException as error:  # it may say once more that it gave up
                self.note(error)
        self.producer, self.given_up = Producer(self.settings), False

    def flush(self, seconds):
        end = time.monotonic() + seconds
        while len(self.producer) or self.again:
            if time.monotonic() > end:
                raise AssertionError(f"jobs not acknowledged within {seconds} s")
            self.poll(0.1)


class Workload(threading.Thread):
    """Sends until told to stop. What was acknowledged is in `sent`: (kind, key, value, job ids that it must end, partition,
    offset)."""

    def __init__(self, world, rate, seed):
        super().__init__(daemon=True)
        self.world, self.rate, self.pick = world, rate, random.Random(seed)
        self.over, self.number, self.versions, self.sent, self.recent = threading.Event(), 0, {}, [], []
        self.right, self.wrong = (Sender(world, partitioner, self.acknowledged) for partitioner in ("murmur2_random", "consistent"))
        self.failure = None

    @property
    def lost(self):
        """How many sends were not acknowledged: those records may be in the log once more."""
        return self.right.lost + self.wrong.lost

    def run(self):
        try:
            self.send_all()
        except Exception:
            self.failure = traceback.format_exc()

    def send_all(self):
        due = time.monotonic()
        while not self.over.is_set():
            self.step()
            due += self.pick.expovariate(self.rate)
            while not self.over.is_set() and time.monotonic() < due:
                self.right.poll(0.02)
                self.wrong.poll(0)

    def finish(self):
        self.over.set()
        self.join()
        if self.failure:
            raise AssertionError(f"the workload could not go on: {self.failure}")
        for sender in (self.right, self.wrong):
            sender.flush(130)

    def acknowledged(self, record, message):
        kind, key, value, ends = record
        self.sent.append((kind, key, value, ends, message.partition(), message.offset()))
        if kind == "job":
            self.recent = [*self.recent[-30:], json.loads(value)]

    def send_job(self, kind, job, sender=None):
        (sender or self.right).send((kind, job["package_id"].encode(), json.dumps(job).encode(), (job["job_id"],)))

    # -- what is sent

    def package(self):
        return f"PKG{min(int(self.pick.paretovariate(0.8)), PACKAGES):04}"

    def targets(self):
        return self.pick.choice([["group:all"], ["group:all"], ["group:emea"], ["group:apac"], ["paris"], ["liar", "lyon"]])

    def content(self, package, version):
        files = {f"file{n}": f"{package} {version} {n}\n".encode() * self.pick.choice([1, 50, 2000])
                 for n in range(self.pick.choice([1, 2, 4]))}
        files["version"] = version.encode()
        source = self.world.served_source if self.pick.random() < 0.4 else self.world.source
        return source(f"{package}-{version}", files)

    def job(self, **fields):
        self.number += 1
        return {"job_id": f"j{self.number}", **fields}

    def new_version(self, package):
        self.versions.setdefault(package, []).append(f"{len(self.versions.get(package, [])) + 1}.0")
        return self.versions[package][-1]

    def pair(self, package=None):
        package = package or self.package()
        version = self.new_version(package)
        create = self.job(type="create", package_id=package, version=version, content=self.content(package, version),
                          distribution_points=self.targets())
        update = self.job(type="update", package_id=package, version=version, gate=self.pick.choice(["each", "each", "all"]))
        return [create, update] if self.pick.random() < 0.6 else [update, create]

    def step(self):
        choose = self.pick.random()
        if choose < 0.55:
            for job in self.pair():
                self.send_job("job", job)
        elif choose < 0.65:
            package = self.package()
            version = self.new_version(package)
            self.send_job("job", self.job(type="update", package_id=package, version=version, content=self.content(package, version),
                                          distribution_points=self.targets()))
        elif choose < 0.72:
            package = self.package()
            for job in [*self.pair(package), *self.pair(package), *self.pair(package)]:
                self.send_job("job", job)
        elif choose < 0.78 and self.recent:
            self.send_job("duplicate", self.pick.choice(self.recent))
        elif choose < 0.86:
            self.right.send(("poison", self.pick.choice([b"PKG0001", b"PKG0007", None]), self.pick.choice(
                [b"{", b"not JSON", None, b"\xff\xfe\x00", b"[" * 10000, b'{"type":"create"}', b"{}",
                 json.dumps({"type": "destroy", "package_id": "PKG0001", "version": "1"}).encode(),
                 json.dumps({"type": "update", "package_id": "PKG0099", "version": "1", "gates": "all"}).encode()]), ()))
        elif choose < 0.92:
            for job in self.pair():
                self.send_job("misrouted", job, self.wrong)
        elif choose < 0.96:
            self.send_job("job", self.job(type="update", package_id=self.package(), version=f"9{self.number}.0",
                                          deadline="PT20S", distribution_points=["group:apac"]))
        elif self.versions:
            package = self.pick.choice(list(self.versions))
            self.send_job("job", self.job(type="update", package_id=package, version=self.pick.choice(self.versions[package])))
