#include "base/memory.h"
#include "world.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fini(void)
{
	world_close();
}

static void send(int key, const char *value)
{
	fake_send(world.kafka, fake_key_here(world.kafka, key), value);
}

static char *row_key(int key, const char *row)
{
	static char text[64];

	snprintf(text, sizeof(text), "%s/%s", fake_key_here(world.kafka, key), row);
	return text;
}

static void lose_commits(size_t first, size_t count)
{
	for (size_t i = first; i < first + count; i++)
		world.kafka->next_commits[i] = OUTCOME_LOST;
	world.kafka->fail_count = first + count;
}

/* ---- states at rest ---- */

static void open_with_little_room(void)
{
	world.limits.recent_states = 1;
	world.limits.batch_records = 1; /* each is settled by itself */
	world_open(NULL);
}

static void open_with_a_hundred_at_rest(void)
{
	world_open(NULL);
	for (int key = 0; key < 100; key++)
		fake_row(world.kafka, row_key(key, "text"), "old");
}

Test(shard_rest, a_state_that_was_put_away_knows_what_it_knew, .fini = fini)
{
	open_with_little_room();
	send(0, "put one");
	send(1, "put two");
	send(0, "get");
	send(1, "get");
	world_run();
	cr_assert_eq(world_outputs("is one"), 1);
	cr_assert_eq(world_outputs("is two"), 1);
	cr_assert_eq(toy_put_away, 3, "%zu", toy_put_away);
	cr_assert_eq(toy_loaded, 2, "%zu", toy_loaded);
}

Test(shard_rest, is_not_for_what_waits_or_works, .fini = fini)
{
	open_with_little_room();
	send(0, "wake 100000");
	send(1, "work t lane");
	send(2, "put two");
	send(3, "put three");
	world_run();
	cr_assert_eq(toy_put_away, 1, "%zu", toy_put_away);
}

Test(shard_rest, comes_back_after_what_was_waited_for, .fini = fini)
{
	open_with_little_room();
	world.toy.deliver_at_once = true;
	send(0, "put one");
	send(0, "work t lane");
	send(1, "put two");
	send(2, "put three");
	send(0, "get");
	world_run();
	cr_assert_eq(world_outputs("is one"), 1);
	cr_assert_geq(toy_put_away, 2, "%zu", toy_put_away);
}

Test(shard_rest, is_what_a_restore_leaves_it_at, .fini = fini)
{
	open_with_a_hundred_at_rest();
	fake_row(world.kafka, row_key(7, "text"), NULL);
	send(8, "get");
	send(7, "get");
	world_run();
	cr_assert_eq(toy_put_away, 99);
	cr_assert_eq(toy_loaded, 100, "each once, and again the one that is asked: %zu", toy_loaded);
	cr_assert_eq(world_outputs("is old"), 1);
	cr_assert_eq(world_outputs("is nothing"), 1);
}

Test(shard_rest, outlasts_a_notice_that_changes_nothing, .fini = fini)
{
	open_with_a_hundred_at_rest();
	shard_notice(world.shard, "news", view_text("quiet"));
	send(8, "get");
	world_run();
	cr_assert_eq(toy_put_away, 100, "each by the restore alone: %zu", toy_put_away);
	cr_assert_eq(world_outputs("is old"), 1);
}

Test(shard_rest, ends_with_a_notice_that_changes_something, .fini = fini)
{
	open_with_a_hundred_at_rest();
	shard_notice(world.shard, "news", view_text("loud"));
	world_run();
	cr_assert_eq(world_outputs("news loud"), 100);
	cr_assert_eq(toy_put_away, 100 + 100 - 64, "by the restore, and again all but the last: %zu",
	        toy_put_away);
}

/* ---- claim, restore ---- */

Test(shard_restore, begins_at_the_start_of_the_log_without_a_position, .fini = fini)
{
	world_open(NULL);
	cr_assert_eq(world_run(), OUTCOME_ENDED);
	world_expect("claim run open:-1,-1");
}

Test(shard_restore, goes_on_at_its_position, .fini = fini)
{
	world_open(NULL);
	world.kafka->first_offset = 40;
	send(0, "put one");
	send(0, "put two");
	cr_assert_eq(world_run(), OUTCOME_ENDED);
	cr_assert_eq(world_run_again(NULL), OUTCOME_ENDED);
	world_expect("claim run open:42,41,known");
	cr_assert_eq(world_outputs("put one") + world_outputs("put two"), 2, "nothing is applied twice");
}

