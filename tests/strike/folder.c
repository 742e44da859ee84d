/* Stages two versions of a package on a folder and makes each current there, by the distribution room's door:
 * no Kafka, no workers.
 *
 *   strike_folder CATALOGUE CONTENTS RUN
 *
 * CONTENTS is a folder with a job's "content" in 1.0.json and 2.0.json; RUN is a word that no other run on
 * that folder has. What fails is tried again a few times. Says on standard output, a line each, what it holds
 * to be true: staged VERSION, current VERSION, newer VERSION (a later one than VERSION is current), or why
 * not. */
#include "base/memory.h"
#include "distribution/catalogue.h"
#include "distribution/distribution.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TRIES_MAX = 6 };

static const char dp_id[] = "6f1d8f0a-6a55-4a0c-8d0c-5f2a1d7a7c11";
static const char *const versions[] = {"1.0", "2.0"};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool ended, is_well;

static void must(enum status status, const struct error *err)
{
	if (status == STATUS_OK)
		return;
	fprintf(stderr, "strike_folder: %s: %s\n", err->code, err->message);
	exit(1);
}

static void end(bool well)
{
	pthread_mutex_lock(&lock);
	ended = true;
	is_well = well;
	pthread_cond_signal(&changed);
	pthread_mutex_unlock(&lock);
}

static bool wait_for_end(void)
{
	pthread_mutex_lock(&lock);
	while (!ended)
		pthread_cond_wait(&changed, &lock);
	ended = false;
	pthread_mutex_unlock(&lock);
	return is_well;
}

static void say_why_not(const char *what, const char *version, const struct error *err)
{
	printf("not %s %s: %s: %s\n", what, version, err->code, err->message);
}

static void staged(const struct transfer_result *result, void *version)
{
	if (result->status == STATUS_OK)
		printf("staged %s\n", (const char *)version);
	else
		say_why_not("staged", version, &result->err);
	end(result->status == STATUS_OK);
}

static void switched(const struct pointer_result *result, void *version)
{
	if (result->outcome == POINTER_UNKNOWN)
		say_why_not("current", version, &result->err);
	else
		printf("%s %s\n", result->outcome == POINTER_IS_WANTED ? "current" : "newer",
		        (const char *)version);
	end(result->outcome != POINTER_UNKNOWN);
}

static bool stage(
        struct distribution *distribution, struct manifest *manifest, size_t number, const char *attempt)
{
	transfer_submit(distribution, &(struct transfer_spec){.package_id = "PKG",
	                                      .version = versions[number],
	                                      .distribution_point = "paris",
	                                      .expected_dp_id = dp_id,
	                                      .manifest = manifest,
	                                      .manifest_digest = manifest->digest,
	                                      .attempt = attempt,
	                                      .base_version = number ? versions[number - 1] : NULL,
	                                      .done = staged,
	                                      .context = (void *)versions[number]});
	return wait_for_end();
}

static bool make_current(struct distribution *distribution, struct manifest *manifest, size_t number)
{
	pointer_submit(distribution, &(struct pointer_spec){.wish = POINTER_SWITCH,
	                                     .package_id = "PKG",
	                                     .version = versions[number],
	                                     .distribution_point = "paris",
	                                     .dp_id = dp_id,
	                                     .digest = manifest->digest,
	                                     .release_id = number ? "release-2" : "release-1",
	                                     .log_id = "log",
	                                     .fence = (int64_t)number + 1,
	                                     .done = switched,
	                                     .context = (void *)versions[number]});
	return wait_for_end();
}

static struct manifest *read_content(const char *folder, const char *version)
{
	char *path = memory_format("%s/%s.json", folder, version), text[4096];
	FILE *file = fopen(path, "re");
	size_t len = file ? fread(text, 1, sizeof(text), file) : 0;
	struct manifest *manifest;
	struct error err;

	must(manifest_parse((struct view){text, len}, NULL, &manifest, &err), &err);
	fclose(file);
	free(path);
	return manifest;
}

int main(int argc, char **argv)
{
	struct catalogue *catalogue;
	struct distribution *distribution;
	struct error err;

	if (argc != 4) {
		fprintf(stderr, "usage: strike_folder CATALOGUE CONTENTS RUN\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0); /* what was said stays said, whatever kills this */
	must(catalogue_load(argv[1], &catalogue, &err), &err);
	must(distribution_open(&(struct distribution_options){0}, catalogue, &distribution, &err), &err);
	for (size_t number = 0; number < 2; number++) {
		struct manifest *manifest = read_content(argv[2], versions[number]);
		bool is_staged = false, is_current = false;
		for (int try = 0; try < TRIES_MAX && !is_staged; try++) {
			char *attempt = memory_format("%s-%zu-%d", argv[3], number, try);
			is_staged = stage(distribution, manifest, number, attempt);
			free(attempt);
		}
		/* also where it is not staged: then it must be refused */
		for (int try = 0; try < TRIES_MAX && !is_current; try++)
			is_current = make_current(distribution, manifest, number);
		manifest_unref(manifest);
	}
	distribution_close(distribution);
	return 0;
}
