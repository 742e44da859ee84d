/* A switch task as work for the distribution room, and the room's result as the switch's answer. */
#include "updater/attempt.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

struct attempt {
	bool made;
	int32_t partition;
	struct distribution *distribution;
	struct completion *token;
	struct switch_task task;
	struct switch_answer answer;
	char *strings; /* of the task */
};

/* The task outlives the state that it was derived from: all its strings in one block. */
static void keep_strings(struct attempt *attempt)
{
	struct switch_task *task = &attempt->task;
	const char **strings[] = {&task->package_id, &task->version, &task->distribution_point, &task->dp_id,
	        &task->staged_id, &task->release_id, &task->job_id, &task->traceparent};
	size_t count = sizeof(strings) / sizeof(*strings), size = 0;

	for (size_t i = 0; i < count; i++)
		size += *strings[i] ? strlen(*strings[i]) + 1 : 0;
	char *at = attempt->strings = memory_alloc(size);

	for (size_t i = 0; i < count; i++) {
		if (!*strings[i])
			continue;
		size_t len = strlen(*strings[i]) + 1;

		*strings[i] = memcpy(at, *strings[i], len);
		at += len;
	}
}

static void attempt_free(void *result)
{
	struct attempt *attempt = result;

	free(attempt->strings);
	free(attempt);
}

static void attempt_done(const struct pointer_result *result, void *context)
{
	struct attempt *attempt = context;

	attempt->answer = (struct switch_answer){
	        .task = &attempt->task,
	        .outcome = result->outcome,
	        .err = result->err,
	        .may_have_changed = result->may_have_changed,
	        .refuses_older = distribution_refuses_older_fences(
	                attempt->distribution, attempt->task.distribution_point),
	        .retry_after_ms = result->retry_after_ms,
	};
	completion_deliver(attempt->token, attempt, attempt_free);
}

uint64_t attempt_start(struct distribution *distribution, const struct switch_task *task,
        const struct claim *claim, struct completion *token)
{
	struct attempt *attempt = memory_alloc(sizeof(*attempt));

	*attempt = (struct attempt){.made = true,
	        .partition = claim->partition,
	        .distribution = distribution,
	        .token = token,
	        .task = *task};
	keep_strings(attempt);
	struct pointer_spec spec = {.wish = task->wish,
	        .package_id = attempt->task.package_id,
	        .version = attempt->task.version,
	        .distribution_point = attempt->task.distribution_point,
	        .dp_id = attempt->task.dp_id,
	        .digest = attempt->task.digest,
	        .release_id = attempt->task.release_id,
	        .log_id = claim->log_id,
	        .partition = claim->partition,
	        .fence = task->release_offset,
	        .done = attempt_done,
	        .context = attempt};

	return pointer_submit(distribution, &spec);
}

void attempt_refuse(struct completion *token)
{
	completion_deliver(token, memory_alloc(sizeof(struct attempt)), attempt_free);
}

const struct switch_answer *attempt_answer(const struct attempt *attempt, int32_t *ret_partition)
{
	*ret_partition = attempt->partition;
	return attempt->made ? &attempt->answer : NULL;
}
