// Asks the auditor. What goes wrong is an ApiError with a code and words for people.

import {path} from "./router.js";

export class ApiError extends Error {
	constructor(status, code, message) {
		super(message);
		this.status = status;
		this.code = code;
	}
}

let skew = 0; // the server's clock against ours: a browser that is minutes off must not say "in 3 min" of what was

/** The server's time. */
export function now() {
	return Date.now() + skew;
}

function learnSkew(answer) {
	const there = Date.parse(answer.headers.get("Date") ?? "");
	if (Number.isNaN(there)) return;
	const difference = there - Date.now();
	skew = Math.abs(difference) > 2000 ? difference : 0;
}

/** get(signal, "packages", id, {offset: 50}) */
export async function get(signal, ...parts) {
	let answer;
	try {
		answer = await fetch("api/" + path(...parts), {signal, cache: "no-store"});
	} catch (error) {
		if (error.name === "AbortError") throw error;
		throw new ApiError(0, "unreachable", "The auditor does not answer. Is holdpoint-auditor serve still running?");
	}
	learnSkew(answer);
	let body;
	try {
		body = await answer.json();
	} catch (error) {
		if (error.name === "AbortError") throw error;
		throw new ApiError(answer.status, "not_json", `The answer to api/${path(...parts)} is not JSON (HTTP ${answer.status}).`);
	}
	if (answer.ok) return body;
	throw new ApiError(answer.status, body?.error?.code ?? "http_status", body?.error?.message ?? `HTTP ${answer.status}`);
}
