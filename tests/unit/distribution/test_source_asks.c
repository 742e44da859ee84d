/* Many ask for a few contents, cancel, use, settle and release in any order, also from within their answers.
 * Whatever happens, each hears exactly once, who gave the right URL gets the right bytes, and nothing is left
 * behind. */
#include "base/memory.h"
#include "distribution/source.h"
#include "file_bench.h"
#include "room_bench.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CONTENTS = 3, LARGE = 2, LARGE_SIZE = (1 << 20) + 1, SLOTS = 16, ROUNDS = 15, STEPS = 300 };

enum url { URL_RIGHT, URL_OTHER, URL_WRONG, URL_MISSING, URL_KINDS };
static const char *const names[] = {"right", "other", "wrong", "missing"}; /* other: right as well */

static struct content {
	char *bytes, digest[DIGEST_SIZE];
	uint64_t size;
} contents[CONTENTS];

enum phase { FREE, ASKING, USING, SETTLING };
static struct slot {
	enum phase phase;
	struct source_ask ask;
	struct source *source;
	struct content *content;
	enum url url;
	char *url_text;
	bool canceled, wrong_size, early;
} slots[SLOTS];

static char *folder;
static struct pool *pool;
static struct agenda *agenda;
static struct sources *sources;
static struct catalogue *catalogue;
static uint64_t dice;
static bool over; /* nothing more is asked for */

static unsigned roll(unsigned sides)
{
	dice = dice * 6364136223846793005U + 1442695040888963407U;
	return (unsigned)(dice >> 33) % sides;
}

static void act(void);

static bool is_right(enum url url)
{
	return url == URL_RIGHT || url == URL_OTHER;
}

static void expect_bytes(const struct slot *slot)
{
	char *bytes = memory_alloc(slot->content->size + 1);

	cr_assert_eq(pread(source_fd(slot->source), bytes, slot->content->size + 1, 0),
	        (ssize_t)slot->content->size);
	cr_assert(memcmp(bytes, slot->content->bytes, slot->content->size) == 0);
	free(bytes);
}

static void leave(struct slot *slot)
{
	source_release(slot->source);
	free(slot->url_text);
	*slot = (struct slot){.phase = FREE};
}

static void answered(struct source_ask *ask)
{
	struct slot *slot = ask->context;

	cr_assert_eq(slot->phase, ASKING);
	cr_assert(!ask->source == (ask->err.status != STATUS_OK));
	if (is_right(slot->url) && !slot->wrong_size && !slot->canceled)
		cr_assert(ask->source, "%s: %s", ask->err.code, ask->err.message);
	cr_assert_not(slot->wrong_size && !slot->early && ask->source);
	slot->phase = USING;
	slot->source = ask->source;
	if (slot->source && !slot->early)
		expect_bytes(slot);
	if (!slot->source)
		leave(slot);
	for (unsigned i = roll(4); i > 0; i--)
		act();
}

static void settled(struct source_ask *ask)
{
	struct slot *slot = ask->context;

	cr_assert_eq(slot->phase, SETTLING);
	if (ask->err.status == STATUS_OK)
		expect_bytes(slot);
	else
		cr_assert(slot->canceled || !is_right(slot->url) || slot->wrong_size, "%s", ask->err.code);
	leave(slot);
	for (unsigned i = roll(4); i > 0; i--)
		act();
}

static void ask_for(struct slot *slot)
{
	slot->phase = ASKING;
	slot->content = &contents[roll(CONTENTS)];
	slot->url = (enum url)roll(URL_KINDS);
	slot->url_text =
	        memory_format("file://%s/%s%d", folder, names[slot->url], (int)(slot->content - contents));
	slot->wrong_size = roll(8) == 0;
	slot->early = roll(2);
	slot->ask = (struct source_ask){.url = slot->url_text,
	        .digest = slot->content->digest,
	        .size = slot->content->size + slot->wrong_size,
	        .catalogue = catalogue,
	        .early = slot->early,
	        .done = answered,
	        .context = slot};
	sources_ask(sources, &slot->ask);
}

