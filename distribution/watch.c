#include "distribution/watch.h"

#include "distribution/identity.h"
#include "distribution/step.h"

#include "base/clock.h"
#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct watch {
	struct room *room;
	int64_t interval_ms;
	void (*seen)(const struct identity_seen *seen, void *context);
	void *context;
	struct map *eyes; /* by name */
	size_t under_way;
	bool stopped;
	struct agenda_entry timer;
};

struct eye { /* on one distribution point */
	struct watch *watch;
	char *name;
	struct site *site; /* while it looks */
	struct step step;
	char seen[DIGEST_SIZE]; /* of the dp.json told last; "": none */
	struct agenda_entry later;
};

static void tell(struct eye *eye, const struct identity *identity)
{
	struct identity_seen seen = {.distribution_point = eye->name,
	        .dp_id = identity->dp_id,
	        .replaces = (const char *const *)identity->replaces,
	        .replaces_count = identity->replaces_count};

	eye->watch->seen(&seen, eye->watch->context);
}

static void stop_looking(struct agenda_entry *entry)
{
	struct eye *eye = (struct eye *)((char *)entry - offsetof(struct eye, later));

	eye->watch->under_way--;
	site_release(eye->site);
	eye->site = NULL;
}

/* What cannot be read is no news: transfers will say why. */
static void looked(struct step *step)
{
	struct eye *eye = step->context;
	struct identity identity = {0};
	char digest[DIGEST_SIZE];
	struct error err;

	if (!eye->watch->stopped && identity_of(&step->operation, eye->name, &identity, &err) == STATUS_OK) {
		digest_of(operation_data(&step->operation), digest);
		if (strcmp(digest, eye->seen) != 0)
			tell(eye, &identity);
		memcpy(eye->seen, digest, sizeof(digest));
		identity_release(&identity);
	}
	free(step->operation.result.data);
	agenda_add(eye->watch->room->agenda, &eye->later, 0, stop_looking);
}

static void look(struct eye *eye)
{
	struct site *site = room_site(eye->watch->room, eye->name);

	if (!site || eye->site)
		return;
	eye->site = site_use(site);
	eye->watch->under_way++;
	step_run(&eye->step, site, identity_read(), looked);
}

static void look_at_all(struct watch *watch)
{
	const struct catalogue *catalogue = watch->room->catalogue;

	for (size_t i = 0; i < catalogue->point_count; i++) {
		const char *name = catalogue->points[i].name;
		struct eye *eye = map_get(watch->eyes, view_text(name));
		if (!eye) {
			eye = memory_alloc(sizeof(*eye));
			eye->watch = watch;
			eye->name = memory_text(name);
			eye->step = (struct step){.context = eye, .flow = eye, .once = true};
			map_put(watch->eyes, view_text(name), eye);
		}
		look(eye);
	}
}

static void on_time(struct agenda_entry *entry)
{
	struct watch *watch = (struct watch *)((char *)entry - offsetof(struct watch, timer));

	agenda_add(watch->room->agenda, &watch->timer, clock_monotonic_ms() + watch->interval_ms, on_time);
	look_at_all(watch);
}

struct watch *watch_start(struct room *room, int64_t interval_ms,
        void (*seen)(const struct identity_seen *seen, void *context), void *context)
{
	struct watch *watch = memory_alloc(sizeof(*watch));

	watch->room = room;
	watch->interval_ms = interval_ms;
	watch->seen = seen;
	watch->context = context;
	watch->eyes = map_new();
	agenda_add(room->agenda, &watch->timer, 0, on_time);
	return watch;
}

void watch_again(struct watch *watch)
{
	look_at_all(watch);
}

static void stop(struct view name, void *value, void *context)
{
	struct eye *eye = value;

	(void)name, (void)context;
	if (eye->site)
		step_cancel(&eye->step);
}

void watch_stop(struct watch *watch)
{
	watch->stopped = true;
	agenda_remove(watch->room->agenda, &watch->timer);
	map_each(watch->eyes, stop, NULL);
}

bool watch_is_busy(const struct watch *watch)
{
	return watch->under_way > 0;
}

static void free_eye(void *value)
{
	struct eye *eye = value;

	free(eye->name);
	free(eye);
}

void watch_free(struct watch *watch)
{
	if (!watch)
		return;
	assert(!watch->under_way);
	agenda_remove(watch->room->agenda, &watch->timer);
	map_free(watch->eyes, free_eye);
	free(watch);
}
