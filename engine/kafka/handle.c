#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "engine/client.h"
#include "engine/kafka/internal.h"

#include <assert.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Handles of librdkafka: configuration, errors, one way to make them. */

struct chatter {
	pthread_mutex_t lock;
	char last[256];
	bool log;
	void *owner;
};

struct chatter *chatter_new(bool log)
{
	struct chatter *chatter = memory_alloc(sizeof(*chatter));

	pthread_mutex_init(&chatter->lock, NULL);
	chatter->log = log;
	return chatter;
}

void chatter_free(struct chatter *chatter)
{
	if (!chatter)
		return;
	pthread_mutex_destroy(&chatter->lock);
	free(chatter);
}

void chatter_set_owner(struct chatter *chatter, void *owner)
{
	chatter->owner = owner;
}

void *chatter_owner(const struct chatter *chatter)
{
	return chatter->owner;
}

/* Why brokers are not reached. */
static void keep(struct chatter *chatter, const char *facility, const char *text)
{
	if (strcmp(facility, "FAIL") != 0)
		return;
	pthread_mutex_lock(&chatter->lock);
	snprintf(chatter->last, sizeof(chatter->last), "%s", text);
	pthread_mutex_unlock(&chatter->lock);
}

/* "[thrd:127.0.0.1:9092/1]: 127.0.0.1:9092/1: words": the thread is of no use to people. */
static const char *without_thread(const char *text)
{
	const char *end = strncmp(text, "[thrd:", 6) == 0 ? strstr(text, "]: ") : NULL;

	return end ? end + 3 : text;
}

static void take_log(const rd_kafka_t *handle, const char *facility, const char *text, enum log_level level)
{
	struct chatter *chatter = handle ? rd_kafka_opaque(handle) : NULL;

	if (!chatter || strcmp(facility, "CONFWARN") == 0)
		return;
	text = without_thread(text);
	keep(chatter, facility, text);
	if (chatter->log)
		log_line(level, "librdkafka", "facility", facility, "text", text, NULL);
}

static void on_log(const rd_kafka_t *handle, int level, const char *facility, const char *text)
{
	enum { SYSLOG_WARNING = 4, SYSLOG_NOTICE = 5 };

	take_log(handle, facility, text,
	        level <= SYSLOG_WARNING  ? LOG_WARN
	        : level == SYSLOG_NOTICE ? LOG_INFO
	                                 : LOG_DEBUG);
}

/* A process has many handles: one of them says that brokers are gone. */
static void on_log_quietly(const rd_kafka_t *handle, int level, const char *facility, const char *text)
{
	(void)level;
	take_log(handle, facility, text, LOG_DEBUG);
}

/* ---- configuration */

/* What exactly-once and order rest on. */
static const char *const refused[] = {"group.id", "group.instance.id", "group.protocol",
        "partition.assignment.strategy", "transactional.id", "enable.idempotence", "acks",
        "request.required.acks", "isolation.level", "partitioner", "enable.auto.commit", "auto.commit.enable",
        "enable.auto.offset.store", "auto.offset.reset", "enable.partition.eof", "enable.gapless.guarantee",
        "delivery.report.only.error"};

static enum status set_property(
        rd_kafka_conf_t *config, const char *name, const char *value, struct error *err)
{
	char words[256];

	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++)
		if (strcmp(name, refused[i]) == 0)
			return error_set(err, STATUS_REJECT, "kafka_property",
			        "the property %s is not to be set: it is chosen so that nothing is lost or "
			        "doubled",
			        name);
	if (rd_kafka_conf_set(config, name, value, words, sizeof(words)) != RD_KAFKA_CONF_OK)
		return error_set(err, STATUS_REJECT, "kafka_property", "librdkafka refuses %s=%s: %s", name,
		        value, words);
	return STATUS_OK;
}

void config_set(rd_kafka_conf_t *config, const char *name, const char *value)
{
	char words[256];
	rd_kafka_conf_res_t result = rd_kafka_conf_set(config, name, value, words, sizeof(words));

	assert(result == RD_KAFKA_CONF_OK);
	(void)result;
}

static bool is_given(const struct options *options, const char *name)
{
	for (size_t i = 0; i < options_property_count(options); i++) {
		const char *given, *text;
		options_property(options, i, &given, &text);
		if (strcmp(given, name) == 0)
			return true;
	}
	return false;
}

void config_tune(rd_kafka_conf_t *config, const struct options *options, const char *name, const char *value)
{
	if (!is_given(options, name))
		config_set(config, name, value);
}

