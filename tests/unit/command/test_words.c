/* Moments, spans and paragraphs as people read them. */
#include "command/moment.h"
#include "command/paragraph.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

Test(span_format, has_two_units_at_most)
{
	static const struct {
		int64_t ms;
		const char *words;
	} spans[] = {{-5, "0 ms"}, {0, "0 ms"}, {999, "999 ms"}, {1000, "1.0 s"}, {12345, "12.3 s"},
	        {59999, "59.9 s"}, {60000, "1 min"}, {245000, "4 min 5 s"}, {3599999, "59 min 59 s"},
	        {3600000, "1 h"}, {11520000, "3 h 12 min"}, {86400000, "1 d"}, {190800000, "2 d 5 h"}};

	for (size_t i = 0; i < sizeof(spans) / sizeof(*spans); i++)
		cr_assert_str_eq(span_text(spans[i].ms), spans[i].words);
}

Test(moment_column, is_a_time_or_how_long_ago)
{
	cr_assert_str_eq(moment_column(1000, 61000, false), "1970-01-01T00:00:01Z");
	cr_assert_str_eq(moment_column(1000, 65000, true), "1 min ago");
	cr_assert_str_eq(moment_column(1000, 4500, true), "3.0 s ago");
	cr_assert_str_eq(moment_column(1000, 90000000 + 1000, true), "1 d ago");
	cr_assert_str_eq(moment_column(0, 4500, true), "");
}

static const struct option_spec specs[] = {{.name = "since", .argument = "TIME", .help = ""},
        {.name = "older-than", .argument = "D", .help = ""}, {0}};
static const struct command_spec command = {.name = "test", .usage = "", .summary = "", .options = specs};

static struct options *parsed(const char *name, const char *value)
{
	char *argv[] = {"test", (char *)name, (char *)value, NULL};
	struct options *options = NULL;
	bool printed;
	struct error err;

	cr_assert_eq(options_parse(&command, 3, argv, &options, &printed, &err), STATUS_OK);
	return options;
}

Test(option_moment, takes_a_time_or_how_long_ago)
{
	struct options *options = parsed("--since", "1970-01-01T00:00:02Z");
	struct error err;
	int64_t ms = 0;

	cr_assert(option_moment(options, "since", 5000, 7, &ms, &err) == STATUS_OK && ms == 2000);
	options_free(options);
	options = parsed("--since", "PT3S");
	cr_assert(option_moment(options, "since", 5000, 7, &ms, &err) == STATUS_OK && ms == 2000);
	cr_assert(option_moment(options, "older-than", 5000, 7, &ms, &err) == STATUS_OK && ms == 7, "absent");
	options_free(options);
	options = parsed("--since", "yesterday");
	cr_assert_eq(option_moment(options, "since", 5000, 7, &ms, &err), STATUS_REJECT);
	cr_assert(strstr(err.message, "--since: must be a time") && strstr(err.message, "yesterday"));
	options_free(options);
}

Test(option_duration, takes_no_time)
{
	struct options *options = parsed("--older-than", "PT10M");
	struct error err;
	int64_t ms = 1;

	cr_assert(option_duration(options, "older-than", &ms, &err) == STATUS_OK && ms == 600000);
	options_free(options);
	options = parsed("--older-than", "2026-01-01T00:00:00Z");
	cr_assert_eq(option_duration(options, "older-than", &ms, &err), STATUS_REJECT);
	options_free(options);
}

static char *paragraph(const char *words, int column, int indent, int width)
{
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	paragraph_print(out, words, column, indent, width);
	fclose(out);
	return text;
}

Test(paragraph_print, breaks_at_blanks_and_indents)
{
	char *text = paragraph("the quick brown fox jumps over the dog", 4, 2, 30);

	cr_assert_str_eq(text, "the quick brown fox jumps\n  over the dog");
	free(text);
}

Test(paragraph_print, fits_the_first_line_behind_what_is_there)
{
	char *text = paragraph("the quick brown fox jumps over the lazy dog", 6, 2, 31);

	cr_assert_str_eq(text, "the quick brown fox jumps\n  over the lazy dog");
	free(text);
	text = paragraph("the quick brown fox jumps over the lazy dog", 7, 2, 31);
	cr_assert_str_eq(text, "the quick brown fox\n  jumps over the lazy dog");
	free(text);
}

Test(paragraph_print, breaks_a_word_that_is_too_long_and_counts_characters)
{
	char *text = paragraph("ääääääääääääääääääääääääääääää", 0, 0, 25);

	cr_assert_str_eq(text, "äääääääääääääääääääääääää\näääää");
	free(text);
}

Test(paragraph_print, keeps_one_line_without_a_width_and_disarms_controls)
{
	char *text = paragraph(
	        "one line \033[31m that is longer than any terminal that there is, and then some more", 4, 4,
	        0);

	cr_assert(!strchr(text, '\n') && !strchr(text, '\033'));
	free(text);
}
