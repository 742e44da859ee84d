"""Bugs to plant, one at a time: each replaces one piece of the source, and names the level of tests that must catch it.

What is planted is real: each is a mistake that was made here, or that a tired reader would let pass.
"""
from typing import NamedTuple


class Mutation(NamedTuple):
    name: str
    file: str
    old: str
    new: str
    catcher: str  # a name in LEVELS


# level → (targets to build, command; {bin} is where binaries are). All must pass without a mutation.
LEVELS = {
    "sim": (["holdpoint-sim"], "{bin}/holdpoint-sim --seeds 2500 --jobs 2"),
    "unit_schemas": (["unit_schemas"], "{bin}/unit_schemas -j2 --fail-fast"),
    "unit_engine": (["unit_engine"], "{bin}/unit_engine -j2 --fail-fast"),
    "unit_stager": (["unit_stager"], "{bin}/unit_stager -j2 --fail-fast"),
    "unit_updater": (["unit_updater"], "{bin}/unit_updater -j2 --fail-fast"),
    "unit_distribution": (["unit_distribution"], "{bin}/unit_distribution -j2 --fail-fast"),
    "strike": (["strike_folder", "strike_calls"],
               "tests/strike/strike.py --program {bin}/strike_folder --calls {bin}/../tests/strike/libstrike_calls.so"),
    "kafka_suite": (["kafka_suite_real"], "{suite}"),
}

