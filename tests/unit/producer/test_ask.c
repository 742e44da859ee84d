#include "base/memory.h"
#include "producer/ask.h"
#include "scratch.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ARGUMENTS_MAX = 24 };

/* The job of a command line: its JSON, or "code: words" of the refusal. The caller's to free(). */
static char *ask(enum job_type type, const char *const *arguments)
{
	const struct command_spec *command = type == JOB_CREATE ? &create_command : &update_command;
	char *argv[ARGUMENTS_MAX] = {(char *)"x"}, *json = NULL;
	int argc = 1;
	struct options *options;
	struct job *job;
	bool printed;
	struct error err;

	for (; arguments[argc - 1]; argc++)
		argv[argc] = (char *)arguments[argc - 1];
	enum status status = options_parse(command, argc, argv, &options, &printed, &err);

	if (status == STATUS_OK) {
		status = ask_job(options, type, &json, &job, &err);
		options_free(options);
	}
	if (status == STATUS_OK) {
		job_free(job);
		return json;
	}
	return memory_format("%s: %s", err.code, err.message);
}

#define ASK(type, ...) ask(type, (const char *const[]){__VA_ARGS__, NULL})

static void check(char *answer, const char *wanted)
{
	cr_assert_str_eq(answer, wanted, "is %s", answer);
	free(answer);
}

static void check_refused(char *answer, const char *code, const char *word)
{
	cr_assert(strncmp(answer, code, strlen(code)) == 0 && answer[strlen(code)] == ':', "is %s", answer);
	cr_assert_not_null(strstr(answer, word), "is %s", answer);
	free(answer);
}

Test(ask_job, update_needs_no_more_than_a_package_and_a_version)
{
	check(ASK(JOB_UPDATE, "PKG00042", "1.0"), "{\"schema\":1,\"type\":\"update\",\"package_id\":"
	                                          "\"PKG00042\",\"version\":\"1.0\",\"gate\":\"each\"}");
}

Test(ask_job, carries_every_option)
{
	check(ASK(JOB_UPDATE, "PKG", "2.0", "--to", "paris,group:emea", "--to", "tokyo", "--gate", "all",
	              "--deadline", "PT2H", "--job-id", "u-18", "--requested-by", "ci@build7", "--annotate",
	              "ticket=OPS-12", "--annotate", "why=it's \"new\" = better"),
	        "{\"schema\":1,\"type\":\"update\",\"job_id\":\"u-18\",\"package_id\":\"PKG\",\"version\":"
	        "\"2.0\","
	        "\"distribution_points\":[\"paris\",\"group:emea\",\"tokyo\"],\"gate\":\"all\",\"deadline\":"
	        "\"PT7200S\","
	        "\"requested_by\":\"ci@build7\",\"annotations\":{\"ticket\":\"OPS-12\",\"why\":\"it's "
	        "\\\"new\\\" = "
	        "better\"}}");
}

Test(ask_job, takes_deadlines_of_three_kinds)
{
	static const char *const cases[][2] = {
	        {"never", "\"deadline\":\"never\""},
	        {"P1DT12H", "\"deadline\":\"PT129600S\""},
	        {"2026-12-01T01:00:00+01:00", "\"deadline\":\"2026-12-01T00:00:00.000Z\""},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *answer = ASK(JOB_UPDATE, "PKG", "1.0", "--deadline", cases[i][0]);

		cr_assert_not_null(strstr(answer, cases[i][1]), "is %s", answer);
		free(answer);
	}
	check_refused(ASK(JOB_UPDATE, "PKG", "1.0", "--deadline", "tomorrow"), "usage", "--deadline");
}

Test(ask_job, takes_the_content_of_a_folder)
{
	struct scratch scratch;

	scratch_make(&scratch);
	scratch_write(&scratch, "tool", "x", 0755);
	char *answer = ASK(JOB_CREATE, "PKG", "1.0", "--to", "paris", "--from", scratch.path, "--url-prefix",
	        "https://artifacts.example/");

	check(answer, "{\"schema\":1,\"type\":\"create\",\"package_id\":\"PKG\",\"version\":\"1.0\","
	              "\"content\":{\"files\":[{"
	              "\"path\":\"tool\",\"size\":1,\"digest\":\"sha256:"
	              "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881\",\"executable\":"
	              "true,\"url\":"
	              "\"https://artifacts.example/tool\"}]},\"distribution_points\":[\"paris\"]}");
	scratch_drop(&scratch);
}

