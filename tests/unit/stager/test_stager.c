/* The shell: records, completions and notices in, records and rows out; what the gate wants becomes
 * transfers.
 */
#include "fakes.h"

#include "base/memory.h"
#include "schemas/staged.h"
#include "schemas/status.h"
#include "stager/gate_codec.h"
#include "stager/gate_sink.h"
#include "stager/gate_state.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DIGEST_X "sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
#define CREATE_START "{\"type\":\"create\",\"job_id\":\"c1\",\"package_id\":\"PKG\",\"version\":\"1.0\","
#define CONTENT                                                                                              \
	"\"content\":{\"files\":[{\"path\":\"f\",\"size\":1,\"digest\":\"" DIGEST_X                          \
	"\",\"url\":\"file:///srv/src/f\"}]}"
#define CREATE CREATE_START CONTENT ",\"distribution_points\":[\"group:emea\"]}"
#define UPDATE                                                                                               \
	"{\"type\":\"update\",\"job_id\":\"u1\",\"package_id\":\"PKG\",\"version\":\"1.0\",\"gate\":"        \
	"\"all\"}"

static const char catalogue_text[] =
        "{\"distribution_points\":[{\"name\":\"paris\",\"url\":\"file:///srv/dp/"
        "paris\",\"groups\":[\"emea\"]},"
        "{\"name\":\"tokyo\",\"url\":\"file:///srv/dp/tokyo\",\"groups\":[\"apac\"]}],"
        "\"sources\":[{\"prefix\":\"file:///srv/src/\"}]}";

struct shell {
	struct worker worker;
	struct distribution distribution;
	struct stager *stager;
	void *state;
	struct outbox *outbox;
	int64_t offset;
	char said[2000]; /* by the last event, as "type/state …" */
	bool of_update;  /* the last status that it said */
};

static void shell_open(struct shell *shell)
{
	struct stager_setup setup = {.worker = &shell->worker,
	        .distribution = &shell->distribution,
	        .limits = gate_limits_default,
	        .manifests_bytes_max = 1 << 20,
	        .watch_interval_ms = 1000};
	struct error err;

	memset(shell, 0, sizeof(*shell));
	buffer_init(&shell->worker.noticed, 10000);
	buffer_init(&shell->worker.told, 10000);
	cr_assert_eq(catalogue_parse(view_text(catalogue_text), "/", &setup.catalogue, &err), STATUS_OK, "%s",
	        err.message);
	shell->stager = stager_new(&setup);
	shell->state = stager_machine.state_new(shell->stager, view_text("PKG"));
	shell->outbox = outbox_new();
}

static void shell_close(struct shell *shell)
{
	stager_machine.state_free(shell->state);
	stager_close(shell->stager);
	cr_assert_eq(shell->distribution.closed, 1);
	outbox_free(shell->outbox);
	buffer_release(&shell->worker.noticed);
	buffer_release(&shell->worker.told);
}

static void describe(struct shell *shell, const struct outbox_message *message)
{
	char *at = shell->said + strlen(shell->said);
	size_t room = sizeof(shell->said) - strlen(shell->said);
	struct staged_record *record;
	struct status_event event;
	struct error err;

	if (message->kind == OUTBOX_DEAD_LETTER) {
		snprintf(at, room, "dead letter; ");
	} else if (message->kind == OUTBOX_RECORD && message->output == OUTPUT_STAGED) {
		cr_assert_eq(staged_parse(message->key, message->value, &record, &err), STATUS_OK, "%s",
		        err.message);
		snprintf(at, room, "%s %s; ",
		        record->type == STAGED_STAGED    ? "staged"
		        : record->type == STAGED_RELEASE ? "release"
		                                         : "withheld",
		        record->distribution_point);
		staged_free(record);
	} else if (message->kind == OUTBOX_RECORD) {
		cr_assert_eq(status_parse(message->value, &event, &err), STATUS_OK, "%s", err.message);
		snprintf(at, room, "%s%s%s%s%s; ", event.type[0] == 'j' ? event.job_id : event.type,
		        event.state[0] ? " " : "", event.state, event.reason[0] ? " " : "", event.reason);
		shell->of_update = memmem(message->value.data, message->value.len, "\"job_type\":\"update\"",
		                           19) != NULL;
	}
}

static const char *apply(struct shell *shell, struct event event)
{
	outbox_clear(shell->outbox);
	shell->said[0] = '\0';
	outbox_about(shell->outbox, view_text("PKG"), (struct view){NULL, 0});
	outbox_record_is(shell->outbox, event.record);
	stager_machine.apply(shell->stager, shell->state, &event, 1000000, shell->outbox);
	outbox_record_is(shell->outbox, NULL);
	for (size_t i = 0; i < outbox_count(shell->outbox); i++)
		describe(shell, outbox_message(shell->outbox, i));
	return shell->said;
}

