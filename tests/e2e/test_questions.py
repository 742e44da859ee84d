"""What the auditor answers about a real installation: timelines, state at any moment, what is held, what failed, dead letters."""
import json
import re
import subprocess
import time

import pytest
from confluent_kafka import Producer

import checker
from harness import BIN, wait_until
from test_order import jobs_for


def ask(system, *arguments, check=0):
    """The words that a subcommand answers."""
    return system.run("holdpoint-auditor", *arguments, *system.common(), check=check).stdout


def ask_json(system, *arguments):
    return [json.loads(line) for line in ask(system, *arguments, "--json").splitlines()]


def dump(system, path):
    """The log in a file, as `kcat -C -J` prints it."""
    with path.open("w") as out:
        for topic in ("jobs", "staged", "updated", "status", "dlq"):
            for record in system.read(topic):
                headers = [part for name, value in record.headers.items() for part in (name, value.decode())]
                out.write(json.dumps({"topic": system.prefix + topic, "partition": record.partition, "offset": record.offset,
                                      "tstype": "logappend", "ts": record.timestamp, "headers": headers,
                                      "key": record.key and record.key.decode(),
                                      "payload": record.value.decode() if record.value is not None else None}) + "\n")


def place(record):
    return f"{record.topic}/{record.partition}@{record.offset}"


def place_of(found):
    return f"{found['topic']}/{found['partition']}@{found['offset']}"


def start(system):
    for role in ("stager", "updater"):
        system.start(role)


def cells(system, *arguments):
    return {(cell["package"], cell["distribution_point"]): cell for cell in ask_json(system, "state", *arguments)}


