/* The gate's rows to and from bytes. */
#include "stager/gate_codec.h"

#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { JOB_ENDED = 1, JOB_IS_UPDATE = 2, JOB_HAS_CONTENT = 4, JOB_GATES_ALL = 8 };

static void add_row_name(struct buffer *out, const char *kind, const char *name)
{
	buffer_add_text(out, kind);
	buffer_add(out, "/", 1);
	buffer_add_text(out, name);
}

void gate_row_name(const struct gate_row *row, struct buffer *out)
{
	switch (row->kind) {
	case ROW_VERSION:
		add_row_name(out, "v", row->version->name);
		break;
	case ROW_STAGING:
		add_row_name(out, "d", row->version->name);
		buffer_add(out, "/", 1);
		buffer_add_text(out, row->staging->name);
		break;
	case ROW_POINT:
		add_row_name(out, "p", row->point->name);
		break;
	case ROW_JOB:
		add_row_name(out, "j", row->job->name);
		break;
	}
}

static void pack_position(struct buffer *out, struct position position)
{
	pack_int(out, position.partition);
	pack_int(out, position.offset);
}

static struct position unpack_position(struct unpacker *in)
{
	int64_t partition = unpack_int(in);

	in->failed = in->failed || partition < INT32_MIN || partition > INT32_MAX;
	return (struct position){.partition = (int32_t)partition, .offset = unpack_int(in)};
}

static uint32_t unpack_count(struct unpacker *in)
{
	uint64_t value = unpack_uint(in);

	in->failed = in->failed || value > UINT32_MAX;
	return (uint32_t)value;
}

/* The empty text stands for none. */
static void unpack_into(struct unpacker *in, char **text)
{
	char *value = unpack_text(in);

	gate_text_set(text, value[0] == '\0' ? NULL : value);
	free(value);
}

static void unpack_fixed(struct unpacker *in, char *text, size_t size)
{
	char *value = unpack_text(in);

	if (strlen(value) < size)
		strcpy(text, value);
	else
		in->failed = true;
	free(value);
}

static void version_pack(const struct gate_version *version, struct buffer *out)
{
	pack_text(out, version->digest);
	pack_text(out, version->manifest_url);
	pack_position(out, version->source);
}

static void version_unpack(struct unpacker *in, struct gate_version *version)
{
	unpack_fixed(in, version->digest, sizeof(version->digest));
	unpack_into(in, &version->manifest_url);
	version->source = unpack_position(in);
}

static void staging_pack(const struct gate_staging *staging, struct buffer *out)
{
	pack_uint(out, staging->phase);
	pack_uint(out, staging->attempt);
	pack_uint(out, staging->failures);
	pack_uint(out, staging->content_failures);
	pack_uint(out, staging->restages);
	pack_int(out, staging->next_retry_ms);
	pack_int(out, staging->until_ms);
	pack_text(out, staging->cause_id);
	pack_position(out, staging->cause);
	pack_text(out, staging->dp_id);
	pack_text(out, staging->staged_id);
	pack_text(out, staging->error_code);
	pack_text(out, staging->error_message);
}

static void staging_unpack(struct unpacker *in, struct gate_version *version, struct gate_staging *staging)
{
	uint32_t phase = unpack_count(in);

	if (phase > STAGING_EXPIRED) {
		in->failed = true;
		return;
	}
	staging_set_phase(version, staging, (enum staging_phase)phase);
	staging->attempt = unpack_count(in);
	staging->failures = unpack_count(in);
	staging->content_failures = unpack_count(in);
	staging->restages = unpack_count(in);
	staging->next_retry_ms = unpack_int(in);
	staging->until_ms = unpack_int(in);
	unpack_into(in, &staging->cause_id);
	staging->cause = unpack_position(in);
	unpack_into(in, &staging->dp_id);
	unpack_fixed(in, staging->staged_id, sizeof(staging->staged_id));
	unpack_into(in, &staging->error_code);
	unpack_into(in, &staging->error_message);
}

static void point_pack(const struct gate_point *point, struct buffer *out)
{
	pack_position(out, point->released);
	pack_text(out, point->dp_id);
}

static void point_unpack(struct unpacker *in, struct gate_point *point)
{
	point->released = unpack_position(in);
	unpack_into(in, &point->dp_id);
}

static void job_pack(const struct gate_job *job, struct buffer *out)
{
	const struct gate_work *work = job->work;

	pack_uint(out, work == NULL ? JOB_ENDED
	                            : (work->type == JOB_UPDATE ? JOB_IS_UPDATE : 0) |
	                                      (work->has_content ? JOB_HAS_CONTENT : 0) |
	                                      (work->gate == GATE_ALL ? JOB_GATES_ALL : 0));
	pack_text(out, job->payload);
	pack_position(out, job->position);
	if (work == NULL) {
		pack_uint(out, job->ended_number);
		return;
	}
	pack_text(out, work->version);
	pack_text(out, work->traceparent);
	pack_int(out, work->deadline_ms);
	pack_uint(out, work->held_count);
	pack_uint(out, work->held_staged);
	pack_uint(out, work->target_count);
	for (size_t i = 0; i < work->target_count; i++) {
		pack_text(out, work->targets[i]);
		pack_uint(out, work->withheld[i]);
	}
	pack_int(out, work->accepted_ms);
}

static void work_unpack_targets(struct unpacker *in, struct gate_work *work)
{
	uint32_t count = unpack_count(in);

	if (count > JOB_TARGETS_MAX)
		in->failed = true;
	if (in->failed || count == 0)
		return;
	work->targets = memory_alloc(count * sizeof(*work->targets));
	work->withheld = memory_alloc(count * sizeof(*work->withheld));
	work->target_count = count;
	work->staged = GATE_UNCOUNTED;
	for (size_t i = 0; i < count; i++) {
		work->targets[i] = unpack_text(in);
		work->withheld[i] = unpack_uint(in) != 0;
		in->failed = in->failed || (i > 0 && strcmp(work->targets[i - 1], work->targets[i]) >= 0);
	}
}

