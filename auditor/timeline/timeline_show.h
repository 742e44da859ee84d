#ifndef AUDITOR_TIMELINE_SHOW_H
#define AUDITOR_TIMELINE_SHOW_H

#include "auditor/timeline/timeline.h"

/* How a timeline is shown. */
struct timeline_view {
	FILE *out;
	bool colour;
	int width;         /* of the terminal; 0: none, lines are as long as they are */
	int64_t now_ms;    /* until when what is open has lasted */
	const bool *shown; /* of each event */
	size_t shown_count;
	int job; /* the one job that is asked for, or -1 */
};

/* What an event says: a sign, its colour ("" for none), words, and where there is more to say, why. */
struct timeline_words {
	const char *sign, *colour;
	struct buffer text, why;
};
void timeline_words_init(struct timeline_words *words);
void timeline_words_release(struct timeline_words *words);
void timeline_words_of(
        const struct timeline *timeline, const struct timeline_event *event, struct timeline_words *ret);
const char *timeline_state_colour(const char *state); /* "" for none */

void timeline_print_events(const struct timeline *timeline, const struct timeline_view *view);
void timeline_print_chart(const struct timeline *timeline, const struct timeline_view *view);
void timeline_put_json(
        const struct timeline *timeline, const struct timeline_event *event, struct buffer *out);

#endif
