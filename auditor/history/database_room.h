#ifndef AUDITOR_DATABASE_ROOM_H
#define AUDITOR_DATABASE_ROOM_H

#include "auditor/history/database.h"

/* What the files behind database.h share: database.c speaks with SQLite, batches.c knows how far each lane
 * was read and what is committed with what, projection.c turns a fact into rows. */
struct database {
	struct sqlite3 *handle;
	char *name, *prefix; /* name: as people know it */
	unsigned flags;
	int64_t deadline_ms;           /* see database_set_time() */
	struct batches *batches;       /* of one that is filled */
	struct projection *projection; /* the same */
};

must_check enum status database_exec(struct database *database, const char *sql, struct error *err);

struct batches *batches_new(void);
void batches_free(struct batches *batches);
/* As the table lane has them. */
must_check enum status batches_load(struct database *database, struct error *err);

struct projection *projection_new(struct database *database);
void projection_free(struct projection *projection);
must_check enum status projection_put_fact(
        struct projection *projection, const struct fact *fact, struct view value, struct error *err);
must_check enum status projection_put_lane(struct projection *projection, enum log_topic topic,
        int32_t partition, int64_t next_offset, int64_t last_logged, struct error *err);
/* Runs a statement that gives no row, and resets it. */
must_check enum status query_run(struct query *query, struct error *err);

#endif
