#include "tests/sim/checker.h"

#include "tests/sim/judge.h"
#include "tests/sim/logs.h"
#include "tests/sim/marks.h"

#include <string.h>

enum { HISTORY_MAX = 1024 };

static struct {
	bool far_deadlines, rejects, log_is_lost;
	int dead_point;
	struct version_model {
		bool known, other;
		unsigned targets;
		int64_t created; /* offset of the job that made it known */
	} versions[PACKAGES][VERSIONS];
	struct sealing {
		int point, package, version;
		char dp_id[DP_ID_SIZE], digest[DIGEST_SIZE];
	} sealings[HISTORY_MAX];
	struct pointing {
		int point, package;
		char dp_id[DP_ID_SIZE], release_id[40];
	} pointings[HISTORY_MAX];
	size_t sealing_count, pointing_count;
	uint64_t read_at, settled_at;
	size_t settled_pointings;
	bool settled;
	int32_t awaited_partition; /* of the job that was not settled when last looked at … */
	int64_t awaited_offset;    /* … or -1: it most likely is what is waited for */
	struct {
		const char *what;
		int32_t partition;
		int64_t offset;
	} missing;
} checker;

void checker_begin(bool far_deadlines, int dead_point)
{
	memset(checker.versions, 0, sizeof(checker.versions));
	checker.sealing_count = checker.pointing_count = 0;
	checker.read_at = checker.settled_at = checker.settled_pointings = 0;
	checker.settled = checker.log_is_lost = false;
	checker.awaited_offset = -1;
	checker.missing.what = "";
	checker.far_deadlines = far_deadlines;
	checker.dead_point = dead_point;
	checker.rejects = world_chance()->transfer_reject > 0;
	facts_begin();
}

void checker_log_is_lost(void)
{
	checker.log_is_lost = true;
}

bool checker_log_was_lost(void)
{
	return checker.log_is_lost;
}

void checker_read(void)
{
	if (checker.read_at == log_transactions())
		return;
	checker.read_at = log_transactions();
	facts_read();
}

/* ---- what must become of a job, by what came before it ---- */

static int64_t find_accepted(const struct sent *sent, int32_t partition, int64_t before)
{
	for (int64_t offset = 0; sent->job_id[0] && offset < before; offset++) {
		const struct job_fact *other = job_fact(partition, offset);
		if (other->expected == EXPECT_ACCEPTED && other->sent->package == sent->package &&
		        strcmp(other->sent->job_id, sent->job_id) == 0)
			return offset;
	}
	return -1;
}

static void adopt(const struct job_fact *create, int32_t partition, int64_t before)
{
	for (int64_t offset = 0; offset < before; offset++) {
		struct job_fact *other = job_fact(partition, offset);
		if (other->expected == EXPECT_ACCEPTED && !other->targets &&
		        other->sent->package == create->sent->package &&
		        other->sent->version == create->sent->version)
			other->targets = create->targets;
	}
}

static void accept(struct job_fact *fact, struct version_model *version, int32_t partition, int64_t offset)
{
	const struct sent *sent = fact->sent;

	fact->expected = EXPECT_ACCEPTED;
	fact->targets = sent->targets ? sent->targets : version->targets;
	fact->early = sent->update && !sent->content && !version->known;
	if (!sent->content)
		return;
	if (sent->update)
		mark(MARK_update_with_content);
	if (version->known) {
		mark(MARK_job_same_version_again);
	} else {
		version->known = true;
		version->other = sent->other_content;
		version->created = offset;
		adopt(fact, partition, offset);
	}
	version->targets |= fact->targets;
}

static void judge_good(struct job_fact *fact, int32_t partition, int64_t offset)
{
	const struct sent *sent = fact->sent;
	struct version_model *version = &checker.versions[sent->package][sent->version];
	int64_t known = find_accepted(sent, partition, offset);

	if (known >= 0) {
		bool same = strcmp(job_fact(partition, known)->sent->value, sent->value) == 0;
		fact->expected = same ? EXPECT_DUPLICATE : EXPECT_REJECTED;
		fact->duplicate_of = known;
	} else if (sent->content && version->known && version->other != sent->other_content) {
		fact->expected = EXPECT_REJECTED;
	} else if (sent->content && !version->known && !sent->targets) {
		fact->expected = EXPECT_REJECTED;
	} else {
		accept(fact, version, partition, offset);
	}
}

