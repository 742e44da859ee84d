#ifndef TESTS_DRIVER_SUITE_H
#define TESTS_DRIVER_SUITE_H

#include "distribution/driver.h"

/* One contract for all kinds of distribution point: what driver.h promises, as facts that run against a real
 * driver and a real distribution point. A fact about something that the driver says it cannot do is skipped,
 * visibly.
 *
 * A test file opens its kind on an empty distribution point that has a .holdpoint/dp.json, and registers all
 * facts:
 *
 *	static struct driver_bench *open_bench(void); … close_bench(struct driver_bench *bench);
 *	#define FACT(fact) DRIVER_FACT_TEST(file_driver, fact, open_bench, close_bench)
 *	DRIVER_FACTS(FACT) */
struct driver_bench {
	struct driver *driver;
	/* Lets the I/O thread's loop turn: returns after something has happened, or after timeout_ms. */
	void (*step)(struct driver_bench *bench, int timeout_ms);
	void (*close)(struct driver_bench *bench); /* of a test that is skipped */
};

/* Submits one operation and steps until it is done, failing the test after 30 s. Fills in done, context and,
 * for READ, size_max where they are 0. result.data is the caller's to free(). */
void bench_run(struct driver_bench *bench, struct operation *operation);

/* Shorthands; each asserts that the operation succeeded. */
void bench_write(struct driver_bench *bench, const char *path, const char *text);
void bench_put(struct driver_bench *bench, const char *path, struct view bytes);
char *bench_read(struct driver_bench *bench, const char *path); /* NULL: not found; the caller's to free() */
struct view bench_bytes(size_t len); /* reproducible noise, valid until the test ends */
int bench_source(struct view bytes); /* a descriptor with these bytes; the caller's to close */

#define DRIVER_FACTS(X)                                                                                      \
	X(reads_back_what_was_written)                                                                       \
	X(says_that_nothing_is_there)                                                                        \
	X(write_replaces)                                                                                    \
	X(write_takes_an_empty_file)                                                                         \
	X(read_refuses_a_file_beyond_its_limit)                                                              \
	X(put_makes_parents)                                                                                 \
	X(put_takes_an_empty_file)                                                                           \
	X(put_replaces_a_longer_file)                                                                        \
	X(put_shares_its_descriptor)                                                                         \
	X(put_catches_a_source_that_is_too_short)                                                            \
	X(hash_agrees_on_many_chunks)                                                                        \
	X(hash_stops_beyond_its_limit)                                                                       \
	X(progress_only_grows)                                                                               \
	X(stat_knows_files_and_folders)                                                                      \
	X(copy_keeps_bytes)                                                                                  \
	X(copy_of_nothing_is_not_found)                                                                      \
	X(move_takes_a_file_to_missing_parents)                                                              \
	X(move_takes_a_folder)                                                                               \
	X(move_refuses_to_overwrite_a_file)                                                                  \
	X(move_refuses_to_overwrite_a_folder)                                                                \
	X(move_replaces_a_file_when_asked)                                                                   \
	X(move_of_nothing_is_not_found)                                                                      \
	X(remove_of_nothing_is_fine)                                                                         \
	X(remove_takes_a_file_and_leaves_its_neighbours)                                                     \
	X(remove_takes_a_whole_tree)                                                                         \
	X(list_names_what_is_there)                                                                          \
	X(list_refuses_what_is_beyond_its_limit)                                                             \
	X(settle_answers)                                                                                    \
	X(parcel_is_put_and_checks)                                                                          \
	X(parcel_leaves_out_what_is_wrong)                                                                   \
	X(parcel_replaces_and_copies)                                                                        \
	X(names_may_be_odd)                                                                                  \
	X(submit_never_answers_from_within)                                                                  \
	X(cancel_answers_once)                                                                               \
	X(cancel_of_much_at_once_answers_each_once)                                                          \
	X(concurrent_operations_all_answer_once)                                                             \
	X(point_replaces_when_check_says_so)                                                                 \
	X(point_keeps_when_check_says_so)

#define DRIVER_FACT_DECLARE(fact) void driver_suite_##fact(struct driver_bench *bench);
DRIVER_FACTS(DRIVER_FACT_DECLARE)

/* The first READ lets the driver find out what it can do. */
void driver_suite_probe(struct driver_bench *bench);

#define DRIVER_FACT_TEST(suite, fact, open_bench, close_bench)                                               \
	Test(suite, fact)                                                                                    \
	{                                                                                                    \
		struct driver_bench *bench = open_bench();                                                   \
		bench->close = close_bench;                                                                  \
		driver_suite_probe(bench);                                                                   \
		driver_suite_##fact(bench);                                                                  \
		close_bench(bench);                                                                          \
	}

#endif
