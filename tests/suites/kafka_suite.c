#include "tests/suites/kafka_suite.h"

#include "base/clock.h"
#include "base/memory.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEADLINE_MS = 30000, ROWS_MAX = 64, READ_MAX = 32 };

/* ---- steps */

struct rows {
	char *keys[ROWS_MAX], *values[ROWS_MAX]; /* value NULL: removed */
	size_t count;
	const char *refuse; /* a key that is not taken */
};

static enum status take_row(struct view key, struct view value, void *context, struct error *err)
{
	struct rows *rows = context;

	if (rows->refuse && view_is(key, rows->refuse))
		return error_set(err, STATUS_FATAL, "state_newer", "a row of a newer version");
	cr_assert_lt(rows->count, ROWS_MAX);
	rows->keys[rows->count] = memory_copy(key.data, key.len);
	rows->values[rows->count++] = value.data ? memory_copy(value.data, value.len) : NULL;
	return STATUS_OK;
}

static void rows_clear(struct rows *rows)
{
	for (size_t i = 0; i < rows->count; i++) {
		free(rows->keys[i]);
		free(rows->values[i]);
	}
	*rows = (struct rows){0};
}

static size_t rows_find(const struct rows *rows, const char *key)
{
	size_t i = 0;

	while (i < rows->count && strcmp(rows->keys[i], key) != 0)
		i++;
	return i;
}

struct term {
	struct claim claim;
	int64_t offset, time_ms;
};

static void claim(struct kafka *kafka, struct term *term)
{
	struct error err = {0};

	*term = (struct term){.offset = -1};
	cr_assert_eq(kafka_claim(kafka, &term->claim, &term->offset, &term->time_ms, &err), OUTCOME_OK, "%s",
	        err.message);
}

static enum outcome restore(struct kafka *kafka, struct term *term, struct rows *rows, struct error *err)
{
	return kafka_restore(kafka, &term->claim, term->offset, take_row, rows, err);
}

static void claim_and_restore(struct kafka *kafka, struct term *term)
{
	struct error err = {0};
	struct rows rows = {0};

	claim(kafka, term);
	cr_assert_eq(restore(kafka, term, &rows, &err), OUTCOME_OK, "%s", err.message);
	rows_clear(&rows);
}

static enum outcome commit_row(struct kafka *kafka, const char *key, const char *value, struct error *err)
{
	struct outbox *outbox = outbox_new();

	const char *slash = strchr(key, '/');
	if (slash) {
		outbox_about(outbox, (struct view){key, (size_t)(slash - key)}, (struct view){0});
		outbox_row(outbox, view_text(slash + 1), view_text(value));
	} else {
		outbox_engine_row(outbox, key, view_text(value));
	}
	enum outcome outcome = kafka_commit(kafka, outbox, err);
	outbox_free(outbox);
	return outcome;
}

static enum outcome commit_record(struct kafka *kafka, const char *key, struct error *err)
{
	struct outbox *outbox = outbox_new();

	outbox_about(outbox, view_text(key), (struct view){0});
	outbox_record(outbox, 0, view_text("v"));
	enum outcome outcome = kafka_commit(kafka, outbox, err);
	outbox_free(outbox);
	return outcome;
}

static void must_commit_row(struct kafka *kafka, const char *key, const char *value)
{
	struct error err = {0};

	cr_assert_eq(commit_row(kafka, key, value, &err), OUTCOME_OK, "%s", err.message);
}

static struct kafka *open_input(struct kafka_world *world, int64_t offset)
{
	struct kafka *kafka = world->owner(world);
	struct error err = {0};
	struct term term;

	claim_and_restore(kafka, &term);
	cr_assert_eq(
	        kafka_open_input(kafka, offset, -1, (struct view){0}, &err), OUTCOME_OK, "%s", err.message);
	return kafka;
}

