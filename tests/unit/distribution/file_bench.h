#ifndef TESTS_FILE_BENCH_H
#define TESTS_FILE_BENCH_H

#include "distribution/pool.h"
#include "tests/suites/driver_suite.h"

/* A file driver on a new folder of $TMPDIR or /tmp, initialised, with a pool of its own. */
struct file_bench {
	struct driver_bench bench; /* first */
	struct pool *pool;
	char *folder; /* the base */
};

struct driver_bench *file_bench_open(void);
void file_bench_close(struct driver_bench *bench); /* removes the folder */
/* On a folder as it is, which close does not remove. stall_ms 0: the default. */
struct driver_bench *file_bench_open_at(const char *folder, int64_t stall_ms);

/* For mounts that only this process sees; skips the test where it may not. Before any thread is started. */
void need_mounts(void);
bool mount_image(const char *folder); /* a small ext4 of its own there; false where that cannot be had */

char *scratch_folder(void);                             /* the caller's to free() */
void scratch_remove(const char *folder);                /* all of it */
void scratch_write(const char *path, const char *text); /* makes parents */
char *scratch_read(const char *path);                   /* NULL: cannot; the caller's to free() */

#endif
