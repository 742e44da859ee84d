/* Writes an honest history to a Kafka, as if stagers and updaters had worked for long, but without doing it.
 *
 *   bench_make_log [-b HOST:PORT] [--prefix PREFIX] EVENTS PACKAGES VERSIONS
 *
 * Each package gets its versions on two distribution points, each made current once; from then on its updates
 * go to and fro between them, until there are about EVENTS records. As in a real log, what follows from a
 * record is written once that is in the log. The topics must be there and empty. */
#include "base/digest.h"
#include "base/memory.h"
#include "engine/client.h"
#include "engine/route.h"
#include "schemas/manifest.h"
#include "schemas/status.h"
#include "schemas/topics.h"
#include "schemas/updated.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { JOBS, STAGED, UPDATED, STATUS, TOPICS };
enum { POINTS = 2, TIMEOUT_MS = 60000, ID_TEXT = 512 };
static const char *const points[POINTS] = {"paris", "tokyo"};
static const char *const dp_ids[POINTS] = {
        "6f1d8f0a-6a55-4a0c-8d0c-5f2a1d7a7c11", "b3d1a6f2-90cf-4a3b-9d5e-0a1b2c3d4e5f"};
static const char file_digest[] = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
static char digest[DIGEST_SIZE]; /* of the manifest of that file: URLs are no part of it */

struct package {
	char name[32], current[32], version[16], job[32]; /* of the job under way */
	struct position at;
	struct position released[POINTS];
	char release_ids[POINTS][DIGEST_NAME_SIZE];
	struct staged_place {
		char id[DIGEST_NAME_SIZE];
		int64_t offset;
	} * staged; /* by version and point */
};

struct log {
	struct client *client;
	char *topics[TOPICS];
	int32_t partitions;
	int64_t *next; /* by topic and partition */
	int64_t time_ms;
	uint64_t events;
	struct buffer value;
};

static void fail(const struct error *err)
{
	fprintf(stderr, "make_log: %s (%s)\n", err->message, err->code);
	exit(1);
}

static struct position write_record(struct log *log, int topic, const struct package *package)
{
	struct view key = view_text(package->name);
	int32_t partition = route_partition(key, log->partitions);
	struct position position = {partition, log->next[topic * log->partitions + partition]++};
	struct error err;

	if (client_produce_to(log->client, log->topics[topic], partition, key, buffer_view(&log->value), NULL,
	            0, TIMEOUT_MS, NULL, NULL, &err) != STATUS_OK)
		fail(&err);
	buffer_clear(&log->value);
	log->events++;
	return position;
}

/* As the stager derives ids. */
static void make_id(char id[DIGEST_NAME_SIZE], const char *kind, const struct package *package,
        const char *version, const char *point, const char *job, struct position at, const char *extra)
{
	char text[ID_TEXT];
	int len = snprintf(text, sizeof(text), "%s/%s/%s/%s/%s/%d/%lld/%s/0", kind, package->name, version,
	        point, job, (int)at.partition, (long long)at.offset, extra);

	digest_name((struct view){text, (size_t)len}, id);
}

/* As the updater does. */
static void make_updaters_id(char id[DIGEST_NAME_SIZE], const char *const *texts)
{
	struct buffer about;

	buffer_init(&about, ID_TEXT);
	for (; *texts; texts++)
		pack_text(&about, *texts);
	digest_name(buffer_view(&about), id);
	buffer_release(&about);
}

static struct job_status status_of(const struct log *log, const struct package *package, const char *id,
        const char *version, const char *job)
{
	return (struct job_status){.id = id,
	        .time_ms = log->time_ms,
	        .job_id = job,
	        .package_id = package->name,
	        .version = version};
}

static void accept(struct log *log, const struct package *package, const char *version, const char *job,
        enum job_type type, struct position at)
{
	char id[DIGEST_NAME_SIZE];
	struct job_status status = status_of(log, package, id, version, job);

	make_id(id, "accepted", package, version, "", job, at, "");
	status.job_type = type;
	status.job_position = at;
	status.state = JOB_ACCEPTED;
	status.distribution_points = points;
	status.distribution_point_count = POINTS;
	status.requested_by = "bench@example";
	status.deadline_ms = log->time_ms + 86400000;
	job_status_write(&status, &log->value);
	write_record(log, STATUS, package);
}

static void end(struct log *log, const struct package *package, const char *version, const char *job,
        enum job_type type, struct position at)
{
	struct dp_outcome outcomes[POINTS];
	char id[DIGEST_NAME_SIZE], name[128];
	struct job_status status = status_of(log, package, id, version, job);

