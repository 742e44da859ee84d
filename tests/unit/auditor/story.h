#ifndef TESTS_UNIT_AUDITOR_STORY_H
#define TESTS_UNIT_AUDITOR_STORY_H

#include "auditor/verify/verify.h"

/* A history made by hand, of one package, in the order in which it is told; ids as the product derives them.
 * What is told can be changed, taken away and told again before it is judged. */
enum { STORY_FACTS = 64, STORY_TEXTS = 512, STORY_PARTITIONS = 4 };

struct story {
	struct fact facts[STORY_FACTS];
	size_t count;
	int64_t next[LOG_TOPICS];
	int32_t partition; /* of the package */
	char *texts[STORY_TEXTS];
	size_t text_count;
	unsigned found[VIOLATION_CODES]; /* by story_judge() */
	struct position place;           /* of the last violation … */
	enum log_topic topic;            /* … found */
	struct verify_counts counts;
};

struct story *story_new(void);
void story_free(struct story *story);
struct view story_text(struct story *story, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Each adds one fact and returns it; it stays where it is. */
struct fact *tell_job(struct story *story, const char *type, const char *id, const char *version);
struct fact *tell_accepted(struct story *story, const struct fact *job, const char *points);
struct fact *tell_rejected(struct story *story, const struct fact *job);
struct fact *tell_duplicate(struct story *story, const struct fact *job, const struct fact *original);
struct fact *tell_dead_letter(struct story *story, const struct fact *job);
struct fact *tell_staged(
        struct story *story, const struct fact *job, const char *point, const char *dp_id, unsigned restages);
struct fact *tell_release(
        struct story *story, const struct fact *job, const struct fact *staged, uint32_t targets);
struct fact *tell_withheld(
        struct story *story, const struct fact *job, const char *point, const char *reason, uint32_t targets);
struct fact *tell_updated(
        struct story *story, const struct fact *release, const struct fact *staged, const char *previous);
struct fact *tell_end(struct story *story, const struct fact *job, const char *state, const char *outcomes);
struct fact *tell_point(struct story *story, const struct fact *job, const char *point, const char *state);
struct fact *tell_again(struct story *story, const struct fact *fact); /* a copy, at the end of its lane */

/* Judges it all; spec may be NULL. */
void story_judge(struct story *story, const struct verify_spec *spec);
unsigned story_violations(const struct story *story); /* of all codes */

#endif
