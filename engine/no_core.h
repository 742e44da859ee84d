#ifndef ENGINE_NO_CORE_H
#define ENGINE_NO_CORE_H

/* From here on a crash leaves no core, or an empty one where cores are piped to a program: it would have the
 * secrets that librdkafka and curl hold. */
void leave_no_core(void);

#endif
