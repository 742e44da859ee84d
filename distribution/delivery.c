#include "distribution/delivery.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

enum { MENDS_MAX = 3 };

static void check(struct step *step);

struct delivery *delivery_new(void)
{
	return memory_alloc(sizeof(struct delivery));
}

void delivery_free(struct delivery *delivery)
{
	free(delivery->path);
	free(delivery->copy_from);
	free(delivery->temporary);
	free(delivery);
}

static void release_source(struct delivery *delivery)
{
	source_release(delivery->source);
	delivery->source = NULL;
}

static void finish(struct delivery *delivery)
{
	release_source(delivery);
	delivery->done(delivery);
}

static void fail(struct delivery *delivery)
{
	const struct operation *operation = &delivery->step.operation;

	delivery->err = operation->result.err;
	delivery->retry_after_ms = operation->result.retry_after_ms;
	finish(delivery);
}

/* True, and it is over, where it was canceled meanwhile. */
static bool is_over(struct delivery *delivery)
{
	if (!delivery->canceled)
		return false;
	error_set(&delivery->err, STATUS_RETRY, "canceled", "canceled at %s", delivery->path);
	finish(delivery);
	return true;
}

static void run(struct delivery *delivery, struct operation operation, void (*took)(struct step *step))
{
	operation.size = delivery->file->size;
	operation.executable = delivery->file->executable;
	delivery->step.context = delivery;
	delivery->step.flow = delivery->flow;
	step_run(&delivery->step, delivery->site, operation, took);
}

/* ---- putting */

static void on_moved(struct operation *operation, uint64_t bytes)
{
	struct delivery *delivery = ((struct step *)operation->context)->context;

	delivery->bytes = bytes;
	delivery->moved(delivery);
}

/* Puts from the source to path; took() gets the put's result. */
static void put(struct delivery *delivery, const char *path, void (*took)(struct step *step))
{
	run(delivery,
	        (struct operation){.kind = OPERATION_PUT,
	                .path = path,
	                .fd = source_fd(delivery->source),
	                .moved = delivery->moved ? on_moved : NULL},
	        took);
}

static void ended_put(struct delivery *delivery)
{
	if (delivery->step.operation.result.status == STATUS_OK)
		delivery->bytes_sent += delivery->file->size;
	else if (delivery->step.operation.result.status == STATUS_REJECT)
		source_doubt(delivery->source);
	delivery->bytes = 0;
}

static void ask(struct delivery *delivery, bool early, void (*answered)(struct source_ask *ask))
{
	const struct manifest_file *file = delivery->file;

	delivery->ask = (struct source_ask){.url = file->url ? file->url : "",
	        .digest = file->digest,
	        .size = file->size,
	        .catalogue = delivery->catalogue,
	        .early = early,
	        .done = answered,
	        .context = delivery};
	delivery->asking = true;
	sources_ask(delivery->site->room->sources, &delivery->ask);
}

/* True where the source was opened; else it is over. */
static bool has_source(struct delivery *delivery)
{
	delivery->asking = false;
	delivery->source = delivery->ask.source;
	if (is_over(delivery))
		return false;
	if (delivery->source)
		return true;
	delivery->err = delivery->ask.err;
	if (strcmp(delivery->err.code, "source_forbidden") == 0)
		error_prefix(&delivery->err, "the url of %.120s: ", delivery->file->path);
	if (!delivery->file->url)
		error_set(&delivery->err, STATUS_REJECT, "source_missing",
		        "the manifest gives no url for %.300s, and it is not on the distribution point",
		        delivery->file->path);
	finish(delivery);
	return false;
}

/* ---- sending */

static void settled(struct source_ask *source_ask)
{
	struct delivery *delivery = source_ask->context;

	delivery->asking = false;
	if (is_over(delivery))
		return;
	delivery->err = source_ask->err;
	finish(delivery);
}

static void sent(struct step *step)
{
	struct delivery *delivery = step->context;

	ended_put(delivery);
	if (is_over(delivery))
		return;
	if (step->operation.result.status != STATUS_OK) {
		fail(delivery);
	} else if (!delivery->early) {
		finish(delivery);
	} else {
		delivery->ask = (struct source_ask){.done = settled, .context = delivery};
		delivery->asking = true;
		source_settle(delivery->source, &delivery->ask);
	}
}

static void send_from_source(struct source_ask *source_ask)
{
	struct delivery *delivery = source_ask->context;

	if (has_source(delivery))
		put(delivery, delivery->path, sent);
}

