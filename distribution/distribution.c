/* The door: submissions from any thread become works of one I/O thread, which turns until it is closed and
 * all works are answered. */
#include "distribution/distribution.h"

#include "distribution/init.h"
#include "distribution/inspect.h"
#include "distribution/pointer.h"
#include "distribution/room.h"
#include "distribution/shelf.h"
#include "distribution/source_parcel.h"
#include "distribution/transfer.h"
#include "distribution/watch.h"

#include "base/clock.h"
#include "base/map.h"
#include "base/memory.h"
#include "base/queue.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
	CONNECT_TIMEOUT_MS = 5000,
	STALL_TIMEOUT_MS = 20000,
	IDLE_TURN_MS = 60000,
	BUSY_TURN_MS = 500, /* the pool wants to be looked at */
	POOL_CLOSE_MS = 2000,
};
#define SPOOL_BYTES_MAX (UINT64_C(10) << 30)

struct distribution {
	struct room room;
	struct queue *messages;
	pthread_t thread;
	atomic_ullong serials;
	struct map *works; /* serial → struct work */
	struct watch *watch;
	bool closing;

	pthread_mutex_t lock;
	struct map *refusing; /* under lock: names that refuse older fences */
};

/* A work is named by its serial: a cancellation may come after its end. */
struct work {
	struct distribution *distribution;
	uint64_t serial;
	struct staging *staging;     /* or: */
	struct switching *switching; /* or: */
	struct inspection *inspection;
	char *name; /* of its distribution point */
};

enum message_kind {
	MESSAGE_WORK,
	MESSAGE_CANCEL,
	MESSAGE_RELOAD,
	MESSAGE_WATCH,
	MESSAGE_INIT,
	MESSAGE_CLOSE
};

struct message {
	struct queue_item item;
	enum message_kind kind;
	uint64_t serial;
	struct work *work;
	struct catalogue *catalogue;
	int64_t interval_ms;
	void (*seen)(const struct identity_seen *seen, void *context);
	void *context;
	struct init_wanted init;
};

static void send_message(struct distribution *distribution, const struct message *message)
{
	struct message *copy = memory_copy(message, sizeof(*message));

	queue_push(distribution->messages, &copy->item);
}

static struct view key_of(const uint64_t *serial)
{
	return (struct view){(const char *)serial, sizeof(*serial)};
}

/* ---- works, in the I/O thread */

static void note_refusing(struct distribution *distribution, const char *name)
{
	const struct site *site = map_get(distribution->room.sites, view_text(name));

	pthread_mutex_lock(&distribution->lock);
	if (site && site->driver->can.point && site->driver->can.point_lasts)
		map_put(distribution->refusing, view_text(name), distribution);
	else
		map_remove(distribution->refusing, view_text(name));
	pthread_mutex_unlock(&distribution->lock);
}

static void end_work(struct work *work)
{
	note_refusing(work->distribution, work->name);
	map_remove(work->distribution->works, key_of(&work->serial));
	free(work->name);
	free(work);
}

static void ended_staging(struct staging *staging, void *context)
{
	staging_free(staging);
	end_work(context);
}

static void ended_switching(struct switching *switching, void *context)
{
	switching_free(switching);
	end_work(context);
}

static void ended_inspection(struct inspection *inspection, void *context)
{
	inspection_free(inspection);
	end_work(context);
}

static void cancel_work(struct work *work)
{
	if (work->staging)
		staging_cancel(work->staging);
	else if (work->switching)
		switching_cancel(work->switching);
	else
		inspection_cancel(work->inspection);
}

static void start_work(struct distribution *distribution, struct work *work)
{
	struct room *room = &distribution->room;
	struct site *site = room_site(room, work->name);

	map_put(distribution->works, key_of(&work->serial), work);
	if (work->staging)
		staging_start(work->staging, room, site, ended_staging, work);
	else if (work->switching)
		switching_start(work->switching, room, site, ended_switching, work);
	else
		inspection_start(work->inspection, room, site, ended_inspection, work);
	if (distribution->closing)
		cancel_work(work);
}

static void cancel_each(struct view key, void *value, void *context)
{
	(void)key, (void)context;
	cancel_work(value);
}

static void forget_refusing(struct distribution *distribution)
{
	pthread_mutex_lock(&distribution->lock);
	map_free(distribution->refusing, NULL);
	distribution->refusing = map_new();
	pthread_mutex_unlock(&distribution->lock);
}

static void reload(struct distribution *distribution, struct catalogue *catalogue)
{
	forget_refusing(distribution);
	room_reload(&distribution->room, catalogue);
	if (distribution->watch && !distribution->closing)
		watch_again(distribution->watch);
}

