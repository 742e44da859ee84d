"""holdpoint-auditor serve on a real Kafka with real workers: what it answers is what the test knows."""
import http.client
import json
import re
import socket
import threading
import time
import urllib.parse

import pytest
from confluent_kafka import Producer

import harness
from harness import SLOW, wait_until

SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
                               "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


class Answer:
    def __init__(self, response):
        self.code, self.headers, self.body = response.status, response.headers, response.read()

    @property
    def json(self):
        assert self.headers["Content-Type"] == "application/json", self.headers["Content-Type"]
        return json.loads(self.body)


class Auditor:
    """A holdpoint-auditor serve of a system, on a port of its own."""

    def __init__(self, system, *arguments):
        number = len(system.workers)
        command = [str(harness.BIN / "holdpoint-auditor"), "serve", *system.common(), "--listen", "127.0.0.1:0", *arguments]
        self.worker = harness.Worker("auditor", command, system.folder / f"auditor{number}.log")
        system.workers.append(self.worker)
        self.port = int(wait_until("the auditor's port", lambda: self.worker.alive() and re.findall(
            r"serving .*listen=\S+:(\d+)", self.worker.log()) or not self.worker.alive() and pytest.fail(self.worker.log()))[0])

    def ask(self, path, method="GET", headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30 * SLOW)
        try:
            connection.request(method, path, headers=headers or {})
            answer = Answer(connection.getresponse())
        finally:
            connection.close()
        for name, value in SECURITY_HEADERS.items():
            assert answer.headers[name] == value, (path, name, answer.headers[name])
        return answer

    def get(self, path, **arguments):
        answer = self.ask("/api/" + path + ("?" + urllib.parse.urlencode(arguments) if arguments else ""))
        assert answer.code == 200, (path, answer.code, answer.body)
        return answer.json

    def ready(self):
        wait_until("the auditor to be ready", lambda: self.ask("/readyz").code == 200)
        return self

    def metrics(self):
        answer = self.ask("/metrics")
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        return parse_metrics(answer.body.decode())


