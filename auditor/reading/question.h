#ifndef AUDITOR_QUESTION_H
#define AUDITOR_QUESTION_H

#include "command/command.h"

/* What the subcommands that ask and answer once share: options in, exit code out. */
int question_run(const struct command_spec *command,
        enum status (*answer)(const struct options *options, struct error *err), int argc, char **argv);

/* Whether all of the answer was written; a reader that closed its pipe has what it wanted. */
must_check enum status question_flush(struct error *err);

#endif
