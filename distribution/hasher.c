#include "distribution/hasher.h"

#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 256 << 10, BLOCKS_MAX = 4, SMALL = 64 << 10 };

struct block {
	struct block *next;
	size_t len;
	char data[BLOCK];
};

/* What the pool's thread works on: it may outlive its hasher. */
struct hashing {
	struct pool_work work; /* first */
	struct hasher *hasher; /* NULL: given up */
	struct digest_stream *stream;
	struct block *blocks;
};

struct hasher {
	struct pool *pool;
	void (*room)(void *context);
	void (*done)(void *context, const char *digest);
	void *context;
	struct digest_stream *stream; /* the thread's while hashing */
	struct hashing *hashing;      /* under way */
	struct block *first, **last;  /* not given to it yet; the last may have space */
	size_t blocks;                /* of all, also the thread's */
	bool refused, lost;
};

static void free_blocks(struct block *block)
{
	while (block) {
		struct block *next = block->next;
		free(block);
		block = next;
	}
}

struct hasher *hasher_new(struct pool *pool, void (*room)(void *context), void *context)
{
	struct hasher *hasher = memory_alloc(sizeof(*hasher));

	hasher->pool = pool;
	hasher->room = room;
	hasher->context = context;
	hasher->stream = digest_start();
	hasher->last = &hasher->first;
	return hasher;
}

static void run(struct pool_work *work)
{
	struct hashing *hashing = (struct hashing *)work;

	for (struct block *block = hashing->blocks; block; block = block->next) {
		digest_add(hashing->stream, block->data, block->len);
		if (!pool_go_on(work))
			return;
	}
}

static void answer(struct hasher *hasher)
{
	char digest[DIGEST_SIZE] = "";

	if (!hasher->lost) {
		for (struct block *block = hasher->first; block; block = block->next)
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

	if (!hasher)
		return;
	hasher->hashing = NULL;
	if (work->end == POOL_RAN) {
		hasher->stream = hashing->stream;
		hashing->stream = NULL;
	} else {
		hasher->lost = true;
	}
	for (struct block *block = hashing->blocks; block; block = block->next)
		hasher->blocks--;
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
	free_blocks(hashing->blocks);
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
	hashing->blocks = hasher->first;
	hasher->stream = NULL;
	hasher->first = NULL;
	hasher->last = &hasher->first;
	hasher->hashing = hashing;
	pool_submit(hasher->pool, &hashing->work);
}

static bool is_small(const struct hasher *hasher)
{
	return !hasher->first || (!hasher->first->next && hasher->first->len <= SMALL);
}

static void hash_more(struct hasher *hasher)
{
	if (hasher->lost || is_small(hasher))
		answer(hasher);
	else
		submit(hasher);
}

static struct block *last_block(struct hasher *hasher)
{
	return hasher->first ? (struct block *)((char *)hasher->last - offsetof(struct block, next)) : NULL;
}

static struct block *add_block(struct hasher *hasher)
{
	struct block *block = memory_resize(NULL, sizeof(*block)); /* not zeroed: it is large */

	block->next = NULL;
	block->len = 0;
	*hasher->last = block;
	hasher->last = &block->next;
	hasher->blocks++;
	return block;
}

bool hasher_add(struct hasher *hasher, const void *data, size_t len)
{
	struct block *block = last_block(hasher);

	assert(len <= BLOCK);
	if (hasher->lost)
		return true; /* nobody hashes it any more */
	if (!block || block->len + len > BLOCK) {
		if (hasher->blocks >= BLOCKS_MAX) {
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
	free_blocks(hasher->first);
	free(hasher);
}
