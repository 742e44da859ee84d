"""Hostile records: forged evidence, forged headers, headers without measure, jobs at two partitions at once."""
import json
import uuid

import pytest
from confluent_kafka import Producer

import checker
from harness import wait_until
from test_order import assert_kept, jobs_for, start_all


def produce(system, topic, *records):
    """records: (key, value, headers, partition or None); as whoever may write to the topic."""
    producer = Producer({"bootstrap.servers": system.bootstrap, "partitioner": "murmur2_random", "linger.ms": 0,
                         "enable.idempotence": True, "message.max.bytes": 2097152})
    positions = []

    def delivered(error, message):
        assert error is None, error
        positions.append((message.partition(), message.offset()))

    for key, value, headers, partition in records:
        value = value if isinstance(value, (bytes, type(None))) else json.dumps(value).encode()
        where = {} if partition is None else {"partition": partition}
        producer.produce(system.prefix + topic, key=key, value=value, headers=headers, on_delivery=delivered, **where)
    assert producer.flush(30) == 0
    return positions


def letters(system, count):
    return wait_until(f"{count} dead letters", lambda: (lambda l: l if len(l) >= count else None)(system.read("dlq")))


def code(letter):
    return letter.headers["__connect.errors.exception.class"].decode()


def honest_release(system):
    """The records that an honest update of one package to paris left behind."""
    create, update = jobs_for(system, "HONEST", "1.0", ["paris"], tag="honest")
    system.publish(create, update)
    system.await_jobs("c-honest", "u-honest")
    staged = [r.json for r in system.read("staged")]
    return staged[0], staged[1]


@pytest.mark.forged
def test_a_forged_release_is_refused_with_an_alarm_and_breaks_nobodys_tally(pipeline):
    start_all(pipeline)
    staged, release = honest_release(pipeline)
    create, _ = jobs_for(pipeline, "HONEST", "2.0", ["paris"], tag="second")
    pipeline.publish(create)
    pipeline.await_jobs("c-second")
    forged = {**release, "id": "forged-1", "version": "9.9", "staged_id": str(uuid.uuid4()), "job_id": "nobody"}
    forged.pop("job_position", None)
    other_digest = {**release, "id": "forged-2", "digest": "sha256:" + "0" * 64, "job_id": "nobody-2"}
    other_digest.pop("job_position", None)
    other_disk = {**release, "id": "forged-3", "dp_id": str(uuid.uuid4()), "job_id": "nobody-3"}
    other_disk.pop("job_position", None)
    replay = dict(release)
    produce(pipeline, "staged", *[("HONEST", value, [], None) for value in (forged, other_digest, other_disk, replay)])
    found = letters(pipeline, 4)
    assert [code(l) for l in found] == ["release_without_staged"] * 3 + ["duplicate_release"]
    assert sum("ALARM" in l.headers["__connect.errors.exception.message"].decode() for l in found) == 3
    assert pipeline.current("paris", "HONEST")["version"] == "1.0"
    pipeline.publish({"type": "update", "job_id": "u-second", "package_id": "HONEST", "version": "2.0"})
    assert pipeline.await_jobs("u-second") == {"u-second": "completed"}
    assert len(pipeline.read("updated")) == 2
    assert pipeline.current("paris", "HONEST")["version"] == "2.0"


@pytest.mark.forged
def test_a_forged_staged_event_switches_nothing_that_is_not_sealed(pipeline):
    """Whoever may write the staged topic could lie; the seal on the distribution point has the last word."""
    start_all(pipeline)
    staged, release = honest_release(pipeline)
    lie = {**staged, "id": "lie", "version": "6.6.6", "digest": "sha256:" + "6" * 64}
    let_go = {**release, "id": "let-go", "version": "6.6.6", "digest": lie["digest"], "staged_id": "lie", "job_id": "evil",
              "job_position": {"partition": release["job_position"]["partition"], "offset": 10 ** 6}}
    other = {**staged, "id": "lie-2", "digest": "sha256:" + "7" * 64}
    produce(pipeline, "staged", *[("HONEST", value, [], None) for value in (lie, let_go, other, dict(staged))])
    pipeline.await_status("retrying for want of a seal", lambda s: s["type"] == "distribution_point" and
                          s["state"] == "retrying" and s["error"]["code"] == "seal_missing")
    assert [code(l) for l in letters(pipeline, 2)] == ["version_changed", "duplicate_staged"]
    assert pipeline.current("paris", "HONEST")["version"] == "1.0"
    assert len(pipeline.read("updated")) == 1


