/* What the pure engine costs by itself: bytes into the outbox, keys in the store, and a whole shard whose
 * Kafka answers at once and whose machine does next to nothing. */
#include "base/clock.h"
#include "base/memory.h"
#include "engine/effects_table.h"
#include "engine/kafka.h"
#include "engine/outbox.h"
#include "engine/shard.h"
#include "engine/store.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { RECORDS = 1000000, KEYS = 100000 };

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void say(const char *what, double took, double count)
{
	printf("%-58s %8.3f µs\n", what, took / count * 1e6);
}

static const struct view none;

static void bench_outbox(void)
{
	enum { BATCHES = 50, JOBS = 20000 };
	static char value[300], row[100];
	struct outbox *outbox = outbox_new();
	double before = seconds();

	for (int batch = 0; batch < BATCHES; batch++) {
		outbox_clear(outbox);
		for (int job = 0; job < JOBS; job++) {
			outbox_about(outbox, view_text("PKG00042"), none);
			outbox_row(outbox, view_text("v/1.0"), (struct view){row, sizeof(row)});
			outbox_record(outbox, 0, (struct view){value, sizeof(value)});
			outbox_record(outbox, 1, (struct view){value, sizeof(value)});
		}
	}
	say("outbox: one message (of a row and two records)", seconds() - before, 3.0 * BATCHES * JOBS);
	outbox_free(outbox);
}

static struct view key_of(unsigned number)
{
	static char text[16];

	snprintf(text, sizeof(text), "PKG%07u", number);
	return view_text(text);
}

static void ignore(void *state)
{
	(void)state;
}

static void bench_store(void)
{
	enum { MANY = 1000000 };
	struct store *store = store_new();
	size_t used = mallinfo2().uordblks + mallinfo2().hblkhd, found = 0;
	double before = seconds();

	for (unsigned i = 0; i < MANY; i++)
		store_add(store, key_of(i));
	say("store: add one of a million keys", seconds() - before, MANY);
	printf("%-58s %8.1f bytes\n", "store: memory per key of 10 bytes",
	        (double)(mallinfo2().uordblks + mallinfo2().hblkhd - used) / MANY);
	before = seconds();
	for (unsigned i = 0; i < MANY; i++)
		found += store_find(store, key_of((i * 7919u) % MANY)) != NULL;
	say("store: find one of a million keys", seconds() - before, MANY);
	if (found != MANY)
		abort();
	store_free(store, ignore);
}

/* ---- a shard over a Kafka that answers at once */

struct kafka {
	struct shard *shard;
	int64_t next;
	char keys[KEYS][12];
};

enum outcome kafka_claim(struct kafka *kafka, struct claim *claim, int64_t *ret_offset, int64_t *ret_time_ms,
        struct error *err)
{
	(void)kafka, (void)claim, (void)err;
	*ret_offset = *ret_time_ms = 0;
	return OUTCOME_OK;
}

void kafka_fingerprint(const struct record *record, char text[FINGERPRINT_SIZE])
{
	snprintf(text, FINGERPRINT_SIZE, "%lld", (long long)record->position.offset);
}

int kafka_wait(struct kafka *kafka, int64_t timeout_ms, bool paused)
{
	(void)timeout_ms, (void)paused;
	if (kafka->next == RECORDS)
		shard_end(kafka->shard);
	return WAIT_INPUT;
}

enum outcome kafka_read(struct kafka *kafka, struct record *records, size_t most, size_t *ret_count,
        int64_t *ret_next, struct error *err)
{
	static const char value[300];
	size_t count = 0;

	(void)err;
	for (; count < most && kafka->next < RECORDS; count++, kafka->next++)
		records[count] = (struct record){.position = {0, kafka->next},
		        .origin = {0, kafka->next},
		        .key = {kafka->keys[kafka->next * 7919 % KEYS], 10},
		        .value = {value, sizeof(value)}};
	*ret_count = count;
	*ret_next = kafka->next;
	return OUTCOME_OK;
}

