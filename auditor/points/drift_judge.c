/* What was seen against what is expected. */
#include "auditor/points/drift_room.h"

#include "base/memory.h"
#include "schemas/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_SIZE = 512 };

/* ---- a distribution point that cannot be looked at, or is another */

static void give_up(struct drift_point *point, enum drift_code why, const char *words)
{
	if (point->down)
		return;
	point->down = true;
	point->why = why;
	point->words = memory_text(words);
}

static bool is_out_of_reach(const struct error *err)
{
	static const char *const codes[] = {
	        "dp_unreachable", "dp_timeout", "dp_not_initialised", "dp_unknown", "canceled"};

	for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++)
		if (strcmp(err->code, codes[i]) == 0)
			return true;
	return false;
}

static void judge_identity(struct look *look)
{
	struct drift_point *point = look->point;

	if (look->status != STATUS_OK) {
		give_up(point, DRIFT_NOT_JUDGED, look->err.message);
		return;
	}
	point->known = true;
	point->can_list = look->can_list;
	snprintf(point->dp_id, sizeof(point->dp_id), "%s", look->dp_id);
	for (size_t i = 0; i < point->replaces_count; i++)
		free(point->replaces[i]);
	free(point->replaces);
	point->replaces = look->names;
	point->replaces_count = look->name_count;
	look->names = NULL;
	look->name_count = 0;
}

static bool replaces(const struct drift_point *point, const char *dp_id)
{
	for (size_t i = 0; i < point->replaces_count; i++)
		if (strcasecmp(point->replaces[i], dp_id) == 0)
			return true;
	return false;
}

/* Whether the record speaks of the distribution point that is there; else that is told. */
static bool is_of_this_point(
        struct drift *drift, struct look *look, const struct drift_finding *finding, const char *dp_id)
{
	struct drift_point *point = look->point;
	char words[256];

	if (!dp_id || strcasecmp(dp_id, point->dp_id) == 0)
		return true;
	if (replaces(point, dp_id)) {
		struct drift_finding lost = *finding;
		lost.code = DRIFT_MISSING;
		drift_tell(drift, look, &lost,
		        "it was on %s, whose content is confirmed lost (dp init --replace), and the log does "
		        "not "
		        "say yet that it came anew",
		        dp_id);
		return false;
	}
	if (!point->down) {
		point->place = finding->place;
		point->topic = finding->topic;
	}
	snprintf(words, sizeof(words),
	        "it says that it is %s, and the log speaks of %s: is another disk or server in its place",
	        point->dp_id, dp_id);
	give_up(point, DRIFT_DP_ID, words);
	point->passed_by++;
	return false;
}

/* Whether there is something to judge; a failure is told. */
static bool was_seen(struct drift *drift, struct look *look, struct drift_finding finding)
{
	if (look->status == STATUS_OK)
		return true;
	if (is_out_of_reach(&look->err)) {
		give_up(look->point, DRIFT_NOT_JUDGED, look->err.message);
		look->point->passed_by++;
		return false;
	}
	finding.code = DRIFT_NOT_JUDGED;
	drift_tell(drift, look, &finding, "%s", look->err.message);
	return false;
}

/* ---- pointers */

static void judge_link(struct drift *drift, struct look *look, struct drift_finding finding)
{
	char path[PATH_SIZE], wanted[PATH_SIZE];

	if (!look->can_list)
		return;
	snprintf(path, sizeof(path), "%s/current", look->package);
	snprintf(wanted, sizeof(wanted), "content/%s", finding.version);
	finding.path = path;
	if (!look->link) {
		finding.code = DRIFT_MISSING;
		drift_tell(drift, look, &finding, "the link beside the pointer is not there, or is no link");
	} else if (strcmp(look->link, wanted) != 0) {
		finding.code = DRIFT_DRIFT;
		drift_tell(drift, look, &finding, "the link leads to %s, not to %s", look->link, wanted);
	}
}

/* One that no updated record tells of. */
static void judge_unexpected(struct drift *drift, struct look *look, const struct expected_pointer *pointer,
        struct drift_finding finding)
{
	if (!look->found)
		return;
	finding.version = look->seen_version;
	if (pointer && look->seen_release && pointer->newest_release &&
	        strcmp(look->seen_release, pointer->newest_release) == 0) {
		finding.code = DRIFT_DRIFT;
		finding.topic = LOG_STAGED;
		finding.place = pointer->newest_place;
		drift_tell(drift, look, &finding,
		        "the pointer shows this release of version %s, and no updated record says so: is no "
		        "updater running",
		        look->seen_version);
		return;
	}
	finding.code = DRIFT_EXTRA;
	drift_tell(drift, look, &finding, "a pointer%s%s that no updated record tells of",
	        look->seen_version ? " to version " : "", look->seen_version ? look->seen_version : "");
}

static void judge_other_release(struct drift *drift, struct look *look,
        const struct expected_pointer *pointer, struct drift_finding finding)
{
	bool is_newest = pointer->newest_release && strcmp(look->seen_release, pointer->newest_release) == 0;

	finding.code = DRIFT_DRIFT;
	drift_tell(drift, look, &finding, "the pointer shows version %s by release %s%s, not %s by %s",
	        look->seen_version, look->seen_release,
	        is_newest ? " (the newest, of which no updated record says that it is current: is no updater "
	                    "running)"
	                  : "",
	        pointer->version, pointer->release_id);
}