void config_tune_if_known(
        rd_kafka_conf_t *config, const struct options *options, const char *name, const char *value)
{
	char words[256];

	if (!is_given(options, name))
		rd_kafka_conf_set(config, name, value, words, sizeof(words));
}

static enum status set_properties(rd_kafka_conf_t *config, const struct options *options, struct error *err)
{
	enum status status = STATUS_OK;

	for (size_t i = 0; status == STATUS_OK && i < options_property_count(options); i++) {
		const char *name, *value;
		options_property(options, i, &name, &value);
		status = set_property(config, name, value, err);
	}
	if (status == STATUS_OK && options_bootstrap(options))
		status = set_property(config, "bootstrap.servers", options_bootstrap(options), err);
	return status;
}

enum status config_new(const struct options *options, struct chatter *chatter, bool quiet,
        rd_kafka_conf_t **ret_config, struct error *err)
{
	rd_kafka_conf_t *config = rd_kafka_conf_new();

	config_set(config, "bootstrap.servers", "localhost:9092");
	config_set(config, "client.id", "holdpoint");
	config_set(config, "socket.nagle.disable", "true");
	config_set(config, "socket.keepalive.enable", "true");
	config_set(config, "socket.timeout.ms", "10000"); /* must be below a transaction's */
	config_set(config, "reconnect.backoff.max.ms", "2000");
	config_set(config, "log.connection.close", "false");
	config_set(config, "allow.auto.create.topics", "false");
	/* a topic takes 2 MiB: the largest record and the headers of a dead letter */
	config_set(config, "message.max.bytes", "2097152");
	rd_kafka_conf_set_log_cb(config, quiet ? on_log_quietly : on_log);
	rd_kafka_conf_set_opaque(config, chatter);
	enum status status = set_properties(config, options, err);
	if (status != STATUS_OK) {
		rd_kafka_conf_destroy(config);
		return status;
	}
	*ret_config = config;
	return STATUS_OK;
}

enum status config_check(const struct options *options, struct error *err)
{
	rd_kafka_conf_t *config;
	enum status status = config_new(options, NULL, true, &config, err);

	if (status == STATUS_OK)
		rd_kafka_conf_destroy(config);
	return status;
}

enum status handle_new(
        rd_kafka_type_t type, rd_kafka_conf_t *config, rd_kafka_t **ret_handle, struct error *err)
{
	char words[256];
	rd_kafka_t *handle = rd_kafka_new(type, config, words, sizeof(words));

	if (!handle && rd_kafka_last_error() == RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE)
		/* its threads may live on with what config holds, so that is not freed; who was told ends */
		return error_set(err, STATUS_FATAL, "kafka_threads", "librdkafka cannot start: %s", words);
	if (!handle) {
		rd_kafka_conf_destroy(config);
		return error_set(err, STATUS_REJECT, "kafka_property",
		        "librdkafka refuses its configuration (look at -X and -F): %s", words);
	}
	*ret_handle = handle;
	return STATUS_OK;
}

/* ---- errors */

bool is_unreachable(rd_kafka_resp_err_t code)
{
	switch (code) {
	case RD_KAFKA_RESP_ERR__TRANSPORT:
	case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
	case RD_KAFKA_RESP_ERR__RESOLVE:
	case RD_KAFKA_RESP_ERR__TIMED_OUT:
	case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
	case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
	case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
	case RD_KAFKA_RESP_ERR__WAIT_COORD:
		return true;
	default:
		return false;
	}
}

static enum status classify(rd_kafka_resp_err_t code, const char **ret_name)
{
	if (is_unreachable(code)) {
		*ret_name = "kafka_unreachable";
		return STATUS_RETRY;
	}
	switch (code) {
	case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
	case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
	case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
		*ret_name = "topic_missing";
		return STATUS_FATAL;
	case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
	case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
	case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
	case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
	case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
	case RD_KAFKA_RESP_ERR__AUTHENTICATION:
		*ret_name = "kafka_denied";
		return STATUS_FATAL;
	case RD_KAFKA_RESP_ERR__FENCED:
	case RD_KAFKA_RESP_ERR_PRODUCER_FENCED:
	case RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH:
		*ret_name = "fenced";
		return STATUS_RETRY;
	case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
		*ret_name = "record_too_large";
		return STATUS_REJECT;
	default:
		*ret_name = "kafka_error";
		return STATUS_RETRY;
	}
}

