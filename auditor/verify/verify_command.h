#ifndef AUDITOR_VERIFY_COMMAND_H
#define AUDITOR_VERIFY_COMMAND_H

/* The subcommand; see struct command. */
int run_verify(int argc, char **argv);

#endif
