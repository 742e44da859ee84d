#ifndef AUDITOR_LETTERS_H
#define AUDITOR_LETTERS_H

#include "auditor/log/place.h"
#include "auditor/reading/reading.h"
#include "base/map.h"

/* Dead letters, and which of them were redriven: published to jobs again, as they were. A redriven job says
 * so itself, in this header, as "dlq/3@17": so the log alone tells. */
#define REDRIVEN_FROM_HEADER "holdpoint.redriven-from"

/* Reads only dead letters; reading->fact is one each time. first (may be NULL): the first one wanted, where a
 * single one is looked for; it must live as long as the reading. */
must_check enum status letters_open(
        const struct options *options, struct place *first, struct reading *ret, struct error *err);

/* Which dead letters were redriven, as what: "3@17" → the place of the newest job, text. Reads all jobs'
 * headers. To be freed with map_free(map, free). */
must_check enum status redriven_read(const struct options *options, struct map **ret, struct error *err);
const char *redriven_as(const struct map *redriven, struct position letter); /* NULL: it was not */

/* Where the letter's record came from, as "jobs/3@17"; "" where it does not say. */
enum { ORIGIN_SIZE = 300 };
const char *letter_origin(const struct fact *fact, const char *prefix, char text[ORIGIN_SIZE]);

/* Whether it can be redriven, but for having been so already: it came from jobs, and its bytes are all here.
 * If not, *err says why: "not_a_job", "bytes_missing". */
must_check enum status letter_check(const struct reading *reading, const char *prefix, struct error *err);

/* Whether the same bytes may be taken another time: they lay in a wrong place, a transaction or a header was
 * in their way, or a newer worker may know what is new in them. All else is the record's own fault. */
bool letter_may_be_taken(struct view reason);

/* Bytes fit for a terminal: printable characters as they are, the others as \n, \t, \\, \xNN, and a line's
 * end behind each \n. */
void bytes_escape(struct view bytes, struct buffer *out);

#endif
