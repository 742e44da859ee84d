#include "tests/sim/workload.h"

#include "base/memory.h"
#include "base/timestamp.h"
#include "engine/outbox.h"
#include "engine/route.h"
#include "tests/sim/logs.h"
#include "tests/sim/marks.h"
#include "tests/sim/sim_kafka.h"

#include <stdlib.h>
#include <string.h>

const char workload_catalogue[] =
        "{\"distribution_points\":["
        "{\"name\":\"lima\",\"url\":\"file:///srv/dp/lima/\",\"groups\":[\"south\",\"world\"]},"
        "{\"name\":\"paris\",\"url\":\"file:///srv/dp/paris/\",\"groups\":[\"north\",\"world\"]},"
        "{\"name\":\"tokyo\",\"url\":\"file:///srv/dp/tokyo/\",\"groups\":[\"north\",\"world\"]}],"
        "\"sources\":[{\"prefix\":\"file:///srv/src/\"}]}";

enum { PLACES_MAX = 4096, VALUE_MAX = 2000 };

static struct workload_plan plan;
static struct sent *all_sent, *last_sent;
static const struct sent *places[PARTITIONS][PLACES_MAX];
static int job_number;
static bool anchored[PACKAGES][VERSIONS]; /* its true content lies in the log, ahead of all that follows */
static bool asked[PACKAGES][VERSIONS];

static void file_digest(int package, int version, bool other, char digest[DIGEST_SIZE])
{
	char text[40];
	int len = snprintf(text, sizeof(text), "content %d %d %d", package, version, other);

	digest_of((struct view){text, (size_t)len}, digest);
}

const char *workload_digest(int package, int version, bool other)
{
	static char digests[PACKAGES][VERSIONS][2][DIGEST_SIZE];
	char *digest = digests[package][version][other], file[DIGEST_SIZE], *canonical;

	if (digest[0])
		return digest;
	file_digest(package, version, other, file);
	canonical = memory_format(
	        "{\"files\":[{\"path\":\"bin/tool\",\"size\":100,\"digest\":\"%s\",\"executable\":true}]}",
	        file);
	digest_of(view_text(canonical), digest);
	free(canonical);
	return digest;
}

const struct sent *workload_sent(int32_t partition, int64_t offset)
{
	return offset >= 0 && offset < PLACES_MAX ? places[partition][offset] : NULL;
}

/* ---- the text of a job ---- */

static void add_targets(struct buffer *out, unsigned targets)
{
	static const struct {
		unsigned targets;
		const char *group;
	} groups[] = {{1, "group:south"}, {6, "group:north"}, {7, "group:world"}};
	const char *separator = "";

	buffer_add_text(out, ",\"distribution_points\":[");
	for (size_t i = 0; i < sizeof(groups) / sizeof(*groups); i++)
		if (groups[i].targets == targets && world_percent(40)) {
			buffer_add_format(out, "\"%s\"]", groups[i].group);
			return;
		}
	for (int i = 0; i < POINTS; i++)
		if (targets & 1u << i) {
			buffer_add_format(out, "%s\"%s\"", separator, point_names[i]);
			separator = ",";
		}
	buffer_add_text(out, "]");
}

static void add_content(struct buffer *out, const struct sent *sent)
{
	char digest[DIGEST_SIZE];

	if (world_percent(20)) {
		buffer_add_format(out,
		        ",\"content\":{\"manifest_url\":\"file:///srv/src/m.json\",\"digest\":\"%s\"}",
		        workload_digest(sent->package, sent->version, sent->other_content));
		return;
	}
	file_digest(sent->package, sent->version, sent->other_content, digest);
	buffer_add_format(out,
	        ",\"content\":{\"files\":[{\"path\":\"bin/tool\",\"size\":100,\"digest\":\"%s\","
	        "\"executable\":true,\"url\":\"file:///srv/src/%d\"}]}",
	        digest, (int)world_random(3));
}

