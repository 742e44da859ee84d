/* Random histories, and what must hold in each. The watcher knows only what came in and what was said; that
 * the rows give the state is checked after every event by gate_script.c.
 *
 * One seed again, step by step: HOLDPOINT_SEED=181 unit_stager --filter "gate_property*"; more of them:
 * HOLDPOINT_SEEDS=10000. */
#include "gate_script.h"

#include "base/memory.h"

#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DPS = 4, VERSIONS = 6, JOBS_MAX = 400, STEPS = 200, SEEDS = 60 };

struct watched_staging {
	bool there;
	char id[DIGEST_NAME_SIZE], dp_id[20], digest[20];
};

struct watched_job {
	char id[20];
	int64_t offset;
	bool is_update, is_all, is_final;
	uint32_t targets; /* 0: not known */
	unsigned released, withheld, superseded;
};

struct watcher {
	uint64_t seed, random;
	bool easy; /* far deadlines, no content that fails: then everything must complete */
	struct gate_world world;
	struct watched_staging stagings[VERSIONS][DPS];
	struct watched_job jobs[JOBS_MAX];
	size_t job_count;
	int64_t newest_released[DPS];
	int lives[DPS]; /* how often each DP was replaced, counted from 1 */
	struct map *ids;
	char line[200];
};

#define HOLDS(watcher, condition, ...)                                                                       \
	cr_assert(condition, "seed %llu, at \"%s\": " #condition, (unsigned long long)(watcher)->seed,       \
	        (watcher)->line)

static uint64_t draw(struct watcher *watcher, uint64_t below)
{
	uint64_t z = watcher->random += 0x9e3779b97f4a7c15u; /* splitmix64 */

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return (z ^ (z >> 31)) % below;
}

static struct watched_job *job_at(struct watcher *watcher, const char *id, int64_t offset)
{
	for (size_t i = 0; i < watcher->job_count; i++)
		if (watcher->jobs[i].offset == offset) {
			HOLDS(watcher, strcmp(watcher->jobs[i].id, id) == 0);
			return &watcher->jobs[i];
		}
	HOLDS(watcher, !"a job that was never accepted");
	return NULL;
}

static void watch_id(struct watcher *watcher, const char *id)
{
	HOLDS(watcher, strlen(id) == 32);
	HOLDS(watcher, map_put(watcher->ids, view_text(id), watcher) == NULL);
}

static void watch_staged(struct watcher *watcher, const struct staged_record *record)
{
	struct watched_staging *staging =
	        &watcher->stagings[record->version[0] - '1'][record->distribution_point[0] - 'a'];

	HOLDS(watcher, !staging->there);
	HOLDS(watcher, strncmp(watcher->line, "staged", 6) == 0);
	HOLDS(watcher, staging->digest[0] == '\0' || strcmp(staging->digest, record->digest) == 0);
	staging->there = true;
	snprintf(staging->id, sizeof(staging->id), "%s", record->id);
	snprintf(staging->dp_id, sizeof(staging->dp_id), "%s", record->dp_id);
	snprintf(staging->digest, sizeof(staging->digest), "%s", record->digest);
}

static void watch_release(
        struct watcher *watcher, const struct staged_record *record, struct watched_job *job)
{
	size_t dp = (size_t)(record->distribution_point[0] - 'a');
	const struct watched_staging *staging = &watcher->stagings[record->version[0] - '1'][dp];

	HOLDS(watcher, staging->there);
	HOLDS(watcher, strcmp(staging->id, record->staged_id) == 0);
	HOLDS(watcher, strcmp(staging->dp_id, record->dp_id) == 0);
	HOLDS(watcher, strcmp(staging->digest, record->digest) == 0);
	HOLDS(watcher, watcher->newest_released[dp] < job->offset);
	HOLDS(watcher, record->deadline_ms > watcher->world.now_ms);
	HOLDS(watcher, !job->is_all || (job->withheld & ~job->superseded) == 0);
	watcher->newest_released[dp] = job->offset;
	job->released |= 1u << dp;
}

static void watch_withheld(
        struct watcher *watcher, const struct staged_record *record, struct watched_job *job)
{
	size_t dp = (size_t)(record->distribution_point[0] - 'a');

