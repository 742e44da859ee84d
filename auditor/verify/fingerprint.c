#include "auditor/verify/fingerprint.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { CAPACITY_FIRST = 64 };

struct fingerprint_key fingerprint_key_new(void)
{
	struct fingerprint_key key;

	if (getrandom(&key, sizeof(key), 0) != sizeof(key))
		abort(); /* a kernel without randomness */
	return key;
}

/* ---- SipHash-1-3 (Aumasson, Bernstein 2012), fed text by text */

struct sip {
	uint64_t v[4], tail;
	unsigned tail_len, total;
};

static inline uint64_t rotate(uint64_t word, int bits)
{
	return word << bits | word >> (64 - bits);
}

static inline void sip_round(uint64_t v[4])
{
	v[0] += v[1], v[1] = rotate(v[1], 13) ^ v[0], v[0] = rotate(v[0], 32);
	v[2] += v[3], v[3] = rotate(v[3], 16) ^ v[2];
	v[0] += v[3], v[3] = rotate(v[3], 21) ^ v[0];
	v[2] += v[1], v[1] = rotate(v[1], 17) ^ v[2], v[2] = rotate(v[2], 32);
}

static inline void sip_word(struct sip *sip, uint64_t word)
{
	sip->v[3] ^= word;
	sip_round(sip->v);
	sip->v[0] ^= word;
}

static struct sip sip_start(const struct fingerprint_key *key)
{
	return (struct sip){.v = {key->a ^ 0x736f6d6570736575, key->b ^ 0x646f72616e646f6d,
	                            key->a ^ 0x6c7967656e657261, key->b ^ 0x7465646279746573}};
}

static inline void sip_byte(struct sip *sip, unsigned char byte)
{
	sip->tail |= (uint64_t)byte << (8 * sip->tail_len);
	sip->total++;
	if (++sip->tail_len < 8)
		return;
	sip_word(sip, sip->tail);
	sip->tail = 0;
	sip->tail_len = 0;
}

static void sip_text(struct sip *sip, struct view text)
{
	size_t i = 0;

	while (sip->tail_len && i < text.len)
		sip_byte(sip, (unsigned char)text.data[i++]);
	for (; i + 8 <= text.len; i += 8) {
		uint64_t word;
		memcpy(&word, text.data + i, 8); /* of this machine's order: fingerprints don't leave it */
		sip->total += 8;
		sip_word(sip, word);
	}
	while (i < text.len)
		sip_byte(sip, (unsigned char)text.data[i++]);
}

static uint64_t sip_end(struct sip *sip)
{
	sip_word(sip, sip->tail | (uint64_t)sip->total << 56);
	sip->v[2] ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(sip->v);
	uint64_t hash = sip->v[0] ^ sip->v[1] ^ sip->v[2] ^ sip->v[3];
	return hash ? hash : 1;
}

uint64_t fingerprint(const struct fingerprint_key *key, struct view text)
{
	struct sip sip = sip_start(key);

	sip_text(&sip, text);
	return sip_end(&sip);
}

uint64_t fingerprint_of(const struct fingerprint_key *key, const struct view *texts, size_t count)
{
	struct sip sip = sip_start(key);

	for (size_t i = 0; i < count; i++) {
		sip_text(&sip, texts[i]);
		sip_byte(&sip, (unsigned char)texts[i].len);
		sip_byte(&sip, (unsigned char)(texts[i].len >> 8));
		sip_byte(&sip, (unsigned char)(texts[i].len >> 16));
	}
	return sip_end(&sip);
}

uint64_t fingerprint_pair(uint64_t a, uint64_t b)
{
	uint64_t hash = (a ^ rotate(b, 29)) * 0x9fb21c651e98df25; /* both are keyed hashes already */

	hash = (hash ^ hash >> 32) * 0xd6e8feb86659fd93 + b;
	hash ^= hash >> 29;
	return hash ? hash : 1;
}

/* ---- tables */

void fingerprints_init(struct fingerprints *table, size_t entry_size)
{
	*table = (struct fingerprints){.entry_size = entry_size};
}

void fingerprints_release(struct fingerprints *table)
{
	free(table->entries);
	fingerprints_init(table, table->entry_size);
}

static inline char *entry_at(const struct fingerprints *table, size_t index)
{
	return table->entries + index * table->entry_size;
}

static inline uint64_t key_at(const struct fingerprints *table, size_t index)
{
	uint64_t key;

	memcpy(&key, entry_at(table, index), sizeof(key));
	return key;
}

/* Where the key is, or would be put. */
static inline size_t place_of(const struct fingerprints *table, uint64_t key)
{
	size_t mask = table->capacity - 1, index = key & mask;

	for (uint64_t found; (found = key_at(table, index)) != 0 && found != key;)
		index = (index + 1) & mask;
	return index;
}

void *fingerprints_find(const struct fingerprints *table, uint64_t key)
{
	if (!table->capacity)
		return NULL;
	size_t index = place_of(table, key);
	return key_at(table, index) ? entry_at(table, index) : NULL;
}

static void grow(struct fingerprints *table)
{
	struct fingerprints larger = *table;

	larger.capacity = table->capacity ? 2 * table->capacity : CAPACITY_FIRST;
	larger.entries = memory_alloc(larger.capacity * larger.entry_size);
	for (size_t i = 0; i < table->capacity; i++)
		if (key_at(table, i))
			memcpy(entry_at(&larger, place_of(&larger, key_at(table, i))), entry_at(table, i),
			        table->entry_size);
	free(table->entries);
	*table = larger;
}

void *fingerprints_need(struct fingerprints *table, uint64_t key)
{
	void *entry = fingerprints_find(table, key);

	if (entry)
		return entry;
	if (4 * (table->count + 1) > 3 * table->capacity)
		grow(table);
	table->count++;
	entry = entry_at(table, place_of(table, key));
	memcpy(entry, &key, sizeof(key));
	return entry;
}

/* Those behind it that would not be found across a gap move up. */
void fingerprints_remove(struct fingerprints *table, void *entry)
{
	size_t mask = table->capacity - 1, size = table->entry_size;
	size_t gap = (size_t)((char *)entry - table->entries) / size;

	for (size_t i = (gap + 1) & mask; key_at(table, i); i = (i + 1) & mask) {
		size_t home = key_at(table, i) & mask;

		if (((i - home) & mask) < ((i - gap) & mask))
			continue;
		memcpy(entry_at(table, gap), entry_at(table, i), size);
		gap = i;
	}
	memset(entry_at(table, gap), 0, size);
	table->count--;
}

void *fingerprints_next(const struct fingerprints *table, size_t *cursor)
{
	while (*cursor < table->capacity) {
		size_t index = (*cursor)++;
		if (key_at(table, index))
			return entry_at(table, index);
	}
	return NULL;
}
