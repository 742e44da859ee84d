#ifndef DISTRIBUTION_STAGING_H
#define DISTRIBUTION_STAGING_H

#include "distribution/ahead.h"
#include "distribution/delivery.h"
#include "distribution/identity.h"
#include "distribution/shelf.h"
#include "distribution/source_parcel.h"
#include "distribution/step.h"
#include "distribution/transfer.h"

#include "base/map.h"

/* Inside a staging: shared by transfer.c (the order of things), transfer_manifest.c (which content),
 * transfer_seal.c (the seal at its end), transfer_step.c (one operation at a time), transfer_files.c (its
 * files, many at once), transfer_parcels.c (many small ones in one step), transfer_ahead.c (several steps in
 * one go). */
struct staging {
	struct room *room;
	struct site *site;
	struct catalogue *catalogue; /* a reference: what was current at its start */
	uint64_t began;              /* as source_parcels_now() tells the time */
	void (*ended)(struct staging *staging, void *context);
	void *ended_context;

	/* what is wanted */
	char *package, *version, *point, *expected_dp_id, *manifest_url, *digest, *attempt, *base_version;
	struct manifest *manifest;
	void (*done)(const struct transfer_result *result, void *context);
	void (*progress)(const struct transfer_progress *progress, void *context);
	void *context;

	/* where */
	char *attempts, *folder, *content, *seal;
	char *base_seal;         /* of the version that may be copied from; NULL: none */
	char *first;             /* the path of the content's first file */
	struct buffer seal_text; /* what is written there */

	/* what the steps that follow will find done */
	struct ahead ahead;
	void (*went_ahead)(struct staging *staging);
	struct parcel *to_send, *to_check; /* all the files, where they go ahead */
	struct source_parcel *reading;     /* to_send */

	/* one thing at a time */
	struct step step;
	struct manifest_work *work;
	struct manifest_ask *ask;
	struct error err; /* the first failure; OK: none yet */
	bool canceled;
	struct agenda_entry later;
	void (*settled)(struct staging *staging);

	/* what was learnt */
	struct identity identity;
	bool identity_known, sealed, uploaded;
	bool from_seal; /* manifest is the sealed one, without URLs */
	unsigned seal_reads, seal_writes;
	int64_t retry_after_ms;
	char *base_content;         /* of the version to copy from; NULL: none */
	struct map *base_by_digest; /* digest → struct manifest_file, of base */
	struct manifest *base;

	/* a pass over the files */
	bool checking;
	void (*passed)(struct staging *staging); /* after the last one, also where one failed */
	size_t next, under_way;
	size_t *alone; /* files that came out of a parcel not as they should be */
	size_t alone_count, alone_room;
	LIST_HEAD(, delivery) deliveries;
	LIST_HEAD(, bundle) bundles;
	bool mended;
	uint64_t bytes_done, files_done, bytes_sent;
	bool counted; /* by an earlier pass */
	int64_t told_ms;
};

/* What a staging asks of its distribution point, besides its files. */
enum staging_wish {
	STAGING_IDENTIFY,
	STAGING_READ_SEAL,
	STAGING_READ_BASE_SEAL,
	STAGING_CLEAN,
	STAGING_LOOK, /* for the content's first file */
	STAGING_PLACE,
	STAGING_SETTLE,
	STAGING_WRITE_SEAL,
	STAGING_REMOVE_SEAL,
};

/* transfer_step.c: one operation at a time, the same whether it is run or told ahead; took() begins with one
 * of the questions. */
struct operation staging_operation(const struct staging *staging, enum staging_wish wish);
void staging_run(struct staging *staging, enum staging_wish wish, void (*took)(struct step *step));
bool staging_is_over(struct staging *staging);    /* true, and it ends: it was canceled, or err says so */
bool staging_has_failed(struct staging *staging); /* likewise, or because of what the step came to */
char *staging_take_data(struct staging *staging, struct view *ret); /* of a READ; the caller's to free() */
void staging_wind_up(struct staging *staging); /* removes what was uploaded and not placed, and ends */
void staging_finish(struct staging *staging);  /* ends */

/* The parts, in their order; each goes on with the next. */
void staging_read_seal(struct staging *staging);      /* transfer_manifest.c */
void staging_get_manifest(struct staging *staging);   /* transfer_manifest.c */
void staging_clean(struct staging *staging);          /* transfer.c: clean, send, place, … */
void staging_check(struct staging *staging);          /* transfer.c: check, settle, identity, … */
void staging_write_seal(struct staging *staging);     /* transfer_seal.c */
void staging_make_seal_text(struct staging *staging); /* transfer_seal.c */

/* transfer_files.c. Every file is sent to the attempt's folder (or straight to its place), or is checked in
 * its place. Ends with passed(), not from within; staging->err says whether one failed. */
void staging_send_files(struct staging *staging, void (*passed)(struct staging *staging));
void staging_check_files(struct staging *staging, void (*passed)(struct staging *staging));
void staging_cancel_files(struct staging *staging);
char *staging_path_to_send(const struct staging *staging, const struct manifest_file *file);
char *staging_path_to_check(const struct staging *staging, const struct manifest_file *file);
char *staging_path_to_copy(const struct staging *staging, const struct manifest_file *file); /* NULL: none */
void staging_count_file(struct staging *staging, uint64_t size, bool from_source);           /* it is done */
void staging_take_alone(struct staging *staging, size_t index);                              /* it is not */
void staging_go_on(struct staging *staging); /* behind one of these, when under_way went down */

/* transfer_parcels.c: from staging->next on; false: that file does not go into a parcel. */
bool staging_start_parcel(struct staging *staging);
void staging_cancel_parcels(struct staging *staging);
/* All files in one, to be sent, or checked (ret_source NULL); NULL: they do not fit. */
struct parcel *staging_pack_whole(
        const struct staging *staging, bool checking, const struct catalogue_source **ret_source);
struct operation staging_parcel_operation(
        const struct staging *staging, enum operation_kind kind, struct parcel *parcel);
struct source_parcel *staging_read_parcel(struct staging *staging, const struct catalogue_source *source,
        struct parcel *parcel, source_parcel_done *done, void *context);

/* transfer_ahead.c. then() comes exactly once, not from within; false: never, since nothing can be done
 * ahead. */
void staging_look_ahead(struct staging *staging, void (*then)(struct staging *staging));
bool staging_go_ahead(struct staging *staging, void (*then)(struct staging *staging));
void staging_cancel_ahead(struct staging *staging);

#endif
