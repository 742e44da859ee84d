/* All requests on one curl_multi: driven, timed, ended. */
#include "distribution/exchange.h"

#include "base/clock.h"
#include "base/memory.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	IDLE_HANDLES_MAX = 64,
	ACTIVE_MAX = 512, /* requests, and connections, at once */
	FDS_MAX = 8,
	SWEEP_MS = 100,   /* how often stalls are looked for */
	PACE_MS = 20,     /* how often paused requests are looked at */
	ASLEEP_MS = 5000, /* stopped for so long, others may have taken over: the lease of engine/shard.c */
};

TAILQ_HEAD(exchanges, exchange);

struct pump {
	CURLM *multi;
	struct pump_options options;
	struct exchanges waiting, active, ended; /* waiting: beyond ACTIVE_MAX, first come first served */
	CURL *idle[IDLE_HANDLES_MAX];
	size_t idle_count;
	int64_t swept_ms, awake_ms;
	bool any_paced;
	size_t active_count;
};

struct pump *pump_new(const struct pump_options *options)
{
	struct pump *pump = memory_alloc(sizeof(*pump));

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0 || !(pump->multi = curl_multi_init()))
		abort();
	pump->options = *options;
	curl_multi_setopt(pump->multi, CURLMOPT_MAXCONNECTS, (long)ACTIVE_MAX);
	TAILQ_INIT(&pump->waiting);
	TAILQ_INIT(&pump->active);
	TAILQ_INIT(&pump->ended);
	pump->awake_ms = clock_monotonic_ms();
	return pump;
}

void pump_free(struct pump *pump)
{
	if (!pump)
		return;
	assert(TAILQ_EMPTY(&pump->waiting) && TAILQ_EMPTY(&pump->active) && TAILQ_EMPTY(&pump->ended));
	for (size_t i = 0; i < pump->idle_count; i++)
		curl_easy_cleanup(pump->idle[i]);
	curl_multi_cleanup(pump->multi);
	curl_global_cleanup();
	free(pump);
}

/* From the active ones to the ended ones. */
static void end_exchange(struct pump *pump, struct exchange *exchange, enum request_outcome outcome)
{
	exchange->request->answer.outcome = outcome;
	if (exchange->added)
		curl_multi_remove_handle(pump->multi, exchange->easy);
	exchange->added = false;
	pump->active_count--;
	TAILQ_REMOVE(&pump->active, exchange, entry);
	TAILQ_INSERT_HEAD(&pump->ended, exchange, entry);
}

static void start_exchange(struct pump *pump, struct exchange *exchange)
{
	exchange->easy = pump->idle_count ? pump->idle[--pump->idle_count] : curl_easy_init();
	if (!exchange->easy)
		abort();
	exchange->moved_ms = exchange->window_ms = clock_monotonic_ms();
	TAILQ_INSERT_HEAD(&pump->active, exchange, entry);
	pump->active_count++;
	exchange->added =
	        exchange_prepare(exchange) && curl_multi_add_handle(pump->multi, exchange->easy) == CURLM_OK;
	if (!exchange->added)
		end_exchange(pump, exchange, REQUEST_NOT_SENT);
}

static void start_waiting(struct pump *pump)
{
	struct exchange *exchange;

	while ((exchange = TAILQ_FIRST(&pump->waiting)) && pump->active_count < ACTIVE_MAX) {
		TAILQ_REMOVE(&pump->waiting, exchange, entry);
		start_exchange(pump, exchange);
	}
}

void pump_submit(struct pump *pump, struct request *request)
{
	struct exchange *exchange = memory_alloc(sizeof(*exchange));

	memset(&request->answer, 0, sizeof(request->answer));
	request->answer.content_length = request->answer.range_start = -1;
	request->exchange = exchange;
	exchange->request = request;
	exchange->options = &pump->options;
	exchange->any_paced = &pump->any_paced;
	buffer_init(&exchange->kept, request->answer_max);
	TAILQ_INSERT_TAIL(&pump->waiting, exchange, entry);
	start_waiting(pump);
}

static void cancel_waiting(struct pump *pump, struct exchange *exchange)
{
	struct exchange *each;

	TAILQ_FOREACH(each, &pump->waiting, entry)
		if (each == exchange)
			break;
	if (!each)
		return; /* it has ended */
	TAILQ_REMOVE(&pump->waiting, exchange, entry);
	exchange->request->answer.outcome = REQUEST_CANCELED;
	TAILQ_INSERT_HEAD(&pump->ended, exchange, entry);
}

void pump_cancel(struct pump *pump, struct request *request)
{
	if (request->exchange->added)
		end_exchange(pump, request->exchange, REQUEST_CANCELED);
	else
		cancel_waiting(pump, request->exchange);
}

void pump_resume(struct pump *pump, struct request *request)
{
	(void)pump;
	struct exchange *exchange = request->exchange;
	if (!exchange->added || !exchange->waiting)
		return;
	exchange->waiting = false;
	exchange->moved_ms = clock_monotonic_ms();
	if (!exchange->paced)
		curl_easy_pause(exchange->easy, CURLPAUSE_CONT);
}

/* ---- ending */

static void take_messages(struct pump *pump)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(pump->multi, &left))) {
		struct exchange *exchange;
		CURLcode result = message->data.result;
		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&exchange);
		if (!exchange->words[0] && result != CURLE_OK)
			snprintf(exchange->words, sizeof(exchange->words), "%s", curl_easy_strerror(result));
		exchange_read_answer(exchange);
		end_exchange(pump, exchange, exchange_judge(exchange, result));
	}
}

