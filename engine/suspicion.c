#include "engine/suspicion.h"

static void forget(struct suspicion *suspicion, int64_t offset)
{
	suspicion->offset = offset;
	suspicion->refused_alone = suspicion->lost_alone = 0;
}

void suspicion_init(struct suspicion *suspicion, size_t most)
{
	*suspicion = (struct suspicion){.most = most, .limit = most, .offset = INT64_MIN};
}

void suspicion_failed(
        struct suspicion *suspicion, int64_t offset, size_t records, size_t others, bool refused)
{
	if (records == 0) {
		suspicion->refused_without_records += refused;
		return;
	}
	if (offset != suspicion->offset)
		forget(suspicion, offset);
	suspicion->limit = records > 1 ? records / 2 : 1;
	if (records == 1 && others == 0) {
		suspicion->refused_alone += refused;
		suspicion->lost_alone += !refused;
	}
}

void suspicion_passed(struct suspicion *suspicion, size_t records)
{
	suspicion->refused_without_records = 0;
	if (records == 0)
		return;
	forget(suspicion, INT64_MIN);
	suspicion->limit = suspicion->limit > suspicion->most / 2 ? suspicion->most : suspicion->limit * 2;
}

size_t suspicion_limit(const struct suspicion *suspicion)
{
	return suspicion->limit;
}

bool suspicion_wants_alone(const struct suspicion *suspicion)
{
	return suspicion->limit == 1 && suspicion->offset != INT64_MIN;
}

bool suspicion_condemns(const struct suspicion *suspicion, int64_t offset)
{
	return offset == suspicion->offset && (suspicion->refused_alone >= SUSPICION_REFUSED_MOST ||
	                                              suspicion->lost_alone >= SUSPICION_LOST_MOST);
}

bool suspicion_gives_up(const struct suspicion *suspicion)
{
	return suspicion->refused_alone >= SUSPICION_GIVE_UP ||
	       suspicion->refused_without_records >= SUSPICION_GIVE_UP;
}
