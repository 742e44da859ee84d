#ifndef ENGINE_TRACE_H
#define ENGINE_TRACE_H

#include "base/bytes.h"

/* W3C Trace Context. The header comes from whoever may submit and goes into rows and all that follows, so it
 * is judged once, where a struct record is made of what was read: header itself where it is of the form
 * version-trace-parent-flags (55 characters; later versions may have more behind, up to TRACEPARENT_MAX),
 * else absent. */
enum { TRACEPARENT_MAX = 128 };
struct view traceparent_of(struct view header);

#endif
