/* holdpoint-auditor dlq list: the dead letters, and why each is one. */
#include "auditor/letters/dlq.h"
#include "auditor/letters/letters.h"
#include "auditor/reading/question.h"
#include "base/clock.h"
#include "base/memory.h"
#include "command/grid.h"
#include "command/moment.h"
#include "command/paragraph.h"
#include "schemas/json.h"

#include <stdlib.h>

static const struct option_spec list_options[] = {
        {.name = "reason", .argument = "CODE", .help = "only those with this reason, such as unknown_field"},
        {.name = "package", .argument = "PKG", .help = "only those with this key"},
        {.name = "since",
                .argument = "TIME",
                .help = "only those since: a time (2026-11-22T10:00:00Z) or a duration (PT1H: that long "
                        "ago)"},
        OPTION_JSON,
        OPTION_TIMEOUT,
        REPLAY_OPTIONS,
        {.name = NULL},
};

static const struct command_spec list_command = {
        .name = "holdpoint-auditor dlq list",
        .usage = "[OPTION]…",
        .summary = "Lists the dead letters: records that could never succeed, set aside with the reason, and "
                   "whether they were redriven. The oldest first.",
        .examples =
                "holdpoint-auditor dlq list -b localhost:9092\n"
                "holdpoint-auditor dlq list -b localhost:9092 --reason unknown_field --since PT1H --json\n",
        .options = list_options,
        .kafka = true,
};

struct letter {
	struct position position;
	int64_t time_ms;
	char *key, *reason, *detail, *origin;
	uint64_t size;
};

struct list {
	const char *reason, *package, *prefix;
	int64_t since_ms;
	struct letter *letters;
	size_t count, capacity;
	struct map *redriven;
};

static void list_release(struct list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		free(list->letters[i].key);
		free(list->letters[i].reason);
		free(list->letters[i].detail);
		free(list->letters[i].origin);
	}
	free(list->letters);
	map_free(list->redriven, free);
}

static char *copy_of(struct view view)
{
	return view.data ? memory_copy(view.data, view.len) : NULL;
}

static bool is_wanted(const struct list *list, const struct fact *fact)
{
	return (!list->reason || view_is(fact->reason, list->reason)) &&
	       (!list->package || view_is(fact->key, list->package)) && fact->log_time_ms >= list->since_ms;
}

static void add_letter(struct list *list, const struct reading *reading)
{
	const struct fact *fact = &reading->fact;
	char origin[ORIGIN_SIZE];

	if (list->count == list->capacity) {
		list->capacity = list->capacity ? 2 * list->capacity : 64;
		list->letters = memory_resize(list->letters, list->capacity * sizeof(*list->letters));
	}
	list->letters[list->count++] = (struct letter){.position = reading->record.position,
	        .time_ms = fact->log_time_ms,
	        .key = copy_of(fact->key),
	        .reason = copy_of(fact->reason),
	        .detail = copy_of(fact->detail),
	        .origin = memory_text(letter_origin(fact, list->prefix, origin)),
	        .size = reading->record.value.len};
}

static int by_time(const void *a, const void *b)
{
	const struct letter *left = a, *right = b;

	if (left->time_ms != right->time_ms)
		return left->time_ms < right->time_ms ? -1 : 1;
	if (left->position.partition != right->position.partition)
		return left->position.partition < right->position.partition ? -1 : 1;
	return left->position.offset < right->position.offset ? -1 : 1;
}

static enum status read_letters(const struct options *options, struct list *list, struct error *err)
{
	struct reading reading;
	bool found;
	enum status status = letters_open(options, NULL, &reading, err);

	if (status != STATUS_OK)
		return status;
	while ((status = reading_next(&reading, &found, err)) == STATUS_OK && found)
		if (is_wanted(list, &reading.fact))
			add_letter(list, &reading);
	reading_close(&reading);
	if (list->count)
		qsort(list->letters, list->count, sizeof(*list->letters), by_time);
	/* where there are none, the jobs need not be read */
	return status == STATUS_OK && list->count ? redriven_read(options, &list->redriven, err) : status;
}

static void print_people(const struct list *list)
{
	static const char *const headings[] = {"LETTER", "TIME", "FROM", "KEY", "REDRIVEN", "REASON", "WHY"};
	struct grid *grid = grid_new(7, headings);
	int64_t now_ms = clock_wall_ms();

	for (size_t i = 0; i < list->count; i++) {
		const struct letter *letter = &list->letters[i];

		grid_cell(grid, place_text(LOG_DLQ, letter->position), COLOUR_BOLD);
		grid_cell(grid, moment_column(letter->time_ms, now_ms, paragraph_is_narrow(stdout)), NULL);
		grid_cell(grid, letter->origin, NULL);
		grid_cell(grid, letter->key ? letter->key : "(none)", letter->key ? NULL : COLOUR_DIM);
		grid_cell(grid, redriven_as(list->redriven, letter->position), COLOUR_GREEN);
		grid_cell(grid, letter->reason, COLOUR_RED);
		grid_cell(grid, letter->detail, NULL);
	}
	grid_print(grid, stdout);
	grid_free(grid);
}

static void put_place_text(struct buffer *out, const char *name, const char *text)
{
	struct place place;
	struct error err;

	if (text && place_parse_whole(text, "", &place, &err) == STATUS_OK)
		place_put(out, name, place.topic, place.position);
}

static void print_json(const struct list *list)
{
	struct buffer line;

	buffer_init(&line, 1 << 20);
	for (size_t i = 0; i < list->count; i++) {
		const struct letter *letter = &list->letters[i];

		buffer_clear(&line);
		json_begin(&line, '{');
		place_put(&line, "place", LOG_DLQ, letter->position);
		json_put_time(&line, "time", letter->time_ms);
		json_put_text(&line, "package", letter->key);
		json_put_text(&line, "reason", letter->reason);
		json_put_text(&line, "detail", letter->detail);
		put_place_text(&line, "origin", letter->origin);
		json_put_uint(&line, "size", letter->size);
		put_place_text(&line, "redriven", redriven_as(list->redriven, letter->position));
		json_end(&line, '}');
		puts(line.data);
	}
	buffer_release(&line);
}

static enum status tell_list(const struct options *options, struct error *err)
{
	struct list list = {.reason = options_text(options, "reason"),
	        .package = options_text(options, "package"),
	        .prefix = options_prefix(options)};
	enum status status = option_moment(options, "since", clock_wall_ms(), 0, &list.since_ms, err);

	if (status == STATUS_OK)
		status = reading_twice(options, err);
	if (status == STATUS_OK)
		status = read_letters(options, &list, err);
	if (status == STATUS_OK && options_switch(options, "json"))
		print_json(&list);
	else if (status == STATUS_OK && list.count)
		print_people(&list);
	else if (status == STATUS_OK)
		puts(list.reason || list.package || list.since_ms ? "There is no such dead letter."
		                                                  : "There are no dead letters.");
	list_release(&list);
	return status;
}

int run_dlq_list(int argc, char **argv)
{
	return question_run(&list_command, tell_list, argc, argv);
}
