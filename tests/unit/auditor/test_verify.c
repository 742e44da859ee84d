#include "tests/unit/auditor/story.h"

#include "base/digest.h"
#include "base/memory.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* Each rule with a history that keeps it and one that breaks it. */

#define PARIS "6f1d8f0a-6a55-4a0c-8d0c-5f2a1d7a7c11"
#define PARIS_NEW "b3d1a6f2-90cf-4a3b-9d5e-0a1b2c3d4e5f"
#define TOKYO "0e6a2c94-5d0b-4f2e-8d1c-7b6a59483726"

struct first { /* a version is created and made current on paris, and all is well */
	struct story *story;
	struct fact *create, *create_accepted, *staged, *create_end;
	struct fact *update, *update_accepted, *release, *updated, *update_end;
};

static struct first first_new(void)
{
	struct first first = {.story = story_new()};
	struct story *story = first.story;

	first.create = tell_job(story, "create", "c-1", "1.0");
	first.create_accepted = tell_accepted(story, first.create, "[\"paris\"]");
	first.staged = tell_staged(story, first.create, "paris", PARIS, 0);
	tell_point(story, first.create, "paris", "staged");
	first.create_end = tell_end(story, first.create, "completed", "{\"paris\":\"completed\"}");
	first.update = tell_job(story, "update", "u-1", "1.0");
	first.update_accepted = tell_accepted(story, first.update, "[\"paris\"]");
	first.release = tell_release(story, first.update, first.staged, 1);
	first.updated = tell_updated(story, first.release, first.staged, NULL);
	tell_point(story, first.create, "paris", "updated");
	first.update_end = tell_end(story, first.update, "completed", "{\"paris\":\"completed\"}");
	return first;
}

static void expect_clean(struct story *story)
{
	story_judge(story, NULL);
	for (size_t i = 0; i < VIOLATION_CODES; i++)
		cr_expect_eq(story->found[i], 0, "%u times %s, last at topic %d, offset %lld",
		        story->found[i], violation_code_name((enum violation_code)i), (int)story->topic,
		        (long long)story->place.offset);
	story_free(story);
}

static void expect(struct story *story, enum violation_code code)
{
	story_judge(story, NULL);
	cr_expect_gt(story->found[code], 0, "no %s among %u violations", violation_code_name(code),
	        story_violations(story));
	story_free(story);
}

/* As if it had never been told: its lane has a gap. */
static void untell(struct story *story, const struct fact *fact)
{
	size_t at = (size_t)(fact - story->facts);

	for (size_t i = at; i + 1 < story->count; i++)
		story->facts[i] = story->facts[i + 1];
	story->count--;
}

/* ---- whole histories */

Test(verify, finds_nothing_in_an_honest_history_and_counts_what_it_proved)
{
	struct first first = first_new();

	story_judge(first.story, NULL);
	cr_expect_eq(first.story->counts.staged_proven, 1);
	cr_expect_eq(first.story->counts.releases_proven, 1);
	cr_expect_eq(first.story->counts.updated_proven, 1);
	cr_expect_eq(first.story->counts.jobs_ended, 2);
	cr_expect_eq(first.story->counts.jobs_open, 0);
	cr_expect_eq(first.story->counts.releases_open, 0);
	cr_expect_eq(first.story->counts.unproven, 0);
	expect_clean(first.story);
}

/* Lanes in order, but otherwise mixed at random: no order between them is relied on. */
Test(verify, finds_nothing_however_the_lanes_are_merged)
{
	for (unsigned seed = 0; seed < 300; seed++) {
		struct first first = first_new();
		struct story *story = first.story;
		struct fact mixed[STORY_FACTS];
		bool taken[STORY_FACTS] = {false};

		srand(seed);
		for (size_t n = 0; n < story->count; n++) {
			enum log_topic topic;
			size_t i;
			do {
				topic = (enum log_topic)(rand() % LOG_TOPICS);
				for (i = 0; i < story->count && (taken[i] || story->facts[i].topic != topic);)
					i++;
			} while (i == story->count);
			taken[i] = true;
			mixed[n] = story->facts[i];
		}
		for (size_t i = 0; i < story->count; i++)
			story->facts[i] = mixed[i];
		expect_clean(story);
	}
}

