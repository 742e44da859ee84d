#include "engine/crew_metrics.h"

#include "engine/metrics.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum { LABELS_SIZE = 128, NAME_SIZE = 96 };

/* ---- as it stands now, by partition */

struct gauge {
	const char *name, *help;
	size_t offset;
	bool seconds;
};

#define FIELD(name) offsetof(struct shard_status, name)
static const struct gauge gauges[] = {
        {"holdpoint_input_position", "Input offset up to which all is applied.", FIELD(position), false},
        {"holdpoint_input_lag_records", "Input offsets not applied yet, as of the last fetch.", FIELD(lag),
                false},
        {"holdpoint_states", "Keys that have a state.", FIELD(states), false},
        {"holdpoint_effects_under_way", "Effects started and not applied yet.", FIELD(effects_under_way),
                false},
        {"holdpoint_effects_queued", "Effects wanted that wait for a place in their lane.",
                FIELD(effects_waiting), false},
        {"holdpoint_restored_rows", "Changelog rows read at the last restore.", FIELD(restored_rows), false},
        {"holdpoint_restore_seconds", "Time from the last claim until it ran.", FIELD(restored_ms), true},
};

static void add_gauge(const struct worker_spec *spec, const struct crew_view *view, const struct gauge *gauge,
        struct buffer *out)
{
	metric_head(out, gauge->name, METRIC_GAUGE, gauge->help);
	for (size_t i = 0; i < view->count; i++) {
		char labels[LABELS_SIZE];
		int64_t value; /* all these fields have 64 bits */

		memcpy(&value, (const char *)&view->shards[i].status + gauge->offset, sizeof(value));
		snprintf(labels, sizeof(labels), "role=\"%s\",partition=\"%d\"", spec->role,
		        (int)view->shards[i].partition);
		(gauge->seconds ? metric_seconds : metric_sample)(out, gauge->name, labels, value);
	}
}

static void add_waiting(const struct worker_spec *spec, const struct crew_view *view, struct buffer *out)
{
	char name[NAME_SIZE];
	struct gauge gauge = {name, spec->waiting_help, FIELD(waiting), false};

	if (!spec->waiting)
		return;
	snprintf(name, sizeof(name), "holdpoint_%s", spec->waiting);
	add_gauge(spec, view, &gauge, out);
	snprintf(name, sizeof(name), "holdpoint_%s_oldest_age_seconds", spec->waiting);
	gauge = (struct gauge){
	        name, "How long the oldest of them has waited; 0: there is none.", FIELD(waiting_ms), true};
	add_gauge(spec, view, &gauge, out);
}

static void add_phases(const struct worker_spec *spec, const struct crew_view *view, struct buffer *out)
{
	static const char *const states[] = {[SHARD_CLAIMING] = "claiming",
	        [SHARD_RESTORING] = "restoring",
	        [SHARD_RUNNING] = "running",
	        [SHARD_ENDED] = NULL,
	        [SHARD_REFUSED] = "refused"};
	int64_t counts[sizeof(states) / sizeof(*states)] = {0};

	for (size_t i = 0; i < view->count; i++)
		counts[view->shards[i].status.phase]++;
	metric_head(
	        out, "holdpoint_shards", METRIC_GAUGE, "Shards given to this worker, by how far they are.");
	for (size_t i = 0; i < sizeof(states) / sizeof(*states); i++) {
		char labels[LABELS_SIZE];

		if (!states[i])
			continue;
		snprintf(labels, sizeof(labels), "role=\"%s\",state=\"%s\"", spec->role, states[i]);
		metric_sample(out, "holdpoint_shards", labels, counts[i]);
	}
}

/* ---- what was counted, of the whole process */

static void add_count(const struct worker_spec *spec, struct buffer *out, const char *name, const char *help,
        const char *label, const char *value, uint64_t count)
{
	char labels[LABELS_SIZE];

	if (help)
		metric_head(out, name, METRIC_COUNTER, help);
	snprintf(labels, sizeof(labels), label ? "role=\"%s\",%s=\"%s\"" : "role=\"%s\"%s%s", spec->role,
	        label ? label : "", label ? value : "");
	metric_sample(out, name, labels, (int64_t)count);
}

