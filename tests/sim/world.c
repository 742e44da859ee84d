#include "tests/sim/world.h"

#include "base/clock.h"
#include "base/memory.h"
#include "tests/sim/context.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { STACK = 256 * 1024, FIBERS = 64 };
#define BEGINNING INT64_C(1767225600000) /* 2026-01-01 */

struct fiber {
	struct context context;
	void *stack;
	void (*body)(void *);
	void *body_context;
	int process;
	int64_t wake_ms;
	bool (*awake)(void *);
	void *awake_context;
	bool ended;
};

struct happening {
	int64_t at_ms;
	uint64_t order;
	void (*happen)(void *);
	void *context;
};

static struct {
	uint64_t random, steps, order, hash;
	int64_t now_ms;
	bool trace;
	struct chance chance;
	struct fiber *fibers[FIBERS], *running;
	size_t fiber_top; /* none at or above */
	struct context scheduler;
	struct happening *happenings; /* a binary heap by (at_ms, order) */
	size_t happening_count, happening_capacity;
	int64_t stalled_until[PROCESSES];
	struct run { /* of world_run() */
		bool (*done)(void);
		int64_t until_ms;
		uint64_t most_steps;
		bool came_true, over;
	} run;
	enum verdict_kind verdict;
	char words[600];
} world;

static void *spare_stacks[FIBERS];
static size_t spare_count;

int64_t clock_monotonic_ms(void)
{
	return world.now_ms - BEGINNING + 1000000;
}

int64_t clock_wall_ms(void)
{
	return world.now_ms;
}

