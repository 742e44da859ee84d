/* Bars, colours and units for people. */
#include "command/terminal.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { METER_DELAY_MS = 1000, METER_INTERVAL_MS = 100, BAR_CELLS = 20 };

bool terminal_is(FILE *stream)
{
	const char *term = getenv("TERM");

	return isatty(fileno(stream)) && term && strcmp(term, "dumb") != 0;
}

bool terminal_has_colour(FILE *stream)
{
	const char *no_colour = getenv("NO_COLOR");

	return terminal_is(stream) && !(no_colour && *no_colour);
}

int terminal_width(FILE *stream)
{
	struct winsize size;

	if (ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 20)
		return size.ws_col;
	return 80;
}

void bar_format(uint64_t done, uint64_t total, char text[BAR_SIZE])
{
	char cells[BAR_CELLS + 1];
	double part = total ? (double)done / (double)total : 0;

	if (part > 1)
		part = 1;
	for (int i = 0; i < BAR_CELLS; i++)
		cells[i] = i < (int)(part * BAR_CELLS + 1e-9) ? '#' : '-';
	cells[BAR_CELLS] = '\0';
	snprintf(text, BAR_SIZE, "[%s] %3d %%", cells, (int)(part * 100 + 1e-9));
}

void bytes_format(uint64_t bytes, char text[BYTES_SIZE])
{
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
	double value = (double)bytes;
	size_t unit = 0;

	while (value >= 999.95 && unit + 1 < sizeof(units) / sizeof(*units)) {
		value /= 1000;
		unit++;
	}
	snprintf(text, BYTES_SIZE, unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
}

void meter_start(struct meter *meter, const char *label, const char *unit)
{
	*meter = (struct meter){.label = label, .unit = unit, .started_ms = clock_monotonic_ms()};
}

static void amount(const struct meter *meter, uint64_t number, char *text, size_t size)
{
	char bytes[BYTES_SIZE];

	if (meter->unit) {
		snprintf(text, size, "%ju %s", (uintmax_t)number, meter->unit);
		return;
	}
	bytes_format(number, bytes);
	snprintf(text, size, "%s", bytes);
}

void meter_show(struct meter *meter, uint64_t done, uint64_t total)
{
	int64_t now = clock_monotonic_ms(), elapsed = now - meter->started_ms;
	char bar[BAR_SIZE] = "", have[40], rate[40];

	if (elapsed < METER_DELAY_MS || now - meter->drawn_ms < METER_INTERVAL_MS || !terminal_is(stderr))
		return;
	meter->drawn_ms = now;
	meter->shown = true;
	if (total)
		bar_format(done, total, bar);
	amount(meter, done, have, sizeof(have));
	amount(meter, (uint64_t)((double)done * 1000 / (double)elapsed), rate, sizeof(rate));
	fprintf(stderr, "\r\033[K%s %s %s, %s/s", meter->label, bar, have, rate);
	fflush(stderr);
}

void meter_end(struct meter *meter)
{
	if (!meter->shown)
		return;
	fputs("\r\033[K", stderr);
	fflush(stderr);
}
