/* Preloaded into a process: counts its calls on files at or below the folder $STRIKE_FOLDER from 1, over all
 * threads, tells each on standard output, and strikes at one, as $STRIKE says:
 *
 *   kill N, stop N          before the call
 *   killed N                behind it
 *   error N COUNT ERRNO     that call and the COUNT - 1 behind it are not made, and fail so
 *   unsaid N COUNT ERRNO    they are made, and fail so nevertheless
 *   short N                 it reads or writes half of what it should, and says so
 *   flip N                  it writes a wrong byte, and does not say so
 *
 * A line: call NUMBER NAME ERRNO PATH [OTHER-PATH]. With glibc; what the C library calls within itself is not
 * seen (getdents64 of readdir() and such). */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

struct call {
	const char *name;
	int number, failed; /* failed: errno; 0: it did not */
	bool struck;
	char path[PATH_MAX], other[PATH_MAX]; /* below the folder; other "": none */
};

static atomic_int calls;
static char folder[PATH_MAX], kind[16];
static size_t folder_len;
static int strike_at = INT_MAX, strike_count = 1, strike_errno;

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("STRIKE_FOLDER"), *strike = getenv("STRIKE");

	if (path)
		folder_len = (size_t)snprintf(folder, sizeof(folder), "%s", path);
	if (strike && sscanf(strike, "%15s %d %d %d", kind, &strike_at, &strike_count, &strike_errno) < 2)
		abort();
}

#define REAL(name) ((__typeof__(&(name)))dlsym(RTLD_NEXT, #name))

/* ---- which calls count */

static bool is_below(const char *path)
{
	return folder_len && strncmp(path, folder, folder_len) == 0 &&
	       (path[folder_len] == '/' || path[folder_len] == '\0');
}

/* Where the descriptor, or the name in its folder, lies below the folder; false: elsewhere. */
static bool find(int fd, const char *name, char found[PATH_MAX])
{
	char link[64], whole[2 * PATH_MAX];
	ssize_t len = 0;

	if (!folder_len)
		return false;
	if (fd >= 0) {
		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		len = readlink(link, whole, PATH_MAX - 1);
	}
	if (len < 0)
		return false;
	whole[len] = '\0';
	char *gone = len ? strstr(whole, " (deleted)") : NULL;
	if (gone && gone < whole + len)
		*gone = '?'; /* a line's words have no spaces */
	if (name && strcmp(name, ".") != 0)
		snprintf(whole + len, PATH_MAX, "%s%s", len ? "/" : "", name);
	if (!is_below(whole))
		return false;
	const char *below = whole + folder_len;
	snprintf(found, PATH_MAX, "%s", *below && below[1] ? below + 1 : ".");
	return true;
}

static bool counts(struct call *call, const char *name, int fd, const char *path)
{
	int number = errno;

	*call = (struct call){.name = name};
	bool is_ours = find(fd, path, call->path);
	errno = number;
	return is_ours;
}

static bool counts_both(
        struct call *call, const char *name, int fd, const char *path, int other, const char *to)
{
	bool is_ours = counts(call, name, fd, path);

	return find(other, to, call->other) && is_ours;
}

/* ---- the strike */

static bool strikes(const struct call *call, const char *what)
{
	return call->struck && strcmp(kind, what) == 0;
}

/* raise() strikes this thread: it comes no further. False: the call must not be made. */
static bool goes_on(struct call *call)
{
	call->number = atomic_fetch_add(&calls, 1) + 1;
	call->struck = call->number >= strike_at && call->number - strike_at < strike_count;
	if (strikes(call, "kill"))
		raise(SIGKILL);
	if (strikes(call, "stop"))
		raise(SIGSTOP);
	return !strikes(call, "error");
}

/* True where the caller must be told that the call failed, with errno. */
static bool fails(struct call *call, bool failed)
{
	bool is_done = !failed && strikes(call, "unsaid");

	call->failed = strikes(call, "error") || is_done ? strike_errno : failed ? errno : 0;
	char line[3 * PATH_MAX];
	int len = snprintf(line, sizeof(line), "call %d %s %d %s%s%s\n", call->number, call->name,
	        is_done ? 0 : call->failed, call->path, *call->other ? " " : "", call->other);
	if (write(STDOUT_FILENO, line, (size_t)len) != len)
		abort();
	if (strikes(call, "killed"))
		raise(SIGKILL);
	errno = call->failed;
	return call->failed;
}

