#ifndef BASE_POSITION_H
#define BASE_POSITION_H

#include <stdint.h>

/* A place in a log of numbered partitions. One key carries the same partition number in every log. */
struct position {
	int32_t partition;
	int64_t offset; /* -1: none */
};

#endif
