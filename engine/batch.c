/* What one transaction takes in: ended effects, due ticks, notices, and records of the input, each bounded.
 */
#include "base/clock.h"
#include "engine/route.h"
#include "engine/shard_internal.h"

/* Half of the batch's bytes is the records', so that neither side starves the other. */
static bool has_room_for_others(const struct shard *shard)
{
	return shard->batch.others < shard->limits.batch_records &&
	       outbox_bytes(shard->outbox) < shard->limits.batch_bytes / 2;
}

static bool has_room_for_records(const struct shard *shard)
{
	return shard->batch.records < suspicion_limit(&shard->suspicion) &&
	       outbox_bytes(shard->outbox) < shard->limits.batch_bytes && !outbox_is_overfull(shard->outbox);
}

/* What comes now could not be taken, so there is nothing to wait for. */
static bool is_full(const struct shard *shard)
{
	return !has_room_for_records(shard) || !has_room_for_others(shard);
}

static void apply_other(struct shard *shard, struct cell *cell, struct event event)
{
	event.key = cell_key(cell);
	term_apply(shard->term, cell, &event, shard->now_ms, shard->outbox);
	shard->batch.others++;
}

static void apply_completion(struct shard *shard, struct completion *token)
{
	struct effect *effect = token->effect;

	if (token->term == shard->term->number) {
		apply_other(shard, effect->cell,
		        (struct event){.kind = EVENT_COMPLETION,
		                .tag = effect_tag(effect),
		                .result = token->result});
		effects_table_ended(shard->term->effects, effect);
	}
	completion_free(token);
}

void batch_take_completions(struct shard *shard)
{
	if (!shard->delivered)
		shard->delivered = (struct completion *)queue_take_all(shard->completions);
	while (shard->delivered && has_room_for_others(shard)) {
		struct completion *token = shard->delivered;
		shard->delivered = (struct completion *)token->item.next;
		apply_completion(shard, token);
	}
}

static void take_ticks(struct shard *shard)
{
	struct timer *timer;

	while (has_room_for_others(shard) &&
	        (timer = timers_take_due(shard->term->timers, shard->now_ms)) != NULL)
		apply_other(shard, cell_of_timer(timer), (struct event){.kind = EVENT_TICK});
}

static void give_notice(struct shard *shard, struct cell *cell, const struct notice *notice)
{
	struct event event = {.kind = EVENT_NOTICE,
	        .key = cell_key(cell),
	        .tag = view_text(notice->name),
	        .result = &notice->bytes};

	term_notify(shard->term, cell, &event, shard->now_ms, shard->outbox);
	shard->batch.others++;
}

static void take_notices(struct shard *shard)
{
	struct notice *notice;

	TAILQ_FOREACH(notice, &shard->notices, entry) {
		if (notice->left > store_count(shard->term->store))
			notice->left = store_count(shard->term->store);
		for (; notice->left > 0 && has_room_for_others(shard); notice->left--)
			give_notice(shard, store_at(shard->term->store, notice->left - 1), notice);
	}
}

static void take_others(struct shard *shard)
{
	batch_take_completions(shard);
	if (shard->ended)
		return;
	take_ticks(shard);
	take_notices(shard);
}

/* A record on another partition than its key's is sent on once, and applied only there. */
static void send_on(struct shard *shard, const struct record *record, int32_t partition)
{
	bool sent_before = record->origin.partition != record->position.partition ||
	                   record->origin.offset != record->position.offset;

	if (shard->spec->guarded)
		outbox_dead_letter_at(shard->outbox, "route", "misrouted",
		        "the record lies on another partition than its key's: whoever may write this topic "
		        "never puts it there; check who else may");
	else if (sent_before)
		outbox_dead_letter_at(shard->outbox, "route", "misrouted",
		        "the record was sent on to this partition, but its key belongs to another: the "
		        "topic's "
		        "partition count was changed, or its headers are forged");
	else
		outbox_reroute(shard->outbox, partition);
}

