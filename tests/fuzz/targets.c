#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>

const struct fuzz_target fuzz_targets[] = {
        {"job", fuzz_job, "job"},
        {"staged", fuzz_staged, "staged"},
        {"updated", fuzz_updated, "updated"},
        {"status", fuzz_status, "status"},
        {"manifest", fuzz_manifest, "manifest"},
        {"current", fuzz_current, "current"},
        {"identity", fuzz_identity, "dp"},
        {"catalogue", fuzz_catalogue, "catalogue"},
        {"url", fuzz_url, NULL},
        {"gate_rows", fuzz_gate_rows, NULL},
        {"switch_rows", fuzz_switch_rows, NULL},
        {"position", fuzz_position, NULL},
        {"headers", fuzz_headers, NULL},
        {"options", fuzz_options, NULL},
        {"facts", fuzz_facts, "*"},
        {"dump", fuzz_dump, NULL},
        {0},
};

void fuzz_failed(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
	abort();
}

uint64_t fuzz_outcome;

void fuzz_note(struct view what)
{
	for (size_t i = 0; i < what.len; i++)
		fuzz_outcome =
		        (fuzz_outcome ^ (unsigned char)what.data[i]) * UINT64_C(1099511628211); /* FNV-1a */
	fuzz_outcome = fuzz_outcome * 31 + 1;
}

void fuzz_note_status(enum status status, const struct error *err)
{
	fuzz_note((struct view){(const char *)&status, sizeof(status)});
	if (status != STATUS_OK)
		fuzz_note(view_text(err->code));
}

bool fuzz_piece(struct view *input, struct view *ret)
{
	if (input->len == 0)
		return false;
	size_t len = (unsigned char)*input->data++;

	input->len--;
	if (len > input->len)
		len = input->len;
	*ret = (struct view){input->data, len};
	input->data += len;
	input->len -= len;
	return true;
}
