/* Makes a staged version current. In this order:
 *
 *   identity  dp.json says that this is the distribution point that is meant
 *   seal      it is there, with the digest that was released
 *   point     where the distribution point refuses older fences itself: compare and replace, under its lock.
 *             Elsewhere: read, compare, write: two writers may both find the way free, so whoever decides
 *             (one owner at a time) reads back, and a stalled one's late write is found by looking again
 *   back      what is read back decides, never what a write was answered
 *
 * A write is never sent twice here: an answer that did not come is POINTER_UNKNOWN, to be looked at anew.
 *
 * All of it is told to the driver ahead (ahead.h): a folder does it in one go. */
#include "distribution/pointer.h"

#include "distribution/identity.h"
#include "distribution/layout.h"
#include "distribution/step.h"

#include "schemas/current.h"
#include "schemas/manifest.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

enum seen { SEEN_NOTHING, SEEN_BROKEN, SEEN_WANTED, SEEN_NEWER, SEEN_OTHER };

struct switching {
	struct room *room;
	struct site *site;
	void (*ended)(struct switching *switching, void *context);
	void *ended_context;

	enum pointer_wish wish;
	char *package, *version, *point, *dp_id, *digest, *release_id, *log_id;
	int32_t partition;
	int64_t fence;
	void (*done)(const struct pointer_result *result, void *context);
	void *context;

	char *seal, *path, *link, *link_target;
	struct buffer text; /* of the pointer as wanted */
	struct ahead ahead;
	struct step step;
	struct agenda_entry later;
	struct current *shown; /* what the pointer shows */
	struct pointer_result result;
	bool wrote, broken_before, canceled;
};

/* ---- ending */

static void finish_now(struct agenda_entry *entry)
{
	struct switching *switching = (struct switching *)((char *)entry - offsetof(struct switching, later));
	struct pointer_result *result = &switching->result;

	if (switching->shown) {
		result->version = switching->shown->version;
		result->release_id = switching->shown->release_id;
	}
	if (result->outcome == POINTER_IS_WANTED && switching->broken_before)
		error_set(&result->err, STATUS_OK, "pointer_was_broken",
		        "%s of distribution point %s was no pointer and has been replaced", switching->path,
		        switching->point);
	switching->done(result, switching->context);
	switching->ended(switching, switching->ended_context);
}

static void finish(struct switching *switching, enum pointer_outcome outcome)
{
	switching->result.outcome = outcome;
	if (outcome != POINTER_UNKNOWN) {
		switching->result.status = STATUS_OK;
		switching->result.may_have_changed = false;
	}
	agenda_add(switching->room->agenda, &switching->later, 0, finish_now);
}

/* Not known how it ended, or not begun: always worth another look. */
static void fail(struct switching *switching, const struct error *err)
{
	switching->result.status = STATUS_RETRY;
	switching->result.err = *err;
	switching->result.err.status = STATUS_RETRY;
	switching->result.may_have_changed = switching->wrote;
	finish(switching, POINTER_UNKNOWN);
}

static bool is_canceled(struct switching *switching)
{
	struct error err;

	if (!switching->canceled)
		return false;
	error_set(&err, STATUS_RETRY, "canceled", "switching %s on %s was canceled", switching->package,
	        switching->point);
	fail(switching, &err);
	return true;
}

static bool has_failed(struct switching *switching)
{
	const struct operation *operation = &switching->step.operation;

	if (is_canceled(switching))
		return true;
	if (operation->result.status == STATUS_OK)
		return false;
	switching->result.retry_after_ms = operation->result.retry_after_ms;
	fail(switching, &operation->result.err);
	return true;
}

/* ---- what a pointer shows */

static bool is_wanted(const struct switching *switching, const struct current *current)
{
	return strcmp(current->release_id, switching->release_id) == 0 &&
	       strcmp(current->log_id, switching->log_id) == 0 &&
	       strcmp(current->version, switching->version) == 0 &&
	       strcmp(current->digest, switching->digest) == 0;
}

/* Touches nothing but its arguments: the file driver calls it on a pool thread. */
static enum seen judge(const struct switching *switching, struct view text, struct current **ret)
{
	struct current *current;
	struct error err;

	if (!text.data)
		return SEEN_NOTHING;
	if (current_parse(text, &current, &err) != STATUS_OK)
		return SEEN_BROKEN;
	enum seen seen = SEEN_OTHER;
	if (is_wanted(switching, current))
		seen = SEEN_WANTED;
	else if (strcmp(current->log_id, switching->log_id) == 0 &&
	         current->position.partition == switching->partition &&
	         current->position.offset > switching->fence)
		seen = SEEN_NEWER;
	*ret = current;
	return seen;
}

static enum point_verdict on_check(struct view current, void *context)
{
	struct current *parsed = NULL;
	enum seen seen = judge(context, current, &parsed);

	current_free(parsed);
	if (((struct switching *)context)->wish == POINTER_READ)
		return seen == SEEN_WANTED ? POINT_REPLACE : POINT_KEEP;
	return seen == SEEN_NEWER ? POINT_KEEP : POINT_REPLACE;
}

