#ifndef AUDITOR_FINGERPRINT_H
#define AUDITOR_FINGERPRINT_H

#include "base/bytes.h"

#include <stdint.h>

/* Names and ids as 64 bits, and tables keyed by them: what verify remembers of a record instead of its texts.
 *
 * The hash is SipHash-1-3 under a key that is drawn anew for each run, so nobody who can write to the log can
 * choose names that collide; by chance, two of ten million do once in 370,000 runs. */
struct fingerprint_key {
	uint64_t a, b;
};
struct fingerprint_key fingerprint_key_new(void);

/* Of one text; never 0. Absent and empty are the same. */
uint64_t fingerprint(const struct fingerprint_key *key, struct view text);
/* Of texts in order; what one ends with and the next begins with are told apart. Absent ones are empty. */
uint64_t fingerprint_of(const struct fingerprint_key *key, const struct view *texts, size_t count);
/* Of two that belong together; never 0. */
uint64_t fingerprint_pair(uint64_t a, uint64_t b);

/* Open addressing (linear probing, at most 3/4 full) over entries of one size that begin with their
 * fingerprint. Entries move when another is added or removed: hold none across. */
struct fingerprints {
	char *entries;
	size_t entry_size, count, capacity; /* capacity: a power of two, or 0 */
};

void fingerprints_init(struct fingerprints *table, size_t entry_size);
void fingerprints_release(struct fingerprints *table);
void *fingerprints_find(const struct fingerprints *table, uint64_t key); /* NULL where absent */
void *fingerprints_need(struct fingerprints *table, uint64_t key);       /* zeroed where it is new */
void fingerprints_remove(struct fingerprints *table, void *entry);
/* The first one at or behind *cursor, which starts at 0; NULL: no more. Nothing may be added meanwhile. */
void *fingerprints_next(const struct fingerprints *table, size_t *cursor);

#endif