/* Reads until there are at least so many records, and their keys one behind the other are these. */
static int64_t must_read(struct kafka *kafka, size_t wanted, const char *keys)
{
	int64_t deadline = clock_monotonic_ms() + DEADLINE_MS, next = -1, last = -1;
	struct record records[READ_MAX];
	struct error err = {0};
	struct buffer found;
	size_t total = 0, count = 0;

	buffer_init(&found, 1024);
	while (total < wanted) {
		cr_assert(clock_monotonic_ms() < deadline, "waited for %zu records, %zu came", wanted, total);
		kafka_wait(kafka, 100, false);
		cr_assert_eq(kafka_read(kafka, records, READ_MAX, &count, &next, &err), OUTCOME_OK, "%s",
		        err.message);
		for (size_t i = 0; i < count; i++) {
			cr_expect_gt(records[i].position.offset, last);
			last = records[i].position.offset;
			buffer_add(&found, records[i].key.data, records[i].key.len);
		}
		total += count;
	}
	cr_expect_gt(next, last);
	cr_expect(view_is(buffer_view(&found), keys), "read %s instead of %s", found.data, keys);
	buffer_release(&found);
	return next;
}

/* ---- claim and restore */

void kafka_suite_restore_gives_rows_in_order_up_to_the_own_claim(struct kafka_world *world)
{
	struct kafka *kafka = world->owner(world);
	struct rows rows = {0};
	struct error err = {0};
	struct term term;

	claim_and_restore(kafka, &term);
	must_commit_row(kafka, "a/1", "one");
	must_commit_row(kafka, "b/1", "two");
	must_commit_row(kafka, "a/1", "three");
	world->release(world, kafka);

	kafka = world->owner(world);
	claim(kafka, &term);
	cr_assert_eq(restore(kafka, &term, &rows, &err), OUTCOME_OK, "%s", err.message);
	size_t a = rows.count, own = rows.count - 1;
	cr_expect_str_eq(rows.keys[0], "@genesis");
	cr_expect_str_eq(rows.keys[own], "@claim");
	cr_expect_str_eq(rows.values[own], term.claim.nonce);
	for (size_t i = 0; i < rows.count; i++)
		if (strcmp(rows.keys[i], "a/1") == 0)
			a = i;
	cr_assert_lt(a, own);
	cr_expect_str_eq(rows.values[a], "three");
	cr_expect_lt(rows_find(&rows, "b/1"), a);
	rows_clear(&rows);
	world->release(world, kafka);
}

void kafka_suite_restore_gives_a_removed_row_as_absent(struct kafka_world *world)
{
	struct kafka *kafka = world->owner(world);
	struct outbox *outbox = outbox_new();
	struct rows rows = {0};
	struct error err = {0};
	struct term term;

	claim_and_restore(kafka, &term);
	must_commit_row(kafka, "a/1", "one");
	outbox_about(outbox, view_text("a"), (struct view){0});
	outbox_row_gone(outbox, view_text("1"));
	cr_assert_eq(kafka_commit(kafka, outbox, &err), OUTCOME_OK, "%s", err.message);
	outbox_free(outbox);
	claim(kafka, &term);
	cr_assert_eq(restore(kafka, &term, &rows, &err), OUTCOME_OK, "%s", err.message);
	size_t last = rows.count;
	for (size_t i = 0; i < rows.count; i++)
		if (strcmp(rows.keys[i], "a/1") == 0)
			last = i;
	cr_assert_lt(last, rows.count);
	cr_expect_null(rows.values[last]);
	rows_clear(&rows);
	world->release(world, kafka);
}

void kafka_suite_claim_has_the_logs_identity_and_its_time(struct kafka_world *world)
{
	struct kafka *kafka = world->owner(world);
	struct term first, second;

	claim_and_restore(kafka, &first);
	claim_and_restore(kafka, &second);
	cr_expect_eq(first.claim.partition, 0);
	cr_expect_gt(strlen(first.claim.log_id), 0);
	cr_expect_str_eq(first.claim.log_id, second.claim.log_id);
	cr_expect_gt(first.time_ms, 0);
	cr_expect_geq(second.time_ms, first.time_ms);
	cr_expect_lt(second.time_ms - first.time_ms, DEADLINE_MS);
	cr_expect_gt(second.offset, first.offset);
	world->release(world, kafka);
}

void kafka_suite_claims_differ(struct kafka_world *world)
{
	struct kafka *kafka = world->owner(world);
	struct term first, second;

	claim(kafka, &first);
	claim(kafka, &second);
	cr_expect_eq(strlen(first.claim.nonce), 32);
	cr_expect_str_neq(first.claim.nonce, second.claim.nonce);
	world->release(world, kafka);
}

