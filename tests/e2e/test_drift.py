"""What lies on the distribution points against what the log says: verify --distribution-points finds and names it."""
import json
import shutil
import signal
import subprocess
import uuid

import pytest

import proof
from harness import wait_until
from test_order import jobs_for, start_all


@pytest.fixture
def served(pipeline):
    """Two versions of a package everywhere, the second one current, and no workers any more: they would mend things."""
    start_all(pipeline)
    for version in ("1.0", "2.0"):
        create, update = jobs_for(pipeline, "PKG", version, ["group:all"], tag=version)
        pipeline.publish(create, update)
        assert set(pipeline.await_jobs(create["job_id"], update["job_id"]).values()) == {"completed"}
    stop_all(pipeline)
    return pipeline


def stop_all(system):
    for worker in system.workers:
        worker.signal(signal.SIGTERM)
    for worker in system.workers:
        worker.stop()


def look(system, *arguments):
    verdict = proof.verify_system(system, "--distribution-points", str(system.catalogue), *arguments)
    live = [json.loads(line)["live"] for line in verdict.out.splitlines() if line.startswith('{"live"')]
    assert len(live) == 1
    return verdict, live[0]


def found(verdict):
    """(code, distribution point, path) of each finding."""
    return sorted((v["violation"], v["distribution_point"], v.get("path")) for v in verdict.violations)


def delete(url):
    subprocess.run(["curl", "-sf", "-X", "DELETE", url], check=True)


def fetch(url):
    return subprocess.run(["curl", "-sf", url], check=True, capture_output=True).stdout


def put(url, data):
    subprocess.run(["curl", "-sf", "-T", "-", url], check=True, input=data)


def url_of(system, point, path):
    return next(p["url"] for p in system.points if p["name"] == point) + path


def place_of(system, topic, **fields):
    record, = [r for r in system.read(topic) if all(r.json.get(name) == value for name, value in fields.items())]
    return {"topic": topic, "partition": record.partition, "offset": record.offset}


def test_what_is_as_the_log_says_is_clean(served):
    verdict, live = look(served, "--content")
    assert verdict.exit_code == 0, verdict
    assert (live["distribution_points"], live["pointers"], live["copies"], live["without_listing"]) == (3, 3, 6, 2)
    assert live["files"] > 0 and live["bytes"] > 0
    words = served.run("holdpoint-auditor", "verify", *served.common(), "--distribution-points", str(served.catalogue))
    assert "live    3 pointers and 6 seals on 3 distribution points: 0 are not as the log says" in words.stdout
    assert "HTTP lists no folders" in words.stdout


@pytest.mark.parametrize("point", ["paris", "tokyo"])
def test_a_pointer_that_shows_something_else_is_drift(served, point):
    pointer = json.loads(fetch(url_of(served, point, "PKG/current.json")) if point != "paris" else
                         (served.base(point) / "PKG/current.json").read_text())
    pointer.update(version="1.0", release_id="somebody-else")
    text = json.dumps(pointer).encode()
    if point == "paris":
        (served.base(point) / "PKG/current.json").write_bytes(text)
    else:
        put(url_of(served, point, "PKG/current.json"), text)
    verdict, _ = look(served)
    assert found(verdict) == [("drift", point, "PKG/current.json")]
    assert verdict.violations[0]["place"] == place_of(served, "updated", version="2.0", distribution_point=point)
    assert "version 1.0 by release somebody-else" in verdict.violations[0]["detail"]


def test_a_link_that_leads_elsewhere_is_drift_and_one_that_is_gone_is_missing(served):
    link = served.base("paris") / "PKG/current"
    link.unlink()
    assert found(look(served)[0]) == [("missing", "paris", "PKG/current")]
    link.symlink_to("content/1.0")
    verdict, _ = look(served)
    assert found(verdict) == [("drift", "paris", "PKG/current")]
    assert "content/1.0" in verdict.violations[0]["detail"]


@pytest.mark.parametrize("what, arguments", [("PKG/current.json", []), ("PKG/manifests/1.0.json", []), ("PKG/content/1.0/bin/tool", ["--content"])])
def test_what_is_gone_is_missing(served, what, arguments):
    (served.base("paris") / what).unlink()
    delete(url_of(served, "tokyo", what))
    verdict, _ = look(served, *arguments)
    assert found(verdict) == [("missing", "paris", what), ("missing", "tokyo", what)]
    evidence = ("updated", "2.0") if "current" in what else ("staged", "1.0")
    for violation in verdict.violations:
        where = {"version": evidence[1], "distribution_point": violation["distribution_point"]}
        where.update({"type": "staged"} if evidence[0] == "staged" else {})
        assert violation["place"] == place_of(served, evidence[0], **where)


def test_a_flipped_byte_is_found_with_content_and_only_then(served):
    file = served.base("paris") / "PKG/content/2.0/bin/tool"
    data = bytearray(file.read_bytes())
    data[0] ^= 1
    file.chmod(0o644)
    file.write_bytes(data)
    remote = url_of(served, "osaka", "PKG/content/2.0/bin/tool")
    put(remote, fetch(remote) + b"more")
    assert look(served)[0].exit_code == 0
    verdict, _ = look(served, "--content")
    assert found(verdict) == [("altered", "osaka", "PKG/content/2.0/bin/tool"), ("altered", "paris", "PKG/content/2.0/bin/tool")]
    assert "sha256:" in verdict.violations[1]["detail"] and "bytes" in verdict.violations[0]["detail"]


