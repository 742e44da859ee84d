"""TLS, SASL and ACLs on a real broker: each role works with just its rights, and nobody else can write `staged`;
secrets show nowhere; a distribution point's certificate is checked."""
import base64
import contextlib
import itertools
import json
import re
import resource
import signal
import socket
import subprocess
import tempfile
import pathlib

import pytest
from confluent_kafka import Consumer, KafkaException, Producer

import harness
import secure
from harness import wait_until
from test_dp_faults import bad_point
from test_order import assert_kept, jobs_for

pytestmark = pytest.mark.xdist_group("security")  # one process has them all: what they share takes long to start
numbers = itertools.count(1)
SECRET = "canary-point-c40d77"


@pytest.fixture(scope="module")
def broker():
    with tempfile.TemporaryDirectory(prefix="holdpoint-secure-") as folder, secure.kafka(pathlib.Path(folder)) as addresses:
        yield addresses


@pytest.fixture
def guarded(broker, tmp_path, web, request, monkeypatch):
    mechanism = getattr(request, "param", "PLAIN")
    if mechanism != "PLAIN":
        assert (secure.NEWER_LIBRDKAFKA / "librdkafka.so.1").exists(), "script/bootstrap fetches it"
        monkeypatch.setenv("LD_LIBRARY_PATH", str(secure.NEWER_LIBRDKAFKA))
    system = secure.SecureSystem(*broker, tmp_path, f"secure{next(numbers)}.", mechanism)
    system.add_file_point("paris", groups=["all"])
    system.add_http_point("tokyo", f"{web[0]}{system.prefix}tokyo/", groups=["all"], credentials_file="tokyo.secret")
    (tmp_path / "tokyo.secret").write_text(f"holdpoint:{SECRET}\n")
    system.ready()
    yield system
    system.close()


def start_workers(system):
    return [system.start(role) for role in ("stager", "updater")]


def refusal(client_settings, topic):
    """What the broker says to a client that writes there; None: it was let."""
    said = []
    producer = Producer({**client_settings, "message.timeout.ms": 8000})
    producer.produce(topic, key=b"PKG", value=b"{}", on_delivery=lambda error, _: said.append(error and error.name()))
    assert producer.flush(15) == 0
    return said[0]


@pytest.mark.parametrize("guarded", ["PLAIN", "SCRAM-SHA-512"], indirect=True)
def test_each_role_does_its_work_with_the_rights_of_the_table_alone(guarded):
    start_workers(guarded)
    create, update = jobs_for(guarded, "SECURE", "1.0", ["group:all"], tag="1")
    with guarded.acting_as("submitter"):
        for name, job in (("create", create), ("update", update)):
            guarded.producer_command("submit", "-", stdin=json.dumps(job) + "\n")
        guarded.producer_command("wait", "--package", "SECURE", "u-1", "--wait-timeout", "60")
    assert guarded.await_jobs("c-1", "u-1") == {"c-1": "completed", "u-1": "completed"}
    assert len(assert_kept(guarded)["updated"]) == 2
    with guarded.acting_as("auditor"):
        guarded.run("holdpoint-auditor", "state", *guarded.common())


@pytest.mark.parametrize("user", ["submitter", "updater", "auditor"])
def test_nobody_but_a_stager_can_write_staged(guarded, user):
    assert refusal(guarded.client(user), f"{guarded.prefix}staged") == "TOPIC_AUTHORIZATION_FAILED"
    assert guarded.read("staged") == []
    assert refusal(guarded.client("stager"), f"{guarded.prefix}staged") is None, "the check itself must be able to fail"


def test_an_auditor_can_write_nothing(guarded):
    for topic in harness.TOPICS:
        assert refusal(guarded.client("auditor"), guarded.prefix + topic) == "TOPIC_AUTHORIZATION_FAILED", topic


def test_a_worker_with_the_wrong_rights_says_what_it_lacks(guarded):
    with guarded.acting_as("submitter"):
        worker = harness.System.start(guarded, "updater")
    words = wait_until("the updater says that it is denied", lambda: re.search(r"(?i)(may not see|not authorized|authorization failed)[^\n]*", worker.log()), 30)
    assert "canary" not in worker.log(), words


