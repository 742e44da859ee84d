#ifndef DISTRIBUTION_HASHER_H
#define DISTRIBUTION_HASHER_H

#include "distribution/pool.h"

#include "base/digest.h"

#include <stdbool.h>
#include <stddef.h>

/* SHA-256 of a stream that arrives in the I/O thread, hashed on the pool, in order, with a bounded number of
 * bytes in between. What is small is hashed at once. */
struct hasher;

/* room: called after a hasher_add() that said false, once it would say true. */
struct hasher *hasher_new(struct pool *pool, void (*room)(void *context), void *context);
bool hasher_add(struct hasher *hasher, const void *data, size_t len); /* false: nothing was taken, later */

/* No more comes: done() gets the digest, perhaps from within; "" where hashing was lost. */
void hasher_finish(struct hasher *hasher, void (*done)(void *context, const char *digest));
void hasher_free(struct hasher
                *hasher); /* at any time, also from within done(); calls nothing any more; NULL is fine */

#endif
