"""Every kind of bad record: a clear reason, byte-identical in the dead letters, and the next good job unaffected."""
import json

import pytest

import checker
from harness import wait_until
from test_order import assert_kept, jobs_for, start_all

GOOD_FILE = {"path": "a", "size": 1, "digest": "sha256:" + "0" * 64, "url": "file:///nowhere/a"}


def job(**changes):
    value = {"type": "create", "job_id": "bad", "package_id": "BAD", "version": "1.0", "content": {"files": [GOOD_FILE]},
             "distribution_points": ["paris"], **changes}
    return json.dumps({name: item for name, item in value.items() if item is not ...}).encode()


def with_path(path):
    return job(content={"files": [{**GOOD_FILE, "path": path}]})


# name → (key, value, words that the reason must have)
DEAD = {
    "not JSON": (b"BAD", b"this is not JSON", "JSON"),
    "truncated": (b"BAD", job()[:-10], "JSON"),
    "empty": (b"BAD", b"", ""),
    "tombstone": (b"BAD", None, "no value"),
    "no key": (None, job(), "key"),
    "key that no package can have": (b"a/b", job(), "key"),
    "another key": (b"OTHER", job(), "package_id"),
    "unknown field": (b"BAD", job(gates="all"), "gates"),
    "unknown type": (b"BAD", job(type="destroy"), "type"),
    "number as version": (b"BAD", job(version=1), "version"),
    "targets as text": (b"BAD", job(distribution_points="paris"), "distribution_points"),
    "no content": (b"BAD", job(content=...), "content"),
    "duplicate keys": (b"BAD", b'{"type":"create",' + job()[1:], ""),
    "10,000 levels deep": (b"BAD", b'{"type":' + b"[" * 10000 + b"]" * 10000 + b"}", ""),
    "over 900,000 bytes": (b"BAD", job(annotations={"a": "x" * 1000000}), "900"),
    "parent path": (b"BAD", with_path("../../etc/passwd"), "path"),
    "absolute path": (b"BAD", with_path("/etc/passwd"), "path"),
    "control character": (b"BAD", with_path("a\u0007b"), "path"),
    "invalid UTF-8": (b"BAD", job().replace(b'"paris"', b'"\xff\xfe"'), ""),
    "newer schema": (b"BAD", job(schema=2), "schema"),
    "structured CloudEvent": (b"BAD", json.dumps({"specversion": "1.0", "id": "1", "source": "x", "type": "y", "data": {}}).encode(),
                              "tructured"),
    "bad gate": (b"BAD", job(type="update", content=..., gate="some"), "gate"),
    "bad deadline": (b"BAD", job(deadline="tomorrow"), "deadline"),
    "reserved job id": (b"BAD", job(job_id="@0-1"), "job_id"),
}


def test_every_bad_record_is_dead_lettered_byte_identical_with_its_reason(pipeline):
    start_all(pipeline)
    records = [(key, value) for key, value, _ in DEAD.values()]
    pipeline.publish(*records)
    create, update = jobs_for(pipeline, "BAD", "1.0", ["paris"], tag="good")
    pipeline.publish(create, update)
    assert pipeline.await_jobs("c-good", "u-good") == {"c-good": "completed", "u-good": "completed"}
    found = {}
    letters = wait_until("all dead letters", lambda: (lambda l: l if len(l) >= len(DEAD) else None)(pipeline.read("dlq")))
    assert len(letters) == len(DEAD)
    for name, (key, value, words) in DEAD.items():
        match = [letter for letter in letters if letter.key == key and letter.value == value]
        assert len(match) == 1, f"{name}: {len(match)} dead letters"
        headers = match[0].headers
        reason = headers["__connect.errors.exception.message"].decode()
        assert words in reason, f"{name}: {reason!r} does not name {words!r}"
        assert headers["__connect.errors.topic"].decode() == pipeline.prefix + "jobs"
        source = [r for r in pipeline.read("jobs") if (r.key, r.value) == (key, value)]
        assert (int(headers["__connect.errors.partition"]), int(headers["__connect.errors.offset"])) in \
            [(r.partition, r.offset) for r in source], name
        assert headers["__connect.errors.stage"], name
        found[name] = reason
    for name, reason in found.items():
        print(f"{name}: {reason}")
    assert_kept(pipeline)


def test_what_unpacks_to_far_more_than_it_was_sent_as_is_dead_lettered_and_passed(pipeline):
    """Brokers bound what a batch is packed: 110 MB of zeros are 4 KB of zstd, and librdkafka by itself unpacks 100."""
    start_all(pipeline)
    pipeline.publish(("BOMB", b"0" * (110 << 20)), **{"compression.type": "zstd", "message.max.bytes": 1000000000})
    create, update = jobs_for(pipeline, "BOMB", "1.0", ["paris"], tag="behind")
    pipeline.publish(create, update)
    assert pipeline.await_jobs("c-behind", "u-behind") == {"c-behind": "completed", "u-behind": "completed"}
    letter, = pipeline.read("dlq")
    assert letter.key == b"BOMB" and letter.headers["__connect.errors.exception.class"] == b"too_large"
    assert "too_large" in pipeline.run("holdpoint-auditor", "dlq", "list", *pipeline.common()).stdout  # reads jobs too


