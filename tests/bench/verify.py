"""Row "verify": the proof of a long log beside a bare consumer that only reads it."""
import json
import os
import statistics
import subprocess
import time

import common

TOPICS = ("jobs", "staged", "updated", "status", "dlq")
PACKAGES, VERSIONS = 2000, 4


def make_log(bootstrap, prefix, events):
    connect = ["-b", bootstrap, "--prefix", prefix]
    subprocess.run([common.BENCH / "holdpoint-producer", "topics", *connect, "--partitions", str(common.PARTITIONS)],
                   check=True, stdout=subprocess.DEVNULL)
    done = subprocess.run([common.BENCH / "bench_make_log", *connect, str(events), str(PACKAGES), str(VERSIONS)],
                          check=True, capture_output=True, text=True)
    return int(done.stdout)


def timed(command):
    """Output, seconds, and its peak of memory in MB."""
    begin = time.monotonic()
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, text=True)
    output = process.stdout.read()
    process.stdout.close()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = status
    assert status == 0, f"{command[0]} ended with status {status}: {output[-2000:]}"
    return output, time.monotonic() - begin, usage.ru_maxrss / 1024


def verify(bootstrap, prefix, events):
    output, seconds, peak = timed([common.BENCH / "holdpoint-auditor", "verify", "-b", bootstrap, "--prefix", prefix, "--json"])
    summary = json.loads(output.splitlines()[-1])["summary"]
    assert summary["records"] == events and summary["violations"] == summary["unproven"] == 0, summary
    assert summary["updated_proven"] > events / 10 and summary["jobs_open"] == 0, summary
    return events / seconds, peak


def bare(bootstrap, prefix, events):
    """By its own clock, which leaves the leaving of its group out."""
    output, _, peak = timed([common.BENCH / "bench_bare_read", bootstrap, *(prefix + topic for topic in TOPICS)])
    result = json.loads(output)
    assert result["records"] == events
    return events / result["seconds"], peak


def bench_verify(bootstrap, rounds, quick):
    row = common.Row("verify", "verify a log, every rule (records/s)", "bare consumer, same topics", "≥ 0.4", "more")
    size = 100_000 if quick else 1_000_000
    prefix = f"bench-verify-{time.time_ns()}."
    events = make_log(bootstrap, prefix, size)
    peaks = []
    for number in range(rounds):
        peer, peer_peak = bare(bootstrap, prefix, events)
        ours, peak = verify(bootstrap, prefix, events)
        row.add(ours, peer)
        peaks.append((peak, peer_peak))
        common.progress(f"round {number + 1}: ours {ours:,.0f}, bare {peer:,.0f} records/s; peak {peak:.0f} and {peer_peak:.0f} MB")
    twice = prefix + "twice."
    more = make_log(bootstrap, twice, 2 * size)
    _, peak = verify(bootstrap, twice, more)
    common.progress(f"peak memory: {statistics.median(p for p, _ in peaks):.0f} MB for {events:,} records, {peak:.0f} MB for {more:,} "
                   f"of the same {PACKAGES} packages; bare {statistics.median(p for _, p in peaks):.0f} MB")
    return [row]
