"""Create and update in every order and spacing: never an updated without its staged."""
import itertools
import random

import checker


def jobs_for(system, package, version, to, *, tag, content=None):
    content = content or system.source(f"{package}-{version}", {"bin/tool": f"{package} {version}".encode() * 50, "README": b"read me"})
    return ({"type": "create", "job_id": f"c-{tag}", "package_id": package, "version": version, "content": content,
             "distribution_points": to},
            {"type": "update", "job_id": f"u-{tag}", "package_id": package, "version": version})


def assert_kept(system):
    records = system.read_all()
    assert list(checker.check_log(records, system.partitions)) == []
    assert list(checker.check_points(records, system.points)) == []
    return records


def start_all(system):
    for role in ("stager", "updater", "stager", "updater"):
        system.start(role)


def test_an_update_sent_right_after_its_create_waits_for_the_staging(pipeline):
    start_all(pipeline)
    create, update = jobs_for(pipeline, "PKG00042", "1.0", ["paris", "group:apac"], tag="1")
    pipeline.publish(create, update)
    assert pipeline.await_jobs("c-1", "u-1") == {"c-1": "completed", "u-1": "completed"}
    records = assert_kept(pipeline)
    assert len(records["updated"]) == 3
    assert len([r for r in records["staged"] if r.json["type"] == "staged"]) == 3


def test_an_update_sent_before_its_create_is_held_visibly_and_then_done(pipeline):
    start_all(pipeline)
    create, update = jobs_for(pipeline, "PKG00042", "1.0", ["group:all"], tag="1")
    pipeline.publish(update)
    pipeline.await_status("held", lambda s: s["type"] == "job" and s["job_id"] == "u-1" and s["state"] == "held")
    pipeline.publish(create)
    assert pipeline.await_jobs("c-1", "u-1") == {"c-1": "completed", "u-1": "completed"}
    assert len(assert_kept(pipeline)["updated"]) == 3


def test_every_interleaving_of_two_versions_ends_with_the_later_update(pipeline):
    """All orders of create/update of two versions, each as a package of its own, published at once."""
    start_all(pipeline)
    last, names = {}, []
    streams = []
    for number, order in enumerate(itertools.permutations(range(4))):
        package = f"ORDER{number:02}"
        first = jobs_for(pipeline, package, "1.0", ["group:all"], tag=f"{number}-1")
        second = jobs_for(pipeline, package, "2.0", ["group:all"], tag=f"{number}-2")
        stream = [(*first, *second)[i] for i in order]
        streams.append(stream)
        names += [job["job_id"] for job in stream]
        last[package] = [job["version"] for job in stream if job["type"] == "update"][-1]
    mixed, pick = [], random.Random(7)
    while any(streams):  # interleave the packages, each package's order kept
        mixed.append(pick.choice([s for s in streams if s]).pop(0))
    pipeline.publish(*mixed)
    states = pipeline.await_jobs(*names, deadline=60)
    assert all(states[job] == "completed" for job in names if job.startswith("c-"))
    assert all(states[job] in ("completed", "superseded") for job in names if job.startswith("u-"))
    assert_kept(pipeline)
    for package, version in last.items():
        assert pipeline.current("paris", package)["version"] == version, package


def test_gate_all_updates_no_point_before_every_one_is_staged(pipeline):
    start_all(pipeline)
    content = pipeline.source("g", {"a": b"x" * 100000})
    pipeline.publish({"type": "update", "job_id": "u-all", "package_id": "GATED", "version": "1", "gate": "all",
                      "content": content, "distribution_points": ["group:all"]})
    assert pipeline.await_jobs("u-all") == {"u-all": "completed"}
    records = assert_kept(pipeline)
    kinds = [r.json["type"] for r in records["staged"]]
    assert kinds == ["staged"] * 3 + ["release"] * 3
