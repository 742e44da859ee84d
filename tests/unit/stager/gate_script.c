#include "gate_script.h"

#include "base/memory.h"
#include "stager/gate_codec.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS_MAX = 16, NAMES_MAX = 1100 };

static void put_names(struct buffer *out, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		buffer_add_format(out, "%s%s", i == 0 ? " " : ",", names[i]);
}

static void put_job(struct buffer *out, const struct job_status *job)
{
	buffer_add_format(out, "%s %s", job_state_name(job->state), job->job_id);
	if (job->state == JOB_HELD)
		buffer_add_format(out, " %u/%u", job->staged, job->targets);
	if (job->reason != NULL)
		buffer_add_format(out, " %s", job->reason);
	put_names(out, job->distribution_points, job->distribution_point_count);
	put_names(out, job->missing, job->missing_count);
	for (size_t i = 0; i < job->outcome_count; i++)
		buffer_add_format(out, "%s%s:%s", i == 0 ? " " : ",", job->outcomes[i].distribution_point,
		        job_state_name(job->outcomes[i].outcome));
}

static void put_staged(struct buffer *out, const struct staged_record *record)
{
	if (record->type == STAGED_STAGED)
		buffer_add_format(out, "staged %s %s", record->version, record->distribution_point);
	else
		buffer_add_format(out, "%s %s %s %s%s%s",
		        record->type == STAGED_RELEASE ? "release" : "withheld", record->job_id,
		        record->version, record->distribution_point, record->reason ? " " : "",
		        record->reason ? record->reason : "");
}

static void take_fact(const struct gate_fact *fact, void *context)
{
	struct gate_world *world = context;
	struct buffer *out = &world->said;

	if (out->len > 0)
		buffer_add_text(out, "; ");
	switch (fact->kind) {
	case FACT_STAGED:
		put_staged(out, &fact->staged);
		break;
	case FACT_JOB:
		put_job(out, &fact->job);
		break;
	case FACT_POINT:
		buffer_add_format(out, "dp %s %s %s%s%s", fact->point.version, fact->point.distribution_point,
		        dp_state_name(fact->point.state), fact->point.error_code ? " " : "",
		        fact->point.error_code ? fact->point.error_code : "");
		break;
	case FACT_DUPLICATE:
		buffer_add_format(out, "duplicate %s", fact->duplicate.job_id);
		break;
	}
	if (world->watch != NULL)
		world->watch(fact, world->watch_context);
}

static struct view *row_copy(struct view value)
{
	struct view *row = memory_alloc(sizeof(*row) + value.len);

	memcpy(row + 1, value.data, value.len);
	*row = (struct view){(const char *)(row + 1), value.len};
	return row;
}

static void take_row(const struct gate_row *row, void *context)
{
	struct gate_world *world = context;
	struct buffer name, value;

	buffer_init(&name, 1000);
	buffer_init(&value, 1 << 20);
	gate_row_name(row, &name);
	if (row->gone) {
		free(map_remove(world->rows, buffer_view(&name)));
	} else {
		gate_row_value(row, &value);
		cr_assert(!value.full && !name.full);
		free(map_put(world->rows, buffer_view(&name), row_copy(buffer_view(&value))));
	}
	buffer_release(&name);
	buffer_release(&value);
}

static void load_row(struct view key, void *value, void *context)
{
	struct error err = {.message = ""};

	cr_assert_eq(
	        gate_row_load(context, key, *(const struct view *)value, &err), STATUS_OK, "%s", err.message);
}

/* What is kept about the live jobs, counted anew. */
static void check_kept(const struct gate_state *state)
{
	size_t updates = 0, targets = 0;
	int64_t until = INT64_MAX;

	for (size_t i = 0; i < state->live.roll.count; i++) {
		const struct gate_job *job = state->live.roll.jobs[i];

		cr_assert(i == 0 || state->live.roll.jobs[i - 1]->position.offset < job->position.offset);
		cr_assert_eq(gate_job_find(state, job->name), job);
		cr_assert_eq(gate_live_from(&state->live, job->position.offset), i);
		cr_assert_eq(gate_live_from(&state->live, job->position.offset + 1), i + 1);
		cr_assert(!job->work->look, "%s is still to be looked at", job->name);
		updates += job->work->type == JOB_UPDATE;
		targets += job->work->type == JOB_UPDATE ? job->work->target_count : 0;
		until = job->work->deadline_ms < until ? job->work->deadline_ms : until;
	}
	cr_assert(gate_state_is_counted(state), "what is kept of stagings and targets is not what there is");
	for (size_t i = 0; i < state->ended.count; i++)
		cr_assert_eq(gate_job_find(state, state->ended.jobs[i]->name), state->ended.jobs[i]);
	cr_assert_eq(state->live.updates, updates);
	cr_assert_eq(state->live.held_targets, targets);
	cr_assert_eq(gate_live_until(&state->live), until);
	cr_assert(state->live.roll.count == 0 ||
	          (state->live.until_stale ? state->live.until_ms <= until : state->live.until_ms == until));
}

