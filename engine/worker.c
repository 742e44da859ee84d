/* The main thread of a worker: options, what the group says → begin or end shards, signals, drain, exit code.
 */
#include "engine/worker.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "engine/crew_metrics.h"
#include "engine/health.h"
#include "engine/metrics.h"
#include "engine/no_core.h"
#include "engine/watchdog.h"

#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum {
	POLL_MS = 200,       /* ended shards are looked for so often; the group and signals wake us */
	CONNECT_MS = 5000,   /* one try to find Kafka */
	AGAIN_MS = 1000,     /* to the next */
	HUSH_MS = 5000,      /* most that a rebalance waits for effects under way */
	END_MS = 4500,       /* most that an end takes, whatever hangs */
	EFFECTS_MS = 500,    /* of these, what cancelled effects get before the shell answers for them */
	POSITIONS_MS = 5000, /* between two reports for lag tools */
	RELOADED_MAX = 4096,
};

enum { EXIT_FAILED = 1, EXIT_USAGE = 2 };

static const struct option_spec engine_options[] = {
        {.name = "instance",
                .argument = "NAME",
                .help = "be a static member of the group under this name: a restart within 6 s goes on at "
                        "once"},
        {.name = "listen", .argument = "HOST:PORT", .help = "serve /livez, /readyz and /metrics there"},
        {.name = "transactions",
                .argument = "N",
                .default_value = "0",
                .help = "transactions under way at a time, of all shards (0: one a processor, 2 to 4); what "
                        "waits gathers into larger ones"},
        {.name = "batch",
                .argument = "N",
                .default_value = "20000",
                .help = "most records applied in one transaction"},
        {.name = "pause",
                .argument = "MS",
                .default_value = "3",
                .help = "least time from the end of a shard's transaction to the next while little is "
                        "waiting"},
        {.name = "lane",
                .argument = "N",
                .default_value = "64",
                .help = "most effects under way per shard and place, such as transfers to one distribution "
                        "point"},
        {.name = "verbose", .short_name = 'v', .help = "log more"},
};

struct worker {
	const struct worker_spec *spec;
	struct options *options;
	struct process *process;
	struct crew *crew;
	struct health *health;
	void *shell;
	int signals_fd; /* readable once there is one */
	int64_t positions_due_ms, started_ms;
	atomic_bool reload_failed; /* the last one */
	atomic_int exit_code;
	bool stopping;
};

void worker_notice(struct worker *worker, const char *name, struct view notice)
{
	crew_notice(worker->crew, name, notice);
}

void worker_tell(struct worker *worker, struct view key, struct view value)
{
	process_tell(worker->process, key, value);
}

/* ---- signals: blocked in all threads, taken by the main loop */

static int block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		abort(); /* out of descriptors */
	return fd;
}

/* Sockets of every shard and transfer, and files of the spool: as many as we may have. */
static void raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static void reload(struct worker *worker)
{
	struct buffer what;
	struct error err;

	if (!worker->shell || !worker->spec->reload)
		return;
	buffer_init(&what, RELOADED_MAX);
	worker->reload_failed = worker->spec->reload(worker->shell, &what, &err) != STATUS_OK;
	if (!worker->reload_failed)
		log_line(LOG_INFO, "reloaded", "now", buffer_view(&what).data, NULL);
	else
		log_line(LOG_ERROR, "not reloaded, all stays as it was", "code", err.code, "error",
		        err.message, NULL);
	buffer_release(&what);
}

static void take_signals(struct worker *worker)
{
	struct signalfd_siginfo taken;

	while (read(worker->signals_fd, &taken, sizeof(taken)) == (ssize_t)sizeof(taken)) {
		if (taken.ssi_signo == SIGHUP) {
			reload(worker);
			continue;
		}
		if (worker->stopping)
			_exit(EXIT_FAILED); /* asked twice: what is under way is as safe as after a kill */
		log_line(LOG_INFO, "draining", "signal", strsignal((int)taken.ssi_signo), NULL);
		worker->stopping = true;
	}
}

static void fail(struct worker *worker, int exit_code, const char *what, const struct error *err)
{
	log_line(LOG_ERROR, what, "code", err->code, "error", err->message, NULL);
	worker->exit_code = exit_code;
	worker->stopping = true;
}

/* ---- the group's answers */

static void begin_and_end_shards(struct worker *worker)
{
	for (int32_t p = 0; p < process_partitions(worker->process); p++)
		if (group_is_given(worker->process, p))
			crew_begin(worker->crew, worker->shell, p);
		else
			crew_end(worker->crew, p);
}

/* A revoke: effects under way end before the next owner may begin, as far as that is quickly done. */
static void hush(struct worker *worker)
{
	int64_t until = clock_monotonic_ms() + HUSH_MS;

	crew_hush_all(worker->crew);
	while (!crew_is_hushed(worker->crew) && clock_monotonic_ms() < until)
		usleep(2000);
}