void kafka_suite_claim_aborts_what_an_earlier_owner_left_open(struct kafka_world *world)
{
	struct kafka *stalled = world->owner(world), *kafka;
	struct error err = {0};
	struct term term;

	claim_and_restore(stalled, &term);
	world->stall(world, stalled, "open");
	kafka = world->owner(world);
	claim_and_restore(kafka, &term);
	cr_assert_eq(commit_record(kafka, "new", &err), OUTCOME_OK, "%s", err.message);
	cr_expect_eq(world->count_output(world, "new"), 1);
	cr_expect_eq(world->count_output(world, "open"), 0);
	world->release(world, stalled);
	cr_expect_eq(world->count_output(world, "open"), 0);
	world->release(world, kafka);
}

void kafka_suite_a_fenced_owners_commit_is_lost_and_invisible(struct kafka_world *world)
{
	struct kafka *old = world->owner(world), *new = world->owner(world);
	struct error err = {0};
	struct term term;

	claim_and_restore(old, &term);
	cr_assert_eq(commit_record(old, "before", &err), OUTCOME_OK, "%s", err.message);
	claim(new, &term);
	cr_expect_eq(commit_record(old, "after", &err), OUTCOME_LOST);
	cr_expect_neq(err.status, STATUS_REJECT, "a fence is no message's fault");
	cr_expect_gt(strlen(err.message), 0);
	cr_expect_eq(world->count_output(world, "before"), 1);
	cr_expect_eq(world->count_output(world, "after"), 0);
	cr_expect_eq(commit_record(old, "again", &err), OUTCOME_LOST, "a lost claim stays lost");
	cr_expect_eq(world->count_output(world, "again"), 0);
	world->release(world, old);
	world->release(world, new);
}

void kafka_suite_a_fenced_owner_that_claims_again_fences_in_turn(struct kafka_world *world)
{
	struct kafka *first = world->owner(world), *second = world->owner(world);
	struct error err = {0};
	struct term term;

	claim_and_restore(first, &term);
	claim_and_restore(second, &term);
	cr_assert_eq(commit_record(first, "lost", &err), OUTCOME_LOST);
	claim_and_restore(first, &term);
	cr_expect_eq(commit_record(second, "lost", &err), OUTCOME_LOST);
	cr_expect_eq(commit_record(first, "kept", &err), OUTCOME_OK, "%s", err.message);
	cr_expect_eq(world->count_output(world, "lost"), 0);
	cr_expect_eq(world->count_output(world, "kept"), 1);
	world->release(world, first);
	world->release(world, second);
}

void kafka_suite_all_that_was_committed_before_a_claim_is_restored(struct kafka_world *world)
{
	struct kafka *old = world->owner(world), *new = world->owner(world);
	struct rows rows = {0};
	struct error err = {0};
	struct term term;

	claim_and_restore(old, &term);
	must_commit_row(old, "last/1", "kept");
	claim(new, &term);
	cr_expect_eq(commit_row(old, "later/1", "lost", &err), OUTCOME_LOST);
	cr_assert_eq(restore(new, &term, &rows, &err), OUTCOME_OK, "%s", err.message);
	cr_expect_lt(rows_find(&rows, "last/1"), rows.count);
	cr_expect_eq(rows_find(&rows, "later/1"), rows.count);
	rows_clear(&rows);
	world->release(world, old);
	world->release(world, new);
}

void kafka_suite_restore_of_an_overtaken_claim_is_lost_or_proves_nothing(struct kafka_world *world)
{
	struct kafka *old = world->owner(world), *new = world->owner(world);
	struct term overtaken, term;
	struct rows rows = {0};
	struct error err = {0};

	claim(old, &overtaken);
	claim_and_restore(new, &term);
	must_commit_row(new, "@run", "new");
	/* its row may still be there, or be compacted away: the commit that follows is what decides */
	if (restore(old, &overtaken, &rows, &err) == OUTCOME_OK)
		cr_expect_eq(commit_row(old, "@run", "old", &err), OUTCOME_LOST);
	rows_clear(&rows);
	world->release(world, old);
	world->release(world, new);
}