/* Cut where a transaction of the stager or the updater ends. */
Test(verify, leaves_what_is_in_flight_alone)
{
	static const size_t cuts[] = {0, 1, 2, 5, 6, 7, 8, 11};

	for (size_t i = 0; i < sizeof(cuts) / sizeof(*cuts); i++) {
		struct first first = first_new();

		first.story->count = cuts[i];
		expect_clean(first.story);
	}
}

/* ---- each record as such */

Test(verify, reports_what_cannot_be_read)
{
	struct first first = first_new();

	first.staged->type = FACT_UNREADABLE;
	expect(first.story, VIOLATION_UNREADABLE);
}

Test(verify, reports_a_key_that_is_not_the_package)
{
	struct first first = first_new();

	first.updated->key = view_text("OTHER");
	expect(first.story, VIOLATION_KEY_MISMATCH);
}

Test(verify, reports_a_record_on_another_partition_than_its_keys)
{
	struct first first = first_new();

	first.updated->position.partition = (first.updated->position.partition + 1) % STORY_PARTITIONS;
	expect(first.story, VIOLATION_WRONG_PARTITION);
}

Test(verify, reports_an_id_that_the_product_would_not_make)
{
	for (int i = 0; i < 6; i++) {
		struct first first = first_new();
		struct fact *const facts[] = {first.create_accepted, first.staged, first.create_end,
		        first.release, first.updated, first.update_end};

		facts[i]->id = view_text("0123456789abcdef0123456789abcdef");
		expect(first.story, VIOLATION_ID_WRONG);
	}
}

Test(verify, reports_a_doubled_id_of_a_status_on_the_way)
{
	struct first first = first_new();
	struct fact *point = tell_point(first.story, first.create, "paris", "updated");

	tell_again(first.story, point);
	expect(first.story, VIOLATION_ID_DOUBLED);
}

/* ---- staged */

Test(verify, reports_a_staged_event_that_is_there_twice)
{
	struct first first = first_new();

	tell_again(first.story, first.staged);
	expect(first.story, VIOLATION_STAGED_TWICE);
}

Test(verify, reports_a_staged_event_of_no_job)
{
	struct first first = first_new();
	struct fact nobody = *first.create;

	nobody.position.offset = 77;
	tell_staged(first.story, &nobody, "paris", PARIS_NEW, 0);
	expect(first.story, VIOLATION_STAGED_WITHOUT_JOB);
}

Test(verify, reports_a_staged_event_elsewhere_than_its_job_wants)
{
	struct first first = first_new();

	tell_staged(first.story, first.create, "tokyo", TOKYO, 0);
	expect(first.story, VIOLATION_STAGED_WITHOUT_JOB);
}

Test(verify, reports_a_version_that_changes)
{
	struct first first = first_new();
	struct fact *create = tell_job(first.story, "create", "c-2", "1.0");

	tell_accepted(first.story, create, "[\"tokyo\"]");
	tell_staged(first.story, create, "tokyo", TOKYO, 0)->digest =
	        view_text("sha256:0000000000000000000000000000000000000000000000000000000000000000");
	expect(first.story, VIOLATION_DIGEST_CHANGED);
}

/* ---- release */

Test(verify, reports_a_release_without_a_staged_event_before_it)
{
	struct first first = first_new();

	untell(first.story, first.staged);
	expect(first.story, VIOLATION_RELEASE_WITHOUT_STAGED);
}

Test(verify, reports_a_release_of_something_else_than_was_staged)
{
	struct first first = first_new();

	first.release->dp_id = view_text(PARIS_NEW);
	expect(first.story, VIOLATION_RELEASE_DIFFERS);
}

Test(verify, reports_a_release_that_rests_on_lost_content)
{
	struct first first = first_new();
	struct fact *update;

	tell_point(first.story, first.create, "paris", "pending");
	tell_staged(first.story, first.create, "paris", PARIS_NEW, 1);
	update = tell_job(first.story, "update", "u-2", "1.0");
	tell_accepted(first.story, update, "[\"paris\"]");
	tell_release(first.story, update, first.staged, 1);
	expect(first.story, VIOLATION_RELEASE_DIFFERS);
}

