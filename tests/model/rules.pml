/* The switches of holdpoint.pml, as run.py sets them.
 *
 * ==== The rules. Each is on, unless it is set to 0 to see what it is there for. ==== */
#ifndef CLAIM_FIRST
#define CLAIM_FIRST 1 /* claim, which fences, before restoring: engine/shard.c serve_term() */
#endif
#ifndef FENCING
#define FENCING 1 /* a fenced producer commits nothing: Kafka's transaction coordinator */
#endif
#ifndef OWN_CLAIM
#define OWN_CLAIM 1 /* restore until the own claim comes by: engine/kafka/changelog.c */
#endif
#ifndef RUN_ROW
#define RUN_ROW 1 /* commit @run before any effect: engine/shard.c prove_ownership() */
#endif
#ifndef PROOF_HAS_RECORD
#define PROOF_HAS_RECORD 1 /* a proving commit carries a record: engine/shard.c take_in_and_commit() */
#endif
#ifndef GAP_NOTICED
#define GAP_NOTICED 1 /* who was stopped sends nothing more: distribution/watch.c */
#endif
#ifndef LOG_CHECKED
#define LOG_CHECKED 1 /* a log that was made anew is refused: engine/kafka/input.c */
#endif
#ifndef JOB_IDS
#define JOB_IDS 1 /* a job sent twice is one job: stager/gate_jobs.c */
#endif
#ifndef READ_BACK
#define READ_BACK 1 /* never trust a 2xx: distribution/delivery.c */
#endif
#ifndef MEND_TESTED
#define MEND_TESTED 1 /* only right bytes are moved over a bad file: distribution/delivery.c */
#endif
#ifndef NEWEST_AT_GATE
#define NEWEST_AT_GATE 1 /* a DP's row has the newest job released there: stager/gate_release.c */
#endif
#ifndef NEWEST_AT_SWITCH
#define NEWEST_AT_SWITCH 1 /* and so has the updater's: updater/switch.c apply_release() */
#endif
#ifndef STAGED_BEFORE
#define STAGED_BEFORE 1 /* no release without its staged event: updater/switch.c is_staged() */
#endif
#ifndef RESOLVED_ONCE
#define RESOLVED_ONCE 1 /* a job hears of a DP once: updater/switch.c refuse_doubled() */
#endif
#ifndef DP_FENCE
#define DP_FENCE 1 /* an older release never replaces a newer one: distribution/pointer.c on_check() */
#endif
#ifndef LOG_IN_POINTER
#define LOG_IN_POINTER 1 /* positions compare within one log only: distribution/pointer.c judge() */
#endif
#ifndef RECHECK
#define RECHECK 1 /* look again for a write that came late: updater/point.c point_answer() */
#endif

/* ==== The size of the world, and what may go wrong in it besides what always may: crashes, owners taken for
 * dead that live on, bad uploads ==== */
#ifndef FAULTS
#define FAULTS 1
#endif
#ifndef STAGERS
#define STAGERS 2
#endif
#ifndef UPDATERS
#define UPDATERS 2
#endif
#ifndef HTTP
#define HTTP 0 /* 0: a folder, which compares and writes under a lock. 1: a server, where that is two steps */
#endif
#ifndef LATE
#define LATE 0 /* over HTTP a write may arrive when its sender has long gone */
#endif
#ifndef COPIES
#define COPIES 0 /* records come twice: jobs from submitters, staged events from a faulty copy of the log */
#endif
#ifndef FORGED
#define FORGED 0 /* somebody else can write releases */
#endif
#ifndef SORTED
#define SORTED 0 /* the jobs come in one order only: creates first */
#endif
#ifndef REMADE
#define REMADE 0 /* the jobs topic is deleted, made anew, and the last job sent there */
#endif