Test(shard_restore, loads_each_row_as_last_written, .fini = fini)
{
	world_open(NULL);
	fake_row(world.kafka, row_key(0, "text"), "old");
	fake_row(world.kafka, row_key(1, "text"), "gone");
	fake_row(world.kafka, row_key(0, "text"), "new");
	fake_row(world.kafka, row_key(1, "text"), NULL);
	send(0, "get");
	send(1, "get");
	world_run();
	cr_assert_eq(world_outputs("is new"), 1);
	cr_assert_eq(world_outputs("is nothing"), 1);
}

Test(shard_restore, starts_restored_work_behind_run, .fini = fini)
{
	world_open(NULL);
	fake_row(world.kafka, row_key(0, "w/t"), "t lane 0 -1");
	world_run();
	world_expect("claim run open:-1,-1 start:t cancel:t");
}

Test(shard_restore, refuses_a_row_it_cannot_read_but_only_behind_run, .fini = fini)
{
	world_open(NULL);
	fake_row(world.kafka, row_key(0, "unheard-of"), "x");
	cr_assert_eq(world_run(), OUTCOME_REFUSED);
	cr_assert_str_eq(world.err.code, "row_unknown");
	world_expect("claim run");
}

Test(shard_restore, refuses_a_position_of_a_newer_version, .fini = fini)
{
	world_open(NULL);
	fake_row(world.kafka, "@position", "2 something else");
	cr_assert_eq(world_run(), OUTCOME_REFUSED);
	cr_assert_str_eq(world.err.code, "state_newer");
}

Test(shard_restore, refuses_rows_that_nobody_here_wrote, .fini = fini)
{
	world_open(NULL);
	fake_row(world.kafka, "no-slash", "x");
	cr_assert_eq(world_run(), OUTCOME_REFUSED);
	cr_assert_str_eq(world.err.code, "state_damaged");
}

Test(shard_restore, frees_empty_states, .fini = fini)
{
	struct shard_status status;
	uint64_t counts[COUNTS] = {0};

	world_open(NULL);
	send(0, "put one");
	send(1, "get");
	send(2, "put two");
	send(2, "drop");
	world_run();
	shard_read_status(world.shard, &status);
	cr_assert_eq(status.states, 1);
	shard_sum_counts(world.shard, counts);
	cr_assert_eq(counts[COUNT_RECORDS_IN], 4);
	cr_assert_eq(status.lag, 0);
	cr_assert_eq(status.position, 4);
}

/* ---- effects and commits ---- */

static void deliver_first(struct kafka *kafka)
{
	(void)kafka;
	toy_deliver(&world.toy, 0, "well");
}

static void pass_some_time(struct kafka *kafka)
{
	(void)kafka;
	fake_now_ms += 10;
}

Test(shard_effects, none_starts_before_the_commit_of_its_cause, .fini = fini)
{
	world_open((void (*const[])(struct kafka *)){deliver_first, NULL});
	send(0, "work t lane");
	world_run();
	world_expect("claim run open:-1,-1 commit start:t commit");
	cr_assert_eq(world_outputs("done t well"), 1);
}

Test(shard_effects, a_lost_commit_starts_nothing, .fini = fini)
{
	world_open(NULL);
	lose_commits(0, 1);
	send(0, "work t lane");
	world_run();
	world_expect("claim run open:-1,-1 LOST claim run open:-1,-1 commit start:t cancel:t");
}

Test(shard_effects, a_completion_from_within_start_is_as_good_as_any, .fini = fini)
{
	world_open(NULL);
	world.toy.deliver_at_once = true;
	send(0, "work t lane");
	world_run();
	world_expect("claim run open:-1,-1 commit start:t commit");
	cr_assert_eq(world_outputs("done t at once"), 1);
}

Test(shard_effects, what_waits_in_a_lane_starts_behind_the_commit_that_made_room, .fini = fini)
{
	world.limits.lane_limit = 1;
	world_open((void (*const[])(struct kafka *)){deliver_first, NULL});
	send(0, "work t1 lane");
	send(1, "work t2 lane");
	world_run();
	world_expect("claim run open:-1,-1 commit start:t1 commit start:t2 cancel:t2");
}

static void drop_first(struct kafka *kafka)
{
	(void)kafka;
	send(0, "drop");
}

Test(shard_effects, what_is_no_longer_wanted_is_cancelled_and_its_completion_still_heard, .fini = fini)
{
	world_open((void (*const[])(struct kafka *)){drop_first, deliver_first, NULL});
	send(0, "work t lane");
	world_run();
	world_expect("claim run open:-1,-1 commit start:t cancel:t commit commit");
	cr_assert_eq(world_outputs("done t well"), 1);
}

