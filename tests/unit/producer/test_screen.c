#include "producer/screen.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *shown;
static size_t shown_len;

static void open_screen(struct screen *screen, bool json)
{
	screen_init(screen, open_memstream(&shown, &shown_len), json);
}

static void check_shown(struct screen *screen, const char *wanted)
{
	fclose(screen->out);
	cr_assert_str_eq(shown, wanted, "is %s", shown);
	free(shown);
}

static void show(struct screen *screen, struct watch *watch, struct status_event event, const char *record,
        int64_t now)
{
	const struct watch_point *point;

	snprintf(event.package_id, sizeof(event.package_id), "PKG");
	snprintf(event.version, sizeof(event.version), "1.0");
	enum watch_news news = watch_apply(watch, &event, &point);

	screen_show(screen, watch, news, point, view_text(record), now);
}

static void tell_story(struct screen *screen, struct watch *watch, int64_t pause_ms)
{
	struct status_event held = {.type = "job",
	        .job_id = "u-18",
	        .state = "held",
	        .job_position = {3, 7},
	        .staged = 1,
	        .targets = 3};
	struct status_event progress = {.type = "progress",
	        .distribution_point = "paris",
	        .bytes_done = 5000000,
	        .bytes_total = 10000000};
	struct status_event retrying = {.type = "distribution_point",
	        .distribution_point = "tokyo",
	        .state = "retrying",
	        .attempt = 2,
	        .reason = "dp_unreachable",
	        .detail = "no\033 answer"};
	struct status_event failed = {.type = "job",
	        .job_id = "u-18",
	        .state = "failed",
	        .final = true,
	        .job_position = {3, 7},
	        .reason = "distribution_point_failed",
	        .detail = "1 of 3"};

	show(screen, watch, held, "{1}", 10000);
	show(screen, watch, progress, "{2}", 10000 + pause_ms);
	progress.bytes_done = 6000000;
	show(screen, watch, progress, "{3}", 10000 + 2 * pause_ms);
	show(screen, watch, retrying, "{4}", 10000 + 3 * pause_ms);
	show(screen, watch, failed, "{5}", 10000 + 4 * pause_ms);
	screen_end(screen, watch);
}

Test(screen, tells_a_file_one_line_a_change_and_progress_now_and_then)
{
	struct screen screen;
	struct watch watch;

	watch_init(&watch, "PKG", "1.0", "u-18", (struct position){3, 7});
	open_screen(&screen, false);
	tell_story(&screen, &watch, 1);
	check_shown(&screen, "u-18 held, staged on 1 of 3\n"
	                     "paris staging  50 % 5.0 MB of 10.0 MB\n"
	                     "tokyo retrying, attempt 2: no? answer (dp_unreachable)\n"
	                     "u-18 failed: 1 of 3 (distribution_point_failed)\n");
	watch_release(&watch);
}

Test(screen, gives_programs_the_records_and_the_end)
{
	struct screen screen;
	struct watch watch;

	watch_init(&watch, "PKG", "1.0", "u-18", (struct position){3, 7});
	open_screen(&screen, true);
	tell_story(&screen, &watch, 1);
	check_shown(&screen,
	        "{1}\n{2}\n{3}\n{4}\n{5}\n"
	        "{\"type\":\"end\",\"job_id\":\"u-18\",\"package_id\":\"PKG\",\"state\":\"failed\","
	        "\"reason\":\"distribution_point_failed\"}\n");
	watch_release(&watch);
}

Test(screen, redraws_a_terminal_in_place)
{
	struct screen screen;
	struct watch watch;

	watch_init(&watch, "PKG", "1.0", "u-18", (struct position){3, 7});
	open_screen(&screen, false);
	screen.live = true;
	tell_story(&screen, &watch, 200);
	fflush(screen.out);
	cr_assert_not_null(strstr(shown, "[##########----------]  50 %"), "%s", shown);
	char *last = strstr(shown, "\033[3A\r");

	cr_assert_not_null(last, "goes up over the three lines drawn before: %s", shown);
	cr_assert_not_null(strstr(last, "u-18 failed"), "the end is drawn: %s", shown);
	fclose(screen.out);
	free(shown);
	watch_release(&watch);
}

Test(screen, draws_the_end_however_soon_it_comes)
{
	struct screen screen;
	struct watch watch;

	watch_init(&watch, "PKG", "1.0", "u-18", (struct position){3, 7});
	open_screen(&screen, false);
	screen.live = true;
	tell_story(&screen, &watch, 0);
	fflush(screen.out);
	cr_assert_not_null(strstr(shown, "u-18 failed"), "%s", shown);
	fclose(screen.out);
	free(shown);
	watch_release(&watch);
}

Test(screen, does_not_call_a_job_held_whose_last_distribution_point_is_staged)
{
	struct status_event held = {.type = "job",
	        .job_id = "u-18",
	        .state = "held",
	        .job_position = {3, 7},
	        .staged = 1,
	        .targets = 2,
	        .missing_count = 1,
	        .missing = {"paris"}};
	struct status_event staged = {
	        .type = "distribution_point", .distribution_point = "paris", .state = "staged"};
	struct screen screen;
	struct watch watch;

	watch_init(&watch, "PKG", "1.0", "u-18", (struct position){3, 7});
	open_screen(&screen, false);
	screen.live = true;
	show(&screen, &watch, held, "", 10000);
	show(&screen, &watch, staged, "", 10200);
	check_shown(&screen, "u-18 held, staged on 1 of 2\033[K\n\033[J"
	                     "\033[1A\ru-18 released\033[K\n  paris            staged\033[K\n\033[J");
	watch_release(&watch);
}
