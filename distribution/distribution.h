#ifndef DISTRIBUTION_DISTRIBUTION_H
#define DISTRIBUTION_DISTRIBUTION_H

#include "base/error.h"
#include "schemas/manifest.h"

#include <stdbool.h>
#include <stdint.h>

/* The door of this room: content on distribution points. It knows nothing of logs or queues: a fence here is
 * just a number that only grows within one log.
 *
 * One I/O thread drives all transfers and pointers of the process with curl's multi interface; what blocks
 * (files, hashing) runs on a small pool. Any thread may submit, cancel or reload; done callbacks come from
 * the I/O thread, exactly one per submission, cancelled or not, also while closing. */

struct catalogue; /* catalogue.h */
struct distribution;
struct transfer_result;
struct transfer_progress;
struct pointer_result;
struct inspect_file;
struct inspect_result;
struct current; /* schemas/current.h */

struct distribution_options {
	const char *spool_dir;    /* where http sources are kept while needed, in files without a name; NULL:
	                             $TMPDIR or /tmp */
	uint64_t spool_bytes_max; /* 0: 10 GiB */
	int64_t connect_timeout_ms; /* 0: 5 s */
	int64_t stall_timeout_ms;   /* no byte moved for so long ends an operation; 0: 20 s */
	int64_t low_speed_bytes;    /* bytes per second below which … */
	int64_t low_speed_ms;       /* … for so long an operation ends; 0: no such limit */
	bool read_only; /* for those who only inspect: nothing is written to any distribution point, not even
	                   to try out what it can do; only inspect_submit() may be used */
};

/* Takes over the catalogue. STATUS_REJECT: the spool folder cannot be used. */
must_check enum status distribution_open(const struct distribution_options *options,
        struct catalogue *catalogue, struct distribution **ret, struct error *err);
void distribution_close(
        struct distribution *distribution); /* cancels all, answers all, joins; NULL is fine */

/* A new catalogue for what is submitted from now on; takes it over. Running transfers keep theirs. */
void distribution_reload(struct distribution *distribution, struct catalogue *catalogue);

/* Stage: copy a version's content to one distribution point, verify it there, seal it. */
struct transfer_spec {
	const char *package_id, *version, *distribution_point;
	const char
	        *expected_dp_id;   /* NULL: not known yet, any will do; else another one is "dp_id_changed" */
	struct manifest *manifest; /* or NULL: fetched from manifest_url, which must be within the sources */
	const char *manifest_url;  /* both NULL: only what lies there sealed and whole counts */
	const char *manifest_digest; /* always */
	const char *attempt; /* names this attempt's temporary files: unique for ever, [A-Za-z0-9-], ≤ 64 */
	const char
	        *base_version; /* a version of the package that may lie there already, to copy from; NULL */
	void (*done)(const struct transfer_result *result, void *context);
	void (*progress)(const struct transfer_progress *progress,
	        void *context); /* ≥ 500 ms apart; NULL: not wanted */
	void *context;
};

/* STATUS_OK: sealed, verified as said and (file kinds) durable. STATUS_RETRY: the distribution point's side:
 * it may work later ("dp_unreachable", "dp_not_initialised", "dp_unknown" (not in the catalogue),
 * "dp_id_changed", "dp_error", "dp_timeout", "dp_full", "dp_refused", "dp_redirects", "read_back_mismatch",
 * "canceled", …), or a source that may come back ("source_unreachable", "spool_full").
 * STATUS_REJECT: the content's side, which hardly mends by itself ("source_missing", "source_digest",
 * "source_size", "source_refused", "source_redirects", "spool_too_small", "manifest_digest",
 * "manifest_invalid", "sealed_differently"), or not at all: "source_forbidden" (by the catalogue),
 * "manifest_lost". Strings live until the callback returns. */
struct transfer_result {
	enum status status;
	struct error err;
	const char *dp_id; /* what dp.json said; NULL where it could not be read */
	const char
	        *replaces; /* where it said that it replaces the expected one: the expected id; else NULL */
	uint64_t files, bytes;
	uint64_t bytes_sent;    /* over the wire or the file system: less than bytes where files were copied
	                           there */
	const char *read_back;  /* "full" or "size" */
	int64_t retry_after_ms; /* asked for by the server (429, 503 Retry-After); 0: not */
};

struct transfer_progress {
	uint64_t bytes_done, bytes_total, files_done, files_total;
};

/* Copies what it needs of spec and takes a reference of the manifest. Returns a number to cancel by, never 0
 * and never used twice. */
uint64_t transfer_submit(struct distribution *distribution, const struct transfer_spec *spec);

/* Switch: make a staged version current, or just look. */
enum pointer_wish { POINTER_SWITCH, POINTER_READ };
struct pointer_spec {
	enum pointer_wish wish;
	const char *package_id, *version, *distribution_point;
	const char *dp_id;      /* the release's: another one there is "dp_id_changed" */
	const char *digest;     /* the seal must have it */
	const char *release_id; /* written into the pointer */
	const char *log_id;     /* fences compare only within one log */
	int32_t partition;
	int64_t fence; /* the release's offset: a pointer with a higher one of the same log is never replaced
	                */
	void (*done)(const struct pointer_result *result, void *context);
	void *context;
};

