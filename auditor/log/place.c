/* Places in the log, to and from words. */
#include "auditor/log/place.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *place_format(enum log_topic topic, struct position position, char text[PLACE_SIZE])
{
	snprintf(text, PLACE_SIZE, "%s/%" PRId32 "@%" PRId64, log_topic_name(topic), position.partition,
	        position.offset);
	return text;
}

int place_topic(const char *name, const char *prefix)
{
	size_t len = strlen(prefix);

	if (strncmp(name, prefix, len) == 0)
		name += len;
	for (int topic = 0; topic < LOG_TOPICS; topic++)
		if (strcmp(name, log_topic_name((enum log_topic)topic)) == 0)
			return topic;
	return -1;
}

static bool read_number(const char *text, size_t len, int64_t most, int64_t *ret)
{
	char copy[24], *end;

	if (len == 0 || len >= sizeof(copy) || strspn(text, "0123456789") < len)
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	errno = 0;
	*ret = strtoll(copy, &end, 10);
	return !errno && !*end && *ret <= most;
}

/* Where the partition begins; *ret_topic is left alone where the text has none. */
static const char *read_topic(const char *text, const char *prefix, bool needed, int *ret_topic)
{
	const char *last = strpbrk(text, "@") ? strrchr(text, '@') : strrchr(text, '/');
	char name[300];

	if (!last || last == text)
		return NULL;
	const char *slash = memrchr(text, '/', (size_t)(last - text));

	if (!slash)
		return needed ? NULL : text;
	if ((size_t)(slash - text) >= sizeof(name))
		return NULL;
	memcpy(name, text, (size_t)(slash - text));
	name[slash - text] = '\0';
	*ret_topic = place_topic(name, prefix);
	return *ret_topic < 0 ? NULL : slash + 1;
}

static bool parse(const char *text, const char *prefix, bool needs_topic, struct place *ret)
{
	int topic = (int)ret->topic;
	int64_t partition, offset;
	const char *at = read_topic(text, prefix, needs_topic, &topic);
	const char *separator = at ? strpbrk(at, "/@") : NULL;

	if (!separator || !read_number(at, (size_t)(separator - at), INT32_MAX, &partition) ||
	        !read_number(separator + 1, strlen(separator + 1), INT64_MAX, &offset))
		return false;
	*ret = (struct place){(enum log_topic)topic, {(int32_t)partition, offset}};
	return true;
}

enum status place_parse(const char *text, const char *prefix, struct place *ret, struct error *err)
{
	if (parse(text, prefix, false, ret))
		return STATUS_OK;
	return error_set(err, STATUS_REJECT, "bad_place",
	        "a place in the log is written PARTITION/OFFSET or %s/PARTITION@OFFSET, such as %s/3@1041; "
	        "this is none: %s",
	        log_topic_name(ret->topic), log_topic_name(ret->topic), text);
}

enum status place_parse_whole(const char *text, const char *prefix, struct place *ret, struct error *err)
{
	if (parse(text, prefix, true, ret))
		return STATUS_OK;
	return error_set(err, STATUS_REJECT, "bad_place",
	        "a place in the log is written TOPIC/PARTITION/OFFSET, such as status/3/1041 or "
	        "status/3@1041, and the topic is jobs, staged, updated, status or dlq; this is none: %s",
	        text);
}

void place_put(struct buffer *out, const char *name, enum log_topic topic, struct position position)
{
	if (position.offset < 0)
		return;
	json_key(out, name);
	json_begin(out, '{');
	json_put_text(out, "topic", log_topic_name(topic));
	json_put_int(out, "partition", position.partition);
	json_put_int(out, "offset", position.offset);
	json_end(out, '}');
}
