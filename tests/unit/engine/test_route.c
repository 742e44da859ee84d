#include "engine/route.h"

#include <criterion/criterion.h>
#include <string.h>

/* Vectors of Kafka's own UtilsTest.testMurmur2. */
Test(route_hash, agrees_with_kafka)
{
	static const struct {
		const char *key;
		int32_t hash;
	} vectors[] = {
	        {"21", -973932308},
	        {"foobar", -790332482},
	        {"a-little-bit-long-string", -985981536},
	        {"a-little-bit-longer-string", -1486304829},
	        {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
	        {"abc", 479470107},
	};

	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
		cr_assert_eq((int32_t)route_hash(view_text(vectors[i].key), ROUTE_SEED), vectors[i].hash,
		        "%s", vectors[i].key);
}

Test(route_hash, takes_bytes_beyond_ascii)
{
	/* the sign of a byte must not matter: librdkafka's own vectors are ASCII, ours hash é and a NUL */
	cr_assert_neq(
	        route_hash(view_text("caf\xc3\xa9"), ROUTE_SEED), route_hash(view_text("cafe"), ROUTE_SEED));
	cr_assert_neq(
	        route_hash((struct view){"a\0", 2}, ROUTE_SEED), route_hash(view_text("a"), ROUTE_SEED));
}

Test(route_partition, is_never_negative)
{
	/* toPositive() drops the sign; abs() would put "21" elsewhere */
	cr_assert_eq(route_partition(view_text("21"), 12), (-973932308 & 0x7fffffff) % 12);
	cr_assert_eq(route_partition(view_text("abc"), 12), 479470107 % 12);
	cr_assert_eq(route_partition(view_text(""), 1), 0);
}

Test(route_key_has_state, knows_which_keys_cannot_name_rows)
{
	char longest[ROUTE_KEY_MAX + 1];
	memset(longest, 'a', sizeof(longest));

	cr_assert(route_key_has_state(view_text("K1")));
	cr_assert(route_key_has_state(view_text("a@b")));
	cr_assert(route_key_has_state((struct view){longest, ROUTE_KEY_MAX}));
	cr_assert_not(route_key_has_state((struct view){longest, ROUTE_KEY_MAX + 1}));
	cr_assert_not(route_key_has_state((struct view){NULL, 0}));
	cr_assert_not(route_key_has_state(view_text("")));
	cr_assert_not(route_key_has_state(view_text("@position")));
	cr_assert_not(route_key_has_state(view_text("a/b")));
}