/* Two updates, and the earlier one's release behind the later one's. */
static struct story *two_updates(bool in_order)
{
	struct first first = first_new();
	struct story *story = first.story;
	struct fact *older = tell_job(story, "update", "u-2", "1.0"),
	            *newer = tell_job(story, "update", "u-3", "1.0");
	const struct fact *release;

	tell_accepted(story, older, "[\"paris\"]");
	tell_accepted(story, newer, "[\"paris\"]");
	release = tell_release(story, in_order ? older : newer, first.staged, 1);
	tell_updated(story, release, first.staged, "1.0");
	release = tell_release(story, in_order ? newer : older, first.staged, 1);
	tell_updated(story, release, first.staged, "1.0");
	tell_end(story, older, "completed", "{\"paris\":\"completed\"}");
	tell_end(story, newer, "completed", "{\"paris\":\"completed\"}");
	return story;
}

Test(verify, lets_releases_follow_the_order_of_jobs)
{
	expect_clean(two_updates(true));
}

Test(verify, reports_a_release_behind_that_of_a_later_job)
{
	expect(two_updates(false), VIOLATION_RELEASE_ORDER);
}

Test(verify, reports_a_release_of_a_job_that_was_never_accepted)
{
	struct first first = first_new();

	untell(first.story, first.update_accepted);
	expect(first.story, VIOLATION_RELEASE_WITHOUT_JOB);
}

Test(verify, reports_a_distribution_point_that_a_job_hears_of_twice)
{
	struct first first = first_new();

	first.story->count -= 3; /* not updated yet */
	tell_withheld(first.story, first.update, "paris", "expired", 1);
	expect(first.story, VIOLATION_RESOLVED_TWICE);
}

Test(verify, reports_a_distribution_point_that_is_no_target)
{
	struct first first = first_new();
	struct fact *update = tell_job(first.story, "update", "u-2", "1.0");

	tell_accepted(first.story, update, "[\"tokyo\"]");
	tell_release(first.story, update, first.staged, 1);
	expect(first.story, VIOLATION_TARGET_UNKNOWN);
}

Test(verify, reports_another_number_of_targets)
{
	struct first first = first_new();

	first.release->targets = 2;
	expect(first.story, VIOLATION_TARGETS_DIFFER);
}

/* An update that waits for all of two distribution points. */
static struct story *gate_all(bool early)
{
	struct story *story = story_new();
	struct fact *create = tell_job(story, "create", "c-1", "1.0"), *update, *paris, *tokyo;

	tell_accepted(story, create, "[\"paris\",\"tokyo\"]");
	update = tell_job(story, "update", "u-1", "1.0");
	update->gate = view_text("all");
	tell_accepted(story, update, "[\"paris\",\"tokyo\"]");
	paris = tell_staged(story, create, "paris", PARIS, 0);
	if (early)
		tell_release(story, update, paris, 2);
	tokyo = tell_staged(story, create, "tokyo", TOKYO, 0);
	if (!early)
		tell_release(story, update, paris, 2);
	tell_release(story, update, tokyo, 2);
	tell_end(story, create, "completed", "{\"paris\":\"completed\",\"tokyo\":\"completed\"}");
	return story;
}

Test(verify, lets_a_gate_open_once_all_are_staged)
{
	expect_clean(gate_all(false));
}

Test(verify, reports_a_gate_that_opened_early)
{
	expect(gate_all(true), VIOLATION_GATE_OPENED_EARLY);
}

/* ---- updated */

Test(verify, reports_an_updated_without_its_release)
{
	struct first first = first_new();

	untell(first.story, first.release);
	expect(first.story, VIOLATION_UPDATED_WITHOUT_RELEASE);
}

Test(verify, reports_an_updated_without_its_staged_event)
{
	struct first first = first_new();

	first.updated->staged_id = view_text("0123456789abcdef0123456789abcdef");
	expect(first.story, VIOLATION_UPDATED_WITHOUT_STAGED);
}

