#ifndef TESTS_KAFKA_SUITE_H
#define TESTS_KAFKA_SUITE_H

#include "engine/kafka.h"

#include <criterion/criterion.h>
#include <stddef.h>

/* One contract for every implementation of kafka.h: what the engine rests on, as facts that run against real
 * Kafka and against the simulated one, so that the latter is no kinder than the former.
 *
 * A world is one empty input, output, dead-letter topic and changelog (with its @genesis rows); all facts are
 *about its partition 0, and about output 0. A test file opens its kind of world and registers all facts:
 *
 *	static struct kafka_world *open_world(void);
 *	#define FACT(fact) KAFKA_FACT_TEST(kafka_real, fact, open_world)
 *	KAFKA_FACTS(FACT) */
struct kafka_world {
	/* Another would-be owner of the partition, as if in a process of its own; release ends it. */
	struct kafka *(*owner)(struct kafka_world *world);
	void (*release)(struct kafka_world *world, struct kafka *kafka);
	/* The owner begins a transaction, in which it writes a record to the output, and stalls. */
	void (*stall)(struct kafka_world *world, struct kafka *kafka, const char *key);
	/* Anyone writes to the input; returns the offset. */
	int64_t (*produce)(struct kafka_world *world, const char *key, const char *value);
	void (*produce_aborted)(struct kafka_world *world, const char *key);
	/* How many committed records with this key the output has. */
	size_t (*count_output)(struct kafka_world *world, const char *key);
	/* Adds a record that no broker takes to the output. */
	void (*add_poison)(struct kafka_world *world, struct outbox *outbox);
	void (*truncate_input)(struct kafka_world *world, int64_t first_left);
	void (*recreate_input)(struct kafka_world *world); /* empty again */
	void (*lose_changelog)(struct kafka_world *world); /* empty, without @genesis */
	void (*close)(struct kafka_world *world);
};

#define KAFKA_FACTS(X)                                                                                       \
	X(restore_gives_rows_in_order_up_to_the_own_claim)                                                   \
	X(restore_gives_a_removed_row_as_absent)                                                             \
	X(claim_has_the_logs_identity_and_its_time)                                                          \
	X(claims_differ)                                                                                     \
	X(claim_aborts_what_an_earlier_owner_left_open)                                                      \
	X(a_fenced_owners_commit_is_lost_and_invisible)                                                      \
	X(a_fenced_owner_that_claims_again_fences_in_turn)                                                   \
	X(all_that_was_committed_before_a_claim_is_restored)                                                 \
	X(restore_of_an_overtaken_claim_is_lost_or_proves_nothing)                                           \
	X(a_changelog_without_genesis_is_refused)                                                            \
	X(a_row_that_cannot_be_taken_is_refused)                                                             \
	X(a_commit_is_whole_and_in_order)                                                                    \
	X(a_turn_is_used_up_by_a_commit_or_passed_on)                                                        \
	X(a_refused_message_loses_the_whole_commit_and_a_later_one_works)                                    \
	X(a_message_for_a_partition_that_is_not_there_loses_the_whole_commit)                                \
	X(a_dead_letter_is_byte_identical)                                                                   \
	X(read_gives_what_was_produced_in_order)                                                             \
	X(read_takes_no_more_than_asked)                                                                     \
	X(read_goes_on_at_an_offset)                                                                         \
	X(read_moves_over_what_was_aborted)                                                                  \
	X(read_of_nothing_is_empty)                                                                          \
	X(wait_sleeps_when_there_is_nothing)                                                                 \
	X(wait_does_not_wake_for_input_while_paused)                                                         \
	X(an_input_with_the_same_last_record_is_opened)                                                      \
	X(an_input_that_starts_after_the_position_is_refused)                                                \
	X(an_input_that_ends_before_the_position_is_refused)                                                 \
	X(a_recreated_input_is_refused)                                                                      \
	X(fingerprints_differ_by_place_time_key_and_value)                                                   \
	X(recall_finds_a_record_and_reading_goes_on)                                                         \
	X(recall_finds_a_record_of_any_size)                                                                 \
	X(recall_does_not_find_what_is_not_there)                                                            \
	X(null_keys_and_values_stay_null)

#define KAFKA_FACT_DECLARE(fact) void kafka_suite_##fact(struct kafka_world *world);
KAFKA_FACTS(KAFKA_FACT_DECLARE)

#define KAFKA_FACT_TEST(suite, fact, open_world)                                                             \
	Test(suite, fact)                                                                                    \
	{                                                                                                    \
		static struct kafka_world *world;                                                            \
		world = open_world();                                                                        \
		kafka_suite_##fact(world);                                                                   \
		world->close(world);                                                                         \
	}

#endif
