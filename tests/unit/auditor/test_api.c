/* Facts go into a database, and what is answered over HTTP is read back. */
#include "records.h"

#include "auditor/serve/api.h"
#include "auditor/serve/board.h"
#include "auditor/serve/pulse.h"
#include "base/clock.h"
#include "schemas/json.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <malloc.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ANSWER_MAX = 4 << 20 };

static struct database *database;
static struct board *board;
static struct api api;
static char answer[ANSWER_MAX];
static const char *const no_hosts[] = {NULL};
static int64_t now, next_status;

static void open_all(void)
{
	struct error err;
	const struct http_spec spec = {.routes = api_routes,
	        .context = &api,
	        .headers = api_headers,
	        .refuse = api_refuse,
	        .hosts = no_hosts,
	        .body_max = API_BODY_MAX};
	const char *path = new_file();

	now = clock_wall_ms();
	cr_assert_eq(
	        database_open(path, "test.", DATABASE_EVENTS | DATABASE_VALUES, &database, &err), STATUS_OK);
	cr_assert_eq(board_open(database, &board, &err), STATUS_OK, "%s", err.message);
	api = (struct api){.prefix = "test.",
	        .standing = standing_new(),
	        .broadcast = broadcast_new(4, 1 << 16),
	        .page = page_new()};
	cr_assert_eq(readers_open(path, 2, &api.readers, &err), STATUS_OK, "%s", err.message);
	cr_assert_eq(http_open("127.0.0.1:0", &spec, &api.server, &err), STATUS_OK, "%s", err.message);
}

static void close_all(void)
{
	broadcast_close(api.broadcast);
	http_close(api.server);
	broadcast_free(api.broadcast);
	readers_close(api.readers);
	standing_free(api.standing);
	page_free(api.page);
	board_free(board);
	database_close(database);
	remove_file();
}

TestSuite(api, .init = open_all, .fini = close_all, .timeout = 60);

static void give(struct fact fact, const char *value)
{
	struct error err;
	bool is_new;

	cr_assert_eq(database_apply(database, &fact, view_text(value), &is_new, &err), STATUS_OK, "%s",
	        err.message);
	cr_assert(is_new);
	standing_count(api.standing, &fact);
	board_note(board, &fact);
}

static void settle(void)
{
	struct error err;

	cr_assert_eq(database_commit(database, &err), STATUS_OK, "%s", err.message);
	cr_assert_eq(board_flush(board, &err), STATUS_OK, "%s", err.message);
}

/* The whole response; the body begins at *ret_body. */
static const char *ask_http(const char *path, const char **ret_body)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
	        .sin_port = htons((uint16_t)http_port(api.server)),
	        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	char request[2048];
	size_t len = 0;
	ssize_t more;

	snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
	        path);
	cr_assert_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	cr_assert_eq(send(fd, request, strlen(request), 0), (ssize_t)strlen(request));
	while ((more = recv(fd, answer + len, ANSWER_MAX - 1 - len, 0)) > 0)
		len += (size_t)more;
	answer[len] = '\0';
	close(fd);
	*ret_body = strstr(answer, "\r\n\r\n");
	cr_assert(*ret_body, "no answer to %s", path);
	*ret_body += 4;
	return answer;
}

/* The body of a 200, which is one JSON object. */
static const char *get(const char *path)
{
	struct json json;
	struct json_node root;
	struct error err;
	const char *body;

	ask_http(path, &body);
	cr_assert(strncmp(answer, "HTTP/1.1 200 ", 13) == 0, "%s: %.300s", path, answer);
	cr_assert(strstr(answer, "\r\nContent-Type: application/json\r\n"), "%s: %.300s", path, answer);
	cr_assert_eq(json_open(&json, view_text(body), ANSWER_MAX, &root, &err), STATUS_OK,
	        "%s: %s in %.2000s", path, err.message, body);
	json_close(&json);
	return body;
}

