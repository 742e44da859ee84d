#include "base/clock.h"
#include "engine/kafka/internal.h"

#include <criterion/criterion.h>

enum { PATIENCE_MS = 60000 };

/* No broker is there. */
Test(reader, asks_for_a_logs_ends_only_while_somebody_waits)
{
	static const struct command_spec command = {.name = "test", .kafka = true};
	char *argv[] = {"test", "-b", "localhost:1", NULL};
	struct chatter *chatter = chatter_new(false);
	const atomic_bool ended = true;
	struct options *options;
	struct reader reader;
	struct error err;
	int64_t low, high, began = clock_monotonic_ms();
	bool printed;

	cr_assert_eq(options_parse(&command, 3, argv, &options, &printed, &err), STATUS_OK);
	cr_assert_eq(reader_open(options, chatter, (struct reader_bounds){.messages = 1}, &reader, &err),
	        STATUS_OK, "%s", err.message);
	reader.ended = &ended;
	cr_assert_eq(reader_bounds_of(&reader, "in", 0, PATIENCE_MS, &low, &high, &err), STATUS_RETRY);
	cr_assert_lt(clock_monotonic_ms(), began + PATIENCE_MS, "it asked on and on");
	reader_close(&reader);
	options_free(options);
	chatter_free(chatter);
}
