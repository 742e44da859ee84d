/* create and update: the job is sent, and followed where told to. */
#include "producer/ask.h"

#include "base/memory.h"
#include "command/command.h"
#include "producer/follow.h"
#include "schemas/json.h"
#include "schemas/topics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sent {
	struct position position;
	enum status status;
	struct error err;
};

static void on_delivered(void *context, const struct position *position, const struct error *err)
{
	struct sent *sent = context;

	if (position) {
		sent->position = *position;
		return;
	}
	sent->status = err->status;
	sent->err = *err;
}

/* sent must live as long as the client: its answer may come late. */
static enum status send_job(struct client *client, const struct options *options, const struct job *job,
        const char *json, int64_t timeout_ms, struct sent *sent, struct error *err)
{
	char *topic = topic_named(options, TOPIC_JOBS);
	int32_t partitions;
	/* a topic that is missing, or a Kafka that is, shows before anything is sent */
	enum status status = client_partitions(client, topic, timeout_ms, &partitions, err);

	if (status == STATUS_OK)
		status = client_produce(client, topic, view_text(job->package_id), view_text(json), NULL, 0,
		        timeout_ms, on_delivered, sent, err);
	free(topic);
	if (status != STATUS_OK)
		return status;
	status = client_flush(client, timeout_ms, err);
	if (status == STATUS_OK && sent->status != STATUS_OK) {
		*err = sent->err;
		status = sent->status;
	}
	if (status == STATUS_RETRY)
		error_prefix(err, "the job may have been sent or not; %s: ",
		        job->job_id ? "send it again, under its job id it is done once"
		                    : "sent again without --job-id it may be done twice");
	return status;
}

static void print_sent(const struct job *job, struct position position, bool json)
{
	char id[JOB_ID_SIZE];
	struct buffer out;

	job_default_id(position.partition, position.offset, id);
	if (!json) {
		printf("%s sent: jobs/%d@%lld\n", job->job_id ? job->job_id : id, (int)position.partition,
		        (long long)position.offset);
		fflush(stdout);
		return;
	}
	buffer_init(&out, 4096);
	json_begin(&out, '{');
	json_put_text(&out, "type", "sent");
	json_put_text(&out, "job_id", job->job_id ? job->job_id : id);
	json_put_text(&out, "package_id", job->package_id);
	json_put_text(&out, "version", job->version);
	json_put_int(&out, "partition", position.partition);
	json_put_int(&out, "offset", position.offset);
	json_end(&out, '}');
	puts(out.data);
	fflush(stdout);
	buffer_release(&out);
}

static int follow_job(const struct options *options, struct follow *follow, const struct job *job,
        struct position position, int64_t wait_ms)
{
	struct watch watch;
	int code;

	watch_init(&watch, job->package_id, job->version, job->job_id, position);
	code = follow_run(follow, &watch, options_switch(options, "json"), wait_ms);
	watch_release(&watch);
	return code;
}

static enum status send_and_follow(const struct options *options, struct client *client,
        const struct job *job, const char *json, struct sent *sent, int *ret_code, struct error *err)
{
	struct follow *follow = NULL;
	int64_t timeout_ms, wait_ms;

	if (option_timeout(options, &timeout_ms, err) != STATUS_OK ||
	        option_wait_timeout(options, &wait_ms, err) != STATUS_OK)
		return err->status;
	/* the end is looked up before the job is sent, so nothing that answers it is missed */
	if ((options_switch(options, "wait") || wait_ms >= 0) &&
	        follow_open(client, options, job->package_id, false, timeout_ms, &follow, err) != STATUS_OK)
		return err->status;
	enum status status = send_job(client, options, job, json, timeout_ms, sent, err);

	*ret_code = EXIT_DONE;
	if (status == STATUS_OK) {
		print_sent(job, sent->position, options_switch(options, "json"));
		if (follow)
			*ret_code = follow_job(options, follow, job, sent->position, wait_ms);
	}
	follow_close(follow);
	return status;
}

int ask_run(const struct command_spec *command, enum job_type type, int argc, char **argv)
{
	int code;
	struct options *options = command_options(command, argc, argv, &code);
	struct client *client = NULL;
	struct job *job = NULL;
	char *json = NULL;
	struct sent sent = {.status = STATUS_OK};
	struct error err;

	if (!options)
		return code;
	if (ask_job(options, type, &json, &job, &err) != STATUS_OK ||
	        client_open(options, &client, &err) != STATUS_OK ||
	        send_and_follow(options, client, job, json, &sent, &code, &err) != STATUS_OK)
		code = command_fail(&err);
	client_close(client);
	job_free(job);
	free(json);
	options_free(options);
	return code;
}