struct given {
	struct gate_world *world;
	size_t count;
};

static void meet_row(const struct gate_row *row, void *context)
{
	struct given *given = context;
	struct buffer name, value;

	buffer_init(&name, 1000);
	buffer_init(&value, 1 << 20);
	gate_row_name(row, &name);
	gate_row_value(row, &value);
	const struct view *written = map_get(given->world->rows, buffer_view(&name));
	cr_assert(written && view_equal(*written, buffer_view(&value)), "%s is not as it was written",
	        name.data);
	given->count++;
	buffer_release(&name);
	buffer_release(&value);
}

/* What is put away is what was written. */
static void check_given(struct gate_world *world)
{
	struct given given = {world, 0};

	gate_rows(world->state, meet_row, &given);
	cr_assert_eq(given.count, map_count(world->rows));
}

/* The pair assertion: the rows give the state. */
static void check_rows(struct gate_world *world)
{
	struct gate_state *again = gate_state_new(world->state->package, &world->limits);

	map_each(world->rows, load_row, again);
	check_given(world);
	check_kept(world->state);
	check_kept(again);
	cr_assert(gate_state_equal(again, world->state), "the rows give another state");
	cr_assert_eq(gate_wake_at(again), gate_wake_at(world->state));
	if (world->restarts) {
		gate_state_free(world->state);
		world->state = again;
	} else {
		gate_state_free(again);
	}
}

void gate_world_init(struct gate_world *world)
{
	*world = (struct gate_world){.limits = gate_limits_default, .now_ms = 1000000};
	world->state = gate_state_new("PKG", &world->limits);
	world->rows = map_new();
	buffer_init(&world->said, 1 << 20);
}

void gate_world_release(struct gate_world *world)
{
	gate_state_free(world->state);
	map_free(world->rows, free);
	buffer_release(&world->said);
}

void gate_world_apply(struct gate_world *world, const struct gate_event *event)
{
	struct gate_out out = {.fact = take_fact, .row = take_row, .context = world};

	buffer_clear(&world->said);
	gate_apply(world->state, event, world->now_ms, &out);
	cr_assert(!world->said.full);
	check_rows(world);
}

/* ---- the words that come in */

struct words {
	char *text[WORDS_MAX];
	size_t count;
};

static struct words split(char *line)
{
	struct words words = {.count = 0};
	char *rest = NULL;