Test(ask_job, takes_a_manifest_whose_files_lie_beside_it)
{
	struct scratch scratch;
	char wanted[200], *manifest, *answer;

	scratch_make(&scratch);
	scratch_write(&scratch, "m.json",
	        "{\"files\":[{\"path\":\"a\",\"size\":1,\"digest\":\"sha256:"
	        "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881\",\"executable\":false}]}",
	        0644);
	manifest = scratch_path(&scratch, "m.json");
	answer = ASK(JOB_CREATE, "PKG", "1.0", "--to", "paris", "--manifest", manifest);
	snprintf(wanted, sizeof(wanted), "\"url\":\"file://%s/a\"", scratch.path);
	cr_assert_not_null(strstr(answer, wanted), "is %s", answer);
	free(answer);
	free(manifest);
	scratch_drop(&scratch);
}

Test(ask_job, takes_content_by_url_with_its_digest)
{
	static const char digest[] =
	        "sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";
	char wanted[300];

	snprintf(wanted, sizeof(wanted),
	        "{\"schema\":1,\"type\":\"create\",\"package_id\":\"PKG\",\"version\":\"1.0\",\"content\":{"
	        "\"manifest_url\":"
	        "\"https://artifacts.example/"
	        "m.json\",\"digest\":\"%s\"},\"distribution_points\":[\"group:all\"]}",
	        digest);
	check(ASK(JOB_CREATE, "PKG", "1.0", "--to", "group:all", "--manifest-url",
	              "https://artifacts.example/m.json", "--manifest-digest", digest),
	        wanted);
}

Test(ask_job, refuses_what_contradicts_itself)
{
	check_refused(ASK(JOB_CREATE, "P", "1", "--to", "a", "--from", "/tmp", "--manifest", "/tmp/m"),
	        "usage", "exclude");
	check_refused(ASK(JOB_CREATE, "P", "1", "--to", "a", "--manifest-url", "https://a.example/m"),
	        "usage", "--manifest-digest");
	check_refused(ASK(JOB_CREATE, "P", "1", "--to", "a", "--url-prefix", "https://a.example/"), "usage",
	        "--from");
	check_refused(ASK(JOB_UPDATE, "P", "1", "--gate", "some"), "usage", "--gate");
	check_refused(ASK(JOB_UPDATE, "P", "1", "--annotate", "nothing"), "usage", "--annotate");
}

Test(ask_job, refuses_what_a_stager_would_reject)
{
	check_refused(ASK(JOB_UPDATE, "no/slash", "1.0"), "invalid_field", "package_id");
	check_refused(ASK(JOB_UPDATE, "PKG", ""), "invalid_field", "version");
	check_refused(ASK(JOB_UPDATE, "PKG", "1.0", "--job-id", "@3-1742"), "invalid_field", "job_id");
	check_refused(
	        ASK(JOB_UPDATE, "PKG", "1.0", "--to", "paris,paris"), "invalid_field", "distribution_points");
	check_refused(ASK(JOB_CREATE, "PKG", "1.0", "--to", "paris"), "usage", "--from");
}

Test(ask_job, needs_targets_to_create)
{
	check_refused(ASK(JOB_CREATE, "PKG", "1.0", "--from", "/tmp"), "option_missing", "--to");
}

Test(ask_job, says_what_to_do_with_more_files_than_a_job_can_hold)
{
	struct scratch scratch;
	char name[300];

	scratch_make(&scratch);
	for (int i = 0; i < 2600; i++) {
		snprintf(name, sizeof(name), "%0180d-%d", 0, i);
		scratch_write(&scratch, name, "x", 0644);
	}
	check_refused(ASK(JOB_CREATE, "PKG", "1.0", "--to", "paris", "--from", scratch.path), "too_large",
	        "--manifest-url");
	scratch_drop(&scratch);
}