void kafka_suite_a_changelog_without_genesis_is_refused(struct kafka_world *world)
{
	world->lose_changelog(world);
	struct kafka *kafka = world->owner(world);
	struct rows rows = {0};
	struct error err = {0};
	struct term term;

	claim(kafka, &term);
	cr_expect_eq(restore(kafka, &term, &rows, &err), OUTCOME_REFUSED);
	cr_expect_str_eq(err.code, "changelog_lost");
	rows_clear(&rows);
	world->release(world, kafka);
}

void kafka_suite_a_row_that_cannot_be_taken_is_refused(struct kafka_world *world)
{
	struct kafka *kafka = world->owner(world);
	struct rows rows = {.refuse = "new/1"};
	struct error err = {0};
	struct term term;

	claim_and_restore(kafka, &term);
	must_commit_row(kafka, "new/1", "v9");
	claim(kafka, &term);
	cr_expect_eq(restore(kafka, &term, &rows, &err), OUTCOME_REFUSED);
	cr_expect_str_eq(err.code, "state_newer");
	rows_clear(&rows);
	world->release(world, kafka);
}

/* ---- commit */

void kafka_suite_a_commit_is_whole_and_in_order(struct kafka_world *world)
{
	struct kafka *kafka = world->owner(world);
	struct outbox *outbox = outbox_new();
	struct rows rows = {0};
	struct error err = {0};
	struct term term;

	claim_and_restore(kafka, &term);
	outbox_about(outbox, view_text("k"), (struct view){0});
	for (int i = 0; i < 30; i++) {
		char name[8];
		snprintf(name, sizeof(name), "%02d", i);
		outbox_row(outbox, view_text(name), view_text(name));
		outbox_record(outbox, 0, view_text(name));
	}
	cr_assert_eq(kafka_commit(kafka, outbox, &err), OUTCOME_OK, "%s", err.message);
	outbox_free(outbox);
	cr_expect_eq(world->count_output(world, "k"), 30);
	claim(kafka, &term);
	cr_assert_eq(restore(kafka, &term, &rows, &err), OUTCOME_OK, "%s", err.message);
	size_t first = rows_find(&rows, "k/00");
	for (size_t i = 0; i < 30 && first + i < rows.count; i++) {
		char name[8];
		snprintf(name, sizeof(name), "k/%02zu", i);
		cr_expect_str_eq(rows.keys[first + i], name);
	}
	cr_expect_lt(first + 30, rows.count);
	rows_clear(&rows);
	world->release(world, kafka);
}

/* Where one were kept, those of a process would be gone, and the next wait until one is lent: 2 s. */
void kafka_suite_a_turn_is_used_up_by_a_commit_or_passed_on(struct kafka_world *world)
{
	enum { MORE_THAN_THERE_ARE = 8, SOON_MS = 1500 };
	struct kafka *kafka = world->owner(world);
	struct error err = {0};
	struct term term;

	claim_and_restore(kafka, &term);
	for (int i = 0; i < MORE_THAN_THERE_ARE; i++) {
		kafka_await_turn(kafka);
		cr_assert_eq(commit_record(kafka, "turn", &err), OUTCOME_OK, "%s", err.message);
	}
	int64_t began = clock_monotonic_ms();
	for (int i = 0; i < MORE_THAN_THERE_ARE; i++) {
		kafka_await_turn(kafka);
		kafka_await_turn(kafka);
		kafka_pass_turn(kafka);
		kafka_pass_turn(kafka);
	}
	cr_expect_lt(clock_monotonic_ms() - began, SOON_MS);
	cr_expect_eq(world->count_output(world, "turn"), MORE_THAN_THERE_ARE);
	world->release(world, kafka);
}