	for (int i = 0; i < POINTS; i++)
		outcomes[i] = (struct dp_outcome){points[i], JOB_COMPLETED};
	snprintf(name, sizeof(name), "%s/%d-%lld", job, (int)at.partition, (long long)at.offset);
	if (type == JOB_CREATE)
		make_id(id, "ended", package, version, "", job, at, "");
	else
		make_updaters_id(id, (const char *[]){"job ended", package->name, name, NULL});
	status.job_type = type;
	status.job_position = at;
	status.state = JOB_COMPLETED;
	status.outcomes = outcomes;
	status.outcome_count = POINTS;
	job_status_write(&status, &log->value);
	write_record(log, STATUS, package);
}

static void tell_point(struct log *log, const struct package *package, const char *version, int point,
        enum dp_state state, struct position at)
{
	char id[DIGEST_NAME_SIZE];
	struct dp_status status = {.id = id,
	        .time_ms = log->time_ms,
	        .package_id = package->name,
	        .version = version,
	        .distribution_point = points[point],
	        .state = state,
	        .attempt = 1};

	make_id(id, "point", package, version, points[point], "", at, dp_state_name(state));
	dp_status_write(&status, &log->value);
	write_record(log, STATUS, package);
}

static struct staged_record record_of(const struct log *log, const struct package *package, const char *id,
        const char *version, int point, const char *job, struct position at)
{
	return (struct staged_record){.id = id,
	        .time_ms = log->time_ms,
	        .package_id = package->name,
	        .version = version,
	        .distribution_point = points[point],
	        .job_id = job,
	        .job_position = at,
	        .dp_id = dp_ids[point],
	        .digest = digest,
	        .files = 1,
	        .bytes = 8231,
	        .read_back = "full",
	        .targets = POINTS,
	        .deadline_ms = log->time_ms + 86400000};
}

/* ---- a package's next job, step by step */

static void ask_create(struct log *log, struct package *package, int number)
{
	snprintf(package->version, sizeof(package->version), "%d.0", number);
	snprintf(package->job, sizeof(package->job), "c-%d", number);
	buffer_add_format(&log->value,
	        "{\"type\":\"create\",\"job_id\":\"%s\",\"package_id\":\"%s\",\"version\":\"%s\",\"content\":"
	        "{"
	        "\"files\":[{\"path\":\"bin/tool\",\"size\":8231,\"digest\":\"%s\",\"url\":\"file:///srv/src/"
	        "%s/"
	        "tool\"}]},\"distribution_points\":[\"paris\",\"tokyo\"],\"requested_by\":\"bench@example\"}",
	        package->job, package->name, package->version, file_digest, package->name);
	package->at = write_record(log, JOBS, package);
}

static void accept_create(struct log *log, struct package *package, int number)
{
	(void)number;
	accept(log, package, package->version, package->job, JOB_CREATE, package->at);
}

static void stage(struct log *log, struct package *package, int number)
{
	for (int point = 0; point < POINTS; point++) {
		struct staged_place *place = &package->staged[number * POINTS + point];
		struct staged_record record = record_of(
		        log, package, place->id, package->version, point, package->job, package->at);

		make_id(place->id, "staged", package, package->version, points[point], package->job,
		        package->at, dp_ids[point]);
		staged_write(&record, &log->value);
		place->offset = write_record(log, STAGED, package).offset;
		tell_point(log, package, package->version, point, DP_STAGED, package->at);
	}
	end(log, package, package->version, package->job, JOB_CREATE, package->at);
}

static void ask_update(struct log *log, struct package *package, int number)
{
	snprintf(package->version, sizeof(package->version), "%d.0", number);
	snprintf(package->job, sizeof(package->job), "u-%llu", (unsigned long long)log->events);
	buffer_add_format(&log->value,
	        "{\"type\":\"update\",\"job_id\":\"%s\",\"package_id\":\"%s\",\"version\":\"%s\",\"gate\":"
	        "\"each\","
	        "\"requested_by\":\"bench@example\",\"annotations\":{\"ticket\":\"OPS-12345\"}}",
	        package->job, package->name, package->version);
	package->at = write_record(log, JOBS, package);
}

static void release(struct log *log, struct package *package, int number)
{
	accept(log, package, package->version, package->job, JOB_UPDATE, package->at);
	for (int point = 0; point < POINTS; point++) {
		char *id = package->release_ids[point];
		struct staged_record record =
		        record_of(log, package, id, package->version, point, package->job, package->at);

		record.type = STAGED_RELEASE;
		record.staged_id = package->staged[number * POINTS + point].id;
		make_id(id, "release", package, package->version, points[point], package->job, package->at,
		        dp_ids[point]);
		staged_write(&record, &log->value);
		package->released[point] = write_record(log, STAGED, package);
	}
}

