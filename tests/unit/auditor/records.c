#include "records.h"

#include "base/memory.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct position nowhere = {-1, -1};

struct fact fact_at(enum fact_type type, enum log_topic topic, int32_t partition, int64_t offset)
{
	struct fact fact = {.type = type, .topic = topic, .position = {partition, offset}};

	fact.job_position = fact.original = fact.duplicate = nowhere;
	fact.staged_position = fact.release_position = fact.origin = nowhere;
	fact.log_time_ms = fact.time_ms = 1000 + offset;
	return fact;
}

struct fact fact_of(enum fact_type type, enum log_topic topic, int64_t offset, int64_t job_offset)
{
	struct fact fact = fact_at(type, topic, 0, offset);

	fact.key = fact.package = view_text("PKG");
	fact.version = view_text("1.0");
	fact.point = view_text("paris");
	fact.job_id = view_text("c-1");
	fact.job_type = view_text("create");
	fact.job_position = (struct position){0, job_offset};
	return fact;
}

/* ---- random histories */

static unsigned draw(unsigned *seed, unsigned below)
{
	*seed = *seed * 1664525U + 1013904223U;
	return (*seed >> 8) % below;
}

static struct view pick(unsigned *seed, size_t count, const char *const *names)
{
	unsigned chosen = draw(seed, (unsigned)count + 1);

	return view_text(chosen == count ? NULL : names[chosen]);
}
#define PICK(seed, ...)                                                                                      \
	pick(seed, sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *), (const char *[]){__VA_ARGS__})

static struct position somewhere(unsigned *seed, int32_t partition)
{
	if (draw(seed, 8) == 0)
		return nowhere;
	return (struct position){draw(seed, 8) ? partition : (int32_t)draw(seed, 3), draw(seed, 6)};
}

static enum fact_type type_in(unsigned *seed, enum log_topic topic)
{
	static const enum fact_type types[LOG_TOPICS][3] = {{FACT_JOB, FACT_JOB, FACT_UNREADABLE},
	        {FACT_STAGED, FACT_RELEASE, FACT_WITHHELD}, {FACT_UPDATED, FACT_UPDATED, FACT_UNREADABLE},
	        {FACT_JOB_STATUS, FACT_POINT, FACT_DUPLICATE},
	        {FACT_DEAD_LETTER, FACT_DEAD_LETTER, FACT_DEAD_LETTER}};

	return types[topic][draw(seed, 3)];
}

static struct fact random_fact(unsigned *seed, enum log_topic topic, int32_t partition, int64_t offset)
{
	struct fact fact = fact_at(type_in(seed, topic), topic, partition, offset);

	fact.time_ms = 1000 + draw(seed, 50);
	fact.package = PICK(seed, "A", "B", "C");
	fact.version = PICK(seed, "1", "2", "1", "2");
	fact.point = PICK(seed, "paris", "tokyo", "osaka", "lima");
	fact.job_id = PICK(seed, "j1", "j2", "j3");
	fact.id = PICK(seed, "i1", "i2", "i3");
	fact.job_type = PICK(seed, "create", "update", "dance");
	fact.has_content = draw(seed, 2);
	fact.job_position = somewhere(seed, partition);
	fact.original = somewhere(seed, partition);
	fact.duplicate = somewhere(seed, partition);
	fact.origin = somewhere(seed, partition);
	fact.origin_topic = PICK(seed, "holdpoint.jobs", "holdpoint.jobs", "holdpoint.staged");
	fact.requested_by = PICK(seed, "ann", "bob");
	fact.points = PICK(seed, "[\"paris\",\"tokyo\"]", "[\"lima\",7]", "[\"pa", "{}");
	if (fact.type == FACT_POINT)
		fact.state = PICK(seed, "pending", "retrying", "staged", "failed");
	else
		fact.state = PICK(seed, "accepted", "accepted", "held", "completed");
	fact.final = view_is(fact.state, "completed");
	fact.reason = PICK(seed, "r1", "r2");
	fact.detail = PICK(seed, "d1", "d2");
	fact.missing = PICK(seed, "[\"paris\"]");
	fact.outcomes = PICK(seed, "{}");
	fact.deadline_ms = draw(seed, 3);
	fact.waiting_staged = draw(seed, 3);
	fact.waiting_targets = draw(seed, 3);
	fact.attempt = draw(seed, 3);
	fact.next_retry_ms = draw(seed, 2);
	fact.files = draw(seed, 9);
	fact.dp_id = PICK(seed, "x", "y");
	return fact;
}

