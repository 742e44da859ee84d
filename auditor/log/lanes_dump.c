/* Lanes of a dump: the file is looked through once, and each record's line is remembered. */
#include "auditor/log/dump.h"
#include "auditor/log/lanes.h"
#include "auditor/log/scan.h"
#include "base/memory.h"
#include "engine/route.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RECORD_MAX = 8 << 20, HEADERS_MAX = 64, SAMPLES_MAX = 2048, GUESSES_MAX = 256 };
enum { PARTITIONS_MAX = 10000 }; /* as holdpoint-producer topics makes */

struct line {
	size_t at; /* in the file */
	uint32_t len;
};

struct dump_lane {
	struct line *lines;
	size_t count, at;
	int64_t last_offset, start;
	struct client_lane_place place;
	/* of the record last taken: key, value, and its headers' names and values in turn */
	struct buffer bytes;
	struct span {
		size_t at, len;
		bool here;
	} headers[2 * HEADERS_MAX];
	size_t header_count;
};

struct dump {
	char *map;
	size_t size;
	struct dump_lane *lanes;
	size_t lane_count;
};

static void close_dump(void *self)
{
	struct dump *dump = self;

	if (!dump)
		return;
	if (dump->map)
		munmap(dump->map, dump->size);
	for (size_t i = 0; i < dump->lane_count; i++) {
		free(dump->lanes[i].lines);
		buffer_release(&dump->lanes[i].bytes);
	}
	free(dump->lanes);
	free(dump);
}

/* ---- opening */

static enum status unreadable(const char *file, struct error *err)
{
	return error_set(
	        err, STATUS_REJECT, "dump_unreadable", "cannot read the dump %s: %s", file, strerror(errno));
}

/* What cannot be mapped (a pipe) is copied to a file that has no name. */
static int copy_of(int fd)
{
	FILE *copy = tmpfile();
	char block[65536];
	ssize_t len = -1;
	int ret = -1;

	while (copy && (len = read(fd, block, sizeof(block))) > 0)
		if (fwrite(block, 1, (size_t)len, copy) != (size_t)len)
			break;
	if (copy && len == 0 && fflush(copy) == 0)
		ret = dup(fileno(copy));
	if (copy)
		fclose(copy);
	return ret;
}

static int open_file(const char *file)
{
	int fd = strcmp(file, "-") == 0 ? dup(STDIN_FILENO) : open(file, O_RDONLY | O_CLOEXEC), copy;
	struct stat about;

	if (fd < 0 || (fstat(fd, &about) == 0 && S_ISREG(about.st_mode)))
		return fd;
	copy = copy_of(fd);
	close(fd);
	return copy;
}

static enum status map_file(struct dump *dump, const char *file, struct error *err)
{
	int fd = open_file(file);
	struct stat about;
	void *map;

	if (fd < 0)
		return unreadable(file, err);
	if (fstat(fd, &about) != 0 || about.st_size == 0) {
		close(fd);
		return about.st_size == 0 ? STATUS_OK : unreadable(file, err);
	}
	map = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (map == MAP_FAILED)
		return unreadable(file, err);
	dump->map = map;
	dump->size = (size_t)about.st_size;
	return STATUS_OK;
}

/* The next line without its newline, and where the one behind it begins. */
static struct view line_at(const struct dump *dump, size_t at, size_t *ret_next)
{
	const char *end = memchr(dump->map + at, '\n', dump->size - at);
	size_t len = end ? (size_t)(end - (dump->map + at)) : dump->size - at;

	*ret_next = at + len + 1;
	return (struct view){dump->map + at, len};
}

static bool is_blank(struct view line)
{
	for (size_t i = 0; i < line.len; i++)
		if ((unsigned char)line.data[i] > ' ')
			return false;
	return true;
}

/* The topic's number among lanes_topics that are wanted; -1: not one of them. */
static int topic_number(const char *prefix, const struct replay_spec *spec, struct view topic)
{
	size_t prefix_len = strlen(prefix);
	int number = 0;

	if (topic.len < prefix_len || memcmp(topic.data, prefix, prefix_len) != 0)
		return -1;
	topic = (struct view){topic.data + prefix_len, topic.len - prefix_len};
	for (size_t i = 0; i < LOG_TOPICS; i++) {
		if (!(spec->topics & LOG_BIT(lanes_topics[i])))
			continue;
		if (view_is(topic, log_topic_name(lanes_topics[i])))
			return number;
		number++;
	}
	return -1;
}

struct indexing { /* the file, gone through line by line */
	struct dump *dump;
	const char *file, *prefix;
	const struct replay_spec *spec;
	struct lanes *lanes;
	bool counts;        /* only counts partitions … */
	int32_t partitions; /* … that have records */
	uint32_t hashes[SAMPLES_MAX];
	int32_t places[SAMPLES_MAX]; /* where keys of these hashes lie */
	size_t samples;
	struct buffer key;
	size_t number; /* of the line */
};

