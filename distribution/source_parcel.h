#ifndef DISTRIBUTION_SOURCE_PARCEL_H
#define DISTRIBUTION_SOURCE_PARCEL_H

#include "distribution/agenda.h"
#include "distribution/parcel.h"
#include "distribution/pool.h"

/* Reads the files of parcels from their source folders into memory, a parcel in one work on the pool: each
 * file that is as it should be, size and digest, has its data when done. What became of the others is not
 * told: whoever wants to know asks for them one by one.
 *
 * Distribution points that stage a version at the same time want the same parcels: one that is being read, or
 * was lately, is not read again but lends its data. Who comes later gets what lies there then: nothing is
 * lent whose reading began before `since`. The last SOURCE_PARCELS_KEPT are kept, until nothing was read for
 * some seconds. */
struct source_parcels;
enum { SOURCE_PARCELS_KEPT = 16 };

struct source_parcels *source_parcels_new(struct pool *pool, struct agenda *agenda);
void source_parcels_free(struct source_parcels *parcels);          /* all asks are answered; NULL is fine */
uint64_t source_parcels_now(const struct source_parcels *parcels); /* how many readings have begun */

/* done comes exactly once, never from within; ok false: nothing was read, and the parcel's data is not to be
 * touched, for a thread may hang in it. */
struct source_parcel;
typedef void source_parcel_done(void *context, bool ok);
struct source_parcel *source_parcel_read(struct source_parcels *parcels, struct pool_lane *lane,
        struct parcel *parcel, uint64_t since, source_parcel_done *done, void *context);
void source_parcel_cancel(struct source_parcel *ask); /* done still comes, soon */

#endif
