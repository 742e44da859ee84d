#include "room_bench.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/memory.h"
#include "distribution/catalogue.h"
#include "distribution/url.h"
#include "file_bench.h"
#include "schemas/manifest.h"
#include "tests/suites/driver_suite.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { DEADLINE_S = 30, TEXT_MAX = 1 << 16, NOISE = 3000000 };

static const char dp_id[] = "0b2f7c1e-0000-4000-8000-000000000001";

char *room_path(const char *folder, const char *format, ...)
{
	char below[2048];
	va_list args;

	va_start(args, format);
	vsnprintf(below, sizeof(below), format, args);
	va_end(args);
	return memory_format("%s/%s", folder, below);
}

struct room_bench *room_bench_new(void)
{
	struct room_bench *bench = memory_alloc(sizeof(*bench));

	bench->home = scratch_folder();
	bench->sources = room_path(bench->home, "sources");
	bench->dp_id = memory_text(dp_id);
	mkdir(bench->sources, 0755);
	buffer_init(&bench->points, TEXT_MAX);
	buffer_init(&bench->prefixes, TEXT_MAX);
	char *prefix = memory_format("file://%s/", bench->sources);
	room_source(bench, prefix);
	free(prefix);
	return bench;
}

void room_bench_close(struct room_bench *bench)
{
	distribution_close(bench->distribution);
	scratch_remove(bench->home);
	buffer_release(&bench->points);
	buffer_release(&bench->prefixes);
	free(bench->home);
	free(bench->sources);
	free(bench->dp_id);
	free(bench);
}

static void add_point(struct room_bench *bench, const char *name, const char *url, const char *folder)
{
	char *path = room_path(folder, ".holdpoint/dp.json");
	char *text = memory_format("{\"dp_id\":\"%s\"}", bench->dp_id);

	scratch_write(path, text);
	buffer_add_format(&bench->points, "%s{\"name\":\"%s\",\"url\":\"%s\"%s}",
	        bench->points.len ? "," : "", name, url, bench->point_options ? bench->point_options : "");
	free(path);
	free(text);
}

const char *room_file_point(struct room_bench *bench, const char *name)
{
	char *folder = room_path(bench->home, "%s", name);
	char *url = memory_format("file://%s/", folder);
	static char kept[8][512];
	static int count;

	add_point(bench, name, url, folder);
	snprintf(kept[count % 8], sizeof(kept[0]), "%s", folder);
	free(folder);
	free(url);
	return kept[count++ % 8];
}

void room_http_point(struct room_bench *bench, const char *name, const struct server *server)
{
	add_point(bench, name, server->url, server->folder);
}

void room_source(struct room_bench *bench, const char *prefix)
{
	buffer_add_format(&bench->prefixes, "%s{\"prefix\":\"%s\"}", bench->prefixes.len ? "," : "", prefix);
}

static struct catalogue *make_catalogue(struct room_bench *bench)
{
	char *json = memory_format("{\"distribution_points\":[%s],\"sources\":[%s]}",
	        bench->points.data ? bench->points.data : "", bench->prefixes.data);
	struct catalogue *catalogue;
	struct error err;

	cr_assert_eq(catalogue_parse(view_text(json), "/", &catalogue, &err), STATUS_OK, "%s", err.message);
	free(json);
	return catalogue;
}

void room_open(struct room_bench *bench)
{
	struct distribution_options options = {.spool_dir = bench->home,
	        .spool_bytes_max = bench->spool_bytes_max,
	        .connect_timeout_ms = 1000,
	        .stall_timeout_ms = 1000,
	        .read_only = bench->read_only};
	struct error err;

	distribution_close(bench->distribution);
	cr_assert_eq(distribution_open(&options, make_catalogue(bench), &bench->distribution, &err),
	        STATUS_OK, "%s", err.message);
}

void room_reload_catalogue(struct room_bench *bench)
{
	distribution_reload(bench->distribution, make_catalogue(bench));
}

/* ---- content */

static void add_file(struct room_bench *bench, struct manifest_file *file, const char *prefix,
        const char *path, const char *content)
{
	struct view bytes = content ? view_text(content) : bench_bytes(NOISE);
	size_t len = strlen(path);

	file->executable = path[len - 1] == '*';
	file->path = memory_copy(path, len - file->executable);
	file->size = bytes.len;
	digest_of(bytes, file->digest);
	char *at = room_path(bench->sources, "%s", file->path);
	scratch_write(at, "");
	int fd = open(at, O_WRONLY | O_TRUNC);
	cr_assert_eq(write(fd, bytes.data, bytes.len), (ssize_t)bytes.len);
	close(fd);
	char *escaped = url_escape_path(prefix ? file->path : at);
	file->url = prefix ? memory_format("%s%s", prefix, escaped) : memory_format("file://%s", escaped);
	free(escaped);
	free(at);
}

static struct manifest *make_manifest(struct room_bench *bench, const char *prefix, va_list args)
{
	struct manifest_file *files = memory_alloc(64 * sizeof(*files));
	struct manifest *manifest;
	struct error err;
	size_t count = 0;

	for (const char *path = va_arg(args, const char *); path; path = va_arg(args, const char *))
		add_file(bench, &files[count++], prefix, path, va_arg(args, const char *));
	cr_assert_eq(manifest_new(files, count, "content", &manifest, &err), STATUS_OK, "%s", err.message);
	return manifest;
}

struct manifest *room_manifest_of_many(struct room_bench *bench, size_t count)
{
	struct manifest_file *files = memory_alloc(count * sizeof(*files));
	struct manifest *manifest;
	char path[64], content[64];
	struct error err;

