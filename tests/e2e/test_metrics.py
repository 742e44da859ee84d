"""What workers tell those who watch them: that it is right, that it is of Prometheus' form, and that everything that
the dashboard, the rules and the page about monitoring speak of is really served."""
import json
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest

import harness
from harness import ROOT, SLOW, ask, free_port, wait_until

sys.path.append(str(ROOT / ".cache" / "promql"))  # script/bootstrap fetches it
import promql_parser  # noqa: E402

DOCS = ROOT / "docs"
RULES, DASHBOARD, PAGE = DOCS / "alerts.yml", DOCS / "grafana-dashboard.json", DOCS / "monitoring.md"
NAME = re.compile(r"\b(?:holdpoint|process)_[a-z0-9_]+\b")
SAMPLE = re.compile(r'([a-z_:][a-z0-9_:]*)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? (-?[0-9]+(?:\.[0-9]+)?)')
UNITS = re.compile(r"_(?:milliseconds|ms|kb|mb|minutes|hours)(?:_|$)")


class Metrics:
    """One answer of /metrics; fails where it is not strictly of its form."""

    def __init__(self, text):
        self.types, self.samples, current, helped = {}, {}, None, set()
        assert text.endswith("\n")
        for line in text.splitlines():
            if line.startswith("# HELP "):
                name, words = re.fullmatch(r"# HELP (\S+) (\S.*)", line).groups()
                assert name not in helped, f"{name} has two HELP lines"
                helped.add(name)
                continue
            if line.startswith("# TYPE "):
                name, kind = re.fullmatch(r"# TYPE (\S+) (counter|gauge|histogram)", line).groups()
                assert name in helped and name not in self.types, line
                self.types[name], current = kind, name
                continue
            match = SAMPLE.fullmatch(line)
            assert match, f"no sample: {line!r}"
            name, labels, value = match.groups()
            base = re.sub(r"_(bucket|sum|count)$", "", name) if self.types.get(current) == "histogram" else name
            assert base == current, f"{name} is not with its TYPE"
            key = (name, tuple(sorted(re.findall(r'([a-z_]+)="((?:[^"\\]|\\.)*)"', labels or ""))))
            assert key not in self.samples, f"{key} comes twice"
            self.samples[key] = float(value)
        for name, kind in self.types.items():
            assert name.endswith("_total") == (kind == "counter"), f"{name} is a {kind}"
            assert not UNITS.search(name), f"{name}: base units only"
        self.check_histograms()

    def check_histograms(self):
        for name in (name for name, kind in self.types.items() if kind == "histogram"):
            series = {}
            for (sample, labels), value in self.samples.items():
                if sample == name + "_bucket":
                    bound = float(dict(labels)["le"].replace("+Inf", "inf"))
                    series.setdefault(tuple(l for l in labels if l[0] != "le"), []).append((bound, value))
            for labels, buckets in series.items():
                buckets.sort()
                assert buckets[-1][0] == float("inf") and buckets[-1][1] == self.samples[(name + "_count", labels)]
                assert [count for _, count in buckets] == sorted(count for _, count in buckets), name
                assert (name + "_sum", labels) in self.samples

    @property
    def names(self):
        return {name for name, _ in self.samples} | set(self.types)

    def sum(self, name, **labels):
        found = [value for (sample, has), value in self.samples.items()
                 if sample == name and set(labels.items()) <= set(has)]
        assert found, f"there is no {name} with {labels}"
        return sum(found)


def scrape(port):
    code, text = ask(port, "/metrics")
    assert code == 200
    return Metrics(text), text


def start(system, role, *arguments):
    port = free_port()
    worker = system.start(role, "--listen", f"127.0.0.1:{port}", *arguments)
    wait_until(f"the {role} to be ready", lambda: worker.alive() and ask(port, "/readyz")[0] == 200)
    return worker, port


def start_auditor(system):
    """None where there is no auditor."""
    binary = harness.BIN / "holdpoint-auditor"
    if not binary.exists():
        return None
    port = free_port()
    worker = harness.Worker("auditor", [str(binary), "serve", *system.common(), "--listen", f"127.0.0.1:{port}"],
                            system.folder / "auditor.log")
    system.workers.append(worker)
    wait_until("the auditor to be ready", lambda: worker.alive() and ask(port, "/readyz")[0] == 200)
    return port


