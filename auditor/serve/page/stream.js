// What changes, as it changes. Reconnects by itself, a little later each time; a hidden tab holds no connection, since
// a browser has only six of them for a server.

const FIRST_PAUSE = 500, LONGEST_PAUSE = 10000;

/** on.state("live" | "reconnecting" | "catching up", readUntil), on.change(what), on.missed(): some may have been lost. */
export function follow(on) {
	let source, timer, pause = FIRST_PAUSE, greeted = false;

	function heard(event, isHello) {
		const news = JSON.parse(event.data || "{}");
		pause = FIRST_PAUSE;
		on.state(news.caught_up === false ? "catching up" : "live", news.read_until);
		if (!isHello) on.change(news);
		else if (greeted) on.missed(); // connected anew, or caught_up has changed
		greeted = true;
	}

	function open() {
		clearTimeout(timer);
		source?.close();
		source = new EventSource("api/stream");
		source.addEventListener("hello", (event) => heard(event, true));
		source.addEventListener("change", (event) => heard(event, false));
		source.onerror = () => {
			on.state("reconnecting");
			source.close();
			timer = setTimeout(open, pause * (0.5 + Math.random()));
			pause = Math.min(pause * 2, LONGEST_PAUSE);
		};
	}

	document.addEventListener("visibilitychange", () => {
		if (!document.hidden) return open();
		clearTimeout(timer);
		source.close();
	});
	addEventListener("online", open);
	if (!document.hidden) open();
}