void kafka_suite_a_refused_message_loses_the_whole_commit_and_a_later_one_works(struct kafka_world *world)
{
	struct kafka *kafka = world->owner(world);
	struct outbox *outbox = outbox_new();
	struct error err = {0};
	struct term term;

	claim_and_restore(kafka, &term);
	outbox_about(outbox, view_text("good"), (struct view){0});
	outbox_record(outbox, 0, view_text("v"));
	world->add_poison(world, outbox);
	outbox_about(outbox, view_text("good"), (struct view){0});
	outbox_record(outbox, 0, view_text("v"));
	cr_assert_eq(kafka_commit(kafka, outbox, &err), OUTCOME_LOST);
	cr_expect_eq(err.status, STATUS_REJECT, "the messages' own fault: %s %s", err.code, err.message);
	outbox_free(outbox);
	cr_expect_eq(world->count_output(world, "good"), 0);
	claim_and_restore(kafka, &term);
	cr_expect_eq(commit_record(kafka, "later", &err), OUTCOME_OK, "%s", err.message);
	cr_expect_eq(world->count_output(world, "later"), 1);
	cr_expect_eq(world->count_output(world, "good"), 0);
	world->release(world, kafka);
}

/* The client refuses it at once, before any broker sees it. */
void kafka_suite_a_message_for_a_partition_that_is_not_there_loses_the_whole_commit(struct kafka_world *world)
{
	struct kafka *kafka = world->owner(world);
	struct outbox *outbox = outbox_new();
	const struct record stray = {.position = {0, 0}, .key = view_text("stray"), .value = view_text("v")};
	struct error err = {0};
	struct term term;

	claim_and_restore(kafka, &term);
	outbox_about(outbox, view_text("good"), (struct view){0});
	outbox_record(outbox, 0, view_text("v"));
	outbox_record_is(outbox, &stray);
	outbox_reroute(outbox, 1000000);
	cr_assert_eq(kafka_commit(kafka, outbox, &err), OUTCOME_LOST);
	outbox_free(outbox);
	cr_expect_eq(world->count_output(world, "good"), 0);
	claim_and_restore(kafka, &term);
	cr_expect_eq(commit_record(kafka, "later", &err), OUTCOME_OK, "%s", err.message);
	world->release(world, kafka);
}

void kafka_suite_a_dead_letter_is_byte_identical(struct kafka_world *world)
{
	struct kafka *kafka;
	struct outbox *outbox = outbox_new();
	struct record record;
	struct error err = {0};
	int64_t next;
	size_t count = 0;

	world->produce(world, "bad", "{\"not\": json");
	kafka = open_input(world, -1);
	for (int64_t end = clock_monotonic_ms() + DEADLINE_MS; count == 0 && clock_monotonic_ms() < end;) {
		kafka_wait(kafka, 100, false);
		cr_assert_eq(
		        kafka_read(kafka, &record, 1, &count, &next, &err), OUTCOME_OK, "%s", err.message);
	}
	cr_assert_eq(count, 1);
	outbox_record_is(outbox, &record);
	outbox_about(outbox, record.key, record.traceparent);
	outbox_dead_letter(outbox, "invalid_json", "no JSON");
	cr_assert_eq(kafka_commit(kafka, outbox, &err), OUTCOME_OK, "%s", err.message);
	cr_expect(view_is(record.value, "{\"not\": json"), "the record is valid until the next read");
	outbox_free(outbox);
	world->release(world, kafka);
}

/* ---- read */

void kafka_suite_read_gives_what_was_produced_in_order(struct kafka_world *world)
{
	for (const char *key = "abcdefgh"; *key; key++)
		world->produce(world, (char[]){*key, '\0'}, "v");
	struct kafka *kafka = open_input(world, -1);
	must_read(kafka, 8, "abcdefgh");
	world->produce(world, "i", "v");
	must_read(kafka, 1, "i");
	world->release(world, kafka);
}

void kafka_suite_read_takes_no_more_than_asked(struct kafka_world *world)
{
	int64_t deadline = clock_monotonic_ms() + DEADLINE_MS, next = -1;
	struct record record;
	struct error err = {0};
	size_t count, total = 0;

	for (const char *key = "abcde"; *key; key++)
		world->produce(world, (char[]){*key, '\0'}, "v");
	struct kafka *kafka = open_input(world, -1);
	/* one at a time: what is left behind must not be slept on */
	while (total < 5) {
		cr_assert(clock_monotonic_ms() < deadline, "waited for 5 records, %zu came", total);
		kafka_wait(kafka, DEADLINE_MS, false);
		cr_assert_eq(
		        kafka_read(kafka, &record, 1, &count, &next, &err), OUTCOME_OK, "%s", err.message);
		cr_assert_leq(count, 1);
		if (count)
			cr_expect_eq(record.key.data[0], 'a' + (char)total);
		if (count)
			cr_expect_eq(next, record.position.offset + 1);
		total += count;
	}
	world->release(world, kafka);
}

