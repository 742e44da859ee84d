#include "engine/back_off.h"

#include "engine/route.h"

int64_t back_off_ms(uint32_t failures, int64_t first_ms, int64_t most_ms, struct view what)
{
	int64_t delay = first_ms;

	for (uint32_t i = 1; i < failures && delay < most_ms; i++)
		delay *= 2;
	if (delay > most_ms)
		delay = most_ms;
	return delay - (int64_t)(route_hash(what, ROUTE_SEED) % (uint64_t)(delay / 2 + 1));
}
