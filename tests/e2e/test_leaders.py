"""The broker that leads a log hangs, and a worker restores from that log."""
import os
import re
import subprocess
import time

import pytest
from confluent_kafka.admin import AdminClient

import harness
from harness import wait_until
from test_order import assert_kept, jobs_for

pytestmark = pytest.mark.long  # three brokers

PARTITIONS = 6
RESTORE_MOST_S = 20  # with its claim; 2 to 4 s on a busy machine


def leaders(system, topic):
    """Partition → the number of the broker that leads it."""
    listed = AdminClient({"bootstrap.servers": system.bootstrap}).list_topics(system.prefix + topic, timeout=30)
    return {number: partition.leader for number, partition in listed.topics[system.prefix + topic].partitions.items()}


def publish(system, tag):
    """Two jobs for each of some packages, so that every partition has states."""
    jobs = [job for number in range(20) for job in jobs_for(system, f"LEAD{number:03}", tag, ["paris"], tag=f"{tag}-{number}")]
    system.publish(*jobs)
    return [job["job_id"] for job in jobs]


def restores(worker, since):
    """Milliseconds that each restore took, by partition, as the log says from there on."""
    return {int(partition): int(took) for partition, took in
            re.findall(r"msg=\"shard running\".*?partition=(\d+).*?restored_ms=(\d+)", worker.log()[since:])}


def test_a_restore_ends_while_the_broker_that_led_its_log_hangs(tmp_path):
    with harness.kafka(tmp_path / "kafka", 3) as bootstrap:
        system = harness.System(bootstrap, tmp_path / "system", f"leaders-{os.getpid()}.", PARTITIONS)
        try:
            system.add_file_point("paris")
            system.ready()
            stager, updater = system.start("stager", instance="one"), system.start("updater")
            system.await_jobs(*publish(system, "1"), deadline=60)
            victim = leaders(system, "stager-state")[0]
            led = [number for number, leader in leaders(system, "stager-state").items() if leader == victim]
            stager.kill()
            subprocess.run([str(harness.ROOT / "script/kafka"), "pause", str(victim), "--dir", str(tmp_path / "kafka")], check=True,
                           capture_output=True, timeout=90)
            began, since = time.monotonic(), len(stager.log())
            stager.start()  # a static member: it need not wait for its former life's session to end
            wait_until("all partitions run again", lambda: len(restores(stager, since)) == PARTITIONS, 60)
            took = time.monotonic() - began
            assert max(restores(stager, since).values()) < RESTORE_MOST_S * 1000, restores(stager, since)
            print(f"broker {victim} led {led}: all run after {took:.1f} s; restores, ms: {restores(stager, since)}")
            system.await_jobs(*publish(system, "2"), deadline=60)
            assert victim not in leaders(system, "stager-state").values(), "it hangs still"
            assert_kept(system)
            assert stager.alive() and updater.alive()
        finally:
            system.close()
