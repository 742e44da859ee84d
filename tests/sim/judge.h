#ifndef SIM_JUDGE_H
#define SIM_JUDGE_H

#include <stdbool.h>

/* The whole, once all has come to its end: what was said of each job, once and no more, and rightly. */
struct judge_terms {
	bool far_deadlines; /* every good job must have completed, or be superseded */
	bool rejects;       /* content may have been missing for good */
};
void judge_all(const struct judge_terms *terms);

#endif
