/* What other threads may do with a shard: everything passes through its two queues and some atomic numbers.
 */
#include "base/clock.h"
#include "base/memory.h"
#include "engine/shard_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int shard_completions_fd(const struct shard *shard)
{
	return queue_fd(shard->completions);
}

int shard_control_fd(const struct shard *shard)
{
	return queue_fd(shard->control);
}

size_t shard_outstanding(const struct shard *shard)
{
	return atomic_load(&shard->outstanding);
}

struct completion *completion_new(struct shard *shard, struct effect *effect)
{
	struct completion *token = memory_alloc(sizeof(*token));

	token->shard = shard;
	token->term = shard->term->number;
	token->effect = effect;
	atomic_fetch_add(&shard->outstanding, 1);
	return token;
}

void completion_deliver(struct completion *token, void *result, void (*free_result)(void *result))
{
	struct shard *shard = token->shard;

	token->result = result;
	token->free_result = free_result;
	queue_push(shard->completions, &token->item);
	atomic_fetch_sub(&shard->outstanding, 1); /* the last touch: the shard may be freed from here on */
}

void completion_free(struct completion *token)
{
	if (token->free_result)
		token->free_result(token->result);
	free(token);
}

void completion_withdraw(struct completion *token)
{
	atomic_fetch_sub(&token->shard->outstanding, 1);
	free(token);
}

static void send(struct shard *shard, struct control control)
{
	struct control *message = memory_copy(&control, sizeof(control));

	queue_push(shard->control, &message->item);
}

void shard_end(struct shard *shard)
{
	send(shard, (struct control){.kind = CONTROL_END});
}

void shard_hush(struct shard *shard)
{
	uint64_t number = atomic_fetch_add(&shard->hush_asked, 1) + 1;

	send(shard, (struct control){.kind = CONTROL_HUSH, .hush_number = number});
}

void shard_resume(struct shard *shard)
{
	send(shard, (struct control){.kind = CONTROL_RESUME});
}

/* A shard that is not running takes its control messages before it starts anything. */
bool shard_is_hushed(const struct shard *shard)
{
	bool answered = atomic_load(&shard->hush_answered) == atomic_load(&shard->hush_asked);

	return (answered || atomic_load(&shard->phase) != SHARD_RUNNING) && shard_outstanding(shard) == 0;
}

void shard_notice(struct shard *shard, const char *name, struct view bytes)
{
	struct notice *notice = memory_alloc(sizeof(*notice));

	notice->name = memory_text(name);
	notice->bytes = (struct view){memory_copy(bytes.data, bytes.len), bytes.len};
	send(shard, (struct control){.kind = CONTROL_NOTICE, .notice = notice});
}

static void notice_free(struct notice *notice)
{
	free(notice->name);
	free((char *)notice->bytes.data);
	free(notice);
}

static void keep_notice(struct shard *shard, struct notice *notice)
{
	struct notice *old;

	TAILQ_FOREACH(old, &shard->notices, entry)
		if (strcmp(old->name, notice->name) == 0)
			break;
	notice->left = shard->term ? store_count(shard->term->store) : 0;
	if (!old) {
		TAILQ_INSERT_TAIL(&shard->notices, notice, entry);
		return;
	}
	TAILQ_INSERT_BEFORE(old, notice, entry);
	TAILQ_REMOVE(&shard->notices, old, entry);
	notice_free(old);
}

static void obey(struct shard *shard, const struct control *control)
{
	switch (control->kind) {
	case CONTROL_END:
		shard->ended = true;
		break;
	case CONTROL_HUSH:
		shard->hushed = true;
		if (shard->term)
			effects_table_cancel_all(shard->term->effects);
		atomic_store(&shard->hush_answered, control->hush_number);
		break;
	case CONTROL_RESUME:
		shard->hushed = false;
		shard->needs_proof = true; /* somebody may have had it meanwhile */
		break;
	case CONTROL_NOTICE:
		keep_notice(shard, control->notice);
		break;
	}
}

void shard_take_control(struct shard *shard)
{
	for (struct queue_item *item = queue_take_all(shard->control), *next; item; item = next) {
		next = item->next;
		obey(shard, (struct control *)item);
		free(item);
	}
}

