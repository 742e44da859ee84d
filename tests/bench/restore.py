"""Row 11: a worker that was killed reads its changelog again, beside a bare consumer of the same topic."""
import contextlib
import json
import subprocess
import time

from common import BENCH, Row, harness, metric, progress, start_ready, system

POINTS = 50
ROW_BYTES = 120


def make_rows(made, role, packages):
    done = subprocess.run([BENCH / "bench_make_rows", *made.common(), role, str(packages), str(POINTS)],
                          check=True, capture_output=True, text=True)
    return int(done.stdout)


def begin_again(worker):
    """Kills it, and returns the seconds from its next start until all its shards have restored, and committed that they run."""
    worker.kill()
    began = time.monotonic()
    worker.start()
    harness.wait_until("all shards run again", worker.ready, 120, every=0.005)
    return time.monotonic() - began


def memory(worker):
    """Bytes: what is allocated, what is resident."""
    return [metric(worker, name) for name in ("holdpoint_allocated_bytes", "process_resident_memory_bytes")]


def bare(made, role):
    done = subprocess.run([BENCH / "bench_bare_read", made.bootstrap, f"{made.prefix}{role}-state"], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def bench_role(bootstrap, rounds, quick, role):
    packages = 1_000 if quick else 10_000
    what = f"{role}: {2 * packages * POINTS:,} (package, DP) rows"
    took = Row(11, f"{what}, killed: start → all run (s)", "bare consumer, same topic", "≤ 1.5", "less")
    allocated = Row(11, f"{what}: allocated (B a row)", f"{ROW_BYTES} B", "≤ 1", "less")
    with contextlib.ExitStack() as stack:
        made = system(stack, bootstrap, "restore")
        made.add_file_point("paris")
        made.ready()
        worker = start_ready(made, role, instance="one")
        empty, before = begin_again(worker), memory(worker)
        rows = make_rows(made, role, packages)
        for number in range(rounds):
            peer = bare(made, role)
            ours = begin_again(worker)
            after = memory(worker)
            of_row = [(now - then) / rows for now, then in zip(after, before)]
            took.add(ours, peer["seconds"])
            allocated.add(of_row[0], ROW_BYTES)
            assert peer["records"] >= rows, f"{peer['records']} records read of {rows}"
            progress(f"round {number + 1}: {role} {ours:.2f} s ({empty:.2f} s with no rows), {of_row[0]:.0f} B a row, {of_row[1]:.0f} B with "
                     f"what is resident; bare {peer['seconds']:.2f} s for {peer['records']:,} records, {peer['bytes'] / 1e6:.0f} MB")
    return [took, allocated]


def bench_restore(bootstrap, rounds, quick):
    return [row for role in ("stager", "updater") for row in bench_role(bootstrap, rounds, quick, role)]