	for (char *word = strtok_r(line, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
		cr_assert_lt(words.count, WORDS_MAX);
		words.text[words.count++] = word;
	}
	return words;
}

static void read_option(struct gate_world *world, struct gate_request *request, char *word)
{
	static const struct error refusal = {.status = STATUS_REJECT,
	        .code = "unknown_distribution_point",
	        .message = "atlantis is not in the catalogue"};
	char *value = strchr(word, '=');

	value = value == NULL ? NULL : value + 1;
	if (strcmp(word, "all") == 0) {
		request->gate = GATE_ALL;
	} else if (strcmp(word, "never") == 0) {
		request->deadline = DEADLINE_NEVER;
	} else if (strcmp(word, "refused") == 0) {
		request->refusal = &refusal;
	} else if (strcmp(word, "url") == 0) {
		request->manifest_url = "https://src.example/m.json";
	} else if (strncmp(word, "content=", 8) == 0) {
		request->digest = value;
	} else if (strncmp(word, "payload=", 8) == 0) {
		request->payload = value;
	} else if (strncmp(word, "deadline=", 9) == 0) {
		request->deadline = DEADLINE_AFTER;
		request->deadline_ms = atoll(value);
	} else if (strncmp(word, "at=", 3) == 0) {
		request->deadline = DEADLINE_AT;
		request->deadline_ms = atoll(value);
	} else {
		cr_assert(request->target_count == 0, "what is \"%s\"?", word);
		(void)world;
	}
}

static bool is_option(const char *word)
{
	return strchr(word, '=') != NULL || strcmp(word, "all") == 0 || strcmp(word, "never") == 0 ||
	       strcmp(word, "refused") == 0 || strcmp(word, "url") == 0;
}

static void send_job(struct gate_world *world, const struct words *words)
{
	static const char *names[NAMES_MAX];
	bool is_create = strcmp(words->text[0], "create") == 0;
	struct gate_request request = {.id = words->text[1],
	        .position = {3, ++world->offset},
	        .payload = "same",
	        .type = is_create ? JOB_CREATE : JOB_UPDATE,
	        .version = words->text[2],
	        .digest = strcmp(words->text[0], "update") == 0 ? NULL : "A"};
	char *rest = NULL;

	for (size_t i = 3; i < words->count; i++) {
		if (is_option(words->text[i])) {
			read_option(world, &request, words->text[i]);
			continue;
		}
		for (char *name = strtok_r(words->text[i], ",", &rest); name != NULL;
		        name = strtok_r(NULL, ",", &rest))
			names[request.target_count++] = name;
		request.targets = names;
	}
	int64_t since;
	size_t held = world->held_elsewhere + gate_held(world->state, &since);
	gate_world_apply(world, &(struct gate_event){.kind = GATE_JOB, .job = &request, .held = held});
}

static uint32_t attempt_of(const struct gate_world *world, const char *version, const char *point)
{
	const struct gate_version *known = gate_version_find(world->state, version);
	const struct gate_staging *staging = known == NULL ? NULL : gate_staging_find(known, point);

	return staging == NULL ? 0 : staging->attempt;
}

static void end_transfer(struct gate_world *world, const struct words *words)
{
	static const char *const blames[] = {"point", "content", "final", "nobody"};
	const char *const *word = (const char *const *)words->text;
	struct gate_event event = {.kind = GATE_STAGED,
	        .version = word[1],
	        .point = word[2],
	        .attempt = attempt_of(world, word[1], word[2]),
	        .files = 1,
	        .bytes = 10,
	        .read_back = "full",
	        .dp_id = words->count > 3 ? word[3] : "id1",
	        .code = words->count > 4 ? word[4] : "dp_unreachable",
	        .message = "it did not work",
	        .retry_after_ms = words->count > 5 ? atoll(word[5]) : 0};

	if (strcmp(word[0], "stale") == 0)
		event.attempt--;
	if (strcmp(word[0], "fails") == 0) {
		event.kind = GATE_STAGE_FAILED;
		for (size_t i = 0; i < 4; i++)
			if (strcmp(blames[i], word[3]) == 0)
				event.blame = (enum gate_blame)i;
	}
	gate_world_apply(world, &event);
}

const char *gate_world_step(struct gate_world *world, const char *line)
{
	char *copy = memory_text(line);
	struct words words = split(copy);
	const char *verb = words.text[0];

	if (strcmp(verb, "wait") == 0 || strcmp(verb, "skip") == 0) {
		world->now_ms += atoll(words.text[1]);
		buffer_clear(&world->said);
		if (verb[0] == 'w')
			gate_world_apply(world, &(struct gate_event){.kind = GATE_TICK});
	} else if (strcmp(verb, "lost") == 0) {
		gate_world_apply(world, &(struct gate_event){.kind = GATE_LOST_CONTENT,
		                                .point = words.text[1],
		                                .dp_id = words.text[2],
		                                .lost_ids = (const char *const *)&words.text[3],
		                                .lost_count = words.count - 3});
	} else if (strcmp(verb, "create") == 0 || strcmp(verb, "update") == 0 || strcmp(verb, "both") == 0) {
		send_job(world, &words);
	} else {
		end_transfer(world, &words);
	}
	free(copy);
	return world->said.len == 0 ? "" : world->said.data;
}

static void put_effect(const struct gate_version *version, const struct gate_staging *staging, void *context)
{
	struct buffer *out = context;

	buffer_add_format(
	        out, "%s%s/%s/%u", out->len ? " " : "", version->name, staging->name, staging->attempt);
}

char *gate_world_effects(const struct gate_world *world)
{
	struct buffer out;
	char *text;

	buffer_init(&out, 1 << 20);
	gate_effects(world->state, put_effect, &out);
	text = memory_copy(out.data ? out.data : "", out.len);
	buffer_release(&out);
	return text;
}

void gate_script_run(const char *name, const struct gate_step *steps)
{
	for (int restarts = 0; restarts < 2; restarts++) {
		struct gate_world world;

		gate_world_init(&world);
		world.restarts = restarts == 1;
		for (size_t i = 0; steps[i].comes != NULL; i++) {
			const char *said = gate_world_step(&world, steps[i].comes);

			cr_expect_str_eq(said, steps[i].says, "%s, step %zu: %s\n  said: %s\n  want: %s",
			        name, i, steps[i].comes, said, steps[i].says);
		}
		gate_world_release(&world);
	}
}
