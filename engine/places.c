#include "engine/places.h"

#include "base/map.h"
#include "base/memory.h"
#include "engine/metrics.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_SIZE = 96, LABELS_SIZE = 256 };

struct failure {
	char *code;
	uint64_t count;
};

struct place {
	char *name;
	int64_t under_way, failures_in_a_row, succeeded_ms; /* 0: never */
	uint64_t succeeded, failed, canceled, again, bytes;
	struct failure failures[PLACE_CODES_MAX + 1]; /* the last for all others */
	size_t failure_count;
};

struct places {
	struct places_words words;
	pthread_mutex_t lock;
	struct map *by_name;
	struct place **all; /* in order of their first use */
	size_t count;
};

struct places *places_new(const struct places_words *words)
{
	struct places *places = memory_alloc(sizeof(*places));

	places->words = *words;
	pthread_mutex_init(&places->lock, NULL);
	places->by_name = map_new();
	return places;
}

static void place_free(void *value)
{
	struct place *place = value;

	for (size_t i = 0; i < place->failure_count; i++)
		free(place->failures[i].code);
	free(place->name);
	free(place);
}

void places_free(struct places *places)
{
	if (!places)
		return;
	map_free(places->by_name, place_free);
	pthread_mutex_destroy(&places->lock);
	free(places->all);
	free(places);
}

static struct place *place_of(struct places *places, const char *name)
{
	struct place *place = map_get(places->by_name, view_text(name));

	if (!place && places->count >= PLACES_MAX && strcmp(name, "other") != 0)
		return place_of(places, "other");
	if (place)
		return place;
	place = memory_alloc(sizeof(*place));
	place->name = memory_text(name);
	map_put(places->by_name, view_text(name), place);
	places->all = memory_resize(places->all, (places->count + 1) * sizeof(struct place *));
	places->all[places->count++] = place;
	return place;
}

static bool is_its_own(const struct places *places, const char *code)
{
	const char *elsewhere = places->words.elsewhere;

	return !elsewhere || strncmp(code, elsewhere, strlen(elsewhere)) != 0;
}

static void count_failure(struct place *place, const char *code)
{
	size_t i = 0;

	while (i < place->failure_count && strcmp(place->failures[i].code, code) != 0)
		i++;
	if (i > PLACE_CODES_MAX)
		i = PLACE_CODES_MAX;
	if (i == place->failure_count) {
		place->failures[i].code = memory_text(i == PLACE_CODES_MAX ? "other" : code);
		place->failure_count++;
	}
	place->failures[i].count++;
}

void places_began(struct places *places, const char *name, bool again)
{
	pthread_mutex_lock(&places->lock);
	struct place *place = place_of(places, name);
	place->under_way++;
	place->again += again;
	pthread_mutex_unlock(&places->lock);
}

void places_ended(struct places *places, const char *name, const char *code, uint64_t bytes, int64_t now_ms)
{
	pthread_mutex_lock(&places->lock);
	struct place *place = place_of(places, name);
	place->under_way--;
	place->bytes += bytes;
	if (code) {
		place->failed++;
		place->failures_in_a_row += is_its_own(places, code);
		count_failure(place, code);
	} else {
		place->succeeded++;
		place->failures_in_a_row = 0;
		place->succeeded_ms = now_ms;
	}
	pthread_mutex_unlock(&places->lock);
}

void places_canceled(struct places *places, const char *name, uint64_t bytes)
{
	pthread_mutex_lock(&places->lock);
	struct place *place = place_of(places, name);
	place->under_way--;
	place->canceled++;
	place->bytes += bytes;
	pthread_mutex_unlock(&places->lock);
}

/* ---- metrics */

struct row { /* one metric, while it is written */
	struct places *places;
	struct buffer *out;
	char name[NAME_SIZE];
};

static struct row begin(struct places *places, struct buffer *out, const char *format, enum metric_type type,
        const char *help)
{
	struct row row = {places, out, ""};

	snprintf(row.name, sizeof(row.name), format, places->words.work);
	metric_head(out, row.name, type, help);
	return row;
}

static void labels_of(const struct row *row, const struct place *place, const char *label, const char *value,
        char labels[LABELS_SIZE])
{
	snprintf(labels, LABELS_SIZE, label ? "%s=\"%s\",%s=\"%s\"" : "%s=\"%s\"%s%s",
	        row->places->words.label, place->name, label ? label : "", label ? value : "");
}

static void add(const struct row *row, const struct place *place, const char *label, const char *value,
        int64_t number)
{
	char labels[LABELS_SIZE];

	labels_of(row, place, label, value, labels);
	metric_sample(row->out, row->name, labels, number);
}

static void add_results(struct places *places, struct buffer *out)
{
	struct row row =
	        begin(places, out, "holdpoint_%ss_total", METRIC_COUNTER, "Those that ended, and how.");

	for (size_t i = 0; i < places->count; i++) {
		const struct place *place = places->all[i];
		add(&row, place, "result", "ok", (int64_t)place->succeeded);
		add(&row, place, "result", "failed", (int64_t)place->failed);
		add(&row, place, "result", "canceled", (int64_t)place->canceled);
	}
	row = begin(places, out, "holdpoint_%s_errors_total", METRIC_COUNTER, "Those that failed, by code.");
	for (size_t i = 0; i < places->count; i++)
		for (size_t j = 0; j < places->all[i]->failure_count; j++)
			add(&row, places->all[i], "code", places->all[i]->failures[j].code,
			        (int64_t)places->all[i]->failures[j].count);
}

static void add_health(struct places *places, struct buffer *out)
{
	struct row row = begin(
	        places, out, "holdpoint_%ss_under_way", METRIC_GAUGE, "Those that have not come to an end.");

	for (size_t i = 0; i < places->count; i++)
		add(&row, places->all[i], NULL, NULL, places->all[i]->under_way);
	row = begin(places, out, "holdpoint_%s_consecutive_failures", METRIC_GAUGE,
	        "Failures since the last that went well.");
	for (size_t i = 0; i < places->count; i++)
		add(&row, places->all[i], NULL, NULL, places->all[i]->failures_in_a_row);
	row = begin(places, out, "holdpoint_%s_last_success_timestamp_seconds", METRIC_GAUGE,
	        "When one went well last, in Unix time; 0: not since the start.");
	for (size_t i = 0; i < places->count; i++) {
		char labels[LABELS_SIZE];
		labels_of(&row, places->all[i], NULL, NULL, labels);
		metric_seconds(out, row.name, labels, places->all[i]->succeeded_ms);
	}
}

static void add_bytes(struct places *places, struct buffer *out)
{
	struct row row = begin(places, out, "holdpoint_%s_sent_bytes_total", METRIC_COUNTER,
	        "Bytes sent, also by those that failed.");

	for (size_t i = 0; i < places->count; i++)
		add(&row, places->all[i], NULL, NULL, (int64_t)places->all[i]->bytes);
	row = begin(places, out, "holdpoint_%s_retries_total", METRIC_COUNTER,
	        "Those begun that were no first try.");
	for (size_t i = 0; i < places->count; i++)
		add(&row, places->all[i], NULL, NULL, (int64_t)places->all[i]->again);
}

void places_metrics(struct places *places, struct buffer *out)
{
	pthread_mutex_lock(&places->lock);
	add_results(places, out);
	add_health(places, out);
	if (places->words.bytes)
		add_bytes(places, out);
	pthread_mutex_unlock(&places->lock);
}
