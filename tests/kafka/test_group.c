#include "base/clock.h"
#include "engine/kafka/process.h"
#include "tests/kafka/real.h"

#include <criterion/criterion.h>
#include <sys/eventfd.h>
#include <unistd.h>

static const struct topic_spec specs[] = {
        {.name = "in", .retention_ms = -1}, {.name = "state", .kind = TOPIC_CHANGELOG}};
static const struct worker_spec spec = {.role = "test", .input = "in", .changelog = "state"};
enum { SPECS = 2, PARTITIONS = 2 };

static void say(void *context, bool warning, const char *topic, const char *words)
{
	(void)context, (void)warning, (void)topic, (void)words;
}

static struct options *make_topics(void)
{
	struct options *options = real_options();
	struct error err = {0};

	cr_assert_eq(topics_ensure(options, specs, SPECS, PARTITIONS, -1, REAL_TIMEOUT_MS, say, NULL, &err),
	        STATUS_OK, "%s", err.message);
	return options;
}

static struct process *open_process(const struct options *options)
{
	struct process_limits limits = {.transactions = 1};
	struct process *process;
	struct error err = {0};

	cr_assert_eq(process_open(options, &spec, NULL, &limits, REAL_TIMEOUT_MS, &process, &err), STATUS_OK,
	        "%s", err.message);
	cr_assert_eq(group_join(process, &err), STATUS_OK, "%s", err.message);
	return process;
}

/* A wait that is much longer than the rebalance takes is over as soon as that is there. */
static void await_event(struct process *process, enum group_event wanted)
{
	int64_t began = clock_monotonic_ms();
	enum group_event event;
	struct error err = {0};

	while ((event = group_poll(process, REAL_TIMEOUT_MS, -1, &err)) == GROUP_NOTHING)
		cr_assert_lt(clock_monotonic_ms(), began + REAL_TIMEOUT_MS, "nothing came");
	cr_assert_eq(event, wanted, "%s", err.message);
	cr_assert_lt(clock_monotonic_ms(), began + REAL_TIMEOUT_MS, "it came, but the wait went on");
	group_answer(process);
}

Test(group, a_wait_for_it_ends_with_something_else_to_do)
{
	struct options *options = make_topics();
	struct error err = {0};
	struct process *process = open_process(options);
	await_event(process, GROUP_ASSIGNED);
	int64_t began = clock_monotonic_ms();
	int ready = eventfd(1, EFD_CLOEXEC);
	cr_assert_eq(group_poll(process, REAL_TIMEOUT_MS, ready, &err), GROUP_NOTHING, "%s", err.message);
	cr_assert_lt(clock_monotonic_ms(), began + REAL_TIMEOUT_MS, "the wait went on");
	close(ready);
	group_leave(process);
	process_close(process);
	options_free(options);
}

Test(group, a_rebalance_ends_a_wait_for_it)
{
	struct options *options = make_topics();
	struct process *process = open_process(options);
	await_event(process, GROUP_ASSIGNED);
	cr_assert(group_is_given(process, 0) && group_is_given(process, 1));
	struct process *second = open_process(options);
	await_event(process, GROUP_REVOKED);
	await_event(process, GROUP_ASSIGNED);
	await_event(second, GROUP_ASSIGNED);
	cr_assert_neq(group_is_given(process, 0), group_is_given(second, 0), "one of them has it");
	group_leave(second);
	process_close(second);
	group_leave(process);
	process_close(process);
	options_free(options);
}