static void switch_point(struct log *log, struct package *package, int number, int point)
{
	const struct staged_place *place = &package->staged[number * POINTS + point];
	const char *release_id = package->release_ids[point];
	char id[DIGEST_NAME_SIZE];
	struct updated_record updated = {.id = id,
	        .time_ms = log->time_ms,
	        .package_id = package->name,
	        .version = package->version,
	        .previous_version = package->current[0] ? package->current : NULL,
	        .distribution_point = points[point],
	        .dp_id = dp_ids[point],
	        .digest = digest,
	        .job_id = package->job,
	        .staged_id = place->id,
	        .staged_position = {package->at.partition, place->offset},
	        .release_id = release_id,
	        .release_position = package->released[point]};

	make_updaters_id(
	        id, (const char *[]){"updated", package->name, points[point], release_id, place->id, NULL});
	updated_write(&updated, &log->value);
	write_record(log, UPDATED, package);
	tell_point(log, package, package->version, point, DP_UPDATED, package->released[point]);
}

static void switch_all(struct log *log, struct package *package, int number)
{
	for (int point = 0; point < POINTS; point++)
		switch_point(log, package, number, point);
	strcpy(package->current, package->version);
	end(log, package, package->version, package->job, JOB_UPDATE, package->at);
}

/* One step of all packages, and it is in the log before the next. */
static void each(struct log *log, struct package *all, int packages, int number,
        void (*step)(struct log *log, struct package *package, int number))
{
	struct error err;

	for (int i = 0; i < packages; i++)
		step(log, &all[i], number);
	if (client_flush(log->client, TIMEOUT_MS, &err) != STATUS_OK)
		fail(&err);
	log->time_ms += 1000;
}

static void make(struct log *log, uint64_t events, int packages, int versions)
{
	struct package *all = memory_alloc((size_t)packages * sizeof(*all));

	for (int i = 0; i < packages; i++) {
		snprintf(all[i].name, sizeof(all[i].name), "PKG%05d", i);
		all[i].staged = memory_alloc((size_t)(versions * POINTS) * sizeof(*all[i].staged));
	}
	for (int round = 0; log->events < events; round++) {
		int number = round % versions;

		if (round < versions) {
			each(log, all, packages, number, ask_create);
			each(log, all, packages, number, accept_create);
			each(log, all, packages, number, stage);
		}
		each(log, all, packages, number, ask_update);
		each(log, all, packages, number, release);
		each(log, all, packages, number, switch_all);
	}
	for (int i = 0; i < packages; i++)
		free(all[i].staged);
	free(all);
}

static void find_digest(void)
{
	struct manifest_file *file = memory_alloc(sizeof(*file));
	struct manifest *manifest;
	struct error err;

	*file = (struct manifest_file){.path = memory_text("bin/tool"), .size = 8231};
	memcpy(file->digest, file_digest, sizeof(file_digest));
	if (manifest_new(file, 1, "files", &manifest, &err) != STATUS_OK)
		fail(&err);
	memcpy(digest, manifest->digest, sizeof(digest));
	manifest_unref(manifest);
}

int main(int argc, char **argv)
{
	static const char *const names[TOPICS] = {TOPIC_JOBS, TOPIC_STAGED, TOPIC_UPDATED, TOPIC_STATUS};
	static const struct option_spec none[] = {{.name = NULL}};
	static const struct command_spec command = {.name = "bench_make_log",
	        .usage = "[OPTION]… EVENTS PACKAGES VERSIONS",
	        .summary = "Writes an honest history.",
	        .examples = "",
	        .options = none,
	        .kafka = true,
	        .least_arguments = 3,
	        .most_arguments = 3};
	struct log log = {.time_ms = 1790000000000};
	struct options *options;
	struct error err;
	bool printed;

	if (options_parse(&command, argc, argv, &options, &printed, &err) != STATUS_OK)
		fail(&err);
	if (printed)
		return 0;
	find_digest();
	buffer_init(&log.value, 1 << 20);
	for (int i = 0; i < TOPICS; i++)
		log.topics[i] = memory_format("%s%s", options_prefix(options), names[i]);
	if (client_open(options, &log.client, &err) != STATUS_OK ||
	        client_partitions(log.client, log.topics[0], TIMEOUT_MS, &log.partitions, &err) != STATUS_OK)
		fail(&err);
	log.next = memory_alloc((size_t)(TOPICS * log.partitions) * sizeof(*log.next));
	make(&log, strtoull(options_argument(options, 0), NULL, 10), atoi(options_argument(options, 1)),
	        atoi(options_argument(options, 2)));
	if (client_flush(log.client, TIMEOUT_MS, &err) != STATUS_OK)
		fail(&err);
	printf("%llu\n", (unsigned long long)log.events);
	client_close(log.client);
	for (int i = 0; i < TOPICS; i++)
		free(log.topics[i]);
	free(log.next);
	buffer_release(&log.value);
	options_free(options);
	return 0;
}
