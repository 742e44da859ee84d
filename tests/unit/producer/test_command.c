#include "producer/command.h"

#include <criterion/criterion.h>

#include <string.h>

Test(exit_code_of_state, tells_each_end_of_a_job_apart)
{
	static const struct {
		const char *state;
		int code;
	} cases[] = {{"completed", 0}, {"failed", 1}, {"rejected", 4}, {"expired", 5}, {"superseded", 6},
	        {"canceled", 6}, {"something new", 1}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		cr_assert_eq((int)exit_code_of_state(cases[i].state), cases[i].code, "%s", cases[i].state);
}

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
	cr_assert_str_eq(printable("0123456789abcdefgh", copy, sizeof(copy)), "0123456789abcde");
}