static struct record record_of(struct shell *shell, const char *value)
{
	struct position position = {3, ++shell->offset};

	return (struct record){
	        .position = position, .origin = position, .key = view_text("PKG"), .value = view_text(value)};
}

static const char *send(struct shell *shell, const char *value)
{
	struct record record = record_of(shell, value);

	return apply(shell, (struct event){.kind = EVENT_RECORD, .key = record.key, .record = &record});
}

static const char *wanted(struct shell *shell, struct effects *effects)
{
	buffer_init(&effects->list, 10000);
	buffer_add_text(&effects->list, "");
	stager_machine.effects(shell->state, effects);
	return effects->list.len ? effects->list.data : "";
}

static const struct claim test_claim = {.partition = 3, .nonce = "0123456789abcdef0123456789abcdef"};

static enum effect_start start(struct shell *shell, const char *tag, struct completion *token,
        const struct record *record, bool gone, int64_t *ret_offset)
{
	uint64_t effect = 0;
	struct effect_context context = {.key = view_text("PKG"),
	        .tag = view_text(tag),
	        .claim = &test_claim,
	        .record = record,
	        .record_gone = gone,
	        .token = token};

	memset(token, 0, sizeof(*token));
	return stager_effector.start(shell->stager, shell->state, &context, &effect, ret_offset);
}

static const char *complete(struct shell *shell, const char *tag, struct completion *token)
{
	const char *said;

	cr_assert_eq(token->delivered, 1);
	said = apply(shell,
	        (struct event){.kind = EVENT_COMPLETION, .tag = view_text(tag), .result = token->result});
	token->free_result(token->result);
	return said;
}

static void end_transfer(struct shell *shell, const struct transfer_result *result)
{
	shell->distribution.spec.done(result, shell->distribution.spec.context);
}

static const struct transfer_result staged_there = {
        .status = STATUS_OK, .dp_id = "id1", .files = 1, .bytes = 1, .bytes_sent = 1, .read_back = "full"};

Test(stager, goes_from_a_job_to_a_release)
{
	struct shell shell;
	struct effects effects;
	struct completion token;
	int64_t offset;

	shell_open(&shell);
	cr_assert_str_eq(send(&shell, UPDATE), "u1 accepted; u1 held; ");
	cr_assert_str_eq(send(&shell, CREATE), "c1 accepted; u1 held; ");
	cr_assert_str_eq(wanted(&shell, &effects), "1.0/paris/1@paris ");
	buffer_release(&effects.list);
	cr_assert_eq(start(&shell, "1.0/paris/1", &token, NULL, false, &offset), EFFECT_STARTED);
	cr_assert_not_null(shell.distribution.manifest, "it was kept from parsing the job");
	cr_assert(strstr(shell.distribution.text, "PKG 1.0 paris - - sha256:") == shell.distribution.text);
	cr_assert_str_eq(shell.distribution.attempt, "0123456789abcdef0123456789abcdef-0");
	end_transfer(&shell, &staged_there);
	cr_assert_str_eq(complete(&shell, "1.0/paris/1", &token),
	        "staged paris; distribution_point staged; release paris; c1 completed; ");
	cr_assert_str_eq(wanted(&shell, &effects), "");
	buffer_release(&effects.list);
	shell_close(&shell);
}

Test(stager, gives_a_job_without_id_that_of_where_it_was_first_sent)
{
	struct shell shell;
	struct record record;

	shell_open(&shell);
	record = record_of(&shell, "{\"type\":\"update\",\"package_id\":\"PKG\",\"version\":\"1.0\"}");
	record.origin = (struct position){5, 99};
	cr_assert_str_eq(
	        apply(&shell, (struct event){.kind = EVENT_RECORD, .key = record.key, .record = &record}),
	        "@5-99 accepted; @5-99 held; ");
	shell_close(&shell);
}

Test(stager, rejects_a_job_for_a_dp_that_is_not_in_the_catalogue)
{
	struct shell shell;

	shell_open(&shell);
	cr_assert_str_eq(send(&shell, CREATE_START CONTENT ",\"distribution_points\":[\"atlantis\"]}"),
	        "c1 rejected unknown_distribution_point; ");
	cr_assert_str_eq(send(&shell, CREATE_START CONTENT ",\"distribution_points\":[\"group:none\"]}"),
	        "c1 rejected unknown_group; ");
	cr_assert_str_eq(send(&shell, CREATE), "c1 accepted; ");
	shell_close(&shell);
}

