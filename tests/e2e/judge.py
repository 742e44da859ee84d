"""What a whole log at rest proves, judged from its records alone: clean, or which records are wrong and how.

A second opinion on holdpoint-auditor verify: it shares no code with it, keeps everything in memory and looks everything up,
so that it reads like the promise it holds the log to. Order within a partition is told by offsets, order between topics by
what records cite. It judges a log that nothing is written to any more.
"""
import hashlib
import json
import re
from collections import Counter, defaultdict

from checker import partition_of
from ids import ids_of

REQUIRED = {
    "staged": ("id", "package_id", "version", "distribution_point", "dp_id", "digest", "job_id", "job_position"),
    "release": ("id", "package_id", "version", "distribution_point", "dp_id", "digest", "job_id", "job_position", "staged_id", "targets"),
    "withheld": ("id", "package_id", "version", "distribution_point", "job_id", "job_position", "reason", "targets"),
    "updated": ("id", "package_id", "version", "distribution_point", "dp_id", "digest", "job_id", "staged_id", "staged_position",
                "release_id", "release_position"),
    "job": ("id", "package_id", "job_id", "job_position", "state", "final"),
    "duplicate": ("id", "package_id", "job_id", "original", "duplicate"),
    "distribution_point": ("id", "package_id", "version", "distribution_point", "state"),
}
TYPES = {"staged": ("staged", "release", "withheld"), "updated": ("updated",), "status": ("job", "duplicate", "distribution_point")}
TERMINAL = ("completed", "failed", "expired", "superseded", "canceled")


class Wrong:
    def __init__(self, record, what):
        self.place, self.what = f"{record.topic}/{record.partition}@{record.offset}", what

    def __repr__(self):
        return f"{self.place}: {self.what}"


class Event:
    """A record that could be read, with its fields as attributes."""

    def __init__(self, record, fields):
        self.record, self.fields = record, fields
        self.at = (record.partition, record.offset)

    def __getattr__(self, name):
        return self.fields.get(name)

    def position(self, name):
        value = self.fields.get(name)
        return (value["partition"], value["offset"]) if value else None


def read(record):
    """The event, or None: not one of its topic."""
    try:
        fields = json.loads(record.value)
    except (ValueError, TypeError):
        return None
    if not isinstance(fields, dict) or fields.get("type") not in TYPES[record.topic]:
        return None
    if any(name not in fields for name in REQUIRED[fields["type"]]):
        return None
    places = (fields.get(name) for name in ("job_position", "staged_position", "release_position", "original", "duplicate"))
    if any(place is not None and not (isinstance(place, dict) and isinstance(place.get("offset"), int)
                                      and isinstance(place.get("partition"), int)) for place in places):
        return None
    return Event(record, fields)


def origin_of(record):
    """Where a job record was sent on from; None: it was not (nothing is sent on to where it lies already)."""
    partition, offset = (record.headers.get(f"holdpoint-origin-{what}") or b"" for what in ("partition", "offset"))
    if not (re.fullmatch(rb"[0-9]{1,18}", partition) and re.fullmatch(rb"[0-9]{1,18}", offset)):
        return None
    return (int(partition), int(offset)) if int(partition) != record.partition else None


def letter_of(record):
    """Of which record it is the dead letter: topic, (partition, offset)."""
    headers = {name: (value or b"").decode(errors="replace") for name, value in record.headers.items()}
    at = (int(headers["__connect.errors.partition"]), int(headers["__connect.errors.offset"]))
    return headers["__connect.errors.topic"], at


def is_same_record(letter, source):
    """Byte for byte, or, of what is too large, by its hash."""
    if not source:
        return False
    if "holdpoint-omitted-bytes" in letter.headers:
        return letter.value == b"sha256:" + hashlib.sha256(source.value).hexdigest().encode()
    return (source.key, source.value) == (letter.key, letter.value)


def manifest_digest(content):
    """Of the content that a job brings along, or of what it says lies elsewhere."""
    if "files" not in content:
        return content.get("digest")
    files = [{"path": f["path"], "size": f["size"], "digest": f["digest"], "executable": f.get("executable", False)}
             for f in sorted(content["files"], key=lambda f: f["path"].encode())]
    text = json.dumps({"files": files}, separators=(",", ":"), ensure_ascii=False)
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


