#include "schemas/json.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static struct json json;
static struct json_node root;
static struct error err;

static enum status open_text(const char *text)
{
	err = (struct error){.code = ""};
	return json_open(&json, view_text(text), 1 << 20, &root, &err);
}

static void must_open(const char *text)
{
	cr_assert_eq(open_text(text), STATUS_OK, "%s", err.message);
}

Test(json_get, the_first_failure_is_kept_and_names_its_path)
{
	struct json_node content, files, file;
	uint64_t size = 7;

	must_open("{\"content\": {\"files\": [{}, {\"size\": \"8\", \"path\": 1}]}}");
	cr_assert(json_get_object(&root, "content", JSON_REQUIRED, &content));
	cr_assert(json_get_array(&content, "files", JSON_REQUIRED, &files));
	cr_assert(json_item_object(&files, 1, &file));
	json_get_uint(&file, "size", JSON_REQUIRED, 0, 100, &size);
	cr_assert_null(json_get_text(&file, "path", JSON_REQUIRED).data);
	cr_assert_eq(json_status(&json), STATUS_REJECT);
	cr_assert_str_eq(err.code, "invalid_type");
	cr_assert_str_eq(err.message, "content.files[1].size: must be an integer, is a string");
	cr_assert_eq(size, 7, "an output is untouched on failure");
	json_close(&json);
}

Test(json_get, nothing_is_given_after_a_failure)
{
	struct json_node node;
	bool flag = false;
	int64_t number = 1;

	must_open("{\"a\": \"x\", \"b\": true, \"c\": 2, \"d\": {}, \"e\": [1]}");
	json_fail(&root, "a", "invalid_field", "is bad");
	cr_assert_null(json_get_text(&root, "a", JSON_REQUIRED).data);
	cr_assert_null(json_get_copy(&root, "a", JSON_REQUIRED));
	json_get_bool(&root, "b", JSON_REQUIRED, &flag);
	json_get_int(&root, "c", JSON_REQUIRED, 0, 9, &number);
	cr_assert_not(json_get_object(&root, "d", JSON_REQUIRED, &node));
	cr_assert_not(json_get_array(&root, "e", JSON_REQUIRED, &node));
	cr_assert_eq(json_count(&node), 0);
	cr_assert_not(flag);
	cr_assert_eq(number, 1);
	cr_assert_str_eq(err.message, "a: is bad");
	cr_assert_str_eq(json_peek_text(&root, "a").data, "x", "peeking goes on");
	json_close(&json);
}

Test(json_get, an_absent_optional_field_is_no_failure)
{
	int64_t number = 5;

	must_open("{}");
	cr_assert_null(json_get_text(&root, "a", JSON_OPTIONAL).data);
	json_get_int(&root, "b", JSON_OPTIONAL, 0, 9, &number);
	cr_assert_eq(number, 5);
	cr_assert_eq(json_get_choice(&root, "c", JSON_OPTIONAL, (const char *const[]){"x", NULL}), -1);
	cr_assert_eq(json_status(&json), STATUS_OK);
	json_close(&json);
}

Test(json_get_int, takes_both_ends_of_its_range)
{
	int64_t least = 0, most = 0;

	must_open("{\"a\": -3, \"b\": 9007199254740991, \"c\": 4}");
	json_get_int(&root, "a", JSON_REQUIRED, -3, 3, &least);
	json_get_int(&root, "b", JSON_REQUIRED, 0, JSON_INTEGER_MAX, &most);
	cr_assert_eq(json_status(&json), STATUS_OK);
	cr_assert(least == -3 && most == JSON_INTEGER_MAX);
	json_get_int(&root, "c", JSON_REQUIRED, -3, 3, &least);
	cr_assert_str_eq(err.message, "c: must be from -3 to 3, is 4");
	json_close(&json);
}

Test(json_get_choice, names_the_choices)
{
	static const char *const names[] = {"full", "size", "none", NULL};

	must_open("{\"a\": \"size\", \"b\": \"siz\\u0007e\"}");
	cr_assert_eq(json_get_choice(&root, "a", JSON_REQUIRED, names), 1);
	cr_assert_eq(json_get_choice(&root, "b", JSON_REQUIRED, names), -1);
	cr_assert_str_eq(err.message, "b: must be \"full\", \"size\" or \"none\", is \"siz?e\"");
	json_close(&json);
}

