/* Follows one job through status and progress to its end. */
#include "producer/follow.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/timestamp.h"
#include "command/command.h"
#include "engine/route.h"
#include "producer/screen.h"
#include "schemas/topics.h"

#include <stdlib.h>
#include <string.h>

/* Kafka is called lost once it has been complained of for so long; complaints further apart are other ones.
 */
enum { POLL_MS = 100, LOST_AFTER_MS = 60000, COMPLAINTS_APART_MS = 30000, SCAN_TIMEOUT_MS = 60000 };

struct follow {
	struct client *client;
	char *status, *progress; /* topics */
	int32_t partition;
	bool from_beginning;
	struct client_reader *reader;
	int64_t complained_first_ms, complained_last_ms; /* 0: not since the last record */
};

static enum status open_reader(struct follow *follow, bool beginning, int64_t timeout_ms,
        struct client_reader **ret, struct error *err)
{
	struct client_source sources[] = {
	        {follow->status, follow->partition, beginning ? CLIENT_FROM_BEGINNING : CLIENT_FROM_END},
	        {follow->progress, follow->partition, CLIENT_FROM_END},
	};

	return client_reader_open(follow->client, sources, 2, timeout_ms, ret, err);
}

enum status follow_open(struct client *client, const struct options *options, const char *package_id,
        bool from_beginning, int64_t timeout_ms, struct follow **ret, struct error *err)
{
	struct follow *follow = memory_alloc(sizeof(*follow));
	int32_t partitions;

	follow->client = client;
	follow->from_beginning = from_beginning;
	follow->status = topic_named(options, TOPIC_STATUS);
	follow->progress = topic_named(options, TOPIC_PROGRESS);
	enum status status = client_partitions(client, follow->status, timeout_ms, &partitions, err);

	if (status == STATUS_OK) {
		follow->partition = route_partition(view_text(package_id), partitions);
		status = open_reader(follow, from_beginning, timeout_ms, &follow->reader, err);
	}
	if (status != STATUS_OK) {
		follow_close(follow);
		return status;
	}
	*ret = follow;
	return STATUS_OK;
}

void follow_close(struct follow *follow)
{
	if (!follow)
		return;
	client_reader_close(follow->reader);
	free(follow->status);
	free(follow->progress);
	free(follow);
}

/* Whether Kafka has been out of reach for too long; an error that is no complaint of that kind ends at once.
 */
static bool is_lost(struct follow *follow, enum status status, bool found)
{
	int64_t now = clock_monotonic_ms();

	if (found)
		follow->complained_first_ms = 0;
	if (status == STATUS_OK)
		return false;
	if (status != STATUS_RETRY)
		return true;
	if (!follow->complained_first_ms || now - follow->complained_last_ms > COMPLAINTS_APART_MS)
		follow->complained_first_ms = now;
	follow->complained_last_ms = now;
	return now - follow->complained_first_ms > LOST_AFTER_MS;
}

/* Takes one record where there is one. */
static enum status step(struct follow *follow, struct client_reader *reader, struct watch *watch,
        struct screen *screen, enum watch_news *ret_news, struct error *err)
{
	const struct watch_point *point;
	struct client_record record;
	struct status_event event;
	struct error ignored;
	bool found;
	enum status status = client_reader_next(reader, POLL_MS, &record, &found, err);

	*ret_news = WATCH_NOTHING;
	if (is_lost(follow, status, found))
		return status;
	if (!found || !view_is(record.key, watch->package_id) ||
	        status_parse(record.value, &event, &ignored) != STATUS_OK)
		return STATUS_OK;
	*ret_news = watch_apply(watch, &event, &point);
	screen_show(screen, watch, *ret_news, point, record.value, clock_monotonic_ms());
	return STATUS_OK;
}

/* What happened before: the original of a duplicate may have ended long ago. */
static enum status scan(struct follow *follow, struct watch *watch, struct screen *screen, struct error *err)
{
	struct client_reader *reader;
	enum watch_news news;
	enum status status = open_reader(follow, true, SCAN_TIMEOUT_MS, &reader, err);

	if (status != STATUS_OK)
		return status;
	while (status == STATUS_OK && !watch->final && !client_reader_is_past_end(reader))
		status = step(follow, reader, watch, screen, &news, err);
	client_reader_close(reader);
	return status;
}

/* A job of any life ends with the last life that is there, so only at the end of what is there. */
static bool has_ended(const struct follow *follow, const struct watch *watch)
{
	return watch->final && (!watch->any_life || client_reader_is_past_end(follow->reader));
}

enum exit_code exit_code_of_state(const char *state)
{
	static const struct {
		const char *state;
		enum exit_code code;
	} codes[] = {
	        {"completed", EXIT_DONE},
	        {"failed", EXIT_FAILED},
	        {"rejected", EXIT_REJECTED},
	        {"expired", EXIT_EXPIRED},
	        {"superseded", EXIT_SUPERSEDED},
	        {"canceled", EXIT_SUPERSEDED},
	};

	for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++)
		if (strcmp(state, codes[i].state) == 0)
			return codes[i].code;
	return EXIT_FAILED;
}

int follow_run(struct follow *follow, struct watch *watch, bool json, int64_t wait_ms)
{
	int64_t until = wait_ms < 0 ? INT64_MAX : clock_monotonic_ms() + wait_ms;
	enum status status = STATUS_OK;
	enum watch_news news;
	struct screen screen;
	struct error err;

	screen_init(&screen, stdout, json);
	while (status == STATUS_OK && !has_ended(follow, watch) && clock_monotonic_ms() < until) {
		status = step(follow, follow->reader, watch, &screen, &news, &err);
		if (status == STATUS_OK && news == WATCH_DUPLICATE)
			status = scan(follow, watch, &screen, &err);
		screen_idle(&screen, watch, clock_monotonic_ms());
	}
	screen_end(&screen, watch);
	if (status != STATUS_OK)
		return command_fail(&err);
	if (has_ended(follow, watch))
		return exit_code_of_state(watch->state);
	fprintf(stderr,
	        watch->state[0]
	                ? "holdpoint-producer: %s has not ended within --wait-timeout; it goes on by itself\n"
	                : "holdpoint-producer: nothing was heard of %s within --wait-timeout (do stagers "
	                  "run, are its id and its package right?)\n",
	        watch->job_id);
	return EXIT_WAIT_TIMEOUT;
}

enum status option_wait_timeout(const struct options *options, int64_t *ret_ms, struct error *err)
{
	const char *text = options_text(options, "wait-timeout");
	struct error ignored;
	int64_t seconds;

	*ret_ms = -1;
	if (!text || duration_parse(view_text(text), ret_ms))
		return STATUS_OK;
	if (options_number(options, "wait-timeout", 0, INT64_C(315360000), &seconds, &ignored) != STATUS_OK)
		return error_set(err, STATUS_REJECT, "usage",
		        "--wait-timeout: must be seconds or a duration such as PT5M, is %s", text);
	*ret_ms = seconds * 1000;
	return STATUS_OK;
}
