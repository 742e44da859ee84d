/* A shard's life, in the four steps of the design: claim, restore, run, and, after any loss, from the start.
 */
#include "engine/shard.h"

#include "base/clock.h"
#include "base/log.h"
#include "engine/lease.h"
#include "engine/shard_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
	IDLE_MS = 5000,      /* longest sleep */
	EARLY_LINGER_MS = 5, /* for the completions of early effects … */
	EARLY_RECORDS = 64,  /* … of small batches */
	RECALLS_MOST = 16,   /* of one start */
};

static int64_t log_time(struct shard *shard)
{
	int64_t now = clock_monotonic_ms() + shard->clock_offset_ms;

	if (now > shard->now_ms)
		shard->now_ms = now;
	return shard->now_ms;
}

static void log_end_of_term(const struct shard *shard, enum outcome outcome, const struct error *err)
{
	if (outcome == OUTCOME_LOST)
		log_line(LOG_WARN, "shard lost", "partition", log_number(shard->partition), "code", err->code,
		        "error", err->message, NULL);
}

/* 1. Claim. Every earlier owner is fenced for good. */
static enum outcome claim(struct shard *shard, int64_t *ret_offset, struct error *err)
{
	struct term *term = shard->term;
	int64_t time_ms = 0;

	shard_set_phase(shard, SHARD_CLAIMING);
	enum outcome outcome = kafka_claim(shard->kafka, &term->claim, ret_offset, &time_ms, err);
	counts_add(&shard->counts, COUNT_CLAIMS, outcome == OUTCOME_OK);
	shard->clock_offset_ms = time_ms - clock_monotonic_ms();
	shard->now_ms = time_ms;
	return outcome;
}

/* 2. Restore. The rows up to our own claim: nothing of an earlier owner can follow it. */
static enum outcome restore(struct shard *shard, int64_t claim_offset, struct error *err)
{
	struct term *term = shard->term;

	shard_set_phase(shard, SHARD_RESTORING);
	return kafka_restore(shard->kafka, &term->claim, claim_offset, term_collect_row, term, err);
}

static enum outcome commit(struct shard *shard, struct error *err)
{
	int64_t before = clock_monotonic_ms();
	enum outcome outcome = kafka_commit(shard->kafka, shard->outbox, err);

	if (outcome != OUTCOME_OK) {
		counts_add(&shard->counts, COUNT_FAILED, 1);
		return outcome;
	}
	shard->proven_ms = before;
	shard->committed_ms = clock_monotonic_ms();
	shard->needs_proof = false;
	counts_add_commit(&shard->counts, shard->committed_ms - before);
	counts_add_outbox(&shard->counts, shard->outbox);
	return outcome;
}

/* 3. Run. Only the commit of @run proves that the restored rows are ours and whole; later ones, that they
 * still are ours. */
static enum outcome prove_ownership(struct shard *shard, struct error *err)
{
	outbox_clear(shard->outbox);
	outbox_engine_row(shard->outbox, "@run", view_text(shard->term->claim.nonce));
	return commit(shard, err);
}

static enum outcome check_log(struct shard *shard, bool is_awaited, struct error *err)
{
	return anchor_check(&shard->anchor, &shard->term->progress, is_awaited, shard->kafka, err);
}

static enum outcome load(struct shard *shard, struct error *err)
{
	struct term *term = shard->term;
	struct notice *notice;

	if (term_load(term, err) != STATUS_OK)
		return OUTCOME_REFUSED;
	TAILQ_FOREACH(notice, &shard->notices, entry)
		notice->left = store_count(term->store);
	const struct progress *progress = &term->progress;
	struct view last = {NULL, 0};
	if (progress->fingerprint[0])
		last = view_text(progress->fingerprint);
	shard->chunk_next = progress->next;
	anchor_begin(&shard->anchor, &term->anchor, progress);
	enum outcome outcome = kafka_open_input(shard->kafka, progress->next, progress->last, last, err);
	return outcome == OUTCOME_OK ? check_log(shard, true, err) : outcome;
}

static bool is_proof_old(const struct shard *shard)
{
	return clock_monotonic_ms() - shard->proven_ms > LEASE_MS;
}

