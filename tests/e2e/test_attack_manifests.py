"""Manifests that were made to harm, and URLs that were made to lead out of what the catalogue allows."""
import json

import pytest

import harness
from harness import sha256
from test_dp_faults import bad_point
from test_order import assert_kept, jobs_for, start_all
from test_security import requests_to

DATA = b"x" * 10


def entry(path="a", **changes):
    return {"path": path, "size": len(DATA), "digest": sha256(DATA), "executable": False, **changes}


def canonical_digest(*entries):
    bare = [{name: value for name, value in each.items() if name != "url"} for each in sorted(entries, key=lambda e: e["path"])]
    return sha256(json.dumps({"files": bare}, separators=(",", ":"), ensure_ascii=False).encode())


HOSTILE = {  # name → what the server sends as a manifest
    "traversal": [entry("../../../evil")], "inner traversal": [entry("b/../../../evil")], "absolute": [entry("/tmp/evil")],
    "empty segment": [entry("b//evil")], "dot": [entry("./evil")], "NUL": [entry("b\0evil")], "line break": [entry("b\nevil")],
    "no path": [entry("")], "twice": [entry("a"), entry("a")], "file and folder": [entry("a"), entry("a/b")],
    "long": [entry("a" * 2000)], "negative": [entry(size=-1)], "too large": [entry(size=2**63)], "digest": [entry(digest="md5:0")],
    "user": [entry(url="http://user:word@127.0.0.1/a")], "gopher": [entry(url="gopher://127.0.0.1/a")],
    "no manifest": b"<html>", "nothing": b"", "deep": b"[" * 100000, "not UTF-8": b'{"files":[{"path":"\xff"}]}',
    "doubled": b'{"files":[],"files":' + json.dumps([entry()]).encode() + b"}", "no list": b'{"files":{}}', "cut": b'{"files":[',
}


class Source:
    """An http server of which src/ alone is allowed, and what lies beside it."""

    def __init__(self, system, folder, url):
        self.system, self.folder, self.url = system, folder, url
        (folder / "src").mkdir()
        for name in ("secret", "src/a"):
            (folder / name).write_bytes(DATA)
        system.sources.append({"prefix": f"{url}src/"})
        system.write_catalogue()

    def job(self, name, content):
        create, _ = jobs_for(self.system, f"PKG-{name.replace(' ', '-')}", "1.0", ["group:all"], tag=name.replace(" ", "-"), content=content)
        return create

    def manifest(self, name, what):
        """The content of a job whose manifest this is."""
        file = f"{name.replace(' ', '-')}.json"
        (self.folder / "src" / file).write_bytes(what if isinstance(what, bytes) else json.dumps({"files": what}).encode())
        return {"manifest_url": f"{self.url}src/{file}", "digest": canonical_digest(*what) if isinstance(what, list) else sha256(b"")}

    def requested(self):
        return [line for line in requests_to(self.url) if not line.split()[1].startswith(("/src/", "/_control"))]


@pytest.fixture
def source(pipeline, tmp_path):
    with bad_point(tmp_path / "source") as (url, _):
        yield Source(pipeline, tmp_path / "source", url)


def errors(system):
    """job id → every code that its package's records have."""
    codes = {}
    for record in system.read("status"):
        error = record.json.get("error") or {}
        codes.setdefault(record.json["package_id"], set()).update({error.get("code"), record.json.get("reason")} - {None})
    return codes


def assert_nothing_staged_but(system, *packages):
    assert {r.json["package_id"] for r in system.read("staged")} == set(packages)
    assert {path.name for path in system.base("paris").iterdir()} - {".holdpoint"} == set(packages)
    assert not [path for path in system.folder.rglob("*evil*")]