@pytest.mark.parametrize("wrong", ["password", "authority"])
def test_a_producer_with_bad_credentials_gives_up_in_words(guarded, broker, tmp_path, wrong):
    other = secure.make_authority(tmp_path / "other", "other")
    if wrong == "password":
        guarded.write_credentials("submitter", "canary-wrong-1d20", broker[2], "bad")
    else:
        guarded.write_credentials("submitter", secure.PASSWORDS["submitter"], other, "bad")
    with guarded.acting_as("bad"):
        done = guarded.producer_command("update", "PKG", "1.0", "--timeout", "5", check=3)
    assert re.search("(?i)authentication|sasl" if wrong == "password" else "(?i)certificate|ssl", done.stderr), done.stderr
    assert "canary" not in done.stderr + done.stdout


def test_secrets_are_in_no_topic_log_command_line_or_environment(guarded):
    workers = start_workers(guarded)
    create, update = jobs_for(guarded, "SECRET", "1.0", ["group:all"], tag="1")
    guarded.publish(create, update)
    guarded.await_jobs("c-1", "u-1")
    canaries = [SECRET, *secure.PASSWORDS.values()]
    for worker in workers:
        shown = worker.log().encode() + secure.command_line_of(worker.process) + secure.environment_of(worker.process)
        assert not [canary for canary in canaries if canary.encode() in shown]
    for topic in (*harness.TOPICS, "progress", "stager-state", "updater-state"):
        for record in guarded.read(topic, isolation="read_uncommitted"):
            whole = (record.value or b"") + (record.key or b"") + repr(record.headers).encode()
            assert not [canary for canary in canaries if canary.encode() in whole], record


def core_of(worker, folder):
    """The core that it leaves when it crashes now; None: it leaves none."""
    worker.signal(signal.SIGABRT)
    worker.process.wait(timeout=60)
    cores = [path for path in folder.glob("core*") if path.is_file()]
    content = cores[0].read_bytes() if cores else None
    for path in cores:
        path.unlink()
    return content


CRASHING = ("stager", "updater", "auditor", "producer", "dp init")
CANARIES = [SECRET.encode(), base64.b64encode(f"holdpoint:{SECRET}".encode()), *(word.encode() for word in secure.PASSWORDS.values())]


def start_command(system, role, *command):
    worker = harness.Worker(role, [str(harness.BIN / command[0]), *command[1:]], system.folder / f"{role.replace(' ', '-')}.log")
    system.workers.append(worker)
    return worker


def start_auditor(system):
    history = system.folder / "history.db"
    worker = start_command(system, "auditor", "holdpoint-auditor", "export", *system.common_as("auditor"), "--follow", str(history))
    wait_until("the auditor follows", history.exists)
    return worker


def start_producer(system):
    sent = len(system.read("jobs"))
    worker = start_command(system, "producer", "holdpoint-producer", "update", "NEVER", "1.0", *system.common_as("submitter"), "--wait")
    wait_until("its job is sent", lambda: len(system.read("jobs")) > sent)
    return worker


def start_dp_init(system):
    """Returns once it has sent its secret, to a point that never answers."""
    catalogue = system.folder / "mute.json"
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(30)
        catalogue.write_text(json.dumps({"distribution_points": [
            {"name": "mute", "url": f"http://127.0.0.1:{server.getsockname()[1]}/", "credentials_file": "tokyo.secret"}]}))
        worker = start_command(system, "dp init", "holdpoint-stager", "dp", "init", "--distribution-points", str(catalogue))
        connection = server.accept()[0]
        assert CANARIES[1] in connection.recv(65536)
        system.mute = connection  # open until the crash
    return worker


