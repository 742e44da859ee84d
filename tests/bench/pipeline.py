"""Row 3: the whole pipeline at saturation, beside a shell loop of what people do by hand."""
import contextlib
import os
import pathlib
import subprocess

from common import Row, append_times, await_records, cpu_seconds, create_topics, fill, progress, system, tiny_packages

HAND = r"""
kcat -b "$1" -C -t "$2" -o beginning -e -q -X isolation.level=read_committed | while read -r package version source; do
	mkdir -p "$3/$package/content"
	rsync -a "$source/" "$3/$package/content/$version/" || exit 1
	ln -sfn "content/$version" "$3/$package/current"
done
"""


def broker_of(bootstrap):
    """The broker's process: the one whose settings have the port."""
    port = bootstrap.rsplit(":", 1)[1]
    for cmdline in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            last = cmdline.read_bytes().rstrip(b"\0").rsplit(b"\0", 1)[-1].decode()
            if last.endswith("server.properties") and f"127.0.0.1:{port}," in pathlib.Path(last).read_text():
                return int(cmdline.parent.name)
    raise AssertionError(f"no broker at {bootstrap}")


def run_pipeline(stack, bootstrap, count):
    """Packages a second, from the first job in the log to the last package current."""
    made = system(stack, bootstrap, "pipeline")
    base = made.add_file_point("paris")
    made.ready()
    jobs = tiny_packages(made, range(count), "paris")
    workers = {role: made.start(role) for role in ("stager", "updater")}
    fill(bootstrap, made.prefix + "jobs", [("WARM", job.replace('"package_id": "PKG000000"', '"package_id": "WARM"')) for _, job in jobs[:2]])
    await_records(bootstrap, made.prefix + "updated", 1)
    pids = {**{role: worker.process.pid for role, worker in workers.items()}, "broker": broker_of(bootstrap)}
    before = {name: cpu_seconds(pid) for name, pid in pids.items()}
    fill(bootstrap, made.prefix + "jobs", jobs)
    ended = await_records(bootstrap, made.prefix + "updated", count + 1)
    used = {name: cpu_seconds(pid) - before[name] for name, pid in pids.items()}
    seconds = (ended[-1] - append_times(bootstrap, made.prefix + "jobs")[2]) / 1000
    progress(f"{count} packages in {seconds:.2f} s; CPU a package: " +
             ", ".join(f"{name} {1e6 * spent / count:,.0f} µs" for name, spent in used.items()) +
             f"; {sum(used.values()) / seconds:.1f} processors busy with them")
    assert (base / f"PKG{count - 1:06}" / "current" / "tool").read_bytes() == f"the content of package {count - 1}".encode()
    made.close()
    return count / seconds, made


def run_by_hand(bootstrap, made, count):
    topic = made.prefix + "byhand"
    create_topics(bootstrap, [topic])
    sources = made.folder / "src"
    fill(bootstrap, topic, [(f"PKG{n:06}", f"PKG{n:06} 1.0 {sources}/PKG{n:06}") for n in range(count)])
    base = made.folder / "byhand"
    begin = os.times().elapsed
    subprocess.run(["bash", "-c", HAND, "byhand", bootstrap, topic, str(base)], check=True, timeout=280)
    seconds = os.times().elapsed - begin
    assert sum((base / f"PKG{n:06}" / "current" / "tool").exists() for n in range(count)) == count
    return count / seconds


def bench_pipeline(bootstrap, rounds, quick):
    row = Row(3, "create + update of tiny packages to a tmpfs folder (packages/s)", "kcat + rsync + ln -sfn", "≥ 20", "more")
    count = 2_000 if quick else 10_000
    for number in range(rounds):
        with contextlib.ExitStack() as stack:
            ours, made = run_pipeline(stack, bootstrap, count)
            hand = run_by_hand(bootstrap, made, count // 50)
        row.add(ours, hand)
        progress(f"round {number + 1}: ours {ours:,.0f}, by hand {hand:,.0f} packages/s")
    return [row]
