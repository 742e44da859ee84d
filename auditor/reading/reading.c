/* A replay read to its end. */
#include "auditor/reading/reading.h"

#include "base/clock.h"
#include "command/command.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WAIT_MS = 500, RECORDS_PER_METER = 1024 };

enum status reading_open(
        const struct options *options, struct replay_spec *spec, struct reading *ret, struct error *err)
{
	struct reading reading = {0};

	if (option_timeout(options, &spec->timeout_ms, err) != STATUS_OK ||
	        replay_open(options, spec, &reading.replay, err) != STATUS_OK)
		return err->status;
	reading.timeout_ms = spec->timeout_ms;
	reading.reader = fact_reader_new();
	meter_start(&reading.meter, "reading the log", "records");
	*ret = reading;
	return STATUS_OK;
}

void reading_close(struct reading *reading)
{
	meter_end(&reading->meter);
	fact_reader_free(reading->reader);
	replay_close(reading->replay);
	*reading = (struct reading){0};
}

static void show_progress(struct reading *reading)
{
	uint64_t done, total;

	replay_progress(reading->replay, &done, &total);
	meter_show(&reading->meter, done, total);
}

/* Whether to try once more: brokers may come back, but not for ever. */
static enum status judge(struct reading *reading, enum status status, int64_t began_ms, struct error *err)
{
	if (status != STATUS_OK && status != STATUS_RETRY)
		return status;
	show_progress(reading);
	if (clock_monotonic_ms() - began_ms < reading->timeout_ms)
		return STATUS_OK;
	if (status == STATUS_RETRY)
		return status;
	return error_set(err, STATUS_RETRY, "kafka_unreachable",
	        "nothing came from Kafka for %lld s, and the end of the log is not reached; is a broker "
	        "down? "
	        "try again, or with a longer --timeout",
	        (long long)reading->timeout_ms / 1000);
}

enum status reading_next(struct reading *reading, bool *ret_found, struct error *err)
{
	int64_t began_ms = 0;
	bool found = false;

	for (;;) {
		enum status status = replay_next(reading->replay, WAIT_MS, &reading->record, &found, err);

		if (status == STATUS_OK && found)
			break;
		if (status == STATUS_OK && replay_is_past_end(reading->replay)) {
			*ret_found = false;
			return STATUS_OK;
		}
		if (!began_ms)
			began_ms = clock_monotonic_ms();
		status = judge(reading, status, began_ms, err);
		if (status != STATUS_OK)
			return status;
	}
	fact_read(reading->reader, &reading->record, reading->replay, &reading->fact);
	if (reading->record.position.offset % RECORDS_PER_METER == 0)
		show_progress(reading);
	*ret_found = true;
	return STATUS_OK;
}

enum status reading_twice(const struct options *options, struct error *err)
{
	const char *dump = options_text(options, "dump");
	struct stat about;

	if (!dump || strcmp(dump, "-") != 0 || (fstat(STDIN_FILENO, &about) == 0 && S_ISREG(about.st_mode)))
		return STATUS_OK;
	return error_set(err, STATUS_REJECT, "usage",
	        "the log is read twice for this, and a pipe gives it once: put the dump into a file and name "
	        "that with --dump");
}
