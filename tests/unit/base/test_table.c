#include "base/table.h"

#include <criterion/criterion.h>
#include <string.h>

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

struct numbered {
	const char *name;
	int number;
};

static bool numbered_equal(const void *one, const void *other)
{
	const struct numbered *a = one, *b = other;

	return strcmp(a->name, b->name) == 0 && a->number == b->number;
}

Test(table, is_equal_to_one_with_equal_items_and_no_more)
{
	struct numbered items[] = {{"a", 1}, {"b", 2}}, alike[] = {{"a", 1}, {"b", 2}}, more = {"c", 3};
	struct table table = {0}, other = {0};

	for (size_t i = 0; i < 2; i++) {
		table_add(&table, &items[i]);
		table_add(&other, &alike[i]);
	}
	cr_assert(table_equal(&table, &other, numbered_equal));
	alike[1].number = 3;
	cr_assert_not(table_equal(&table, &other, numbered_equal));
	alike[1].number = 2;
	table_add(&other, &more);
	cr_assert_not(table_equal(&table, &other, numbered_equal));
	cr_assert_not(table_equal(&other, &table, numbered_equal));
	table_release(&table, NULL);
	table_release(&other, NULL);
}