static void apply_record(struct shard *shard, const struct record *record)
{
	struct event event = {.kind = EVENT_RECORD, .key = record->key, .record = record};
	bool has_state = route_key_has_state(record->key);
	int32_t partition = has_state ? kafka_partition_of(shard->kafka, record->key) : shard->partition;

	shard->batch.bytes += record->key.len + record->value.len;
	if (shard->batch.records++ == 0)
		shard->batch.first_offset = record->position.offset;
	outbox_record_is(shard->outbox, record);
	if (suspicion_condemns(&shard->suspicion, record->position.offset))
		outbox_dead_letter_at(shard->outbox, "commit", "transaction_refused",
		        "every transaction that followed from this record was refused by Kafka, so it was "
		        "set "
		        "aside unread");
	else if (partition != shard->partition)
		send_on(shard, record, partition);
	else
		term_apply(shard->term, has_state ? term_cell(shard->term, record->key) : NULL, &event,
		        shard->now_ms, shard->outbox);
	outbox_record_is(shard->outbox, NULL);
}

/* How far we are, as the next transaction will say it; while the chunk's records can still be looked at. */
static void note_progress(struct shard *shard)
{
	struct progress *progress = &shard->term->progress;

	if (shard->chunk_at > 0) {
		const struct record *last = &shard->chunk[shard->chunk_at - 1];
		if (last->position.offset != progress->last)
			kafka_fingerprint(last, progress->fingerprint);
		progress->last = last->position.offset;
		progress->next = last->position.offset + 1;
	}
	if (shard->chunk_at == shard->chunk_count)
		progress->next = shard->chunk_next;
}

static enum outcome read_chunk(struct shard *shard, struct error *err)
{
	size_t count = 0;
	int64_t next = shard->chunk_next;

	shard->chunk_at = shard->chunk_count = 0;
	enum outcome outcome = kafka_read(shard->kafka, shard->chunk, CHUNK_RECORDS, &count, &next, err);
	if (outcome != OUTCOME_OK)
		return outcome;
	shard->chunk_count = count;
	shard->chunk_next = next;
	shard->input_drained = count < CHUNK_RECORDS;
	return OUTCOME_OK;
}

static enum outcome take_records(struct shard *shard, struct error *err)
{
	while (has_room_for_records(shard)) {
		if (shard->chunk_at == shard->chunk_count) {
			enum outcome outcome = read_chunk(shard, err);
			if (outcome != OUTCOME_OK)
				return outcome;
			if (shard->chunk_count == 0) {
				note_progress(shard);
				break;
			}
		}
		while (shard->chunk_at < shard->chunk_count && has_room_for_records(shard))
			apply_record(shard, &shard->chunk[shard->chunk_at++]);
		note_progress(shard);
	}
	return OUTCOME_OK;
}

bool batch_has_more(const struct shard *shard)
{
	const struct notice *notice;

	if (shard->delivered)
		return true;
	TAILQ_FOREACH(notice, &shard->notices, entry)
		if (notice->left > 0)
			return true;
	return !shard->hushed && (shard->chunk_at < shard->chunk_count || !shard->input_drained);
}

static bool takes_records(const struct shard *shard)
{
	return !shard->hushed && !shard->ended;
}

static enum outcome take_in(struct shard *shard, struct error *err)
{
	bool alone = takes_records(shard) && suspicion_wants_alone(&shard->suspicion);

	if (!alone)
		take_others(shard);
	enum outcome outcome = takes_records(shard) ? take_records(shard, err) : OUTCOME_OK;
	if (outcome == OUTCOME_OK && alone && shard->batch.records == 0)
		take_others(shard);
	return outcome;
}

enum outcome batch_gather_more(struct shard *shard, struct error *err)
{
	return is_full(shard) ? OUTCOME_OK : take_in(shard, err);
}

enum outcome batch_gather(struct shard *shard, struct error *err)
{
	int64_t until = shard->committed_ms + shard->limits.pause_ms;
	int64_t remaining;
	enum outcome outcome;

	shard->batch = (struct batch){0};
	outbox_clear(shard->outbox);
	for (;;) {
		outcome = take_in(shard, err);
		size_t events = shard->batch.records + shard->batch.others;
		remaining = until - clock_monotonic_ms();
		if (outcome != OUTCOME_OK || events == 0 || events >= CHUNK_RECORDS || remaining <= 0 ||
		        is_full(shard) || suspicion_wants_alone(&shard->suspicion))
			return outcome;
		int woken = kafka_wait(shard->kafka, remaining, !takes_records(shard));
		if (woken == 0 || (woken & WAIT_CONTROL))
			return outcome;
	}
}