def expressions():
    """The queries of rules and dashboard."""
    rules = re.findall(r"^\s+expr: (.+)$", RULES.read_text(), re.M)
    panels = [target["expr"] for panel in json.loads(DASHBOARD.read_text())["panels"] for target in panel.get("targets", [])]
    assert len(rules) > 10 and len(panels) > 30
    return rules + panels


def parsed(expression):
    """Fails where it is no PromQL, or of wrong types. Grafana fills in the interval."""
    try:
        return promql_parser.parse(expression.replace("$__rate_interval", "5m"))
    except ValueError as error:
        raise AssertionError(f"{expression}: {error}") from None


def selectors(node):
    """What an expression asks for: name, and the labels that it looks at."""
    if isinstance(node, promql_parser.VectorSelector):
        yield node.name, {matcher.name for matcher in node.matchers.matchers}
    for part in ("lhs", "rhs", "expr", "param", "vector_selector"):
        if getattr(node, part, None) is not None:
            yield from selectors(getattr(node, part))
    for argument in getattr(node, "args", None) or ():
        yield from selectors(argument)


def grouped(node):
    """The labels that aggregations keep, each with the names that it is over."""
    if isinstance(node, promql_parser.AggregateExpr) and node.modifier:
        for label in node.modifier.labels:
            yield label, {name for name, _ in selectors(node.expr)}
    for part in ("lhs", "rhs", "expr", "param"):
        if getattr(node, part, None) is not None:
            yield from grouped(getattr(node, part))
    for argument in getattr(node, "args", None) or ():
        yield from grouped(argument)


def documented():
    """The names that the page has in its tables, of metrics of workers."""
    return {name for name in NAME.findall(PAGE.read_text()) if not name.startswith("holdpoint_auditor_") or len(name) > 18}


@pytest.fixture
def watched(pipeline):
    """A pipeline that has seen good jobs, a held one, bad records, and a distribution point that is never there."""
    pipeline.add_http_point("nowhere", f"http://127.0.0.1:{free_port()}/")
    pipeline.write_catalogue()
    stager, updater = start(pipeline, "stager"), start(pipeline, "updater")
    content = pipeline.source("one", {"a": b"x" * 1000, "b": b"y" * 500})
    pipeline.publish(
        {"type": "create", "job_id": "c1", "package_id": "SECRET1", "version": "1.0", "content": content,
         "distribution_points": ["paris", "tokyo"]},
        {"type": "update", "job_id": "u1", "package_id": "SECRET1", "version": "1.0"},
        {"type": "create", "job_id": "c2", "package_id": "SECRET2", "version": "1.0", "content": content,
         "distribution_points": ["nowhere"]},
        {"type": "update", "job_id": "u2", "package_id": "SECRET2", "version": "1.0"},
        ("SECRET3", b"no job at all"))
    pipeline.await_jobs("u1")
    wait_until("a transfer to nowhere to fail", lambda: scrape(stager[1])[0].samples.get(
        ("holdpoint_transfer_errors_total", (("code", "dp_unreachable"), ("distribution_point", "nowhere")))))
    pipeline.ports = stager[1], updater[1]
    return pipeline


