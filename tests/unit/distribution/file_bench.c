#include "file_bench.h"

#include "base/memory.h"
#include "distribution/file_driver.h"
#include "distribution/url.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <ftw.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

char *scratch_folder(void)
{
	const char *tmp = getenv("TMPDIR");
	char *folder = memory_format("%s/holdpoint-test-XXXXXX", tmp ? tmp : "/tmp");

	cr_assert(mkdtemp(folder), "cannot make %s: %s", folder, strerror(errno));
	return folder;
}

static int remove_one(const char *path, const struct stat *stat, int type, struct FTW *walk)
{
	(void)stat, (void)type, (void)walk;
	return remove(path);
}

void scratch_remove(const char *folder)
{
	nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void scratch_write(const char *path, const char *text)
{
	char *folder = memory_text(path);

	for (char *slash = strchr(folder + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		cr_assert(mkdir(folder, 0755) == 0 || errno == EEXIST);
		*slash = '/';
	}
	free(folder);
	FILE *file = fopen(path, "w");
	cr_assert(file, "cannot write %s: %s", path, strerror(errno));
	fputs(text, file);
	fclose(file);
}

char *scratch_read(const char *path)
{
	FILE *file = fopen(path, "r");

	if (!file)
		return NULL;
	char *text = memory_alloc(65536);
	size_t len = fread(text, 1, 65535, file);
	text[len] = '\0';
	fclose(file);
	return text;
}

void need_mounts(void)
{
	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		cr_skip_test("mounting needs root: %s", strerror(errno));
}

bool mount_image(const char *folder)
{
	char *command = memory_format("exec >/dev/null 2>&1; cd '%s' && truncate -s 16M image && "
	                              "mkfs.ext4 -q image && mount -o loop image .",
	        folder);
	bool mounted = system(command) == 0;

	free(command);
	return mounted;
}

static void step(struct driver_bench *bench, int timeout_ms)
{
	struct pool *pool = ((struct file_bench *)bench)->pool;
	struct pollfd wait = {.fd = pool_fd(pool), .events = POLLIN};

	poll(&wait, 1, timeout_ms);
	pool_step(pool);
}

struct driver_bench *file_bench_open_at(const char *folder, int64_t stall_ms)
{
	struct file_bench *bench = memory_alloc(sizeof(*bench));
	char *escaped = url_escape_path(folder);
	struct catalogue_point point = {
	        .name = "paris", .url = memory_format("file://%s/", escaped), .connections = 8};
	struct error err;

	bench->bench.step = step;
	bench->pool = pool_new(0);
	cr_assert_eq(file_driver_open(&point, bench->pool, stall_ms, &bench->bench.driver, &err), STATUS_OK);
	free(point.url);
	free(escaped);
	return &bench->bench;
}

struct driver_bench *file_bench_open(void)
{
	char *folder = scratch_folder();
	char *identity = memory_format("%s/.holdpoint/dp.json", folder);

	scratch_write(identity, "{\"dp_id\":\"0b2f7c1e-0000-4000-8000-000000000001\"}");
	struct driver_bench *bench = file_bench_open_at(folder, 0);
	((struct file_bench *)bench)->folder = folder;
	free(identity);
	return bench;
}

void file_bench_close(struct driver_bench *driver_bench)
{
	struct file_bench *bench = (struct file_bench *)driver_bench;

	driver_bench->driver->ops->close(driver_bench->driver);
	pool_close(bench->pool, 5000);
	if (bench->folder)
		scratch_remove(bench->folder);
	free(bench->folder);
	free(bench);
}
