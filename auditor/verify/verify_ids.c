/* Ids are derived from what a record is about (see stager/gate_say.c, updater/point.c, updater/tally.c): made
 * again here, from the record alone. */
#include "auditor/verify/verify_room.h"

#include <string.h>

enum { RESTAGES_MOST = 64 };

struct about_id { /* of a stager's */
	const char *kind;
	struct view point, job_id;
	struct position position;
	struct view extra;
	uint32_t number;
};

struct text { /* put together piece by piece; what does not fit makes no id */
	char data[1024];
	size_t len;
};

static void add(struct text *text, struct view piece)
{
	if (text->len + piece.len >= sizeof(text->data)) {
		text->len = sizeof(text->data);
		return;
	}
	if (piece.len)
		memcpy(text->data + text->len, piece.data, piece.len);
	text->len += piece.len;
}

static void add_number(struct text *text, int64_t number)
{
	char digits[DECIMAL_MAX], *end = digits + sizeof(digits), *at = decimal_before(end, number);

	add(text, (struct view){at, (size_t)(end - at)});
}

static bool is_name_of(struct view id, const struct text *text)
{
	char name[DIGEST_NAME_SIZE];

	if (text->len == sizeof(text->data))
		return false;
	digest_name((struct view){text->data, text->len}, name);
	return id.len == DIGEST_NAME_SIZE - 1 && memcmp(id.data, name, id.len) == 0;
}

static bool is_stagers(const struct fact *fact, const struct about_id *about)
{
	const struct view pieces[] = {
	        view_text(about->kind), fact->package, fact->version, about->point, about->job_id};
	const struct view slash = {"/", 1};
	struct text text;

	text.len = 0;
	for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
		add(&text, pieces[i]);
		add(&text, slash);
	}
	add_number(&text, about->position.partition);
	add(&text, slash);
	add_number(&text, about->position.offset);
	add(&text, slash);
	add(&text, about->extra);
	add(&text, slash);
	add_number(&text, about->number);
	return is_name_of(fact->id, &text);
}

/* The first staged event of a copy has the number 0, and each one after its content was lost one more; what
 * an older log no longer has may have been counted too. */
bool id_is_staged(const struct fact *fact, uint32_t count)
{
	struct about_id about = {.kind = "staged",
	        .point = fact->point,
	        .job_id = fact->job_id,
	        .position = fact->job_position,
	        .extra = fact->dp_id,
	        .number = count};

	if (is_stagers(fact, &about))
		return true;
	for (about.number = 0; about.number < RESTAGES_MOST; about.number++)
		if (is_stagers(fact, &about))
			return true;
	return false;
}

bool id_is_decision(const struct fact *fact)
{
	bool release = fact->type == FACT_RELEASE;

	return is_stagers(fact, &(struct about_id){.kind = release ? "release" : "withheld",
	                                .point = fact->point,
	                                .job_id = fact->job_id,
	                                .position = fact->job_position,
	                                .extra = release ? fact->dp_id : (struct view){0}});
}

bool id_is_answer(const struct fact *fact, const char *kind)
{
	return is_stagers(fact,
	        &(struct about_id){.kind = kind,
	                .job_id = fact->job_id,
	                .position = fact->type == FACT_DUPLICATE ? fact->duplicate : fact->job_position});
}

/* Texts packed, see pack_text(); none of these is as long as 2^14. */
static bool is_updaters(const struct fact *fact, const char *kind, const struct view *texts, size_t count)
{
	struct text text;

	text.len = 0;
	for (size_t i = 0; i <= count; i++) {
		struct view piece = i ? texts[i - 1] : view_text(kind);
		bool is_long = piece.len >= 128;
		char len[2] = {(char)((piece.len & 0x7f) | (is_long ? 0x80 : 0)), (char)(piece.len >> 7)};

		add(&text, (struct view){len, is_long ? 2 : 1});
		add(&text, piece);
	}
	return is_name_of(fact->id, &text);
}

bool id_is_updated(const struct fact *fact)
{
	struct view texts[] = {fact->package, fact->point, fact->release_id, fact->staged_id};

	return is_updaters(fact, "updated", texts, 4);
}

/* The updater ends updates whose targets were known, the stager all others. */
bool id_is_end(const struct fact *fact)
{
	struct about_id stagers = {.kind = "ended", .job_id = fact->job_id, .position = fact->job_position};
	struct text name;

	name.len = 0;
	add(&name, fact->job_id);
	add(&name, (struct view){"/", 1});
	add_number(&name, fact->job_position.partition);
	add(&name, (struct view){"-", 1});
	add_number(&name, fact->job_position.offset);
	return is_updaters(
	               fact, "job ended", (const struct view[]){fact->package, {name.data, name.len}}, 2) ||
	       is_stagers(fact, &stagers);
}
