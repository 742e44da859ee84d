#include "auditor/timeline/timeline_show.h"
#include "records.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* The life of an update that came before its create, told by hand; each time is the log's. */
static struct timeline *timeline;
static struct fact_reader *reader;
static int64_t next[LOG_TOPICS];

static struct fact of(enum fact_type type, enum log_topic topic, int64_t time_ms)
{
	struct fact fact = fact_of(type, topic, next[topic]++, 0);

	fact.log_time_ms = fact.time_ms = time_ms;
	return fact;
}

static struct fact status_of(const char *job, int64_t job_offset, const char *state, int64_t time_ms)
{
	struct fact fact = of(FACT_JOB_STATUS, LOG_STATUS, time_ms);

	fact.point = (struct view){0};
	fact.job_id = view_text(job);
	fact.job_position.offset = job_offset;
	fact.job_type = view_text(job[0] == 'u' ? "update" : "create");
	fact.state = view_text(state);
	fact.final = strcmp(state, "accepted") != 0 && strcmp(state, "held") != 0;
	return fact;
}

static struct fact point_of(const char *state, uint32_t attempt, int64_t time_ms)
{
	struct fact fact = of(FACT_POINT, LOG_STATUS, time_ms);

	fact.job_id = (struct view){0};
	fact.job_position.offset = -1;
	fact.state = view_text(state);
	fact.attempt = attempt;
	return fact;
}

static struct fact update_of(enum fact_type type, enum log_topic topic, int64_t time_ms)
{
	struct fact fact = of(type, topic, time_ms);

	fact.job_id = view_text("u-1");
	fact.job_type = view_text("update");
	fact.job_position.offset = 0;
	return fact;
}

static void add(struct fact fact)
{
	timeline_add(timeline, reader, &fact, (struct view){0});
}

static void begin(void)
{
	timeline = timeline_new();
	reader = fact_reader_new();
	memset(next, 0, sizeof(next));
}

static void end(void)
{
	timeline_free(timeline);
	fact_reader_free(reader);
}

/* update at 10,000; held until its create at 20,000 is staged at 22,500, after an error; current at 22,700.
 */
static void tell(void)
{
	struct fact fact;

	fact = update_of(FACT_JOB, LOG_JOBS, 10000);
	fact.point = (struct view){0};
	fact.points = view_text("[\"paris\"]");
	add(fact);
	fact = of(FACT_JOB, LOG_JOBS, 20000);
	fact.point = (struct view){0};
	add(fact);
	add(status_of("u-1", 0, "accepted", 10010));
	fact = status_of("u-1", 0, "held", 10010);
	fact.waiting_targets = 1;
	fact.missing = view_text("[\"paris\"]");
	add(fact);
	fact = status_of("c-1", 1, "accepted", 20010);
	fact.points = view_text("[\"paris\"]");
	add(fact);
	fact = point_of("retrying", 1, 20500);
	fact.retryable = true;
	fact.reason = view_text("dp_unreachable");
	fact.detail = view_text("no answer");
	fact.next_retry_ms = 21000;
	add(fact);
	fact.position.offset = next[LOG_STATUS]++;
	fact.attempt = 2;
	fact.log_time_ms = 21500;
	add(fact);
	fact = of(FACT_STAGED, LOG_STAGED, 22500);
	fact.job_position.offset = 1;
	fact.files = 2;
	fact.bytes = 1500;
	add(fact);
	add(update_of(FACT_RELEASE, LOG_STAGED, 22500));
	add(point_of("staged", 3, 22510));
	add(status_of("c-1", 1, "completed", 22490)); /* stamped before the staged record that it rests on */
	fact = update_of(FACT_UPDATED, LOG_UPDATED, 22700);
	fact.job_position.offset = -1;
	fact.release_position = (struct position){0, 1};
	add(fact);
	add(point_of("updated", 0, 22700));
	add(status_of("u-1", 0, "completed", 22710));
	timeline_order(timeline);
}

static const struct timeline_event *event_of(enum fact_type type, const char *state)
{
	for (size_t i = 0; i < timeline_count(timeline); i++) {
		const struct timeline_event *event = timeline_at(timeline, i);

		if (event->type == type && (!state || (event->state && strcmp(event->state, state) == 0)))
			return event;
	}
	cr_assert_fail("there is no such event");
	return NULL;
}

