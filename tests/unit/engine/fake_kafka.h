#ifndef TESTS_FAKE_KAFKA_H
#define TESTS_FAKE_KAFKA_H

#include "engine/kafka.h"
#include "engine/shard.h"

/* kafka.h in memory, for one shard and facts of the shard alone: no fencing, no partitions beyond one's own.
 * It keeps a journal of what was asked of it, in words. Time stands still but where it is moved.
 *
 * Whenever the shard sleeps with nothing to do, the next step of the test's script runs; behind the last one
 * the shard is told to end. */
enum { FAKE_MOST = 4096, FAKE_PARTITIONS = 12 };

struct fake_message {
	enum outbox_kind kind;
	int output;
	int32_t partition;
	char *key, *value; /* NULL: absent */
	char *headers;     /* "name=value;" each */
};

struct kafka {
	int32_t partition;
	struct shard *shard;
	void (*const *steps)(struct kafka *kafka); /* NULL-terminated */

	struct record input[FAKE_MOST];
	size_t input_count, read_at;
	int64_t first_offset;

	struct fake_message log[FAKE_MOST]; /* all that was committed, in order */
	size_t log_count;

	struct buffer journal;
	int64_t claims, commits, waits;
	int64_t commit_takes_ms; /* the next one */
	bool has_turn;
	void (*on_turn)(struct kafka *kafka); /* while it was awaited */

	/* What goes wrong. */
	enum outcome next_commits[64]; /* of the commits to come, after the @run of a claim; OK by default */
	size_t next_commit, fail_count;
	const char *poison;        /* a transaction with a record of this value is LOST … */
	enum status poison_status; /* … with this */
	bool poison_dead_letters;  /* dead letters of that value are refused too */
	bool log_is_gone;          /* recall finds nothing */
	bool recall_is_lost;       /* the next one */
	int64_t recall_takes_ms;   /* likewise */
};

extern int64_t fake_now_ms;

struct kafka *fake_kafka_new(int32_t partition, void (*const *steps)(struct kafka *kafka));
void fake_kafka_free(struct kafka *kafka);
void fake_row(
        struct kafka *kafka, const char *key, const char *value); /* as if committed by an earlier owner */
struct record *fake_send(struct kafka *kafka, const char *key, const char *value); /* one more input record */
const char *fake_key_elsewhere(const struct kafka *kafka);        /* a key of another partition … */
const char *fake_key_here(const struct kafka *kafka, int number); /* … and of this */
size_t fake_count(const struct kafka *kafka, enum outbox_kind kind, const char *value);
const struct fake_message *fake_find(const struct kafka *kafka, enum outbox_kind kind, const char *value);
const char *fake_last_row(const struct kafka *kafka, const char *key); /* NULL: none, or gone */
void fake_note(struct kafka *kafka, const char *format, ...) __attribute__((format(printf, 2, 3)));
const char *fake_journal(struct kafka *kafka);

#endif
