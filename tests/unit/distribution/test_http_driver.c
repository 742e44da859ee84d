/* HTTP servers as distribution points: the contract of all kinds on a real nginx and on one that has neither
 * MOVE nor parents, and what only a badly behaved server shows. */
#include "distribution/http_driver.h"

#include "base/clock.h"
#include "base/memory.h"
#include "server.h"
#include "tests/suites/driver_suite.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct http_bench {
	struct driver_bench bench; /* first */
	struct pump *pump;
	struct pool *pool;
	struct agenda *agenda;
	struct server *server;
	struct catalogue_point point;
};

static void step(struct driver_bench *driver_bench, int timeout_ms)
{
	struct http_bench *bench = (struct http_bench *)driver_bench;

	const int fd = pool_fd(bench->pool);

	pump_turn(bench->pump, &fd, 1, agenda_wait_ms(bench->agenda, clock_monotonic_ms(), timeout_ms));
	pool_step(bench->pool);
	agenda_run(bench->agenda, clock_monotonic_ms());
}

static struct driver_bench *open_bench(struct server *server, uint64_t bytes_per_second)
{
	struct http_bench *bench = memory_alloc(sizeof(*bench));
	struct error err;

	bench->bench.step = step;
	bench->server = server;
	bench->pump = pump_new(&(struct pump_options){.connect_timeout_ms = 2000, .stall_timeout_ms = 1000});
	bench->pool = pool_new(0);
	bench->agenda = agenda_new();
	bench->point = (struct catalogue_point){
	        .name = "tokyo", .url = server->url, .connections = 8, .bytes_per_second = bytes_per_second};
	cr_assert_eq(http_driver_open(&bench->point, bench->pump, bench->pool, bench->agenda,
	                     &bench->bench.driver, &err),
	        STATUS_OK);
	server_write(server, ".holdpoint/dp.json", "{\"dp_id\":\"0b2f7c1e-0000-4000-8000-000000000001\"}");
	return &bench->bench;
}

static void close_bench(struct driver_bench *driver_bench)
{
	struct http_bench *bench = (struct http_bench *)driver_bench;

	driver_bench->driver->ops->close(driver_bench->driver);
	pool_close(bench->pool, 5000);
	pump_free(bench->pump);
	agenda_free(bench->agenda);
	server_stop(bench->server);
	free(bench);
}

static struct driver_bench *on_nginx(void)
{
	return open_bench(nginx_start(NULL), 0);
}

static struct driver_bench *on_plain_nginx(void)
{
	return open_bench(nginx_start("PUT DELETE"), 0);
}

static struct driver_bench *on_bad_dp(void)
{
	return open_bench(bad_dp_start(NULL), 0);
}

/* WebDAV as its RFC has it: no PUT without the folder. */
static struct driver_bench *on_strict_dav(void)
{
	return open_bench(bad_dp_start((const char *[]){"--no-parents", NULL}), 0);
}

#define NGINX_FACT(fact) DRIVER_FACT_TEST(nginx_keeps_the_contract, fact, on_nginx, close_bench)
#define PLAIN_FACT(fact) DRIVER_FACT_TEST(plain_http_keeps_the_contract, fact, on_plain_nginx, close_bench)
#define STRICT_FACT(fact) DRIVER_FACT_TEST(strict_webdav_keeps_the_contract, fact, on_strict_dav, close_bench)
DRIVER_FACTS(NGINX_FACT)
DRIVER_FACTS(PLAIN_FACT)
DRIVER_FACTS(STRICT_FACT)

/* ---- what the server can do is found out */

Test(http_driver_probe, finds_copy_and_move_on_nginx)
{
	struct driver_bench *bench = on_nginx();

	cr_assert(!bench->driver->can.move && !bench->driver->can.copy);
	driver_suite_probe(bench);
	cr_assert(bench->driver->can.move);
	cr_assert(bench->driver->can.copy);
	cr_assert_not(bench->driver->can.point);
	close_bench(bench);
}

