#ifndef DISTRIBUTION_PIECE_H
#define DISTRIBUTION_PIECE_H

#include "base/memory.h"

#include <stdint.h>

/* Room to read a file in pieces. Most files are small and many are read at once: for each no more is taken
 * than it needs, else every thread's heap grows by the largest piece, and keeps it. */
enum { PIECE_LEAST = 16 << 10, PIECE_MOST = 1 << 20 };

struct piece {
	char *bytes; /* to be freed */
	size_t size;
};

static inline struct piece piece_new(uint64_t file_size)
{
	size_t size = PIECE_MOST;

	if (file_size < PIECE_MOST)
		size = file_size < PIECE_LEAST ? PIECE_LEAST
		                               : (size_t)file_size + 1; /* a file that grew shows */
	return (struct piece){memory_resize(NULL, size), size};
}

#endif