void checker_job_comes(struct job_fact *fact, int32_t partition, int64_t offset)
{
	switch (fact->sent->kind) {
	case SENT_GOOD:
		judge_good(fact, partition, offset);
		break;
	case SENT_UNKNOWN:
		fact->expected = EXPECT_REJECTED;
		break;
	case SENT_POISON:
	case SENT_POISON_NAMED:
	case SENT_UNTAKEN:
		fact->expected = EXPECT_DEAD;
		break;
	}
}

/* ---- as it happens ---- */

/* Committed, but behind somebody's open transaction: nobody reads it yet. */
static bool was_accepted_unread(int package, int version, int32_t partition)
{
	char about[160];
	int len = snprintf(about, sizeof(about),
	        "\"package_id\":\"%s\",\"version\":\"%s\",\"job_type\":", package_names[package],
	        version_names[version]);

	for (int64_t at = log_stable_end(LOG_STATUS, partition); at < log_end(LOG_STATUS, partition); at++) {
		const struct log_record *record = log_at(LOG_STATUS, partition, at);
		if (record->state == LOG_COMMITTED &&
		        memmem(record->value.data, record->value.len, about, (size_t)len) &&
		        memmem(record->value.data, record->value.len, "\"accepted\"", 10))
			return true;
	}
	return false;
}

/* A point never holds what the log does not explain. */
void checker_transfer_begins(int point, int package, int version)
{
	int32_t partition = package_partition(package);

	checker_read();
	if (checker.log_is_lost)
		return;
	for (int64_t offset = 0; offset < log_end(LOG_JOBS, partition); offset++) {
		const struct job_fact *job = job_fact(partition, offset);
		if (job->accepted && job->sent->content && job->sent->package == package &&
		        job->sent->version == version && job->targets & 1u << point)
			return;
	}
	if (!was_accepted_unread(package, version, partition))
		world_violation("cause", "%s %s goes to %s, and no committed record says why",
		        package_names[package], version_names[version], point_names[point]);
}

void checker_sealed(int point, int package, int version, const char *digest)
{
	struct sealing *sealing = &checker.sealings[checker.sealing_count];

	if (checker.sealing_count + 1 < HISTORY_MAX)
		checker.sealing_count++;
	sealing->point = point;
	sealing->package = package;
	sealing->version = version;
	memcpy(sealing->dp_id, point_at(point)->dp_id, DP_ID_SIZE);
	snprintf(sealing->digest, sizeof(sealing->digest), "%s", digest);
}

void checker_torn(int point, int package, int version)
{
	for (size_t i = 0; i < checker.sealing_count; i++) {
		struct sealing *sealing = &checker.sealings[i];
		if (sealing->point == point && sealing->package == package && sealing->version == version)
			sealing->dp_id[0] = '\0';
	}
}

static bool was_sealed(const struct staged_fact *fact)
{
	for (size_t i = 0; i < checker.sealing_count; i++) {
		const struct sealing *sealing = &checker.sealings[i];
		if (sealing->point == fact->point && sealing->package == fact->package &&
		        sealing->version == fact->version && strcmp(sealing->dp_id, fact->dp_id) == 0 &&
		        strcmp(sealing->digest, fact->digest) == 0)
			return true;
	}
	return false;
}

void checker_staged(const struct staged_fact *fact, int32_t partition, int64_t offset)
{
	const struct version_model *version = &checker.versions[fact->package][fact->version];

	mark(MARK_staged);
	if (find_staged(fact->package, fact->version, fact->point, NULL, offset))
		mark(MARK_staged_anew);
	if (find_staged(fact->package, fact->version, fact->point, fact->dp_id, offset))
		world_violation("doubled", "staged/%d@%lld says again that %s %s is on this disk of %s",
		        (int)partition, (long long)offset, package_names[fact->package],
		        version_names[fact->version], point_names[fact->point]);
	if (!was_sealed(fact))
		world_violation("staged", "staged/%d@%lld: %s %s never lay whole on %s %s", (int)partition,
		        (long long)offset, package_names[fact->package], version_names[fact->version],
		        point_names[fact->point], fact->dp_id);
	if (checker.log_is_lost)
		return;
	if (!version->known ||
	        strcmp(fact->digest, workload_digest(fact->package, fact->version, version->other)) != 0)
		world_violation("staged", "staged/%d@%lld has content that no job brought", (int)partition,
		        (long long)offset);
}