static void start_watch(struct distribution *distribution, const struct message *message)
{
	if (!distribution->watch && !distribution->closing)
		distribution->watch = watch_start(
		        &distribution->room, message->interval_ms, message->seen, message->context);
}

static void close_all(struct distribution *distribution)
{
	distribution->closing = true;
	map_each(distribution->works, cancel_each, NULL);
	if (distribution->watch)
		watch_stop(distribution->watch);
}

static void take_message(struct distribution *distribution, struct message *message)
{
	void *work;

	switch (message->kind) {
	case MESSAGE_WORK:
		start_work(distribution, message->work);
		break;
	case MESSAGE_CANCEL:
		work = map_get(distribution->works, key_of(&message->serial));
		if (work)
			cancel_work(work);
		break;
	case MESSAGE_RELOAD:
		reload(distribution, message->catalogue);
		break;
	case MESSAGE_WATCH:
		start_watch(distribution, message);
		break;
	case MESSAGE_INIT:
		init_start(&distribution->room, &message->init);
		break;
	case MESSAGE_CLOSE:
		close_all(distribution);
		break;
	}
	free(message);
}

static void take_messages(struct distribution *distribution)
{
	struct queue_item *next, *item = queue_take_all(distribution->messages);

	for (; item; item = next) {
		next = item->next;
		take_message(distribution, (struct message *)item);
	}
}

/* ---- the I/O thread */

static bool is_done(const struct distribution *distribution)
{
	return distribution->closing && !map_count(distribution->works) &&
	       !(distribution->watch && watch_is_busy(distribution->watch)) &&
	       !sources_are_busy(distribution->room.sources) && !shelf_is_busy(distribution->room.shelf);
}

static void turn(struct distribution *distribution)
{
	struct room *room = &distribution->room;
	const int fds[] = {queue_fd(distribution->messages), pool_fd(room->pool)};
	int64_t wait = pool_is_busy(room->pool) ? BUSY_TURN_MS : IDLE_TURN_MS;

	pump_turn(room->pump, fds, 2, agenda_wait_ms(room->agenda, clock_monotonic_ms(), wait));
	take_messages(distribution);
	pool_step(room->pool);
	agenda_run(room->agenda, clock_monotonic_ms());
}

static void *run(void *context)
{
	struct distribution *distribution = context;

	while (!is_done(distribution))
		turn(distribution);
	return NULL;
}

static enum status start_thread(struct distribution *distribution, struct error *err)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are for main's thread */
	int failed = pthread_create(&distribution->thread, NULL, run, distribution);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (failed)
		return error_set(
		        err, STATUS_REJECT, "no_thread", "cannot start a thread: %s", strerror(failed));
	return STATUS_OK;
}

/* ---- opening and closing */

static void fill_defaults(struct distribution_options *options)
{
	const char *tmp = getenv("TMPDIR");

	if (!options->spool_dir)
		options->spool_dir = tmp && *tmp ? tmp : "/tmp";
	if (!options->spool_bytes_max)
		options->spool_bytes_max = SPOOL_BYTES_MAX;
	if (!options->connect_timeout_ms)
		options->connect_timeout_ms = CONNECT_TIMEOUT_MS;
	if (!options->stall_timeout_ms)
		options->stall_timeout_ms = STALL_TIMEOUT_MS;
}

static enum status open_room(struct room *room, struct error *err)
{
	const struct distribution_options *options = &room->options;
	struct pump_options pump = {.connect_timeout_ms = options->connect_timeout_ms,
	        .stall_timeout_ms = options->stall_timeout_ms,
	        .low_speed_bytes = options->low_speed_bytes,
	        .low_speed_ms = options->low_speed_ms};

	room->pump = pump_new(&pump);
	room->pool = pool_new(0);
	room->agenda = agenda_new();
	room->parcels = source_parcels_new(room->pool, room->agenda);
	room->shelf = shelf_new(room);
	room->sites = map_new();
	struct sources_options sources = {.spool_dir = options->spool_dir,
	        .spool_bytes_max = options->spool_bytes_max,
	        .pump = room->pump,
	        .pool = room->pool,
	        .agenda = room->agenda};
	return sources_open(&sources, &room->sources, err);
}

/* Of drivers and sources first, then of what they run on. */
static void close_room(struct room *room)
{
	room_drop_sites(room);
	pool_close(room->pool, POOL_CLOSE_MS);
	source_parcels_free(room->parcels);
	shelf_free(room->shelf);
	sources_close(room->sources);
	pump_free(room->pump);
	agenda_free(room->agenda);
	map_free(room->sites, NULL);
	catalogue_unref(room->catalogue);
}

