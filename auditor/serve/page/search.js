// A search field that keeps its words in the address; the list follows as one types.

import {h} from "./dom.js";
import {changed, parse} from "./router.js";

const PAUSE = 200;
let timer;

export function searchField(route, name, label) {
	const seek = (event) => {
		clearTimeout(timer);
		const text = event.target.value.trim();
		timer = setTimeout(() => {
			const here = parse(location.hash); // which another filter may have changed meanwhile
			// replaced, not pushed: Back leads to the view before, not through every letter
			if (here.view === route.view && (here.query[name] ?? "") !== text) location.replace(changed(here, {[name]: text}));
		}, event.type === "change" ? 0 : PAUSE);
	};
	return h("input", {"type": "search", "class": "search", "aria-label": label, "placeholder": label, "title": "press / to get here",
		"aria-keyshortcuts": "/", "value": route.query[name] ?? "", "maxlength": "128", "autocomplete": "off", "spellcheck": "false",
		"oninput": seek, "onchange": seek});
}
