/* One-shot hashes by the functions of OpenSSL 1.1: those of 3 look their algorithm up anew each time, which
 * takes longer than the hashing of what is hashed here. */
#define OPENSSL_API_COMPAT 0x10100000L
#include "base/digest.h"

#include "base/memory.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct digest_stream {
	EVP_MD_CTX *context;
};

static void to_hex(const unsigned char *bytes, size_t len, char *text)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		text[2 * i] = digits[bytes[i] >> 4];
		text[2 * i + 1] = digits[bytes[i] & 15];
	}
	text[2 * len] = '\0';
}

static void require(int ok)
{
	if (!ok)
		abort(); /* OpenSSL without SHA-256 or randomness, or out of memory */
}

struct digest_stream *digest_start(void)
{
	struct digest_stream *stream = memory_alloc(sizeof(*stream));

	stream->context = EVP_MD_CTX_new();
	require(stream->context && EVP_DigestInit_ex(stream->context, EVP_sha256(), NULL));
	return stream;
}

void digest_add(struct digest_stream *stream, const void *data, size_t len)
{
	require(EVP_DigestUpdate(stream->context, data, len));
}

void digest_discard(struct digest_stream *stream)
{
	if (!stream)
		return;
	EVP_MD_CTX_free(stream->context);
	free(stream);
}

void digest_finish(struct digest_stream *stream, char text[DIGEST_SIZE])
{
	unsigned char hash[SHA256_DIGEST_LENGTH];

	require(EVP_DigestFinal_ex(stream->context, hash, NULL));
	memcpy(text, "sha256:", 7);
	to_hex(hash, sizeof(hash), text + 7);
	digest_discard(stream);
}

static void hash_once(struct view data, unsigned char hash[SHA256_DIGEST_LENGTH])
{
	SHA256_CTX context;

	require(SHA256_Init(&context) && SHA256_Update(&context, data.data, data.len) &&
	        SHA256_Final(hash, &context));
}

void digest_of(struct view data, char text[DIGEST_SIZE])
{
	unsigned char hash[SHA256_DIGEST_LENGTH];

	hash_once(data, hash);
	memcpy(text, "sha256:", 7);
	to_hex(hash, sizeof(hash), text + 7);
}

void digest_name(struct view data, char text[DIGEST_NAME_SIZE])
{
	unsigned char hash[SHA256_DIGEST_LENGTH];

	hash_once(data, hash);
	to_hex(hash, 16, text);
}

bool digest_is_valid(const char *text)
{
	return strlen(text) == DIGEST_SIZE - 1 && memcmp(text, "sha256:", 7) == 0 &&
	       strspn(text + 7, "0123456789abcdef") == 64;
}

void random_name(char text[RANDOM_NAME_SIZE])
{
	unsigned char bits[16];

	require(RAND_bytes(bits, sizeof(bits)) == 1);
	to_hex(bits, sizeof(bits), text);
}

void random_uuid(char text[RANDOM_UUID_SIZE])
{
	char hex[RANDOM_NAME_SIZE];

	random_name(hex);
	hex[12] = '4';                 /* version: random */
	hex[16] = "89ab"[hex[16] & 3]; /* variant */
	snprintf(text, RANDOM_UUID_SIZE, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16,
	        hex + 20);
}
