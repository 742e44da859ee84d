/* Staging, through the door, on a folder, on nginx with WebDAV, on nginx with PUT only, and on a server that
 * lies, breaks and hangs. */
#include "base/memory.h"
#include "file_bench.h"
#include "room_bench.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct room_bench *bench;
static struct server *server; /* tokyo; NULL: there is none */
static const char *paris;     /* a folder as a distribution point */
static const char *tokyo;     /* what the server serves */

enum kind { KIND_FOLDER, KIND_WEBDAV, KIND_PLAIN, KIND_BAD };

static void open_on(enum kind kind)
{
	bench = room_bench_new();
	if (kind == KIND_FOLDER) {
		tokyo = paris = room_file_point(bench, "tokyo");
	} else {
		server = kind == KIND_BAD ? bad_dp_start(NULL)
		                          : nginx_start(kind == KIND_PLAIN ? "PUT DELETE" : NULL);
		room_http_point(bench, "tokyo", server);
		tokyo = server->folder;
		paris = room_file_point(bench, "paris");
	}
	room_open(bench);
}

static void close_all(void)
{
	room_bench_close(bench);
	server_stop(server);
}

static struct manifest *some_content(void)
{
	return room_manifest(bench, "bin/tool*", "#!/bin/sh\n", "doc/a b?.txt", "odd name", "empty", "",
	        "large", NULL, NULL);
}

#define ON_EACH_KIND(suite, fact) ON_EACH_OF(suite, fact, KIND_FOLDER, KIND_WEBDAV, KIND_PLAIN, KIND_BAD)

ON_EACH_KIND(transfer, stages_verifies_and_seals)
{
	struct manifest *manifest = some_content();
	struct outcome outcome = room_stage(bench, "tokyo", "PKG", "1.0", manifest);

	(void)kind;
	room_expect(&outcome, STATUS_OK, NULL);
	room_expect_staged(tokyo, "PKG", "1.0", manifest);
	cr_assert_str_eq(outcome.dp_id, bench->dp_id);
	cr_assert_eq(outcome.files, 4);
	cr_assert_eq(outcome.bytes, manifest->bytes);
	cr_assert_eq(outcome.bytes_sent, manifest->bytes);
	char *leavings = room_path(tokyo, ".holdpoint/tmp/PKG@1.0");
	cr_assert_neq(access(leavings, F_OK), 0, "%s is left behind", leavings);
	free(leavings);
	manifest_unref(manifest);
}

ON_EACH_KIND(transfer, sends_nothing_where_the_version_is_sealed_already)
{
	struct manifest *manifest = some_content();
	struct outcome first = room_stage(bench, "tokyo", "PKG", "1.0", manifest);
	struct outcome again = room_stage(bench, "tokyo", "PKG", "1.0", manifest);

	(void)kind;
	room_expect(&first, STATUS_OK, NULL);
	room_expect(&again, STATUS_OK, NULL);
	cr_assert_eq(again.bytes_sent, 0);
	manifest_unref(manifest);
}

/* A sealed version's files may rot or vanish: what is wrong is mended, and only that. */
ON_EACH_KIND(transfer, mends_a_sealed_version)
{
	struct manifest *manifest = some_content();
	struct outcome outcome = room_stage(bench, "tokyo", "PKG", "1.0", manifest);
	char *tool = room_path(tokyo, "PKG/content/1.0/bin/tool"),
	     *odd = room_path(tokyo, "PKG/content/1.0/doc/a b?.txt");

	(void)kind;
	room_expect(&outcome, STATUS_OK, NULL);
	unlink(tool);
	scratch_write(odd, "rotten");
	outcome = room_stage(bench, "tokyo", "PKG", "1.0", manifest);
	room_expect(&outcome, STATUS_OK, NULL);
	room_expect_staged(tokyo, "PKG", "1.0", manifest);
	cr_assert_eq(outcome.bytes_sent, strlen("#!/bin/sh\n") + strlen("odd name"));
	free(tool);
	free(odd);
	manifest_unref(manifest);
}

/* Small files go many at once where the point can; what is wrong with one of them is found and mended alone.
 */
