/* The gate of one package: one event in, changed rows and facts out. The parts are in gate_*.c by idea. */
#include "stager/gate.h"

#include "base/memory.h"
#include "stager/gate_turn.h"

#include <assert.h>
#include <stdlib.h>

enum { HOUR_MS = 3600000, DAY_MS = 24 * HOUR_MS };

const struct gate_limits gate_limits_default = {
        .default_deadline_ms = DAY_MS,
        .never_ms = 366LL * DAY_MS,
        .held_max = 256,
        .held_shard_max = 100000,
        .held_targets_max = 64000,
        .creates_max = 256,
        .ended_max = 256,
        .versions_max = 10000,
        .stagings_max = 100000,
};

static void touch(struct gate_turn *turn, bool *dirty, struct gate_row row)
{
	if (*dirty)
		return;
	*dirty = true;
	if (turn->row_count == turn->row_capacity) {
		turn->row_capacity = turn->row_capacity == 0 ? 8 : turn->row_capacity * 2;
		turn->rows = memory_resize(turn->rows, turn->row_capacity * sizeof(*turn->rows));
	}
	turn->rows[turn->row_count++] = row;
}

void touch_version(struct gate_turn *turn, struct gate_version *version)
{
	touch(turn, &version->dirty, (struct gate_row){.kind = ROW_VERSION, .version = version});
}

void touch_staging(struct gate_turn *turn, struct gate_version *version, struct gate_staging *staging)
{
	touch(turn, &staging->dirty,
	        (struct gate_row){.kind = ROW_STAGING, .version = version, .staging = staging});
}

void touch_point(struct gate_turn *turn, struct gate_point *point)
{
	touch(turn, &point->dirty, (struct gate_row){.kind = ROW_POINT, .point = point});
}

void touch_job(struct gate_turn *turn, struct gate_job *job)
{
	touch(turn, &job->dirty, (struct gate_row){.kind = ROW_JOB, .job = job});
}

static void turn_write_rows(struct gate_turn *turn)
{
	for (size_t i = 0; i < turn->row_count; i++) {
		struct gate_row *row = &turn->rows[i];

		switch (row->kind) {
		case ROW_VERSION:
			row->version->dirty = false;
			break;
		case ROW_STAGING:
			row->staging->dirty = false;
			break;
		case ROW_POINT:
			row->point->dirty = false;
			break;
		case ROW_JOB:
			row->job->dirty = false;
			row->gone = row->job->gone;
			break;
		}
		turn->out->row(row, turn->out->context);
	}
	free(turn->rows);
}

void pass_time(struct gate_turn *turn)
{
	jobs_expire(turn);
	stagings_pass_time(turn);
}

void gate_apply(
        struct gate_state *state, const struct gate_event *event, int64_t now_ms, const struct gate_out *out)
{
	struct gate_turn turn = {.state = state, .now_ms = now_ms, .out = out, .look_from = INT64_MAX};

	pass_time(&turn);
	switch (event->kind) {
	case GATE_JOB:
		apply_job(&turn, event->job, event->held);
		break;
	case GATE_STAGED:
		apply_staged(&turn, event);
		break;
	case GATE_STAGE_FAILED:
		apply_stage_failed(&turn, event);
		break;
	case GATE_LOST_CONTENT:
		apply_lost_content(&turn, event);
		break;
	case GATE_TICK:
		break;
	}
	updates_let_through(&turn);
	jobs_choose_forgotten(&turn);
	turn_write_rows(&turn);
	jobs_forget(&turn);
}

void gate_effects(const struct gate_state *state,
        void (*want)(const struct gate_version *version, const struct gate_staging *staging, void *context),
        void *context)
{
	for (size_t i = 0; i < state->versions.count; i++) {
		const struct gate_version *version = state->versions.items[i];

		for (size_t j = 0; version->active > 0 && j < version->stagings.count; j++) {
			const struct gate_staging *staging = version->stagings.items[j];

			if (staging->phase == STAGING_PENDING)
				want(version, staging, context);
		}
	}
}

size_t gate_held(const struct gate_state *state, int64_t *ret_since_ms)
{
	const struct gate_live *live = &state->live;

	*ret_since_ms = INT64_MAX;
	for (size_t i = 0; i < live->roll.count && live->updates > 0; i++) {
		const struct gate_job *job = live->roll.jobs[i];

		if (job->work->type == JOB_UPDATE && job->work->accepted_ms > 0) {
			*ret_since_ms = job->work->accepted_ms;
			break;
		}
	}
	return live->updates;
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

int64_t gate_wake_at(const struct gate_state *state)
{
	int64_t at = gate_live_until(&state->live);

	for (size_t i = 0; i < state->versions.count; i++) {
		const struct gate_version *version = state->versions.items[i];

		for (size_t j = 0; version->active > 0 && j < version->stagings.count; j++)
			at = earlier(at, staging_due_ms(version->stagings.items[j]));
	}
	return at;
}
