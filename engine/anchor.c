#include "engine/anchor.h"

#include "base/clock.h"

#include <string.h>

enum { UNHURRIED_MS = 15000, OVERDUE_MS = 30000 };

static bool has_record(const struct progress *progress)
{
	return progress->last >= 0 && progress->fingerprint[0];
}

static void be_sure_of(struct anchor *anchor, const struct progress *progress)
{
	anchor->changed = anchor->changed || progress->last != anchor->progress.last;
	anchor->progress = *progress;
	anchor->sure_ms = clock_monotonic_ms();
}

void anchor_begin(struct anchor *anchor, const struct progress *written, const struct progress *progress)
{
	*anchor = (struct anchor){.progress = *written};
	be_sure_of(anchor, has_record(written) ? written : progress);
	if (anchor->progress.last != progress->last)
		anchor->sure_ms -= OVERDUE_MS +
		                   1; /* who was here before may have read another log just before its end */
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

	if (!has_record(&anchor->progress)) { /* the first that is applied is what all later ones follow */
		if (has_record(progress))
			be_sure_of(anchor, progress);
		return OUTCOME_OK;
	}
	if (!is_due(anchor, progress, is_awaited))
		return OUTCOME_OK;
	enum outcome outcome = kafka_recall(kafka, anchor->progress.last, &record, &found, err);
	if (outcome != OUTCOME_OK) /* who is told to end finds out by itself */
		return outcome == OUTCOME_ENDED ? OUTCOME_OK : outcome;
	if (found && is_another(anchor, &record)) {
		error_set(err, STATUS_FATAL, "log_recreated",
		        "the input was deleted and made anew while it was read: the record at offset %lld is "
		        "another one now; put back the old log, or begin anew under another --prefix",
		        (long long)anchor->progress.last);
		return OUTCOME_REFUSED;
	}
	be_sure_of(anchor, progress);
	return OUTCOME_OK;
}
