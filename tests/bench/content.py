"""Rows 5 and 6: content to four HTTP distribution points beside curl and rclone.

Both sides bring the same bytes from files to the same four servers. Ours is timed from the job's acceptance to its
completion, by the log's time stamps, with all that lies between: hashing the source, the upload, the move into place,
the check there (`read_back`: "size" is off, "full" is on), the seal. A figure is in MB/s of all four copies together.
"""
import contextlib
import pathlib
import random
import shutil
import subprocess
import time

from common import Row, harness, progress, scratch, system

POINTS = 4
RCLONE = ["--transfers", "8", "--checkers", "8"]
NO_PACER = ["--webdav-pacer-min-sleep", "0"]  # newer versions only: Debian 12's always waits 10 ms between requests


class Ground:
    """Four nginx, a stager that verifies sizes and one that reads all back, each in a folder of its own there."""

    def __init__(self, stack, bootstrap):
        self.stack = stack
        self.folder = scratch(stack, "content")
        self.urls = stack.enter_context(harness.nginx(self.folder / "nginx", POINTS, "--propfind", "on"))
        self.systems, self.stagers, self.count = {}, {}, 0
        for read_back in ("size", "full"):
            made = self.systems[read_back] = system(stack, bootstrap, read_back, 1)
            for number, url in enumerate(self.urls):
                made.add_http_point(f"dp{number}", f"{url}{read_back}/", groups=["all"], read_back=read_back)
            made.ready()
            self.stagers[read_back] = made.start("stager")
            self.stage(read_back, {"a": b"warm"})

    def stage(self, read_back, files):
        """Seconds. The source is written anew each time: one that is known would not be hashed again."""
        made = self.systems[read_back]
        self.count += 1
        name = f"P{self.count}"
        content = made.source(name, files)
        made.publish({"type": "create", "job_id": name, "package_id": name, "version": "1", "distribution_points": ["group:all"],
                      "content": content})
        made.await_jobs(name, deadline=300)
        times = {record.json["state"]: record.timestamp for record in made.read("status")
                 if record.json["type"] == "job" and record.json["job_id"] == name}
        for root in self.roots():
            shutil.rmtree(root / read_back / name)
        shutil.rmtree(made.folder / "src" / name)
        return (times["completed"] - times["accepted"]) / 1000

    def roots(self):
        return list((self.folder / "nginx").glob("dp*/www"))

    @contextlib.contextmanager
    def source(self, files):
        """The same for a peer, which writes below /peer/."""
        source = self.folder / "source"
        source.mkdir()
        for path, data in files.items():
            (source / path).write_bytes(data)
        yield source
        shutil.rmtree(source)
        for root in self.roots():
            shutil.rmtree(root / "peer", ignore_errors=True)

    def curl(self, files, processes):
        """One curl for all, or one for each server."""
        with self.source(files) as source:
            uploads = [[f'upload-file = "{source / path}"\nurl = "{url}peer/{path}"\n' for path in files] for url in self.urls]
            if processes == 1:
                uploads = [[upload for each in zip(*uploads) for upload in each]]
            configs = [self.folder / f"curl{number}" for number in range(len(uploads))]
            for config, lines in zip(configs, uploads):
                config.write_text("".join(lines))
            return timed(["curl", "-sS", "-f", "-Z", "--parallel-max", str(32 // processes), "-K", str(config)] for config in configs)

    def rclone(self, files, *options, check=False):
        with self.source(files) as source:
            def command(verb, *more):
                return [["rclone", "--config", "/dev/null", *verb, str(source), ":webdav:peer", "--webdav-url", url, *RCLONE,
                         *options, *more] for url in self.urls]
            seconds = timed(command(["copy"]))
            return seconds + (timed(command(["check", "--download"])) if check else 0)

    def peak_rss(self, read_back):
        status = pathlib.Path(f"/proc/{self.stagers[read_back].process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024


def rclone_without_pacer():
    known = subprocess.run(["rclone", "help", "flags"], capture_output=True, text=True, check=True).stdout
    if NO_PACER[0] in known:
        return NO_PACER
    progress(f"this rclone has no {NO_PACER[0]}: it runs with its pacer")
    return []


def timed(commands):
    began = time.monotonic()
    started = [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for command in commands]
    for process in started:
        words = process.communicate(timeout=300)[1]
        assert process.returncode == 0, f"{process.args[0]}: {words[-1000:]}"
    return time.monotonic() - began


def take_turns(ground, files, rounds, ways, once):
    """{name: [MB/s of each round]}; every round in another order. What is in once runs in the first round only."""
    megabytes = POINTS * sum(map(len, files.values())) / 1e6
    speeds = {name: [] for name in ways}
    ground.curl(files, 1)  # not counted: memory that is used for the first time is slower, for whoever meets it
    for turn in range(rounds):
        names = [name for name in ways if turn == 0 or name not in once]
        for name in names[turn % len(names):] + names[:turn % len(names)]:
            speeds[name].append(megabytes / ways[name]())
        progress(f"round {turn + 1}: " + ", ".join(f"{name} {speeds[name][-1]:.0f} MB/s" for name in names))
    return speeds


def pair(number, work, ours, peer, aim, speeds, words):
    row = Row(number, f"{work}, verification {'off' if ours == 'size' else 'on'} (MB/s)", words, aim, "more")
    for mine, other in zip(speeds[ours], speeds[peer]):
        row.add(mine, other)
    return row


def bench_small(bootstrap, rounds, quick):
    files = {f"f{n:04}": random.Random(n).randbytes(65536) for n in range(200 if quick else 1000)}
    each = 1 if quick else 3
    with contextlib.ExitStack() as stack:
        ground = Ground(stack, bootstrap)

        def repeated(way):  # half a second each: one alone would be noise
            return lambda: sum(way() for _ in range(each)) / each
        unpaced = rclone_without_pacer()
        speeds = take_turns(ground, files, rounds, {
            "size": repeated(lambda: ground.stage("size", files)),
            "curl": repeated(lambda: ground.curl(files, 1)),
            "full": repeated(lambda: ground.stage("full", files)),
            "rclone": lambda: ground.rclone(files),
            "checked": lambda: ground.rclone(files, *unpaced, check=True),
            **({"unpaced": lambda: ground.rclone(files, *unpaced)} if unpaced else {}),
        }, once=["rclone"] if unpaced else ["rclone", "checked"])  # tens of seconds, whose length is the pacer's
        work = f"{len(files):,} × 64 KiB to {POINTS} nginx"
        no_pacer = [pair(5, work, "size", "unpaced", "≥ 1", speeds, "rclone copy, no pacer")] if unpaced else []
        return [pair(5, work, "size", "curl", "≥ 0.9", speeds, "curl -Z"),
                pair(5, work, "size", "rclone", "≥ 10", speeds, "rclone copy, its defaults"),
                *no_pacer,
                pair(5, work, "full", "checked", "≥ 2", speeds, "rclone copy + check --download"),
                pair(5, work, "full", "curl", "–", speeds, "curl -Z (verifies nothing)")]


def bench_large(bootstrap, rounds, quick):
    megabytes = 128 if quick else 1024
    files = {"blob": random.Random(1).randbytes(1 << 20) * megabytes}
    with contextlib.ExitStack() as stack:
        ground = Ground(stack, bootstrap)
        unpaced = rclone_without_pacer()
        speeds = take_turns(ground, files, rounds, {
            "size": lambda: ground.stage("size", files),
            "curl": lambda: min(ground.curl(files, processes) for processes in (1, POINTS)),
            "full": lambda: ground.stage("full", files),
            "rclone": lambda: ground.rclone(files, *unpaced),
        }, once=[])
        progress("peak RSS: " + ", ".join(f"{name} {ground.peak_rss(name):.0f} MB" for name in ground.stagers))
        work = f"1 × {megabytes} MiB to {POINTS} nginx"
        return [pair(6, work, "size", "curl", "≥ 0.95", speeds, "curl -T × 4, the faster way"),
                pair(6, work, "full", "rclone", "≥ 1", speeds, "rclone copy, verifies nothing"),
                pair(6, work, "full", "curl", "–", speeds, "curl (verifies nothing)")]