ON_EACH_KIND(transfer, sends_and_mends_many_small_files)
{
	struct manifest *manifest = room_manifest_of_many(bench, 150);
	struct outcome outcome = room_stage(bench, "tokyo", "PKG", "1.0", manifest);
	char *altered = room_path(tokyo, "PKG/content/1.0/d0/f7"),
	     *missing = room_path(tokyo, "PKG/content/1.0/d1/f70"),
	     *longer = room_path(tokyo, "PKG/content/1.0/d2/f149");

	(void)kind;
	room_expect(&outcome, STATUS_OK, NULL);
	room_expect_staged(tokyo, "PKG", "1.0", manifest);
	cr_assert_eq(outcome.files, 150);
	cr_assert_eq(outcome.bytes_sent, manifest->bytes);
	scratch_write(altered, "FILE 7");
	unlink(missing);
	scratch_write(longer, "file 149 and more");
	outcome = room_stage(bench, "tokyo", "PKG", "1.0", manifest);
	room_expect(&outcome, STATUS_OK, NULL);
	room_expect_staged(tokyo, "PKG", "1.0", manifest);
	cr_assert_eq(outcome.bytes_sent, strlen("file 7") + strlen("file 70") + strlen("file 149"));
	free(altered);
	free(missing);
	free(longer);
	manifest_unref(manifest);
}

/* One source among many that is not what the manifest says: its error, and no seal. */
ON_EACH_KIND(transfer, names_the_wrong_source_among_many_small_files)
{
	struct manifest *manifest = room_manifest_of_many(bench, 150);
	char *source = room_path(bench->sources, "d1/f99"),
	     *seal = room_path(tokyo, "PKG/manifests/1.0.json");

	(void)kind;
	scratch_write(source, "FILE 99");
	struct outcome outcome = room_stage(bench, "tokyo", "PKG", "1.0", manifest);
	room_expect(&outcome, STATUS_REJECT, "source_digest");
	cr_assert_neq(access(seal, F_OK), 0);
	free(source);
	free(seal);
	manifest_unref(manifest);
}

/* An attempt that died after placing its content and before sealing it; one of its files is a torso. */
ON_EACH_KIND(transfer, resumes_what_was_placed_but_not_sealed)
{
	struct manifest *manifest = some_content();
	struct outcome outcome = room_stage(bench, "tokyo", "PKG", "1.0", manifest);
	char *seal = room_path(tokyo, "PKG/manifests/1.0.json"),
	     *odd = room_path(tokyo, "PKG/content/1.0/doc/a b?.txt");

	(void)kind;
	room_expect(&outcome, STATUS_OK, NULL);
	unlink(seal);
	scratch_write(odd, "odd");
	outcome = room_stage(bench, "tokyo", "PKG", "1.0", manifest);
	room_expect(&outcome, STATUS_OK, NULL);
	room_expect_staged(tokyo, "PKG", "1.0", manifest);
	cr_assert_eq(outcome.bytes_sent, strlen("odd name"));
	free(seal);
	free(odd);
	manifest_unref(manifest);
}

ON_EACH_KIND(transfer, removes_what_a_dead_attempt_left)
{
	struct manifest *manifest = some_content();
	char *torso = room_path(tokyo, ".holdpoint/tmp/PKG@1.0/dead-1/bin/tool");

	(void)kind;
	scratch_write(torso, "#!/b");
	struct outcome outcome = room_stage(bench, "tokyo", "PKG", "1.0", manifest);
	room_expect(&outcome, STATUS_OK, NULL);
	room_expect_staged(tokyo, "PKG", "1.0", manifest);
	cr_assert_neq(access(torso, F_OK), 0, "%s is left behind", torso);
	free(torso);
	manifest_unref(manifest);
}

ON_EACH_KIND(transfer, overwrites_a_torn_seal)
{
	struct manifest *manifest = some_content();
	char *seal = room_path(tokyo, "PKG/manifests/1.0.json");

	(void)kind;
	scratch_write(seal, "{\"files\":[{\"path\":\"bin");
	struct outcome outcome = room_stage(bench, "tokyo", "PKG", "1.0", manifest);
	room_expect(&outcome, STATUS_OK, NULL);
	room_expect_staged(tokyo, "PKG", "1.0", manifest);
	free(seal);
	manifest_unref(manifest);
}

