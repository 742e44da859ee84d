/* What is read from topics. What is accepted and written again reads the same. */
#include "fuzz.h"

#include "schemas/job.h"
#include "schemas/status.h"
#include "schemas/updated.h"

#include <string.h>

enum { WRITTEN_MAX = 8 << 20 };

/* ---- job */

static struct job *job_of(struct view value)
{
	struct job *job = NULL;
	struct job_hint hint;
	struct error err = {0};
	enum status status = job_parse(view_text("PKG00042"), value, &job, &hint, &err);

	if (status != STATUS_OK && strcmp(err.code, "key_mismatch") == 0)
		status = job_parse(view_text(hint.package_id), value, &job, &hint, &err);
	fuzz_note_status(status, &err);
	fuzz_require(status == STATUS_OK || (status == STATUS_REJECT && err.code[0] && err.message[0]));
	fuzz_require((status == STATUS_OK) == (job != NULL));
	return job;
}

static void check_job(const struct job *job)
{
	fuzz_require(job->package_id[0] && job->version[0]);
	fuzz_require(job->type == JOB_UPDATE || job->manifest_digest[0]);
	fuzz_require(!job->manifest || strcmp(job->manifest->digest, job->manifest_digest) == 0);
	fuzz_require(job->distribution_point_count <= JOB_TARGETS_MAX);
	fuzz_require(!job->job_id || job->job_id[0] != '@');
}

void fuzz_job(struct view input)
{
	struct job *job = job_of(input), *again;
	struct buffer first, second;

	if (!job)
		return;
	check_job(job);
	buffer_init(&first, WRITTEN_MAX);
	buffer_init(&second, WRITTEN_MAX);
	job_write(job, &first);
	fuzz_note(buffer_view(&first));
	again = first.len > JOB_VALUE_MAX ? NULL : job_of(buffer_view(&first));
	fuzz_require(again || first.len > JOB_VALUE_MAX);
	if (again) {
		job_write(again, &second);
		fuzz_require(view_equal(buffer_view(&first), buffer_view(&second)));
	}
	job_free(job);
	job_free(again);
	buffer_release(&first);
	buffer_release(&second);
}

/* ---- the others */

void fuzz_staged(struct view input)
{
	struct staged_record *record = NULL, *again = NULL;
	struct buffer first, second;
	struct error err;

	enum status status = staged_parse((struct view){0}, input, &record, &err);
	fuzz_note_status(status, &err);
	if (status != STATUS_OK)
		return;
	buffer_init(&first, WRITTEN_MAX);
	buffer_init(&second, WRITTEN_MAX);
	staged_write(record, &first);
	fuzz_note(buffer_view(&first));
	fuzz_require(staged_parse((struct view){0}, buffer_view(&first), &again, &err) == STATUS_OK);
	staged_write(again, &second);
	fuzz_require(view_equal(buffer_view(&first), buffer_view(&second)));
	staged_free(record);
	staged_free(again);
	buffer_release(&first);
	buffer_release(&second);
}

void fuzz_updated(struct view input)
{
	struct updated_record *record = NULL, *again = NULL;
	struct buffer first, second;
	struct error err;

	enum status status = updated_parse(input, &record, &err);
	fuzz_note_status(status, &err);
	if (status != STATUS_OK)
		return;
	buffer_init(&first, WRITTEN_MAX);
	buffer_init(&second, WRITTEN_MAX);
	updated_write(record, &first);
	fuzz_note(buffer_view(&first));
	fuzz_require(updated_parse(buffer_view(&first), &again, &err) == STATUS_OK);
	updated_write(again, &second);
	fuzz_require(view_equal(buffer_view(&first), buffer_view(&second)));
	updated_free(record);
	updated_free(again);
	buffer_release(&first);
	buffer_release(&second);
}

void fuzz_status(struct view input)
{
	struct status_event event;
	struct error err;

	enum status status = status_parse(input, &event, &err);
	fuzz_note_status(status, &err);
	if (status != STATUS_OK)
		return;
	fuzz_note(view_text(event.type));
	fuzz_note(view_text(event.detail));
	fuzz_require(memchr(event.type, '\0', sizeof(event.type)));
	fuzz_require(memchr(event.detail, '\0', sizeof(event.detail)));
	fuzz_require(memchr(event.package_id, '\0', sizeof(event.package_id)));
}
