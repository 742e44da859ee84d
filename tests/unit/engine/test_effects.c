#include "base/memory.h"
#include "engine/effects_table.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* Each case is a story in words, with what it led to:
 *   want KEY TAG/LANE …   KEY's state now calls for exactly these ("!TAG/LANE": early)
 *   start | early         everything that may start, each as "+TAG"
 *   end TAG               the completion of TAG comes
 * A cancel shows as "-TAG". */
static const struct {
	const char *fact, *story, *expected;
} stories[] = {
        {"what is wanted starts once", "want a t/l; start; want a t/l; start", "+t"},
        {"the same want twice is one", "want a t/l t/l; start", "+t"},
        {"tags are of a key", "want a t/l; want b t/l; start", "+t +t"},
        {"waiting, it is dropped silently", "want a t/l; want a; start", ""},
        {"under way, it is cancelled once", "want a t/l; start; want a; want a", "+t -t"},
        {"a cancelled one is no second start before its completion",
                "want a t/l; start; want a; want a t/l; start; end t; want a t/l; start", "+t -t +t"},
        {"ended and still wanted, it starts again", "want a t/l; start; end t; want a t/l; start", "+t +t"},
        {"a lane takes two", "want a t/l u/l v/l; start; end t; start", "+t +u +v"},
        {"lanes do not wait for each other", "want a t/l u/l v/l w/m; start", "+w +t +u"},
        {"first come, first served", "want a z/l; want b y/l; want c x/l; start; end z; start", "+z +y +x"},
        {"in the order in which the machine lists them", "want a z/l a/l; start", "+z +a"},
        {"who leaves the line lets the others up",
                "want a t/l u/l v/l w/l; want a t/l u/l w/l; start; end u; start", "+t +u +w"},
        {"a cancelled one keeps its place in the lane",
                "want a t/l u/l v/l; start; want a v/l; start; end t; start", "+t +u -t -u +v"},
        {"early ones may start before others of other lanes", "want a t/l !u/m; early; start", "+u +t"},
        {"an early one waits where stale ones are not refused", "want a !t/n !u/m; early", "+u"},
        {"an early one does not overtake its lane", "want a t/l !u/l; early", ""},
        {"all can be cancelled at once", "want a t/l u/l v/l; start; all", "+t +u -t -u"},
        {"a tag may be empty", "want a /l; start; want a", "+ -"},
};

struct wants {
	char text[128];
};

static struct store *store;
static struct effects_table *table;
static struct buffer events;
static struct effect *running[8]; /* handle → effect */
static size_t running_count;

static void list(const void *state, struct effects *effects)
{
	char text[128], *save = NULL;

	strcpy(text, ((const struct wants *)state)->text);
	for (char *word = strtok_r(text, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		bool early = *word == '!';
		char *slash = strchr(word, '/');
		struct view tag = {word + early, (size_t)(slash - word - early)};
		effects_want(effects, tag, view_text(slash + 1), early);
	}
}

static void say(char sign, struct view tag)
{
	buffer_add_format(&events, "%s%c%.*s", events.len ? " " : "", sign, (int)tag.len, tag.data);
}

static void cancelled(void *context, uint64_t handle)
{
	(void)context;
	say('-', effect_tag(running[handle]));
}

static void want(const char *words)
{
	char key[8];
	int end = 0;

	sscanf(words, "%7s %n", key, &end);
	struct cell *cell = store_find(store, view_text(key));
	if (!cell) {
		cell = store_add(store, view_text(key));
		cell->state = memory_alloc(sizeof(struct wants));
	}
	strcpy(((struct wants *)cell->state)->text, words + end);
	effects_table_derive(table, cell, list);
}

static bool anywhere_but_n(void *context, struct view lane)
{
	(void)context;
	return !view_is(lane, "n");
}

static void start_all(bool early)
{
	struct effect *effect;

	while ((effect = effects_table_take(table, early ? anywhere_but_n : NULL, NULL)) != NULL) {
		effect->handle = running_count;
		running[running_count++] = effect;
		say('+', effect_tag(effect));
	}
}

static void end_effect(const char *tag)
{
	for (size_t i = 0; i < running_count; i++)
		if (running[i] && view_is(effect_tag(running[i]), tag)) {
			effects_table_ended(table, running[i]);
			running[i] = NULL;
			return;
		}
	cr_assert_fail("%s is not under way", tag);
}

static void obey(const char *line)
{
	if (strncmp(line, "want ", 5) == 0)
		want(line + 5);
	else if (strncmp(line, "end ", 4) == 0)
		end_effect(line + 4);
	else if (strcmp(line, "all") == 0)
		effects_table_cancel_all(table);
	else
		start_all(strcmp(line, "early") == 0);
}

static void tell(const char *story)
{
	char text[256], *save = NULL;

	strcpy(text, story);
	for (char *line = strtok_r(text, ";", &save); line; line = strtok_r(NULL, ";", &save))
		obey(line + strspn(line, " "));
}

static void begin(void)
{
	store = store_new();
	table = effects_table_new(2, cancelled, NULL);
	buffer_init(&events, 4096);
	running_count = 0;
}

static void finish(void)
{
	effects_table_free(table);
	store_free(store, free);
	buffer_release(&events);
}

Test(effects_table, tells_these_stories)
{
	for (size_t i = 0; i < sizeof(stories) / sizeof(stories[0]); i++) {
		begin();
		tell(stories[i].story);
		cr_expect_str_eq(buffer_view(&events).data, stories[i].expected, "%s: %s", stories[i].fact,
		        buffer_view(&events).data);
		finish();
	}
}

Test(effects_table, counts_what_waits_and_what_is_under_way, .init = begin, .fini = finish)
{
	tell("want a t/l u/l v/l; start");
	cr_assert_eq(effects_table_waiting(table), 1);
	cr_assert_eq(effects_table_under_way(table), 2);
	tell("want a");
	cr_assert_eq(effects_table_waiting(table), 0);
	cr_assert_eq(effects_table_under_way(table), 2, "cancelled, but not back yet");
	tell("end t; end u");
	cr_assert_eq(effects_table_under_way(table), 0);
	cr_assert_eq(store_find(store, view_text("a"))->effect_count, 0);
}