class Judge:
    def __init__(self, records, partitions):
        self.partitions, self.found = partitions, []
        self.restages = Counter()
        self.jobs = {(r.partition, r.offset): r for r in records["jobs"]}
        self.dead = records["dlq"]
        self.events = {topic: [] for topic in TYPES}
        for topic in TYPES:
            ids = set()
            for record in records[topic]:
                event = read(record)
                if not event:
                    self.wrong(record, "unreadable")
                    continue
                self.events[topic].append(event)
                self.judge_form(record, event, ids)
        self.staged = [e for e in self.events["staged"] if e.type == "staged"]
        self.releases = [e for e in self.events["staged"] if e.type == "release"]
        self.withheld = [e for e in self.events["staged"] if e.type == "withheld"]
        self.at = {e.at: e for e in self.events["staged"]}
        self.accepted, self.ends = defaultdict(list), defaultdict(list)
        for event in self.events["status"]:
            if event.type == "job" and event.state == "accepted":
                self.accepted[event.position("job_position")].append(event)
            if event.type == "job" and event.final and event.state != "rejected":
                self.ends[event.position("job_position")].append(event)

    def wrong(self, record, what):
        self.found.append(Wrong(getattr(record, "record", record), what))

    def judge(self):
        self.judge_jobs()
        self.judge_accepted()
        self.judge_staged()
        self.judge_releases()
        self.judge_gates()
        self.judge_updates()
        self.judge_ends()
        return self.found

    def judge_form(self, record, event, ids):
        if record.partition != partition_of(record.key or b"", self.partitions):
            self.wrong(record, "on a partition that its key does not belong to")
        if event.package_id.encode() != record.key:
            self.wrong(record, "its key is not its package")
        if event.id in ids:
            self.wrong(record, "its id was used before")
        ids.add(event.id)
        count = self.restages[event.package_id, event.version, event.distribution_point] if event.type == "staged" else 0
        made = [ids_of(event.fields, number) for number in range(count + 1)]
        if made[0] and not any(event.id in one for one in made):
            self.wrong(record, "its id is not the one that it would have")
        if event.type == "staged":
            self.restages[event.package_id, event.version, event.distribution_point] += 1

    # -- every job record is answered

    def judge_jobs(self):
        answers = defaultdict(list)
        for event in self.events["status"]:
            if event.type == "duplicate":
                answers[event.position("duplicate")].append(event)
                if event.position("original") not in self.accepted or event.position("original") >= event.position("duplicate"):
                    self.wrong(event, "a duplicate of no accepted job")
                elif (event.job_id, event.package_id) != self.accepted_as(event.position("original")):
                    self.wrong(event, "a duplicate of a job with another id")
            elif event.type == "job" and event.state in ("accepted", "rejected"):
                answers[event.position("job_position")].append(event)
        sent_on, dead = self.departures()
        last_answered = {}
        for partition, offset in [*answers, *sent_on, *dead]:
            last_answered[partition] = max(offset, last_answered.get(partition, -1))
        for at, record in self.jobs.items():
            count = len(answers[at]) + (at in sent_on) + (at in dead and not any(a.state == "rejected" for a in answers[at]))
            if count == 0 and at[1] < last_answered.get(at[0], -1):
                self.wrong(record, "a job that is never answered")
            for event in answers[at][1:]:
                self.wrong(event, "a job that is answered twice")
            if answers[at] and (at in sent_on):
                self.wrong(answers[at][0], "a job that was sent on is answered where it was not applied")
        for at, events in answers.items():
            if at not in self.jobs:
                self.wrong(events[0], "an answer to a job that is not there")

    def departures(self):
        """Which job records were sent on, and which are dead letters."""
        sent_on, dead = set(), set()
        for record in self.jobs.values():
            origin = origin_of(record)
            source = self.jobs.get(origin)
            if source and (source.key, source.value) == (record.key, record.value):
                sent_on.add(origin)
            elif source:
                self.wrong(record, "sent on with other bytes than where it says that it came from")
        for record in self.dead:
            topic, at = letter_of(record)
            if topic.endswith("jobs"):
                dead.add(at)
                if not is_same_record(record, self.jobs.get(at)):
                    self.wrong(record, "a dead letter that is not byte for byte what it came from")
        return sent_on, dead

    def accepted_as(self, at):
        return self.accepted[at][0].job_id, self.accepted[at][0].package_id

    # -- what was accepted is what was asked for

    def job_at(self, at):
        try:
            return json.loads(self.jobs[at].value)
        except (KeyError, ValueError, TypeError):
            return None

    def judge_accepted(self):
        contents = {}
        for at, events in sorted(self.accepted.items()):
            record, job, event = self.jobs.get(at), self.job_at(at), events[0]
            if not record:
                continue  # told above
            if not job:
                self.wrong(event, "accepted though it cannot be read")
                continue
            first = origin_of(record) or at
            wanted = {"job_id": job.get("job_id", f"@{first[0]}-{first[1]}"), "package_id": job.get("package_id"),
                      "version": job.get("version"), "job_type": job.get("type")}
            for field, value in wanted.items():
                if event.fields.get(field) != value:
                    self.wrong(event, f"accepted with another {field} than the job has")
            digest = manifest_digest(job["content"]) if "content" in job else None
            if digest and digest != contents.setdefault((event.package_id, event.version), digest):
                self.wrong(event, "accepted with other content than its version has")
            named = [p for p in job.get("distribution_points", []) if not p.startswith("group:")]
            if named and not set(named) <= set(event.distribution_points or []):
                self.wrong(event, "accepted without a distribution point that the job names")

    def judge_rests_on_job(self, event):
        """The job that it says it is of was accepted there, for this; False: it was not."""
        accepted = self.accepted.get(event.position("job_position"))
        if not accepted:
            self.wrong(event, "of a job that was never accepted")
            return False
        job = accepted[0]
        if (job.job_id, job.package_id, job.version) != (event.job_id, event.package_id, event.version):
            self.wrong(event, "not of the job that was accepted at its job_position")
            return False
        if job.distribution_points and event.distribution_point not in job.distribution_points:
            self.wrong(event, "for a distribution point that is no target of its job")
            return False
        return True

    # -- evidence

    def judge_staged(self):
        seen, digests = set(), {}
        for event in self.staged:
            self.judge_rests_on_job(event)
            about = (event.package_id, event.version, event.distribution_point, event.dp_id)
            if about in seen:
                self.wrong(event, "staged twice")
            seen.add(about)
            wanted = (self.job_at(event.position("job_position")) or {}).get("content")
            wanted = manifest_digest(wanted) if wanted else None
            if event.digest not in (wanted or event.digest, ) or event.digest != digests.setdefault(about[:2], event.digest):
                self.wrong(event, "staged with another digest than its version has")

    def judge_releases(self):
        by_id, heard, newest = defaultdict(dict), set(), {}
        for event in self.events["staged"]:
            if event.type == "staged":
                by_id[event.at[0]].setdefault(event.id, event)
                continue
            self.judge_rests_on_job(event)
            job = (event.job_id, event.position("job_position"), event.distribution_point)
            if job in heard:
                self.wrong(event, "a distribution point of a job is released or withheld twice")
            heard.add(job)
            if event.type == "withheld":
                continue
            staged = by_id[event.at[0]].get(event.staged_id)
            if not staged:
                self.wrong(event, "released without a staged event before it")
            elif any(staged.fields[f] != event.fields[f] for f in ("package_id", "version", "distribution_point", "dp_id", "digest")):
                self.wrong(event, "released with other evidence than the staged event that it cites")
            where = (event.package_id, event.distribution_point)
            if newest.get(where, (-1, -1)) > event.position("job_position"):
                self.wrong(event, "released behind a later job's update")
            newest[where] = max(newest.get(where, (-1, -1)), event.position("job_position"))

    def judge_gates(self):
        """A job that waits for all its distribution points releases none of them before each that it releases is staged."""
        first, first_staged = {}, {}
        for event in reversed(self.releases):
            first[event.position("job_position")] = event
        for event in reversed(self.staged):
            first_staged[event.package_id, event.version, event.distribution_point] = event.at
        for event in self.releases:
            at = event.position("job_position")
            staged = first_staged.get((event.package_id, event.version, event.distribution_point), event.at)
            if (self.job_at(at) or {}).get("gate") == "all" and staged > first[at].at:
                self.wrong(first[at], f"gate all: released before {event.distribution_point} was staged")

    def judge_updates(self):
        newest, said = {}, {}
        for event in self.events["updated"]:
            staged, release = self.at.get(event.position("staged_position")), self.at.get(event.position("release_position"))
            if not staged or staged.type != "staged" or staged.id != event.staged_id:
                self.wrong(event, "updated without the staged event that it cites")
            elif not release or release.type != "release" or release.id != event.release_id:
                self.wrong(event, "updated without the release that it cites")
            else:
                self.judge_evidence(event, staged, release)
            where, position = (event.package_id, event.distribution_point), event.position("release_position")
            if newest.get(where, (-1, -1)) > position:
                self.wrong(event, "the pointer went back")
            newest[where] = max(newest.get(where, (-1, -1)), position)
            if (event.release_id, event.dp_id) in said:
                self.wrong(event, "updated twice by one release")
            said[event.release_id, event.dp_id] = event

    def judge_evidence(self, event, staged, release):
        """A replaced distribution point is switched again: the same release, a later staged event of its new self."""
        anew = staged.dp_id != release.dp_id and staged.at > release.at
        for field in ("package_id", "version", "distribution_point", "dp_id", "digest"):
            if event.fields[field] != staged.fields[field] or \
                    (event.fields[field] != release.fields[field] and not (anew and field == "dp_id")):
                self.wrong(event, f"updated with another {field} than its evidence has")
                return
        if not anew and staged.at > release.at:
            self.wrong(event, "updated by evidence that is younger than its release")
        if not anew and staged.id != release.staged_id:
            self.wrong(event, "updated by other evidence than its release cites")
        if event.job_id != release.job_id:
            self.wrong(event, "updated for another job than its release is of")

    # -- ends

    def judge_ends(self):
        self.parts = defaultdict(dict)  # job → point → release or withheld
        for event in [*self.releases, *self.withheld]:
            self.parts[event.position("job_position")].setdefault(event.distribution_point, event)
        self.updated_by = {event.release_id for event in self.events["updated"]}
        self.is_staged = {(e.package_id, e.version, e.distribution_point) for e in self.staged}
        for at, ends in self.ends.items():
            if at not in self.accepted:
                self.wrong(ends[0], "an end of a job that was never accepted")
            for event in ends[1:]:
                self.wrong(event, "a second end of a job")
        for at, accepted in self.accepted.items():
            if at in self.ends:
                self.judge_end(accepted[0], self.ends[at][0])
            elif self.has_finished(accepted[0]):
                self.wrong(self.jobs.get(at) or accepted[0], "a job whose every part has ended, and that never ended")

    def has_finished(self, job):
        points = job.distribution_points
        parts = self.parts[job.position("job_position")]
        if job.job_type == "create":
            return bool(points) and all((job.package_id, job.version, p) in self.is_staged for p in points)
        return bool(points) and all(p in parts and (parts[p].type == "withheld" or parts[p].id in self.updated_by) for p in points)

    def judge_end(self, job, end):
        if end.state not in TERMINAL:
            self.wrong(end, "an end with a state that is none")
            return
        if (end.job_id, end.package_id, end.version) != (job.job_id, job.package_id, job.version):
            self.wrong(end, "an end of another job than was accepted there")
        outcomes = end.outcomes or {}
        if outcomes and end.state != next((s for s in ("failed", "expired", "canceled", "completed", "superseded")
                                           if s in outcomes.values()), None):
            self.wrong(end, "an end that its outcomes contradict")
        if job.distribution_points and set(outcomes) != set(job.distribution_points):
            self.wrong(end, "an end with outcomes of other distribution points than the job has")
        for point, outcome in outcomes.items():
            self.judge_outcome(job, end, point, outcome)

    def judge_outcome(self, job, end, point, outcome):
        if job.job_type == "create":
            if outcome == "completed" and (job.package_id, job.version, point) not in self.is_staged:
                self.wrong(end, f"completed on {point}, where nothing was staged")
            return
        part = self.parts[job.position("job_position")].get(point)
        if not part:
            self.wrong(end, f"{outcome} on {point}, which was neither released nor withheld")
        elif part.type == "withheld" and part.reason != outcome:
            self.wrong(end, f"{outcome} on {point}, which was withheld as {part.reason}")
        elif part.type == "release" and outcome == "completed" and part.id not in self.updated_by:
            self.wrong(end, f"completed on {point}, which was never updated")


def judge(records, partitions):
    """Everything wrong in a log at rest (records: topic → records in order); empty: clean."""
    return Judge(records, partitions).judge()
