/* The gate's facts to records, its changed rows to changelog rows, in an outbox. */
#include "stager/gate_sink.h"

#include "engine/envelope.h"
#include "schemas/record.h"
#include "stager/gate_codec.h"

#include <assert.h>

/* Annotations are the one field without a small bound of its own: a status that would be too large with them
 * goes without. */
static void write_job(const struct job_status *status, struct buffer *out)
{
	struct job_status bare = *status;

	job_status_write(status, out);
	if (!out->full && out->len <= RECORD_VALUE_MAX)
		return;
	bare.annotations = NULL;
	buffer_clear(out);
	job_status_write(&bare, out);
}

static void write_fact(const struct gate_fact *fact, struct buffer *out)
{
	switch (fact->kind) {
	case FACT_STAGED:
		staged_write(&fact->staged, out);
		break;
	case FACT_JOB:
		write_job(&fact->job, out);
		break;
	case FACT_POINT:
		dp_status_write(&fact->point, out);
		break;
	case FACT_DUPLICATE:
		duplicate_status_write(&fact->duplicate, out);
		break;
	}
}

static struct envelope envelope(enum record_type type, const char *id, const char *package, int64_t time_ms)
{
	return (struct envelope){.id = view_text(id),
	        .type = view_text(record_event_type(type)),
	        .source = view_text("/holdpoint/stager"),
	        .subject = view_text(package),
	        .time_ms = time_ms};
}

static struct envelope envelope_of(const struct gate_fact *fact)
{
	switch (fact->kind) {
	case FACT_STAGED:
		return envelope(staged_record_type(fact->staged.type), fact->staged.id,
		        fact->staged.package_id, fact->staged.time_ms);
	case FACT_JOB:
		return envelope(RECORD_JOB, fact->job.id, fact->job.package_id, fact->job.time_ms);
	case FACT_POINT:
		return envelope(RECORD_DISTRIBUTION_POINT, fact->point.id, fact->point.package_id,
		        fact->point.time_ms);
	case FACT_DUPLICATE:
		break;
	}
	return envelope(
	        RECORD_DUPLICATE, fact->duplicate.id, fact->duplicate.package_id, fact->duplicate.time_ms);
}

static void put_fact(const struct gate_fact *fact, void *context)
{
	struct gate_sink *sink = context;
	int output = fact->kind == FACT_STAGED ? OUTPUT_STAGED : OUTPUT_STATUS;
	struct buffer *value = outbox_scratch(sink->outbox, OUTBOX_SCRATCH_VALUE);
	struct view traceparent = view_text(fact->traceparent);

	write_fact(fact, value);
	assert(!value->full);
	if (sink->cloudevents) {
		struct envelope event = envelope_of(fact);

		envelope_record(sink->outbox, output, buffer_view(value), traceparent, &event);
	} else {
		outbox_record_traced(sink->outbox, output, buffer_view(value), traceparent);
	}
}

static void put_row(const struct gate_row *row, void *context)
{
	struct gate_sink *sink = context;
	struct buffer *name = outbox_scratch(sink->outbox, OUTBOX_SCRATCH_NAME);
	struct buffer *value = outbox_scratch(sink->outbox, OUTBOX_SCRATCH_VALUE);

	gate_row_name(row, name);
	if (row->gone) {
		outbox_row_gone(sink->outbox, buffer_view(name));
		return;
	}
	gate_row_value(row, value);
	assert(!value->full);
	outbox_row(sink->outbox, buffer_view(name), buffer_view(value));
}

void gate_sink_init(struct gate_sink *sink, struct outbox *outbox, bool cloudevents)
{
	sink->out = (struct gate_out){.fact = put_fact, .row = put_row, .context = sink};
	sink->outbox = outbox;
	sink->cloudevents = cloudevents;
}
