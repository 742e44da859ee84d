#include "fakes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void effects_want(struct effects *effects, struct view tag, struct view lane, bool early)
{
	buffer_add_format(&effects->list, "%.*s@%.*s%s ", (int)tag.len, tag.data, (int)lane.len, lane.data,
	        early ? "!" : "");
}

void completion_deliver(struct completion *token, void *result, void (*free_result)(void *result))
{
	token->delivered++;
	token->result = result;
	token->free_result = free_result;
}

void worker_notice(struct worker *worker, const char *name, struct view notice)
{
	snprintf(worker->notice_name, sizeof(worker->notice_name), "%s", name);
	buffer_clear(&worker->noticed);
	buffer_add(&worker->noticed, notice.data, notice.len);
}

void worker_tell(struct worker *worker, struct view key, struct view value)
{
	(void)key;
	buffer_clear(&worker->told);
	buffer_add(&worker->told, value.data, value.len);
}

static const char *or_none(const char *text)
{
	return text == NULL ? "-" : text;
}

uint64_t transfer_submit(struct distribution *distribution, const struct transfer_spec *spec)
{
	snprintf(distribution->text, sizeof(distribution->text), "%s %s %s %s %s %s %s", spec->package_id,
	        spec->version, spec->distribution_point, or_none(spec->expected_dp_id),
	        or_none(spec->manifest_url), spec->manifest_digest, or_none(spec->base_version));
	snprintf(distribution->attempt, sizeof(distribution->attempt), "%s", spec->attempt);
	manifest_unref(distribution->manifest);
	distribution->manifest = spec->manifest == NULL ? NULL : manifest_ref(spec->manifest);
	distribution->spec = *spec;
	distribution->submitted++;
	return 77;
}

void distribution_cancel(struct distribution *distribution, uint64_t submission)
{
	distribution->canceled = submission;
}

void distribution_close(struct distribution *distribution)
{
	distribution->closed++;
	manifest_unref(distribution->manifest);
	distribution->manifest = NULL;
}

void distribution_reload(struct distribution *distribution, struct catalogue *catalogue)
{
	(void)distribution;
	catalogue_unref(catalogue);
}

void distribution_watch(struct distribution *distribution, int64_t interval_ms,
        void (*seen)(const struct identity_seen *seen, void *context), void *context)
{
	(void)interval_ms;
	distribution->seen = seen;
	distribution->seen_context = context;
}
