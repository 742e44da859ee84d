/* Looking, through the door: what lies there is told as it is, and nothing is changed. */
#include "base/memory.h"
#include "file_bench.h"
#include "room_bench.h"
#include "schemas/current.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct room_bench *bench;
static struct server *server;
static const char *base;
static struct manifest *manifest;

enum kind { KIND_FOLDER, KIND_NGINX, KIND_BAD };

static void open_on(enum kind kind)
{
	bench = room_bench_new();
	if (kind == KIND_FOLDER) {
		base = room_file_point(bench, "tokyo");
	} else {
		server = kind == KIND_BAD ? bad_dp_start(NULL) : nginx_start(NULL);
		room_http_point(bench, "tokyo", server);
		base = server->folder;
	}
	room_open(bench);
	manifest = room_manifest(bench, "bin/tool*", "tool", "doc/read me", "words", "empty", "", NULL);
	struct outcome outcome = room_stage(bench, "tokyo", "PKG", "1.0", manifest);
	room_expect(&outcome, STATUS_OK, NULL);
	bench->read_only = true;
	room_open(bench);
}

static void close_all(void)
{
	manifest_unref(manifest);
	room_bench_close(bench);
	server_stop(server);
}

#define ON_EACH_KIND(suite, fact) ON_EACH_OF(suite, fact, KIND_FOLDER, KIND_NGINX, KIND_BAD)

/* What an inspection told, as words: each file that differs, and the result. */
struct told {
	struct outcome outcome; /* its end */
	struct inspect_result result;
	char files[2048], dp_id[64], version[64], release_id[64], link[64], names[256];
};

static void on_file(const struct inspect_file *file, void *context)
{
	struct told *told = context;
	size_t len = strlen(told->files);
	const char *what = file->err->status != STATUS_OK    ? file->err->code
	                   : !file->found                    ? "missing"
	                   : file->size != file->wanted_size ? "size"
	                                                     : "digest";

	cr_assert(file->err->status != STATUS_OK || !file->found || file->size != file->wanted_size ||
	          strcmp(file->digest, file->wanted_digest) != 0);
	snprintf(told->files + len, sizeof(told->files) - len, "%s %s;", file->path, what);
}

static void on_done(const struct inspect_result *result, void *context)
{
	struct told *told = context;

	pthread_mutex_lock(&told->outcome.lock);
	told->result = *result;
	told->outcome.err = result->err;
	told->outcome.err.status = result->status;
	snprintf(told->dp_id, sizeof(told->dp_id), "%s", result->dp_id ? result->dp_id : "");
	snprintf(told->link, sizeof(told->link), "%s", result->link ? result->link : "none");
	if (result->pointer) {
		snprintf(told->version, sizeof(told->version), "%s", result->pointer->version);
		snprintf(told->release_id, sizeof(told->release_id), "%s", result->pointer->release_id);
	}
	for (size_t i = 0; i < result->name_count; i++) {
		size_t len = strlen(told->names);
		snprintf(told->names + len, sizeof(told->names) - len, "%s;", result->names[i]);
	}
	told->outcome.ended++;
	pthread_cond_broadcast(&told->outcome.changed);
	pthread_mutex_unlock(&told->outcome.lock);
}

static uint64_t submit(struct inspect_spec spec, struct told *told)
{
	*told = (struct told){0};
	pthread_mutex_init(&told->outcome.lock, NULL);
	pthread_cond_init(&told->outcome.changed, NULL);
	spec.distribution_point = spec.distribution_point ? spec.distribution_point : "tokyo";
	spec.package_id = spec.package_id ? spec.package_id : "PKG";
	spec.version = "1.0";
	spec.differs = on_file;
	spec.done = on_done;
	spec.context = told;
	return inspect_submit(bench->distribution, &spec);
}

static struct told inspect(struct inspect_spec spec)
{
	struct told told;

	submit(spec, &told);
	room_await(&told.outcome, "an inspection");
	return told;
}

static struct told inspect_well(struct inspect_spec spec)
{
	struct told told = inspect(spec);

	room_expect(&told.outcome, STATUS_OK, NULL);
	return told;
}

static struct told inspect_content(void)
{
	return inspect_well(
	        (struct inspect_spec){.wish = INSPECT_COPY, .content = true, .digest = manifest->digest});
}

static void lay(const char *path, const char *text)
{
	char *at = room_path(base, "%s", path);

	scratch_write(at, text);
	free(at);
}

static void take_away(const char *path)
{
	char *at = room_path(base, "%s", path);

	cr_assert_eq(unlink(at), 0, "%s", at);
	free(at);
}

/* ---- identity */

ON_EACH_KIND(inspect_identity, is_told)
{
	struct told told = inspect_well((struct inspect_spec){.wish = INSPECT_IDENTITY});

	cr_assert_str_eq(told.dp_id, bench->dp_id);
	cr_assert_eq(told.result.replaces_count, 0);
	cr_assert_eq(told.result.can_list, kind == KIND_FOLDER);
}