void kafka_suite_read_goes_on_at_an_offset(struct kafka_world *world)
{
	int64_t at = 0;

	for (const char *key = "abcd"; *key; key++) {
		int64_t offset = world->produce(world, (char[]){*key, '\0'}, "v");
		at = *key == 'c' ? offset : at;
	}
	struct kafka *kafka = open_input(world, at);
	must_read(kafka, 2, "cd");
	world->release(world, kafka);
}

void kafka_suite_read_moves_over_what_was_aborted(struct kafka_world *world)
{
	world->produce(world, "a", "v");
	world->produce_aborted(world, "x");
	world->produce(world, "b", "v");
	world->produce_aborted(world, "y");
	struct kafka *kafka = open_input(world, -1);
	int64_t next = must_read(kafka, 2, "ab"), deadline = clock_monotonic_ms() + DEADLINE_MS;
	struct record record;
	struct error err = {0};
	size_t count = 0;
	/* a, x, its marker, b, y, its marker */
	while (next < 6) {
		cr_assert(clock_monotonic_ms() < deadline, "went on at %lld, not 6", (long long)next);
		kafka_wait(kafka, 100, false);
		cr_assert_eq(
		        kafka_read(kafka, &record, 1, &count, &next, &err), OUTCOME_OK, "%s", err.message);
		cr_assert_eq(count, 0);
	}
	cr_expect_eq(next, 6);
	/* which is a position that can be opened again */
	cr_assert_eq(
	        kafka_open_input(kafka, next, -1, (struct view){0}, &err), OUTCOME_OK, "%s", err.message);
	world->produce(world, "c", "v");
	must_read(kafka, 1, "c");
	world->release(world, kafka);
}

void kafka_suite_read_of_nothing_is_empty(struct kafka_world *world)
{
	struct kafka *kafka = open_input(world, -1);
	struct record record;
	struct error err = {0};
	int64_t next = -1;
	size_t count = 9;

	cr_expect_eq(kafka_read(kafka, &record, 1, &count, &next, &err), OUTCOME_OK, "%s", err.message);
	cr_expect_eq(count, 0);
	cr_expect_eq(next, 0);
	world->release(world, kafka);
}

void kafka_suite_wait_sleeps_when_there_is_nothing(struct kafka_world *world)
{
	struct kafka *kafka = open_input(world, -1);
	struct record record;
	struct error err = {0};
	int64_t next, start;
	size_t count;
	int tries = 0;

	do { /* the end of the partition comes by once */
		start = clock_monotonic_ms();
		kafka_wait(kafka, 300, false);
		cr_assert_eq(
		        kafka_read(kafka, &record, 1, &count, &next, &err), OUTCOME_OK, "%s", err.message);
		cr_assert_eq(count, 0);
	} while (clock_monotonic_ms() - start < 300 && ++tries < 20);
	cr_expect_lt(tries, 20, "it never slept");
	world->release(world, kafka);
}

void kafka_suite_wait_does_not_wake_for_input_while_paused(struct kafka_world *world)
{
	world->produce(world, "a", "v");
	struct kafka *kafka = open_input(world, -1);
	int64_t start = clock_monotonic_ms();

	cr_expect_eq(kafka_wait(kafka, 200, true), 0);
	cr_expect_geq(clock_monotonic_ms() - start, 200);
	must_read(kafka, 1, "a");
	world->release(world, kafka);
}

void kafka_suite_null_keys_and_values_stay_null(struct kafka_world *world)
{
	int64_t deadline = clock_monotonic_ms() + DEADLINE_MS, next;
	struct record record;
	struct error err = {0};
	size_t count = 0;

	world->produce(world, NULL, NULL);
	struct kafka *kafka = open_input(world, -1);
	while (count == 0) {
		cr_assert(clock_monotonic_ms() < deadline, "waited for a record");
		kafka_wait(kafka, 100, false);
		cr_assert_eq(
		        kafka_read(kafka, &record, 1, &count, &next, &err), OUTCOME_OK, "%s", err.message);
	}
	cr_expect_null(record.key.data);
	cr_expect_null(record.value.data);
	cr_expect_null(record.traceparent.data);
	cr_expect_eq(record.origin.offset, record.position.offset);
	cr_expect(!record.structured);
	world->release(world, kafka);
}

