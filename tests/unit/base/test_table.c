#include "base/table.h"

#include <criterion/criterion.h>

struct item {
	const char *name;
};

Test(table, keeps_items_sorted_by_name_however_they_come)
{
	struct item items[] = {{"tokyo"}, {"lima"}, {"paris"}, {"berlin"}, {"zurich"}, {"oslo"}};
	const char *sorted[] = {"berlin", "lima", "oslo", "paris", "tokyo", "zurich"};
	struct table table = {0};

	for (size_t i = 0; i < 6; i++)
		table_add(&table, &items[i]);
	cr_assert_eq(table.count, 6);
	for (size_t i = 0; i < 6; i++)
		cr_assert_str_eq(((struct item *)table.items[i])->name, sorted[i]);
	table_release(&table, NULL);
}

Test(table, finds_and_removes_by_name_and_nothing_else)
{
	struct item a = {"a"}, b = {"ab"}, c = {"b"};
	struct table table = {0};

	table_add(&table, &b);
	table_add(&table, &a);
	table_add(&table, &c);
	cr_assert_eq(table_find(&table, "ab"), &b);
	cr_assert_null(table_find(&table, "abc"));
	cr_assert_eq(table_remove(&table, "ab"), &b);
	cr_assert_null(table_remove(&table, "ab"));
	cr_assert_null(table_find(&table, "ab"));
	cr_assert_eq(table_find(&table, "a"), &a);
	cr_assert_eq(table_find(&table, "b"), &c);
	table_release(&table, NULL);
	cr_assert_null(table_find(&table, "a"));
}
