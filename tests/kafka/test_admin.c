#include "tests/kafka/real.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* Topics are created, checked and begun on a real broker. */

static const struct topic_spec specs[] = {{.name = "in", .retention_ms = -1, .max_message_bytes = 2 << 20},
        {.name = "out", .retention_ms = -1}, {.name = "state", .kind = TOPIC_CHANGELOG, .witness = "out"}};
enum { SPECS = 3 };

struct said {
	int lines, warnings;
	char last[512];
};

static void say(void *context, bool warning, const char *topic, const char *words)
{
	struct said *said = context;

	said->lines++;
	said->warnings += warning;
	snprintf(said->last, sizeof(said->last), "%s: %s", topic, words);
}

static enum status ensure(
        const struct options *options, int32_t partitions, struct said *said, struct error *err)
{
	return topics_ensure(options, specs, SPECS, partitions, -1, REAL_TIMEOUT_MS, say, said, err);
}

/* Counts the @genesis rows of the changelog. */
static int count_genesis(const struct options *options)
{
	char topic[256];
	struct client *client;
	struct client_reader *reader;
	struct client_record record;
	struct error err;
	bool found;
	int count = 0;

	real_topic(options, "state", topic);
	struct client_source source = {topic, -1, CLIENT_FROM_BEGINNING};
	cr_assert_eq(client_open(options, &client, &err), STATUS_OK);
	cr_assert_eq(client_reader_open(client, &source, 1, REAL_TIMEOUT_MS, &reader, &err), STATUS_OK, "%s",
	        err.message);
	do {
		cr_assert_eq(client_reader_next(reader, REAL_TIMEOUT_MS, &record, &found, &err), STATUS_OK);
		count += found && view_is(record.key, "@genesis");
	} while (!client_reader_is_past_end(reader));
	client_reader_close(reader);
	client_close(client);
	return count;
}

Test(topics_ensure, creates_all_and_begins_each_partition_once)
{
	struct options *options = real_options();
	struct said said = {0};
	struct error err;

	cr_assert_eq(ensure(options, 3, &said, &err), STATUS_OK, "%s", err.message);
	cr_expect_eq(said.lines, 3, "%s", said.last);
	cr_expect_eq(said.warnings, 0, "%s", said.last);
	cr_assert_eq(ensure(options, 0, &said, &err), STATUS_OK, "%s", err.message);
	cr_expect_eq(said.lines, 3, "the second run creates nothing: %s", said.last);
	cr_expect_eq(count_genesis(options), 3);
	options_free(options);
}

struct run {
	struct options *options;
	enum status status;
	struct error err;
};

static void *ensure_thread(void *context)
{
	struct run *run = context;
	struct said said = {0};

	run->status = ensure(run->options, 3, &said, &run->err);
	return NULL;
}

Test(topics_ensure, begins_each_partition_once_however_many_run)
{
	struct options *options = real_options();
	struct run runs[3] = {{.options = options}, {.options = options}, {.options = options}};
	pthread_t threads[3];

	for (int i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, ensure_thread, &runs[i]);
	for (int i = 0; i < 3; i++) {
		pthread_join(threads[i], NULL);
		cr_expect_eq(runs[i].status, STATUS_OK, "%s: %s", runs[i].err.code, runs[i].err.message);
	}
	cr_expect_eq(count_genesis(options), 3);
	options_free(options);
}

Test(topics_ensure, refuses_another_count)
{
	struct options *options = real_options();
	struct said said = {0};
	struct error err;

	cr_assert_eq(ensure(options, 2, &said, &err), STATUS_OK, "%s", err.message);
	cr_assert_eq(ensure(options, 3, &said, &err), STATUS_FATAL);
	cr_expect_str_eq(err.code, "partition_count");
	options_free(options);
}

Test(topics_ensure, does_not_replace_a_lost_changelog)
{
	struct options *options = real_options();
	struct topic_spec first[] = {specs[0], specs[1]};
	struct said said = {0};
	struct error err;

	cr_assert_eq(topics_ensure(options, first, 2, 2, -1, REAL_TIMEOUT_MS, say, &said, &err), STATUS_OK);
	real_produce(options, "out", 0, "k", "v");
	cr_assert_eq(ensure(options, 2, &said, &err), STATUS_FATAL);
	cr_expect_str_eq(err.code, "changelog_lost", "%s", err.message);
	options_free(options);
}

Test(topics_check, names_settings_that_cannot_be_used)
{
	struct options *options = real_options();
	struct topic_spec wrong[] = {specs[0], specs[1], {.name = "state", .retention_ms = 1000}};
	struct said said = {0};
	struct error err;
	int32_t partitions = 0;

	cr_assert_eq(
	        topics_ensure(options, wrong, SPECS, 2, -1, REAL_TIMEOUT_MS, say, &said, &err), STATUS_OK);
	cr_assert_eq(topics_check(options, specs, SPECS, REAL_TIMEOUT_MS, say, &said, &partitions, &err),
	        STATUS_FATAL);
	cr_expect_str_eq(err.code, "topic_settings");
	cr_expect_neq(strstr(said.last, "cleanup.policy"), NULL, "%s", said.last);
	options_free(options);
}

Test(topics_check, names_a_missing_topic)
{
	struct options *options = real_options();
	struct said said = {0};
	struct error err;
	int32_t partitions;

	cr_assert_eq(topics_check(options, specs, SPECS, REAL_TIMEOUT_MS, say, &said, &partitions, &err),
	        STATUS_FATAL);
	cr_expect_str_eq(err.code, "topic_missing");
	options_free(options);
}

Test(topics_check, counts_partitions)
{
	struct options *options = real_options();
	struct said said = {0};
	struct error err;
	int32_t partitions = 0;

	cr_assert_eq(ensure(options, 0, &said, &err), STATUS_OK, "%s", err.message);
	cr_assert_eq(topics_check(options, specs, SPECS, REAL_TIMEOUT_MS, say, &said, &partitions, &err),
	        STATUS_OK, "%s", err.message);
	cr_expect_eq(partitions, 12);
	cr_expect_eq(said.warnings, 0, "%s", said.last);
	options_free(options);
}