ON_EACH_KIND(inspect_identity, says_whom_it_replaces_or_that_there_is_none)
{
	(void)kind;
	lay(".holdpoint/dp.json", "{\"dp_id\":\"0b2f7c1e-0000-4000-8000-00000000000f\",\"replaces\":"
	                          "[\"0b2f7c1e-0000-4000-8000-000000000001\"]}");
	struct told told = inspect_well((struct inspect_spec){.wish = INSPECT_IDENTITY});
	cr_assert_str_eq(told.dp_id, "0b2f7c1e-0000-4000-8000-00000000000f");
	cr_assert_eq(told.result.replaces_count, 1);
	take_away(".holdpoint/dp.json");
	told = inspect((struct inspect_spec){.wish = INSPECT_IDENTITY});
	room_expect(&told.outcome, STATUS_RETRY, "dp_not_initialised");
}

Test(inspect_identity, of_a_stopped_server_is_not_known)
{
	open_on(KIND_NGINX);
	server_kill(server);
	struct told told = inspect((struct inspect_spec){.wish = INSPECT_IDENTITY});
	room_expect(&told.outcome, STATUS_RETRY, "dp_unreachable");
	told = inspect((struct inspect_spec){.wish = INSPECT_COPY});
	room_expect(&told.outcome, STATUS_RETRY, "dp_unreachable");
	told = inspect((struct inspect_spec){.wish = INSPECT_POINTER, .distribution_point = "osaka"});
	room_expect(&told.outcome, STATUS_RETRY, "dp_unknown");
	close_all();
}

/* ---- pointer */

static const char pointer[] =
        "{\"schema\":1,\"package_id\":\"PKG\",\"version\":\"1.0\",\"digest\":\"sha256:"
        "0000000000000000000000000000000000000000000000000000000000000000\",\"manifest\":"
        "\"manifests/1.0.json\",\"content_path\":\"content/1.0\",\"release_id\":\"r-1\","
        "\"position\":{\"partition\":3,\"offset\":7},\"log_id\":\"log-a\"}";

ON_EACH_KIND(inspect_pointer, is_told_with_its_link)
{
	struct told told = inspect_well((struct inspect_spec){.wish = INSPECT_POINTER});
	cr_assert_not(told.result.found);
	cr_assert_str_eq(told.link, "none");
	lay("PKG/current.json", pointer);
	char *link = room_path(base, "PKG/current");
	cr_assert_eq(symlink("content/1.0", link), 0);
	free(link);
	told = inspect_well((struct inspect_spec){.wish = INSPECT_POINTER});
	cr_assert(told.result.found);
	cr_assert_str_eq(told.version, "1.0");
	cr_assert_str_eq(told.release_id, "r-1");
	cr_assert_str_eq(told.link, kind == KIND_FOLDER ? "content/1.0" : "none");
}

ON_EACH_KIND(inspect_pointer, that_cannot_be_read_as_one_is_found_all_the_same)
{
	(void)kind;
	lay("PKG/current.json", "{\"version\":");
	struct told told = inspect_well((struct inspect_spec){.wish = INSPECT_POINTER});
	cr_assert(told.result.found);
	cr_assert_str_eq(told.version, "");
}

/* ---- copies */

ON_EACH_KIND(inspect_copy, tells_the_seals_digest)
{
	(void)kind;
	struct told told = inspect_well((struct inspect_spec){.wish = INSPECT_COPY});
	cr_assert(told.result.found);
	cr_assert_str_eq(told.result.digest, manifest->digest);
	cr_assert_eq(told.result.files, 0);
	take_away("PKG/manifests/1.0.json");
	told = inspect_well((struct inspect_spec){.wish = INSPECT_COPY});
	cr_assert_not(told.result.found);
}

ON_EACH_KIND(inspect_copy, with_content_reads_every_file)
{
	(void)kind;
	struct told told = inspect_content();
	cr_assert(told.result.found);
	cr_assert_eq(told.result.files, 3);
	cr_assert_eq(told.result.bytes, 9);
	cr_assert_str_eq(told.files, "");
}

ON_EACH_KIND(inspect_copy, names_each_file_that_differs)
{
	(void)kind;
	lay("PKG/content/1.0/bin/tool", "tooI");
	lay("PKG/content/1.0/doc/read me", "other words");
	take_away("PKG/content/1.0/empty");
	struct told told = inspect_content();
	cr_assert_eq(told.result.files, 3);
	cr_assert(strstr(told.files, "bin/tool digest;"), "%s", told.files);
	cr_assert(strstr(told.files, "doc/read me size;"), "%s", told.files);
	cr_assert(strstr(told.files, "empty missing;"), "%s", told.files);
}

ON_EACH_KIND(inspect_copy, looks_at_files_below_the_wanted_seal_only)
{
	(void)kind;
	lay("PKG/manifests/1.0.json", "{\"files\":[]}");
	struct told told = inspect_content();
	cr_assert(told.result.found);
	cr_assert_str_neq(told.result.digest, manifest->digest);
	cr_assert_eq(told.result.files, 0);
}