static void copied(struct step *step)
{
	struct delivery *delivery = step->context;

	if (is_over(delivery))
		return;
	if (step->operation.result.status == STATUS_OK && step->operation.result.found)
		finish(delivery);
	else
		ask(delivery, delivery->early, send_from_source);
}

void delivery_send(struct delivery *delivery)
{
	if (delivery->copy_from)
		run(delivery,
		        (struct operation){
		                .kind = OPERATION_COPY, .from = delivery->copy_from, .path = delivery->path},
		        copied);
	else
		ask(delivery, delivery->early, send_from_source);
}

/* ---- checking and mending */

static bool is_right(const struct delivery *delivery)
{
	const struct operation *operation = &delivery->step.operation;

	return operation->result.found && operation->result.size == delivery->file->size &&
	       (!delivery->full || strcmp(operation->result.digest, delivery->file->digest) == 0);
}

static void read_back(struct delivery *delivery, const char *path, void (*took)(struct step *step))
{
	enum operation_kind kind = delivery->full ? OPERATION_HASH : OPERATION_STAT;

	run(delivery, (struct operation){.kind = kind, .path = path}, took);
}

static void fail_mismatch(struct delivery *delivery)
{
	const struct operation *operation = &delivery->step.operation;
	const struct manifest_file *file = delivery->file;

	error_set(&delivery->err, STATUS_RETRY, "read_back_mismatch",
	        "%.200s was written %u times and %s: the distribution point %s, or what lies between, loses "
	        "or changes what it is given (%llu bytes %s wanted, %llu bytes %s there)",
	        delivery->path, delivery->mends,
	        operation->result.found ? "reads back differently" : "is not there",
	        delivery->site->point->name, (unsigned long long)file->size, file->digest,
	        (unsigned long long)operation->result.size, operation->result.digest);
	finish(delivery);
}

static void mend_from_source(struct source_ask *source_ask);

static void mend(struct delivery *delivery)
{
	if (delivery->mends >= MENDS_MAX) {
		fail_mismatch(delivery);
		return;
	}
	delivery->mends++;
	delivery->mended = true;
	ask(delivery, false, mend_from_source);
}

static void took_check(struct step *step)
{
	struct delivery *delivery = step->context;

	if (is_over(delivery))
		return;
	if (step->operation.result.status != STATUS_OK)
		fail(delivery);
	else if (is_right(delivery))
		finish(delivery);
	else
		mend(delivery);
}

static void check(struct step *step)
{
	struct delivery *delivery = step->context;

	if (is_over(delivery))
		return;
	if (step->operation.result.status != STATUS_OK)
		fail(delivery);
	else
		read_back(delivery, delivery->path, took_check);
}

static void placed_mend(struct step *step)
{
	check(step); /* whatever MOVE said: what lies there decides */
}

static void tested_mend(struct step *step)
{
	struct delivery *delivery = step->context;

	if (is_over(delivery))
		return;
	if (step->operation.result.status != STATUS_OK)
		fail(delivery);
	else if (!is_right(delivery))
		mend(delivery);
	else
		run(delivery,
		        (struct operation){.kind = OPERATION_MOVE,
		                .from = delivery->temporary,
		                .path = delivery->path,
		                .replace = true},
		        placed_mend);
}

static void put_mend(struct step *step)
{
	struct delivery *delivery = step->context;

	if (delivery->mends > 1 && delivery->source)
		source_doubt(delivery->source); /* is it the source that is wrong? The next ask verifies it */
	ended_put(delivery);
	release_source(delivery);
	if (is_over(delivery))
		return;
	if (step->operation.result.status != STATUS_OK)
		fail(delivery);
	else if (delivery->temporary)
		read_back(delivery, delivery->temporary, tested_mend);
	else
		check(step);
}

static void mend_from_source(struct source_ask *source_ask)
{
	struct delivery *delivery = source_ask->context;

	if (has_source(delivery))
		put(delivery, delivery->temporary ? delivery->temporary : delivery->path, put_mend);
}

void delivery_check(struct delivery *delivery)
{
	read_back(delivery, delivery->path, took_check);
}

void delivery_cancel(struct delivery *delivery)
{
	delivery->canceled = true;
	if (delivery->asking)
		sources_cancel(delivery->site->room->sources, &delivery->ask);
	else
		step_cancel(&delivery->step);
}
