#ifndef DISTRIBUTION_PACE_H
#define DISTRIBUTION_PACE_H

#include <stddef.h>
#include <stdint.h>

/* The bytes per second that several requests share: a token bucket that holds a fifth of a second. Pure: time
 * comes as an argument. */
struct pace {
	uint64_t bytes_per_second; /* 0: no limit */
	double allowance;          /* below zero after a piece that could not be cut */
	int64_t at_ms;
};

/* How many of `most` bytes may move now; 0: none yet. NULL is no limit. */
size_t pace_piece(struct pace *pace, int64_t now_ms, size_t most);
void pace_spend(struct pace *pace, size_t bytes); /* NULL is fine */

#endif
