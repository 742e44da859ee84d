// Numbers, times and sizes in words. Pure.

const COUNT = new Intl.NumberFormat("en");
const UNITS = ["B", "kB", "MB", "GB", "TB", "PB"];

export function count(number) {
	return number === undefined || number === null ? "–" : COUNT.format(number);
}

export function plural(number, one, many = one + "s") {
	return `${count(number)} ${number === 1 ? one : many}`;
}

export function bytes(number) {
	if (number === undefined || number === null) return "–";
	let unit = 0;
	while (number >= 999.5 && unit < UNITS.length - 1) {
		number /= 1000;
		unit++;
	}
	return `${unit === 0 || number >= 99.5 ? Math.round(number) : number.toFixed(1)} ${UNITS[unit]}`;
}

/** 38 ms, 1.24 s, 42 s, 3 min 05 s, 2 h 10 min, 4 d 3 h. */
export function duration(ms) {
	if (ms < 0) return "−" + duration(-ms);
	if (ms < 1000) return `${Math.round(ms)} ms`;
	if (ms < 10000) return `${(Math.floor(ms / 10) / 100).toFixed(2)} s`;
	const seconds = Math.floor(ms / 1000);
	if (seconds < 60) return `${seconds} s`;
	const pad = (number) => String(number).padStart(2, "0");
	if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${pad(seconds % 60)} s`;
	if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ${pad(Math.floor(seconds / 60) % 60)} min`;
	return `${Math.floor(seconds / 86400)} d ${Math.floor(seconds / 3600) % 24} h`;
}

/** The same of a round number: 5 s and not 5.00 s. */
export function roundDuration(ms) {
	return duration(ms).replace(/\.?0+ s$/, (zeros) => (zeros.startsWith(".") ? " s" : zeros)).replace(/ (min|h) 00? (s|min)$/, " $1").replace(/ d 0 h$/, " d");
}

/** 4 s ago, in 2 h: one unit is enough to read, the exact time is beside it. */
export function relative(ms, now) {
	const seconds = Math.round(Math.abs(now - ms) / 1000);
	if (seconds < 1) return "now";
	const words = seconds < 60 ? `${seconds} s` : seconds < 3600 ? `${Math.floor(seconds / 60)} min`
		: seconds < 86400 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86400)} d`;
	return ms > now ? `in ${words}` : `${words} ago`;
}

/** 2026-11-22 20:21:05.123 UTC: as records have it. */
export function exact(ms) {
	const date = new Date(ms);
	return Number.isNaN(date.getTime()) ? String(ms) : date.toISOString().replace("T", " ").replace("Z", " UTC");
}

export function clock(ms) {
	return new Date(ms).toLocaleTimeString("en-GB");
}

/** sha256:9f86d08188… */
export function shortDigest(digest) {
	return digest && digest.length > 20 ? digest.slice(0, 17) + "…" : digest ?? "–";
}
