#ifndef UPDATER_SWITCH_CODEC_H
#define UPDATER_SWITCH_CODEC_H

#include "updater/switch.h"

/* The switch's rows and records as bytes.
 *
 * Rows of a package, each beginning with a schema version:
 *   s/<version>/<dp>                             what is staged there
 *   d/<dp>                                       what should be current there, what is, and the attempt
 *   j/<job id>/<partition>-<offset>/<dp>         how a job that goes on ended there
 *   e                                            which jobs ended last
 * Ids and digests in their usual forms are packed as the bits that they are. */
/* Schema 1 had points without their release's time. */
enum { SWITCH_ROW_SCHEMA = 2, SWITCH_ROW_MAX = 4096, SWITCH_RECORD_MAX = 900000 };

/* For a row fact: its name, and its value (empty where it is gone). */
void switch_row_write(const struct switch_fact *fact, struct buffer *name, struct buffer *value);
bool switch_fact_is_row(const struct switch_fact *fact);

/* Every row that the state has, as facts to be written. False, and none: it has an attempt that may be under
 * way, whose answer nobody would know after its rows were loaded again. */
bool switch_rows(const struct switch_state *state, void (*row)(const struct switch_fact *row, void *context),
        void *context);

/* For UPDATED and the statuses: the record's JSON. */
void switch_record_write(const struct switch_fact *fact, struct buffer *value);

/* One row as last written; in any order. STATUS_FATAL: "newer_schema", "row_damaged". */
must_check enum status switch_row_load(
        struct switch_state *state, struct view name, struct view value, struct error *err);

#endif
