/* Raw bytes as people read them, and which letters are worth sending again. */
#include "auditor/letters/letters.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static const char *escaped(const char *bytes, size_t len)
{
	static char text[1000];
	struct buffer out;

	buffer_init(&out, sizeof(text) - 1);
	bytes_escape((struct view){bytes, len}, &out);
	strcpy(text, out.data);
	buffer_release(&out);
	return text;
}
#define ESCAPED(bytes) escaped((bytes), sizeof(bytes) - 1)

Test(bytes_escape, leaves_text_alone)
{
	cr_assert_str_eq(ESCAPED("{\"a\": \"grüße, 日本, 𝄞\"}"), "{\"a\": \"grüße, 日本, 𝄞\"}");
}

Test(bytes_escape, shows_what_a_terminal_would_obey)
{
	cr_assert_str_eq(ESCAPED("a\tb\nc\\\0\033[1m\177"), "a\\tb\\n\nc\\\\\\x00\\x1b[1m\\x7f");
	cr_assert_str_eq(ESCAPED("\302\233"), "\\xc2\\x9b", "a C1 control");
	cr_assert_str_eq(ESCAPED("\342\200\256"), "\\xe2\\x80\\xae", "right-to-left override");
}

Test(bytes_escape, shows_what_is_no_utf8)
{
	cr_assert_str_eq(ESCAPED("\377"), "\\xff");
	cr_assert_str_eq(ESCAPED("\303"), "\\xc3", "cut off");
	cr_assert_str_eq(ESCAPED("\300\257"), "\\xc0\\xaf", "overlong");
	cr_assert_str_eq(ESCAPED("\355\240\200"), "\\xed\\xa0\\x80", "a surrogate");
	cr_assert_str_eq(ESCAPED("\364\220\200\200"), "\\xf4\\x90\\x80\\x80", "beyond Unicode");
	cr_assert_str_eq(ESCAPED("\340\200\257"), "\\xe0\\x80\\xaf", "overlong in three");
}

Test(letter_may_be_taken, says_whether_the_record_itself_is_wrong)
{
	static const char *const good[] = {"misrouted", "transaction_refused", "structured_cloudevent",
	        "newer_schema", "unknown_type", "unknown_field"};
	static const char *const wrong[] = {
	        "invalid_json", "invalid_field", "missing_field", "tombstone", "invalid_key", "unknown", ""};

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		cr_assert(letter_may_be_taken(view_text(good[i])), "%s", good[i]);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		cr_assert_not(letter_may_be_taken(view_text(wrong[i])), "%s", wrong[i]);
	cr_assert_not(letter_may_be_taken((struct view){0}), "no reason");
}
