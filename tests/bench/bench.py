#!/usr/bin/python3
"""Measures Holdpoint beside its limits and peers, pair by pair in one run, and prints ratios.

Machines are noisy: absolute figures are not evidence, so each pair runs alternately for several rounds, and what counts
is the median of the rounds' ratios.
"""
import argparse
import json
import pathlib
import signal
import sys
import tempfile
import typing

import common
import content
import fanout
import folders
import growth
import idle
import jobs
import latency
import pipeline
import plot
import restore
import takeover
import verify


class Bench(typing.NamedTuple):
    name: str  # as --only takes it
    run: typing.Callable
    work: str
    against: str
    aim: str


BENCHES = {bench.name: bench for bench in (
    Bench("1", jobs.bench_engine, "job path, exactly once, 12 shards", "bare librdkafka loop, without / with the parse", "≥ 0.4 / ≥ 0.8"),
    Bench("2", jobs.bench_streams, "the same", "Kafka Streams, exactly_once_v2, in memory / RocksDB", "≥ 2"),
    Bench("3", pipeline.bench_pipeline, "create and update of tiny packages to a folder", "loop over kcat, rsync, ln -sfn", "≥ 20"),
    Bench("4", latency.bench_latency, "publish → updated, at 10 to 5,000 jobs/s", "bare exactly-once hops", "p50 ≤ 1.2, p99 ≤ 1.5"),
    Bench("5", content.bench_small, "1,000 × 64 KiB to 4 nginx, read-back off / on", "curl -Z, rclone", "≥ 0.9, ≥ 10 / ≥ 2"),
    Bench("6", content.bench_large, "1 GiB to 4 nginx, read-back off / on", "curl -T × 4, rclone", "≥ 0.95 / ≥ 1"),
    Bench("7", folders.bench_durable, "10,000 × 4 KiB to 2 folders, durable", "rsync --fsync, cp + sync -f", "< 1, ≤ 1.43 of the time"),
    Bench("8", folders.bench_changed, "10,000 files, a hundredth changed", "rclone sync, rsync", "< 1 of the time"),
    Bench("9", fanout.bench_fan_out, "1 → 50 nginx on links of 1–10 MB/s", "the slowest alone", "≤ 1.1 of the time"),
    Bench("10", fanout.bench_bad_points, "1,000 packages to 18 nginx, a dead and a slow one beside", "without those two", "≤ 1.05 of the time"),
    Bench("11", restore.bench_restore, "restore of 1,000,000 rows after kill -9", "bare consumer of the same topic", "≤ 1.5, ≤ 120 B a row"),
    Bench("12", takeover.bench_takeover, "kill -9 of one of two stagers → new records", "session time-out + 1 s", "≤ 1"),
    Bench("13", growth.bench_growth, "CPU of one more package, point, file; of more workers", "the same of few", "linear: ≤ 1.2"),
    Bench("14", idle.bench_idle, "idle worker with 12 shards: CPU, requests, memory", "12 idle producers", "≤ 1.5, < 40 MB"),
    Bench("verify", verify.bench_verify, "verify a log, every rule", "bare consumer of the same topics", "≥ 0.4"),
)}


def read_options():
    rows = "\n".join(f"  {bench.name:<7} {bench.work:<57} {bench.against:<52} {bench.aim}" for bench in BENCHES.values())
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=f"rows:\n  {'row':<7} {'work':<57} {'against':<52} aim\n{rows}\n\ndocs/performance.md says how each is measured, and what was reached.")
    parser.add_argument("--only", help="rows to run, such as 1,5", default=",".join(BENCHES))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="less work: to see that it runs, not to quote")
    parser.add_argument("--json", metavar="FILE", help="also write the rows as JSON")
    parser.add_argument("--plots", metavar="FOLDER", help="also draw row 13's curves there, as SVG")
    options = parser.parse_args()
    options.only = options.only.split(",")
    for name in options.only:
        if name not in BENCHES:
            parser.error(f"no row {name!r}; there are {', '.join(BENCHES)}")
    return options


def run(options):
    rows = []
    with tempfile.TemporaryDirectory(prefix="holdpoint-bench-kafka-") as folder, \
            common.harness.kafka(folder + "/kafka") as bootstrap:
        for name in options.only:
            common.progress(f"row {name}: {BENCHES[name].work}")
            rows += BENCHES[name].run(bootstrap, options.rounds, options.quick)
    return rows


def main():
    options = read_options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    rows = run(options)
    print(f"{'row':<3} {'work':<58} {'against':<28} {'ours':>10} {'peer':>10} {'ratio':>7} (min–max)")
    for row in rows:
        print(row.line())
    if options.plots:
        pathlib.Path(options.plots).mkdir(parents=True, exist_ok=True)
        plot.draw_rows([row.as_json() for row in rows], options.plots)
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps([row.as_json() for row in rows], indent=1) + "\n")


if __name__ == "__main__":
    main()
