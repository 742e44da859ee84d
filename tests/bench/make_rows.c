/* Fills a worker's changelog as if it had worked for long, in the rows that the worker itself writes.
 *
 *   bench_make_rows [-b HOST:PORT] [--prefix PREFIX] stager|updater PACKAGES POINTS
 *
 * Each package has one version, staged on all points and released to them: for the stager a row of the
 * version, one of the job that made it, and for each point what is staged there (d/) and what was released
 * there (p/); for the updater what was staged (s/) and what is current (d/). The topics must be there; prints
 * how many rows were written. */
#include "base/digest.h"
#include "base/memory.h"
#include "engine/client.h"
#include "engine/route.h"
#include "schemas/topics.h"
#include "stager/gate_codec.h"
#include "updater/switch_codec.h"
#include "updater/switch_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TIMEOUT_MS = 60000, ROW_MAX = 4096 };
static const char version_name[] = "1.0",
                  file_digest[] = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
static const int64_t began_ms = 1790000000000;

struct filler {
	struct client *client;
	char *topic;
	int points;
	char (*names)[32], (*dp_ids)[RANDOM_UUID_SIZE]; /* of the points */
	const char *package;
	struct position at; /* of the package's job */
	int64_t rows;
	struct buffer name, value;
};

static void fail(const struct error *err)
{
	fprintf(stderr, "make_rows: %s (%s)\n", err->message, err->code);
	exit(1);
}

/* A row as the engine writes it: "<key>/<row>". */
static void send(struct filler *filler)
{
	char *key = memory_format("%s/%s", filler->package, filler->name.data);
	struct error err;

	if (client_produce_to(filler->client, filler->topic, filler->at.partition, view_text(key),
	            buffer_view(&filler->value), NULL, 0, TIMEOUT_MS, NULL, NULL, &err) != STATUS_OK)
		fail(&err);
	free(key);
	filler->rows++;
	buffer_clear(&filler->name);
	buffer_clear(&filler->value);
}

static void make_id(
        const struct filler *filler, const char *kind, const char *point, char id[DIGEST_NAME_SIZE])
{
	char *about = memory_format("%s/%s/%s", kind, filler->package, point);

	digest_name(view_text(about), id);
	free(about);
}

/* ---- the stager's */

static void send_gate_row(struct filler *filler, const struct gate_row *row)
{
	gate_row_name(row, &filler->name);
	gate_row_value(row, &filler->value);
	send(filler);
}

static void fill_staging(struct filler *filler, struct gate_state *state, struct gate_version *version, int n)
{
	struct gate_staging *staging = gate_staging_need(state, version, filler->names[n]);
	struct gate_point *point = gate_point_need(state, filler->names[n]);

	staging_set_phase(version, staging, STAGING_STAGED);
	staging->attempt = 1;
	staging->until_ms = began_ms + 86400000;
	staging->cause = point->released = filler->at;
	gate_text_set(&staging->cause_id, "create-1");
	gate_text_set(&staging->dp_id, filler->dp_ids[n]);
	gate_text_set(&point->dp_id, filler->dp_ids[n]);
	make_id(filler, "staged", filler->names[n], staging->staged_id);
	send_gate_row(
	        filler, &(struct gate_row){.kind = ROW_STAGING, .version = version, .staging = staging});
	send_gate_row(filler, &(struct gate_row){.kind = ROW_POINT, .point = point});
}

static void fill_gate(struct filler *filler)
{
	struct gate_state *state = gate_state_new(filler->package, &gate_limits_default);
	struct gate_version *version = gate_version_need(state, version_name);
	char payload[DIGEST_NAME_SIZE];

	strcpy(version->digest, file_digest);
	version->source = filler->at;
	send_gate_row(filler, &(struct gate_row){.kind = ROW_VERSION, .version = version});
	make_id(filler, "payload", "", payload);
	struct gate_job *job = gate_job_new("create-1", payload, filler->at);
	gate_job_forget_work(job);
	job->ended_number = 1;
	send_gate_row(filler, &(struct gate_row){.kind = ROW_JOB, .job = job});
	gate_job_free(job);
	for (int n = 0; n < filler->points; n++)
		fill_staging(filler, state, version, n);
	gate_state_free(state);
}

/* ---- the updater's */

