#!/usr/bin/python3
"""Counts what does not depend on the machine's mood, and fails where a figure got worse by more than a tenth.

What was recorded lies in tests/guards/recorded.json. Where more is justified: guards.py --accept, and commit that file
with the change that costs it. Each figure is of one more job or file: what a run of twice the size costs more than one of
the size itself, so that what happens once does not count.
"""
import argparse
import collections
import contextlib
import hashlib
import json
import os
import pathlib
import platform
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
RECORDED = pathlib.Path(__file__).with_name("recorded.json")
WORSE = 1.1
SLACK = 0.2  # what chance may add to a figure: a request in all for folders that several files ask for at once

# The same instructions on every x86-64: libc and OpenSSL choose their code by the processor's extensions.
PLAIN = {"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX2,-AVX,-AVX_Fast_Unaligned_Load,-ERMS,-BMI2,-SSE4_2",
         "OPENSSL_ia32cap": "0"}
JOBS = {  # words: as guard_jobs names it, the size of the smaller run, distribution points
    "an update that is held, in the stager": ("held", 400, 2),
    "a package created and updated on 2 points, in the stager": ("staged", 150, 2),
    "a package created and updated on 2 points, in the updater": ("switched", 100, 2),
}
PAIRS = {  # the same; of each point of a package. What grows with the points is more here for many of them
    "each of 10 points of a package, in the stager": ("staged", 10, 10),
    "each of 100 points of a package, in the stager": ("staged", 1, 100),
    "each of 10 points of a package, in the updater": ("switched", 10, 10),
    "each of 100 points of a package, in the updater": ("switched", 1, 100),
}


def per_one(measure, size):
    """What one more costs of each thing that measure(size) counts."""
    less, more = measure(size), measure(2 * size)
    each = {name: round((more[name] - less.get(name, 0)) / size, 1) for name in more}
    return {name: value for name, value in each.items() if abs(value) > SLACK}


# ---- a job


def run_jobs(binaries, what, count, points):
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", "--toggle-collect=measured", binaries / "guard_jobs",
         what, str(count), str(points)], capture_output=True, text=True, env=os.environ | PLAIN, timeout=300, check=False)
    if done.returncode != 0:
        sys.exit(f"guard_jobs {what}: {done.stderr}")
    counted = json.loads(done.stdout)
    return {"instructions": int(re.search(r"Collected : (\d+)", done.stderr).group(1)), "allocations": counted["allocations"],
            "records and rows": counted["records"] + counted["rows"], "bytes to Kafka": counted["bytes"]}


def measure_jobs(binaries):
    figures = {}
    for words, (what, size, points) in (JOBS | PAIRS).items():
        for name, value in per_one(lambda count, what=what, points=points: run_jobs(binaries, what, count, points), size).items():
            if words in JOBS:
                figures[f"{words}: {name}"] = value
            elif name == "instructions":
                figures[f"{words}: {name}"] = round(value / points, 1)
    return figures


# ---- a file


class Server:
    """One nginx as two distribution points, of which one is read back in full, and what it was asked."""

    def __init__(self, folder, binaries):
        self.folder, self.binaries, self.marks, self.packages = folder, binaries, 0, 0
        self.script = [ROOT / "script" / "nginx"]
        self.url = subprocess.run([*self.script, "start", "--dir", folder / "nginx", "--access-log", "on"], check=True,
                                  capture_output=True, text=True).stdout.strip()
        self.log = folder / "nginx" / "dp1" / "access.log"
        points = [{"name": read_back, "url": f"{self.url}{read_back}/", "read_back": read_back} for read_back in ("size", "full")]
        for point in points:
            identity = folder / "nginx" / "dp1" / "www" / point["name"] / ".holdpoint" / "dp.json"
            identity.parent.mkdir(parents=True)
            identity.write_text('{"dp_id":"6f1d8f0a-6a55-4a0c-8d0c-5f2a1d7a7c11"}')
        (folder / "points.json").write_text(json.dumps({"distribution_points": points, "sources": [{"prefix": f"file://{folder}/"}]}))

    def close(self):
        subprocess.run([*self.script, "clean", "--dir", self.folder / "nginx"], check=True)

    def stage(self, point, package, version, files, base="-"):
        """What the server was asked: requests by their methods, bytes either way with their heads, bytes of files."""
        begins = self.seen()
        done = subprocess.run([self.binaries / "guard_content", self.folder / "points.json", point, package, version, base],
                              input=json.dumps({"files": files}), capture_output=True, text=True, timeout=120, check=False)
        if done.returncode != 0:
            sys.exit(f"guard_content: {done.stderr}")
        counted = collections.Counter({"bytes of files sent": int(done.stdout)})
        for line in self.log.read_text()[begins:self.seen(mark=False)].splitlines():
            counted[re.search('"([A-Z]+) ', line).group(1)] += 1
            counted["bytes both ways"] += sum(map(int, line.split()[-3:-1]))
        return counted

    def seen(self, mark=True):
        """How long the log is, once all of before is in it: one process answers one request after the other."""
        self.marks += 1
        name = f"mark{self.marks}"
        try:
            urllib.request.urlopen(f"{self.url}{name}", timeout=30).close()
        except urllib.error.HTTPError:
            pass
        end = time.monotonic() + 30
        while f"/{name} " not in (text := self.log.read_text()):
            assert time.monotonic() < end, f"{name} is not in nginx's log within 30 s"
        return len(text) if mark else text.rindex("\n", 0, text.index(f"/{name} ")) + 1

    def files(self, folder, count, size):
        """Sources, and the entries of a job's content."""
        (self.folder / folder).mkdir()
        entries = []
        for number in range(count):
            path, data = self.folder / folder / f"f{number:03}", random.Random(f"{folder} {number}").randbytes(size)
            path.write_bytes(data)
            entries.append({"path": path.name, "size": size, "digest": "sha256:" + hashlib.sha256(data).hexdigest(), "url": f"file://{path}"})
        return entries

    @contextlib.contextmanager
    def package(self, count, size):
        """A new one's name and its files; all of it goes again."""
        self.packages += 1
        name = f"PKG{self.packages:03}"
        try:
            yield name, self.files(name, count, size)
        finally:
            for folder in self.folder.glob(f"**/{name}*"):
                shutil.rmtree(folder)


