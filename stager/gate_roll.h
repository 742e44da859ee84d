#ifndef STAGER_GATE_ROLL_H
#define STAGER_GATE_ROLL_H

#include <stddef.h>
#include <stdint.h>

struct gate_job;

/* Jobs in an order that the caller says, and found by their ids. Their ids' hashes lie beside them, so that
 * hundreds are passed by at little cost. The jobs are the caller's. */
struct gate_roll {
	struct gate_job **jobs;
	uint32_t *hashes;
	size_t count, capacity;
};

void gate_roll_insert(struct gate_roll *roll, size_t place, struct gate_job *job);
void gate_roll_remove(struct gate_roll *roll, const struct gate_job *job);     /* which is there */
struct gate_job *gate_roll_find(const struct gate_roll *roll, const char *id); /* NULL where it is not */
void gate_roll_release(struct gate_roll *roll, void (*free_job)(struct gate_job *job));

#endif
