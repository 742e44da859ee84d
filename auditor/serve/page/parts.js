// Pieces that several views are made of.

import {now} from "./api.js";
import {h} from "./dom.js";
import {count, duration, exact, relative} from "./format.js";
import {icon, tone} from "./icon.js";
import {changed, link} from "./router.js";

export const PAGE_SIZE = 50;

export function none() {
	return h("span", {class: "none"}, "–");
}

/** Text of others: isolated, so that its direction does not turn what stands around it. */
export function foreign(text, attributes) {
	if (text === undefined || text === null || text === "") return none();
	return h("bdi", {title: String(text).length > 24 ? text : null, ...attributes}, text);
}

/** A state: shape and word, in its colour. */
export function badge(state, words = state) {
	return h("span", {class: `state tone-${tone(state)}`}, icon(state), String(words).replaceAll("_", " "));
}

/** How long ago, kept up to date by main.js; the exact time is its title. */
export function time(ms) {
	if (!ms) return none();
	return h("time", {"datetime": new Date(ms).toISOString(), "data-ms": ms, "title": exact(ms)}, relative(ms, now()));
}

/** topic/partition@offset, leading to the raw record. */
export function placeLink(place, words) {
	if (!place || place.offset === undefined || place.offset < 0) return none();
	const where = `${place.topic}/${place.partition}@${place.offset}`;
	return h("a", {"class": words ? "place worded" : "place", "href": link("records", place.topic, place.partition, place.offset),
		"title": `the record at ${where}`, "aria-label": words && `${words}: record ${where}`}, words ? icon("record") : null, words ?? where);
}

export function packageLink(id, attributes) {
	return id ? h("a", {href: link("packages", id), ...attributes}, foreign(id)) : none();
}

export function jobLink(job) {
	return h("a", {class: "id", href: link("jobs", job.job)}, foreign(job.job_id || job.job));
}

/** An error: its code and its words, whole in the title where the lines are too few. */
export function reason(code, words) {
	if (!code && !words) return none();
	return h("span", {class: "reason", title: words}, code && h("b", {}, foreign(code)), code && words && " ", words && foreign(words));
}

export function section(heading, attributes, ...children) {
	return h("section", attributes, h("h2", {}, heading), ...children);
}

export function heading(words, ...beside) {
	return h("div", {class: "heading"}, h("h1", {tabindex: "-1"}, words), ...beside);
}

export function empty(...words) {
	return h("p", {class: "empty"}, ...words);
}

/** columns: {name, cell: (row) => content, kind}, kind: "number", "wide", "id", "tight", and "plain" for what needs no
 * name beside it. On a phone each row becomes a card. */
export function table(label, columns, rows, key) {
	const head = columns.map((column) => h("th", {scope: "col", role: "columnheader", class: column.kind}, column.name));
	const body = rows.map((row) => h("tr", {role: "row", key: key(row)}, columns.map((column) =>
		h("td", {"role": "cell", "class": column.kind, "data-label": column.name}, column.cell(row)))));
	return h("div", {class: "box"}, h("table", {"class": "list", "role": "table", "aria-label": label},
		h("thead", {role: "rowgroup"}, h("tr", {role: "row"}, head)), h("tbody", {role: "rowgroup"}, body)));
}

/** Links that set one name of the query: options is [[value, words]…]. */
export function choice(label, route, name, options) {
	const chosen = route.query[name] ?? "";
	return h("nav", {"class": "choice", "aria-label": label}, options.map(([value, words]) =>
		h("a", {"href": changed(route, {[name]: value}), "aria-current": value === chosen ? "true" : null}, words)));
}

export function offset(route) {
	const number = Number.parseInt(route.query.offset, 10);
	return number > 0 ? number : 0;
}

/** 51–100 of 12,345, with links to the pages around. */
export function pager(route, shown, total, what, size = PAGE_SIZE) {
	const first = offset(route);
	const step = (words, to, rel) => (to === undefined ? h("span", {"aria-disabled": "true"}, words)
		: h("a", {href: changed(route, {offset: to}), rel}, words));
	return h("nav", {"class": "pager", "aria-label": "Pages"},
		h("span", {class: "range"}, shown ? `${count(first + 1)}–${count(first + shown)} of ${count(total)} ${what}` : `${count(total)} ${what}`),
		total > size || first > 0 ? [
			step("‹ Previous", first > 0 ? Math.max(0, first - size) : undefined, "prev"),
			step("Next ›", first + shown < total ? first + size : undefined, "next")] : null);
}

/** What a held job waits for, in words. */
export function waiting(job) {
	const waits = job.waiting;
	if (!waits) return reason(job.reason, job.detail);
	const missing = waits.missing ?? [];
	const some = missing.slice(0, 3);
	return h("span", {class: "reason", title: missing.join(", ")},
		waits.targets ? `staged on ${count(waits.staged)} of ${count(waits.targets)}` : "its version is not created yet",
		some.length > 0 && [", missing ", some.map((name, n) => [n > 0 && ", ", foreign(name)]),
			missing.length > some.length && ` and ${count(missing.length - some.length)} more`]);
}

/** How many distribution points it covers, as far as that is known. */
function points(job) {
	return job.distribution_points?.length || Object.keys(job.outcomes ?? {}).length || job.waiting?.targets || undefined;
}

/** From its submission to its end, or to now. */
export function age(job) {
	const began = job.submitted ?? job.accepted;
	if (job.final && !job.ended) return "–"; // a dead letter never was a job
	return began ? duration(Math.max(0, (job.ended ?? now()) - began)) : "–";
}

export function jobTable(label, jobs, {withPackage = true} = {}) {
	return table(label, [
		{name: "State", cell: (job) => badge(job.state), kind: "tight plain"},
		{name: "Job", cell: jobLink, kind: "id plain"},
		{name: "Type", cell: (job) => foreign(job.type), kind: "tight plain"},
		withPackage && {name: "Package", cell: (job) => (job.state === "dead_letter" ? foreign(job.package) : packageLink(job.package)), kind: "id plain"},
		{name: "Version", cell: (job) => foreign(job.version), kind: "tight plain"},
		{name: "Why", cell: (job) => (job.state === "held" ? waiting(job) : reason(job.reason, job.detail)), kind: "wide plain"},
		{name: "Points", cell: (job) => foreign(points(job)), kind: "number"},
		{name: "Duration", cell: age, kind: "number"},
		{name: "Submitted", cell: (job) => time(job.submitted ?? job.accepted), kind: "number"},
	].filter(Boolean), jobs, (job) => job.job);
}