static void recycle(struct pump *pump, struct exchange *exchange)
{
	curl_slist_free_all(exchange->headers);
	if (exchange->easy)
		curl_easy_reset(exchange->easy);
	if (exchange->easy && pump->idle_count < IDLE_HANDLES_MAX)
		pump->idle[pump->idle_count++] = exchange->easy;
	else
		curl_easy_cleanup(exchange->easy);
	buffer_release(&exchange->kept);
	free(exchange);
}

static void answer_ended(struct pump *pump)
{
	struct exchange *exchange;

	while ((exchange = TAILQ_FIRST(&pump->ended))) {
		struct request *request = exchange->request;
		TAILQ_REMOVE(&pump->ended, exchange, entry);
		snprintf(request->answer.words, sizeof(request->answer.words), "%s", exchange->words);
		if (request->answer_max && request->answer.outcome == REQUEST_ANSWERED) {
			request->answer.len = exchange->kept.len;
			request->answer.body = memory_copy(exchange->kept.data, exchange->kept.len);
		}
		recycle(pump, exchange);
		request->exchange = NULL;
		request->done(request);
		start_waiting(pump);
	}
}

/* ---- time */

/* Slower than wanted over a whole window; silence is the stall time-out's business. */
static bool is_too_slow(struct exchange *exchange, int64_t now)
{
	const struct pump_options *options = exchange->options;
	int64_t passed = now - exchange->window_ms;
	bool silent = now - exchange->moved_ms >= options->low_speed_ms;

	if (!options->low_speed_bytes || !options->low_speed_ms || passed < options->low_speed_ms)
		return false;
	uint64_t moved = exchange->moved_bytes - exchange->window_bytes;
	exchange->window_ms = now;
	exchange->window_bytes = exchange->moved_bytes;
	return !silent && (double)moved * 1000 < (double)options->low_speed_bytes * (double)passed;
}

/* Time that passes while we ourselves hold a request back is not the server's. */
static void excuse(struct exchange *exchange, int64_t now)
{
	const struct pace *pace = exchange->request->pace;
	bool held = exchange->waiting || exchange->paced;

	if (held)
		exchange->moved_ms = now;
	if (held || (pace && pace->bytes_per_second)) {
		exchange->window_ms = now;
		exchange->window_bytes = exchange->moved_bytes;
	}
}

static void sweep_one(struct pump *pump, struct exchange *exchange, int64_t now)
{
	int64_t patience = pump->options.stall_timeout_ms + exchange->request->patience_ms;

	excuse(exchange, now);
	if (now - exchange->moved_ms > patience)
		snprintf(exchange->words, sizeof(exchange->words), "no byte moved for %lld ms",
		        (long long)(now - exchange->moved_ms));
	else if (is_too_slow(exchange, now))
		snprintf(exchange->words, sizeof(exchange->words), "slower than %lld bytes a second",
		        (long long)pump->options.low_speed_bytes);
	else
		return;
	end_exchange(pump, exchange, exchange_was_sent(exchange) ? REQUEST_TIMED_OUT : REQUEST_UNREACHABLE);
}

static void resume_paced(struct pump *pump, int64_t now)
{
	struct exchange *exchange;

	pump->any_paced = false;
	TAILQ_FOREACH(exchange, &pump->active, entry) {
		if (!exchange->paced)
			continue;
		if (!pace_piece(exchange->request->pace, now, 1)) {
			pump->any_paced = true;
			continue;
		}
		exchange->paced = false;
		if (!exchange->waiting)
			curl_easy_pause(exchange->easy, CURLPAUSE_CONT);
	}
}

static void look_at_clock(struct pump *pump)
{
	int64_t now = clock_monotonic_ms();

	if (pump->any_paced)
		resume_paced(pump, now);
	if (now - pump->swept_ms < SWEEP_MS)
		return;
	pump->swept_ms = now;
	for (struct exchange *exchange = TAILQ_FIRST(&pump->active), *next; exchange; exchange = next) {
		next = TAILQ_NEXT(exchange, entry);
		sweep_one(pump, exchange, now);
	}
}

/* Whoever was stopped or suspended meanwhile has successors: nothing that it began goes on, neither by
 * sending nor by what an old answer says. What is still wanted is looked at afresh. */
static void end_if_slept(struct pump *pump)
{
	int64_t now = clock_monotonic_ms(), slept = now - pump->awake_ms;
	struct exchange *exchange;

	pump->awake_ms = now;
	while (slept > ASLEEP_MS && (exchange = TAILQ_FIRST(&pump->active))) {
		snprintf(exchange->words, sizeof(exchange->words), "this process was stopped for %lld ms",
		        (long long)slept);
		end_exchange(pump, exchange,
		        exchange_was_sent(exchange) ? REQUEST_TIMED_OUT : REQUEST_UNREACHABLE);
	}
}

void pump_turn(struct pump *pump, const int *fds, size_t fd_count, int64_t timeout_ms)
{
	struct curl_waitfd extra[FDS_MAX];
	int running;

	assert(fd_count <= FDS_MAX);
	for (size_t i = 0; i < fd_count; i++)
		extra[i] = (struct curl_waitfd){.fd = fds[i], .events = CURL_WAIT_POLLIN};
	if (!TAILQ_EMPTY(&pump->active) && timeout_ms > SWEEP_MS)
		timeout_ms = SWEEP_MS;
	if (pump->any_paced && timeout_ms > PACE_MS)
		timeout_ms = PACE_MS;
	end_if_slept(pump);
	curl_multi_perform(pump->multi, &running);
	take_messages(pump);
	if (TAILQ_EMPTY(&pump->ended))
		curl_multi_poll(pump->multi, extra, (unsigned)fd_count, (int)timeout_ms, NULL);
	end_if_slept(pump);
	curl_multi_perform(pump->multi, &running);
	take_messages(pump);
	look_at_clock(pump);
	answer_ended(pump);
}
