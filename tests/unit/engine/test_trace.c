#include "engine/trace.h"

#include <criterion/criterion.h>
#include <string.h>

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define PARENT "b7ad6b7169203331"
#define VALID "00-" TRACE "-" PARENT "-01"

static bool is_taken(const char *text)
{
	return traceparent_of(view_text(text)).data != NULL;
}

Test(traceparent_of, takes_what_w3c_says)
{
	struct view header = view_text(VALID);

	cr_assert(view_equal(traceparent_of(header), header));
	cr_assert(is_taken("cc-" TRACE "-" PARENT "-01"));
	cr_assert(is_taken("cc-" TRACE "-" PARENT "-01-what-the-future-will-be-like"));
}

Test(traceparent_of, takes_nothing_else)
{
	static const char *const others[] = {"", "00-abc-def-01", VALID " ", VALID "-more",
	        "ff-" TRACE "-" PARENT "-01", "00-" TRACE "-" PARENT "-0",
	        "00-0AF7651916CD43DD8448EB211C80319C-" PARENT "-01",
	        "00-00000000000000000000000000000000-" PARENT "-01", "00-" TRACE "-0000000000000000-01",
	        "00_" TRACE "-" PARENT "-01", "00-" TRACE "_" PARENT "-01", "00-" TRACE "-" PARENT "_01",
	        "cc-" TRACE "-" PARENT "-01.what", "cc-" TRACE "-" PARENT "-01-a\nb",
	        "00-0af7651916cd43dd8448eb211c80319\n-" PARENT "-01"};

	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		cr_assert_not(is_taken(others[i]), "'%s'", others[i]);
	cr_assert_null(traceparent_of((struct view){NULL, 0}).data);
}

Test(traceparent_of, has_a_bound)
{
	char text[TRACEPARENT_MAX + 2] = "cc-" TRACE "-" PARENT "-01-";

	memset(text + strlen(text), 'x', sizeof(text) - 1 - strlen(text));
	cr_assert(traceparent_of((struct view){text, TRACEPARENT_MAX}).data);
	cr_assert_null(traceparent_of((struct view){text, TRACEPARENT_MAX + 1}).data);
}
