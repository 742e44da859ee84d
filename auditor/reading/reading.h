#ifndef AUDITOR_READING_H
#define AUDITOR_READING_H

#include "auditor/log/fact.h"
#include "command/terminal.h"

/* A replay read once to its end, fact by fact, with a meter on a terminal's stderr. Views are valid until the
 * next call. */
struct reading {
	struct replay *replay;
	struct fact_reader *reader;
	struct replay_record record;
	struct fact fact;
	/* private */
	struct meter meter;
	int64_t timeout_ms;
};

/* spec->timeout_ms is --timeout's. */
must_check enum status reading_open(
        const struct options *options, struct replay_spec *spec, struct reading *ret, struct error *err);
void reading_close(struct reading *reading); /* also one of zeroes */

/* *ret_found false: that was all. "kafka_unreachable" where nothing came for --timeout. */
must_check enum status reading_next(struct reading *reading, bool *ret_found, struct error *err);

/* Who reads the log twice can't read it from a pipe: fails as "usage". */
must_check enum status reading_twice(const struct options *options, struct error *err);

#endif
