"""The auditor's live page in a real browser, on a real Kafka with real workers and distribution points.

One system and one browser for all: each test has packages of its own, and leaves nothing unfinished. Screenshots of
every view are kept in $HOLDPOINT_SCREENSHOTS (else with the test's other files).
"""
import contextlib
import json
import os
import pathlib
import socket
import urllib.request

import pytest

import browser
import harness
from browser import DESKTOP, PHONE, Keys, Page
from harness import wait_until
from test_dp_faults import bad_point
from test_order import jobs_for

pytestmark = pytest.mark.xdist_group("page")  # one process has them all: what they share takes long to start

HOSTILE = ('<script>window.ran = 1</script><img src=x onerror="window.ran = 2"> \u202egnp.exe\u202c \u05e9\u05dc\u05d5\u05dd '
           '\u0007 {{7*7}} </td></table><svg onload=window.ran=3> ' + "very-long-" * 60)
SEEN = '<script>window.ran = 1</script><img src=x onerror="window.ran = 2"> ⟨202E⟩gnp.exe⟨202C⟩ שלום ⟨0007⟩'


class Site:
    """A system, and the auditor that serves its page."""

    def __init__(self, system, fault):
        self.system, self.fault = system, fault
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/"
        self.auditor = None

    def serve(self):
        command = [str(harness.BIN / "holdpoint-auditor"), "serve", *self.system.common(), "--listen", f"127.0.0.1:{self.port}"]
        if self.auditor is None:
            self.auditor = harness.Worker("auditor", command, self.system.folder / "auditor.log")
            self.system.workers.append(self.auditor)
        else:
            self.auditor.start()
        wait_until(f"the auditor to be ready; its log: {self.auditor.log()}", self.is_ready)

    def is_ready(self):
        assert self.auditor.alive(), self.auditor.log()
        with contextlib.suppress(OSError):
            return self.get("readyz").status == 200

    def get(self, path):
        return urllib.request.urlopen(self.url + path, timeout=10)


@pytest.fixture(scope="module")
def site(bootstrap, tmp_path_factory):
    """paris and tokyo are well; lima answers 503 as often as it is told to."""
    folder = tmp_path_factory.mktemp("page")
    system = harness.System(bootstrap, folder, f"page-{os.getpid()}.")
    with bad_point(folder / "lima") as (url, fault):
        system.add_file_point("paris", groups=["all", "well"])
        system.add_file_point("tokyo", groups=["all", "well"])
        system.add_http_point("lima", url, groups=["all"])
        system.ready()
        site = Site(system, fault)
        try:
            system.start("stager")
            system.start("updater")
            site.serve()
            history(site)
            yield site
        finally:
            system.close()


def history(site):
    """What there is to see: jobs of all ends, a held one, retries, dead letters. Made once, since it takes a while."""
    system = site.system
    site.fault(fault="503", match="RETRY")
    jobs = []
    for package, version, tag, to in (("RETRY", "1.0", "retry", ["paris", "lima"]), ("tool.alpha", "1.0", "alpha", ["group:all"]),
                                      ("tool.beta", "2.1", "beta", ["group:well"])):
        create, update = jobs_for(system, package, version, to, tag=tag)
        jobs += [{**update, "distribution_points": to}, create]
    jobs += [{"type": "update", "job_id": "u-held", "package_id": "HELD", "version": "9.9"},
             {**jobs_for(system, "tool.alpha", "1.1", ["paris"], tag="next")[0], "annotations": {"note": HOSTILE, "ticket": "OPS-12"},
              "requested_by": "<b>ci</b>@build7"},
             jobs_for(system, "tool.gamma", "0.1", ["paris"], tag="gamma")[0],
             jobs_for(system, "tool.alpha", "1.2", ["nowhere"], tag="unknown")[0],
             (HOSTILE.encode(), b'{"type": "create", ' + json.dumps({"package_id": HOSTILE, HOSTILE: HOSTILE}).encode()[1:]),
             ("tool.alpha", json.dumps({**jobs_for(system, "tool.alpha", "1", ["paris"], tag="x")[0], HOSTILE[:200]: 1})),
             ("tool.alpha", "this is not JSON: " + HOSTILE)]
    system.publish(*jobs)
    system.await_status("two attempts on lima", lambda s: s.get("state") == "retrying" and s["attempt"] >= 2)
    site.fault(fault="none")
    system.await_jobs("u-retry", "u-alpha", "u-beta", "c-next", "c-gamma", "c-unknown", deadline=60)
    wait_until("three dead letters", lambda: len(system.read("dlq")) == 3)