Test(shard_effects, a_record_that_is_needed_again_is_recalled, .fini = fini)
{
	world_open(NULL);
	send(0, "put x");
	send(0, "recalled t lane");
	world_run();
	world_expect("claim run open:-1,-1 commit recall:1 start:t cancel:t");
}

Test(shard_effects, a_record_that_the_log_lost_is_told_as_gone, .fini = fini)
{
	world_open(NULL);
	world.kafka->log_is_gone = true;
	send(0, "recalled t lane");
	world_run();
	world_expect("claim run open:-1,-1 commit recall:0 start:t:gone cancel:t");
}

Test(shard_effects, a_recall_that_takes_long_is_followed_by_a_new_proof_of_ownership, .fini = fini)
{
	world_open(NULL);
	world.kafka->recall_takes_ms = 6000;
	send(0, "recalled t lane");
	world_run();
	world_expect("claim run open:-1,-1 commit recall:0 run start:t cancel:t");
}

Test(shard_effects, a_recall_that_is_lost_leaves_nothing_to_cancel, .fini = fini)
{
	world_open(NULL);
	world.kafka->recall_is_lost = true;
	send(0, "recalled t lane");
	world_run();
	world_expect(
	        "claim run open:-1,-1 commit recall:0 claim run open:1,0,known recall:0 start:t cancel:t");
}

Test(shard_effects, an_early_one_rides_in_the_transaction_of_its_cause, .fini = fini)
{
	world_open(NULL);
	world.toy.deliver_at_once = true;
	send(0, "early t lane");
	world_run();
	world_expect("claim run open:-1,-1 start:t commit");
	cr_assert_eq(world_outputs("done t at once"), 1);
}

Test(shard_effects, an_early_one_that_lingers_too_long_holds_nothing_up, .fini = fini)
{
	world_open((void (*const[])(struct kafka *)){pass_some_time, deliver_first, NULL});
	send(0, "early t lane");
	send(0, "work u lane");
	world_run();
	world_expect("claim run open:-1,-1 start:t commit start:u commit cancel:u");
	cr_assert_eq(world_outputs("done t well"), 1);
}

Test(shard_effects, an_early_one_is_not_waited_for_by_a_full_batch, .fini = fini)
{
	world.limits.batch_records = 1;
	world_open(NULL);
	world.toy.deliver_at_once = true;
	fake_row(world.kafka, row_key(1, "w/t"), "t lane 0 -1");
	fake_row(world.kafka, row_key(2, "w/u"), "u lane 0 -1");
	send(0, "early v lane");
	world_run();
	cr_assert_eq(world_outputs("done t at once"), 1);
	cr_assert_eq(world_outputs("done u at once"), 1);
	cr_assert_eq(world_outputs("done v at once"), 1);
}

Test(shard_effects, an_old_proof_of_ownership_is_renewed_before_any_start, .fini = fini)
{
	world_open(NULL);
	send(0, "put x");
	world_run();
	world.kafka->commit_takes_ms = 6000; /* of the next run's @run */
	send(0, "work t lane");
	fake_row(world.kafka, row_key(1, "w/u"), "u lane 0 -1");
	world_run_again(NULL);
	world_expect("claim run open:1,0,known commit start:u start:t cancel:u cancel:t");
}

/* ---- the log is another one ---- */

static void pass_16_seconds(struct kafka *kafka)
{
	(void)kafka;
	fake_now_ms += 16000;
}

static void send_more(struct kafka *kafka)
{
	fake_now_ms += 10000;
	fake_send(kafka, fake_key_here(kafka, 0), "put more");
}

static void make_log_anew(struct kafka *kafka)
{
	fake_now_ms += 40000;
	free((void *)kafka->input[0].value.data);
	kafka->input[0].value = view_text(memory_text("put another"));
	fake_send(kafka, fake_key_here(kafka, 0), "put more");
}

Test(shard_log, made_anew_while_it_is_read_is_refused_before_anything_of_it_counts, .fini = fini)
{
	world_open((void (*const[])(struct kafka *)){pass_16_seconds, make_log_anew, NULL});
	send(0, "put one");
	cr_assert_eq(world_run(), OUTCOME_REFUSED);
	cr_assert_str_eq(world.err.code, "log_recreated");
	cr_assert_eq(world_outputs("put one"), 1);
	cr_assert_eq(world_outputs("put more"), 0);
	world_expect("claim run open:-1,-1 commit recall:0");
}

static void make_log_anew_soon(struct kafka *kafka)
{
	make_log_anew(kafka);
	fake_now_ms -= 39000;
}