ON_EACH_KIND(transfer, refuses_other_content_for_a_sealed_version)
{
	struct manifest *manifest = some_content();
	struct outcome outcome = room_stage(bench, "tokyo", "PKG", "1.0", manifest);

	(void)kind;
	room_expect(&outcome, STATUS_OK, NULL);
	struct manifest *other = room_manifest(bench, "bin/tool", "other", NULL);
	outcome = room_stage(bench, "tokyo", "PKG", "1.0", other);
	room_expect(&outcome, STATUS_REJECT, "sealed_differently");
	char *tool = room_path(tokyo, "PKG/content/1.0/bin/tool"), *text = scratch_read(tool);
	cr_assert_str_eq(text, "#!/bin/sh\n");
	free(tool);
	free(text);
	manifest_unref(manifest);
	manifest_unref(other);
}

/* As version 1.1, which may take from 1.0. */
static struct outcome stage_over_base(struct manifest *manifest)
{
	struct transfer_spec spec = room_spec(bench, "tokyo", "PKG", "1.1", manifest);
	struct outcome outcome;

	spec.base_version = "1.0";
	room_submit(bench, spec, &outcome);
	room_await(&outcome, "1.1");
	return outcome;
}

/* What a version before it holds is not sent again, under whatever name it was. */
ON_EACH_KIND(transfer, copies_what_the_base_version_holds)
{
	struct manifest *old = some_content();
	struct outcome outcome = room_stage(bench, "tokyo", "PKG", "1.0", old);
	room_expect(&outcome, STATUS_OK, NULL);
	struct manifest *new = room_manifest(bench, "bin/tool", "new", "moved/large", NULL, NULL);

	outcome = stage_over_base(new);
	room_expect(&outcome, STATUS_OK, NULL);
	room_expect_staged(tokyo, "PKG", "1.1", new);
	room_expect_staged(tokyo, "PKG", "1.0", old);
	cr_assert_eq(outcome.bytes_sent, kind == KIND_PLAIN ? new->bytes : strlen("new"));
	manifest_unref(old);
	manifest_unref(new);
}

/* All of it is done in one go on a folder: there the base was read in the go before. */
ON_EACH_KIND(transfer, of_small_files_copies_what_the_base_version_holds)
{
	struct manifest *old = room_manifest(bench, "bin/tool", "tool", "same", "the same", NULL);
	struct outcome outcome = room_stage(bench, "tokyo", "PKG", "1.0", old);
	room_expect(&outcome, STATUS_OK, NULL);
	struct manifest *new = room_manifest(bench, "bin/tool", "new", "moved", "the same", NULL);

	outcome = stage_over_base(new);
	room_expect(&outcome, STATUS_OK, NULL);
	room_expect_staged(tokyo, "PKG", "1.1", new);
	cr_assert_eq(outcome.bytes_sent, kind == KIND_PLAIN ? new->bytes : strlen("new"));
	manifest_unref(old);
	manifest_unref(new);
}

ON_EACH_KIND(transfer, of_twins_at_the_same_time_ends_well)
{
	struct manifest *manifest = some_content();
	struct outcome outcomes[4];

	for (int i = 0; i < 4; i++)
		room_submit(bench, room_spec(bench, "tokyo", "PKG", "1.0", manifest), &outcomes[i]);
	for (int i = 0; i < 4; i++)
		room_await(&outcomes[i], "a twin");
	for (int i = 0; i < 4;
	        i++) /* where half of a twin's upload shows, one may find no rest to read back */
		if (kind != KIND_BAD || outcomes[i].err.status != STATUS_RETRY)
			room_expect(&outcomes[i], STATUS_OK, NULL);
		else
			room_expect(&outcomes[i], STATUS_RETRY, "read_back_mismatch");
	struct outcome last = room_stage(bench, "tokyo", "PKG", "1.0", manifest);
	room_expect(&last, STATUS_OK, NULL);
	room_expect_staged(tokyo, "PKG", "1.0", manifest);
	manifest_unref(manifest);
}

