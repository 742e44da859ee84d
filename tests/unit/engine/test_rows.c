#include "engine/rows.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

enum { OWNERS = 40, NAMES = 50, LENGTH_MOST = 400, STEPS = 200000 };

/* What must be there: the length of each value, all of whose bytes are the same; -1: none. */
static int lengths[OWNERS][NAMES];
static char letters[OWNERS][NAMES];

static void check_owner(const struct rows *rows, uint32_t owner)
{
	bool met[NAMES] = {false};
	struct view name, value;
	uint32_t cursor = 0;

	while (rows_next(rows, owner, &cursor, &name, &value)) {
		int number = -1;
		sscanf(name.data, "row/%d.", &number);
		cr_assert(number >= 0 && number < NAMES && !met[number]);
		met[number] = true;
		cr_assert_eq((int)value.len, lengths[owner][number]);
		for (size_t i = 0; i < value.len; i++)
			cr_assert_eq(value.data[i], letters[owner][number]);
	}
	for (int number = 0; number < NAMES; number++)
		cr_assert_eq(met[number], lengths[owner][number] >= 0, "owner %u, row %d", owner, number);
}

/* Writes and removes in an order of its own, enough for its garbage to be thrown out several times. */
Test(rows_put, keeps_the_last_value_of_each)
{
	struct rows *rows = rows_new();
	char name[16], bytes[LENGTH_MOST];
	unsigned random = 1;

	memset(lengths, -1, sizeof(lengths));
	for (int step = 0; step < STEPS; step++) {
		random = random * 1103515245u + 12345u;
		uint32_t owner = (random >> 8) % OWNERS;
		int number = (int)(random >> 16) % NAMES, length = (int)(random >> 4) % LENGTH_MOST;
		int name_length = snprintf(name, sizeof(name), "row/%d.", number);
		bool gone = step % 7 == 0;
		letters[owner][number] = (char)('a' + step % 26);
		lengths[owner][number] = gone ? -1 : length;
		memset(bytes, letters[owner][number], (size_t)length);
		rows_put(rows, owner, (struct view){name, (size_t)name_length},
		        gone ? (struct view){NULL, 0} : (struct view){bytes, (size_t)length});
	}
	rows_end(rows);
	for (uint32_t owner = 0; owner < OWNERS; owner++)
		check_owner(rows, owner);
	rows_free(rows);
}

/* As of a record without a key. */
Test(rows_put, takes_an_absent_name)
{
	struct rows *rows = rows_new();
	struct view none = {NULL, 0}, name, value;
	uint32_t cursor = 0;

	rows_put(rows, 0, none, view_text("first"));
	rows_put(rows, 0, none, view_text("a longer one"));
	cr_assert(rows_next(rows, 0, &cursor, &name, &value));
	cr_assert(name.len == 0 && view_is(value, "a longer one"));
	cr_assert(!rows_next(rows, 0, &cursor, &name, &value));
	rows_free(rows);
}

Test(rows_next, finds_nothing_of_an_owner_without_rows)
{
	struct rows *rows = rows_new();
	struct view name, value;
	uint32_t cursor = 0;

	cr_assert(!rows_next(rows, 5, &cursor, &name, &value));
	rows_put(rows, 2, view_text("a"), view_text(""));
	cr_assert(!rows_next(rows, 1, &cursor, &name, &value));
	cr_assert(rows_next(rows, 2, &cursor, &name, &value));
	cr_assert(view_is(name, "a") && value.len == 0);
	rows_free(rows);
}