static void judge_pointer(struct drift *drift, struct look *look)
{
	const struct expected_pointer *pointer =
	        expected_pointer_find(drift->expected, look->package, look->point->name);
	char path[PATH_SIZE];
	struct drift_finding finding = {.point = look->point->name,
	        .package = look->package,
	        .version = pointer ? pointer->version : NULL,
	        .path = path,
	        .topic = LOG_UPDATED,
	        .place = pointer && pointer->version ? pointer->place : (struct position){0, -1},
	        .log_time_ms = pointer ? pointer->time_ms : 0};

	snprintf(path, sizeof(path), "%s/current.json", look->package);
	if (!was_seen(drift, look, finding))
		return;
	drift->counts.pointers += !drift->again && !look->uncalled;
	if (!pointer || !pointer->version) {
		judge_unexpected(drift, look, pointer, finding);
	} else if (!is_of_this_point(drift, look, &finding, pointer->dp_id)) {
		return;
	} else if (!look->found) {
		finding.code = DRIFT_MISSING;
		drift_tell(drift, look, &finding, "the pointer is not there");
	} else if (!look->seen_release) {
		finding.code = DRIFT_ALTERED;
		drift_tell(drift, look, &finding, "what is there cannot be read as a pointer");
	} else if (strcmp(look->seen_release, pointer->release_id) != 0) {
		judge_other_release(drift, look, pointer, finding);
	} else if (strcmp(look->seen_version, pointer->version) != 0 ||
	           strcmp(look->seen_digest, pointer->digest) != 0) {
		finding.code = DRIFT_ALTERED;
		drift_tell(drift, look, &finding,
		        "the pointer shows version %s with %s under the release of %s with %s",
		        look->seen_version, look->seen_digest, pointer->version, pointer->digest);
	} else {
		judge_link(drift, look, finding);
	}
}

/* ---- copies */

static void judge_files(struct drift *drift, struct look *look, struct drift_finding finding)
{
	for (size_t i = 0; i < look->differing_count; i++) {
		const struct drift_file *file = &look->differing[i];
		char *path = memory_format("%s/content/%s/%s", look->package, look->version, file->path);

		finding.code = file->code;
		finding.path = path;
		drift_tell(drift, look, &finding, "%s", file->words);
		free(path);
	}
	if (!look->differing_more)
		return;
	finding.code = DRIFT_ALTERED;
	finding.path = NULL;
	drift_tell(drift, look, &finding, "%zu further files of this version are missing or altered",
	        look->differing_more);
}

static void judge_copy(struct drift *drift, struct look *look)
{
	const struct expected_copy *copy =
	        expected_copy_find(drift->expected, look->package, look->version, look->point->name);
	char path[PATH_SIZE];
	struct drift_finding finding = {.point = look->point->name,
	        .package = look->package,
	        .version = look->version,
	        .path = path,
	        .topic = LOG_STAGED,
	        .place = copy->place,
	        .log_time_ms = copy->time_ms};

	snprintf(path, sizeof(path), "%s/manifests/%s.json", look->package, look->version);
	if (!was_seen(drift, look, finding) || !is_of_this_point(drift, look, &finding, copy->dp_id))
		return;
	if (!drift->again) {
		drift->counts.copies++;
		drift->counts.files += look->files;
		drift->counts.bytes += look->bytes;
	}
	if (!look->found) {
		finding.code = DRIFT_MISSING;
		drift_tell(drift, look, &finding, "the seal of the version is not there");
	} else if (strcmp(look->digest, copy->digest) != 0) {
		finding.code = DRIFT_ALTERED;
		drift_tell(drift, look, &finding, "the seal has the digest %s, not %s",
		        look->digest[0] ? look->digest : "of something far too large", copy->digest);
	} else {
		judge_files(drift, look, finding);
	}
}

/* ---- what the log does not know */

static void judge_packages(struct drift *drift, struct look *look)
{
	if (!was_seen(drift, look, (struct drift_finding){.point = look->point->name, .place = {0, -1}}))
		return;
	for (size_t i = 0; i < look->name_count; i++)
		looks_add_names(drift, look->point, look->names[i]);
}

static void judge_versions(struct drift *drift, struct look *look)
{
	struct drift_finding finding = {
	        .code = DRIFT_EXTRA, .point = look->point->name, .package = look->package, .place = {0, -1}};

	if (!was_seen(drift, look, finding))
		return;
	for (size_t i = 0; i < look->name_count; i++) {
		char path[PATH_SIZE];

		if (expected_copy_find(drift->expected, look->package, look->names[i], look->point->name))
			continue;
		snprintf(path, sizeof(path), "%s/manifests/%s.json", look->package, look->names[i]);
		finding.version = look->names[i];
		finding.path = path;
		drift_tell(drift, look, &finding, "a sealed version that the log knows nothing of here");
	}
}

void look_judge(struct drift *drift, struct look *look)
{
	switch (look->wish) {
	case INSPECT_IDENTITY:
		judge_identity(look);
		break;
	case INSPECT_POINTER:
		judge_pointer(drift, look);
		break;
	case INSPECT_COPY:
		judge_copy(drift, look);
		break;
	case INSPECT_PACKAGES:
		judge_packages(drift, look);
		break;
	case INSPECT_VERSIONS:
		judge_versions(drift, look);
		break;
	}
}