	job->withheld |= 1u << dp;
	if (strcmp(record->reason, "superseded") == 0) {
		HOLDS(watcher, watcher->newest_released[dp] > job->offset);
		job->superseded |= 1u << dp;
	} else if (strcmp(record->reason, "expired") == 0) {
		HOLDS(watcher, record->deadline_ms <= watcher->world.now_ms);
	} else {
		HOLDS(watcher, strcmp(record->reason, "failed") == 0);
	}
}

static void watch_resolution(struct watcher *watcher, const struct staged_record *record)
{
	struct watched_job *job = job_at(watcher, record->job_id, record->job_position.offset);
	unsigned bit = 1u << (record->distribution_point[0] - 'a');

	HOLDS(watcher, job->is_update && !job->is_final);
	HOLDS(watcher, ((job->released | job->withheld) & bit) == 0);
	HOLDS(watcher, job->targets == 0 || job->targets == record->targets);
	job->targets = record->targets;
	if (record->type == STAGED_RELEASE)
		watch_release(watcher, record, job);
	else
		watch_withheld(watcher, record, job);
}

static void watch_accepted(struct watcher *watcher, const struct job_status *status)
{
	struct watched_job *job = &watcher->jobs[watcher->job_count++];

	HOLDS(watcher, watcher->job_count < JOBS_MAX);
	*job = (struct watched_job){.offset = status->job_position.offset,
	        .is_update = status->job_type == JOB_UPDATE,
	        .is_all = strstr(watcher->line, " all") != NULL,
	        .targets = (uint32_t)status->distribution_point_count};
	snprintf(job->id, sizeof(job->id), "%s", status->job_id);
}

static void watch_job(struct watcher *watcher, const struct job_status *status)
{
	struct watched_job *job;

	if (status->state == JOB_ACCEPTED)
		watch_accepted(watcher, status);
	if (status->state == JOB_ACCEPTED || status->state == JOB_REJECTED)
		return;
	job = job_at(watcher, status->job_id, status->job_position.offset);
	HOLDS(watcher, !job->is_final);
	if (status->state == JOB_HELD) {
		HOLDS(watcher, job->is_update && (job->targets == 0 || job->targets == status->targets));
		job->targets = status->targets;
		HOLDS(watcher, job->targets == 0 ||
		                       __builtin_popcount(job->released | job->withheld) < (int)job->targets);
		return;
	}
	HOLDS(watcher, !job->is_update || job->targets == 0);
	HOLDS(watcher, !watcher->easy || job->is_update || status->state == JOB_COMPLETED);
	HOLDS(watcher, job->is_update || status->outcome_count == job->targets);
	job->is_final = true;
}

static void watch(const struct gate_fact *fact, void *context)
{
	struct watcher *watcher = context;

	switch (fact->kind) {
	case FACT_STAGED:
		watch_id(watcher, fact->staged.id);
		if (fact->staged.type == STAGED_STAGED)
			watch_staged(watcher, &fact->staged);
		else
			watch_resolution(watcher, &fact->staged);
		break;
	case FACT_JOB:
		watch_id(watcher, fact->job.id);
		watch_job(watcher, &fact->job);
		break;
	case FACT_POINT:
		watch_id(watcher, fact->point.id);
		break;
	case FACT_DUPLICATE:
		watch_id(watcher, fact->duplicate.id);
		break;
	}
}

/* ---- what comes in */