static void free_distribution(struct distribution *distribution)
{
	watch_free(distribution->watch);
	close_room(&distribution->room);
	queue_free(distribution->messages);
	map_free(distribution->works, NULL);
	map_free(distribution->refusing, NULL);
	pthread_mutex_destroy(&distribution->lock);
	free(distribution);
}

enum status distribution_open(const struct distribution_options *options, struct catalogue *catalogue,
        struct distribution **ret, struct error *err)
{
	struct distribution *distribution = memory_alloc(sizeof(*distribution));

	distribution->room.options = *options;
	distribution->room.catalogue = catalogue;
	distribution->messages = queue_new();
	distribution->works = map_new();
	distribution->refusing = map_new();
	pthread_mutex_init(&distribution->lock, NULL);
	fill_defaults(&distribution->room.options);
	if (open_room(&distribution->room, err) != STATUS_OK ||
	        start_thread(distribution, err) != STATUS_OK) {
		free_distribution(distribution);
		return err->status;
	}
	*ret = distribution;
	return STATUS_OK;
}

void distribution_close(struct distribution *distribution)
{
	if (!distribution)
		return;
	send_message(distribution, &(struct message){.kind = MESSAGE_CLOSE});
	pthread_join(distribution->thread, NULL);
	take_messages(distribution); /* what came after the close is freed */
	free_distribution(distribution);
}

/* ---- from any thread */

void distribution_reload(struct distribution *distribution, struct catalogue *catalogue)
{
	send_message(distribution, &(struct message){.kind = MESSAGE_RELOAD, .catalogue = catalogue});
}

static uint64_t submit(struct distribution *distribution, const struct work *what, const char *name)
{
	struct work *work = memory_copy(what, sizeof(*what));
	uint64_t serial = atomic_fetch_add(&distribution->serials, 1) + 1;

	work->distribution = distribution;
	work->serial = serial;
	work->name = memory_text(name);
	send_message(distribution, &(struct message){.kind = MESSAGE_WORK, .work = work});
	return serial;
}

uint64_t transfer_submit(struct distribution *distribution, const struct transfer_spec *spec)
{
	return submit(distribution, &(struct work){.staging = staging_new(spec)}, spec->distribution_point);
}

uint64_t pointer_submit(struct distribution *distribution, const struct pointer_spec *spec)
{
	return submit(
	        distribution, &(struct work){.switching = switching_new(spec)}, spec->distribution_point);
}

uint64_t inspect_submit(struct distribution *distribution, const struct inspect_spec *spec)
{
	return submit(
	        distribution, &(struct work){.inspection = inspection_new(spec)}, spec->distribution_point);
}

void distribution_cancel(struct distribution *distribution, uint64_t submission)
{
	send_message(distribution, &(struct message){.kind = MESSAGE_CANCEL, .serial = submission});
}

bool distribution_refuses_older_fences(struct distribution *distribution, const char *distribution_point)
{
	pthread_mutex_lock(&distribution->lock);
	bool refuses = map_get(distribution->refusing, view_text(distribution_point)) != NULL;
	pthread_mutex_unlock(&distribution->lock);
	return refuses;
}

void distribution_watch(struct distribution *distribution, int64_t interval_ms,
        void (*seen)(const struct identity_seen *seen, void *context), void *context)
{
	send_message(distribution,
	        &(struct message){
	                .kind = MESSAGE_WATCH, .interval_ms = interval_ms, .seen = seen, .context = context});
}

/* ---- dp init: a submission that is waited for */

struct init_answer {
	struct queue_item item;
	struct queue *queue;
	char dp_id[DP_ID_SIZE];
	struct error err;
};

static void on_init(void *context, const char *dp_id, const struct error *err)
{
	struct init_answer *answer = context;

	memcpy(answer->dp_id, dp_id, DP_ID_SIZE);
	answer->err = *err;
	queue_push(answer->queue, &answer->item);
}

enum status distribution_init_point(struct distribution *distribution, const char *name, bool replace,
        const char *replaced, char ret_dp_id[DP_ID_SIZE], struct error *err)
{
	struct init_answer answer = {.queue = queue_new()};

	send_message(distribution, &(struct message){.kind = MESSAGE_INIT,
	                                   .init = {.name = name,
	                                           .replace = replace,
	                                           .replaced = replaced,
	                                           .done = on_init,
	                                           .context = &answer}});
	while (!queue_take(answer.queue, -1))
		;
	queue_free(answer.queue);
	if (answer.dp_id[0])
		memcpy(ret_dp_id, answer.dp_id, DP_ID_SIZE);
	if (answer.err.status != STATUS_OK)
		*err = answer.err;
	return answer.err.status;
}
