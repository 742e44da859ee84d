#ifndef AUDITOR_SERVE_H
#define AUDITOR_SERVE_H

/* The subcommand; see struct command. */
int run_serve(int argc, char **argv);

#endif