def test_a_manifest_made_to_harm_fails_its_job_alone(pipeline, source):
    start_all(pipeline)
    good = source.manifest("good", [entry("a"), entry("b/c", url=f"{source.url}src/a")])
    jobs = [source.job(name, source.manifest(name, what)) for name, what in HOSTILE.items()]
    jobs.append(source.job("other-digest", {**good, "digest": sha256(b"another")}))
    pipeline.publish(*jobs, source.job("good", good), {"type": "update", "job_id": "u-good", "package_id": "PKG-good", "version": "1.0"})
    states = pipeline.await_jobs("c-good", "u-good", *(job["job_id"] for job in jobs), deadline=60)
    assert states.pop("c-good") == states.pop("u-good") == "completed"
    assert set(states.values()) == {"failed"}, states
    codes = errors(pipeline)
    for job in jobs:
        expected = "manifest_digest" if job["job_id"] == "c-other-digest" else "manifest_invalid"
        assert expected in codes[job["package_id"]], (job["job_id"], codes[job["package_id"]])
    assert_nothing_staged_but(pipeline, "PKG-good")
    assert pipeline.current("paris", "PKG-good")["digest"] == good["digest"]
    assert_kept(pipeline)


def test_no_url_leads_out_of_the_prefixes(pipeline, source):
    """Of files in a job, of files in a manifest, and of the manifest itself; each file is there, and as the job says."""
    start_all(pipeline)
    (pipeline.folder / "secret").write_bytes(DATA)
    base, folder = source.url, f"file://{pipeline.folder}"
    ways = {"beside": f"{base}secret", "dots": f"{base}src/../secret", "encoded": f"{base}src/%2e%2e/secret",
            "half": f"{base}src/.%2E/secret", "slash": f"{base}src%2f..%2fsecret", "other port": "http://127.0.0.1:1/src/a",
            "other host": base.replace("127.0.0.1", "127.0.0.1.elsewhere.example") + "src/a", "prefix as user": base.replace("http://", "http://127.0.0.1@", 1),
            "prefix of name": f"{base}src-evil/a", "passwd": "file:///etc/passwd", "file dots": f"{folder}/src/../secret",
            "file encoded": f"{folder}/src/%2e%2e/secret", "file host": f"file://elsewhere{pipeline.folder}/src/a", "ftp": "ftp://127.0.0.1/a"}
    jobs = []
    for name, url in ways.items():
        jobs.append(source.job(f"file {name}", {"files": [entry(url=url)]}))
        jobs.append(source.job(f"listed {name}", source.manifest(f"listed {name}", [entry(url=url)])))
        jobs.append(source.job(f"manifest {name}", {"manifest_url": url, "digest": sha256(b"")}))
    pipeline.publish(*jobs)
    states = pipeline.await_jobs(*(job["job_id"] for job in jobs), deadline=60)
    wrong = {job: state for job, state in states.items() if state not in ("failed", "rejected")}
    assert not wrong, wrong
    codes = errors(pipeline)
    for job in jobs:
        said = codes.get(job["package_id"], set())
        assert said & {"source_forbidden", "manifest_invalid", "invalid_field", "url_invalid"}, (job["job_id"], said)
    assert source.requested() == []
    assert_nothing_staged_but(pipeline)


def test_a_manifest_that_moved_elsewhere_is_not_followed(pipeline, tmp_path):
    with bad_point(tmp_path / "inner") as (inner, _), bad_point(tmp_path / "moved") as (url, fault):
        source = Source(pipeline, tmp_path / "moved", url)
        (tmp_path / "inner" / "m.json").write_text(json.dumps({"files": [entry(url=f"{url}src/a")]}))
        fault(fault="302", location=f"{inner}m.json", match="moved.json")
        start_all(pipeline)
        pipeline.publish({**source.job("moved", {"manifest_url": f"{url}src/moved.json", "digest": canonical_digest(entry())}),
                          "deadline": "PT8S"})
        assert pipeline.await_jobs("c-moved", deadline=60)["c-moved"] in ("failed", "expired")
        assert [line for line in requests_to(url) if "moved.json 302" in line], "it was asked for"
        assert not [line for line in requests_to(inner) if "m.json" in line], "it was followed"
        assert_nothing_staged_but(pipeline)
