#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes: a view of somebody else's, a buffer of one's own, and a compact binary form for rows.
 *
 * A view owns nothing and is valid as long as what it looks at. {NULL, 0} is "absent"; an empty value that is
 * present has a non-NULL data. */
struct view {
	const char *data;
	size_t len;
};

struct view view_text(const char *text); /* NULL gives the absent view */
bool view_equal(struct view a, struct view b);
bool view_is(struct view a, const char *text);
bool text_equal(const char *a, const char *b);  /* NULL equals NULL alone */
int view_compare(struct view a, struct view b); /* bytewise, the shorter first */

/* A growable buffer with a maximum. An append that would pass max changes nothing and sets full, which stays
 * set until buffer_clear(): append freely, check once at the end. data has a NUL behind its len bytes. */
struct buffer {
	char *data;
	size_t len, capacity, max;
	bool full;
};

void buffer_init(struct buffer *buffer, size_t max);
void buffer_release(struct buffer *buffer); /* frees; the buffer may be initialised again */
void buffer_clear(struct buffer *buffer);   /* keeps the memory */
struct view buffer_view(const struct buffer *buffer);
void buffer_add(struct buffer *buffer, const void *data, size_t len);

/* For what is written in place: room for len bytes behind the others, NULL (and full) where max forbids them.
 * buffer_wrote() takes in those that were written, which may be fewer: up to end. */
char *buffer_room(struct buffer *buffer, size_t len);
void buffer_wrote(struct buffer *buffer, char *end);
void buffer_add_text(struct buffer *buffer, const char *text);
void buffer_add_format(struct buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A number's decimal digits, written so that they end before end; returns their start. For what is written
 * often: elsewhere buffer_add_format() does. */
enum { DECIMAL_MAX = 20 }; /* digits and sign */
char *decimal_before(char *end, int64_t number);
char *decimal_unsigned_before(char *end, uint64_t number);

/* Rows are packed as little-endian base-128 varints (as in Protocol Buffers; signed ones zigzag) and
 * length-prefixed bytes. Reading never runs past the end: the first read that would sets failed, and it and
 * all later ones give 0 or the absent view, so a decoder reads straight through and checks failed once. */
void pack_uint(struct buffer *buffer, uint64_t value);
void pack_int(struct buffer *buffer, int64_t value);
void pack_view(struct buffer *buffer, struct view value);
void pack_text(struct buffer *buffer, const char *text); /* NULL packs as the empty text */

struct unpacker {
	const unsigned char *at, *end;
	bool failed;
};

struct unpacker unpack_start(struct view packed);
uint64_t unpack_uint(struct unpacker *in);
int64_t unpack_int(struct unpacker *in);
struct view unpack_view(struct unpacker *in); /* looks into the packed bytes */
char *unpack_text(struct unpacker *in);       /* a copy of its own; never NULL; embedded NULs fail */
bool unpack_ended(const struct unpacker *in); /* all read, nothing failed */

#endif