def test_a_seal_or_a_pointer_that_is_no_such_thing_is_altered(served):
    (served.base("paris") / "PKG/manifests/1.0.json").write_text('{"files":[]}')
    put(url_of(served, "tokyo", "PKG/current.json"), b"{broken")
    assert found(look(served)[0]) == [("altered", "paris", "PKG/manifests/1.0.json"), ("altered", "tokyo", "PKG/current.json")]


def test_what_the_log_does_not_know_is_extra(served):
    base = served.base("paris")
    shutil.copy(base / "PKG/manifests/1.0.json", base / "PKG/manifests/9.9.json")
    (base / "SMUGGLED/manifests").mkdir(parents=True)
    shutil.copy(base / "PKG/manifests/1.0.json", base / "SMUGGLED/manifests/1.0.json")
    shutil.copy(base / "PKG/current.json", base / "SMUGGLED/current.json")
    (base / "index.html").write_text("a page that a web server shows")
    (base / "notes").mkdir()
    assert found(look(served)[0]) == [("extra", "paris", "PKG/manifests/9.9.json"), ("extra", "paris", "SMUGGLED/current.json"),
                                      ("extra", "paris", "SMUGGLED/manifests/1.0.json")]
    assert found(look(served, "--package", "PKG")[0]) == [("extra", "paris", "PKG/manifests/9.9.json")]


def test_a_planted_link_is_told_and_not_followed(served, tmp_path):
    outside = tmp_path / "outside"
    outside.write_bytes((served.base("paris") / "PKG/content/2.0/bin/tool").read_bytes())
    file = served.base("paris") / "PKG/content/2.0/bin/tool"
    file.unlink()
    file.symlink_to(outside)
    assert found(look(served, "--content")[0]) == [("not_judged", "paris", "PKG/content/2.0/bin/tool")]


def test_another_disk_in_its_place_is_told_once(served):
    base = served.base("paris")
    (base / ".holdpoint/dp.json").write_text(json.dumps({"dp_id": str(uuid.uuid4())}))
    verdict, _ = look(served)
    assert found(verdict) == [("dp_id_changed", "paris", None)]
    assert verdict.violations[0]["place"]["topic"] in ("updated", "staged")


def test_content_that_is_confirmed_lost_is_missing_until_it_came_anew(served):
    base = served.base("paris")
    served.init_points("paris", replace=True)
    shutil.rmtree(base / "PKG")
    verdict, _ = look(served)
    assert {(code, point) for code, point, _ in found(verdict)} == {("missing", "paris")}
    assert len(verdict.violations) == 3 and "confirmed lost" in verdict.violations[0]["detail"]
    start_all(served)
    wait_until("the content lies there anew", lambda: look(served)[0].exit_code == 0, 60, every=1)


def test_a_distribution_point_that_is_down_is_not_judged(served, bootstrap):
    down = {**next(p for p in served.points if p["name"] == "tokyo"), "url": "http://127.0.0.1:1/"}
    served.points = [down if p["name"] == "tokyo" else p for p in served.points if p["name"] != "osaka"]
    served.write_catalogue()
    verdict, live = look(served)
    assert found(verdict) == [("not_judged", "osaka", None), ("not_judged", "tokyo", None)]
    details = {v["distribution_point"]: v["detail"] for v in verdict.violations}
    assert "catalogue" in details["osaka"] and "127.0.0.1:1" in details["tokyo"]
    assert all("3 pointers and copies there were not judged" in detail for detail in details.values())
    assert live["distribution_points"] == 1


def test_switches_under_way_are_no_drift(served):
    """A stream of updates while it looks, again and again."""
    start_all(served)
    names = []
    for number in range(40):
        names.append(f"u-{number}")
        served.publish({"type": "update", "job_id": names[-1], "package_id": "PKG", "version": "1.0" if number % 2 else "2.0"})
        if number % 8 == 0:
            verdict, _ = look(served)
            assert verdict.exit_code == 0, verdict
    served.await_jobs(*names, deadline=60)
    assert look(served, "--content")[0].exit_code == 0


def test_a_switch_whose_record_did_not_come_is_told_as_that(served):
    served.start("stager")
    served.publish({"type": "update", "job_id": "u-late", "package_id": "PKG", "version": "1.0", "distribution_points": ["paris"]})
    release = wait_until("its release", lambda: next((r.json for r in served.read("staged") if r.json["type"] == "release" and
                                                      r.json["job_id"] == "u-late"), None))
    pointer = json.loads((served.base("paris") / "PKG/current.json").read_text())
    pointer.update(version="1.0", digest=release["digest"], release_id=release["id"])
    (served.base("paris") / "PKG/current.json").write_text(json.dumps(pointer))
    verdict, _ = look(served)
    assert found(verdict)[0] == ("drift", "paris", "PKG/current.json")
    assert "is no updater running" in verdict.violations[0]["detail"]


def test_nothing_is_written_to_a_distribution_point(served):
    def listing():
        return sorted((str(p), p.lstat().st_mtime_ns, p.lstat().st_ino) for p in served.base("paris").rglob("*"))
    before = listing()
    look(served, "--content")
    assert listing() == before


def test_bad_usage_says_so(served):
    done = served.run("holdpoint-auditor", "verify", *served.common(), "--content", check=2)
    assert "--distribution-points" in done.stderr
    done = served.run("holdpoint-auditor", "verify", *served.common(), "--distribution-points", "/nowhere.json", check=2)
    assert "/nowhere.json" in done.stderr