void checker_released(const struct staged_fact *fact, struct job_fact *job, int32_t partition, int64_t offset)
{
	int64_t before = newest_release(fact->package, fact->point);
	const struct version_model *version = &checker.versions[fact->package][fact->version];
	const struct staged_fact *staged =
	        find_staged(fact->package, fact->version, fact->point, fact->dp_id, offset);

	if (!staged || strcmp(staged->id, fact->staged_id) != 0 || strcmp(staged->digest, fact->digest) != 0)
		world_violation("I1", "the release at staged/%d@%lld has no staged event before it",
		        (int)partition, (long long)offset);
	if (before >= 0 && staged_fact(partition, before)->job_offset >= fact->job_offset)
		world_violation("I4", "the release at staged/%d@%lld is of an older job than the one at %lld",
		        (int)partition, (long long)offset, (long long)before);
	if (checker.log_is_lost)
		return;
	if (job->expected != EXPECT_ACCEPTED || !job->sent->update || job->sent->version != fact->version ||
	        job->sent->package != fact->package)
		world_violation("release", "staged/%d@%lld releases what no job asked for", (int)partition,
		        (long long)offset);
	else if (job->sent->all)
		mark(MARK_gate_all_released);
	if (version->created > fact->job_offset)
		mark(MARK_update_before_create);
	if (job->early && job->sent && !job->sent->targets)
		mark(MARK_targets_adopted_late);
}

void checker_updated(const struct updated_fact *fact)
{
	const struct staged_fact *staged = staged_fact(fact->partition, fact->staged_at.offset);
	const struct staged_fact *release = staged_fact(fact->partition, fact->released_at.offset);
	bool pointed = false;

	for (size_t i = 0; i < checker.pointing_count; i++)
		pointed = pointed || (checker.pointings[i].point == fact->point &&
		                             strcmp(checker.pointings[i].dp_id, fact->dp_id) == 0 &&
		                             strcmp(checker.pointings[i].release_id, fact->release_id) == 0);
	if (!pointed)
		world_violation("updated", "%s on %s was never switched by release %s",
		        package_names[fact->package], point_names[fact->point], fact->release_id);
	if (staged->kind != IS_STAGED || strcmp(staged->id, fact->staged_id) != 0 ||
	        release->kind != IS_RELEASE || strcmp(release->id, fact->release_id) != 0 ||
	        strcmp(staged->dp_id, fact->dp_id) != 0 || strcmp(staged->digest, fact->digest) != 0)
		world_violation("updated", "the record of %s on %s cites positions where something else lies",
		        package_names[fact->package], point_names[fact->point]);
	for (size_t i = 0; i + 1 < updated_count(); i++) {
		const struct updated_fact *other = updated_fact(i);
		if (strcmp(other->id, fact->id) == 0 ||
		        (strcmp(other->release_id, fact->release_id) == 0 &&
		                strcmp(other->staged_id, fact->staged_id) == 0 &&
		                other->point == fact->point))
			world_violation("doubled", "updated is said twice of release %s", fact->release_id);
		if (other->point == fact->point && strcmp(other->release_id, fact->release_id) == 0)
			mark(MARK_updated_anew);
	}
}

void checker_pointer_moves(
        int point, int package, const struct sim_pointer *from, const struct sim_pointer *to, bool zombie)
{
	const struct sim_point *here = point_at(point);
	const struct sim_content *content = &here->contents[package][to->version];
	struct pointing *pointing = &checker.pointings[checker.pointing_count];

	checker_read();
	const struct staged_fact *release = staged_fact(to->partition, to->fence);
	if (release->kind != IS_RELEASE || strcmp(release->id, to->release_id) != 0 ||
	        release->package != package || release->version != to->version || release->point != point)
		world_violation("I1", "the pointer of %s on %s moves without a committed release",
		        package_names[package], point_names[point]);
	if (!find_staged(package, to->version, point, here->dp_id, log_end(LOG_STAGED, to->partition)))
		world_violation("I1", "the pointer of %s on %s moves to %s, which is not staged there",
		        package_names[package], point_names[point], version_names[to->version]);
	if (!content->sealed || content->bytes != WHOLE || strcmp(content->digest, release->digest) != 0)
		world_violation("I2", "the pointer of %s on %s moves to %s, whose content is not there",
		        package_names[package], point_names[point], version_names[to->version]);
	if (from->set && staged_fact(from->partition, from->fence)->job_offset > release->job_offset) {
		if (zombie && !here->refuses_older)
			mark(MARK_pointer_went_back_unfenced);
		else
			world_violation("I4", "the pointer of %s on %s goes back from %s to %s",
			        package_names[package], point_names[point], version_names[from->version],
			        version_names[to->version]);
	}
	if (checker.pointing_count + 1 < HISTORY_MAX)
		checker.pointing_count++;
	pointing->point = point;
	pointing->package = package;
	memcpy(pointing->dp_id, here->dp_id, DP_ID_SIZE);
	snprintf(pointing->release_id, sizeof(pointing->release_id), "%s", to->release_id);
}

