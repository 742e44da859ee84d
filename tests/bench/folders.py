"""Rows 7 and 8: versions of many small files, beside rsync, cp and rclone.

Everything lies on a real disk, where fsync means something: below $TMPDIR, or wherever $HOLDPOINT_BENCH_DISK says. What was
made is deleted only at the end: file systems are slow to take again what was just deleted."""
import contextlib
import json
import os
import pathlib
import random
import re
import subprocess
import tempfile
import time

from common import Row, duration, harness, progress, scratch, system

SIZE = 4096


def disk():
    return os.environ.get("HOLDPOINT_BENCH_DISK") or tempfile.gettempdir()


def disk_words(folder):
    return subprocess.run(["findmnt", "-nro", "FSTYPE,SOURCE", "-T", folder], capture_output=True, text=True, check=True).stdout.strip()


def make_files(folder, count):
    """A tree of small files; returns path → bytes."""
    pick = random.Random(7)
    files = {f"d{number // 100:03}/f{number:05}": pick.randbytes(SIZE) for number in range(count)}
    write_files(folder, files)
    return files


def write_files(folder, files):
    for path, data in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)


def change(files):
    """One file in a hundred gets other bytes, and another size, since that is all that rclone sees on WebDAV."""
    pick = random.Random(8)
    return {path: pick.randbytes(SIZE + 1) for number, path in enumerate(files) if number % 100 == 50}


def manifest(folder, name, files):
    """A job's content by reference: ten thousand files are too many for a record."""
    entries = [{"path": path, "size": len(data), "digest": harness.sha256(data), "executable": False}
               for path, data in sorted(files.items())]
    digest = harness.sha256(json.dumps({"files": entries}, separators=(",", ":")).encode())
    for entry in entries:
        entry["url"] = f"file://{folder}/{entry['path']}"
    where = folder.parent / f"{name}.json"
    where.write_text(json.dumps({"files": entries}))
    return {"manifest_url": f"file://{where}", "digest": digest}


class Round:
    """One system with its own folder on the disk, warmed up."""

    def __init__(self, stack, bootstrap, folder, points, read_back="full"):
        self.system = system(stack, bootstrap, "folders", 1, folder)
        for name, url in points.items():
            if url is None:
                self.system.add_file_point(name, groups=["all"], read_back=read_back)
            else:
                self.system.add_http_point(name, url, groups=["all"], read_back=read_back)
        self.system.ready()
        self.system.start("stager")
        self.stage("WARM", "1", self.system.source("warm", {"a": b"a"}))

    def stage(self, package, version, content):
        """Seconds from the job's time in the log to its completion's."""
        return duration(self.system, {"type": "create", "job_id": f"{package}-{version}", "package_id": package, "version": version,
                                      "distribution_points": ["group:all"], "content": content})


def timed(*commands, then=None):
    """Seconds of all of these at once, and then of another."""
    began = time.monotonic()
    running = [subprocess.Popen([str(part) for part in command]) for command in commands]
    for process in running:
        assert process.wait(timeout=300) == 0, process.args
    if then:
        subprocess.run([str(part) for part in then], check=True)
    return time.monotonic() - began


def same(folder, files):
    there = {str(path.relative_to(folder)): path.read_bytes() for path in pathlib.Path(folder).rglob("*") if path.is_file()}
    assert there == files, f"{folder}: {len(there)} files, {len(files)} wanted, or others"


def bench_durable(bootstrap, rounds, quick):
    count = 1000 if quick else 10000
    what = f"{count:,} × 4 KiB to 2 folders, durable, read back (s; less is better)"
    rows = [Row(7, what, "rsync -a --fsync × 2", "< 1", "less"), Row(7, what, "cp -r × 2 + sync -f", "≤ 1.43", "less")]
    with contextlib.ExitStack() as stack:
        top = scratch(stack, "folders", disk())
        progress(f"on {disk_words(top)}")
        for turn in range(rounds):
            folder = top / f"round{turn}"
            source = folder / "src" / "files"
            files = make_files(source, count)
            os.sync()
            with contextlib.ExitStack() as inner:
                ours = Round(inner, bootstrap, folder, {"one": None, "two": None})
                times = {"ours": ours.stage("MANY", "1", manifest(source, "files", files))}
                for name in "one", "two":
                    same(ours.system.base(name) / "MANY" / "content" / "1", files)
            for way in "cp", "rsync":
                (folder / way).mkdir()
            os.sync()
            times["cp"] = timed(*(["cp", "-r", source, folder / "cp" / name] for name in ("one", "two")), then=["sync", "-f", folder])
            times["rsync"] = timed(*(["rsync", "-a", "--fsync", f"{source}/", folder / "rsync" / name] for name in ("one", "two")))
            rows[0].add(times["ours"], times["rsync"])
            rows[1].add(times["ours"], times["cp"])
            progress(f"round {turn + 1}: " + ", ".join(f"{way} {seconds:.2f} s" for way, seconds in times.items()))
    return rows


