#ifndef AUDITOR_CUT_H
#define AUDITOR_CUT_H

#include "auditor/log/fact.h"
#include "auditor/log/place.h"

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

/* Fails as "package_unknown". */
enum status package_unknown(
        const char *package, const struct replay *replay, const struct cut *cut, struct error *err);
bool fact_is_of(const struct fact *fact, const char *package); /* NULL: any */

#endif
