#include "engine/store.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct store *store;

static void init(void)
{
	store = store_new();
}

static void ignore(void *state)
{
	(void)state;
}

static void fini(void)
{
	store_free(store, ignore);
}

static struct view key_of(int number)
{
	static char text[24];

	snprintf(text, sizeof(text), "key-%d", number);
	return view_text(text);
}

Test(store_find, tells_keys_apart, .init = init, .fini = fini)
{
	struct cell *cell = store_add(store, view_text("a"));

	cr_assert_eq(store_find(store, view_text("a")), cell);
	cr_assert_null(store_find(store, view_text("b")));
	cr_assert_null(store_find(store, view_text("aa")));
	cr_assert(view_is(cell_key(cell), "a"));
}

/* Adds and removes in an order of its own, and compares with a plain array at the end. */
Test(store_remove, leaves_all_others_to_be_found, .init = init, .fini = fini)
{
	enum { KEYS = 5000 };
	static bool there[KEYS];
	unsigned random = 1;
	size_t count = 0;

	for (int step = 0; step < 60000; step++) {
		random = random * 1103515245u + 12345u;
		int number = (int)(random >> 8) % KEYS;
		struct cell *cell = store_find(store, key_of(number));
		cr_assert_eq(cell != NULL, there[number]);
		if (cell)
			store_remove(store, cell);
		else
			store_add(store, key_of(number));
		there[number] = !there[number];
		count += there[number] ? 1 : (size_t)-1;
	}
	cr_assert_eq(store_count(store), count);
	for (int number = 0; number < KEYS; number++)
		cr_assert_eq(store_find(store, key_of(number)) != NULL, there[number], "%d", number);
}

Test(store_at, meets_every_cell_once, .init = init, .fini = fini)
{
	int seen[100] = {0};

	for (int number = 0; number < 100; number++)
		store_add(store, key_of(number))->state = &seen[number];
	store_remove(store, store_find(store, key_of(40)));
	for (size_t i = 0; i < store_count(store); i++)
		++*(int *)store_at(store, i)->state;
	for (int number = 0; number < 100; number++)
		cr_assert_eq(seen[number], number != 40);
}

static int freed;

static void count_freed(void *state)
{
	freed += *(int *)state;
}

Test(store_free, frees_every_state)
{
	int one = 1;

	init();
	for (int number = 0; number < 10; number++)
		store_add(store, key_of(number))->state = &one;
	store_free(store, count_freed);
	cr_assert_eq(freed, 10);
}
