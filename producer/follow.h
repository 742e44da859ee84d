#ifndef PRODUCER_FOLLOW_H
#define PRODUCER_FOLLOW_H

#include "command/command.h"
#include "engine/client.h"
#include "engine/options.h"
#include "producer/watch.h"

/* Follows one job to its end, from its package's partition of status and progress, read_committed. */
struct follow;

/* Opens the topics at their present ends, before the job is sent, or (from_beginning) where they begin. */
must_check enum status follow_open(struct client *client, const struct options *options,
        const char *package_id, bool from_beginning, int64_t timeout_ms, struct follow **ret,
        struct error *err);
void follow_close(struct follow *follow); /* NULL is fine */

enum exit_code exit_code_of_state(const char *state); /* a job's terminal state by name */

/* Until the watch is final. Returns the exit code; wait_ms < 0: however long it takes. */
int follow_run(struct follow *follow, struct watch *watch, bool json, int64_t wait_ms);

/* --wait-timeout: seconds or an ISO 8601 duration; absent: *ret_ms is -1. */
must_check enum status option_wait_timeout(const struct options *options, int64_t *ret_ms, struct error *err);

#endif