Test(stager, dead_letters_what_is_no_job_and_says_why_where_it_can)
{
	struct shell shell;

	shell_open(&shell);
	cr_assert_str_eq(send(&shell, "not json"), "dead letter; ");
	cr_assert_str_eq(send(&shell, "{\"type\":\"update\",\"job_id\":\"u7\",\"package_id\":\"PKG\","
	                              "\"version\":\"1.0\",\"gates\":\"all\"}"),
	        "dead letter; u7 rejected unknown_field; ");
	cr_assert(shell.of_update);
	cr_assert_str_eq(send(&shell, "{\"type\":\"update\",\"package_id\":\"PKG\","
	                              "\"version\":\"1.0\",\"gates\":\"all\"}"),
	        "dead letter; @3-3 rejected unknown_field; ");
	cr_assert_str_eq(send(&shell, "{\"type\":\"update\",\"job_id\":\"u7\",\"package_id\":\"OTHER\","
	                              "\"version\":\"1.0\"}"),
	        "dead letter; u7 rejected key_mismatch; ");
	cr_assert(stager_machine.state_is_empty(shell.state));
	shell_close(&shell);
}

Test(stager, dead_letters_a_record_whose_key_has_no_state)
{
	struct shell shell;
	struct record record;
	void *state;

	shell_open(&shell);
	state = shell.state;
	shell.state = NULL;
	record = record_of(&shell, CREATE);
	record.key = (struct view){NULL, 0};
	cr_assert_str_eq(
	        apply(&shell, (struct event){.kind = EVENT_RECORD, .record = &record}), "dead letter; ");
	shell.state = state;
	shell_close(&shell);
}

Test(stager, dead_letters_a_tombstone_and_a_structured_event)
{
	struct shell shell;
	struct record record;

	shell_open(&shell);
	record = record_of(&shell, CREATE);
	record.value = (struct view){NULL, 0};
	cr_assert_str_eq(
	        apply(&shell, (struct event){.kind = EVENT_RECORD, .key = record.key, .record = &record}),
	        "dead letter; ");
	record = record_of(&shell, CREATE);
	record.structured = true;
	cr_assert_str_eq(
	        apply(&shell, (struct event){.kind = EVENT_RECORD, .key = record.key, .record = &record}),
	        "dead letter; c1 rejected structured_cloudevent; ");
	shell_close(&shell);
}

/* Another process, or a long time later: the rows only. */
static void restart(struct shell *shell)
{
	struct error err;
	void *again = stager_machine.state_new(shell->stager, view_text("PKG"));

	for (size_t i = 0; i < outbox_count(shell->outbox); i++) {
		const struct outbox_message *message = outbox_message(shell->outbox, i);
		struct view row = {message->key.data + 4, message->key.len - 4}; /* behind "PKG/" */

		if (message->kind == OUTBOX_ROW)
			cr_assert_eq(stager_machine.state_load(again, row, message->value, &err), STATUS_OK);
	}
	stager_machine.state_free(shell->state);
	shell->state = again;
	manifests_free(shell->stager->manifests);
	shell->stager->manifests = manifests_new(1 << 20);
}

Test(stager, asks_for_the_record_when_the_manifest_is_not_at_hand)
{
	struct shell shell;
	struct completion token;
	struct record record;
	int64_t offset = -1;

	shell_open(&shell);
	record = record_of(&shell, CREATE);
	apply(&shell, (struct event){.kind = EVENT_RECORD, .key = record.key, .record = &record});
	restart(&shell);
	cr_assert_eq(start(&shell, "1.0/paris/1", &token, NULL, false, &offset), EFFECT_NEEDS_RECORD);
	cr_assert_eq(offset, record.position.offset);
	cr_assert_eq(start(&shell, "1.0/paris/1", &token, &record, false, &offset), EFFECT_STARTED);
	cr_assert_not_null(shell.distribution.manifest);
	end_transfer(&shell, &staged_there);
	cr_assert_str_eq(complete(&shell, "1.0/paris/1", &token),
	        "staged paris; distribution_point staged; c1 completed; ");
	shell_close(&shell);
}

static const struct transfer_result nothing_sealed_there = {.status = STATUS_REJECT,
        .err = {.status = STATUS_REJECT, .code = "manifest_lost", .message = "it is not known any more"}};

