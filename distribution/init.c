#include "distribution/init.h"

#include "distribution/identity.h"
#include "distribution/layout.h"
#include "distribution/step.h"

#include "base/digest.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

struct init {
	struct room *room;
	struct init_wanted wanted;
	struct site *site;
	struct step step;
	struct identity identity; /* what is written */
	struct buffer text;
	char dp_id[DP_ID_SIZE];
	struct error err;
	struct agenda_entry later;
};

static void finish_now(struct agenda_entry *entry)
{
	struct init *init = (struct init *)((char *)entry - offsetof(struct init, later));

	init->wanted.done(init->wanted.context, init->dp_id, &init->err);
	if (init->site)
		site_release(init->site);
	identity_release(&init->identity);
	buffer_release(&init->text);
	free(init);
}

static void finish(struct init *init)
{
	agenda_add(init->room->agenda, &init->later, 0, finish_now);
}

static void read_back(struct step *step)
{
	struct init *init = step->context;
	struct identity there = {0};

	if (identity_of(&step->operation, init->wanted.name, &there, &init->err) == STATUS_OK) {
		if (strcmp(there.dp_id, init->identity.dp_id) != 0)
			error_set(&init->err, STATUS_RETRY, "read_back_mismatch",
			        "distribution point %s says that it is %s, and %s was just written: did "
			        "another "
			        "dp init run at the same time",
			        init->wanted.name, there.dp_id, init->identity.dp_id);
		memcpy(init->dp_id, there.dp_id, sizeof(init->dp_id));
	}
	identity_release(&there);
	free(step->operation.result.data);
	finish(init);
}

static void written(struct step *step)
{
	struct init *init = step->context;

	if (step->operation.result.status != STATUS_OK) {
		init->err = step->operation.result.err;
		finish(init);
		return;
	}
	step_run(&init->step, init->site, identity_read(), read_back);
}

static void add_replaced(struct identity *identity, const char *id)
{
	if (!id || !*id || identity_replaces(identity, id))
		return;
	identity->replaces = memory_resize(
	        identity->replaces, (identity->replaces_count + 1) * sizeof(*identity->replaces));
	identity->replaces[identity->replaces_count++] = memory_text(id);
}

static void forget_oldest(struct identity *identity)
{
	while (identity->replaces_count > IDENTITY_REPLACES_MAX) {
		free(identity->replaces[0]);
		memmove(identity->replaces, identity->replaces + 1,
		        --identity->replaces_count * sizeof(*identity->replaces));
	}
}

static void write_new(struct init *init)
{
	random_uuid(init->identity.dp_id);
	forget_oldest(&init->identity);
	buffer_init(&init->text, IDENTITY_SIZE_MAX);
	identity_write(&init->identity, &init->text);
	step_run(&init->step, init->site,
	        (struct operation){
	                .kind = OPERATION_WRITE, .path = LAYOUT_DP_JSON, .data = buffer_view(&init->text)},
	        written);
}

/* What is there, where it can be read, goes into replaces. */
static void took_present(struct step *step)
{
	struct init *init = step->context;
	const struct init_wanted *wanted = &init->wanted;
	bool found = step->operation.result.status == STATUS_OK && step->operation.result.found;
	enum status status = identity_of(&step->operation, wanted->name, &init->identity, &init->err);

	free(step->operation.result.data);
	if (step->operation.result.status != STATUS_OK) {
		finish(init);
		return;
	}
	if (status == STATUS_OK)
		memcpy(init->dp_id, init->identity.dp_id, sizeof(init->dp_id));
	if (found && !wanted->replace) {
		error_set(&init->err, STATUS_REJECT, "already_initialised",
		        "distribution point %s has a dp.json already%s%s: where its content is lost, say "
		        "--replace",
		        wanted->name, status == STATUS_OK ? ", " : ", though not a valid one", init->dp_id);
		finish(init);
		return;
	}
	init->err = (struct error){0};
	add_replaced(&init->identity, init->dp_id);
	add_replaced(&init->identity, wanted->replace ? wanted->replaced : NULL);
	write_new(init);
}

void init_start(struct room *room, const struct init_wanted *wanted)
{
	struct init *init = memory_alloc(sizeof(*init));
	struct site *site = room_site(room, wanted->name);

	init->room = room;
	init->wanted = *wanted;
	init->step = (struct step){.context = init, .flow = init};
	if (!site) {
		error_set(&init->err, STATUS_REJECT, "dp_unknown",
		        "%s is no distribution point of the catalogue", wanted->name);
		finish(init);
		return;
	}
	init->site = site_use(site);
	step_run(&init->step, init->site, identity_read(), took_present);
}
