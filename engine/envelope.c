#include "engine/envelope.h"

#include "base/timestamp.h"

void envelope_record(struct outbox *outbox, int output, struct view value, struct view traceparent,
        const struct envelope *envelope)
{
	char time[TIMESTAMP_SIZE];

	timestamp_format(envelope->time_ms, time);
	struct outbox_header headers[] = {
	        {view_text("content-type"), view_text("application/json")},
	        {view_text("ce_specversion"), view_text("1.0")},
	        {view_text("ce_id"), envelope->id},
	        {view_text("ce_type"), envelope->type},
	        {view_text("ce_source"), envelope->source},
	        {view_text("ce_subject"), envelope->subject},
	        {view_text("ce_time"), view_text(time)},
	};
	outbox_record_headed(
	        outbox, output, value, traceparent, headers, sizeof(headers) / sizeof(headers[0]));
}
