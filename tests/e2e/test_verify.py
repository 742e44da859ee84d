"""verify and the judge, who share no code, say the same of every log: honest or not, made or real."""
import json
import os
import random
import subprocess

import pytest
from confluent_kafka import Producer

import checker
import harness
import history
import mutations
import proof
from harness import wait_until
from history import BEGIN, time_text
from test_judge import gaps, place
from test_order import jobs_for, start_all

SEED = int(os.environ.get("HOLDPOINT_TEST_SEED", "1"))


def dump_of(made, seed=0):
    return made.render(gap=gaps(seed))


# ---- made histories, as dumps: no broker


@pytest.mark.parametrize("partitions", [1, 3, 12])
def test_honest_histories_are_clean(partitions):
    for seed in range(SEED, SEED + 5):
        made = history.honest(seed, partitions=partitions)
        records = dump_of(made, seed)
        verdict = proof.verify_dump(records)
        assert proof.agree(records, partitions, verdict) == [], f"seed {seed}"
        assert verdict.summary["updated_proven"] == len(records["updated"])
        assert verdict.summary["staged_proven"] == sum(r.json["type"] == "staged" for r in records["staged"])


@pytest.mark.parametrize("mutation", mutations.ALL, ids=lambda mutation: mutation.__name__)
def test_what_is_wrong_is_named_by_both(mutation):
    tried = 0
    for seed in range(SEED, SEED + 30):
        mutated = mutations.mutate(mutation, seed, partitions=3)
        if not mutated or tried == 3:
            continue
        tried += 1
        made, suspects = mutated
        records = dump_of(made, seed)
        verdict = proof.verify_dump(records)
        proof.agree(records, made.partitions, verdict)
        assert verdict.exit_code == 1 and verdict.places & {place(entry) for entry in suspects}, \
            f"seed {seed}: {verdict}\nnot one of {suspects}"
    assert tried == 3, "hardly any history has something to change in this way"


def test_two_hundred_random_histories_are_judged_alike():
    chance = random.Random(SEED)
    for number in range(200):
        seed, partitions = chance.getrandbits(32), chance.choice([1, 2, 5])
        size = {"partitions": partitions, "packages": chance.randint(1, 6), "jobs": chance.randint(5, 40)}
        mutation = chance.choice(mutations.ALL)
        made, _ = mutations.mutate(mutation, seed, **size) or (history.honest(seed, **size), None)
        records = dump_of(made, seed)
        try:
            proof.agree(records, partitions, proof.verify_dump(records))
        except AssertionError as error:
            raise AssertionError(f"number {number}, {mutation.__name__}, seed {seed}, {size}: {error}") from None


def test_a_package_can_be_judged_alone():
    made, suspects = next(found for found in (mutations.mutate(mutations.staged_removed, seed, partitions=2) for seed in range(50)) if found)
    records = dump_of(made)
    wrong = suspects[0].key.decode()
    assert proof.verify_dump(records, "--package", wrong).exit_code == 1
    clean = {entry.key.decode() for entry in made.entries("updated")} - {wrong}
    assert clean
    for package in clean:
        assert proof.verify_dump(records, "--package", package).exit_code == 0
    with pytest.raises(AssertionError, match="nothing is known of package NONE"):  # nothing of it is proven either
        proof.verify_dump(records, "--package", "NONE")


def test_only_records_of_a_time_are_judged_where_one_is_given():
    made, suspects = mutations.mutate(mutations.release_repeated, 3, partitions=2)
    records, forged = dump_of(made), suspects[0]
    assert proof.verify_dump(records, "--until-time", time_text(forged.time)).exit_code == 1
    assert proof.verify_dump(records, "--from-time", time_text(forged.time)).exit_code == 1
    assert proof.verify_dump(records, "--until-time", time_text(BEGIN - 1)).exit_code == 0
    assert proof.verify_dump(records, "--from-time", time_text(forged.time + 10 ** 6)).exit_code == 0


