/* A real server on a loopback port, spoken to in bytes. */
#include "engine/http_server.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { DEADLINE_MS = 20000, ANSWER_MAX = 1 << 20 };

static struct http_server *server;
static struct broadcast *broadcast;
static char answer[ANSWER_MAX];

static void say_hello(void *context, const struct http_request *request, struct http_response *response)
{
	const char *name = http_argument(request, "name");

	(void)context;
	buffer_add_format(&response->body, "hello %s", name ? name : "all");
}

static void say_rest(void *context, const struct http_request *request, struct http_response *response)
{
	(void)context;
	buffer_add_text(&response->body, http_rest(request));
}

static void say_fixed(void *context, const struct http_request *request, struct http_response *response)
{
	(void)context, (void)request;
	response->fixed = view_text("unchanging");
	response->etag = "\"v1\"";
	response->content_type = "text/css";
	response->cache_control = "no-cache";
}

static void say_much(void *context, const struct http_request *request, struct http_response *response)
{
	(void)context, (void)request;
	for (int i = 0; i < 100000; i++)
		buffer_add_text(&response->body, "0123456789");
}

static void say_all(void *context, const struct http_request *request, struct http_response *response)
{
	(void)context, (void)request;
	response->content_type = "text/event-stream";
	response->broadcast = broadcast;
	buffer_add_text(&response->body, "event: hello\n\n");
}

static const struct http_header headers[] = {{"X-Content-Type-Options", "nosniff"}, {0}};
static const char *const hosts[] = {"auditor.example", NULL};
static const char *const hello_arguments[] = {"name", NULL};
static const struct http_route routes[] = {
        {"/hello", hello_arguments, say_hello},
        {"/below/", NULL, say_rest},
        {"/fixed", NULL, say_fixed},
        {"/much", NULL, say_much},
        {"/stream", NULL, say_all},
        {0},
};
static const struct http_spec usual = {.routes = routes, .headers = headers, .hosts = hosts};

static void start(const char *listen, const struct http_spec *spec)
{
	struct error err;

	broadcast = broadcast_new(2, 1 << 16);
	cr_assert_eq(http_open(listen, spec, &server, &err), STATUS_OK, "%s", err.message);
}

static void stop(void)
{
	broadcast_close(broadcast);
	http_close(server);
	broadcast_free(broadcast);
}