static void add_deadline(struct buffer *out)
{
	char at[TIMESTAMP_SIZE];
	int64_t day = 86400000;

	switch (world_random(4)) {
	case 0:
		if (plan.far_deadlines)
			return; /* the default */
		buffer_add_format(out, ",\"deadline\":\"PT%dS\"", (int)world_between(1, 30));
		return;
	case 1:
		timestamp_format(
		        world_now() + (plan.far_deadlines ? 2 * day : world_between(-1000, 90000)), at);
		buffer_add_format(out, ",\"deadline\":\"%s\"", at);
		return;
	case 2:
		if (plan.far_deadlines) {
			buffer_add_text(out, ",\"deadline\":\"never\"");
			return;
		}
		break;
	}
	buffer_add_format(
	        out, ",\"deadline\":\"PT%dS\"", plan.far_deadlines ? 200000 : (int)world_between(20, 120));
}

static char *job_text(const struct sent *sent, const char *more)
{
	struct buffer out;

	buffer_init(&out, VALUE_MAX);
	buffer_add_format(&out, "{\"type\":\"%s\"", sent->update ? "update" : "create");
	if (sent->job_id[0])
		buffer_add_format(&out, ",\"job_id\":\"%s\"", sent->job_id);
	buffer_add_format(&out, ",\"package_id\":\"%s\",\"version\":\"%s\"", package_names[sent->package],
	        version_names[sent->version]);
	if (sent->content)
		add_content(&out, sent);
	if (sent->targets)
		add_targets(&out, sent->targets);
	if (sent->all)
		buffer_add_text(&out, ",\"gate\":\"all\"");
	add_deadline(&out);
	buffer_add_format(&out, "%s}", more);
	char *text = memory_text(out.data);
	buffer_release(&out);
	return text;
}

/* ---- sending ---- */

static struct sent *sent_new(enum sent_kind kind)
{
	struct sent *sent = memory_alloc(sizeof(*sent));

	sent->kind = kind;
	sent->package = (int)world_random((uint64_t)plan.packages);
	sent->version = (int)world_random((uint64_t)plan.versions);
	if (world_percent(85))
		snprintf(sent->job_id, sizeof(sent->job_id), "j%d", ++job_number);
	*(last_sent ? &last_sent->next : &all_sent) = sent;
	last_sent = sent;
	return sent;
}

static int64_t append_at(const struct sent *sent, int32_t partition)
{
	int64_t offset = log_append(LOG_JOBS, partition, -1, view_text(sent->key), view_text(sent->value));

	if (offset >= PLACES_MAX)
		abort();
	places[partition][offset] = sent;
	world_trace("sent to jobs/%d@%lld: %s %s", (int)partition, (long long)offset,
	        sent->key ? sent->key : "(null)", sent->value ? sent->value : "(null)");
	return offset;
}

/* Returns whether it lies where it belongs. */
static bool append_to_jobs(const struct sent *sent)
{
	bool has_place = sent->key && route_key_has_state(view_text(sent->key));
	int32_t right = has_place ? route_partition(view_text(sent->key), PARTITIONS)
	                          : (int32_t)world_random(PARTITIONS);
	bool astray = world_percent(plan.misrouted);

	append_at(sent, astray ? PARTITIONS - 1 - right : right);
	return !astray;
}

static void send_job(struct sent *sent, const char *more)
{
	bool plain = sent->kind == SENT_GOOD && sent->content && !sent->other_content && sent->targets;

	sent->key = memory_text(package_names[sent->package]);
	sent->value = job_text(sent, more);
	asked[sent->package][sent->version] = true;
	if (append_to_jobs(sent) && plain)
		anchored[sent->package][sent->version] = true;
}

static unsigned some_targets(void)
{
	return 1 + (unsigned)world_random((1 << POINTS) - 1);
}

static void send_good(void)
{
	struct sent *sent = sent_new(SENT_GOOD);

	sent->update = world_percent(plan.updates);
	sent->content = !sent->update || world_percent(15);
	sent->all = sent->update && world_percent(35);
	if (!sent->update || world_percent(40))
		sent->targets = some_targets();
	if (sent->content && anchored[sent->package][sent->version] && world_percent(plan.conflicts))
		sent->other_content = true;
	send_job(sent, "");
}

