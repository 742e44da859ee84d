import itertools
import os
import re
import tempfile

import pytest

import harness
import proof

numbers = itertools.count(1)
passed = pytest.StashKey()


def pytest_collection_modifyitems(items):
    """What takes longest begins first, so that nobody waits for it in the end."""
    items.sort(key=lambda item: not (item.get_closest_marker("xdist_group") or item.get_closest_marker("slow")))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if call.when == "call":
        item.stash[passed] = outcome.get_result().passed


@pytest.fixture(scope="session")
def bootstrap():
    """One real Kafka for all tests (or the one in $BOOTSTRAP); each test has topics of its own."""
    if os.environ.get("BOOTSTRAP"):
        yield os.environ["BOOTSTRAP"]
        return
    with tempfile.TemporaryDirectory(prefix="holdpoint-kafka-") as folder, harness.kafka(folder + "/kafka") as address:
        yield address


@pytest.fixture(scope="session")
def web():
    """Two real nginx servers; each test uses folders of its own on them."""
    with tempfile.TemporaryDirectory(prefix="holdpoint-nginx-") as folder, harness.nginx(folder, 2) as urls:
        yield urls


@pytest.fixture(autouse=True)
def sanitizers(tmp_path, monkeypatch):
    """Whatever the binaries are built with: a report of a sanitizer, of any process of a test, fails the test."""
    options = f"log_path={tmp_path}/sanitizer"
    # what happens within libraries that are not instrumented is not judged; what they lock, is known
    monkeypatch.setenv("TSAN_OPTIONS", f"{options} ignore_noninstrumented_modules=1 history_size=4")
    monkeypatch.setenv("ASAN_OPTIONS", options)
    monkeypatch.setenv("LSAN_OPTIONS", options)
    yield
    reports = sorted(tmp_path.glob("sanitizer.*"))
    assert not reports, f"{len(reports)} processes were reported; the first:\n{reports[0].read_text()[:6000]}"


@pytest.fixture
def system(bootstrap, tmp_path, request):
    name = re.sub(r"[^A-Za-z0-9]+", "-", request.node.name)[:40].strip("-")
    system = harness.System(bootstrap, tmp_path, f"{name}-{next(numbers)}-{os.getpid()}.")
    yield system
    system.close()
    if system.workers and system.has_topics and request.node.stash.get(passed, False):
        proof.conclude(system, honest=not request.node.get_closest_marker("forged"))


@pytest.fixture
def pipeline(system, web):
    """Two stagers and two updaters on one file and two nginx distribution points, not started yet."""
    system.add_file_point("paris", groups=["emea", "all"])
    system.add_http_point("tokyo", f"{web[0]}{system.prefix}tokyo/", groups=["apac", "all"])
    system.add_http_point("osaka", f"{web[1]}{system.prefix}osaka/", groups=["apac", "all"])
    system.ready()
    return system
