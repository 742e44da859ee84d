/* Stages tiny packages on a folder and makes them current there, by the distribution room's door: no Kafka,
 * no workers.
 *
 *   guard_folder COUNT WIDTH BASE SOURCES
 *
 * WIDTH packages are under way at a time. BASE is made a distribution point; SOURCES gets a file for each.
 * Prints the CPU time of a package's staging and of its switch, in microseconds. */
#include "base/bytes.h"
#include "base/memory.h"
#include "distribution/catalogue.h"
#include "distribution/distribution.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char dp_id[] = "6f1d8f0a-6a55-4a0c-8d0c-5f2a1d7a7c11";

struct package {
	char name[32], attempt[64], release_id[32];
	struct manifest *manifest;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static size_t under_way, width;
static struct distribution *distribution;

static void must(bool good, const char *what, const struct error *err)
{
	if (good)
		return;
	fprintf(stderr, "guard_folder: %s: %s\n", what, err ? err->message : "failed");
	exit(1);
}

static void leave(void)
{
	pthread_mutex_lock(&lock);
	under_way--;
	pthread_cond_signal(&changed);
	pthread_mutex_unlock(&lock);
}

static void wait_until_at_most(size_t most)
{
	pthread_mutex_lock(&lock);
	while (under_way > most)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
}

static void enter(void)
{
	wait_until_at_most(width - 1);
	pthread_mutex_lock(&lock);
	under_way++;
	pthread_mutex_unlock(&lock);
}

static void staged(const struct transfer_result *result, void *context)
{
	(void)context;
	must(result->status == STATUS_OK, "staging", &result->err);
	leave();
}

static void switched(const struct pointer_result *result, void *context)
{
	(void)context;
	must(result->outcome == POINTER_IS_WANTED, "switching", &result->err);
	leave();
}

static void stage(struct package *package)
{
	enter();
	transfer_submit(distribution, &(struct transfer_spec){.package_id = package->name,
	                                      .version = "1.0",
	                                      .distribution_point = "paris",
	                                      .manifest = package->manifest,
	                                      .manifest_digest = package->manifest->digest,
	                                      .attempt = package->attempt,
	                                      .done = staged});
}

static void switch_to(struct package *package)
{
	enter();
	pointer_submit(distribution, &(struct pointer_spec){.wish = POINTER_SWITCH,
	                                     .package_id = package->name,
	                                     .version = "1.0",
	                                     .distribution_point = "paris",
	                                     .dp_id = dp_id,
	                                     .digest = package->manifest->digest,
	                                     .release_id = package->release_id,
	                                     .log_id = "log",
	                                     .fence = 1,
	                                     .done = switched});
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	must(file && fputs(text, file) >= 0 && fclose(file) == 0, path, NULL);
}

static void make_package(struct package *package, size_t number, const char *sources)
{
	struct manifest_file *file = memory_alloc(sizeof(*file));
	char *path = memory_format("%s/tool%zu", sources, number);
	struct error err;

	write_file(path, path);
	snprintf(package->name, sizeof(package->name), "PKG%06zu", number);
	snprintf(package->attempt, sizeof(package->attempt), "0123456789abcdef0123456789abcdef-%zu", number);
	snprintf(package->release_id, sizeof(package->release_id), "release-%zu", number);
	file->path = memory_text("tool");
	file->size = strlen(path);
	digest_of(view_text(path), file->digest);
	file->url = memory_format("file://%s", path);
	must(manifest_new(file, 1, "content", &package->manifest, &err) == STATUS_OK, "manifest", &err);
	free(path);
}

static void open_on(const char *base, const char *sources)
{
	char *json = memory_format(
	        "{\"distribution_points\":[{\"name\":\"paris\",\"url\":\"file://%s/\"}],\"sources\":[{"
	        "\"prefix\":\"file://%s/\"}]}",
	        base, sources);
	char *folder = memory_format("%s/.holdpoint", base), *path = memory_format("%s/dp.json", folder);
	char *identity = memory_format("{\"dp_id\":\"%s\"}", dp_id);
	struct catalogue *catalogue;
	struct error err;

	must(mkdir(folder, 0755) == 0 || access(path, F_OK) == 0, folder, NULL);
	if (access(path, F_OK))
		write_file(path, identity);
	must(catalogue_parse(view_text(json), "/", &catalogue, &err) == STATUS_OK, "catalogue", &err);
	must(distribution_open(&(struct distribution_options){0}, catalogue, &distribution, &err) ==
	                STATUS_OK,
	        "opening", &err);
	free(json);
	free(folder);
	free(path);
	free(identity);
}

/* CPU microseconds each of act on all packages. */
static double measure(struct package *packages, size_t count, void (*act)(struct package *package))
{
	clock_t before = clock();

	for (size_t i = 0; i < count; i++)
		act(&packages[i]);
	wait_until_at_most(0);
	return (double)(clock() - before) * 1e6 / CLOCKS_PER_SEC / (double)count;
}

int main(int argc, char **argv)
{
	if (argc != 5) {
		fprintf(stderr, "usage: guard_folder COUNT WIDTH BASE SOURCES\n");
		return 2;
	}
	size_t count = strtoul(argv[1], NULL, 10);
	struct package *packages = memory_alloc(count * sizeof(*packages));

	width = strtoul(argv[2], NULL, 10);
	open_on(argv[3], argv[4]);
	for (size_t i = 0; i < count; i++)
		make_package(&packages[i], i, argv[4]);
	double staging = measure(packages, count, stage), switching = measure(packages, count, switch_to);
	printf("{\"staging\": %.0f, \"switching\": %.0f}\n", staging, switching);
	distribution_close(distribution);
	for (size_t i = 0; i < count; i++)
		manifest_unref(packages[i].manifest);
	free(packages);
	return 0;
}
