#!/usr/bin/python3
"""Measures Holdpoint beside its limits and peers, pair by pair in one run, and prints ratios.

Machines are noisy: absolute figures are not evidence, so each pair runs alternately for several rounds, and what counts
is the median of the rounds' ratios.
"""
import argparse
import json
import pathlib
import tempfile

import common
import content
import fanout
import folders
import jobs
import latency
import pipeline
import verify

BENCHES = {"1": jobs.bench_engine, "2": jobs.bench_streams, "3": pipeline.bench_pipeline, "4": latency.bench_latency,
           "5": content.bench_small, "6": content.bench_large, "7": folders.bench_durable, "8": folders.bench_changed,
           "9": fanout.bench_fan_out, "10": fanout.bench_bad_points, "verify": verify.bench_verify}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", help="rows to run, such as 1,5", default=",".join(BENCHES))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="less work: to see that it runs, not to quote")
    parser.add_argument("--json", metavar="FILE", help="also write the rows as JSON")
    options = parser.parse_args()
    numbers = options.only.split(",")
    for number in numbers:
        if number not in BENCHES:
            parser.error(f"no row {number!r}; there are {', '.join(BENCHES)}")
    rows = []
    with tempfile.TemporaryDirectory(prefix="holdpoint-bench-kafka-") as folder, \
            common.harness.kafka(folder + "/kafka") as bootstrap:
        for number in numbers:
            common.progress(f"row {number}: {BENCHES[number].__name__}")
            rows += BENCHES[number](bootstrap, options.rounds, options.quick)
    print(f"{'row':<3} {'work':<58} {'against':<28} {'ours':>10} {'peer':>10} {'ratio':>7} (min–max)")
    for row in rows:
        print(row.line())
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps([row.as_json() for row in rows], indent=1) + "\n")


if __name__ == "__main__":
    main()