Test(http_driver_probe, finds_neither_where_the_server_has_only_put)
{
	struct driver_bench *bench = on_plain_nginx();

	driver_suite_probe(bench);
	cr_assert_not(bench->driver->can.move);
	cr_assert_not(bench->driver->can.copy);
	close_bench(bench);
}

Test(http_driver_probe, believes_no_move_that_was_only_answered)
{
	struct driver_bench *bench = on_bad_dp();

	bad_dp_fault(((struct http_bench *)bench)->server, "{\"fault\":\"nothing\",\"method\":\"MOVE\"}");
	driver_suite_probe(bench);
	cr_assert_not(bench->driver->can.move);
	close_bench(bench);
}

Test(http_driver_probe, leaves_nothing_behind)
{
	struct driver_bench *bench = on_bad_dp();

	driver_suite_probe(bench);
	char *log = bad_dp_log(((struct http_bench *)bench)->server);
	char *removed = strstr(log, "DELETE /.holdpoint/tmp/probe-");
	cr_assert(removed && strstr(removed, " 204"), "%s", log);
	free(log);
	close_bench(bench);
}

Test(http_driver_probe, is_made_once)
{
	struct driver_bench *bench = on_bad_dp();

	driver_suite_probe(bench);
	char *first = bad_dp_log(((struct http_bench *)bench)->server);
	driver_suite_probe(bench);
	char *second = bad_dp_log(((struct http_bench *)bench)->server);
	cr_assert_str_eq(second + strlen(first) - 1, "\nGET /.holdpoint/dp.json 200\n");
	free(first);
	free(second);
	close_bench(bench);
}

/* Twice, since curl itself tries once more where a kept connection turns out to be dead. */
Test(http_driver_probe, is_made_again_where_it_was_cut_short)
{
	struct driver_bench *bench = on_bad_dp();
	struct operation read = {.kind = OPERATION_READ, .path = ".holdpoint/dp.json"};

	bad_dp_fault(((struct http_bench *)bench)->server,
	        "{\"fault\":\"reset\",\"method\":\"COPY\",\"times\":2}");
	bench_run(bench, &read);
	cr_assert_eq(read.result.status, STATUS_RETRY);
	cr_assert_null(read.result.data);
	driver_suite_probe(bench);
	cr_assert(bench->driver->can.move && bench->driver->can.copy);
	close_bench(bench);
}

/* ---- what is answered, judged */

static struct driver_bench *bench;

static void setup(void)
{
	bench = on_bad_dp();
	driver_suite_probe(bench);
}

static void teardown(void)
{
	close_bench(bench);
}

TestSuite(http_driver, .init = setup, .fini = teardown);

static void fault(const char *json)
{
	bad_dp_fault(((struct http_bench *)bench)->server, json);
}

static struct operation write_one(void)
{
	struct operation write = {.kind = OPERATION_WRITE, .path = "a/b", .data = view_text("text")};

	bench_run(bench, &write);
	return write;
}

static void expect(const struct operation *operation, const char *code, bool ambiguous)
{
	cr_assert_eq(operation->result.status, STATUS_RETRY);
	cr_assert_str_eq(operation->result.err.code, code, "%s: %s", operation->result.err.code,
	        operation->result.err.message);
	cr_assert_eq(operation->result.ambiguous, ambiguous, "%s", operation->result.err.message);
}

Test(http_driver, a_refused_connection_changed_nothing)
{
	server_kill(((struct http_bench *)bench)->server);
	struct operation write = write_one();
	expect(&write, "dp_unreachable", false);
}

Test(http_driver, a_reset_connection_may_have_changed_something)
{
	fault("{\"fault\":\"reset\",\"method\":\"PUT\"}");
	struct operation write = write_one();
	expect(&write, "dp_unreachable", true);
}

Test(http_driver, a_lost_answer_may_have_changed_something)
{
	fault("{\"fault\":\"lost\",\"method\":\"PUT\"}");
	struct operation write = write_one();
	expect(&write, "dp_unreachable", true);
	fault("{\"fault\":\"none\"}");
	char *there = bench_read(bench, "a/b");
	cr_assert_str_eq(there, "text");
	free(there);
}

