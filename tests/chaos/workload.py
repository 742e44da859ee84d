"""Open-loop load: jobs are sent at their times, whether or not those before are done."""
import json
import random
import threading
import time

from confluent_kafka import Producer

PACKAGES = 120


class Workload(threading.Thread):
    """Sends until told to stop. What was acknowledged is in `sent`: (kind, key, value, job ids that it must end)."""

    def __init__(self, world, rate, seed):
        super().__init__(daemon=True)
        self.world, self.rate, self.pick = world, rate, random.Random(seed)
        self.over, self.number, self.versions, self.sent, self.lost = threading.Event(), 0, {}, [], 0
        common = {"bootstrap.servers": world.bootstrap, "enable.idempotence": True, "linger.ms": 0, "message.max.bytes": 2000000,
                  "message.timeout.ms": 120000, "log_level": 2}
        self.right = Producer({**common, "partitioner": "murmur2_random"})
        self.wrong = Producer({**common, "partitioner": "consistent"})
        self.recent = []

    def run(self):
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
        for producer in (self.right, self.wrong):
            if producer.flush(130):
                raise AssertionError("jobs neither delivered nor failed within 130 s")

    def send(self, kind, key, value, ends=(), producer=None):
        def delivered(error, message):
            if error:
                self.lost += 1  # perhaps in the log, perhaps not: nothing is promised of it
            else:
                self.sent.append((kind, key, value, tuple(ends), message.partition(), message.offset()))
        (producer or self.right).produce(f"{self.world.prefix}jobs", key=key, value=value, on_delivery=delivered)

    def send_job(self, kind, job, producer=None):
        value = json.dumps(job).encode()
        self.send(kind, job["package_id"].encode(), value, [job["job_id"]], producer)
        if kind == "job":
            self.recent = [*self.recent[-30:], job]

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
            self.send("poison", self.pick.choice([b"PKG0001", b"PKG0007", None]), self.pick.choice(
                [b"{", b"not JSON", None, b"\xff\xfe\x00", b"[" * 10000, b'{"type":"create"}', b"{}",
                 json.dumps({"type": "destroy", "package_id": "PKG0001", "version": "1"}).encode(),
                 json.dumps({"type": "update", "package_id": "PKG0099", "version": "1", "gates": "all"}).encode()]))
        elif choose < 0.92:
            for job in self.pair():
                self.send_job("misrouted", job, self.wrong)
        elif choose < 0.96:
            self.send_job("job", self.job(type="update", package_id=self.package(), version=f"9{self.number}.0",
                                          deadline="PT20S", distribution_points=["group:apac"]))
        elif self.versions:
            package = self.pick.choice(list(self.versions))
            self.send_job("job", self.job(type="update", package_id=package, version=self.pick.choice(self.versions[package])))
