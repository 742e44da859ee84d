/* The log up to a moment, as tables. */
#include "auditor/history/history.h"
#include "auditor/reading/cut.h"

#include "auditor/reading/reading.h"

static enum status fill(struct reading *reading, const struct cut *cut, const char *package,
        struct database *database, struct error *err)
{
	bool found, known = false;
	enum status status;

	while ((status = reading_next(reading, &found, err)) == STATUS_OK && found) {
		if (!fact_is_of(&reading->fact, package) || !cut_keeps(cut, &reading->record))
			continue;
		known = true;
		status = database_apply(database, &reading->fact, reading->record.value, NULL, err);
		if (status != STATUS_OK)
			return status;
	}
	if (status == STATUS_OK && package && !known)
		return package_unknown(package, reading->replay, cut, err);
	return status == STATUS_OK ? database_commit(database, err) : status;
}

enum status history_read(const struct options *options, const struct cut *cut, const char *package,
        struct database **ret, struct error *err)
{
	struct replay_spec spec = {.topics = LOG_ALL, .package = package, .until_time_ms = INT64_MAX};
	struct database *database = NULL;
	struct reading reading;
	enum status status = reading_open(options, &spec, &reading, err);

	if (status != STATUS_OK)
		return status;
	status = database_open(NULL, options_prefix(options), 0, &database, err);
	if (status == STATUS_OK)
		status = fill(&reading, cut, package, database, err);
	reading_close(&reading);
	if (status != STATUS_OK) {
		database_close(database);
		return status;
	}
	*ret = database;
	return STATUS_OK;
}
