/* Who a distribution point is: dp.json's form, dp init, and the watch. */
#include "distribution/identity.h"

#include "base/clock.h"
#include "base/memory.h"
#include "file_bench.h"
#include "room_bench.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ID_A "0b2f7c1e-0000-4000-8000-00000000000a"
#define ID_B "0b2f7c1e-0000-4000-8000-00000000000b"

Test(identity_parse, reads_back_what_was_written)
{
	struct identity identity = {.dp_id = ID_A}, back = {0};
	struct buffer text;
	struct error err;

	identity.replaces = memory_alloc(2 * sizeof(char *));
	identity.replaces[identity.replaces_count++] = memory_text(ID_B);
	buffer_init(&text, 4096);
	identity_write(&identity, &text);
	cr_assert_eq(identity_parse(buffer_view(&text), &back, &err), STATUS_OK, "%s", err.message);
	cr_assert_str_eq(back.dp_id, ID_A);
	cr_assert(identity_replaces(&back, ID_B));
	cr_assert_not(identity_replaces(&back, ID_A));
	identity_release(&identity);
	identity_release(&back);
	buffer_release(&text);
}

Test(identity_parse, refuses_what_is_no_identity)
{
	static const char *const bad[] = {"", "{", "[]", "{}", "{\"dp_id\":7}", "{\"dp_id\":\"paris\"}",
	        "{\"dp_id\":\"" ID_A "x\"}", "{\"dp_id\":\"" ID_A "\",\"replaces\":[\"x\"]}",
	        "{\"dp_id\":\"" ID_A "\",\"replaces\":7}", "{\"dp_id\":\"" ID_A "\"} {}"};
	struct identity identity = {0};
	struct error err;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		cr_assert_eq(identity_parse(view_text(bad[i]), &identity, &err), STATUS_RETRY, "%s", bad[i]);
		cr_assert_str_eq(err.code, "dp_not_initialised");
	}
}

Test(identity_parse, ignores_what_it_does_not_know_and_the_case)
{
	struct identity identity = {0};
	struct error err;

	cr_assert_eq(identity_parse(view_text("{\"dp_id\":\"0B2F7C1E-0000-4000-8000-00000000000A\",\"x\":1}"),
	                     &identity, &err),
	        STATUS_OK);
	cr_assert_str_eq(identity.dp_id, ID_A);
	identity_release(&identity);
}

/* ---- through the door */

static struct room_bench *bench;
static struct server *server;

static void setup(void)
{
	bench = room_bench_new();
	server = nginx_start(NULL);
}

static void teardown(void)
{
	room_bench_close(bench);
	server_stop(server);
}

TestSuite(dp_init, .init = setup, .fini = teardown);
TestSuite(distribution_watch, .init = setup, .fini = teardown);

static void init_and_replace(const char *name, const char *folder)
{
	char id[DP_ID_SIZE], again[DP_ID_SIZE], *path = room_path(folder, ".holdpoint/dp.json");
	struct identity identity = {0};
	struct error err;

	unlink(path);
	cr_assert_eq(distribution_init_point(bench->distribution, name, false, NULL, id, &err), STATUS_OK,
	        "%s", err.message);
	cr_assert_eq(
	        distribution_init_point(bench->distribution, name, false, NULL, again, &err), STATUS_REJECT);
	cr_assert_str_eq(err.code, "already_initialised");
	cr_assert_str_eq(id, again);
	cr_assert_eq(distribution_init_point(bench->distribution, name, true, ID_B, again, &err), STATUS_OK,
	        "%s", err.message);
	cr_assert_str_neq(id, again);
	char *text = scratch_read(path);
	cr_assert_eq(identity_parse(view_text(text), &identity, &err), STATUS_OK);
	cr_assert(identity_replaces(&identity, id) && identity_replaces(&identity, ID_B), "%s", text);
	free(text);
	free(path);
	identity_release(&identity);
}

Test(dp_init, writes_once_and_replaces_when_told)
{
	const char *paris = room_file_point(bench, "paris");

	room_http_point(bench, "tokyo", server);
	room_open(bench);
	init_and_replace("paris", paris);
	init_and_replace("tokyo", server->folder);
}

Test(dp_init, says_what_it_does_not_know_or_reach)
{
	char id[DP_ID_SIZE];
	struct error err;

	room_http_point(bench, "tokyo", server);
	room_open(bench);
	cr_assert_eq(
	        distribution_init_point(bench->distribution, "osaka", false, NULL, id, &err), STATUS_REJECT);
	cr_assert_str_eq(err.code, "dp_unknown");
	server_kill(server);
	cr_assert_eq(
	        distribution_init_point(bench->distribution, "tokyo", false, NULL, id, &err), STATUS_RETRY);
	cr_assert_str_eq(err.code, "dp_unreachable");
}

struct sightings {
	pthread_mutex_t lock;
	char text[1024];
};

static void on_seen(const struct identity_seen *seen, void *context)
{
	struct sightings *sightings = context;
	size_t len;

	pthread_mutex_lock(&sightings->lock);
	len = strlen(sightings->text);
	snprintf(sightings->text + len, sizeof(sightings->text) - len, "%s=%s,%zu;", seen->distribution_point,
	        seen->dp_id + 34, seen->replaces_count);
	pthread_mutex_unlock(&sightings->lock);
}

static void await_sighting(struct sightings *sightings, const char *wanted)
{
	int64_t deadline = clock_monotonic_ms() + 20000;

	for (bool there = false; !there;) {
		pthread_mutex_lock(&sightings->lock);
		there = strstr(sightings->text, wanted) != NULL;
		cr_assert(there || clock_monotonic_ms() < deadline, "waited 20 s for %s in %s", wanted,
		        sightings->text);
		pthread_mutex_unlock(&sightings->lock);
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	}
}

Test(distribution_watch, tells_what_is_new_and_what_changed_and_no_more)
{
	struct sightings sightings = {.lock = PTHREAD_MUTEX_INITIALIZER};
	const char *paris = room_file_point(bench, "paris");
	char *path = room_path(paris, ".holdpoint/dp.json");

	room_http_point(bench, "tokyo", server);
	room_open(bench);
	distribution_watch(bench->distribution, 20, on_seen, &sightings);
	await_sighting(&sightings, "paris=01,0;");
	await_sighting(&sightings, "tokyo=01,0;");
	unlink(path);
	scratch_write(path, "{\"dp_id\":\"" ID_A "\",\"replaces\":[\"" ID_B "\"]}");
	await_sighting(&sightings, "paris=0a,1;");
	server_write(server, ".holdpoint/dp.json", "{\"dp_id\":\"" ID_A "\"}");
	await_sighting(&sightings, "tokyo=0a,0;");
	cr_assert_eq(strlen(sightings.text), 4 * strlen("paris=01,0;"), "%s", sightings.text);
	free(path);
}
