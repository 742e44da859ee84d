#ifndef ENGINE_PROGRESS_H
#define ENGINE_PROGRESS_H

#include "base/bytes.h"
#include "base/error.h"
#include "engine/kafka.h"

/* The row @position: how far the input has been applied. It rides in every transaction, so it and the states
 * never disagree. */
#define PROGRESS_ROW "@position"
enum { PROGRESS_TEXT_SIZE = 96 };

struct progress {
	int64_t next;                       /* offset to read on at; -1: the log's start */
	int64_t last;                       /* offset of the last record applied; -1: none */
	char fingerprint[FINGERPRINT_SIZE]; /* of that record; "" */
};

void progress_init(struct progress *progress);
void progress_format(const struct progress *progress, char text[PROGRESS_TEXT_SIZE]);
must_check enum status progress_parse(struct view text, struct progress *ret, struct error *err);

#endif
