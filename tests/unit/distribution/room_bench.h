#ifndef TESTS_ROOM_BENCH_H
#define TESTS_ROOM_BENCH_H

#include "distribution/distribution.h"
#include "server.h"

#include "base/bytes.h"

#include <pthread.h>
#include <stdbool.h>

/* The whole room, through its door, with real distribution points: folders and servers. Time-outs are short.
 */
struct room_bench {
	struct distribution *distribution;
	char *home;    /* scratch */
	char *sources; /* a folder, allowed as a source */
	struct buffer points, prefixes;
	char *dp_id;               /* of all its points */
	const char *point_options; /* for the points that follow: ",\"read_back\":\"size\""; NULL: none */
	uint64_t spool_bytes_max;
	bool read_only; /* for room_open() */
};

struct room_bench *room_bench_new(void);
void room_bench_close(struct room_bench *bench); /* also the distribution */

/* Before room_open(): a point of that name, initialised. Returns the folder that it lies in (the bench's). */
const char *room_file_point(struct room_bench *bench, const char *name);
void room_http_point(struct room_bench *bench, const char *name, const struct server *server);
void room_source(struct room_bench *bench, const char *prefix); /* allows it */
void room_open(struct room_bench *bench);                       /* once more: anew */
void room_reload_catalogue(struct room_bench *bench);           /* with what was added since */

/* Writes sources and makes a manifest of them: path, content, path, content, … NULL. A path ending in '*' is
 * executable (without the '*'). Content NULL: 3 MB of noise. */
struct manifest *room_manifest(struct room_bench *bench, ...) __attribute__((sentinel));
struct manifest *room_manifest_of_many(
        struct room_bench *bench, size_t count); /* small ones: dN/fN, "file N" */
/* The same with other URLs: prefix + path. */
struct manifest *room_manifest_at(struct room_bench *bench, const char *prefix, ...)
        __attribute__((sentinel));

/* A transfer or pointer and its end. */
struct outcome {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int ended;
	struct error err;
	char dp_id[64], replaces[64], version[64], release_id[64], read_back[8];
	uint64_t files, bytes, bytes_sent;
	int64_t retry_after_ms;
	enum pointer_outcome pointer;
	bool may_have_changed;
	int progress;
};

struct transfer_spec room_spec(struct room_bench *bench, const char *point, const char *package,
        const char *version, struct manifest *manifest);
uint64_t room_submit(struct room_bench *bench, struct transfer_spec spec, struct outcome *outcome);
void room_await(struct outcome *outcome, const char *what); /* at most 30 s */
bool room_has_ended(struct outcome *outcome);
/* Both, for the simplest spec. */
struct outcome room_stage(struct room_bench *bench, const char *point, const char *package,
        const char *version, struct manifest *manifest);

void room_expect(const struct outcome *outcome, enum status status, const char *code);
/* In that folder lie the version's files, each with its digest and bits, and the seal. */
void room_expect_staged(
        const char *folder, const char *package, const char *version, const struct manifest *manifest);
void room_expect_unsealed(const char *folder, const char *package, const char *version);

char *room_path(const char *folder, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A fact on each of some kinds of distribution point: the file says what kinds there are (enum kind), and
 * opens and closes one (open_on(), close_all()). The body follows, with `kind`. */
#define ON_EACH_OF(suite, fact, ...)                                                                         \
	static void suite##_##fact##_on(enum kind kind);                                                     \
	ParameterizedTestParameters(suite, fact)                                                             \
	{                                                                                                    \
		static enum kind kinds[] = {__VA_ARGS__};                                                    \
		return cr_make_param_array(enum kind, kinds, sizeof(kinds) / sizeof(*kinds));                \
	}                                                                                                    \
	ParameterizedTest(enum kind *kind, suite, fact)                                                      \
	{                                                                                                    \
		open_on(*kind);                                                                              \
		suite##_##fact##_on(*kind);                                                                  \
		close_all();                                                                                 \
	}                                                                                                    \
	static void suite##_##fact##_on(enum kind kind)

#endif