static void expect_in(const char *path, const char *words)
{
	const char *body = get(path);

	cr_expect(strstr(body, words), "%s: no %s in %.3000s", path, words, body);
}

static void expect_not_in(const char *path, const char *words)
{
	const char *body = get(path);

	cr_expect_not(strstr(body, words), "%s: %s in %.3000s", path, words, body);
}

static void expect_refused(const char *path, const char *code, const char *error)
{
	char line[32], words[64];
	const char *body;

	ask_http(path, &body);
	snprintf(line, sizeof(line), "HTTP/1.1 %s ", code);
	snprintf(words, sizeof(words), "{\"error\":{\"code\":\"%s\",\"message\":\"", error);
	cr_expect(strncmp(answer, line, strlen(line)) == 0, "%s: %.300s", path, answer);
	cr_expect(strncmp(body, words, strlen(words)) == 0, "%s: %s", path, body);
}

/* ---- a small history: PKG is created at jobs/0/0 for paris and tokyo */

static struct fact at_now(struct fact fact)
{
	fact.time_ms = fact.log_time_ms = now;
	return fact;
}

static void give_job(int64_t offset, const char *package, const char *type, const char *state)
{
	struct fact job = at_now(fact_of(FACT_JOB, LOG_JOBS, offset, offset));
	struct fact status = at_now(fact_of(FACT_JOB_STATUS, LOG_STATUS, next_status++, offset));
	char id[32];

	snprintf(id, sizeof(id), "%s-%d", type, (int)offset);
	job.key = job.package = status.key = status.package = view_text(package);
	job.job_type = status.job_type = view_text(type);
	job.job_id = status.job_id = view_text(id);
	job.has_content = strcmp(type, "create") == 0;
	job.requested_by = view_text("<b>ci</b>");
	give(job, "{\"gate\":\"all\",\"annotations\":{\"why\":\"\\\"<i>\"}}");
	status.points = view_text("[\"paris\",\"tokyo\"]");
	status.state = view_text(state);
	status.final = strcmp(state, "accepted") != 0 && strcmp(state, "held") != 0;
	if (strcmp(state, "held") == 0) {
		status.waiting_staged = 1;
		status.waiting_targets = 2;
		status.missing = view_text("[\"tokyo\"]");
	}
	give(status, "{}");
}

static void give_staged(int64_t offset, const char *point)
{
	struct fact staged = at_now(fact_of(FACT_STAGED, LOG_STAGED, offset, 0));

	staged.point = view_text(point);
	staged.digest = view_text("sha256:abc");
	staged.bytes = 1000;
	staged.files = 2;
	staged.id = view_text("s-1");
	give(staged, "{}");
}

static void give_point(const char *point, const char *state, const char *error)
{
	struct fact status = at_now(fact_of(FACT_POINT, LOG_STATUS, next_status++, -1));

	status.job_position.offset = -1;
	status.point = view_text(point);
	status.state = view_text(state);
	status.attempt = 3;
	status.reason = view_text(error);
	status.detail = view_text(error ? "it is <down>" : NULL);
	give(status, "{\"attempt\":3,\"next_retry\":\"2026-12-01T00:00:00.000Z\"}");
}

Test(api, says_nothing_of_an_empty_history)
{
	settle();
	expect_in("/api/overview",
	        "\"totals\":{\"packages\":0,\"distribution_points\":0,\"copies\":0,\"jobs_open\":0");
	expect_in("/api/overview", "\"held\":[],\"distribution_points\":[]");
	expect_in("/api/packages", "{\"total\":0,\"limit\":50,\"distribution_points\":[],\"items\":[]}");
	expect_in("/api/jobs", "{\"total\":0,\"items\":[]}");
	expect_in("/api/events", "{\"total\":0,\"items\":[]}");
	expect_in("/api/dead-letters", "{\"total\":0,\"items\":[]}");
}

