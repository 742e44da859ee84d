#ifndef STAGER_STAGER_H
#define STAGER_STAGER_H

#include "distribution/catalogue.h"
#include "distribution/distribution.h"
#include "engine/places.h"
#include "engine/worker.h"
#include "stager/gate.h"
#include "stager/manifests.h"

#include <pthread.h>
#include <stdatomic.h>

/* The shell around the gate: what all shards of a stager share, and the two sides that the engine calls.
 *
 *   stager.c     machine: bytes and catalogue → gate event → rows and records
 *   transfers.c  effector: a staging that the gate wants → transfer → completion
 *   lost.c       the notice that a DP's content is lost, as bytes
 *   open.c       options
 *   service.c    what is shared: made, reloaded, counted, closed
 *   dp_init.c    the command `dp init`, which no worker runs
 *
 * worker, distribution, manifests, limits and cloudevents stay as they are while it is open, and each is safe
 * for any thread; the catalogue is exchanged by a reload. */
struct stager {
	struct worker *worker;
	struct distribution *distribution; /* owned */
	struct manifests *manifests;
	struct gate_limits limits;
	bool cloudevents;
	char *catalogue_path; /* NULL: no reload */

	pthread_mutex_t lock; /* of catalogue */
	struct catalogue *catalogue;

	struct places *places;   /* how distribution points fare */
	atomic_ullong transfers; /* begun: makes attempts' names unique */
};

struct stager_setup {
	struct worker *worker;
	struct distribution *distribution; /* taken over */
	struct catalogue *catalogue;       /* taken over: a reference */
	const char *catalogue_path;
	struct gate_limits limits;
	bool cloudevents; /* records carry the headers of CloudEvents too */
	size_t manifests_bytes_max;
	int64_t watch_interval_ms; /* how often DPs are asked who they are */
};

/* For stager_open() and for a simulator that brings its own parts. */
struct stager *stager_new(const struct stager_setup *setup);
void stager_close(void *shell);

extern const struct machine stager_machine;
extern const struct effector stager_effector;
extern const struct option_spec stager_options[];
enum status stager_open(
        struct worker *worker, const struct options *options, void **ret_shell, struct error *err);
enum status stager_reload(void *shell, struct buffer *ret_what, struct error *err);
void stager_metrics(void *shell, struct buffer *out);

struct catalogue *stager_catalogue(struct stager *stager); /* a reference for the caller */

/* `holdpoint-stager dp …`: argv[0] is "dp". Returns the exit code. */
int dp_main(int argc, char **argv);

/* What an ended transfer delivers; the strings are its own. */
struct stage_result {
	enum gate_blame blame;
	bool staged;
	char *dp_id, *replaces, *read_back, *code, *message; /* NULL where absent */
	uint64_t files, bytes;
	int64_t retry_after_ms;
};

/* "<version>/<dp>/<attempt>": names one transfer within its package. */
enum { STAGE_TAG_SIZE = VERSION_SIZE + DP_NAME_SIZE + 12 };
struct stage_tag {
	char version[VERSION_SIZE], point[DP_NAME_SIZE];
	uint32_t attempt;
};
void stage_tag_write(const char *version, const char *point, uint32_t attempt, char text[STAGE_TAG_SIZE]);
bool stage_tag_parse(struct view text, struct stage_tag *ret);

/* The notice that a DP's content is confirmed lost, given to every package. */
struct lost_notice {
	char *point, *dp_id;
	char **lost_ids;
	size_t lost_count;
};
void lost_notice_write(const struct identity_seen *seen, struct buffer *out);
bool lost_notice_parse(struct view bytes, struct lost_notice *ret);
void lost_notice_release(struct lost_notice *notice);

#endif
