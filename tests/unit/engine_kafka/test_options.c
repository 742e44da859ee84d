#include "engine/options.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct option_spec own[] = {
        {.name = "spool", .short_name = 's', .argument = "DIR", .help = "where"},
        {.name = "size", .argument = "N", .default_value = "4K", .help = "how much"},
        {.name = "tag", .argument = "TAG", .many = true, .help = "some"},
        {.name = "quick", .help = "no waiting"}, {.name = NULL}};
static const struct option_spec required[] = {
        {.name = "must", .argument = "X", .required = true, .help = "needed"}, {.name = NULL}};
static const struct command_spec command = {.name = "holdpoint-test",
        .usage = "[OPTION]… [ARGUMENT]",
        .summary = "Tests.",
        .examples = "holdpoint-test --quick",
        .options = own,
        .kafka = true,
        .most_arguments = 1};

#define PARSE(...) parse(&command, (char *[]){"holdpoint-test", __VA_ARGS__, NULL})
#define REFUSE(code, ...) refuse(&command, code, (char *[]){"holdpoint-test", __VA_ARGS__, NULL})

static int count_of(char **argv)
{
	int count = 0;

	while (argv[count])
		count++;
	return count;
}

static struct options *parse(const struct command_spec *spec, char **argv)
{
	struct options *options = NULL;
	struct error err = {0};
	bool printed = true;

	cr_assert_eq(options_parse(spec, count_of(argv), argv, &options, &printed, &err), STATUS_OK, "%s",
	        err.message);
	cr_assert(!printed);
	return options;
}

static void refuse(const struct command_spec *spec, const char *code, char **argv)
{
	struct options *options = NULL;
	struct error err = {0};
	bool printed;

	cr_assert_eq(options_parse(spec, count_of(argv), argv, &options, &printed, &err), STATUS_REJECT);
	cr_expect_str_eq(err.code, code, "%s", err.message);
	cr_expect_null(options);
}

/* A file that holds text; removed at the end of the test's process by nobody: it is small and in $TMPDIR. */
static char *file_with(const char *text)
{
	static char paths[4][64];
	static int count;
	char *path = paths[count++];

	snprintf(path, sizeof(paths[0]), "/tmp/holdpoint-options.XXXXXX");
	int fd = mkstemp(path);
	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	return path;
}

Test(options_parse, reads_options_and_arguments_in_any_order)
{
	struct options *options = PARSE("file", "-s", "/tmp", "--tag=a", "--tag", "b", "--quick");

	cr_expect_str_eq(options_text(options, "spool"), "/tmp");
	cr_expect(options_switch(options, "quick"));
	cr_expect_eq(options_count(options, "tag"), 2);
	cr_expect_str_eq(options_nth(options, "tag", 0), "a");
	cr_expect_str_eq(options_nth(options, "tag", 1), "b");
	cr_expect_null(options_nth(options, "tag", 2));
	cr_expect_eq(options_argument_count(options), 1);
	cr_expect_str_eq(options_argument(options, 0), "file");
	options_free(options);
}

Test(options_parse, gives_defaults)
{
	struct options *options = PARSE("--quick");
	struct error err;
	int64_t size;

	cr_expect_null(options_text(options, "spool"));
	cr_expect_str_eq(options_text(options, "size"), "4K");
	cr_assert_eq(options_number(options, "size", 1, 1 << 20, &size, &err), STATUS_OK);
	cr_expect_eq(size, 4096);
	cr_expect_str_eq(options_prefix(options), "holdpoint.");
	cr_expect_null(options_bootstrap(options));
	cr_expect_not(options_switch(options, "tag"));
	options_free(options);
}

Test(options_parse, refuses_what_it_does_not_know)
{
	REFUSE("unknown_option", "--nonsense");
	REFUSE("unknown_option", "-z");
	REFUSE("unknown_option", "--quick=yes");
	REFUSE("invalid_option", "--spool");
	REFUSE("invalid_option", "-X", "no-value");
	REFUSE("arguments", "one", "two");
}