static int dial(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
	        .sin_port = htons((uint16_t)http_port(server)),
	        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	cr_assert_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void put(int fd, const char *text)
{
	cr_assert_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* Reads until words have come, or with words NULL until the other end closes; false: the other way round. */
static bool get(int fd, const char *words)
{
	int64_t end = clock_monotonic_ms() + DEADLINE_MS;
	size_t len = 0;

	answer[0] = '\0';
	while (!words || !strstr(answer, words)) {
		struct pollfd poll_fd = {fd, POLLIN, 0};
		int64_t left = end - clock_monotonic_ms();
		cr_assert(left > 0 && poll(&poll_fd, 1, (int)left) == 1,
		        "%s did not come in time; had: %.400s", words ? words : "the end", answer);
		ssize_t more = recv(fd, answer + len, ANSWER_MAX - 1 - len, 0);
		if (more <= 0)
			return !words;
		len += (size_t)more;
		answer[len] = '\0';
	}
	return true;
}

/* One request on a connection of its own, answered to its end. */
static const char *ask(const char *request)
{
	int fd = dial();

	put(fd, request);
	get(fd, NULL);
	close(fd);
	return answer;
}

#define HEAD_END "Host: localhost\r\nConnection: close\r\n\r\n"
#define cr_has(text, words)                                                                                  \
	do {                                                                                                 \
		const char *in = (text);                                                                     \
		cr_expect(strstr(in, words), "no %s in: %.600s", words, in);                                 \
	} while (0)

Test(http_server, answers_with_body_type_and_the_headers_of_all, .timeout = 60)
{
	start("127.0.0.1:0", &usual);
	ask("GET /hello?name=%C3%A9%26 HTTP/1.1\r\n" HEAD_END);
	cr_has(answer, "HTTP/1.1 200 OK\r\n");
	cr_has(answer, "Content-Type: text/plain; charset=utf-8\r\n");
	cr_has(answer, "Cache-Control: no-store\r\n");
	cr_has(answer, "X-Content-Type-Options: nosniff\r\n");
	cr_has(answer, "\r\n\r\nhello \xc3\xa9&");
	stop();
}

Test(http_server, answers_head_like_get_without_the_body, .timeout = 60)
{
	start("127.0.0.1:0", &usual);
	ask("HEAD /hello HTTP/1.1\r\n" HEAD_END);
	cr_has(answer, "HTTP/1.1 200 OK\r\n");
	cr_has(answer, "Content-Length: 9\r\n");
	cr_expect_not(strstr(answer, "hello"));
	ask("HEAD /stream HTTP/1.1\r\n" HEAD_END);
	cr_has(answer, "Content-Type: text/event-stream\r\n");
	cr_expect_not(strstr(answer, "hello"));
	cr_expect_eq(broadcast_count(broadcast), 0);
	stop();
}

Test(http_server, serves_two_requests_on_one_connection, .timeout = 60)
{
	start("127.0.0.1:0", &usual);
	int fd = dial();
	put(fd, "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n");
	cr_assert(get(fd, "hello all"));
	put(fd, "GET /below/a/b HTTP/1.1\r\nHost: localhost\r\n\r\n");
	cr_assert(get(fd, "\r\n\r\na/b"));
	close(fd);
	stop();
}

Test(http_server, finds_the_longest_route, .timeout = 60)
{
	start("127.0.0.1:0", &usual);
	cr_has(ask("GET /below/a%2Fb HTTP/1.1\r\n" HEAD_END), "\r\n\r\na/b");
	cr_has(ask("GET /belo HTTP/1.1\r\n" HEAD_END), "HTTP/1.1 404 ");
	cr_has(ask("GET /hello/ HTTP/1.1\r\n" HEAD_END), "HTTP/1.1 404 ");
	cr_has(ask("GET http://evil.example/hello HTTP/1.1\r\n" HEAD_END), "HTTP/1.1 404 ");
	stop();
}

Test(http_server, refuses_methods_that_change_things, .timeout = 60)
{
	start("127.0.0.1:0", &usual);
	cr_has(ask("DELETE /hello HTTP/1.1\r\n" HEAD_END), "HTTP/1.1 405 ");
	cr_has(answer, "Allow: GET, HEAD\r\n");
	cr_has(answer, "X-Content-Type-Options: nosniff\r\n");
	cr_has(ask("POST /hello HTTP/1.1\r\nContent-Length: 4\r\n" HEAD_END "body"), "HTTP/1.1 405 ");
	cr_has(ask("BREW /hello HTTP/1.1\r\n" HEAD_END), "HTTP/1.1 405 ");
	stop();
}

Test(http_server, refuses_a_body_without_reading_it, .timeout = 60)
{
	start("127.0.0.1:0", &usual);
	cr_has(ask("GET /hello HTTP/1.1\r\nContent-Length: 1000000000\r\n" HEAD_END), "HTTP/1.1 400 ");
	cr_has(ask("GET /hello HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" HEAD_END), "HTTP/1.1 400 ");
	stop();
}

Test(http_server, refuses_a_host_that_it_is_not, .timeout = 60)
{
	start("127.0.0.1:0", &usual);
	cr_has(ask("GET /hello HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"),
	        "HTTP/1.1 421 ");
	cr_expect_not(strstr(answer, "hello"));
	cr_has(ask("GET /hello HTTP/1.0\r\n\r\n"), " 421 ");
	cr_has(ask("GET /hello HTTP/1.1\r\nHost: auditor.example:80\r\nConnection: close\r\n\r\n"),
	        "HTTP/1.1 200 ");
	stop();
}

Test(http_server, takes_any_host_where_it_is_not_told_its_names, .timeout = 60)
{
	static const struct http_spec open = {.routes = routes};

	start("127.0.0.1:0", &open);
	cr_has(ask("GET /hello HTTP/1.1\r\nHost: any.example\r\nConnection: close\r\n\r\n"), "HTTP/1.1 200 ");
	stop();
}

Test(http_server, refuses_arguments_that_a_route_does_not_have, .timeout = 60)
{
	start("127.0.0.1:0", &usual);
	cr_has(ask("GET /hello?nam=x HTTP/1.1\r\n" HEAD_END), "there is no argument 'nam' here");
	cr_has(answer, "HTTP/1.1 400 ");
	cr_has(ask("GET /hello?name=a%00b HTTP/1.1\r\n" HEAD_END), "HTTP/1.1 400 ");
	stop();
}

Test(http_server, survives_what_is_not_http, .timeout = 60)
{
	static const char *const bad[] = {"\r\n\r\n\r\n\r\n", "GET\r\n\r\n",
	        "\x16\x03\x01\x02garbage\r\n\r\n", "GET /hello HTTP/9.9\r\n\r\n",
	        "GET /hello HTTP/1.1\r\nno colon\r\n\r\n", NULL};

	start("127.0.0.1:0", &usual);
	for (size_t i = 0; bad[i]; i++) {
		int fd = dial();
		put(fd, bad[i]);
		shutdown(fd, SHUT_WR);
		get(fd, NULL);
		cr_expect_not(strstr(answer, " 200 "), "%s", answer);
		close(fd);
	}
	cr_has(ask("GET /hello HTTP/1.1\r\n" HEAD_END), "hello all");
	stop();
}

Test(http_server, refuses_a_head_that_is_too_large, .timeout = 60)
{
	static char request[100000];

	start("127.0.0.1:0", &usual);
	strcpy(request, "GET /hello HTTP/1.1\r\n");
	while (strlen(request) < 60000)
		strcat(request, "X-Long: 0123456789012345678901234567890123456789012345678901234567890\r\n");
	strcat(request, HEAD_END);
	int fd = dial();
	send(fd, request, strlen(request), MSG_NOSIGNAL);
	get(fd, NULL);
	close(fd);
	cr_expect_not(strstr(answer, " 200 "), "%.100s", answer);
	memset(request, 0, sizeof(request));
	strcpy(request, "GET /hello?name=");
	memset(request + strlen(request), 'x', 60000);
	strcat(request, " HTTP/1.1\r\n" HEAD_END);
	fd = dial();
	send(fd, request, strlen(request), MSG_NOSIGNAL);
	get(fd, NULL);
	close(fd);
	cr_expect_not(strstr(answer, " 200 "), "%.100s", answer);
	cr_has(ask("GET /hello HTTP/1.1\r\n" HEAD_END), "hello all");
	stop();
}

Test(http_server, makes_an_error_of_an_answer_that_is_too_large, .timeout = 60)
{
	static const struct http_spec small = {.routes = routes, .headers = headers, .body_max = 1000};

	start("127.0.0.1:0", &small);
	cr_has(ask("GET /much HTTP/1.1\r\n" HEAD_END), "HTTP/1.1 500 ");
	cr_has(answer, "ask for less");
	stop();
}

Test(http_server, sends_what_the_other_side_has_already_only_as_304, .timeout = 60)
{
	start("127.0.0.1:0", &usual);
	cr_has(ask("GET /fixed HTTP/1.1\r\n" HEAD_END), "\r\n\r\nunchanging");
	cr_has(answer, "ETag: \"v1\"\r\n");
	cr_has(answer, "Cache-Control: no-cache\r\n");
	ask("GET /fixed HTTP/1.1\r\nIf-None-Match: \"v0\", \"v1\"\r\n" HEAD_END);
	cr_has(answer, "HTTP/1.1 304 ");
	cr_expect_not(strstr(answer, "unchanging"));
	cr_has(ask("GET /fixed HTTP/1.1\r\nIf-None-Match: \"v0\"\r\n" HEAD_END), "HTTP/1.1 200 ");
	stop();
}

Test(http_server, streams_to_all_who_listen_until_it_is_closed, .timeout = 60)
{
	start("127.0.0.1:0", &usual);
	int one = dial(), two = dial(), three = dial();
	put(one, "GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n");
	cr_assert(get(one, "event: hello\n\n"));
	put(two, "GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n");
	cr_assert(get(two, "event: hello\n\n"));
	put(three, "GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n");
	cr_assert(get(three, "too many are listening"));
	cr_has(answer, "HTTP/1.1 503 ");
	broadcast_send(broadcast, view_text("event: change\n\n"));
	cr_assert(get(one, "event: change\n\n"));
	cr_assert(get(two, "event: change\n\n"));
	broadcast_close(broadcast);
	cr_assert(get(one, NULL));
	cr_assert(get(two, NULL));
	close(one), close(two), close(three);
	stop();
}

static void await_listeners(size_t count)
{
	int64_t end = clock_monotonic_ms() + DEADLINE_MS;

	while (broadcast_count(broadcast) != count) {
		cr_assert(clock_monotonic_ms() < end, "not %zu listeners in time", count);
		usleep(5000);
	}
}

Test(http_server, forgets_a_listener_that_went_away, .timeout = 60)
{
	start("127.0.0.1:0", &usual);
	int fd = dial();
	put(fd, "GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n");
	cr_assert(get(fd, "event: hello\n\n"));
	cr_assert_eq(broadcast_count(broadcast), 1);
	close(fd);
	await_listeners(0);
	stop();
}

Test(http_server, drops_a_listener_that_does_not_read, .timeout = 60)
{
	static char block[8192];
	int64_t end = clock_monotonic_ms() + DEADLINE_MS;

	memset(block, 'x', sizeof(block) - 1);
	start("127.0.0.1:0", &usual);
	int stuck = dial(), quick = dial();
	put(stuck, "GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n");
	put(quick, "GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n");
	cr_assert(get(stuck, "event: hello\n\n"));
	cr_assert(get(quick, "event: hello\n\n"));
	while (broadcast_count(broadcast) == 2) { /* its socket's buffers fill, then its own */
		cr_assert(clock_monotonic_ms() < end, "a listener that does not read was not dropped");
		broadcast_send(broadcast, view_text(block));
		for (size_t got = 0; got < sizeof(block) - 1;) {
			ssize_t more = recv(quick, answer, ANSWER_MAX, 0);
			cr_assert_gt(more, 0, "one that reads was dropped");
			got += (size_t)more;
		}
	}
	broadcast_send(broadcast, view_text("still there"));
	cr_assert(get(quick, "still there"));
	close(stuck), close(quick);
	stop();
}

Test(http_server, cuts_off_a_request_that_trickles, .timeout = 60)
{
	static const struct http_spec hasty = {.routes = routes, .headers = headers, .request_seconds = 1};
	int64_t end = clock_monotonic_ms() + DEADLINE_MS;

	start("127.0.0.1:0", &hasty);
	int fd = dial();
	put(fd, "GET /hello HTTP/1.1\r\n");
	while (send(fd, "X: y\r\n", 6, MSG_NOSIGNAL) == 6) {
		cr_assert(clock_monotonic_ms() < end, "still let trickle");
		usleep(50000);
	}
	close(fd);
	cr_has(ask("GET /hello HTTP/1.1\r\n" HEAD_END), "hello all");
	stop();
}

Test(http_server, closes_a_connection_on_which_nothing_moves, .timeout = 60)
{
	static const struct http_spec hasty = {.routes = routes, .headers = headers, .idle_seconds = 1};

	start("127.0.0.1:0", &hasty);
	int fd = dial();
	put(fd, "GET /hello HTTP/1.1\r\nHost:");
	get(fd, NULL);
	cr_expect_not(strstr(answer, " 200 "));
	close(fd);
	stop();
}

Test(http_server, serves_again_after_more_connections_than_it_takes, .timeout = 60)
{
	static const struct http_spec few = {.routes = routes, .headers = headers, .connections_max = 3};
	int fds[8];

	start("127.0.0.1:0", &few);
	for (int i = 0; i < 8; i++)
		fds[i] = dial();
	put(fds[0], "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n");
	cr_expect(get(fds[0], "hello all"));
	for (int i = 0; i < 8; i++)
		close(fds[i]);
	int64_t end = clock_monotonic_ms() + DEADLINE_MS;
	while (!strstr(ask("GET /hello HTTP/1.1\r\n" HEAD_END), "hello all")) {
		cr_assert(clock_monotonic_ms() < end, "not served again");
		usleep(20000);
	}
	stop();
}

Test(http_server, counts_its_answers, .timeout = 60)
{
	struct http_counts counts;

	start("127.0.0.1:0", &usual);
	ask("GET /hello HTTP/1.1\r\n" HEAD_END);
	ask("GET /nothing HTTP/1.1\r\n" HEAD_END);
	ask("GET /nothing HTTP/1.1\r\n" HEAD_END);
	http_counts(server, &counts);
	cr_expect_eq(counts.answered[2], 1);
	cr_expect_eq(counts.answered[4], 2);
	stop();
}

Test(http_server, listens_on_ipv6, .timeout = 60)
{
	struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	int fd = socket(AF_INET6, SOCK_STREAM, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
		cr_skip_test("this machine has no IPv6");
	close(fd);
	start("[::1]:0", &usual);
	address.sin6_port = htons((uint16_t)http_port(server));
	fd = socket(AF_INET6, SOCK_STREAM, 0);
	cr_assert_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	put(fd, "GET /hello HTTP/1.1\r\nHost: [::1]:1\r\n\r\n");
	cr_expect(get(fd, "hello all"));
	close(fd);
	stop();
}

Test(http_server, refuses_an_address_that_is_taken_or_none, .timeout = 60)
{
	struct http_server *second;
	struct error err;
	char taken[40];

	start("127.0.0.1:0", &usual);
	snprintf(taken, sizeof(taken), "127.0.0.1:%u", http_port(server));
	cr_expect_eq(http_open(taken, &usual, &second, &err), STATUS_REJECT);
	cr_expect_str_eq(err.code, "listen_failed");
	cr_expect_eq(http_open("nonsense", &usual, &second, &err), STATUS_REJECT);
	cr_expect_str_eq(err.code, "invalid_option");
	stop();
}
