// Arrow keys in a table with role=grid: one cell is in the tab order, the keys move among all.

/** Where a key leads from (row, column) in a grid of rows × columns; undefined: it is no key of a grid. Pure. */
export function next(key, control, row, column, rows, columns) {
	const moves = {
		ArrowUp: [row - 1, column], ArrowDown: [row + 1, column], ArrowLeft: [row, column - 1], ArrowRight: [row, column + 1],
		Home: [control ? 0 : row, 0], End: [control ? rows - 1 : row, columns - 1],
		PageUp: [row - 10, column], PageDown: [row + 10, column],
	};
	if (!Object.hasOwn(moves, key)) return undefined;
	const within = (number, most) => Math.min(Math.max(number, 0), most - 1);
	return [within(moves[key][0], rows), within(moves[key][1], columns)];
}

/** What takes the focus in a cell: its link, or itself. */
function target(cell) {
	return cell.querySelector("a") ?? cell;
}

export function onGridKey(event) {
	const table = event.currentTarget, cell = event.target.closest("th, td");
	if (!cell || event.altKey || event.metaKey) return;
	const rows = table.tBodies[0].rows, row = [...rows].indexOf(cell.parentNode);
	if (row < 0) return;
	if (event.key === "Enter" && target(cell) === cell) rows[row].querySelector("a").click();
	const to = next(event.key, event.ctrlKey, row, cell.cellIndex, rows.length, rows[row].cells.length);
	if (!to) return;
	event.preventDefault();
	const goal = target(rows[to[0]].cells[to[1]]);
	goal.focus({preventScroll: true});
	reveal(table, goal.closest("th, td"));
}

/** Scrolls a cell from behind the sticky header and first column. */
function reveal(table, cell) {
	const box = table.parentNode, frame = box.getBoundingClientRect(), place = cell.getBoundingClientRect();
	const top = frame.top + table.tHead.offsetHeight, left = frame.left + table.tHead.rows[0].cells[0].offsetWidth;
	if (place.top < top) box.scrollTop -= top - place.top;
	if (place.bottom > frame.top + box.clientHeight) box.scrollTop += place.bottom - frame.top - box.clientHeight;
	if (cell.cellIndex === 0) box.scrollLeft = 0;
	else if (place.left < left) box.scrollLeft -= left - place.left;
	if (place.right > frame.left + box.clientWidth) box.scrollLeft += place.right - frame.left - box.clientWidth;
	cell.scrollIntoView({block: "nearest", inline: "nearest"});
}

/** Leaves one cell in the tab order: the one that has, or last had, the focus; else the first. */
export function rove(table) {
	if (!table?.tBodies[0]?.rows.length) return;
	const inside = document.activeElement.closest?.("table") === table ? document.activeElement : undefined;
	const chosen = inside ?? (table.last?.isConnected ? table.last : undefined) ?? target(table.tBodies[0].rows[0].cells[0]);
	for (const other of table.querySelectorAll("tbody [tabindex='0']")) if (other !== chosen) other.setAttribute("tabindex", "-1");
	chosen.setAttribute("tabindex", "0");
	table.last = chosen;
}
