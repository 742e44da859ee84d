/* holdpoint-producer manifest: describes the files of a folder. */
#include "command/command.h"
#include "producer/commands.h"

#include "command/terminal.h"
#include "producer/folder.h"

#include <stdio.h>

static const struct option_spec manifest_options[] = {
        {.name = "url-prefix",
                .argument = "URL",
                .help = "where stagers will find the files (default: file:// and where they lie now)"},
        {.name = "digest", .help = "print the digest of the content alone, for --manifest-digest"},
        {.name = NULL},
};

static const struct command_spec manifest_command = {
        .name = "holdpoint-producer manifest",
        .usage = "[OPTION]… FOLDER",
        .summary = "Describes every file below FOLDER: path, size, digest, executable, url. Print it to a "
                   "file, put "
                   "the file and the content where stagers can read them, and name it with create "
                   "--manifest-url.",
        .examples =
                "holdpoint-producer manifest ./build/tool-1.0 > tool-1.0.json\n"
                "holdpoint-producer manifest --url-prefix https://artifacts.example/tool/1.0/ ./tool-1.0\n"
                "holdpoint-producer manifest --digest ./build/tool-1.0\n",
        .options = manifest_options,
        .least_arguments = 1,
        .most_arguments = 1,
};

static void show(uint64_t done, uint64_t total, void *context)
{
	meter_show(context, done, total);
}

static int print_manifest(const struct manifest *manifest, bool digest_only)
{
	struct buffer out;

	if (digest_only) {
		puts(manifest->digest);
		return EXIT_DONE;
	}
	buffer_init(&out, MANIFEST_BYTES_MAX);
	manifest_write_with_urls(manifest, &out);
	int code = out.full || puts(out.data) < 0 || fflush(stdout) != 0 ? EXIT_FAILED : EXIT_DONE;

	if (code != EXIT_DONE)
		fprintf(stderr, "holdpoint-producer: %s\n",
		        out.full ? "the manifest is larger than 256 MiB"
		                 : "cannot write to the standard output");
	buffer_release(&out);
	return code;
}

int run_manifest(int argc, char **argv)
{
	int code;
	struct options *options = command_options(&manifest_command, argc, argv, &code);
	struct manifest *manifest;
	struct meter meter;
	struct error err;

	if (!options)
		return code;
	meter_start(&meter, "hashing", NULL);
	enum status status = folder_manifest(options_argument(options, 0),
	        options_text(options, "url-prefix"), show, &meter, &manifest, &err);

	meter_end(&meter);
	if (status == STATUS_OK) {
		code = print_manifest(manifest, options_switch(options, "digest"));
		manifest_unref(manifest);
	} else {
		code = command_fail(&err);
	}
	options_free(options);
	return code;
}
