#ifndef ENGINE_OPTIONS_HELP_H
#define ENGINE_OPTIONS_HELP_H

#include "engine/options.h"

/* --help and --version, and the options that all commands on Kafka have. */
const struct option_spec *options_common(void);
void options_print_help(const struct command_spec *command);
void options_print_version(const struct command_spec *command);

#endif
