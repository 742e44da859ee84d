#ifndef SIM_CHECKER_H
#define SIM_CHECKER_H

#include "tests/sim/facts.h"

/* Judges what the logs and the distribution points show against what was sent. It shares no code with those
 * that it judges. */

/* dead_point: the one that never comes back; -1: none. */
void checker_begin(bool far_deadlines, int dead_point);

/* Whether all has come to its end: nothing is unanswered, no job is under way, every pointer shows the newest
 * release. Cheap where nothing changed. ret_words, not NULL: what is still missing. */
bool checker_is_settled(const char **ret_words);
void checker_judge(void); /* the whole, once it has settled */

/* What a log of jobs says is no longer what was sent: from now on only pointers and releases are judged, as
 * they happen.
 */
void checker_log_is_lost(void);
bool checker_log_was_lost(void);
void checker_read(void); /* what has been committed since */

/* As they happen. */
void checker_pointer_moves(
        int point, int package, const struct sim_pointer *from, const struct sim_pointer *to, bool zombie);
void checker_transfer_begins(int point, int package, int version);
void checker_sealed(int point, int package, int version, const char *digest);
void checker_torn(int point, int package, int version); /* what was sealed there is no longer whole */
void checker_job_comes(struct job_fact *fact, int32_t partition, int64_t offset);
void checker_staged(const struct staged_fact *fact, int32_t partition, int64_t offset);
void checker_released(
        const struct staged_fact *fact, struct job_fact *job, int32_t partition, int64_t offset);
void checker_updated(const struct updated_fact *fact);

#endif
