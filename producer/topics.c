/* holdpoint-producer topics: creates what is missing and checks the rest. */
#include "command/command.h"
#include "producer/commands.h"

#include "command/terminal.h"
#include "engine/kafka/admin.h"
#include "schemas/json.h"
#include "schemas/topics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HOUR_MS = 3600 * 1000, LARGE_BYTES = 2 << 20 };

/* The witness of a changelog has records only if its worker once committed. */
static const struct topic_spec topics[] = {
        {.name = TOPIC_JOBS, .retention_ms = -1, .max_message_bytes = LARGE_BYTES},
        {.name = TOPIC_STAGED, .retention_ms = -1},
        {.name = TOPIC_UPDATED, .retention_ms = -1},
        {.name = TOPIC_STATUS, .retention_ms = -1},
        {.name = TOPIC_DLQ, .retention_ms = -1, .max_message_bytes = LARGE_BYTES},
        {.name = TOPIC_PROGRESS, .retention_ms = HOUR_MS},
        {.name = TOPIC_STAGER_STATE, .kind = TOPIC_CHANGELOG, .witness = TOPIC_STAGED},
        {.name = TOPIC_UPDATER_STATE, .kind = TOPIC_CHANGELOG, .witness = TOPIC_UPDATED},
};
enum { TOPIC_COUNT = sizeof(topics) / sizeof(*topics) };

static const struct option_spec topics_options[] = {
        {.name = "partitions",
                .argument = "N",
                .help = "partitions of each topic, for life (default: as many as the topics that are there "
                        "have, "
                        "else 12)"},
        {.name = "replication",
                .argument = "N",
                .help = "replicas of each partition (default: the brokers')"},
        {.name = "check", .help = "change nothing: only check"},
        OPTION_JSON,
        OPTION_TIMEOUT,
        {.name = NULL},
};

static const struct command_spec topics_command = {
        .name = "holdpoint-producer topics",
        .usage = "[OPTION]…",
        .summary =
                "Creates the topics that are missing and checks the settings of the others. Safe to repeat.",
        .examples = "holdpoint-producer topics -b localhost:9092\n"
                    "holdpoint-producer topics -b kafka1:9092,kafka2:9092 --partitions 48 --replication 3\n"
                    "holdpoint-producer topics -b localhost:9092 --check --json\n",
        .options = topics_options,
        .kafka = true,
};

/* What was said, topic by topic. */
struct report {
	const char *prefix;
	bool json, colour;
	bool created[TOPIC_COUNT], warned[TOPIC_COUNT];
};

static size_t topic_index(const struct report *report, const char *topic)
{
	size_t skip = strlen(report->prefix);

	for (size_t i = 0; i < TOPIC_COUNT; i++)
		if (strncmp(topic, report->prefix, skip) == 0 && strcmp(topic + skip, topics[i].name) == 0)
			return i;
	return TOPIC_COUNT;
}

static void note(void *context, bool warning, const char *topic, const char *words)
{
	struct report *report = context;
	size_t index = topic_index(report, topic);

	if (index < TOPIC_COUNT)
		*(warning ? &report->warned[index] : &report->created[index]) = true;
	if (!report->json && warning)
		fprintf(stderr, "%swarning:%s %s: %s\n", report->colour ? COLOUR_YELLOW : "",
		        report->colour ? COLOUR_OFF : "", topic, words);
	if (!report->json || !warning)
		return;
	struct buffer out;

	buffer_init(&out, 8192);
	json_begin(&out, '{');
	json_put_text(&out, "topic", topic);
	json_put_text(&out, "warning", words);
	json_end(&out, '}');
	puts(out.data);
	buffer_release(&out);
}

static void note_nothing(void *context, bool warning, const char *topic, const char *words)
{
	(void)context, (void)warning, (void)topic, (void)words;
}

static const char *kept(const struct topic_spec *topic)
{
	if (topic->kind == TOPIC_CHANGELOG)
		return "compacted";
	return topic->retention_ms < 0 ? "for ever" : "1 hour";
}

static void print_table(const struct report *report, int32_t partitions)
{
	printf("%-32s %10s  %-9s  %s\n", "TOPIC", "PARTITIONS", "KEPT", "RESULT");
	for (size_t i = 0; i < TOPIC_COUNT; i++) {
		char name[256];

		snprintf(name, sizeof(name), "%s%s", report->prefix, topics[i].name);
		printf("%-32s %10d  %-9s  %s%s\n", name, partitions, kept(&topics[i]),
		        report->created[i] ? "created" : "there",
		        report->warned[i] ? ", see the warning" : "");
	}
}

static void print_json(const struct report *report, int32_t partitions)
{
	struct buffer out;

	buffer_init(&out, 65536);
	json_begin(&out, '{');
	json_put_bool(&out, "ok", true);
	json_put_int(&out, "partitions", partitions);
	json_key(&out, "created");
	json_begin(&out, '[');
	for (size_t i = 0; i < TOPIC_COUNT; i++)
		if (report->created[i])
			json_add_text(&out, topics[i].name);
	json_end(&out, ']');
	json_end(&out, '}');
	puts(out.data);
	buffer_release(&out);
}

static enum status check(const struct options *options, struct report *report, int32_t wanted,
        int64_t timeout_ms, int32_t *ret_partitions, struct error *err)
{
	if (topics_check(options, topics, TOPIC_COUNT, timeout_ms, note, report, ret_partitions, err) !=
	        STATUS_OK)
		return err->status;
	if (wanted && wanted != *ret_partitions)
		return error_set(err, STATUS_FATAL, "partition_count",
		        "the topics have %d partitions, not %d: the count is for life, so ask for %d",
		        *ret_partitions, wanted, *ret_partitions);
	return STATUS_OK;
}

static enum status ensure(
        const struct options *options, struct report *report, int32_t *ret_partitions, struct error *err)
{
	int64_t partitions = 0, replication = -1, timeout_ms;

	if (option_timeout(options, &timeout_ms, err) != STATUS_OK ||
	        (options_text(options, "partitions") &&
	                options_number(options, "partitions", 1, 10000, &partitions, err) != STATUS_OK) ||
	        (options_text(options, "replication") &&
	                options_number(options, "replication", 1, 100, &replication, err) != STATUS_OK))
		return err->status;
	if (options_switch(options, "check"))
		return check(options, report, (int32_t)partitions, timeout_ms, ret_partitions, err);
	if (topics_ensure(options, topics, TOPIC_COUNT, (int32_t)partitions, (int32_t)replication, timeout_ms,
	            note, report, err) != STATUS_OK)
		return err->status;
	return topics_check(
	        options, topics, TOPIC_COUNT, timeout_ms, note_nothing, NULL, ret_partitions, err);
}

int run_topics(int argc, char **argv)
{
	int code;
	struct options *options = command_options(&topics_command, argc, argv, &code);
	int32_t partitions = 0;
	struct error err;

	if (!options)
		return code;
	struct report report = {.prefix = options_prefix(options),
	        .json = options_switch(options, "json"),
	        .colour = terminal_has_colour(stderr)};

	if (ensure(options, &report, &partitions, &err) != STATUS_OK)
		code = command_fail(&err);
	else if (report.json)
		print_json(&report, partitions);
	else
		print_table(&report, partitions);
	options_free(options);
	return code;
}
