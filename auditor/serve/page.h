#ifndef AUDITOR_PAGE_H
#define AUDITOR_PAGE_H

#include "engine/http_server.h"

/* The page's files, of auditor/serve/page/, which are part of the program (page.cmake puts them there). */
struct page_file {
	const char *name, *start, *end;
};
extern const struct page_file page_files[]; /* name NULL ends them */

/* The same, ready to be served: with their types, and tags of their content. */
struct page;
struct page *page_new(void);
void page_free(struct page *page); /* NULL is fine */

/* The file of that name, "" being index.html; refused with "not_found" where there is none. */
void page_answer(const struct page *page, const char *name, const struct http_request *request,
        struct http_response *response);

#endif
