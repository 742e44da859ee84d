/* What a version contains: the job that was accepted for it says so, and every staged event of it. */
#include "auditor/verify/verify_room.h"
#include "schemas/manifest.h"

uint64_t content_print(const struct verify *verify, const struct fact *fact)
{
	struct manifest *manifest;
	struct error err;

	if (fact->digest.data)
		return print_of(verify, fact->digest);
	if (!fact->content.data || manifest_parse(fact->content, NULL, &manifest, &err) != STATUS_OK)
		return 0;
	uint64_t print = print_of(verify, view_text(manifest->digest));
	manifest_unref(manifest);
	return print;
}

void version_learn(struct verify *verify, const struct tracked *job)
{
	int32_t partition = job->position.partition;
	struct version *version;

	if (!job->content)
		return;
	version = fingerprints_need(&verify->here->versions, job->version);
	if (version->digest && version->digest != job->content && version->from_job) {
		violate_at(verify, VIOLATION_ANSWER_DIFFERS, LOG_STATUS,
		        (struct position){partition, job->accepted}, job->accepted_ms,
		        "the job that it accepts brings another content than the one at jobs/%d@%lld brought "
		        "for "
		        "the same version",
		        (int)partition, (long long)version->offset);
		return;
	}
	if (version->digest && version->digest != job->content && version->offset >= 0)
		violate_at(verify, VIOLATION_DIGEST_CHANGED, LOG_STAGED,
		        (struct position){partition, version->offset}, version->time_ms,
		        "the job at jobs/%d@%lld brings another content for this version", (int)partition,
		        (long long)job->position.offset);
	version->digest = job->content;
	if (!version->from_job)
		version->offset = job->position.offset;
	version->from_job = true;
}

/* The log does not say which of the two staged events is wrong: both are named. */
static void violate_both(struct verify *verify, const struct fact *fact, struct version *version)
{
	if (version->offset >= 0)
		violate_at(verify, VIOLATION_DIGEST_CHANGED, LOG_STAGED,
		        (struct position){fact->position.partition, version->offset}, version->time_ms,
		        "version %.*s of %.*s was staged with another content at offset %lld",
		        SHOWN(fact->version), SHOWN(fact->package), (long long)fact->position.offset);
	version->offset = -1;
	violate(verify, VIOLATION_DIGEST_CHANGED, fact,
	        "version %.*s of %.*s was staged with another content before, and now with %.*s",
	        SHOWN(fact->version), SHOWN(fact->package), SHOWN(fact->digest));
}

bool version_agrees(struct verify *verify, const struct fact *fact, uint64_t version_print)
{
	struct version *version = fingerprints_need(&verify->here->versions, version_print);
	uint64_t digest = print_of(verify, fact->digest);

	if (!version->digest) {
		version->digest = digest;
		version->offset = fact->position.offset;
		version->time_ms = fact->log_time_ms;
	}
	if (version->digest == digest)
		return true;
	if (version->from_job)
		violate(verify, VIOLATION_DIGEST_CHANGED, fact,
		        "the job at jobs/%d@%lld brings another content for version %.*s of %.*s than %.*s",
		        (int)fact->position.partition, (long long)version->offset, SHOWN(fact->version),
		        SHOWN(fact->package), SHOWN(fact->digest));
	else
		violate_both(verify, fact, version);
	return false;
}
