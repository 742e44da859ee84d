"""Honest histories of an installation, as the topics would hold them, and ways to make exactly one thing in them wrong.

A History is lanes (one partition of one topic) of Entries. An Entry's value may cite other entries (At, JobId): places are
filled in when the history is rendered, so that taking an entry away or moving it leaves all other citations right. Shares no
code with the product; what is honest is told by docs/contract.md.
"""
import datetime
import hashlib
import json
import random
import uuid

from checker import partition_of
from ids import ids_of, stager_id

TOPICS = ("jobs", "staged", "updated", "status", "dlq")
SECOND = 1000
BEGIN = 1_790_000_000_000


class At:
    """The position of an entry, wherever it lies in the end."""

    def __init__(self, entry):
        self.entry = entry

    def render(self):
        return {"partition": self.entry.partition, "offset": self.entry.offset}


class JobId(At):
    """The id of a job that brought none: where its record first was."""

    def render(self):
        return f"@{self.entry.partition}-{self.entry.offset}"


class Id:
    """The id of a record with these fields, wherever what they cite lies in the end. What is changed in the record later does
    not change it: it is an id that was right once."""

    def __init__(self, fields, number=0, foreign=None):
        self.fields, self.number, self.foreign = dict(fields), number, foreign

    def render(self):
        made = ids_of(plain(self.fields), self.number)
        if not made:
            return self.foreign
        return sorted(made, key=lambda one: one != self.preferred(made))[0]

    def preferred(self, made):
        """Of an end: an update is ended by the updater, a create by the stager."""
        if len(made) == 1:
            return next(iter(made))
        fields = plain(self.fields)
        stagers = stager_id("ended", fields["package_id"], fields["version"], job_id=fields["job_id"],
                            position=(fields["job_position"]["partition"], fields["job_position"]["offset"]))
        return stagers if fields["job_type"] == "create" else next(one for one in made if one != stagers)


def plain(value):
    """With all that is cited filled in."""
    if isinstance(value, (At, Place, Id)):
        return value.render()
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return value


class Entry:
    def __init__(self, topic, package, value, headers=None):
        self.topic, self.key, self.value, self.headers = topic, package.encode(), value, headers or {}
        self.partition = self.offset = self.time = None

    def kind(self):
        return (self.value.get("type"), self.value.get("state")) if isinstance(self.value, dict) else ("raw", None)

    def __repr__(self):
        return f"{self.topic}/{self.partition}@{self.offset} {self.kind()}"


class Rendered:
    """One record, with the attributes of harness.Record."""

    def __init__(self, topic, partition, offset, timestamp, key, value, headers):
        self.topic, self.partition, self.offset, self.timestamp = topic, partition, offset, timestamp
        self.key, self.value, self.headers = key, value, headers

    @property
    def json(self):
        return json.loads(self.value)

    def __repr__(self):
        return f"{self.topic}/{self.partition}@{self.offset} {self.value!r}"


def time_text(ms):
    moment = datetime.datetime.fromtimestamp(ms / 1000, datetime.timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03d}Z"


def manifest_digest(files):
    """Of the canonical form: see the contract."""
    canonical = {"files": [{"path": f["path"], "size": f["size"], "digest": f["digest"],
                            "executable": f.get("executable", False)} for f in sorted(files, key=lambda f: f["path"].encode())]}
    return "sha256:" + hashlib.sha256(json.dumps(canonical, separators=(",", ":"), ensure_ascii=False).encode()).hexdigest()


