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

enum { POINTS = 3, PARTITIONS = 2, PROCESSES = 2 };

struct chance { /* what may go wrong in this seed, in percent; drawn once (swarm testing) */
	unsigned commit_abort, commit_answer_lost, claim_answer_lost;
	unsigned transfer_retry, transfer_reject, pointer_unknown;
	unsigned short_deadlines, misrouted, bad_records, duplicates, reorder;
	unsigned crash, stall, rebalance, compaction, replace_point;
};

void world_begin(uint64_t seed, bool trace);
void world_end(void);
int64_t world_now(void);
uint64_t world_steps(void);
struct chance *world_chance(void);
uint64_t world_random(uint64_t below); /* 0 … below − 1 */
bool world_percent(unsigned percent);
void world_trace(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A broken invariant: remembered, the first one is printed and ends the run. */
void world_violation(const char *invariant, const char *format, ...) __attribute__((format(printf, 2, 3)));
const char *world_verdict(void); /* NULL: nothing broken so far */

/* Something that happens at a time, in the scheduler. */
void world_at(int64_t at_ms, void (*happen)(void *context), void *context);

/* Fibers. A fiber of a stalled process is not run until it wakes. */
struct fiber;
struct fiber *fiber_start(int process, void (*body)(void *context), void *context);
bool fiber_ended(const struct fiber *fiber);
void fiber_free(struct fiber *fiber);
void fiber_yield(void);                                                  /* others may run in between */
void fiber_sleep(int64_t most_ms, bool (*awake)(void *), void *context); /* until awake() or most_ms passed */

/* Runs until done() or nothing can happen any more or until_ms; false at until_ms or when stuck. */
bool world_run(bool (*done)(void), int64_t until_ms);

/* Stalls, by process number. */
void world_stall(int process, int64_t until_ms);
bool world_is_stalled(int process);

#endif