def parse_metrics(text):
    """Prometheus text → {(name, ((label, value), …)): number}; fails where it is not of its form."""
    samples, types = {}, {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in types, f"{name} is declared twice"
            types[name] = kind
            continue
        if line.startswith("# HELP "):
            continue
        match = re.fullmatch(r'([a-z_:][a-z0-9_:]*)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\.)*",?)*)\})? (-?[0-9.]+)', line)
        assert match, f"no sample: {line!r}"
        name, labels, value = match.groups()
        assert name in types, f"{name} has no TYPE"
        assert name.endswith("_total") == (types[name] == "counter"), f"{name} is a {types[name]}"
        key = (name, tuple(re.findall(r'([a-z_]+)="((?:[^"\\]|\\.)*)"', labels or "")))
        assert key not in samples, f"{key} comes twice"
        samples[key] = float(value)
    return samples


class Stream:
    """Reads /api/stream in a thread; events is what came."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60 * SLOW)
        self.socket.sendall(b"GET /api/stream HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n")
        self.response = http.client.HTTPResponse(self.socket)
        self.response.begin()
        assert self.response.headers["Content-Type"] == "text/event-stream"
        self.events, self.ended = [], False
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        name = None
        try:
            for line in iter(self.response.readline, b""):
                if line.startswith(b"event: "):
                    name = line[7:].strip().decode()
                elif line.startswith(b"data: "):
                    self.events.append((time.monotonic(), name, json.loads(line[6:])))
        except OSError:
            pass
        self.ended = True

    def named(self, name):
        return [data for _, event, data in self.events if event == name]

    def close(self):
        self.socket.close()


def create(package, version, content, points=("group:all",), **more):
    return {"type": "create", "package_id": package, "version": version, "content": content,
            "distribution_points": list(points), **more}


def update(package, version, **more):
    return {"type": "update", "package_id": package, "version": version, **more}


HOSTILE = "<script>alert(1)</script>\"'&\u202e\x00</title>"


def test_each_endpoint_says_what_happened(pipeline):
    system = pipeline
    system.start("stager")
    system.start("updater")
    content = system.source("tool", {"bin/tool": b"t" * 1000, "readme": b"hello"})
    auditor = Auditor(system)
    auditor.ready()
    assert auditor.get("overview")["totals"] == {name: 0 for name in (
        "packages", "distribution_points", "copies", "jobs_open", "jobs_held", "copies_retrying", "copies_failed",
        "jobs_failed_day", "dead_letters", "dead_letters_day")}
    stream = Stream(auditor.port)
    wait_until("hello", lambda: stream.named("hello"))
    assert stream.named("hello")[0]["caught_up"] is True

    # the update that comes first is held, visibly
    held_at = system.publish(update("PKG1", "1.0", job_id="u-1", gate="all", requested_by="ci@build7",
                                    annotations={"ticket": HOSTILE.replace("\x00", "")}))[0]
    wait_until("a change of PKG1", lambda: any("PKG1" in c.get("packages", []) and c["jobs"] for c in stream.named("change")))
    held = wait_until("the held job", lambda: auditor.get("overview")["held"])
    assert [(job["job_id"], job["job"], job["state"], job["final"]) for job in held] == [
        ("u-1", "%d-%d" % held_at, "held", False)]
    assert auditor.get("jobs", state="open")["total"] == 1
    wait_until("the package", lambda: [item["package"] for item in auditor.get("packages")["items"]] == ["PKG1"])

    # the create lets it through
    create_at = system.publish(create("PKG1", "1.0", content, job_id="c-1"))[0]
    system.await_jobs("c-1", "u-1")
    updated = {record.json["distribution_point"]: record for record in system.read("updated")}
    staged = {record.json["distribution_point"]: record for record in system.read("staged") if record.json["type"] == "staged"}
    release = {record.json["distribution_point"]: record for record in system.read("staged") if record.json["type"] == "release"}
    wait_until("all to be seen", lambda: auditor.get("jobs", state="completed")["total"] == 2
               and auditor.get("packages", state="current")["total"] == 1)

    totals = auditor.get("overview")["totals"]
    assert (totals["packages"], totals["distribution_points"], totals["copies"], totals["jobs_open"]) == (1, 3, 3, 0)
    minutes = auditor.get("overview")["rates"]["minutes"]
    assert len(minutes) == 60 and all(b["minute"] - a["minute"] == 60000 for a, b in zip(minutes, minutes[1:]))
    assert sum(m["jobs"] for m in minutes) == 2
    assert sum(m["staged"] for m in minutes) == sum(m["updated"] for m in minutes) == 3

    points = auditor.get("distribution-points")
    assert points["total"] == 3
    for point in points["items"]:
        assert (point["health"], point["copies"], point["pending"], point["failed"]) == ("good", 1, 0, 0)
        assert point["staged_bytes_hour"] == staged[point["name"]].json["bytes"]
        assert point["last_updated"] >= point["last_staged"] > 0
    assert [point["name"] for point in points["items"]] == ["osaka", "paris", "tokyo"]

    matrix = auditor.get("packages", search="kg1", state="current")
    assert matrix["distribution_points"] == ["osaka", "paris", "tokyo"] and matrix["total"] == 1
    assert matrix["items"] == [{"package": "PKG1", "cells": {
        name: {"state": "current", "desired": "1.0", "staged": "1.0", "live": "1.0"} for name in staged}}]
    assert auditor.get("packages", state="failed")["total"] == 0
    assert auditor.get("packages", search="nothing like it")["items"] == []

    package = auditor.get("packages/PKG1")
    assert package["partition"] == create_at[0]
    assert [(v["version"], v["files"], v["points_staged"]) for v in package["versions"]] == [("1.0", 2, 3)]
    assert package["versions"][0]["digest"] == staged["paris"].json["digest"]
    assert [job["job_id"] for job in package["jobs"]] == ["c-1", "u-1"]
    for name, cell in package["cells"].items():
        place = lambda record: {"topic": record.topic, "partition": record.partition, "offset": record.offset}
        assert cell["staged_place"] == place(staged[name]) and cell["release_place"] == place(release[name])
        assert cell["updated_place"] == place(updated[name])
        assert [(copy["version"], copy["read_back"], copy["place"]) for copy in cell["copies"]] == [
            ("1.0", staged[name].json["read_back"], place(staged[name]))]

    job = auditor.get("jobs/%d-%d" % held_at)
    assert (job["gate"], job["requested_by"], job["outcomes"]) == ("all", "ci@build7", {n: "completed" for n in staged})
    assert job["annotations"] == {"ticket": HOSTILE.replace("\x00", "")}
    assert sorted(job["distribution_points"]) == ["osaka", "paris", "tokyo"] == sorted(job["attempts"])
    life = [(event["type"], event.get("state"), event.get("distribution_point")) for event in job["events"]]
    assert life[0] == ("update", None, None)
    for expected in [("job", "accepted", None), ("job", "held", None), ("staged", None, "tokyo"),
                     ("release", None, "tokyo"), ("updated", None, "tokyo"), ("job", "completed", None)]:
        assert expected in life, (expected, life)
    steps = [job[step] for step in ("submitted", "accepted", "held", "released", "ended")]
    assert all(b >= a - 1000 for a, b in zip(steps, steps[1:])), steps  # of several clocks

    everything = [record for records in system.read_all().values() for record in records]
    events = auditor.get("events", limit=200)
    assert events["total"] == len(everything)
    assert {(e["place"]["topic"], e["place"]["partition"], e["place"]["offset"]) for e in events["items"]} == {
        (record.topic, record.partition, record.offset) for record in everything}
    by_type = auditor.get("events", type="updated", package="PKG1")
    assert by_type["total"] == 3 and {e["id"] for e in by_type["items"]} == {r.json["id"] for r in updated.values()}
    page = [auditor.get("events", limit=5, offset=offset)["items"] for offset in (0, 5)]
    assert page[0] + page[1] == events["items"][:10]

    metrics = auditor.metrics()
    name = "holdpoint_auditor_"
    assert metrics[name + "staged_total", (("distribution_point", "paris"),)] == 1
    assert metrics[name + "updated_total", (("distribution_point", "tokyo"),)] == 1
    assert metrics[name + "jobs_ended_total", (("state", "completed"),)] == 2
    assert metrics[name + "jobs_held", ()] == metrics[name + "jobs_open", ()] == 0
    assert metrics[name + "caught_up", ()] == 1 and metrics[name + "stream_clients", ()] == 1
    for topic in harness.TOPICS:
        assert metrics[name + "records_read_total", (("topic", topic),)] == sum(r.topic == topic for r in everything)
    assert 0 < metrics["holdpoint_allocated_bytes", ()] < metrics["process_resident_memory_bytes", ()]
    assert "PKG1" not in auditor.ask("/metrics").body.decode()
    wait_until("no lag", lambda: all(auditor.metrics().get((name + "lag_records", (("topic", t),))) == 0 for t in harness.TOPICS))

    times = [at for at, event, _ in stream.events if event == "change"]
    assert all(b - a > 0.3 for a, b in zip(times, times[1:])), "more than two changes a second"
    assert auditor.worker.stop() == 0
    wait_until("the stream's end", lambda: stream.ended)
    stream.close()


def test_a_raw_record_is_what_a_consumer_reads(system):
    system.topics()
    value = b'{"type": "create", "package_id": "PKG1", "annotations": {"a": "\xff\x00"}}'
    producer = Producer({"bootstrap.servers": system.bootstrap})
    headers = [("traceparent", b"00-1"), ("odd\"name", b"\xfe<b>"), ("twice", b"1"), ("twice", b"2"), ("null", None)]
    producer.produce(f"{system.prefix}jobs", key=b"PKG1", value=value, partition=1, headers=headers)
    producer.produce(f"{system.prefix}jobs", key=None, value=b"x" * 300_000, partition=1)
    producer.produce(f"{system.prefix}jobs", key=b"PKG1", value=None, partition=1)
    assert producer.flush(30) == 0
    auditor = Auditor(system).ready()

    first, large, tombstone = system.read("jobs")
    record = auditor.get("record/jobs/1/0")
    assert record["place"] == {"topic": "jobs", "partition": 1, "offset": 0}
    assert (record["time"], record["key"], record["size"], record["truncated"]) == (first.timestamp, "PKG1", len(value), False)
    assert record["value"] == value.decode(errors="replace")
    assert record["headers"] == [["traceparent", "00-1"], ["odd\"name", "\ufffd<b>"], ["twice", "1"], ["twice", "2"], ["null", None]]
    record = auditor.get("record/jobs/1/1")
    assert record["key"] is None and record["truncated"] and record["size"] == len(large.value) == 300_000
    assert record["value"] == "x" * (256 << 10)
    assert tombstone.value is None and auditor.get("record/jobs/1/2")["value"] is None

    for path, code in [("jobs/1/3", 404), ("jobs/9/0", 404), ("nothing/0/0", 404), ("jobs/1/x", 400), ("jobs/1", 400),
                       ("jobs/1/0/0", 400), ("jobs/-1/0", 400), ("jobs/1/99999999999999999999", 400)]:
        answer = auditor.ask("/api/record/" + path)
        assert (answer.code, set(answer.json["error"])) == (code, {"code", "message"}), (path, answer.body)


def test_hostile_text_comes_as_json_data(system):
    system.topics()
    system.write_catalogue()
    system.start("stager")
    key = "<img src=x onerror=alert(1)>"
    job = {"type": "create", "package_id": "PKG1", "version": "1.0", "job_id": "c-1", "requested_by": HOSTILE,
           "distribution_points": ["nowhere"], "content": {"files": []}}
    system.publish((key.encode(), b"{" + HOSTILE.encode()), (b"PKG\xff1", b"\xff\xfe"), job,
                   {**job, "job_id": "c-2", "requested_by": "x<b>&\"'\u202e"})
    auditor = Auditor(system).ready()
    letters = wait_until("the dead letters of both", lambda: (found := auditor.get("dead-letters")) and
                         {letter["package"] for letter in found["items"]} >= {key, "PKG\ufffd1"} and found)
    for letter in letters["items"]:
        assert letter["origin"]["topic"] == "jobs" and letter["reason"] and letter["time"] > 0
        record = auditor.get("record/dlq/{partition}/{offset}".format(**letter["place"]))
        assert record["key"] == letter["package"] and record["size"] == letter["size"]
    found = auditor.get("events", package=key)
    assert found["total"] >= 1 and all(event["package"] == key for event in found["items"])
    wait_until("the rejected job", lambda: auditor.get("jobs", state="dead")["total"] >= 1)
    for path in ("/api/events", "/api/dead-letters", "/api/jobs", "/api/packages", "/api/overview",
                 "/api/packages/" + urllib.parse.quote(key, safe=""), "/api/events?package=" + urllib.parse.quote(key),
                 "/api/packages/..%2f..%2fetc%2fpasswd", "/api/" + urllib.parse.quote("<script>")):
        answer = auditor.ask(path)
        assert answer.headers["Content-Type"] == "application/json" and json.loads(answer.body) is not None
        assert b"\x00" not in answer.body
    metrics = auditor.ask("/metrics").body.decode()
    parse_metrics(metrics)
    assert "PKG" not in metrics and "img" not in metrics


def test_the_page_and_what_is_refused(system):
    system.topics()
    auditor = Auditor(system, "--host", "auditor.example").ready()
    page = auditor.ask("/")
    assert page.code == 200 and page.headers["Content-Type"] == "text/html; charset=utf-8"
    for path in re.findall(rb'(?:src|href)="([\w.-]+)"', page.body):
        answer = auditor.ask("/" + path.decode())
        kind = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}
        assert (answer.code, answer.headers["Content-Type"]) == (200, kind[path.decode().rsplit(".")[-1]])
    folder = harness.ROOT / "auditor" / "serve" / "page"
    for path in folder.iterdir():
        assert auditor.ask("/" + path.name).body == path.read_bytes()
    assert auditor.ask("/", headers={"If-None-Match": page.headers["ETag"]}).code == 304
    head = auditor.ask("/", method="HEAD")
    assert head.code == 200 and head.body == b"" and int(head.headers["Content-Length"]) == len(page.body)

    assert auditor.ask("/api/overview", headers={"Host": "auditor.example"}).code == 200
    assert auditor.ask("/api/overview", headers={"Host": "evil.example"}).code == 421
    assert auditor.ask("/", headers={"Host": f"evil.example:{auditor.port}"}).code == 421
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        answer = auditor.ask("/api/overview", method=method)
        assert (answer.code, answer.headers["Allow"]) == (405, "GET, HEAD")
    for path, code in [("overview?x=1", 400), ("events?limit=0", 400), ("events?limit=201", 400), ("events?offset=-1", 400),
                       ("events?offset=1e3", 400), ("packages?state=nonsense", 400), ("packages?state=drift", 400),
                       ("jobs?state=nonsense", 400), ("jobs/1", 400), ("jobs/0-0", 404), ("packages/NOPE", 404), ("nothing", 404)]:
        answer = auditor.ask("/api/" + path)
        assert answer.code == code and set(answer.json["error"]) == {"code", "message"}, (path, answer.body)
    assert auditor.ask("/nothing.html").code == 404
    assert auditor.ask("/livez").body == b"alive\n"


def test_a_restart_goes_on_from_its_database(pipeline):
    system = pipeline
    system.start("stager")
    content = system.source("tool", {"tool": b"one"})
    database = system.folder / "history.db"
    system.publish(create("PKG1", "1.0", content, job_id="c-1"))
    system.await_jobs("c-1")
    auditor = Auditor(system, "--database", str(database)).ready()
    wait_until("the package", lambda: auditor.get("packages", state="staged")["total"] == 1)
    before = auditor.get("events", limit=200)
    assert auditor.worker.stop() == 0

    system.publish(create("PKG2", "1.0", content, job_id="c-2"))
    system.await_jobs("c-2")
    auditor = Auditor(system, "--database", str(database)).ready()
    wait_until("the new package", lambda: auditor.get("packages", state="staged")["total"] == 2)
    after = auditor.get("events", limit=200)
    known = {json.dumps(event, sort_keys=True) for event in after["items"]}
    assert all(json.dumps(event, sort_keys=True) in known for event in before["items"])
    assert sum(m["jobs"] for m in auditor.get("overview")["rates"]["minutes"]) == 2
    read = auditor.metrics()["holdpoint_auditor_records_read_total", (("topic", "jobs"),)]
    assert read == 1, "what was in the database was read again"
    auditor.worker.kill()

    # killed, it goes on all the same
    auditor = Auditor(system, "--database", str(database)).ready()
    assert auditor.get("events")["total"] == after["total"]
    assert auditor.get("packages", state="staged")["total"] == 2
    assert auditor.worker.stop() == 0

    # the file of one installation is not filled from another
    refused = system.run("holdpoint-auditor", "serve", "-b", system.bootstrap, "--prefix", "other.", "--listen", "127.0.0.1:0",
                         "--database", str(database), check=2)
    assert "database_prefix" in refused.stderr, refused.stderr


def test_without_kafka_it_waits_and_says_so(system):
    system.topics()
    bootstrap, port = system.bootstrap, socket.socket()
    port.bind(("127.0.0.1", 0))  # bound, and nobody listens
    system.bootstrap = "127.0.0.1:%d" % port.getsockname()[1]
    auditor = Auditor(system)
    system.bootstrap = bootstrap
    wait_until("words about Kafka", lambda: b"Kafka is not reachable" in auditor.ask("/readyz").body)
    assert auditor.ask("/readyz").code == 503 and auditor.ask("/livez").code == 200
    overview = auditor.get("overview")
    assert overview["caught_up"] is False and "Kafka is not reachable" in overview["words"]
    assert auditor.ask("/api/record/jobs/0/0").code == 503
    assert auditor.worker.stop() == 0
    port.close()


def test_a_dump_is_served_without_any_kafka(system, tmp_path):
    system.topics()
    value = json.dumps(create("PKG1", "1.0", {"files": []}, job_id="c-1"))
    system.publish(("PKG1", value))
    record = system.read("jobs")[0]
    dump = tmp_path / "dump"
    dump.write_text(json.dumps({"topic": f"{system.prefix}jobs", "partition": record.partition, "offset": 0, "tstype": "logappend",
                                "ts": record.timestamp, "broker": 0, "key": "PKG1", "payload": value}) + "\n")
    bootstrap, system.bootstrap = system.bootstrap, "127.0.0.1:1"  # nobody is there
    auditor = Auditor(system, "--dump", str(dump)).ready()
    system.bootstrap = bootstrap
    assert [job["job_id"] for job in auditor.get("jobs")["items"]] == ["c-1"]
    kept = auditor.get(f"record/jobs/{record.partition}/0")
    assert (kept["value"], kept["key"], kept["size"], kept["time"]) == (value, "PKG1", len(value), record.timestamp)
    assert auditor.ask(f"/api/record/jobs/{record.partition}/1").code == 404
    assert auditor.worker.stop() == 0


@pytest.mark.slow
def test_kafka_goes_and_comes_back(tmp_path):
    with harness.kafka(tmp_path / "kafka") as address:
        system = harness.System(address, tmp_path, "away.")
        try:
            system.topics()
            system.publish(create("PKG1", "1.0", {"files": []}, job_id="c-1"))
            auditor = Auditor(system).ready()
            stream = Stream(auditor.port)
            script = [str(harness.ROOT / "script" / "kafka")]
            harness.subprocess.run([*script, "stop", "--dir", str(tmp_path / "kafka")], check=True, capture_output=True)
            wait_until("Kafka to be missed", lambda: auditor.get("overview")["caught_up"] is False)
            assert auditor.get("events")["total"] == 1, "what was read is gone"
            harness.subprocess.run([*script, "start", "--dir", str(tmp_path / "kafka"), "--port", address.rsplit(":")[-1]],
                                   check=True, capture_output=True)
            wait_until("Kafka to be found again", lambda: auditor.get("overview")["caught_up"] is True, deadline=60)
            system.publish(create("PKG2", "1.0", {"files": []}, job_id="c-2"))
            wait_until("the new job", lambda: auditor.get("events")["total"] == 2)
            hellos = [hello["caught_up"] for hello in stream.named("hello")]
            assert hellos[0] is True and False in hellos and hellos[-1] is True, hellos
            assert auditor.worker.stop() == 0
            stream.close()
        finally:
            system.close()


def test_nothing_is_left_behind(system, tmp_path):
    system.topics()
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    harness.os.environ["TMPDIR"] = str(scratch)
    try:
        killed, stopped = Auditor(system).ready(), Auditor(system).ready()
    finally:
        del harness.os.environ["TMPDIR"]
    assert list(scratch.iterdir()) == []
    killed.worker.kill()
    assert stopped.worker.stop() == 0
    assert list(scratch.iterdir()) == []