static size_t half(const struct call *call, size_t len)
{
	return strikes(call, "short") && len > 1 ? len / 2 : len;
}

static void flip(const struct call *call, int fd, off_t at, ssize_t len)
{
	char byte;

	if (!strikes(call, "flip") || len <= 0)
		return;
	/* by another way to the file, which is open for writing alone */
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	int again = REAL(open)(path, O_RDWR | O_CLOEXEC);
	if (again < 0 || REAL(pread)(again, &byte, 1, at) != 1)
		abort();
	byte ^= 1;
	if (REAL(pwrite)(again, &byte, 1, at) != 1)
		abort();
	REAL(close)(again);
}

#define CALL(type, name, parameters, arguments, failure, is_ours)                                            \
	type name parameters                                                                                 \
	{                                                                                                    \
		struct call call;                                                                            \
		type result = failure;                                                                       \
		if (!(is_ours))                                                                              \
			return REAL(name) arguments;                                                         \
		if (goes_on(&call))                                                                          \
			result = REAL(name) arguments;                                                       \
		return fails(&call, result == failure) ? failure : result;                                   \
	}
#define OF(fd) counts(&call, __func__, fd, NULL)
#define AT(fd, path) counts(&call, __func__, fd, path)
#define BOTH(fd, path, other, to) counts_both(&call, __func__, fd, path, other, to)

CALL(int, fsync, (int fd), (fd), -1, OF(fd))
CALL(int, syncfs, (int fd), (fd), -1, OF(fd))
CALL(int, ftruncate, (int fd, off_t len), (fd, len), -1, OF(fd))
CALL(int, fstat, (int fd, struct stat *stat), (fd, stat), -1, OF(fd))
CALL(int, fstatfs, (int fd, struct statfs *stat), (fd, stat), -1, OF(fd))
CALL(int, fstatat, (int fd, const char *path, struct stat *stat, int flags), (fd, path, stat, flags), -1,
        AT(fd, path))
CALL(int, futimens, (int fd, const struct timespec times[2]), (fd, times), -1, OF(fd))
CALL(int, mkdirat, (int fd, const char *path, mode_t mode), (fd, path, mode), -1, AT(fd, path))
CALL(int, symlinkat, (const char *target, int fd, const char *path), (target, fd, path), -1, AT(fd, path))
CALL(int, unlinkat, (int fd, const char *path, int flags), (fd, path, flags), -1, AT(fd, path))
CALL(int, linkat, (int fd, const char *path, int other, const char *to, int flags),
        (fd, path, other, to, flags), -1, BOTH(fd, path, other, to))
CALL(int, renameat, (int fd, const char *path, int other, const char *to), (fd, path, other, to), -1,
        BOTH(fd, path, other, to))
CALL(int, renameat2, (int fd, const char *path, int other, const char *to, unsigned flags),
        (fd, path, other, to, flags), -1, BOTH(fd, path, other, to))
CALL(ssize_t, readlinkat, (int fd, const char *path, char *data, size_t len), (fd, path, data, len), -1,
        AT(fd, path))
CALL(ssize_t, pread, (int fd, void *data, size_t len, off_t at), (fd, data, half(&call, len), at), -1, OF(fd))
CALL(int, sync_file_range, (int fd, off_t at, off_t len, unsigned flags), (fd, at, len, flags), -1, OF(fd))
CALL(DIR *, fdopendir, (int fd), (fd), NULL, OF(fd))
CALL(struct dirent *, readdir, (DIR * dir), (dir), NULL, OF(dirfd(dir)))

ssize_t pwrite(int fd, const void *data, size_t len, off_t at)
{
	struct call call;
	ssize_t result = -1;

	if (!OF(fd))
		return REAL(pwrite)(fd, data, len, at);
	if (goes_on(&call))
		result = REAL(pwrite)(fd, data, half(&call, len), at);
	flip(&call, fd, at, result);
	return fails(&call, result < 0) ? -1 : result;
}