enum pointer_outcome {
	POINTER_IS_WANTED, /* the pointer shows this release: verified by reading it back */
	POINTER_IS_NEWER,  /* it shows a later release of the same log: nothing was changed */
	POINTER_IS_OTHER,  /* (READ) it shows something else, or there is none */
	POINTER_UNKNOWN,   /* see status and err: an ambiguous answer must be looked at again */
};

/* status STATUS_OK but for POINTER_UNKNOWN, where it is STATUS_RETRY with "seal_missing", "seal_differs",
 * "dp_id_changed", "dp_unreachable", "locked" (names the holder), "dp_unknown", … */
struct pointer_result {
	enum pointer_outcome outcome;
	enum status status;
	struct error err;
	const char *version;    /* what the pointer shows, where read; NULL */
	const char *release_id; /* likewise */
	bool may_have_changed;  /* a write was sent whose answer is not known: re-check */
	int64_t retry_after_ms;
};

uint64_t pointer_submit(
        struct distribution *distribution, const struct pointer_spec *spec); /* as transfer_submit() */

/* Look: what lies there, as it is; nothing is changed. What it should be is the caller's to know. */
enum inspect_wish {
	INSPECT_IDENTITY, /* who it says it is */
	INSPECT_POINTER,  /* a package's pointer */
	INSPECT_COPY,     /* a version's seal, and with content every file that it names */
	INSPECT_PACKAGES, /* what in its base is named as a package; can_list only */
	INSPECT_VERSIONS, /* which versions of a package have a seal; can_list only */
};
struct inspect_spec {
	enum inspect_wish wish;
	const char *distribution_point, *package_id, *version;
	bool content;       /* COPY: read every file; only where the seal has … */
	const char *digest; /* … this digest: else there is nothing to compare with */
	void (*differs)(const struct inspect_file *file, void *context); /* each file that is not as sealed */
	void (*done)(const struct inspect_result *result, void *context);
	void *context;
};

struct inspect_file {
	const char *path;
	const struct error *err; /* RETRY: it could not be read, and the rest says nothing; OK: it was */
	bool found;
	uint64_t size, wanted_size;
	const char *digest, *wanted_digest; /* digest "": not read, since it is too large */
};

/* status as in a transfer's result, of the distribution point's side: RETRY: not found out; REJECT: what lies
 * there cannot be read ("dp_error": it is far too large). All is valid until the callback returns. */
struct inspect_result {
	enum status status;
	struct error err;
	bool can_list;     /* folders can be listed here and links be read; known behind any inspection */
	const char *dp_id; /* IDENTITY */
	const char *const *replaces;
	size_t replaces_count;
	bool found;                    /* there is a pointer, a seal */
	const struct current *pointer; /* NULL: what is found cannot be read as one */
	const char *link; /* POINTER where can_list: where the link beside it leads; NULL: there is none */
	char digest[DIGEST_SIZE]; /* the seal's; "": far too large for one */
	uint64_t files, bytes;    /* COPY: how many were read */
	const char *const *names; /* PACKAGES, VERSIONS: sorted */
	size_t name_count;
};

uint64_t inspect_submit(
        struct distribution *distribution, const struct inspect_spec *spec); /* as transfer_submit() */

/* A wish, from any thread, also when the transfer or pointer is done already (then nothing happens): done
 * still comes exactly once, perhaps with STATUS_OK, else as "canceled". */
void distribution_cancel(struct distribution *distribution, uint64_t submission);

/* True where the distribution point itself refuses an older fence (a lock, a proven conditional write), so
 * that a stalled twin's late switch cannot take effect. */
bool distribution_refuses_older_fences(struct distribution *distribution, const char *distribution_point);

/* Who each distribution point says it is. The watch reads every dp.json at start and every interval_ms, and
 * calls seen (from the I/O thread) when one was read for the first time or changed. */
struct identity_seen {
	const char *distribution_point, *dp_id;
	const char *const *replaces; /* ids whose content is confirmed lost */
	size_t replaces_count;
};
void distribution_watch(struct distribution *distribution, int64_t interval_ms,
        void (*seen)(const struct identity_seen *seen, void *context), void *context);

/* `dp init`: writes dp.json once. Blocks, bounded by the time-outs. replace: the DP's content is confirmed
 * lost: a new id that replaces the one there (or remembered in *replaced by the operator). STATUS_REJECT
 * "already_initialised" where one is there and replace is false: then *ret_dp_id is what it is. */
enum { DP_ID_SIZE = 37 };
must_check enum status distribution_init_point(struct distribution *distribution, const char *name,
        bool replace, const char *replaced, char ret_dp_id[DP_ID_SIZE], struct error *err);

#endif