Test(shard_log, made_anew_right_behind_its_first_record_is_refused, .fini = fini)
{
	world_open((void (*const[])(struct kafka *)){make_log_anew_soon, pass_16_seconds, NULL});
	send(0, "put one");
	cr_assert_eq(world_run(), OUTCOME_REFUSED);
	cr_assert_str_eq(world.err.code, "log_recreated");
}

Test(shard_log, made_anew_and_read_on_in_a_former_life_is_refused_at_once, .fini = fini)
{
	world_open((void (*const[])(struct kafka *)){send_more, NULL});
	send(0, "put one");
	world_run();
	make_log_anew_soon(world.kafka);
	world_run_again(NULL);
	cr_assert_str_eq(world.err.code, "log_recreated");
	cr_assert_eq(world_outputs("put more"), 1, "what was read before it was noticed");
}

Test(shard_log, that_is_what_it_was_is_read_on_and_asked_about_seldom, .fini = fini)
{
	world_open((void (*const[])(struct kafka *)){pass_16_seconds, send_more, send_more, send_more, NULL});
	send(0, "put one");
	cr_assert_eq(world_run(), OUTCOME_ENDED);
	cr_assert_eq(world_outputs("put more"), 3);
	world_expect("claim run open:-1,-1 commit commit recall:0 commit commit recall:1");
}

Test(shard_log, whose_old_records_were_deleted_is_read_on, .fini = fini)
{
	world_open((void (*const[])(struct kafka *)){pass_16_seconds, make_log_anew, NULL});
	world.kafka->log_is_gone = true;
	send(0, "put one");
	cr_assert_eq(world_run(), OUTCOME_ENDED);
	cr_assert_eq(world_outputs("put more"), 1);
}

/* ---- losses ---- */

Test(shard_loss, rebuilds_the_state_from_its_rows, .fini = fini)
{
	world.limits.batch_records = 1;
	world_open(NULL);
	lose_commits(1, 1);
	send(0, "put one");
	send(0, "put two");
	send(0, "get");
	world_run();
	world_expect("claim run open:-1,-1 commit LOST claim run open:1,0,known commit commit");
	cr_assert_eq(world_outputs("put one"), 1);
	cr_assert_eq(world_outputs("put two"), 1);
	cr_assert_eq(world_outputs("is two"), 1);
}

Test(shard_waiting, is_summed_over_all_keys, .fini = fini)
{
	struct shard_status status;

	world_open(NULL);
	fake_row(world.kafka, row_key(0, "w/t"), "t lane 0 -1");
	fake_row(world.kafka, row_key(0, "w/u"), "u lane 0 -1");
	send(1, "count");
	send(1, "work v lane");
	send(2, "count");
	send(0, "drop");
	send(2, "count");
	world_run();
	cr_assert_eq(world_outputs("count 2"), 1);
	cr_assert_eq(world_outputs("count 3"), 1);
	cr_assert_eq(world_outputs("count 1"), 1);
	shard_read_status(world.shard, &status);
	cr_assert_eq(status.waiting, 1);
	cr_assert_gt(status.waiting_ms, 0);
}

Test(shard_counts, say_what_was_taken_in_and_committed, .fini = fini)
{
	uint64_t counts[COUNTS] = {0};

	world_open(NULL);
	send(0, "put one");
	send(1, "bad");
	world_run();
	shard_sum_counts(world.shard, counts);
	cr_assert_eq(counts[COUNT_RECORDS_IN], 2);
	cr_assert_eq(
	        counts[COUNT_BYTES_IN], 2 * strlen(row_key(0, "")) - 2 + strlen("put one") + strlen("bad"));
	cr_assert_eq(counts[COUNT_RECORDS_OUT], 1);
	cr_assert_eq(counts[COUNT_RECORDS_OUT + OUTBOX_LANE_DEAD_LETTERS], 1);
	cr_assert_eq(
	        counts[COUNT_RECORDS_OUT + OUTBOX_LANE_CHANGELOG], 4, "a row, @run, @position and @anchor");
	cr_assert_eq(counts[COUNT_COMMITTED], 2);
	cr_assert_eq(counts[COUNT_FAILED], 0);
}

Test(shard_loss, memory_does_not_outlive_it, .fini = fini)
{
	world_open(NULL);
	lose_commits(0, 1);
	send(0, "put one");
	fake_row(world.kafka, row_key(1, "text"), "kept");
	world_run();
	struct shard_status status;
	uint64_t counts[COUNTS] = {0};
	shard_read_status(world.shard, &status);
	shard_sum_counts(world.shard, counts);
	cr_assert_eq(counts[COUNT_LOSSES], 1);
	cr_assert_eq(counts[COUNT_CLAIMS], 2);
	cr_assert_eq(status.states, 2);
	cr_assert_eq(world_outputs("put one"), 1);
}

