#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include "base/bytes.h"
#include "base/error.h"

#include <stdbool.h>

/* A target takes any bytes, gives them to one decoder, and says what must be true of whatever comes out. The
 * same targets are driven by libFuzzer (entry.c), by the corpora (replay.c) and with failing allocations
 * (tests/fuzz/alloc.c). */
struct fuzz_target {
	const char *name;
	void (*run)(struct view input);
	const char *vectors; /* folder of schemas/vectors whose files are seeds too; NULL: none */
};

extern const struct fuzz_target fuzz_targets[]; /* ends with name NULL */

/* Prints what does not hold, and aborts. */
#define fuzz_require(holds) ((holds) ? (void)0 : fuzz_failed(__FILE__, __LINE__, #holds))
void fuzz_failed(const char *file, int line, const char *what) __attribute__((noreturn));

/* What a target made of its input, summed up: two runs on one input must come to the same. */
extern uint64_t fuzz_outcome;
enum { FUZZ_NO_MEMORY = 1 }; /* the outcome of one that was told so, in an error's words */
void fuzz_note(struct view what);
void fuzz_note_status(enum status status, const struct error *err); /* err: of one that is not OK */

/* Takes the next piece of input, a length byte and so many bytes (fewer at the end). False: none is left. */
bool fuzz_piece(struct view *input, struct view *ret);

void fuzz_job(struct view input);
void fuzz_staged(struct view input);
void fuzz_updated(struct view input);
void fuzz_status(struct view input);
void fuzz_manifest(struct view input);
void fuzz_current(struct view input);
void fuzz_identity(struct view input);
void fuzz_catalogue(struct view input);
void fuzz_url(struct view input);
void fuzz_gate_rows(struct view input);
void fuzz_switch_rows(struct view input);
void fuzz_position(struct view input);
void fuzz_headers(struct view input);
void fuzz_options(struct view input);
void fuzz_facts(struct view input);
void fuzz_dump(struct view input);

#endif
