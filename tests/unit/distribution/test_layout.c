#include "distribution/layout.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static void expect(char *path, const char *wanted)
{
	cr_assert_str_eq(path, wanted);
	free(path);
}

Test(layout, is_what_the_contract_says)
{
	expect(layout_content("PKG00042", "1.0"), "PKG00042/content/1.0");
	expect(layout_seal("PKG00042", "1.0"), "PKG00042/manifests/1.0.json");
	expect(layout_pointer("PKG00042"), "PKG00042/current.json");
	expect(layout_pointer_link("PKG00042"), "PKG00042/current");
	cr_assert_str_eq(LAYOUT_DP_JSON, ".holdpoint/dp.json");
}

Test(layout, keeps_uploads_of_different_versions_apart)
{
	expect(layout_attempts("a", "1.0"), ".holdpoint/tmp/a@1.0");
	expect(layout_attempt("a", "1.0", "n-1"), ".holdpoint/tmp/a@1.0/n-1");
}

Test(layout, joins_a_path_as_it_is)
{
	expect(layout_join("a/content/1.0", "bin/two words"), "a/content/1.0/bin/two words");
}