static void lose_next(struct kafka *kafka)
{
	kafka->next_commit = 0;
	lose_commits(0, 1);
	send(1, "put x");
}

Test(shard_loss, a_completion_of_an_older_claim_is_dropped, .fini = fini)
{
	world_open((void (*const[])(struct kafka *)){lose_next, deliver_first, NULL});
	send(0, "work t lane");
	world_run();
	world_expect(
	        "claim run open:-1,-1 commit start:t LOST cancel:t claim run open:1,0,known start:t commit "
	        "cancel:t");
	cr_assert_eq(world_outputs("done t well"), 0);
	cr_assert_eq(shard_outstanding(world.shard), 1, "the second start's");
}

/* ---- poison ---- */

Test(shard_poison, is_halved_then_dead_lettered, .fini = fini)
{
	world_open(NULL);
	world.kafka->poison = "put poison";
	for (int i = 0; i < 8; i++)
		send(i, i == 5 ? "put poison" : "put well");
	world_run();
	world_expect("claim run open:-1,-1 LOST "              /* 8 */
	             "claim run open:-1,-1 commit LOST "       /* 4; 4 more (doubled) */
	             "claim run open:4,3,known LOST "          /* 2 */
	             "claim run open:4,3,known commit LOST "   /* 1; 2 */
	             "claim run open:5,4,known recall:3 LOST " /* alone */
	             "claim run open:5,4,known recall:3 LOST " /* alone again */
	             "claim run open:5,4,known recall:3 commit commit");
	cr_assert_eq(world_outputs("put well"), 7);
	cr_assert_eq(world_outputs("put poison"), 0);
	const struct fake_message *letter = fake_find(world.kafka, OUTBOX_DEAD_LETTER, "put poison");
	cr_assert(letter, "byte-identical");
	cr_assert_str_eq(letter->key, fake_key_here(world.kafka, 5));
	cr_assert(strstr(letter->headers, "__connect.errors.offset=5;"));
	cr_assert(strstr(letter->headers, "__connect.errors.stage=commit;"));
	cr_assert(strstr(letter->headers, "__connect.errors.exception.class=transaction_refused;"));
}

Test(shard_poison, losses_without_blame_cost_a_record_nothing, .fini = fini)
{
	world_open(NULL);
	lose_commits(0, 10);
	send(0, "put well");
	world_run();
	cr_assert_eq(world_outputs("put well"), 1);
	cr_assert_eq(fake_count(world.kafka, OUTBOX_DEAD_LETTER, NULL), 0);
}

Test(shard_poison, is_not_retried_for_ever_where_kafka_blames_nobody, .fini = fini)
{
	world_open(NULL);
	world.kafka->poison = "put poison";
	world.kafka->poison_status = STATUS_RETRY;
	send(0, "put poison");
	send(0, "put well");
	world_run();
	cr_assert_eq(fake_count(world.kafka, OUTBOX_DEAD_LETTER, "put poison"), 1);
	cr_assert_eq(world_outputs("put well"), 1);
}

Test(shard_poison, what_does_not_fit_into_a_transaction_is_poison, .fini = fini)
{
	world_open(NULL);
	send(0, "put one");
	send(0, "huge");
	send(0, "put two");
	world_run();
	cr_assert_eq(fake_count(world.kafka, OUTBOX_DEAD_LETTER, "huge"), 1);
	cr_assert_eq(world_outputs("put one"), 1);
	cr_assert_eq(world_outputs("put two"), 1);
}

Test(shard_poison, where_even_the_dead_letter_is_refused_so_is_the_shard, .fini = fini)
{
	world_open(NULL);
	world.kafka->poison = "put poison";
	world.kafka->poison_dead_letters = true;
	send(0, "put poison");
	cr_assert_eq(world_run(), OUTCOME_REFUSED);
	cr_assert_str_eq(world.err.code, "poison");
	cr_assert_eq(world.kafka->commits, 5, "@run of five claims and nothing else");
}

Test(shard_poison, a_completion_that_is_refused_for_ever_refuses_the_shard, .fini = fini)
{
	world_open(NULL);
	world.toy.deliver_at_once = true;
	world.kafka->poison = "done t at once";
	send(0, "work t lane");
	cr_assert_eq(world_run(), OUTCOME_REFUSED);
	cr_assert_eq(fake_count(world.kafka, OUTBOX_DEAD_LETTER, NULL), 0, "the record was not to blame");
}

/* ---- route ---- */