/* ---- opening at a position */

/* Reads one record and tells its fingerprint. */
static void fingerprint_next(struct kafka *kafka, char text[FINGERPRINT_SIZE])
{
	int64_t deadline = clock_monotonic_ms() + DEADLINE_MS, next;
	struct record record;
	struct error err = {0};
	size_t count = 0;

	while (count == 0) {
		cr_assert(clock_monotonic_ms() < deadline, "waited for a record");
		kafka_wait(kafka, 100, false);
		cr_assert_eq(
		        kafka_read(kafka, &record, 1, &count, &next, &err), OUTCOME_OK, "%s", err.message);
	}
	kafka_fingerprint(&record, text);
}

static enum outcome open_at(struct kafka_world *world, int64_t offset, int64_t last_offset, const char *last,
        struct error *err, struct kafka **ret_kafka)
{
	struct kafka *kafka = world->owner(world);
	struct term term;

	claim_and_restore(kafka, &term);
	enum outcome outcome = kafka_open_input(kafka, offset, last_offset, view_text(last), err);
	if (ret_kafka)
		*ret_kafka = kafka;
	else
		world->release(world, kafka);
	return outcome;
}

void kafka_suite_an_input_with_the_same_last_record_is_opened(struct kafka_world *world)
{
	char fingerprint[FINGERPRINT_SIZE];
	struct kafka *kafka;
	struct error err = {0};

	world->produce(world, "a", "v");
	world->produce_aborted(world, "x");
	world->produce(world, "b", "v");
	kafka = open_input(world, -1);
	fingerprint_next(kafka, fingerprint);
	world->release(world, kafka);
	cr_assert_eq(open_at(world, 1, 0, fingerprint, &err, &kafka), OUTCOME_OK, "%s", err.message);
	must_read(kafka, 1, "b");
	world->release(world, kafka);
	/* the marker of the aborted one lies between */
	cr_assert_eq(open_at(world, 3, 0, fingerprint, &err, &kafka), OUTCOME_OK, "%s", err.message);
	must_read(kafka, 1, "b");
	world->release(world, kafka);
}

void kafka_suite_an_input_that_starts_after_the_position_is_refused(struct kafka_world *world)
{
	struct error err = {0};

	for (const char *key = "abcd"; *key; key++)
		world->produce(world, (char[]){*key, '\0'}, "v");
	world->truncate_input(world, 3);
	cr_expect_eq(open_at(world, 2, -1, NULL, &err, NULL), OUTCOME_REFUSED);
	cr_expect_gt(strlen(err.message), 0);
	cr_expect_eq(open_at(world, 3, 2, "not-there-any-more", &err, NULL), OUTCOME_OK, "%s", err.message);
}

void kafka_suite_an_input_that_ends_before_the_position_is_refused(struct kafka_world *world)
{
	struct error err = {0};

	world->produce(world, "a", "v");
	cr_expect_eq(open_at(world, 1, -1, NULL, &err, NULL), OUTCOME_OK, "%s", err.message);
	cr_expect_eq(open_at(world, 2, -1, NULL, &err, NULL), OUTCOME_REFUSED);
	cr_expect_gt(strlen(err.message), 0);
}

void kafka_suite_a_recreated_input_is_refused(struct kafka_world *world)
{
	char fingerprint[FINGERPRINT_SIZE];
	struct kafka *kafka;
	struct error err = {0};

	world->produce(world, "a", "v");
	kafka = open_input(world, -1);
	fingerprint_next(kafka, fingerprint);
	world->release(world, kafka);
	world->recreate_input(world);
	world->produce(world, "z", "v");
	world->produce(world, "y", "v");
	cr_expect_eq(open_at(world, 1, 0, fingerprint, &err, NULL), OUTCOME_REFUSED);
	cr_expect_gt(strlen(err.message), 0);
}

