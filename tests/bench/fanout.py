"""Rows 9 and 10: one content to many distribution points, and points that are slow or dead among them."""
import contextlib
import json
import pathlib
import random
import subprocess
import sys
import time
import urllib.parse

from common import Row, duration, harness, progress, scratch, system

HERE = pathlib.Path(__file__).resolve().parent


@contextlib.contextmanager
def links(rates, urls):
    """Each URL behind a link of that many bytes a second; yields the URLs there."""
    words = [f"{rate}:{urllib.parse.urlsplit(url).port}" for rate, url in zip(rates, urls)]
    process = subprocess.Popen([sys.executable, HERE / "links.py", *words], stdout=subprocess.PIPE, text=True)
    try:
        yield [f"http://127.0.0.1:{int(process.stdout.readline())}/" for _ in words]
    finally:
        process.kill()
        process.wait()


def warm_up(made):
    """Connections, probes, and the coordinator's first answer are behind."""
    made.start("stager")
    duration(made, {"type": "create", "job_id": "warm", "package_id": "WARM", "version": "1", "distribution_points": ["group:all"],
                    "content": made.source("warm", {"a": b"a"})})


# ---- row 9

POINTS, FILES, FILE_SIZE = 50, 8, 1 << 20


def rates(count):
    """Bytes a second of each point's link: the first is by far the slowest."""
    pick = random.Random(9)
    return [1 << 20] + [pick.randrange(2 << 20, 10 << 20) for _ in range(count - 1)]


def http_content(www, url, package, pick):
    """Content that a server has, and how many bytes it is."""
    entries = []
    (www / package).mkdir()
    for number in range(FILES):
        data = pick.randbytes(FILE_SIZE)
        (www / package / f"f{number}").write_bytes(data)
        entries.append({"path": f"f{number}", "size": len(data), "digest": harness.sha256(data), "url": f"{url}{package}/f{number}"})
    return {"files": entries}, FILES * FILE_SIZE


def bytes_read(server, package):
    """How many bytes of a package's files the source's server sent, by its own account."""
    lines = (server / "access.log").read_text().splitlines()
    gets = [line.split('"') for line in lines if f'"GET /{package}/' in line]
    return sum(int(parts[2].split()[1]) for parts in gets)  # behind the request: its status, the body's bytes


def bench_fan_out(bootstrap, rounds, quick):
    count = 10 if quick else POINTS
    row = Row(9, f"1 → {count} nginx on links of 1–10 MB/s, http source (s; less is better)", "its slowest point alone", "≤ 1.1", "less")
    read = Row(9, f"1 → {count} nginx: bytes that the source's server sent", "bytes of the content", "= 1", "less")
    for turn in range(rounds):
        with contextlib.ExitStack() as stack:
            folder = scratch(stack, "points")
            source = stack.enter_context(harness.nginx(folder / "source", 1, "--access-log", "on"))[0]
            urls = stack.enter_context(harness.nginx(folder / "points", count))
            urls = stack.enter_context(links(rates(count), urls))
            made = system(stack, bootstrap, "fanout", 1)
            made.sources.append({"prefix": source})
            for number, url in enumerate(urls):
                made.add_http_point(f"dp{number}", url, groups=["all"])
            made.ready()
            warm_up(made)
            pick, times = random.Random(turn), {}
            for package, points in ("ALONE", ["dp0"]), ("ALL", ["group:all"]):
                content, size = http_content(folder / "source" / "dp1" / "www", source, package, pick)
                times[package] = duration(made, {"type": "create", "job_id": package, "package_id": package, "version": "1",
                                                 "distribution_points": points, "content": content})
            row.add(times["ALL"], times["ALONE"])
            read.add(bytes_read(folder / "source" / "dp1", "ALL"), size)
            progress(f"round {turn + 1}: slowest alone {times['ALONE']:.2f} s, all {times['ALL']:.2f} s, "
                     f"{read.rounds[-1][0]:,} bytes read of {size:,}")
    return [row, read]


# ---- row 10

HEALTHY = 18


def publish_packages(made, count):
    """A create each, of a tiny file of its own."""
    jobs = []
    for number in range(count):
        name = f"P{number:05}"
        jobs.append({"type": "create", "job_id": name, "package_id": name, "version": "1", "distribution_points": ["group:all"],
                     "content": made.source(name, {"file": random.Random(number).randbytes(4096)})})
    made.publish(*jobs)


def last_staged(made, wanted, deadline=280):
    """When the last of so many copies was told to be staged on the healthy points, and how many on each other, until then."""
    from confluent_kafka import Consumer, TopicPartition
    consumer = Consumer({"bootstrap.servers": made.bootstrap, "group.id": "bench", "isolation.level": "read_committed"})
    consumer.assign([TopicPartition(made.prefix + "staged", p, 0) for p in range(made.partitions)])
    seen, others, last, end = 0, {}, 0, time.monotonic() + deadline
    while seen < wanted:
        assert time.monotonic() < end, f"{seen} of {wanted} staged\n{made.last_words()}"
        for message in consumer.consume(10000, 1.0):
            event = json.loads(message.value())
            if event["package_id"] == "WARM":
                continue
            if event["distribution_point"].startswith("healthy"):
                seen += 1
                last = max(last, message.timestamp()[1])
            else:
                others[event["distribution_point"]] = others.get(event["distribution_point"], 0) + 1
    consumer.close()
    return last, others


def completion(bootstrap, folder, healthy, bad, packages):
    """Seconds from the first job's time in the log until all is staged on the healthy points."""
    with contextlib.ExitStack() as stack:
        made = system(stack, bootstrap, "badpoints", 4)
        for number, url in enumerate(healthy):
            made.add_http_point(f"healthy{number}", url, groups=["all"])
        for name, url in bad.items():
            made.add_http_point(name, url, groups=["all"])
        made.ready()
        warm_up(made)
        if "dead" in bad:
            subprocess.run([harness.ROOT / "script" / "nginx", "pause", "2", "--dir", folder / "bad"], check=True, capture_output=True)
        publish_packages(made, packages)
        ended, others = last_staged(made, packages * len(healthy))
        began = min(r.timestamp for r in made.read("jobs") if r.json["package_id"] != "WARM")
        return (ended - began) / 1000, others


def bench_bad_points(bootstrap, rounds, quick):
    packages = 100 if quick else 1000
    row = Row(10, f"{packages:,} packages to {HEALTHY} nginx, a dead and a 100 kB/s one beside (s; less is better)",
              "the same without those two", "≤ 1.05", "less")
    for turn in range(rounds):
        times = {}
        for way in ("without", "with") if turn % 2 == 0 else ("with", "without"):
            with contextlib.ExitStack() as stack:
                folder = scratch(stack, "points")
                healthy = stack.enter_context(harness.nginx(folder / "healthy", HEALTHY))
                bad, others = {}, {}
                if way == "with":
                    urls = stack.enter_context(harness.nginx(folder / "bad", 2))
                    bad = {"slow": stack.enter_context(links([100000], urls[:1]))[0], "dead": urls[1]}
                times[way], others = completion(bootstrap, folder, healthy, bad, packages)
                if way == "with":
                    assert "dead" not in others, others
                    progress(f"staged on the slow one meanwhile: {others.get('slow', 0)}")
        row.add(times["with"], times["without"])
        progress(f"round {turn + 1}: " + ", ".join(f"{way} {seconds:.2f} s" for way, seconds in times.items()))
    return [row]
