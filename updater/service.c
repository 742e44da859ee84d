/* An updater's options, and what all its shards share: opened, exchanged while it runs, counted, closed. */
#include "base/memory.h"
#include "distribution/catalogue.h"
#include "engine/metrics.h"
#include "updater/updater.h"

#include <stdlib.h>
#include <string.h>

const struct option_spec updater_options[] = {
        {.name = "distribution-points",
                .argument = "FILE",
                .required = true,
                .help = "the catalogue: which distribution points there are; read again on SIGHUP"},
        {.name = "expiry-grace",
                .argument = "SECONDS",
                .default_value = "60",
                .help = "how long after its deadline an update waits for a distribution point whose pointer "
                        "cannot be read, before it counts as expired there"},
        {.name = "cloudevents",
                .help = "write the headers of CloudEvents (binary mode) too; they cost throughput"},
        {.name = NULL},
};

static enum status read_rules(const struct options *options, struct switch_rules *rules, struct error *err)
{
	int64_t grace_s;

	*rules = switch_rules_default;
	if (options_number(options, "expiry-grace", 0, 86400, &grace_s, err) != STATUS_OK)
		return err->status;
	rules->grace_ms = grace_s * 1000;
	return STATUS_OK;
}

void updater_close(void *shell)
{
	struct updater *updater = shell;

	if (!updater)
		return;
	distribution_close(updater->distribution);
	places_free(updater->places);
	free(updater->catalogue_path);
	free(updater);
}

enum status updater_open(
        struct worker *worker, const struct options *options, void **ret_shell, struct error *err)
{
	struct updater *updater = memory_alloc(sizeof(*updater));
	struct distribution_options distribution_options = {0};
	struct catalogue *catalogue;
	char digest[DIGEST_SIZE];

	updater->worker = worker;
	updater->places =
	        places_new(&(struct places_words){.work = "switch_attempt", .label = "distribution_point"});
	updater->catalogue_path = memory_text(options_text(options, "distribution-points"));
	updater->cloudevents = options_switch(options, "cloudevents");
	if (read_rules(options, &updater->rules, err) != STATUS_OK ||
	        catalogue_load(updater->catalogue_path, &catalogue, err) != STATUS_OK) {
		updater_close(updater);
		return err->status;
	}
	memcpy(digest, catalogue->digest, sizeof(digest));
	updater->point_count = catalogue->point_count;
	if (distribution_open(&distribution_options, catalogue, &updater->distribution, err) != STATUS_OK) {
		updater_close(updater);
		return err->status;
	}
	worker_notice(worker, "catalogue", view_text(digest));
	*ret_shell = updater;
	return STATUS_OK;
}

enum status updater_reload(void *shell, struct buffer *ret_what, struct error *err)
{
	struct updater *updater = shell;
	struct catalogue *catalogue;
	char digest[DIGEST_SIZE];

	if (catalogue_load(updater->catalogue_path, &catalogue, err) != STATUS_OK)
		return err->status;
	catalogue_describe(catalogue, ret_what);
	memcpy(digest, catalogue->digest, sizeof(digest));
	updater->point_count = catalogue->point_count;
	distribution_reload(updater->distribution, catalogue);
	worker_notice(updater->worker, "catalogue", view_text(digest));
	return STATUS_OK;
}

void updater_metrics(void *shell, struct buffer *out)
{
	struct updater *updater = shell;
	const struct {
		const char *name, *help;
		atomic_ulong *value;
	} rows[] = {
	        {"holdpoint_updated_total", "Pointers seen as wanted for the first time.", &updater->updated},
	        {"holdpoint_updates_ended_total", "Update jobs ended.", &updater->jobs_ended},
	        {"holdpoint_releases_refused_total",
	                "Staged records refused: doubled, damaged or contradictory.",
	                &updater->releases_refused},
	        {"holdpoint_releases_forged_total", "Releases refused for want of their staged event.",
	                &updater->releases_forged},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		metric_one(out, rows[i].name, METRIC_COUNTER, rows[i].help, "",
		        (int64_t)atomic_load(rows[i].value));
	places_metrics(updater->places, out);
	metric_one(out, "holdpoint_distribution_points", METRIC_GAUGE,
	        "Distribution points in the catalogue.", "role=\"updater\"",
	        (int64_t)atomic_load(&updater->point_count));
}
