#ifndef AUDITOR_PLACE_H
#define AUDITOR_PLACE_H

#include "auditor/log/replay.h"
#include "schemas/json.h"

/* A record's place in the log, as people write it and as it is printed: jobs/3@1041. */
struct place {
	enum log_topic topic;
	struct position position;
};

enum { PLACE_SIZE = 48 };
const char *place_format(enum log_topic topic, struct position position, char text[PLACE_SIZE]);
#define place_text(topic, position) place_format((topic), (position), (char[PLACE_SIZE]){0})

/* The topic that a name is of, with the prefix or without; -1: none of these. */
int place_topic(const char *name, const char *prefix);

/* Reads TOPIC/PARTITION@OFFSET, '/' in place of '@' too; without a topic it is in *ret's. "bad_place". */
must_check enum status place_parse(
        const char *text, const char *prefix, struct place *ret, struct error *err);
/* The same where the topic must be there. */
must_check enum status place_parse_whole(
        const char *text, const char *prefix, struct place *ret, struct error *err);

/* "name": {"topic": …, "partition": …, "offset": …}; nothing where the offset is negative. */
void place_put(struct buffer *out, const char *name, enum log_topic topic, struct position position);

#endif