@pytest.fixture(scope="module")
def driver():
    with browser.chromium() as driver:
        yield driver


@pytest.fixture
def page(site, driver):
    """The page at its start; afterwards the browser has found nothing to complain about, and ran nothing that it was sent."""
    page = Page(driver, site.url)
    page.look()
    page.load()
    page.wait_text("live", "#stream")
    page.js("window.loaded = 'once'")
    yield page
    assert page.complaints() == []
    assert not page.has_dialog()
    assert page.js("return window.ran") is None


def test_a_new_job_appears_and_ends_without_a_reload(site, page):
    page.go("jobs")
    create, update = jobs_for(site.system, "LIVE", "1.0", ["paris"], tag="live")
    site.system.publish(create, update)
    page.wait("both jobs to be completed", lambda: all("completed" in (page.row(job) or "") for job in ("u-live", "c-live")))
    page.go("packages?search=LIVE")
    page.wait_text("1.0", "td[aria-label^='paris: current']")
    assert page.js("return window.loaded") == "once"


def test_the_overview_tells_who_is_held_and_why_and_forgets_it_once_released(site, page):
    assert "not created yet" in page.wait("the held job", lambda: page.row("u-held"))
    create, update = jobs_for(site.system, "GATED", "1.0", ["paris", "lima"], tag="gated")
    site.fault(fault="503", match="GATED", times=1000)
    site.system.publish(create, {**update, "gate": "all"})
    page.wait("the gated job and what it waits for", lambda: "1 of 2, missing lima" in (page.row("u-gated") or ""))
    page.wait("lima in trouble", lambda: "failing" in (page.row("lima", "Slow") or ""))
    page.go("packages?search=GATED")
    page.wait("what is coming", lambda: page.js("return document.querySelector('td')?.ariaLabel") == "lima: retrying: coming 1.0, error dp_error")
    site.fault(fault="none")
    page.wait("both to be current", lambda: page.texts("td") == ["1.0", "1.0", ""] and page.count("td.is-current") == 2, deadline=30)
    page.go()
    page.wait("the gated job to be held no more", lambda: page.row("u-gated", "Held") is None and page.row("u-held", "Held"), deadline=30)
    assert page.js("return window.loaded") == "once"


def test_the_matrix_is_searched_filtered_and_leads_to_the_evidence(site, page):
    page.go("packages")
    page.wait("all packages", lambda: page.count("#matrix tbody tr") >= 3)
    assert page.texts("#matrix thead th") == ["Package", "lima", "paris", "tokyo"]
    assert page.count("#matrix thead th") == 4 and page.count("#matrix tbody tr:first-child > *") == 4
    page.js("document.querySelector('input[type=search]').focus()")
    page.press("TOOL.")
    page.wait("three packages", lambda: page.texts("#matrix tbody th") == ["tool.alpha", "tool.beta", "tool.gamma"])
    assert page.texts("#matrix tbody tr:last-child td") == ["", "0.1", ""]
    page.click("select option[value=staged]")
    page.wait("what is staged and not current", lambda: page.texts("#matrix tbody th") == ["tool.gamma"])
    page.click("select option[value=current]")
    page.wait("what is current somewhere", lambda: page.texts("#matrix tbody th") == ["tool.alpha", "tool.beta"])
    page.click("#matrix tbody th a")
    page.wait_text("tool.alpha", "h1")
    lima = page.row("lima", "Distribution points")
    assert "current" in lima and "1.0" in lima
    assert "1.1 staged" in page.row("paris", "Distribution points"), "the staged version is told beside the live one"
    page.click("tbody td[data-label=Records] a[aria-label^=updated]")
    page.wait_text("Record updated/", "h1")
    shown = json.loads(page.text("pre.value"))
    assert shown["type"] == "updated" and shown["package_id"] == "tool.alpha"
    cited = shown["release_position"]
    page.click(f"a[href='#/records/staged/{cited['partition']}/{cited['offset']}']")
    page.wait("the release that it cites", lambda: '"type": "release"' in page.text("pre.value"))
    page.driver.back()
    page.wait_text("Record updated/", "h1")
    page.click("nav.choice a:last-child")
    page.wait("the value as it is", lambda: page.text("pre.value").startswith('{"'))


