"""Rows 5 and 6: content to HTTP distribution points beside curl and rclone."""
import contextlib
import pathlib
import random
import shutil
import subprocess
import tempfile
import time

from common import Row, harness, progress, system


def bench_content(bootstrap, rounds, quick):
    small = ("1,000 × 64 KiB", {f"f{n:04}": random.Random(n).randbytes(65536) for n in range(200 if quick else 1000)})
    large = ("1 × 1 GiB", {"blob": random.Random(1).randbytes(1 << 20) * (128 if quick else 1024)})
    rows = []
    for number, (name, files) in enumerate((small, large), 5):
        against_curl = {read_back: Row(number, f"{name} to 4 nginx, verification {'on' if read_back == 'full' else 'off'} (s; less is better)",
                                       "curl -Z", "≤ 1.1 off", "less") for read_back in ("size", "full")}
        against_rclone = Row(number, f"{name} to 4 nginx, verification on (s; less is better)", "rclone copy", "≤ 0.5", "less")
        for turn in range(rounds):
            with contextlib.ExitStack() as stack:
                folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="holdpoint-bench-", dir="/dev/shm")))
                urls = stack.enter_context(harness.nginx(folder / "nginx", 4, "--propfind", "on"))
                times = {}
                source = folder / "source"
                source.mkdir()
                for path, data in files.items():
                    (source / path).write_bytes(data)
                for read_back in ("size", "full"):
                    times[read_back] = stage_content(stack, bootstrap, urls, files, read_back)
                    wipe(folder)
                times["curl"] = curl(urls, source, files)
                wipe(folder)
                times["rclone"] = rclone(urls, source)
                for read_back, row in against_curl.items():
                    row.add(times[read_back], times["curl"])
                against_rclone.add(times["full"], times["rclone"])
                progress(f"{name} round {turn + 1}: " + ", ".join(f"{what} {seconds:.2f} s" for what, seconds in times.items()))
        rows += [*against_curl.values(), against_rclone]
    return rows


def wipe(folder):
    for root in (folder / "nginx").glob("dp*/www"):
        for entry in root.iterdir():
            shutil.rmtree(entry)


def stage_content(stack, bootstrap, urls, files, read_back):
    """Seconds from the job's acceptance to its completion, as the log's time stamps say."""
    with contextlib.ExitStack() as inner:
        made = system(inner, bootstrap, "content", 1)
        for number, url in enumerate(urls):
            made.add_http_point(f"dp{number}", url, groups=["all"], read_back=read_back)
        made.ready()
        made.start("stager")
        warm = {"type": "create", "job_id": "warm", "package_id": "WARM", "version": "1", "distribution_points": ["group:all"],
                "content": made.source("warm", {"a": b"a"})}
        made.publish(warm)
        made.await_jobs("warm")
        made.publish({"type": "create", "job_id": "big", "package_id": "BIG", "version": "1", "distribution_points": ["group:all"],
                      "content": made.source("big", files)})
        made.await_jobs("big", deadline=300)
        times = {record.json["state"]: record.timestamp for record in made.read("status")
                 if record.json["type"] == "job" and record.json["job_id"] == "big"}
        return (times["completed"] - times["accepted"]) / 1000


def curl(urls, source, files):
    began = time.monotonic()
    arguments = []
    for url in urls:
        for path in files:
            arguments += ["-T", str(source / path), f"{url.rstrip('/')}/curl/{path}"]
    config = source.parent / "curl.config"
    config.write_text("".join(f'upload-file = "{arguments[i + 1]}"\nurl = "{arguments[i + 2]}"\n' for i in range(0, len(arguments), 3)))
    subprocess.run(["curl", "-sS", "-f", "-Z", "--parallel-max", "32", "-K", str(config)], check=True, timeout=300,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.monotonic() - began


def rclone(urls, source):
    began = time.monotonic()
    copies = [subprocess.Popen(["rclone", "--config", "/dev/null", "copy", str(source), ":webdav:rclone", "--webdav-url", url,
                                "--transfers", "8"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for url in urls]
    for copy in copies:
        words = copy.communicate(timeout=600)[1]
        assert copy.returncode == 0, f"rclone: {words[-1000:]}"
    return time.monotonic() - began