Test(options_parse, asks_for_what_is_required)
{
	const struct command_spec spec = {
	        .name = "t", .usage = "X", .options = required, .least_arguments = 1, .most_arguments = 1};

	refuse(&spec, "option_missing", (char *[]){"t", "x", NULL});
	refuse(&spec, "arguments", (char *[]){"t", "--must", "y", NULL});
	options_free(parse(&spec, (char *[]){"t", "--must", "y", "x", NULL}));
}

Test(options_parse, lets_the_command_line_win_over_files_and_later_files_over_earlier)
{
	char *first =
	             file_with("# a comment\n\nholdpoint.spool = /first \nholdpoint.size=1\nholdpoint.tag=x\n"
	                       "client.id=first\nholdpoint.quick=true\n"),
	     *second = file_with("holdpoint.spool=/second\nclient.id=second\n");
	struct options *options = PARSE("-X", "client.id=last", "--size", "3", "-F", first, "-F", second);
	const char *name, *value;

	cr_expect_str_eq(options_text(options, "spool"), "/second");
	cr_expect_str_eq(options_text(options, "size"), "3");
	cr_expect_eq(options_count(options, "tag"), 1);
	cr_expect(options_switch(options, "quick"));
	cr_assert_eq(options_property_count(options), 3);
	options_property(options, 0, &name, &value);
	cr_expect_str_eq(value, "first");
	options_property(options, 2, &name, &value);
	cr_expect_str_eq(name, "client.id");
	cr_expect_str_eq(value, "last");
	options_free(options);
	unlink(first);
	unlink(second);
}

Test(options_parse, names_the_line_of_a_file_that_it_refuses)
{
	char *path = file_with("client.id=x\nholdpoint.nonsense=1\n"), *argv[] = {"t", "-F", path, NULL};
	struct options *options;
	struct error err;
	bool printed;

	cr_assert_eq(options_parse(&command, 3, argv, &options, &printed, &err), STATUS_REJECT);
	cr_expect_neq(strstr(err.message, "line 2"), NULL, "%s", err.message);
	unlink(path);
	REFUSE("file_unreadable", "-F", path);
	path = file_with("holdpoint.quick=maybe\n");
	REFUSE("invalid_option", "-F", path);
	unlink(path);
}

Test(options_number, takes_suffixes_and_bounds)
{
	static const struct {
		const char *text;
		int64_t number; /* -1: refused */
	} cases[] = {{"0", 0}, {"7", 7}, {"2K", 2048}, {"1M", 1 << 20}, {"1G", -1}, {"x", -1}, {"", -1},
	        {"-1", -1}, {"5KB", -1}, {"99999999999999999999", -1}, {"9999999999999G", -1}, {"1.5", -1}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct options *options = PARSE("--size", (char *)cases[i].text);
		struct error err = {0};
		int64_t number = -1;
		enum status status = options_number(options, "size", 0, 1 << 20, &number, &err);
		cr_expect_eq(status, cases[i].number < 0 ? STATUS_REJECT : STATUS_OK, "%s", cases[i].text);
		cr_expect_eq(number, cases[i].number, "%s", cases[i].text);
		options_free(options);
	}
}

Test(options_parse, prints_help_with_every_option_and_the_examples, .init = cr_redirect_stdout)
{
	char *argv[] = {"holdpoint-test", "--help", NULL}, text[8192] = "";
	struct options *options = (struct options *)-1;
	struct error err;
	bool printed = false;

	cr_assert_eq(options_parse(&command, 2, argv, &options, &printed, &err), STATUS_OK);
	cr_expect(printed);
	cr_expect_null(options);
	fflush(stdout);
	FILE *out = cr_get_redirected_stdout();
	cr_assert_gt(fread(text, 1, sizeof(text) - 1, out), 0);
	static const char *const words[] = {"Usage: holdpoint-test", "--spool DIR", "(default: 4K)",
	        "(repeatable)", "-b, --bootstrap", "-X, --property", "-F, --file", "--prefix", "--help",
	        "--version", "holdpoint-test --quick"};
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		cr_expect_neq(strstr(text, words[i]), NULL, "no \"%s\" in %s", words[i], text);
}
