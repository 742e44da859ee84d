#include "engine/metrics.h"

#include <dirent.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

static const char *const type_names[] = {
        [METRIC_COUNTER] = "counter", [METRIC_GAUGE] = "gauge", [METRIC_HISTOGRAM] = "histogram"};

void metric_head(struct buffer *out, const char *name, enum metric_type type, const char *help)
{
	buffer_add_format(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type_names[type]);
}

static void add_name(struct buffer *out, const char *name, const char *labels)
{
	buffer_add_format(out, *labels ? "%s{%s} " : "%s%s ", name, labels);
}

void metric_sample(struct buffer *out, const char *name, const char *labels, int64_t value)
{
	add_name(out, name, labels);
	buffer_add_format(out, "%" PRId64 "\n", value);
}

void metric_seconds(struct buffer *out, const char *name, const char *labels, int64_t milliseconds)
{
	add_name(out, name, labels);
	buffer_add_format(out, "%" PRId64 ".%03d\n", milliseconds / 1000, (int)(milliseconds % 1000));
}

void metric_one(struct buffer *out, const char *name, enum metric_type type, const char *help,
        const char *labels, int64_t value)
{
	metric_head(out, name, type, help);
	metric_sample(out, name, labels, value);
}

static int64_t resident_bytes(void)
{
	long long pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");

	if (file && fscanf(file, "%*s %lld", &pages) != 1)
		pages = 0;
	if (file)
		fclose(file);
	return pages * sysconf(_SC_PAGESIZE);
}

/* What is allocated and not freed: the rest of what is resident the allocator keeps to give it out again. */
static int64_t allocated_bytes(void)
{
	struct mallinfo2 info = mallinfo2(); /* of all arenas */

	return (int64_t)(info.uordblks + info.hblkhd);
}

static int64_t open_files(void)
{
	DIR *folder = opendir("/proc/self/fd");
	int64_t count = -3; /* ".", ".." and this one */

	if (!folder)
		return 0;
	while (readdir(folder))
		count++;
	closedir(folder);
	return count;
}

static int64_t milliseconds_of(struct timeval time)
{
	return (int64_t)time.tv_sec * 1000 + time.tv_usec / 1000;
}

void metrics_process(struct buffer *out, int64_t started_ms)
{
	struct rusage usage = {0};
	struct rlimit files = {0};

	getrusage(RUSAGE_SELF, &usage);
	getrlimit(RLIMIT_NOFILE, &files);
	metric_one(
	        out, "process_resident_memory_bytes", METRIC_GAUGE, "Memory in use.", "", resident_bytes());
	metric_one(out, "holdpoint_allocated_bytes", METRIC_GAUGE,
	        "Memory that is allocated; what else is resident is free to be used again, or code.", "",
	        allocated_bytes());
	metric_head(out, "process_cpu_seconds_total", METRIC_COUNTER, "Processor time used.");
	metric_seconds(out, "process_cpu_seconds_total", "",
	        milliseconds_of(usage.ru_utime) + milliseconds_of(usage.ru_stime));
	metric_one(out, "process_open_fds", METRIC_GAUGE, "Open files and sockets.", "", open_files());
	metric_one(out, "process_max_fds", METRIC_GAUGE, "Most files and sockets that may be open.", "",
	        (int64_t)files.rlim_cur);
	metric_head(out, "process_start_time_seconds", METRIC_GAUGE, "When it was started, in Unix time.");
	metric_seconds(out, "process_start_time_seconds", "", started_ms);
}
