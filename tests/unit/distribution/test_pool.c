#include "base/clock.h"
#include "base/memory.h"
#include "distribution/pool.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { DEADLINE_MS = 20000 };

struct task {
	struct pool_work work; /* first */
	int gate;              /* run() waits until it is readable; -1: does not */
	atomic_bool ran;
	int done, released, notes;
	pthread_t done_by, noted_by;
	enum pool_end end;
};

static atomic_int inside, most_inside;

static void run(struct pool_work *work)
{
	struct task *task = (struct task *)work;
	struct pollfd gate = {.fd = task->gate, .events = POLLIN};
	int now = atomic_fetch_add(&inside, 1) + 1, most = atomic_load(&most_inside);

	while (now > most && !atomic_compare_exchange_weak(&most_inside, &most, now))
		;
	if (task->gate >= 0)
		poll(&gate, 1, DEADLINE_MS);
	atomic_store(&task->ran, true);
	atomic_fetch_sub(&inside, 1);
}

static void run_until_canceled(struct pool_work *work)
{
	while (pool_go_on(work))
		usleep(2000);
	atomic_store(&((struct task *)work)->ran, true);
}

static void done(struct pool_work *work)
{
	struct task *task = (struct task *)work;

	task->done++;
	task->end = work->end;
	task->done_by = pthread_self();
	cr_assert_eq(task->released, 0);
}

static void release(struct pool_work *work)
{
	struct task *task = (struct task *)work;

	task->released++;
	cr_assert_eq(task->done, 1);
}

static void noted(struct pool_work *work)
{
	struct task *task = (struct task *)work;

	task->notes++;
	task->noted_by = pthread_self();
	cr_assert_eq(task->done, 0);
}

static void prepare(struct task *task, int gate, struct pool_lane *lane)
{
	*task = (struct task){.gate = gate};
	task->work.run = run;
	task->work.done = done;
	task->work.release = release;
	task->work.lane = lane;
}

static void step(struct pool *pool)
{
	struct pollfd wait = {.fd = pool_fd(pool), .events = POLLIN};

	poll(&wait, 1, 100);
	pool_step(pool);
}

