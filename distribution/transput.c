#include "distribution/transput.h"

#include <errno.h>
#include <unistd.h>

ssize_t read_all(int fd, char *data, size_t len, off_t at)
{
	size_t have = 0;

	while (have < len) {
		ssize_t got = pread(fd, data + have, len - have, at + (off_t)have);
		if (got < 0 && errno != EINTR)
			return -1;
		if (got == 0)
			break;
		have += got > 0 ? (size_t)got : 0;
	}
	return (ssize_t)have;
}

int write_all(int fd, const char *data, size_t len, off_t at)
{
	while (len) {
		ssize_t put = pwrite(fd, data, len, at);
		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return put ? errno : EIO;
		data += put;
		len -= (size_t)put;
		at += put;
	}
	return 0;
}
