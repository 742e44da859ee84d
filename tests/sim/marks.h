#ifndef SIM_MARKS_H
#define SIM_MARKS_H

#include <stddef.h>
#include <stdint.h>

/* What a run has reached: a simulation that never makes a situation proves nothing about it. Counted over all
 * seeds; each must have been reached after enough of them. */
/* clang-format off */
#define MARKS(mark) \
	mark(job_accepted) mark(job_completed) mark(job_content_conflict) mark(job_duplicate) \
	mark(job_expired) mark(job_failed) mark(job_held) mark(job_id_conflict) mark(job_rejected) \
	mark(job_same_version_again) mark(job_superseded) mark(update_before_create) \
	mark(update_with_content) mark(gate_all_released) mark(targets_adopted_late) mark(staged) \
	mark(staged_anew) mark(release) mark(withheld_expired) mark(withheld_failed) \
	mark(withheld_superseded) mark(updated) mark(updated_anew) mark(point_changed) mark(point_dead) \
	mark(point_failed) mark(point_foreign) mark(point_not_initialised) mark(point_pending) \
	mark(point_replaced) mark(point_retrying) mark(point_staged) mark(point_unreachable) \
	mark(point_updated) mark(dead_letter) mark(dead_reroute) mark(dead_staged) mark(reroute) \
	mark(claim) mark(claim_answer_lost) mark(claim_outrun) mark(takeover) mark(fenced) \
	mark(commit_aborted) mark(commit_answer_lost) mark(commit_refused) mark(recalled) \
	mark(not_ours_any_more) mark(compaction) mark(crash) mark(crash_inside_transaction) \
	mark(planned_restart) mark(stall) mark(stall_beyond_session) mark(rebalance) \
	mark(two_owners) mark(resumed_after_revoke) mark(revoke_timed_out) \
	mark(transfer_answer_lost) mark(transfer_by_two) mark(transfer_canceled) \
	mark(transfer_of_a_zombie) mark(transfer_of_the_dead) mark(transfer_ok) \
	mark(transfer_reject) mark(transfer_retry) mark(content_stored_short) mark(content_torn) \
	mark(content_mended) mark(seal_read_short) mark(log_made_anew) mark(log_cut_short) \
	mark(log_deleted_unread) mark(log_read_on) mark(log_refused) mark(pointer_answer_lost) mark(pointer_canceled) \
	mark(pointer_locked) mark(pointer_newer) mark(pointer_of_a_zombie) \
	mark(pointer_of_the_dead) mark(pointer_read_other) mark(pointer_set) mark(pointer_unknown) \
	mark(pointer_went_back_unfenced) mark(pair_checked) mark(pair_put_away)
/* clang-format on */

enum mark {
#define MARK_NAME(name) MARK_##name,
	MARKS(MARK_NAME)
#undef MARK_NAME
	        MARK_COUNT
};

/* Where they are counted: memory that outlives the process that runs the seeds. */
void marks_use(uint64_t *counts);
void mark(enum mark mark);
const char *mark_name(enum mark mark);

#endif
