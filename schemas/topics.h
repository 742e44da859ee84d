#ifndef SCHEMAS_TOPICS_H
#define SCHEMAS_TOPICS_H

/* The topics, without their prefix. All have the same partition count and are keyed by package ID. */
#define TOPIC_PREFIX_DEFAULT "holdpoint."
#define TOPIC_JOBS "jobs"
#define TOPIC_STAGED "staged"
#define TOPIC_UPDATED "updated"
#define TOPIC_STATUS "status"
#define TOPIC_DLQ "dlq"
#define TOPIC_PROGRESS "progress"
#define TOPIC_STAGER_STATE "stager-state"
#define TOPIC_UPDATER_STATE "updater-state"

#endif
