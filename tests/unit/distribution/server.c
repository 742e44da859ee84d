#include "server.h"

#include "base/clock.h"
#include "base/memory.h"
#include "file_bench.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { DEADLINE_MS = 20000, ARGUMENTS_MAX = 16, ANSWER_MAX = 1 << 20 };

int server_port(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	cr_assert(bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
	          getsockname(fd, (struct sockaddr *)&address, &len) == 0);
	close(fd);
	return ntohs(address.sin_port);
}

static int port_of(const struct server *server)
{
	return atoi(strrchr(server->url, ':') + 1);
}

static int connect_to(const struct server *server)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
	        .sin_port = htons((uint16_t)port_of(server)),
	        .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	close(fd);
	return -1;
}

static void pause_a_little(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
}

static void await_server(const struct server *server)
{
	int64_t deadline = clock_monotonic_ms() + DEADLINE_MS;
	int fd;

	while ((fd = connect_to(server)) < 0) {
		cr_assert(clock_monotonic_ms() < deadline, "waited %d s for %s", DEADLINE_MS / 1000,
		        server->url);
		cr_assert(waitpid(server->pid, NULL, WNOHANG) == 0, "the server for %s ended", server->url);
		pause_a_little();
	}
	close(fd);
}

static void launch(struct server *server, char *const *arguments)
{
	int parent = getpid();

	server->pid = fork();
	cr_assert_geq(server->pid, 0);
	if (server->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (!freopen("/dev/null", "w", stdout))
			_exit(1);
		if (getppid() != parent)
			_exit(1);
		execvp(arguments[0], arguments);
		_exit(127);
	}
}

static struct server *new_server(void)
{
	struct server *server = memory_alloc(sizeof(*server));

	server->home = scratch_folder();
	server->folder = memory_format("%s/www", server->home);
	mkdir(server->folder, 0755);
	chmod(server->home, 0755);
	return server;
}

/* As script/nginx, but one process, that ends with the test's. */
static char *nginx_configuration(const struct server *server, int port, const char *methods)
{
	return memory_format("%s daemon off; master_process off; pid %s/pid; error_log stderr crit;\n"
	                     "events { worker_connections 512; }\n"
	                     "http { access_log off; client_body_temp_path %s/body; proxy_temp_path %s/p;\n"
	                     "fastcgi_temp_path %s/f; uwsgi_temp_path %s/u; scgi_temp_path %s/s;\n"
	                     "server { listen 127.0.0.1:%d; root %s; location / { client_max_body_size 0;\n"
	                     "create_full_put_path on; %s%s; dav_access user:rw group:r all:r; } } }\n",
	        geteuid() == 0 ? "user root root;" : "", server->home, server->home, server->home,
	        server->home, server->home, server->home, port, server->folder,
	        *methods ? "dav_methods " : "dav_methods off", methods);
}

struct server *nginx_start(const char *methods)
{
	struct server *server = new_server();
	int port = server_port();
	char *path = memory_format("%s/nginx.conf", server->home);
	char *text = nginx_configuration(server, port, methods ? methods : "PUT DELETE MKCOL COPY MOVE");
	char *const arguments[] = {"/usr/sbin/nginx", "-p", server->home, "-e", "stderr", "-c", path, NULL};

	scratch_write(path, text);
	server->url = memory_format("http://127.0.0.1:%d/", port);
	launch(server, arguments);
	await_server(server);
	free(path);
	free(text);
	return server;
}

struct server *bad_dp_start(const char *const *more)
{
	struct server *server = new_server();
	int port = server_port();
	char *text = memory_format("%d", port);
	char *arguments[ARGUMENTS_MAX] = {"/usr/bin/python3", SOURCE_DIR "/tests/e2e/bad_dp.py", "--root",
	        server->folder, "--port", text};

	for (size_t i = 0; more && more[i]; i++)
		arguments[6 + i] = (char *)more[i];
	server->url = memory_format("http://127.0.0.1:%d/", port);
	launch(server, arguments);
	await_server(server);
	free(text);
	return server;
}

/* One request over a connection of its own; the answer's body. */
static char *talk(const struct server *server, const char *method, const char *path, const char *body)
{
	char *answer = memory_alloc(ANSWER_MAX + 1);
	char *request = memory_format("%s %s HTTP/1.1\r\nHost: test\r\nConnection: close\r\n"
	                              "Content-Length: %zu\r\n\r\n%s",
	        method, path, strlen(body), body);
	int fd = connect_to(server);
	size_t len = 0;
	ssize_t got;

	cr_assert(fd >= 0 && write(fd, request, strlen(request)) == (ssize_t)strlen(request));
	while ((got = read(fd, answer + len, ANSWER_MAX - len)) > 0)
		len += (size_t)got;
	close(fd);
	free(request);
	char *end = strstr(answer, "\r\n\r\n");
	cr_assert(end, "no answer to %s %s", method, path);
	char *text = memory_text(end + 4);
	free(answer);
	return text;
}

void bad_dp_fault(const struct server *server, const char *json)
{
	free(talk(server, "POST", "/_control", json));
}

char *bad_dp_log(const struct server *server)
{
	return talk(server, "GET", "/_control/log", "");
}

static void await_text(const struct server *server, const char *path, const char *after, const char *text)
{
	int64_t deadline = clock_monotonic_ms() + DEADLINE_MS;

	for (bool there = false; !there; pause_a_little()) {
		char *state = talk(server, "GET", path, "");
		there = strstr(strstr(state, after), text) != NULL;
		cr_assert(there || clock_monotonic_ms() < deadline, "waited %d s for %s in %s",
		        DEADLINE_MS / 1000, text, state);
		free(state);
	}
}

void bad_dp_await(const struct server *server, const char *request)
{
	await_text(server, "/_control", "under_way", request);
}

void bad_dp_await_log(const struct server *server, const char *text)
{
	await_text(server, "/_control/log", "", text);
}

void server_kill(struct server *server)
{
	if (server->pid <= 0)
		return;
	kill(server->pid, SIGKILL);
	waitpid(server->pid, NULL, 0);
	server->pid = 0;
}

void server_stop(struct server *server)
{
	if (!server)
		return;
	server_kill(server);
	scratch_remove(server->home);
	free(server->url);
	free(server->folder);
	free(server->home);
	free(server);
}

char *server_read(const struct server *server, const char *path)
{
	char *whole = memory_format("%s/%s", server->folder, path);
	char *text = scratch_read(whole);

	free(whole);
	return text;
}

void server_write(const struct server *server, const char *path, const char *text)
{
	char *whole = memory_format("%s/%s", server->folder, path);

	scratch_write(whole, text);
	free(whole);
}
