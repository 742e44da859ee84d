/* A switch in a world of text: steps in, a transcript out. */
#include "world.h"

#include "base/memory.h"
#include "updater/switch_codec.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT = 80 };

static struct world_row *find_row(struct world *world, const char *name)
{
	for (size_t i = 0; i < world->row_count; i++)
		if (strcmp(world->rows[i].name, name) == 0)
			return &world->rows[i];
	return NULL;
}

static void keep_row(struct world *world, const char *name, struct view value)
{
	struct world_row *row = find_row(world, name);

	if (!row) {
		world->rows = memory_resize(world->rows, (world->row_count + 1) * sizeof(*world->rows));
		row = &world->rows[world->row_count++];
		*row = (struct world_row){.name = memory_text(name)};
	}
	free(row->value);
	row->value = memory_copy(value.data, value.len);
	row->len = value.len;
}

static void drop_row(struct world *world, const char *name)
{
	struct world_row *row = find_row(world, name);

	cr_assert_not_null(row, "row %s is gone but never was", name);
	free(row->name);
	free(row->value);
	*row = world->rows[--world->row_count];
}

static void hear_row(struct world *world, const struct switch_fact *fact)
{
	struct buffer name, value;

	buffer_init(&name, SWITCH_ROW_MAX);
	buffer_init(&value, SWITCH_ROW_MAX);
	switch_row_write(fact, &name, &value);
	cr_assert(!name.full && !value.full);
	if (fact->kind == FACT_OUTCOME_GONE)
		drop_row(world, name.data);
	else
		keep_row(world, name.data, buffer_view(&value));
	buffer_release(&name);
	buffer_release(&value);
}

static void hear(struct switch_out *out, const struct switch_fact *fact)
{
	struct world *world = (struct world *)out;
	struct buffer *said = &world->said;

	if (world->heard)
		world->heard(fact, world->context);
	if (switch_fact_is_row(fact)) {
		hear_row(world, fact);
	} else if (fact->kind == FACT_UPDATED) {
		const struct updated_record *updated = fact->updated;

		buffer_add_format(said, "updated %s %s on %s was %s by %s\n", updated->distribution_point,
		        updated->version, updated->dp_id,
		        updated->previous_version ? updated->previous_version : "-", updated->job_id);
	} else if (fact->kind == FACT_POINT_STATUS) {
		const struct dp_status *status = fact->point_status;

		buffer_add_format(said, "%s %s %s attempt %u%s%s\n", status->distribution_point,
		        status->version, dp_state_name(status->state), status->attempt,
		        status->error_code ? " " : "", status->error_code ? status->error_code : "");
	} else if (fact->kind == FACT_JOB_STATUS) {
		const struct job_status *status = fact->job_status;

		buffer_add_format(said, "%s %s", status->job_id, job_state_name(status->state));
		for (size_t i = 0; i < status->outcome_count; i++)
			buffer_add_format(said, " %s=%s", status->outcomes[i].distribution_point,
			        job_state_name(status->outcomes[i].outcome));
		buffer_add_text(said, "\n");
	} else {
		buffer_add_format(said, "dead %s\n", fact->code);
	}
}

void world_init(struct world *world)
{
	*world = (struct world){.out = {hear}, .rules = switch_rules_default};
	buffer_init(&world->said, 1 << 20);
	buffer_add_text(&world->said, "");
	world->state = switch_state_new(view_text("PKG"), &world->rules);
}

void world_release(struct world *world)
{
	for (size_t i = 0; i < world->row_count; i++) {
		free(world->rows[i].name);
		free(world->rows[i].value);
	}
	free(world->rows);
	buffer_release(&world->said);
	switch_state_free(world->state);
}

static struct switch_state *rebuild(const struct world *world)
{
	struct switch_state *state = switch_state_new(view_text("PKG"), &world->rules);
	struct error err;

	for (size_t i = world->row_count; i-- > 0;) {
		const struct world_row *row = &world->rows[i];

		cr_assert_eq(switch_row_load(
		                     state, view_text(row->name), (struct view){row->value, row->len}, &err),
		        STATUS_OK, "%s", err.message);
	}
	return state;
}

struct given {
	const struct world *world;
	size_t count;
};