Test(verify, reports_an_updated_with_another_digest_than_its_evidence)
{
	struct first first = first_new();

	first.updated->digest =
	        view_text("sha256:0000000000000000000000000000000000000000000000000000000000000000");
	expect(first.story, VIOLATION_UPDATED_DIFFERS);
}

Test(verify, reports_a_position_that_is_not_where_the_evidence_lies)
{
	struct first first = first_new();

	first.updated->release_position.offset++;
	expect(first.story, VIOLATION_POSITION_WRONG);
}

Test(verify, compares_only_ids_in_a_mirror)
{
	struct first first = first_new();

	for (size_t i = 0; i < first.story->count; i++)
		first.story->facts[i].position.offset += 500;
	story_judge(first.story, &(struct verify_spec){.mirror = true});
	cr_expect_eq(story_violations(first.story), 0);
	cr_expect_eq(first.story->counts.updated_proven, 1);
	story_free(first.story);
}

/* After its distribution point was replaced, the same release is told of again, from newer evidence. */
static struct first replaced(void)
{
	struct first first = first_new();

	tell_point(first.story, first.create, "paris", "pending");
	first.staged = tell_staged(first.story, first.create, "paris", PARIS_NEW, 1);
	tell_point(first.story, first.create, "paris", "staged");
	return first;
}

Test(verify, lets_a_replaced_distribution_point_be_updated_for_the_same_release)
{
	struct first first = replaced();

	tell_updated(first.story, first.release, first.staged, NULL);
	expect_clean(first.story);
}

Test(verify, reports_an_updated_that_is_told_twice)
{
	struct first first = replaced();

	tell_updated(first.story, first.release, first.staged, NULL);
	tell_updated(first.story, first.release, first.staged, "1.0");
	expect(first.story, VIOLATION_UPDATED_TWICE);
}

Test(verify, reports_a_previous_version_that_was_not_current)
{
	struct first first = first_new();

	first.updated->previous_version = view_text("0.9");
	expect(first.story, VIOLATION_PREVIOUS_WRONG);
}

/* Two releases, read by the updater in order; the first one's answer came late, or is told behind the
 * second's. */
static struct story *late_answer(bool behind)
{
	struct first first = first_new();
	struct story *story = first.story;
	struct fact *two = tell_job(story, "update", "u-2", "1.0"),
	            *three = tell_job(story, "update", "u-3", "1.0");
	const struct fact *release_two, *release_three;

	tell_accepted(story, two, "[\"paris\"]");
	tell_accepted(story, three, "[\"paris\"]");
	release_two = tell_release(story, two, first.staged, 1);
	release_three = tell_release(story, three, first.staged, 1);
	tell_end(story, two, "superseded", "{\"paris\":\"superseded\"}");
	if (!behind)
		tell_updated(story, release_two, first.staged, "1.0");
	tell_updated(story, release_three, first.staged, "1.0");
	if (behind)
		tell_updated(story, release_two, first.staged, "1.0");
	tell_end(story, three, "completed", "{\"paris\":\"completed\"}");
	return story;
}

Test(verify, lets_an_answer_come_after_its_job_was_superseded)
{
	expect_clean(late_answer(false));
}

Test(verify, reports_an_updated_of_a_release_that_was_overtaken)
{
	expect(late_answer(true), VIOLATION_UPDATED_WITHOUT_RELEASE);
}

/* ---- jobs and their answers */

Test(verify, reports_an_answer_to_no_job)
{
	struct first first = first_new();

	untell(first.story, first.create);
	expect(first.story, VIOLATION_ANSWER_WITHOUT_JOB);
}

Test(verify, reports_an_answer_to_another_job)
{
	struct first first = first_new();

	first.update_accepted->job_id = view_text("u-9");
	expect(first.story, VIOLATION_ANSWER_DIFFERS);
}

Test(verify, reports_a_job_that_is_answered_twice)
{
	struct first first = first_new();

	first.story->count -= 4; /* accepted only */
	tell_rejected(first.story, first.update);
	expect(first.story, VIOLATION_ANSWERED_TWICE);
}

