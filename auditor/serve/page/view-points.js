// Every distribution point and how it fares.

import {get} from "./api.js";
import {h} from "./dom.js";
import {bytes, count, plural} from "./format.js";
import {badge, empty, foreign, heading, reason, table, time} from "./parts.js";

export const title = () => "Distribution points";
export const load = (route, signal) => get(signal, "distribution-points");
export const concerns = () => true;

/** A number that is a worry unless it is 0. */
function worry(number, state) {
	return number ? badge(state, count(number)) : h("span", {class: "muted"}, "0");
}

export function pointTable(label, points) {
	return table(label, [
		{name: "Health", cell: (point) => badge(point.health), kind: "tight plain"},
		{name: "Distribution point", cell: (point) => foreign(point.name), kind: "id plain"},
		{name: "Copies", cell: (point) => count(point.copies), kind: "number"},
		{name: "Pending", cell: (point) => worry(point.pending, "pending"), kind: "number"},
		{name: "Retrying", cell: (point) => worry(point.retrying, "retrying"), kind: "number"},
		{name: "Failed", cell: (point) => worry(point.failed, "failed"), kind: "number"},
		{name: "Source’s fault", cell: (point) => worry(point.source_faults, "retrying"), kind: "number"},
		{name: "Staged, 1 h", cell: (point) => bytes(point.staged_bytes_hour), kind: "number"},
		{name: "Last staged", cell: (point) => time(point.last_staged), kind: "number"},
		{name: "Last updated", cell: (point) => time(point.last_updated), kind: "number"},
		{name: "Newest error", cell: (point) => reason(point.error, point.error_message), kind: "wide plain"},
	], points, (point) => point.name);
}

export function render(data) {
	return h("div", {class: "view"}, heading("Distribution points", h("span", {class: "muted"}, plural(data.total, "point"))),
		data.items.length ? pointTable("Distribution points", data.items) : empty("No distribution point has been heard of yet."));
}
