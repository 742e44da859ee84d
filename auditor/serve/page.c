#include "auditor/serve/page.h"

#include "base/digest.h"
#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ETAG_SIZE = DIGEST_NAME_SIZE + 2 };

struct page {
	size_t count;
	char (*etags)[ETAG_SIZE]; /* by the file's index */
};

static struct view content(const struct page_file *file)
{
	return (struct view){file->start, (size_t)(file->end - file->start)};
}

struct page *page_new(void)
{
	struct page *page = memory_alloc(sizeof(*page));

	while (page_files[page->count].name)
		page->count++;
	page->etags = memory_alloc((page->count + 1) * sizeof(*page->etags));
	for (size_t i = 0; i < page->count; i++) {
		char name[DIGEST_NAME_SIZE];

		digest_name(content(&page_files[i]), name);
		snprintf(page->etags[i], ETAG_SIZE, "\"%s\"", name);
	}
	return page;
}

void page_free(struct page *page)
{
	if (!page)
		return;
	free(page->etags);
	free(page);
}

static const char *type_of(const char *name)
{
	static const char *const types[][2] = {
	        {"html", "text/html; charset=utf-8"},
	        {"css", "text/css; charset=utf-8"},
	        {"js", "text/javascript; charset=utf-8"},
	        {"svg", "image/svg+xml"},
	        {"png", "image/png"},
	        {"ico", "image/x-icon"},
	        {"json", "application/json"},
	        {"webmanifest", "application/manifest+json"},
	        {"woff2", "font/woff2"},
	        {"txt", "text/plain; charset=utf-8"},
	};
	const char *suffix = strrchr(name, '.');

	for (size_t i = 0; suffix && i < sizeof(types) / sizeof(*types); i++)
		if (strcmp(suffix + 1, types[i][0]) == 0)
			return types[i][1];
	return "application/octet-stream";
}

void page_answer(const struct page *page, const char *name, const struct http_request *request,
        struct http_response *response)
{
	if (!*name)
		name = "index.html";
	for (size_t i = 0; i < page->count; i++) {
		if (strcmp(page_files[i].name, name) != 0)
			continue;
		response->fixed = content(&page_files[i]);
		response->content_type = type_of(name);
		response->etag = page->etags[i];
		response->cache_control = "no-cache"; /* asked for each time, sent when it changed */
		return;
	}
	http_refuse(request, response, 404, "not_found", "there is no page at /%.100s", name);
}