Test(shard_route, sends_a_stray_on_once_then_to_the_dead_letters, .fini = fini)
{
	world_open(NULL);
	const char *key = fake_key_elsewhere(world.kafka);
	fake_send(world.kafka, key, "put stray");
	struct record *again = fake_send(world.kafka, key, "put again");
	again->origin = (struct position){7, 70};
	world_run();
	const struct fake_message *sent = fake_find(world.kafka, OUTBOX_REROUTE, "put stray");
	cr_assert(sent);
	cr_assert_eq(sent->partition, kafka_partition_of(world.kafka, view_text(key)));
	cr_assert_str_eq(sent->key, key);
	cr_assert_str_eq(sent->headers, "holdpoint-origin-partition=3;holdpoint-origin-offset=0;");
	const struct fake_message *letter = fake_find(world.kafka, OUTBOX_DEAD_LETTER, "put again");
	cr_assert(letter);
	cr_assert(strstr(letter->headers, "__connect.errors.exception.class=misrouted;"));
	cr_assert_eq(world_outputs(NULL), 0, "neither is applied here");
	cr_assert(strncmp(fake_last_row(world.kafka, "@position"), "1 2 1 ", 6) == 0, "both are behind us");
}

Test(shard_route, sends_nothing_on_where_the_input_is_anothers_to_write, .fini = fini)
{
	struct worker_spec guarded = toy_spec;

	guarded.guarded = true;
	world.spec = &guarded;
	world_open(NULL);
	fake_send(world.kafka, fake_key_elsewhere(world.kafka), "put stray");
	world_run();
	cr_assert_null(fake_find(world.kafka, OUTBOX_REROUTE, "put stray"));
	const struct fake_message *letter = fake_find(world.kafka, OUTBOX_DEAD_LETTER, "put stray");
	cr_assert(letter);
	cr_assert(strstr(letter->headers, "__connect.errors.exception.class=misrouted;"));
	cr_assert_eq(world_outputs(NULL), 0);
}

Test(shard_route, applies_what_was_sent_on_to_here, .fini = fini)
{
	world_open(NULL);
	send(0, "put stray");
	world.kafka->input[0].origin = (struct position){7, 70};
	world_run();
	cr_assert_eq(world_outputs("put stray"), 1);
}

Test(shard_route, gives_the_machine_what_can_have_no_state, .fini = fini)
{
	world_open(NULL);
	fake_send(world.kafka, NULL, "put one");
	fake_send(world.kafka, "a/b", "put two");
	fake_send(world.kafka, "", "put three");
	fake_send(world.kafka, "@position", "put four");
	world_run();
	cr_assert_eq(fake_count(world.kafka, OUTBOX_DEAD_LETTER, NULL), 4);
	cr_assert_null(fake_find(world.kafka, OUTBOX_DEAD_LETTER, "put one")->key);
	cr_assert_eq(fake_count(world.kafka, OUTBOX_REROUTE, NULL), 0);
	cr_assert_eq(world_outputs(NULL), 0);
}

/* ---- ticks, notices ---- */

static void pass_a_second(struct kafka *kafka)
{
	(void)kafka;
	fake_now_ms += 1000;
}

Test(shard_tick, comes_at_its_time_and_once, .fini = fini)
{
	world_open((void (*const[])(struct kafka *)){pass_a_second, pass_a_second, pass_a_second, NULL});
	send(0, "wake 1500");
	world_run();
	world_expect("claim run open:-1,-1 commit commit");
	cr_assert_eq(world_outputs("tick"), 1);
}

Test(shard_tick, survives_a_restart, .fini = fini)
{
	world_open(NULL);
	send(0, "wake 1500");
	world_run();
	cr_assert_eq(world_outputs("tick"), 0);
	fake_now_ms += 1500;
	world_run_again(NULL);
	cr_assert_eq(world_outputs("tick"), 1);
}

static void turn_the_clock_back(struct kafka *kafka)
{
	(void)kafka;
	fake_now_ms -= 500;
	send(0, "now");
}

Test(shard_time, never_runs_back, .fini = fini)
{
	char *now = memory_format("now %d", 1700000000 + (int)fake_now_ms);

	world_open((void (*const[])(struct kafka *)){turn_the_clock_back, NULL});
	send(0, "now");
	world_run();
	cr_assert_eq(world_outputs(now), 2, "log time of the claim, and monotonic time since");
	free(now);
}

static void send_another(struct kafka *kafka)
{
	(void)kafka;
	send(1, "put another");
}

