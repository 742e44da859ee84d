#include "tests/sim/points.h"

#include "tests/sim/checker.h"
#include "tests/sim/marks.h"

#include <string.h>

const char *const package_names[PACKAGES] = {"PKG00001", "tools+x", "Zlib.9"};
const char *const version_names[VERSIONS] = {"1.0", "2.0-rc1", "2.0~3"};
const char *const point_names[POINTS] = {"lima", "paris", "tokyo"};

static struct sim_point points[POINTS];

int name_index(const char *const *names, int count, const char *name)
{
	for (int i = 0; i < count; i++)
		if (strcmp(names[i], name) == 0)
			return i;
	return -1;
}

static void new_identity(char dp_id[DP_ID_SIZE])
{
	unsigned long long high = world_random(0xffffffff), low = world_random(0xffffffffffff);

	snprintf(dp_id, DP_ID_SIZE, "%08llx-0000-4000-8000-%012llx", high, low);
}

void points_begin(void)
{
	bool plain = world_percent(30); /* servers without locks or conditions */

	memset(points, 0, sizeof(points));
	for (int i = 0; i < POINTS; i++) {
		new_identity(points[i].dp_id);
		points[i].refuses_older = !plain && (i != 2 || world_percent(50));
	}
}

struct sim_point *point_at(int index)
{
	return &points[index];
}

bool point_replaces(const struct sim_point *point, const char *dp_id)
{
	for (size_t i = 0; i < point->replaces_count; i++)
		if (strcmp(point->replaces[i], dp_id) == 0)
			return true;
	return false;
}

void point_replace(int index)
{
	struct sim_point *point = &points[index];

	if (point->lost_count + point->replaces_count + 2 > IDENTITIES_MAX)
		return;
	for (size_t i = 0; i < point->replaces_count; i++)
		memcpy(point->lost[point->lost_count++], point->replaces[i], DP_ID_SIZE);
	point->replaces_count = 0;
	if (point->dp_id[0])
		memcpy(point->lost[point->lost_count++], point->dp_id, DP_ID_SIZE);
	memset(point->contents, 0, sizeof(point->contents));
	memset(point->pointers, 0, sizeof(point->pointers));
	point->dp_id[0] = '\0';
	if (world_percent(30)) { /* somebody else's disk */
		new_identity(point->dp_id);
		mark(MARK_point_foreign);
	}
	mark(MARK_point_replaced);
	world_trace("point %s: replaced, now \"%s\"", point_names[index], point->dp_id);
}

void point_confirm(int index)
{
	struct sim_point *point = &points[index];

	if (point_is_confirmed(index))
		return;
	memcpy(point->replaces, point->lost, sizeof(point->lost));
	point->replaces_count = point->lost_count;
	if (point->dp_id[0])
		memcpy(point->replaces[point->replaces_count++], point->dp_id, DP_ID_SIZE);
	point->lost_count = 0;
	memset(point->contents, 0, sizeof(point->contents));
	memset(point->pointers, 0, sizeof(point->pointers));
	new_identity(point->dp_id);
	world_trace("point %s: confirmed lost, now %s", point_names[index], point->dp_id);
}

bool point_is_confirmed(int index)
{
	return points[index].lost_count == 0 && points[index].dp_id[0];
}

void point_store(int index, int package, int version)
{
	struct sim_content *content = &points[index].contents[package][version];

	if (content->sealed && content->bytes == WHOLE)
		return;
	if (content->sealed)
		mark(MARK_content_mended);
	content->bytes = WHOLE;
	if (!world_percent(world_chance()->truncation))
		return;
	content->bytes = (unsigned)world_random(WHOLE);
	mark(MARK_content_stored_short);
	world_trace("point %s: keeps %u bytes of %s %s", point_names[index], content->bytes,
	        package_names[package], version_names[version]);
}

void point_tear(int index, int package, int version)
{
	struct sim_content *content = &points[index].contents[package][version];

	if (content->vouched || !world_percent(world_chance()->truncation))
		return;
	content->bytes = (unsigned)world_random(WHOLE);
	checker_torn(index, package, version);
	mark(MARK_content_torn);
	world_trace("point %s: loses the end of %s %s", point_names[index], package_names[package],
	        version_names[version]);
}

void point_seal(int index, int package, int version, const char *digest)
{
	struct sim_content *content = &points[index].contents[package][version];

	if (content->sealed && strcmp(content->digest, digest) != 0)
		world_violation("immutable", "%s %s on %s: sealed with %s and now with %s",
		        package_names[package], version_names[version], point_names[index], content->digest,
		        digest);
	content->sealed = true;
	snprintf(content->digest, sizeof(content->digest), "%s", digest);
	checker_sealed(index, package, version, digest);
	world_trace(
	        "point %s: %s %s sealed", point_names[index], package_names[package], version_names[version]);
}

void point_set(int index, int package, const struct sim_pointer *pointer, bool zombie)
{
	struct sim_pointer *here = &points[index].pointers[package];

	world_trace("point %s: %s points to %s, release %s at %lld%s", point_names[index],
	        package_names[package], version_names[pointer->version], pointer->release_id,
	        (long long)pointer->fence, zombie ? ", by a zombie" : "");
	checker_pointer_moves(index, package, here, pointer, zombie);
	*here = *pointer;
}