Test(stager, stages_what_is_sealed_there_when_the_log_no_longer_has_the_record_and_else_fails)
{
	struct shell shell;
	struct completion token;
	struct record other;
	int64_t offset;

	shell_open(&shell);
	send(&shell, CREATE);
	restart(&shell);
	cr_assert_eq(start(&shell, "1.0/paris/1", &token, NULL, true, &offset), EFFECT_STARTED);
	cr_assert_null(shell.distribution.manifest);
	end_transfer(&shell, &staged_there);
	cr_assert_str_eq(complete(&shell, "1.0/paris/1", &token),
	        "staged paris; distribution_point staged; c1 completed; ");
	shell_close(&shell);

	shell_open(&shell);
	send(&shell, CREATE);
	restart(&shell);
	other = record_of(&shell, UPDATE); /* something else lies there */
	cr_assert_eq(start(&shell, "1.0/paris/1", &token, &other, false, &offset), EFFECT_STARTED);
	cr_assert_null(shell.distribution.manifest);
	end_transfer(&shell, &nothing_sealed_there);
	cr_assert_str_eq(complete(&shell, "1.0/paris/1", &token),
	        "distribution_point failed manifest_lost; c1 failed manifest_lost; ");
	shell_close(&shell);
}

/* What the catalogue forbids it will forbid again; what a source refuses it may give a moment later. */
Test(stager, says_whose_fault_a_failed_transfer_was_and_tries_again_where_that_may_help)
{
	static const struct {
		enum status status;
		const char *code, *said;
	} cases[] = {
	        {STATUS_RETRY, "dp_unreachable", "distribution_point retrying dp_unreachable; "},
	        {STATUS_REJECT, "source_missing", "distribution_point retrying source_missing; "},
	        {STATUS_REJECT, "source_refused", "distribution_point retrying source_refused; "},
	        {STATUS_REJECT, "source_forbidden",
	                "distribution_point failed source_forbidden; c1 failed source_forbidden; "},
	        {STATUS_RETRY, "canceled", ""},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct shell shell;
		struct completion token;
		struct transfer_result result = {.status = cases[i].status};
		int64_t offset;

		shell_open(&shell);
		send(&shell, CREATE);
		cr_assert_eq(start(&shell, "1.0/paris/1", &token, NULL, false, &offset), EFFECT_STARTED);
		error_set(&result.err, cases[i].status, cases[i].code, "words");
		end_transfer(&shell, &result);
		cr_expect_str_eq(complete(&shell, "1.0/paris/1", &token), cases[i].said);
		shell_close(&shell);
	}
}

Test(stager, expects_the_dp_it_knows_and_names_a_version_to_copy_from)
{
	struct shell shell;
	struct completion token;
	int64_t offset;

	shell_open(&shell);
	send(&shell, CREATE);
	cr_assert_eq(start(&shell, "1.0/paris/1", &token, NULL, false, &offset), EFFECT_STARTED);
	end_transfer(&shell, &staged_there);
	complete(&shell, "1.0/paris/1", &token);
	send(&shell, "{\"type\":\"create\",\"job_id\":\"c2\",\"package_id\":\"PKG\",\"version\":\"2.0\","
	             "\"content\":{\"manifest_url\":\"https://src.example/m.json\",\"digest\":\"" DIGEST_X
	             "\"},\"distribution_points\":[\"paris\",\"tokyo\"]}");
	cr_assert_eq(start(&shell, "2.0/paris/1", &token, NULL, false, &offset), EFFECT_STARTED);
	cr_assert_str_eq(
	        shell.distribution.text, "PKG 2.0 paris id1 https://src.example/m.json " DIGEST_X " 1.0");
	cr_assert_null(shell.distribution.manifest);
	end_transfer(&shell, &staged_there);
	complete(&shell, "2.0/paris/1", &token);
	cr_assert_eq(start(&shell, "2.0/tokyo/1", &token, NULL, false, &offset), EFFECT_STARTED);
	cr_assert_str_eq(
	        shell.distribution.text, "PKG 2.0 tokyo - https://src.example/m.json " DIGEST_X " -");
	end_transfer(&shell, &staged_there);
	token.free_result(token.result);
	shell_close(&shell);
}

Test(stager, has_everything_staged_again_on_a_dp_whose_content_is_confirmed_lost)
{
	static const char *const lost[] = {"id1"};
	struct identity_seen seen = {
	        .distribution_point = "paris", .dp_id = "id2", .replaces = lost, .replaces_count = 1};
	struct shell shell;
	struct effects effects;
	struct completion token;
	struct view notice;
	int64_t offset;

	shell_open(&shell);
	send(&shell, CREATE);
	cr_assert_eq(start(&shell, "1.0/paris/1", &token, NULL, false, &offset), EFFECT_STARTED);
	end_transfer(&shell, &staged_there);
	complete(&shell, "1.0/paris/1", &token);
	shell.distribution.seen(&seen, shell.distribution.seen_context);
	cr_assert_str_eq(shell.worker.notice_name, "lost/paris");
	notice = buffer_view(&shell.worker.noticed);
	cr_assert_str_eq(apply(&shell, (struct event){.kind = EVENT_NOTICE, .result = &notice}),
	        "distribution_point pending content_lost; ");
	cr_assert_str_eq(wanted(&shell, &effects), "1.0/paris/2@paris ");
	buffer_release(&effects.list);
	shell_close(&shell);
}