static void follow_group(struct worker *worker)
{
	struct error err;

	switch (group_poll(worker->process, POLL_MS, worker->signals_fd, &err)) {
	case GROUP_NOTHING:
		break;
	case GROUP_REVOKED:
		hush(worker);
		group_answer(worker->process);
		break;
	case GROUP_ASSIGNED:
		group_answer(worker->process);
		begin_and_end_shards(worker);
		break;
	case GROUP_FAILED:
		fail(worker, EXIT_FAILED, "left out of the group", &err);
		break;
	}
}

static void report_positions(struct worker *worker, bool last)
{
	int64_t *positions;

	if (!last && clock_monotonic_ms() < worker->positions_due_ms)
		return;
	worker->positions_due_ms = clock_monotonic_ms() + POSITIONS_MS;
	positions = memory_alloc((size_t)process_partitions(worker->process) * sizeof(*positions));
	crew_positions(worker->crew, positions);
	group_send_positions(worker->process, positions, last);
	free(positions);
}

static void run(struct worker *worker)
{
	struct error err;

	while (!worker->stopping) {
		follow_group(worker);
		if (crew_reap(worker->crew, &err) != STATUS_OK)
			fail(worker, EXIT_FAILED, "leaving, so that another worker may try", &err);
		report_positions(worker, false);
		take_signals(worker);
	}
}

/* ---- the end */

/* A broker that does not answer holds up librdkafka for a minute. What is under way is as safe as after a
 * kill. */
static void end_at_once(void *context)
{
	struct worker *worker = context;

	log_line(LOG_WARN, "could not end in time; what was under way is done by the next owner", NULL);
	_exit(worker->exit_code);
}

static void drain(struct worker *worker)
{
	struct error err;
	int64_t until;

	report_positions(worker, true);
	crew_end_all(worker->crew);
	while (crew_running(worker->crew) > 0) {
		if (crew_reap(worker->crew, &err) != STATUS_OK)
			worker->exit_code = EXIT_FAILED;
		take_signals(worker);
		usleep(2000);
	}
	group_leave(worker->process);
	until = clock_monotonic_ms() + EFFECTS_MS;
	while (crew_outstanding(worker->crew) > 0 && clock_monotonic_ms() < until)
		usleep(2000);
}

static void close_inside(struct worker *worker)
{
	struct error err;

	health_close(worker->health);
	if (worker->shell)
		worker->spec->close(worker->shell);
	if (crew_reap(worker->crew, &err) != STATUS_OK)
		worker->exit_code = EXIT_FAILED;
	crew_free(worker->crew);
	process_close(worker->process);
}

/* ---- the beginning */

static size_t count_given(const struct worker *worker)
{
	size_t count = 0;

	for (int32_t p = 0; p < process_partitions(worker->process); p++)
		count += group_is_given(worker->process, p);
	return count;
}

/* A shard is given a moment before it is begun. */
static bool is_ready(void *context, struct buffer *why)
{
	struct worker *worker = context;
	struct crew_view view;
	bool joined = group_has_joined(worker->process);
	size_t given = count_given(worker);

	crew_look(worker->crew, &view);
	buffer_add_format(
	        why, "%s the group; %zu of %zu shards run", joined ? "in" : "not in", view.running, given);
	crew_view_release(&view);
	return joined && view.running == given && view.count == given;
}

/* A gauge of the whole worker. */
static void add_gauge(
        const struct worker *worker, struct buffer *out, const char *name, const char *help, int64_t value)
{
	char labels[64];

	snprintf(labels, sizeof(labels), "role=\"%s\"", worker->spec->role);
	metric_one(out, name, METRIC_GAUGE, help, labels, value);
}

static void add_metrics(void *context, struct buffer *out)
{
	struct worker *worker = context;
	struct crew_view view;
	char labels[128];

	snprintf(labels, sizeof(labels), "role=\"%s\",version=\"%s\"", worker->spec->role, HOLDPOINT_VERSION);
	metric_one(out, "holdpoint_build_info", METRIC_GAUGE, "What this is; always 1.", labels, 1);
	add_gauge(worker, out, "holdpoint_partitions",
	        "Partitions of the input topic: shards of all workers.", process_partitions(worker->process));
	add_gauge(worker, out, "holdpoint_group_joined", "Whether the consumer group has answered: 1 or 0.",
	        group_has_joined(worker->process));
	add_gauge(worker, out, "holdpoint_reload_successful",
	        "Whether the files read again on SIGHUP were good when last read: 1 or 0.",
	        !atomic_load(&worker->reload_failed));
	crew_look(worker->crew, &view);
	crew_metrics(worker->spec, &view, out);
	crew_view_release(&view);
	if (worker->spec->metrics)
		worker->spec->metrics(worker->shell, out);
	metrics_process(out, worker->started_ms);
}

/* More than the processors can do at a time make each of them later (docs/performance.md, Latency); more than
 * four gained nothing. */
static int transactions_of_processors(void)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);

	return processors < 2 ? 2 : processors > 4 ? 4 : (int)processors;
}

