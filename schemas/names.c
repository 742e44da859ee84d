/* What may name what: alphabets, paths, URLs, UTF-8. */
#include "schemas/names.h"

#include <string.h>

enum { ALNUM = 1, PUNCTUATION = 2, TILDE = 4 };

static const unsigned char alphabet[256] = {
        ['0' ... '9'] = ALNUM,
        ['A' ... 'Z'] = ALNUM,
        ['a' ... 'z'] = ALNUM,
        ['.'] = PUNCTUATION,
        ['_'] = PUNCTUATION,
        ['+'] = PUNCTUATION,
        ['-'] = PUNCTUATION,
        ['~'] = TILDE,
};

static bool is_name(struct view name, size_t most, unsigned first, unsigned rest)
{
	if (name.len < 1 || name.len > most || !(alphabet[(unsigned char)name.data[0]] & first))
		return false;
	for (size_t i = 1; i < name.len; i++)
		if (!(alphabet[(unsigned char)name.data[i]] & rest))
			return false;
	return true;
}

bool name_is_package(struct view name)
{
	return is_name(name, 128, ALNUM, ALNUM | PUNCTUATION);
}

bool name_is_version(struct view name)
{
	return is_name(name, 64, ALNUM, ALNUM | PUNCTUATION | TILDE);
}

bool name_is_distribution_point(struct view name)
{
	return is_name(name, 64, ALNUM, ALNUM | PUNCTUATION);
}

bool name_is_job_id(struct view name)
{
	return is_name(name, 64, ALNUM | PUNCTUATION, ALNUM | PUNCTUATION);
}

static bool continues(const unsigned char *text, size_t from, size_t to)
{
	for (; from < to; from++)
		if ((text[from] & 0xc0) != 0x80)
			return false;
	return true;
}

size_t utf8_sequence(const char *text, size_t len)
{
	const unsigned char *at = (const unsigned char *)text;

	if (!len)
		return 0;
	if (at[0] < 0x80)
		return 1;
	size_t want = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2;
	if (at[0] < 0xc2 || at[0] > 0xf4 || len < want || !continues(at, 1, want))
		return 0;
	/* overlong forms, surrogates, and what lies beyond U+10FFFF show in the second byte */
	if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) ||
	        (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f))
		return 0;
	return want;
}

bool utf8_is_valid(struct view text)
{
	for (size_t i = 0, step; i < text.len; i += step) {
		step = utf8_sequence(text.data + i, text.len - i);
		if (!step)
			return false;
	}
	return true;
}

/* C0, DEL, or the two bytes of a C1 character; of valid UTF-8 */
static bool has_control(struct view text)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.data[i];
		if (c < 0x20 || c == 0x7f)
			return true;
		if (c == 0xc2 && i + 1 < text.len && (unsigned char)text.data[i + 1] < 0xa0)
			return true;
	}
	return false;
}

static const char *segment_problem(const char *segment, size_t len)
{
	if (len == 0)
		return "must be relative, without empty segments";
	if (len > 255)
		return "must have segments of at most 255 bytes";
	if (segment[0] == '.' && (len == 1 || (len == 2 && segment[1] == '.')))
		return "must have no segment \".\" or \"..\"";
	return NULL;
}

const char *name_path_problem(struct view path)
{
	if (path.len < 1 || path.len > 1024)
		return "must be 1 to 1024 bytes";
	if (!utf8_is_valid(path))
		return "must be valid UTF-8";
	if (has_control(path))
		return "must have no control character";
	if (memchr(path.data, '\\', path.len))
		return "must have no backslash";
	for (size_t start = 0; start <= path.len;) {
		const char *slash = memchr(path.data + start, '/', path.len - start);
		size_t end = slash ? (size_t)(slash - path.data) : path.len;
		const char *problem = segment_problem(path.data + start, end - start);
		if (problem)
			return problem;
		start = end + 1;
	}
	return NULL;
}

static bool begins_with(struct view text, const char *prefix)
{
	size_t len = strlen(prefix);

	return text.len >= len && memcmp(text.data, prefix, len) == 0;
}

static size_t authority_len(struct view rest)
{
	size_t len = 0;

	while (len < rest.len && !strchr("/?", rest.data[len]))
		len++;
	return len;
}

const char *name_url_problem(struct view url)
{
	static const char *const schemes[] = {"http://", "https://"};

	if (url.len < 1 || url.len > URL_SIZE_MAX)
		return "must be 1 to 4096 bytes";
	if (!utf8_is_valid(url))
		return "must be valid UTF-8";
	if (has_control(url) || memchr(url.data, ' ', url.len) || memchr(url.data, '\\', url.len))
		return "must have no space, backslash or control character";
	if (memchr(url.data, '#', url.len))
		return "must have no fragment";
	if (begins_with(url, "file:///"))
		return NULL;
	for (size_t i = 0; i < 2; i++) {
		if (!begins_with(url, schemes[i]))
			continue;
		size_t skip = strlen(schemes[i]);
		size_t len = authority_len((struct view){url.data + skip, url.len - skip});
		if (memchr(url.data + skip, '@', len))
			return "must have no user name or password: those belong in the catalogue's "
			       "credentials_file";
		return len ? NULL : "must name a host";
	}
	return "must be absolute: file:///…, http://… or https://…";
}