ON_EACH_KIND(transfer, gets_a_manifest_from_its_url)
{
	struct manifest *manifest = some_content();
	struct buffer text;
	struct outcome outcome;

	(void)kind;
	buffer_init(&text, 1 << 20);
	manifest_write_with_urls(manifest, &text);
	char *path = room_path(bench->sources, "manifest.json"), *url = memory_format("file://%s", path);
	scratch_write(path, text.data);
	struct transfer_spec spec = room_spec(bench, "tokyo", "PKG", "1.0", manifest);
	spec.manifest = NULL;
	spec.manifest_url = url;
	room_submit(bench, spec, &outcome);
	room_await(&outcome, "the first");
	room_expect(&outcome, STATUS_OK, NULL);
	room_expect_staged(tokyo, "PKG", "1.0", manifest);

	/* sealed by now, and a file gone: the URLs are needed again */
	char *tool = room_path(tokyo, "PKG/content/1.0/bin/tool");
	unlink(tool);
	room_submit(bench, spec, &outcome);
	room_await(&outcome, "the second");
	room_expect(&outcome, STATUS_OK, NULL);
	room_expect_staged(tokyo, "PKG", "1.0", manifest);

	spec.version = "2.0";
	spec.manifest_digest = "sha256:0000000000000000000000000000000000000000000000000000000000000000";
	room_submit(bench, spec, &outcome);
	room_await(&outcome, "another digest");
	room_expect(&outcome, STATUS_REJECT, "manifest_digest");
	buffer_release(&text);
	free(tool);
	free(path);
	free(url);
	manifest_unref(manifest);
}

/* The first to hear that their source failed ends the others, which are about to hear the same. */
ON_EACH_KIND(transfer, fails_where_many_files_have_one_source_which_is_missing)
{
	struct manifest *manifest = room_manifest(
	        bench, "a", NULL, "b", NULL, "c", NULL, "d", "text", "e", "text", "f", "text", NULL);
	struct outcome outcome;

	(void)kind;
	for (size_t i = 0; i < manifest->count; i++) {
		const struct manifest_file *first = &manifest->files[i / 3 * 3];
		if (i % 3 == 0)
			unlink(first->url + strlen("file://"));
		else
			memcpy(manifest->files[i].url, first->url, strlen(first->url));
	}
	outcome = room_stage(bench, "tokyo", "PKG", "1.0", manifest);
	room_expect(&outcome, STATUS_REJECT, "source_missing");
	manifest_unref(manifest);
}

ON_EACH_KIND(transfer, without_a_manifest_takes_what_lies_there_sealed_and_whole_and_nothing_else)
{
	struct manifest *manifest = some_content();
	struct transfer_spec spec = room_spec(bench, "tokyo", "PKG", "1.0", manifest);
	struct outcome outcome;

	(void)kind;
	spec.manifest = NULL;
	room_submit(bench, spec, &outcome);
	room_await(&outcome, "one that is not there");
	room_expect(&outcome, STATUS_REJECT, "manifest_lost");

	outcome = room_stage(bench, "tokyo", "PKG", "1.0", manifest);
	room_expect(&outcome, STATUS_OK, NULL);
	room_submit(bench, spec, &outcome);
	room_await(&outcome, "one that is sealed");
	room_expect(&outcome, STATUS_OK, NULL);
	cr_assert_eq(outcome.bytes_sent, 0);
	room_expect_staged(tokyo, "PKG", "1.0", manifest);

	char *tool = room_path(tokyo, "PKG/content/1.0/bin/tool");
	unlink(tool);
	room_submit(bench, spec, &outcome);
	room_await(&outcome, "one that lacks a file");
	room_expect(&outcome, STATUS_REJECT, "source_missing");
	free(tool);
	manifest_unref(manifest);
}

/* ---- who the distribution point is */

