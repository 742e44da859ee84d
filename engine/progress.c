#include "engine/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { PROGRESS_SCHEMA = 1 };

void progress_init(struct progress *progress)
{
	*progress = (struct progress){.next = -1, .last = -1};
}

/* "1 <next> <last> <fingerprint or ->" */
void progress_format(const struct progress *progress, char text[PROGRESS_TEXT_SIZE])
{
	snprintf(text, PROGRESS_TEXT_SIZE, "%d %" PRId64 " %" PRId64 " %s", PROGRESS_SCHEMA, progress->next,
	        progress->last, progress->fingerprint[0] ? progress->fingerprint : "-");
}

enum status progress_parse(struct view value, struct progress *ret, struct error *err)
{
	char text[PROGRESS_TEXT_SIZE] = "";
	struct progress progress;
	int schema = 0, end = 0;

	if (value.len && value.len < sizeof(text))
		memcpy(text, value.data, value.len);
	if (sscanf(text, "%d", &schema) == 1 && schema > PROGRESS_SCHEMA)
		return error_set(err, STATUS_FATAL, "state_newer",
		        "the row @position or @anchor has schema %d, this program knows %d: a newer version "
		        "wrote this "
		        "state, run that one",
		        schema, PROGRESS_SCHEMA);
	int found = sscanf(text, "%d %" SCNd64 " %" SCNd64 " %32s%n", &schema, &progress.next, &progress.last,
	        progress.fingerprint, &end);
	if (found != 4 || (size_t)end != value.len || schema != PROGRESS_SCHEMA || progress.next < -1)
		return error_set(err, STATUS_FATAL, "state_damaged",
		        "the row @position or @anchor reads \"%.40s\", which no version wrote: restore the "
		        "changelog, "
		        "or "
		        "find out what else writes to it",
		        text);
	if (strcmp(progress.fingerprint, "-") == 0)
		progress.fingerprint[0] = '\0';
	*ret = progress;
	return STATUS_OK;
}
