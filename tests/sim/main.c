/* holdpoint-sim: runs seeds of a deterministic simulation of everything between Kafka and the distribution
 * points, and judges each. */
#include "tests/sim/marks.h"
#include "tests/sim/seed.h"
#include "tests/sim/shrink.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { EXIT_USAGE = 2, EXIT_UNREACHED = 1, EXIT_CRASHED = 127, EXIT_STUCK = 128, EXIT_WRONG = 129 };
enum { JOBS_MAX = 64, HANG_S = 60, TWICE_EACH = 100, SEEDS_FOR_MARKS = 10000 };

struct plan {
	uint64_t first, seeds, jobs;
	bool trace, keep_going;
	struct seed_limits limits;
};

/* What the processes that run seeds tell their parent; it outlives them. */
struct report {
	uint64_t marks[MARK_COUNT];
	uint64_t seed, done, twice, steps, failures;
	uint64_t courses; /* of all hashes one, whatever their order: equal where all took the same course */
	int exit_code;    /* of the first failure … */
	uint64_t failed;
	char invariant[INVARIANT_SIZE];
};
static struct report *reports;
static volatile bool *stop; /* somebody has failed */

static const char *commit(void)
{
	static char text[64] = "unknown";
	FILE *git = popen("git -C '" SIM_SOURCE_DIR "' rev-parse --short HEAD 2>/dev/null", "r");

	if (!git)
		return text;
	if (fgets(text, sizeof(text), git))
		text[strcspn(text, "\n")] = '\0';
	pclose(git);
	return text;
}

static void say_failure(uint64_t seed, const char *words)
{
	printf("FAILED seed=%llu commit=%s %s\nreplay: build/bin/holdpoint-sim --seed %llu --trace\n",
	        (unsigned long long)seed, commit(), words, (unsigned long long)seed);
	fflush(stdout);
}

static void note_failure(struct report *report, uint64_t seed, int exit_code, const char *words)
{
	say_failure(seed, words);
	report->failures++;
	if (report->exit_code)
		return;
	report->exit_code = exit_code;
	report->failed = seed;
	invariant_of(words, report->invariant);
}

static bool run_one(struct report *report, uint64_t seed, bool trace)
{
	struct seed_result result, again;

	report->seed = seed;
	alarm(HANG_S);
	seed_run(seed, trace, &result);
	report->steps += result.steps;
	report->courses += result.hash;
	if (result.verdict != VERDICT_GOOD) {
		note_failure(report, seed, result.verdict == VERDICT_STUCK ? EXIT_STUCK : EXIT_WRONG,
		        result.words);
		return false;
	}
	if (trace)
		printf("steps %llu, hash %016llx\n", (unsigned long long)result.steps,
		        (unsigned long long)result.hash);
	report->done++;
	if (seed % TWICE_EACH)
		return true;
	seed_run(seed, false, &again);
	report->twice++;
	if (again.hash == result.hash && again.steps == result.steps)
		return true;
	note_failure(report, seed, EXIT_WRONG,
	        "step=0 invariant=determinism the same seed took another course when run again");
	return false;
}

static int run_seeds(const struct plan *plan, uint64_t worker)
{
	struct report *report = &reports[worker];

	signal(SIGINT, SIG_IGN); /* ^C is the parent's: it tells us to stop */
	marks_use(report->marks);
	seed_prepare();
	seed_limit(&plan->limits);
	for (uint64_t i = worker; i < plan->seeds && !*stop; i += plan->jobs)
		if (!run_one(report, plan->first + i, plan->trace) && !plan->keep_going)
			*stop = true;
	fflush(stdout);
	return 0;
}

static void judge_end(struct report *report, int status)
{
	char words[120];

	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return;
	if (WIFEXITED(status))
		snprintf(words, sizeof(words), "step=? invariant=crash exit code %d", WEXITSTATUS(status));
	else if (WTERMSIG(status) == SIGALRM)
		snprintf(words, sizeof(words), "step=? invariant=crash hangs for %d s", HANG_S);
	else
		snprintf(words, sizeof(words), "step=? invariant=crash signal %d", WTERMSIG(status));
	note_failure(report, report->seed, EXIT_CRASHED, words);
	*stop = true;
}