ON_EACH_KIND(transfer_identity, needs_dp_json)
{
	struct manifest *manifest = some_content();
	char *path = room_path(tokyo, ".holdpoint/dp.json");

	(void)kind;
	unlink(path);
	struct outcome outcome = room_stage(bench, "tokyo", "PKG", "1.0", manifest);
	room_expect(&outcome, STATUS_RETRY, "dp_not_initialised");
	cr_assert(strstr(outcome.err.message, "dp init"));
	char *package = room_path(tokyo, "PKG");
	cr_assert_neq(access(package, F_OK), 0, "something was written");
	scratch_write(path, "{\"dp_id\":");
	outcome = room_stage(bench, "tokyo", "PKG", "1.0", manifest);
	room_expect(&outcome, STATUS_RETRY, "dp_not_initialised");
	free(path);
	free(package);
	manifest_unref(manifest);
}

ON_EACH_KIND(transfer_identity, notices_another_one_in_its_place)
{
	struct manifest *manifest = some_content();
	char *path = room_path(tokyo, ".holdpoint/dp.json");

	(void)kind;
	scratch_write(path, "{\"dp_id\":\"0b2f7c1e-0000-4000-8000-00000000000f\"}");
	struct outcome outcome = room_stage(bench, "tokyo", "PKG", "1.0", manifest);
	room_expect(&outcome, STATUS_RETRY, "dp_id_changed");
	char way_out[120];
	snprintf(way_out, sizeof(way_out), "dp init --replace --lost-id %s tokyo", bench->dp_id);
	cr_assert_not_null(strstr(outcome.err.message, way_out), "%s", outcome.err.message);
	room_expect_unsealed(tokyo, "PKG", "1.0");
	scratch_write(path, "{\"dp_id\":\"0b2f7c1e-0000-4000-8000-00000000000f\","
	                    "\"replaces\":[\"0b2f7c1e-0000-4000-8000-000000000001\"]}");
	outcome = room_stage(bench, "tokyo", "PKG", "1.0", manifest);
	room_expect(&outcome, STATUS_OK, NULL);
	cr_assert_str_eq(outcome.replaces, bench->dp_id);
	cr_assert_str_eq(outcome.dp_id, "0b2f7c1e-0000-4000-8000-00000000000f");
	free(path);
	manifest_unref(manifest);
}

Test(transfer_identity, is_looked_at_again_before_the_seal)
{
	struct outcome outcome;

	open_on(KIND_BAD);
	struct manifest *manifest = some_content();
	bad_dp_fault(server,
	        "{\"fault\":\"drip\",\"rate\":20,\"method\":\"GET\",\"match\":\"/tool$\",\"times\":1}");
	room_submit(bench, room_spec(bench, "tokyo", "PKG", "1.0", manifest), &outcome);
	bad_dp_await(server, "GET /PKG/content/1.0/bin/tool");
	server_write(server, ".holdpoint/dp.json", "{\"dp_id\":\"0b2f7c1e-0000-4000-8000-00000000000f\"}");
	room_await(&outcome, "the transfer");
	room_expect(&outcome, STATUS_RETRY, "dp_id_changed");
	room_expect_unsealed(tokyo, "PKG", "1.0");
	manifest_unref(manifest);
	close_all();
}

/* ---- what lies, breaks and hangs */

struct lie {
	char fault[128], code[32];
};

ParameterizedTestParameters(transfer_on_a_liar, never_counts_as_staged)
{
	static struct lie lies[] = {
	        {"{\"fault\":\"truncate\",\"method\":\"PUT\",\"match\":\"tmp\"}", "read_back_mismatch"},
	        {"{\"fault\":\"flip\",\"method\":\"PUT\",\"match\":\"tmp\"}", "read_back_mismatch"},
	        {"{\"fault\":\"nothing\",\"method\":\"PUT\",\"match\":\"tmp\"}", "read_back_mismatch"},
	        {"{\"fault\":\"nothing\",\"method\":\"MOVE\"}", "read_back_mismatch"},
	        {"{\"fault\":\"flip\",\"method\":\"GET\",\"match\":\"content\"}", "read_back_mismatch"},
	        {"{\"fault\":\"flip\",\"method\":\"PUT\",\"match\":\"manifests\"}", "read_back_mismatch"},
	        {"{\"fault\":\"nothing\",\"method\":\"PUT\",\"match\":\"manifests\"}", "read_back_mismatch"},
	        {"{\"fault\":\"500\",\"method\":\"PUT\",\"match\":\"tmp\"}", "dp_error"},
	        {"{\"fault\":\"507\",\"method\":\"PUT\",\"match\":\"tmp\"}", "dp_full"},
	        {"{\"fault\":\"reset\",\"method\":\"GET\",\"match\":\"content\"}", "dp_unreachable"},
	        {"{\"fault\":\"break\",\"method\":\"GET\",\"match\":\"content\"}", "dp_unreachable"},
	        {"{\"fault\":\"hang\",\"method\":\"PUT\",\"match\":\"tmp\"}", "dp_timeout"},
	};
	return cr_make_param_array(struct lie, lies, sizeof(lies) / sizeof(*lies));
}

