#ifndef TESTS_GUARDS_INSTANT_H
#define TESTS_GUARDS_INSTANT_H

#include "engine/kafka.h"
#include "engine/shard.h"

/* A Kafka and distribution points that answer at once, to count what a worker does for a job: engine/kafka.h
 * over a list of input records, one partition; distribution/distribution.h as far as the workers call it,
 * where all work succeeds; a clock that stands still. One thread, no chance. */
struct kafka {
	struct shard *shard; /* told to end once all input is read and all work is done */
	struct record *input;
	size_t input_count, read;
	bool keeps; /* what goes to output 0, which is the next worker's input */
	struct record *passed_on;
	size_t passed_on_count, passed_on_room;
	size_t rows, records,
	        bytes; /* written, but for the engine's own rows; bytes are of keys and values */
};

struct distribution *instant_distribution(void);
bool instant_work_ends(void); /* calls back for all that was submitted; false: nothing was */

#endif
