#ifndef PRODUCER_TERMINAL_H
#define PRODUCER_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* What people see: colours and bars on a terminal only, and no colours where NO_COLOR is set. */
#define COLOUR_RED "\033[31m"
#define COLOUR_GREEN "\033[32m"
#define COLOUR_YELLOW "\033[33m"
#define COLOUR_DIM "\033[2m"
#define COLOUR_BOLD "\033[1m"
#define COLOUR_OFF "\033[0m"

bool terminal_is(FILE *stream); /* can it be redrawn in place? */
bool terminal_has_colour(FILE *stream);
int terminal_width(FILE *stream);

/* "[########------------]  40 %"; total 0: nothing known. */
enum { BAR_SIZE = 48 };
void bar_format(uint64_t done, uint64_t total, char text[BAR_SIZE]);
/* "12.3 MB": powers of 1000, at most three digits before the point. */
enum { BYTES_SIZE = 16 };
void bytes_format(uint64_t bytes, char text[BYTES_SIZE]);

/* One line on stderr that is redrawn while something long goes on; nothing where stderr is no terminal or the
 * work is done within a second. */
struct meter {
	const char *label, *unit;
	int64_t started_ms, drawn_ms;
	bool shown;
};
void meter_start(struct meter *meter, const char *label, const char *unit);
void meter_show(
        struct meter *meter, uint64_t done, uint64_t total); /* cheap: draws at most ten times a second */
void meter_end(struct meter *meter);                         /* wipes the line */

#endif
