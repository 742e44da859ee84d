/* A subcommand that asks and answers once. */
#include "auditor/question.h"

int question_run(const struct command_spec *command,
        enum status (*answer)(const struct options *options, struct error *err), int argc, char **argv)
{
	int code;
	struct options *options = command_options(command, argc, argv, &code);
	struct error err;

	if (!options)
		return code;
	code = answer(options, &err) == STATUS_OK ? EXIT_DONE : command_fail(&err);
	options_free(options);
	return code;
}
