/* The effector: what the switch wants becomes attempts at pointers, and these become completions. */
#include "base/clock.h"
#include "base/memory.h"
#include "updater/updater.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct attempt {
	bool made;
	int32_t partition;
	struct updater *updater;
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

static void count(const struct attempt *attempt, const struct pointer_result *result)
{
	struct places *places = attempt->updater->places;
	const char *point = attempt->task.distribution_point;

	if (result->outcome != POINTER_UNKNOWN)
		places_ended(places, point, NULL, 0, clock_wall_ms());
	else if (strcmp(result->err.code, "canceled") == 0)
		places_canceled(places, point, 0);
	else
		places_ended(places, point, result->err.code, 0, clock_wall_ms());
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
	                attempt->updater->distribution, attempt->task.distribution_point),
	        .retry_after_ms = result->retry_after_ms,
	};
	count(attempt, result);
	completion_deliver(attempt->token, attempt, attempt_free);
}

/* token gets the attempt as its result, exactly once. Returns the number to cancel by. */
static uint64_t attempt_start(struct updater *updater, const struct switch_task *task,
        const struct claim *claim, struct completion *token)
{
	struct attempt *attempt = memory_alloc(sizeof(*attempt));

	*attempt = (struct attempt){.made = true,
	        .partition = claim->partition,
	        .updater = updater,
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

	places_began(updater->places, attempt->task.distribution_point, false);
	return pointer_submit(updater->distribution, &spec);
}

/* Answers at once that the attempt was not made: its task is no longer wanted. */
static void attempt_refuse(struct completion *token)
{
	completion_deliver(token, memory_alloc(sizeof(struct attempt)), attempt_free);
}

const struct switch_answer *attempt_answer(const void *result, int32_t *ret_partition)
{
	const struct attempt *attempt = result;

	*ret_partition = attempt->partition;
	return attempt->made ? &attempt->answer : NULL;
}

bool updater_refuses_stale(void *shell, struct view lane)
{
	struct updater *updater = shell;
	char name[DP_NAME_SIZE];

	snprintf(name, sizeof(name), "%.*s", (int)lane.len, lane.data);
	return distribution_refuses_older_fences(updater->distribution, name);
}

enum effect_start updater_start(void *shell, const void *state, const struct effect_context *context,
        uint64_t *ret_effect, int64_t *ret_offset)
{
	struct updater *updater = shell;
	struct switch_task task;
	char *tag = memory_copy(context->tag.data, context->tag.len), *slash = strrchr(tag, '/');

	(void)ret_offset;
	assert(slash);
	*slash = '\0';
	if (switch_find_task(state, tag, (uint32_t)strtoul(slash + 1, NULL, 10), &task)) {
		*ret_effect = attempt_start(updater, &task, context->claim, context->token);
	} else {
		*ret_effect = 0;
		attempt_refuse(context->token);
	}
	free(tag);
	return EFFECT_STARTED;
}

void updater_cancel(void *shell, uint64_t effect)
{
	struct updater *updater = shell;

	if (effect)
		distribution_cancel(updater->distribution, effect);
}