# ---- row 8


def bytes_put(server, package, version):
    """How many bytes of files (not of seals) a server took in for a version, and how many requests, by its own account."""
    lines = (server / "access.log").read_text().splitlines()
    about = [line for line in lines if re.search(rf'"[A-Z]+ /(\.holdpoint/tmp/)?{package}(%40|/content/|/manifests/){version}', line)]
    puts = [line for line in about if re.search(rf'"PUT /(\.holdpoint/tmp/{package}%40{version}|{package}/content/{version})/', line)]
    return sum(int(line.rsplit(None, 1)[1]) for line in puts), len(about)


def change_on_server(stack, bootstrap, folder, sources, before, after):
    """One changed version to a web server: seconds of ours and of rclone, bytes that ours sent."""
    url = stack.enter_context(harness.nginx(folder / "nginx", 1, "--access-log", "on", "--propfind", "on"))[0]
    ours = Round(stack, bootstrap, folder, {"web": url})
    ours.stage("MANY", "1", manifest(sources[0], "before", before))
    seconds = ours.stage("MANY", "2", manifest(sources[1], "after", after))
    www = folder / "nginx" / "dp1" / "www"
    same(www / "MANY" / "content" / "2", after)
    write_files(www / "rclone", before)
    theirs = timed(["rclone", "--config", "/dev/null", "sync", sources[1], ":webdav:rclone", "--webdav-url", url, "--transfers", "8",
                    "--checkers", "8", "-q"])
    same(www / "rclone", after)
    return seconds, theirs, bytes_put(folder / "nginx" / "dp1", "MANY", "2")


def change_on_folder(stack, bootstrap, folder, sources, before, after):
    """One changed version to a folder: seconds of ours, and of rsync which links what did not change, without and with reading it."""
    ours = Round(stack, bootstrap, folder, {"one": None})
    ours.stage("MANY", "1", manifest(sources[0], "before", before))
    times = [ours.stage("MANY", "2", manifest(sources[1], "after", after))]
    same(ours.system.base("one") / "MANY" / "content" / "2", after)
    theirs = folder / "rsync"
    theirs.mkdir()
    timed(["rsync", "-a", f"{sources[0]}/", theirs / "1"], then=["sync", "-f", folder])
    for number, how in enumerate(([], ["-c"]), 2):
        times.append(timed(["rsync", "-a", "--fsync", *how, "--link-dest=../1", f"{sources[1]}/", theirs / str(number)]))
        same(theirs / str(number), after)
    return times


def bench_changed(bootstrap, rounds, quick):
    count = 1000 if quick else 10000
    what = f"{count:,} × 4 KiB, a hundredth changed, read back, to"
    web = Row(8, f"{what} nginx (s; less is better)", "rclone sync in place", "< 1", "less")
    sent = Row(8, f"{what} nginx: bytes of files sent", "bytes changed", "= 1", "less")
    folders = [Row(8, f"{what} a folder (s; less is better)", f"rsync -a --fsync {how}--link-dest", "< 1", "less") for how in ("", "-c ")]
    with contextlib.ExitStack() as stack:
        top = scratch(stack, "folders", disk())
        progress(f"folders on {disk_words(top)}, nginx on tmpfs")
        memory = scratch(stack, "folders")
        for turn in range(rounds):
            changed = {}
            for place, change_on in (top, change_on_folder), (memory, change_on_server):
                folder = place / f"round{turn}"
                sources = folder / "src" / "before", folder / "src" / "after"
                before = make_files(sources[0], count)
                changed = change(before)
                subprocess.run(["cp", "-a", *sources], check=True)
                write_files(sources[1], changed)
                os.sync()
                with contextlib.ExitStack() as inner:
                    result = change_on(inner, bootstrap, folder, sources, before, before | changed)
                if place == top:
                    for row, theirs in zip(folders, result[1:]):
                        row.add(result[0], theirs)
                    progress("folder round {}: ours {:.2f} s, rsync {:.2f} s, rsync -c {:.2f} s".format(turn + 1, *result))
                else:
                    seconds, theirs, (put, requests) = result
                    web.add(seconds, theirs)
                    sent.add(put, sum(map(len, changed.values())))
                    progress(f"nginx round {turn + 1}: ours {seconds:.2f} s in {requests:,} requests, rclone {theirs:.2f} s, {put:,} bytes put")
    return [web, sent, *folders]