Test(api, tells_jobs_by_state_and_package)
{
	give_job(0, "PKG", "create", "completed");
	give_job(1, "PKG", "update", "held");
	give_job(2, "OTHER", "create", "failed");
	settle();
	expect_in("/api/jobs", "{\"total\":3,");
	expect_in(
	        "/api/jobs?state=open", "{\"total\":1,\"items\":[{\"job\":\"0-1\",\"job_id\":\"update-1\",");
	expect_in("/api/jobs?state=open", "\"waiting\":{\"staged\":1,\"targets\":2,\"missing\":[\"tokyo\"]}");
	expect_in("/api/jobs?state=dead", "{\"total\":1,\"items\":[{\"job\":\"0-2\",");
	expect_in("/api/jobs?state=completed", "{\"total\":1,\"items\":[{\"job\":\"0-0\",");
	expect_in("/api/jobs?package=PKG", "{\"total\":2,");
	expect_in("/api/jobs?package=PKG&state=held", "{\"total\":1,");
	expect_in("/api/jobs?package=PKG&state=dead", "{\"total\":0,");
	expect_in("/api/overview", "\"jobs_open\":1,\"jobs_held\":1,");
	expect_in("/api/overview", "\"held\":[{\"job\":\"0-1\",");
}

Test(api, tells_the_life_of_a_job)
{
	give_job(0, "PKG", "create", "accepted");
	give_staged(0, "paris");
	give_point("tokyo", "retrying", "dp_unreachable");
	give_staged(1, "lima"); /* none of its own */
	settle();
	const char *path = "/api/jobs/0-0";
	expect_in(path, "\"gate\":\"all\",\"annotations\":{\"why\":\"\\\"<i>\"}");
	expect_in(path, "\"distribution_points\":[\"paris\",\"tokyo\"]");
	expect_in(path, "\"requested_by\":\"<b>ci</b>\"");
	expect_in(path, "\"attempts\":{\"tokyo\":3}");
	expect_in(path, "{\"place\":{\"topic\":\"jobs\",\"partition\":0,\"offset\":0}");
	expect_in(path, "{\"place\":{\"topic\":\"staged\",\"partition\":0,\"offset\":0}");
	expect_in(path, "\"attempt\":3,\"next_retry\":1796083200000");
}

/* The log stamps a record at logged; its own time is written. */
static void give_at(struct fact fact, int64_t written, int64_t logged)
{
	fact.time_ms = now + written;
	fact.log_time_ms = now + logged;
	give(fact, "{}");
}

Test(api, tells_of_a_job_nothing_that_another_did_to_the_same_version_before_or_after)
{
	struct fact accepted = fact_of(FACT_JOB_STATUS, LOG_STATUS, 0, 0), ended = accepted;

	accepted.points = view_text("[\"paris\"]");
	accepted.state = view_text("accepted");
	ended.position.offset = 1;
	ended.state = view_text("completed");
	ended.final = true;
	give_at(fact_of(FACT_UPDATED, LOG_UPDATED, 0, -1), -1001, -1001);
	give_at(fact_of(FACT_JOB, LOG_JOBS, 0, 0), -1000, -1000);
	give_at(accepted, -900, -890);
	give_at(ended, -100, -90);
	give_at(fact_of(FACT_UPDATED, LOG_UPDATED, 1, -1), -100, -80); /* of the transaction that ended it */
	give_at(fact_of(FACT_UPDATED, LOG_UPDATED, 2, -1), -70, -60);
	settle();
	expect_not_in("/api/jobs/0-0", "{\"topic\":\"updated\",\"partition\":0,\"offset\":0}");
	expect_in("/api/jobs/0-0", "{\"topic\":\"updated\",\"partition\":0,\"offset\":1}");
	expect_not_in("/api/jobs/0-0", "{\"topic\":\"updated\",\"partition\":0,\"offset\":2}");
}

