#include "producer/watch.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

static const struct position ours = {3, 1742};

static struct status_event job(const char *state, int64_t offset)
{
	struct status_event event = {.type = "job",
	        .job_id = "u-18",
	        .package_id = "PKG",
	        .version = "1.0",
	        .job_position = {3, offset},
	        .final = strcmp(state, "accepted") != 0 && strcmp(state, "held") != 0};

	snprintf(event.state, sizeof(event.state), "%s", state);
	return event;
}

static struct status_event point(const char *name, const char *state)
{
	struct status_event event = {.type = "distribution_point", .package_id = "PKG", .version = "1.0"};

	snprintf(event.distribution_point, sizeof(event.distribution_point), "%s", name);
	snprintf(event.state, sizeof(event.state), "%s", state);
	return event;
}

static enum watch_news apply(struct watch *watch, struct status_event event)
{
	const struct watch_point *changed;

	return watch_apply(watch, &event, &changed);
}

Test(watch_apply, follows_a_job_to_its_end)
{
	struct watch watch;

	watch_init(&watch, "PKG", "1.0", "u-18", ours);
	cr_assert_eq(apply(&watch, job("accepted", 1742)), WATCH_JOB);
	cr_assert_eq(apply(&watch, job("held", 1742)), WATCH_JOB);
	cr_assert_not(watch.final);
	cr_assert_eq(apply(&watch, job("completed", 1742)), WATCH_JOB);
	cr_assert(watch.final);
	cr_assert_str_eq(watch.state, "completed");
	watch_release(&watch);
}

Test(watch_apply, is_deaf_to_other_jobs_packages_and_lives)
{
	struct status_event other_package = job("failed", 1742), other_job = job("failed", 1742);
	struct watch watch;

	strcpy(other_package.package_id, "PKG2");
	strcpy(other_job.job_id, "u-19");
	watch_init(&watch, "PKG", "1.0", "u-18", ours);
	cr_assert_eq(apply(&watch, other_package), WATCH_NOTHING);
	cr_assert_eq(apply(&watch, other_job), WATCH_NOTHING);
	cr_assert_eq(apply(&watch, job("failed", 9)), WATCH_NOTHING, "another life of the same id");
	cr_assert_not(watch.final);
	watch_release(&watch);
}

Test(watch_apply, changes_nothing_once_it_has_ended)
{
	struct watch watch;

	watch_init(&watch, "PKG", "1.0", "u-18", ours);
	apply(&watch, job("expired", 1742));
	cr_assert_eq(apply(&watch, job("completed", 1742)), WATCH_NOTHING);
	cr_assert_eq(apply(&watch, point("paris", "updated")), WATCH_NOTHING);
	cr_assert_str_eq(watch.state, "expired");
	watch_release(&watch);
}

Test(watch_apply, knows_a_job_without_an_id_by_its_position)
{
	struct status_event event = job("rejected", 1742);
	struct watch watch;

	strcpy(event.job_id, "@3-1742");
	watch_init(&watch, "PKG", "1.0", NULL, ours);
	cr_assert_eq(apply(&watch, event), WATCH_JOB);
	cr_assert_str_eq(watch.state, "rejected");
	watch_release(&watch);
}

static struct status_event duplicate(int64_t original)
{
	struct status_event event = job("", original);

	strcpy(event.type, "duplicate");
	event.final = false;
	return event;
}

Test(watch_apply, follows_the_original_of_a_duplicate)
{
	struct watch watch;

	watch_init(&watch, "PKG", "1.0", "u-18", ours);
	cr_assert_eq(apply(&watch, job("completed", 17)), WATCH_NOTHING, "not known to be ours yet");
	cr_assert_eq(apply(&watch, duplicate(17)), WATCH_DUPLICATE);
	cr_assert(watch.duplicate);
	cr_assert_eq(apply(&watch, duplicate(17)), WATCH_NOTHING, "once is enough");
	cr_assert_eq(apply(&watch, job("completed", 17)), WATCH_JOB, "read again from the start");
	cr_assert(watch.final);
	watch_release(&watch);
}

Test(watch_apply, is_not_led_astray_by_a_duplicate_of_the_job_itself)
{
	struct watch watch;

	watch_init(&watch, "PKG", "1.0", "u-18", ours);
	cr_assert_eq(apply(&watch, duplicate(1742)), WATCH_NOTHING);
	cr_assert_not(watch.duplicate);
	cr_assert_eq(apply(&watch, job("completed", 1742)), WATCH_JOB);
	watch_release(&watch);
}

Test(watch_apply, keeps_distribution_points_sorted_with_what_was_said_last)
{
	struct status_event retrying = point("paris", "retrying"), progress = point("tokyo", "");
	struct watch watch;

	watch_init(&watch, "PKG", "1.0", "u-18", ours);
	strcpy(progress.type, "progress");
	progress.bytes_done = 5;
	progress.bytes_total = 10;
	retrying.attempt = 2;
	strcpy(retrying.reason, "dp_unreachable");
	cr_assert_eq(apply(&watch, point("zurich", "staged")), WATCH_POINT);
	cr_assert_eq(apply(&watch, retrying), WATCH_POINT);
	cr_assert_eq(apply(&watch, progress), WATCH_PROGRESS);
	cr_assert_eq(watch.point_count, 3);
	cr_assert_str_eq(watch.points[0].name, "paris");
	cr_assert_str_eq(watch.points[0].reason, "dp_unreachable");
	cr_assert_eq(watch.points[1].bytes_done, 5);
	cr_assert_eq(apply(&watch, point("tokyo", "staged")), WATCH_POINT);
	cr_assert_eq(watch.point_count, 3);
	cr_assert_eq(watch.points[1].bytes_total, 0, "no longer under way");
	watch_release(&watch);
}

