#ifndef AUDITOR_LIVE_H
#define AUDITOR_LIVE_H

#include "auditor/points/drift.h"
#include "engine/options.h"

/* What verify says of the distribution points themselves, where it is given a catalogue: drift's findings,
 * printed as its violations are. */
#define LIVE_OPTIONS                                                                                         \
	{.name = "distribution-points",                                                                      \
	        .argument = "FILE",                                                                          \
	        .help = "the workers' catalogue: compare also what lies on the distribution points with "    \
	                "the log: pointers, links and seals"},                                               \
	{                                                                                                    \
		.name = "content",                                                                           \
		.help = "with --distribution-points: read every file of every version there, and compare "   \
		        "its hash"                                                                           \
	}

/* read_on: as drift_spec's; context is for it. */
struct live_spec {
	bool json;
	const char *package;
	void (*read_on)(void *context);
	void *context;
};

struct live;
/* *ret is NULL where no --distribution-points is given. */
must_check enum status live_open(
        const struct options *options, const struct live_spec *spec, struct live **ret, struct error *err);
void live_free(struct live *live);                                                      /* NULL is fine */
void live_fact(struct live *live, struct fact_reader *reader, const struct fact *fact); /* likewise */

/* Looks, and prints what it found and what it looked at; *ret_findings is how many. live NULL: nothing. */
must_check enum status live_run(struct live *live, uint64_t *ret_findings, struct error *err);

#endif
