#include "command/command.h"

#include <criterion/criterion.h>

#include <string.h>

Test(exit_code_of_error, tells_bad_input_from_a_kafka_that_is_away_and_from_failures)
{
	static const struct {
		enum status status;
		const char *code;
		int exit;
	} cases[] = {
	        {STATUS_RETRY, "kafka_unreachable", 3},
	        {STATUS_REJECT, "kafka_property", 2},
	        {STATUS_REJECT, "kafka_denied", 1},
	        {STATUS_REJECT, "topic_missing", 1},
	        {STATUS_FATAL, "partition_count", 1},
	        {STATUS_REJECT, "unknown_field", 2},
	        {STATUS_REJECT, "record_too_large", 2},
	};
	struct error err;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		error_set(&err, cases[i].status, cases[i].code, "words");
		cr_assert_eq((int)exit_code_of_error(&err), cases[i].exit, "%s", cases[i].code);
	}
}

Test(printable, lets_no_control_character_reach_a_terminal)
{
	char copy[16];

	cr_assert_str_eq(printable("a\033[2Jb\n\x7f", copy, sizeof(copy)), "a?[2Jb??");
	cr_assert_str_eq(printable("a\xc2\x9b"
	                           "2J\u00e9",
	                         copy, sizeof(copy)),
	        "a??2J\u00e9", "C1 controls, but no letter");
	cr_assert_str_eq(printable("0123456789abcdefgh", copy, sizeof(copy)), "0123456789abcde");
}
