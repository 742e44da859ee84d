/* holdpoint-auditor serve: the log as a live page, JSON and metrics. */
#include "auditor/serve/serve.h"
#include "auditor/serve/api.h"
#include "auditor/serve/follower.h"
#include "auditor/serve/scratch.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "command/command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum {
	READERS = 4,
	STREAM_CLIENTS = 64,
	STREAM_WAITING_MAX = 256 << 10,
	CONNECTIONS = 160, /* a browser has up to six, one of them for the stream */
	KAFKA_TIMEOUT_MS = 5000,
};

static const struct option_spec serve_options[] = {
        {.name = "listen",
                .argument = "HOST:PORT",
                .default_value = "127.0.0.1:9465",
                .help = "where to serve; whoever reaches it may read all of the log, so keep it to this "
                        "machine, or put a proxy that asks for passwords before it"},
        {.name = "host",
                .argument = "NAME",
                .many = true,
                .help = "a name that this server is reached by; requests for other names than those, "
                        "localhost and the address that it listens on are refused"},
        {.name = "database",
                .argument = "FILE",
                .help = "keep what was read in this SQLite file (as export --follow does) and go on from it; "
                        "else all of the log is read again at each start, into a file that is gone at exit"},
        REPLAY_OPTIONS,
        {.name = NULL},
};

static const struct command_spec serve_command = {
        .name = "holdpoint-auditor serve",
        .usage = "[OPTION]…",
        .summary = "Follows the log and shows it: a live page, the same as JSON (docs/api.md), /metrics for "
                   "Prometheus, /livez and /readyz. It only reads. Ends on SIGTERM and SIGINT.",
        .examples = "holdpoint-auditor serve -b localhost:9092\n"
                    "holdpoint-auditor serve -b kafka1:9092 --listen 0.0.0.0:9465 --host auditor.example "
                    "--database history.db\n",
        .options = serve_options,
        .kafka = true,
};

struct serve {
	const struct options *options;
	struct scratch *scratch; /* NULL: --database */
	struct database *database;
	struct api api;
	const char **hosts;
	struct follower *follower;
	int ended; /* a pipe: readable when the follower ended by itself */
	int ended_write;
	struct error failure;
	atomic_bool failed;
};

static void note_end(void *context, const struct error *err)
{
	struct serve *serve = context;

	serve->failure = *err;
	atomic_store(&serve->failed, true);
	ssize_t written = write(serve->ended_write, "x", 1);
	(void)written; /* the pipe is empty */
}

static enum status open_database(struct serve *serve, struct error *err)
{
	const char *path = options_text(serve->options, "database");
	const char *prefix = options_prefix(serve->options);

	if (!path) {
		if (scratch_new(&serve->scratch, err) != STATUS_OK)
			return err->status;
		path = scratch_path(serve->scratch);
	}
	if (database_open(path, prefix, DATABASE_EVENTS | DATABASE_VALUES, &serve->database, err) !=
	        STATUS_OK)
		return err->status;
	if (readers_open(path, READERS, &serve->api.readers, err) != STATUS_OK)
		return err->status;
	if (serve->scratch)
		scratch_unlink(serve->scratch);
	return STATUS_OK;
}

static void list_hosts(struct serve *serve)
{
	size_t count = options_count(serve->options, "host");

	serve->hosts = memory_alloc((count + 1) * sizeof(*serve->hosts));
	for (size_t i = 0; i < count; i++)
		serve->hosts[i] = options_nth(serve->options, "host", i);
}

static enum status open_server(struct serve *serve, struct error *err)
{
	const struct http_spec spec = {.routes = api_routes,
	        .context = &serve->api,
	        .headers = api_headers,
	        .refuse = api_refuse,
	        .hosts = serve->hosts,
	        .body_max = API_BODY_MAX,
	        .connections_max = CONNECTIONS};
	const char *listen = options_text(serve->options, "listen");

	if (http_open(listen, &spec, &serve->api.server, err) != STATUS_OK)
		return err->status;
	/* with the port that it is: the one asked for may be 0, any */
	char *place = memory_format(
	        "%.*s:%u", (int)(strrchr(listen, ':') - listen), listen, http_port(serve->api.server));
	log_line(LOG_INFO, "serving", "version", HOLDPOINT_VERSION, "listen", place, NULL);
	free(place);
	return STATUS_OK;
}

static enum status start(struct serve *serve, struct error *err)
{
	list_hosts(serve);
	serve->api.prefix = options_prefix(serve->options);
	serve->api.started_ms = clock_wall_ms();
	serve->api.page = page_new();
	serve->api.standing = standing_new();
	serve->api.broadcast = broadcast_new(STREAM_CLIENTS, STREAM_WAITING_MAX);
	if (!options_text(serve->options, "dump"))
		serve->api.raw = raw_new(serve->options);
	if (open_database(serve, err) != STATUS_OK || open_server(serve, err) != STATUS_OK)
		return err->status;
	const struct follower_spec spec = {.options = serve->options,
	        .timeout_ms = KAFKA_TIMEOUT_MS,
	        .database = serve->database,
	        .standing = serve->api.standing,
	        .broadcast = serve->api.broadcast};
	serve->follower = follower_start(&spec, note_end, serve);
	return STATUS_OK;
}

static void stop(struct serve *serve)
{
	broadcast_close(serve->api.broadcast);
	http_close(serve->api.server);
	follower_stop(serve->follower);
	readers_close(serve->api.readers);
	database_close(serve->database);
	scratch_free(serve->scratch);
	broadcast_free(serve->api.broadcast);
	standing_free(serve->api.standing);
	raw_free(serve->api.raw);
	page_free(serve->api.page);
	free(serve->hosts);
}

/* Until a signal comes or the follower ends. */
static void wait_for_end(struct serve *serve, int signals)
{
	struct pollfd fds[] = {{signals, POLLIN, 0}, {serve->ended, POLLIN, 0}};

	while (poll(fds, 2, -1) < 0 && errno == EINTR)
		;
}

/* Before any thread is started, so that all of them leave the signals to us. */
static int take_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static int serve(const struct options *options)
{
	struct serve serve = {.options = options};
	int signals = take_signals(), ends[2] = {-1, -1};
	int code = EXIT_DONE;
	struct error err;

	log_set_role("auditor");
	if (signals < 0 || pipe2(ends, O_CLOEXEC) != 0) {
		error_set(&err, STATUS_FATAL, "no_descriptors", "out of file descriptors: raise ulimit -n");
		return command_fail(&err);
	}
	serve.ended = ends[0];
	serve.ended_write = ends[1];
	enum status status = start(&serve, &err);
	if (status == STATUS_OK)
		wait_for_end(&serve, signals);
	else
		code = command_fail(&err);
	stop(&serve);
	if (atomic_load(&serve.failed))
		code = command_fail(&serve.failure);
	if (code == EXIT_DONE)
		log_line(LOG_INFO, "ended", NULL);
	close(ends[0]);
	close(ends[1]);
	close(signals);
	return code;
}

int run_serve(int argc, char **argv)
{
	int code;
	struct options *options = command_options(&serve_command, argc, argv, &code);

	if (!options)
		return code;
	code = serve(options);
	options_free(options);
	return code;
}
