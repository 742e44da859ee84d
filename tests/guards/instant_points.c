/* Work at distribution points, as far as the workers ask for it: it has succeeded when the shard looks next.
 */
#include "base/memory.h"
#include "distribution/distribution.h"
#include "engine/worker.h"
#include "tests/guards/instant.h"

#include <stdlib.h>

struct distribution {
	struct work {
		void (*staged)(const struct transfer_result *result, void *context); /* or … */
		void (*pointed)(const struct pointer_result *result, void *context);
		void *context;
		uint64_t files, bytes;
	} * works;
	size_t count, room;
	uint64_t submitted;
};

static struct distribution only;

struct distribution *instant_distribution(void)
{
	return &only;
}

static uint64_t submit(struct distribution *distribution, struct work work)
{
	if (distribution->count == distribution->room) {
		distribution->room = distribution->room ? 2 * distribution->room : 256;
		distribution->works =
		        memory_resize(distribution->works, distribution->room * sizeof(*distribution->works));
	}
	distribution->works[distribution->count++] = work;
	return ++distribution->submitted;
}

uint64_t transfer_submit(struct distribution *distribution, const struct transfer_spec *spec)
{
	return submit(distribution, (struct work){.staged = spec->done,
	                                    .context = spec->context,
	                                    .files = spec->manifest->count,
	                                    .bytes = spec->manifest->bytes});
}

uint64_t pointer_submit(struct distribution *distribution, const struct pointer_spec *spec)
{
	return submit(distribution, (struct work){.pointed = spec->done, .context = spec->context});
}

static void end(const struct work *work)
{
	if (work->staged)
		work->staged(&(struct transfer_result){.status = STATUS_OK,
		                     .dp_id = "6f1d8f0a-6a55-4a0c-8d0c-5f2a1d7a7c11",
		                     .files = work->files,
		                     .bytes = work->bytes,
		                     .bytes_sent = work->bytes,
		                     .read_back = "full"},
		        work->context);
	else
		work->pointed(&(struct pointer_result){.outcome = POINTER_IS_WANTED, .status = STATUS_OK},
		        work->context);
}

bool instant_work_ends(void)
{
	size_t count = only.count;

	only.count = 0; /* none is submitted meanwhile: that is the shard's, which waits for this */
	for (size_t i = 0; i < count; i++)
		end(&only.works[i]);
	return count > 0;
}

bool distribution_refuses_older_fences(struct distribution *distribution, const char *distribution_point)
{
	(void)distribution, (void)distribution_point;
	return true; /* as a folder does */
}

void distribution_cancel(struct distribution *distribution, uint64_t submission)
{
	(void)distribution, (void)submission;
}

/* These are the workers' own to ask for, which are opened otherwise here. */
enum status distribution_open(const struct distribution_options *options, struct catalogue *catalogue,
        struct distribution **ret, struct error *err)
{
	(void)options, (void)catalogue, (void)ret, (void)err;
	abort();
}

void distribution_reload(struct distribution *distribution, struct catalogue *catalogue)
{
	(void)distribution, (void)catalogue;
	abort();
}

void distribution_watch(struct distribution *distribution, int64_t interval_ms,
        void (*seen)(const struct identity_seen *seen, void *context), void *context)
{
	(void)distribution, (void)interval_ms, (void)seen, (void)context;
}

void distribution_close(struct distribution *distribution)
{
	free(distribution->works);
}

/* of the engine, and not asked for here */
void worker_notice(struct worker *worker, const char *name, struct view notice)
{
	(void)worker, (void)name, (void)notice;
}

void worker_tell(struct worker *worker, struct view key, struct view value)
{
	(void)worker, (void)key, (void)value;
}
