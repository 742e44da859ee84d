#include "producer/follow.h"

#include <criterion/criterion.h>

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