def stage_new(server, point, size):
    def measure(count):
        with server.package(count, size) as (name, files):
            return server.stage(point, name, "1.0", files)
    return measure


def stage_unchanged(server, point):
    """A second version whose files are those of the first, but for one."""
    def measure(count):
        with server.package(count, 4096) as (name, files):
            server.stage(point, name, "1.0", files)
            other = server.files(f"{name}-other", 1, 4096)[0]
            return server.stage(point, name, "2.0", [*files[1:], other], base="1.0")
    return measure


def measure_content(binaries):
    figures = {}
    folder = pathlib.Path(tempfile.mkdtemp(prefix="holdpoint-guards-", dir="/dev/shm"))
    server = Server(folder, binaries)
    try:
        for point, words in (("size", "read-back off"), ("full", "read-back on")):
            for what, measure, count in (("a file of 4 KiB", stage_new(server, point, 4096), 200),
                                         ("a file of 1 MiB", stage_new(server, point, 1 << 20), 10),
                                         ("an unchanged file of 4 KiB", stage_unchanged(server, point), 200)):
                for name, value in per_one(measure, count).items():
                    figures[f"{what} to nginx, {words}: {name}"] = value
    finally:
        server.close()
        shutil.rmtree(folder)
    return figures


# ---- a tiny package on a folder

FILE_CALLS = {"openat", "openat2", "close", "newfstatat", "fstatfs", "pread64", "pwrite64", "fadvise64", "getdents64", "ftruncate", "mkdirat",
              "unlinkat", "renameat", "renameat2", "symlinkat", "readlinkat", "fsync", "syncfs"}


def run_folder(binaries, count):
    """Staged and made current, one after the other: what the kernel was asked. Each work on the folder opens it once, and asks for its
    kind (fstatfs)."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="holdpoint-guards-", dir="/dev/shm"))
    try:
        (folder / "base").mkdir()
        (folder / "src").mkdir()
        done = subprocess.run(["strace", "-f", "-qq", "-c", "-o", folder / "calls", binaries / "guard_folder", str(count), "1", folder / "base",
                               folder / "src"], capture_output=True, text=True, timeout=120, check=False)
        if done.returncode != 0:
            sys.exit(f"guard_folder: {done.stderr}")
        calls = {line.split()[-1]: int(line.split()[3]) for line in (folder / "calls").read_text().splitlines() if line[:1] == " "}
    finally:
        shutil.rmtree(folder)
    return {"calls on files": sum(calls.get(name, 0) for name in FILE_CALLS), "fsync": calls["fsync"], "syncfs": calls["syncfs"],
            "works on the folder": calls["fstatfs"]}


def measure_folder(binaries):
    figures = per_one(lambda count: run_folder(binaries, count), 50)
    return {f"a tiny package staged and made current on a folder: {name}": value for name, value in figures.items()}


# ---- the verdict

PARTS = {"jobs": measure_jobs, "content": measure_content, "folder": measure_folder}


def judge(figures, recorded):
    """Prints each figure; returns those that got worse."""
    worse = []
    if platform.machine() != "x86_64":  # other processors, other instructions
        figures = {name: value for name, value in figures.items() if not name.endswith(": instructions")}
    for name, value in figures.items():
        known = recorded.get(name, 0)  # what is none is not recorded
        bad = value > known * WORSE and value > known + SLACK
        words = "WORSE" if bad else "better" if value < known / WORSE else "ok"
        change = f"{100 * (value / known - 1):+.1f} %" if known else "new"
        print(f"{words:<6} {value:>12,.10g}  {name} (recorded: {known:,.10g}, {change})")
        if bad:
            worse.append(name)
    return worse


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", help="jobs, content, folder; all if none is named")
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build" / "bin", help="where the release build's binaries are")
    parser.add_argument("--accept", action="store_true", help="record the figures in place of comparing them")
    options = parser.parse_args()
    for part in options.parts:
        if part not in PARTS:
            parser.error(f"no part {part!r}; there are {', '.join(PARTS)}")
    recorded, worse = json.loads(RECORDED.read_text()), []
    for part in options.parts or PARTS:
        figures = PARTS[part](options.bin)
        if options.accept:
            recorded[part] = figures
        else:
            worse += judge(figures, recorded[part])
    if options.accept:
        RECORDED.write_text(json.dumps(recorded, indent=1, sort_keys=True) + "\n")
    if worse:
        sys.exit(f"{len(worse)} worse by more than {WORSE - 1:.0%}, see above. Mend what made them so; where that is worth its price, "
                 f"record them anew and commit them with it: tests/guards/guards.py {' '.join(options.parts)} --accept")


if __name__ == "__main__":
    main()