/* … as long as it lies; once it stops, the same version is staged. */
ParameterizedTest(struct lie *lie, transfer_on_a_liar, never_counts_as_staged)
{
	open_on(KIND_BAD);
	struct manifest *manifest = some_content();
	struct outcome outcome = room_stage(bench, "tokyo", "WARM", "1.0", manifest);
	room_expect(&outcome, STATUS_OK, NULL);
	bad_dp_fault(server, lie->fault);
	outcome = room_stage(bench, "tokyo", "PKG", "1.0", manifest);
	room_expect(&outcome, STATUS_RETRY, lie->code);
	room_expect_unsealed(tokyo, "PKG", "1.0");
	bad_dp_fault(server, "{\"fault\":\"none\"}");
	outcome = room_stage(bench, "tokyo", "PKG", "1.0", manifest);
	room_expect(&outcome, STATUS_OK, NULL);
	room_expect_staged(tokyo, "PKG", "1.0", manifest);
	manifest_unref(manifest);
	close_all();
}

ParameterizedTestParameters(transfer_on_a_liar, mends_what_went_wrong_once)
{
	static struct lie lies[] = {
	        {"{\"fault\":\"truncate\",\"method\":\"PUT\",\"times\":2}", ""},
	        {"{\"fault\":\"flip\",\"method\":\"PUT\",\"times\":2}", ""},
	        {"{\"fault\":\"nothing\",\"method\":\"PUT\",\"times\":2}", ""},
	        {"{\"fault\":\"flip\",\"method\":\"PUT\",\"match\":\"manifests\",\"times\":2}", ""},
	        {"{\"fault\":\"nothing\",\"method\":\"MOVE\",\"times\":1}", ""},
	        {"{\"fault\":\"stale\",\"method\":\"GET\",\"match\":\"content|manifests\",\"times\":4}", ""},
	        {"{\"fault\":\"lost\",\"method\":\"MOVE\",\"times\":2}", ""},
	        {"{\"fault\":\"lost\",\"method\":\"PUT\",\"times\":2}", ""},
	        {"{\"fault\":\"reset\",\"method\":\"PUT\",\"times\":2}", ""},
	        {"{\"fault\":\"500\",\"times\":2}", ""},
	        {"{\"fault\":\"hang\",\"method\":\"GET\",\"match\":\"content\",\"times\":1}", ""},
	};
	return cr_make_param_array(struct lie, lies, sizeof(lies) / sizeof(*lies));
}

ParameterizedTest(struct lie *lie, transfer_on_a_liar, mends_what_went_wrong_once)
{
	open_on(KIND_BAD);
	struct manifest *manifest = some_content();
	struct outcome outcome = room_stage(bench, "tokyo", "WARM", "1.0", manifest);
	bad_dp_fault(server, lie->fault);
	outcome = room_stage(bench, "tokyo", "PKG", "1.0", manifest);
	room_expect(&outcome, STATUS_OK, NULL);
	room_expect_staged(tokyo, "PKG", "1.0", manifest);
	manifest_unref(manifest);
	close_all();
}