Test(timeline_order, merges_topics_by_time_with_causes_first, .init = begin, .fini = end)
{
	static const struct {
		enum log_topic topic;
		int64_t offset;
	} wanted[] = {{LOG_JOBS, 0}, {LOG_STATUS, 0}, {LOG_STATUS, 1}, {LOG_JOBS, 1}, {LOG_STATUS, 2},
	        {LOG_STATUS, 3}, {LOG_STATUS, 4}};

	tell();
	cr_assert_eq(timeline_count(timeline), 14);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
		cr_assert_eq(timeline_at(timeline, i)->topic, wanted[i].topic, "%zu", i);
		cr_assert_eq(timeline_at(timeline, i)->position.offset, wanted[i].offset, "%zu", i);
	}
}

Test(timeline_order, keeps_each_topic_in_its_order_whatever_the_stamps, .init = begin, .fini = end)
{
	add(status_of("u-1", 0, "accepted", 500));
	add(status_of("u-1", 0, "held", 400));
	add(of(FACT_STAGED, LOG_STAGED, 450)); /* of another job */
	timeline_order(timeline);
	cr_assert_eq(timeline_at(timeline, 0)->type, FACT_STAGED);
	cr_assert_str_eq(timeline_at(timeline, 1)->state, "accepted");
	cr_assert_str_eq(timeline_at(timeline, 2)->state, "held");
}

Test(timeline_order, puts_the_end_of_a_job_behind_what_it_rests_on, .init = begin, .fini = end)
{
	add(status_of("c-1", 0, "completed", 995));
	add(of(FACT_STAGED, LOG_STAGED, 1000));
	timeline_order(timeline);
	cr_assert_eq(timeline_at(timeline, 0)->type, FACT_STAGED);
}

Test(timeline_order, puts_what_is_done_for_a_job_behind_its_acceptance, .init = begin, .fini = end)
{
	add(update_of(FACT_RELEASE, LOG_STAGED, 995));
	add(status_of("u-1", 0, "accepted", 1000));
	timeline_order(timeline);
	cr_assert_eq(timeline_at(timeline, 1)->type, FACT_RELEASE);
}

Test(timeline_order, says_how_long_things_took, .init = begin, .fini = end)
{
	tell();
	cr_assert_eq(event_of(FACT_RELEASE, NULL)->took_ms, 22500 - 10010, "held");
	cr_assert_eq(event_of(FACT_STAGED, NULL)->took_ms, 22500 - 20010, "since its create was accepted");
	cr_assert_eq(event_of(FACT_UPDATED, NULL)->took_ms, 200, "since its release");
	const struct timeline_job *update = timeline_job_at(timeline, 0);

	cr_assert_str_eq(update->id, "u-1");
	cr_assert(update->final && strcmp(update->state, "completed") == 0);
	cr_assert_eq(update->held_ms, 10010);
	cr_assert_eq(update->released_ms, 22500);
	cr_assert_eq(update->ended_ms, 22710);
}

Test(timeline_order, finds_the_job_of_an_updated_by_its_release, .init = begin, .fini = end)
{
	tell();
	cr_assert_eq(event_of(FACT_UPDATED, NULL)->job, 0);
	cr_assert_eq(event_of(FACT_STAGED, NULL)->job, 1);
}

Test(timeline_order, knows_a_status_that_says_a_record_again, .init = begin, .fini = end)
{
	tell();
	cr_assert(event_of(FACT_POINT, "staged")->echo);
	cr_assert(event_of(FACT_POINT, "updated")->echo);
	cr_assert_not(event_of(FACT_POINT, "retrying")->echo);
	cr_assert_eq(event_of(FACT_STAGED, NULL)->attempt, 3, "taken from the status");
}

Test(timeline_order, takes_a_status_far_from_its_record_for_news, .init = begin, .fini = end)
{
	add(update_of(FACT_UPDATED, LOG_UPDATED, 1000));
	add(point_of("updated", 0, 9000)); /* it is well again */
	timeline_order(timeline);
	cr_assert_not(timeline_at(timeline, 1)->echo);
}

