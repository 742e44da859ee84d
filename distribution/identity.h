#ifndef DISTRIBUTION_IDENTITY_H
#define DISTRIBUTION_IDENTITY_H

#include "distribution/distribution.h"
#include "distribution/driver.h"

#include "base/bytes.h"
#include "base/error.h"

#include <stddef.h>

/* dp.json: who a distribution point is. {"dp_id": UUID, "replaces": [UUID, …]}: the ids in replaces were it
 * before, and their content is confirmed lost. Other fields are ignored. */
struct identity {
	char dp_id[DP_ID_SIZE];
	char **replaces;
	size_t replaces_count;
};

enum { IDENTITY_SIZE_MAX = 64 << 10, IDENTITY_REPLACES_MAX = 1000 };

/* RETRY "dp_not_initialised": what is there is no dp.json (a half-written or foreign one mends by itself or
 * by an operator). */
must_check enum status identity_parse(struct view json, struct identity *ret, struct error *err);
void identity_write(const struct identity *identity, struct buffer *out);
void identity_release(struct identity *identity); /* all zero is fine */
bool identity_replaces(const struct identity *identity, const char *dp_id);

struct operation identity_read(void);
/* What it tells: RETRY "dp_not_initialised" also where nothing is there; the operation's own error else. */
must_check enum status identity_of(
        const struct operation *read, const char *point, struct identity *ret, struct error *err);

/* Whether it told of the one whose id is in the READ's data: for goes_on(). */
bool identity_is_told(const struct operation *read);

#endif