/* ---- operations: the same, whether they are run or told ahead */

static struct operation read_seal(const struct switching *switching)
{
	return operation_read(switching->seal, MANIFEST_BYTES_MAX);
}

static struct operation read_pointer(const struct switching *switching)
{
	return operation_read(switching->path, CURRENT_SIZE_MAX);
}

static struct operation write_pointer(const struct switching *switching)
{
	return (struct operation){
	        .kind = OPERATION_WRITE, .path = switching->path, .data = buffer_view(&switching->text)};
}

static struct operation replace_pointer(struct switching *switching)
{
	return (struct operation){.kind = OPERATION_POINT,
	        .path = switching->path,
	        .data = buffer_view(&switching->text),
	        .link = switching->link,
	        .link_target = switching->link_target,
	        .check = on_check,
	        .check_context = switching,
	        .size_max = CURRENT_SIZE_MAX};
}

static void run(struct switching *switching, struct operation operation, void (*took)(struct step *step))
{
	switching->step.once = operation.kind == OPERATION_WRITE || operation.kind == OPERATION_POINT;
	step_run(&switching->step, switching->site, operation, took);
}

/* ---- what was read */

static enum seen take_pointer(struct switching *switching)
{
	struct operation *operation = &switching->step.operation;
	enum seen seen;

	current_free(switching->shown);
	switching->shown = NULL;
	seen = judge(switching, operation_data(operation), &switching->shown);
	free(operation->result.data);
	operation->result.data = NULL;
	return seen;
}

/* Whether that is the answer: nothing is left to do. */
static bool finish_if_decided(struct switching *switching, enum seen seen)
{
	if (seen == SEEN_WANTED)
		finish(switching, POINTER_IS_WANTED);
	else if (seen == SEEN_NEWER)
		finish(switching, POINTER_IS_NEWER);
	return seen == SEEN_WANTED || seen == SEEN_NEWER;
}

/* ---- back */

static void took_back(struct step *step)
{
	struct switching *switching = step->context;
	struct error err;

	if (has_failed(switching) || finish_if_decided(switching, take_pointer(switching)))
		return;
	error_set(&err, STATUS_RETRY, "read_back_mismatch",
	        "%s was written to distribution point %s and reads back differently", switching->path,
	        switching->point);
	fail(switching, &err);
}

/* ---- point */

static bool has_written(const struct operation *point)
{
	return point->result.status == STATUS_OK ? !point->result.kept : point->result.ambiguous;
}

static void pointed(struct step *step)
{
	struct switching *switching = step->context;
	struct current *before = NULL;

	switching->broken_before = judge(switching, operation_data(&step->operation), &before) == SEEN_BROKEN;
	current_free(before);
	free(step->operation.result.data);
	switching->wrote = has_written(&step->operation);
	if (!has_failed(switching))
		run(switching, read_pointer(switching), took_back);
}

static void wrote(struct step *step)
{
	struct switching *switching = step->context;

	switching->wrote = step->operation.result.status == STATUS_OK || step->operation.result.ambiguous;
	if (!has_failed(switching))
		run(switching, read_pointer(switching), took_back);
}

static void compared(struct step *step)
{
	struct switching *switching = step->context;

	if (has_failed(switching))
		return;
	enum seen seen = take_pointer(switching);
	if (finish_if_decided(switching, seen))
		return;
	switching->broken_before = seen == SEEN_BROKEN;
	run(switching, write_pointer(switching), wrote);
}

static void make_text(struct switching *switching)
{
	struct current wanted = {.package_id = switching->package,
	        .version = switching->version,
	        .digest = switching->digest,
	        .manifest = strchr(switching->seal, '/') + 1,
	        .content_path = switching->link_target,
	        .release_id = switching->release_id,
	        .position = {switching->partition, switching->fence},
	        .log_id = switching->log_id};

	buffer_init(&switching->text, CURRENT_SIZE_MAX);
	current_write(&wanted, &switching->text);
}

static void point(struct switching *switching)
{
	if (switching->site->driver->can.point)
		run(switching, replace_pointer(switching), pointed);
	else
		run(switching, read_pointer(switching), compared);
}

/* ---- seal */

static void took_seal(struct step *step)
{
	struct switching *switching = step->context;
	struct error err = {0};
	char digest[DIGEST_SIZE];

	if (!step->operation.result.found)
		error_set(&err, STATUS_RETRY, "seal_missing", "%s is not on distribution point %s",
		        switching->seal, switching->point);
	else if (digest_of(operation_data(&step->operation), digest), strcmp(digest, switching->digest) != 0)
		error_set(&err, STATUS_RETRY, "seal_differs",
		        "%s on distribution point %s has the digest %s, not %s as released", switching->seal,
		        switching->point, digest, switching->digest);
	free(step->operation.result.data);
	step->operation.result.data = NULL;
	if (has_failed(switching))
		return;
	if (err.status != STATUS_OK)
		fail(switching, &err);
	else
		point(switching);
}

