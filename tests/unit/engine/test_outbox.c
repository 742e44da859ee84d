#include "base/digest.h"
#include "base/memory.h"
#include "engine/envelope.h"
#include "engine/outbox.h"
#include "engine/worker.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct outbox *outbox;

static void init(void)
{
	outbox = outbox_new();
}

static void fini(void)
{
	outbox_free(outbox);
}

static const struct view none;

static void about(const char *key)
{
	outbox_about(outbox, view_text(key), none);
}

static const struct outbox_message *message(size_t index)
{
	return outbox_message(outbox, index);
}

/* The header's value; absent where there is none of that name. */
static struct view header(const struct outbox_message *from, const char *name)
{
	for (size_t i = 0; i < from->header_count; i++)
		if (view_is(from->headers[i].name, name))
			return from->headers[i].value;
	return none;
}

static struct record record_of(const char *key, struct view value)
{
	return (struct record){.position = {3, 17},
	        .origin = {3, 17},
	        .key = view_text(key),
	        .value = value,
	        .traceparent = view_text("00-abc-def-01")};
}

static struct view zeros(size_t len)
{
	return (struct view){memory_alloc(len), len};
}

Test(outbox_row, is_named_by_key_and_row, .init = init, .fini = fini)
{
	about("K1");
	outbox_row(outbox, view_text("v/1.0"), view_text("bytes"));
	outbox_row_gone(outbox, view_text("j/u-1"));
	cr_assert_eq(outbox_count(outbox), 2);
	cr_assert(message(0)->kind == OUTBOX_ROW && view_is(message(0)->key, "K1/v/1.0"));
	cr_assert(view_is(message(0)->value, "bytes"));
	cr_assert(view_is(message(1)->key, "K1/j/u-1"));
	cr_assert_null(message(1)->value.data, "gone is absent, not empty");
}

Test(outbox_row, may_be_empty_and_still_there, .init = init, .fini = fini)
{
	about("K1");
	outbox_row(outbox, view_text("r"), view_text(""));
	cr_assert_not_null(message(0)->value.data);
	cr_assert_eq(message(0)->value.len, 0);
}

Test(outbox_record, carries_key_and_trace_of_what_it_is_about, .init = init, .fini = fini)
{
	outbox_about(outbox, view_text("K1"), view_text("00-abc"));
	outbox_record(outbox, 2, view_text("one"));
	outbox_record_traced(outbox, 0, view_text("two"), view_text("00-xyz"));
	outbox_record_traced(outbox, 0, view_text("three"), none);
	cr_assert(message(0)->kind == OUTBOX_RECORD && message(0)->output == 2);
	cr_assert(view_is(message(0)->key, "K1"));
	cr_assert(view_is(header(message(0), "traceparent"), "00-abc"));
	cr_assert(view_is(header(message(1), "traceparent"), "00-xyz"));
	cr_assert_eq(message(2)->header_count, 0);
}

Test(outbox_record, copies_its_bytes, .init = init, .fini = fini)
{
	char value[] = "before", key[] = "K1";

	outbox_about(outbox, view_text(key), none);
	outbox_record(outbox, 0, view_text(value));
	memcpy(value, "behind", sizeof(value));
	key[1] = '2';
	cr_assert(view_is(message(0)->value, "before") && view_is(message(0)->key, "K1"));
}

Test(outbox_record, takes_more_headers, .init = init, .fini = fini)
{
	struct outbox_header headers[] = {{view_text("ce_id"), view_text("42")}};

	about("K1");
	outbox_record_headed(outbox, 0, view_text("one"), view_text("00-abc"), headers, 1);
	cr_assert(view_is(header(message(0), "ce_id"), "42"));
	cr_assert(view_is(header(message(0), "traceparent"), "00-abc"));
}