void history_make(struct history *history, unsigned seed)
{
	enum { PARTITIONS = 3, LANE_MAX = 24 };

	*history = (struct history){
	        .facts = memory_alloc(LOG_TOPICS * PARTITIONS * LANE_MAX * sizeof(struct fact))};
	for (int topic = 0; topic < LOG_TOPICS; topic++)
		for (int32_t partition = 0; partition < PARTITIONS; partition++) {
			int64_t offset = draw(&seed, 3);

			history->lane_starts[history->lanes++] = history->count;
			for (unsigned left = draw(&seed, LANE_MAX); left > 0; left--) {
				history->facts[history->count++] =
				        random_fact(&seed, (enum log_topic)topic, partition, offset);
				offset += 1 + draw(&seed, 2);
			}
		}
	history->lane_starts[history->lanes] = history->count;
}

void history_release(struct history *history)
{
	free(history->facts);
}

size_t history_feed(const struct history *history, unsigned seed, size_t stop, struct database *database)
{
	size_t at[64], left = history->count, added = 0;
	struct error err;

	memcpy(at, history->lane_starts, sizeof(at));
	while (left > 0 && added < stop) {
		size_t lane = draw(&seed, (unsigned)history->lanes);
		const struct fact *fact = &history->facts[at[lane]];
		bool is_new = false;

		if (at[lane] == history->lane_starts[lane + 1])
			continue;
		at[lane]++;
		left--;
		cr_assert_eq(database_apply(database, fact, view_text("{}"), &is_new, &err), STATUS_OK, "%s",
		        err.message);
		added += is_new;
		if (draw(&seed, 10) == 0)
			cr_assert_eq(database_commit(database, &err), STATUS_OK, "%s", err.message);
	}
	return added;
}

/* ---- what a database says */

static void add_row(struct buffer *out, struct query *query)
{
	for (int column = 0; column < query_columns(query); column++) {
		struct view text = query_text(query, column);

		if (query_is_null(query, column))
			buffer_add_text(out, "NULL");
		buffer_add(out, text.data, text.len);
		buffer_add_text(out, column + 1 < query_columns(query) ? "|" : "");
	}
}

static void add_answer(struct buffer *out, struct database *database, const char *sql, size_t rows)
{
	struct query *query = query_new(database, sql);
	struct error err;
	bool row = false;

	while (rows-- > 0) {
		cr_assert_eq(query_next(query, &row, &err), STATUS_OK, "%s: %s", sql, err.message);
		if (!row)
			break;
		add_row(out, query);
		buffer_add_text(out, rows ? "\n" : "");
	}
	query_free(query);
}

char *database_dump(struct database *database)
{
	static const char *const tables[] = {"meta", "lane", "event", "job", "copy", "pointer"};
	struct buffer out;

	buffer_init(&out, 1U << 26);
	for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++) {
		char *sql = memory_format("SELECT * FROM %s", tables[i]); /* WITHOUT ROWID: by their keys */

		buffer_add_format(&out, "-- %s\n", tables[i]);
		add_answer(&out, database, sql, SIZE_MAX);
		free(sql);
	}
	cr_assert_not(out.full);
	return out.data;
}

const char *ask(struct database *database, const char *sql)
{
	static struct buffer answer;
	static char text[4096];

	buffer_init(&answer, sizeof(text));
	add_answer(&answer, database, sql, 1);
	snprintf(text, sizeof(text), "%.*s", (int)answer.len, answer.len ? answer.data : "");
	buffer_release(&answer);
	return text;
}

/* ---- files */

static char folder[64], path[96];

const char *new_file(void)
{
	snprintf(folder, sizeof(folder), "/tmp/holdpoint-database-XXXXXX");
	cr_assert_not_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/history.sqlite", folder);
	return path;
}

const char *old_file(void)
{
	return path;
}

void remove_file(void)
{
	static const char *const endings[] = {"", "-wal", "-shm", "-journal"};
	char name[128];

	for (size_t i = 0; i < 4; i++) {
		snprintf(name, sizeof(name), "%s%s", path, endings[i]);
		unlink(name);
	}
	rmdir(folder);
}
