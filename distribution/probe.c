/* The trial is a list of operations, each with what a capable server answers. The first answer that is
 * another one ends it. */
#include "distribution/probe.h"

#include "distribution/layout.h"

#include "base/digest.h"
#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum step {
	WRITE_FIRST,
	COPY_FILE,
	MOVE_FOLDER,
	READ_COPY,
	READ_MOVED,
	WRITE_SECOND,
	MOVE_OVER,
	READ_KEPT,
	CLEAN,
};

struct probe {
	struct driver *driver;
	struct operation operation;
	enum step step;
	struct probe_result result;
	bool copied, canceled;
	char *folder, *from, *to, *file, *copy, *moved_file, *moved_copy;
	void (*done)(const struct probe_result *result, void *context);
	void *context;
};

static void take_step(struct probe *probe);

static void finish(struct probe *probe)
{
	probe->done(&probe->result, probe->context);
	free(probe->folder);
	free(probe->from);
	free(probe->to);
	free(probe->file);
	free(probe->copy);
	free(probe->moved_file);
	free(probe->moved_copy);
	free(probe);
}

/* No answer, or "later": says nothing about what the server can do. */
static bool is_undecided(const struct operation *operation)
{
	const char *code = operation->result.err.code;

	return operation->result.status != STATUS_OK &&
	       (operation->result.retry_after_ms || strcmp(code, "dp_unreachable") == 0 ||
	               strcmp(code, "dp_timeout") == 0 || strcmp(code, "canceled") == 0);
}

static bool shows(const struct operation *operation, const char *text)
{
	return operation->result.status == STATUS_OK && operation->result.found &&
	       view_is(operation_data(operation), text);
}

/* Judges the step just taken and says which is next. */
static enum step judge(struct probe *probe)
{
	const struct operation *operation = &probe->operation;
	bool ok = operation->result.status == STATUS_OK;

	switch (probe->step) {
	case WRITE_FIRST:
		probe->result.tried = ok;
		return ok ? COPY_FILE : CLEAN;
	case COPY_FILE:
		probe->copied = ok && operation->result.found;
		return MOVE_FOLDER;
	case MOVE_FOLDER:
		probe->result.move = ok && operation->result.found && !operation->result.exists;
		return probe->copied ? READ_COPY : probe->result.move ? READ_MOVED : CLEAN;
	case READ_COPY:
		probe->result.copy = shows(operation, "first");
		return probe->result.move ? READ_MOVED : CLEAN;
	case READ_MOVED:
		probe->result.move = shows(operation, "first");
		return probe->result.move ? WRITE_SECOND : CLEAN;
	case WRITE_SECOND:
		probe->result.move = ok;
		return ok ? MOVE_OVER : CLEAN;
	case MOVE_OVER:
		probe->result.move = ok && operation->result.exists;
		return probe->result.move ? READ_KEPT : CLEAN;
	case READ_KEPT:
		probe->result.move = shows(operation, "first");
		return CLEAN;
	default:
		return CLEAN;
	}
}

static void give_up(struct probe *probe)
{
	probe->result = (struct probe_result){.status = STATUS_RETRY, .err = probe->operation.result.err};
	if (probe->operation.result.status == STATUS_OK)
		error_set(&probe->result.err, STATUS_RETRY, "canceled", "canceled");
	finish(probe);
}

static void stepped(struct operation *operation)
{
	struct probe *probe = operation->context;

	if (probe->step == CLEAN) {
		finish(probe);
	} else if (probe->canceled || is_undecided(operation)) {
		free(operation->result.data);
		give_up(probe);
	} else {
		probe->step = judge(probe);
		free(operation->result.data);
		take_step(probe);
	}
}

static void take_step(struct probe *probe)
{
	static const enum operation_kind kinds[] = {[WRITE_FIRST] = OPERATION_WRITE,
	        [COPY_FILE] = OPERATION_COPY,
	        [MOVE_FOLDER] = OPERATION_MOVE,
	        [READ_COPY] = OPERATION_READ,
	        [READ_MOVED] = OPERATION_READ,
	        [WRITE_SECOND] = OPERATION_WRITE,
	        [MOVE_OVER] = OPERATION_MOVE,
	        [READ_KEPT] = OPERATION_READ,
	        [CLEAN] = OPERATION_REMOVE};
	const char *paths[] = {[WRITE_FIRST] = probe->file,
	        [COPY_FILE] = probe->copy,
	        [MOVE_FOLDER] = probe->to,
	        [READ_COPY] = probe->result.move ? probe->moved_copy : probe->copy,
	        [READ_MOVED] = probe->moved_file,
	        [WRITE_SECOND] = probe->file,
	        [MOVE_OVER] = probe->to,
	        [READ_KEPT] = probe->moved_file,
	        [CLEAN] = probe->folder};
	enum operation_kind kind = kinds[probe->step];

	probe->operation = (struct operation){.kind = kind,
	        .path = paths[probe->step],
	        .from = kind == OPERATION_MOVE ? probe->from : probe->file,
	        .data = view_text(probe->step == WRITE_FIRST ? "first" : "second"),
	        .size_max = 64,
	        .fd = -1,
	        .folder = kind == OPERATION_MOVE || kind == OPERATION_REMOVE,
	        .done = stepped,
	        .context = probe};
	probe->driver->ops->submit(probe->driver, &probe->operation);
}

struct probe *probe_start(
        struct driver *driver, void (*done)(const struct probe_result *result, void *context), void *context)
{
	struct probe *probe = memory_alloc(sizeof(*probe));
	char name[RANDOM_NAME_SIZE];

	random_name(name);
	probe->driver = driver;
	probe->done = done;
	probe->context = context;
	probe->folder = memory_format(LAYOUT_TMP "/probe-%s", name);
	probe->from = layout_join(probe->folder, "a");
	probe->to = layout_join(probe->folder, "b");
	probe->file = layout_join(probe->from, "file");
	probe->copy = layout_join(probe->from, "copy");
	probe->moved_file = layout_join(probe->to, "file");
	probe->moved_copy = layout_join(probe->to, "copy");
	take_step(probe);
	return probe;
}

void probe_cancel(struct probe *probe)
{
	probe->canceled = true;
	probe->driver->ops->cancel(probe->driver, &probe->operation);
}
