#include "auditor/points/live.h"

#include "auditor/log/place.h"
#include "base/memory.h"
#include "command/command.h"
#include "command/terminal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct live {
	struct live_spec spec;
	struct drift *drift;
	struct buffer line;
	bool with_content;
};

/* ---- findings */

static void print_json(struct live *live, const struct drift_finding *finding)
{
	struct buffer *out = &live->line;

	buffer_clear(out);
	json_begin(out, '{');
	json_put_text(out, "violation", drift_code_name(finding->code));
	place_put(out, "place", finding->topic, finding->place);
	json_put_text(out, "distribution_point", finding->point);
	if (finding->package)
		json_put_text(out, "package", finding->package);
	if (finding->version)
		json_put_text(out, "version", finding->version);
	if (finding->path)
		json_put_text(out, "path", finding->path);
	if (finding->log_time_ms)
		json_put_time(out, "time", finding->log_time_ms);
	json_put_text(out, "detail", finding->detail);
	json_end(out, '}');
	buffer_add(out, "\n", 1);
	fwrite(out->data, 1, out->len, stdout);
}

static void print_words(const struct drift_finding *finding)
{
	bool colour = terminal_has_colour(stdout);
	char words[ERROR_MESSAGE_MAX * 2], path[ERROR_MESSAGE_MAX * 3];

	printf("%s%s%s  ", colour ? COLOUR_RED : "", drift_code_name(finding->code),
	        colour ? COLOUR_OFF : "");
	if (finding->place.offset >= 0)
		printf("%s  ", place_text(finding->topic, finding->place));
	printf("%s", finding->point);
	if (finding->path)
		printf(": %s", printable(finding->path, path, sizeof(path)));
	else if (finding->package)
		printf(": %s %s", finding->package, finding->version ? finding->version : "");
	printf("  %s\n", printable(finding->detail, words, sizeof(words)));
}

static void report(const struct drift_finding *finding, void *context)
{
	struct live *live = context;

	if (live->spec.json)
		print_json(live, finding);
	else
		print_words(finding);
}

static void read_on(void *context)
{
	struct live *live = context;

	live->spec.read_on(live->spec.context);
}

/* ---- what was looked at */

static void print_counts_json(struct live *live, const struct drift_counts *counts)
{
	struct buffer *out = &live->line;

	buffer_clear(out);
	json_begin(out, '{');
	json_key(out, "live");
	json_begin(out, '{');
	json_put_uint(out, "distribution_points", counts->points);
	json_put_uint(out, "without_listing", counts->points_without_listing);
	json_put_uint(out, "pointers", counts->pointers);
	json_put_uint(out, "copies", counts->copies);
	json_put_uint(out, "files", counts->files);
	json_put_uint(out, "bytes", counts->bytes);
	json_put_uint(out, "violations", counts->findings);
	json_end(out, '}');
	json_end(out, '}');
	buffer_add(out, "\n", 1);
	fwrite(out->data, 1, out->len, stdout);
}

static void print_counts(const struct live *live, const struct drift_counts *counts)
{
	char bytes[BYTES_SIZE];

	printf("live    %" PRIu64 " pointers and %" PRIu64 " seals on %" PRIu64 " distribution points",
	        counts->pointers, counts->copies, counts->points);
	if (live->with_content) {
		bytes_format(counts->bytes, bytes);
		printf(", %" PRIu64 " files (%s)", counts->files, bytes);
	}
	printf(": %" PRIu64 " %s\n", counts->findings,
	        counts->findings == 1 ? "is not as the log says" : "are not as the log says");
	if (counts->points_without_listing)
		printf("        on %" PRIu64 " of them nothing extra can be seen: HTTP lists no folders\n",
		        counts->points_without_listing);
}

enum status live_run(struct live *live, uint64_t *ret_findings, struct error *err)
{
	struct drift_counts counts;

	*ret_findings = 0;
	if (!live)
		return STATUS_OK;
	if (drift_run(live->drift, &counts, err) != STATUS_OK)
		return err->status;
	if (live->spec.json)
		print_counts_json(live, &counts);
	else
		print_counts(live, &counts);
	*ret_findings = counts.findings;
	return STATUS_OK;
}

/* ---- the door */

enum status live_open(
        const struct options *options, const struct live_spec *spec, struct live **ret, struct error *err)
{
	const char *path = options_text(options, "distribution-points");
	bool content = options_switch(options, "content");
	struct catalogue *catalogue;

	*ret = NULL;
	if (!path && content)
		return error_set(err, STATUS_REJECT, "bad_option",
		        "--content reads what lies on distribution points: give --distribution-points too");
	if (!path)
		return STATUS_OK;
	if (catalogue_load(path, &catalogue, err) != STATUS_OK)
		return err->status;
	struct live *live = memory_alloc(sizeof(*live));
	live->spec = *spec;
	live->with_content = content;
	buffer_init(&live->line, 64 << 10);
	live->drift = drift_new(&(struct drift_spec){.catalogue = catalogue,
	        .content = content,
	        .package = spec->package,
	        .read_on = spec->read_on ? read_on : NULL,
	        .report = report,
	        .context = live});
	*ret = live;
	return STATUS_OK;
}

void live_free(struct live *live)
{
	if (!live)
		return;
	drift_free(live->drift);
	buffer_release(&live->line);
	free(live);
}

void live_fact(struct live *live, struct fact_reader *reader, const struct fact *fact)
{
	if (live)
		drift_fact(live->drift, reader, fact);
}