/* ---- has all come to its end? ---- */

static bool misses(const char *what, int32_t partition, int64_t offset)
{
	checker.missing.what = what;
	checker.missing.partition = partition;
	checker.missing.offset = offset;
	return false;
}

static bool update_is_resolved(const struct job_fact *job)
{
	unsigned resolved = 0;

	for (int i = 0; i < POINTS; i++)
		resolved += job->releases[i] + job->withheld[i];
	return resolved >= job->target_count;
}

static bool job_is_settled(const struct job_fact *job, int32_t partition, int64_t offset)
{
	switch (job->expected) {
	case EXPECT_NOTHING:
		return true;
	case EXPECT_ACCEPTED:
		if (!job->accepted)
			return misses("a good job has no answer", partition, offset);
		if (!job->ends)
			return misses("an accepted job has not ended", partition, offset);
		return update_is_resolved(job) ||
		       misses("an update is not resolved everywhere", partition, offset);
	case EXPECT_REJECTED:
		return job->rejected || misses("is not rejected", partition, offset);
	case EXPECT_DUPLICATE:
		return job->duplicates || misses("a duplicate has no answer", partition, offset);
	case EXPECT_REROUTE:
		return job->reroutes || misses("is not sent on", partition, offset);
	case EXPECT_DEAD:
		return job->dead || misses("is not among the dead letters", partition, offset);
	}
	return false;
}

static bool pointers_are_settled(void)
{
	for (int package = 0; package < PACKAGES; package++)
		for (int point = 0; point < POINTS; point++) {
			int64_t newest = newest_release(package, point);
			int32_t partition = package_partition(package);
			const struct sim_pointer *pointer = &point_at(point)->pointers[package];
			if (newest < 0 || point == checker.dead_point)
				continue;
			const struct staged_fact *release = staged_fact(partition, newest);
			if (pointer->set && strcmp(pointer->release_id, release->id) == 0)
				continue;
			bool failed = checker.rejects &&
			              !find_staged(package, release->version, point, point_at(point)->dp_id,
			                      log_end(LOG_STAGED, partition));
			if (failed) /* its content came never back to a replaced disk */
				continue;
			return misses("a pointer does not show its newest release", partition, newest);
		}
	return true;
}

static bool jobs_are_settled(int32_t partition)
{
	for (int64_t offset = 0; offset < log_end(LOG_JOBS, partition); offset++)
		if (!job_is_settled(job_fact(partition, offset), partition, offset)) {
			checker.awaited_partition = partition;
			checker.awaited_offset = offset;
			return false;
		}
	return true;
}

static bool is_awaited_still(void)
{
	int32_t partition = checker.awaited_partition;
	int64_t offset = checker.awaited_offset;

	return offset >= 0 && !job_is_settled(job_fact(partition, offset), partition, offset);
}

static bool is_settled(void)
{
	if (is_awaited_still())
		return false;
	for (int32_t partition = 0; partition < PARTITIONS; partition++) {
		if (!jobs_are_settled(partition))
			return false;
		if (log_stable_end(LOG_JOBS, partition) < log_end(LOG_JOBS, partition))
			return misses("jobs has an open transaction", partition, 0);
		for (int64_t offset = 0; offset < log_end(LOG_STAGED, partition); offset++) {
			const struct staged_fact *fact = staged_fact(partition, offset);
			if (fact->kind == IS_FOREIGN && !fact->dead)
				return misses(
				        "a foreign staged record is not a dead letter", partition, offset);
		}
	}
	return pointers_are_settled();
}

static const char *missing_words(void)
{
	static char words[200];

	snprintf(words, sizeof(words), "record/%d@%lld: %s", (int)checker.missing.partition,
	        (long long)checker.missing.offset, checker.missing.what);
	return words;
}

bool checker_is_settled(const char **ret_words)
{
	uint64_t now = log_transactions();

	if (checker.settled_at != now + 1 || checker.settled_pointings != checker.pointing_count) {
		checker_read();
		checker.settled = is_settled();
		checker.settled_at = now + 1;
		checker.settled_pointings = checker.pointing_count;
	}
	if (ret_words)
		*ret_words = missing_words();
	return checker.settled;
}

void checker_judge(void)
{
	checker_read();
	judge_all(&(struct judge_terms){.far_deadlines = checker.far_deadlines, .rejects = checker.rejects});
}