static void act(void)
{
	struct slot *slot = &slots[roll(SLOTS)];
	unsigned what = roll(8);

	if (slot->phase == FREE) {
		if (!over)
			ask_for(slot);
	} else if (slot->phase == USING && what < 3) {
		slot->phase = SETTLING;
		slot->ask = (struct source_ask){.done = settled, .context = slot};
		source_settle(slot->source, &slot->ask);
	} else if (slot->phase == USING) {
		if (what == 3)
			source_doubt(slot->source);
		leave(slot);
	} else if (what == 0) { /* asking or settling */
		slot->canceled = true;
		sources_cancel(sources, &slot->ask);
	}
}

static void turn(int wait_ms)
{
	struct pollfd wait = {.fd = pool_fd(pool), .events = POLLIN};

	poll(&wait, 1, wait_ms);
	pool_step(pool);
	agenda_run(agenda, 0);
}

static bool is_waited_for(void)
{
	for (size_t i = 0; i < SLOTS; i++)
		if (slots[i].phase == ASKING || slots[i].phase == SETTLING)
			return true;
	return sources_are_busy(sources);
}

static void play(void)
{
	over = false;
	for (int step = 0; step < STEPS; step++) {
		act();
		if (roll(4) == 0)
			turn(roll(2) ? 1 : 0);
	}
	over = true;
	for (int turns = 0; turns < 10000 && is_waited_for(); turns++)
		turn(10);
	cr_assert_not(is_waited_for());
	for (size_t i = 0; i < SLOTS; i++)
		if (slots[i].phase == USING)
			leave(&slots[i]);
}

static void make_content(size_t number)
{
	struct content *content = &contents[number];

	content->size = number == LARGE ? LARGE_SIZE : 100 + number;
	content->bytes = memory_alloc(content->size + 1);
	memset(content->bytes, 'a' + (int)number, content->size);
	digest_of((struct view){content->bytes, content->size}, content->digest);
	for (enum url url = URL_RIGHT; url < URL_MISSING; url++) {
		char *path = memory_format("%s/%s%zu", folder, names[url], number);
		content->bytes[content->size - 1] = url == URL_WRONG ? '!' : 'a' + (char)number;
		scratch_write(path, content->bytes);
		free(path);
	}
	content->bytes[content->size - 1] = 'a' + (char)number;
}

static void setup(void)
{
	struct error err;

	folder = scratch_folder();
	char *json = memory_format(
	        "{\"distribution_points\": [], \"sources\": [{\"prefix\": \"file://%s/\"}]}", folder);
	cr_assert_eq(catalogue_parse(view_text(json), "/", &catalogue, &err), STATUS_OK, "%s", err.message);
	free(json);
	for (size_t i = 0; i < CONTENTS; i++)
		make_content(i);
}

static void teardown(void)
{
	catalogue_unref(catalogue);
	for (size_t i = 0; i < CONTENTS; i++)
		free(contents[i].bytes);
	scratch_remove(folder);
	free(folder);
}

TestSuite(source_asks, .init = setup, .fini = teardown);

static void open_sources(void)
{
	struct error err;

	pool = pool_new(2);
	agenda = agenda_new();
	struct sources_options options = {
	        .spool_dir = folder, .spool_bytes_max = 1, .pool = pool, .agenda = agenda};
	cr_assert_eq(sources_open(&options, &sources, &err), STATUS_OK, "%s", err.message);
}

static void close_sources(void)
{
	pool_close(pool, 10000);
	sources_close(sources);
	agenda_free(agenda);
}

Test(source_asks, are_answered_once_and_right_in_any_order)
{
	for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
		dice = seed;
		open_sources();
		play();
		close_sources();
	}
}

static void heard(struct source_ask *ask)
{
	cr_assert_str_eq(ask->err.code, "canceled");
	ask->context = NULL;
}

/* Else whoever drains waits until all of it is hashed. */
Test(source_asks, that_are_canceled_while_a_large_file_is_opened_leave_nothing_to_hash)
{
	char *url = memory_format("file://%s/right%d", folder, LARGE);
	struct source_ask ask = {.url = url,
	        .digest = contents[LARGE].digest,
	        .size = contents[LARGE].size,
	        .catalogue = catalogue,
	        .early = true,
	        .done = heard,
	        .context = url};

	open_sources();
	sources_ask(sources, &ask);
	struct pollfd opened = {.fd = pool_fd(pool), .events = POLLIN};
	cr_assert_eq(poll(&opened, 1, 30000), 1);
	sources_cancel(sources, &ask);
	turn(0);
	cr_assert_null(ask.context, "not answered");
	cr_assert_not(sources_are_busy(sources));
	close_sources();
	free(url);
}