void kafka_suite_fingerprints_differ_by_place_time_key_and_value(struct kafka_world *world)
{
	struct record record = {
	        .position = {0, 7}, .time_ms = 1, .key = view_text("k"), .value = view_text("v")};
	struct record others[] = {record, record, record, record, record};
	char text[FINGERPRINT_SIZE], other[FINGERPRINT_SIZE];

	(void)world;
	kafka_fingerprint(&record, text);
	cr_expect_eq(strlen(text), FINGERPRINT_SIZE - 1);
	kafka_fingerprint(&others[4], other);
	cr_expect_str_eq(text, other);
	others[0].position.offset = 8;
	others[1].time_ms = 2;
	others[2].key = view_text("kv");
	others[2].value = view_text("");
	others[3].value = view_text("w");
	for (int i = 0; i < 4; i++) {
		kafka_fingerprint(&others[i], other);
		cr_expect_str_neq(text, other, "%d", i);
	}
}

/* ---- recall */

void kafka_suite_recall_finds_a_record_and_reading_goes_on(struct kafka_world *world)
{
	struct record record;
	struct error err = {0};
	bool found = false;
	int64_t offset;

	world->produce(world, "a", "first");
	offset = world->produce(world, "b", "second");
	world->produce(world, "c", "third");
	struct kafka *kafka = open_input(world, -1);
	must_read(kafka, 3, "abc");
	for (int again = 0; again < 2; again++) {
		cr_assert_eq(
		        kafka_recall(kafka, offset, &record, &found, &err), OUTCOME_OK, "%s", err.message);
		cr_assert(found);
		cr_expect(view_is(record.key, "b"));
		cr_expect(view_is(record.value, "second"));
		cr_expect_eq(record.position.offset, offset);
	}
	world->produce(world, "d", "v");
	must_read(kafka, 1, "d");
	cr_expect(view_is(record.value, "second"), "a recalled record is valid until the next recall");
	world->release(world, kafka);
}

/* Compressed, a record may be far larger than what the topic takes. */
void kafka_suite_recall_finds_a_record_of_any_size(struct kafka_world *world)
{
	enum { SIZE = 20 << 20 };
	char *value = memory_alloc(SIZE + 1), before[FINGERPRINT_SIZE], after[FINGERPRINT_SIZE];
	struct record record, applied;
	struct error err = {0};
	size_t count = 0;
	int64_t deadline = clock_monotonic_ms() + DEADLINE_MS, offset, next = -1;
	bool found = false;

	memset(value, 'v', SIZE);
	offset = world->produce(world, "a", value);
	struct kafka *kafka = open_input(world, -1);
	while (count == 0) {
		cr_assert(clock_monotonic_ms() < deadline, "waited for the record");
		kafka_wait(kafka, 100, false);
		cr_assert_eq(
		        kafka_read(kafka, &applied, 1, &count, &next, &err), OUTCOME_OK, "%s", err.message);
	}
	kafka_fingerprint(&applied, before);
	cr_assert_eq(kafka_recall(kafka, offset, &record, &found, &err), OUTCOME_OK, "%s", err.message);
	cr_assert(found);
	cr_assert(view_equal(record.value, view_text(value)));
	kafka_fingerprint(&record, after);
	cr_assert_str_eq(before, after);
	world->release(world, kafka);
	free(value);
}

void kafka_suite_recall_does_not_find_what_is_not_there(struct kafka_world *world)
{
	struct record record;
	struct error err = {0};
	bool found = true;

	for (const char *key = "abcd"; *key; key++)
		world->produce(world, (char[]){*key, '\0'}, "v");
	world->produce_aborted(world, "x");
	world->truncate_input(world, 2);
	struct kafka *kafka = open_input(world, 2);
	cr_assert_eq(kafka_recall(kafka, 0, &record, &found, &err), OUTCOME_OK, "%s", err.message);
	cr_expect(!found, "it was deleted");
	found = true;
	cr_assert_eq(kafka_recall(kafka, 4, &record, &found, &err), OUTCOME_OK, "%s", err.message);
	cr_expect(!found, "it was aborted");
	cr_assert_eq(kafka_recall(kafka, 3, &record, &found, &err), OUTCOME_OK, "%s", err.message);
	cr_expect(found);
	world->release(world, kafka);
}
