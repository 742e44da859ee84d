/* How a watch is shown. */
#include "producer/screen.h"

#include "base/timestamp.h"
#include "command/command.h"
#include "command/terminal.h"
#include "schemas/json.h"

#include <string.h>

enum { DRAW_INTERVAL_MS = 100, TELL_INTERVAL_MS = 5000, LINES_MAX = 20, LINE_SIZE = 1024 };

void screen_init(struct screen *screen, FILE *out, bool json)
{
	*screen = (struct screen){.out = out,
	        .json = json,
	        .live = !json && terminal_is(out),
	        .colour = !json && terminal_has_colour(out)};
}

static const char *colour_of(const char *state)
{
	if (strcmp(state, "completed") == 0 || strcmp(state, "updated") == 0 || strcmp(state, "staged") == 0)
		return COLOUR_GREEN;
	if (strcmp(state, "failed") == 0 || strcmp(state, "rejected") == 0 || strcmp(state, "expired") == 0)
		return COLOUR_RED;
	if (strcmp(state, "retrying") == 0 || strcmp(state, "held") == 0)
		return COLOUR_YELLOW;
	return "";
}

static void add_state(const struct screen *screen, const char *state, struct buffer *line)
{
	const char *colour = screen->colour ? colour_of(state) : "";

	buffer_add_format(line, "%s%s%s", colour, state, *colour ? COLOUR_OFF : "");
}

static void add_why(const char *reason, const char *detail, struct buffer *line)
{
	char words[ERROR_MESSAGE_MAX];

	if (detail[0])
		buffer_add_format(line, ": %s", printable(detail, words, sizeof(words)));
	if (reason[0])
		buffer_add_format(line, " (%s)", reason);
}

static void job_line(const struct screen *screen, const struct watch *watch, struct buffer *line)
{
	bool held = strcmp(watch->state, "held") == 0 && watch->targets;
	bool released = held && watch->staged >= watch->targets;

	buffer_add_format(line, "%s ", watch->job_id);
	add_state(screen, released ? "released" : watch->state[0] ? watch->state : "sent", line);
	if (held && !released)
		buffer_add_format(line, ", staged on %u of %u", watch->staged, watch->targets);
	add_why(watch->reason, watch->detail, line);
}

static void add_bytes(const struct watch_point *point, bool bar, struct buffer *line)
{
	char drawn[BAR_SIZE], done[BYTES_SIZE], total[BYTES_SIZE];

	bar_format(point->bytes_done, point->bytes_total, drawn);
	bytes_format(point->bytes_done, done);
	bytes_format(point->bytes_total, total);
	buffer_add_format(line, " %s %s of %s", bar ? drawn : strchr(drawn, ']') + 2, done, total);
}

static void point_line(const struct screen *screen, const struct watch *watch,
        const struct watch_point *point, bool bar, struct buffer *line)
{
	char at[TIMESTAMP_SIZE];
	bool moving = point->bytes_total > 0 && !watch->final;

	buffer_add_format(line, bar ? "  %-16s " : "%s ", point->name);
	add_state(screen, moving ? "staging" : point->state[0] ? point->state : "pending", line);
	if (moving)
		add_bytes(point, bar, line);
	if (point->attempt > 1)
		buffer_add_format(line, ", attempt %u", point->attempt);
	if (point->next_retry_ms && !moving) {
		timestamp_format(point->next_retry_ms, at);
		buffer_add_format(line, ", again at %s", at);
	}
	if (!moving) /* else it is of the attempt before */
		add_why(point->reason, point->detail, line);
}

/* Prints a line, cut to the terminal's width where it is redrawn; colours take no room. */
static void put_line(const struct screen *screen, struct buffer *line)
{
	int room = screen->live ? terminal_width(screen->out) - 1 : LINE_SIZE;

	for (const char *at = line->data; *at; at++) {
		if (*at == '\033') {
			const char *end = strchr(at, 'm');

			fwrite(at, 1, (size_t)(end - at + 1), screen->out);
			at = end;
		} else if (((unsigned char)*at & 0xc0) == 0x80 || room-- > 0) {
			if (room >= 0)
				fputc(*at, screen->out);
		}
	}
	fputs(screen->live ? "\033[K\n" : "\n", screen->out);
}

static void draw(struct screen *screen, const struct watch *watch)
{
	struct buffer line;
	size_t shown = watch->point_count < LINES_MAX ? watch->point_count : LINES_MAX;

	buffer_init(&line, LINE_SIZE * 4);
	if (screen->lines)
		fprintf(screen->out, "\033[%dA\r", screen->lines);
	job_line(screen, watch, &line);
	put_line(screen, &line);
	for (size_t i = 0; i < shown; i++) {
		buffer_clear(&line);
		point_line(screen, watch, &watch->points[i], true, &line);
		put_line(screen, &line);
	}
	if (shown < watch->point_count) {
		buffer_clear(&line);
		buffer_add_format(&line, "  and %zu more", watch->point_count - shown);
		put_line(screen, &line);
	}
	screen->lines = 1 + (int)shown + (shown < watch->point_count);
	fputs("\033[J", screen->out);
	fflush(screen->out);
	buffer_release(&line);
}

/* One line a change; progress at most every few seconds. */
static void tell(struct screen *screen, const struct watch *watch, enum watch_news news,
        const struct watch_point *point, int64_t now_ms)
{
	struct buffer line;

	if (news == WATCH_PROGRESS && now_ms - screen->told_ms < TELL_INTERVAL_MS)
		return;
	if (news == WATCH_PROGRESS)
		screen->told_ms = now_ms;
	buffer_init(&line, LINE_SIZE * 4);
	if (news == WATCH_DUPLICATE)
		buffer_add_format(&line, "%s was sent before, as jobs/%d@%lld: following that", watch->job_id,
		        (int)watch->position.partition, (long long)watch->position.offset);
	else if (point)
		point_line(screen, watch, point, false, &line);
	else
		job_line(screen, watch, &line);
	put_line(screen, &line);
	fflush(screen->out);
	buffer_release(&line);
}

void screen_show(struct screen *screen, const struct watch *watch, enum watch_news news,
        const struct watch_point *point, struct view record, int64_t now_ms)
{
	if (news == WATCH_NOTHING)
		return;
	if (screen->json) {
		fwrite(record.data, 1, record.len, screen->out);
		fputc('\n', screen->out);
		fflush(screen->out);
		return;
	}
	if (!screen->live) {
		tell(screen, watch, news, point, now_ms);
		return;
	}
	screen->stale = true;
	screen_idle(screen, watch, now_ms);
}

void screen_idle(struct screen *screen, const struct watch *watch, int64_t now_ms)
{
	if (!screen->live || !screen->stale || now_ms - screen->drawn_ms < DRAW_INTERVAL_MS)
		return;
	screen->drawn_ms = now_ms;
	screen->stale = false;
	draw(screen, watch);
}

void screen_end(struct screen *screen, const struct watch *watch)
{
	if (screen->live && (screen->stale || !screen->lines))
		draw(screen, watch);
	if (!screen->json)
		return;
	struct buffer out;

	buffer_init(&out, LINE_SIZE * 4);
	json_begin(&out, '{');
	json_put_text(&out, "type", "end");
	json_put_text(&out, "job_id", watch->job_id);
	json_put_text(&out, "package_id", watch->package_id);
	json_put_text(&out, "state", watch->final ? watch->state : "unknown");
	json_put_text(&out, "reason", watch->reason[0] ? watch->reason : NULL);
	json_end(&out, '}');
	fprintf(screen->out, "%s\n", out.data);
	fflush(screen->out);
	buffer_release(&out);
}
