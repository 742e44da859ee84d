#ifndef AUDITOR_COMMANDS_H
#define AUDITOR_COMMANDS_H

/* The subcommands; see struct command. */

#endif
