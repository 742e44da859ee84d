#ifndef AUDITOR_LANES_H
#define AUDITOR_LANES_H

#include "auditor/log/replay.h"
#include "engine/client_lanes.h"

/* Where a replay's lanes come from: a Kafka or a dump. Lanes are numbered from 0, topic by topic in the order
 * of lanes_topics, each from its first partition on. Functions are those of client_lanes.h. */
struct lanes {
	const struct lanes_kind {
		enum status (*take)(void *self, size_t lane, struct client_record *ret_record,
		        bool *ret_found, struct error *err);
		void (*wait)(void *self, int64_t timeout_ms);
		struct client_lane_place (*place)(const void *self, size_t lane);
		bool (*is_open)(const void *self, size_t lane);
		bool (*header_at)(const void *self, size_t lane, size_t index, struct view *ret_name,
		        struct view *ret_value);
		void (*close)(void *self); /* NULL is fine */
	} * kind;
	void *self;
	int32_t partitions;             /* of each topic */
	int32_t first_partition, count; /* the partitions that are read */
};

/* An end is asked for before those of what its records cite. */
extern const enum log_topic lanes_topics[LOG_TOPICS];

must_check enum status lanes_open_kafka(
        const struct options *options, const struct replay_spec *spec, struct lanes *ret, struct error *err);
must_check enum status lanes_open_dump(const char *file, const char *prefix, const struct replay_spec *spec,
        struct lanes *ret, struct error *err);

#endif
