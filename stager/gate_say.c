/* The facts that go out: their ids and fields. What is said when is decided elsewhere.
 *
 * An id is made from what its record is about and the position at which its cause was applied, and for staged
 * from the DP's identity and the count of restages too: saying the same again gives the same id, and no two
 * lives of a job id or a version share one. */
#include "base/memory.h"
#include "stager/gate_turn.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

struct about {
	const char *kind, *version, *point, *job_id;
	struct position position;
	const char *extra;
	uint64_t number;
};

struct words {
	size_t len;
	char text[1024]; /* more than all fields together may have */
};

static void add(struct words *words, const char *text, size_t len)
{
	assert(len < sizeof(words->text) - words->len);
	memcpy(words->text + words->len, text, len);
	words->len += len;
	words->text[words->len++] = '/';
}

static void add_text(struct words *words, const char *text)
{
	add(words, text != NULL ? text : "", text != NULL ? strlen(text) : 0);
}

static void add_number(struct words *words, int64_t number)
{
	char text[DECIMAL_MAX], *end = text + sizeof(text), *at = decimal_before(end, number);

	add(words, at, (size_t)(end - at));
}

/* '/' is in none of the alphabets. */
static void make_id(const struct gate_turn *turn, const struct about *about, char id[DIGEST_NAME_SIZE])
{
	struct words words;

	words.len = 0; /* its text is written before it is read */
	add_text(&words, about->kind);
	add_text(&words, turn->state->package);
	add_text(&words, about->version);
	add_text(&words, about->point);
	add_text(&words, about->job_id);
	add_number(&words, about->position.partition);
	add_number(&words, about->position.offset);
	add_text(&words, about->extra);
	add_number(&words, (int64_t)about->number);
	digest_name((struct view){words.text, words.len - 1}, id);
}

static void say(struct gate_turn *turn, const struct gate_fact *fact)
{
	turn->out->fact(fact, turn->out->context);
}

/* The traceparent of the job that had this staged, while it lives. */
static const char *cause_traceparent(const struct gate_turn *turn, const struct gate_staging *staging)
{
	for (size_t i = 0; i < turn->state->live.roll.count; i++)
		if (turn->state->live.roll.jobs[i]->position.offset == staging->cause.offset)
			return turn->state->live.roll.jobs[i]->work->traceparent;
	return NULL;
}

void say_staged(struct gate_turn *turn, const struct gate_version *version, struct gate_staging *staging,
        const struct gate_event *event)
{
	make_id(turn,
	        &(struct about){.kind = "staged",
	                .version = version->name,
	                .point = staging->name,
	                .job_id = staging->cause_id,
	                .position = staging->cause,
	                .extra = staging->dp_id,
	                .number = staging->restages},
	        staging->staged_id);
	say(turn, &(struct gate_fact){.kind = FACT_STAGED,
	                  .traceparent = cause_traceparent(turn, staging),
	                  .staged = {.type = STAGED_STAGED,
	                          .id = staging->staged_id,
	                          .time_ms = turn->now_ms,
	                          .package_id = turn->state->package,
	                          .version = version->name,
	                          .distribution_point = staging->name,
	                          .job_id = staging->cause_id,
	                          .job_position = staging->cause,
	                          .dp_id = staging->dp_id,
	                          .digest = version->digest,
	                          .files = event->files,
	                          .bytes = event->bytes,
	                          .read_back = event->read_back}});
}

static struct staged_record about_target(
        const struct gate_turn *turn, const struct gate_job *job, const char *target, enum staged_type type)
{
	return (struct staged_record){.type = type,
	        .time_ms = turn->now_ms,
	        .package_id = turn->state->package,
	        .version = job->work->version,
	        .distribution_point = target,
	        .job_id = job->name,
	        .job_position = job->position,
	        .targets = (uint32_t)job->work->target_count,
	        .deadline_ms = job->work->deadline_ms};
}

void say_release(struct gate_turn *turn, const struct gate_job *job, const struct gate_version *version,
        const struct gate_staging *staging)
{
	char id[DIGEST_NAME_SIZE];
	struct gate_fact fact = {.kind = FACT_STAGED, .traceparent = job->work->traceparent};

	assert(staging->phase == STAGING_STAGED);
	make_id(turn,
	        &(struct about){.kind = "release",
	                .version = job->work->version,
	                .point = staging->name,
	                .job_id = job->name,
	                .position = job->position,
	                .extra = staging->dp_id},
	        id);
	fact.staged = about_target(turn, job, staging->name, STAGED_RELEASE);
	fact.staged.id = id;
	fact.staged.dp_id = staging->dp_id;
	fact.staged.digest = version->digest;
	fact.staged.staged_id = staging->staged_id;
	say(turn, &fact);
}

