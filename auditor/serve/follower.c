#include "auditor/serve/follower.h"

#include "auditor/log/ends.h"
#include "auditor/serve/board.h"
#include "auditor/serve/pulse.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	IDLE_MS = 500,     /* how long it waits for a record where nothing is left to do */
	BUSY_MS = 50,      /* and where something is to be committed or told */
	FLUSH_MS = 250,    /* what was read is to be seen after this time */
	BEHIND_MS = 10000, /* the same while all is read again: the board is brought up only so often */
	BOARD_SHARE = 5,   /* the board gets one part in so many of the time */
	RETRY_MS = 2000,   /* between attempts to reach Kafka */
	RETRY_STEP_MS = 100,
	ENDS_TIMEOUT_MS = 2000,
};

struct follower {
	struct follower_spec spec;
	void (*ended)(void *context, const struct error *err);
	void *context;
	pthread_t thread;
	atomic_bool stopping;

	struct replay *replay; /* NULL: not open */
	struct ends *ends;     /* NULL: of a dump */
	struct fact_reader *reader;
	struct board *board;
	struct pulse *pulse;
	struct standing_place place;
	bool dirty; /* something was applied and not committed */
	int64_t flushed_ms, board_due_ms;
	int64_t away_ms; /* since when Kafka is known to be away; 0: it is not */
};

static bool follower_stopping(struct follower *follower)
{
	return atomic_load(&follower->stopping);
}

static void say(struct follower *follower, const char *words)
{
	snprintf(follower->place.words, sizeof(follower->place.words), "%s", words);
	standing_set(follower->spec.standing, &follower->place);
}

static void say_away(struct follower *follower, const struct error *err)
{
	char words[STANDING_WORDS_MAX];

	if (!follower->away_ms)
		log_line(LOG_WARN, "Kafka is not reachable", "code", err->code, "error", err->message, NULL);
	follower->place.caught_up = false;
	follower->away_ms = clock_monotonic_ms();
	snprintf(words, sizeof(words), "Kafka is not reachable, trying again: %s", err->message);
	say(follower, words);
	pulse_send(follower->pulse, clock_monotonic_ms(), follower->place.read_until_ms, false);
}

/* Whether a broker answered after Kafka was found away. */
static bool is_back(struct follower *follower)
{
	if (follower->away_ms && (!follower->ends || ends_answered_ms(follower->ends) > follower->away_ms)) {
		log_line(LOG_INFO, "Kafka is reachable again", NULL);
		follower->away_ms = 0;
	}
	return !follower->away_ms;
}

static void measure_lag(struct follower *follower)
{
	bool known = follower->ends && ends_answered_ms(follower->ends);

	for (int topic = 0; topic < LOG_TOPICS; topic++) {
		int64_t lag = 0;
		for (int32_t p = 0; known && p < replay_partitions(follower->replay); p++) {
			int64_t left = ends_of(follower->ends, (enum log_topic)topic, p) -
			               replay_next_offset(follower->replay, (enum log_topic)topic, p);
			lag += left > 0 ? left : 0;
		}
		follower->place.lag[topic] = known || !follower->ends ? lag : -1;
	}
}

static void say_progress(struct follower *follower)
{
	char words[STANDING_WORDS_MAX];
	uint64_t done, total;

	measure_lag(follower);
	if (!is_back(follower))
		return;
	if (follower->place.caught_up) {
		say(follower, "caught up with the log");
		return;
	}
	replay_progress(follower->replay, &done, &total);
	snprintf(words, sizeof(words), "reading the log: %llu of %llu records (%llu %%)",
	        (unsigned long long)done, (unsigned long long)total,
	        (unsigned long long)(total ? done * 100 / total : 100));
	say(follower, words);
}

/* The board where its time has come; not before every lane has shown where it left off. */
static enum status flush_board(struct follower *follower, int64_t now, struct error *err)
{
	bool may = follower->place.ready || database_is_new(follower->spec.database);

	if (!may || now < follower->board_due_ms || !board_is_behind(follower->board))
		return STATUS_OK;
	enum status status = board_flush(follower->board, err);
	int64_t end = clock_monotonic_ms();
	int64_t pause = BOARD_SHARE * (end - now);
	if (!follower->place.ready && pause < BEHIND_MS)
		pause = BEHIND_MS;
	follower->board_due_ms = end + pause;
	return status;
}

static enum status flush(struct follower *follower, struct error *err)
{
	int64_t now = clock_monotonic_ms();
	enum status status = database_commit(follower->spec.database, err);

	if (status == STATUS_OK)
		status = flush_board(follower, now, err);
	if (status != STATUS_OK)
		return status;
	follower->dirty = false;
	follower->flushed_ms = now;
	say_progress(follower);
	if (!follower->place.ready || !board_is_behind(follower->board)) /* what is told is to be seen */
		pulse_send(follower->pulse, now, follower->place.read_until_ms, follower->place.caught_up);
	return STATUS_OK;
}

static enum status take_in(struct follower *follower, const struct replay_record *record, struct error *err)
{
	struct fact fact;
	bool is_new;

	fact_read(follower->reader, record, follower->replay, &fact);
	enum status status = database_apply(follower->spec.database, &fact, record->value, &is_new, err);
	if (status != STATUS_OK || !is_new)
		return status;
	standing_count(follower->spec.standing, &fact);
	board_note(follower->board, &fact);
	pulse_note(follower->pulse, &fact);
	if (record->time_ms > follower->place.read_until_ms)
		follower->place.read_until_ms = record->time_ms;
	follower->dirty = true;
	follower->away_ms = 0;
	return STATUS_OK;
}

/* Nothing came for now. */
static enum status rest(struct follower *follower, struct error *err)
{
	bool end = replay_is_past_end(follower->replay);
	struct error why;

