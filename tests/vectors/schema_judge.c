/* Shows how the codecs judge, for test_vectors.py to compare with the JSON Schemas.
 *
 *	schema_judge RECORD [--key KEY | --no-key | --no-value] FILE…
 *		one line a file: "accept", or "reject CODE MESSAGE". Without --key, a record's key is its own
 *package_id. schema_judge --samples one line a record as it is written: its schema's name, a tab, the JSON */
#include "distribution/catalogue.h"
#include "schemas/current.h"
#include "schemas/job.h"
#include "schemas/json.h"
#include "schemas/status.h"
#include "schemas/updated.h"
#include "tests/vectors/samples.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum status judge_job(struct view key, struct view value, struct error *err)
{
	struct job_hint hint;
	struct job *job = NULL;
	enum status status = job_parse(key, value, &job, &hint, err);

	job_free(job);
	return status;
}

static enum status judge_manifest(struct view key, struct view value, struct error *err)
{
	struct manifest *manifest = NULL;
	enum status status = manifest_parse(value, NULL, &manifest, err);

	(void)key;
	manifest_unref(manifest);
	return status;
}

static enum status judge_staged(struct view key, struct view value, struct error *err)
{
	struct staged_record *record = NULL;
	enum status status = staged_parse(key, value, &record, err);

	staged_free(record);
	return status;
}

static enum status judge_updated(struct view key, struct view value, struct error *err)
{
	struct updated_record *record = NULL;
	enum status status = updated_parse(value, &record, err);

	(void)key;
	updated_free(record);
	return status;
}

static enum status judge_current(struct view key, struct view value, struct error *err)
{
	struct current *current = NULL;
	enum status status = current_parse(value, &current, err);

	(void)key;
	current_free(current);
	return status;
}

static enum status judge_status(struct view key, struct view value, struct error *err)
{
	struct status_event event;

	(void)key;
	return status_parse(value, &event, err);
}

static enum status judge_catalogue(struct view key, struct view value, struct error *err)
{
	struct catalogue *catalogue = NULL;
	enum status status = catalogue_parse(value, NULL, &catalogue, err);

	(void)key;
	catalogue_unref(catalogue);
	return status;
}

static const struct judge {
	const char *record;
	enum status (*judge)(struct view key, struct view value, struct error *err);
} judges[] = {
        {"job", judge_job},
        {"manifest", judge_manifest},
        {"staged", judge_staged},
        {"updated", judge_updated},
        {"current", judge_current},
        {"status", judge_status},
        {"progress", judge_status},
        {"catalogue", judge_catalogue},
};

static void read_file(const char *path, struct buffer *out)
{
	char part[65536];
	size_t len;
	FILE *file = fopen(path, "rb");

	if (!file) {
		perror(path);
		exit(2);
	}
	while ((len = fread(part, 1, sizeof(part), file)) > 0)
		buffer_add(out, part, len);
	fclose(file);
}

/* The package_id that the record itself names, so that most cases need no key of their own. */
static struct view own_key(struct view value, struct buffer *key)
{
	struct json json;
	struct json_node root;
	struct error err;

	buffer_clear(key);
	if (json_open(&json, value, SIZE_MAX, &root, &err) == STATUS_OK) {
		struct view package_id = json_peek_text(&root, "package_id");
		buffer_add(key, package_id.data, package_id.len);
		json_close(&json);
	}
	return buffer_view(key);
}

static void judge_file(const struct judge *judge, const char *option, const char *given_key, const char *path)
{
	struct error err = {.code = ""};
	struct buffer value, own;
	struct view key = {NULL, 0};

	buffer_init(&value, 64 << 20);
	buffer_init(&own, 1 << 20);
	read_file(path, &value);
	if (given_key)
		key = view_text(given_key);
	else if (strcmp(option, "--no-key") != 0)
		key = own_key(buffer_view(&value), &own);
	struct view shown = strcmp(option, "--no-value") == 0 ? (struct view){NULL, 0} : buffer_view(&value);
	if (judge->judge(key, shown, &err) == STATUS_OK)
		puts("accept");
	else
		printf("reject %s %s\n", err.code, err.message);
	buffer_release(&value);
	buffer_release(&own);
}

int main(int argc, char **argv)
{
	const char *option = "", *key = NULL;
	int first = 2;

	if (argc == 2 && strcmp(argv[1], "--samples") == 0) {
		samples_print();
		return 0;
	}
	if (argc > 2 && strncmp(argv[2], "--", 2) == 0)
		option = argv[first++];
	if (strcmp(option, "--key") == 0 && argc > first)
		key = argv[first++];
	for (size_t i = 0; argc > first && i < sizeof(judges) / sizeof(*judges); i++) {
		if (strcmp(argv[1], judges[i].record) != 0)
			continue;
		for (; first < argc; first++)
			judge_file(&judges[i], option, key, argv[first]);
		return 0;
	}
	fputs("schema_judge RECORD [--key KEY | --no-key | --no-value] FILE…, or schema_judge --samples\n",
	        stderr);
	return 2;
}
