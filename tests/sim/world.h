#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* A deterministic world: one seed gives one history. Time is a number, chance a generator, and every thread
 * of the real thing a fiber that runs until it calls Kafka or sleeps. The scheduler picks who goes on, by
 * chance.
 *
 * Global, since exactly one world lives in a process at a time and the code under test must not know of it.
 */

enum { POINTS = 3, PARTITIONS = 2, PROCESSES = 4 }; /* the first half are stagers, the others updaters */

struct chance { /* what may go wrong in this seed, in percent; drawn once (swarm testing) */
	unsigned commit_abort, commit_answer_lost, claim_answer_lost;
	unsigned transfer_retry, transfer_reject, transfer_answer_lost, truncation, short_seal;
	unsigned pointer_unknown, pointer_answer_lost, pointer_locked;
	unsigned slow_operation, late_group, compaction;
	unsigned strike_in_call,
	        strike_in_operation; /* in a thousand: the process stalls or dies right there */
};

void world_begin(uint64_t seed, bool trace);
void world_end(void);
int64_t world_now(void);
int64_t world_began(void);
uint64_t world_steps(void);
struct chance *world_chance(void);
uint64_t world_random(uint64_t below);              /* 0 … below − 1 */
int64_t world_between(int64_t least, int64_t most); /* both included */
bool world_percent(unsigned percent);
bool world_thousandth(unsigned thousandths);
bool world_traces(void);
void world_trace(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* What happened goes into a hash: two runs of one seed must give the same. */
void world_mix(const void *data, size_t len);
uint64_t world_hash(void);

/* A broken invariant: remembered, the first one is printed and ends the run. */
enum verdict_kind { VERDICT_GOOD, VERDICT_WRONG, VERDICT_STUCK };
void world_violation(const char *invariant, const char *format, ...) __attribute__((format(printf, 2, 3)));
void world_stuck(const char *invariant, const char *format, ...) __attribute__((format(printf, 2, 3)));
enum verdict_kind world_verdict(const char **ret_words);

/* Something that happens at a time, in the scheduler. */
void world_at(int64_t at_ms, void (*happen)(void *context), void *context);
void world_after(int64_t delay_ms, void (*happen)(void *context), void *context);

/* Fibers. A fiber of a stalled process is not run until it wakes. */
struct fiber;
struct fiber *fiber_start(int process, void (*body)(void *context), void *context);
bool fiber_ended(const struct fiber *fiber);
void fiber_free(struct fiber *fiber);                                    /* an ended one */
void fiber_yield(void);                                                  /* others may run in between */
void fiber_sleep(int64_t most_ms, bool (*awake)(void *), void *context); /* until awake() or most_ms passed */

/* Runs until done(), or until_ms, or nothing can happen any more; false where done() did not come true. */
bool world_run(bool (*done)(void), int64_t until_ms);

/* Stalls, by process number. */
void world_stall(int process, int64_t until_ms);
void world_wake_all(void);
bool world_is_stalled(int process);
int64_t world_wakes_at(int process);

#endif