	if (follower->ends && ends_are_unknown(follower->ends, &why))
		say_away(follower, &why);
	if (end && !follower->place.ready) {
		enum status status = database_check_lanes(follower->spec.database, err);
		if (status != STATUS_OK)
			return status;
		follower->place.ready = true;
		follower->board_due_ms = 0;
		log_line(LOG_INFO, "caught up with the log", NULL);
	}
	follower->place.caught_up = end && is_back(follower);
	if (follower->place.caught_up)
		follower->place.read_until_ms = clock_wall_ms();
	return flush(follower, err);
}

static enum status step(struct follower *follower, struct error *err)
{
	struct replay_record record;
	bool busy = follower->dirty || board_is_behind(follower->board) || !follower->place.caught_up;
	bool found = false;
	enum status status = replay_next(follower->replay, busy ? BUSY_MS : IDLE_MS, &record, &found, err);

	if (status == STATUS_RETRY) {
		say_away(follower, err);
		usleep(RETRY_STEP_MS * 1000);
		return database_commit(follower->spec.database, err);
	}
	if (status != STATUS_OK)
		return status;
	if (!found)
		return rest(follower, err);
	status = take_in(follower, &record, err);
	if (status == STATUS_OK && clock_monotonic_ms() - follower->flushed_ms >= FLUSH_MS)
		status = flush(follower, err);
	return status;
}

static void pause_before_retry(struct follower *follower)
{
	for (int waited = 0; waited < RETRY_MS && !follower_stopping(follower); waited += RETRY_STEP_MS)
		usleep(RETRY_STEP_MS * 1000);
}

/* Until Kafka answers; what it lacks may come: topics too. */
static enum status open_replay(struct follower *follower, struct error *err)
{
	const struct replay_spec spec = {.topics = LOG_ALL,
	        .until_time_ms = INT64_MAX,
	        .first_offset = database_first_offset,
	        .context = follower->spec.database,
	        .follow = true,
	        .timeout_ms = follower->spec.timeout_ms};

	while (!follower_stopping(follower)) {
		enum status status = replay_open(follower->spec.options, &spec, &follower->replay, err);
		if (status == STATUS_OK)
			return status;
		if (status != STATUS_RETRY && strcmp(err->code, "topic_missing") != 0)
			return status;
		say_away(follower, err);
		pause_before_retry(follower);
	}
	return STATUS_OK;
}

/* The minutes that an earlier run has read. */
static enum status load_minutes(struct follower *follower, struct error *err)
{
	struct query *query = query_new(follower->spec.database,
	        "SELECT logged / 60000 * 60000, count(*) FILTER (WHERE topic = 'jobs' AND type IN ('create', "
	        "'update')),"
	        " count(*) FILTER (WHERE type = 'staged'), count(*) FILTER (WHERE type = 'updated'),"
	        " count(*) FILTER (WHERE type = 'distribution_point' AND state = 'failed')"
	        " FROM event WHERE logged >= ? GROUP BY 1");
	enum status status;
	bool row;

	query_bind_int(query, clock_wall_ms() - STANDING_MINUTES * INT64_C(60000));
	while ((status = query_next(query, &row, err)) == STATUS_OK && row) {
		const struct minute minute = {query_int(query, 0), (uint64_t)query_int(query, 1),
		        (uint64_t)query_int(query, 2), (uint64_t)query_int(query, 3),
		        (uint64_t)query_int(query, 4)};
		standing_add_minute(follower->spec.standing, &minute);
	}
	query_free(query);
	return status;
}

static enum status follow(struct follower *follower, struct error *err)
{
	enum status status = load_minutes(follower, err);

	if (status == STATUS_OK)
		status = board_open(follower->spec.database, &follower->board, err);
	if (status == STATUS_OK)
		status = open_replay(follower, err);
	if (status == STATUS_OK && follower->replay)
		log_line(LOG_INFO, "reading the log", "partitions",
		        log_number(replay_partitions(follower->replay)), NULL);
	while (status == STATUS_OK && !follower_stopping(follower))
		status = step(follower, err);
	if (status == STATUS_OK && follower->dirty)
		status = database_commit(follower->spec.database, err);
	if (status == STATUS_OK && follower->place.ready && board_is_behind(follower->board))
		status = board_flush(follower->board, err);
	return status;
}

static void *run(void *context)
{
	struct follower *follower = context;
	struct error err;

	follower->reader = fact_reader_new();
	follower->pulse = pulse_new(follower->spec.broadcast);
	say(follower, "connecting to Kafka");
	if (!options_text(follower->spec.options, "dump"))
		follower->ends = ends_start(follower->spec.options, ENDS_TIMEOUT_MS);
	if (follow(follower, &err) != STATUS_OK) {
		follower->place.caught_up = false;
		say(follower, err.message);
		follower->ended(follower->context, &err);
	}
	ends_stop(follower->ends);
	replay_close(follower->replay);
	board_free(follower->board);
	pulse_free(follower->pulse);
	fact_reader_free(follower->reader);
	return NULL;
}

struct follower *follower_start(const struct follower_spec *spec,
        void (*ended)(void *context, const struct error *err), void *context)
{
	struct follower *follower = memory_alloc(sizeof(*follower));

	follower->spec = *spec;
	follower->ended = ended;
	follower->context = context;
	for (int topic = 0; topic < LOG_TOPICS; topic++)
		follower->place.lag[topic] = -1;
	int failed = pthread_create(&follower->thread, NULL, run, follower);
	assert(!failed);
	(void)failed;
	return follower;
}

void follower_stop(struct follower *follower)
{
	if (!follower)
		return;
	atomic_store(&follower->stopping, true);
	pthread_join(follower->thread, NULL);
	free(follower);
}