static void send_unknown(void)
{
	struct sent *sent = sent_new(SENT_UNKNOWN);

	sent->update = true;
	send_job(sent, world_percent(50) ? ",\"distribution_points\":[\"paris\",\"atlantis\"]"
	                                 : ",\"distribution_points\":[\"group:moon\"]");
}

static void send_untaken(void)
{
	struct sent *sent = sent_new(SENT_UNTAKEN);

	sent->update = true;
	send_job(sent, ",\"requested_by\":\"" REFUSED_TEXT "\"");
}

static const struct sent *some_good(void)
{
	const struct sent *found = NULL;
	uint64_t count = 0;

	for (const struct sent *sent = all_sent; sent; sent = sent->next)
		if (sent->kind == SENT_GOOD && sent->job_id[0] && world_random(++count) == 0)
			found = sent;
	return found;
}

/* The same again, or something else under the same id. */
static void send_again(void)
{
	const struct sent *first = some_good();

	if (!first)
		return;
	struct sent *sent = sent_new(SENT_GOOD);
	struct sent *next = sent->next;
	*sent = *first;
	sent->next = next;
	sent->key = memory_text(first->key);
	sent->value = memory_text(first->value);
	if (world_percent(30)) {
		free(sent->value);
		sent->value = job_text(sent, ",\"requested_by\":\"another\"");
	}
	append_to_jobs(sent);
}

static void send_bad(void)
{
	bool named = world_percent(50);
	struct sent *sent = sent_new(named ? SENT_POISON_NAMED : SENT_POISON);
	const char *key = package_names[sent->package];

	if (named) {
		snprintf(sent->job_id, sizeof(sent->job_id), "bad%d", ++job_number);
		sent->key = memory_text(key);
		const char *type = world_percent(50) ? "update" : "remove";
		const char *about = world_percent(80) ? key : "Other";
		sent->value = memory_format("{\"type\":\"%s\",\"job_id\":\"%s\",\"package_id\":\"%s\","
		                            "\"version\":\"%s\",\"gates\":\"all\"}",
		        type, sent->job_id, about, version_names[sent->version]);
		append_to_jobs(sent);
		return;
	}
	static const char *const values[] = {
	        "{\"type\":", "", "[]", "{\"type\":\"update\",\"type\":\"update\"}", "\xff\xfe"};
	sent->job_id[0] = '\0';
	sent->key = world_percent(20) ? NULL : memory_text(world_percent(20) ? "no/package" : key);
	sent->value = world_percent(20) ? NULL : memory_text(values[world_random(5)]);
	append_to_jobs(sent);
}

/* A record that says it was sent on already, and yet lies wrong. */
static void send_forged_route(void)
{
	struct sent *sent = sent_new(SENT_POISON);

	sent->update = true;
	sent->key = memory_text(package_names[sent->package]);
	sent->value = job_text(sent, "");
	int32_t wrong = PARTITIONS - 1 - route_partition(view_text(sent->key), PARTITIONS);
	int64_t offset = append_at(sent, wrong);
	char text[24];
	snprintf(text, sizeof(text), "%lld", (long long)offset + 1000);
	log_add_header(LOG_JOBS, wrong, offset, ORIGIN_PARTITION_HEADER, view_text("0"));
	log_add_header(LOG_JOBS, wrong, offset, ORIGIN_OFFSET_HEADER, view_text(text));
}

/* A staged record after which the version was staged there anew: said again, it would be believed. Nothing
 * but the access list of the topic keeps such a one away. */
