/* A large history made directly, to measure what the page asks of it:
 *
 *	bench_board FILE [PACKAGES [POINTS]]
 *	holdpoint-auditor serve --database FILE …
 *
 * Each package was created and updated on every distribution point; some copies failed, retry or wait. */
#include "auditor/serve/board.h"
#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PARTITIONS = 12, NAME_MAX_SIZE = 64 };

struct made {
	struct database *database;
	int64_t next[LOG_TOPICS][PARTITIONS];
	int64_t now_ms;
	long count;
	int points;
	char points_json[65536];
};

static void check(enum status status, const struct error *err)
{
	if (status == STATUS_OK)
		return;
	fprintf(stderr, "%s (%s)\n", err->message, err->code);
	exit(1);
}

static struct fact begin(struct made *made, enum fact_type type, enum log_topic topic, int package)
{
	struct fact fact = {.type = type, .topic = topic};
	int partition = package % PARTITIONS;

	fact.position = (struct position){partition, made->next[topic][partition]};
	fact.job_position = fact.original = fact.duplicate = (struct position){-1, -1};
	fact.staged_position = fact.release_position = fact.origin = (struct position){-1, -1};
	fact.time_ms = fact.log_time_ms = made->now_ms;
	return fact;
}

static void give(struct made *made, const struct fact *fact)
{
	char value[256];
	struct error err;

	snprintf(value, sizeof(value),
	        "{\"schema\":1,\"type\":\"%s\",\"package_id\":\"%s\",\"version\":\"1.0\",\"attempt\":1,"
	        "\"pad\":\"%0*d\"}",
	        fact_type_name(fact->type), fact->package.data, 100, 0);
	check(database_apply(made->database, fact, view_text(value), NULL, &err), &err);
	made->next[fact->topic][fact->position.partition]++;
	if (++made->count % 20 == 0)
		made->now_ms++;
}

static const char *copy_state(int package, int point)
{
	if (package % 97 == 0 && point % 10 == 0)
		return "failed";
	if (package % 89 == 0 && point % 7 == 0)
		return "retrying";
	return package % 31 == 0 && point == 3 ? "pending" : "updated";
}

static void make_copy(struct made *made, int package, const char *name, int point, struct position job)
{
	char point_name[NAME_MAX_SIZE];
	const char *state = copy_state(package, point);
	static const struct {
		enum fact_type type;
		enum log_topic topic;
	} steps[] = {{FACT_STAGED, LOG_STAGED}, {FACT_RELEASE, LOG_STAGED}, {FACT_UPDATED, LOG_UPDATED},
	        {FACT_POINT, LOG_STATUS}};
	bool well = strcmp(state, "updated") == 0;

	snprintf(point_name, sizeof(point_name), "point-%04d", point);
	for (size_t i = well ? 0 : 3; i < sizeof(steps) / sizeof(*steps); i++) {
		struct fact fact = begin(made, steps[i].type, steps[i].topic, package);
		fact.key = fact.package = view_text(name);
		fact.version = view_text("1.0");
		fact.point = view_text(point_name);
		fact.job_id = view_text("u");
		fact.job_position = job;
		fact.id = view_text("0123456789abcdef0123456789abcdef");
		fact.digest =
		        view_text("sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08");
		fact.bytes = 8231;
		fact.files = 1;
		if (fact.type == FACT_POINT) {
			fact.state = view_text(state);
			fact.attempt = 1;
			fact.reason = view_text(well ? NULL : "dp_unreachable");
			fact.job_position = (struct position){-1, -1};
		}
		give(made, &fact);
	}
}

static void make_job(struct made *made, const char *name, const char *type, struct position *ret, int package)
{
	static const char *const states[] = {"accepted", "held", "completed"};
	struct fact fact = begin(made, FACT_JOB, LOG_JOBS, package);

	fact.key = fact.package = view_text(name);
	fact.version = view_text("1.0");
	fact.job_type = view_text(type);
	fact.job_id = view_text(type);
	fact.has_content = strcmp(type, "create") == 0;
	*ret = fact.position;
	give(made, &fact);
	for (int i = 0; i < 3 - (package % 41 == 0); i++) {
		struct fact status = begin(made, FACT_JOB_STATUS, LOG_STATUS, package);
		status.key = status.package = view_text(name);
		status.version = view_text("1.0");
		status.job_type = status.job_id = view_text(type);
		status.job_position = *ret;
		status.state = view_text(i == 2 && package % 53 == 0 ? "failed" : states[i]);
		status.final = i == 2;
		status.points = view_text(i == 0 ? made->points_json : NULL);
		give(made, &status);
	}
}

static void make_package(struct made *made, int package)
{
	char name[NAME_MAX_SIZE];
	struct position create, update;

	snprintf(name, sizeof(name), "PKG%05d", package);
	make_job(made, name, "create", &create, package);
	make_job(made, name, "update", &update, package);
	for (int point = 0; point < made->points; point++)
		make_copy(made, package, name, point, update);
	if (package % 20 == 0) {
		struct fact letter = begin(made, FACT_DEAD_LETTER, LOG_DLQ, package);
		letter.key = letter.package = view_text(name);
		letter.reason = view_text("invalid_json");
		give(made, &letter);
	}
}

int main(int argc, char **argv)
{
	static struct made made;
	int packages = argc > 2 ? atoi(argv[2]) : 10000;
	int64_t start = clock_monotonic_ms(), filled;
	struct board *board;
	struct error err;

	if (argc < 2)
		return 2;
	made.points = argc > 3 ? atoi(argv[3]) : 50;
	made.now_ms = clock_wall_ms() - 7200 * 1000;
	strcpy(made.points_json, "[");
	for (int i = 0; i < made.points && strlen(made.points_json) < 60000; i++)
		sprintf(made.points_json + strlen(made.points_json), "%s\"point-%04d\"", i ? "," : "", i);
	strcat(made.points_json, "]");
	check(database_open(argv[1], "holdpoint.", DATABASE_EVENTS | DATABASE_VALUES, &made.database, &err),
	        &err);
	for (int package = 0; package < packages; package++)
		make_package(&made, package);
	check(database_commit(made.database, &err), &err);
	filled = clock_monotonic_ms();
	printf("%ld records in %lld ms\n", made.count, (long long)(filled - start));
	check(board_open(made.database, &board, &err), &err);
	printf("indexes in %lld ms\n", (long long)(clock_monotonic_ms() - filled));
	filled = clock_monotonic_ms();
	check(board_flush(board, &err), &err);
	printf("board in %lld ms\n", (long long)(clock_monotonic_ms() - filled));
	board_free(board);
	database_close(made.database);
	return 0;
}