ssize_t copy_file_range(int fd, off_t *at, int other, off_t *to, size_t len, unsigned flags)
{
	struct call call;
	ssize_t result = -1;
	off_t begin = to ? *to : 0;

	if (!OF(other))
		return REAL(copy_file_range)(fd, at, other, to, len, flags);
	if (goes_on(&call))
		result = REAL(copy_file_range)(fd, at, other, to, half(&call, len), flags);
	flip(&call, other, begin, result);
	return fails(&call, result < 0) ? -1 : result;
}

int close(int fd)
{
	struct call call;

	if (!OF(fd))
		return REAL(close)(fd);
	(void)goes_on(&call); /* it is closed, whatever it says */
	int result = REAL(close)(fd);
	return fails(&call, result < 0) ? -1 : result;
}

/* Says what failed by its result. That pages are dropped from memory has a name of its own. */
int posix_fadvise(int fd, off_t at, off_t len, int advice)
{
	struct call call;

	if (!counts(&call, advice == POSIX_FADV_DONTNEED ? "drop" : __func__, fd, NULL))
		return REAL(posix_fadvise)(fd, at, len, advice);
	errno = goes_on(&call) ? REAL(posix_fadvise)(fd, at, len, advice) : EINVAL;
	return fails(&call, errno != 0) ? errno : 0;
}

/* ---- with arguments that vary */

#define LAST(type, before)                                                                                   \
	va_list list;                                                                                        \
	va_start(list, before);                                                                              \
	type last = va_arg(list, type);                                                                      \
	va_end(list)

/* What makes a file is told by another name. */
static const char *name_of(int flags)
{
	return flags & O_CREAT ? "create" : "open";
}

int open(const char *path, int flags, ...)
{
	struct call call;
	int result = -1;

	LAST(mode_t, flags);
	if (!counts(&call, name_of(flags), -1, path))
		return REAL(open)(path, flags, last);
	if (goes_on(&call))
		result = REAL(open)(path, flags, last);
	return fails(&call, result < 0) ? -1 : result;
}

int openat(int fd, const char *path, int flags, ...)
{
	struct call call;
	int result = -1;

	LAST(mode_t, flags);
	if (!counts(&call, name_of(flags), fd, path))
		return REAL(openat)(fd, path, flags, last);
	if (goes_on(&call))
		result = REAL(openat)(fd, path, flags, last);
	return fails(&call, result < 0) ? -1 : result;
}

int fcntl(int fd, int command, ...)
{
	struct call call;
	int result = -1;

	LAST(void *, command);
	if (!OF(fd))
		return REAL(fcntl)(fd, command, last);
	if (goes_on(&call))
		result = REAL(fcntl)(fd, command, last);
	return fails(&call, result < 0) ? -1 : result;
}

int ioctl(int fd, unsigned long request, ...)
{
	struct call call;
	int result = -1;

	LAST(void *, request);
	if (!OF(fd))
		return REAL(ioctl)(fd, request, last);
	if (goes_on(&call))
		result = REAL(ioctl)(fd, request, last);
	return fails(&call, result < 0) ? -1 : result;
}

/* openat2() is called by its number */
long syscall(long number, ...)
{
	struct call call;
	va_list list;
	long a[6], result = -1;

	va_start(list, number);
	for (size_t i = 0; i < 6; i++)
		a[i] = va_arg(list, long);
	va_end(list);
	const struct { /* the first field of struct open_how */
		unsigned long long flags;
	} *how = number == SYS_openat2 ? (void *)a[2] : NULL;
	if (!how || !counts(&call, name_of((int)how->flags), (int)a[0], (const char *)a[1]))
		return REAL(syscall)(number, a[0], a[1], a[2], a[3], a[4], a[5]);
	if (goes_on(&call))
		result = REAL(syscall)(number, a[0], a[1], a[2], a[3], a[4], a[5]);
	return fails(&call, result < 0) ? -1 : result;
}