/* ---- identity */

/* A pointer that shows the release does not count before what comes behind it is done, which a crash may have
 * left: the link, and the syncs. */
static void looked(struct step *step)
{
	struct switching *switching = step->context;

	if (has_failed(switching))
		return;
	enum seen seen = take_pointer(switching);
	if (seen == SEEN_WANTED && switching->site->driver->can.point)
		run(switching, replace_pointer(switching), pointed);
	else if (!finish_if_decided(switching, seen))
		finish(switching, POINTER_IS_OTHER);
}

static void identified(struct step *step)
{
	struct switching *switching = step->context;
	struct identity identity = {0};
	struct error err;

	switching->result.retry_after_ms = step->operation.result.retry_after_ms;
	enum status status = identity_of(&step->operation, switching->point, &identity, &err);
	free(step->operation.result.data);
	if (status == STATUS_OK && strcmp(identity.dp_id, switching->dp_id) != 0)
		status = error_set(&err, STATUS_RETRY, "dp_id_changed",
		        "distribution point %s says that it is %s, and the version was staged on %s: is "
		        "another disk or server in its place? "
		        "If its content is lost, run holdpoint-stager dp init --replace --lost-id %s %s",
		        switching->point, identity.dp_id, switching->dp_id, switching->dp_id,
		        switching->point);
	identity_release(&identity);
	if (is_canceled(switching))
		return;
	if (status != STATUS_OK)
		fail(switching, &err);
	else if (switching->wish == POINTER_READ)
		run(switching, read_pointer(switching), looked);
	else
		run(switching, read_seal(switching), took_seal);
}

/* ---- ahead */

static bool has_digest(const struct operation *read)
{
	char digest[DIGEST_SIZE];

	if (!read->result.found)
		return false;
	digest_of(operation_data(read), digest);
	return view_is(read->data, digest);
}

static void go(void *context)
{
	struct switching *switching = context;
	const struct operation *point = ahead_find(&switching->ahead, OPERATION_POINT);

	switching->wrote = point && has_written(point); /* also where nobody asks, since it was canceled */
	run(switching, identity_read(), identified);
}

static void go_ahead(struct switching *switching)
{
	struct ahead *ahead = &switching->ahead;

	make_text(switching);
	ahead_add(ahead, identity_read(), identity_is_told)->data = view_text(switching->dp_id);
	if (switching->wish == POINTER_SWITCH) {
		ahead_add(ahead, read_seal(switching), has_digest)->data = view_text(switching->digest);
		if (switching->site->driver->can.point)
			ahead_add(ahead, replace_pointer(switching), NULL);
	}
	ahead_add(ahead, read_pointer(switching), NULL);
	ahead_start(ahead, switching->site->driver, go, switching);
}

/* ---- the door */

struct switching *switching_new(const struct pointer_spec *spec)
{
	struct switching *switching = memory_alloc(sizeof(*switching));

	switching->step = (struct step){.context = switching, .flow = switching, .ahead = &switching->ahead};
	switching->wish = spec->wish;
	switching->package = memory_text(spec->package_id);
	switching->version = memory_text(spec->version);
	switching->point = memory_text(spec->distribution_point);
	switching->dp_id = memory_text(spec->dp_id);
	switching->digest = memory_text(spec->digest);
	switching->release_id = memory_text(spec->release_id);
	switching->log_id = memory_text(spec->log_id);
	switching->partition = spec->partition;
	switching->fence = spec->fence;
	switching->done = spec->done;
	switching->context = spec->context;
	switching->seal = layout_seal(switching->package, switching->version);
	switching->path = layout_pointer(switching->package);
	switching->link = layout_pointer_link(switching->package);
	switching->link_target = memory_format("content/%s", switching->version);
	return switching;
}

void switching_free(struct switching *switching)
{
	char *texts[] = {switching->package, switching->version, switching->point, switching->dp_id,
	        switching->digest, switching->release_id, switching->log_id, switching->seal, switching->path,
	        switching->link, switching->link_target};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		free(texts[i]);
	ahead_release(&switching->ahead);
	buffer_release(&switching->text);
	current_free(switching->shown);
	if (switching->site)
		site_release(switching->site);
	free(switching);
}

void switching_start(struct switching *switching, struct room *room, struct site *site,
        void (*ended)(struct switching *switching, void *context), void *context)
{
	struct error err;

	switching->room = room;
	switching->site = site ? site_use(site) : NULL;
	switching->ended = ended;
	switching->ended_context = context;
	if (!site) {
		error_set(&err, STATUS_RETRY, "dp_unknown",
		        "%s is no distribution point of this worker's catalogue: add it there",
		        switching->point);
		fail(switching, &err);
		return;
	}
	go_ahead(switching);
}

void switching_cancel(struct switching *switching)
{
	switching->canceled = true;
	ahead_cancel(&switching->ahead);
	step_cancel(&switching->step);
}
