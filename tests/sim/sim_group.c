#include "tests/sim/sim_group.h"

#include "base/memory.h"
#include "tests/sim/marks.h"
#include "tests/sim/sim_worker.h"

#include <stdlib.h>
#include <string.h>

enum { MEMBERS = PROCESSES / 2, SESSION_MS = 6000 };

static struct group {
	bool updaters, rebalancing, again;
	uint64_t generation;
	int64_t until;
	int owner[PARTITIONS];   /* process; -1: nobody */
	bool kicked[MEMBERS];    /* its session ended, and it has not come again */
	bool joined[MEMBERS];    /* the generation that is coming */
	uint64_t heard[MEMBERS]; /* generation of the last assignment that arrived */
} groups[2];

struct message {
	struct message *next, **at; /* among those under way */
	int process;
	uint64_t life; /* of the process: a message to a dead one is lost */
	uint64_t generation;
	bool revoke, given[PARTITIONS];
};

static uint64_t lives[PROCESSES];
static struct message *under_way;

static void message_free(struct message *message)
{
	*message->at = message->next;
	if (message->next)
		message->next->at = message->at;
	free(message);
}

void groups_end(void)
{
	while (under_way)
		message_free(under_way);
}

void groups_begin(void)
{
	memset(groups, 0, sizeof(groups));
	memset(lives, 0, sizeof(lives));
	for (int i = 0; i < 2; i++) {
		groups[i].updaters = i;
		for (int p = 0; p < PARTITIONS; p++)
			groups[i].owner[p] = -1;
	}
}

static struct group *group_of(int process)
{
	return &groups[process >= MEMBERS];
}

static int process_of(const struct group *group, int member)
{
	return group->updaters ? MEMBERS + member : member;
}

static void deliver(void *context)
{
	struct message *message = context;
	struct group *group = group_of(message->process);
	int process = message->process;

	if (world_is_stalled(process) && lives[process] == message->life) {
		world_at(world_wakes_at(process) + world_between(0, 100), deliver, message);
		return;
	}
	if (worker_is_up(process) && lives[process] == message->life) {
		if (message->revoke) {
			worker_revoked(process);
		} else if (message->generation == group->generation && !group->rebalancing) {
			group->heard[process % MEMBERS] = message->generation;
			worker_assigned(process, message->given);
		}
	}
	message_free(message);
}

static void send(const struct group *group, int member, bool revoke)
{
	struct message *message = memory_alloc(sizeof(*message));
	bool late = world_percent(world_chance()->late_group);

	message->next = under_way;
	message->at = &under_way;
	if (under_way)
		under_way->at = &message->next;
	under_way = message;
	message->process = process_of(group, member);
	message->life = lives[message->process];
	message->generation = group->generation;
	message->revoke = revoke;
	for (int p = 0; p < PARTITIONS; p++)
		message->given[p] = group->owner[p] == message->process;
	world_after(late ? world_between(200, 8000) : world_between(0, 100), deliver, message);
}

static bool is_ready(const struct group *group)
{
	for (int member = 0; member < MEMBERS; member++)
		if (worker_is_up(process_of(group, member)) && !group->joined[member] &&
		        !group->kicked[member])
			return false;
	return true;
}

/* Who has joined shares the partitions, however unevenly. */
static void complete(struct group *group)
{
	int candidates[MEMBERS], count = 0;

	for (int member = 0; member < MEMBERS; member++)
		if (worker_is_up(process_of(group, member)) &&
		        (group->joined[member] || world_percent(world_chance()->late_group)))
			candidates[count++] = process_of(group, member);
	for (int p = 0; p < PARTITIONS; p++)
		group->owner[p] = count ? candidates[world_random((uint64_t)count)] : -1;
	group->rebalancing = false;
	group->generation++;
	world_trace("group of %s: generation %llu gives 0 to %d, 1 to %d",
	        group->updaters ? "updaters" : "stagers", (unsigned long long)group->generation,
	        group->owner[0], group->owner[1]);
	for (int member = 0; member < MEMBERS; member++)
		if (group->joined[member])
			send(group, member, false);
}

static void watch(void *context)
{
	struct group *group = context;
	bool hasty = world_percent(world_chance()->late_group / 10);

	if (!is_ready(group) && world_now() < group->until && !hasty) {
		world_after(50, watch, group);
		return;
	}
	complete(group);
	if (group->again) {
		group->again = false;
		group_rebalance(group->updaters);
	}
}

void group_rebalance(bool updaters)
{
	struct group *group = &groups[updaters];

	if (group->rebalancing) {
		group->again = true;
		return;
	}
	mark(MARK_rebalance);
	group->rebalancing = true;
	group->until = world_now() + SESSION_MS;
	memset(group->joined, 0, sizeof(group->joined));
	for (int member = 0; member < MEMBERS; member++)
		if (worker_is_up(process_of(group, member)))
			send(group, member, true);
	world_after(50, watch, group);
}

void group_comes(int process)
{
	lives[process]++;
	group_of(process)->kicked[process % MEMBERS] = false;
	group_of(process)->heard[process % MEMBERS] = 0;
	group_rebalance(group_of(process)->updaters);
}

static void session_ends(void *context)
{
	int process = *(int *)context;
	struct group *group = group_of(process);

	if (worker_is_up(process) && !world_is_stalled(process))
		return;
	group->kicked[process % MEMBERS] = true;
	group_rebalance(group->updaters);
}

void group_loses(int process, bool planned)
{
	static int numbers[PROCESSES];

	numbers[process] = process;
	if (planned)
		group_rebalance(group_of(process)->updaters);
	else
		world_after(SESSION_MS, session_ends, &numbers[process]);
}

void group_joins(int process)
{
	struct group *group = group_of(process);

	group->joined[process % MEMBERS] = true;
	if (!group->rebalancing) /* too late for that one */
		group_rebalance(group->updaters);
}

/* Of one that comes too late: told once it is awake. */
void worker_was_stalled(int process)
{
	group_of(process)->kicked[process % MEMBERS] = false;
	if (worker_is_up(process))
		group_rebalance(group_of(process)->updaters);
}

bool group_confirms(int process, int32_t partition)
{
	const struct group *group = group_of(process);

	return !group->rebalancing && group->owner[partition] == process &&
	       group->heard[process % MEMBERS] == group->generation;
}