Test(verify, reports_a_job_that_was_passed_over)
{
	struct story *story = story_new();
	struct fact *create;

	tell_job(story, "create", "c-1", "1.0");
	create = tell_job(story, "create", "c-2", "2.0");
	tell_accepted(story, create, "[\"paris\"]");
	expect(story, VIOLATION_JOB_UNANSWERED);
}

Test(verify, lets_a_rejected_job_be_a_dead_letter_too_in_either_order)
{
	for (int i = 0; i < 2; i++) {
		struct first first = first_new();
		struct fact *job = tell_job(first.story, "create", "c-2", "2.0");

		if (i)
			tell_dead_letter(first.story, job);
		tell_rejected(first.story, job);
		if (!i)
			tell_dead_letter(first.story, job);
		story_judge(first.story, NULL);
		cr_expect_eq(first.story->counts.jobs_rejected, 1);
		expect_clean(first.story);
	}
}

Test(verify, reports_a_dead_letter_with_other_bytes)
{
	struct first first = first_new();
	struct fact *job = tell_job(first.story, "create", "c-2", "2.0");

	tell_dead_letter(first.story, job)->value = view_text("other");
	expect(first.story, VIOLATION_DEAD_LETTER_DIFFERS);
}

Test(verify, lets_a_duplicate_be_answered_as_one)
{
	struct first first = first_new();
	struct fact *again = tell_again(first.story, first.update);

	tell_duplicate(first.story, again, first.update);
	expect_clean(first.story);
}

/* A job on a wrong partition, sent on with a header that says where it came from. */
static struct story *rerouted(bool altered)
{
	struct first first = first_new();
	struct fact *stray = tell_job(first.story, "create", "c-2", "2.0"), *job;

	stray->position = (struct position){(stray->position.partition + 1) % STORY_PARTITIONS, 0};
	first.story->next[LOG_JOBS]--;
	job = tell_job(first.story, "create", "c-2", "2.0");
	job->origin = stray->position;
	if (altered)
		job->value = view_text("other");
	tell_accepted(first.story, job, "[\"paris\"]");
	return first.story;
}

Test(verify, follows_a_job_that_was_sent_on)
{
	expect_clean(rerouted(false));
}

Test(verify, reports_a_job_that_was_altered_on_its_way)
{
	expect(rerouted(true), VIOLATION_REROUTE_WRONG);
}

/* ---- ends */

Test(verify, reports_an_end_without_an_acceptance_before_it)
{
	struct first first = first_new();

	tell_again(first.story, first.update_end);
	expect(first.story, VIOLATION_STATUS_WITHOUT_JOB);
}

Test(verify, reports_a_second_end_of_a_job_that_is_remembered)
{
	struct first first = first_new();

	untell(first.story, first.updated); /* so its end is not settled */
	tell_again(first.story, &first.story->facts[first.story->count - 1]);
	expect(first.story, VIOLATION_ENDED_TWICE);
}

Test(verify, reports_an_end_that_is_missing)
{
	struct first first = first_new();

	untell(first.story, first.update_end);
	expect(first.story, VIOLATION_END_MISSING);
}

Test(verify, waits_for_the_end_of_a_withheld_update_until_the_updater_has_read_on)
{
	struct first first = first_new();
	struct fact *update = tell_job(first.story, "update", "u-2", "1.0");

	tell_accepted(first.story, update, "[\"paris\"]");
	tell_withheld(first.story, update, "paris", "expired", 1);
	expect_clean(first.story);
}

Test(verify, reports_outcomes_that_contradict)
{
	struct first first = first_new();

	first.update_end->outcomes = view_text("{\"paris\":\"failed\"}");
	expect(first.story, VIOLATION_END_CONTRADICTS);
	first = first_new();
	first.update_end->state = view_text("expired");
	expect(first.story, VIOLATION_END_CONTRADICTS);
	first = first_new();
	untell(first.story, first.updated);
	expect(first.story, VIOLATION_END_CONTRADICTS);
}

/* ---- windows */

static bool status_is_open(void *context, enum log_topic topic, int32_t partition)
{
	(void)context, (void)partition;
	return topic == LOG_STATUS;
}

static void count(const struct violation *violation, void *context)
{
	(void)violation;
	++*(unsigned *)context;
}

