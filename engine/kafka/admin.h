#ifndef ENGINE_KAFKA_ADMIN_H
#define ENGINE_KAFKA_ADMIN_H

#include "base/error.h"
#include "engine/options.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Topics as the engine needs them: created where missing, checked where present. */
enum topic_kind {
	TOPIC_LOG,       /* kept for retention_ms, then deleted */
	TOPIC_CHANGELOG, /* compacted; each partition begins with a row @genesis */
};

struct topic_spec {
	const char *name; /* without prefix */
	enum topic_kind kind;
	int64_t retention_ms;      /* LOG; -1: for ever */
	int32_t max_message_bytes; /* what it must take, headers and all; 0: 1 MiB */
	/* CHANGELOG: a topic that has records only if this changelog once had rows (NULL: none). A changelog
	 * that is missing or empty while its witness has records was lost, and is not made anew: whoever
	 * starts from an empty one does everything again. */
	const char *witness;
};

/* What is there and what was done, line by line, for people. */
typedef void topics_say(void *context, bool warning, const char *topic, const char *words);

/* Creates what is missing, gives each partition of a changelog its @genesis row ("<uuid> <partitions>";
 * exactly once, however many run this at a time), and checks the rest. partitions 0: as many as those of the
 * topics that are there, else 12. replication -1: the brokers' default. Safe to repeat after a failure at any
 * point.
 *
 * Codes: "kafka_unreachable" (STATUS_RETRY); "partition_count" (the topics' counts differ, or are not what
 * was asked for), "topic_settings" (say() told which), "changelog_lost", "kafka_denied", "kafka_error". */
must_check enum status topics_ensure(const struct options *options, const struct topic_spec *specs,
        size_t count, int32_t partitions, int32_t replication, int64_t timeout_ms, topics_say *say,
        void *context, struct error *err);

/* The same checks, nothing changed: "topic_missing" where one is; *ret_partitions is their common count. A
 * broker that may not be asked for settings is a warning only. @genesis is not looked at. */
must_check enum status topics_check(const struct options *options, const struct topic_spec *specs,
        size_t count, int64_t timeout_ms, topics_say *say, void *context, int32_t *ret_partitions,
        struct error *err);

#endif
