// One job's life: when it was held and released, each attempt on each distribution point, and the record of each event.

import {get, now} from "./api.js";
import {h, svg} from "./dom.js";
import {count, duration, exact, roundDuration} from "./format.js";
import {beginning, fold, lanes, ticks, when} from "./lanes.js";
import {age, badge, empty, foreign, heading, none, packageLink, placeLink, reason, section, table, time, waiting} from "./parts.js";
import {happening} from "./view-events.js";

const MOST_LANES = 60, MOST_TICKS = 6;
const KINDS = {
	open: ["open", "under way"], held: ["held", "held"], stage: ["stage", "staging: copied, read back, sealed"], pause: ["pause", "pause before the next attempt"],
	wait: ["wait", "waits for its release"], switch: ["switch", "updating"],
};

const MARKS = {good: ["M-3 .3-.9 2.6 3-2.2", "done"], bad: ["m-2.3-2.3 4.6 4.6m0-4.6-4.6 4.6", "not done"], retry: ["M0-3V.8M0 2.8v.1", "an attempt failed"],
	staged: ["M-2.6-1.4 0-2.9 2.6-1.4V1.5L0 3-2.6 1.5Z", "staged"]};

export const title = (route) => `Job ${route.parameters.id}`;
export const load = (route, signal) => get(signal, "jobs", route.parameters.id);
export const concerns = (change, route, data) => change.jobs || change.many || change.packages?.includes(data?.package);
/** An open job's bars grow with the clock. */
export const grows = (data) => !data.final;

const percent = (part) => `${(part * 100).toFixed(3)}%`;

function laneDrawing(lane, picture) {
	const place = (at) => (at - picture.from) / (picture.to - picture.from);
	const words = lane.bars.map((bar) => `${KINDS[bar.kind][1]} ${duration(bar.to - bar.from)}`).join(", then ");
	return svg("svg", {"class": "lane", "role": "img", "aria-label": words || "nothing yet", "width": "100%", "height": "22"},
		lane.bars.map((bar) => svg("rect", {class: `bar bar-${bar.kind}`, x: percent(place(bar.from)), width: percent(place(bar.to) - place(bar.from)), y: 5, height: 12, rx: 2},
			svg("title", {}, `${KINDS[bar.kind][1]}${bar.attempt > 1 ? `, attempt ${bar.attempt}` : ""}: ${duration(bar.to - bar.from)}`))),
		lane.marks.map((mark) => svg("svg", {class: `mark mark-${mark.kind}`, x: percent(place(mark.at)), y: 11, overflow: "visible"},
			svg("circle", {r: 6}), svg("path", {d: MARKS[mark.kind][0]}), svg("title", {}, MARKS[mark.kind][1]))));
}

function axis(picture) {
	const length = picture.to - picture.from;
	return h("div", {class: "axis"}, svg("svg", {"width": "100%", "height": "18", "aria-hidden": "true", "overflow": "visible"},
		ticks(length, MOST_TICKS).map((tick) => [svg("line", {x1: percent(tick / length), x2: percent(tick / length), y1: 13, y2: 18}),
			svg("text", {"x": percent(tick / length), "y": 10, "text-anchor": tick === 0 ? "start" : tick > length * 0.95 ? "end" : "middle"},
				tick === 0 ? "0" : "+" + roundDuration(tick))])));
}

function drawing(job) {
	const picture = lanes(job, now());
	const shown = picture.lanes.slice(0, MOST_LANES + 1);
	const used = Object.keys(KINDS).filter((kind) => picture.lanes.some((lane) => lane.bars.some((bar) => bar.kind === kind)));
	return [h("div", {"class": "lanes", "role": "list", "aria-label": "Timeline"},
		h("div", {class: "lane-row axis-row", role: "presentation"}, h("span", {}), axis(picture)),
		shown.map((lane) => h("div", {"class": lane.name ? "lane-row" : "lane-row of-job", "role": "listitem", "key": lane.name ?? "the job"},
			h("span", {class: "lane-name"}, lane.name ? foreign(lane.name, {title: lane.name}) : "the job",
				job.attempts?.[lane.name] > 1 && h("span", {class: "attempts"}, ` ${job.attempts[lane.name]} attempts`)),
			laneDrawing(lane, picture)))),
	picture.lanes.length > shown.length && h("p", {class: "muted"}, `The first ${MOST_LANES} of ${count(picture.lanes.length - 1)} distribution points are drawn; the events of all are below.`),
	h("p", {"class": "legend", "aria-label": "Bars"}, used.map((kind) => h("span", {class: "key"},
		svg("svg", {"class": "lane", "width": "20", "height": "12", "aria-hidden": "true"}, svg("rect", {class: `bar bar-${KINDS[kind][0]}`, x: 1, y: 1, width: 18, height: 10, rx: 2})), KINDS[kind][1])))];
}

function facts(job) {
	const row = (name, ...content) => [h("dt", {}, name), h("dd", {}, ...content)];
	const annotations = Object.entries(job.annotations ?? {});
	const isDead = job.state === "dead_letter"; // then its key may be of no package
	return h("dl", {class: "facts"},
		row("Package", isDead ? foreign(job.package) : packageLink(job.package), " ", job.version && foreign(job.version)),
		job.type && row("Type", job.type, job.gate && `, gate ${job.gate}`),
		job.requested_by && row("Asked for by", foreign(job.requested_by)),
		row("Submitted", job.submitted ? exact(job.submitted) : none(), " ", placeLink(job.place, "its record")),
		!isDead && row(job.final ? "Took" : "Open for", age(job), job.held && [", held ", duration((job.released ?? job.ended ?? now()) - job.held)]),
		!job.final && job.deadline && row("Deadline", time(job.deadline)),
		job.state === "held" && row("Waits", waiting(job)),
		(job.reason || job.detail) && row("Why", reason(job.reason, job.detail)),
		annotations.map(([name, text]) => row(foreign(name), foreign(text))));
}

function eventTable(job) {
	const began = beginning(job);
	return table("Events", [
		{name: "After", cell: (event) => h("time", {datetime: new Date(when(event)).toISOString(), title: exact(when(event))}, duration(Math.max(0, when(event) - began))), kind: "number"},
		{name: "What", cell: happening, kind: "tight plain"},
		{name: "Distribution point", cell: (event) => foreign(event.distribution_point), kind: "id plain"},
		{name: "Attempt", cell: (event) => foreign(event.attempt), kind: "number"},
		{name: "Why", kind: "wide plain", cell: (event) => [reason(event.reason, event.detail),
			event.next_retry && h("span", {class: "muted"}, ` again after ${duration(event.next_retry - event.time)}`)]},
		{name: "Records", cell: (event) => h("span", {class: "places"}, event.places.map((place) => placeLink(place))), kind: "number"},
	], fold(job.events), (event) => Object.values(event.place).join("/"));
}

export function render(job) {
	return h("div", {class: "view job"},
		heading(["Job ", foreign(job.job_id || job.job)], badge(job.state)), facts(job),
		job.state !== "dead_letter" && section("Timeline", {}, drawing(job)),
		section("Events", {}, job.events?.length ? eventTable(job) : empty("No record of it has been read yet.")));
}
