/* What every step of a staging needs: to be taken, to fail, to be the last. */
#include "distribution/staging.h"

#include <string.h>

/* ---- ending */

static void finish_now(struct agenda_entry *entry)
{
	struct staging *staging = (struct staging *)((char *)entry - offsetof(struct staging, later));
	struct transfer_result result = {.status = staging->err.status,
	        .err = staging->err,
	        .dp_id = staging->identity_known ? staging->identity.dp_id : NULL,
	        .bytes_sent = staging->bytes_sent,
	        .read_back = staging->site && !staging->site->point->read_back_full ? "size" : "full",
	        .retry_after_ms = staging->retry_after_ms};

	if (staging->identity_known && staging->expected_dp_id &&
	        strcmp(staging->identity.dp_id, staging->expected_dp_id) != 0 &&
	        identity_replaces(&staging->identity, staging->expected_dp_id))
		result.replaces = staging->expected_dp_id;
	if (staging->manifest) {
		result.files = staging->manifest->count;
		result.bytes = staging->manifest->bytes;
	}
	staging->done(&result, staging->context);
	staging->ended(staging, staging->ended_context);
}

void staging_finish(struct staging *staging)
{
	if (staging->canceled && staging->err.status == STATUS_OK)
		error_set(&staging->err, STATUS_RETRY, "canceled", "staging %s %s on %s was canceled",
		        staging->package, staging->version, staging->point);
	agenda_add(staging->room->agenda, &staging->later, 0, finish_now);
}

/* True where it ends here: canceled, or failed. */
bool staging_is_over(struct staging *staging)
{
	if (!staging->canceled && staging->err.status == STATUS_OK)
		return false;
	if (staging->manifest && strncmp(staging->err.code, "source_", 7) == 0)
		shelf_doubt(staging->room->shelf, staging->manifest);
	if (staging->err.status == STATUS_REJECT && staging->uploaded && !staging->canceled)
		staging_wind_up(
		        staging); /* nobody will try again, so nobody else would remove what was uploaded */
	else
		staging_finish(staging);
	return true;
}

/* ---- steps */

struct operation staging_operation(const struct staging *staging, enum staging_wish wish)
{
	switch (wish) {
	case STAGING_IDENTIFY:
		return identity_read();
	case STAGING_READ_SEAL:
		return operation_read(staging->seal, MANIFEST_BYTES_MAX);
	case STAGING_READ_BASE_SEAL:
		return operation_read(staging->base_seal, MANIFEST_BYTES_MAX);
	case STAGING_CLEAN:
		return (struct operation){
		        .kind = OPERATION_REMOVE, .path = staging->attempts, .folder = true};
	case STAGING_LOOK:
		return (struct operation){.kind = OPERATION_STAT, .path = staging->first};
	case STAGING_PLACE:
		return (struct operation){.kind = OPERATION_MOVE,
		        .from = staging->folder,
		        .path = staging->content,
		        .folder = true};
	case STAGING_SETTLE:
		return (struct operation){.kind = OPERATION_SETTLE, .path = staging->package};
	case STAGING_WRITE_SEAL:
		return (struct operation){.kind = OPERATION_WRITE,
		        .path = staging->seal,
		        .data = buffer_view(&staging->seal_text)};
	case STAGING_REMOVE_SEAL:
		break;
	}
	return (struct operation){.kind = OPERATION_REMOVE, .path = staging->seal};
}

void staging_run(struct staging *staging, enum staging_wish wish, void (*took)(struct step *step))
{
	step_run(&staging->step, staging->site, staging_operation(staging, wish), took);
}

/* True where it ends here because of what the step came to. */
bool staging_has_failed(struct staging *staging)
{
	const struct operation *operation = &staging->step.operation;

	if (operation->result.status != STATUS_OK) {
		staging->err = operation->result.err;
		staging->retry_after_ms = operation->result.retry_after_ms;
	}
	return staging_is_over(staging);
}

char *staging_take_data(struct staging *staging, struct view *ret)
{
	struct operation *operation = &staging->step.operation;
	char *data = operation->result.data;

	*ret = operation_data(operation);
	operation->result.data = NULL;
	return data;
}

/* ---- winding up */

static void wound_up(struct step *step)
{
	staging_finish(step->context); /* what could not be removed expires */
}

void staging_wind_up(struct staging *staging)
{
	if (!staging->uploaded) {
		staging_finish(staging);
		return;
	}
	staging_run(staging, STAGING_CLEAN, wound_up);
}
