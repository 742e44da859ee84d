#include "base/memory.h"
#include "base/queue.h"
#include "engine/kafka/admin.h"
#include "engine/worker.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The smallest worker: it counts the records of each key. For each it writes "<count> <value>", and, as an
 * effect that another thread carries out, later "done <count>". `echo_worker topics …` makes its topics
 * instead. */

struct echo {
	int64_t count, done;
};

static void *echo_new(void *shell, struct view key)
{
	(void)shell, (void)key;
	return memory_alloc(sizeof(struct echo));
}

static enum status echo_load(void *state, struct view row, struct view value, struct error *err)
{
	struct echo *echo = state;
	struct unpacker in = unpack_start(value);

	(void)row;
	echo->count = unpack_int(&in);
	echo->done = unpack_int(&in);
	return unpack_ended(&in) ? STATUS_OK
	                         : error_set(err, STATUS_FATAL, "state_damaged", "not a row of mine");
}

static bool echo_is_empty(const void *state)
{
	return ((const struct echo *)state)->count == 0;
}

static void write_row(const struct echo *echo, struct outbox *out)
{
	struct buffer row;

	buffer_init(&row, 64);
	pack_int(&row, echo->count);
	pack_int(&row, echo->done);
	outbox_row(out, view_text("n"), buffer_view(&row));
	buffer_release(&row);
}

static void echo_apply(
        void *shell, void *state, const struct event *event, int64_t now_ms, struct outbox *out)
{
	struct echo *echo = state;
	struct buffer text;

	(void)shell, (void)now_ms;
	if (!echo) {
		outbox_dead_letter(out, "bad_key", "no state can have this key");
		return;
	}
	buffer_init(&text, 1 << 16);
	if (event->kind == EVENT_RECORD) {
		echo->count++;
		buffer_add_format(&text, "%lld ", (long long)echo->count);
		buffer_add(&text, event->record->value.data, event->record->value.len);
	} else if (event->kind == EVENT_COMPLETION) {
		echo->done++;
		buffer_add_format(&text, "done %lld", (long long)echo->done);
	}
	if (text.len) {
		outbox_record(out, 0, buffer_view(&text));
		write_row(echo, out);
	}
	buffer_release(&text);
}

static void echo_effects(const void *state, struct effects *effects)
{
	const struct echo *echo = state;
	char tag[24];

	snprintf(tag, sizeof(tag), "%lld", (long long)echo->done + 1);
	if (echo->done < echo->count)
		effects_want(effects, view_text(tag), view_text("lane"), false);
}

static int64_t echo_wake_at(const void *state)
{
	(void)state;
	return INT64_MAX;
}

/* ---- the effector: a thread that hands tokens back */

struct errand {
	struct queue_item item;
	struct completion *token; /* NULL: the end */
};

struct shell {
	struct queue *errands;
	pthread_t thread;
};

static void *run_errands(void *context)
{
	struct shell *shell = context;

	for (;;) {
		struct errand *errand = (struct errand *)queue_take(shell->errands, -1);
		if (!errand)
			continue;
		struct completion *token = errand->token;
		free(errand);
		if (!token)
			return NULL;
		completion_deliver(token, NULL, NULL);
	}
}

static void send(struct shell *shell, struct completion *token)
{
	struct errand *errand = memory_alloc(sizeof(*errand));

	errand->token = token;
	queue_push(shell->errands, &errand->item);
}

static enum effect_start echo_start(void *shell, const void *state, const struct effect_context *context,
        uint64_t *ret_effect, int64_t *ret_offset)
{
	(void)state, (void)ret_effect, (void)ret_offset;
	send(shell, context->token);
	return EFFECT_STARTED;
}

static void echo_cancel(void *shell, uint64_t effect)
{
	(void)shell, (void)effect; /* it comes back at once anyhow */
}

static enum status echo_open(
        struct worker *worker, const struct options *options, void **ret_shell, struct error *err)
{
	struct shell *shell = memory_alloc(sizeof(*shell));

	(void)worker, (void)options, (void)err;
	shell->errands = queue_new();
	if (pthread_create(&shell->thread, NULL, run_errands, shell) != 0)
		abort();
	*ret_shell = shell;
	return STATUS_OK;
}

static void echo_close(void *context)
{
	struct shell *shell = context;

	send(shell, NULL);
	pthread_join(shell->thread, NULL);
	queue_free(shell->errands);
	free(shell);
}

static enum status echo_reload(void *shell, struct buffer *ret_what, struct error *err)
{
	(void)shell, (void)err;
	buffer_add_text(ret_what, "nothing");
	return STATUS_OK;
}

static const struct worker_spec echo = {.role = "echo",
        .input = "in",
        .changelog = "echo-state",
        .outputs = {"out"},
        .dead_letters = "dlq",
        .machine = {.state_new = echo_new,
                .state_free = free,
                .state_load = echo_load,
                .state_is_empty = echo_is_empty,
                .apply = echo_apply,
                .effects = echo_effects,
                .wake_at = echo_wake_at},
        .effector = {.start = echo_start, .cancel = echo_cancel},
        .open = echo_open,
        .close = echo_close,
        .reload = echo_reload};

static void say(void *context, bool warning, const char *topic, const char *words)
{
	(void)context;
	fprintf(stderr, "%s%s %s\n", warning ? "warning: " : "", topic, words);
}

static int make_topics(int argc, char **argv)
{
	static const struct topic_spec specs[] = {
	        {.name = "in", .retention_ms = -1, .max_message_bytes = 2 << 20},
	        {.name = "out", .retention_ms = -1},
	        {.name = "dlq", .retention_ms = -1, .max_message_bytes = 2 << 20},
	        {.name = "echo-state", .kind = TOPIC_CHANGELOG, .witness = "out"}};
	static const struct command_spec command = {.name = "echo_worker topics", .kafka = true};
	struct options *options;
	struct error err;
	bool printed;
	enum status status = options_parse(&command, argc, argv, &options, &printed, &err);

	if (status == STATUS_OK && !printed) {
		status = topics_ensure(options, specs, 4, 6, -1, 30000, say, NULL, &err);
		options_free(options);
	}
	if (status != STATUS_OK)
		fprintf(stderr, "%s\n", err.message);
	return status != STATUS_OK;
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "topics") == 0)
		return make_topics(argc - 1, argv + 1);
	return worker_main(&echo, argc, argv);
}