void say_withheld(struct gate_turn *turn, const struct gate_job *job, const char *target, const char *reason,
        const char *detail)
{
	char id[DIGEST_NAME_SIZE];
	struct gate_fact fact = {.kind = FACT_STAGED, .traceparent = job->work->traceparent};

	make_id(turn,
	        &(struct about){.kind = "withheld",
	                .version = job->work->version,
	                .point = target,
	                .job_id = job->name,
	                .position = job->position},
	        id);
	fact.staged = about_target(turn, job, target, STAGED_WITHHELD);
	fact.staged.id = id;
	fact.staged.reason = reason;
	fact.staged.detail = detail;
	say(turn, &fact);
}

void say_point(struct gate_turn *turn, const struct gate_version *version, const struct gate_staging *staging,
        enum dp_state state)
{
	char id[DIGEST_NAME_SIZE];
	bool failed = state == DP_RETRYING || state == DP_FAILED || staging->error_code != NULL;

	make_id(turn,
	        &(struct about){.kind = "point",
	                .version = version->name,
	                .point = staging->name,
	                .position = staging->cause,
	                .extra = dp_state_name(state),
	                .number = staging->attempt},
	        id);
	say(turn, &(struct gate_fact){.kind = FACT_POINT,
	                  .traceparent = cause_traceparent(turn, staging),
	                  .point = {.id = id,
	                          .time_ms = turn->now_ms,
	                          .package_id = turn->state->package,
	                          .version = version->name,
	                          .distribution_point = staging->name,
	                          .state = state,
	                          .attempt = staging->failures + (state == DP_STAGED || state == DP_PENDING),
	                          .error_code = failed ? staging->error_code : NULL,
	                          .error_message = failed ? staging->error_message : NULL,
	                          .retryable = failed && staging->phase != STAGING_FAILED,
	                          .next_retry_ms = state == DP_RETRYING ? staging->next_retry_ms : 0}});
}

/* kind and number: what tells this status of the job from its others. */
static void say_job(struct gate_turn *turn, const struct gate_job *job, const char *kind, uint64_t number,
        struct job_status *status)
{
	char id[DIGEST_NAME_SIZE];
	struct gate_fact fact = {.kind = FACT_JOB, .traceparent = job->work->traceparent};

	make_id(turn,
	        &(struct about){.kind = kind,
	                .version = job->work->version,
	                .job_id = job->name,
	                .position = job->position,
	                .number = number},
	        id);
	status->id = id;
	status->time_ms = turn->now_ms;
	status->job_id = job->name;
	status->package_id = turn->state->package;
	status->version = job->work->version;
	status->job_type = job->work->type;
	status->job_position = job->position;
	fact.job = *status;
	say(turn, &fact);
}

void say_accepted(struct gate_turn *turn, const struct gate_job *job, const struct gate_request *request)
{
	struct job_status status = {.state = JOB_ACCEPTED,
	        .distribution_points = (const char *const *)job->work->targets,
	        .distribution_point_count = job->work->target_count,
	        .requested_by = request->requested_by,
	        .annotations = request->annotations,
	        .deadline_ms = job->work->deadline_ms};

	say_job(turn, job, "accepted", 0, &status);
}

void say_held(
        struct gate_turn *turn, const struct gate_job *job, const char *const *missing, size_t missing_count)
{
	struct job_status status = {.state = JOB_HELD,
	        .staged = job->work->held_staged,
	        .targets = (uint32_t)job->work->target_count,
	        .missing = missing,
	        .missing_count = missing_count};

	say_job(turn, job, "held", job->work->held_count, &status);
}

void say_ended(struct gate_turn *turn, const struct gate_job *job, enum job_state state, const char *reason,
        const char *detail, const struct dp_outcome *outcomes, size_t outcome_count)
{
	struct job_status status = {.state = state,
	        .reason = reason,
	        .detail = detail,
	        .outcomes = outcomes,
	        .outcome_count = outcome_count};

	assert(job_state_is_final(state));
	say_job(turn, job, "ended", 0, &status);
}

void say_rejected(
        struct gate_turn *turn, const struct gate_request *request, const char *code, const char *message)
{
	struct gate_work work = {.type = request->type,
	        .version = (char *)request->version,
	        .traceparent = (char *)request->traceparent};
	struct gate_job job = {.name = (char *)request->id, .position = request->position, .work = &work};
	struct job_status status = {.state = JOB_REJECTED, .reason = code, .detail = message};

	say_job(turn, &job, "rejected", 0, &status);
}

void say_duplicate(struct gate_turn *turn, const struct gate_request *request, struct position original)
{
	char id[DIGEST_NAME_SIZE];

	make_id(turn,
	        &(struct about){.kind = "duplicate",
	                .version = request->version,
	                .job_id = request->id,
	                .position = request->position},
	        id);
	say(turn, &(struct gate_fact){.kind = FACT_DUPLICATE,
	                  .traceparent = request->traceparent,
	                  .duplicate = {.id = id,
	                          .time_ms = turn->now_ms,
	                          .job_id = request->id,
	                          .package_id = turn->state->package,
	                          .version = request->version,
	                          .original = original,
	                          .duplicate = request->position}});
}
