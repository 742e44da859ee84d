// Runs before the first paint, so that the page does not flash in the other theme. Without a choice the system's holds.
"use strict";
try {
	const chosen = localStorage.getItem("theme");
	if (chosen) document.documentElement.dataset.theme = chosen;
} catch {
	// storage may be forbidden; the system's theme then
}
