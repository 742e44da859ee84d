// A job's life as bars on a common scale: one lane for the job, one for each of its distribution points. Pure.
//
// Events of a point open and close bars. A create's begins with "stage"; an update's with "wait", for its release, since
// its version may have been staged long before. retrying: an attempt failed, "pause", then again what failed. staged →
// "wait" → release → "switch" → updated. Times are the log's: a record's own is of its writer's clock.

const AFTER = {pending: "stage", staging: "stage", staged: "wait", release: "switch", updating: "switch"};
const ENDS = {updated: "good", failed: "bad", withheld: "bad"};

/** When an event was written. */
export function when(event) {
	return event.logged ?? event.time;
}

/** When a job's life begins: with its own record; what else is told of its version may be older. */
export function beginning(job) {
	const events = job.events ?? [], own = events.find((event) => event.place?.topic === "jobs") ?? events[0];
	return own ? when(own) : job.submitted ?? job.accepted;
}

function pointLane(name, events, isUpdate, begin, end) {
	const lane = {name, bars: [], marks: []};
	let kind, from = begin, number, attempt = 1, activity = "stage";
	const mark = (what, more) => lane.marks.push({at: from, kind: what, ...more});
	// what is told in order happened in order, though brokers' clocks may disagree
	const turn = (at, next) => {
		at = Math.max(at, from);
		if (kind && at > from) lane.bars.push({from, to: at, kind, attempt: number});
		[kind, from, number] = [next, at, next === activity ? attempt : undefined];
	};
	turn(begin, isUpdate ? "wait" : "stage");
	events.forEach((event, n) => {
		const happened = event.type === "distribution_point" ? event.state : event.type;
		if (happened === "retrying") {
			attempt = event.attempt || attempt;
			turn(when(event), "pause");
			mark("retry", {attempt: attempt++});
			const again = Math.min(event.next_retry ?? end, n + 1 < events.length ? when(events[n + 1]) : end);
			if (again < end) turn(again, activity);
		} else if (Object.hasOwn(ENDS, happened)) {
			turn(when(event));
			if (lane.marks.at(-1)?.kind !== ENDS[happened]) mark(ENDS[happened]); // a fact, and the status that tells it
		} else if (happened === "staged") {
			if (activity === "switch" || lane.marks.at(-1)?.kind === "staged") return; // told before
			turn(when(event), isUpdate ? "wait" : undefined);
			mark("staged");
		} else if (Object.hasOwn(AFTER, happened)) {
			if (happened === "release") [activity, attempt] = ["switch", 1];
			turn(when(event), AFTER[happened]);
		}
	});
	turn(end);
	return lane;
}

/** Events as lines of a table: a status that says no more than the record before it shares that one's line. */
export function fold(events) {
	const lines = [];
	for (const event of events) {
		const said = event.state ?? event.type;
		const twin = lines.findLast((line) => line.distribution_point === event.distribution_point);
		if (event.distribution_point && twin?.said === said && !event.reason && !twin.reason) {
			twin.places.push(event.place);
			twin.attempt ??= event.attempt;
		} else lines.push({...event, said, places: [event.place]});
	}
	return lines;
}

function jobLane(job, events, from, end) {
	const lane = {name: undefined, bars: [], marks: []};
	const first = (type, state) => events.find((event) => event.type === type && (!state || event.state === state));
	const bar = (begin, to, kind) => to > begin && lane.bars.push({from: begin, to, kind});
	const held = first("job", "held"), release = first("release");
	const heldAt = held ? Math.max(from, when(held)) : end, releasedAt = release ? Math.max(heldAt, when(release)) : end;
	bar(from, heldAt, "open");
	bar(heldAt, releasedAt, "held");
	if (held) bar(releasedAt, end, "open");
	if (job.final) lane.marks.push({at: end, kind: job.state === "completed" ? "good" : "bad"});
	return lane;
}

/** {from, to, lanes: [{name, bars: [{from, to, kind, attempt}], marks: [{at, kind}]}…]}, the job's own lane first. */
export function lanes(job, now) {
	const events = job.events ?? [];
	const from = beginning(job) ?? now;
	const last = events.length ? when(events.at(-1)) : from;
	const ended = events.findLast((event) => event.type === "job");
	const end = job.final ? Math.max(from, ended ? when(ended) : job.ended ?? last) : Math.max(now, last);
	const byPoint = new Map((job.distribution_points ?? []).map((name) => [name, []]));
	for (const event of events) {
		if (!event.distribution_point) continue;
		if (!byPoint.has(event.distribution_point)) byPoint.set(event.distribution_point, []);
		byPoint.get(event.distribution_point).push(event);
	}
	const accepted = events.find((event) => event.state === "accepted");
	const begin = accepted ? Math.max(from, when(accepted)) : from;
	const points = [...byPoint].map(([name, own]) => pointLane(name, own, job.type === "update", begin, end));
	return {from, to: Math.max(end, last, from + 1), lanes: [jobLane(job, events, from, end), ...points]};
}

/** Round steps for an axis of this length, at most `most` of them: 1, 2, 5 × 10ⁿ ms, then seconds, minutes, hours, days. */
export function ticks(length, most) {
	const steps = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 15e3, 3e4, 6e4, 12e4, 3e5, 6e5, 9e5, 18e5, 36e5, 72e5, 216e5, 432e5, 864e5];
	const step = steps.find((one) => length / one <= most) ?? Math.ceil(length / most / 864e5) * 864e5;
	return Array.from({length: Math.floor(length / step) + 1}, (_, n) => n * step);
}