Test(stager, takes_a_transfer_that_met_a_replaced_dp_as_notice)
{
	struct transfer_result result = staged_there;
	struct shell shell;
	struct effects effects;
	struct completion token;
	int64_t offset;

	shell_open(&shell);
	send(&shell, CREATE);
	cr_assert_eq(start(&shell, "1.0/paris/1", &token, NULL, false, &offset), EFFECT_STARTED);
	end_transfer(&shell, &staged_there);
	complete(&shell, "1.0/paris/1", &token);
	send(&shell,
	        "{\"type\":\"create\",\"job_id\":\"c2\",\"package_id\":\"PKG\",\"version\":\"2.0\"," CONTENT
	        ",\"distribution_points\":[\"paris\"]}");
	cr_assert_eq(start(&shell, "2.0/paris/1", &token, NULL, false, &offset), EFFECT_STARTED);
	result.dp_id = "id2";
	result.replaces = "id1";
	end_transfer(&shell, &result);
	cr_assert_str_eq(complete(&shell, "2.0/paris/1", &token),
	        "distribution_point pending content_lost; staged "
	        "paris; distribution_point staged; c2 completed; ");
	cr_assert_str_eq(wanted(&shell, &effects), "1.0/paris/2@paris ");
	buffer_release(&effects.list);
	shell_close(&shell);
}

Test(stager, cancels_transfers_and_nothing_else)
{
	struct shell shell;

	shell_open(&shell);
	stager_effector.cancel(shell.stager, 0);
	cr_assert_eq(shell.distribution.canceled, 0);
	stager_effector.cancel(shell.stager, 77);
	cr_assert_eq(shell.distribution.canceled, 77);
	shell_close(&shell);
}

Test(stager, tells_progress)
{
	struct shell shell;
	struct completion token;
	struct status_event event;
	struct error err;
	int64_t offset;

	shell_open(&shell);
	send(&shell, CREATE);
	cr_assert_eq(start(&shell, "1.0/paris/1", &token, NULL, false, &offset), EFFECT_STARTED);
	shell.distribution.spec.progress(&(struct transfer_progress){.bytes_done = 5, .bytes_total = 9},
	        shell.distribution.spec.context);
	cr_assert_eq(status_parse(buffer_view(&shell.worker.told), &event, &err), STATUS_OK);
	cr_assert_str_eq(event.distribution_point, "paris");
	cr_assert_eq(event.bytes_done, 5);
	end_transfer(&shell, &staged_there);
	token.free_result(token.result);
	shell_close(&shell);
}

Test(stager_reload, keeps_the_old_catalogue_where_the_new_one_is_bad)
{
	struct shell shell;
	char path[] = "/tmp/stager-catalogue-XXXXXX";
	int fd = mkstemp(path);
	FILE *file;
	struct buffer what;
	struct error err;

	buffer_init(&what, 4096);
	shell_open(&shell);
	shell.stager->catalogue_path = memory_text(path);
	cr_assert_eq(write(fd, "{", 1), 1);
	close(fd);
	cr_assert_eq(stager_reload(shell.stager, &what, &err), STATUS_REJECT);
	cr_assert(strstr(err.message, path), "%s", err.message);
	cr_assert_eq(what.len, 0);
	cr_assert_str_eq(send(&shell, CREATE), "c1 accepted; ");
	file = fopen(path, "w");
	fputs("{\"distribution_points\":[{\"name\":\"rome\",\"url\":\"file:///srv/dp/rome\"}]}", file);
	fclose(file);
	cr_assert_eq(stager_reload(shell.stager, &what, &err), STATUS_OK);
	cr_assert(strstr(buffer_view(&what).data, "1 distribution points"), "%s", buffer_view(&what).data);
	buffer_release(&what);
	cr_assert_str_eq(send(&shell, "{\"type\":\"update\",\"job_id\":\"u1\",\"package_id\":\"PKG\","
	                              "\"version\":\"1.0\",\"distribution_points\":[\"paris\"]}"),
	        "u1 rejected unknown_distribution_point; ");
	unlink(path);
	shell_close(&shell);
}
