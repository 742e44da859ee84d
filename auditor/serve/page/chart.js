// Small bar charts of a number a minute, as inline SVG.

import {svg} from "./dom.js";
import {clock, count} from "./format.js";

/** Where the bars stand in a box; a count above 0 can be seen however large its neighbours are. Pure. */
export function bars(values, width, height, gap = 1) {
	const most = Math.max(1, ...values);
	const step = width / Math.max(1, values.length);
	return values.map((value, n) => {
		const tall = value > 0 ? Math.max(1.5, (value / most) * height) : 0;
		return {x: n * step, y: height - tall, width: Math.max(0.5, step - gap), height: tall};
	});
}

export function chart(name, minutes, values, tone) {
	const width = 240, height = 44;
	const sum = values.reduce((total, value) => total + value, 0);
	const label = `${name} in each of the last ${minutes.length} minutes: ${count(sum)} together, ` +
		`at most ${count(Math.max(0, ...values))}, ${count(values.at(-1) ?? 0)} in the last`;
	return svg("svg", {class: `chart tone-${tone}`, viewBox: `0 0 ${width} ${height + 1}`, preserveAspectRatio: "none", role: "img",
		"aria-label": label},
	bars(values, width, height).map((bar, n) => svg("rect", {...bar},
		svg("title", {}, `${clock(minutes[n])} – ${count(values[n])}`))),
	svg("line", {x1: 0, x2: width, y1: height + 0.5, y2: height + 0.5}));
}
