#ifndef DISTRIBUTION_TRANSPUT_H
#define DISTRIBUTION_TRANSPUT_H

#include <sys/types.h>

/* All of it, where the kernel may take or give less at a time. */

/* len bytes from offset at on; fewer only where the file ends. -1 and errno. */
ssize_t read_all(int fd, char *data, size_t len, off_t at);
int write_all(int fd, const char *data, size_t len, off_t at); /* 0 or errno */

#endif