void shard_set_phase(struct shard *shard, int phase)
{
	atomic_store(&shard->phase, phase);
}

void shard_publish_lag(struct shard *shard)
{
	int64_t next = shard->term->progress.next;
	int64_t lag = kafka_input_end(shard->kafka) - (next < 0 ? 0 : next);

	atomic_store_explicit(&shard->lag, lag > 0 ? lag : 0, memory_order_relaxed);
}

void shard_publish(struct shard *shard)
{
	const struct term *term = shard->term;

	atomic_store(&shard->position, term->progress.next);
	atomic_store(&shard->restored_rows, term->row_count);
	atomic_store(&shard->states, (int64_t)store_count(term->store));
	atomic_store(&shard->effects_under_way, (int64_t)effects_table_under_way(term->effects));
	atomic_store(&shard->effects_waiting, (int64_t)effects_table_waiting(term->effects));
	atomic_store(&shard->waiting, (int64_t)term->waiting);
	atomic_store(&shard->waiting_since_ms, timers_next(term->oldest));
	atomic_store(&shard->published_offset_ms, shard->clock_offset_ms);
	shard_publish_lag(shard);
}

/* By now, also where the shard itself hangs. */
static int64_t waiting_ms(struct shard *shard)
{
	int64_t since = atomic_load(&shard->waiting_since_ms);
	int64_t age = clock_monotonic_ms() + atomic_load(&shard->published_offset_ms) - since;

	return since == INT64_MAX || age < 0 ? 0 : age;
}

void shard_read_status(struct shard *shard, struct shard_status *ret)
{
	ret->phase = atomic_load(&shard->phase);
	ret->position = atomic_load(&shard->position);
	ret->restored_rows = atomic_load(&shard->restored_rows);
	ret->states = atomic_load(&shard->states);
	ret->effects_under_way = atomic_load(&shard->effects_under_way);
	ret->effects_waiting = atomic_load(&shard->effects_waiting);
	ret->lag = atomic_load(&shard->lag);
	ret->restored_ms = atomic_load(&shard->restored_ms);
	ret->waiting = atomic_load(&shard->waiting);
	ret->waiting_ms = waiting_ms(shard);
}

void shard_sum_counts(const struct shard *shard, uint64_t sums[COUNTS])
{
	counts_sum(&shard->counts, sums);
}

static void free_mail(struct shard *shard)
{
	struct notice *notice;

	shard_take_control(shard);
	for (struct queue_item *item = queue_take_all(shard->completions), *next; item; item = next) {
		next = item->next;
		completion_free((struct completion *)item);
	}
	while ((notice = TAILQ_FIRST(&shard->notices))) {
		TAILQ_REMOVE(&shard->notices, notice, entry);
		notice_free(notice);
	}
	queue_free(shard->completions);
	queue_free(shard->control);
}

enum { BATCH_RECORDS_DEFAULT = 20000, BATCH_BYTES_DEFAULT = 8 << 20, DRAIN_MS_DEFAULT = 2000 };

struct shard *shard_new(const struct worker_spec *spec, void *shell, int32_t partition, struct kafka *kafka,
        const struct shard_limits *limits)
{
	struct shard *shard = memory_alloc(sizeof(*shard));

	shard->spec = spec;
	shard->shell = shell;
	shard->partition = partition;
	shard->kafka = kafka;
	shard->limits = *limits;
	if (!shard->limits.batch_records)
		shard->limits.batch_records = BATCH_RECORDS_DEFAULT;
	if (!shard->limits.batch_bytes)
		shard->limits.batch_bytes = BATCH_BYTES_DEFAULT;
	if (!shard->limits.drain_ms)
		shard->limits.drain_ms = DRAIN_MS_DEFAULT;
	shard->completions = queue_new();
	shard->control = queue_new();
	TAILQ_INIT(&shard->notices);
	shard->outbox = outbox_new();
	suspicion_init(&shard->suspicion, shard->limits.batch_records);
	shard->position = -1;
	shard->waiting_since_ms = INT64_MAX;
	return shard;
}

void shard_free(struct shard *shard)
{
	if (!shard)
		return;
	assert(!shard->term && shard_outstanding(shard) == 0);
	free_mail(shard);
	outbox_free(shard->outbox);
	free(shard);
}
