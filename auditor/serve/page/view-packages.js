// Packages × distribution points: what is desired, staged and live, and where these differ.

import {get} from "./api.js";
import {h} from "./dom.js";
import {count} from "./format.js";
import {onGridKey, rove} from "./grid.js";
import {icon, tone} from "./icon.js";
import {badge, empty, foreign, heading, offset, packageLink, PAGE_SIZE, pager} from "./parts.js";
import {changed, link, parse} from "./router.js";
import {searchField} from "./search.js";

export const CELL_STATES = ["current", "staged", "updating", "staging", "pending", "retrying", "failed", "empty"];
const ROOMY = 10; // more points than this, and cells show their state alone unless asked for versions
const MOST_POINTS = 200;

export const title = () => "Packages";
export const concerns = (change) => change.many || change.packages?.length > 0;

export function load(route, signal) {
	const {search, state} = route.query;
	return get(signal, "packages", {search, state, offset: offset(route), limit: PAGE_SIZE});
}

/** "retrying: coming 2.0, desired 1.0, staged 1.0, live 1.0, error timeout": a cell in words. Pure. */
export function cellWords(cell) {
	const facts = [["coming", cell.coming], ["desired", cell.desired], ["staged", cell.staged], ["live", cell.live], ["error", cell.error]]
		.filter(([, value]) => value).map(([name, value]) => `${name} ${value}`);
	return cell.state + (facts.length ? ": " + facts.join(", ") : "");
}

/** What is live there, "→" what is on its way, or "+" what else is staged; where nothing is live, what is staged. Pure. */
export function cellVersions(cell) {
	const coming = cell.state === "staged" ? undefined : cell.coming ?? cell.desired;
	if (coming && coming !== cell.live) return `${cell.live ?? ""} → ${coming}`.trim();
	if (cell.staged && cell.staged !== cell.live) return cell.live ? `${cell.live} + ${cell.staged}` : cell.staged;
	return cell.live ?? "";
}

function cellOf(cells, point, roomy) {
	const cell = cells[point] ?? {state: "empty"};
	return h("td", {"class": `cell tone-${tone(cell.state)} is-${cell.state}`, "tabindex": "-1", "aria-label": `${point}: ${cellWords(cell)}`}, icon(cell.state), roomy && cell.state !== "empty" && h("span", {}, foreign(cellVersions(cell))));
}

function readOut(event) {
	const cell = event.target.closest("td");
	if (cell) document.getElementById("readout").textContent = `${cell.parentNode.cells[0].textContent} on ${cell.ariaLabel}`;
}

function matrix(data, points, roomy, total, first) {
	const head = h("tr", {"aria-rowindex": "1"}, h("th", {scope: "col", class: "corner"}, "Package"),
		points.map((point) => h("th", {scope: "col", class: "point", title: point, key: point}, h("span", {}, foreign(point)))));
	const rows = data.items.map((item, n) => h("tr", {"key": item.package, "aria-rowindex": first + n + 2},
		h("th", {scope: "row"}, packageLink(item.package, {tabindex: "-1", title: item.package})),
		points.map((point) => cellOf(item.cells, point, roomy))));
	return h("div", {class: "box matrix-box"}, h("table", {"class": roomy ? "matrix roomy" : "matrix", "role": "grid", "id": "matrix",
		"aria-label": "Packages and distribution points", "aria-rowcount": total + 1, "aria-colcount": points.length + 1, "aria-readonly": "true",
		"onkeydown": onGridKey, "onpointerover": readOut,
		"onclick": (event) => event.target.closest("td")?.parentNode.querySelector("a").click()},
	h("thead", {}, head), h("tbody", {}, rows)));
}

/** After each patch: one cell in the tab order; and words for the one that has the focus. */
export function shown(element) {
	const table = element.querySelector("#matrix");
	rove(table);
	if (!table || table.watched) return;
	table.watched = true;
	table.addEventListener("focusin", (event) => {
		rove(table);
		readOut(event);
	});
}

function stateFilter(route) {
	return h("select", {"aria-label": "State", "onchange": (event) => { location.hash = changed(parse(location.hash), {state: event.target.value}); }},
		h("option", {value: ""}, "any state"),
		CELL_STATES.map((state) => h("option", {value: state, selected: route.query.state === state}, `somewhere ${state}`)));
}

function legend() {
	return h("p", {"class": "legend", "aria-label": "States"}, CELL_STATES.map((state) => badge(state)));
}

export function render(data, route) {
	const wanted = (route.query.points ?? "").toLowerCase();
	const matching = data.distribution_points.filter((name) => name.toLowerCase().includes(wanted));
	const points = matching.slice(0, MOST_POINTS);
	const roomy = route.query.cells ? route.query.cells === "versions" : points.length <= ROOMY;
	const filtered = route.query.search || route.query.state;
	return h("div", {class: "view packages"},
		heading("Packages", h("span", {class: "muted"}, `${count(data.total)} × ${count(matching.length)} distribution points`)),
		h("div", {class: "tools"}, searchField(route, "search", "Search packages"), stateFilter(route), searchField(route, "points", "Points with"),
			h("nav", {"class": "choice", "aria-label": "Cells show"},
				h("a", {"href": changed(route, {cells: "states", offset: route.query.offset}), "aria-current": roomy ? null : "true"}, "States"),
				h("a", {"href": changed(route, {cells: "versions", offset: route.query.offset}), "aria-current": roomy ? "true" : null}, "Versions"))),
		data.items.length ? [matrix(data, points, roomy, data.total, offset(route)),
			h("p", {class: "readout", id: "readout"}, "Point at a cell, or walk the cells with the arrow keys, to read it.")]
			: empty(filtered ? ["No package is like that. ", h("a", {href: link("packages")}, "Show all")] : "No package is in the log yet."),
		matching.length > points.length && h("p", {class: "muted"}, `The first ${MOST_POINTS} of ${count(matching.length)} points; name some above.`),
		h("div", {class: "foot"}, pager(route, data.items.length, data.total, "packages", data.limit), data.items.length ? legend() : null));
}
