#include "engine/client.h"

#include <criterion/criterion.h>
#include <string.h>

/* Which properties a user may set. None of this needs a broker. */

static enum status open_with(const char *property, struct error *err)
{
	static const struct command_spec command = {.name = "test", .kafka = true};
	char *argv[] = {"test", "-X", (char *)property, NULL};
	struct options *options;
	struct client *client = NULL;
	bool printed;

	cr_assert_eq(options_parse(&command, 3, argv, &options, &printed, err), STATUS_OK);
	enum status status = client_open(options, &client, err);
	client_close(client);
	options_free(options);
	return status;
}

Test(config, takes_librdkafkas_properties)
{
	struct error err = {0};

	cr_expect_eq(open_with("client.id=me", &err), STATUS_OK, "%s", err.message);
	cr_expect_eq(open_with("linger.ms=20", &err), STATUS_OK, "%s", err.message);
	cr_expect_eq(open_with("bootstrap.servers=kafka:9092", &err), STATUS_OK, "%s", err.message);
}

Test(config, refuses_what_exactly_once_rests_on)
{
	static const char *const properties[] = {"group.id=x", "group.instance.id=x", "transactional.id=x",
	        "isolation.level=read_uncommitted", "partitioner=random", "enable.auto.commit=true",
	        "auto.offset.reset=earliest", "enable.idempotence=false", "acks=1", "request.required.acks=1",
	        "partition.assignment.strategy=cooperative-sticky"};
	struct error err;

	for (size_t i = 0; i < sizeof(properties) / sizeof(*properties); i++) {
		cr_expect_eq(open_with(properties[i], &err), STATUS_REJECT, "%s", properties[i]);
		cr_expect_str_eq(err.code, "kafka_property");
	}
}

Test(config, names_a_property_that_nobody_knows)
{
	struct error err;

	cr_assert_eq(open_with("no.such.property=1", &err), STATUS_REJECT);
	cr_expect_str_eq(err.code, "kafka_property");
	cr_expect_neq(strstr(err.message, "no.such.property"), NULL, "%s", err.message);
}
