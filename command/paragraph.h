#ifndef COMMAND_PARAGRAPH_H
#define COMMAND_PARAGRAPH_H

#include <stdbool.h>
#include <stdio.h>

/* Words in lines that fit: the first goes on where the cursor is, at column, the others are indented. width:
 * the terminal's; 0: none, all in one line. Control characters become '?'. No newline behind the last. */
void paragraph_print(FILE *out, const char *words, int column, int indent, int width);

/* A terminal's width; 0 where out is none. */
int paragraph_width(FILE *out);
bool paragraph_is_narrow(FILE *out); /* a terminal on which tables need short words */

#endif
