#ifndef TESTS_SERVER_H
#define TESTS_SERVER_H

/* Real servers over a folder of their own, which end with the test process, however that ends. */
struct server {
	int pid;
	char *url;    /* http://127.0.0.1:PORT/ */
	char *folder; /* what it serves */
	char *home;   /* all it uses */
};

/* methods NULL: "PUT DELETE MKCOL COPY MOVE". */
struct server *nginx_start(const char *methods);

/* tests/e2e/bad_dp.py; more: further arguments of it, NULL-terminated, or NULL. */
struct server *bad_dp_start(const char *const *more);
void bad_dp_fault(const struct server *server, const char *json); /* see bad_dp.py */
char *bad_dp_log(const struct server *server);                    /* what was asked; the caller's to free() */
void bad_dp_await(const struct server *server, const char *request); /* until it is under way: "PUT /a/b" */

void bad_dp_await_log(const struct server *server, const char *text); /* until its log has it */

void server_kill(struct server *server); /* SIGKILL; what it serves stays */
void server_stop(struct server *server); /* and removes it all; NULL is fine */

/* The text at <folder>/<path>; NULL: nothing there; the caller's to free(). And the other way. */
char *server_read(const struct server *server, const char *path);
void server_write(const struct server *server, const char *path, const char *text);
int server_port(void); /* free a moment ago */

#endif