Test(shard_pause, gathers_what_comes_meanwhile, .fini = fini)
{
	world.limits.pause_ms = 5;
	world_open((void (*const[])(struct kafka *)){send_another, pass_some_time, send_another, NULL});
	send(0, "put one");
	world_run();
	world_expect("claim run open:-1,-1 commit commit");
	cr_assert_eq(world_outputs("put another"), 2);
}

static void come_late(struct kafka *kafka)
{
	kafka->on_turn = NULL;
	send_another(kafka);
	deliver_first(kafka);
}

static void mind_the_turn(struct kafka *kafka)
{
	send(0, "put one");
	kafka->on_turn = come_late;
}

Test(shard_turn, what_comes_while_it_is_awaited_joins_the_batch, .fini = fini)
{
	world_open((void (*const[])(struct kafka *)){mind_the_turn, NULL});
	send(0, "work t lane");
	world_run();
	world_expect("claim run open:-1,-1 commit start:t commit");
	cr_assert_eq(world_outputs("put another"), 1);
	cr_assert_eq(world_outputs("done t well"), 1);
}

static void send_an_early_one(struct kafka *kafka)
{
	kafka->on_turn = NULL;
	send(1, "early t lane");
}

Test(shard_turn, an_early_effect_of_what_joins_is_started_and_waited_for_too, .fini = fini)
{
	world_open(NULL);
	world.toy.deliver_at_once = true;
	world.kafka->on_turn = send_an_early_one;
	send(0, "put one");
	world_run();
	world_expect("claim run open:-1,-1 start:t commit");
	cr_assert_eq(world_outputs("done t at once"), 1);
}

enum { MORE = 6 };

static void send_at_each_turn(struct kafka *kafka)
{
	static int sent;

	if (++sent == MORE)
		kafka->on_turn = NULL;
	send(1, "put more");
}

Test(shard_turn, a_suspect_stays_alone, .fini = fini)
{
	world_open(NULL);
	world.kafka->poison = "put poison";
	world.kafka->poison_status = STATUS_REJECT;
	world.kafka->on_turn = send_at_each_turn;
	send(0, "put poison");
	world_run();
	cr_assert_eq(fake_count(world.kafka, OUTBOX_DEAD_LETTER, "put poison"), 1);
	cr_assert_eq(world_outputs("put more"), MORE);
}

static void end_with_more_to_read(struct kafka *kafka)
{
	send(1, "put another");
	deliver_first(kafka);
	shard_end(kafka->shard);
}

Test(shard_pause, of_the_end_is_not_broken_by_what_will_not_be_read, .fini = fini)
{
	world.limits.pause_ms = 5;
	world_open((void (*const[])(struct kafka *)){
	        pass_some_time, end_with_more_to_read, pass_some_time, NULL});
	send(0, "work t lane");
	world_run();
	world_expect("claim run open:-1,-1 commit start:t cancel:t commit");
	cr_assert_eq(world_outputs("done t well"), 1);
	cr_assert_eq(world_outputs("put another"), 0);
}

Test(shard_pause, is_not_for_a_full_batch, .fini = fini)
{
	world.limits.pause_ms = 5;
	world.limits.batch_records = 1;
	world_open(NULL);
	send(0, "put one");
	send(1, "put another");
	world_run();
	world_expect("claim run open:-1,-1 commit commit");
}

static void give_notice(struct kafka *kafka)
{
	shard_notice(kafka->shard, "catalogue", view_text("v1"));
}

static void give_newer_notice(struct kafka *kafka)
{
	shard_notice(kafka->shard, "catalogue", view_text("v2"));
}

Test(shard_notice, reaches_every_state, .fini = fini)
{
	world_open((void (*const[])(struct kafka *)){give_notice, NULL});
	for (int i = 0; i < 5; i++)
		send(i, "put x");
	world_run();
	cr_assert_eq(world_outputs("catalogue v1"), 5);
}

Test(shard_notice, reaches_every_state_again_after_a_restore, .fini = fini)
{
	world_open((void (*const[])(struct kafka *)){give_notice, lose_next, NULL});
	send(0, "put x");
	send(2, "put x");
	world_run();
	cr_assert_eq(world_outputs("catalogue v1"), 4);
}

Test(shard_notice, a_newer_one_replaces_the_older, .fini = fini)
{
	world_open(NULL);
	give_notice(world.kafka);
	give_newer_notice(world.kafka);
	fake_row(world.kafka, row_key(0, "text"), "x");
	world_run();
	cr_assert_eq(world_outputs("catalogue v1"), 0);
	cr_assert_eq(world_outputs("catalogue v2"), 1);
}

/* ---- hush, end ---- */

static void hush(struct kafka *kafka)
{
	shard_hush(kafka->shard);
}