def test_metrics_are_of_their_form_and_right(watched):
    for port in watched.ports:
        wait_until("a lag of 0, also where control records are last",
                   lambda: scrape(port)[0].sum("holdpoint_input_lag_records") == 0)
    stager, text = scrape(watched.ports[0])
    updater, updaters_text = scrape(watched.ports[1])
    assert "SECRET" not in text + updaters_text, "a package is no label"
    for metrics, role in ((stager, "stager"), (updater, "updater")):
        assert metrics.sum("holdpoint_shards", role=role, state="running") == watched.partitions
        assert metrics.sum("holdpoint_partitions") == watched.partitions
        assert metrics.sum("holdpoint_group_joined") == 1
        assert metrics.sum("holdpoint_transactions_total", result="committed") == metrics.sum("holdpoint_transaction_seconds_count")
        assert metrics.sum("holdpoint_claims_total") == watched.partitions
        assert metrics.sum("holdpoint_fences_total") == 0
        assert metrics.sum("process_resident_memory_bytes") > 1 << 20
        assert 0 <= metrics.sum("holdpoint_allocated_bytes") < metrics.sum("process_resident_memory_bytes")
        assert abs(metrics.sum("process_start_time_seconds") - time.time()) < 600 * SLOW
    assert stager.sum("holdpoint_input_records_total", topic="jobs") == 5
    assert stager.sum("holdpoint_input_bytes_total", topic="jobs") == sum(
        len(record.key) + len(record.value) for record in watched.read("jobs"))
    assert stager.sum("holdpoint_output_records_total", topic="staged") == len(watched.read("staged"))
    assert updater.sum("holdpoint_output_records_total", topic="updated") == len(watched.read("updated")) == 2
    assert stager.sum("holdpoint_output_records_total", topic="dlq") == stager.sum("holdpoint_dead_letters_total") == 1
    assert stager.sum("holdpoint_held_jobs") == 1
    assert stager.sum("holdpoint_held_jobs_oldest_age_seconds") > 0
    assert stager.sum("holdpoint_transfers_total", distribution_point="paris", result="ok") == 1
    assert stager.sum("holdpoint_transfer_sent_bytes_total", distribution_point="paris") >= 1500
    assert abs(stager.sum("holdpoint_transfer_last_success_timestamp_seconds", distribution_point="tokyo") - time.time()) < 600
    assert stager.sum("holdpoint_transfer_last_success_timestamp_seconds", distribution_point="nowhere") == 0
    assert stager.sum("holdpoint_transfer_consecutive_failures", distribution_point="nowhere") >= 1
    assert updater.sum("holdpoint_switch_attempts_total", result="ok") >= 2
    assert updater.sum("holdpoint_pending_switches") == 0


def test_counters_never_go_back(watched):
    before, _ = scrape(watched.ports[0])
    watched.publish({"type": "update", "job_id": "u9", "package_id": "SECRET1", "version": "1.0"})
    watched.await_jobs("u9")
    after, _ = scrape(watched.ports[0])
    for key, value in before.samples.items():
        name = re.sub(r"_(bucket|sum|count)$", "", key[0])
        if before.types.get(key[0]) == "counter" or before.types.get(name) == "histogram":
            assert after.samples[key] >= value, key
    assert after.sum("holdpoint_input_records_total") == before.sum("holdpoint_input_records_total") + 1


def test_a_restart_does_not_forget_since_when_a_job_is_held(watched):
    worker = next(worker for worker in watched.workers if worker.role == "stager")
    age = scrape(watched.ports[0])[0].sum("holdpoint_held_jobs_oldest_age_seconds")
    began = time.monotonic()
    assert worker.stop() == 0
    _, port = start(watched, "stager")
    metrics, _ = scrape(port)
    assert metrics.sum("holdpoint_held_jobs") == 1
    assert metrics.sum("holdpoint_held_jobs_oldest_age_seconds") >= age + (time.monotonic() - began) - 1


def test_everything_that_is_asked_for_is_served(watched):
    served = scrape(watched.ports[0])[0].names | scrape(watched.ports[1])[0].names
    of_workers = set(served)
    auditor = start_auditor(watched)
    if auditor:
        served |= scrape(auditor)[0].names
    asked = {name for expression in expressions() for name in NAME.findall(expression)}
    if not auditor:
        asked = {name for name in asked if not name.startswith("holdpoint_auditor_")}
    assert len(asked) > 30
    assert asked <= served, f"asked for, but not served: {sorted(asked - served)}"
    told = {name for name in documented() if not name.startswith("holdpoint_auditor")}
    assert told <= of_workers, f"told of, but not served: {sorted(told - of_workers)}"
    bare = {name for name in of_workers if not re.search(r"_(bucket|sum|count)$", name)}
    assert bare <= told, f"served, but not told of: {sorted(bare - told)}"


