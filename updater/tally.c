/* How each update job stands: every distribution point of a job is resolved once, and the job ends once, when
 * all are. */
#include "updater/switch_state.h"

#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool has_ended(const struct switch_state *state, const struct job_part *part)
{
	for (size_t i = state->ended_count; i-- > 0;)
		if (state->ended[i] == part->position.offset)
			return true;
	return false;
}

static struct switch_tally *tally_of(const struct switch_state *state, const struct job_part *part)
{
	char *name = switch_tally_name(part->job_id, part->position);
	struct switch_tally *tally = table_find(&state->tallies, name);

	free(name);
	return tally;
}

bool tally_knows(const struct switch_state *state, const struct job_part *part)
{
	const struct switch_tally *tally;

	if (has_ended(state, part))
		return true;
	tally = tally_of(state, part);
	return tally && table_find(&tally->outcomes, part->distribution_point);
}

static struct switch_tally *tally_open(struct switch_state *state, const struct job_part *part)
{
	struct switch_tally *tally = tally_of(state, part);

	if (tally)
		return tally;
	tally = memory_alloc(sizeof(*tally));
	tally->name = switch_tally_name(part->job_id, part->position);
	tally->job_id = memory_text(part->job_id);
	tally->version = memory_text(part->version);
	tally->position = part->position;
	tally->targets = part->targets;
	table_add(&state->tallies, tally);
	return tally;
}

static struct switch_outcome *outcome_add(
        struct switch_tally *tally, const char *distribution_point, enum job_state state, const char *detail)
{
	struct switch_outcome *outcome = memory_alloc(sizeof(*outcome));
	struct error cut;

	error_set(&cut, STATUS_REJECT, "detail", "%s", detail ? detail : ""); /* cuts between characters */
	outcome->name = memory_text(distribution_point);
	outcome->state = state;
	outcome->detail = memory_text(cut.message);
	table_add(&tally->outcomes, outcome);
	return outcome;
}

static void remember_end(const struct turn *turn, const struct switch_tally *tally)
{
	struct switch_state *state = turn->state;

	if (state->ended_count == SWITCH_ENDED_MAX)
		memmove(state->ended, state->ended + 1, --state->ended_count * sizeof(*state->ended));
	state->ended[state->ended_count++] = tally->position.offset;
	turn_say(turn, &(struct switch_fact){.kind = FACT_ENDED_ROW});
}

static const char *end_reason(enum job_state state)
{
	switch (state) {
	case JOB_FAILED:
		return "distribution_point_failed";
	case JOB_EXPIRED:
		return "deadline";
	case JOB_SUPERSEDED:
		return "superseded";
	case JOB_CANCELED:
		return "canceled";
	default:
		return NULL;
	}
}

/* "2 of 5 distribution points failed; paris: …" of those that decided how the job ended. */
static void describe_end(const struct switch_tally *tally, enum job_state state, char *text, size_t size)
{
	const struct switch_outcome *first = NULL;
	size_t count = 0;

	for (size_t i = 0; i < tally->outcomes.count; i++) {
		const struct switch_outcome *outcome = tally->outcomes.items[i];

		if (outcome->state != state)
			continue;
		count++;
		if (!first || (!first->detail[0] && outcome->detail[0]))
			first = outcome;
	}
	snprintf(text, size, "%zu of %zu distribution points %s%s%s%s%s", count, tally->outcomes.count,
	        job_state_name(state), first && first->detail[0] ? "; " : "",
	        first && first->detail[0] ? first->name : "", first && first->detail[0] ? ": " : "",
	        first ? first->detail : "");
}

static void say_end(const struct turn *turn, const struct switch_tally *tally, const char *traceparent)
{
	size_t count = tally->outcomes.count;
	struct dp_outcome *outcomes = memory_alloc(count * sizeof(*outcomes));
	char id[DIGEST_NAME_SIZE], detail[ERROR_MESSAGE_MAX * 2];

	for (size_t i = 0; i < count; i++) {
		const struct switch_outcome *outcome = tally->outcomes.items[i];

		outcomes[i] = (struct dp_outcome){outcome->name, outcome->state};
	}
	enum job_state state = outcome_combine(outcomes, count);

	fact_id(id, "job ended", turn->state->package_id, tally->name, NULL);
	describe_end(tally, state, detail, sizeof(detail));
	struct job_status status = {.id = id,
	        .time_ms = turn->now_ms,
	        .job_id = tally->job_id,
	        .package_id = turn->state->package_id,
	        .version = tally->version,
	        .job_type = JOB_UPDATE,
	        .job_position = tally->position,
	        .state = state,
	        .reason = end_reason(state),
	        .detail = state == JOB_COMPLETED ? NULL : detail,
	        .outcomes = outcomes,
	        .outcome_count = count};

	turn_say(turn, &(struct switch_fact){
	                       .kind = FACT_JOB_STATUS, .job_status = &status, .traceparent = traceparent});
	free(outcomes);
}

/* All targets are resolved: the outcome resolved last never became a row. */
static void tally_end(const struct turn *turn, struct switch_tally *tally, const struct switch_outcome *last,
        const char *traceparent)
{
	say_end(turn, tally, traceparent);
	for (size_t i = 0; i < tally->outcomes.count; i++)
		if (tally->outcomes.items[i] != last)
			turn_say(turn, &(struct switch_fact){.kind = FACT_OUTCOME_GONE,
			                       .tally = tally,
			                       .outcome = tally->outcomes.items[i]});
	remember_end(turn, tally);
	switch_tally_free(table_remove(&turn->state->tallies, tally->name));
}

void tally_resolve(
        const struct turn *turn, const struct job_part *part, enum job_state state, const char *detail)
{
	struct switch_tally *tally = tally_open(turn->state, part);
	const struct switch_outcome *outcome = outcome_add(tally, part->distribution_point, state, detail);

	if (tally->outcomes.count >= tally->targets)
		tally_end(turn, tally, outcome, part->traceparent);
	else
		turn_say(turn,
		        &(struct switch_fact){.kind = FACT_OUTCOME_ROW, .tally = tally, .outcome = outcome});
}
