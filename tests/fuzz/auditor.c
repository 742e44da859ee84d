/* What the auditor reads: records of every topic by two readers that must agree, and lines of a dump. */
#include "fuzz.h"

#include "auditor/log/dump.h"
#include "auditor/log/fact_scan.h"
#include "auditor/log/scan.h"

#include <string.h>

static struct view header; /* what every header of the present record says */

struct view replay_header(const struct replay *replay, const char *name)
{
	(void)replay, (void)name;
	return header;
}

static bool same_view(struct view a, struct view b)
{
	return view_equal(a, b) && !a.data == !b.data;
}

#define SAME_VIEW(field) fuzz_require(same_view(a->field, b->field))
#define SAME_NUMBER(field) fuzz_require(a->field == b->field)
#define SAME_POSITION(field) fuzz_require(position_equal(a->field, b->field))

static void require_same(const struct fact *a, const struct fact *b)
{
	SAME_NUMBER(type), SAME_NUMBER(time_ms), SAME_NUMBER(has_content), SAME_NUMBER(deadline_ms);
	SAME_NUMBER(final), SAME_NUMBER(waiting_staged), SAME_NUMBER(waiting_targets), SAME_NUMBER(attempt);
	SAME_NUMBER(retryable), SAME_NUMBER(next_retry_ms), SAME_NUMBER(files), SAME_NUMBER(bytes);
	SAME_NUMBER(targets);
	SAME_VIEW(id), SAME_VIEW(package), SAME_VIEW(version), SAME_VIEW(point), SAME_VIEW(job_id);
	SAME_VIEW(dp_id), SAME_VIEW(digest), SAME_VIEW(job_type), SAME_VIEW(requested_by);
	SAME_VIEW(annotations), SAME_VIEW(points), SAME_VIEW(content), SAME_VIEW(gate), SAME_VIEW(state),
	        SAME_VIEW(reason);
	SAME_VIEW(detail), SAME_VIEW(missing), SAME_VIEW(outcomes), SAME_VIEW(read_back);
	SAME_VIEW(staged_id), SAME_VIEW(previous_version), SAME_VIEW(release_id), SAME_VIEW(origin_topic);
	SAME_POSITION(job_position), SAME_POSITION(original), SAME_POSITION(duplicate);
	SAME_POSITION(staged_position), SAME_POSITION(release_position), SAME_POSITION(origin);
}

/* What was parsed as an array or object can be gone through to its end. */
static void walk(struct fact_reader *reader, struct view json)
{
	struct view name, value;
	size_t before = json.len + 1;

	while (json.data && fact_next(reader, &json, &name, &value)) {
		fuzz_require(json.len < before && name.data);
		before = json.len;
	}
}

static void read_both(
        struct fact_reader *fast, struct fact_reader *slow, enum log_topic topic, struct view value)
{
	struct replay_record record = {.topic = topic,
	        .position = {1, 7},
	        .time_ms = 5,
	        .key = view_text("PKG00042"),
	        .value = value};
	struct fact a, b;

	fact_read(fast, &record, NULL, &a);
	fact_read_slowly(slow, &record, NULL, &b);
	fuzz_note(view_text(fact_type_name(a.type)));
	fuzz_note(a.reason);
	fuzz_note(a.points);
	require_same(&a, &b);
	fuzz_require(a.type != FACT_UNREADABLE || a.reason.len > 0);
	walk(fast, a.points);
	walk(fast, a.missing);
	walk(fast, a.outcomes);
}

/* A record as it is, of each topic; or, where it does not begin as one, a header and a record behind it. */
void fuzz_facts(struct view input)
{
	struct fact_reader *fast = fact_reader_new(), *slow = fact_reader_new();

	header = (struct view){0};
	if (input.len > 0 && input.data[0] != '{')
		fuzz_piece(&input, &header);
	for (int topic = 0; topic < LOG_TOPICS; topic++)
		read_both(fast, slow, (enum log_topic)topic, input);
	fact_reader_free(fast);
	fact_reader_free(slow);
}

void fuzz_dump(struct view input)
{
	struct dump_line line;
	struct buffer text;
	struct view item;
	const char *why = dump_line_parse(input, &line);

	fuzz_note(view_text(why));
	if (why) {
		fuzz_require(why[0]);
		return;
	}
	fuzz_require(line.topic.data && line.partition >= 0 && line.offset >= 0);
	buffer_init(&text, 1 << 20);
	if (line.key.data)
		scan_text(line.key, &text);
	if (line.payload.data)
		scan_text(line.payload, &text);
	for (int i = 0; line.headers.data && i < 1000 && dump_next(&line.headers, &item); i++)
		if (item.data)
			scan_text(item, &text);
	buffer_release(&text);
}
