#include "distribution/url.h"

#include "base/bytes.h"
#include "base/memory.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { URL_MAX = 8192 };

static const char unreserved[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

static bool is_one_of(char c, const char *set)
{
	return c && strchr(set, c);
}

static bool is_control(unsigned char c)
{
	return c < 0x20 || c == 0x7f;
}

static void add_escaped(struct buffer *out, char c)
{
	buffer_add_format(out, "%%%02X", (unsigned char)c);
}

static enum status refuse(struct error *err, const char *why)
{
	return error_set(err, STATUS_REJECT, "invalid_url", "the URL %s", why);
}

static int hex_value(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, c | 0x20) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* One character at *at, encoded or not, which is moved behind it; false for a broken encoding. */
static bool take(const char **at, char *ret_c, bool *ret_was_encoded)
{
	const char *text = *at;

	*ret_was_encoded = *text == '%';
	if (!*ret_was_encoded) {
		*ret_c = *text;
		*at = text + 1;
		return true;
	}
	int high = hex_value(text[1]), low = high < 0 ? -1 : hex_value(text[2]);
	if (low < 0)
		return false;
	*ret_c = (char)(high << 4 | low);
	*at = text + 3;
	return true;
}

/* "." and "..", also with path parameters behind them, which some servers cut off before they resolve. */
static bool is_dots(const char *decoded)
{
	size_t len = strcspn(decoded, ";");

	return (len == 1 && decoded[0] == '.') || (len == 2 && decoded[0] == '.' && decoded[1] == '.');
}

/* Copies one segment in normal form; NULL or why not. */
static const char *add_segment(const char **at, struct buffer *out)
{
	char c, decoded[5] = ""; /* enough to tell dots */
	size_t len = 0;
	bool was_encoded;

	while (**at && **at != '/') {
		if (!take(at, &c, &was_encoded))
			return "has a '%' without two hex digits behind it";
		if (is_control((unsigned char)c) || c == '\\' || c == '/')
			return "has an encoded slash, a backslash or a control character in its path";
		if (is_one_of(c, unreserved) || (!was_encoded && is_one_of(c, "!$&'()*+,;=:@")))
			buffer_add(out, &c, 1);
		else
			add_escaped(out, c);
		if (len < sizeof(decoded) - 1)
			decoded[len++] = c;
	}
	return is_dots(decoded) ? "has a \".\" or \"..\" in its path" : NULL;
}

static const char *add_path(const char *path, struct buffer *out)
{
	const char *why;

	if (*path != '/')
		return "has no '/' before its path";
	while (*path == '/') {
		buffer_add_text(out, "/");
		path++;
		if (*path == '/')
			return "has two slashes in a row in its path";
		if ((why = add_segment(&path, out)))
			return why;
	}
	return NULL;
}

static void add_query(const char *query, struct buffer *out)
{
	buffer_add_text(out, "?");
	for (; *query; query++) {
		if (is_one_of(*query, unreserved) || is_one_of(*query, "!$&'()*+,;=:@/?%"))
			buffer_add(out, query, 1);
		else
			add_escaped(out, *query);
	}
}

/* curl would take the path of "http:///path" or "http:/path" for a host. */
static bool lacks_host(const char *text)
{
	size_t scheme = strcspn(text, ":");

	return (strncasecmp(text, "http:", 5) == 0 || strncasecmp(text, "https:", 6) == 0) &&
	       strspn(text + scheme + 1, "/") != 2;
}

/* What is refused whatever a parser makes of it; NULL or why not. */
static const char *text_problem(const char *text, enum url_form form)
{
	size_t scheme = strcspn(text, ":");
	const char *authority = text + scheme + strspn(text + scheme, ":/");

	if (strlen(text) > URL_MAX)
		return "is longer than 8192 bytes";
	for (const char *c = text; *c; c++)
		if (is_control((unsigned char)*c) || *c == '\\')
			return "has a control character or a backslash";
	if (lacks_host(text))
		return "has no host; write scheme://host/path";
	if (memchr(authority, '@', strcspn(authority, "/?#")))
		return "has a user or password; name a credentials_file instead";
	if (memchr(authority, '%', strcspn(authority, "/?#")) && strncasecmp(text, "file:", 5) != 0)
		return "has a '%' in its host name";
	if (strchr(text, '#'))
		return "has a fragment; write a '#' in a name as %23";
	if (form == URL_FOLDER && strchr(text, '?'))
		return "has a query; write a '?' in a name as %3F";
	return NULL;
}

/* NULL: it has none. */
static char *get_part(CURLU *parsed, CURLUPart part, unsigned flags)
{
	char *text = NULL;
	CURLUcode code = curl_url_get(parsed, part, &text, flags);

	if (code == CURLUE_OUT_OF_MEMORY)
		memory_is_out();
	return code ? NULL : text;
}

/* Appends a part that curl has found, in lower case; an absent one adds nothing. False where it has bytes
 * that do not belong there. */
static bool add_part(
        CURLU *parsed, CURLUPart part, const char *before, const char *allowed, struct buffer *out)
{
	char *text = get_part(parsed, part, CURLU_NO_DEFAULT_PORT);
	bool valid = true;

	if (!text)
		return true;
	buffer_add_text(out, before);
	for (char *c = text; *c; c++) {
		char lower = *c >= 'A' && *c <= 'Z' ? (char)(*c | 0x20) : *c;
		valid &= is_one_of(lower, allowed);
		buffer_add(out, &lower, 1);
	}
	curl_free(text);
	return valid;
}

static bool has_part(CURLU *parsed, CURLUPart part)
{
	char *text = get_part(parsed, part, 0);
	bool has = text != NULL;

	curl_free(text);
	return has;
}

static const char *add_origin(CURLU *parsed, struct buffer *out)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-._[]:";

	if (!add_part(parsed, CURLUPART_SCHEME, "", letters, out))
		return "has no valid scheme";
	if (view_is(buffer_view(out), "file")) {
		buffer_add_text(out, "://"); /* curl takes no host but this one's names */
		return NULL;
	}
	if (!view_is(buffer_view(out), "http") && !view_is(buffer_view(out), "https"))
		return "has a scheme that is not served; use file, http or https";
	if (has_part(parsed, CURLUPART_USER) || has_part(parsed, CURLUPART_PASSWORD))
		return "has a user or password; name a credentials_file instead";
	if (!add_part(parsed, CURLUPART_HOST, "://", letters, out) || has_part(parsed, CURLUPART_ZONEID))
		return "has a host name with other characters than letters, digits, '-', '.', '_' (write "
		       "international names as xn--…)";
	add_part(parsed, CURLUPART_PORT, ":", letters, out);
	return NULL;
}

