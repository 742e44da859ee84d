#include "auditor/replay.h"

#include "schemas/topics.h"

const char *log_topic_name(enum log_topic topic)
{
	static const char *const names[] = {TOPIC_JOBS, TOPIC_STAGED, TOPIC_UPDATED, TOPIC_STATUS, TOPIC_DLQ};

	return names[topic];
}
