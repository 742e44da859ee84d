/* The notice that a DP's content is confirmed lost, as bytes. */
#include "base/memory.h"
#include "stager/stager.h"

#include <stdlib.h>

enum { LOST_IDS_MAX = 1000 };

void lost_notice_write(const struct identity_seen *seen, struct buffer *out)
{
	pack_text(out, seen->distribution_point);
	pack_text(out, seen->dp_id);
	pack_uint(out, seen->replaces_count);
	for (size_t i = 0; i < seen->replaces_count; i++)
		pack_text(out, seen->replaces[i]);
}

bool lost_notice_parse(struct view bytes, struct lost_notice *ret)
{
	struct unpacker in = unpack_start(bytes);
	uint64_t count;

	*ret = (struct lost_notice){.point = unpack_text(&in), .dp_id = unpack_text(&in)};
	count = unpack_uint(&in);
	if (in.failed || count > LOST_IDS_MAX)
		return false;
	ret->lost_ids = memory_alloc((count + 1) * sizeof(*ret->lost_ids));
	for (ret->lost_count = 0; ret->lost_count < count; ret->lost_count++)
		ret->lost_ids[ret->lost_count] = unpack_text(&in);
	return unpack_ended(&in);
}

void lost_notice_release(struct lost_notice *notice)
{
	for (size_t i = 0; i < notice->lost_count; i++)
		free(notice->lost_ids[i]);
	free(notice->lost_ids);
	free(notice->point);
	free(notice->dp_id);
}
