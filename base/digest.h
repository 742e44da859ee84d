#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include "base/bytes.h"

/* SHA-256 (FIPS 180-4) in the form used everywhere here: "sha256:" and 64 lower-case hex digits. */
enum { DIGEST_SIZE = 7 + 64 + 1 };

struct digest_stream;
struct digest_stream *digest_start(void);
void digest_add(struct digest_stream *stream, const void *data, size_t len);
void digest_finish(struct digest_stream *stream, char text[DIGEST_SIZE]); /* frees the stream */
void digest_discard(struct digest_stream *stream); /* frees it unfinished; NULL is fine */

void digest_of(struct view data, char text[DIGEST_SIZE]);
bool digest_is_valid(const char *text);

/* A short deterministic name: the first 128 bits of the SHA-256 of data, as 32 hex digits and a NUL. */
enum { DIGEST_NAME_SIZE = 33 };
void digest_name(struct view data, char text[DIGEST_NAME_SIZE]);

/* Names that nobody else has, from the system's randomness: 32 hex digits, and a UUID (RFC 9562, version 4).
 */
enum { RANDOM_NAME_SIZE = 33, RANDOM_UUID_SIZE = 37 };
void random_name(char text[RANDOM_NAME_SIZE]);
void random_uuid(char text[RANDOM_UUID_SIZE]);

#endif