static void work_unpack(struct unpacker *in, uint64_t schema, uint64_t flags, struct gate_work *work)
{
	work->type = flags & JOB_IS_UPDATE ? JOB_UPDATE : JOB_CREATE;
	work->has_content = flags & JOB_HAS_CONTENT;
	work->gate = flags & JOB_GATES_ALL ? GATE_ALL : GATE_EACH;
	work->version = unpack_text(in);
	unpack_into(in, &work->traceparent);
	work->deadline_ms = unpack_int(in);
	work->held_count = unpack_count(in);
	work->held_staged = unpack_count(in);
	work_unpack_targets(in, work);
	if (schema >= 2)
		work->accepted_ms = unpack_int(in);
}

static void job_unpack(struct unpacker *in, uint64_t schema, struct gate_job *job)
{
	uint64_t flags = unpack_uint(in);

	unpack_fixed(in, job->payload, sizeof(job->payload));
	job->position = unpack_position(in);
	if (flags & JOB_ENDED) {
		gate_job_forget_work(job);
		job->ended_number = unpack_uint(in);
		return;
	}
	work_unpack(in, schema, flags, job->work);
}

void gate_row_value(const struct gate_row *row, struct buffer *out)
{
	assert(!row->gone);
	pack_uint(out, GATE_ROW_SCHEMA);
	switch (row->kind) {
	case ROW_VERSION:
		version_pack(row->version, out);
		break;
	case ROW_STAGING:
		staging_pack(row->staging, out);
		break;
	case ROW_POINT:
		point_pack(row->point, out);
		break;
	case ROW_JOB:
		job_pack(row->job, out);
		break;
	}
}

static void version_rows(
        struct gate_version *version, void (*row)(const struct gate_row *row, void *context), void *context)
{
	row(&(struct gate_row){.kind = ROW_VERSION, .version = version}, context);
	for (size_t i = 0; i < version->stagings.count; i++)
		row(&(struct gate_row){.kind = ROW_STAGING,
		            .version = version,
		            .staging = version->stagings.items[i]},
		        context);
}

void gate_rows(
        const struct gate_state *state, void (*row)(const struct gate_row *row, void *context), void *context)
{
	for (size_t i = 0; i < state->versions.count; i++)
		version_rows(state->versions.items[i], row, context);
	for (size_t i = 0; i < state->points.count; i++)
		row(&(struct gate_row){.kind = ROW_POINT, .point = state->points.items[i]}, context);
	for (size_t i = 0; i < state->live.roll.count; i++)
		row(&(struct gate_row){.kind = ROW_JOB, .job = state->live.roll.jobs[i]}, context);
	for (size_t i = 0; i < state->ended.count; i++)
		row(&(struct gate_row){.kind = ROW_JOB, .job = state->ended.jobs[i]}, context);
}

static void load_staging(struct gate_state *state, char *name, struct unpacker *in)
{
	char *slash = strchr(name, '/');
	struct gate_version *version;

	if (slash == NULL) {
		in->failed = true;
		return;
	}
	*slash = '\0';
	version = gate_version_need(state, name);
	staging_unpack(in, version, gate_staging_need(state, version, slash + 1));
}

static void load_job(struct gate_state *state, const char *name, uint64_t schema, struct unpacker *in)
{
	struct gate_job *known = gate_job_find(state, name);
	struct gate_job *job = gate_job_new(name, "", (struct position){0, 0});

	job_unpack(in, schema, job);
	if (known != NULL) {
		if (known->work == NULL)
			gate_roll_remove(&state->ended, known);
		else
			gate_live_remove(&state->live, known);
		gate_job_free(known);
	}
	if (job->work == NULL)
		gate_ended_add(state, job);
	else
		gate_live_add(&state->live, job);
}

static void load(struct gate_state *state, char *row, uint64_t schema, struct unpacker *in)
{
	char *name = row + 2;

	if (strncmp(row, "v/", 2) == 0)
		version_unpack(in, gate_version_need(state, name));
	else if (strncmp(row, "d/", 2) == 0)
		load_staging(state, name, in);
	else if (strncmp(row, "p/", 2) == 0)
		point_unpack(in, gate_point_need(state, name));
	else if (strncmp(row, "j/", 2) == 0)
		load_job(state, name, schema, in);
	else
		in->failed = true;
}

enum status gate_row_load(struct gate_state *state, struct view row, struct view value, struct error *err)
{
	struct unpacker in = unpack_start(value);
	uint64_t schema = unpack_uint(&in);
	char *name;

	if (!in.failed && schema > GATE_ROW_SCHEMA)
		return error_set(err, STATUS_FATAL, "newer_schema",
		        "row %.*s of %s was written by a newer holdpoint-stager (schema %llu, this one reads "
		        "up to %d); run that version here too",
		        (int)row.len, row.data, state->package, (unsigned long long)schema, GATE_ROW_SCHEMA);
	name = memory_copy(row.data, row.len);
	if (schema < 1 || strlen(name) != row.len)
		in.failed = true;
	else
		load(state, name, schema, &in);
	free(name);
	if (unpack_ended(&in))
		return STATUS_OK;
	return error_set(err, STATUS_FATAL, "row_damaged",
	        "row %.*s of %s cannot be read (%zu bytes); only holdpoint-stager may write its changelog",
	        (int)row.len, row.data, state->package, value.len);
}
