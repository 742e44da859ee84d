#ifndef AUDITOR_PULSE_H
#define AUDITOR_PULSE_H

#include "auditor/log/fact.h"
#include "engine/broadcast.h"

/* What changed, told to those who watch: facts are noted as they are read, and what has come together is sent
 * as one server-sent event, at most one every PULSE_MS. For the follower's thread. */
struct pulse;
enum { PULSE_MS = 500, PULSE_PACKAGES_MAX = 100 };

struct pulse *pulse_new(struct broadcast *broadcast);
void pulse_free(struct pulse *pulse); /* NULL is fine */

void pulse_note(struct pulse *pulse, const struct fact *fact);
/* What was noted is in the tables now. */
void pulse_send(struct pulse *pulse, int64_t now_ms, int64_t read_until_ms, bool caught_up);

/* The event that a new listener begins with. */
void pulse_hello(struct buffer *out, int64_t read_until_ms, bool caught_up);

#endif
