/* What all shards of a stager share: made, exchanged while it runs, counted, closed. */
#include "base/memory.h"
#include "engine/metrics.h"
#include "stager/stager.h"

#include <stdlib.h>

static void watch_seen(const struct identity_seen *seen, void *context)
{
	struct stager *stager = context;
	char *name;
	struct buffer notice;

	if (seen->replaces_count == 0)
		return;
	name = memory_format("lost/%s", seen->distribution_point);
	buffer_init(&notice, 65536);
	lost_notice_write(seen, &notice);
	if (!notice.full)
		worker_notice(stager->worker, name, buffer_view(&notice));
	buffer_release(&notice);
	free(name);
}

struct stager *stager_new(const struct stager_setup *setup)
{
	struct stager *stager = memory_alloc(sizeof(*stager));

	stager->worker = setup->worker;
	stager->distribution = setup->distribution;
	stager->catalogue = setup->catalogue;
	stager->catalogue_path = memory_text(setup->catalogue_path);
	stager->limits = setup->limits;
	stager->cloudevents = setup->cloudevents;
	stager->manifests = manifests_new(setup->manifests_bytes_max);
	stager->places = places_new(&(struct places_words){
	        .work = "transfer", .label = "distribution_point", .elsewhere = "source_", .bytes = true});
	pthread_mutex_init(&stager->lock, NULL);
	distribution_watch(stager->distribution, setup->watch_interval_ms, watch_seen, stager);
	return stager;
}

void stager_close(void *shell)
{
	struct stager *stager = shell;

	distribution_close(stager->distribution);
	catalogue_unref(stager->catalogue);
	manifests_free(stager->manifests);
	places_free(stager->places);
	pthread_mutex_destroy(&stager->lock);
	free(stager->catalogue_path);
	free(stager);
}

struct catalogue *stager_catalogue(struct stager *stager)
{
	struct catalogue *catalogue;

	pthread_mutex_lock(&stager->lock);
	catalogue = catalogue_ref(stager->catalogue);
	pthread_mutex_unlock(&stager->lock);
	return catalogue;
}

enum status stager_reload(void *shell, struct buffer *ret_what, struct error *err)
{
	struct stager *stager = shell;
	struct catalogue *fresh, *old;

	if (catalogue_load(stager->catalogue_path, &fresh, err) != STATUS_OK)
		return err->status;
	catalogue_describe(fresh, ret_what);
	distribution_reload(stager->distribution, catalogue_ref(fresh));
	pthread_mutex_lock(&stager->lock);
	old = stager->catalogue;
	stager->catalogue = fresh;
	pthread_mutex_unlock(&stager->lock);
	catalogue_unref(old);
	return STATUS_OK;
}

void stager_metrics(void *shell, struct buffer *out)
{
	struct stager *stager = shell;
	struct catalogue *catalogue = stager_catalogue(stager);

	places_metrics(stager->places, out);
	metric_one(out, "holdpoint_manifests_cached", METRIC_GAUGE, "Manifests kept in memory.", "",
	        (int64_t)manifests_count(stager->manifests));
	metric_one(out, "holdpoint_distribution_points", METRIC_GAUGE,
	        "Distribution points in the catalogue.", "role=\"stager\"", (int64_t)catalogue->point_count);
	catalogue_unref(catalogue);
}
