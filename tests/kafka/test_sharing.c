#include "base/clock.h"
#include "base/memory.h"
#include "engine/kafka/process_parts.h"
#include "tests/kafka/real.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Idle shards read through one handle of their process, busy ones by themselves; whichever it is, each record
 * is read once and in order. */

static const struct topic_spec specs[] = {{.name = "in", .retention_ms = -1, .max_message_bytes = 2 << 20},
        {.name = "out", .retention_ms = -1}, {.name = "state", .kind = TOPIC_CHANGELOG}};
static const struct worker_spec spec = {
        .role = "test", .input = "in", .changelog = "state", .outputs = {"out"}};
enum {
	SPECS = 3,
	PARTITIONS = 3,
	IDLE_MS = 200,
	READ_MAX = 100,
	FEW = 20,
	MANY = 3000,
	SIZE = 100,
	FEW_MOVES = 5
};

struct bench {
	struct options *options;
	struct process *process;
	struct kafka *shards[PARTITIONS];
	struct client *client;
	char topic[256];
	int sent[PARTITIONS], read[PARTITIONS];
};

static void say(void *context, bool warning, const char *topic, const char *words)
{
	(void)context, (void)warning, (void)topic, (void)words;
}

static enum status ignore_row(struct view key, struct view value, void *context, struct error *err)
{
	(void)key, (void)value, (void)context, (void)err;
	return STATUS_OK;
}

static void must_be_read(enum outcome outcome, const struct error *err)
{
	cr_assert_eq(outcome, OUTCOME_OK, "%s", err->message);
}

static struct kafka *begin_shard(struct bench *bench, int32_t partition)
{
	struct kafka *shard = kafka_open(bench->process, partition);
	struct error err = {0};
	struct claim claim = {0};
	int64_t offset, time_ms;

	must_be_read(kafka_claim(shard, &claim, &offset, &time_ms, &err), &err);
	must_be_read(kafka_restore(shard, &claim, offset, ignore_row, NULL, &err), &err);
	must_be_read(kafka_open_input(shard, 0, -1, (struct view){0}, &err), &err);
	return shard;
}

static void open_bench(struct bench *bench, int64_t idle_ms)
{
	struct process_limits limits = {.transactions = 4, .idle_ms = idle_ms};
	struct error err = {0};

	*bench = (struct bench){.options = real_options()};
	real_topic(bench->options, "in", bench->topic);
	cr_assert_eq(
	        topics_ensure(bench->options, specs, SPECS, PARTITIONS, -1, REAL_TIMEOUT_MS, say, NULL, &err),
	        STATUS_OK, "%s", err.message);
	cr_assert_eq(
	        process_open(bench->options, &spec, NULL, &limits, REAL_TIMEOUT_MS, &bench->process, &err),
	        STATUS_OK, "%s", err.message);
	cr_assert_eq(client_open(bench->options, &bench->client, &err), STATUS_OK);
	for (int32_t p = 0; p < PARTITIONS; p++)
		bench->shards[p] = begin_shard(bench, p);
}

static void close_bench(struct bench *bench)
{
	for (int p = 0; p < PARTITIONS; p++)
		kafka_close(bench->shards[p]);
	process_close(bench->process);
	client_close(bench->client);
	options_free(bench->options);
}

static void must_be_there(void *context, const struct position *position, const struct error *err)
{
	(void)context;
	cr_assert(position, "%s", err ? err->message : "");
}

/* Numbered, one behind the other. */
static void write_to(struct bench *bench, int32_t partition, int count)
{
	char value[SIZE + 1];
	struct error err;

	for (int i = 0; i < count; i++) {
		snprintf(value, sizeof(value), "%0*d", SIZE, bench->sent[partition]++);
		cr_assert_eq(client_produce_to(bench->client, bench->topic, partition, view_text("k"),
		                     view_text(value), NULL, 0, REAL_TIMEOUT_MS, must_be_there, NULL, &err),
		        STATUS_OK);
	}
	cr_assert_eq(client_flush(bench->client, REAL_TIMEOUT_MS, &err), STATUS_OK);
}

/* As a shard does: it sleeps, then takes what is there. Each record has the number that is next. */
static void turn(struct bench *bench, struct kafka *shard, int timeout_ms)
{
	struct record records[READ_MAX];
	struct error err = {0};
	size_t count = 0;
	int64_t next;

	kafka_wait(shard, timeout_ms, false);
	must_be_read(kafka_read(shard, records, READ_MAX, &count, &next, &err), &err);
	for (size_t i = 0; i < count; i++)
		cr_assert_eq(atoi(records[i].value.data), bench->read[shard->partition]++, "partition %d",
		        shard->partition);
}

