// A shape for each state, so that no colour stands alone. Drawn on 16 × 16, as strokes.

import {svg} from "./dom.js";

const CIRCLE = "M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11Z";
const CHECK = "M3 8.5 6.5 12 13 4.5", CROSS = "m4 4 8 8M12 4l-8 8";
const CLOCK = CIRCLE + "M8 5v3.2l2 1.3";

const SHAPES = {
	empty: "M7 8h2",
	pending: CIRCLE,
	staging: "M8 2v7.5M5 6.5l3 3 3-3M3 13h10",
	retrying: "M13 8a5 5 0 1 1-1.6-3.7L13 5.5M13 2v3.5H9.5",
	failed: CROSS,
	staged: "M2.5 5 8 2l5.5 3v6L8 14l-5.5-3ZM2.5 5 8 8l5.5-3M8 8v6",
	updating: "M8 13.5V3.5M4 7.5l4-4 4 4",
	updated: CHECK,
	current: CHECK,
	accepted: CIRCLE + "M8 8h.01",
	held: "M5.5 3.5v9M10.5 3.5v9",
	completed: CHECK,
	expired: CLOCK,
	superseded: "m4 4 4 4-4 4M9 4l4 4-4 4",
	canceled: CIRCLE + "m4.2 4.2 7.6 7.6",
	rejected: CIRCLE + "M5.2 8h5.6",
	dead_letter: CIRCLE + "M5.2 8h5.6",
	unreadable: CIRCLE + "M5.2 8h5.6",
	withheld: CIRCLE + "M5.2 8h5.6",
	release: "M4.5 3v10l8-5Z",
	good: CHECK,
	slow: CLOCK,
	failing: CROSS,
	duplicate: "M5.5 5.5h8v8h-8ZM2.5 10.5v-8h8",
	record: "M6 3C4 3 5.5 7 3.5 8 5.5 9 4 13 6 13M10 3c2 0 .5 4 2.5 5-2 1-.5 5-2.5 5",
	theme: CIRCLE + "M8 2.5v11M10.5 3.2v9.6M12.4 4.8v6.4",
};

const TONES = {
	ok: ["current", "completed", "updated", "good"],
	bad: ["failed", "rejected", "failing", "dead_letter", "unreadable"],
	warn: ["retrying", "held", "expired", "slow", "withheld"],
	work: ["staging", "updating", "accepted", "release"],
	stage: ["staged"],
};

const TONE_OF = new Map(Object.entries(TONES).flatMap(([tone, states]) => states.map((state) => [state, tone])));
const drawn = new Map();

/** ok, bad, warn, work, stage or quiet: the colour of a state; see style.css. */
export function tone(state) {
	return TONE_OF.get(state) ?? "quiet";
}

export function icon(name) {
	if (!drawn.has(name)) {
		const shape = Object.hasOwn(SHAPES, name) ? SHAPES[name] : CIRCLE;
		drawn.set(name, svg("svg", {class: "icon", viewBox: "0 0 16 16", "aria-hidden": "true"}, svg("path", {d: shape})));
	}
	return drawn.get(name).cloneNode(true);
}
