/* What the switch says, into the outbox. */
#include "engine/envelope.h"
#include "schemas/record.h"
#include "updater/switch_codec.h"
#include "updater/updater.h"

#include <assert.h>
#include <string.h>

struct scribe {
	struct switch_out out;
	struct updater *updater;
	struct outbox *outbox;
};

static void count(struct updater *updater, const struct switch_fact *fact)
{
	if (fact->kind == FACT_UPDATED)
		atomic_fetch_add(&updater->updated, 1);
	else if (fact->kind == FACT_JOB_STATUS)
		atomic_fetch_add(&updater->jobs_ended, 1);
	else if (fact->kind == FACT_DEAD_LETTER)
		atomic_fetch_add(strcmp(fact->code, SWITCH_FORGED) == 0 ? &updater->releases_forged
		                                                        : &updater->releases_refused,
		        1);
}

static struct envelope envelope(enum record_type type, const char *id, const char *package, int64_t time_ms)
{
	return (struct envelope){.id = view_text(id),
	        .type = view_text(record_event_type(type)),
	        .source = view_text("/holdpoint/updater"),
	        .subject = view_text(package),
	        .time_ms = time_ms};
}

static struct envelope envelope_of(const struct switch_fact *fact)
{
	if (fact->kind == FACT_UPDATED)
		return envelope(
		        RECORD_UPDATED, fact->updated->id, fact->updated->package_id, fact->updated->time_ms);
	if (fact->kind == FACT_JOB_STATUS)
		return envelope(RECORD_JOB, fact->job_status->id, fact->job_status->package_id,
		        fact->job_status->time_ms);
	return envelope(RECORD_DISTRIBUTION_POINT, fact->point_status->id, fact->point_status->package_id,
	        fact->point_status->time_ms);
}

static void scribe_row(struct outbox *outbox, const struct switch_fact *fact)
{
	struct buffer *name = outbox_scratch(outbox, OUTBOX_SCRATCH_NAME);
	struct buffer *value = outbox_scratch(outbox, OUTBOX_SCRATCH_VALUE);

	switch_row_write(fact, name, value);
	assert(!name->full && !value->full);
	if (fact->kind == FACT_OUTCOME_GONE)
		outbox_row_gone(outbox, buffer_view(name));
	else
		outbox_row(outbox, buffer_view(name), buffer_view(value));
}

static void scribe_record(const struct scribe *scribe, const struct switch_fact *fact)
{
	int output = fact->kind == FACT_UPDATED ? UPDATER_UPDATED : UPDATER_STATUS;
	struct buffer *value = outbox_scratch(scribe->outbox, OUTBOX_SCRATCH_VALUE);
	struct view traceparent = view_text(fact->traceparent);

	switch_record_write(fact, value);
	assert(!value->full);
	if (scribe->updater->cloudevents) {
		struct envelope event = envelope_of(fact);

		envelope_record(scribe->outbox, output, buffer_view(value), traceparent, &event);
	} else {
		outbox_record_traced(scribe->outbox, output, buffer_view(value), traceparent);
	}
}

static void scribe_say(struct switch_out *out, const struct switch_fact *fact)
{
	struct scribe *scribe = (struct scribe *)out;

	count(scribe->updater, fact);
	if (fact->kind == FACT_DEAD_LETTER)
		outbox_dead_letter(scribe->outbox, fact->code, fact->message);
	else if (switch_fact_is_row(fact))
		scribe_row(scribe->outbox, fact);
	else
		scribe_record(scribe, fact);
}

void updater_switch(struct updater *updater, struct switch_state *state, const struct switch_event *event,
        int64_t now_ms, struct outbox *out)
{
	struct scribe scribe = {.out = {scribe_say}, .updater = updater, .outbox = out};

	switch_apply(state, event, now_ms, &scribe.out);
}
