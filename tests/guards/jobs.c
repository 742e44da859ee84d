/* Counts what a job costs the workers' own code: the whole of it, linked as it is, but for librdkafka, the
 * drivers of distribution points and the clock (instant.h). Prints one JSON object a phase.
 *
 *   guard_jobs held N POINTS       updates of versions that do not exist: accepted and held
 *   guard_jobs staged N POINTS     N packages of one file, created and updated on so many distribution points
 *   guard_jobs switched N POINTS   what an updater then does
 *
 * Callgrind counts instructions within measured() (tests/guards/guards.py); allocations are counted here. */
#include "base/log.h"
#include "base/memory.h"
#include "distribution/catalogue.h"
#include "schemas/topics.h"
#include "stager/gate_sink.h"
#include "stager/stager.h"
#include "tests/guards/instant.h"
#include "updater/updater.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { JOBS_A_PACKAGE = 10 };

/* ---- allocations: every one of the process comes by here */

extern void *__libc_malloc(size_t size), *__libc_calloc(size_t count, size_t size),
        *__libc_realloc(void *old, size_t size);
static size_t allocations;

void *malloc(size_t size)
{
	allocations++;
	return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	allocations++;
	return __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
	allocations++;
	return __libc_realloc(old, size);
}

/* ---- what is measured */

static __attribute__((noinline)) enum outcome measured(struct shard *shard, struct error *err)
{
	return shard_run(shard, err);
}

/* Not inlined into the same body by the compiler: callgrind goes by names. */
static __attribute__((noinline)) enum outcome unmeasured(struct shard *shard, struct error *err)
{
	enum outcome outcome = shard_run(shard, err);

	allocations = 0;
	return outcome;
}

static void run(const struct worker_spec *spec, void *shell, struct kafka *kafka, bool counts)
{
	struct shard_limits limits = {0};
	struct error err;

	kafka->shard = shard_new(spec, shell, 0, kafka, &limits);
	allocations = 0;
	if ((counts ? measured : unmeasured)(kafka->shard, &err) != OUTCOME_ENDED) {
		fprintf(stderr, "the shard was refused: %s\n", err.message);
		exit(1);
	}
	if (counts)
		printf("{\"allocations\": %zu, \"rows\": %zu, \"records\": %zu, \"bytes\": %zu}\n",
		        allocations, kafka->rows, kafka->records, kafka->bytes);
}

/* ---- the jobs */

static void add(struct kafka *kafka, const char *package, char *value)
{
	struct position position = {0, (int64_t)kafka->input_count};

	kafka->input[kafka->input_count++] = (struct record){.position = position,
	        .origin = position,
	        .time_ms = 1795000000,
	        .key = view_text(memory_text(package)),
	        .value = view_text(value)};
}

/* As those of `script/bench --only 1`: 300 bytes. */
static void make_held(struct kafka *kafka, int count)
{
	char package[16];

	for (int i = 0; i < count; i++) {
		snprintf(package, sizeof(package), "PKG%05d", i / JOBS_A_PACKAGE);
		add(kafka, package,
		        memory_format(
		                "{\"type\": \"update\", \"job_id\": \"job-%05d\", \"package_id\": \"%s\", "
		                "\"version\": \"1.0\", \"distribution_points\": [\"dp0\"], "
		                "\"requested_by\": \"bench@example\", \"annotations\": {\"ticket\": "
		                "\"OPS-12345\", \"note\": \"a text of some length to make three hundred "
		                "bytes\"}}",
		                i, package));
	}
}

static void make_staged(struct kafka *kafka, int count)
{
	char package[16];

	for (int i = 0; i < count; i++) {
		snprintf(package, sizeof(package), "PKG%05d", i);
		add(kafka, package,
		        memory_format(
		                "{\"type\": \"create\", \"package_id\": \"%s\", \"version\": \"1.0\", "
		                "\"content\": {\"files\": [{\"path\": \"tool\", \"size\": 8231, \"digest\": "
		                "\"sha256:%064d\", \"url\": \"file:///srv/src/%s/tool\"}]}, "
		                "\"distribution_points\": [\"group:all\"]}",
		                package, i, package));
		add(kafka, package,
		        memory_format("{\"type\": \"update\", \"package_id\": \"%s\", \"version\": \"1.0\"}",
		                package));
	}
}

/* ---- the workers */

static void *open_stager(int points)
{
	struct stager_setup setup = {.distribution = instant_distribution(),
	        .catalogue_path = "/",
	        .limits = gate_limits_default,
	        .manifests_bytes_max = 64 << 20,
	        .watch_interval_ms = 30000};
	struct buffer text;
	struct error err;

	buffer_init(&text, 1 << 20);
	for (int i = 0; i < points; i++)
		buffer_add_format(&text,
		        "%s{\"name\": \"dp%d\", \"url\": \"file:///srv/dp/%d/\", \"groups\": [\"all\"]}",
		        i ? "," : "{\"distribution_points\": [", i, i);
	buffer_add_format(&text, "], \"sources\": [{\"prefix\": \"file:///srv/src/\"}]}");
	if (catalogue_parse(buffer_view(&text), "/", &setup.catalogue, &err) != STATUS_OK) {
		fprintf(stderr, "%s\n", err.message);
		exit(1);
	}
	buffer_release(&text);
	return stager_new(&setup);
}

static void run_stager(struct kafka *kafka, int points, bool counts)
{
	const struct worker_spec spec = {.role = "stager",
	        .input = TOPIC_JOBS,
	        .changelog = TOPIC_STAGER_STATE,
	        .outputs = {[OUTPUT_STAGED] = TOPIC_STAGED, [OUTPUT_STATUS] = TOPIC_STATUS},
	        .dead_letters = TOPIC_DLQ,
	        .machine = stager_machine,
	        .effector = stager_effector};

	run(&spec, open_stager(points), kafka, counts);
}

static void run_updater(struct kafka *kafka)
{
	struct updater *updater = memory_alloc(sizeof(*updater));

	updater->distribution = instant_distribution();
	updater->rules = switch_rules_default;
	updater->places =
	        places_new(&(struct places_words){.work = "switch_attempt", .label = "distribution_point"});
	run(&updater_spec, updater, kafka, true);
}

int main(int argc, char **argv)
{
	const char *what = argc == 4 ? argv[1] : "";
	int count = argc == 4 ? atoi(argv[2]) : 0, points = argc == 4 ? atoi(argv[3]) : 0;
	struct kafka kafka = {.input = memory_alloc((size_t)count * 2 * sizeof(struct record))};

	log_set_level(LOG_WARN);
	json_object_seed(1); /* else by chance, and with it how its tables fill */
	if (strcmp(what, "held") == 0) {
		make_held(&kafka, count);
		run_stager(&kafka, points, true);
	} else if (strcmp(what, "staged") == 0) {
		make_staged(&kafka, count);
		run_stager(&kafka, points, true);
	} else if (strcmp(what, "switched") == 0) {
		make_staged(&kafka, count);
		kafka.keeps = true;
		run_stager(&kafka, points, false);
		run_updater(&(struct kafka){.input = kafka.passed_on, .input_count = kafka.passed_on_count});
	} else {
		fprintf(stderr, "usage: guard_jobs held|staged|switched N POINTS\n");
		return 2;
	}
	return 0;
}