class History:
    def __init__(self, partitions=4, prefix="made."):
        self.partitions, self.prefix, self.lanes, self.now = partitions, prefix, {}, BEGIN

    def lane(self, topic, partition):
        return self.lanes.setdefault((topic, partition), [])

    def add(self, entry, partition=None):
        entry.partition = partition_of(entry.key, self.partitions) if partition is None else partition
        entry.time = self.now
        self.lane(entry.topic, entry.partition).append(entry)
        return entry

    def entries(self, topic=None, type=None, state=None):
        for lane_topic, partition in sorted(self.lanes):
            if topic in (None, lane_topic):
                for entry in self.lanes[lane_topic, partition]:
                    if (type is None or entry.kind()[0] == type) and (state is None or entry.kind()[1] == state):
                        yield entry

    def remove(self, entry):
        self.lane(entry.topic, entry.partition).remove(entry)

    # -- what it looks like

    def number(self, first=lambda topic, partition: 0, gap=lambda: 0):
        for (topic, partition), lane in sorted(self.lanes.items()):
            offset = first(topic, partition)
            for entry in lane:
                entry.partition, entry.offset = partition, offset
                offset += 1 + gap()

    def render(self, **numbering):
        """topic → records. gap: how many offsets to leave out behind a record, as transactions do."""
        self.number(**numbering)
        rendered = {topic: [] for topic in TOPICS}
        for (topic, partition), lane in sorted(self.lanes.items()):
            for entry in lane:
                rendered[topic].append(Rendered(topic, partition, entry.offset, entry.time, entry.key,
                                                self.bytes_of(entry.value), self.render_headers(entry.headers)))
        return rendered

    def render_headers(self, headers):
        return {name: str(plain(value)).replace("{prefix}", self.prefix).encode() for name, value in headers.items()}

    def bytes_of(self, value):
        return value if value is None or isinstance(value, bytes) else json.dumps(plain(value)).encode()


class Place:
    """Only a partition or an offset of an entry, for headers."""

    def __init__(self, entry, what):
        self.entry, self.what = entry, what

    def render(self):
        return getattr(self.entry, self.what)


def dump_lines(rendered, prefix):
    """As `kcat -C -J` prints a dump: lanes in any order, each in its own."""
    for topic in TOPICS:
        for record in rendered[topic]:
            line = {"topic": prefix + topic, "partition": record.partition, "offset": record.offset, "tstype": "logappend",
                    "ts": record.timestamp, "broker": 1}
            if record.headers:
                line["headers"] = [text for name, value in record.headers.items() for text in (name, value.decode())]
            line["key"] = None if record.key is None else record.key.decode()
            line["payload"] = None if record.value is None else record.value.decode("utf-8", "surrogateescape")
            yield json.dumps(line)


# ---- an honest installation, in small


class Job:
    def __init__(self, entry, job_id, value, points):
        self.entry, self.id, self.value, self.points = entry, job_id, value, points
        self.is_update = value["type"] == "update"
        self.outcomes, self.released, self.ended, self.order = {}, {}, False, None

    @property
    def version(self):
        return self.value["version"]


class Version:
    def __init__(self, digest, files, wanted_by):
        self.digest, self.files, self.wanted_by = digest, files, wanted_by
        self.staged, self.failed, self.restages = {}, {}, {}  # point → newest staged entry, True, how often anew


def combine(outcomes):
    return next(state for state in ("failed", "expired", "canceled", "completed", "superseded") if state in outcomes.values())