static void meet_row(const struct switch_fact *row, void *context)
{
	struct given *given = context;
	const struct world *world = given->world;
	struct buffer name, value;
	size_t i = 0;

	buffer_init(&name, SWITCH_ROW_MAX);
	buffer_init(&value, SWITCH_RECORD_MAX);
	switch_row_write(row, &name, &value);
	cr_assert(!name.full && !value.full);
	while (i < world->row_count && !view_is(buffer_view(&name), world->rows[i].name))
		i++;
	cr_assert_lt(i, world->row_count, "nobody wrote the row %s", name.data);
	cr_assert(view_equal(buffer_view(&value), (struct view){world->rows[i].value, world->rows[i].len}));
	given->count++;
	buffer_release(&name);
	buffer_release(&value);
}

/* What is put away is what was written. */
static void check_given(const struct world *world)
{
	struct given given = {world, 0};
	struct switch_task task;
	size_t cursor = 0;

	if (switch_rows(world->state, meet_row, &given))
		cr_assert_eq(given.count, world->row_count);
	else
		cr_assert_eq(given.count, 0);
	if (switch_next_task(world->state, &cursor, &task))
		cr_assert_eq(given.count, 0, "with an attempt under way it was put away");
}

void world_apply(struct world *world, struct switch_event *event)
{
	event->position.partition = WORLD_PACKAGE_PARTITION;
	switch_apply(world->state, event, world->now_ms, &world->out);
	struct switch_state *rebuilt = rebuild(world);

	cr_assert(switch_state_equal(world->state, rebuilt), "the rows do not rebuild the state; said:\n%s",
	        world->said.data);
	cr_assert(switch_state_is_counted(world->state) && switch_state_is_counted(rebuilt));
	check_given(world);
	switch_state_free(rebuilt);
}

void world_restart(struct world *world)
{
	struct switch_state *rebuilt = rebuild(world);

	switch_state_free(world->state);
	world->state = rebuilt;
}

/* ---- steps ---- */