static void step(struct watcher *watcher, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void step(struct watcher *watcher, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(watcher->line, sizeof(watcher->line), format, args);
	va_end(args);
	if (getenv("HOLDPOINT_SEED") != NULL)
		fprintf(stderr, "%s\n", watcher->line);
	gate_world_step(&watcher->world, watcher->line);
	if (getenv("HOLDPOINT_SEED") != NULL && watcher->world.said.len > 0)
		fprintf(stderr, "\t%s\n", watcher->world.said.data);
}

static void draw_targets(struct watcher *watcher, char text[20], bool may_be_none)
{
	unsigned chosen = (unsigned)draw(watcher, 1 << DPS);

	text[0] = '\0';
	if (chosen == 0 && !may_be_none)
		chosen = 1;
	for (int i = 0; i < DPS; i++)
		if (chosen & (1u << i))
			snprintf(text + strlen(text), 20 - strlen(text), "%s%c", text[0] ? "," : "", 'a' + i);
}

static void send_random(struct watcher *watcher)
{
	static const char *const verbs[] = {
	        "create", "create", "update", "update", "update", "update", "both"};
	const char *verb = verbs[draw(watcher, 7)];
	int version = (int)draw(watcher, VERSIONS) + 1;
	char targets[20], deadline[40] = "", content[40] = "", id[20];

	draw_targets(watcher, targets, verb[0] != 'c');
	if (verb[0] == 'u' && draw(watcher, 2) == 0)
		targets[0] = '\0';
	if (watcher->easy)
		strcpy(deadline, "never");
	else if (draw(watcher, 2) == 0)
		snprintf(deadline, sizeof(deadline), "deadline=%d", (int)draw(watcher, 20000) + 1);
	snprintf(id, sizeof(id), "j%d",
	        draw(watcher, 10) == 0 ? (int)draw(watcher, 20) : (int)watcher->world.offset + 1);
	if (verb[0] != 'u')
		snprintf(content, sizeof(content), "content=%s%d",
		        draw(watcher, 20) == 0 ? "other" : "digest", version);
	step(watcher, "%s %s %d.0 %s %s %s %s %s %s", verb, id, version, targets,
	        draw(watcher, 3) == 0 ? "all" : "", deadline, content,
	        draw(watcher, 20) == 0 ? "payload=x" : "", draw(watcher, 30) == 0 ? "refused" : "");
}

/* Mostly of a transfer that is wanted. */
static void draw_transfer(struct watcher *watcher, int *ret_version, int *ret_dp)
{
	char *effects = gate_world_effects(&watcher->world), *rest = NULL;
	uint64_t seen = 0;

	*ret_version = (int)draw(watcher, VERSIONS) + 1;
	*ret_dp = (int)draw(watcher, DPS);
	if (draw(watcher, 4) != 0)
		for (char *tag = strtok_r(effects, " ", &rest); tag; tag = strtok_r(NULL, " ", &rest))
			if (draw(watcher, ++seen) == 0) {
				*ret_version = tag[0] - '0';
				*ret_dp = tag[4] - 'a';
			}
	free(effects);
}

static void end_random(struct watcher *watcher)
{
	int version, dp;
	uint64_t how = draw(watcher, 20);

	draw_transfer(watcher, &version, &dp);
	if (how < 9)
		step(watcher, "staged %d.0 %c %c%d", version, 'a' + dp, 'a' + dp, watcher->lives[dp]);
	else if (how < 10)
		step(watcher, "staged %d.0 %c %c%d", version, 'a' + dp, 'a' + dp,
		        (int)draw(watcher, (uint64_t)watcher->lives[dp]) + 1);
	else if (how < 12)
		step(watcher, "stale %d.0 %c %c%d", version, 'a' + dp, 'a' + dp, watcher->lives[dp]);
	else if (how < 16)
		step(watcher, "fails %d.0 %c point", version, 'a' + dp);
	else if (how < 17)
		step(watcher, "fails %d.0 %c nobody", version, 'a' + dp);
	else if (!watcher->easy)
		step(watcher, "fails %d.0 %c %s source_missing", version, 'a' + dp,
		        how < 19 ? "content" : "final");
}

/* The DP says who it is and which lives of it are lost: the watcher must not expect what was staged in them.
 */
static void notice_lost(struct watcher *watcher, int dp)
{
	char lost[150] = "";

	for (int life = 1; life < watcher->lives[dp]; life++) {
		char dp_id[20];

		snprintf(dp_id, sizeof(dp_id), "%c%d", 'a' + dp, life);
		for (int v = 0; v < VERSIONS; v++)
			if (strcmp(watcher->stagings[v][dp].dp_id, dp_id) == 0)
				watcher->stagings[v][dp].there = false;
		if (life + 10 > watcher->lives[dp])
			snprintf(lost + strlen(lost), sizeof(lost) - strlen(lost), " %s", dp_id);
	}
	if (lost[0] != '\0')
		step(watcher, "lost %c %c%d%s", 'a' + dp, 'a' + dp, watcher->lives[dp], lost);
}

static void lose_random(struct watcher *watcher)
{
	int dp = (int)draw(watcher, DPS);

	watcher->lives[dp]++;
	if (draw(watcher, 4) != 0) /* else nobody noticed yet */
		notice_lost(watcher, dp);
}

static void random_step(struct watcher *watcher)
{
	uint64_t what = draw(watcher, 20);

	watcher->world.restarts = draw(watcher, 3) == 0;
	if (what < 8)
		send_random(watcher);
	else if (what < 16)
		end_random(watcher);
	else if (what < 17)
		lose_random(watcher);
	else
		step(watcher, "%s %d", draw(watcher, 2) ? "wait" : "skip", (int)draw(watcher, 4000));
}

/* Whatever is wanted now works, until nothing is wanted any more. */
static void heal(struct watcher *watcher)
{
	for (int dp = 0; dp < DPS; dp++)
		notice_lost(watcher, dp);
	for (int turn = 0; gate_wake_at(watcher->world.state) != INT64_MAX; turn++) {
		int64_t wake = gate_wake_at(watcher->world.state) - watcher->world.now_ms;
		char *effects = gate_world_effects(&watcher->world), *rest = NULL;

		HOLDS(watcher, turn < 2000);
		for (char *tag = strtok_r(effects, " ", &rest); tag; tag = strtok_r(NULL, " ", &rest))
			step(watcher, "staged %.3s %c %c%d", tag, tag[4], tag[4],
			        watcher->lives[tag[4] - 'a']);
		if (effects[0] == '\0')
			step(watcher, "wait %lld", (long long)(wake > 0 ? wake : 0));
		free(effects);
	}
}

static void check_end(struct watcher *watcher)
{
	HOLDS(watcher, watcher->world.state->live.roll.count == 0);
	for (size_t i = 0; i < watcher->job_count; i++) {
		const struct watched_job *job = &watcher->jobs[i];
		bool by_updater = job->is_update && job->targets > 0;

		snprintf(watcher->line, sizeof(watcher->line), "the end, %s", job->id);
		HOLDS(watcher, job->is_final == !by_updater);
		HOLDS(watcher, !by_updater || __builtin_popcount(job->released | job->withheld) ==
		                                      (int)job->targets);
	}
}

static void run_seed(uint64_t seed, size_t *ret_releases)
{
	struct watcher *watcher = memory_alloc(sizeof(*watcher));

	watcher->seed = watcher->random = seed;
	watcher->easy = seed % 2 == 0;
	watcher->ids = map_new();
	gate_world_init(&watcher->world);
	watcher->world.watch = watch;
	watcher->world.watch_context = watcher;
	watcher->world.limits.ended_max = 1 + draw(watcher, 20);
	watcher->world.limits.held_max = 3 + draw(watcher, 20);
	for (int i = 0; i < DPS; i++)
		watcher->lives[i] = 1;
	for (int i = 0; i < STEPS; i++)
		random_step(watcher);
	heal(watcher);
	check_end(watcher);
	for (size_t i = 0; i < watcher->job_count; i++)
		*ret_releases += (size_t)__builtin_popcount(watcher->jobs[i].released);
	map_free(watcher->ids, NULL);
	gate_world_release(&watcher->world);
	free(watcher);
}

Test(gate_property, holds_in_random_histories, .timeout = 600)
{
	const char *only = getenv("HOLDPOINT_SEED"), *many = getenv("HOLDPOINT_SEEDS");
	uint64_t first = only ? strtoull(only, NULL, 10) : 1;
	uint64_t last = only ? first : many ? strtoull(many, NULL, 10) : SEEDS;
	size_t releases = 0;

	for (uint64_t seed = first; seed <= last; seed++)
		run_seed(seed, &releases);
	cr_assert(only != NULL || releases > last, "%zu releases in %llu histories prove little", releases,
	        (unsigned long long)last);
}
