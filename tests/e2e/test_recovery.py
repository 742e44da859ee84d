"""Restarts, lost group offsets, deleted state: results do not change, or are refused with words."""
import random
import subprocess

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient

from harness import BIN, wait_until
from test_kill import workload
from test_order import assert_kept, jobs_for, start_all


def stop_all(system):
    for worker in system.workers:
        assert worker.stop() == 0, worker.log()[-2000:]


def restart_all(system):
    for worker in system.workers:
        worker.start()


def test_state_survives_the_stop_of_all_workers(pipeline):
    """A held update waits through the restart, and is released after it."""
    start_all(pipeline)
    create, update = jobs_for(pipeline, "HELD", "1.0", ["group:all"], tag="1")
    pipeline.publish(update)
    pipeline.await_status("held", lambda s: s["type"] == "job" and s["state"] == "held")
    stop_all(pipeline)
    pipeline.publish(create)
    restart_all(pipeline)
    assert pipeline.await_jobs("c-1", "u-1") == {"c-1": "completed", "u-1": "completed"}
    stop_all(pipeline)
    before = assert_kept(pipeline)
    restart_all(pipeline)
    create, update = jobs_for(pipeline, "NEXT", "1.0", ["group:all"], tag="2")
    pipeline.publish(create, update)
    pipeline.await_jobs("c-2", "u-2")
    after = assert_kept(pipeline)
    for topic in ("staged", "updated", "status"):
        assert [r.json["id"] for r in after[topic] if r.json["package_id"] == "HELD"] == [r.json["id"] for r in before[topic]]


@pytest.mark.parametrize("change", ["deleted", "earliest"])
def test_lost_or_reset_group_offsets_change_nothing(pipeline, change):
    start_all(pipeline)
    pairs, names, _ = workload(pipeline, 10, random.Random(5))
    pipeline.publish(*[job for pair in pairs for job in pair])
    pipeline.await_jobs(*names)
    stop_all(pipeline)
    before = assert_kept(pipeline)
    for role, topic in (("stager", "jobs"), ("updater", "staged")):
        group, name = f"{pipeline.prefix}{role}", pipeline.prefix + topic
        if change == "earliest":
            consumer = Consumer({"bootstrap.servers": pipeline.bootstrap, "group.id": group, "enable.auto.commit": False})
            consumer.commit(offsets=[TopicPartition(name, p, 0) for p in range(pipeline.partitions)], asynchronous=False)
            consumer.close()
        else:
            delete_group(pipeline.bootstrap, group)
    restart_all(pipeline)
    create, update = jobs_for(pipeline, "NEXT", "1.0", ["group:all"], tag="next")
    pipeline.publish(create, update)
    pipeline.await_jobs("c-next", "u-next")
    after = assert_kept(pipeline)
    for topic in ("staged", "updated", "status"):
        assert [r.json["id"] for r in after[topic] if r.json["package_id"] != "NEXT"] == [r.json["id"] for r in before[topic]]


def delete_group(bootstrap, group):
    done = subprocess.run([BIN / "e2e_delete_group", bootstrap, group], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.forged
@pytest.mark.parametrize("topic, words", [("stager-state", "genesis"), ("jobs", "jobs")])
def test_a_lost_changelog_or_a_recreated_log_is_refused_with_words(pipeline, topic, words):
    stager = pipeline.start("stager")
    pipeline.start("updater")
    create, update = jobs_for(pipeline, "ONE", "1.0", ["paris"], tag="1")
    pipeline.publish(create, update)
    pipeline.await_jobs("c-1", "u-1")
    stager.stop()
    admin = AdminClient({"bootstrap.servers": pipeline.bootstrap})
    name = pipeline.prefix + topic
    for future in admin.delete_topics([name]).values():
        future.result(30)
    wait_until("the topic is gone", lambda: name not in admin.list_topics(timeout=10).topics)
    if topic == "jobs":
        pipeline.topics()
        pipeline.publish(*[j for n in range(40) for j in jobs_for(pipeline, f"NEW{n}", "1.0", ["paris"], tag=f"n{n}")])
    else:
        from confluent_kafka.admin import NewTopic
        future = admin.create_topics([NewTopic(name, pipeline.partitions, 1, config={
            "cleanup.policy": "compact", "message.timestamp.type": "LogAppendTime", "delete.retention.ms": "86400000"})])[name]
        future.result(30)
    wait_until("the topic is known", lambda: len(getattr(admin.list_topics(timeout=10).topics.get(name), "partitions", ())) == pipeline.partitions)
    stager.start()
    assert stager.process.wait(timeout=40) == 1, "a refused shard ends the worker with exit code 1"
    assert words in stager.log()


def test_workers_without_topics_say_what_to_do(system):
    system.add_file_point("paris")
    system.write_catalogue()
    system.init_points()
    stager = system.start("stager")
    wait_until("words on the missing topics", lambda: "holdpoint-producer topics" in stager.log())
    stager.stop()