def test_queries_are_promql_and_look_at_labels_that_there_are(watched):
    given = [scrape(port)[0] for port in (*watched.ports, start_auditor(watched))]
    labels = {}
    for name, has in (sample for metrics in given for sample in metrics.samples):
        labels.setdefault(name, {"instance", "job"}).update(label for label, _ in has)
    for expression in expressions():
        tree, asked = parsed(expression), 0
        for name, looked_at in selectors(tree):
            asked += 1
            assert looked_at <= labels.get(name, looked_at), f"{expression}: {name} has labels {labels[name]} only"
        assert asked, f"{expression} asks for nothing"
        for label, names in grouped(tree):
            known = [labels[name] for name in names if name in labels]
            assert not known or any(label in has for has in known), f"{expression}: nothing in {names} has a label {label}"


@pytest.mark.parametrize("broken", ["sum by (role) (holdpoint_shards", "rate(holdpoint_fences_total)", "holdpoint_shards{state=running}"])
def test_what_is_no_promql_is_refused(broken):
    with pytest.raises(AssertionError):
        parsed(broken)


def test_rules_are_told_of_and_shown_firing():
    alerts = re.findall(r"- alert: (\w+)", RULES.read_text())
    assert len(alerts) == len(set(alerts)) > 10
    assert RULES.read_text().count("summary:") == RULES.read_text().count("description:") == len(alerts)
    shown = (ROOT / "tests" / "e2e" / "alerts.test.yml").read_text()
    for alert in alerts:
        assert re.search(rf"\b{alert}\b", PAGE.read_text()), f"docs/monitoring.md does not say what to do about {alert}"
        assert re.search(rf"alertname: {alert}\n\s+exp_alerts:\n\s+- exp_labels", shown), f"{alert} is not shown firing"
        assert f"alertname: {alert}, exp_alerts: []" in shown, f"{alert} is not shown before it fires"


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed (Debian: prometheus, 96 MB): the queries are parsed all the same, above")
def test_promtool_likes_the_rules():
    for arguments in (["check", "rules", RULES], ["test", "rules", ROOT / "tests" / "e2e" / "alerts.test.yml"]):
        done = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_refused_reload_shows(pipeline):
    worker, port = start(pipeline, "updater")
    assert scrape(port)[0].sum("holdpoint_reload_successful") == 1
    good = pipeline.catalogue.read_text()
    pipeline.catalogue.write_text("{")
    worker.signal(signal.SIGHUP)
    wait_until("the refusal to show", lambda: scrape(port)[0].sum("holdpoint_reload_successful") == 0)
    pipeline.catalogue.write_text(good)
    worker.signal(signal.SIGHUP)
    wait_until("the good file to show", lambda: scrape(port)[0].sum("holdpoint_reload_successful") == 1)


# ---- a broker that does not answer


@pytest.fixture
def pausable(tmp_path):
    """A system on a Kafka of its own, and what stops and wakes its broker."""
    folder = tmp_path / "kafka"
    with harness.kafka(folder) as address:
        system = harness.System(address, tmp_path, "pausable.", partitions=2)
        system.add_file_point("paris")
        system.ready()
        system.broker = lambda verb: subprocess.run([ROOT / "script" / "kafka", verb, "1", "--dir", folder], check=True, timeout=60)
        try:
            yield system
        finally:
            system.broker("resume")
            system.close()


def end(worker):
    began = time.monotonic()
    worker.signal(signal.SIGTERM)
    code = worker.process.wait(timeout=60)
    return code, time.monotonic() - began


def test_a_paused_broker_makes_not_ready_and_does_not_hold_up_the_end(pausable):
    worker, port = start(pausable, "stager")
    other, _ = start(pausable, "updater")
    pausable.publish({"type": "update", "job_id": "u1", "package_id": "LATE", "version": "1.0"})
    pausable.broker("pause")
    code, took = end(other)
    assert code == 0 and took < 5.5 * SLOW, (code, took)
    code = wait_until("/readyz to say that the group has gone", lambda: ask(port, "/readyz")[0] == 503, deadline=60)
    assert worker.alive()
    pausable.broker("resume")
    wait_until("the worker to be ready again", lambda: ask(port, "/readyz")[0] == 200, deadline=60)
    pausable.publish(*({"type": "update", "job_id": f"v{i}", "package_id": f"LATE{i}", "version": "1.0"} for i in range(50)))
    pausable.broker("pause")
    code, took = end(worker)
    assert code == 0 and took < 5.5 * SLOW, (code, took)
