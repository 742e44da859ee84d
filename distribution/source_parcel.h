#ifndef DISTRIBUTION_SOURCE_PARCEL_H
#define DISTRIBUTION_SOURCE_PARCEL_H

#include "distribution/parcel.h"
#include "distribution/pool.h"

/* Reads the files of a parcel from its source folder into memory, in one work on the pool: each that is as
 * it should be, size and digest, has its data when done. What became of the others is not told: whoever wants
 * to know asks for them one by one. */
struct source_parcel;

/* done comes from pool_step(), exactly once; ok false: nothing was read, and the parcel's data is not to be
 * touched, for a thread may hang in it. */
typedef void source_parcel_done(void *context, bool ok);
struct source_parcel *source_parcel_read(struct pool *pool, struct pool_lane *lane, struct parcel *parcel,
        source_parcel_done *done, void *context);
void source_parcel_cancel(struct source_parcel *reading);

#endif
