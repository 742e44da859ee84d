#ifndef UPDATER_UPDATER_H
#define UPDATER_UPDATER_H

#include "engine/places.h"
#include "engine/worker.h"
#include "updater/switch.h"

#include <stdatomic.h>

/* The shell around the switch: what all shards of an updater share, and the two sides that the engine calls.
 * Its input is the staged topic.
 *
 *   updater.c  machine: bytes → switch event → rows and records; and the declaration
 *   sink.c     what the switch says, into the outbox
 *   attempt.c  effector: an attempt that the switch wants → pointer → completion
 *   service.c  options; what is shared: opened, reloaded, counted, closed
 *
 * All but the counters stays as it is while it is open, and is safe for any thread. */
struct updater {
	struct worker *worker;
	struct distribution *distribution; /* owned */
	char *catalogue_path;
	struct switch_rules rules;
	bool cloudevents; /* records carry the headers of CloudEvents too */
	/* For /metrics; counted when said, so a transaction that is lost and done again counts twice. */
	atomic_ulong updated, jobs_ended, releases_refused, releases_forged;
	struct places *places;      /* how distribution points fare */
	_Atomic size_t point_count; /* in the catalogue */
};

enum updater_output { UPDATER_UPDATED, UPDATER_STATUS };

extern const struct worker_spec updater_spec;
extern const struct option_spec updater_options[];
enum status updater_open(
        struct worker *worker, const struct options *options, void **ret_shell, struct error *err);
void updater_close(void *shell);
enum status updater_reload(void *shell, struct buffer *ret_what, struct error *err);
void updater_metrics(void *shell, struct buffer *out);

/* One call of switch_apply(): all that the switch says goes to the outbox. */
void updater_switch(struct updater *updater, struct switch_state *state, const struct switch_event *event,
        int64_t now_ms, struct outbox *out);

enum effect_start updater_start(void *shell, const void *state, const struct effect_context *context,
        uint64_t *ret_effect, int64_t *ret_offset);
void updater_cancel(void *shell, uint64_t effect);
bool updater_refuses_stale(void *shell, struct view lane);
/* Of an attempt's completion; NULL: it was not made. Valid as long as the result. */
const struct switch_answer *attempt_answer(const void *result, int32_t *ret_partition);

#endif