Test(envelope_record, is_a_cloudevent_in_binary_mode, .init = init, .fini = fini)
{
	struct envelope envelope = {.id = view_text("id-1"),
	        .type = view_text("holdpoint.staged.v1"),
	        .source = view_text("/here"),
	        .subject = view_text("K1"),
	        .time_ms = 1796083200000};

	about("K1");
	envelope_record(outbox, 1, view_text("{}"), view_text("00-abc"), &envelope);
	cr_assert(message(0)->kind == OUTBOX_RECORD && message(0)->output == 1);
	cr_assert(view_is(message(0)->value, "{}"), "the body is the same with and without");
	cr_assert(view_is(header(message(0), "ce_specversion"), "1.0"));
	cr_assert(view_is(header(message(0), "ce_id"), "id-1"));
	cr_assert(view_is(header(message(0), "ce_type"), "holdpoint.staged.v1"));
	cr_assert(view_is(header(message(0), "ce_source"), "/here"));
	cr_assert(view_is(header(message(0), "ce_subject"), "K1"));
	cr_assert(view_is(header(message(0), "ce_time"), "2026-12-01T00:00:00.000Z"));
	cr_assert(view_is(header(message(0), "content-type"), "application/json"));
	cr_assert(view_is(header(message(0), "traceparent"), "00-abc"));
}

Test(outbox_dead_letter, is_byte_identical_with_its_reason_in_headers, .init = init, .fini = fini)
{
	struct record record = record_of("K1", (struct view){"a\0b", 3});

	outbox_record_is(outbox, &record);
	outbox_dead_letter(outbox, "unknown_field", "no such field");
	const struct outbox_message *letter = message(0);
	cr_assert_eq(letter->kind, OUTBOX_DEAD_LETTER);
	cr_assert(view_equal(letter->key, record.key) && view_equal(letter->value, record.value));
	cr_assert(view_is(header(letter, "__connect.errors.partition"), "3"));
	cr_assert(view_is(header(letter, "__connect.errors.offset"), "17"));
	cr_assert(view_is(header(letter, "__connect.errors.stage"), "apply"));
	cr_assert(view_is(header(letter, "__connect.errors.exception.class"), "unknown_field"));
	cr_assert(view_is(header(letter, "__connect.errors.exception.message"), "no such field"));
	cr_assert(view_is(header(letter, "traceparent"), "00-abc-def-01"));
}

Test(outbox_dead_letter, keeps_null_apart_from_empty, .init = init, .fini = fini)
{
	struct record record = record_of(NULL, none);

	outbox_record_is(outbox, &record);
	outbox_dead_letter(outbox, "null_key", "");
	cr_assert_null(message(0)->key.data);
	cr_assert_null(message(0)->value.data);
}

Test(outbox_dead_letter, cuts_its_message_at_a_character, .init = init, .fini = fini)
{
	struct record record = record_of("K1", view_text("x"));
	char words[1202];

	memset(words, 'a', sizeof(words));
	words[999] = '\xc3'; /* ä, whose second byte would be the first beyond the bound */
	words[1000] = '\xa4';
	words[1201] = '\0';
	outbox_record_is(outbox, &record);
	outbox_dead_letter(outbox, "code", words);
	cr_assert_eq(header(message(0), "__connect.errors.exception.message").len, 999);
}

Test(outbox_dead_letter, of_a_record_too_large_is_its_hash, .init = init, .fini = fini)
{
	struct view value = zeros(DEAD_LETTER_BYTES_MAX);
	struct record record = record_of("K1", value);
	char digest[DIGEST_SIZE];

	digest_of(value, digest);
	outbox_record_is(outbox, &record);
	outbox_dead_letter(outbox, "too_large", "");
	cr_assert(view_is(message(0)->key, "K1"));
	cr_assert(view_is(message(0)->value, digest));
	cr_assert(view_is(header(message(0), DEAD_LETTER_OMITTED_HEADER), "1900000"));
	cr_assert_not(outbox_is_overfull(outbox));
	free((char *)value.data);
}

