// Jobs, newest first: all, open, held, dead.

import {get} from "./api.js";
import {h} from "./dom.js";
import {choice, empty, heading, jobTable, offset, PAGE_SIZE, pager} from "./parts.js";
import {searchField} from "./search.js";

const STATES = [["", "All"], ["open", "Open"], ["held", "Held"], ["dead", "Dead"], ["completed", "Completed"], ["superseded", "Superseded"]];

export const title = () => "Jobs";
export const concerns = (change) => change.jobs;

export function load(route, signal) {
	const {state, package: id} = route.query;
	return get(signal, "jobs", {state, package: id, offset: offset(route), limit: PAGE_SIZE});
}

export function render(data, route) {
	return h("div", {class: "view"}, heading("Jobs"),
		h("div", {class: "tools"}, choice("State", route, "state", STATES), searchField(route, "package", "Jobs of package")),
		data.items.length ? jobTable("Jobs, newest first", data.items) : empty("No job is like that."),
		pager(route, data.items.length, data.total, "jobs"));
}