Test(transfer, passes_on_for_how_long_the_server_wants_to_be_left_alone)
{
	open_on(KIND_BAD);
	struct manifest *manifest = some_content();
	bad_dp_fault(server, "{\"fault\":\"429\",\"retry_after\":7}");
	struct outcome outcome = room_stage(bench, "tokyo", "PKG", "1.0", manifest);
	room_expect(&outcome, STATUS_RETRY, "dp_error");
	cr_assert_eq(outcome.retry_after_ms, 7000);
	char *log = bad_dp_log(server);
	cr_assert_str_eq(log, "GET /.holdpoint/dp.json 429\n", "asked again at once: %s", log);
	free(log);
	manifest_unref(manifest);
	close_all();
}

/* While 20 transfers hang on one distribution point, one to another ends. */
Test(transfer, to_a_dead_point_delays_no_other)
{
	struct outcome stuck[20], fine;

	open_on(KIND_BAD);
	struct manifest *manifest = some_content();
	fine = room_stage(bench, "tokyo", "WARM", "1.0", manifest);
	room_expect(&fine, STATUS_OK, NULL);
	bad_dp_fault(server, "{\"fault\":\"hang\"}");
	for (int i = 0; i < 20; i++) {
		char package[16];
		snprintf(package, sizeof(package), "STUCK%d", i);
		room_submit(bench, room_spec(bench, "tokyo", package, "1.0", manifest), &stuck[i]);
	}
	bad_dp_await(server, "GET /.holdpoint/dp.json");
	fine = room_stage(bench, "paris", "PKG", "1.0", manifest);
	room_expect(&fine, STATUS_OK, NULL);
	cr_assert_not(room_has_ended(&stuck[19]), "the dead point answered before the other was done");
	for (int i = 0; i < 20; i++) {
		room_await(&stuck[i], "a stuck one");
		room_expect(&stuck[i], STATUS_RETRY, "dp_timeout");
	}
	manifest_unref(manifest);
	close_all();
}

Test(transfer, can_be_canceled_while_it_hangs)
{
	struct outcome outcome;

	open_on(KIND_BAD);
	struct manifest *manifest = some_content();
	bad_dp_fault(server, "{\"fault\":\"drip\",\"method\":\"PUT\",\"match\":\"large\"}");
	uint64_t number = room_submit(bench, room_spec(bench, "tokyo", "PKG", "1.0", manifest), &outcome);
	bad_dp_await(server, "large");
	distribution_cancel(bench->distribution, number);
	room_await(&outcome, "the canceled one");
	room_expect(&outcome, STATUS_RETRY, "canceled");
	room_expect_unsealed(tokyo, "PKG", "1.0");
	distribution_cancel(bench->distribution, number); /* ended long since */
	bad_dp_fault(server, "{\"fault\":\"none\"}");
	manifest_unref(manifest);
	close_all();
}

Test(transfer, is_answered_when_all_is_closed)
{
	struct outcome outcomes[8];

	open_on(KIND_BAD);
	struct manifest *manifest = some_content();
	bad_dp_fault(server, "{\"fault\":\"hang\"}");
	for (int i = 0; i < 8; i++)
		room_submit(bench, room_spec(bench, i % 2 ? "tokyo" : "paris", "PKG", "1.0", manifest),
		        &outcomes[i]);
	distribution_close(bench->distribution);
	bench->distribution = NULL;
	for (int i = 0; i < 8; i++)
		cr_assert_eq(outcomes[i].ended, 1);
	manifest_unref(manifest);
	close_all();
}

Test(transfer, to_a_point_that_is_not_in_the_catalogue_waits)
{
	open_on(KIND_FOLDER);
	struct manifest *manifest = some_content();
	struct outcome outcome = room_stage(bench, "osaka", "PKG", "1.0", manifest);
	room_expect(&outcome, STATUS_RETRY, "dp_unknown");
	manifest_unref(manifest);
	close_all();
}

Test(transfer, keeps_the_executable_bit_on_folders)
{
	struct stat stat_of;

	open_on(KIND_FOLDER);
	struct manifest *manifest = some_content();
	struct outcome outcome = room_stage(bench, "tokyo", "PKG", "1.0", manifest);
	room_expect(&outcome, STATUS_OK, NULL);
	char *tool = room_path(tokyo, "PKG/content/1.0/bin/tool"),
	     *large = room_path(tokyo, "PKG/content/1.0/large");
	cr_assert(stat(tool, &stat_of) == 0 && (stat_of.st_mode & 0111));
	cr_assert(stat(large, &stat_of) == 0 && !(stat_of.st_mode & 0111));
	free(tool);
	free(large);
	manifest_unref(manifest);
	close_all();
}