Test(api, shows_cells_by_state_and_search)
{
	give_job(0, "PKG", "create", "accepted");
	give_staged(0, "paris");
	give_point("tokyo", "retrying", "dp_unreachable");
	give_job(1, "WAITS", "update", "held");
	settle();
	expect_in("/api/packages", "{\"total\":2,\"limit\":50,\"distribution_points\":[\"paris\",\"tokyo\"]");
	expect_in("/api/packages",
	        "\"paris\":{\"state\":\"staged\",\"staged\":\"1.0\",\"coming\":\"1.0\"},\"tokyo\":"
	        "{\"state\":\"retrying\",\"error\":\"dp_unreachable\",\"coming\":\"1.0\"}");
	expect_in("/api/packages", "{\"package\":\"WAITS\",\"cells\":{}}");
	expect_in("/api/packages?state=retrying", "{\"total\":1,");
	expect_in("/api/packages?state=current", "{\"total\":0,");
	expect_in("/api/packages?search=pk", "{\"total\":1,");
	expect_in("/api/packages?search=%25", "{\"total\":0,");
	expect_in("/api/packages?search=%27%20OR%201=1--", "{\"total\":0,");
	expect_in("/api/packages?limit=1&offset=1", "\"items\":[{\"package\":\"WAITS\"");
}

Test(api, shows_one_package)
{
	give_job(0, "PKG", "create", "accepted");
	give_staged(0, "paris");
	give_point("tokyo", "retrying", "dp_unreachable");
	settle();
	expect_in("/api/packages/PKG", "{\"package\":\"PKG\",\"partition\":0,\"cells\":{\"paris\":{");
	expect_in(
	        "/api/packages/PKG", "\"staged_place\":{\"topic\":\"staged\",\"partition\":0,\"offset\":0}");
	expect_in("/api/packages/PKG",
	        "\"versions\":[{\"version\":\"1.0\",\"digest\":\"sha256:abc\",\"files\":2,\"bytes\":1000,"
	        "\"points_staged\":1,");
	expect_in("/api/packages/PKG", "\"error_message\":\"it is <down>\"");
	expect_refused("/api/packages/NONE", "404", "not_found");
	expect_refused("/api/packages/", "404", "not_found");
}

Test(api, lists_a_job_of_a_package_once_where_it_was_sent_on)
{
	struct fact sent_on = at_now(fact_at(FACT_JOB, LOG_JOBS, 1, 0));

	sent_on.key = sent_on.package = view_text("PKG");
	sent_on.job_id = view_text("u-1");
	sent_on.origin = (struct position){0, 0};
	give(at_now(fact_of(FACT_JOB, LOG_JOBS, 0, 0)), "{}");
	give(sent_on, "{}");
	settle();
	expect_in("/api/packages/PKG", "\"jobs\":[{\"job\":\"1-0\",");
	expect_not_in("/api/packages/PKG", "\"job\":\"0-0\"");
	expect_in("/api/jobs?state=rerouted", "{\"total\":1,\"items\":[{\"job\":\"0-0\",");
}

Test(api, tells_points_apart_by_their_newest_news)
{
	struct fact late = fact_of(FACT_POINT, LOG_STATUS, 900, -1);

	give_staged(0, "paris");
	give_point("tokyo", "retrying", "dp_unreachable");
	late.point = view_text("osaka");
	late.state = view_text("pending");
	late.time_ms = late.log_time_ms = now - 3600 * 1000;
	give(late, "{}");
	settle();
	expect_in("/api/distribution-points",
	        "{\"total\":3,\"items\":[{\"name\":\"osaka\",\"health\":\"slow\"");
	expect_in("/api/distribution-points", "{\"name\":\"paris\",\"health\":\"good\",\"copies\":1,");
	expect_in("/api/distribution-points", "\"staged_bytes_hour\":1000");
	expect_in("/api/distribution-points", "{\"name\":\"tokyo\",\"health\":\"failing\"");
	expect_in("/api/overview", "\"copies_retrying\":1,\"copies_failed\":0");
}