MUTATIONS = [
    Mutation("effect before its commit", "engine/shard.c",
             "return outcome == OUTCOME_OK ? start_early(shard, err) : outcome;",
             "return outcome == OUTCOME_OK ? start_effects(shard, err) : outcome;", "sim"),
    Mutation("memory kept after a lost commit", "engine/shard.c",
             "\tif (outcome == OUTCOME_LOST)\n\t\treturn note_failure(shard, err->status == STATUS_REJECT, err);",
             "\tif (outcome == OUTCOME_LOST)\n\t\toutcome = OUTCOME_OK;", "sim"),
    Mutation("no @run before the first effect", "engine/shard.c",
             "\tif (outcome == OUTCOME_OK)\n\t\toutcome = prove_ownership(shard, err);\n\tif (outcome == OUTCOME_OK)\n\t\toutcome = load(shard, err);",
             "\tif (outcome == OUTCOME_OK) {\n\t\tshard->proven_ms = clock_monotonic_ms();\n\t\toutcome = load(shard, err);\n\t}", "unit_engine"),
    Mutation("an empty commit taken for a proof", "engine/shard.c",
             "\toutbox_engine_row(shard->outbox, \"@run\", view_text(shard->term->claim.nonce));\n", "", "sim"),
    Mutation("an old proof taken for a fresh one", "engine/shard.c",
             "return clock_monotonic_ms() - shard->proven_ms > LEASE_MS;", "return shard->proven_ms < 0;", "sim"),
    Mutation("off by one in @position", "engine/batch.c",
             "progress->next = last->position.offset + 1;", "progress->next = last->position.offset;", "sim"),
    Mutation("a completion of an older claim counts", "engine/batch.c",
             "if (token->term == shard->term->number) {", "if (token->term <= shard->term->number) {", "unit_engine"),
    Mutation("wrong partitioner", "engine/route.c", "hash ^ hash >> 13", "hash ^ hash >> 12", "unit_engine"),
    Mutation("a dead letter loses its last byte", "engine/outbox.c",
             "\tletter.value = arena_copy(&outbox->arena, letter.value);",
             "\tif (letter.value.len)\n\t\tletter.value.len--;\n\tletter.value = arena_copy(&outbox->arena, letter.value);", "sim"),
    Mutation("a produce error ignored", "engine/kafka/transaction.c", "return code ? code : kafka->refused;", "return kafka->refused;",
             "kafka_suite"),
    Mutation("restored up to another's claim", "engine/kafka/changelog.c",
             "\tif (message->offset == restore->claim_offset) {", "\tif (view_is(key, \"@claim\")) {", "kafka_suite"),
    Mutation("a held update dropped", "stager/gate_release.c",
             "\t\ttell_held(turn, job, version);\n\t\treturn;",
             "\t\tif (version != NULL)\n\t\t\tjob_end(turn, job);\n\t\telse\n\t\t\ttell_held(turn, job, version);\n\t\treturn;", "sim"),
    Mutation("no newest-released row", "stager/gate_release.c", "\tpoint->released = job->position;\n\ttouch_point(turn, point);\n",
             "\tpoint->released = job->position;\n", "sim"),
    Mutation("a superseded update goes out late", "stager/gate_release.c",
             "\t\t\twithhold_superseded(turn, older, target, point);\n", "\t\t\t(void)older;\n", "sim"),
    Mutation("gate all lets the first through", "stager/gate_release.c",
             "\t} else if (!is_all && has_phase(staging, STAGING_STAGED)) {", "\t} else if (has_phase(staging, STAGING_STAGED)) {", "unit_stager"),
    Mutation("a staged target not counted", "stager/gate_release.c", "\t\tjob->work->staged += (uint32_t)more_staged;", "\t\t(void)more_staged;",
             "unit_stager"),
    Mutation("a lost target not heard of", "stager/gate_staging.c", "\tif (more_staged != 0 || phase == STAGING_FAILED)",
             "\tif (more_staged > 0 || phase == STAGING_FAILED)", "unit_stager"),
    Mutation("a time that comes sooner forgotten", "stager/gate_state.c", "\tif (staging_due_ms(staging) < version->due_ms)\n",
             "\tif (staging_due_ms(staging) < 0)\n", "unit_stager"),
    Mutation("attempt number ignored", "stager/gate_staging.c", " || staging->attempt != event->attempt)", ")", "unit_stager"),
    Mutation("a time-out taken for staged", "stager/transfers.c",
             "\tif (ended->status != STATUS_OK) {\n\t\tresult = result_failed(",
             "\tstruct transfer_result hopeful = *ended;\n\thopeful.read_back = \"full\";\n\thopeful.files = 1;\n"
             "\tif (strcmp(ended->err.code, \"dp_timeout\") == 0)\n\t\tended = &hopeful;\n"
             "\tif (ended->status != STATUS_OK && ended != &hopeful) {\n\t\tresult = result_failed(", "sim"),
    Mutation("another content for a known version", "stager/gate_jobs.c",
             "if (version != NULL && strcmp(version->digest, request->digest) != 0)", "if (version != NULL && version->digest == NULL)",
             "unit_stager"),
    Mutation("double terminal", "updater/point.c", "\tif (point->resolved)\n\t\treturn;\n\tpoint->resolved = true;", "\tpoint->resolved = true;",
             "sim"),
    Mutation("a release without its staged event let through", "updater/switch.c", "\tif (!is_staged(turn, record)) {\n",
             "\tif (!record->staged_id) {\n", "sim"),
    Mutation("a later release does not win", "updater/switch.c",
             "\tif (point && point->desired.job_position.offset > record->job_position.offset) {",
             "\tif (point && point->desired.job_position.offset < record->job_position.offset) {", "sim"),
    Mutation("path traversal allowed", "schemas/names.c", "\t\tif (problem)\n\t\t\treturn problem;\n\t\tstart = end + 1;",
             "\t\tif (problem && start == 0)\n\t\t\treturn problem;\n\t\tstart = end + 1;", "unit_schemas"),
    Mutation("staged before the last PUT", "distribution/transfer_files.c",
             "\tif (staging->under_way == 0 && !staging->later.pending)", "\tif (!staging->later.pending)", "unit_distribution"),
    Mutation("no read-back", "distribution/transfer.c", "\tstaging_check_files(staging, checked_files);", "\tchecked_files(staging);",
             "unit_distribution"),
    Mutation("the seal not read back", "distribution/transfer_seal.c", "if (strcmp(digest, staging->digest) == 0)", "if (digest[0] || !digest[0])",
             "unit_distribution"),
    Mutation("another disk taken for the one that was staged to", "distribution/transfer.c",
             "\tif (wanted && strcmp(wanted, identity.dp_id) != 0 &&", "\tif (wanted && strcmp(wanted, wanted) != 0 &&", "unit_distribution"),
    Mutation("a failed syncfs taken for a good one", "distribution/file_work.c",
             'return syncfs(tree->base) ? tree_error(', 'return syncfs(tree->base) && errno == ENOSYS ? tree_error(', "strike"),
    Mutation("no position fence at the distribution point", "distribution/pointer.c",
             "current->position.offset > switching->fence)", "current->position.offset > INT64_MAX - 1)", "unit_distribution"),
]