Test(outbox_dead_letter, may_be_larger_than_what_we_write_ourselves, .init = init, .fini = fini)
{
	struct view value = zeros(OUTBOX_VALUE_MAX + 1);
	struct record record = record_of("K1", value);

	outbox_record_is(outbox, &record);
	outbox_dead_letter(outbox, "too_large", "");
	cr_assert(view_equal(message(0)->value, value));
	cr_assert_not(outbox_is_overfull(outbox));
	free((char *)value.data);
}

Test(outbox_reroute, says_where_the_record_came_from, .init = init, .fini = fini)
{
	struct record record = record_of("K1", view_text("x"));

	outbox_record_is(outbox, &record);
	outbox_reroute(outbox, 5);
	const struct outbox_message *sent = message(0);
	cr_assert(sent->kind == OUTBOX_REROUTE && sent->partition == 5);
	cr_assert(view_is(sent->key, "K1") && view_is(sent->value, "x"));
	cr_assert(view_is(header(sent, "holdpoint-origin-partition"), "3"));
	cr_assert(view_is(header(sent, "holdpoint-origin-offset"), "17"));
	cr_assert(view_is(header(sent, "traceparent"), "00-abc-def-01"));
	cr_assert_eq(sent->header_count, 3u);
}

Test(outbox_reroute, keeps_what_a_structured_cloudevent_is_told_by, .init = init, .fini = fini)
{
	struct record record = record_of("K1", view_text("x"));

	record.structured = true;
	outbox_record_is(outbox, &record);
	outbox_reroute(outbox, 5);
	cr_assert(view_is(header(message(0), "content-type"), "application/cloudevents+json"));
}

Test(outbox_reroute, of_a_record_too_large_is_a_dead_letter, .init = init, .fini = fini)
{
	struct view value = zeros(DEAD_LETTER_BYTES_MAX);
	struct record record = record_of("K1", value);

	outbox_record_is(outbox, &record);
	outbox_reroute(outbox, 5);
	cr_assert_eq(outbox_tally(outbox, OUTBOX_LANE_INPUT).count, 0);
	cr_assert_eq(outbox_tally(outbox, OUTBOX_LANE_DEAD_LETTERS).count, 1);
	free((char *)value.data);
}

Test(outbox_is_overfull, by_one_value_too_large, .init = init, .fini = fini)
{
	struct view value = zeros(OUTBOX_VALUE_MAX + 1);

	about("K1");
	outbox_record(outbox, 0, (struct view){value.data, OUTBOX_VALUE_MAX});
	cr_assert_not(outbox_is_overfull(outbox));
	outbox_row(outbox, view_text("r"), value);
	cr_assert(outbox_is_overfull(outbox));
	outbox_clear(outbox);
	cr_assert_not(outbox_is_overfull(outbox), "a new batch");
	free((char *)value.data);
}

Test(outbox_is_overfull, by_too_much_in_all, .init = init, .fini = fini)
{
	struct view value = zeros(OUTBOX_VALUE_MAX);

	about("K1");
	for (int i = 0; i < 64; i++)
		outbox_record(outbox, 0, value);
	cr_assert(outbox_is_overfull(outbox), "64 values, and their keys");
	cr_assert_leq(outbox_bytes(outbox), (size_t)OUTBOX_BYTES_MAX);
	free((char *)value.data);
}

Test(outbox_clear, starts_anew_and_keeps_order, .init = init, .fini = fini)
{
	char text[16];

	for (int round = 0; round < 3; round++) {
		outbox_clear(outbox);
		about("K1");
		for (int i = 0; i < 30000; i++) {
			snprintf(text, sizeof(text), "%d", i);
			outbox_record(outbox, 0, view_text(text));
		}
		cr_assert_eq(outbox_count(outbox), 30000);
		for (int i = 0; i < 30000; i += 997) {
			snprintf(text, sizeof(text), "%d", i);
			cr_assert(view_is(message((size_t)i)->value, text));
		}
	}
}