/* The record that an effect is to be started from, and no older a proof than starting asks for: reading may
 * have taken long. */
static enum outcome recall(struct shard *shard, int64_t offset, bool early, struct record *record,
        struct effect_context *context, struct error *err)
{
	bool found = false;
	enum outcome outcome = kafka_recall(shard->kafka, offset, record, &found, err);

	context->record = found ? record : NULL;
	context->record_gone = !found;
	while (outcome == OUTCOME_OK && !early && is_proof_old(shard))
		outcome = prove_ownership(shard, err);
	return outcome;
}

static enum outcome start_effect(struct shard *shard, struct effect *effect, bool early, struct error *err)
{
	struct effect_context context = {.key = cell_key(effect->cell),
	        .tag = effect_tag(effect),
	        .claim = &shard->term->claim,
	        .token = completion_new(shard, effect)};
	struct record record;
	int64_t offset = -1;

	for (int recalls = 0; shard->spec->effector.start(shard->shell, effect->cell->state, &context,
	                              &effect->handle, &offset) == EFFECT_NEEDS_RECORD;
	        recalls++) {
		assert(recalls < RECALLS_MOST);
		enum outcome outcome = recall(shard, offset, early, &record, &context, err);
		if (outcome != OUTCOME_OK) {
			completion_withdraw(context.token);
			effects_table_put_back(shard->term->effects, effect);
			return outcome;
		}
	}
	return OUTCOME_OK;
}

/* After a commit: what waits and has room in its lane. A proof that has grown old is renewed first. */
static enum outcome start_effects(struct shard *shard, struct error *err)
{
	struct effects_table *effects = shard->term->effects;
	struct effect *effect;

	while (!shard->hushed && effects_table_waiting(effects) > 0) {
		if (is_proof_old(shard)) {
			shard->needs_proof = true;
			break;
		}
		effect = effects_table_take(effects, NULL, NULL);
		if (!effect)
			break;
		enum outcome outcome = start_effect(shard, effect, false, err);
		if (outcome != OUTCOME_OK)
			return outcome;
	}
	return OUTCOME_OK;
}

/* Before a commit: what the world itself refuses from a stale owner. */
static enum outcome start_early(struct shard *shard, struct error *err)
{
	struct effects_table *effects = shard->term->effects;
	effects_lane_filter *refuses_stale = shard->spec->effector.refuses_stale;
	struct effect *effect;

	if (!refuses_stale || shard->hushed || shard->ended || shard->batch.records > EARLY_RECORDS)
		return OUTCOME_OK;
	while ((effect = effects_table_take(effects, refuses_stale, shard->shell)) != NULL) {
		enum outcome outcome = start_effect(shard, effect, true, err);
		if (outcome != OUTCOME_OK)
			return outcome;
	}
	return OUTCOME_OK;
}

/* Completions of early effects, where they come at once, ride in the same transaction. others: what was under
 * way before these. */
static void linger(struct shard *shard, size_t others)
{
	struct effects_table *effects = shard->term->effects;
	int64_t until = clock_monotonic_ms() + EARLY_LINGER_MS, now;

	/* what was delivered and not taken has no room in this batch */
	while (!shard->delivered && effects_table_under_way(effects) > others &&
	        (now = clock_monotonic_ms()) < until) {
		if (kafka_wait(shard->kafka, until - now, true) & WAIT_CONTROL)
			break;
		batch_take_completions(shard);
		term_settle(shard->term);
	}
}

static enum outcome note_failure(struct shard *shard, bool refused, struct error *err)
{
	const struct batch *batch = &shard->batch;

	suspicion_failed(&shard->suspicion, batch->first_offset, batch->records, batch->others, refused);
	if (!suspicion_gives_up(&shard->suspicion))
		return OUTCOME_LOST;
	error_prefix(err,
	        "Kafka keeps refusing what partition %d has to write, even without the record in "
	        "question; check the topics' max.message.bytes: ",
	        (int)shard->partition);
	return OUTCOME_REFUSED;
}

