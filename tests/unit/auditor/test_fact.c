#include "auditor/log/fact.h"
#include "auditor/log/fact_scan.h"
#include "base/memory.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The scanner accepts nothing that schemas/json.h does not, and reads what it accepts alike. */

static const struct {
	enum log_topic topic;
	const char *folder;
} vectors[] = {{LOG_JOBS, "job"}, {LOG_STAGED, "staged"}, {LOG_UPDATED, "updated"}, {LOG_STATUS, "status"}};
static const char *const kinds[] = {"accept", "reject", "reject-codec-only"};

static void expect(bool same, const char *what, struct view value)
{
	if (!same) /* else a million of assertions would be counted */
		cr_assert_fail("%s differs of %.*s", what, (int)value.len, value.data);
}

static void expect_view(struct view a, struct view b, const char *what, struct view value)
{
	expect(view_equal(a, b) && !a.data == !b.data, what, value);
}

#define EXPECT_VIEW(field) expect_view(a->field, b->field, #field, value)
#define EXPECT_NUMBER(field) expect((int64_t)a->field == (int64_t)b->field, #field, value)
#define EXPECT_POSITION(field)                                                                               \
	expect(a->field.partition == b->field.partition && a->field.offset == b->field.offset, #field, value)

static void expect_equal(const struct fact *a, const struct fact *b, struct view value)
{
	EXPECT_NUMBER(type), EXPECT_NUMBER(time_ms), EXPECT_NUMBER(has_content), EXPECT_NUMBER(deadline_ms);
	EXPECT_VIEW(id), EXPECT_VIEW(package), EXPECT_VIEW(version), EXPECT_VIEW(point), EXPECT_VIEW(job_id);
	EXPECT_VIEW(dp_id), EXPECT_VIEW(digest), EXPECT_VIEW(job_type), EXPECT_VIEW(requested_by);
	EXPECT_VIEW(annotations), EXPECT_VIEW(points), EXPECT_VIEW(content), EXPECT_VIEW(gate),
	        EXPECT_VIEW(state);
	EXPECT_VIEW(reason), EXPECT_VIEW(detail), EXPECT_VIEW(missing), EXPECT_VIEW(outcomes);
	EXPECT_VIEW(read_back), EXPECT_VIEW(staged_id), EXPECT_VIEW(previous_version),
	        EXPECT_VIEW(release_id);
	EXPECT_POSITION(job_position), EXPECT_POSITION(original), EXPECT_POSITION(duplicate);
	EXPECT_POSITION(staged_position), EXPECT_POSITION(release_position), EXPECT_POSITION(origin);
	EXPECT_NUMBER(final), EXPECT_NUMBER(waiting_staged), EXPECT_NUMBER(waiting_targets);
	EXPECT_NUMBER(attempt), EXPECT_NUMBER(retryable), EXPECT_NUMBER(next_retry_ms), EXPECT_NUMBER(files);
	EXPECT_NUMBER(bytes), EXPECT_NUMBER(targets);
}

struct pair {
	struct fact_reader *fast, *slow;
	struct fact_scanner *scanner;
	size_t scanned, compared;
};

static struct pair pair_new(void)
{
	return (struct pair){fact_reader_new(), fact_reader_new(), fact_scanner_new(), 0, 0};
}

static void pair_free(struct pair *pair)
{
	fact_reader_free(pair->fast);
	fact_reader_free(pair->slow);
	fact_scanner_free(pair->scanner);
}

static void compare(struct pair *pair, enum log_topic topic, struct view value)
{
	struct replay_record record = {
	        .topic = topic, .position = {1, 7}, .time_ms = 5, .key = view_text("KEY"), .value = value};
	struct fact a, b, scanned = {.topic = topic};

	fact_read(pair->fast, &record, NULL, &a);
	fact_read_slowly(pair->slow, &record, NULL, &b);
	expect_equal(&a, &b, value);
	pair->scanned += fact_scan(pair->scanner, value, &scanned);
	pair->compared++;
}

static char *read_file(const char *path, size_t *ret_len)
{
	FILE *file = fopen(path, "rb");
	char *data = memory_alloc(1 << 21);

	cr_assert(file, "cannot open %s", path);
	*ret_len = fread(data, 1, (1 << 21) - 1, file);
	fclose(file);
	return data;
}

static void each_vector(void (*visit)(enum log_topic topic, struct view value, void *context), void *context)
{
	size_t files = 0;

	for (size_t i = 0; i < sizeof(vectors) / sizeof(*vectors); i++)
		for (size_t k = 0; k < sizeof(kinds) / sizeof(*kinds); k++) {
			char *folder = memory_format("%s/%s/%s", VECTORS, vectors[i].folder, kinds[k]);
			DIR *dir = opendir(folder);
			const struct dirent *entry;

			while (dir && (entry = readdir(dir)) != NULL) {
				if (entry->d_name[0] == '.')
					continue;
				char *path = memory_format("%s/%s", folder, entry->d_name);
				struct view value;
				char *data = read_file(path, &value.len);

				value.data =
				        memory_copy(data, value.len); /* the end is a wall to the sanitizer */
				visit(vectors[i].topic, value, context);
				free((char *)value.data);
				free(data);
				free(path);
				files++;
			}
			if (dir)
				closedir(dir);
			free(folder);
		}
	cr_assert_gt(files, 100);
}

static void compare_one(enum log_topic topic, struct view value, void *context)
{
	compare(context, topic, value);
}

Test(fact_scan, reads_every_vector_as_the_strict_reader_does)
{
	struct pair pair = pair_new();

	each_vector(compare_one, &pair);
	cr_expect_gt(pair.scanned, 40, "only %zu of %zu were scanned", pair.scanned, pair.compared);
	pair_free(&pair);
}

/* A byte changed, taken away, doubled or swapped with another piece: mostly no JSON any more, sometimes
 * another record. */
static void mutate_one(enum log_topic topic, struct view value, void *context)
{
	static const char bytes[] = "\"\\{}[]:,0129 ae-.~\n\x01\x7f\x80\xc3";

	if (value.len > 4000 || value.len < 2)
		return;
	for (int i = 0; i < 150; i++) {
		size_t at = (size_t)rand() % value.len, to = (size_t)rand() % value.len;
		char *copy = memory_alloc(value.len + 1);
		size_t len = value.len;

		memcpy(copy, value.data, len);
		switch (rand() % 4) {
		case 0:
			copy[at] = bytes[(size_t)rand() % (sizeof(bytes) - 1)];
			break;
		case 1:
			memmove(copy + at, copy + at + 1, len - at - 1);
			len--;
			break;
		case 2:
			memmove(copy + at + 1, copy + at, len - at);
			len++;
			break;
		default:
			copy[at] = value.data[to];
		}
		char *exact = malloc(len);
		memcpy(exact, copy, len);
		compare(context, topic, (struct view){exact, len});
		free(exact);
		free(copy);
	}
}

Test(fact_scan, agrees_on_mutated_records, .timeout = 120)
{
	struct pair pair = pair_new();

	srand(1);
	each_vector(mutate_one, &pair);
	cr_expect_gt(pair.scanned, 500, "only %zu of %zu were scanned", pair.scanned, pair.compared);
	cr_expect_lt(pair.scanned, pair.compared);
	pair_free(&pair);
}

static struct fact read_text(struct fact_reader *reader, enum log_topic topic, const char *text)
{
	struct replay_record record = {
	        .topic = topic, .position = {1, 7}, .time_ms = 5, .value = view_text(text)};
	struct fact fact;

	fact_read(reader, &record, NULL, &fact);
	return fact;
}

Test(fact_read, says_why_a_record_is_unreadable)
{
	struct fact_reader *reader = fact_reader_new();
	struct fact fact = read_text(reader, LOG_STAGED, "{\"schema\":1,\"type\":\"stag\"}");

	cr_expect_eq(fact.type, FACT_UNREADABLE);
	cr_expect(view_is(fact.reason, "invalid_field"), "%.*s", (int)fact.reason.len, fact.reason.data);
	fact = read_text(reader, LOG_UPDATED, NULL);
	cr_expect(view_is(fact.reason, "tombstone"));
	fact_reader_free(reader);
}

Test(fact_read, gives_a_job_without_an_id_that_of_its_place)
{
	struct fact_reader *reader = fact_reader_new();
	struct fact fact = read_text(
	        reader, LOG_JOBS, "{\"type\": \"update\", \"package_id\": \"P\", \"version\": \"1\"}");

	cr_expect_eq(fact.type, FACT_JOB);
	cr_expect(view_is(fact.job_id, "@1-7"));
	cr_expect_eq(fact.job_position.offset, 7);
	fact_reader_free(reader);
}

Test(fact_read, gives_a_job_whose_id_is_none_that_of_its_place_too)
{
	struct fact_reader *reader = fact_reader_new();
	struct fact fact = read_text(reader, LOG_JOBS,
	        "{\"type\": \"update\", \"job_id\": \"@0-1\", \"package_id\": \"P\", "
	        "\"version\": \"1\"}");

	cr_expect(view_is(fact.job_id, "@1-7"), "%.*s", (int)fact.job_id.len, fact.job_id.data);
	fact_reader_free(reader);
}

Test(fact_next, walks_arrays_and_objects_with_escapes)
{
	struct fact_reader *reader = fact_reader_new();
	struct view array = view_text("[ \"paris\" , \"t\\u00f6kyo\"]"),
	            object = view_text("{\"a\": \"b\",\"c\":\"\\\"\"}");
	struct view name, value;

	cr_assert(fact_next(reader, &array, &name, &value));
	cr_expect(view_is(name, "paris") && !value.data);
	cr_assert(fact_next(reader, &array, &name, &value));
	cr_expect(view_is(name, "tökyo"));
	cr_expect(!fact_next(reader, &array, &name, &value));
	cr_assert(fact_next(reader, &object, &name, &value));
	cr_expect(view_is(name, "a") && view_is(value, "b"));
	cr_assert(fact_next(reader, &object, &name, &value));
	cr_expect(view_is(name, "c") && view_is(value, "\""));
	cr_expect(!fact_next(reader, &object, &name, &value));
	fact_reader_free(reader);
}
