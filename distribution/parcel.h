#ifndef DISTRIBUTION_PARCEL_H
#define DISTRIBUTION_PARCEL_H

#include "base/digest.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Small files of a version that take each step together, so that a step costs its way to a thread and back
 * once, not once a file. Counted, since a thread that hangs may outlive all others that use it; what is in it
 * does not change once a thread has it, but for data while it is being read. */
enum { PARCEL_FILES_MAX = 64, PARCEL_FILE_BYTES_MAX = 64 << 10, PARCEL_BYTES_MAX = 512 << 10 };

struct parcel_file {
	size_t index;  /* in its manifest */
	char *path;    /* on the distribution point, where to or where it lies */
	char *from;    /* there, to copy from; NULL: none */
	char *source;  /* else: where it is read, below the parcel's source folder; NULL: it is not sent */
	char *data;    /* what was read there: size bytes with that digest, the lender's where there is one;
	                  NULL: not so */
	uint64_t size; /* what it should be */
	char digest[DIGEST_SIZE];
	bool executable;
};

struct parcel {
	atomic_uint users;
	char *source_folder;   /* NULL: nothing is read */
	struct parcel *lender; /* a reference to the one that was read; NULL: this one was */
	size_t count;
	uint64_t bytes;
	struct parcel_file files[PARCEL_FILES_MAX];
};

struct parcel *parcel_new(void);
struct parcel *parcel_ref(struct parcel *parcel);
void parcel_unref(struct parcel *parcel); /* NULL is fine; from any thread */
bool parcel_has_room(const struct parcel *parcel, uint64_t size);
/* Takes over path. size and the rest are the caller's to fill in. */
struct parcel_file *parcel_add(struct parcel *parcel, char *path, uint64_t size);

/* Which files of a parcel something is true of: bit i for file i. */
typedef uint64_t parcel_set;
static inline bool parcel_set_has(parcel_set set, size_t i)
{
	return set >> i & 1;
}
static inline parcel_set parcel_all(const struct parcel *parcel)
{
	return ~(parcel_set)0 >> (PARCEL_FILES_MAX - parcel->count); /* it is never empty */
}

#endif