static void apply_record(struct world *world, struct staged_record *record)
{
	static const char trace[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

	record->package_id = "PKG";
	record->time_ms = world->now_ms;
	world_apply(world,
	        &(struct switch_event){.kind = SWITCH_RECORD,
	                .position = {.offset = world->offset++},
	                .record = record,
	                .traceparent = record->type == STAGED_RELEASE ? view_text(trace) : (struct view){0}});
}

static bool step_record(struct world *world, const char *step)
{
	char version[TEXT], dp[TEXT], disk[TEXT], job[TEXT], reason[TEXT], id[4 * TEXT], digest[DIGEST_SIZE];
	char release_id[4 * TEXT];
	long long position, deadline = 0;
	unsigned targets;
	struct staged_record record = {.version = version,
	        .distribution_point = dp,
	        .job_id = job,
	        .id = id,
	        .read_back = "full",
	        .digest = digest,
	        .dp_id = disk,
	        .files = 1};

	strcpy(job, "c-1");
	snprintf(release_id, sizeof(release_id), "r%lld", (long long)world->offset);
	if (sscanf(step, "staged %79s %79s %79s", version, dp, disk) == 3) {
		record.type = STAGED_STAGED;
	} else if (sscanf(step, "release %79s %79s %79s %79s %lld %u %lld", version, dp, disk, job, &position,
	                   &targets, &deadline) == 7) {
		record.type = STAGED_RELEASE;
		record.staged_id = id;
		record.id = release_id;
	} else if (sscanf(step, "withheld %79s %79s %79s %lld %u %79s", version, dp, job, &position, &targets,
	                   reason) == 6) {
		record.type = STAGED_WITHHELD;
		record.reason = reason;
		record.id = release_id;
		strcpy(disk, "-");
	} else {
		return false;
	}
	if (record.type != STAGED_STAGED) {
		record.job_position = (struct position){WORLD_PACKAGE_PARTITION, position};
		record.targets = targets;
		record.deadline_ms = deadline;
	}
	snprintf(id, sizeof(id), "%s/%s/%s", version, dp, disk);
	digest_of(view_text(version), digest);
	apply_record(world, &record);
	return true;
}

static bool wanted_at(const struct world *world, const char *dp, struct switch_task *task)
{
	size_t cursor = 0;

	while (switch_next_task(world->state, &cursor, task))
		if (strcmp(task->distribution_point, dp) == 0)
			return true;
	return false;
}

static void apply_answer(
        struct world *world, const struct switch_task *task, const char *how, const char *code)
{
	struct switch_answer answer = {.task = task, .refuses_older = world->refuses_older};

	if (strcmp(how, "wanted") == 0) {
		answer.outcome = POINTER_IS_WANTED;
	} else if (strcmp(how, "newer") == 0) {
		answer.outcome = POINTER_IS_NEWER;
	} else if (strcmp(how, "other") == 0) {
		answer.outcome = POINTER_IS_OTHER;
	} else {
		answer.outcome = POINTER_UNKNOWN;
		answer.may_have_changed = strcmp(how, "ambiguous") == 0;
		error_set(&answer.err, STATUS_RETRY, code, "it is said to be %s", code);
	}
	world_apply(world, &(struct switch_event){.kind = SWITCH_ANSWER, .answer = &answer});
}

struct started { /* its own strings: the state may change meanwhile */
	char version[TEXT], dp[TEXT], disk[TEXT], staged_id[TEXT], release_id[TEXT], job_id[TEXT];
	struct switch_task task;
};

static void start(struct world *world, const char *dp, struct started *started)
{
	cr_assert(wanted_at(world, dp, &started->task), "nothing is wanted at %s", dp);
	struct switch_task *task = &started->task;

	task->version = strcpy(started->version, task->version);
	task->distribution_point = strcpy(started->dp, task->distribution_point);
	task->dp_id = strcpy(started->disk, task->dp_id);
	task->staged_id = strcpy(started->staged_id, task->staged_id);
	task->release_id = strcpy(started->release_id, task->release_id);
	task->job_id = strcpy(started->job_id, task->job_id);
	task->package_id = "PKG";
	task->traceparent = NULL;
}

static bool step_answer(struct world *world, const char *step, struct started *under_way)
{
	char dp[TEXT], how[TEXT], code[TEXT] = "";
	struct started now;

	if (sscanf(step, "start %79s", dp) == 1) {
		start(world, dp, under_way);
		return true;
	}
	if (sscanf(step, "finish %79s %79s", how, code) >= 1) {
		apply_answer(world, &under_way->task, how, code);
		return true;
	}
	if (sscanf(step, "answer %79s %79s %79s", dp, how, code) < 2)
		return false;
	start(world, dp, &now);
	apply_answer(world, &now.task, how, code);
	return true;
}

static void say_tasks(struct world *world)
{
	struct switch_task task;
	size_t cursor = 0;

	buffer_add_text(&world->said, "tasks:");
	while (switch_next_task(world->state, &cursor, &task))
		buffer_add_format(&world->said, " %s %s %s on %s;",
		        task.wish == POINTER_READ ? "read" : "switch", task.distribution_point, task.version,
		        task.dp_id);
	buffer_add_text(&world->said, "\n");
}

static void step_other(struct world *world, const char *step)
{
	long long number;

	if (sscanf(step, "at %lld", &number) == 1)
		world->now_ms = number;
	else if (strcmp(step, "tick") == 0)
		world_apply(world, &(struct switch_event){.kind = SWITCH_TICK});
	else if (strcmp(step, "catalogue") == 0)
		world_apply(world, &(struct switch_event){.kind = SWITCH_CATALOGUE});
	else if (strcmp(step, "restart") == 0)
		world_restart(world);
	else if (strcmp(step, "tasks") == 0)
		say_tasks(world);
	else if (strcmp(step, "wake") == 0)
		buffer_add_format(&world->said,
		        switch_wake_at(world->state) == INT64_MAX ? "wake never\n" : "wake %lld\n",
		        (long long)switch_wake_at(world->state));
	else
		cr_assert_fail("no such step: %s", step);
}

void world_run(struct world *world, const char *steps)
{
	char *copy = memory_text(steps), *rest = copy, *step;
	struct started under_way;

	while ((step = strsep(&rest, "\n")) != NULL)
		if (*step && !step_record(world, step) && !step_answer(world, step, &under_way))
			step_other(world, step);
	free(copy);
}