static enum status read_limits(const struct options *options, struct shard_limits *ret_shards,
        struct process_limits *ret_process, struct error *err)
{
	int64_t batch, pause, lane, transactions;

	if (options_number(options, "batch", 1, 1000000, &batch, err) != STATUS_OK ||
	        options_number(options, "pause", 0, 10000, &pause, err) != STATUS_OK ||
	        options_number(options, "lane", 1, 100000, &lane, err) != STATUS_OK ||
	        options_number(options, "transactions", 0, 1000, &transactions, err) != STATUS_OK)
		return err->status;
	*ret_shards = (struct shard_limits){
	        .batch_records = (size_t)batch, .lane_limit = (uint32_t)lane, .pause_ms = pause};
	*ret_process = (struct process_limits){
	        .transactions = transactions ? (int)transactions : transactions_of_processors()};
	return STATUS_OK;
}

/* Tries until a broker answers: a worker may be started before its Kafka. */
static bool reach_kafka(struct worker *worker, const struct process_limits *limits)
{
	const char *instance = options_text(worker->options, "instance");
	struct pollfd signals = {.fd = worker->signals_fd, .events = POLLIN};

	while (!worker->stopping) {
		struct error err;
		enum status status = process_open(
		        worker->options, worker->spec, instance, limits, CONNECT_MS, &worker->process, &err);

		if (status == STATUS_OK)
			return true;
		if (status != STATUS_RETRY) {
			fail(worker, status == STATUS_REJECT ? EXIT_USAGE : EXIT_FAILED, "cannot start",
			        &err);
			break;
		}
		log_line(
		        LOG_WARN, "Kafka is not reachable yet", "code", err.code, "error", err.message, NULL);
		poll(&signals, 1, AGAIN_MS);
		take_signals(worker);
	}
	return false;
}

static enum status open_inside(struct worker *worker, const struct shard_limits *limits, struct error *err)
{
	const char *listen = options_text(worker->options, "listen");
	const struct health_source source = {is_ready, add_metrics, worker};
	enum status status;

	worker->crew = crew_new(worker->spec, worker->process, limits);
	status = worker->spec->open(worker, worker->options, &worker->shell, err);
	if (status == STATUS_OK && listen)
		status = health_open(listen, &source, &worker->health, err);
	if (status == STATUS_OK)
		status = group_join(worker->process, err);
	return status;
}

static void work(struct worker *worker)
{
	struct shard_limits shards;
	struct process_limits process;
	struct error err;

	if (read_limits(worker->options, &shards, &process, &err) != STATUS_OK) {
		fail(worker, EXIT_USAGE, "cannot start", &err);
		return;
	}
	if (!reach_kafka(worker, &process))
		return;
	if (open_inside(worker, &shards, &err) != STATUS_OK)
		fail(worker, err.status == STATUS_REJECT ? EXIT_USAGE : EXIT_FAILED, "cannot start", &err);
	else
		log_line(LOG_INFO, "started", "version", HOLDPOINT_VERSION, "partitions",
		        log_number(process_partitions(worker->process)), NULL);
	run(worker);
	struct watchdog *watchdog = watchdog_start(END_MS, end_at_once, worker);
	drain(worker);
	close_inside(worker);
	watchdog_stop(watchdog);
}

static struct option_spec *all_options(const struct worker_spec *spec)
{
	const size_t engine_count = sizeof(engine_options) / sizeof(*engine_options);
	size_t own = 0;

	while (spec->options && spec->options[own].name)
		own++;
	struct option_spec *all = memory_alloc((own + engine_count + 1) * sizeof(*all));
	if (own)
		memcpy(all, spec->options, own * sizeof(*all));
	memcpy(all + own, engine_options, sizeof(engine_options));
	return all;
}

int worker_main(const struct worker_spec *spec, int argc, char **argv)
{
	struct worker worker = {.spec = spec, .signals_fd = block_signals(), .started_ms = clock_wall_ms()};
	struct option_spec *options = all_options(spec);
	char *name = memory_format("holdpoint-%s", spec->role);
	const struct command_spec command = {.name = name,
	        .usage = "[OPTION]…",
	        .summary = spec->summary,
	        .options = options,
	        .kafka = true};
	struct error err;
	bool printed;

	raise_file_limit();
	leave_no_core();
	log_set_role(spec->role);
	if (options_parse(&command, argc, argv, &worker.options, &printed, &err) != STATUS_OK) {
		fprintf(stderr, "%s: %s\nTry '%s --help'.\n", name, err.message, name);
		worker.exit_code = EXIT_USAGE;
	} else if (!printed) {
		if (options_switch(worker.options, "verbose"))
			log_set_level(LOG_DEBUG);
		work(&worker);
		log_line(LOG_INFO, "ended", "exit", log_number(worker.exit_code), NULL);
		options_free(worker.options);
	}
	close(worker.signals_fd);
	free(options);
	free(name);
	return worker.exit_code;
}