static void stop_all(int number)
{
	(void)number;
	*stop = true;
}

static void run_all(const struct plan *plan)
{
	pid_t children[JOBS_MAX];

	fflush(stdout);
	for (uint64_t i = 0; i < plan->jobs; i++) {
		children[i] = fork();
		if (children[i] < 0) {
			perror("fork");
			exit(EXIT_USAGE);
		}
		if (children[i] == 0)
			exit(run_seeds(plan, i));
	}
	signal(SIGINT, stop_all);
	signal(SIGTERM, stop_all);
	for (uint64_t left = plan->jobs; left; left--) {
		int status;
		pid_t child = wait(&status); /* begun again where a signal comes: signal(3) restarts */
		for (uint64_t i = 0; i < plan->jobs; i++)
			if (children[i] == child)
				judge_end(&reports[i], status);
	}
}

static void add_up(const struct plan *plan, struct report *total)
{
	memset(total, 0, sizeof(*total));
	for (uint64_t i = 0; i < plan->jobs; i++) {
		for (int m = 0; m < MARK_COUNT; m++)
			total->marks[m] += reports[i].marks[m];
		total->done += reports[i].done;
		total->twice += reports[i].twice;
		total->steps += reports[i].steps;
		total->courses += reports[i].courses;
		total->failures += reports[i].failures;
		if (reports[i].exit_code && !total->exit_code)
			total->exit_code = reports[i].exit_code;
	}
}

/* Returns how many were never reached. */
static int print_marks(const struct report *total)
{
	int missing = 0, column = 0;

	for (int m = 0; m < MARK_COUNT; m++) {
		printf("%s%s %llu", column ? ", " : "", mark_name((enum mark)m),
		        (unsigned long long)total->marks[m]);
		column = (column + 1) % 5;
		if (!column)
			printf("\n");
		missing += total->marks[m] == 0;
	}
	printf("%s", column ? "\n" : "");
	return missing;
}

static void print_limits(const struct seed_limits *limits)
{
	const char *separator = " --without ";

	if (limits->most_jobs)
		printf(" --most-jobs %d", limits->most_jobs);
	for (int trouble = 0; seed_trouble_name(trouble); trouble++)
		if (limits->without >> trouble & 1) {
			printf("%s%s", separator, seed_trouble_name(trouble));
			separator = ",";
		}
}

/* Says by which options the first failure can be had with less around it. */
static void make_smaller(const struct plan *plan)
{
	struct seed_limits limits;

	for (uint64_t i = 0; i < plan->jobs; i++) {
		const struct report *report = &reports[i];
		if (!report->exit_code || !shrink(report->failed, report->invariant, &limits))
			continue;
		printf("smaller, breaks %s too: build/bin/holdpoint-sim --seed %llu", report->invariant,
		        (unsigned long long)report->failed);
		print_limits(&limits);
		printf(" --trace\n");
		return;
	}
}

static int conclude(const struct plan *plan, double seconds)
{
	struct report total;

	add_up(plan, &total);
	printf("%llu seeds from %llu in %.1f s: %.0f seeds/s, %.0f with each of %llu processes; %llu steps, "
	       "courses %016llx; %llu run twice; %llu failed\n",
	        (unsigned long long)total.done, (unsigned long long)plan->first, seconds,
	        (double)total.done / seconds, (double)total.done / seconds / (double)plan->jobs,
	        (unsigned long long)plan->jobs, (unsigned long long)total.steps,
	        (unsigned long long)total.courses, (unsigned long long)total.twice,
	        (unsigned long long)total.failures);
	if (total.exit_code && !plan->trace)
		make_smaller(plan);
	if (plan->seeds == 1)
		return total.exit_code;
	int missing = print_marks(&total);
	if (total.exit_code || !missing || total.done < SEEDS_FOR_MARKS)
		return total.exit_code;
	printf("FAILED: %d situations were never reached; see those with 0\n", missing);
	return EXIT_UNREACHED;
}

