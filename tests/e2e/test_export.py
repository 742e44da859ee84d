"""The exported history: whole whenever it is killed, the same however often it was, and right against what the test knows."""
import json
import os
import pathlib
import random
import signal
import sqlite3
import subprocess
import time

import pytest
from confluent_kafka.admin import AdminClient

from harness import BIN, SLOW, TOPICS, wait_until
from test_order import jobs_for, start_all

TABLES = ("meta", "lane", "event", "job", "copy", "pointer")


def export(system, path, *arguments, check=0):
    return system.run("holdpoint-auditor", "export", *system.common(), *arguments, str(path), check=check)


def added(system, path, *arguments):
    return json.loads(export(system, path, "--json", *arguments).stdout)["added"]


def rows(path, sql, *values):
    """Dicts; in a connection of its own, as any reader has."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30) as connection:
        connection.row_factory = sqlite3.Row
        found = [dict(row) for row in connection.execute(sql, values)]
    connection.close()
    return found


def tables(path):
    """Every row of every table, in the order of their keys."""
    return {table: [tuple(row.values()) for row in rows(path, f"SELECT * FROM {table}")] for table in TABLES}


def assert_same(path, other):
    one, two = tables(path), tables(other)
    for table in TABLES:
        if one[table] != two[table]:
            only = sorted(set(one[table]) ^ set(two[table]), key=str)[:4]
            raise AssertionError(f"{table}: {len(one[table])} and {len(two[table])} rows; only in one of them: {only}")


def assert_whole(path):
    assert rows(path, "PRAGMA integrity_check") == [{"integrity_check": "ok"}]


def assert_events_are_the_log(system, path):
    """Each record one event, byte for byte."""
    found = {(row["topic"], row["partition"], row["offset"]): row for row in rows(path, "SELECT * FROM event")}
    records = {(topic, record.partition, record.offset): record for topic, all_of_it in system.read_all().items() for record in all_of_it}
    assert found.keys() == records.keys()
    for place, record in records.items():
        assert found[place]["value"] == record.value, place
        assert found[place]["size"] == len(record.value), place
        assert found[place]["logged"] == record.timestamp, place
    return found


class Follower:
    """`export --follow` as a process."""

    def __init__(self, system, path):
        self.process = subprocess.Popen([str(BIN / "holdpoint-auditor"), "export", *system.common(), "--follow", str(path)],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def end(self, number):
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=30 * SLOW)
        return self.process.returncode, out, err


def events(path):
    """How many have been committed; 0 where there is no table yet."""
    try:
        return rows(path, "SELECT count(*) AS n FROM event")[0]["n"]
    except sqlite3.OperationalError:
        return 0


def load(system, number, pick):
    """Jobs of all kinds: good ones, held ones, doubled ones, rejected ones, unreadable ones."""
    package = f"PKG{number:03}"
    create, update = jobs_for(system, package, "1.0", pick.choice([["paris"], ["group:apac"], ["group:all"]]), tag=str(number))
    jobs = [create, update]
    if pick.random() < 0.4:
        jobs.reverse()
    if pick.random() < 0.3:
        jobs.append(pick.choice([create, update]))  # a duplicate
    if pick.random() < 0.2:
        jobs.append((package, b"{not json"))
    if pick.random() < 0.2:
        jobs.append({**update, "job_id": f"x-{number}", "gates": "each"})  # an unknown field
    return jobs, ["c-" + str(number), "u-" + str(number)]


@pytest.mark.slow
def test_a_follower_killed_twenty_times_while_jobs_run_ends_with_what_one_clean_run_has(pipeline, tmp_path):
    seed = int(os.environ.get("HOLDPOINT_TEST_SEED", time.time_ns() % 1000000))
    print(f"seed {seed}: HOLDPOINT_TEST_SEED={seed} repeats the choices")
    pick, path, clean = random.Random(seed), tmp_path / "history.sqlite", tmp_path / "clean.sqlite"
    start_all(pipeline)
    names, grown = [], 0
    for number in range(20):
        for one in range(3):
            jobs, ids = load(pipeline, number * 3 + one, pick)
            pipeline.publish(*jobs)
            names += ids
        before = events(path)
        follower = Follower(pipeline, path)
        if number % 2:
            wait_until("the follower has written something new", lambda: events(path) > before, 30)
        else:
            time.sleep(pick.random() * 0.3)  # the random moment itself: also before there is a file
        assert follower.end(signal.SIGKILL)[0] == -signal.SIGKILL
        if path.exists() and path.stat().st_size:
            assert_whole(path)
        grown += events(path) > before
    assert grown >= 10  # else the kills have tested nothing
    pipeline.await_jobs(*names, deadline=120)
    assert export(pipeline, path).returncode == 0
    assert export(pipeline, clean).returncode == 0
    assert_whole(path)
    assert_same(path, clean)
    found = assert_events_are_the_log(pipeline, path)
    assert added(pipeline, path) == 0
    assert len(found) == events(path)


def test_a_second_run_adds_only_what_is_new(pipeline, tmp_path):
    path, clean, values = tmp_path / "history.sqlite", tmp_path / "clean.sqlite", tmp_path / "no-values.sqlite"
    start_all(pipeline)
    pipeline.publish(*jobs_for(pipeline, "FIRST", "1.0", ["group:all"], tag="1"))
    pipeline.await_jobs("c-1", "u-1")
    first = added(pipeline, path)
    assert first == sum(len(records) for records in pipeline.read_all().values())
    assert added(pipeline, path) == 0
    pipeline.publish(*jobs_for(pipeline, "FIRST", "2.0", ["group:all"], tag="2"))
    pipeline.await_jobs("c-2", "u-2")
    total = sum(len(records) for records in pipeline.read_all().values())
    assert export(pipeline, path).stdout == f"{total - first} records added to {path}\n"
    assert added(pipeline, clean) == total
    assert_same(path, clean)
    # without values: the same otherwise, and not to be mixed
    assert added(pipeline, values, "--no-values") == total
    assert rows(values, "SELECT count(*) AS n FROM event WHERE value IS NOT NULL") == [{"n": 0}]
    assert tables(values)["job"] == tables(clean)["job"]
    refused = export(pipeline, values, check=2)
    assert "database_prefix" in refused.stderr and "values" in refused.stderr


def test_a_dump_gives_the_same_tables(pipeline, tmp_path):
    from test_questions import dump
    path, dumped = tmp_path / "history.sqlite", tmp_path / "dumped.sqlite"
    start_all(pipeline)
    pipeline.publish(*jobs_for(pipeline, "DUMPED", "1.0", ["group:all"], tag="1"), ("DUMPED", b"no json"))
    pipeline.await_jobs("c-1", "u-1")
    dump(pipeline, tmp_path / "log.dump")
    total = added(pipeline, path)
    assert added(pipeline, dumped, "--dump", str(tmp_path / "log.dump")) == total
    assert_same(path, dumped)
    assert added(pipeline, dumped) == 0  # and goes on from the Kafka


def made_dump(path, packages, partitions=4):
    """A long log: jobs, and what came of them."""
    ends, lines = {}, []

    def put(topic, partition, value):
        offset = ends.get((topic, partition), 0)
        ends[topic, partition] = offset + 1
        value = {"schema": 1, "id": f"{topic}-{partition}-{offset}", "time": "2026-11-22T10:00:00.000Z", **value} if topic != "jobs" else value
        lines.append(json.dumps({"topic": "holdpoint." + topic, "partition": partition, "offset": offset, "tstype": "logappend",
                                 "ts": 1_790_000_000_000 + len(lines), "key": value["package_id"], "payload": json.dumps(value)}))
        return {"partition": partition, "offset": offset}

    for number in range(packages):
        package, partition = f"PKG{number * 7919 % 100000:05}", number % partitions
        about = {"package_id": package, "version": "1.0"}
        job = {"job_id": f"u-{number}", "job_position": put("jobs", partition, {**about, "type": "update", "job_id": f"u-{number}"})}
        here = {**about, **job, "distribution_point": "paris", "dp_id": "d", "digest": "sha256:" + "0" * 64}
        status = {**about, **job, "type": "job", "job_type": "update"}
        put("status", partition, {**status, "state": "accepted", "final": False, "distribution_points": ["paris"]})
        staged = put("staged", partition, {**here, "type": "staged", "files": 1, "bytes": 2, "read_back": "full"})
        release = put("staged", partition, {**here, "type": "release", "staged_id": "s", "targets": 1, "deadline": "2026-11-23T10:00:00.000Z"})
        put("updated", partition, {**here, "type": "updated", "staged_id": "s", "staged_position": staged, "release_id": "r",
                                   "release_position": release})
        put("status", partition, {**status, "state": "completed", "final": True, "outcomes": {"paris": "completed"}})
    path.write_text("\n".join(lines) + "\n")
    return len(lines)


@pytest.mark.slow
def test_a_run_killed_at_any_moment_of_a_long_log_leaves_the_file_whole_and_the_next_goes_on(tmp_path):
    seed = int(os.environ.get("HOLDPOINT_TEST_SEED", time.time_ns() % 1000000))
    print(f"seed {seed}: HOLDPOINT_TEST_SEED={seed} repeats the choices")
    pick, path, clean, log = random.Random(seed), tmp_path / "history.sqlite", tmp_path / "clean.sqlite", tmp_path / "log.dump"
    total = made_dump(log, 8000)

    def command(file):
        return [str(BIN / "holdpoint-auditor"), "export", "--dump", str(log), str(file)]

    began = time.monotonic()
    assert subprocess.run(command(clean), capture_output=True, text=True, timeout=120 * SLOW, check=True).stdout == \
        f"{total} records added to {clean}\n"
    whole, seen, midway = time.monotonic() - began, 0, 0
    for _ in range(20):
        process = subprocess.Popen(command(path), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        time.sleep(whole * (0.1 + 0.4 * pick.random()))  # the random moment itself
        process.kill()
        assert process.communicate()[1] == ""
        if path.exists() and path.stat().st_size:
            assert_whole(path)
        assert seen <= events(path) <= total
        seen = events(path)
        midway += 0 < seen < total
        if seen == total:
            assert_same(path, clean)
            for ending in ("", "-wal", "-shm"):
                pathlib.Path(f"{path}{ending}").unlink(missing_ok=True)
            seen = 0
    assert midway >= 5, midway  # else the kills have tested nothing
    subprocess.run(command(path), capture_output=True, timeout=120 * SLOW, check=True)
    assert_whole(path)
    assert_same(path, clean)
    assert [row["state"] for row in rows(path, "SELECT DISTINCT state FROM current_state")] == ["current"]


def test_a_follower_shows_what_comes_and_ends_on_a_signal(pipeline, tmp_path):
    for number, name in ((signal.SIGINT, "int"), (signal.SIGTERM, "term")):
        path = tmp_path / f"{name}.sqlite"
        follower = Follower(pipeline, path)
        before = sum(len(records) for records in pipeline.read_all().values())
        wait_until("the follower has read what is there", lambda: events(path) == before and path.exists())
        pipeline.publish({"type": "update", "job_id": f"u-{name}", "package_id": "LATER", "version": "1.0"})
        wait_until("the new job is in the file", lambda: rows(path, "SELECT * FROM job WHERE job_id = ?", f"u-{name}"))
        assert rows(path, "SELECT state, final FROM job WHERE job_id = ?", f"u-{name}") == [{"state": "submitted", "final": 0}]
        second = export(pipeline, path, check=None)
        assert second.returncode == 0  # it may look; only who finds the other's writing meanwhile gives way
        code, out, err = follower.end(number)
        assert (code, err) == (0, "")
        assert out == f"{before + 1} records added to {path}\n"
        assert_whole(path)


def recreate(system, topic):
    """A topic of the same name with nothing in it."""
    admin = AdminClient({"bootstrap.servers": system.bootstrap})
    admin.delete_topics([system.prefix + topic])[system.prefix + topic].result(30)
    wait_until("the topic is gone", lambda: system.prefix + topic not in admin.list_topics(timeout=30).topics)
    system.topics()
    wait_until("the topic is there", lambda: len(admin.list_topics(timeout=30).topics[system.prefix + topic].partitions) == system.partitions)


def test_another_log_is_refused_and_the_file_stays_as_it_was(pipeline, tmp_path):
    path, follow = tmp_path / "history.sqlite", ["--follow"]
    update = {"type": "update", "package_id": "AGAIN", "version": "1.0"}
    pipeline.publish(*[{**update, "job_id": f"u-{n}"} for n in range(5)])
    assert added(pipeline, path) == 5
    before = tables(path)
    recreate(pipeline, "jobs")
    for what, jobs in (("empty", 0), ("shorter", 3), ("as long", 2), ("longer", 10)):
        if jobs:
            pipeline.publish(*[{**update, "job_id": f"v-{what.replace(' ', '-')}-{n}"} for n in range(jobs)])
        for arguments in ([], follow):
            refused = export(pipeline, path, *arguments, check=2)
            assert "database_other_log" in refused.stderr and "Export into a new file" in refused.stderr, (what, refused.stderr)
            assert str(path) in refused.stderr and "jobs" in refused.stderr
        assert tables(path) == before, what
    other = pipeline.run("holdpoint-auditor", "export", "-b", pipeline.bootstrap, "--prefix", "other.", str(path), check=2)
    assert "database_prefix" in other.stderr


def test_what_cannot_be_written_or_read_is_told(pipeline, tmp_path):
    letter = tmp_path / "letter.txt"
    letter.write_text("dear friend, " * 100)
    assert "database_invalid" in export(pipeline, letter, check=2).stderr
    assert letter.read_text() == "dear friend, " * 100
    assert "database_unusable" in export(pipeline, tmp_path / "nowhere" / "history.sqlite", check=2).stderr
    away = pipeline.run("holdpoint-auditor", "export", "-b", "localhost:1", "--prefix", pipeline.prefix, "--timeout", "1",
                        str(tmp_path / "away.sqlite"), check=3)
    assert "kafka_unreachable" in away.stderr
    export(pipeline, tmp_path / "away.sqlite")  # what that run has left is a good beginning


def test_the_views_are_right(pipeline, tmp_path):
    path = tmp_path / "history.sqlite"
    pipeline.publish({"type": "update", "job_id": "u-never", "package_id": "NEVER", "version": "1.0", "distribution_points": ["paris"]})
    start_all(pipeline)
    # done: twice on all, the second version created and not made current
    pipeline.publish(*jobs_for(pipeline, "DONE", "1.0", ["group:all"], tag="1"))
    pipeline.await_jobs("c-1", "u-1")
    pipeline.publish(jobs_for(pipeline, "DONE", "2.0", ["paris"], tag="2")[0])
    # held, then released
    create, update = jobs_for(pipeline, "HELD", "1.0", ["group:apac"], tag="3")
    pipeline.publish(update)
    pipeline.await_status("the hold", lambda s: s.get("job_id") == "u-3" and s.get("state") == "held")
    pipeline.publish(create)
    # failing: its source is not there
    content = pipeline.source("missing", {"a": b"a"})
    (pipeline.folder / "src" / "missing" / "a").unlink()
    pipeline.publish({"type": "create", "job_id": "c-4", "package_id": "MISSING", "version": "1.0", "content": content,
                      "distribution_points": ["paris", "tokyo"]})
    # unreadable, and doubled
    pipeline.publish(("DEAD", b"{never closed"), create)
    pipeline.await_jobs("c-1", "u-1", "c-2", "c-3", "u-3")
    pipeline.await_status("the missing source", lambda s: s["type"] == "distribution_point" and s["package_id"] == "MISSING"
                          and s["distribution_point"] == "tokyo" and s.get("error"))
    pipeline.await_status("the duplicate", lambda s: s["type"] == "duplicate")
    for worker in pipeline.workers:
        worker.stop()
    export(pipeline, path)
    records = assert_events_are_the_log(pipeline, path) and pipeline.read_all()
    statuses = records["status"]

    state = {(row["package"], row["distribution_point"]): row for row in rows(path, "SELECT * FROM current_state")}
    apac = ("tokyo", "osaka")
    for point in ("paris", *apac):
        staged = "2.0" if point == "paris" else "1.0"
        assert state["DONE", point] == {"package": "DONE", "distribution_point": point, "desired": "1.0", "staged": staged,
                                        "live": "1.0", "state": "current"}
    assert pipeline.current("paris", "DONE")["version"] == "1.0"
    assert {point: state["HELD", point]["state"] for point in apac} == {"tokyo": "current", "osaka": "current"}
    for point in ("paris", "tokyo"):
        assert state["MISSING", point]["state"] in ("pending", "retrying", "failed") and state["MISSING", point]["staged"] is None
    assert len(state) == 3 + 2 + 2

    jobs = {row["job_id"]: row for row in rows(path, "SELECT * FROM job WHERE state != 'duplicate' AND job_id != ''")}
    ends = {record.json["job_id"]: record for record in statuses if record.json["type"] == "job" and record.json["final"]}
    assert {name for name, job in jobs.items() if job["final"]} == set(ends)
    for name, ended in ends.items():
        assert (jobs[name]["state"], jobs[name]["ended"]) == (ended.json["state"], ended.timestamp)
    assert jobs["u-never"]["state"] == "held" and jobs["u-never"]["released"] is None
    assert [row["state"] for row in rows(path, "SELECT state FROM job WHERE job_id = 'c-3' ORDER BY \"offset\"")] == ["completed", "duplicate"]
    assert rows(path, "SELECT state, package FROM job WHERE job_id = ''") == [{"state": "dead_letter", "package": "DEAD"}]

    def first(matches, among):
        return min(record.timestamp for record in among if matches(record.json))

    durations = {row["job_id"]: row for row in rows(path, "SELECT * FROM job_durations") if row["job_id"]}
    submitted = {record.json["job_id"]: record.timestamp for record in reversed(records["jobs"]) if record.value.startswith(b'{"')
                 and record.key != b"DEAD"}
    for name in ("c-1", "u-1", "u-3"):
        accepted = first(lambda s: s["type"] == "job" and s["job_id"] == name and s["state"] == "accepted", statuses)
        assert durations[name]["submitted_to_accepted"] == accepted - submitted[name] >= 0
        assert durations[name]["submitted_to_ended"] == ends[name].timestamp - submitted[name]

    holds = {row["job_id"]: row for row in rows(path, "SELECT * FROM hold_times")}
    held = first(lambda s: s["type"] == "job" and s["job_id"] == "u-3" and s["state"] == "held", statuses)
    released = first(lambda s: s["type"] == "release" and s["job_id"] == "u-3", records["staged"])
    assert (holds["u-3"]["held"], holds["u-3"]["until"], holds["u-3"]["ms"]) == (held, released, released - held)
    assert holds["u-never"]["until"] is None and holds["u-never"]["ms"] is None

    told = {}
    for record in statuses:
        if record.json["type"] == "distribution_point" and record.json.get("error"):
            key = record.json["distribution_point"], record.json["error"]["code"]
            told[key] = told.get(key, 0) + 1
    failures = rows(path, "SELECT * FROM failures_by_distribution_point")
    assert {(row["distribution_point"], row["error"]): row["times"] for row in failures} == told
    assert {"paris", "tokyo"} <= {point for point, _ in told}
    assert all(row["copies_now"] == 1 and row["packages"] == 1 for row in failures if row["distribution_point"] in ("paris", "tokyo"))

    letters = rows(path, "SELECT * FROM dead_letters")
    assert [(row["package"], row["value"]) for row in letters] == [("DEAD", b"{never closed")]
    headers = records["dlq"][0].headers
    assert letters[0]["origin_topic"] == headers["__connect.errors.topic"].decode() == pipeline.prefix + "jobs"
    assert letters[0]["origin_partition"] == int(headers["__connect.errors.partition"])
    assert letters[0]["origin_offset"] == int(headers["__connect.errors.offset"])
    assert letters[0]["detail"]
