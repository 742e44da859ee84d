#ifndef BASE_POSITION_H
#define BASE_POSITION_H

#include <stdbool.h>
#include <stdint.h>

/* A place in a log of numbered partitions. One key carries the same partition number in every log. */
struct position {
	int32_t partition;
	int64_t offset; /* -1: none */
};

static inline bool position_equal(struct position a, struct position b)
{
	return a.partition == b.partition && a.offset == b.offset;
}

#endif
