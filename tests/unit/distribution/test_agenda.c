#include "distribution/agenda.h"

#include <criterion/criterion.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static struct agenda *agenda;
static char called[64];

struct named {
	struct agenda_entry entry;
	char name;
	struct agenda_entry *removes, *adds;
};

static void setup(void)
{
	agenda = agenda_new();
	called[0] = '\0';
}

static void teardown(void)
{
	agenda_free(agenda);
}

TestSuite(agenda, .init = setup, .fini = teardown);

static void on_call(struct agenda_entry *entry)
{
	struct named *named = (struct named *)entry;
	size_t len = strlen(called);

	called[len] = named->name;
	called[len + 1] = '\0';
	if (named->removes)
		agenda_remove(agenda, named->removes);
	if (named->adds)
		agenda_add(agenda, named->adds, 0, on_call);
}

Test(agenda, calls_in_order_of_time_then_of_coming)
{
	struct named a = {.name = 'a'}, b = {.name = 'b'}, c = {.name = 'c'}, d = {.name = 'd'};

	agenda_add(agenda, &a.entry, 30, on_call);
	agenda_add(agenda, &b.entry, 10, on_call);
	agenda_add(agenda, &c.entry, 10, on_call);
	agenda_add(agenda, &d.entry, 31, on_call);
	agenda_run(agenda, 9);
	cr_assert_str_eq(called, "");
	agenda_run(agenda, 30);
	cr_assert_str_eq(called, "bca");
	cr_assert_not(a.entry.pending);
	cr_assert(d.entry.pending);
}

Test(agenda, calls_in_the_next_run_what_is_added_in_this_one)
{
	struct named again = {.name = 'b'}, a = {.name = 'a', .adds = &again.entry};

	again.adds = &again.entry;
	agenda_add(agenda, &a.entry, 0, on_call);
	agenda_run(agenda, 5);
	cr_assert_str_eq(called, "a");
	agenda_run(agenda, 5);
	cr_assert_str_eq(called, "ab");
}

Test(agenda, forgets_what_was_removed_even_from_within)
{
	struct named b = {.name = 'b'}, a = {.name = 'a', .removes = &b.entry};

	agenda_add(agenda, &a.entry, 1, on_call);
	agenda_add(agenda, &b.entry, 2, on_call);
	agenda_run(agenda, 5);
	cr_assert_str_eq(called, "a");
	agenda_remove(agenda, &b.entry);
}

Test(agenda, says_how_long_to_wait)
{
	struct named a = {.name = 'a'};

	cr_assert_eq(agenda_wait_ms(agenda, 100, 60), 60);
	agenda_add(agenda, &a.entry, 130, on_call);
	cr_assert_eq(agenda_wait_ms(agenda, 100, 60), 30);
	cr_assert_eq(agenda_wait_ms(agenda, 100, 10), 10);
	cr_assert_eq(agenda_wait_ms(agenda, 200, 10), 0);
	agenda_run(agenda, 200);
}
