#include "tests/kafka/real.h"

#include "base/clock.h"
#include "base/memory.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct options *parse(const char *prefix)
{
	static const struct command_spec command = {.name = "test", .kafka = true};
	const char *bootstrap = getenv("HOLDPOINT_TEST_BOOTSTRAP");
	struct options *options = NULL;
	struct error err;
	bool printed;

	cr_assert(bootstrap, "HOLDPOINT_TEST_BOOTSTRAP is not set: run this through tests/kafka/with_kafka");
	char *argv[] = {"test", "-b", (char *)bootstrap, "--prefix", (char *)prefix, NULL};
	cr_assert_eq(options_parse(&command, 5, argv, &options, &printed, &err), STATUS_OK);
	return options;
}

struct options *real_options(void)
{
	static int count;
	/* the process's lifetime: options look into their arguments' copies only */
	char *prefix = memory_format("test-%lld-%d-%d.", (long long)clock_wall_ms(), (int)getpid(), count++);
	struct options *options = parse(prefix);

	free(prefix);
	return options;
}

struct options *real_options_like(const struct options *other)
{
	return parse(options_prefix(other));
}

void real_topic(const struct options *options, const char *name, char text[256])
{
	snprintf(text, 256, "%s%s", options_prefix(options), name);
}

static void must_be_there(void *context, const struct position *position, const struct error *err)
{
	cr_assert(position, "%s", err ? err->message : "");
	*(bool *)context = true;
}

void real_produce(const struct options *options, const char *topic, int32_t partition, const char *key,
        const char *value)
{
	char name[256];
	struct client *client;
	struct error err;
	bool there = false;

	real_topic(options, topic, name);
	cr_assert_eq(client_open(options, &client, &err), STATUS_OK);
	cr_assert_eq(client_produce_to(client, name, partition, view_text(key), view_text(value), NULL, 0,
	                     REAL_TIMEOUT_MS, must_be_there, &there, &err),
	        STATUS_OK);
	cr_assert_eq(client_flush(client, REAL_TIMEOUT_MS, &err), STATUS_OK);
	cr_assert(there);
	client_close(client);
}