def test_filters_set_in_quick_succession_both_hold(page):
    page.go("packages")
    page.js("""const set = (node, value, event) => { node.value = value; node.dispatchEvent(new Event(event)); };
set(document.querySelector("input[type=search]"), "tool.", "input");
set(document.querySelector("select"), "staged", "change");""")
    page.wait("what both let through", lambda: page.texts("#matrix tbody th") == ["tool.gamma"] and "search=tool" in page.driver.current_url)


def test_a_timeline_draws_the_hold_and_each_attempt_and_links_its_records(site, page):
    page.go("jobs?package=RETRY")
    page.wait("two jobs", lambda: page.row("u-retry"))
    page.js("[...document.querySelectorAll('tbody a')].find((link) => link.innerText === 'u-retry').click()")
    page.wait_text("Job u-retry", "h1")
    assert page.count(".of-job .bar-held") == 1
    lanes = dict(zip(page.texts(".lane-name"), page.js(
        "return [...document.querySelectorAll('.lane-row .lane')].map((lane) => [...lane.querySelectorAll('rect')].map((bar) => "
        "[bar.getAttribute('class').split('-')[1], bar.getBoundingClientRect().left, bar.getBoundingClientRect().width]))")))
    lima = next(bars for name, bars in lanes.items() if name.startswith("lima"))
    kinds = [kind for kind, _, _ in lima]
    assert kinds[0] == "wait" and "pause" in kinds, kinds
    events = json.load(site.get(f"api/jobs/{page.driver.current_url.rsplit('/', 1)[1]}"))["events"]
    at = {event.get("state") or event["type"]: event["logged"] for event in reversed(events)}  # when each was first said
    (_, left, width), *_ = (bar for name, bars in lanes.items() if name == "the job" for bar in bars if bar[0] == "held")
    whole = max(left + width for _, left, width in lanes["the job"]) - min(left for _, left, _ in lanes["the job"])
    assert width / whole == pytest.approx((at["release"] - at["held"]) / (at["completed"] - events[0]["logged"]), abs=0.02), "drawn to scale"
    assert [left for _, left, _ in lima] == sorted(left for _, left, _ in lima)
    assert page.count(".mark-retry") >= max(2, kinds.count("pause")), "a pause that was over before it was logged has no width"
    assert page.count(".mark-staged") == 2 and page.count(".mark-good") == 3, "both points, and the job"
    retry = page.row("retrying")
    assert "503" in retry and "lima" in retry
    page.js("[...document.querySelectorAll('tbody tr')].find((row) => row.innerText.includes('retrying')).querySelector('.place').click()")
    page.wait_text("Record status/", "h1")
    assert json.loads(page.text("pre.value"))["state"] == "retrying"


@pytest.mark.parametrize("view, selector", [("dead-letters", "tbody"), ("jobs", "tbody"), ("events", "tbody")])
def test_hostile_names_and_errors_are_only_text_in(site, page, view, selector):
    page.go(view)
    page.wait("the list", lambda: page.count(f"{selector} tr") >= 3)
    if view == "dead-letters":
        assert any(SEEN in text for text in page.js("return [...document.querySelectorAll('main bdi')].map((node) => node.textContent)"))
    assert page.count("main script, main img, main b b, main table table, main [onload], main [onerror]") == 0
    assert page.overflow() <= 0


def test_hostile_annotations_and_raw_records_are_only_text(site, page):
    site_job = next(r for r in site.system.read("status") if r.json.get("job_id") == "c-next" and r.json.get("state") == "accepted").json
    position = site_job["job_position"]
    page.go(f"jobs/{position['partition']}-{position['offset']}")
    page.wait_text("Job c-next", "h1")
    assert SEEN in page.text("dl.facts") and "OPS-12" in page.text("dl.facts") and "<b>ci</b>@build7" in page.text("dl.facts")
    for letter in site.system.read("dlq"):
        page.go(f"records/dlq/{letter.partition}/{letter.offset}")
        page.wait_text(f"Record dlq/{letter.partition}@{letter.offset}", "h1")
        page.wait("the value", lambda: page.count("pre.value"))
        assert "<script>window.ran = 1</script>" in page.text("main")
        assert page.count("main script, main img, main svg[onload]") == 0
        assert page.overflow() <= 0
        assert page.js("return getComputedStyle(document.querySelector('pre.value')).direction") == "ltr"