static void count_batch(struct shard *shard)
{
	suspicion_passed(&shard->suspicion, shard->batch.records);
	counts_add(&shard->counts, COUNT_RECORDS_IN, shard->batch.records);
	counts_add(&shard->counts, COUNT_BYTES_IN, shard->batch.bytes);
	if (shard->term->progress.next >= 0)
		kafka_note_position(shard->kafka, shard->term->progress.next);
}

static void add_progress(struct shard *shard)
{
	char text[PROGRESS_TEXT_SIZE];

	progress_format(&shard->term->progress, text);
	outbox_engine_row(shard->outbox, PROGRESS_ROW, view_text(text));
	if (!shard->anchor.changed)
		return;
	progress_format(&shard->anchor.progress, text);
	outbox_engine_row(shard->outbox, ANCHOR_ROW, view_text(text));
}

/* One transaction: all outputs, all changed rows, and how far the input is applied. */
static enum outcome commit_batch(struct shard *shard, struct error *err)
{
	if (outbox_is_overfull(shard->outbox)) {
		error_set(err, STATUS_REJECT, "outbox_overfull",
		        "what follows from one event does not fit into a transaction");
		return note_failure(shard, true, err);
	}
	add_progress(shard);
	enum outcome outcome = commit(shard, err);
	if (outcome == OUTCOME_LOST)
		return note_failure(shard, err->status == STATUS_REJECT, err);
	if (outcome == OUTCOME_OK) {
		shard->anchor.changed = false;
		count_batch(shard);
	}
	return outcome;
}

/* What the batch says is settled, and its early effects are started. */
static enum outcome settle(struct shard *shard, struct error *err)
{
	enum outcome outcome = OUTCOME_OK;

	term_settle(shard->term);
	if (shard->batch.records > 0)
		outcome = check_log(shard, true, err);
	return outcome == OUTCOME_OK ? start_early(shard, err) : outcome;
}

/* A batch is in hand. What comes until it is this shard's turn joins it. */
static enum outcome complete_and_commit(struct shard *shard, struct error *err)
{
	size_t others = effects_table_under_way(shard->term->effects);
	enum outcome outcome = settle(shard, err);

	if (outcome != OUTCOME_OK)
		return outcome;
	kafka_await_turn(shard->kafka);
	outcome = batch_gather_more(shard, err);
	if (outcome == OUTCOME_OK)
		outcome = settle(shard, err);
	if (outcome == OUTCOME_OK) {
		linger(shard, others);
		outcome = commit_batch(shard, err);
	}
	kafka_pass_turn(shard->kafka);
	return outcome;
}

static enum outcome take_in_and_commit(struct shard *shard, struct error *err)
{
	log_time(shard);
	enum outcome outcome = batch_gather(shard, err);
	if (outcome != OUTCOME_OK)
		return outcome;
	if (shard->batch.records + shard->batch.others == 0 && !shard->needs_proof) {
		shard_publish_lag(shard);
		return OUTCOME_OK;
	}
	outcome = complete_and_commit(shard, err);
	if (outcome == OUTCOME_OK && !shard->ended)
		outcome = start_effects(shard, err);
	if (outcome == OUTCOME_OK)
		shard_publish(shard);
	return outcome;
}

static int64_t idle_time(struct shard *shard)
{
	int64_t next = timers_next(shard->term->timers);

	if (shard->needs_proof || batch_has_more(shard))
		return 0;
	int64_t now = log_time(shard);
	if (next <= now)
		return 0;
	return next - now < IDLE_MS ? next - now : IDLE_MS;
}

/* Nothing new; what is under way is cancelled, and what it still answers in time is committed. */
static enum outcome drain(struct shard *shard, struct error *err)
{
	struct effects_table *effects = shard->term->effects;
	int64_t until = clock_monotonic_ms() + shard->limits.drain_ms, now;
	enum outcome outcome = OUTCOME_OK;

	effects_table_cancel_all(effects);
	while (outcome == OUTCOME_OK && effects_table_under_way(effects) > 0 &&
	        (now = clock_monotonic_ms()) < until) {
		if (!shard->delivered)
			kafka_wait(shard->kafka, until - now, true);
		shard_take_control(shard);
		outcome = take_in_and_commit(shard, err);
	}
	return OUTCOME_ENDED;
}