static void help(void)
{
	printf("usage: holdpoint-sim [--seeds N] [--first S] [--seed S] [-j N] [--trace] "
	       "[--keep-going] …\n\n"
	       "Simulates stagers and updaters on a Kafka, a consumer group and distribution points that "
	       "fail in\n"
	       "every way, from seeds: one seed gives one history. Stops at the first that breaks an "
	       "invariant.\n\n"
	       "  --seeds N     how many (1000)\n"
	       "  --first S     the first of them (0)\n"
	       "  --seed S      only this one\n"
	       "  --forever     until it is stopped (SIGINT)\n"
	       "  --jobs, -j N  in so many processes (2)\n"
	       "  --trace       print what happens\n"
	       "  --keep-going  do not stop at a failure\n"
	       "  --most-jobs N, --without TROUBLE,…\n"
	       "                less of what a seed wants; said of a failure, made smaller\n\n"
	       "Exit codes: 0 good, 1 some situation was never reached, 2 usage, 127 crashed or hung,\n"
	       "128 something never came to its end, 129 something went wrong.\n");
}

static bool parse_number(const char *text, uint64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoull(text, &end, 10);
	return *text && !*end && !errno;
}

static bool parse_troubles(char *text, uint64_t *ret)
{
	for (char *name = strtok(text, ","); name; name = strtok(NULL, ",")) {
		int trouble = 0;
		while (seed_trouble_name(trouble) && strcmp(seed_trouble_name(trouble), name) != 0)
			trouble++;
		if (!seed_trouble_name(trouble))
			return false;
		*ret |= UINT64_C(1) << trouble;
	}
	return true;
}

static int parse(int argc, char **argv, struct plan *plan)
{
	static const struct option options[] = {{"seeds", required_argument, NULL, 'n'},
	        {"first", required_argument, NULL, 'f'}, {"seed", required_argument, NULL, 's'},
	        {"jobs", required_argument, NULL, 'j'}, {"trace", no_argument, NULL, 't'},
	        {"keep-going", no_argument, NULL, 'k'}, {"forever", no_argument, NULL, 'e'},
	        {"most-jobs", required_argument, NULL, 'm'}, {"without", required_argument, NULL, 'w'},
	        {"help", no_argument, NULL, 'h'}, {0}};
	uint64_t most_jobs = 0;
	int option;
	bool good = true;

	while ((option = getopt_long(argc, argv, "hj:", options, NULL)) != -1) {
		switch (option) {
		case 'n':
			good = good && parse_number(optarg, &plan->seeds);
			break;
		case 'f':
			good = good && parse_number(optarg, &plan->first);
			break;
		case 's':
			good = good && parse_number(optarg, &plan->first);
			plan->seeds = plan->jobs = 1;
			break;
		case 'j':
			good = good && parse_number(optarg, &plan->jobs);
			break;
		case 't':
			plan->trace = true;
			break;
		case 'k':
			plan->keep_going = true;
			break;
		case 'e':
			plan->seeds = UINT64_MAX;
			break;
		case 'm':
			good = good && parse_number(optarg, &most_jobs) && most_jobs <= INT32_MAX;
			plan->limits.most_jobs = (int)most_jobs;
			break;
		case 'w':
			good = good && parse_troubles(optarg, &plan->limits.without);
			break;
		case 'h':
			help();
			exit(0);
		default:
			good = false;
		}
	}
	good = good && optind == argc && plan->jobs > 0 && plan->jobs <= JOBS_MAX;
	return good ? 0 : EXIT_USAGE;
}

int main(int argc, char **argv)
{
	struct plan plan = {.seeds = 1000, .jobs = 2};
	struct timespec began, ended;

	if (parse(argc, argv, &plan)) {
		help();
		return EXIT_USAGE;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	size_t size = plan.jobs * sizeof(*reports) + sizeof(*stop);
	reports = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (reports == MAP_FAILED) {
		perror("mmap");
		return EXIT_USAGE;
	}
	stop = (volatile bool *)(reports + plan.jobs);
	clock_gettime(CLOCK_MONOTONIC, &began);
	run_all(&plan);
	clock_gettime(CLOCK_MONOTONIC, &ended);
	return conclude(
	        &plan, (double)(ended.tv_sec - began.tv_sec) + (double)(ended.tv_nsec - began.tv_nsec) / 1e9);
}