def test_all_can_be_done_with_the_keyboard(page):
    page.load()
    page.press(Keys.TAB)
    assert page.focused() == "Skip to the content"
    page.press(Keys.ENTER)
    assert page.js("return document.activeElement.id") == "main"
    page.press("/")
    page.wait("the search to have the focus", lambda: page.focused() == "Search packages")
    page.press("alpha")
    page.wait("one package", lambda: page.texts("#matrix tbody th") == ["tool.alpha"])
    assert page.focused() == "Search packages", "typing goes on while the list follows"
    for _ in range(8):
        page.press(Keys.TAB)
        if page.focused() == "tool.alpha":
            break
    assert page.focused() == "tool.alpha", "the grid is one stop of the tab key"
    outline = page.js("return getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    page.press(Keys.ARROW_RIGHT)
    assert page.focused().startswith("lima: ")
    page.press(Keys.END)
    assert page.focused().startswith("tokyo: ")
    assert page.text("#readout").startswith("tool.alpha on tokyo: ")
    page.press(Keys.ARROW_LEFT)
    assert page.focused().startswith("paris: ")
    page.press(Keys.ENTER)
    page.wait("the package", lambda: page.focused() == "tool.alpha" and page.count(".package"))
    assert page.js("return document.activeElement.nodeName") == "H1"
    page.driver.back()
    page.wait("the matrix, as it was searched", lambda: page.texts("#matrix tbody th") == ["tool.alpha"])
    assert page.js("return document.querySelector('input[type=search]').value") == "alpha"


def test_the_focus_stays_where_it_is_while_rows_come(site, page):
    page.go("jobs")
    page.wait("the list", lambda: page.row("u-alpha"))
    page.js("[...document.querySelectorAll('tbody a')].find((link) => link.innerText === 'u-alpha').focus()")
    node = page.driver.switch_to.active_element
    site.system.publish(jobs_for(site.system, "FOCUS", "1.0", ["paris"], tag="focus")[0])
    page.wait("the new row", lambda: page.row("c-focus"))
    assert page.driver.switch_to.active_element == node and page.focused() == "u-alpha"


def test_the_page_comes_back_by_itself_when_the_auditor_does(site, page):
    page.go("jobs")
    page.wait("the list", lambda: page.row("u-alpha"))
    site.auditor.stop()
    page.wait_text("reconnecting", "#stream")
    assert page.row("u-alpha"), "what was read stays on show"
    site.system.publish(jobs_for(site.system, "AWAY", "1.0", ["paris"], tag="away")[0])
    site.serve()
    page.wait_text("live", "#stream", deadline=30)
    page.wait("what happened meanwhile", lambda: page.row("c-away"))
    assert page.js("return window.loaded") == "once"
    assert all("ERR_" in words or "Failed to load" in words for words in page.complaints()), "nothing but refused connections"


STREAM = """
const done = arguments[0], heard = [];
let source;
window.EventSource = class extends EventTarget { constructor() { super(); source = this; } close() { heard.push("closed"); } };
const say = (event, data) => source.dispatchEvent(new MessageEvent(event, {data: JSON.stringify(data)}));
(async () => {
	(await import("/stream.js")).follow({state: (state) => heard.push(state), change: (what) => heard.push(what.packages), missed: () => heard.push("missed")});
	say("hello", {caught_up: false});
	say("hello", {caught_up: true});
	say("change", {caught_up: true, packages: ["A"]});
	const before = source;
	source.onerror();
	while (source === before) await new Promise((again) => setTimeout(again, 10));
	say("hello", {caught_up: true});
	done(heard);
})().catch((error) => done(String(error)));
"""


def test_the_stream_tells_what_it_is_at_and_what_may_have_been_missed(page):
    assert page.driver.execute_async_script(STREAM) == ["catching up", "live", "missed", "live", ["A"], "reconnecting", "closed", "closed", "live", "missed"]


@pytest.mark.parametrize("address, words", [("packages/NO-SUCH", "NO-SUCH"), ("jobs/0-999999999", "999999999"), ("records/staged/0/999999999", "999999999")])
def test_what_is_not_there_is_said(page, address, words):
    page.go(address)
    page.wait_text("Not found", "h1")
    assert words in page.text() and page.count(".problem a")
    assert all("404" in complaint for complaint in page.complaints())


def test_an_unknown_address_and_a_broken_escape_are_not_found(page):
    for address in ("nonsense", "packages/%E0%A4%A", "jobs/1/2/3"):
        page.go(address)
        page.wait_text("Not found", "h1")


def test_the_theme_is_chosen_and_remembered(page):
    ground = "return getComputedStyle(document.body).backgroundColor"
    light = page.js(ground)
    page.click("#theme")
    page.click("#theme")
    assert page.text("#theme") == "dark" and page.js(ground) != light
    page.load("jobs")
    assert page.js("return document.documentElement.dataset.theme") == "dark" and page.js(ground) != light
    page.click("#theme")
    assert page.text("#theme") == "auto" and page.js(ground) == light


def test_pure_functions(page):
    facts = page.driver.execute_async_script(PURE, json.dumps(PURE_CASES))
    assert isinstance(facts, list), facts
    assert facts == [expected for _, _, _, expected in PURE_CASES]


PURE = """
const [cases, done] = arguments;
(async () => {
	const results = [];
	for (const [module, name, values] of JSON.parse(cases)) results.push((await import(`/${module}.js`))[name](...values) ?? null);
	done(results);
})().catch((error) => done(String(error)));
"""
START = 1000000
JOB = {"type": "update", "final": True, "state": "completed", "submitted": START, "accepted": START, "held": START, "released": START + 50, "ended": START + 100,
       "distribution_points": ["p"]}


def point_event(at, state, **more):
    return {"time": START + at, "type": "distribution_point", "state": state, "distribution_point": "p", **more}


def fact_event(at, kind):
    return {"time": START + at, "type": kind, "distribution_point": "p"}


PURE_CASES = [
    ("format", "duration", [0], "0 ms"), ("format", "duration", [999], "999 ms"), ("format", "duration", [9999], "9.99 s"),
    ("format", "duration", [59999], "59 s"), ("format", "duration", [185000], "3 min 05 s"), ("format", "duration", [7800000], "2 h 10 min"),
    ("format", "duration", [4 * 86400000 + 3 * 3600000], "4 d 3 h"), ("format", "duration", [-5], "−5 ms"),
    ("format", "roundDuration", [5000], "5 s"), ("format", "roundDuration", [10000], "10 s"), ("format", "roundDuration", [500], "500 ms"),
    ("format", "roundDuration", [120000], "2 min"), ("format", "roundDuration", [7200000], "2 h"), ("format", "roundDuration", [86400000], "1 d"),
    ("format", "relative", [1000, 1400], "now"), ("format", "relative", [1000, 60000], "59 s ago"), ("format", "relative", [3700000, 0], "in 1 h"),
    ("format", "bytes", [0], "0 B"), ("format", "bytes", [999], "999 B"), ("format", "bytes", [999999], "1.0 MB"), ("format", "bytes", [8231], "8.2 kB"),
    ("format", "count", [1234567], "1,234,567"), ("format", "count", [None], "–"), ("format", "exact", [0], "1970-01-01 00:00:00.000 UTC"),
    ("router", "parse", ["#/jobs/3-1041?x=a%20b"], {"view": "job", "parameters": {"id": "3-1041"}, "query": {"x": "a b"}}),
    ("router", "parse", [""], {"view": "overview", "parameters": {}, "query": {}}),
    ("router", "parse", ["#/packages/a%2Fb"], {"view": "package", "parameters": {"id": "a/b"}, "query": {}}),
    ("router", "link", ["packages", "<a/b?>", {"state": "", "offset": 0, "x": "&"}], "#/packages/%3Ca%2Fb%3F%3E?x=%26"),
    ("router", "link", ["packages", "\ud800"], "#/packages/%EF%BF%BD"),
    ("router", "changed", [{"view": "packages", "parameters": {}, "query": {"offset": "50", "search": "a"}}, {"state": "failed"}],
     "#/packages?search=a&state=failed"),
    ("dom", "visible", ["a\u0000\u202eb\n\u007f\u200b"], "a⟨0000⟩⟨202E⟩b\n⟨007F⟩⟨200B⟩"),
    ("view-packages", "cellVersions", [{"state": "pending", "coming": "2", "desired": "1", "staged": "1", "live": "1"}], "1 → 2"),
    ("view-packages", "cellVersions", [{"state": "pending", "coming": "2"}], "→ 2"), ("view-packages", "cellVersions", [{"state": "staged", "staged": "2"}], "2"),
    ("view-packages", "cellVersions", [{"state": "current", "desired": "1", "staged": "2", "live": "1"}], "1 + 2"),
    ("view-record", "citations", [{"staged_position": {"partition": 0, "offset": 5}, "release_position": {"partition": "x"}, "original": None}],
     [["the staged event it rests on", "staged", {"partition": 0, "offset": 5}]]),
    ("grid", "next", ["ArrowRight", False, 0, 3, 5, 4], [0, 3]), ("grid", "next", ["ArrowDown", False, 0, 3, 5, 4], [1, 3]),
    ("grid", "next", ["End", True, 0, 0, 5, 4], [4, 3]), ("grid", "next", ["Home", False, 2, 3, 5, 4], [2, 0]), ("grid", "next", ["x", False, 0, 0, 5, 4], None),
    ("chart", "bars", [[0, 1, 1000], 30, 100, 1], [{"x": 0, "y": 100, "width": 9, "height": 0}, {"x": 10, "y": 98.5, "width": 9, "height": 1.5},
                                                    {"x": 20, "y": 0, "width": 9, "height": 100}]),
    ("chart", "bars", [[], 30, 100], []),
    ("lanes", "ticks", [10000, 6], [0, 2000, 4000, 6000, 8000, 10000]), ("lanes", "ticks", [10 * 86400000, 6], [0, 172800000, 345600000, 518400000, 691200000, 864000000]),
    ("lanes", "lanes", [{**JOB, "events": [{"time": START - 7, "logged": START, "type": "update"}, {"time": START, "type": "job", "state": "held"}, point_event(20, "retrying", attempt=1, next_retry=START + 40),
                                           fact_event(45, "staged"), point_event(45, "staged"), fact_event(50, "release"), fact_event(90, "updated"), {"time": START + 100, "type": "job", "state": "completed"}]}, START + 999],
     {"from": START, "to": START + 100, "lanes": [
         {"name": None, "bars": [{"from": START, "to": START + 50, "kind": "held"}, {"from": START + 50, "to": START + 100, "kind": "open"}],
          "marks": [{"at": START + 100, "kind": "good"}]},
         {"name": "p", "bars": [{"from": START, "to": START + 20, "kind": "wait", "attempt": None}, {"from": START + 20, "to": START + 40, "kind": "pause", "attempt": None},
                                {"from": START + 40, "to": START + 45, "kind": "stage", "attempt": 2}, {"from": START + 45, "to": START + 50, "kind": "wait", "attempt": None},
                                {"from": START + 50, "to": START + 90, "kind": "switch", "attempt": 1}],
          "marks": [{"at": START + 20, "kind": "retry", "attempt": 1}, {"at": START + 45, "kind": "staged"}, {"at": START + 90, "kind": "good"}]}]}),
    ("lanes", "lanes", [{"type": "create", "final": False, "submitted": START, "distribution_points": ["p"],
                                                 "events": [{"time": START, "type": "create"}, point_event(10, "pending")]}, START + 60],
     {"from": START, "to": START + 60, "lanes": [{"name": None, "bars": [{"from": START, "to": START + 60, "kind": "open"}], "marks": []},
                                                  {"name": "p", "bars": [{"from": START, "to": START + 10, "kind": "stage", "attempt": 1}, {"from": START + 10, "to": START + 60, "kind": "stage", "attempt": 1}], "marks": []}]}),
]


VIEWS = [("overview", ""), ("packages", "packages"), ("package", "packages/tool.alpha"), ("jobs", "jobs"), ("points", "distribution-points"),
         ("events", "events"), ("dead-letters", "dead-letters"), ("job", None), ("record", "records/dlq")]


def addresses(site):
    job = next(r for r in site.system.read("status") if r.json.get("job_id") == "u-retry").json["job_position"]
    letter = site.system.read("dlq")[0]
    given = {"job": f"jobs/{job['partition']}-{job['offset']}", "record": f"records/dlq/{letter.partition}/{letter.offset}"}
    return [(name, given.get(name, address)) for name, address in VIEWS]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_every_view_is_legible_and_fits(site, page, theme, size, tmp_path):
    folder = pathlib.Path(os.environ.get("HOLDPOINT_SCREENSHOTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    page.look(size, theme)
    for name, address in addresses(site):
        page.go(address)
        page.wait("its content", lambda: page.count("main .view h1"))
        page.screenshot(folder / f"{name}-{'phone' if size == PHONE else 'desktop'}-{theme}.png")
        assert page.overflow() <= 0, f"{name} is wider than the window"
        assert page.low_contrast() == [], name


def test_the_page_asks_for_nothing_from_elsewhere(site):
    answer = site.get("")
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    for path in (harness.ROOT / "auditor" / "serve" / "page").iterdir():
        text = path.read_text()
        assert "innerHTML" not in text and "http://" not in text.replace("http://www.w3.org", "") and "https://" not in text, path.name
