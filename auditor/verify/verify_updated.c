/* The updated topic: each fact against the release and the staged event that it cites, and against what the
 * pointer showed before. */
#include "auditor/verify/verify_room.h"
#include "base/memory.h"

enum { ORPHANS_MOST = 65536, ORPHANS_FEW = 64, ORPHANS_STEP = 256 };

static void violate_orphan(
        struct verify *verify, const struct orphan *orphan, enum violation_code code, const char *words)
{
	violate_at(verify, code, LOG_UPDATED, orphan->position, orphan->time_ms, "%s", words);
}

/* ---- evidence that is not here */

enum evidence { EVIDENCE_HERE, EVIDENCE_AWAITED, EVIDENCE_GONE, EVIDENCE_MISSING };

static enum evidence missing(
        const struct verify *verify, const struct orphan *orphan, struct position cited, bool last)
{
	int32_t partition = orphan->position.partition;

	if (lies_before_log(verify, LOG_STAGED, cited) ||
	        (verify->spec.mirror && log_is_cut(verify, LOG_STAGED, partition)))
		return EVIDENCE_GONE;
	if (last && (lane_is_open(verify, LOG_STAGED, partition) ||
	                    is_behind_end(verify, LOG_UPDATED, orphan->position)))
		return EVIDENCE_GONE;
	if (last || (lane_has_passed(verify, LOG_STAGED, cited) && cited.partition == partition))
		return EVIDENCE_MISSING;
	return EVIDENCE_AWAITED;
}

static enum evidence find_evidence(struct verify *verify, const struct orphan *orphan, bool last,
        const struct release **ret_release, const struct staged **ret_staged)
{
	enum evidence evidence = EVIDENCE_HERE;

	*ret_release = fingerprints_find(&verify->here->releases, orphan->release);
	*ret_staged = fingerprints_find(&verify->here->staged, orphan->staged);
	if (!*ret_release)
		evidence = missing(verify, orphan, orphan->release_position, last);
	else if (!*ret_staged)
		evidence = missing(verify, orphan, orphan->staged_position, last);
	if (evidence == EVIDENCE_MISSING && !*ret_release)
		violate_orphan(verify, orphan, VIOLATION_UPDATED_WITHOUT_RELEASE,
		        "there is no release of the id that it cites, or none that a staged event covers, or "
		        "a "
		        "newer one was current here before");
	else if (evidence == EVIDENCE_MISSING)
		violate_orphan(verify, orphan, VIOLATION_UPDATED_WITHOUT_STAGED,
		        "there is no staged event of the id that it cites");
	return evidence;
}

/* ---- evidence that is here */

static const char *difference(
        const struct orphan *orphan, const struct release *release, const struct staged *staged)
{
	if (release->copy != orphan->copy)
		return "its release is of another version or distribution point";
	if (staged->copy != orphan->copy)
		return "its staged event is of another version or distribution point";
	if (release->job_id != orphan->job_id)
		return "its release is of another job";
	if (release->digest != orphan->digest || staged->digest != orphan->digest)
		return "its digest differs from what was staged and released";
	if (staged->dp_id != orphan->dp_id)
		return "its staged event is of another dp_id";
	if (release->staged == staged->id)
		return NULL;
	if (staged->offset < release->offset || release->dp_id == staged->dp_id)
		return "its release rests on another staged event, and this is no later one of a replaced "
		       "distribution point";
	return NULL;
}

static bool is_at(struct position cited, int32_t partition, int64_t offset)
{
	return cited.partition == partition && cited.offset == offset;
}

/* A pointer moves on to later releases, and for the same one only to a replaced distribution point, from
 * evidence that is newer too. */
static bool check_pointer(struct verify *verify, const struct orphan *orphan, const struct release *release,
        const struct staged *staged, const struct pointer *pointer)
{
	bool same_disk = pointer->dp_id == orphan->dp_id;
	uint64_t previous = pointer->version && same_disk ? pointer->version : 0;

	if (pointer->version && release->offset < pointer->release) {
		violate_orphan(verify, orphan, VIOLATION_POINTER_BACK,
		        "its release lies before the one that was current here already");
		return false;
	}
	if (pointer->version && release->offset == pointer->release &&
	        (same_disk || staged->offset <= pointer->staged)) {
		violate_orphan(verify, orphan, VIOLATION_UPDATED_TWICE,
		        "the same release was told to be current here before, and the distribution point was "
		        "not replaced since");
		return false;
	}
	if (orphan->previous == previous ||
	        (!pointer->version && log_is_cut(verify, LOG_UPDATED, orphan->position.partition)))
		return true;
	violate_orphan(verify, orphan, VIOLATION_PREVIOUS_WRONG,
	        "previous_version is not what was current here before");
	return false;
}

/* Older releases of the pointer can't be seen current any more. */
static void forget_older(struct verify *verify, uint64_t release_print)
{
	struct release *release = fingerprints_find(&verify->here->releases, release_print);
	uint64_t older = release->older;

	release->older = 0;
	while (older && (release = fingerprints_find(&verify->here->releases, older)) != NULL) {
		older = release->older;
		fingerprints_remove(&verify->here->releases, release);
	}
}

static void mark_part(struct verify *verify, const struct orphan *orphan, uint64_t job_print)
{
	struct tracked *job = tracked_find(verify, job_print);
	struct part *part = job ? part_find(job, orphan->copy) : NULL;

	if (!part)
		return;
	part->state |= PART_UPDATED;
	if (is_behind_end(verify, LOG_UPDATED, orphan->position))
		job->marks |= JOB_IS_LATE;
	tracked_settle(verify, job_print);
}