Test(api, blames_no_point_for_a_source)
{
	const char *body;

	give_staged(0, "paris");
	give_point("tokyo", "retrying", "source_missing");
	settle();
	expect_in("/api/distribution-points", "{\"name\":\"tokyo\",\"health\":\"good\"");
	expect_in("/api/distribution-points", "\"retrying\":0,\"failed\":0,\"source_faults\":1");
	expect_in("/api/overview", "\"sources\":[{\"error\":\"source_missing\",\"copies\":1,\"packages\":1,"
	                           "\"distribution_points\":1,");
	ask_http("/metrics", &body);
	cr_expect(strstr(body, "\nholdpoint_auditor_copies_source_failing{code=\"source_missing\"} 1\n"),
	        "%s", body);
	cr_expect(strstr(body, "\nholdpoint_auditor_copies_retrying{distribution_point=\"tokyo\"} 0\n"), "%s",
	        body);
}

Test(api, pages_events_newest_first)
{
	for (int64_t i = 0; i < 5; i++) {
		struct fact staged = fact_of(FACT_STAGED, LOG_STAGED, i, 0);
		give(staged, "{}");
	}
	settle();
	expect_in("/api/events?limit=1",
	        "{\"total\":5,\"items\":[{\"place\":{\"topic\":\"staged\",\"partition\":0,\"offset\":4}");
	expect_in("/api/events?limit=1&offset=4", "\"offset\":0}");
	expect_in("/api/events?type=staged", "{\"total\":5,");
	expect_in("/api/events?type=updated", "{\"total\":0,");
	expect_in("/api/events?package=PKG&type=staged", "{\"total\":5,");
	expect_in("/api/events?package=pkg", "{\"total\":0,");
}

Test(api, writes_whatever_text_as_json)
{
	struct fact letter = at_now(fact_at(FACT_DEAD_LETTER, LOG_DLQ, 0, 0));
	struct fact status = at_now(fact_of(FACT_JOB_STATUS, LOG_STATUS, 0, 7));

	letter.key = letter.package = (struct view){"</script>\xff\"", 11};
	letter.reason = view_text("invalid_json");
	letter.detail = view_text("a\x1b[31m");
	letter.origin_topic = view_text("test.jobs");
	letter.origin = (struct position){0, 5};
	give(letter, "\xff\xfe");
	status.state = view_text("failed");
	status.points = view_text("{\"not\": \"an array\"}");
	status.outcomes = view_text("[broken");
	give(status, "not json");
	settle();
	expect_in("/api/dead-letters", "\"package\":\"</script>\xef\xbf\xbd\\\"\"");
	expect_in("/api/dead-letters",
	        "\"origin\":{\"topic\":\"jobs\",\"partition\":0,\"offset\":5},\"size\":2");
	expect_in("/api/dead-letters", "\"detail\":\"a\\u001b[31m\"");
	expect_not_in("/api/jobs", "not");
	expect_not_in("/api/jobs/0-7", "broken");
	expect_in("/api/events", "{\"total\":2,");
}

Test(api, refuses_what_it_does_not_understand_as_json)
{
	settle();
	expect_refused("/api/events?limit=0", "400", "invalid_argument");
	expect_refused("/api/events?limit=201", "400", "invalid_argument");
	expect_refused("/api/events?limit=", "400", "invalid_argument");
	expect_refused("/api/events?offset=-1", "400", "invalid_argument");
	expect_refused("/api/events?offset=99999999999999999999999", "400", "invalid_argument");
	expect_refused("/api/events?offset=+1", "400", "invalid_argument");
	expect_refused("/api/events?order=up", "400", "invalid_argument");
	expect_refused("/api/packages?state=nonsense", "400", "invalid_argument");
	expect_refused("/api/jobs?state=nonsense", "400", "invalid_argument");
	expect_refused("/api/jobs/1", "400", "invalid_argument");
	expect_refused("/api/jobs/1-2-3", "400", "invalid_argument");
	expect_refused("/api/jobs/99999999999-1", "400", "invalid_argument");
	expect_refused("/api/jobs/0-0", "404", "not_found");
	expect_refused("/api/record/jobs/0/0", "404", "not_found");
	expect_refused("/api/record/nothing/0/0", "404", "not_found");
	expect_refused("/api/record/jobs/0", "400", "invalid_argument");
	expect_refused("/api/record/jobs/0/9223372036854775808", "400", "invalid_argument");
	expect_refused("/api/nothing", "404", "not_found");
}

