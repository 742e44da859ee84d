#include "engine/route.h"

#include <assert.h>
#include <string.h>

static uint32_t mix(uint32_t word)
{
	word *= 0x5bd1e995;
	word ^= word >> 24;
	return word * 0x5bd1e995;
}

static uint32_t word_at(const unsigned char *at)
{
	return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

uint32_t route_hash(struct view key, uint32_t seed)
{
	const unsigned char *at = (const unsigned char *)key.data;
	uint32_t hash = seed ^ (uint32_t)key.len;
	size_t left = key.len;

	for (; left >= 4; left -= 4, at += 4)
		hash = hash * 0x5bd1e995 ^ mix(word_at(at));
	if (left >= 3)
		hash ^= (uint32_t)at[2] << 16;
	if (left >= 2)
		hash ^= (uint32_t)at[1] << 8;
	if (left >= 1)
		hash = (hash ^ at[0]) * 0x5bd1e995;
	hash = (hash ^ hash >> 13) * 0x5bd1e995;
	return hash ^ hash >> 15;
}

int32_t route_partition(struct view key, int32_t partitions)
{
	assert(partitions > 0);
	return (int32_t)(route_hash(key, ROUTE_SEED) & 0x7fffffff) % partitions;
}

bool route_key_has_state(struct view key)
{
	return key.data && key.len > 0 && key.len <= ROUTE_KEY_MAX && key.data[0] != '@' &&
	       !memchr(key.data, '/', key.len);
}
