/* Dead letters, and which of them were redriven. */
#include "auditor/letters/letters.h"

#include "base/memory.h"
#include "engine/outbox.h"
#include "schemas/topics.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_SIZE = 48 };

static int64_t first_offset(void *context, enum log_topic topic, int32_t partition)
{
	const struct place *place = context;

	return topic == LOG_DLQ && partition == place->position.partition ? place->position.offset : -1;
}

enum status letters_open(
        const struct options *options, struct place *first, struct reading *ret, struct error *err)
{
	struct replay_spec spec = {.topics = LOG_BIT(LOG_DLQ),
	        .until_time_ms = INT64_MAX,
	        .first_offset = first ? first_offset : NULL,
	        .context = first};

	return reading_open(options, &spec, ret, err);
}

/* ---- redriven ---- */

static struct view key_of(struct position position, char text[KEY_SIZE])
{
	int len = snprintf(text, KEY_SIZE, "%" PRId32 "@%" PRId64, position.partition, position.offset);

	return (struct view){text, (size_t)len};
}

static void note_job(struct map *redriven, const struct reading *reading, const char *prefix)
{
	struct view header = replay_header(reading->replay, REDRIVEN_FROM_HEADER);
	struct place letter = {.topic = LOG_DLQ};
	char key[KEY_SIZE], text[ORIGIN_SIZE];
	struct error err;

	if (!header.data || header.len >= sizeof(text))
		return;
	memcpy(text, header.data, header.len);
	text[header.len] = '\0';
	if (place_parse_whole(text, prefix, &letter, &err) != STATUS_OK || letter.topic != LOG_DLQ)
		return;
	free(map_put(redriven, key_of(letter.position, key),
	        memory_text(place_text(LOG_JOBS, reading->record.position))));
}

enum status redriven_read(const struct options *options, struct map **ret, struct error *err)
{
	struct replay_spec spec = {.topics = LOG_BIT(LOG_JOBS), .until_time_ms = INT64_MAX};
	struct map *redriven;
	struct reading reading;
	bool found;
	enum status status = reading_open(options, &spec, &reading, err);

	if (status != STATUS_OK)
		return status;
	redriven = map_new();
	while ((status = reading_next(&reading, &found, err)) == STATUS_OK && found)
		note_job(redriven, &reading, options_prefix(options));
	reading_close(&reading);
	if (status != STATUS_OK) {
		map_free(redriven, free);
		return status;
	}
	*ret = redriven;
	return STATUS_OK;
}

const char *redriven_as(const struct map *redriven, struct position letter)
{
	char key[KEY_SIZE];

	return map_get(redriven, key_of(letter, key));
}

/* ---- where from ---- */

static struct view short_topic(struct view topic, const char *prefix)
{
	size_t len = strlen(prefix);

	if (topic.len < len || memcmp(topic.data, prefix, len) != 0)
		return topic;
	return (struct view){topic.data + len, topic.len - len};
}

const char *letter_origin(const struct fact *fact, const char *prefix, char text[ORIGIN_SIZE])
{
	struct view topic =
	        fact->origin_topic.data ? short_topic(fact->origin_topic, prefix) : (struct view){0};

	text[0] = '\0';
	if (topic.data && fact->origin.offset >= 0)
		snprintf(text, ORIGIN_SIZE, "%.*s/%" PRId32 "@%" PRId64, (int)topic.len, topic.data,
		        fact->origin.partition, fact->origin.offset);
	return text;
}

enum status letter_check(const struct reading *reading, const char *prefix, struct error *err)
{
	const struct fact *fact = &reading->fact;
	const char *place = place_text(LOG_DLQ, reading->record.position);
	char origin[ORIGIN_SIZE];

	if (!fact->origin_topic.data)
		return error_set(err, STATUS_FATAL, "not_a_job",
		        "%s has no header that says which topic it came from, so no worker of this "
		        "installation wrote it; find out who did",
		        place);
	if (!view_is(short_topic(fact->origin_topic, prefix), TOPIC_JOBS))
		return error_set(err, STATUS_FATAL, "not_a_job",
		        "%s came from %s, not from jobs: it is a record between workers, which only they may "
		        "write; see what wrote it, and send the job again if it is still wanted",
		        place, letter_origin(fact, prefix, origin));
	if (replay_header(reading->replay, DEAD_LETTER_OMITTED_HEADER).data)
		return error_set(err, STATUS_FATAL, "bytes_missing",
		        "%s holds only the hash of its record, which was too large for the topic; take it "
		        "from "
		        "%s",
		        place, letter_origin(fact, prefix, origin));
	return STATUS_OK;
}

bool letter_may_be_taken(struct view reason)
{
	static const char *const reasons[] = {"misrouted", "transaction_refused", "structured_cloudevent",
	        "newer_schema", "unknown_type", "unknown_field"};

	for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++)
		if (view_is(reason, reasons[i]))
			return true;
	return false;
}

/* ---- bytes ---- */

/* The length of the UTF-8 character at the beginning that a terminal may show; 0: none. Not shown are C1
 * controls and what turns the direction of writing. */
static size_t shown_length(struct view text)
{
	const unsigned char *at = (const unsigned char *)text.data;
	size_t len = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : at[0] >= 0xc2 ? 2 : 0;
	static const uint32_t least[] = {0, 0, 0xa0, 0x800, 0x10000};
	uint32_t code;

	if (at[0] >= 0x20 && at[0] < 0x7f)
		return 1;
	if (!len || at[0] > 0xf4 || text.len < len)
		return 0;
	code = at[0] & (0x7fU >> len);
	for (size_t i = 1; i < len; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (at[i] & 0x3f);
	}
	bool turns = code == 0x61c || (code >= 0x200b && code <= 0x200f) ||
	             (code >= 0x2028 && code <= 0x202e) || (code >= 0x2060 && code <= 0x206f) ||
	             code == 0xfeff;

	return code < least[len] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000) || turns ? 0 : len;
}

void bytes_escape(struct view bytes, struct buffer *out)
{
	while (bytes.len) {
		size_t len = shown_length(bytes);
		unsigned char c = (unsigned char)bytes.data[0];

		if (c == '\\')
			buffer_add_text(out, "\\\\");
		else if (len)
			buffer_add(out, bytes.data, len);
		else if (c == '\n')
			buffer_add_text(out, "\\n\n");
		else if (c == '\t')
			buffer_add_text(out, "\\t");
		else
			buffer_add_format(out, "\\x%02x", c);
		len = len ? len : 1;
		bytes = (struct view){bytes.data + len, bytes.len - len};
	}
}