/* splitmix64 (Steele, Lea, Flood 2014) */
static uint64_t mixed(uint64_t z)
{
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

void world_begin(uint64_t seed, bool trace)
{
	memset(&world, 0, sizeof(world));
	world.random = mixed(seed + 1); /* neighbours must not be each other's sequence, one draw later */
	world.hash = 14695981039346656037u;
	world.now_ms = BEGINNING;
	world.trace = trace;
}

void world_end(void)
{
	free(world.happenings);
	world.happenings = NULL;
}

int64_t world_now(void)
{
	return world.now_ms;
}

int64_t world_began(void)
{
	return BEGINNING;
}

uint64_t world_steps(void)
{
	return world.steps;
}

struct chance *world_chance(void)
{
	return &world.chance;
}

uint64_t world_random(uint64_t below)
{
	uint64_t number = mixed(world.random += 0x9e3779b97f4a7c15u);

	return below ? number % below : 0;
}

int64_t world_between(int64_t least, int64_t most)
{
	return least + (int64_t)world_random((uint64_t)(most - least + 1));
}

bool world_percent(unsigned percent)
{
	return percent && world_random(100) < percent;
}

bool world_thousandth(unsigned thousandths)
{
	return thousandths && world_random(1000) < thousandths;
}

bool world_traces(void)
{
	return world.trace;
}

void world_trace(const char *format, ...)
{
	va_list args;

	if (!world.trace)
		return;
	printf("%9.3f ", (double)(world.now_ms - BEGINNING) / 1000);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

void world_mix(const void *data, size_t len)
{
	const unsigned char *bytes = data;
	uint64_t hash = world.hash, word;

	for (; len >= sizeof(word); bytes += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, bytes, sizeof(word));
		hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
		hash ^= hash >> 32;
	}
	word = (uint64_t)len << 56;
	if (len)
		memcpy(&word, bytes, len);
	world.hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
}

uint64_t world_hash(void)
{
	return world.hash ^ world.random;
}

static void judge(enum verdict_kind kind, const char *invariant, const char *format, va_list args)
{
	char words[500];

	vsnprintf(words, sizeof(words), format, args);
	world_trace("VIOLATION %s: %s", invariant, words);
	if (world.verdict)
		return;
	world.verdict = kind;
	snprintf(world.words, sizeof(world.words), "step=%llu invariant=%s %s",
	        (unsigned long long)world.steps, invariant, words);
}

void world_violation(const char *invariant, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	judge(VERDICT_WRONG, invariant, format, args);
	va_end(args);
}

void world_stuck(const char *invariant, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	judge(VERDICT_STUCK, invariant, format, args);
	va_end(args);
}

enum verdict_kind world_verdict(const char **ret_words)
{
	*ret_words = world.words;
	return world.verdict;
}

static bool earlier(const struct happening *a, const struct happening *b)
{
	return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->order < b->order;
}

void world_at(int64_t at_ms, void (*happen)(void *context), void *context)
{
	if (world.happening_count == world.happening_capacity) {
		world.happening_capacity = world.happening_capacity ? 2 * world.happening_capacity : 64;
		world.happenings =
		        memory_resize(world.happenings, world.happening_capacity * sizeof(*world.happenings));
	}
	struct happening new = {at_ms < world.now_ms ? world.now_ms : at_ms, world.order++, happen, context};
	size_t i = world.happening_count++;
	for (; i && earlier(&new, &world.happenings[(i - 1) / 2]); i = (i - 1) / 2)
		world.happenings[i] = world.happenings[(i - 1) / 2];
	world.happenings[i] = new;
}

void world_after(int64_t delay_ms, void (*happen)(void *context), void *context)
{
	world_at(world.now_ms + delay_ms, happen, context);
}

static struct happening next_happening(void)
{
	struct happening first = world.happenings[0], last = world.happenings[--world.happening_count];
	size_t i = 0, child;

	for (; (child = 2 * i + 1) < world.happening_count; i = child) {
		if (child + 1 < world.happening_count &&
		        earlier(&world.happenings[child + 1], &world.happenings[child]))
			child++;
		if (!earlier(&world.happenings[child], &last))
			break;
		world.happenings[i] = world.happenings[child];
	}
	world.happenings[i] = last;
	return first;
}

static void fiber_body(void)
{
	struct fiber *fiber = world.running;

	fiber->body(fiber->body_context);
	fiber->ended = fiber->context.ended = true;
	context_switch(&fiber->context, &world.scheduler);
}

static void go_on_with(struct context *from, struct fiber *fiber)
{
	world.running = fiber;
	context_switch(from, &fiber->context);
}

struct fiber *fiber_start(int process, void (*body)(void *context), void *context)
{
	struct fiber *fiber = memory_alloc(sizeof(*fiber));
	size_t slot = 0;

	while (slot < FIBERS && world.fibers[slot])
		slot++;
	if (slot == FIBERS)
		abort();
	world.fibers[slot] = fiber;
	world.fiber_top = slot + 1 > world.fiber_top ? slot + 1 : world.fiber_top;
	fiber->stack = spare_count ? spare_stacks[--spare_count] : memory_alloc(STACK);
	fiber->body = body;
	fiber->body_context = context;
	fiber->process = process;
	context_make(&fiber->context, fiber->stack, STACK, fiber_body);
	return fiber;
}

bool fiber_ended(const struct fiber *fiber)
{
	return fiber->ended;
}

void fiber_free(struct fiber *fiber)
{
	for (size_t slot = 0; slot < FIBERS; slot++)
		if (world.fibers[slot] == fiber)
			world.fibers[slot] = NULL;
	while (world.fiber_top && !world.fibers[world.fiber_top - 1])
		world.fiber_top--;
	if (spare_count < FIBERS)
		spare_stacks[spare_count++] = fiber->stack;
	else
		free(fiber->stack);
	free(fiber);
}

static struct fiber *next_to_run(void);

/* Who leaves decides by itself who is next: half of the changes of stacks, and none where it is next again.
 */
static void leave(int64_t wake_ms, bool (*awake)(void *), void *context)
{
	struct fiber *fiber = world.running;

	fiber->wake_ms = wake_ms;
	fiber->awake = awake;
	fiber->awake_context = context;
	struct fiber *next = next_to_run();
	if (!next)
		context_switch(&fiber->context, &world.scheduler);
	else if (next != fiber)
		go_on_with(&fiber->context, next);
}

void fiber_yield(void)
{
	/* mostly no time passes; now and then a call takes long enough for others to act */
	leave(world_percent(20) ? world.now_ms + (int64_t)world_random(30) : 0, NULL, NULL);
}

void fiber_sleep(int64_t most_ms, bool (*awake)(void *), void *context)
{
	leave(most_ms > INT64_MAX / 4 ? INT64_MAX : world.now_ms + (most_ms < 1 ? 1 : most_ms), awake,
	        context);
}

void world_stall(int process, int64_t until_ms)
{
	world.stalled_until[process] = until_ms;
}

void world_wake_all(void)
{
	memset(world.stalled_until, 0, sizeof(world.stalled_until));
}

bool world_is_stalled(int process)
{
	return world.stalled_until[process] > world.now_ms;
}

int64_t world_wakes_at(int process)
{
	return world.stalled_until[process];
}

static bool is_runnable(const struct fiber *fiber)
{
	return fiber && !fiber->ended && !world_is_stalled(fiber->process) &&
	       (fiber->wake_ms <= world.now_ms || (fiber->awake && fiber->awake(fiber->awake_context)));
}

static struct fiber *pick_fiber(void)
{
	struct fiber *runnable[FIBERS];
	size_t count = 0;

	for (size_t slot = 0; slot < world.fiber_top; slot++)
		if (is_runnable(world.fibers[slot]))
			runnable[count++] = world.fibers[slot];
	if (count < 2)
		return count ? runnable[0] : NULL;
	return runnable[world_random(count)];
}

/* The next moment at which anything can happen; INT64_MAX: never. Nobody is runnable now. */
static int64_t next_moment(void)
{
	int64_t moment = world.happening_count ? world.happenings[0].at_ms : INT64_MAX;

	for (size_t slot = 0; slot < world.fiber_top; slot++) {
		struct fiber *fiber = world.fibers[slot];
		if (!fiber || fiber->ended)
			continue;
		int64_t wake = fiber->wake_ms, stalled = world.stalled_until[fiber->process];
		if (fiber->awake && fiber->awake(fiber->awake_context))
			wake = world.now_ms;
		wake = wake < stalled ? stalled : wake;
		moment = wake < moment ? wake : moment;
	}
	return moment;
}

/* Lets happen what is due, and time pass, up to the next fiber that can go on; NULL: the run is over. */
static struct fiber *next_to_run(void)
{
	struct run *run = &world.run;

	while (!world.verdict && !(run->came_true = run->done())) {
		if (world.steps++ > run->most_steps) {
			world_stuck("progress", "two million steps and no end: something spins");
			break;
		}
		if (world.happening_count && world.happenings[0].at_ms <= world.now_ms) {
			struct happening next = next_happening();
			next.happen(next.context);
			continue;
		}
		struct fiber *fiber = pick_fiber();
		if (fiber)
			return fiber;
		int64_t moment = next_moment();
		if (moment > run->until_ms)
			break;
		world.now_ms = moment > world.now_ms ? moment : world.now_ms + 1;
		world_mix(&world.now_ms, sizeof(world.now_ms));
	}
	run->over = true;
	return NULL;
}

bool world_run(bool (*done)(void), int64_t until_ms)
{
	struct fiber *fiber;

	world.run = (struct run){.done = done, .until_ms = until_ms, .most_steps = world.steps + 2000000};
	while (!world.run.over && (fiber = next_to_run()) != NULL)
		go_on_with(&world.scheduler, fiber);
	return world.run.came_true;
}