static enum status invalid(const struct indexing *indexing, const char *why, struct error *err)
{
	return error_set(err, STATUS_REJECT, "dump_invalid",
	        "line %zu of the dump %s %s: make it by `kcat -C -J -e -o beginning` of each topic",
	        indexing->number, indexing->file, why);
}

static enum status add_line(const struct indexing *indexing, struct view text, const struct dump_line *line,
        int topic, struct error *err)
{
	int32_t nth = line->partition - indexing->lanes->first_partition;

	if (nth < 0 || nth >= indexing->lanes->count)
		return STATUS_OK;
	struct dump_lane *lane =
	        &indexing->dump->lanes[(size_t)topic * (size_t)indexing->lanes->count + (size_t)nth];
	if (line->offset <= lane->last_offset)
		return invalid(indexing, "does not come in the order of its partition", err);
	lane->last_offset = line->offset;
	if (line->offset < lane->start)
		return STATUS_OK;
	if ((lane->count & (lane->count + 1)) == 0) /* 0, 1, 3, 7, … */
		lane->lines = memory_resize(lane->lines, (2 * lane->count + 2) * sizeof(*lane->lines));
	if (lane->count == 0)
		lane->place.start = lane->place.next = line->offset;
	lane->lines[lane->count++] =
	        (struct line){(size_t)(text.data - indexing->dump->map), (uint32_t)text.len};
	lane->place.end = line->offset + 1;
	return STATUS_OK;
}

/* Records of other topics than jobs lie where their keys belong, all but those that are wrong. */
static void take_sample(struct indexing *indexing, const struct dump_line *line, int topic)
{
	bool is_witness = false;

	for (size_t i = 0; i < LOG_TOPICS; i++)
		if (indexing->spec->topics & LOG_BIT(lanes_topics[i]) && topic-- == 0)
			is_witness = lanes_topics[i] != LOG_JOBS && lanes_topics[i] != LOG_DLQ;
	buffer_clear(&indexing->key);
	if (!is_witness || indexing->samples == SAMPLES_MAX || !line->key.data ||
	        !scan_text(line->key, &indexing->key))
		return;
	indexing->hashes[indexing->samples] =
	        route_hash(buffer_view(&indexing->key), ROUTE_SEED) & 0x7fffffff;
	indexing->places[indexing->samples++] = line->partition;
}

/* A dump does not say how many partitions there are, only which have records: the number by which most keys
 * lie where they belong, and of such the smallest. */
static int32_t guess_partitions(const struct indexing *indexing)
{
	int32_t least = indexing->partitions ? indexing->partitions : 1, best = least;
	size_t most = 0;

	for (int32_t guess = least; guess < least + GUESSES_MAX; guess++) {
		size_t votes = 0;

		for (size_t i = 0; i < indexing->samples; i++)
			votes += (int32_t)(indexing->hashes[i] % (uint32_t)guess) == indexing->places[i];
		if (votes > most) {
			most = votes;
			best = guess;
		}
	}
	return best;
}

static enum status take_line(struct indexing *indexing, struct view text, struct error *err)
{
	struct dump_line line;
	const char *problem = text.len > RECORD_MAX ? "is too long" : dump_line_parse(text, &line);

	if (problem)
		return invalid(indexing, problem, err);
	int topic = topic_number(indexing->prefix, indexing->spec, line.topic);
	if (topic < 0)
		return STATUS_OK;
	if (line.partition >= PARTITIONS_MAX)
		return invalid(indexing, "is of a partition that no installation has", err);
	if (!indexing->counts)
		return add_line(indexing, text, &line, topic, err);
	take_sample(indexing, &line, topic);
	if (line.partition >= indexing->partitions)
		indexing->partitions = line.partition + 1;
	return STATUS_OK;
}

static enum status read_lines(struct indexing *indexing, struct error *err)
{
	struct dump *dump = indexing->dump;
	enum status status = STATUS_OK;

	indexing->number = 0;
	for (size_t at = 0; status == STATUS_OK && at < dump->size;) {
		struct view line = line_at(dump, at, &at);

		indexing->number++;
		if (!is_blank(line))
			status = take_line(indexing, line, err);
	}
	return status;
}

static void make_lanes(struct indexing *indexing)
{
	struct dump *dump = indexing->dump;
	size_t per_topic = (size_t)indexing->lanes->count;

	for (size_t i = 0; i < LOG_TOPICS; i++)
		if (indexing->spec->topics & LOG_BIT(lanes_topics[i]))
			dump->lane_count += per_topic;
	dump->lanes = memory_alloc(dump->lane_count * sizeof(*dump->lanes));
	for (size_t i = 0, n = 0; i < LOG_TOPICS; i++) {
		if (!(indexing->spec->topics & LOG_BIT(lanes_topics[i])))
			continue;
		for (size_t p = 0; p < per_topic; p++, n++) {
			struct dump_lane *lane = &dump->lanes[n];
			int32_t partition = indexing->lanes->first_partition + (int32_t)p;

			lane->last_offset = -1;
			buffer_init(&lane->bytes, RECORD_MAX);
			if (indexing->spec->first_offset)
				lane->start = indexing->spec->first_offset(
				        indexing->spec->context, lanes_topics[i], partition);
		}
	}
}

