#ifndef AUDITOR_FACT_SCAN_H
#define AUDITOR_FACT_SCAN_H

#include "auditor/log/fact.h"

/* Reads the records that our own programs write, which are nearly all: flat, in plain ASCII without escapes,
 * of known fields. It is many times faster than schemas/json.h and never more lenient: of whatever it does
 * not understand, well-formed or not, it says so, and schemas/json.h is asked. What it does understand it
 * reads as that would. */
struct fact_scanner;
struct fact_scanner *fact_scanner_new(void);
void fact_scanner_free(struct fact_scanner *scanner); /* NULL is fine */

/* Fills in fact, whose topic is set and whose other fields are blank; false: not understood, and fact is to
 * be blanked again. Views look into value. */
bool fact_scan(struct fact_scanner *scanner, struct view value, struct fact *fact);

/* fact_read() by schemas/json.h alone: what tests compare it with. */
void fact_read_slowly(struct fact_reader *reader, const struct replay_record *record,
        const struct replay *replay, struct fact *ret);

#endif
