#include "distribution/hasher.h"

#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

enum { BLOCK = 256 << 10, BLOCKS_MAX = 4, SMALL = 64 << 10 };

struct block {
	TAILQ_ENTRY(block) entry;
	size_t len;
	char data[BLOCK];
};

TAILQ_HEAD(blocks, block);

/* What the pool's thread works on: it may outlive its hasher. */
struct hashing {
	struct pool_work work; /* first */
	struct hasher *hasher; /* NULL: given up */
	struct digest_stream *stream;
	struct blocks blocks;
};

struct hasher {
	struct pool *pool;
	void (*room)(void *context);
	void (*done)(void *context, const char *digest);
	void *context;
	struct digest_stream *stream; /* the thread's while hashing */
	struct hashing *hashing;      /* under way */
	struct blocks waiting;        /* not given to it yet; the last may have space */
	size_t count;                 /* of all blocks, also the thread's */
	bool refused, lost;
};

static void free_blocks(struct blocks *blocks)
{
	struct block *block;

	while ((block = TAILQ_FIRST(blocks))) {
		TAILQ_REMOVE(blocks, block, entry);
		free(block);
	}
}

struct hasher *hasher_new(struct pool *pool, void (*room)(void *context), void *context)
{
	struct hasher *hasher = memory_alloc(sizeof(*hasher));

	hasher->pool = pool;
	hasher->room = room;
	hasher->context = context;
	hasher->stream = digest_start();
	TAILQ_INIT(&hasher->waiting);
	return hasher;
}

static void run(struct pool_work *work)
{
	struct hashing *hashing = (struct hashing *)work;
	struct block *block;

	TAILQ_FOREACH(block, &hashing->blocks, entry) {
		digest_add(hashing->stream, block->data, block->len);
		if (!pool_go_on(work))
			return;
	}
}

static void answer(struct hasher *hasher)
{
	char digest[DIGEST_SIZE] = "";
	struct block *block;

	if (!hasher->lost) {
		TAILQ_FOREACH(block, &hasher->waiting, entry)
			digest_add(hasher->stream, block->data, block->len);
		digest_finish(hasher->stream, digest);
		hasher->stream = NULL;
	}
	hasher->done(hasher->context, digest);
}

static void hash_more(struct hasher *hasher);

static void on_done(struct pool_work *work)
{
	struct hashing *hashing = (struct hashing *)work;
	struct hasher *hasher = hashing->hasher;
	struct block *block;

	if (!hasher)
		return;
	hasher->hashing = NULL;
	if (work->end == POOL_RAN) {
		hasher->stream = hashing->stream;
		hashing->stream = NULL;
	} else {
		hasher->lost = true;
	}
	TAILQ_FOREACH(block, &hashing->blocks, entry)
		hasher->count--;
	if (hasher->done) {
		hash_more(hasher);
	} else if (hasher->refused) {
		hasher->refused = false;
		hasher->room(hasher->context);
	}
}

static void on_release(struct pool_work *work)
{
	struct hashing *hashing = (struct hashing *)work;

	digest_discard(hashing->stream);
	free_blocks(&hashing->blocks);
	free(hashing);
}

static void submit(struct hasher *hasher)
{
	struct hashing *hashing = memory_alloc(sizeof(*hashing));

	hashing->work.run = run;
	hashing->work.done = on_done;
	hashing->work.release = on_release;
	hashing->hasher = hasher;
	hashing->stream = hasher->stream;
	TAILQ_INIT(&hashing->blocks);
	TAILQ_CONCAT(&hashing->blocks, &hasher->waiting, entry);
	hasher->stream = NULL;
	hasher->hashing = hashing;
	pool_submit(hasher->pool, &hashing->work);
}

static bool is_small(const struct hasher *hasher)
{
	const struct block *first = TAILQ_FIRST(&hasher->waiting);

	return !first || (!TAILQ_NEXT(first, entry) && first->len <= SMALL);
}

static void hash_more(struct hasher *hasher)
{
	if (hasher->lost || is_small(hasher))
		answer(hasher);
	else
		submit(hasher);
}

static struct block *add_block(struct hasher *hasher)
{
	struct block *block = memory_resize(NULL, sizeof(*block)); /* not zeroed: it is large */

	block->len = 0;
	TAILQ_INSERT_TAIL(&hasher->waiting, block, entry);
	hasher->count++;
	return block;
}

bool hasher_add(struct hasher *hasher, const void *data, size_t len)
{
	struct block *block = TAILQ_LAST(&hasher->waiting, blocks);

	assert(len <= BLOCK);
	if (hasher->lost)
		return true; /* nobody hashes it any more */
	if (!block || block->len + len > BLOCK) {
		if (hasher->count >= BLOCKS_MAX) {
			hasher->refused = true;
			return false;
		}
		if (block && !hasher->hashing)
			submit(hasher);
		block = add_block(hasher);
	}
	memcpy(block->data + block->len, data, len);
	block->len += len;
	return true;
}

void hasher_finish(struct hasher *hasher, void (*done)(void *context, const char *digest))
{
	hasher->done = done;
	if (!hasher->hashing)
		hash_more(hasher);
}

void hasher_free(struct hasher *hasher)
{
	if (!hasher)
		return;
	if (hasher->hashing) {
		hasher->hashing->hasher = NULL;
		pool_cancel(hasher->pool, &hasher->hashing->work);
	}
	digest_discard(hasher->stream);
	free_blocks(&hasher->waiting);
	free(hasher);
}
