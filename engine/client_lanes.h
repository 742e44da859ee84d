#ifndef ENGINE_CLIENT_LANES_H
#define ENGINE_CLIENT_LANES_H

#include "engine/client.h"

/* Reading lane by lane, read_committed, without a group. A lane is one partition of one topic with a queue of
 * its own, so that who merges lanes decides whose record comes next: one that nobody takes from is not
 * fetched further, and what is held unread stays within a bound (and what one more fetch brings), however far
 * apart the lanes are. Lanes are numbered from 0 in the order in which they were added. For one thread.
 * Errors are those of client.h. */
struct client_lanes;

/* For topics of which some partitions will be lanes; *ret_partitions[i] is how many topics[i] has. wait_ms:
 * how long a broker may hold an answer back where it has nothing new (0: 500). Lanes with news wait for it
 * too while those of the same broker that are asked for have none, so who has much to catch up with says
 * little, and who waits for news says more. */
must_check enum status client_lanes_open(struct client *client, const char *const *topics, size_t topic_count,
        size_t bytes_max, int wait_ms, int64_t timeout_ms, int32_t *ret_partitions, struct client_lanes **ret,
        struct error *err);
void client_lanes_close(struct client_lanes *lanes); /* before its client; NULL is fine */

/* Asks the brokers for the lane's present start and end, now: who adds lanes chooses in which order the ends
 * are asked for. topic: an index of client_lanes_open()'s. offset: the first wanted, or
 * CLIENT_FROM_BEGINNING. */
must_check enum status client_lanes_add(struct client_lanes *lanes, size_t topic, int32_t partition,
        int64_t offset, int64_t timeout_ms, struct error *err);
must_check enum status client_lanes_start(struct client_lanes *lanes, struct error *err); /* after the last */

/* The lane's next record, where it is here already; never waits. STATUS_RETRY: brokers are not reachable for
 * now (reading goes on by itself: call again). "log_truncated": records were deleted before they could be
 * read, and nothing more of the lane will come. Views are valid until the next call with this lane. */
must_check enum status client_lane_take(struct client_lanes *lanes, size_t lane,
        struct client_record *ret_record, bool *ret_found, struct error *err);
/* Waits until something may have come to a lane that had nothing, at most timeout_ms. */
void client_lanes_wait(struct client_lanes *lanes, int64_t timeout_ms);

struct client_lane_place {
	int64_t begin, end; /* the log's, as they were when the lane was added */
	int64_t start;      /* where reading began */
	int64_t next;       /* the offset behind what was taken */
};
struct client_lane_place client_lane_place(const struct client_lanes *lanes, size_t lane);

/* Whether more of the log than next is written already, in a transaction that is not decided yet; as the last
 * answer of the broker said. */
bool client_lane_is_open(const struct client_lanes *lanes, size_t lane);

/* Headers of the record last taken from the lane: by name (the last of it), or all in order (until false). */
struct view client_lane_header(const struct client_lanes *lanes, size_t lane, const char *name);
bool client_lane_header_at(const struct client_lanes *lanes, size_t lane, size_t index, struct view *ret_name,
        struct view *ret_value);

#endif
