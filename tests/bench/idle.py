"""Row 14: what a worker with 12 shards and nothing to do costs, beside librdkafka's clients that have nothing to do."""
import contextlib
import pathlib
import re
import subprocess
import time

from common import BENCH, PARTITIONS, Row, cpu_seconds, create_topics, progress, start_ready, system

RSS_MB = 40
SETTLED_S = 15  # beginning is not being idle: a shard gives up its own reader after 5 to 10 s without a record


def requests(pid):
    """TCP segments with data that its sockets have sent: a small request is one."""
    listed = subprocess.run(["ss", "-tinpHO"], capture_output=True, text=True, check=True).stdout
    return sum(int(sent) for line in listed.splitlines() if f"pid={pid}," in line
               for sent in re.findall(r"\bdata_segs_out:(\d+)", line))


def resident_mb(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text()).group(1)) / 1024


class Idle:
    """What a process did in some seconds: CPU in ms a second, requests a second, and how much memory it has."""

    def __init__(self, pid, seconds):
        time.sleep(SETTLED_S)
        cpu, sent, began = cpu_seconds(pid), requests(pid), time.monotonic()
        time.sleep(seconds)
        took = time.monotonic() - began
        self.cpu, self.requests, self.resident = 1e3 * (cpu_seconds(pid) - cpu) / took, (requests(pid) - sent) / took, resident_mb(pid)

    def __str__(self):
        return f"{self.cpu:.2f} ms of CPU and {self.requests:.1f} requests a second, {self.resident:.0f} MB"


def idle_worker(bootstrap, role, seconds):
    with contextlib.ExitStack() as stack:
        made = system(stack, bootstrap, "idle")
        made.add_file_point("paris")
        made.ready()
        return Idle(start_ready(made, role).process.pid, seconds)


def idle_clients(bootstrap, topic, seconds, *switches):
    create_topics(bootstrap, [topic])
    process = subprocess.Popen([BENCH / "bench_idle", *switches, bootstrap, topic, str(PARTITIONS)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "ready\n", "bench_idle did not begin"
        return Idle(process.pid, seconds)
    finally:
        process.terminate()
        process.communicate()


def bench_idle(bootstrap, rounds, quick):
    seconds = 5 if quick else 20
    producers, group = f"{PARTITIONS} idle producers", f"the same and a consumer of {PARTITIONS}"
    rows = []
    for role in ("stager", "updater"):
        cpu = Row(14, f"idle {role}, {PARTITIONS} shards: CPU (ms a second)", producers, "≤ 1.5", "less")
        sent = Row(14, f"idle {role}, {PARTITIONS} shards: requests a second", group, "≤ 1.5", "less")
        resident = Row(14, f"{role}, {PARTITIONS} shards, at start: resident (MB)", f"{RSS_MB} MB", "≤ 1", "less")
        for number in range(rounds):
            ours = idle_worker(bootstrap, role, seconds)
            topic = f"bench-idle-{time.time_ns()}"
            bare = idle_clients(bootstrap, topic, seconds)
            both = idle_clients(bootstrap, topic + "-group", seconds, "--group")
            progress(f"round {number + 1}: {role} {ours}; bare producers {bare}; and a consumer {both}")
            cpu.add(ours.cpu, bare.cpu)
            sent.add(ours.requests, both.requests)
            resident.add(ours.resident, RSS_MB)
        rows += [cpu, sent, resident]
    return rows
