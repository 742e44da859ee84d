#include "engine/kafka.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/memory.h"
#include "engine/kafka/process_parts.h"
#include "engine/route.h"

#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* One shard's Kafka: its life, its sleep, and what is the same whichever handle is used. */

struct kafka *kafka_open(struct process *process, int32_t partition)
{
	struct kafka *kafka = memory_alloc(sizeof(*kafka));

	kafka->process = process;
	kafka->partition = partition;
	kafka->completions_fd = kafka->control_fd = -1;
	kafka->ended_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	kafka->input_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (kafka->ended_fd < 0 || kafka->input_fd < 0)
		abort(); /* out of descriptors is out of memory */
	atomic_init(&kafka->position, -1);
	buffer_init(&kafka->recalled, SIZE_MAX); /* unpacked, a record may be any size */
	return kafka;
}

void kafka_attach(struct kafka *kafka, int completions_fd, int control_fd)
{
	kafka->completions_fd = completions_fd;
	kafka->control_fd = control_fd;
}

void kafka_close(struct kafka *kafka)
{
	if (!kafka)
		return;
	transaction_close(kafka);
	input_close(kafka);
	recall_close(kafka);
	buffer_release(&kafka->recalled);
	close(kafka->ended_fd);
	close(kafka->input_fd);
	free(kafka->batch);
	free(kafka);
}

/* ---- being told to end */

void kafka_end(struct kafka *kafka)
{
	uint64_t one = 1;

	atomic_store(&kafka->ended, true);
	if (write(kafka->ended_fd, &one, sizeof(one)) < 0)
		return; /* told already */
}

bool kafka_is_ended(const struct kafka *kafka)
{
	return atomic_load(&kafka->ended);
}

void kafka_sleep(struct kafka *kafka, int64_t ms)
{
	struct pollfd ended = {.fd = kafka->ended_fd, .events = POLLIN};

	poll(&ended, 1, (int)ms);
}

void kafka_back_off(struct kafka *kafka, int try)
{
	int64_t most = try > 5 ? 2000 : 50 << try;
	char random[RANDOM_NAME_SIZE];

	random_name(random);
	random[4] = '\0';
	kafka_sleep(kafka, most / 2 + most * strtol(random, NULL, 16) / 65536);
}

/* ---- positions and partitions */

void kafka_note_position(struct kafka *kafka, int64_t position)
{
	atomic_store(&kafka->position, position);
}

int64_t kafka_noted_position(const struct kafka *kafka)
{
	return atomic_load(&kafka->position);
}

int32_t kafka_partition_of(const struct kafka *kafka, struct view key)
{
	return route_partition(key, kafka->process->partitions);
}

void kafka_fingerprint(const struct record *record, char text[FINGERPRINT_SIZE])
{
	struct buffer all;

	buffer_init(&all, SIZE_MAX);
	pack_int(&all, record->position.offset);
	pack_int(&all, record->time_ms);
	pack_view(&all, record->key);
	pack_view(&all, record->value);
	digest_name(buffer_view(&all), text);
	buffer_release(&all);
}

enum outcome kafka_still_ours(struct kafka *kafka, int64_t position, struct error *err)
{
	(void)err;
	for (int try = 0;; try++) {
		kafka_back_off(kafka, try);
		if (kafka_is_ended(kafka))
			return OUTCOME_ENDED;
		if (group_confirms(kafka->process, kafka->partition, position, CALL_MS))
			return OUTCOME_OK;
	}
}

/* ---- sleeping */

int kafka_wait(struct kafka *kafka, int64_t timeout_ms, bool paused)
{
	bool pending = !paused && kafka->input_pending;
	struct pollfd fds[] = {{.fd = kafka->completions_fd, .events = POLLIN},
	        {.fd = kafka->control_fd, .events = POLLIN}, {.fd = kafka->input_fd, .events = POLLIN}};
	int found = pending ? WAIT_INPUT : 0;

	recall_close_idle(kafka);
	if (!paused)
		sharing_join_when_idle(kafka);
	if (timeout_ms > 3600000)
		timeout_ms = 3600000;
	if (poll(fds, paused ? 2 : 3, pending || timeout_ms < 0 ? 0 : (int)timeout_ms) <= 0)
		return found;
	return found | (fds[0].revents ? WAIT_COMPLETIONS : 0) | (fds[1].revents ? WAIT_CONTROL : 0) |
	       (!paused && fds[2].revents ? WAIT_INPUT : 0);
}
