#ifndef AUDITOR_EXPORT_COMMAND_H
#define AUDITOR_EXPORT_COMMAND_H

/* The subcommand; see struct command. */
int run_export(int argc, char **argv);

#endif
