// One record as the log has it, with links to the records that it cites.

import {get} from "./api.js";
import {h} from "./dom.js";
import {bytes, exact} from "./format.js";
import {foreign, heading, packageLink, placeLink, section} from "./parts.js";
import {changed, link} from "./router.js";

export const title = (route) => `Record ${words(route)}`;
export const concerns = () => false; // a record never changes
export const load = (route, signal) => {
	const {topic, partition, offset} = route.parameters;
	return get(signal, "record", topic, partition, offset);
};

function words(route) {
	const {topic, partition, offset} = route.parameters;
	return `${topic}/${partition}@${offset}`;
}

function parsed(text) {
	try {
		const value = JSON.parse(text);
		return value !== null && typeof value === "object" ? value : undefined;
	} catch {
		return undefined;
	}
}

/** The positions that a record cites: [[words, topic, position]…]. Pure. */
export function citations(value) {
	const at = (position) => Number.isInteger(position?.partition) && Number.isInteger(position?.offset);
	return [["the staged event it rests on", "staged", value?.staged_position], ["the release it rests on", "staged", value?.release_position],
		["the job", "jobs", value?.job_position], ["the original", "jobs", value?.original], ["the duplicate", "jobs", value?.duplicate],
	].filter(([, , position]) => at(position));
}

function facts(data, value) {
	const row = (name, ...content) => [h("dt", {}, name), h("dd", {}, ...content)];
	const job = value?.job_position;
	return h("dl", {class: "facts"},
		row("Log time", exact(data.time)), row("Key", data.key === null || data.key === undefined ? "none" : foreign(data.key)), row("Size", bytes(data.size)),
		typeof value?.package_id === "string" && data.place.topic !== "dlq" && row("Package", packageLink(value.package_id)),
		Number.isInteger(job?.offset) && row("Job", h("a", {href: link("jobs", `${job.partition}-${job.offset}`)}, "its timeline")),
		citations(value).map(([name, topic, position]) => row("Cites", name, " ", placeLink({topic, ...position}))));
}

export function render(data, route) {
	const value = parsed(data.value), raw = route.query.raw === "yes" || value === undefined;
	const {topic, partition, offset} = data.place;
	const neighbour = (sign, name) => offset + sign >= 0 && h("a", {href: link("records", topic, partition, offset + sign)}, name);
	const headers = data.headers ?? [];
	return h("div", {class: "view record"},
		heading(["Record ", h("code", {}, foreign(words(route)))], h("nav", {"class": "pager", "aria-label": "Neighbours"}, neighbour(-1, "‹ Offset before"), neighbour(1, "Offset after ›"))),
		facts(data, value),
		headers.length > 0 && section("Headers", {}, h("dl", {class: "facts"}, headers.map(([name, text]) => [h("dt", {}, foreign(name)), h("dd", {}, foreign(text ?? "none"))]))),
		section("Value", {},
			value !== undefined && h("nav", {"class": "choice", "aria-label": "Form"},
				h("a", {"href": changed(route, {raw: undefined}), "aria-current": raw ? null : "true"}, "Formatted"),
				h("a", {"href": changed(route, {raw: "yes"}), "aria-current": raw ? "true" : null}, "As it is")),
			data.value === null || data.value === undefined ? h("p", {class: "empty"}, "No value: a tombstone.")
				: h("pre", {"class": "value", "dir": "ltr", "tabindex": "0", "aria-label": "The record's value"}, raw ? data.value : JSON.stringify(value, null, 2)),
			data.truncated && h("p", {class: "muted"}, "Only its beginning is shown; it is longer than this page takes.")));
}
