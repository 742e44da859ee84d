/* The gate's facts to records, its changed rows to changelog rows, in an outbox. */
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

static void put_fact(const struct gate_fact *fact, void *context)
{
	struct gate_sink *sink = context;

	buffer_clear(&sink->value);
	switch (fact->kind) {
	case FACT_STAGED:
		staged_write(&fact->staged, &sink->value);
		break;
	case FACT_JOB:
		write_job(&fact->job, &sink->value);
		break;
	case FACT_POINT:
		dp_status_write(&fact->point, &sink->value);
		break;
	case FACT_DUPLICATE:
		duplicate_status_write(&fact->duplicate, &sink->value);
		break;
	}
	assert(!sink->value.full);
	outbox_record_traced(sink->outbox, fact->kind == FACT_STAGED ? OUTPUT_STAGED : OUTPUT_STATUS,
	        buffer_view(&sink->value), view_text(fact->traceparent));
}

static void put_row(const struct gate_row *row, void *context)
{
	struct gate_sink *sink = context;

	buffer_clear(&sink->name);
	gate_row_name(row, &sink->name);
	if (row->gone) {
		outbox_row_gone(sink->outbox, buffer_view(&sink->name));
		return;
	}
	buffer_clear(&sink->value);
	gate_row_value(row, &sink->value);
	assert(!sink->value.full);
	outbox_row(sink->outbox, buffer_view(&sink->name), buffer_view(&sink->value));
}

void gate_sink_init(struct gate_sink *sink, struct outbox *outbox)
{
	sink->out = (struct gate_out){.fact = put_fact, .row = put_row, .context = sink};
	sink->outbox = outbox;
	buffer_init(&sink->name, 256);
	buffer_init(&sink->value, OUTBOX_VALUE_MAX);
}

void gate_sink_release(struct gate_sink *sink)
{
	buffer_release(&sink->name);
	buffer_release(&sink->value);
}