static void resume(struct kafka *kafka)
{
	shard_resume(kafka->shard);
}

static void deliver_all(struct kafka *kafka)
{
	(void)kafka;
	for (size_t i = 0; i < world.toy.started_count; i++)
		toy_deliver(&world.toy, i, "cancelled");
}

static void expect_not_hushed_yet(struct kafka *kafka)
{
	cr_assert(!shard_is_hushed(kafka->shard), "an effect is still under way");
	send(1, "put unread");
	deliver_all(kafka);
}

static void expect_hushed_then_resume(struct kafka *kafka)
{
	cr_assert(shard_is_hushed(kafka->shard));
	cr_assert_eq(world_outputs("done t cancelled"), 1);
	cr_assert_eq(world_outputs("put unread"), 0);
	shard_resume(kafka->shard);
}

Test(shard_hush, cancels_and_takes_nothing_until_resumed, .fini = fini)
{
	world_open((void (*const[])(struct kafka *)){
	        hush, expect_not_hushed_yet, expect_hushed_then_resume, NULL});
	send(0, "work t lane");
	send(0, "work u other");
	world_run();
	cr_assert_eq(world_outputs("put unread"), 1);
}

Test(shard_hush, what_waited_starts_behind_a_new_commit, .fini = fini)
{
	world.limits.lane_limit = 1;
	world_open((void (*const[])(struct kafka *)){
	        hush, expect_not_hushed_yet, expect_hushed_then_resume, NULL});
	send(0, "work t lane");
	send(2, "work u lane");
	world_run();
	world_expect("claim run open:-1,-1 commit start:t cancel:t commit commit start:u cancel:u");
}

Test(shard_hush, what_waited_starts_behind_a_new_commit_even_where_nothing_happened, .fini = fini)
{
	world.limits.lane_limit = 1;
	world_open((void (*const[])(struct kafka *)){hush, deliver_all, resume, NULL});
	send(0, "work t lane");
	send(2, "work u lane");
	world_run();
	world_expect("claim run open:-1,-1 commit start:t cancel:t commit commit start:u cancel:u");
}

static void hush_and_ask(struct kafka *kafka)
{
	shard_hush(kafka->shard);
	cr_assert_not(shard_is_hushed(kafka->shard), "it does not know yet");
}

static void expect_hushed(struct kafka *kafka)
{
	cr_assert(shard_is_hushed(kafka->shard));
}

Test(shard_hush, is_true_only_once_the_shard_knows, .fini = fini)
{
	world_open((void (*const[])(struct kafka *)){hush_and_ask, expect_hushed, NULL});
	world_run();
	cr_assert_null(*world.kafka->steps, "all steps were taken");
}

Test(shard_hush, is_answered_at_once_where_nothing_runs, .fini = fini)
{
	world_open(NULL);
	shard_hush(world.shard);
	cr_assert(shard_is_hushed(world.shard));
	fake_row(world.kafka, row_key(0, "w/t"), "t lane 0 -1");
	world_run();
	world_expect("claim run open:-1,-1");
}

static void end_and_deliver(struct kafka *kafka)
{
	shard_end(kafka->shard);
	toy_deliver(&world.toy, 0, "in time");
}

Test(shard_end, commits_a_completion_that_comes_in_time, .fini = fini)
{
	world_open((void (*const[])(struct kafka *)){end_and_deliver, NULL});
	send(0, "work t lane");
	cr_assert_eq(world_run(), OUTCOME_ENDED);
	cr_assert_eq(world_outputs("done t in time"), 1);
}

Test(shard_end, does_not_wait_for_ever, .fini = fini)
{
	int64_t before = fake_now_ms;

	world_open(NULL);
	send(0, "work t lane");
	cr_assert_eq(world_run(), OUTCOME_ENDED);
	cr_assert_eq(shard_outstanding(world.shard), 1);
	cr_assert_leq(fake_now_ms - before, 10000);
}

Test(shard_end, before_the_start_claims_nothing, .fini = fini)
{
	world_open(NULL);
	shard_end(world.shard);
	send(0, "put x");
	cr_assert_eq(world_run(), OUTCOME_ENDED);
	world_expect("");
}

static void end_and_send(struct kafka *kafka)
{
	shard_end(kafka->shard);
	send(0, "put x");
}

Test(shard_end, takes_no_more_input, .fini = fini)
{
	world_open((void (*const[])(struct kafka *)){end_and_send, NULL});
	cr_assert_eq(world_run(), OUTCOME_ENDED);
	world_expect("claim run open:-1,-1");
	cr_assert_eq(world_outputs(NULL), 0);
}
