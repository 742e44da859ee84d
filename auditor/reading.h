#ifndef AUDITOR_READING_H
#define AUDITOR_READING_H

#include "auditor/database.h"
#include "auditor/place.h"
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

/* Up to where the log is read: all of it, up to a moment, or up to a record, which is the last. */
struct cut {
	bool by_place;
	struct place place;
	int64_t until_ms; /* the record's moment, too */
};
#define CUT_OPTIONS                                                                                          \
	{.name = "at-time",                                                                                  \
	        .argument = "TIME",                                                                          \
	        .help = "as of this moment: a time (2026-11-22T10:00:00Z) or a duration (PT10M: that long "  \
	                "ago)"},                                                                             \
	{                                                                                                    \
		.name = "at-position", .argument = "PLACE",                                                  \
		.help = "as of the moment just after this record: TOPIC/PARTITION/OFFSET, such as "          \
		        "status/3/1041"                                                                      \
	}
/* By those options; now_ms: the present. Looks up the record's moment. "record_missing". */
must_check enum status cut_find(
        const struct options *options, int64_t now_ms, struct cut *ret, struct error *err);
/* Whether the record was there at that moment: of the place's own partition of its topic, all up to it; of
 * all others, those whose time stamp is not later than its. */
bool cut_keeps(const struct cut *cut, const struct replay_record *record);

/* The log up to the cut, of one package or (NULL) of all, as tables. "package_unknown" where there is nothing
 * of that package. */
must_check enum status history_read(const struct options *options, const struct cut *cut, const char *package,
        struct database **ret, struct error *err);

/* Fails as "package_unknown". */
enum status package_unknown(
        const char *package, const struct replay *replay, const struct cut *cut, struct error *err);
bool fact_is_of(const struct fact *fact, const char *package); /* NULL: any */

#endif
