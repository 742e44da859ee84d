#ifndef AUDITOR_SCAN_H
#define AUDITOR_SCAN_H

#include "base/bytes.h"

#include <stdbool.h>

/* JSON text taken piece by piece, without judging it: of text that was judged before, or that is taken as it
 * is. All of them advance *in behind what they take, and leave it where it is when they take nothing. */

/* A bracket, comma or colon, and white space before it. */
bool scan_mark(struct view *in, char mark);

/* Any value: strings with their quotes, objects and arrays with their brackets. */
bool scan_value(struct view *in, struct view *ret);

/* Appends the bytes of a string with its quotes; false where it is none, or an escape in it is none. */
bool scan_text(struct view text, struct buffer *out);

#endif