Test(timeline_job_find, takes_ids_and_places, .init = begin, .fini = end)
{
	static const char *const second[] = {
	        "c-1", "jobs/0@1", "0@1", "0-1", "jobs/0/1", "holdpoint.jobs/0@1"};

	tell();
	for (size_t i = 0; i < sizeof(second) / sizeof(*second); i++)
		cr_assert_eq(timeline_job_find(timeline, second[i], "holdpoint."), 1, "%s", second[i]);
	cr_assert_eq(timeline_job_find(timeline, "status/0@1", "holdpoint."), -1);
	cr_assert_eq(timeline_job_find(timeline, "0@9", "holdpoint."), -1);
	cr_assert_eq(timeline_job_find(timeline, "nothing", "holdpoint."), -1);
}

Test(timeline_job_find, takes_the_newest_life_of_an_id, .init = begin, .fini = end)
{
	add(status_of("u-1", 3, "completed", 100));
	add(status_of("u-1", 9, "accepted", 200));
	timeline_order(timeline);
	cr_assert_eq(
	        timeline_job_at(timeline, (size_t)timeline_job_find(timeline, "u-1", ""))->position.offset,
	        9);
}

Test(timeline_is_of, holds_what_the_version_met_while_the_job_was_open, .init = begin, .fini = end)
{
	size_t own = 0, other = 0;

	tell();
	for (size_t i = 0; i < timeline_count(timeline); i++) {
		own += timeline_is_of(timeline, i, 1);
		other += timeline_is_of(timeline, i, 0);
	}
	cr_assert_eq(own, 6);
	cr_assert_eq(other, 11, "all but the create's own job and statuses");
}

static char *shown(const bool *all, int width, bool chart)
{
	struct timeline_view view = {.width = width, .now_ms = 22710, .shown = all, .job = -1};
	char *text;
	size_t size;

	view.out = open_memstream(&text, &size);
	if (chart)
		timeline_print_chart(timeline, &view);
	else
		timeline_print_events(timeline, &view);
	fclose(view.out);
	return text;
}

Test(timeline_print_events, tells_the_story, .init = begin, .fini = end)
{
	bool all[20];
	char *text;

	memset(all, true, sizeof(all));
	tell();
	text = shown(all, 0, false);
	cr_assert_str_eq(text,
	        "1970-01-01\n"
	        "00:00:10.000               jobs/0@0     → update 1.0 submitted as u-1 for paris\n"
	        "00:00:10.010  +10 ms       status/0@0   · u-1 accepted\n"
	        "00:00:10.010               status/0@1   ◌ u-1 held: 0 of 1 staged, waiting for paris\n"
	        "00:00:20.000  +9.9 s       jobs/0@1     → create 1.0 submitted as c-1\n"
	        "00:00:20.010  +10 ms       status/0@2   · c-1 accepted for paris\n"
	        "00:00:20.500  +490 ms      status/0@3   ↻ paris: 1.0 retrying after attempt 1, again at "
	        "00:00:21.000\n"
	        "                                            no answer (dp_unreachable)\n"
	        "00:00:21.500  +1.0 s       status/0@4   ↻ paris: 1.0 retrying after attempt 2, again at "
	        "00:00:21.000: dp_unreachable again\n"
	        "00:00:22.500  +1.0 s       staged/0@0   ✓ paris: 1.0 staged in 2.4 s, attempt 3: 2 files, "
	        "1.5 kB, "
	        "read back\n"
	        "00:00:22.500               staged/0@1   ▸ paris: 1.0 released for u-1, held 12.4 s\n"
	        "00:00:22.490  -10 ms       status/0@6   ✓ c-1 completed after 2.4 s\n"
	        "00:00:22.700  +200 ms      updated/0@0  ✓ paris: 1.0 is current, 200 ms after its release\n"
	        "00:00:22.710  +10 ms       status/0@8   ✓ u-1 completed after 12.7 s, held 12.4 s of it\n"
	        "\nA time with a minus is before that of a line above: what one transaction writes to "
	        "several "
	        "topics their brokers stamp each for itself. Causes are told before what follows from "
	        "them.\n",
	        "%s", text);
	free(text);
}