static bool is_outlived(const struct log_record *staged, int32_t partition)
{
	const char *about = memmem(staged->value.data, staged->value.len, "\"version\":", 10);
	const char *end = about ? strstr(about, ",\"job_id\":") : NULL;
	bool passed = false;

	if (!end || !memmem(staged->value.data, staged->value.len, "\"type\":\"staged\"", 15))
		return false;
	for (int64_t offset = 0; offset < log_end(LOG_STAGED, partition); offset++) {
		const struct log_record *other = log_at(LOG_STAGED, partition, offset);
		if (passed && other->value.data && other->state != LOG_ABORTED &&
		        memmem(other->value.data, other->value.len, "\"type\":\"staged\"", 15) &&
		        memmem(other->value.data, other->value.len, about, (size_t)(end - about)))
			return true;
		passed = passed || other == staged;
	}
	return false;
}

static char *forged_release(int package, int32_t partition, int number)
{
	return memory_format(
	        "{\"schema\":1,\"type\":\"release\",\"id\":\"forged%d\","
	        "\"time\":\"2026-01-01T00:00:00.000Z\",\"package_id\":\"%s\",\"version\":\"1.0\","
	        "\"distribution_point\":\"paris\",\"job_id\":\"forged\","
	        "\"job_position\":{\"partition\":%d,\"offset\":%d},\"dp_id\":\"forged\","
	        "\"digest\":\"%s\",\"staged_id\":\"none\",\"targets\":5,"
	        "\"deadline\":\"2027-01-01T00:00:00.000Z\"}",
	        number, package_names[package], (int)partition, 900000 + number,
	        workload_digest(package, 0, false));
}

/* What has no business in the staged topic: a record said twice, nonsense, a release of nothing. */
static void forge_staged(void)
{
	int package = (int)world_random((uint64_t)plan.packages);
	struct view key = view_text(package_names[package]);
	int32_t partition = route_partition(key, PARTITIONS);
	int64_t end = log_end(LOG_STAGED, partition);
	const struct log_record *old =
	        end ? log_at(LOG_STAGED, partition, (int64_t)world_random((uint64_t)end)) : NULL;

	if (old && old->state == LOG_COMMITTED && world_percent(70) && !is_outlived(old, partition)) {
		log_append(LOG_STAGED, partition, -1, old->key, old->value);
		return;
	}
	char *value = world_percent(30) ? memory_text("{\"type\":\"release\"}")
	                                : forged_release(package, partition, ++job_number);
	log_append(LOG_STAGED, partition, -1, key, view_text(value));
	free(value);
}

static void send_something(void *context)
{
	(void)context;
	if (world_percent(plan.forged))
		forge_staged();
	if (world_percent(plan.bad))
		switch (world_random(8)) {
		case 0:
			send_forged_route();
			return;
		case 1:
			send_untaken();
			return;
		case 2:
			send_unknown();
			return;
		default:
			send_bad();
			return;
		}
	if (world_percent(plan.duplicates))
		send_again();
	else
		send_good();
}

void workload_burst(int count)
{
	for (int i = 0; i < count; i++)
		send_something(NULL);
}

void workload_begin(const struct workload_plan *given)
{
	plan = *given;
	all_sent = last_sent = NULL;
	job_number = 0;
	memset(places, 0, sizeof(places));
	memset(anchored, 0, sizeof(anchored));
	memset(asked, 0, sizeof(asked));
	for (int i = 0; i < plan.jobs;) {
		int64_t at = world_between(0, plan.window_ms);
		for (uint64_t burst = 1 + world_random(6); burst && i < plan.jobs; burst--, i++)
			world_after(at + world_between(0, 50), send_something, NULL);
	}
}

void workload_sweep(void)
{
	for (int package = 0; package < plan.packages; package++)
		for (int version = 0; version < plan.versions; version++) {
			if (!asked[package][version])
				continue;
			struct sent *sent = sent_new(SENT_GOOD);
			sent->package = package;
			sent->version = version;
			sent->content = true;
			sent->targets = (1 << POINTS) - 1;
			send_job(sent, "");
		}
}

void workload_end(void)
{
	while (all_sent) {
		struct sent *sent = all_sent;
		all_sent = sent->next;
		free(sent->key);
		free(sent->value);
		free(sent);
	}
}