Test(watch_apply, is_deaf_to_progress_of_what_is_staged)
{
	struct status_event progress = point("paris", "");
	struct watch watch;

	watch_init(&watch, "PKG", "1.0", "u-18", ours);
	strcpy(progress.type, "progress");
	progress.bytes_done = 5;
	progress.bytes_total = 10;
	apply(&watch, point("paris", "staged"));
	cr_assert_eq(apply(&watch, progress), WATCH_NOTHING);
	apply(&watch, point("paris", "updated"));
	cr_assert_eq(apply(&watch, progress), WATCH_NOTHING);
	cr_assert_eq(watch.points[0].bytes_total, 0);
	apply(&watch, point("paris", "pending"));
	cr_assert_eq(apply(&watch, progress), WATCH_PROGRESS, "its content was lost: staged again");
	watch_release(&watch);
}

Test(watch_apply, is_deaf_to_what_was_before_the_original_of_a_duplicate)
{
	struct watch watch;

	watch_init(&watch, "PKG", "1.0", "u-18", ours);
	apply(&watch, duplicate(17));
	cr_assert_eq(apply(&watch, point("paris", "updated")), WATCH_NOTHING, "of an earlier job");
	apply(&watch, job("accepted", 17));
	cr_assert_eq(apply(&watch, point("paris", "updated")), WATCH_POINT);
	watch_release(&watch);
}

Test(watch_apply, is_deaf_to_other_versions)
{
	struct status_event other = point("paris", "staged");
	struct watch watch;

	strcpy(other.version, "2.0");
	watch_init(&watch, "PKG", "1.0", "u-18", ours);
	cr_assert_eq(apply(&watch, other), WATCH_NOTHING);
	cr_assert_eq(watch.point_count, 0);
	watch_release(&watch);
}

Test(watch_apply, holds_a_bounded_number_of_distribution_points)
{
	struct watch watch;
	char name[20];

	watch_init(&watch, "PKG", "1.0", "u-18", ours);
	for (int i = 0; i < JOB_TARGETS_MAX + 10; i++) {
		snprintf(name, sizeof(name), "dp-%d", i);
		apply(&watch, point(name, "staged"));
	}
	cr_assert_eq(watch.point_count, JOB_TARGETS_MAX);
	watch_release(&watch);
}

Test(watch_any_life, is_the_one_accepted_last)
{
	struct watch watch;

	watch_init(&watch, "PKG", NULL, "u-18", (struct position){-1, -1});
	apply(&watch, job("accepted", 5));
	apply(&watch, job("completed", 5));
	cr_assert(watch.final);
	cr_assert_eq(apply(&watch, job("rejected", 6)), WATCH_NOTHING,
	        "its id was taken: that job is not the one");
	cr_assert_str_eq(watch.state, "completed");
	cr_assert_eq(apply(&watch, job("accepted", 900)), WATCH_JOB);
	cr_assert_not(watch.final);
	cr_assert_str_eq(watch.version, "1.0");
	apply(&watch, job("failed", 900));
	cr_assert_str_eq(watch.state, "failed");
	watch_release(&watch);
}

Test(watch_any_life, is_a_rejected_one_only_where_none_was_accepted)
{
	struct watch watch;

	watch_init(&watch, "PKG", NULL, "u-18", (struct position){-1, -1});
	apply(&watch, job("rejected", 5));
	cr_assert_str_eq(watch.state, "rejected");
	apply(&watch, job("accepted", 6));
	apply(&watch, job("completed", 6));
	cr_assert_str_eq(watch.state, "completed");
	watch_release(&watch);
}

Test(watch_apply, counts_what_a_held_job_waited_for_as_it_is_staged)
{
	struct watch watch;
	struct status_event held = job("held", 1742);

	held.staged = 1;
	held.targets = 3;
	held.missing_count = 2;
	strcpy(held.missing[0], "paris");
	strcpy(held.missing[1], "tokyo");
	watch_init(&watch, "PKG", "1.0", "u-18", ours);
	apply(&watch, held);
	apply(&watch, point("paris", "retrying"));
	apply(&watch, point("lima", "staged")); /* not one of the job's, or counted before */
	cr_assert_eq(watch.staged, 1);
	apply(&watch, point("paris", "staged"));
	apply(&watch, point("paris", "updated"));
	cr_assert_eq(watch.staged, 2, "once");
	apply(&watch, point("tokyo", "updated"));
	cr_assert_eq(watch.staged, 3);
	apply(&watch, held);
	cr_assert_eq(watch.staged, 1, "what is said last counts");
	watch_release(&watch);
}