static void send_switch_row(struct filler *filler, const struct switch_fact *fact)
{
	switch_row_write(fact, &filler->name, &filler->value);
	send(filler);
}

static void fill_switch_point(struct filler *filler, int n)
{
	char staged_id[DIGEST_NAME_SIZE], release_id[DIGEST_NAME_SIZE], *dp_id = filler->dp_ids[n];
	char *name = switch_staged_name(version_name, filler->names[n]), version[] = "1.0",
	     job[] = "update-1", none[] = "";
	struct switch_staged staged = {
	        .name = name, .staged_id = staged_id, .dp_id = dp_id, .offset = filler->at.offset};
	struct switch_point point = {.name = filler->names[n],
	        .desired = {.version = version,
	                .release_id = release_id,
	                .job_id = job,
	                .job_position = filler->at,
	                .offset = filler->at.offset + 1,
	                .targets = (uint32_t)filler->points,
	                .deadline_ms = began_ms + 86400000,
	                .time_ms = began_ms},
	        .resolved = true,
	        .attempt = 1,
	        .error_code = none,
	        .current_version = version,
	        .current_dp_id = dp_id,
	        .current_offset = filler->at.offset + 1};

	make_id(filler, "staged", filler->names[n], staged_id);
	make_id(filler, "release", filler->names[n], release_id);
	strcpy(staged.digest, file_digest);
	send_switch_row(filler, &(struct switch_fact){.kind = FACT_STAGED_ROW, .staged = &staged});
	send_switch_row(filler, &(struct switch_fact){.kind = FACT_POINT_ROW, .point = &point});
	free(name);
}

static void fill_switch(struct filler *filler)
{
	for (int n = 0; n < filler->points; n++)
		fill_switch_point(filler, n);
}

/* ---- */

static void fill(
        struct filler *filler, int packages, int32_t partitions, void (*package)(struct filler *filler))
{
	struct error err;
	char name[32];

	for (int i = 0; i < packages; i++) {
		snprintf(name, sizeof(name), "PKG%05d", i);
		filler->package = name;
		filler->at = (struct position){route_partition(view_text(name), partitions), i};
		package(filler);
	}
	if (client_flush(filler->client, TIMEOUT_MS, &err) != STATUS_OK)
		fail(&err);
}

static void name_points(struct filler *filler, int points)
{
	filler->points = points;
	filler->names = memory_alloc((size_t)points * sizeof(*filler->names));
	filler->dp_ids = memory_alloc((size_t)points * sizeof(*filler->dp_ids));
	for (int n = 0; n < points; n++) {
		snprintf(filler->names[n], sizeof(filler->names[n]), "site-%03d", n);
		random_uuid(filler->dp_ids[n]);
	}
}

int main(int argc, char **argv)
{
	static const struct option_spec none[] = {{.name = NULL}};
	static const struct command_spec command = {.name = "bench_make_rows",
	        .usage = "[OPTION]… stager|updater PACKAGES POINTS",
	        .summary = "Fills a changelog.",
	        .examples = "",
	        .options = none,
	        .kafka = true,
	        .least_arguments = 3,
	        .most_arguments = 3};
	struct filler filler = {0};
	struct options *options;
	struct error err;
	int32_t partitions = 0;
	bool printed;

	if (options_parse(&command, argc, argv, &options, &printed, &err) != STATUS_OK)
		fail(&err);
	if (printed)
		return 0;
	bool stager = strcmp(options_argument(options, 0), "stager") == 0;
	filler.topic = memory_format(
	        "%s%s", options_prefix(options), stager ? TOPIC_STAGER_STATE : TOPIC_UPDATER_STATE);
	buffer_init(&filler.name, ROW_MAX);
	buffer_init(&filler.value, ROW_MAX);
	name_points(&filler, atoi(options_argument(options, 2)));
	if (client_open(options, &filler.client, &err) != STATUS_OK ||
	        client_partitions(filler.client, filler.topic, TIMEOUT_MS, &partitions, &err) != STATUS_OK)
		fail(&err);
	fill(&filler, atoi(options_argument(options, 1)), partitions, stager ? fill_gate : fill_switch);
	printf("%lld\n", (long long)filler.rows);
	client_close(filler.client);
	buffer_release(&filler.name);
	buffer_release(&filler.value);
	free(filler.names);
	free(filler.dp_ids);
	free(filler.topic);
	options_free(options);
	return 0;
}
