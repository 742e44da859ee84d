#ifndef AUDITOR_ASK_COMMANDS_H
#define AUDITOR_ASK_COMMANDS_H

/* The subcommands; see struct command. */
int run_state(int argc, char **argv);
int run_jobs(int argc, char **argv);
int run_held(int argc, char **argv);
int run_failed(int argc, char **argv);

#endif