@pytest.fixture
def crash(guarded, tmp_path, monkeypatch):
    """Starts a role, has it work, and has it crash; returns its core."""
    monkeypatch.chdir(tmp_path)  # where cores are left
    starts = {"auditor": start_auditor, "producer": start_producer, "dp init": start_dp_init}

    def crash(role, filtered=True):
        if role in starts:
            worker = starts[role](guarded)
        else:
            worker = guarded.start(role)
            wait_until(f"the {role} works", lambda: "shard running" in worker.log())
        filter_file = pathlib.Path("/proc") / str(worker.process.pid) / "coredump_filter"
        assert int(filter_file.read_text(), 16) == 0
        if not filtered:
            filter_file.write_text("0x33")
        return core_of(worker, tmp_path)

    return crash


def test_a_crash_leaves_no_core(crash):
    for role in CRASHING:
        assert crash(role) is None, role


def test_secrets_are_in_no_core_that_is_taken_all_the_same(crash, monkeypatch):
    """As where cores are piped to a program, which is not asked for the limit."""
    most = resource.getrlimit(resource.RLIMIT_CORE)[1]
    if most == 0 or pathlib.Path("/proc/sys/kernel/core_pattern").read_text().strip() != "core":
        pytest.skip("cores are not allowed here, or go elsewhere")
    resource.setrlimit(resource.RLIMIT_CORE, (most, most))
    monkeypatch.setenv("LD_PRELOAD", str(harness.ROOT / "build/tests/e2e/libe2e_keep_core_limit.so"))
    for role in CRASHING:
        core = crash(role)
        assert core and not [canary for canary in CANARIES if canary in core], role
    for role in ("updater", "producer", "dp init"):
        core = crash(role, filtered=False)
        assert [canary for canary in CANARIES if canary in core], f"{role}: the check itself must be able to fail"


@contextlib.contextmanager
def https_point(system, tmp_path, certificate, **settings):
    with bad_point(tmp_path / "https", "--tls", str(certificate)) as (url, _):
        system.add_http_point("berlin", url, **settings)
        system.write_catalogue()
        yield url


@pytest.mark.parametrize("trouble", ["none", "unknown authority", "another host"])
def test_the_certificate_of_a_distribution_point_is_checked(pipeline, tmp_path, trouble):
    authority = secure.make_authority(tmp_path / "tls")
    certificate = secure.make_certificate(authority, "point", "elsewhere.example" if trouble == "another host" else "127.0.0.1")
    (pipeline.folder / "ca.pem").write_text(authority.read_text())
    settings = {} if trouble == "unknown authority" else {"tls_ca_file": "ca.pem"}
    with https_point(pipeline, tmp_path, certificate, **settings):
        if trouble == "none":
            pipeline.init_points("berlin")
            for role in ("stager", "updater"):
                pipeline.start(role)
            create, update = jobs_for(pipeline, "TLS", "1.0", ["berlin"], tag="1")
            pipeline.publish(create, update)
            assert pipeline.await_jobs("c-1", "u-1") == {"c-1": "completed", "u-1": "completed"}
            return
        done = pipeline.run("holdpoint-stager", "dp", "init", "--distribution-points", str(pipeline.catalogue), "berlin", check=None)
        assert done.returncode == 1 and re.search("(?i)certificate|SSL", done.stderr + done.stdout), done.stderr + done.stdout
        for role in ("stager", "updater"):
            pipeline.start(role)
        create, update = jobs_for(pipeline, "TLS", "1.0", ["berlin", "paris"], tag="1")
        pipeline.publish(create, update)
        seen = pipeline.await_status("retrying on berlin", lambda s: s["type"] == "distribution_point" and
                                     s["distribution_point"] == "berlin" and s["state"] == "retrying")
        assert re.search("(?i)certificate|SSL", seen.json["error"]["message"]), seen
        wait_until("paris is updated", lambda: pipeline.current("paris", "TLS"))