Test(http_driver, silence_times_out)
{
	fault("{\"fault\":\"hang\",\"method\":\"PUT\"}");
	int64_t began = clock_monotonic_ms();
	struct operation write = write_one();
	expect(&write, "dp_timeout", true);
	cr_assert_lt(clock_monotonic_ms() - began, 5000);
}

Test(http_driver, retry_after_is_passed_on)
{
	fault("{\"fault\":\"429\",\"method\":\"PUT\",\"retry_after\":7}");
	struct operation write = write_one();
	expect(&write, "dp_error", false);
	cr_assert_eq(write.result.retry_after_ms, 7000);
}

Test(http_driver, a_server_error_may_have_changed_something)
{
	fault("{\"fault\":\"500\",\"method\":\"PUT\"}");
	struct operation write = write_one();
	expect(&write, "dp_error", true);
}

Test(http_driver, a_full_server_is_called_full)
{
	fault("{\"fault\":\"507\",\"method\":\"PUT\"}");
	struct operation write = write_one();
	expect(&write, "dp_full", true);
}

Test(http_driver, a_refusal_names_credentials)
{
	fault("{\"fault\":\"401\",\"method\":\"PUT\"}");
	struct operation write = write_one();
	expect(&write, "dp_refused", false);
	cr_assert(strstr(write.result.err.message, "credentials_file"));
}

Test(http_driver, a_redirect_is_not_followed)
{
	fault("{\"fault\":\"302\",\"location\":\"http://elsewhere.example/\"}");
	struct operation write = write_one();
	expect(&write, "dp_redirects", false);
	cr_assert(strstr(write.result.err.message, "http://elsewhere.example/"), "%s",
	        write.result.err.message);
}

Test(http_driver, a_read_that_breaks_is_no_content)
{
	bench_write(bench, "a/b", "a longer text");
	fault("{\"fault\":\"break\",\"method\":\"GET\"}");
	struct operation hash = {.kind = OPERATION_HASH, .path = "a/b"};
	bench_run(bench, &hash);
	expect(&hash, "dp_unreachable", false);
	struct operation read = {.kind = OPERATION_READ, .path = "a/b"};
	bench_run(bench, &read);
	expect(&read, "dp_unreachable", false);
	cr_assert_null(read.result.data);
}

Test(http_driver, an_error_page_is_no_content)
{
	bench_write(bench, "a/b", "text");
	fault("{\"fault\":\"500\",\"method\":\"GET\"}");
	struct operation hash = {.kind = OPERATION_HASH, .path = "a/b"};
	bench_run(bench, &hash);
	expect(&hash, "dp_error", false);
	cr_assert_str_eq(hash.result.digest, "");
}

Test(http_driver, credentials_are_read_at_use_and_never_told)
{
	struct http_bench *http = (struct http_bench *)bench;
	char *path = memory_format("%s/secret", http->server->home);

	http->point.credentials_file = path;
	struct operation write = write_one();
	expect(&write, "dp_refused", false);
	cr_assert(strstr(write.result.err.message, path));
	server_write(http->server, "../secret", "no colon: hunter2? none: yes\n");
	bench_write(bench, "a/b", "text");
	server_write(http->server, "../secret", "hunter2\n");
	write = write_one();
	expect(&write, "dp_refused", false);
	cr_assert_not(strstr(write.result.err.message, "hunter2"));
	free(path);
}

Test(http_driver_pace, keeps_to_its_bytes_per_second)
{
	struct driver_bench *paced = open_bench(nginx_start(NULL), 1000000);
	int64_t began;

	driver_suite_probe(paced);
	began = clock_monotonic_ms();
	bench_put(paced, "a/b", bench_bytes(500000));
	cr_assert_geq(clock_monotonic_ms() - began, 200, "too fast");
	struct operation hash = {.kind = OPERATION_HASH, .path = "a/b"};
	bench_run(paced, &hash);
	cr_assert_eq(hash.result.size, 500000);
	cr_assert_geq(clock_monotonic_ms() - began, 600, "too fast");
	cr_assert_leq(clock_monotonic_ms() - began, 5000, "too slow");
	close_bench(paced);
}