class Package:
    """The gate and the switch of one package. Each step appends what a stager or an updater would say."""

    def __init__(self, world, name):
        self.world, self.name, self.jobs, self.versions = world, name, [], {}
        self.newest, self.current, self.attempts, self.numbers = {}, {}, {}, 0

    # -- saying

    def say(self, topic, type, number=0, **fields):
        value = {"schema": 1, "type": type, "time": time_text(self.world.now()), "package_id": self.name, **fields}
        value["id"] = Id(value, number, self.world.new_id())
        return self.world.history.add(Entry(topic, self.name, value))

    def say_job(self, job, state, **fields):
        return self.say("status", "job", job_id=job.id, version=job.version, job_type=job.value["type"],
                        job_position=At(job.entry), state=state, final=state not in ("accepted", "held"), **fields)

    def say_point(self, version, point, state, **fields):
        return self.say("status", "distribution_point", version=version, distribution_point=point, state=state, attempt=1, **fields)

    # -- jobs

    def new_number(self):
        self.numbers += 1
        return self.numbers

    def publish(self, value, headers=None, partition=None):
        return self.world.history.add(Entry("jobs", self.name, value, headers), partition)

    def submit(self, value, points, named=True, detour=False):
        """A job is published, and applied once where it belongs."""
        if named:
            value["job_id"] = f"{value['type'][0]}-{self.new_number()}"
        origin = entry = None
        if detour and self.world.history.partitions > 1:
            right = partition_of(self.name.encode(), self.world.history.partitions)
            origin = self.publish(value, partition=(right + 1) % self.world.history.partitions)
            entry = self.publish(value, {"holdpoint-origin-partition": Place(origin, "partition"),
                                         "holdpoint-origin-offset": Place(origin, "offset")})
        else:
            entry = self.publish(value)
        job = Job(entry, value["job_id"] if named else JobId(origin or entry), value, points)
        job.order = len(self.jobs)
        self.jobs.append(job)
        known = {"distribution_points": list(points)} if points else {}
        self.say_job(job, "accepted", deadline=time_text(self.world.now() + 86400 * SECOND), **known)
        return job

    def create(self, points, named=True, detour=False, update=False):
        version = f"{self.new_number()}.0"
        content = self.world.new_content(self.name, version)
        value = {"type": "update" if update else "create", "package_id": self.name, "version": version, "content": content,
                 "distribution_points": list(points)}
        job = self.submit(value, points, named, detour)
        self.versions[version] = Version(manifest_digest(content["files"]), content["files"], {p: job for p in points})
        if update:
            self.hold(job)
        return job

    def update(self, version, points, gate="each", **how):
        value = {"type": "update", "package_id": self.name, "version": version, "gate": gate, "distribution_points": list(points)}
        job = self.submit(value, points, **how)
        self.hold(job)
        self.run_gate()
        return job

    def hold(self, job):
        version = self.versions.get(job.version)
        missing = [p for p in job.points if not version or p not in version.staged]
        if missing:
            self.say_job(job, "held", waiting_for={"staged": len(job.points) - len(missing), "targets": len(job.points),
                                                   "missing": missing})

    def send_again(self, job):
        again = self.publish(job.value)
        if "job_id" not in job.value:
            self.world.history.remove(again)  # without an id it would be a job of its own
            return
        self.say("status", "duplicate", job_id=job.id, version=job.version, original=At(job.entry), duplicate=At(again))

    def send_rejected(self):
        entry = self.publish({"type": "create", "job_id": f"bad-{self.new_number()}", "package_id": self.name, "version": "1.0",
                              "content": {"files": []}, "distribution_points": ["nowhere"]})
        self.say("status", "job", job_id=entry.value["job_id"], version="1.0", job_type="create", job_position=At(entry),
                 state="rejected", final=True, reason="unknown_distribution_point", detail="there is none")

    def send_poison(self):
        entry = self.publish(b"{bad %d" % self.new_number())
        self.world.history.add(Entry("dlq", self.name, entry.value, {
            "__connect.errors.partition": Place(entry, "partition"), "__connect.errors.offset": Place(entry, "offset"),
            "__connect.errors.stage": "apply", "__connect.errors.exception.class": "invalid_json",
            "__connect.errors.exception.message": "not valid JSON", "__connect.errors.topic": "{prefix}jobs"}))

    # -- staging

    def stage(self, version_name, point):
        version = self.versions[version_name]
        job = version.wanted_by[point]
        if self.world.random.random() < 0.3:
            self.say_point(version_name, point, "retrying", error={"code": "dp_timeout", "message": "…", "retryable": True},
                           next_retry=time_text(self.world.now() + SECOND))
        version.staged[point] = self.say(
            "staged", "staged", version.restages.get(point, 0), version=version_name, distribution_point=point, job_id=job.id, job_position=At(job.entry),
            dp_id=self.world.dp_ids[point], digest=version.digest, files=len(version.files),
            bytes=sum(f["size"] for f in version.files), read_back="full")
        self.say_point(version_name, point, "staged")
        self.end_creates(version_name)
        self.run_gate()

    def fail(self, version_name, point):
        self.versions[version_name].failed[point] = True
        self.say_point(version_name, point, "failed", error={"code": "source_missing", "message": "…", "retryable": False})
        self.end_creates(version_name)
        self.run_gate()

    def end_creates(self, version_name):
        version = self.versions[version_name]
        for job in self.jobs:
            if not job.is_update and job.version == version_name and not job.ended:
                job.outcomes = {p: "completed" if p in version.staged else "failed" if p in version.failed else None
                                for p in job.points}
                self.end_if_done(job)

    # -- the gate

    def resolve(self, job, point, outcome):
        job.outcomes.setdefault(point, outcome)
        self.end_if_done(job)

    def end_if_done(self, job):
        if job.ended or len(job.outcomes) < len(job.points) or None in job.outcomes.values():
            return
        job.ended = True
        state = combine(job.outcomes)
        reason = {} if state == "completed" else {"reason": state, "detail": "…"}
        self.say_job(job, state, outcomes=dict(job.outcomes), **reason)

    def withhold(self, job, point, reason):
        self.say("staged", "withheld", version=job.version, distribution_point=point, job_id=job.id, job_position=At(job.entry),
                 targets=len(job.points), deadline=time_text(self.world.now()), reason=reason)
        self.resolve(job, point, reason)

    def release(self, job, point):
        staged = self.versions[job.version].staged[point]
        job.released[point] = self.say(
            "staged", "release", version=job.version, distribution_point=point, job_id=job.id, job_position=At(job.entry),
            dp_id=staged.value["dp_id"], digest=staged.value["digest"], staged_id=staged.value["id"], targets=len(job.points),
            deadline=time_text(self.world.now() + SECOND))
        self.newest[point] = job

    def open_points(self, job):
        return [p for p in job.points if p not in job.released and p not in job.outcomes]

    def run_gate(self):
        changed = True
        while changed:
            changed = any([self.let_through(job) for job in self.jobs if job.is_update and not job.ended])

    def let_through(self, job):
        version, changed = self.versions.get(job.version), False
        for point in self.open_points(job):
            if point in self.newest and self.newest[point].order > job.order:
                self.withhold(job, point, "superseded")
                changed = True
        waiting = self.open_points(job)
        if not version or not waiting:
            return changed
        whole = job.value.get("gate") == "all"
        failed = [p for p in waiting if p in version.failed]
        for point in waiting if failed and whole else failed:
            self.withhold(job, point, "failed")
            changed = True
        waiting = self.open_points(job)
        ready = [p for p in waiting if p in version.staged]
        if ready and (not whole or ready == waiting):
            for point in ready:
                self.release(job, point)
            changed = True
        return changed

    def expire(self, job):
        for point in self.open_points(job):
            self.withhold(job, point, "expired")

    # -- the switch

    def pending_switches(self):
        return [(job, point) for job in self.jobs if job.is_update for point in job.released if point not in job.outcomes]

    def switch(self, job, point):
        if self.newest[point] is not job:
            self.resolve(job, point, "superseded")
            return
        late = self.world.random.random()
        if late < 0.1:  # the deadline passed before the pointer was seen as wanted; it stays desired
            self.resolve(job, point, "expired")
        if late > 0.05:
            self.say_updated(job, point)
        self.resolve(job, point, "completed")

    def say_updated(self, job, point):
        staged, release, was = self.versions[job.version].staged[point], job.released[point], self.current.get(point)
        self.say("updated", "updated", version=job.version, distribution_point=point, dp_id=staged.value["dp_id"],
                 digest=staged.value["digest"], job_id=job.id, staged_id=staged.value["id"], staged_position=At(staged),
                 release_id=release.value["id"], release_position=At(release),
                 **({"previous_version": was[0]} if was and was[1] == staged.value["dp_id"] else {}))
        self.say_point(job.version, point, "updated")
        self.current[point] = (job.version, staged.value["dp_id"])

    # -- a replaced distribution point

    def serve_anew(self, point):
        for name, version in self.versions.items():
            if point in version.staged:
                version.restages[point] = version.restages.get(point, 0) + 1
                self.stage(name, point)
                job = self.newest.get(point)
                if job and job.version == name and point in self.current:
                    self.say_updated(job, point)

    # -- chance

    def step(self):
        """One thing that may happen now; False: nothing is left to do."""
        chance = self.world.random
        todo = [("stage", name, p) for name, v in self.versions.items() for p in v.wanted_by if p not in v.staged and p not in v.failed]
        todo += [("switch", job, p) for job, p in self.pending_switches()]
        todo += [("expire", job) for job in self.jobs if job.is_update and self.open_points(job) and job.version not in self.versions]
        if not todo:
            return False
        what, *rest = chance.choice(todo)
        if what == "stage" and chance.random() < 0.12:
            what = "fail"
        getattr(self, what)(*rest)
        return True

    def submit_something(self):
        chance = self.world.random
        points = sorted(chance.sample(self.world.points, chance.randint(1, len(self.world.points))))
        how = {"named": chance.random() < 0.8, "detour": chance.random() < 0.15}
        kind = chance.choice(["create", "create", "whole", "update", "update", "update", "early", "again", "rejected", "poison"])
        if kind in ("create", "whole"):
            self.create(points, update=kind == "whole", **how)
        elif kind == "update" and self.versions:
            name = chance.choice(sorted(self.versions))
            self.update(name, sorted(self.versions[name].wanted_by), chance.choice(["each", "all"]), **how)
        elif kind == "early":
            self.update(f"never-{self.new_number()}", points, **how)
        elif kind == "again" and self.jobs:
            self.send_again(chance.choice(self.jobs))
        elif kind == "rejected":
            self.send_rejected()
        else:
            self.send_poison()


