/* Stages one version on one distribution point, by the distribution room's door: no Kafka, no stager.
 *
 *   guard_content CATALOGUE POINT PACKAGE VERSION BASE
 *
 * BASE is a version that lies there already, or -. The content (a job's "content") comes on standard input.
 * Prints the bytes of files that were sent. */
#include "base/memory.h"
#include "distribution/catalogue.h"
#include "distribution/distribution.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool ended;

static void must(enum status status, const struct error *err)
{
	if (status == STATUS_OK)
		return;
	fprintf(stderr, "guard_content: %s: %s\n", err->code, err->message);
	exit(1);
}

static void done(const struct transfer_result *result, void *context)
{
	(void)context;
	must(result->status, &result->err);
	printf("%llu\n", (unsigned long long)result->bytes_sent);
	pthread_mutex_lock(&lock);
	ended = true;
	pthread_cond_signal(&changed);
	pthread_mutex_unlock(&lock);
}

static struct manifest *read_content(void)
{
	struct buffer text;
	struct manifest *manifest;
	struct error err;
	char piece[65536];
	size_t got;

	buffer_init(&text, MANIFEST_BYTES_MAX);
	while ((got = fread(piece, 1, sizeof(piece), stdin)) > 0)
		buffer_add(&text, piece, got);
	must(manifest_parse(buffer_view(&text), NULL, &manifest, &err), &err);
	buffer_release(&text);
	return manifest;
}

int main(int argc, char **argv)
{
	struct catalogue *catalogue;
	struct distribution *distribution;
	struct error err;

	if (argc != 6) {
		fprintf(stderr, "usage: guard_content CATALOGUE POINT PACKAGE VERSION BASE\n");
		return 2;
	}
	struct manifest *manifest = read_content();

	must(catalogue_load(argv[1], &catalogue, &err), &err);
	must(distribution_open(&(struct distribution_options){0}, catalogue, &distribution, &err), &err);
	transfer_submit(distribution, &(struct transfer_spec){.package_id = argv[3],
	                                      .version = argv[4],
	                                      .distribution_point = argv[2],
	                                      .manifest = manifest,
	                                      .manifest_digest = manifest->digest,
	                                      .attempt = "0123456789abcdef0123456789abcdef-1",
	                                      .base_version = strcmp(argv[5], "-") == 0 ? NULL : argv[5],
	                                      .done = done});
	pthread_mutex_lock(&lock);
	while (!ended)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
	distribution_close(distribution);
	manifest_unref(manifest);
	return 0;
}
