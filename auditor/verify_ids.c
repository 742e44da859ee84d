/* Ids are derived from what a record is about (see stager/gate_say.c, updater/point.c, updater/tally.c): made
 * again here, from the record alone. */
#include "auditor/verify_room.h"

#include <stdio.h>
#include <string.h>

enum { RESTAGES_MOST = 64 };

struct about_id { /* of a stager's */
	const char *kind;
	struct view point, job_id;
	struct position position;
	struct view extra;
	uint32_t number;
};

static bool is_stagers(const struct fact *fact, const struct about_id *about)
{
	char text[1024], id[DIGEST_NAME_SIZE];
	int len = snprintf(text, sizeof(text), "%s/%.*s/%.*s/%.*s/%.*s/%d/%lld/%.*s/%u", about->kind,
	        (int)fact->package.len, fact->package.data, (int)fact->version.len,
	        fact->version.data ? fact->version.data : "", (int)about->point.len,
	        about->point.data ? about->point.data : "", (int)about->job_id.len,
	        about->job_id.data ? about->job_id.data : "", (int)about->position.partition,
	        (long long)about->position.offset, (int)about->extra.len,
	        about->extra.data ? about->extra.data : "", about->number);

	if (len < 0 || (size_t)len >= sizeof(text))
		return false;
	digest_name((struct view){text, (size_t)len}, id);
	return view_is(fact->id, id);
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

static bool is_updaters(const struct fact *fact, const char *kind, const struct view *texts, size_t count)
{
	char id[DIGEST_NAME_SIZE];
	struct buffer about;

	buffer_init(&about, 4096);
	pack_text(&about, kind);
	for (size_t i = 0; i < count; i++)
		pack_view(&about, texts[i]);
	digest_name(buffer_view(&about), id);
	buffer_release(&about);
	return view_is(fact->id, id);
}

bool id_is_updated(const struct fact *fact)
{
	struct view texts[] = {fact->package, fact->point, fact->release_id, fact->staged_id};

	return is_updaters(fact, "updated", texts, 4);
}

/* The updater ends updates whose targets were known, the stager all others. */
bool id_is_end(const struct fact *fact)
{
	char name[256];
	int len;

	if (is_stagers(
	            fact, &(struct about_id){
	                          .kind = "ended", .job_id = fact->job_id, .position = fact->job_position}))
		return true;
	len = snprintf(name, sizeof(name), "%.*s/%d-%lld", (int)fact->job_id.len, fact->job_id.data,
	        (int)fact->job_position.partition, (long long)fact->job_position.offset);
	if (len < 0 || (size_t)len >= sizeof(name))
		return false;
	return is_updaters(fact, "job ended", (const struct view[]){fact->package, {name, (size_t)len}}, 2);
}