def test_a_line_of_nuls_is_told_and_not_taken_for_an_empty_one(pipeline):
    done = pipeline.producer_command("submit", "-", stdin="\n  \n\0\0\0\n", check=2)
    assert "line 3" in done.stderr and "JSON" in done.stderr


@pytest.mark.parametrize("name, change, code", [
    ("unknown point", {"distribution_points": ["nowhere"]}, "unknown_distribution_point"),
    ("unknown group", {"distribution_points": ["group:none"]}, "unknown_group"),
])
def test_a_job_that_the_catalogue_cannot_serve_is_rejected(pipeline, name, change, code):
    start_all(pipeline)
    create, _ = jobs_for(pipeline, "REJ", "1.0", ["paris"], tag="r")
    pipeline.publish({**create, **change})
    assert pipeline.await_jobs("c-r") == {"c-r": "rejected"}
    status = pipeline.terminal()["c-r"][0]
    assert status["reason"] == code and status["detail"]
    pipeline.publish(create)  # a mended job may be sent again under its id
    wait_until("the mended job's end", lambda: [s["state"] for s in pipeline.terminal()["c-r"]] == ["rejected", "completed"])


def test_other_content_for_a_known_version_is_rejected_and_the_first_stands(pipeline):
    start_all(pipeline)
    create, update = jobs_for(pipeline, "IMM", "1.0", ["paris"], tag="1")
    other, _ = jobs_for(pipeline, "IMM", "1.0", ["paris"], tag="2", content=pipeline.source("other", {"x": b"other"}))
    pipeline.publish(create, other, update)
    states = pipeline.await_jobs("c-1", "c-2", "u-1")
    assert states == {"c-1": "completed", "c-2": "rejected", "u-1": "completed"}
    assert_kept(pipeline)


def test_a_duplicate_has_no_effect_and_another_payload_under_its_id_is_rejected(pipeline):
    start_all(pipeline)
    create, update = jobs_for(pipeline, "DUP", "1.0", ["paris"], tag="1")
    pipeline.publish(create, update, create, update, {**update, "requested_by": "someone else"})
    # the conflict's rejection is a terminal status under this id too
    wait_until("the update's completion", lambda: "completed" in [s["state"] for s in pipeline.terminal().get("u-1", [])])
    pipeline.publish(create, update)
    conflict = pipeline.await_status("conflict", lambda s: s.get("reason") == "job_id_conflict")
    assert conflict.json["state"] == "rejected" and conflict.json["job_id"] == "u-1"
    wait_until("four duplicate records", lambda: sum(r.json["type"] == "duplicate" for r in pipeline.read("status")) == 4)
    records = pipeline.read_all()
    assert len(records["updated"]) == 1
    assert [s for s in checker.check_log(records, pipeline.partitions)] == []


def test_jobs_of_either_partitioner_do_the_same(pipeline):
    """librdkafka's CRC32 partitioner and Java's murmur2: misrouted jobs are sent on once and applied in one place."""
    start_all(pipeline)
    names = []
    for number in range(30):
        create, update = jobs_for(pipeline, f"ROUTE{number}", "1.0", ["paris"], tag=f"{number}")
        pipeline.publish(create, update, partitioner="consistent_random" if number % 2 else "murmur2_random")
        names += [create["job_id"], update["job_id"]]
    assert set(pipeline.await_jobs(*names).values()) == {"completed"}
    records = assert_kept(pipeline)
    rerouted = [r for r in records["jobs"] if any("origin" in name for name in r.headers)]
    wrong = [r for r in records["jobs"] if r.partition != checker.partition_of(r.key, pipeline.partitions)]
    assert wrong and len(rerouted) == len(wrong)


def test_a_job_of_the_largest_size_is_rerouted_and_dead_lettered_whole(pipeline):
    start_all(pipeline)
    padding = {f"k{n}": "x" * 1000 for n in range(60)}
    files = [{**GOOD_FILE, "path": f"f{n}"} for n in range(5000)]
    big = job(package_id="BIGJOB", annotations=padding, content={"files": files}, gates="x")
    assert 700000 < len(big) < 900000
    big = big[:-1] + b" " * (900000 - len(big)) + big[-1:]
    assert len(big) == 900000
    pipeline.publish((b"BIGJOB", big), partitioner="consistent_random")
    pipeline.publish((b"BIGJOB2", job(package_id="BIGJOB2")[:-1] + b"," + b" " * 1500000 + b'"gates":1}'), partitioner="consistent_random")
    letters = wait_until("dead letters", lambda: (lambda l: l if len(l) == 2 else None)(pipeline.read("dlq")))
    assert {letter.key: letter.value for letter in letters}[b"BIGJOB"] == big