enum status handle_fail(
        rd_kafka_t *handle, rd_kafka_resp_err_t code, struct error *err, const char *format, ...)
{
	struct chatter *chatter = handle ? rd_kafka_opaque(handle) : NULL;
	char what[256], last[256] = "";
	const char *name;
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	if (chatter && is_unreachable(code)) {
		pthread_mutex_lock(&chatter->lock);
		memcpy(last, chatter->last, sizeof(last));
		pthread_mutex_unlock(&chatter->lock);
	}
	enum status status = classify(code, &name);
	if (strcmp(name, "fenced") == 0)
		return error_set(err, status, name, "%s: another owner has taken over (%s)", what,
		        rd_kafka_err2str(code));
	if (is_unreachable(code))
		return error_set(err, status, name,
		        "%s: no Kafka broker answered in time (is it running, is -b right?)%s%s", what,
		        *last ? "; last: " : "", last);
	if (strcmp(name, "topic_missing") == 0)
		return error_set(err, status, name,
		        "%s: the topic is missing ('holdpoint-producer topics' creates it), or these "
		        "credentials may not see it",
		        what);
	return error_set(err, status, name, "%s: %s", what, rd_kafka_err2str(code));
}

int until(int64_t deadline_ms, int most)
{
	int64_t left = deadline_ms - clock_monotonic_ms();

	return left < 0 ? 0 : left > most ? most : (int)left;
}

void queue_wakes(rd_kafka_queue_t *queue, int fd)
{
	static const uint64_t one = 1;

	rd_kafka_queue_io_event_enable(queue, fd, &one, sizeof(one));
}

/* ---- metadata */

static _Atomic(client_silence *) tell_silence;

void client_on_silence(client_silence *tell)
{
	atomic_store(&tell_silence, tell);
}

static void say_silence(rd_kafka_t *handle, int64_t left_ms)
{
	client_silence *tell = atomic_exchange(&tell_silence, NULL);
	char brokers[512];
	size_t size = sizeof(brokers);

	if (!tell)
		return;
	if (rd_kafka_conf_get(rd_kafka_conf(handle), "bootstrap.servers", brokers, &size) != RD_KAFKA_CONF_OK)
		snprintf(brokers, sizeof(brokers), "its bootstrap servers"); /* their names are longer */
	tell(brokers, left_ms);
}

rd_kafka_resp_err_t handle_metadata(rd_kafka_t *handle, rd_kafka_topic_t *topic,
        const struct rd_kafka_metadata **ret_metadata, int64_t timeout_ms)
{
	enum { SILENCE_MS = 2000 };
	int64_t deadline = clock_monotonic_ms() + timeout_ms;
	bool tells = timeout_ms > SILENCE_MS && atomic_load(&tell_silence);
	rd_kafka_resp_err_t code = rd_kafka_metadata(
	        handle, !topic, topic, ret_metadata, tells ? SILENCE_MS : until(deadline, INT32_MAX));

	if (!tells || !is_unreachable(code))
		return code;
	say_silence(handle, until(deadline, INT32_MAX));
	return rd_kafka_metadata(handle, !topic, topic, ret_metadata, until(deadline, INT32_MAX));
}

static rd_kafka_resp_err_t ask_partitions(
        rd_kafka_t *handle, rd_kafka_topic_t *topic, int timeout_ms, int32_t *ret_count)
{
	const struct rd_kafka_metadata *metadata;
	rd_kafka_resp_err_t code = handle_metadata(handle, topic, &metadata, timeout_ms);

	if (code)
		return code;
	code = metadata->topic_cnt == 1 ? metadata->topics[0].err : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
	if (!code)
		*ret_count = metadata->topics[0].partition_cnt;
	rd_kafka_metadata_destroy(metadata);
	return code;
}

enum status handle_partitions(
        rd_kafka_t *handle, const char *topic, int64_t timeout_ms, int32_t *ret_partitions, struct error *err)
{
	int64_t deadline = clock_monotonic_ms() + timeout_ms;
	rd_kafka_topic_t *known = rd_kafka_topic_new(handle, topic, NULL);
	rd_kafka_resp_err_t code;
	int32_t count = 0;

	for (;;) {
		code = ask_partitions(handle, known, until(deadline, 60000), &count);
		if (code != RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE || until(deadline, 1) == 0)
			break;
		rd_kafka_poll(handle, 50); /* a new topic's leaders take a moment */
	}
	rd_kafka_topic_destroy(known);
	if (code || count == 0)
		return handle_fail(handle, code ? code : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, err,
		        "cannot find topic %s", topic);
	*ret_partitions = count;
	return STATUS_OK;
}