Test(transfer, reads_sizes_only_where_told_so)
{
	bench = room_bench_new();
	server = bad_dp_start(NULL);
	bench->point_options = ",\"read_back\":\"size\"";
	room_http_point(bench, "tokyo", server);
	room_open(bench);
	struct manifest *manifest = some_content();
	struct outcome outcome = room_stage(bench, "tokyo", "PKG", "1.0", manifest);
	room_expect(&outcome, STATUS_OK, NULL);
	cr_assert_str_eq(outcome.read_back, "size");
	room_expect_staged(server->folder, "PKG", "1.0", manifest);
	char *log = bad_dp_log(server);
	cr_assert_null(strstr(log, "GET /PKG/content"), "%s", log);
	cr_assert(strstr(log, "HEAD /PKG/content/1.0/large"), "%s", log);
	free(log);
	bad_dp_fault(server, "{\"fault\":\"truncate\",\"method\":\"PUT\",\"match\":\"tmp\"}");
	outcome = room_stage(bench, "tokyo", "PKG", "2.0", manifest);
	room_expect(&outcome, STATUS_RETRY, "read_back_mismatch");
	manifest_unref(manifest);
	close_all();
}

/* What is submitted after a reload sees the new catalogue, also where its point is as it was. */
Test(distribution_reload, brings_new_points_and_sources)
{
	bench = room_bench_new();
	server = nginx_start(NULL);
	paris = room_file_point(bench, "paris");
	room_open(bench);
	char *outside = room_path(bench->home, "more/"), *prefix = memory_format("file://%s", outside);
	char *path = room_path(outside, "a");
	struct manifest *manifest = room_manifest_at(bench, prefix, "a", "text", NULL);
	scratch_write(path, "text");
	struct outcome outcome = room_stage(bench, "paris", "PKG", "1.0", manifest);
	room_expect(&outcome, STATUS_REJECT, "source_forbidden");
	room_http_point(bench, "tokyo", server);
	room_source(bench, prefix);
	room_reload_catalogue(bench);
	outcome = room_stage(bench, "paris", "PKG", "1.0", manifest);
	room_expect(&outcome, STATUS_OK, NULL);
	outcome = room_stage(bench, "tokyo", "PKG", "1.0", manifest);
	room_expect(&outcome, STATUS_OK, NULL);
	buffer_clear(&bench->points);
	room_http_point(bench, "tokyo", server);
	room_reload_catalogue(bench);
	outcome = room_stage(bench, "paris", "PKG", "2.0", manifest);
	room_expect(&outcome, STATUS_RETRY, "dp_unknown");
	free(outside);
	free(prefix);
	free(path);
	manifest_unref(manifest);
	close_all();
}

/* A transfer under way ends on the point that it began on. */
Test(distribution_reload, does_not_disturb_what_is_under_way)
{
	struct outcome outcome;

	open_on(KIND_BAD);
	struct manifest *manifest = some_content();
	bad_dp_fault(server, "{\"fault\":\"drip\",\"rate\":20,\"method\":\"PUT\",\"match\":\"tool$\"}");
	room_submit(bench, room_spec(bench, "tokyo", "PKG", "1.0", manifest), &outcome);
	bad_dp_await(server, "tool");
	buffer_clear(&bench->points);
	paris = room_file_point(bench, "tokyo");
	room_reload_catalogue(bench);
	room_await(&outcome, "the transfer");
	room_expect(&outcome, STATUS_OK, NULL);
	room_expect_staged(tokyo, "PKG", "1.0", manifest);
	outcome = room_stage(bench, "tokyo", "PKG", "1.0", manifest);
	room_expect(&outcome, STATUS_OK, NULL);
	room_expect_staged(paris, "PKG", "1.0", manifest);
	manifest_unref(manifest);
	close_all();
}
