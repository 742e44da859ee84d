/* A stager's options, and what they open. */
#include "base/log.h"
#include "base/timestamp.h"
#include "stager/stager.h"

enum { WATCH_INTERVAL_MS = 30000 };

const struct option_spec stager_options[] = {
        {.name = "distribution-points",
                .argument = "FILE",
                .required = true,
                .help = "the distribution points, and the sources that may be read (JSON); read again on "
                        "SIGHUP"},
        {.name = "spool",
                .argument = "DIR",
                .help = "where content of http sources is kept while it is needed (default: a private folder "
                        "in $TMPDIR or /tmp)"},
        {.name = "spool-bytes", .argument = "N", .default_value = "10G", .help = "most that the spool holds"},
        {.name = "never-deadline",
                .argument = "DURATION",
                .default_value = "P366D",
                .help = "when jobs end whose deadline is \"never\""},
        {.name = "held-jobs",
                .argument = "N",
                .default_value = "256",
                .help = "most updates of one package that are held; further ones are rejected"},
        {.name = "held-jobs-per-partition",
                .argument = "N",
                .default_value = "100000",
                .help = "most updates of all packages of a partition that are held"},
        {.name = "manifest-bytes",
                .argument = "N",
                .default_value = "64M",
                .help = "memory for recent manifests; others are read from the jobs topic again"},
        {.name = "cloudevents",
                .help = "write the headers of CloudEvents (binary mode) too; they cost throughput"},
        {.name = NULL}};

static enum status read_limits(
        const struct options *options, struct stager_setup *setup, uint64_t *ret_spool, struct error *err)
{
	const char *never = options_text(options, "never-deadline");
	int64_t held, held_shard, manifests, spool;

	setup->limits = gate_limits_default;
	if (!duration_parse(view_text(never), &setup->limits.never_ms))
		return error_set(err, STATUS_REJECT, "invalid_option",
		        "--never-deadline %s is no ISO 8601 duration such as P366D", never);
	if (options_number(options, "held-jobs", 1, 100000, &held, err) != STATUS_OK ||
	        options_number(options, "held-jobs-per-partition", 1, 100000000, &held_shard, err) !=
	                STATUS_OK ||
	        options_number(options, "manifest-bytes", 1 << 20, INT64_C(1) << 40, &manifests, err) !=
	                STATUS_OK ||
	        options_number(options, "spool-bytes", 1 << 20, INT64_C(1) << 50, &spool, err) != STATUS_OK)
		return err->status;
	setup->limits.held_max = (size_t)held;
	setup->limits.held_shard_max = (size_t)held_shard;
	setup->manifests_bytes_max = (size_t)manifests;
	*ret_spool = (uint64_t)spool;
	return STATUS_OK;
}

enum status stager_open(
        struct worker *worker, const struct options *options, void **ret_shell, struct error *err)
{
	struct stager_setup setup = {.worker = worker,
	        .catalogue_path = options_text(options, "distribution-points"),
	        .cloudevents = options_switch(options, "cloudevents"),
	        .watch_interval_ms = WATCH_INTERVAL_MS};
	struct distribution_options distribution = {.spool_dir = options_text(options, "spool")};

	if (read_limits(options, &setup, &distribution.spool_bytes_max, err) != STATUS_OK ||
	        catalogue_load(setup.catalogue_path, &setup.catalogue, err) != STATUS_OK)
		return err->status;
	if (distribution_open(&distribution, catalogue_ref(setup.catalogue), &setup.distribution, err) !=
	        STATUS_OK) {
		catalogue_unref(setup.catalogue);
		return err->status;
	}
	log_line(LOG_INFO, "distribution points read", "file", setup.catalogue_path, "points",
	        log_number(setup.catalogue->point_count), "digest", setup.catalogue->digest, NULL);
	*ret_shell = stager_new(&setup);
	return STATUS_OK;
}
