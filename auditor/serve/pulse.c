#include "auditor/serve/pulse.h"

#include "base/map.h"
#include "base/memory.h"
#include "schemas/json.h"

#include <stdlib.h>

enum { EVENT_MAX = 64 << 10 };

struct pulse {
	struct broadcast *broadcast;
	struct map *packages; /* package → itself */
	bool anything, many, jobs, dead_letters;
	bool told, told_caught_up;
	int64_t sent_ms;
	struct buffer out;
};

struct pulse *pulse_new(struct broadcast *broadcast)
{
	struct pulse *pulse = memory_alloc(sizeof(*pulse));

	pulse->broadcast = broadcast;
	pulse->packages = map_new();
	buffer_init(&pulse->out, EVENT_MAX);
	return pulse;
}

void pulse_free(struct pulse *pulse)
{
	if (!pulse)
		return;
	map_free(pulse->packages, NULL);
	buffer_release(&pulse->out);
	free(pulse);
}

void pulse_note(struct pulse *pulse, const struct fact *fact)
{
	pulse->anything = true;
	pulse->jobs = pulse->jobs || fact->topic == LOG_JOBS || fact->type == FACT_JOB_STATUS ||
	              fact->type == FACT_DUPLICATE;
	pulse->dead_letters = pulse->dead_letters || fact->topic == LOG_DLQ;
	if (pulse->many || fact->topic == LOG_DLQ || !fact->package.len ||
	        map_get(pulse->packages, fact->package))
		return;
	if (map_count(pulse->packages) == PULSE_PACKAGES_MAX)
		pulse->many = true;
	else
		map_put(pulse->packages, fact->package, pulse);
}

static void add_package(struct view key, void *value, void *out)
{
	(void)value;
	json_add_view(out, key);
}

static void begin(struct buffer *out, const char *event, int64_t read_until_ms, bool caught_up)
{
	buffer_add_format(out, "event: %s\ndata: ", event);
	buffer_add_text(out, "{");
	json_put_int(out, "read_until", read_until_ms);
	json_put_bool(out, "caught_up", caught_up);
}

static void end(struct buffer *out)
{
	buffer_add_text(out, "}\n\n");
}

void pulse_hello(struct buffer *out, int64_t read_until_ms, bool caught_up)
{
	begin(out, "hello", read_until_ms, caught_up);
	end(out);
}

static void add_change(struct pulse *pulse, int64_t read_until_ms, bool caught_up)
{
	struct buffer *out = &pulse->out;

	begin(out, "change", read_until_ms, caught_up);
	if (pulse->many) {
		json_put_bool(out, "many", true);
	} else {
		json_key(out, "packages");
		json_begin(out, '[');
		map_each(pulse->packages, add_package, out);
		json_end(out, ']');
	}
	json_put_bool(out, "jobs", pulse->jobs);
	json_put_bool(out, "dead_letters", pulse->dead_letters);
	end(out);
}

static void forget(struct pulse *pulse)
{
	map_free(pulse->packages, NULL);
	pulse->packages = map_new();
	pulse->anything = pulse->many = pulse->jobs = pulse->dead_letters = false;
}

void pulse_send(struct pulse *pulse, int64_t now_ms, int64_t read_until_ms, bool caught_up)
{
	bool turned = !pulse->told || pulse->told_caught_up != caught_up;

	buffer_clear(&pulse->out);
	if (turned)
		pulse_hello(&pulse->out, read_until_ms, caught_up);
	pulse->told = true;
	pulse->told_caught_up = caught_up;
	if (pulse->anything && now_ms - pulse->sent_ms >= PULSE_MS) {
		add_change(pulse, read_until_ms, caught_up);
		pulse->sent_ms = now_ms;
		forget(pulse);
	}
	if (pulse->out.len && !pulse->out.full)
		broadcast_send(pulse->broadcast, buffer_view(&pulse->out));
}