static enum outcome run(struct shard *shard, struct error *err)
{
	enum outcome outcome = OUTCOME_OK;

	shard_take_control(shard);
	if (!shard->ended)
		outcome = start_effects(shard, err);
	while (outcome == OUTCOME_OK && !shard->ended) {
		kafka_wait(shard->kafka, idle_time(shard), shard->hushed);
		shard_take_control(shard);
		if (!shard->ended)
			outcome = take_in_and_commit(shard, err);
		if (outcome == OUTCOME_OK && !shard->ended && !batch_has_more(shard))
			outcome = check_log(shard, false, err);
	}
	return outcome == OUTCOME_OK ? drain(shard, err) : outcome;
}

static void begin_term(struct shard *shard)
{
	shard->term = term_new(shard->spec, shard->shell, shard->partition, ++shard->term_count,
	        shard->limits.lane_limit, shard->limits.recent_states);
	shard->chunk_at = shard->chunk_count = 0;
	shard->input_drained = false;
	shard->needs_proof = false;
}

static void forget_term(struct shard *shard)
{
	effects_table_cancel_all(shard->term->effects);
	for (struct completion *token = shard->delivered, *next; token; token = next) {
		next = (struct completion *)token->item.next;
		completion_free(token);
	}
	shard->delivered = NULL;
	term_free(shard->term);
	shard->term = NULL;
}

static int phase_after(enum outcome outcome)
{
	if (outcome == OUTCOME_REFUSED)
		return SHARD_REFUSED;
	return outcome == OUTCOME_ENDED ? SHARD_ENDED : SHARD_CLAIMING;
}

static void log_running(const struct shard *shard)
{
	log_line(LOG_INFO, "shard running", "partition", log_number(shard->partition), "position",
	        log_number(shard->term->progress.next), "keys", log_number(store_count(shard->term->store)),
	        "restored_ms", log_number(shard->restored_ms), NULL);
}

static enum outcome serve_term(struct shard *shard, struct error *err)
{
	int64_t claim_offset = -1, began = clock_monotonic_ms();

	*err = (struct error){0};
	begin_term(shard);
	enum outcome outcome = claim(shard, &claim_offset, err);
	if (outcome == OUTCOME_OK)
		outcome = restore(shard, claim_offset, err);
	if (outcome == OUTCOME_OK)
		outcome = prove_ownership(shard, err);
	if (outcome == OUTCOME_OK)
		outcome = load(shard, err);
	if (outcome == OUTCOME_OK) {
		shard->restored_ms = clock_monotonic_ms() - began;
		shard_publish(shard);
		shard_set_phase(shard, SHARD_RUNNING);
		log_running(shard);
		outcome = run(shard, err);
	}
	shard_set_phase(shard, phase_after(outcome));
	log_end_of_term(shard, outcome, err);
	forget_term(shard);
	return outcome;
}

/* 4. After a loss: whose is it now? */
static enum outcome outlast_loss(struct shard *shard, struct error *err)
{
	enum outcome outcome;

	counts_add(&shard->counts, COUNT_LOSSES, 1);
	counts_add(&shard->counts, COUNT_FENCES, strcmp(err->code, "fenced") == 0);
	shard_take_control(shard);
	if (shard->ended)
		return OUTCOME_ENDED;
	do
		outcome = kafka_still_ours(shard->kafka, atomic_load(&shard->position), err);
	while (outcome == OUTCOME_LOST);
	return outcome;
}

enum outcome shard_run(struct shard *shard, struct error *err)
{
	enum outcome outcome;

	do {
		shard_take_control(shard);
		if (shard->ended) { /* a claim now would only fence the next owner */
			outcome = OUTCOME_ENDED;
			break;
		}
		outcome = serve_term(shard, err);
		if (outcome == OUTCOME_LOST)
			outcome = outlast_loss(shard, err);
	} while (outcome == OUTCOME_OK);
	shard_set_phase(shard, phase_after(outcome));
	return outcome;
}