@pytest.mark.forged
def test_a_staged_record_on_a_foreign_partition_is_dead_lettered_and_not_sent_on(pipeline):
    """Only stagers write the staged topic: an updater that sent such a record on would make it one of theirs."""
    start_all(pipeline)
    staged, release = honest_release(pipeline)
    right = checker.partition_of(b"HONEST", pipeline.partitions)
    stray = {**staged, "id": "stray", "version": "3.0"}
    produce(pipeline, "staged", ("HONEST", stray, [], (right + 1) % pipeline.partitions))
    assert [code(l) for l in letters(pipeline, 1)] == ["misrouted"]
    assert not [r for r in pipeline.read("staged") if r.partition == right and r.json["id"] == "stray"]


JUNK = [
    [("traceparent", b"x" * 200000)], [("traceparent", b"\x00\xff\n\r")], [("traceparent", None)], [("traceparent", b"")],
    [("holdpoint-origin-partition", b"99999999999999999999"), ("holdpoint-origin-offset", b"-1")],
    [("holdpoint-origin-partition", b"2147483648"), ("holdpoint-origin-offset", b"1")],
    [("holdpoint-origin-partition", None), ("holdpoint-origin-offset", b"\x00")],
    [("holdpoint-origin-partition", b"0x1"), ("holdpoint-origin-offset", b" 1")],
    [(f"h{n}", b"v" * 100) for n in range(5000)],
    [("big", b"v" * 1900000)],
    [("__connect.errors.topic", b"lie"), ("__connect.errors.exception.class", b"lie")],
    [("h\u00e9\n", b"\xff")],
]


@pytest.mark.parametrize("where", ["right", "wrong"])
def test_junk_in_headers_harms_neither_the_job_nor_its_neighbours(pipeline, where):
    start_all(pipeline)
    names = []
    for number, junk in enumerate(JUNK):
        package = f"JUNK{number}"
        create, update = jobs_for(pipeline, package, "1.0", ["paris"], tag=str(number))
        right = checker.partition_of(package.encode(), pipeline.partitions)
        at = right if where == "right" else (right + 1) % pipeline.partitions
        produce(pipeline, "jobs", *[(package, value, junk, at) for value in (create, {"type": "oops"}, update)])
        names += [create["job_id"], update["job_id"]]
    assert set(pipeline.await_jobs(*names).values()) == {"completed"}
    for letter in letters(pipeline, len(JUNK)):
        assert letter.headers["__connect.errors.topic"].decode() == pipeline.prefix + "jobs"
        assert code(letter) == "unknown_type"
    assert_kept(pipeline)


def test_a_forged_origin_takes_no_other_jobs_id(pipeline):
    """The default id of a job is its own position: headers can claim one only where a job was really sent on."""
    start_all(pipeline)
    right = checker.partition_of(b"STEAL", pipeline.partitions)
    create, _ = jobs_for(pipeline, "STEAL", "1.0", ["paris"], tag="1")
    pipeline.publish(create)
    (_, offset), = [(r.partition, r.offset) for r in pipeline.read("jobs")]
    victim = f"@{right}-{offset + 2}"
    thief = {"type": "update", "package_id": "STEAL", "version": "1.0", "requested_by": "thief"}
    honest = {"type": "update", "package_id": "STEAL", "version": "1.0", "requested_by": "honest"}
    headers = [("holdpoint-origin-partition", str(right).encode()), ("holdpoint-origin-offset", str(offset + 2).encode())]
    produce(pipeline, "jobs", ("STEAL", thief, headers, None))
    produce(pipeline, "jobs", ("STEAL", honest, [], None))
    assert pipeline.await_jobs(victim) == {victim: "completed"}
    accepted = [r.json for r in pipeline.read("status") if r.json["type"] == "job" and r.json["job_id"] == victim and
                r.json["state"] == "accepted"]
    assert [s["requested_by"] for s in accepted] == ["honest"]
    assert_kept(pipeline)


def test_one_job_published_at_both_partitions_has_one_effect(pipeline):
    start_all(pipeline)
    names = []
    for number in range(10):
        package = f"BOTH{number}"
        create, update = jobs_for(pipeline, package, "1.0", ["paris"], tag=str(number))
        right = checker.partition_of(package.encode(), pipeline.partitions)
        for job in (create, update):
            produce(pipeline, "jobs", *[(package, job, [], (right + k) % pipeline.partitions) for k in (1, 0, 2, 0)])
        names += [create["job_id"], update["job_id"]]
    assert set(pipeline.await_jobs(*names).values()) == {"completed"}
    wait_until("three duplicates of each", lambda: sum(r.json["type"] == "duplicate" for r in pipeline.read("status")) == 60)
    records = assert_kept(pipeline)
    assert len(records["updated"]) == 10