def test_an_update_before_its_create_is_told_as_held_and_its_state_at_each_moment(pipeline):
    create, update = jobs_for(pipeline, "HELLO", "1.0", ["paris", "tokyo"], tag="1")
    pipeline.publish({**update, "distribution_points": ["paris", "tokyo"], "requested_by": "ana@ops"})
    none = pipeline.run("holdpoint-auditor", "held", *pipeline.common())
    assert (none.stdout, none.stderr) == ("Nothing is held.\n",
                                          "1 was sent, and no stager has answered yet (holdpoint-auditor jobs).\n")
    start(pipeline)
    held = pipeline.await_status("the hold", lambda s: s.get("state") == "held")

    found = ask_json(pipeline, "held")
    assert [job["job_id"] for job in found] == ["u-1"]
    assert found[0]["state"] == "held" and found[0]["waiting_targets"] == 2 and not found[0]["final"]
    assert sorted(found[0]["waiting_missing"]) == ["paris", "tokyo"]
    assert found[0]["deadline"] > found[0]["held"]
    words = ask(pipeline, "held")
    assert "update HELLO 1.0" in words and "its create, which was not sent yet" in words
    none = pipeline.run("holdpoint-auditor", "held", "--older-than", "PT1H", *pipeline.common())
    assert (none.stdout, none.stderr) == ("Nothing has been held for so long.\n",
                                          "1 is held, for less (leave out --older-than to see it).\n")
    none = pipeline.run("holdpoint-auditor", "held", "--older-than", "PT1H", "--json", *pipeline.common())
    assert (none.stdout, none.stderr) == ("", "")
    assert ask_json(pipeline, "jobs") == found
    time.sleep(1.0)  # so that the hold has a length
    pipeline.publish(create)
    assert pipeline.await_jobs("u-1", "c-1") == {"u-1": "completed", "c-1": "completed"}

    # the timeline: every event is a record, in the order of its cause, with how long things took
    records = {place(record): record for topic in pipeline.read_all().values() for record in topic}
    events = ask_json(pipeline, "timeline", "HELLO")
    assert {place_of(event["place"]) for event in events} == set(records)
    kinds = [(event["type"], event.get("state"), event.get("job_id")) for event in events]
    order = [("update", None, "u-1"), ("job", "accepted", "u-1"), ("job", "held", "u-1"), ("create", None, "c-1"),
             ("job", "accepted", "c-1")]
    assert [kind for kind in dict.fromkeys(kinds) if kind in order] == order  # it may be told as held more than once
    for point in ("paris", "tokyo"):
        steps = [event["type"] for event in events if event.get("distribution_point") == point
                 and event["type"] in ("staged", "release", "updated")]
        assert steps == ["staged", "release", "updated"]
    assert kinds[-1][:2] in (("job", "completed"), ("distribution_point", "updated"))
    release = next(event for event in events if event["type"] == "release")
    assert release["held_ms"] == records[place_of(release["place"])].timestamp - records[place(held)].timestamp >= 1000
    end = next(event for event in events if event["type"] == "job" and event["job_id"] == "u-1" and event["final"])
    assert end["elapsed_ms"] >= release["held_ms"]
    words = ask(pipeline, "timeline", "HELLO")
    assert re.search(r"paris: 1\.0 released for u-1, held \d\.\d s", words)
    assert re.search(r"status/\d@\d+ +✓ u-1 completed after \d+\.\d s, held \d+\.\d s of it", words)
    only = ask_json(pipeline, "timeline", "HELLO", "--job", "c-1")
    assert {event.get("job_id") for event in only} <= {"c-1", None} and len(only) < len(events)
    assert ask_json(pipeline, "timeline", "HELLO", "--last", "2") == events[-2:]

    # as of three moments: held, staged but not released everywhere, the end
    assert cells(pipeline, "--at-position", place(held)) == {}
    assert "Nothing was wanted or staged anywhere" in ask(pipeline, "state", "--at-position", place(held))
    staged = [record for record in records.values() if record.topic == "staged" and record.json["type"] == "staged"]
    first = min(staged, key=lambda record: record.offset)
    point = first.json["distribution_point"]
    then = cells(pipeline, "HELLO", "--at-position", f"{pipeline.prefix}staged/{first.partition}/{first.offset}")
    assert then[("HELLO", point)]["state"] == "staged" and "live" not in then[("HELLO", point)]
    assert ask_json(pipeline, "jobs", "--state", "held", "--at-position", place(first))[0]["job_id"] == "u-1"
    now = cells(pipeline)
    assert {cell["state"] for cell in now.values()} == {"current"} and len(now) == 2
    assert all(cell["live"] == "1.0" for cell in now.values())
    for cell in now.values():
        updated = records[place_of(cell["updated_place"])]
        assert updated.json["distribution_point"] == cell["distribution_point"]
    assert cells(pipeline, "--at-time", "PT1H") == {}
    assert cells(pipeline, "--at-time", "2100-01-01T00:00:00Z") == now
    assert ask(pipeline, "state").count("1.0 ✓") == 2
    assert ask(pipeline, "held") == "Nothing is held.\n"
    assert ask(pipeline, "jobs") == "No job is open: all have ended (--all shows them).\n"

    # the same from a file, without Kafka
    path = pipeline.folder / "log.jsonl"
    dump(pipeline, path)
    told = pipeline.run("holdpoint-auditor", "timeline", "HELLO", "--dump", str(path), "--prefix", pipeline.prefix, "--json").stdout
    assert [json.loads(line) for line in told.splitlines()] == events


