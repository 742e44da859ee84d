#ifndef ENGINE_METRICS_H
#define ENGINE_METRICS_H

#include "base/bytes.h"

#include <stdint.h>

/* Prometheus' text exposition format 0.0.4. A metric is its head and then its samples. labels: what stands
 * between the braces, or ""; a value of one must not need escaping, as no name of ours does. Metrics never
 * have a key as a label: the sets of labels are bounded. */
enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };
void metric_head(struct buffer *out, const char *name, enum metric_type type, const char *help);
void metric_sample(struct buffer *out, const char *name, const char *labels, int64_t value);
void metric_seconds(struct buffer *out, const char *name, const char *labels, int64_t milliseconds);
/* A metric of one sample. */
void metric_one(struct buffer *out, const char *name, enum metric_type type, const char *help,
        const char *labels, int64_t value);

/* What every process tells of itself: memory, processor time, open files, when it was started. */
void metrics_process(struct buffer *out, int64_t started_ms);

#endif
