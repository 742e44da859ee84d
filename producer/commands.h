#ifndef PRODUCER_COMMANDS_H
#define PRODUCER_COMMANDS_H

/* The subcommands; see struct command. */
int run_topics(int argc, char **argv);
int run_manifest(int argc, char **argv);
int run_create(int argc, char **argv);
int run_update(int argc, char **argv);
int run_submit(int argc, char **argv);
int run_wait(int argc, char **argv);

#endif