#define step_until(pool, condition)                                                                          \
	do {                                                                                                 \
		int64_t deadline = clock_monotonic_ms() + DEADLINE_MS;                                       \
		while (!(condition)) {                                                                       \
			cr_assert_lt(clock_monotonic_ms(), deadline, "waited 20 s for " #condition);         \
			step(pool);                                                                          \
		}                                                                                            \
	} while (0)

static int new_gate(void)
{
	return eventfd(0, EFD_CLOEXEC);
}

static void open_gate(int gate)
{
	uint64_t one = 1;

	cr_assert_eq(write(gate, &one, sizeof(one)), (ssize_t)sizeof(one));
}

Test(pool, answers_each_work_once_on_the_stepping_thread)
{
	enum { MANY = 200 };
	static struct task tasks[MANY];
	struct pool *pool = pool_new(3);

	for (int i = 0; i < MANY; i++) {
		prepare(&tasks[i], -1, NULL);
		pool_submit(pool, &tasks[i].work);
		cr_assert_eq(tasks[i].done, 0);
	}
	step_until(pool, !pool_is_busy(pool));
	for (int i = 0; i < MANY; i++) {
		cr_assert(tasks[i].ran && tasks[i].done == 1 && tasks[i].released == 1);
		cr_assert_eq(tasks[i].end, POOL_RAN);
		cr_assert(pthread_equal(tasks[i].done_by, pthread_self()));
	}
	cr_assert_leq(most_inside, 3);
	pool_close(pool, 1000);
}

Test(pool, a_lane_holds_no_more_threads_than_it_may)
{
	enum { MANY = 40 };
	static struct task tasks[MANY];
	struct pool_lane lane = {.most = 2};
	struct pool *pool = pool_new(8);
	int gate = new_gate();

	for (int i = 0; i < MANY; i++) {
		prepare(&tasks[i], gate, &lane);
		pool_submit(pool, &tasks[i].work);
	}
	step_until(pool, most_inside == 2);
	open_gate(gate); /* stays open */
	step_until(pool, !pool_is_busy(pool));
	cr_assert_eq(most_inside, 2);
	cr_assert_eq(lane.running, 0);
	pool_close(pool, 1000);
	close(gate);
}

Test(pool, a_canceled_work_that_waits_never_runs)
{
	struct task first, second;
	struct pool *pool = pool_new(1);
	int gate = new_gate();

	prepare(&first, gate, NULL);
	prepare(&second, -1, NULL);
	pool_submit(pool, &first.work);
	pool_submit(pool, &second.work);
	pool_cancel(pool, &second.work);
	cr_assert_eq(second.done, 0);
	step_until(pool, second.done);
	cr_assert_eq(second.end, POOL_CANCELED);
	cr_assert_not(second.ran || first.done);
	open_gate(gate);
	step_until(pool, !pool_is_busy(pool));
	cr_assert(first.ran && first.released == 1 && second.released == 1);
	pool_close(pool, 1000);
	close(gate);
}

Test(pool, a_canceled_work_that_runs_is_told)
{
	struct task task;
	struct pool *pool = pool_new(1);

	prepare(&task, -1, NULL);
	task.work.run = run_until_canceled;
	pool_submit(pool, &task.work);
	pool_cancel(pool, &task.work);
	pool_cancel(pool, &task.work);
	step_until(pool, task.released);
	cr_assert_eq(task.done, 1);
	pool_close(pool, 1000);
}

Test(pool, notes_come_before_the_end_and_on_the_stepping_thread)
{
	struct task task;
	struct pool *pool = pool_new(1);

	prepare(&task, -1, NULL);
	task.work.run = run_until_canceled;
	task.work.noted = noted;
	pool_submit(pool, &task.work);
	step_until(pool, task.notes == 2);
	cr_assert(pthread_equal(task.noted_by, pthread_self()));
	pool_cancel(pool, &task.work);
	step_until(pool, task.released);
	pool_close(pool, 1000);
}

Test(pool, what_hangs_is_answered_and_released_only_when_it_returns)
{
	struct task hung;
	struct pool *pool = pool_new(2);
	int gate = new_gate();

	prepare(&hung, gate, NULL);
	hung.work.patience_ms = 50;
	pool_submit(pool, &hung.work);
	step_until(pool, hung.done);
	cr_assert_eq(hung.end, POOL_LOST);
	cr_assert_not(hung.released || pool_is_busy(pool));
	open_gate(gate);
	step_until(pool, hung.released);
	cr_assert(hung.ran && hung.done == 1);
	pool_close(pool, 1000);
	close(gate);
}

Test(pool, a_hung_lane_stops_no_other_and_says_so_to_what_waits)
{
	static struct task hung[2], waiting, other;
	struct pool_lane dead = {.most = 2}, alive = {.most = 2};
	struct pool *pool = pool_new(3);
	int gate = new_gate();

	for (int i = 0; i < 2; i++) {
		prepare(&hung[i], gate, &dead);
		hung[i].work.patience_ms = 50;
		pool_submit(pool, &hung[i].work);
	}
	prepare(&waiting, -1, &dead);
	prepare(&other, -1, &alive);
	pool_submit(pool, &waiting.work);
	pool_submit(pool, &other.work);
	step_until(pool, other.done);
	cr_assert_eq(other.end, POOL_RAN);
	step_until(pool, waiting.done);
	cr_assert_eq(waiting.end, POOL_LOST);
	cr_assert_not(waiting.ran);
	open_gate(gate);
	step_until(pool, hung[0].released && hung[1].released);
	cr_assert(dead.running == 0 && dead.lost == 0);
	prepare(&waiting, -1, &dead);
	pool_submit(pool, &waiting.work);
	step_until(pool, waiting.done);
	cr_assert_eq(waiting.end, POOL_RAN, "the lane works again");
	pool_close(pool, 1000);
	close(gate);
}

Test(pool, works_that_all_threads_hang_in_the_way_of_are_answered)
{
	struct task hung, waiting;
	struct pool *pool = pool_new(1);
	int gate = new_gate();

	prepare(&hung, gate, NULL);
	hung.work.patience_ms = 50;
	prepare(&waiting, -1, NULL);
	pool_submit(pool, &hung.work);
	pool_submit(pool, &waiting.work);
	step_until(pool, waiting.done);
	cr_assert_eq(waiting.end, POOL_LOST);
	open_gate(gate);
	step_until(pool, hung.released);
	pool_close(pool, 1000);
	close(gate);
}

Test(pool_close, cancels_and_answers_all)
{
	static struct task tasks[10];
	struct pool *pool = pool_new(2);

	for (int i = 0; i < 10; i++) {
		prepare(&tasks[i], -1, NULL);
		tasks[i].work.run = run_until_canceled;
		pool_submit(pool, &tasks[i].work);
	}
	pool_close(pool, DEADLINE_MS);
	for (int i = 0; i < 10; i++)
		cr_assert(tasks[i].done == 1 && tasks[i].released == 1);
}

/* The pool that the hung thread holds is left behind on purpose, reachable from here. */
static struct pool *left_behind;

Test(pool_close, leaves_a_hung_thread_behind)
{
	static struct task hung;
	int64_t before = clock_monotonic_ms();

	left_behind = pool_new(1);
	prepare(&hung, new_gate(), NULL);
	pool_submit(left_behind, &hung.work);
	pool_close(left_behind, 100);
	cr_assert_eq(hung.done, 1);
	cr_assert_eq(hung.end, POOL_LOST);
	cr_assert_eq(hung.released, 0);
	cr_assert_lt(clock_monotonic_ms() - before, 5000);
}