Test(inspect_copy, does_not_follow_a_link_that_took_a_files_place)
{
	open_on(KIND_FOLDER);
	char *file = room_path(base, "PKG/content/1.0/bin/tool"), *same = room_path(bench->home, "same");
	scratch_write(same, "tool");
	cr_assert_eq(unlink(file), 0);
	cr_assert_eq(symlink(same, file), 0);
	struct told told = inspect_content();
	cr_assert_str_eq(told.files, "bin/tool dp_refused;");
	free(file);
	free(same);
	close_all();
}

Test(inspect_copy, tells_a_file_that_cannot_be_read_from_one_that_differs)
{
	open_on(KIND_BAD);
	bad_dp_fault(server, "{\"fault\":\"403\",\"method\":\"GET\",\"match\":\"tool\"}");
	bad_dp_fault(server, "{\"fault\":\"flip\",\"method\":\"GET\",\"match\":\"doc\"}");
	struct told told = inspect_content();
	cr_assert(strstr(told.files, "bin/tool dp_refused;"), "%s", told.files);
	cr_assert(strstr(told.files, "doc/read me digest;"), "%s", told.files);
	cr_assert_not(strstr(told.files, "empty"), "%s", told.files);
	close_all();
}

/* ---- names */

Test(inspect_names, are_those_of_packages_and_of_seals)
{
	open_on(KIND_FOLDER);
	lay("index.html", "");
	lay("no package/file", "");
	lay("ALPHA/manifests/2.0.json", "");
	lay("PKG/manifests/0.9.json", "");
	lay("PKG/manifests/notes.txt", "");
	struct told told = inspect_well((struct inspect_spec){.wish = INSPECT_PACKAGES});
	cr_assert_str_eq(told.names, "ALPHA;PKG;index.html;");
	told = inspect_well((struct inspect_spec){.wish = INSPECT_VERSIONS});
	cr_assert_str_eq(told.names, "0.9;1.0;");
	told = inspect_well((struct inspect_spec){.wish = INSPECT_VERSIONS, .package_id = "BETA"});
	cr_assert_not(told.result.found);
	cr_assert_str_eq(told.names, "");
	close_all();
}

Test(inspect_names, cannot_be_had_over_http)
{
	open_on(KIND_NGINX);
	struct told told = inspect((struct inspect_spec){.wish = INSPECT_PACKAGES});
	room_expect(&told.outcome, STATUS_REJECT, "dp_error");
	cr_assert_not(told.result.can_list);
	close_all();
}

/* ---- nothing is changed */

static char seen[8192];

static int note(const char *path, const struct stat *stat, int type, struct FTW *walk)
{
	size_t len = strlen(seen);

	(void)type, (void)walk;
	snprintf(seen + len, sizeof(seen) - len, "%s %lld %lld\n", path + strlen(base),
	        (long long)stat->st_size, (long long)stat->st_mtim.tv_nsec);
	return 0;
}

static char *look_around(void)
{
	seen[0] = '\0';
	cr_assert_eq(nftw(base, note, 16, FTW_PHYS), 0);
	return memory_text(seen);
}

ON_EACH_KIND(inspect_only, changes_nothing)
{
	struct timespec long_ago[2] = {{1000000, 0}, {1000000, 0}};
	char *upload = room_path(base, ".holdpoint/tmp/OLD@1.0");

	(void)kind;
	lay(".holdpoint/tmp/OLD@1.0/a-1/file", "an upload that a worker would expire");
	cr_assert_eq(utimensat(-1, upload, long_ago, 0), 0);
	lay("PKG/current.json", pointer);
	char *before = look_around();
	inspect_well((struct inspect_spec){.wish = INSPECT_IDENTITY});
	inspect_well((struct inspect_spec){.wish = INSPECT_POINTER});
	inspect_content();
	inspect((struct inspect_spec){.wish = INSPECT_PACKAGES});
	room_open(bench); /* once the former one has ended all it did */
	char *after = look_around();
	cr_assert_str_eq(after, before);
	free(before);
	free(after);
	free(upload);
}

/* ---- ending early */

Test(inspect_only, is_answered_once_where_it_is_canceled_or_closed)
{
	static struct told canceled, closed[20];
	uint64_t number;

	open_on(KIND_BAD);
	bad_dp_fault(server, "{\"fault\":\"hang\",\"method\":\"GET\"}");
	number = submit(
	        (struct inspect_spec){.wish = INSPECT_COPY, .content = true, .digest = manifest->digest},
	        &canceled);
	distribution_cancel(bench->distribution, number);
	distribution_cancel(bench->distribution, number);
	room_await(&canceled.outcome, "a canceled inspection");
	room_expect(&canceled.outcome, STATUS_RETRY, "canceled");
	for (size_t i = 0; i < sizeof(closed) / sizeof(*closed); i++)
		submit(
		        (struct inspect_spec){
		                .wish = INSPECT_COPY, .content = true, .digest = manifest->digest},
		        &closed[i]);
	distribution_close(bench->distribution);
	bench->distribution = NULL;
	for (size_t i = 0; i < sizeof(closed) / sizeof(*closed); i++)
		cr_assert_eq(closed[i].outcome.ended, 1);
	close_all();
}
