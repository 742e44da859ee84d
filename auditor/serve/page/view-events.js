// What the records say, newest first.

import {get} from "./api.js";
import {h} from "./dom.js";
import {badge, choice, empty, foreign, heading, offset, packageLink, PAGE_SIZE, pager, placeLink, reason, table, time} from "./parts.js";
import {when} from "./lanes.js";
import {link} from "./router.js";
import {searchField} from "./search.js";

const TYPES = [["", "All"], ["create", "Creates"], ["update", "Updates"], ["staged", "Staged"], ["release", "Releases"],
	["withheld", "Withheld"], ["updated", "Updated"], ["job", "Job states"], ["distribution_point", "Point states"], ["dead_letter", "Dead letters"]];

export const title = () => "Events";
export const concerns = () => true;

export function load(route, signal) {
	const {type, package: id} = route.query;
	return get(signal, "events", {type, package: id, offset: offset(route), limit: PAGE_SIZE});
}

/** What happened, as a badge: the state where there is one, else the type. */
export function happening(event) {
	if (event.state) return badge(event.state);
	return badge(event.type === "create" || event.type === "update" ? "pending" : event.type, event.type);
}

export function render(data, route) {
	const columns = [
		{name: "When", cell: (event) => time(when(event)), kind: "number"},
		{name: "What", cell: happening, kind: "tight plain"},
		{name: "Of", cell: (event) => event.type.replaceAll("_", " "), kind: "tight plain"},
		{name: "Package", cell: (event) => packageLink(event.package), kind: "id plain"},
		{name: "Version", cell: (event) => foreign(event.version), kind: "tight plain"},
		{name: "Distribution point", cell: (event) => foreign(event.distribution_point), kind: "id plain"},
		{name: "Job", kind: "id", cell: (event) => (event.job
			? h("a", {class: "id", href: link("jobs", event.job)}, foreign(event.job_id || event.job)) : foreign(event.job_id))},
		{name: "Why", cell: (event) => reason(event.reason, event.detail), kind: "wide plain"},
		{name: "Record", cell: (event) => placeLink(event.place), kind: "number"},
	];
	return h("div", {class: "view"}, heading("Events"),
		h("div", {class: "tools"}, choice("Type", route, "type", TYPES), searchField(route, "package", "Events of package")),
		data.items.length ? table("Events, newest first", columns, data.items, (event) => Object.values(event.place).join("/"))
			: empty("No event is like that."),
		pager(route, data.items.length, data.total, "events"));
}