Test(json_only, finds_the_stranger_in_any_order)
{
	static const char *const names[] = {"a", "b", "c", NULL};
	static const char *const texts[] = {"{\"x\":1,\"a\":1}", "{\"a\":1,\"x\":1,\"b\":1}",
	        "{\"c\":1,\"b\":1,\"x\":1}", "{\"c\":1,\"a\":1,\"b\":1,\"x\":1}"};

	for (size_t i = 0; i < 4; i++) {
		must_open(texts[i]);
		json_only(&root, names);
		cr_assert_str_eq(err.code, "unknown_field", "%s", texts[i]);
		cr_assert_str_eq(err.message, "x: unknown field: correct its name or leave it out");
		json_close(&json);
	}
	must_open("{\"c\":1,\"a\":1,\"b\":1}");
	json_only(&root, names);
	cr_assert_eq(json_status(&json), STATUS_OK, "%s", err.message);
	json_close(&json);
}

Test(json_open, takes_as_many_levels_as_it_says_and_no_more)
{
	char text[4 * JSON_DEPTH_MAX + 64] = "{\"a\":";

	for (int depth = JSON_DEPTH_MAX - 1; depth <= JSON_DEPTH_MAX; depth++) {
		size_t at = 5;
		memset(text + at, '[', (size_t)depth);
		memset(text + at + depth, ']', (size_t)depth);
		strcpy(text + at + 2 * depth, "}");
		if (depth < JSON_DEPTH_MAX) {
			must_open(text);
			json_close(&json);
			continue;
		}
		cr_assert_eq(open_text(text), STATUS_REJECT);
		cr_assert_str_eq(err.code, "too_deep");
	}
}

static void *open_deep(void *unused)
{
	enum { DEPTH = 10000 };
	char *text = malloc(2 * DEPTH);

	(void)unused;
	memset(text, '[', 2 * DEPTH);
	bool refused =
	        json_open(&json, (struct view){text, 2 * DEPTH}, 1 << 20, &root, &err) == STATUS_REJECT;
	free(text);
	return refused ? err.code : NULL;
}

Test(json_open, needs_little_stack_for_ten_thousand_levels)
{
	pthread_attr_t attributes;
	pthread_t thread;
	void *code = NULL;

	pthread_attr_init(&attributes);
	cr_assert_eq(pthread_attr_setstacksize(&attributes, 128 << 10), 0);
	cr_assert_eq(pthread_create(&thread, &attributes, open_deep, NULL), 0);
	pthread_join(thread, &code);
	pthread_attr_destroy(&attributes);
	cr_assert_not_null(code);
	cr_assert_str_eq(code, "too_deep");
}

Test(json_is_too_deep, many_objects_side_by_side_are_not_deep)
{
	struct buffer text;

	buffer_init(&text, 1 << 16);
	for (int i = 0; i < 1000; i++)
		buffer_add_text(&text, "[{}]\"[[\\\"[[\"");
	cr_assert_not(json_is_too_deep(buffer_view(&text)));
	for (int i = 0; i <= JSON_DEPTH_MAX; i++)
		buffer_add_text(&text, "[");
	cr_assert(json_is_too_deep(buffer_view(&text)));
	buffer_release(&text);
}

Test(json_open, works_without_an_error_to_fill)
{
	cr_assert_eq(json_open(&json, view_text("{"), 10, &root, NULL), STATUS_REJECT);
	json_close(&json);
	cr_assert_eq(json_open(&json, view_text("{}"), 10, &root, NULL), STATUS_OK);
	cr_assert_null(json_get_text(&root, "a", JSON_REQUIRED).data);
	cr_assert_eq(json_status(&json), STATUS_REJECT);
	json_close(&json);
}

Test(json_quote, makes_any_text_fit_for_a_message)
{
	char longer[200];

	cr_assert_str_eq(json_quote(view_text("a\n\x1b\x7f\xc2\x85z")), "\"a?????z\"");
	memset(longer, 'a', sizeof(longer));
	memcpy(longer + 59, "\xe2\x82\xac", 3);
	const char *quoted = json_quote(((struct view){longer, sizeof(longer)}));
	cr_assert_eq(strlen(quoted), 1 + 59 + 3 + 1, "%s", quoted);
	cr_assert_str_eq(quoted + 60, "\xe2\x80\xa6\"", "not cut within a character");
}
