#ifndef AUDITOR_COMMANDS_H
#define AUDITOR_COMMANDS_H

/* The subcommands; see struct command. */
int run_verify(int argc, char **argv);
int run_timeline(int argc, char **argv);
int run_state(int argc, char **argv);
int run_jobs(int argc, char **argv);
int run_held(int argc, char **argv);
int run_failed(int argc, char **argv);
int run_dlq(int argc, char **argv);
int run_serve(int argc, char **argv);
int run_export(int argc, char **argv);

#endif