def test_the_certificate_of_a_source_is_checked(pipeline, tmp_path):
    """Of three at once, since what cannot be reached is asked for some seconds: one good, one nobody vouches for, one of another host."""
    authority = secure.make_authority(tmp_path / "tls")
    (pipeline.folder / "ca.pem").write_text(authority.read_text())
    hosts = {"GOOD": "127.0.0.1", "UNKNOWN": "127.0.0.1", "ELSEWHERE": "elsewhere.example"}
    with contextlib.ExitStack() as sources:
        for package, host in hosts.items():
            folder = tmp_path / package
            url, _ = sources.enter_context(bad_point(folder, "--tls", str(secure.make_certificate(authority, package, host))))
            (folder / "tool").write_bytes(b"of " + package.encode())
            pipeline.sources.append({"prefix": url} | ({} if package == "UNKNOWN" else {"tls_ca_file": "ca.pem"}))
            content = {"files": [{"path": "tool", "size": 3 + len(package), "digest": harness.sha256(b"of " + package.encode()), "url": f"{url}tool"}]}
            pipeline.publish(*jobs_for(pipeline, package, "1.0", ["paris"], tag=package, content=content))
        pipeline.write_catalogue()
        for role in ("stager", "updater"):
            pipeline.start(role)
        assert pipeline.await_jobs("c-GOOD", "u-GOOD") == {"c-GOOD": "completed", "u-GOOD": "completed"}
        for package in ("UNKNOWN", "ELSEWHERE"):
            seen = pipeline.await_status("it is retried", lambda s: s["type"] == "distribution_point" and s["package_id"] == package and
                                         s["state"] == "retrying")
            error = seen.json["error"]
            assert error["code"] == "source_unreachable" and re.search("(?i)certificate|SSL", error["message"]), error
        assert [record.json["package_id"] for record in pipeline.read("staged") if record.json["type"] == "staged"] == ["GOOD"]


def test_a_source_that_redirects_elsewhere_is_not_followed(pipeline, tmp_path):
    with bad_point(tmp_path / "inner") as (inner, _), bad_point(tmp_path / "source") as (url, fault):
        pipeline.sources.append({"prefix": url})
        pipeline.write_catalogue()
        (tmp_path / "inner" / "secret").write_bytes(b"x" * 10)
        fault(fault="302", location=f"{inner}secret")
        for role in ("stager", "updater"):
            pipeline.start(role)
        content = {"files": [{"path": "a", "size": 10, "digest": harness.sha256(b"x" * 10), "url": f"{url}secret"}]}
        create, _ = jobs_for(pipeline, "SSRF", "1.0", ["paris"], tag="1", content=content)
        pipeline.publish({**create, "deadline": "PT8S"})
        assert pipeline.await_jobs("c-1", deadline=60)["c-1"] in ("failed", "expired")
        assert pipeline.read("staged") == []
        assert not [line for line in requests_to(inner) if line.startswith("GET /secret")], "it was followed"


def requests_to(url):
    return subprocess.run(["curl", "-s", f"{url}_control/log"], capture_output=True, text=True, timeout=10, check=True).stdout.splitlines()


def test_sources_outside_the_configured_prefixes_are_refused_by_name(pipeline):
    for role in ("stager", "updater"):
        pipeline.start(role)
    urls = {"c-1": "http://127.0.0.1:9/x", "c-2": "file:///etc/passwd", "c-3": "file:///proc/self/environ"}
    for tag, url in urls.items():
        content = {"files": [{"path": "a", "size": 1, "digest": harness.sha256(b"x"), "url": url}]}
        create, _ = jobs_for(pipeline, f"SSRF-{tag}", "1.0", ["paris"], tag=tag[2:], content=content)
        pipeline.publish(create)
    assert set(pipeline.await_jobs(*urls, deadline=60).values()) == {"failed"}
    told = [record.json for record in pipeline.read("status") if record.json["type"] == "distribution_point"]
    assert {status["state"] for status in told} == {"failed"}, "what the catalogue forbids was tried again"
    assert {status["package_id"] for status in told} == {f"SSRF-{tag}" for tag in urls}
    for status in told:
        url, error = urls[status["package_id"].removeprefix("SSRF-")], status["error"]
        assert error["code"] == "source_forbidden" and not error["retryable"]
        assert error["message"].startswith("the url of a: " + url), error
        assert f'{{"prefix": "{url.rpartition("/")[0]}/"}}' in error["message"], error