Test(timeline_print_events, heads_a_day_once_and_explains_only_a_clock_that_goes_back, .init = begin,
        .fini = end)
{
	enum { MIDNIGHT = 86400000 };
	bool all[3] = {true, true, true};

	add(update_of(FACT_RELEASE, LOG_STAGED, MIDNIGHT - 1));
	add(status_of("u-1", 0, "accepted", MIDNIGHT));
	timeline_order(timeline);
	char *text = shown(all, 0, false);
	cr_expect(strncmp(text, "1970-01-02\n00:00:00.000  ", 25) == 0, "%s", text);
	cr_expect(strstr(text, "\n23:59:59.999  -1 ms "), "%s", text);
	cr_expect(strstr(text, "\nA time with a minus"), "%s", text);
	free(text);
	all[1] = false;
	text = shown(all, 0, false);
	cr_expect_not(strstr(text, "minus"), "%s", text);
	free(text);
}

Test(timeline_print_events, wraps_on_a_terminal, .init = begin, .fini = end)
{
	bool all[20];
	char *text;

	memset(all, true, sizeof(all));
	tell();
	text = shown(all, 80, false);
	cr_assert(strstr(text, "◌ u-1 held: 0 of 1 staged, waiting for\n"
	                       "                                          paris\n"),
	        "%s", text);
	free(text);
}

Test(timeline_print_chart, draws_what_waited_worked_and_was_tried_again, .init = begin, .fini = end)
{
	bool all[20];
	char *text;

	memset(all, true, sizeof(all));
	tell();
	text = shown(all, 60, true);
	cr_assert_str_eq(text,
	        "                 00:00:10     00:00:22  12.7 s\n"
	        "update 1.0  u-1  ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄━  completed 12.7 s\n"
	        "  paris          ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄╌╌╌━  updated 12.6 s, 3 tries\n"
	        "create 1.0  c-1                  ━━━━━  completed 2.4 s\n"
	        "  paris                          ━╌╌╌╌  staged 2.4 s, 3 tries\n",
	        "%s", text);
	free(text);
}

Test(timeline_put_json, gives_an_event_to_programs, .init = begin, .fini = end)
{
	struct buffer out;

	buffer_init(&out, 10000);
	tell();
	timeline_put_json(timeline, event_of(FACT_RELEASE, NULL), &out);
	cr_assert_str_eq(out.data,
	        "{\"time\":\"1970-01-01T00:00:22.500Z\",\"place\":{\"topic\":\"staged\",\"partition\":0,"
	        "\"offset\":1},"
	        "\"type\":\"release\",\"version\":\"1.0\",\"distribution_point\":\"paris\",\"job_id\":\"u-"
	        "1\","
	        "\"job_type\":\"update\",\"job\":{\"topic\":\"jobs\",\"partition\":0,\"offset\":0},\"held_"
	        "ms\":12490}",
	        "%s", out.data);
	buffer_clear(&out);
	timeline_put_json(timeline, event_of(FACT_JOB_STATUS, "held"), &out);
	cr_assert(strstr(out.data, "\"waiting_for\":{\"staged\":0,\"targets\":1,\"missing\":[\"paris\"]}"),
	        "%s", out.data);
	buffer_release(&out);
}

Test(timeline_words_of, tell_a_redriven_job_from_one_that_was_sent_on, .init = begin, .fini = end)
{
	struct fact fact = update_of(FACT_JOB, LOG_JOBS, 1000);
	struct timeline_words words;

	fact.point = (struct view){0};
	timeline_add(timeline, reader, &fact, view_text("dlq/3@17"));
	fact = update_of(FACT_JOB, LOG_JOBS, 2000);
	fact.origin = (struct position){2, 5};
	add(fact);
	timeline_order(timeline);
	timeline_words_init(&words);
	timeline_words_of(timeline, timeline_at(timeline, 0), &words);
	cr_assert_str_eq(words.text.data, "update 1.0 submitted as u-1, redriven from dlq/3@17");
	timeline_words_of(timeline, timeline_at(timeline, 1), &words);
	cr_assert_str_eq(words.text.data, "update 1.0 submitted as u-1, sent on from jobs/2@5");
	timeline_words_release(&words);
}
