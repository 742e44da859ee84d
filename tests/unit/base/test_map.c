#include "base/map.h"

#include <criterion/criterion.h>
#include <stdio.h>

static void remove_odd(struct view key, void *value, void *context)
{
	if (*(int *)value % 2)
		map_remove(context, key);
}

Test(map, finds_what_was_put_by_bytes_not_by_address)
{
	struct map *map = map_new();
	int one = 1, two = 2;
	char key[] = "a\0b";

	cr_assert_null(map_put(map, (struct view){key, 3}, &one));
	key[2] = 'c';
	cr_assert_null(map_get(map, (struct view){key, 3}));
	cr_assert_eq(map_get(map, (struct view){"a\0b", 3}), &one);
	cr_assert_eq(map_put(map, (struct view){"a\0b", 3}, &two), &one, "a replaced value is given back");
	cr_assert_eq(map_count(map), 1);
	cr_assert_eq(map_remove(map, (struct view){"a\0b", 3}), &two);
	cr_assert_eq(map_count(map), 0);
	map_free(map, NULL);
}

Test(map, entries_may_be_removed_while_visiting)
{
	struct map *map = map_new();
	int values[100];
	char key[8];

	for (int i = 0; i < 100; i++) {
		values[i] = i;
		snprintf(key, sizeof(key), "%d", i);
		map_put(map, view_text(key), &values[i]);
	}
	map_each(map, remove_odd, map);
	cr_assert_eq(map_count(map), 50);
	map_free(map, NULL);
}
