// The page: shows the view that the address names, and keeps it up to date.

import {ApiError, now} from "./api.js";
import {h, patch} from "./dom.js";
import {clock, relative} from "./format.js";
import {icon} from "./icon.js";
import {link, parse} from "./router.js";
import {follow} from "./stream.js";
import * as deadLetters from "./view-dead-letters.js";
import * as events from "./view-events.js";
import * as job from "./view-job.js";
import * as jobs from "./view-jobs.js";
import * as overview from "./view-overview.js";
import * as packageView from "./view-package.js";
import * as packages from "./view-packages.js";
import * as points from "./view-points.js";
import * as record from "./view-record.js";

// Each view: title(route), load(route, signal) → data, render(data, route) → element, concerns(change, route, data);
// and may have shown(element), after each patch, and grows(data), whether time alone changes it.
const VIEWS = {overview, packages, "package": packageView, jobs, job, points, events, "dead-letters": deadLetters, record};
const MENU = [["overview", "Overview", []], ["packages", "Packages", ["packages"]], ["jobs", "Jobs", ["jobs"]],
	["points", "Distribution points", ["distribution-points"]], ["events", "Events", ["events"]], ["dead-letters", "Dead letters", ["dead-letters"]]];
const PARENT = {"package": "packages", "job": "jobs", "record": "events"};
const LEAST_PAUSE = 1000; // between two fetches of the same view, however often it changes

const main = document.getElementById("main");
let route, view, data, element, asking, timer;
let dirty = false, wantsSearch = false;

function menu() {
	const here = PARENT[route.view] ?? route.view;
	const fresh = h("nav", {"aria-label": "Views", "id": "nav"}, MENU.map(([name, words, parts]) =>
		h("a", {"href": link(...parts), "aria-current": name === here ? "page" : null}, words)));
	patch(document.getElementById("nav"), fresh);
	document.querySelector("#nav [aria-current]")?.scrollIntoView({block: "nearest", inline: "nearest"});
}

function draw() {
	show(view, view.render(data, route));
	view.shown?.(element);
}

/** Patches what is there where it is of the same kind. */
function show(kind, fresh) {
	if (element?.isConnected && element.kind === kind) return patch(element, fresh);
	fresh.kind = kind;
	element = fresh;
	main.replaceChildren(fresh);
}

function problem(error) {
	const words = error instanceof ApiError ? error : new ApiError(0, "page_error", String(error));
	if (!(error instanceof ApiError)) console.error(error);
	return h("div", {class: "problem"}, h("h1", {tabindex: "-1"}, words.status === 404 ? "Not found" : "This could not be read"),
		h("p", {}, words.message), h("p", {class: "muted"}, h("code", {}, words.code)),
		h("button", {type: "button", onclick: refresh}, "Try again"), " ", h("a", {href: link()}, "Overview"));
}

function notice(words) {
	const box = document.getElementById("notice");
	if (box.textContent !== words) box.textContent = words;
}

/** Fetches what is shown. While it is under way the page shows what it had. */
async function refresh() {
	clearTimeout(timer);
	asking?.abort();
	const mine = asking = new AbortController();
	dirty = false;
	try {
		const answer = await view.load(route, mine.signal);
		if (mine !== asking) return;
		data = answer;
		draw();
		notice("");
	} catch (error) {
		if (mine !== asking || error.name === "AbortError") return;
		if (data === undefined || error.status === 404) {
			show("problem", problem(error));
		} else notice(`Not up to date: ${error.message}`);
		if (error.status !== 404) dirty = true;
	} finally {
		if (mine === asking) {
			asking = undefined;
			busy(false);
			timer = setTimeout(() => { timer = undefined; if (dirty) refresh(); }, LEAST_PAUSE);
		}
	}
}

/** Something that is shown has changed: fetch it again, but not at once behind the last time. */
function touch() {
	dirty = true;
	if (!asking && timer === undefined) refresh();
}

function busy(is) {
	document.getElementById("busy").hidden = !is;
	main.setAttribute("aria-busy", String(is));
}

async function open() {
	const before = route, first = before === undefined;
	route = parse(location.hash);
	view = VIEWS[route.view];
	menu();
	notice("");
	const same = before && before.view === route.view && JSON.stringify(before.parameters) === JSON.stringify(route.parameters);
	if (!same) data = undefined;
	if (!view) {
		asking?.abort();
		asking = undefined;
		busy(false);
		show("problem", problem(new ApiError(404, "no_view", "No view of this page has this address.")));
	} else {
		busy(true);
		await refresh();
	}
	document.title = `${view?.title(route) ?? "Not found"} · Holdpoint`;
	if (same || first) return;
	scrollTo(0, 0);
	(wantsSearch && search() || main.querySelector("h1"))?.focus({preventScroll: true});
	wantsSearch = false;
}

function streamState(state, readUntil) {
	const box = document.getElementById("stream");
	const words = state === "live" ? "live" : state;
	box.className = `stream ${state.replaceAll(" ", "-")}`;
	if (box.firstChild?.textContent !== words) box.replaceChildren(h("span", {}, words));
	if (readUntil) box.title = `the log is read up to ${clock(readUntil)}`;
}

function theme() {
	const chosen = document.documentElement.dataset.theme, order = ["", "light", "dark"];
	const button = document.getElementById("theme"), words = `Theme: ${chosen || "as the system"}`;
	button.replaceChildren(icon("theme"), h("span", {}, chosen || "auto"));
	button.setAttribute("aria-label", words);
	button.title = words;
	button.onclick = () => {
		const next = order[(order.indexOf(chosen ?? "") + 1) % order.length];
		if (next) document.documentElement.dataset.theme = next;
		else delete document.documentElement.dataset.theme;
		try {
			localStorage.setItem("theme", next);
		} catch {
			// then the choice lasts as long as the page
		}
		theme();
	};
}

function search() {
	return main.querySelector("input[type=search]");
}

function onKey(event) {
	const typing = event.target.closest?.("input, select, textarea, [contenteditable]");
	if (event.key === "Escape" && typing) return typing.blur();
	if (event.key !== "/" || typing || event.ctrlKey || event.altKey || event.metaKey) return;
	event.preventDefault();
	if (search()) return search().focus();
	wantsSearch = true;
	location.hash = link("packages");
}

function tick() {
	for (const node of document.querySelectorAll("time[data-ms]")) {
		const words = relative(Number(node.dataset.ms), now());
		if (node.textContent !== words) node.textContent = words;
	}
	if (data !== undefined && view?.grows?.(data)) draw();
}

document.getElementById("skip").onclick = (event) => {
	event.preventDefault(); // the hash names the view
	main.focus();
};
addEventListener("hashchange", open);
addEventListener("keydown", onKey);
setInterval(() => document.hidden || tick(), 1000);
theme();
open();
follow({
	state: streamState,
	change: (change) => view && data !== undefined && view.concerns(change, route, data) && touch(),
	missed: touch,
});
