#include "distribution/throttle.h"

#include "base/map.h"
#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

struct ticket {                 /* an operation while it waits and while it is under way */
	struct operation inner; /* what the inner driver gets: a copy */
	struct operation *operation;
	struct throttle *throttle;
	struct flow *flow; /* where it waits; NULL: it is under way, or canceled */
	TAILQ_ENTRY(ticket) entry;
	struct agenda_entry later;
};

struct flow { /* lives while something of it waits */
	const void *id;
	TAILQ_HEAD(, ticket) tickets; /* oldest first */
	STAILQ_ENTRY(flow) entry;
};

struct throttle {
	struct driver driver;
	struct driver *inner;
	struct agenda *agenda;
	size_t connections, under_way;
	struct map *flows;
	STAILQ_HEAD(, flow) turns; /* whose turn it is first */
};

static void admit(struct throttle *throttle);

static void answer(struct ticket *ticket)
{
	struct operation *operation = ticket->operation;

	operation->result = ticket->inner.result;
	operation->driver_private = NULL;
	free(ticket);
	operation->done(operation);
}

static void on_done(struct operation *inner)
{
	struct ticket *ticket = inner->context;
	struct throttle *throttle = ticket->throttle;

	throttle->driver.can = throttle->inner->can;
	throttle->under_way--;
	answer(ticket); /* may submit more */
	admit(throttle);
}

static void on_moved(struct operation *inner, uint64_t bytes)
{
	struct ticket *ticket = inner->context;

	ticket->operation->moved(ticket->operation, bytes);
}

static void start(struct ticket *ticket)
{
	struct throttle *throttle = ticket->throttle;

	ticket->flow = NULL;
	ticket->inner = *ticket->operation;
	ticket->inner.done = on_done;
	ticket->inner.moved = ticket->operation->moved ? on_moved : NULL;
	ticket->inner.context = ticket;
	throttle->under_way++;
	throttle->inner->ops->submit(throttle->inner, &ticket->inner);
}

static struct view key_of(const void *const *id)
{
	return (struct view){(const char *)id, sizeof(*id)};
}

static void admit(struct throttle *throttle)
{
	struct flow *flow;

	while ((flow = STAILQ_FIRST(&throttle->turns)) && throttle->under_way < throttle->connections) {
		struct ticket *ticket = TAILQ_FIRST(&flow->tickets);

		STAILQ_REMOVE_HEAD(&throttle->turns, entry);
		if (ticket)
			TAILQ_REMOVE(&flow->tickets, ticket, entry);
		if (!TAILQ_EMPTY(&flow->tickets)) {
			STAILQ_INSERT_TAIL(&throttle->turns, flow, entry);
		} else {
			map_remove(throttle->flows, key_of(&flow->id));
			free(flow);
		}
		if (ticket)
			start(ticket);
	}
}

static void wait_in_flow(struct throttle *throttle, struct ticket *ticket)
{
	const void *id = ticket->operation->flow;
	struct flow *flow = map_get(throttle->flows, key_of(&id));

	if (!flow) {
		flow = memory_alloc(sizeof(*flow));
		flow->id = id;
		TAILQ_INIT(&flow->tickets);
		map_put(throttle->flows, key_of(&id), flow);
		STAILQ_INSERT_TAIL(&throttle->turns, flow, entry);
	}
	ticket->flow = flow;
	TAILQ_INSERT_TAIL(&flow->tickets, ticket, entry);
}

static void throttle_submit(struct driver *driver, struct operation *operation)
{
	struct throttle *throttle = (struct throttle *)driver;
	struct ticket *ticket = memory_alloc(sizeof(*ticket));

	memset(&operation->result, 0, sizeof(operation->result));
	operation->driver_private = ticket;
	ticket->throttle = throttle;
	ticket->operation = operation;
	wait_in_flow(throttle, ticket);
	admit(throttle);
}

static void answer_canceled(struct agenda_entry *entry)
{
	answer((struct ticket *)((char *)entry - offsetof(struct ticket, later)));
}

static void throttle_cancel(struct driver *driver, struct operation *operation)
{
	struct throttle *throttle = (struct throttle *)driver;
	struct ticket *ticket = operation->driver_private;

	if (!ticket || ticket->later.pending)
		return;
	if (!ticket->flow) {
		throttle->inner->ops->cancel(throttle->inner, &ticket->inner);
		return;
	}
	TAILQ_REMOVE(&ticket->flow->tickets, ticket, entry); /* an empty flow's turn is over at once */
	ticket->flow = NULL;
	ticket->inner.result.status = error_set(&ticket->inner.result.err, STATUS_RETRY, "canceled",
	        "canceled before its turn for %s came", operation->path);
	agenda_add(throttle->agenda, &ticket->later, 0, answer_canceled);
}

static void throttle_close(struct driver *driver)
{
	struct throttle *throttle = (struct throttle *)driver;

	assert(throttle->under_way == 0);
	throttle->inner->ops->close(throttle->inner);
	map_free(throttle->flows, free);
	free(throttle);
}

struct driver *throttle_open(struct driver *inner, size_t connections, struct agenda *agenda)
{
	static const struct driver_ops ops = {throttle_submit, throttle_cancel, throttle_close};
	struct throttle *throttle = memory_alloc(sizeof(*throttle));

	assert(connections > 0);
	throttle->driver = (struct driver){.ops = &ops, .can = inner->can};
	throttle->inner = inner;
	throttle->agenda = agenda;
	throttle->connections = connections;
	throttle->flows = map_new();
	STAILQ_INIT(&throttle->turns);
	return &throttle->driver;
}
