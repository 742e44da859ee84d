#ifndef AUDITOR_DRIFT_H
#define AUDITOR_DRIFT_H

#include "auditor/points/expected.h"
#include "distribution/catalogue.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether the distribution points hold what the log says. Nothing is written to them. What differs at first
 * sight is looked at again, with what the log says by then: a switch that is under way is no drift. */
enum drift_code {
	DRIFT_DRIFT,      /* a pointer, or its link, shows something else */
	DRIFT_MISSING,    /* a pointer, seal or file is not there */
	DRIFT_ALTERED,    /* it is there with another content */
	DRIFT_EXTRA,      /* there, and the log knows nothing of it */
	DRIFT_DP_ID,      /* another distribution point is in its place */
	DRIFT_NOT_JUDGED, /* it could not be looked at */
};
const char *drift_code_name(enum drift_code code); /* "drift", "missing", … */

struct drift_finding {
	enum drift_code code;
	const char *point;
	const char *package, *version, *path; /* path: below its base; NULL: none */
	enum log_topic topic;                 /* the record that says otherwise … */
	struct position place;                /* … offset -1: none */
	int64_t log_time_ms;
	const char *detail;
};

struct drift_spec {
	struct catalogue *catalogue; /* taken over */
	bool content;                /* read every file */
	const char *package;         /* only this one; NULL: all */
	/* Reads on in the log, for a moment, calling drift_fact() for what came; NULL: it is at rest. */
	void (*read_on)(void *context);
	void (*report)(const struct drift_finding *finding, void *context); /* once it is certain */
	void *context;
};

struct drift_counts {
	uint64_t points, pointers, copies, files, bytes; /* looked at, the first time */
	uint64_t points_without_listing;                 /* where something extra cannot be seen */
	uint64_t findings;
};

struct drift;
struct drift *drift_new(const struct drift_spec *spec);
void drift_free(struct drift *drift); /* NULL is fine */
void drift_fact(struct drift *drift, struct fact_reader *reader, const struct fact *fact);

/* Looks, and looks again. Shows a meter. */
must_check enum status drift_run(struct drift *drift, struct drift_counts *ret_counts, struct error *err);

#endif