/* Topics by their names without the prefix, once each: the input may be sent to as well. */
static const char *topic_of(const struct worker_spec *spec, int lane)
{
	if (lane < OUTBOX_OUTPUTS)
		return spec->outputs[lane];
	if (lane == OUTBOX_LANE_CHANGELOG)
		return spec->changelog;
	return lane == OUTBOX_LANE_DEAD_LETTERS ? spec->dead_letters : spec->input;
}

static void add_output(const struct worker_spec *spec, const struct crew_view *view, struct buffer *out,
        const char *name, const char *help, int first)
{
	for (int lane = 0; lane < OUTBOX_LANES; lane++) {
		const char *topic = topic_of(spec, lane);

		if (!topic)
			continue;
		add_count(spec, out, name, help, "topic", topic, view->counts[first + lane]);
		help = NULL;
	}
}

static void add_traffic(const struct worker_spec *spec, const struct crew_view *view, struct buffer *out)
{
	const uint64_t *counts = view->counts;

	add_count(spec, out, "holdpoint_input_records_total", "Input records applied.", "topic", spec->input,
	        counts[COUNT_RECORDS_IN]);
	add_count(spec, out, "holdpoint_input_bytes_total", "Bytes of their keys and values.", "topic",
	        spec->input, counts[COUNT_BYTES_IN]);
	add_output(spec, view, out, "holdpoint_output_records_total", "Records committed, by topic.",
	        COUNT_RECORDS_OUT);
	add_output(spec, view, out, "holdpoint_output_bytes_total",
	        "Bytes of their keys, values and headers, by topic.", COUNT_BYTES_OUT);
	add_count(spec, out, "holdpoint_dead_letters_total", "Records set aside as dead letters.", NULL, NULL,
	        counts[COUNT_RECORDS_OUT + OUTBOX_LANE_DEAD_LETTERS]);
	add_count(spec, out, "holdpoint_rerouted_total", "Records sent on to the partition of their key.",
	        NULL, NULL, counts[COUNT_RECORDS_OUT + OUTBOX_LANE_INPUT]);
}

static void add_transactions(const struct worker_spec *spec, const struct crew_view *view, struct buffer *out)
{
	static const char name[] = "holdpoint_transaction_seconds";
	uint64_t below = 0;
	char labels[LABELS_SIZE];

	add_count(spec, out, "holdpoint_transactions_total",
	        "Transactions, by whether they went through (failed: aborted, or nobody knows).", "result",
	        "committed", view->counts[COUNT_COMMITTED]);
	add_count(spec, out, "holdpoint_transactions_total", NULL, "result", "failed",
	        view->counts[COUNT_FAILED]);
	metric_head(out, name, METRIC_HISTOGRAM,
	        "Time of a committed transaction, from its turn until it is in the log.");
	for (int i = 0; i < COMMIT_BUCKETS; i++) {
		char bound[24] = "+Inf";

		below += view->counts[COUNT_COMMIT_BUCKETS + i];
		if (i < COMMIT_BUCKETS - 1)
			snprintf(bound, sizeof(bound), "%g", (double)commit_bucket_ms[i] / 1000);
		snprintf(labels, sizeof(labels), "role=\"%s\",le=\"%s\"", spec->role, bound);
		metric_sample(out, "holdpoint_transaction_seconds_bucket", labels, (int64_t)below);
	}
	snprintf(labels, sizeof(labels), "role=\"%s\"", spec->role);
	metric_seconds(
	        out, "holdpoint_transaction_seconds_sum", labels, (int64_t)view->counts[COUNT_COMMIT_MS]);
	metric_sample(out, "holdpoint_transaction_seconds_count", labels, (int64_t)below);
}

void crew_metrics(const struct worker_spec *spec, const struct crew_view *view, struct buffer *out)
{
	add_phases(spec, view, out);
	for (size_t i = 0; i < sizeof(gauges) / sizeof(*gauges); i++)
		add_gauge(spec, view, &gauges[i], out);
	add_waiting(spec, view, out);
	add_traffic(spec, view, out);
	add_transactions(spec, view, out);
	add_count(spec, out, "holdpoint_claims_total", "Claims of a shard, each with a restore.", NULL, NULL,
	        view->counts[COUNT_CLAIMS]);
	add_count(spec, out, "holdpoint_losses_total",
	        "Times a shard was lost, and what it had not committed thrown away.", NULL, NULL,
	        view->counts[COUNT_LOSSES]);
	add_count(spec, out, "holdpoint_fences_total", "Losses to another claim of the same shard.", NULL,
	        NULL, view->counts[COUNT_FENCES]);
}
