#!/usr/bin/python3
"""Starts and stops the workers with one allocation failing, a later one each time, over all that the process and its
libraries make. Each time the process ends by itself: in order, with an error that it tells, or by the words of who found
no memory (ours, or librdkafka's assertion). Never by a crash, and never not at all.

usage: processes.py FOLDER-OF-BINARIES PRELOAD [RUNS-PER-WORKER]
"""
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor

PATIENCE_S = 30 * float(os.environ.get("HOLDPOINT_TEST_SLOWNESS", 1))
READY = "not reachable yet"  # nobody listens there: the process has started, and goes on trying
WORDS = ("out of memory", "Assertion `")
WORKERS = {"stager": ["--spool", "spool"], "updater": []}
AT_ONCE = 10


def start_and_stop(command, folder, preload, fail_at):
    """→ exit status, what it said, how many allocations it made (None: it did not come so far as to tell)."""
    count = pathlib.Path(folder, f"count-{fail_at}")
    count.unlink(missing_ok=True)
    environment = {**os.environ, "LD_PRELOAD": preload, "FAIL_AT": str(fail_at), "COUNT_TO": str(count)}
    process = subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    alarm = threading.Timer(PATIENCE_S, process.kill)
    alarm.start()
    said = ""
    for line in process.stderr:
        said += line
        if READY in line:
            process.send_signal(signal.SIGTERM)
    status = process.wait()
    alarm.cancel()
    return status, said, int(count.read_text()) if count.exists() else None


def is_good(status, said):
    if status >= 0:
        return status < 10 and said  # one of docs/contract.md's, with words
    return status == -signal.SIGABRT and any(words in said for words in WORDS)


def main():
    binaries, preload = (str(pathlib.Path(path).resolve()) for path in sys.argv[1:3])
    runs = int(sys.argv[3]) if len(sys.argv) > 3 else 40
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="holdpoint-alloc-") as folder:
        os.makedirs(f"{folder}/dp")
        pathlib.Path(folder, "points.json").write_text(json.dumps(
            {"distribution_points": [{"name": "paris", "url": f"file://{folder}/dp/"}], "sources": [{"prefix": f"file://{folder}/"}]}))
        for worker, options in WORKERS.items():
            command = [f"{binaries}/holdpoint-{worker}", "-b", "127.0.0.1:9", "--distribution-points", "points.json",
                       "--listen", "127.0.0.1:0", *options]
            status, said, made = start_and_stop(command, folder, preload, -1)
            if status != 0 or not made:
                sys.exit(f"processes: {worker} does not start and stop as it is: {status}\n{said}")
            endings = {}
            places = [run * made // runs for run in range(runs)]
            with ThreadPoolExecutor(AT_ONCE) as pool:  # they wait most of the time
                ends = list(pool.map(lambda fail_at: start_and_stop(command, folder, preload, fail_at), places))
            for fail_at, (status, said, _) in zip(places, ends):
                endings[status] = endings.get(status, 0) + 1
                if not is_good(status, said):
                    wrong += 1
                    print(f"{worker}: allocation {fail_at} of {made} failed: ended by {status}:\n{said[-2000:]}")
            print(f"{worker}: {runs} of {made} allocations failed; exit statuses {endings}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