/* The number of partitions is a guess, so even where one package is asked for, all are read. */
static enum status index_file(struct indexing *indexing, struct error *err)
{
	enum status status;

	indexing->counts = true;
	status = read_lines(indexing, err);
	if (status != STATUS_OK)
		return status;
	indexing->lanes->partitions = indexing->lanes->count = guess_partitions(indexing);
	indexing->lanes->first_partition = 0;
	make_lanes(indexing);
	indexing->counts = false;
	return read_lines(indexing, err);
}

/* ---- reading */

/* Appends the bytes of a string; absent where there are none. Its place is given as an offset, since the
 * buffer may move. */
static struct span add_text(struct dump_lane *lane, struct view text)
{
	struct span span = {.at = lane->bytes.len, .here = text.data != NULL};

	if (text.data && !scan_text(text, &lane->bytes))
		lane->bytes.len = span.at; /* an escape that is none: nothing can be said of it */
	span.len = lane->bytes.len - span.at;
	buffer_add(&lane->bytes, "", 1);
	return span;
}

static struct view span_view(const struct dump_lane *lane, struct span span)
{
	return span.here ? (struct view){lane->bytes.data + span.at, span.len} : (struct view){0};
}

static void add_headers(struct dump_lane *lane, struct view array)
{
	struct view text;

	lane->header_count = 0;
	while (lane->header_count < 2 * HEADERS_MAX && dump_next(&array, &text))
		lane->headers[lane->header_count++] = add_text(lane, text);
	lane->header_count &= ~(size_t)1;
}

static enum status take(
        void *self, size_t lane_number, struct client_record *ret_record, bool *ret_found, struct error *err)
{
	struct dump *dump = self;
	struct dump_lane *lane = &dump->lanes[lane_number];
	struct dump_line line;

	(void)err;
	*ret_found = lane->at < lane->count;
	if (!*ret_found) {
		lane->place.next = lane->place.end;
		return STATUS_OK;
	}
	const struct line *place = &lane->lines[lane->at++];
	dump_line_parse((struct view){dump->map + place->at, place->len}, &line); /* was good before */
	buffer_clear(&lane->bytes);
	struct span key = add_text(lane, line.key), payload = add_text(lane, line.payload);
	add_headers(lane, line.headers);
	lane->place.next = line.offset + 1;
	*ret_record = (struct client_record){.source = lane_number,
	        .position = {line.partition, line.offset},
	        .time_ms = line.time_ms,
	        .key = span_view(lane, key),
	        .value = span_view(lane, payload)};
	return STATUS_OK;
}

static void wait_for_news(void *self, int64_t timeout_ms)
{
	(void)self;
	poll(NULL, 0, timeout_ms < 1000 ? (int)timeout_ms : 1000);
}

static struct client_lane_place place_of(const void *self, size_t lane)
{
	return ((const struct dump *)self)->lanes[lane].place;
}

static bool is_open(const void *self, size_t lane)
{
	(void)self, (void)lane;
	return false;
}

static bool header_at(
        const void *self, size_t lane_number, size_t index, struct view *ret_name, struct view *ret_value)
{
	const struct dump_lane *lane = &((const struct dump *)self)->lanes[lane_number];

	if (index >= lane->header_count / 2)
		return false;
	*ret_name = span_view(lane, lane->headers[2 * index]);
	*ret_value = span_view(lane, lane->headers[2 * index + 1]);
	return true;
}

static const struct lanes_kind dump_kind = {take, wait_for_news, place_of, is_open, header_at, close_dump};

enum status lanes_open_dump(const char *file, const char *prefix, const struct replay_spec *spec,
        struct lanes *ret, struct error *err)
{
	struct dump *dump = memory_alloc(sizeof(*dump));
	struct indexing *indexing = memory_alloc(sizeof(*indexing));
	enum status status = map_file(dump, file, err);

	indexing->dump = dump;
	indexing->file = file;
	indexing->prefix = prefix;
	indexing->spec = spec;
	indexing->lanes = ret;
	buffer_init(&indexing->key, RECORD_MAX);
	if (status == STATUS_OK)
		status = index_file(indexing, err);
	buffer_release(&indexing->key);
	free(indexing);
	if (status != STATUS_OK) {
		close_dump(dump);
		return status;
	}
	ret->kind = &dump_kind;
	ret->self = dump;
	return STATUS_OK;
}
