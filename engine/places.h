#ifndef ENGINE_PLACES_H
#define ENGINE_PLACES_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stdint.h>

/* How work fares at each place that effects act on: what is under way there, what ended well, what failed and
 * by which code, and since when nothing went well. Any thread. Names and codes must not need escaping; after
 * PLACES_MAX places and PLACE_CODES_MAX codes of one, all further ones are counted as "other", so that what
 * is told stays bounded. */
struct places;
enum { PLACES_MAX = 2000, PLACE_CODES_MAX = 24 };

struct places_words {
	const char *work;      /* in metrics' names: "transfer" gives holdpoint_transfers_total … */
	const char *label;     /* whose value is the place's name */
	const char *elsewhere; /* a prefix of codes whose cause is not the place (NULL: there is none): they
	                          are counted, but say nothing of it */
	bool bytes;            /* whether there is something to say of bytes and of first and further tries */
};

struct places *places_new(const struct places_words *words);
void places_free(struct places *places); /* NULL is fine */

void places_began(struct places *places, const char *place, bool again); /* again: it is no first try */
/* code: NULL: it went well. bytes: moved, whatever became of it. */
void places_ended(struct places *places, const char *place, const char *code, uint64_t bytes, int64_t now_ms);
void places_canceled(
        struct places *places, const char *place, uint64_t bytes); /* nobody's success or failure */

void places_metrics(struct places *places, struct buffer *out);

#endif
