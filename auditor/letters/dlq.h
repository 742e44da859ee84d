#ifndef AUDITOR_DLQ_H
#define AUDITOR_DLQ_H

/* The subcommand, and those that it has itself; see struct command. */
int run_dlq(int argc, char **argv);
int run_dlq_list(int argc, char **argv);
int run_dlq_show(int argc, char **argv);
int run_dlq_redrive(int argc, char **argv);

#endif
