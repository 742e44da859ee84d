// One package: where which version is desired, staged and live, and the records that say so.

import {get} from "./api.js";
import {h} from "./dom.js";
import {bytes, count, plural, shortDigest} from "./format.js";
import {badge, choice, empty, foreign, heading, jobTable, none, placeLink, reason, section, table, time} from "./parts.js";
import {changed, link} from "./router.js";

const BY_WORRY = ["failed", "retrying", "pending", "staging", "staged", "updating", "current", "empty"];
const FEW = 12; // as many points are shown at first: jobs and versions are below

export const title = (route) => route.parameters.id;
export const load = (route, signal) => get(signal, "packages", route.parameters.id);
export const concerns = (change, route) => change.many || change.packages?.includes(route.parameters.id);

function evidence(cell) {
	return h("span", {class: "evidence"}, cell.staged_place && placeLink(cell.staged_place, "staged"),
		cell.release_place && placeLink(cell.release_place, "release"), cell.updated_place && placeLink(cell.updated_place, "updated"));
}

/** The copy whose trouble the cell tells: the one that has an error, else none. */
function trouble(cell) {
	const copy = (cell.copies ?? []).find((one) => one.error);
	if (!copy) return reason(cell.error);
	return [reason(copy.error, copy.error_message), h("span", {class: "muted"}, ` attempt ${count(copy.attempt)}`,
		copy.next_retry && copy.state === "retrying" && [", next ", time(copy.next_retry)])];
}

/** What else lies there, or is to: a version that was current once is staged still. */
function copies(cell) {
	const others = (cell.copies ?? []).filter((copy) => copy.version !== cell.live);
	return others.length ? h("span", {class: "copies"}, others.map((copy) => h("span", {title: copy.digest}, foreign(copy.version), " ", badge(copy.state === "updated" ? "staged" : copy.state)))) : none();
}

function points(entries) {
	return table("Distribution points", [
		{name: "State", cell: ([, cell]) => badge(cell.state), kind: "tight plain"},
		{name: "Distribution point", cell: ([name]) => foreign(name), kind: "id plain"},
		{name: "Desired", cell: ([, cell]) => foreign(cell.desired), kind: "tight"},
		{name: "Live", cell: ([, cell]) => foreign(cell.live), kind: "tight"},
		{name: "Staged", cell: ([, cell]) => foreign(cell.staged), kind: "tight"},
		{name: "Other copies", cell: ([, cell]) => copies(cell)},
		{name: "Released", cell: ([, cell]) => time(cell.released), kind: "number"},
		{name: "Updated", cell: ([, cell]) => time(cell.updated), kind: "number"},
		{name: "Records", cell: ([, cell]) => evidence(cell), kind: "tight"},
		{name: "Trouble", cell: ([, cell]) => trouble(cell), kind: "wide plain"},
	], entries, ([name]) => name);
}

function versions(list) {
	return table("Versions", [
		{name: "Version", cell: (version) => foreign(version.version), kind: "id plain"},
		{name: "Digest", cell: (version) => h("code", {title: version.digest}, shortDigest(version.digest))},
		{name: "Files", cell: (version) => count(version.files), kind: "number"},
		{name: "Size", cell: (version) => bytes(version.bytes), kind: "number"},
		{name: "Staged on", cell: (version) => plural(version.points_staged, "point"), kind: "number"},
		{name: "First staged", cell: (version) => time(version.first_staged), kind: "number"},
	], list, (version) => version.version);
}

export function render(data, route) {
	const worry = ([, cell]) => BY_WORRY.indexOf(cell.state);
	const all = Object.entries(data.cells).sort((a, b) => worry(a) - worry(b) || a[0].localeCompare(b[0]));
	const number = (state) => all.filter(([, cell]) => cell.state === state).length;
	const there = BY_WORRY.filter(number);
	const wanted = all.filter(([, cell]) => !route.query.state || cell.state === route.query.state);
	const entries = route.query.all ? wanted : wanted.slice(0, FEW);
	return h("div", {class: "view package"},
		heading(foreign(data.package), h("span", {class: "muted"}, `partition ${data.partition}`),
			h("a", {href: link("events", {package: data.package})}, "all its records"), h("a", {href: link("jobs", {package: data.package})}, "all its jobs")),
		section("Distribution points", {},
			there.length > 1 && h("div", {class: "tools"}, choice("State", route, "state", [["", `All ${all.length}`], ...there.map((state) => [state, [badge(state), ` ${number(state)}`]])])),
			entries.length ? points(entries) : empty("It is on no distribution point, and wanted on none."),
			wanted.length > entries.length && h("p", {class: "more"}, h("a", {href: changed(route, {all: "yes"})}, `All ${wanted.length}`))),
		section("Versions", {}, data.versions.length ? versions(data.versions) : empty("No version of it has been staged.")),
		section("Jobs", {}, data.jobs.length ? jobTable("Jobs of this package, newest first", data.jobs, {withPackage: false}) : empty("No job of it is in the log.")));
}