static void move_pointer(struct verify *verify, const struct orphan *orphan, const struct release *release,
        const struct staged *staged)
{
	struct pointer *pointer = fingerprints_need(&verify->here->pointers, orphan->pointer);
	int64_t *consumed = &verify->consumed[orphan->position.partition];

	pointer->version = orphan->version;
	pointer->dp_id = orphan->dp_id;
	pointer->release = release->offset;
	pointer->staged = staged->offset;
	if (release->offset > *consumed)
		*consumed = release->offset;
}

static void prove(struct verify *verify, const struct orphan *orphan, const struct release *release,
        const struct staged *staged)
{
	const char *differs = difference(orphan, release, staged);
	struct pointer *pointer = fingerprints_need(&verify->here->pointers, orphan->pointer);
	uint64_t job = release->job;
	bool good = true;

	if (differs) {
		violate_orphan(verify, orphan, VIOLATION_UPDATED_DIFFERS, differs);
		return;
	}
	if (!verify->spec.mirror &&
	        (!is_at(orphan->staged_position, staged->partition, staged->offset) ||
	                !is_at(orphan->release_position, release->partition, release->offset))) {
		violate_orphan(verify, orphan, VIOLATION_POSITION_WRONG,
		        "its staged event or its release lies elsewhere than it says");
		good = false;
	}
	good = check_pointer(verify, orphan, release, staged, pointer) && good;
	if (!pointer->version || release->offset >= pointer->release) {
		move_pointer(verify, orphan, release, staged);
		forget_older(verify, orphan->release);
	}
	verify->counts.updated_proven += good;
	mark_part(verify, orphan, job);
}

/* What it rests on is gone: it is neither proven nor refuted, but what comes next comes behind it. */
static void take_on_trust(struct verify *verify, const struct orphan *orphan, const struct release *release)
{
	struct pointer *pointer = fingerprints_need(&verify->here->pointers, orphan->pointer);

	if (release && pointer->version && release->offset < pointer->release)
		return;
	pointer->version = orphan->version;
	pointer->dp_id = orphan->dp_id;
	if (!release)
		return;
	pointer->release = release->offset;
	mark_part(verify, orphan, release->job);
}

/* Whether it is decided. */
static bool judge(struct verify *verify, const struct orphan *orphan, bool last)
{
	const struct release *release;
	const struct staged *staged;

	switch (find_evidence(verify, orphan, last, &release, &staged)) {
	case EVIDENCE_AWAITED:
		return false;
	case EVIDENCE_GONE:
		verify->counts.unproven++;
		take_on_trust(verify, orphan, release);
		return true;
	case EVIDENCE_MISSING:
		return true;
	case EVIDENCE_HERE:
		prove(verify, orphan, release, staged);
	}
	return true;
}

/* In the lane's order for each pointer: one that waits holds up those behind it. */
void orphans_look(struct verify *verify, bool all)
{
	size_t kept = 0, count = verify->orphan_count;
	struct shelf *here = verify->here;

	if (!all && count > ORPHANS_FEW && verify->counts.records % ORPHANS_STEP != 0)
		return;
	verify->looks++;
	for (size_t i = 0; i < count; i++) {
		const struct orphan orphan = verify->orphans[i];
		verify->here = &verify->shelves[orphan.position.partition];
		struct pointer *pointer = fingerprints_find(&verify->here->pointers, orphan.pointer);
		bool decided = pointer->held_up != verify->looks && judge(verify, &orphan, all);

		pointer = fingerprints_find(&verify->here->pointers, orphan.pointer);
		if (decided) {
			pointer->orphans--;
			continue;
		}
		pointer->held_up = verify->looks;
		verify->orphans[kept++] = orphan;
	}
	verify->orphan_count = kept;
	verify->here = here;
}

static void keep_orphan(struct verify *verify, const struct orphan *orphan)
{
	struct pointer *pointer = fingerprints_need(&verify->here->pointers, orphan->pointer);

	pointer->orphans++;
	if (verify->orphan_count == verify->orphan_capacity) {
		verify->orphan_capacity = verify->orphan_capacity ? 2 * verify->orphan_capacity : 64;
		verify->orphans = memory_resize(verify->orphans, verify->orphan_capacity * sizeof(*orphan));
	}
	verify->orphans[verify->orphan_count++] = *orphan;
	if (verify->orphan_count == ORPHANS_MOST) /* they have waited long enough */
		orphans_look(verify, true);
}

static bool is_held_up(const struct verify *verify, const struct orphan *orphan)
{
	const struct pointer *pointer = fingerprints_find(&verify->here->pointers, orphan->pointer);

	return pointer && pointer->orphans;
}

void apply_updated(struct verify *verify, const struct fact *fact)
{
	struct orphan orphan = {.release = print_of(verify, fact->release_id),
	        .staged = print_of(verify, fact->staged_id),
	        .copy = copy_key(verify, fact, fact->point),
	        .pointer = pointer_key(verify, fact, fact->point),
	        .dp_id = print_of(verify, fact->dp_id),
	        .digest = print_of(verify, fact->digest),
	        .job_id = print_of(verify, fact->job_id),
	        .version = print_of(verify, fact->version),
	        .previous = fact->previous_version.data ? print_of(verify, fact->previous_version) : 0,
	        .release_position = fact->release_position,
	        .staged_position = fact->staged_position,
	        .position = fact->position,
	        .time_ms = fact->log_time_ms};

	if (!id_is_updated(fact))
		violate(verify, VIOLATION_ID_WRONG, fact, "%.*s is not the id that this event would have",
		        SHOWN(fact->id));
	if (is_held_up(verify, &orphan) || !judge(verify, &orphan, false))
		keep_orphan(verify, &orphan);
}