def test_a_mirror_whose_places_are_shifted_is_judged_by_ids_alone():
    made = history.honest(5, partitions=3)
    records = dump_of(made)
    for topic in records:
        for record in records[topic]:
            record.offset += 1000
    assert proof.verify_dump(records).exit_code == 1
    assert proof.verify_dump(records, "--mirror").exit_code == 0
    made, suspects = mutations.mutate(mutations.staged_removed, 5, partitions=3)
    records = dump_of(made)
    for topic in records:
        for record in records[topic]:
            record.offset += 1000
    verdict = proof.verify_dump(records, "--mirror")
    assert {f"{e.topic}/{e.partition}@{e.offset + 1000}" for e in suspects} & verdict.places


def run_on(lines, stdout=subprocess.PIPE):
    return subprocess.run([str(harness.BIN / "holdpoint-auditor"), "verify", "--dump", "-", "--prefix", "made."], text=True, stdout=stdout,
                          stderr=subprocess.PIPE, input="\n".join(lines) + "\n", timeout=60 * harness.SLOW)


def test_it_is_not_clean_where_that_could_not_be_written():
    lines = list(history.dump_lines(dump_of(history.honest(1)), "made."))
    assert run_on(lines).returncode == 0
    with open("/dev/full", "w") as full:
        done = run_on(lines, full)
    assert done.returncode != 0 and "write_failed" in done.stderr


@pytest.mark.parametrize("partition", [10_000, 1_000_000, 2_000_000_000, 2**31 - 1, 2**31, 2**64, -1])
def test_a_partition_that_no_installation_has_makes_no_dump(partition):
    done = run_on(['{"topic":"made.jobs","partition":%d,"offset":0,"ts":1,"key":"P","payload":"x"}' % partition])
    assert done.returncode == 2 and "dump_invalid" in done.stderr, done


# ---- on a real Kafka


def publish(system, records):
    """As they are, each where it says: the topics are new, so offsets begin at 0 as the history's do."""
    producer = Producer({"bootstrap.servers": system.bootstrap, "enable.idempotence": True, "linger.ms": 5})
    placed = []
    for topic, found in records.items():
        for record in found:
            producer.produce(system.prefix + topic, key=record.key, value=record.value, partition=record.partition,
                             headers=list(record.headers.items()), on_delivery=lambda error, message, wanted=record:
                             placed.append((error, message.offset() == wanted.offset)))
    assert producer.flush(60) == 0
    assert all(not error and right for error, right in placed)


@pytest.mark.parametrize("mutation", [None, mutations.staged_removed, mutations.pointer_went_back, mutations.end_doubled],
                         ids=lambda mutation: mutation.__name__ if mutation else "honest")
def test_a_dump_and_the_kafka_that_it_is_of_are_judged_alike(system, mutation):
    system.topics()
    size = {"partitions": system.partitions, "prefix": system.prefix}
    made, suspects = mutations.mutate(mutation, 11, **size) if mutation else (history.honest(11, **size), [])
    records = made.render()
    publish(system, records)
    from_kafka, from_dump = proof.verify_system(system), proof.verify_dump(records, prefix=system.prefix)
    assert from_kafka.exit_code == from_dump.exit_code == (1 if mutation else 0)
    named = {place(entry) for entry in suspects}  # what follows from it, and by which rule, depends on how lanes are merged
    assert bool(from_kafka.places & named) == bool(from_dump.places & named) == bool(mutation)
    proof.agree(system.read_all(), system.partitions, from_kafka)