static void read_all(struct bench *bench)
{
	int64_t end = clock_monotonic_ms() + REAL_TIMEOUT_MS;

	for (int p = 0; p < PARTITIONS; p++)
		while (bench->read[p] < bench->sent[p]) {
			cr_assert(clock_monotonic_ms() < end, "partition %d: %d of %d were read", p,
			        bench->read[p], bench->sent[p]);
			turn(bench, bench->shards[p], 50);
		}
}

static bool shares(const struct kafka *shard)
{
	return shard->input.host && !shard->heir.handle;
}

static void await_sharing(struct bench *bench)
{
	int64_t end = clock_monotonic_ms() + REAL_TIMEOUT_MS;

	for (int sharing = 0; sharing < PARTITIONS;) {
		cr_assert(clock_monotonic_ms() < end, "some keep a reader of their own");
		sharing = 0;
		for (int p = 0; p < PARTITIONS; p++) {
			turn(bench, bench->shards[p], 20);
			sharing += shares(bench->shards[p]);
		}
	}
}

Test(sharing, idle_shards_read_through_one_handle)
{
	struct bench bench;

	open_bench(&bench, IDLE_MS);
	write_to(&bench, 0, FEW);
	read_all(&bench);
	await_sharing(&bench);
	for (int p = 0; p < PARTITIONS; p++) {
		cr_assert_eq(bench.shards[p]->input.handle, bench.process->common.handle);
		write_to(&bench, p, FEW);
		read_all(&bench);
		cr_assert(shares(bench.shards[p]), "few records are no reason to end it");
	}
	close_bench(&bench);
}

Test(sharing, a_busy_shard_reads_by_itself_until_it_is_idle_again)
{
	struct bench bench;

	open_bench(&bench, IDLE_MS);
	await_sharing(&bench);
	write_to(&bench, 1, MANY);
	read_all(&bench);
	cr_assert_not(bench.shards[1]->input.host, "%d records of %d bytes are many", MANY, SIZE);
	cr_assert(shares(bench.shards[0]) && shares(bench.shards[2]), "the others are as idle as before");
	await_sharing(&bench);
	write_to(&bench, 1, FEW);
	read_all(&bench);
	close_bench(&bench);
}

/* How a round of records, now and then, goes on one shard that is told to be idle at once. */
struct moves {
	int made, given_up;
};

static void write_and_turn(struct bench *bench, int p, int count, int timeout_ms, struct moves *moves)
{
	struct kafka *shard = bench->shards[p];

	kafka_wait(shard, 0, false);
	bool had_heir = shard->heir.handle;
	if (count)
		write_to(bench, p, count);
	turn(bench, shard, timeout_ms);
	moves->made += had_heir && shard->input.host;
	moves->given_up += had_heir && !shard->input.host && !shard->heir.handle;
}

/* How many turns a move takes depends on the machine: where it is slow, it takes more rounds to see enough.
 */
static bool few(const struct moves *moves)
{
	return moves->made <= FEW_MOVES || moves->given_up <= FEW_MOVES;
}

/* Records come at any moment of a move. The more of the other shards are read through the process's handle
 * and have nothing, the longer one takes. */
Test(sharing, nothing_is_lost_or_doubled_while_a_shard_moves_over)
{
	enum { ROUNDS = 20, TURNS = 15, BURST = 1000 };
	int64_t end = clock_monotonic_ms() + REAL_TIMEOUT_MS;
	struct moves moves = {0};
	struct bench bench;

	open_bench(&bench, 1);
	for (int round = 0; round < ROUNDS || (few(&moves) && clock_monotonic_ms() < end); round++) {
		write_to(&bench, round % PARTITIONS, BURST);
		read_all(&bench);
		for (int i = 0; i < TURNS; i++)
			write_and_turn(&bench, round % PARTITIONS, i % 3 == 0, i, &moves);
	}
	read_all(&bench);
	cr_assert_gt(moves.made, FEW_MOVES, "%d moves", moves.made);
	cr_assert_gt(moves.given_up, FEW_MOVES, "%d moves were given up for a record that came first",
	        moves.given_up);
	close_bench(&bench);
}

/* The first one has not ended yet where its successor begins. */
Test(sharing, a_partition_is_read_through_it_by_one_shard_at_a_time)
{
	struct bench bench;
	int64_t end;

	open_bench(&bench, IDLE_MS);
	await_sharing(&bench);
	struct kafka *second = begin_shard(&bench, 0);
	write_to(&bench, 0, FEW);
	read_all(&bench);
	bench.read[0] = 0;
	end = clock_monotonic_ms() + 5 * IDLE_MS;
	while (bench.read[0] < bench.sent[0] || clock_monotonic_ms() < end)
		turn(&bench, second, 50);
	cr_assert(!second->input.host && !second->heir.handle, "two share a partition");
	cr_assert(shares(bench.shards[0]));
	kafka_close(bench.shards[0]);
	bench.shards[0] = second;
	await_sharing(&bench);
	write_to(&bench, 0, FEW);
	read_all(&bench);
	close_bench(&bench);
}
