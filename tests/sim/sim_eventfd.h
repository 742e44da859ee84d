#ifndef SIM_EVENTFD_H
#define SIM_EVENTFD_H

#include <stdbool.h>

/* Plays eventfd(2) for base/queue.c: the linker (--wrap) leads its calls here, so that no system call is
 * made. Any other descriptor is passed on. */
bool eventfd_is_readable(int fd);

#endif