Test(verify_end, takes_what_an_open_transaction_may_hold_for_in_flight)
{
	for (int open = 0; open < 2; open++) {
		struct first first = first_new();
		unsigned violations = 0;
		struct verify_spec spec = {
		        .partitions = STORY_PARTITIONS, .report = count, .context = &violations};
		struct verify *verify = verify_new(&spec);

		untell(first.story, first.update_end);
		for (size_t i = 0; i < first.story->count; i++)
			verify_fact(verify, &first.story->facts[i]);
		cr_expect(verify_has_suspects(verify));
		verify_end(verify, open ? status_is_open : NULL, NULL);
		cr_expect_eq(violations, open ? 0 : 1);
		verify_free(verify);
		story_free(first.story);
	}
}

Test(verify_lane, makes_what_lies_before_the_logs_beginning_unproven_and_no_violation)
{
	struct first first = first_new();
	unsigned violations = 0;
	struct verify_spec spec = {.partitions = STORY_PARTITIONS, .report = count, .context = &violations};
	struct verify *verify = verify_new(&spec);
	struct verify_counts counts;

	for (int topic = 0; topic < LOG_TOPICS; topic++)
		verify_lane(verify, (enum log_topic)topic, first.story->partition,
		        topic == LOG_UPDATED ? 0 : 100, INT64_MAX);
	verify_fact(verify, first.updated);
	verify_end(verify, NULL, NULL);
	verify_count(verify, &counts);
	cr_expect_eq(violations, 0);
	cr_expect_eq(counts.unproven, 1);
	verify_free(verify);
	story_free(first.story);
}

/* Retention that differs by topic: jobs are kept, and what answered them is gone. */
Test(verify_lane, makes_no_job_unanswered_whose_answer_may_be_gone)
{
	static const enum log_topic cut[] = {LOG_STATUS, LOG_DLQ};

	for (size_t i = 0; i < sizeof(cut) / sizeof(*cut); i++) {
		struct story *story = story_new();
		unsigned violations = 0;
		struct verify_spec spec = {
		        .partitions = STORY_PARTITIONS, .report = count, .context = &violations};
		struct verify *verify = verify_new(&spec);

		tell_job(story, "create", "answered-before", "1.0");
		const struct fact *job = tell_job(story, "create", "c-1", "1.0");
		tell_rejected(story, job);
		verify_lane(verify, cut[i], story->partition, 1, INT64_MAX);
		for (size_t n = 0; n < story->count; n++)
			verify_fact(verify, &story->facts[n]);
		cr_expect_not(verify_has_suspects(verify));
		verify_end(verify, NULL, NULL);
		cr_expect_eq(violations, 0, "%s is cut", log_topic_name(cut[i]));
		verify_free(verify);
		story_free(story);
	}
}

/* ---- dead letters */

enum { CLEAN = -1 };

/* The same whichever lane is read first. */
static void expect_in_any_order(struct story *(*tell)(void), int code)
{
	static const enum log_topic orders[][3] = {{LOG_JOBS, LOG_STATUS, LOG_DLQ},
	        {LOG_DLQ, LOG_STATUS, LOG_JOBS}, {LOG_STATUS, LOG_DLQ, LOG_JOBS},
	        {LOG_JOBS, LOG_DLQ, LOG_STATUS}};

	for (size_t order = 0; order < sizeof(orders) / sizeof(*orders); order++) {
		struct story *story = tell();
		struct fact sorted[STORY_FACTS];
		size_t count = 0;

		for (size_t lane = 0; lane < 3; lane++)
			for (size_t i = 0; i < story->count; i++)
				if (story->facts[i].topic == orders[order][lane])
					sorted[count++] = story->facts[i];
		memcpy(story->facts, sorted, count * sizeof(*sorted));
		if (code == CLEAN)
			expect_clean(story);
		else
			expect(story, (enum violation_code)code);
	}
}

static struct story *rejected_with_letter(void)
{
	struct story *story = story_new();
	const struct fact *job = tell_job(story, "create", "c-1", "1.0");

	tell_rejected(story, job);
	tell_dead_letter(story, job);
	return story;
}

