#ifndef PRODUCER_SCREEN_H
#define PRODUCER_SCREEN_H

#include "base/bytes.h"
#include "producer/watch.h"

#include <stdio.h>

/* How a watch is shown: on a terminal a few lines redrawn in place, elsewhere one line a change, or with JSON
 * the records themselves, one a line. */
struct screen {
	FILE *out;
	bool json, live, colour;
	int lines; /* drawn at the cursor's back */
	int64_t drawn_ms;
	int64_t told_ms; /* the last progress line */
	bool stale;      /* something changed since it was drawn */
};

void screen_init(struct screen *screen, FILE *out, bool json);
/* news: what changed, now_ms monotonic; record is the record it came by. */
void screen_show(struct screen *screen, const struct watch *watch, enum watch_news news,
        const struct watch_point *point, struct view record, int64_t now_ms);
void screen_idle(
        struct screen *screen, const struct watch *watch, int64_t now_ms); /* draws what is not drawn yet */
void screen_end(struct screen *screen, const struct watch *watch);         /* how it ended */

#endif
