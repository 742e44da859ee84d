// How it goes: totals, rates, who is held and why, which distribution points are in trouble.

import {get} from "./api.js";
import {chart} from "./chart.js";
import {h} from "./dom.js";
import {count, plural} from "./format.js";
import {icon, tone} from "./icon.js";
import {badge, empty, foreign, heading, jobTable, reason, section, table, time} from "./parts.js";
import {pointTable} from "./view-points.js";
import {link} from "./router.js";

const MOST_POINTS = 10, MOST_HELD = 8;

export const title = () => "Overview";
export const load = (route, signal) => get(signal, "overview");
export const concerns = () => true;

function tile(name, value, href, state) {
	const alarming = state && value > 0;
	return h("a", {class: alarming ? `tile alarming tone-${tone(state)}` : "tile", href},
		h("span", {class: "name"}, name), alarming && icon(state), h("span", {class: "value"}, count(value)));
}

function tiles(totals) {
	const packages = (state) => link("packages", {state}), jobs = (state) => link("jobs", {state});
	return h("div", {class: "tiles"},
		tile("Packages", totals.packages, link("packages")),
		tile("Distribution points", totals.distribution_points, link("distribution-points")),
		tile("Copies", totals.copies, link("packages")),
		tile("Open jobs", totals.jobs_open, jobs("open")),
		tile("Held jobs", totals.jobs_held, jobs("held"), "held"),
		tile("Copies retrying", totals.copies_retrying, packages("retrying"), "retrying"),
		tile("Copies failed", totals.copies_failed, packages("failed"), "failed"),
		tile("Jobs failed, 24 h", totals.jobs_failed_day, jobs("failed"), "failed"),
		tile("Dead letters, 24 h", totals.dead_letters_day, link("dead-letters"), "rejected"));
}

function rates(minutes) {
	const times = minutes.map((minute) => minute.minute);
	const one = (name, field, tone) => {
		const values = minutes.map((minute) => minute[field]);
		return h("figure", {}, h("figcaption", {}, h("span", {}, name),
			h("span", {class: "value"}, `${count(values.at(-1) ?? 0)} / min`),
			h("span", {class: "most"}, `at most ${count(Math.max(0, ...values))}`)), chart(name, times, values, tone));
	};
	return h("div", {class: "rates"}, one("Jobs", "jobs", "quiet"), one("Staged", "staged", "stage"),
		one("Updated", "updated", "ok"), one("Failed", "failed", "bad"));
}

function troubled(points) {
	const found = points.filter((point) => point.health !== "good").sort((a, b) => a.health.localeCompare(b.health));
	if (points.length === 0) return empty("No distribution point has been heard of yet.");
	if (found.length === 0) return h("p", {class: "calm"}, badge("good", `all ${plural(points.length, "distribution point")} are well`));
	return [pointTable("Slow and failing distribution points", found.slice(0, MOST_POINTS)),
		found.length > MOST_POINTS && h("p", {class: "more"}, h("a", {href: link("distribution-points")}, `And ${found.length - MOST_POINTS} more`))];
}

/** What is nobody's fault who stages it: by error, with the newest one's words. */
function sources(entries) {
	return table("Sources that fail", [
		{name: "Error", cell: (entry) => badge("retrying", entry.error), kind: "tight plain"},
		{name: "Copies", cell: (entry) => count(entry.copies), kind: "number"},
		{name: "Packages", cell: (entry) => count(entry.packages), kind: "number"},
		{name: "Points", cell: (entry) => count(entry.distribution_points), kind: "number"},
		{name: "Newest", cell: (entry) => h("a", {href: link("packages", entry.package)}, foreign(`${entry.package} ${entry.version}`)), kind: "id plain"},
		{name: "Since", cell: (entry) => time(entry.since), kind: "number"},
		{name: "Why", cell: (entry) => reason(undefined, entry.error_message), kind: "wide plain"},
	], entries, (entry) => entry.error);
}

export function render(data) {
	const held = (data.held ?? []).slice(0, MOST_HELD);
	return h("div", {class: "view overview"},
		heading("Overview", h("span", {class: "muted"}, "topics ", h("code", {}, foreign(data.prefix), "*"))),
		data.caught_up === false && h("p", {class: "behind"}, badge("slow", data.words ?? "not up to date")),
		tiles(data.totals),
		section("The last hour", {}, rates(data.rates?.minutes ?? [])),
		section("Held now, and why", {}, held.length ? jobTable("Held jobs, those held longest first", held)
			: h("p", {class: "calm"}, badge("good", "no job is held")),
		held.length < data.totals.jobs_held && h("p", {class: "more"}, h("a", {href: link("jobs", {state: "held"})}, `All ${count(data.totals.jobs_held)} held jobs`))),
		section("Slow or failing distribution points", {}, troubled(data.distribution_points ?? [])),
		data.sources?.length > 0 && section("Sources that fail", {}, sources(data.sources)));
}