def test_a_mirror_on_kafka_behind_junk(system):
    """A copy begins wherever its topic's end was."""
    system.topics()
    made = history.honest(12, partitions=system.partitions, prefix=system.prefix)
    records = made.render()
    junk = Producer({"bootstrap.servers": system.bootstrap})
    for topic in ("staged", "updated"):
        for partition in range(system.partitions):
            junk.produce(system.prefix + topic, key=b"JUNK", value=b"junk", partition=partition)
    assert junk.flush(30) == 0
    with pytest.raises(AssertionError):
        publish(system, records)  # they lie elsewhere than they say
    verdict, mirror = proof.verify_system(system), proof.verify_system(system, "--mirror")
    assert verdict.codes & {"position_wrong", "updated_without_release"}  # by whether what it cites was read before it or behind it
    assert {v["place"]["offset"] for v in mirror.violations} == {0}, "with --mirror only the junk is wrong"


# ---- what real workers wrote


def judged_alike(system):
    records = system.read_all()
    verdict = proof.verify_system(system)
    found = proof.agree(records, system.partitions, verdict)
    assert bool(found) == bool(list(checker.check_log(records, system.partitions)))
    dumped = proof.verify_dump(records, prefix=system.prefix)
    assert dumped.places == verdict.places
    return verdict


def test_real_logs_with_killed_workers_and_re_routed_jobs_are_clean(pipeline):
    chance = random.Random(SEED)
    start_all(pipeline)
    names = []
    for number in range(24):
        create, update = jobs_for(pipeline, f"REAL{number % 6}", f"{number // 6}.0", chance.choice([["paris"], ["group:all"], ["tokyo", "osaka"]]),
                                  tag=str(number))
        update["gate"] = chance.choice(["each", "all"])
        jobs = [create, update, create] if number % 3 else [update, create]
        pipeline.publish(*jobs, partitioner=chance.choice(["murmur2_random", "consistent"]))
        names += [create["job_id"], update["job_id"]]
        if number % 6 == 3:
            worker = chance.choice(pipeline.workers)
            worker.kill()
            worker.start()
    pipeline.publish(("REAL0", b"{poison"), {"type": "create", "job_id": "bad", "package_id": "REAL1", "version": "x", "color": "red"})
    pipeline.await_jobs(*names, deadline=90)
    verdict = judged_alike(pipeline)
    assert verdict.exit_code == 0, verdict
    assert verdict.summary["jobs_rerouted"] > 0 and verdict.summary["updated_proven"] > 10


@pytest.mark.slow
def test_a_real_replaced_point_is_clean(pipeline):
    start_all(pipeline)
    create, update = jobs_for(pipeline, "DISK", "1.0", ["paris"], tag="1")
    pipeline.publish(create, update)
    pipeline.await_jobs("c-1", "u-1")
    pipeline.init_points("paris", replace=True)
    wait_until("the second updated record", lambda: len(pipeline.read("updated")) == 2, 60, every=0.5)
    first, second = (r.json for r in pipeline.read("updated"))
    assert first["release_id"] == second["release_id"] and first["dp_id"] != second["dp_id"]
    assert judged_alike(pipeline).exit_code == 0


@pytest.mark.forged
def test_a_real_forged_release_is_found_by_both(pipeline):
    start_all(pipeline)
    create, update = jobs_for(pipeline, "HONEST", "1.0", ["paris"], tag="1")
    pipeline.publish(create, update)
    pipeline.await_jobs("c-1", "u-1")
    release = next(r.json for r in pipeline.read("staged") if r.json["type"] == "release")
    producer = Producer({"bootstrap.servers": pipeline.bootstrap, "partitioner": "murmur2_random"})
    forged = {**release, "id": "forged", "version": "9.9", "staged_id": "never-staged"}
    producer.produce(pipeline.prefix + "staged", key="HONEST", value=json.dumps(forged))
    assert producer.flush(30) == 0
    wait_until("its dead letter", lambda: pipeline.read("dlq"))
    verdict = judged_alike(pipeline)
    place_of_it = next(f"staged/{r.partition}@{r.offset}" for r in pipeline.read("staged") if r.json["id"] == "forged")
    assert place_of_it in verdict.places
