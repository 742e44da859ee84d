#include "engine/anchor.h"

#include "base/clock.h"

#include <string.h>

enum { UNHURRIED_MS = 15000, OVERDUE_MS = 30000 };

void anchor_set(struct anchor *anchor, const struct progress *progress)
{
	anchor->progress = *progress;
	anchor->sure_ms = clock_monotonic_ms();
}

static bool is_due(const struct anchor *anchor, const struct progress *progress, bool is_awaited)
{
	int64_t ms = clock_monotonic_ms() - anchor->sure_ms;

	return is_awaited ? ms > OVERDUE_MS : ms > UNHURRIED_MS && progress->last != anchor->progress.last;
}

/* A record that is no longer there proves nothing: old ones may be deleted. */
static bool is_another(const struct anchor *anchor, const struct record *record)
{
	char fingerprint[FINGERPRINT_SIZE];

	kafka_fingerprint(record, fingerprint);
	return strcmp(fingerprint, anchor->progress.fingerprint) != 0;
}

enum outcome anchor_check(struct anchor *anchor, const struct progress *progress, bool is_awaited,
        struct kafka *kafka, struct error *err)
{
	struct record record;
	bool found = false;

	if (!is_due(anchor, progress, is_awaited))
		return OUTCOME_OK;
	if (anchor->progress.last >= 0 && anchor->progress.fingerprint[0]) {
		enum outcome outcome = kafka_recall(kafka, anchor->progress.last, &record, &found, err);
		if (outcome != OUTCOME_OK) /* who is told to end finds out by itself */
			return outcome == OUTCOME_ENDED ? OUTCOME_OK : outcome;
	}
	if (found && is_another(anchor, &record)) {
		error_set(err, STATUS_FATAL, "log_recreated",
		        "the input was deleted and made anew while it was read: the record at offset %lld is "
		        "another one now; put back the old log, or begin anew under another --prefix",
		        (long long)anchor->progress.last);
		return OUTCOME_REFUSED;
	}
	anchor_set(anchor, progress);
	return OUTCOME_OK;
}
