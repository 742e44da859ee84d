// Records that can never succeed: whose, why, from where.

import {get} from "./api.js";
import {h} from "./dom.js";
import {bytes} from "./format.js";
import {badge, foreign, heading, offset, PAGE_SIZE, pager, placeLink, reason, table, time} from "./parts.js";

export const title = () => "Dead letters";
export const load = (route, signal) => get(signal, "dead-letters", {offset: offset(route), limit: PAGE_SIZE});
export const concerns = (change) => change.dead_letters;

export function render(data, route) {
	const columns = [
		{name: "When", cell: (letter) => time(letter.time), kind: "number"},
		{name: "Key", cell: (letter) => foreign(letter.package || "no key"), kind: "id"},
		{name: "Why", cell: (letter) => reason(letter.reason, letter.detail), kind: "wide plain"},
		{name: "Size", cell: (letter) => bytes(letter.size), kind: "number"},
		{name: "Sent as", cell: (letter) => placeLink(letter.origin), kind: "number"},
		{name: "Dead letter", cell: (letter) => placeLink(letter.place), kind: "number"},
	];
	return h("div", {class: "view dead"}, heading("Dead letters"),
		data.items.length ? table("Dead letters, newest first", columns, data.items, (letter) => `${letter.place.partition}@${letter.place.offset}`)
			: h("p", {class: "calm"}, badge("good", "no dead letters: every record could be applied")),
		pager(route, data.items.length, data.total, "dead letters"));
}
