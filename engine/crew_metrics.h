#ifndef ENGINE_CREW_METRICS_H
#define ENGINE_CREW_METRICS_H

#include "engine/crew.h"

/* What a crew's shards tell those who watch, as metrics. */
void crew_metrics(const struct worker_spec *spec, const struct crew_view *view, struct buffer *out);

#endif
