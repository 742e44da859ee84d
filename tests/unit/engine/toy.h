#ifndef TESTS_TOY_H
#define TESTS_TOY_H

#include "engine/worker.h"
#include "fake_kafka.h"

/* A small machine that obeys words, and an effector that keeps its tokens until the test delivers them. A
 * record's value is one of:
 *   put TEXT       keeps TEXT, and sends the whole value on
 *   get            sends "is TEXT"
 *   work TAG LANE  wants an effect; recalled: the effector asks for its record first; early: the early kind
 *   wake MS        wants a tick MS after now, and then sends "tick"
 *   drop           forgets everything
 *   now            sends the time
 *   count          sends how many wants there are, of all keys
 *   huge           sends more than a transaction takes
 *   bad            is a dead letter
 * A completion sends "done TAG RESULT" and ends the want; a notice sends "NAME BYTES", but where these are
 * "quiet". */
extern const struct worker_spec toy_spec;
extern size_t toy_put_away, toy_loaded; /* how many states were; how many rows */

enum { TOY_EFFECTS_MOST = 256 };

struct toy {
	struct kafka *kafka;
	struct {
		char *name; /* "key/tag" */
		struct completion *token;
		bool cancelled;
	} started[TOY_EFFECTS_MOST];
	size_t started_count;
	bool deliver_at_once; /* from within start() */
};

void toy_release(struct toy *toy);
void toy_deliver(struct toy *toy, size_t number, const char *result);

#endif
