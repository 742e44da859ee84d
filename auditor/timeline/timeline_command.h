#ifndef AUDITOR_TIMELINE_COMMAND_H
#define AUDITOR_TIMELINE_COMMAND_H

/* The subcommand; see struct command. */
int run_timeline(int argc, char **argv);

#endif
