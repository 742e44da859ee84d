// The address of a view is the hash of the page's: #/jobs/3-1041?x=y. Pure.

const ROUTES = {
	"overview": [],
	"packages": ["packages"],
	"package": ["packages", ":id"],
	"jobs": ["jobs"],
	"job": ["jobs", ":id"],
	"points": ["distribution-points"],
	"dead-letters": ["dead-letters"],
	"events": ["events"],
	"record": ["records", ":topic", ":partition", ":offset"],
};

/** {view, parameters, query}; view is undefined where no route fits. */
export function parse(hash) {
	const [path, search] = hash.replace(/^#?\/?/, "").split(/\?(.*)/s);
	const query = Object.fromEntries(new URLSearchParams(search ?? ""));
	let parts;
	try {
		parts = path.split("/").filter((part) => part !== "").map(decodeURIComponent);
	} catch {
		return {view: undefined, parameters: {}, query}; // a % that escapes nothing
	}
	for (const [view, pattern] of Object.entries(ROUTES)) {
		if (pattern.length !== parts.length) continue;
		if (!pattern.every((name, n) => name.startsWith(":") || name === parts[n])) continue;
		const named = pattern.flatMap((name, n) => (name.startsWith(":") ? [[name.slice(1), parts[n]]] : []));
		return {view, parameters: Object.fromEntries(named), query};
	}
	return {view: undefined, parameters: {}, query};
}

/** path("jobs", "3-1041") or path("packages", {state: "failed"}); what is empty is left out of the query. */
export function path(...parts) {
	const query = typeof parts.at(-1) === "object" ? parts.pop() : {};
	const kept = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "" && value !== 0);
	const search = new URLSearchParams(kept).toString();
	return parts.map((part) => encodeURIComponent(String(part).toWellFormed())).join("/") + (search && "?" + search);
}

export function link(...parts) {
	return "#/" + path(...parts);
}

/** The same view with some of its query changed; a new filter begins at the first page. */
export function changed(route, query) {
	const parts = ROUTES[route.view].map((name) => (name.startsWith(":") ? route.parameters[name.slice(1)] : name));
	return link(...parts, {...route.query, offset: undefined, ...query});
}
