#ifndef STAGER_GATE_SINK_H
#define STAGER_GATE_SINK_H

#include "engine/outbox.h"
#include "stager/gate.h"

/* Numbers of the worker's outputs. */
enum { OUTPUT_STAGED, OUTPUT_STATUS };

/* A gate_out that appends everything to an outbox. */
struct gate_sink {
	struct gate_out out;
	struct outbox *outbox;
	bool cloudevents; /* records carry the headers of CloudEvents too */
};
void gate_sink_init(struct gate_sink *sink, struct outbox *outbox, bool cloudevents);

#endif