static struct story *letter_with_a_hash_for_its_value(void)
{
	struct story *story = rejected_with_letter();

	story->facts[2].value = story_text(story, "sha256:%064d", 0);
	return story;
}

static struct story *letter_with_other_bytes(void)
{
	struct story *story = rejected_with_letter();

	story->facts[2].value = view_text("something else");
	return story;
}

static struct story *letter_of_nothing(void)
{
	struct story *story = rejected_with_letter();

	story->facts[2].origin.offset = 1000;
	return story;
}

static struct story *letter_twice(void)
{
	struct story *story = rejected_with_letter();

	tell_again(story, &story->facts[2]);
	return story;
}

static struct story *letter_of_a_duplicate(void)
{
	struct story *story = story_new();
	const struct fact *job = tell_job(story, "create", "c-1", "1.0");
	const struct fact *again = tell_job(story, "create", "c-1", "1.0");

	tell_accepted(story, job, "[\"paris\"]");
	tell_duplicate(story, again, job);
	tell_dead_letter(story, again);
	return story;
}

Test(dead_letter_differs, is_the_same_however_the_lanes_are_merged)
{
	expect_in_any_order(rejected_with_letter, CLEAN);
	expect_in_any_order(letter_with_other_bytes, VIOLATION_DEAD_LETTER_DIFFERS);
	expect_in_any_order(letter_with_a_hash_for_its_value, VIOLATION_DEAD_LETTER_DIFFERS);
	expect_in_any_order(letter_of_nothing, VIOLATION_DEAD_LETTER_DIFFERS);
	expect_in_any_order(letter_twice, VIOLATION_ANSWERED_TWICE);
}

Test(dead_letter_differs, is_found_where_the_job_was_answered_otherwise)
{
	struct story *story = letter_of_a_duplicate();

	story_judge(story, NULL);
	cr_expect_eq(story_violations(story), 1);
	cr_expect_eq(story->topic, LOG_DLQ);
	story_free(story);
}

/* What is too large for the dead letters. */
Test(dead_letter_differs, takes_the_hash_of_a_large_value_for_it)
{
	enum { LARGE = 1900001 };
	char *large = memory_alloc(LARGE), digest[DIGEST_SIZE];

	memset(large, 'x', LARGE);
	for (int right = 0; right < 2; right++) {
		struct story *story = rejected_with_letter();

		story->facts[0].value = (struct view){large, LARGE};
		digest_of(story->facts[right ? 0 : 1].value, digest);
		story->facts[2].value = view_text(digest);
		if (right)
			expect_clean(story);
		else
			expect(story, VIOLATION_DEAD_LETTER_DIFFERS);
	}
	free(large);
}

/* A flood of what is refused, in one transaction: all its dead letters may be read before all its statuses.
 */
Test(answer_without_job, is_not_said_of_a_flood_of_rejected_jobs)
{
	enum { JOBS = 3000 };
	static const enum log_topic lanes[] = {LOG_JOBS, LOG_DLQ, LOG_STATUS};

	for (int letters_first = 0; letters_first < 2; letters_first++) {
		unsigned violations = 0;
		struct verify_spec spec = {
		        .partitions = STORY_PARTITIONS, .report = count, .context = &violations};
		struct verify *verify = verify_new(&spec);

		for (int lane = 0; lane < 3; lane++)
			for (int number = 0; number < JOBS; number++) {
				struct story *story = story_new();

				for (int topic = 0; topic < LOG_TOPICS; topic++)
					story->next[topic] = number;
				const struct fact *job = tell_job(
				        story, "create", story_text(story, "c-%d", number).data, "1.0");
				tell_rejected(story, job);
				tell_dead_letter(story, job);
				for (size_t i = 0; i < 3; i++)
					if (story->facts[i].topic ==
					        lanes[letters_first || !lane ? lane : 3 - lane])
						verify_fact(verify, &story->facts[i]);
				story_free(story);
			}
		verify_end(verify, NULL, NULL);
		cr_expect_eq(violations, 0, "%u violations", violations);
		verify_free(verify);
	}
}

/* ---- what is read before what it was made from */

