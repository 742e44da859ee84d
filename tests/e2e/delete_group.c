/* e2e_delete_group BOOTSTRAP GROUP: deletes a consumer group and its offsets, which Debian 12's Python client
 * cannot. */
#include <librdkafka/rdkafka.h>
#include <stdio.h>

static int report(rd_kafka_event_t *event)
{
	const rd_kafka_DeleteGroups_result_t *result = rd_kafka_event_DeleteGroups_result(event);
	const rd_kafka_group_result_t **groups;
	size_t count;

	if (!result || rd_kafka_event_error(event)) {
		fprintf(stderr, "delete_group: %s\n",
		        event ? rd_kafka_event_error_string(event) : "no answer");
		return 1;
	}
	groups = rd_kafka_DeleteGroups_result_groups(result, &count);
	const rd_kafka_error_t *error = count == 1 ? rd_kafka_group_result_error(groups[0]) : NULL;
	if (error)
		fprintf(stderr, "delete_group: %s\n", rd_kafka_error_string(error));
	return count == 1 && !error ? 0 : 1;
}

int main(int argc, char **argv)
{
	char why[256];
	rd_kafka_conf_t *conf = rd_kafka_conf_new();

	if (argc != 3 ||
	        rd_kafka_conf_set(conf, "bootstrap.servers", argv[1], why, sizeof(why)) != RD_KAFKA_CONF_OK)
		return 2;
	rd_kafka_t *client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
	rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
	rd_kafka_DeleteGroup_t *group = rd_kafka_DeleteGroup_new(argv[2]);
	rd_kafka_DeleteGroups(client, &group, 1, NULL, queue);
	rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 30000);
	int exit_code = event ? report(event) : 1;
	rd_kafka_event_destroy(event);
	rd_kafka_DeleteGroup_destroy(group);
	rd_kafka_queue_destroy(queue);
	rd_kafka_destroy(client);
	return exit_code;
}
