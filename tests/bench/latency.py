"""Row 4: publish → updated beside two bare hops."""
import contextlib
import json
import subprocess

from common import BENCH, PARTITIONS, Row, create_topics, progress, system


def bench_latency(bootstrap, rounds, quick):
    rows = []
    for rate in (50, 500):
        p50 = Row(4, f"publish → updated at {rate}/s, p50 (ms; less is better)", "bare two hops", "≤ 2", "less")
        p99 = Row(4, f"publish → updated at {rate}/s, p99 (ms; less is better)", "bare two hops", "≤ 2", "less")
        count = rate * (10 if quick else 20)
        for number in range(rounds):
            with contextlib.ExitStack() as stack:
                made = system(stack, bootstrap, f"latency{rate}")
                made.add_file_point("paris")
                made.ready()
                job = json.dumps({"type": "update", "package_id": "%KEY%", "version": "1.0", "distribution_points": ["paris"],
                                  "content": made.source("tiny", {"a": b"tiny"})})
                made.start("stager")
                made.start("updater")
                ours = measure_latency(bootstrap, made.prefix + "jobs", made.prefix + "updated", rate, count, job)
                made.close()
                names = [made.prefix + f"hop{n}" for n in range(3)]
                create_topics(bootstrap, names)
                for source, target in zip(names, names[1:]):
                    process = subprocess.Popen([BENCH / "bench_bare_loop", bootstrap, source, "0", "0", "20000", f"{target}:0"],
                                               stdout=subprocess.DEVNULL)
                    stack.callback(process.wait)
                    stack.callback(process.terminate)
                bare = measure_latency(bootstrap, names[0], names[2], rate, count, job)
            p50.add(ours["p50"], bare["p50"])
            p99.add(ours["p99"], bare["p99"])
            progress(f"{rate}/s round {number + 1}: ours {ours}, bare {bare}")
        rows += [p50, p99]
    return rows


def measure_latency(bootstrap, source, target, rate, count, template):
    done = subprocess.run([BENCH / "bench_latency", bootstrap, source, target, str(PARTITIONS), str(rate), str(count), "L"],
                          input=template, capture_output=True, text=True, check=True, timeout=300)
    result = json.loads(done.stdout)
    assert result["missing"] == 0, result
    return result
