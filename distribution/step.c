#include "distribution/step.h"

#include "base/clock.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { PAUSE_MS = 100 };

static void try_once(struct agenda_entry *entry);

static void end(struct step *step)
{
	step->under_way = false;
	step->took(step);
}

static bool is_worth_another(struct step *step)
{
	const char *code = step->operation.result.err.code;

	if (step->operation.result.status != STATUS_RETRY || step->operation.result.retry_after_ms ||
	        step->canceled || step->once || ++step->tries >= STEP_TRIES)
		return false;
	if (strcmp(code, "dp_timeout") == 0)
		return ++step->timeouts < STEP_TIMEOUTS;
	return strcmp(code, "dp_unreachable") == 0 || strcmp(code, "dp_error") == 0;
}

static void on_done(struct operation *operation)
{
	struct step *step = operation->context;

	assert(operation->result.err.status == operation->result.status);
	if (!is_worth_another(step)) {
		end(step);
		return;
	}
	free(operation->result.data);
	agenda_add(step->site->room->agenda, &step->later, clock_monotonic_ms() + (PAUSE_MS << step->tries),
	        try_once);
}

static void submit(struct step *step)
{
	struct driver *driver = step->site->driver;

	driver->ops->submit(driver, &step->operation);
}

static void try_once(struct agenda_entry *entry)
{
	submit((struct step *)((char *)entry - offsetof(struct step, later)));
}

void step_run(
        struct step *step, struct site *site, struct operation operation, void (*took)(struct step *step))
{
	step->site = site;
	step->took = took;
	step->operation = operation;
	step->operation.flow = step->flow;
	step->operation.done = on_done;
	step->operation.context = step;
	step->tries = step->timeouts = 0;
	step->canceled = false;
	step->under_way = true;
	if (step->ahead && ahead_take(step->ahead, &step->operation))
		on_done(&step->operation);
	else
		submit(step);
}

static void end_canceled(struct agenda_entry *entry)
{
	end((struct step *)((char *)entry - offsetof(struct step, later)));
}

void step_cancel(struct step *step)
{
	if (!step->under_way || step->canceled)
		return;
	struct agenda *agenda = step->site->room->agenda;
	step->canceled = true;
	if (!step->later.pending) {
		step->site->driver->ops->cancel(step->site->driver, &step->operation);
		return;
	}
	agenda_remove(agenda, &step->later); /* between two tries: the last one's result stands */
	step->operation.result.data = NULL;
	agenda_add(agenda, &step->later, 0, end_canceled);
}