Test(api, is_ready_once_it_has_caught_up)
{
	struct standing_place place = {.words = "reading the log: 5 of 10 records (50 %)"};
	const char *body;

	standing_set(api.standing, &place);
	ask_http("/readyz", &body);
	cr_expect(strncmp(answer, "HTTP/1.1 503 ", 13) == 0, "%.200s", answer);
	cr_expect_str_eq(body, "reading the log: 5 of 10 records (50 %)\n");
	place.ready = place.caught_up = true;
	standing_set(api.standing, &place);
	ask_http("/readyz", &body);
	cr_expect(strncmp(answer, "HTTP/1.1 200 ", 13) == 0, "%.200s", answer);
	expect_in("/api/overview", "\"caught_up\":true");
}

Test(api, never_names_a_package_in_its_metrics)
{
	struct fact letter = at_now(fact_at(FACT_DEAD_LETTER, LOG_DLQ, 0, 0));
	const char *body;

	give_job(0, "SECRET", "create", "completed");
	give_staged(0, "par\"is\\\n");
	letter.key = letter.package = letter.reason = view_text("SECRET-2");
	give(letter, "");
	settle();
	ask_http("/metrics", &body);
	cr_expect(strncmp(answer, "HTTP/1.1 200 ", 13) == 0, "%.200s", answer);
	cr_expect_not(strstr(body, "SECRET"), "%s", body);
	cr_expect(strstr(body, "\nholdpoint_auditor_jobs_ended_total{state=\"completed\"} 1\n"), "%s", body);
	cr_expect(strstr(body, "\nholdpoint_auditor_dead_letters_total{reason=\"other\"} 1\n"), "%s", body);
	cr_expect(strstr(body, "\nholdpoint_auditor_staged_total{distribution_point=\"par\\\"is\\\\\"} 1\n"),
	        "%s", body);
}

/* What SQLite keeps for a reader would be more with every job. */
Test(api, keeps_nothing_of_the_tables_once_it_has_answered)
{
	static const char *const paths[] = {"/metrics", "/api/overview", "/api/distribution-points",
	        "/api/packages", "/api/packages/PKG", "/api/jobs", "/api/jobs/0-0", "/api/events",
	        "/api/dead-letters", "/api/record/jobs/0/0"};
	const char *body;

	for (int64_t i = 0; i < 10000; i++)
		give_job(i, "PKG", "create", "completed");
	settle();
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		int64_t before = sqlite3_memory_used();

		sqlite3_memory_highwater(1);
		ask_http(paths[i], &body);
		cr_expect(strncmp(answer, "HTTP/1.1 200 ", 13) == 0, "%s: %.300s", paths[i], answer);
		cr_expect_geq(sqlite3_memory_highwater(0) - before, 150000, "%s: too little is read to tell",
		        paths[i]);
		cr_expect_leq(sqlite3_memory_used() - before, 50000, "%s", paths[i]);
	}
}

