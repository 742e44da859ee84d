#ifndef ENGINE_LEASE_H
#define ENGINE_LEASE_H

/* A proof of ownership (a commit that carried a record) is good for so long: a worker that Kafka no longer
 * hears may go on beginning effects until then. So nobody may take its shards over before: the group's
 * session is longer (group.c), by a heartbeat at least, since it runs from the last one, which may be older
 * than the proof. */
enum { LEASE_MS = 5000 };

#endif
