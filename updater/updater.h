#ifndef UPDATER_UPDATER_H
#define UPDATER_UPDATER_H

#include "engine/worker.h"

/* The updater as a declaration: the engine runs it (main.c), or a simulator. Its input is the staged topic.
 */
enum updater_output { UPDATER_UPDATED, UPDATER_STATUS };

extern const struct worker_spec updater_spec;

#endif
