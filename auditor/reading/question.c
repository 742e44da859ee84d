/* A subcommand that asks and answers once. */
#include "auditor/reading/question.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* An answer that was cut by a full disk is none; who closed a pipe has what they wanted. What went wrong
 * before is found by trying once more. */
enum status question_flush(struct error *err)
{
	bool failed = fflush(stdout) != 0;
	int reason = failed ? errno : 0;

	if (!failed && ferror(stdout)) {
		failed = true;
		putchar('\n');
		reason = fflush(stdout) == 0 ? 0 : errno;
	}
	if (!failed || reason == EPIPE)
		return STATUS_OK;
	return error_set(err, STATUS_FATAL, "write_failed", "cannot write the whole answer: %s",
	        reason ? strerror(reason) : "a write before failed");
}

int question_run(const struct command_spec *command,
        enum status (*answer)(const struct options *options, struct error *err), int argc, char **argv)
{
	int code;
	struct options *options = command_options(command, argc, argv, &code);
	struct error err;

	if (!options)
		return code;
	code = answer(options, &err) == STATUS_OK && question_flush(&err) == STATUS_OK ? EXIT_DONE
	                                                                               : command_fail(&err);
	options_free(options);
	return code;
}