def test_a_retrying_point_a_failed_job_and_a_superseded_one_are_told_with_their_reasons(pipeline):
    start(pipeline)
    identity = pipeline.base("paris") / ".holdpoint" / "dp.json"
    identity.rename(identity.with_suffix(".away"))
    content = pipeline.source("app", {"a": b"a" * 1000})
    pipeline.publish({"type": "create", "job_id": "c-slow", "package_id": "APP", "version": "1", "content": content,
                      "distribution_points": ["paris", "tokyo"]})
    pipeline.await_status("three attempts", lambda s: s.get("state") == "retrying" and s["attempt"] >= 3)
    trouble = [row for row in ask_json(pipeline, "failed") if row["kind"] == "distribution_point"]
    assert [(row["distribution_point"], row["code"], row["retrying"], row["failed"]) for row in trouble] == \
        [("paris", "dp_not_initialised", 1, 0)]
    assert trouble[0]["some_packages"] == ["APP"] and "dp.json" in trouble[0]["message"]
    assert cells(pipeline)[("APP", "paris")]["state"] == "retrying"
    assert "1 retrying" in ask(pipeline, "state")
    assert "dp_not_initialised" in ask(pipeline, "state", "APP")
    identity.with_suffix(".away").rename(identity)
    assert pipeline.await_jobs("c-slow") == {"c-slow": "completed"}
    attempts = [event["attempt"] for event in ask_json(pipeline, "timeline", "APP", "--job", "c-slow")
                if event.get("distribution_point") == "paris" and event.get("state") == "retrying"]
    assert attempts[:3] == [1, 2, 3]
    words = ask(pipeline, "timeline", "APP")
    assert words.count("has no .holdpoint/dp.json") == 1, "the same error is told once"
    assert re.search(r"paris: 1 staged in \d+\.\d s, attempt \d", words)

    refused = {"files": [{**pipeline.source("other", {"a": b"other"})["files"][0], "url": "file:///etc/hostname"}]}
    pipeline.publish({"type": "create", "job_id": "c-bad", "package_id": "APP", "version": "2", "content": refused,
                      "distribution_points": ["tokyo"]})
    pipeline.publish({"type": "update", "job_id": "u-old", "package_id": "APP", "version": "3", "distribution_points": ["tokyo"]})
    pipeline.publish({"type": "update", "job_id": "u-new", "package_id": "APP", "version": "1", "distribution_points": ["tokyo"]})
    ends = pipeline.await_jobs("c-bad", "u-old", "u-new", deadline=60)
    assert ends == {"c-bad": "failed", "u-old": "superseded", "u-new": "completed"}
    failed = ask_json(pipeline, "failed")
    job = next(row for row in failed if row["kind"] == "job")
    status = pipeline.terminal()["c-bad"][0]
    assert (job["job_id"], job["state"], job["reason"], job["detail"]) == ("c-bad", "failed", status["reason"], status["detail"])
    assert job["outcomes"] == {"tokyo": "failed"}
    assert "create APP 2, c-bad" in ask(pipeline, "failed")
    assert [row["job_id"] for row in ask_json(pipeline, "jobs", "--state", "superseded", "--package", "APP")] == ["u-old"]
    assert len(ask_json(pipeline, "jobs", "--all")) == 4
    assert cells(pipeline)[("APP", "tokyo")]["live"] == "1"
    assert "withheld from u-old" in ask(pipeline, "timeline", "APP")
    assert [row for row in ask_json(pipeline, "failed", "--since", "2100-01-01T00:00:00Z") if row["kind"] == "job"] == []


def publish_raw(system, topic, partition, key, value, headers=()):
    producer = Producer({"bootstrap.servers": system.bootstrap, "linger.ms": 0})
    producer.produce(system.prefix + topic, partition=partition, key=key, value=value, headers=list(headers))
    assert producer.flush(30) == 0


def await_letters(system, count):
    return wait_until(f"{count} dead letters", lambda: (lambda l: l if len(l) >= count else None)(system.read("dlq")))