Test(reroute_wrong, has_other_bytes_whichever_record_is_read_first)
{
	for (int first = 0; first < 2; first++) {
		struct story *story = story_new();
		struct fact *origin = tell_job(story, "create", "c-1", "1.0");
		struct fact *sent_on = tell_job(story, "create", "c-1", "1.0");

		origin->position.partition = (story->partition + 1) % STORY_PARTITIONS;
		sent_on->position.offset = 0;
		sent_on->origin = origin->position;
		sent_on->value = view_text("other bytes");
		if (first) {
			struct fact kept = *origin;
			*origin = *sent_on;
			*sent_on = kept;
		}
		expect(story, VIOLATION_REROUTE_WRONG);
	}
}

Test(staged_twice, is_a_second_staged_event_of_the_same_distribution_point_under_the_next_id)
{
	struct first first = first_new();

	tell_staged(first.story, first.create, "paris", PARIS, 1);
	expect(first.story, VIOLATION_STAGED_TWICE);
}

/* ---- retention */

/* On two points, with gate all, a second version, and a rejected job; all is well. */
static struct story *long_story(void)
{
	struct first first = first_new();
	struct story *story = first.story;
	struct fact *create = tell_job(story, "create", "c-2", "2.0");
	tell_accepted(story, create, "[\"paris\",\"tokyo\"]");
	struct fact *in_paris = tell_staged(story, create, "paris", PARIS, 0);
	struct fact *in_tokyo = tell_staged(story, create, "tokyo", TOKYO, 0);
	tell_point(story, create, "paris", "staged");
	tell_point(story, create, "tokyo", "staged");
	tell_end(story, create, "completed", "{\"paris\":\"completed\",\"tokyo\":\"completed\"}");
	struct fact *update = tell_job(story, "update", "u-2", "2.0");
	update->gate = view_text("all");
	tell_accepted(story, update, "[\"paris\",\"tokyo\"]");
	struct fact *to_paris = tell_release(story, update, in_paris, 2);
	struct fact *to_tokyo = tell_release(story, update, in_tokyo, 2);
	tell_updated(story, to_paris, in_paris, "1.0");
	tell_updated(story, to_tokyo, in_tokyo, NULL);
	tell_end(story, update, "completed", "{\"paris\":\"completed\",\"tokyo\":\"completed\"}");
	struct fact *back = tell_job(story, "update", "u-3", "1.0");
	tell_accepted(story, back, "[\"paris\"]");
	struct fact *release = tell_release(story, back, first.staged, 1);
	tell_updated(story, release, first.staged, "2.0");
	tell_end(story, back, "completed", "{\"paris\":\"completed\"}");
	struct fact *refused = tell_job(story, "create", "c-3", "3.0");
	tell_rejected(story, refused);
	tell_dead_letter(story, refused);
	return story;
}

/* Retention cuts each topic by its own segments, so anywhere. */
Test(verify_lane, makes_no_violation_of_an_honest_history_wherever_its_lanes_begin)
{
	for (unsigned seed = 0; seed < 3000; seed++) {
		struct story *story = long_story();
		struct verify_spec spec = {.partitions = STORY_PARTITIONS, .report = count};
		unsigned violations = 0;
		int64_t begins[LOG_TOPICS];

		spec.context = &violations;
		struct verify *verify = verify_new(&spec);
		srand(seed);
		for (int topic = 0; topic < LOG_TOPICS; topic++) {
			begins[topic] = seed && rand() % 2 ? rand() % (int)(story->next[topic] + 1) : 0;
			verify_lane(verify, (enum log_topic)topic, story->partition, begins[topic],
			        story->next[topic]);
		}
		for (size_t i = 0; i < story->count; i++)
			if (story->facts[i].position.offset >= begins[story->facts[i].topic])
				verify_fact(verify, &story->facts[i]);
		verify_end(verify, NULL, NULL);
		cr_assert_eq(violations, 0,
		        "%u violations, seed %u: jobs %d staged %d updated %d status %d dlq %d", violations,
		        seed, (int)begins[0], (int)begins[1], (int)begins[2], (int)begins[3], (int)begins[4]);
		verify_free(verify);
		story_free(story);
	}
}
