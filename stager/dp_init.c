/* `dp init`: gives distribution points their identity. A base without one is refused by every transfer, so
 * that an unmounted path or a mistyped URL never counts as staged. */
#include "distribution/catalogue.h"
#include "distribution/distribution.h"
#include "engine/no_core.h"
#include "engine/options.h"
#include "stager/stager.h"

#include <stdio.h>
#include <string.h>

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

static const struct option_spec dp_init_options[] = {{.name = "distribution-points",
                                                             .argument = "FILE",
                                                             .required = true,
                                                             .help = "the distribution points (JSON)"},
        {.name = "replace",
                .help = "the content of the named distribution points is lost for good: give them a new "
                        "identity, and have all that was staged there staged again"},
        {.name = "lost-id",
                .argument = "DP_ID",
                .help = "with --replace and one NAME: the identity that was lost, where the distribution "
                        "point shows none any more (stagers name it in their dp_id_changed errors)"},
        {.name = NULL}};

static const struct command_spec dp_init_command = {
        .name = "holdpoint-stager dp init",
        .usage = "--distribution-points FILE [--replace [--lost-id DP_ID]] [NAME…]",
        .summary = "Writes .holdpoint/dp.json on distribution points that have none: on the named ones, or\n"
                   "on all of FILE. Nothing is staged on a distribution point before. Those that have one\n"
                   "are left as they are, unless --replace confirms that their content is lost.",
        .examples = "holdpoint-stager dp init --distribution-points dps.json\n"
                    "holdpoint-stager dp init --distribution-points dps.json --replace paris\n"
                    "holdpoint-stager dp init --distribution-points dps.json --replace --lost-id "
                    "f28e15d8-ef3d-4ff5-8629-9265de89084b paris\n",
        .options = dp_init_options,
        .least_arguments = 0,
        .most_arguments = 1000,
};

static enum status init_one(struct distribution *distribution, const char *name, const char *lost_id,
        bool replace, struct error *err)
{
	char dp_id[DP_ID_SIZE] = "";
	enum status status = distribution_init_point(distribution, name, replace, lost_id, dp_id, err);

	if (status == STATUS_OK)
		printf("%s\t%s\t%s\n", name, dp_id, replace ? "replaced" : "initialised");
	else if (strcmp(err->code, "already_initialised") == 0)
		printf("%s\t%s\twas initialised before\n", name, dp_id);
	else
		return status;
	return STATUS_OK;
}

static int init_all(
        struct distribution *distribution, const struct catalogue *catalogue, const struct options *options)
{
	size_t named = options_argument_count(options);
	size_t count = named > 0 ? named : catalogue->point_count;
	int code = EXIT_DONE;
	struct error err;

	for (size_t i = 0; i < count; i++) {
		const char *name = named > 0 ? options_argument(options, i) : catalogue->points[i].name;

		if (init_one(distribution, name, options_text(options, "lost-id"),
		            options_switch(options, "replace"), &err) == STATUS_OK)
			continue;
		fprintf(stderr, "holdpoint-stager: %s: %s (%s)\n", name, err.message, err.code);
		code = EXIT_FAILED;
	}
	return code;
}

/* Before anything is written. */
static enum status check(const struct catalogue *catalogue, const struct options *options, struct error *err)
{
	bool replace = options_switch(options, "replace");
	size_t named = options_argument_count(options);

	if (replace && named == 0)
		return error_set(err, STATUS_REJECT, "missing_argument",
		        "--replace needs the names of the distribution points whose content is lost");
	if (options_text(options, "lost-id") != NULL && (!replace || named != 1))
		return error_set(err, STATUS_REJECT, "invalid_option",
		        "--lost-id goes with --replace and one distribution point");
	for (size_t i = 0; i < named; i++)
		if (catalogue_find(catalogue, options_argument(options, i)) == NULL)
			return error_set(err, STATUS_REJECT, "unknown_distribution_point",
			        "%s is no distribution point of %s", options_argument(options, i),
			        options_text(options, "distribution-points"));
	return STATUS_OK;
}

static enum status run(const struct options *options, int *ret_code, struct error *err)
{
	struct catalogue *catalogue;
	struct distribution *distribution = NULL;
	enum status status = catalogue_load(options_text(options, "distribution-points"), &catalogue, err);

	if (status != STATUS_OK)
		return status;
	status = check(catalogue, options, err);
	if (status == STATUS_OK)
		status = distribution_open(
		        &(struct distribution_options){0}, catalogue_ref(catalogue), &distribution, err);
	if (status == STATUS_OK)
		*ret_code = init_all(distribution, catalogue, options);
	distribution_close(distribution);
	catalogue_unref(catalogue);
	return status;
}

static int dp_init(int argc, char **argv)
{
	struct options *options = NULL;
	struct error err;
	bool printed = false;
	int code = EXIT_USAGE;

	leave_no_core();
	enum status status = options_parse(&dp_init_command, argc, argv, &options, &printed, &err);

	if (printed)
		return EXIT_DONE;
	if (status == STATUS_OK)
		status = run(options, &code, &err);
	if (status != STATUS_OK) {
		fprintf(stderr, "holdpoint-stager: %s (%s)\n", err.message, err.code);
		code = status == STATUS_REJECT ? EXIT_USAGE : EXIT_FAILED;
	}
	options_free(options);
	return code;
}

int dp_main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "init") == 0)
		return dp_init(argc - 1, argv + 1);
	fprintf(stderr,
	        "holdpoint-stager dp: its one command is init; try 'holdpoint-stager dp init --help'\n");
	return EXIT_USAGE;
}