def test_a_dead_letter_is_shown_and_redriven_once_and_then_its_job_runs(pipeline):
    assert ask(pipeline, "dlq", "list") == "There are no dead letters.\n"
    start(pipeline)
    # a job that somebody sent on to a wrong partition: its bytes are good, its place is not
    content = pipeline.source("lost", {"a": b"lost and found"})
    value = json.dumps({"type": "update", "job_id": "u-lost", "package_id": "LOST", "version": "1.0", "content": content,
                        "distribution_points": ["paris"]}).encode()
    right = checker.partition_of(b"LOST", pipeline.partitions)
    wrong = (right + 1) % pipeline.partitions
    publish_raw(pipeline, "jobs", wrong, b"LOST", value, [("holdpoint-origin-partition", str((wrong + 1) % pipeline.partitions)),
                                                         ("holdpoint-origin-offset", "0"),
                                                         ("traceparent", "00-" + "a" * 32 + "-" + "b" * 16 + "-01")])
    letter = place(await_letters(pipeline, 1)[0])
    rows = ask_json(pipeline, "dlq", "list")
    assert [(place_of(row["place"]), row["package"], row["reason"], place_of(row["origin"])) for row in rows] == \
        [(letter, "LOST", "misrouted", f"jobs/{wrong}@0")]
    shown = ask(pipeline, "dlq", "show", letter)
    assert "misrouted" in shown and "__connect.errors.stage: route" in shown and value.decode() in shown
    assert ask_json(pipeline, "dlq", "show", letter)[0]["value"].encode() == value
    assert ask(pipeline, "dlq", "show", letter.removeprefix("dlq/").replace("@", "/"), "--raw").encode() == value

    assert ask(pipeline, "dlq", "redrive", "--all", "--dry-run") == f"{letter} would be redriven\n"
    assert ask(pipeline, "dlq", "redrive", "--all", "--reason", "unknown_field") == "Nothing is to be redriven.\n"
    assert len(pipeline.read("jobs")) == 1
    redriven = re.fullmatch(rf"{letter} redriven as jobs/{right}@(\d+)\n", ask(pipeline, "dlq", "redrive", letter))
    job = next(r for r in pipeline.read("jobs") if (r.partition, r.offset) == (right, int(redriven[1])))
    assert (job.key, job.value) == (b"LOST", value)
    assert job.headers == {"holdpoint.redriven-from": letter.encode(), "traceparent": b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01"}
    assert pipeline.await_jobs("u-lost") == {"u-lost": "completed"}
    assert pipeline.current("paris", "LOST")["version"] == "1.0"

    # never twice unless told to
    again = pipeline.run("holdpoint-auditor", "dlq", "redrive", letter, *pipeline.common(), check=1)
    assert f"redriven already, as {place(job)}" in again.stderr and "nothing was redriven" in again.stderr
    assert "left out" in ask(pipeline, "dlq", "redrive", "--all")
    assert place_of(ask_json(pipeline, "dlq", "list")[0]["redriven"]) == place(job)
    assert f"redriven from {letter}" in ask(pipeline, "timeline", "LOST")
    assert len(pipeline.read("jobs")) == 2
    ask(pipeline, "dlq", "redrive", letter, "--again")
    pipeline.await_status("the duplicate", lambda s: s["type"] == "duplicate" and s["job_id"] == "u-lost")
    assert len(pipeline.read("updated")) == 1


def test_a_redrive_that_is_killed_halfway_is_done_again_without_sending_one_twice(pipeline):
    count = 3000
    stager = pipeline.start("stager")
    pipeline.publish(*[(f"MANY{number % 50}".encode(), b"no job %d" % number) for number in range(count)])
    letters = await_letters(pipeline, count)
    stager.stop()  # else what is redriven becomes a dead letter again
    # no worker ever takes them: only who asks for them by their reason gets them
    said = ask(pipeline, "dlq", "redrive", "--all")
    assert said.startswith(f"{count} dead letters are left out: the record itself is wrong") and "Nothing is to be redriven." in said
    assert {(row["type"], row["reason"]) for row in ask_json(pipeline, "dlq", "redrive", "--all", "--dry-run")} == {("left_out", "record_at_fault")}
    assert len(pipeline.read("jobs")) == count
    redrive = ("dlq", "redrive", "--all", "--reason", "invalid_json")
    run = subprocess.Popen([str(BIN / "holdpoint-auditor"), *redrive, *pipeline.common()], stdout=subprocess.PIPE)
    run.stdout.readline()
    run.kill()
    run.communicate(timeout=30)
    halfway = len(pipeline.read("jobs")) - count
    assert halfway > 0
    ask(pipeline, *redrive)
    redriven = [record for record in pipeline.read("jobs") if record.headers]
    assert sorted(record.headers["holdpoint.redriven-from"].decode() for record in redriven) == sorted(map(place, letters))
    assert sorted((r.key, r.value) for r in redriven) == sorted((r.key, r.value) for r in letters)
    print(f"{halfway} of {count} were redriven when it was killed")


def test_bytes_that_would_change_the_terminal_are_escaped_and_raw_ones_are_exact(pipeline):
    start(pipeline)
    value = b"\x1b]0;owned\x07 \xff\xfe \xc2\x9b31m tab\tand\nnew line \\ \xe2\x80\xae turned gr\xc3\xbc\xc3\x9fe"
    pipeline.publish((b"ODD", value), (b"ODD", None))
    letters = await_letters(pipeline, 2)
    shown = ask(pipeline, "dlq", "show", place(letters[0]))
    assert r"\x1b]0;owned\x07 \xff\xfe \xc2\x9b31m tab\tand\n" in shown and r"\\ \xe2\x80\xae turned grüße" in shown
    assert not any(ord(c) < 32 and c != "\n" for c in shown)
    raw = pipeline.folder / "raw"
    with raw.open("wb") as out:
        subprocess.run([str(BIN / "holdpoint-auditor"), "dlq", "show", place(letters[0]), "--raw", *pipeline.common()],
                       stdout=out, check=True, timeout=60)
    assert raw.read_bytes() == value
    assert "no value (a tombstone)" in ask(pipeline, "dlq", "show", place(letters[1]))
    ask(pipeline, "dlq", "redrive", place(letters[1]))
    assert [record.value for record in pipeline.read("jobs")] == [value, None, None]


@pytest.mark.forged  # who writes staged without being a stager breaks the promises of the log
def test_what_the_updater_put_aside_is_not_redriven(pipeline):
    start(pipeline)
    partition = checker.partition_of(b"FORGED", pipeline.partitions)
    publish_raw(pipeline, "staged", partition, b"FORGED", b"no staged record")
    letter = place(await_letters(pipeline, 1)[0])
    refused = pipeline.run("holdpoint-auditor", "dlq", "redrive", letter, *pipeline.common(), check=1)
    assert f"{letter} came from staged/{partition}@0, not from jobs" in refused.stderr and "not_a_job" in refused.stderr
    assert "Nothing is to be redriven." in ask(pipeline, "dlq", "redrive", "--all")
    assert pipeline.read("jobs") == []


def test_what_is_not_there_is_said_in_words(pipeline):
    def fails(code, words, *arguments, stdout=None):
        with open(stdout or pipeline.folder / "answer", "w") as out:
            done = subprocess.run([str(BIN / "holdpoint-auditor"), *arguments, *pipeline.common()], stdout=out,
                                  stderr=subprocess.PIPE, text=True, timeout=120, check=False)
        assert done.returncode == code and words in done.stderr, done.stderr
        assert stdout or (pipeline.folder / "answer").read_text() == ""

    partition = checker.partition_of(b"NONE", pipeline.partitions)
    unknown = f"nothing is known of package NONE in partition {partition}: is its name right?"
    for command in ("timeline", "state"):
        fails(1, unknown, command, "NONE")
    for command in ("jobs", "held", "failed"):
        fails(1, unknown, command, "--package", "NONE")
    assert ask(pipeline, "failed") == "Nothing failed.\n"
    assert ask(pipeline, "jobs", "--all") == "There is no such job.\n"
    assert "Nothing was wanted or staged anywhere" in ask(pipeline, "state")
    pipeline.publish({"type": "update", "job_id": "u", "package_id": "NONE", "version": "1"})
    fails(1, "nothing is known of job u-2 of package NONE", "timeline", "NONE", "--job", "u-2")
    fails(2, "there is no record at status/0@5", "state", "--at-position", "status/0/5")
    fails(2, "a place in the log is written TOPIC/PARTITION/OFFSET", "state", "--at-position", "5")
    fails(2, "--at-time: must be a time", "state", "--at-time", "yesterday")
    fails(2, "--state: must be", "jobs", "--state", "asleep")
    fails(1, "there is no dead letter at dlq/0@3", "dlq", "show", "0/3")
    fails(2, "name the dead letters", "dlq", "redrive")
    fails(1, "cannot write the whole answer: No space left on device", "timeline", "NONE", stdout="/dev/full")
    done = pipeline.run("holdpoint-auditor", "state", "-b", "127.0.0.1:1", "--timeout", "3", check=3)
    waits, fails_then = done.stderr.splitlines()
    assert waits == "holdpoint-auditor: no answer yet from Kafka at 127.0.0.1:1; trying for 1 s more (--timeout)"
    assert "kafka_unreachable" in fails_then
