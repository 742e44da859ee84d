#ifndef ENGINE_SUSPICION_H
#define ENGINE_SUSPICION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Which record makes transactions fail? Kept across claims. After a failure the next batch has half as many
 * records, down to one that goes alone, with no other event in its transaction. One that was refused alone
 * twice is to be dead-lettered unread. A failure that nobody blames on the messages (a fence, a time-out)
 * counts far less: two workers that fence each other must not cost a healthy record. Each success doubles the
 * batch again. */
struct suspicion {
	size_t most, limit;
	int64_t offset; /* first record of the batch that failed last; INT64_MIN: none */
	unsigned refused_alone, lost_alone, refused_without_records;
};

enum { SUSPICION_REFUSED_MOST = 2, SUSPICION_LOST_MOST = 16, SUSPICION_GIVE_UP = 5 };

void suspicion_init(struct suspicion *suspicion, size_t most);
/* offset: of the batch's first record; others: its events that are no records. */
void suspicion_failed(
        struct suspicion *suspicion, int64_t offset, size_t records, size_t others, bool refused);
void suspicion_passed(struct suspicion *suspicion, size_t records);
size_t suspicion_limit(const struct suspicion *suspicion);     /* most records of the next batch */
bool suspicion_wants_alone(const struct suspicion *suspicion); /* that one record must go alone */
bool suspicion_condemns(const struct suspicion *suspicion, int64_t offset); /* dead-letter it unread */
bool suspicion_gives_up(const struct suspicion *suspicion); /* nothing helps: the shard must be refused */

#endif