enum outcome kafka_recall(
        struct kafka *kafka, int64_t offset, struct record *ret_record, bool *ret_found, struct error *err)
{
	(void)kafka, (void)offset, (void)ret_record, (void)err;
	*ret_found = false;
	return OUTCOME_OK;
}

enum outcome kafka_commit(struct kafka *kafka, const struct outbox *outbox, struct error *err)
{
	(void)kafka, (void)outbox, (void)err;
	return OUTCOME_OK;
}

int64_t kafka_input_end(const struct kafka *kafka)
{
	(void)kafka;
	return RECORDS;
}

static void *state_new(void *shell, struct view key)
{
	(void)shell, (void)key;
	return memory_alloc(8);
}

static bool state_is_empty(const void *state)
{
	(void)state;
	return false;
}

static void apply(void *shell, void *state, const struct event *event, int64_t now_ms, struct outbox *out)
{
	(void)shell, (void)state, (void)now_ms;
	outbox_row(out, view_text("v/1.0"), (struct view){event->record->value.data, 100});
	outbox_record(out, 0, event->record->value);
	outbox_record(out, 1, event->record->value);
}

static void list_none(const void *state, struct effects *effects)
{
	(void)state, (void)effects;
}

static int64_t wake_never(const void *state)
{
	(void)state;
	return INT64_MAX;
}

static const struct worker_spec spec = {.machine = {.state_new = state_new,
                                                .state_free = free,
                                                .state_is_empty = state_is_empty,
                                                .apply = apply,
                                                .effects = list_none,
                                                .wake_at = wake_never}};

static void bench_shard(void)
{
	struct kafka *kafka = memory_alloc(sizeof(*kafka));
	struct shard_limits limits = {0};
	uint64_t counts[COUNTS] = {0};
	struct error err;

	for (unsigned i = 0; i < KEYS; i++)
		memcpy(kafka->keys[i], key_of(i).data, 10);
	kafka->shard = shard_new(&spec, NULL, 0, kafka, &limits);
	double before = seconds();
	if (shard_run(kafka->shard, &err) != OUTCOME_ENDED)
		abort();
	say("shard: one record (1 in, a row and two records out)", seconds() - before, RECORDS);
	shard_sum_counts(kafka->shard, counts);
	if (counts[COUNT_RECORDS_IN] != RECORDS)
		abort();
	printf("%-58s %8.0f records\n", "shard: batches of",
	        (double)RECORDS / (double)counts[COUNT_COMMITTED]);
	shard_free(kafka->shard);
	free(kafka);
}

/* ---- one key that calls for a thousand effects, one of which ends */

static int wanted = 1000, ended;

static void list_many(const void *state, struct effects *effects)
{
	char tag[32];

	(void)state;
	for (int i = ended; i < wanted; i++) {
		snprintf(tag, sizeof(tag), "s/1.0/dp-%d", i * 7919 % wanted);
		effects_want(effects, view_text(tag), view_text(tag + 6), false);
	}
}

static void never(void *context, uint64_t handle)
{
	(void)context, (void)handle;
	abort();
}

static void bench_effects(void)
{
	struct store *store = store_new();
	struct effects_table *table = effects_table_new(0, never, NULL);
	struct cell *cell = store_add(store, key_of(1));
	struct effect *effect;
	double before = seconds();

	effects_table_derive(table, cell, list_many);
	say("effects: first derivation of 1,000 of one key", seconds() - before, 1);
	struct effect *started[1000];
	for (int i = 0; (effect = effects_table_take(table, NULL, NULL)) != NULL; i++)
		started[i] = effect;
	before = seconds();
	for (int i = 0; i < 1000; i++)
		effects_table_derive(table, cell, list_many);
	say("effects: one more derivation of them", seconds() - before, 1000);
	for (int i = 0; i < 1000; i++)
		effects_table_ended(table, started[i]);
	effects_table_free(table);
	store_free(store, ignore);
}

int main(void)
{
	bench_effects();
	bench_outbox();
	bench_store();
	bench_shard();
	return 0;
}
