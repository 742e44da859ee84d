#ifndef PRODUCER_ASK_H
#define PRODUCER_ASK_H

#include "engine/options.h"
#include "schemas/job.h"

/* create and update: one job from the command line. */
extern const struct command_spec create_command, update_command;

/* The job that the options ask for, as the JSON of its record: built, and then checked as a stager will check
 * it. Reads the files of --from and --manifest. STATUS_REJECT says what is wrong. On success *ret_json is the
 * caller's to free() and *ret_job to job_free(). */
must_check enum status ask_job(const struct options *options, enum job_type type, char **ret_json,
        struct job **ret_job, struct error *err);

/* Asks, sends, and waits where told to: the exit code. */
int ask_run(const struct command_spec *command, enum job_type type, int argc, char **argv);

/* What create and update have in common; to be followed by their own and {.name = NULL}. */
#define ASK_OPTIONS                                                                                          \
	{.name = "from",                                                                                     \
	        .argument = "FOLDER",                                                                        \
	        .help = "the content: every file below FOLDER, which stagers must be able to read"},         \
	        {.name = "url-prefix",                                                                       \
	                .argument = "URL",                                                                   \
	                .help = "with --from: where stagers find its files (default: file://FOLDER)"},       \
	        {.name = "manifest",                                                                         \
	                .argument = "FILE",                                                                  \
	                .help = "the content, as 'holdpoint-producer manifest' describes it"},               \
	        {.name = "manifest-url",                                                                     \
	                .argument = "URL",                                                                   \
	                .help = "the content, described by a manifest that stagers fetch"},                  \
	        {.name = "manifest-digest",                                                                  \
	                .argument = "DIGEST",                                                                \
	                .help = "of that manifest: 'holdpoint-producer manifest --digest' prints it"},       \
	        {.name = "deadline",                                                                         \
	                .argument = "TIME",                                                                  \
	                .help = "2026-12-01T00:00:00Z, a duration such as PT24H (the default), or never"},   \
	        {.name = "job-id",                                                                           \
	                .argument = "ID",                                                                    \
	                .help = "sent again under the same id, a job is done once (default: its position)"}, \
	        {.name = "requested-by", .argument = "WHO", .help = "kept with the job, for people"},        \
	        {.name = "annotate",                                                                         \
	                .argument = "NAME=TEXT",                                                             \
	                .many = true,                                                                        \
	                .help = "kept with the job, for people"},                                            \
	        {.name = "wait", .help = "follow the job to its end"},                                       \
	        {.name = "wait-timeout",                                                                     \
	                .argument = "TIME",                                                                  \
	                .help = "--wait for so many seconds, or a duration such as PT5M, at most"},          \
	        OPTION_JSON, OPTION_TIMEOUT

#endif