static const char *add_all(CURLU *parsed, enum url_form form, struct buffer *out)
{
	const char *why = add_origin(parsed, out);

	if (why)
		return why;
	char *path = get_part(parsed, CURLUPART_PATH, 0);
	why = add_path(path && *path ? path : "/", out);
	curl_free(path);
	if (why)
		return why;
	if (form == URL_FOLDER && out->data[out->len - 1] != '/')
		buffer_add_text(out, "/");
	char *query = get_part(parsed, CURLUPART_QUERY, 0);
	if (query) {
		if (url_is_file(out->data))
			why = "is of a file and has a query; write a '?' in a name as %3F";
		else
			add_query(query, out);
		curl_free(query);
	}
	return why;
}

enum status url_normalise(const char *text, enum url_form form, char **ret, struct error *err)
{
	const char *why = text_problem(text, form);
	struct buffer out;
	CURLU *parsed;

	if (why)
		return refuse(err, why);
	parsed = curl_url();
	if (!parsed)
		memory_is_out();
	buffer_init(&out, 4 * URL_MAX);
	CURLUcode code = curl_url_set(
	        parsed, CURLUPART_URL, text, CURLU_PATH_AS_IS | CURLU_NON_SUPPORT_SCHEME | CURLU_ALLOW_SPACE);
	if (code == CURLUE_OUT_OF_MEMORY)
		memory_is_out();
	if (code)
		why = "cannot be parsed; write scheme://host/path or file:///path";
	else
		why = add_all(parsed, form, &out);
	curl_url_cleanup(parsed);
	if (!why && out.len > URL_MAX)
		why = "is longer than 8192 bytes once it is escaped";
	if (!why)
		*ret = memory_text(out.data);
	buffer_release(&out);
	return why ? refuse(err, why) : STATUS_OK;
}

bool url_is_file(const char *url)
{
	return strncmp(url, "file://", 7) == 0;
}

char *url_file_path(const char *url)
{
	const char *at = url + strlen("file://");
	char *path = memory_text(at), *end = path;
	bool was_encoded;

	while (*at && take(&at, end, &was_encoded))
		end++;
	*end = '\0';
	return path;
}

char *url_escape_path(const char *path)
{
	struct buffer out;

	buffer_init(&out, 3 * strlen(path) + 1);
	for (; *path; path++) {
		if (*path == '/' || is_one_of(*path, unreserved))
			buffer_add(&out, path, 1);
		else
			add_escaped(&out, *path);
	}
	char *escaped = memory_copy(out.data ? out.data : "", out.len);
	buffer_release(&out);
	return escaped;
}

char *url_join(const char *folder_url, const char *path)
{
	char *escaped = url_escape_path(path);
	char *url = memory_format("%s%s", folder_url, escaped);

	free(escaped);
	return url;
}

bool url_is_below(const char *url, const char *folder_url)
{
	size_t len = strlen(folder_url);

	return strncmp(url, folder_url, len) == 0 && url[len];
}