	for (size_t i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "d%zu/f%zu", i / 50, i);
		snprintf(content, sizeof(content), "file %zu", i);
		add_file(bench, &files[i], NULL, path, content);
	}
	cr_assert_eq(manifest_new(files, count, "content", &manifest, &err), STATUS_OK, "%s", err.message);
	return manifest;
}

struct manifest *room_manifest(struct room_bench *bench, ...)
{
	va_list args;

	va_start(args, bench);
	struct manifest *manifest = make_manifest(bench, NULL, args);
	va_end(args);
	return manifest;
}

struct manifest *room_manifest_at(struct room_bench *bench, const char *prefix, ...)
{
	va_list args;

	va_start(args, prefix);
	struct manifest *manifest = make_manifest(bench, prefix, args);
	va_end(args);
	return manifest;
}

/* ---- works */

static void end(struct outcome *outcome)
{
	outcome->ended++;
	pthread_cond_broadcast(&outcome->changed);
	pthread_mutex_unlock(&outcome->lock);
}

static void on_transfer(const struct transfer_result *result, void *context)
{
	struct outcome *outcome = context;

	pthread_mutex_lock(&outcome->lock);
	outcome->err = result->err;
	outcome->err.status = result->status;
	snprintf(outcome->dp_id, sizeof(outcome->dp_id), "%s", result->dp_id ? result->dp_id : "");
	snprintf(
	        outcome->replaces, sizeof(outcome->replaces), "%s", result->replaces ? result->replaces : "");
	snprintf(outcome->read_back, sizeof(outcome->read_back), "%s", result->read_back);
	outcome->files = result->files;
	outcome->bytes = result->bytes;
	outcome->bytes_sent = result->bytes_sent;
	outcome->retry_after_ms = result->retry_after_ms;
	end(outcome);
}

struct transfer_spec room_spec(struct room_bench *bench, const char *point, const char *package,
        const char *version, struct manifest *manifest)
{
	static int attempts;
	static char attempt[64][32];
	int number = attempts++ % 64;

	snprintf(attempt[number], sizeof(attempt[0]), "nonce-%d", attempts);
	return (struct transfer_spec){.package_id = package,
	        .version = version,
	        .distribution_point = point,
	        .expected_dp_id = bench->dp_id,
	        .manifest = manifest,
	        .manifest_digest = manifest ? manifest->digest : NULL,
	        .attempt = attempt[number]};
}

uint64_t room_submit(struct room_bench *bench, struct transfer_spec spec, struct outcome *outcome)
{
	*outcome = (struct outcome){0};
	pthread_mutex_init(&outcome->lock, NULL);
	pthread_cond_init(&outcome->changed, NULL);
	spec.done = on_transfer;
	spec.context = outcome;
	return transfer_submit(bench->distribution, &spec);
}

void room_await(struct outcome *outcome, const char *what)
{
	struct timespec deadline;

	clock_gettime(CLOCK_REALTIME, &deadline);
	deadline.tv_sec += DEADLINE_S;
	pthread_mutex_lock(&outcome->lock);
	while (!outcome->ended)
		cr_assert(pthread_cond_timedwait(&outcome->changed, &outcome->lock, &deadline) == 0,
		        "waited %d s for %s", DEADLINE_S, what);
	cr_assert_eq(outcome->ended, 1, "%s ended %d times", what, outcome->ended);
	pthread_mutex_unlock(&outcome->lock);
}

bool room_has_ended(struct outcome *outcome)
{
	pthread_mutex_lock(&outcome->lock);
	bool ended = outcome->ended;
	pthread_mutex_unlock(&outcome->lock);
	return ended;
}

struct outcome room_stage(struct room_bench *bench, const char *point, const char *package,
        const char *version, struct manifest *manifest)
{
	struct outcome outcome;

	room_submit(bench, room_spec(bench, point, package, version, manifest), &outcome);
	room_await(&outcome, package);
	return outcome;
}

void room_expect(const struct outcome *outcome, enum status status, const char *code)
{
	cr_assert_eq(outcome->err.status, status, "status %d, %s: %s", outcome->err.status, outcome->err.code,
	        outcome->err.message);
	if (code)
		cr_assert_str_eq(outcome->err.code, code, "%s, not %s: %s", outcome->err.code, code,
		        outcome->err.message);
}

/* ---- what lies there */

static void expect_file(const char *path, const struct manifest_file *file)
{
	struct digest_stream *stream = digest_start();
	char digest[DIGEST_SIZE], piece[65536];
	int fd = open(path, O_RDONLY);
	ssize_t got;

	cr_assert(fd >= 0, "%s: %s", path, strerror(errno));
	while ((got = read(fd, piece, sizeof(piece))) > 0)
		digest_add(stream, piece, (size_t)got);
	close(fd);
	digest_finish(stream, digest);
	cr_assert_str_eq(digest, file->digest, "%s", path);
}

void room_expect_staged(
        const char *folder, const char *package, const char *version, const struct manifest *manifest)
{
	char *seal = room_path(folder, "%s/manifests/%s.json", package, version);
	struct manifest_file sealed = {0};

	for (size_t i = 0; i < manifest->count; i++) {
		char *path = room_path(folder, "%s/content/%s/%s", package, version, manifest->files[i].path);
		expect_file(path, &manifest->files[i]);
		free(path);
	}
	memcpy(sealed.digest, manifest->digest, DIGEST_SIZE);
	expect_file(seal, &sealed);
	free(seal);
}

void room_expect_unsealed(const char *folder, const char *package, const char *version)
{
	char *seal = room_path(folder, "%s/manifests/%s.json", package, version);
	char *text = scratch_read(seal);

	cr_assert_null(text, "%s is there: %s", seal, text);
	free(seal);
}