/* … and what /metrics tells of memory would be more, too, were it asked while they are read. */
Test(api, tells_of_its_memory_without_what_it_took_to_answer)
{
	static const char name[] = "\nholdpoint_allocated_bytes ";
	const char *body;

	for (int64_t i = 0; i < 10000; i++)
		give_job(i, "PKG", "create", "completed");
	settle();
	ask_http("/metrics", &body); /* what is made once is made */
	ask_http("/metrics", &body);
	const char *told = strstr(body, name);
	cr_assert(told, "%s", body);
	struct mallinfo2 info = mallinfo2();
	int64_t rest = (int64_t)(info.uordblks + info.hblkhd);
	cr_expect_leq(strtoll(told + strlen(name), NULL, 10) - rest, 100000, "%lld afterwards%.60s",
	        (long long)rest, told);
}

/* ---- the board */

Test(api, makes_the_board_anew_where_the_history_went_on_without_it)
{
	struct error err;

	give_job(0, "PKG", "create", "accepted");
	settle();
	give_job(1, "LATER", "create", "accepted");
	cr_assert_eq(database_commit(database, &err), STATUS_OK);
	board_free(board); /* dies before the flush */
	cr_assert_eq(board_open(database, &board, &err), STATUS_OK);
	cr_expect(board_is_behind(board));
	cr_assert_eq(board_flush(board, &err), STATUS_OK);
	expect_in("/api/packages", "{\"total\":2,");
	board_free(board);
	cr_assert_eq(board_open(database, &board, &err), STATUS_OK);
	cr_expect_not(board_is_behind(board), "it was made anew though nothing changed");
}

/* ---- the pulse */

static const char *heard(struct listener *listener)
{
	int64_t len = listener_read(listener, 0, answer, sizeof(answer) - 1);

	answer[len > 0 ? len : 0] = '\0';
	return answer;
}

Test(pulse, tells_together_what_changed_and_not_too_often, .init = open_all, .fini = close_all)
{
	struct pulse *pulse = pulse_new(api.broadcast);
	struct listener *listener = listener_join(api.broadcast, -1, view_text(""));
	struct fact fact = fact_of(FACT_JOB, LOG_JOBS, 0, 0);

	pulse_send(pulse, 10000, 7, false);
	cr_expect_str_eq(heard(listener), "event: hello\ndata: {\"read_until\":7,\"caught_up\":false}\n\n");
	pulse_note(pulse, &fact);
	pulse_note(pulse, &fact);
	pulse_send(pulse, 10001, 8, false);
	cr_expect_str_eq(heard(listener),
	        "event: change\ndata: {\"read_until\":8,\"caught_up\":false,\"packages\":[\"PKG\"],"
	        "\"jobs\":true,\"dead_letters\":false}\n\n");
	pulse_note(pulse, &fact);
	pulse_send(pulse, 10001 + PULSE_MS - 1, 9, false);
	cr_expect_str_eq(heard(listener), "");
	pulse_send(pulse, 10001 + PULSE_MS, 9, true);
	cr_expect(strstr(heard(listener),
	        "event: hello\ndata: {\"read_until\":9,\"caught_up\":true}\n\nevent: change\n"));
	pulse_send(pulse, 20000, 10, true);
	cr_expect_str_eq(heard(listener), "", "nothing changed");
	listener_leave(listener);
	pulse_free(pulse);
}

Test(pulse, says_many_where_there_are_too_many_packages, .init = open_all, .fini = close_all)
{
	struct pulse *pulse = pulse_new(api.broadcast);
	struct listener *listener = listener_join(api.broadcast, -1, view_text(""));

	for (int i = 0; i <= PULSE_PACKAGES_MAX; i++) {
		struct fact fact = fact_of(FACT_STAGED, LOG_STAGED, i, 0);
		char name[16];
		snprintf(name, sizeof(name), "P%d", i);
		fact.package = view_text(name);
		pulse_note(pulse, &fact);
	}
	pulse_send(pulse, 10000, 7, true);
	cr_expect(strstr(heard(listener),
	                  "\"caught_up\":true,\"many\":true,\"jobs\":false,\"dead_letters\":false}"),
	        "%s", answer);
	listener_leave(listener);
	pulse_free(pulse);
}
