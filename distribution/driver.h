#ifndef DISTRIBUTION_DRIVER_H
#define DISTRIBUTION_DRIVER_H

#include "base/digest.h"
#include "base/error.h"
#include "distribution/parcel.h"

#include <stdbool.h>
#include <stdint.h>

/* What a kind of distribution point can do. A driver carries out single operations and judges their errors;
 * all distrust (read-back, order, seals) lives above, in transfer.c and pointer.c, the same for every kind.
 *
 * Paths are relative to the DP's base, '/'-separated, safe (layout.h builds them all). A wrapper (throttle,
 * faults) is a driver around a driver: one function. submit never fails: the result says, and done() is
 * called exactly once, in the I/O thread, never from within submit. After cancel, done still comes, soon. */
enum operation_kind {
	OPERATION_READ,  /* a small whole file (≤ size_max) into result.data */
	OPERATION_WRITE, /* data → path, replacing, atomically where the kind can, parents made; durable on
	                    file kinds */
	OPERATION_PUT, /* size bytes of fd from offset 0 → path, replacing, parents made, executable bit where
	                  there is one */
	OPERATION_HASH, /* read the whole file back: result.size and result.digest. size_max: a larger one is
	                   not read to its end: its digest is "", its size what is known; 0: no limit */
	OPERATION_STAT, /* result.size of a file; found says whether it (or a folder) is there */
	OPERATION_COPY, /* file `from` → path on the DP itself, parents made */
	OPERATION_MOVE, /* file or folder `from` → path, parents made; replace false: result.exists where path
	                   is there; durable after SETTLE */
	OPERATION_REMOVE, /* file or whole folder; nothing there is fine */
	OPERATION_SETTLE, /* all that was written below path before is durable when done */
	OPERATION_POINT,  /* can.point only: data → path under a lock, if check(current bytes, context) says
	                     so; and a symlink `link` → `link_target` beside it, both by rename. Where the
	                     current bytes equal data the link is mended, whatever check said: a crash may
	                     have left it behind. link: a path below the base like path; NULL: none */
	OPERATION_LIST, /* can.list only: the names in folder path ("": the base) into result.data, each with
	                   a NUL behind it, in no order, at most size_max bytes */
	OPERATION_PUT_PARCEL,   /* can.parcels only: each file of the parcel, from its data or copied, → its
	                           path, as PUT and COPY do; durable only with `lasting`, else after SETTLE.
	                           result.right: those that are there now */
	OPERATION_CHECK_PARCEL, /* can.parcels only: result.right: those that lie at their path with their
	                           size and, with `full`, their digest: read from the device where they are
	                           settled */
	OPERATION_LINK, /* can.list only: where the symbolic link at path leads into result.data, never
	                   followed; absent where something else is there */
};

static inline bool operation_is_change(enum operation_kind kind)
{
	return kind != OPERATION_READ && kind != OPERATION_HASH && kind != OPERATION_STAT &&
	       kind != OPERATION_LIST && kind != OPERATION_LINK && kind != OPERATION_CHECK_PARCEL;
}

enum point_verdict { POINT_REPLACE, POINT_KEEP };

struct operation {
	enum operation_kind kind;
	const char *path, *from; /* owned by the submitter until done */
	struct view data;        /* WRITE, POINT, and for goes_on(); the submitter's until done */
	int fd;                  /* PUT: read with pread only, shared between operations; the submitter's */
	uint64_t size;   /* PUT; HASH and COPY: what it should be, for pacing and time-outs; 0: unknown */
	bool executable; /* PUT, COPY */
	bool replace;    /* MOVE */
	bool folder;     /* MOVE, REMOVE: a hint that path (and from) are folders; saves HTTP a request */
	struct parcel *parcel; /* PUT_PARCEL, CHECK_PARCEL; the submitter's. path: of one of its files */
	bool lasting;          /* PUT_PARCEL: each file is durable when done */
	bool full;             /* CHECK_PARCEL */
	const void *flow;      /* those of one flow take turns with others'; an address, never followed */
	uint64_t size_max;     /* READ, LIST, HASH */
	const char *link, *link_target;                                  /* POINT */
	enum point_verdict (*check)(struct view current, void *context); /* POINT: current absent where there
	                                                                    is none; runs on a pool thread */
	void *check_context;
	void (*moved)(struct operation *operation,
	        uint64_t bytes_so_far); /* PUT, HASH: for progress, I/O thread; NULL */
	void (*done)(struct operation *operation);
	void *context; /* the submitter's */

	/* What is wanted next if this one ends well, and goes_on() says so (NULL: it does): a driver may do
	 * it in the same go, without asking, and then its result says reached. So done() is called for the
	 * first one only. goes_on() is called on any thread: it looks at nothing but the operation, and what
	 * it compares the result with is in data. */
	struct operation *next;
	bool (*goes_on)(const struct operation *operation);

	struct {
		bool reached;       /* of those behind the first: it was carried out, or begun */
		enum status status; /* OK also where found is false. RETRY: may work later; REJECT: this DP
		                       cannot do it */
		struct error err;   /* err.status is always the same */
		bool found;         /* READ, STAT, HASH, LIST, LINK, COPY and MOVE (of `from`) */
		bool exists;        /* MOVE without replace: path was there, nothing moved */
		bool ambiguous;     /* a change was sent and its answer never came: it may have happened */
		bool kept;          /* POINT: check said POINT_KEEP */
		parcel_set right;   /* PUT_PARCEL, CHECK_PARCEL; the others are worth a try alone */
		uint64_t size;
		char digest[DIGEST_SIZE];
		char *data; /* READ, LIST, LINK, and POINT (what was there before): malloc'ed, the
		               submitter's to free */
		size_t len;
		int64_t retry_after_ms;
	} result;

	void *driver_private; /* the driver's until done */
};

static inline struct operation operation_read(const char *path, uint64_t size_max)
{
	return (struct operation){.kind = OPERATION_READ, .path = path, .size_max = size_max};
}

static inline struct view operation_data(const struct operation *operation) /* absent where there is none */
{
	return (struct view){operation->result.data, operation->result.data ? operation->result.len : 0};
}

struct driver_can {       /* false until probed */
	bool move;        /* MOVE of folders, refusing to overwrite when asked */
	bool copy;        /* COPY of files */
	bool point;       /* POINT: refuses older fences under a lock */
	bool durable;     /* SETTLE means something */
	bool parcels;     /* PUT_PARCEL and CHECK_PARCEL */
	bool list;        /* LIST and LINK: a file system */
	bool point_lasts; /* POINT's lock cannot be lost while its holder is stopped (a local file system): a
	                     stalled twin's late switch is refused */
};

struct driver;
struct driver_ops {
	void (*submit)(struct driver *driver, struct operation *operation);
	void (*cancel)(struct driver *driver, struct operation *operation);
	void (*close)(struct driver *driver); /* all operations are done by then */
};
struct driver {
	const struct driver_ops *ops;
	struct driver_can can; /* set by the time the first READ (of dp.json) is done */
	bool read_only; /* set right after opening: it gets no changes, and makes none of its own accord (no
	                   trials, no expiry of old uploads) */
};

#endif