class World:
    def __init__(self, seed, partitions=4, packages=5, jobs=30, prefix="made."):
        self.random, self.history = random.Random(seed), History(partitions, prefix)
        self.points = ["paris", "tokyo", "osaka"]
        self.dp_ids = {point: self.new_uuid() for point in self.points}
        self.packages = [Package(self, f"PKG{number:05d}") for number in range(packages)]
        self.jobs_left = jobs

    def new_uuid(self):
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def new_id(self):
        return f"{self.random.getrandbits(128):032x}"

    def now(self):
        self.history.now += self.random.randint(0, 40)
        return self.history.now

    def new_content(self, package, version):
        files = [{"path": f"file-{n}", "size": self.random.randint(0, 5000), "url": f"file:///src/{package}/{version}/{n}",
                  "digest": "sha256:" + hashlib.sha256(f"{package} {version} {n}".encode()).hexdigest()}
                 for n in range(self.random.randint(1, 3))]
        files[0]["executable"] = True
        return {"files": files}

    def run(self):
        for part in (self.jobs_left // 2, self.jobs_left - self.jobs_left // 2):
            self.turn(part)
            self.replace(self.random.choice(self.points))
        self.turn(0)
        for package in self.packages:  # so that what came before has something answered behind it
            package.send_rejected()
        return self.history

    def turn(self, jobs):
        open_packages = list(self.packages)
        while jobs or open_packages:
            package = self.random.choice(self.packages if jobs else open_packages)
            if jobs and self.random.random() < 0.4:
                package.submit_something()
                jobs -= 1
            elif not package.step() and not jobs:
                open_packages.remove(package)

    def replace(self, point):
        self.dp_ids[point] = self.new_uuid()
        for package in self.packages:
            package.serve_anew(point)


def honest(seed, **size):
    return World(seed, **size).run()
