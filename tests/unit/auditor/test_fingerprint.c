#include "auditor/verify/fingerprint.h"

#include <criterion/criterion.h>
#include <stdio.h>

struct entry {
	uint64_t key;
	int number;
};

Test(fingerprint, is_siphash_1_3)
{
	/* from the reference implementation's key 00…0f and input 00…06 (as Rust's and Python's siphash13) */
	struct fingerprint_key key = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
	char bytes[8] = {0, 1, 2, 3, 4, 5, 6, 7};

	cr_expect_eq(fingerprint(&key, (struct view){bytes, 0}), 0xabac0158050fc4dcULL, "%016llx",
	        (unsigned long long)fingerprint(&key, (struct view){bytes, 0}));
	cr_expect_eq(fingerprint(&key, (struct view){bytes, 1}), 0xc9f49bf37d57ca93ULL, "%016llx",
	        (unsigned long long)fingerprint(&key, (struct view){bytes, 1}));
}

Test(fingerprint_of, tells_where_texts_end)
{
	struct fingerprint_key key = fingerprint_key_new();
	struct view a[] = {view_text("ab"), view_text("c")}, b[] = {view_text("a"), view_text("bc")};

	cr_expect_neq(fingerprint_of(&key, a, 2), fingerprint_of(&key, b, 2));
	cr_expect_eq(fingerprint_of(&key, a, 2), fingerprint_of(&key, a, 2));
}

Test(fingerprints, keep_what_was_added_through_growth_and_removal)
{
	struct fingerprint_key key = fingerprint_key_new();
	struct fingerprints table;
	const int count = 5000;
	size_t cursor = 0, met = 0;

	fingerprints_init(&table, sizeof(struct entry));
	cr_expect_null(fingerprints_find(&table, 1));
	for (int i = 0; i < count; i++) {
		struct entry *entry =
		        fingerprints_need(&table, fingerprint(&key, (struct view){(char *)&i, sizeof(i)}));
		entry->number = i;
	}
	for (int i = 0; i < count; i += 3)
		fingerprints_remove(&table,
		        fingerprints_find(&table, fingerprint(&key, (struct view){(char *)&i, sizeof(i)})));
	for (int i = 0; i < count; i++) {
		struct entry *entry =
		        fingerprints_find(&table, fingerprint(&key, (struct view){(char *)&i, sizeof(i)}));
		if (i % 3 == 0)
			cr_expect_null(entry);
		else
			cr_expect(entry && entry->number == i);
	}
	while (fingerprints_next(&table, &cursor))
		met++;
	cr_expect_eq(met, table.count);
	cr_expect_eq(met, (size_t)(count - (count + 2) / 3));
	fingerprints_release(&table);
}
