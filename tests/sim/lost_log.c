#include "tests/sim/lost_log.h"

#include "tests/sim/checker.h"
#include "tests/sim/logs.h"
#include "tests/sim/marks.h"
#include "tests/sim/workload.h"
#include "tests/sim/world.h"

#include <string.h>

enum { MADE_ANEW, CUT_SHORT, DELETED_UNREAD, KINDS };

static struct {
	bool wanted, over;
	int kind;
	int32_t partition;
	int64_t struck_ms; /* 0: not yet */
	int64_t end;       /* where the log had ended */
	int64_t unread;    /* DELETED_UNREAD: the first that nobody had answered */
	unsigned refusals;
} lost;

static bool is_answered(const struct job_fact *job)
{
	return job->accepted || job->rejected || job->duplicates || job->dead || job->reroutes;
}

/* The last job that was answered, and the first that was not; -1: none. */
static void look(int64_t *ret_last_answered, int64_t *ret_first_unanswered)
{
	*ret_last_answered = *ret_first_unanswered = -1;
	for (int64_t offset = 0; offset < log_end(LOG_JOBS, lost.partition); offset++) {
		const struct job_fact *job = job_fact(lost.partition, offset);
		if (is_answered(job))
			*ret_last_answered = offset;
		else if (job->expected != EXPECT_NOTHING && *ret_first_unanswered < 0)
			*ret_first_unanswered = offset;
	}
}

static void send_more(void *context)
{
	(void)context;
	workload_burst((int)world_random(30));
}

static bool befall(void)
{
	int64_t answered, unanswered;

	checker_read();
	look(&answered, &unanswered);
	if (answered < 0 || (lost.kind == DELETED_UNREAD && unanswered < answered))
		return false;
	checker_log_is_lost();
	lost.end = log_end(LOG_JOBS, lost.partition);
	switch (lost.kind) {
	case MADE_ANEW:
		mark(MARK_log_made_anew);
		log_recreate(LOG_JOBS, lost.partition);
		break;
	case CUT_SHORT:
		mark(MARK_log_cut_short);
		log_shorten(LOG_JOBS, lost.partition, (int64_t)world_random((uint64_t)answered + 1));
		break;
	default:
		mark(MARK_log_deleted_unread);
		lost.unread = unanswered;
		log_truncate(LOG_JOBS, lost.partition, log_end(LOG_JOBS, lost.partition));
	}
	return true;
}

static void strike(void *context)
{
	if (lost.over)
		return;
	if (!befall()) {
		world_after(world_between(100, 1000), strike, context);
		return;
	}
	lost.struck_ms = world_now();
	world_trace(
	        "the jobs of partition %d are no longer what they were (%d)", (int)lost.partition, lost.kind);
	if (world_percent(70)) /* grown past what was read, before anybody looks */
		send_more(NULL);
	world_after(world_between(1, 60000), send_more, NULL);
}

void lost_log_begin(bool wanted)
{
	memset(&lost, 0, sizeof(lost));
	lost.wanted = wanted;
	lost.kind = (int)world_random(KINDS);
	lost.partition = (int32_t)world_random(PARTITIONS);
	if (wanted)
		world_after(world_between(1000, 60000), strike, NULL);
}

void lost_log_end(void)
{
	lost.over = true;
}

bool lost_log_is_wanted(void)
{
	return lost.wanted;
}

bool lost_log_explains(bool updater, int32_t partition)
{
	if (updater || !lost.struck_ms || partition != lost.partition)
		return false;
	mark(MARK_log_refused);
	lost.refusals++;
	return true;
}

static bool must_be_refused(void)
{
	/* of a log that was cut short the record that is compared may be left: that Kafka keeps what it said
	 * it has is a premise */
	if (lost.kind == MADE_ANEW) /* where it ends as it did nothing tells, before something comes */
		return log_end(LOG_JOBS, lost.partition) != lost.end;
	return lost.kind == DELETED_UNREAD && !is_answered(job_fact(lost.partition, lost.unread));
}

static void judge_topic(enum log_topic topic, int64_t quiet_ms)
{
	int64_t offset = 0, at;
	const struct log_record *record;

	while ((record = log_next_committed(topic, lost.partition, &offset, &at))) {
		if (record->producer != log_producer(false, lost.partition))
			continue;
		if (record->time_ms > lost.struck_ms + 1000)
			mark(MARK_log_read_on);
		if (record->time_ms > quiet_ms)
			world_violation("log",
			        "%s/%d@%lld was written though the jobs are no longer the log that was read",
			        log_name(topic), (int)lost.partition, (long long)at);
	}
}

void lost_log_judge(int64_t quiet_ms)
{
	if (!lost.struck_ms)
		return;
	if (must_be_refused() && !lost.refusals)
		world_violation("log",
		        "the jobs of partition %d are no longer the log that was read, and nobody says so",
		        (int)lost.partition);
	if (!lost.refusals)
		return;
	judge_topic(LOG_STAGED, quiet_ms);
	judge_topic(LOG_STATUS, quiet_ms);
	judge_topic(LOG_DLQ, quiet_ms);
}
