/* Holdpoint's protocol, small enough to try every order in which things can happen.
 *
 * One package of two versions, one distribution point (DP), one partition: a stager's shard and an updater's,
 * with up to two workers each. Four jobs, in every order but that update 1 is sent before update 2. Up to
 * FAULTS times something goes wrong. What is shown stands at the end; `run.py` runs it all.
 *
 * Left out: time (deadlines, back-off), several DPs and partitions, gate `all`, stagings that fail for good.
 * A transaction is one step, since nobody sees half of it (read_committed): that Kafka keeps this promise is
 * taken as given. A worker does one thing at a time; its own leftovers of a former term are played by its twin.
 * The protocol's rules are switches (CAPITALS), listed with their places in the source in rules.pml. */
#include "rules.pml"

/* ---- logs: append-only arrays. Of a changelog, which is compacted, the last row remains: a whole state. */
#define CREATE(v) (v) /* in jobs; versions are 1 and 2, and update 2 is the later job */
#define UPDATE(v) (2 + (v))
#define STAGED(v) (v) /* in staged */
#define RELEASE(v) (2 + (v))
#define WITHHELD(v) (4 + (v))
#define FAKE(v) (6 + (v)) /* a release that cites a staged event that never was */
byte jobs[7], job_count;
byte staged[8], staged_count;
short row[2];           /* of each shard's changelog */
short row_before[2];    /* what is seen of it by who trusts a stale watermark */
#define write_staged(record) staged[staged_count] = record; staged_count++
#define write_row(shard) row_before[shard] = (OWN_CLAIM -> 0 : row[shard]); row[shard] = s

/* ---- the distribution point: distribution/layout.h */
#define NONE 0
#define TORN 1
#define GOOD 2
byte content[3];        /* of version 1 and 2 */
bool sealed[3];
byte current;           /* current.json: the version, … */
byte current_at = 7;    /* … its release's position, … */
bool current_log;       /* … in this log (1), or in one that is no more: it begins like that */
byte late, late_at;     /* a write that is still on its way */

/* ---- who owns what: the coordinator knows each shard's last epoch, the group says who should try */
#define STAGER 0
#define UPDATER 1
#define NOBODY 0
byte last_epoch[2];
byte owner[2];          /* the worker of the last epoch, if it lives: 1 and 2 are stagers, 3 and 4 updaters */
bool lease;             /* HTTP: the updater's last proof is young */
bool stopped[5];        /* the worker was stopped for longer than the lease, and will notice */
bool log_made;          /* the jobs topic was made anew */
byte faults = FAULTS;

/* ---- what only the judge looks at */
bool is_staged[3];      /* `staged` was committed */
byte ended[5];          /* terminal records of each job */
byte newest_released;
bool went_back, refused;

inline end_job(job) { ended[job]++; assert(ended[job] == 1) /* exactly one terminal */ }

/* ==== The engine: engine/shard.c ====
 *
 * 1. Claim: init_transactions fences every earlier owner for good. Whoever the group sends may try. An owner
 * that lives was taken for dead (stopped, cut off, or the group is wrong): a zombie, until it notices. */
#define may_claim(shard) ((owner[shard] == NOBODY || faults > 0) && (last_epoch[shard] > 0 || me % 2))
inline claim(shard) {
	if
	:: owner[shard] != NOBODY ->
		faults--;
		stopped[owner[shard]] = shard == UPDATER && lease && GAP_NOTICED
	:: else
	fi;
	last_epoch[shard]++;
	epoch = last_epoch[shard];
	owner[shard] = me;
	lease = (shard == UPDATER -> 0 : lease)
}
#define fenced(shard) (FENCING && epoch != last_epoch[shard])

/* 2. Restore, until the own @claim comes by: all before it is there, and can't change any more. So claim and
 * restore are one step here. */
inline restore(shard) {
	if
	:: s = row[shard]
	:: !OWN_CLAIM -> s = row_before[shard]
	fi
}

/* 3. Run. A commit that carries a record proves that the shard, and so what was restored, is ours: before any
 * effect. */
#define renew_lease(shard) lease = (HTTP && shard == UPDATER && epoch == last_epoch[shard] -> 1 : lease)
inline prove(shard, has_record) {
	if
	:: has_record && fenced(shard) -> goto lost
	:: atomic { !(has_record && fenced(shard)) -> renew_lease(shard) }
	fi
}

inline begin_term(shard) {
#if CLAIM_FIRST
	atomic { may_claim(shard) -> claim(shard); restore(shard) };
#else
	restore(shard);
	atomic { may_claim(shard) -> claim(shard) };
#endif
#if RUN_ROW
	prove(shard, 1)
#endif
}

/* 4. A fence, an abort, an answer that did not come: throw all memory away, go to 1. To crash is the same. */
#define may_crash(shard) (faults > 0 && owner[shard] == me)
inline crash(shard) { faults--; owner[shard] = NOBODY; lease = (shard == UPDATER -> 0 : lease) }

/* ==== The stager: stager/gate*.c. Its rows, here one number: ==== */
#define POSITION 7                   /* of the next record of the input; bits 0 to 2 */
#define CREATED(v) (1 << (2 + (v)))
#define IS_STAGED(v) (1 << (4 + (v)))
#define ACCEPTED(v) (1 << (6 + (v))) /* the update is */
#define RESOLVED(v) (1 << (8 + (v))) /* released or withheld */
#define newest ((s >> 11) & 3)       /* the newest job released on the DP */
#define OF_LOG (1 << 13)             /* the log that POSITION counts in */
#define has(bits) ((s & (bits)) != 0)
#define to_stage(v) (has(CREATED(v)) && !has(IS_STAGED(v)))

/* gate_release.c: what is staged is let through, and what is older and still waits is superseded by it. */
inline withhold(v) { s = s | RESOLVED(v); write_staged(WITHHELD(v)) }
inline release(v) {
	s = (s & ~(3 << 11)) | (v) << 11 | RESOLVED(v);
	write_staged(RELEASE(v));
	went_back = went_back || newest_released > v;
	newest_released = v;
	if
	:: v == 2 && has(ACCEPTED(1)) && has(CREATED(1)) && !has(RESOLVED(1)) -> withhold(1)
	:: else
	fi
}
inline look_at(v) {
	if
	:: !has(ACCEPTED(v)) || !has(CREATED(v)) || has(RESOLVED(v)) /* waits for its create, or is done with */
	:: else ->
		if
		:: NEWEST_AT_GATE && newest > v -> withhold(v)
		:: else ->
			if
			:: has(IS_STAGED(v)) -> release(v)
			:: else /* held */
			fi
		fi
	fi
}

/* gate_jobs.c: a job is applied at once, its work is done later. @position goes with what follows from it. */
inline apply_job(job) {
	v = 1 + (job - 1) % 2;
	if
	:: job == CREATE(v) && !(JOB_IDS && has(CREATED(v))) ->
		s = (s | CREATED(v)) & ~(JOB_IDS -> 0 : IS_STAGED(v));
		look_at(v) /* an update that came before learns its targets now */
	:: job == UPDATE(v) && !(JOB_IDS && has(ACCEPTED(v))) ->
		s = (s | ACCEPTED(v)) & ~(JOB_IDS -> 0 : RESOLVED(v));
		look_at(v)
	:: else /* a duplicate */
	fi;
	s = (s + 1) | log_made * OF_LOG
}

/* gate_staging.c: a transfer has come to its end. */
inline apply_done() {
	s = s | IS_STAGED(v);
	write_staged(STAGED(v));
	is_staged[v] = 1;
	end_job(CREATE(v));
	look_at(v)
}

/* distribution/transfer.c, delivery.c: sent to a folder of this attempt, moved into place by whoever is first,
 * and read back there. What is bad is mended: right bytes, renamed over whatever is there by now. The seal
 * comes last. */
inline transfer() {
	atomic {
		if
		:: to_stage(1) -> v = 1
		:: to_stage(2) -> v = 2
		fi;
		if
		:: content[v] == NONE -> content[v] = GOOD
		:: content[v] == NONE && faults > 0 -> faults--; content[v] = TORN /* and was answered "201 Created" */
		:: content[v] != NONE
		fi
	};
sent:	do
	:: atomic { content[v] == GOOD || !READ_BACK -> sealed[v] = 1; break }
	:: content[v] == TORN && READ_BACK ->
mending:	if
		:: content[v] = GOOD
		:: atomic { !MEND_TESTED && faults > 0 -> faults--; content[v] = TORN }
		fi
	:: atomic { may_crash(STAGER) -> crash(STAGER); goto lost }
	od
}

proctype stager(byte me) {
	byte epoch, v;
	short s;
	do
	:: begin_term(STAGER);
	   if
	   :: LOG_CHECKED && (s & POSITION) > 0 && has(OF_LOG) != log_made -> refused = 1; false
	   :: else
	   fi;
running:   do
	   :: fenced(STAGER) -> goto lost /* learnt from a commit, or from the group */
	   :: d_step {
		!fenced(STAGER) && (s & POSITION) < job_count ->
		apply_job(jobs[s & POSITION]); write_row(STAGER); v = 0 }
	   :: to_stage(1) || to_stage(2) ->
		transfer();
staging:	if
		:: fenced(STAGER) -> goto lost
		:: d_step { !fenced(STAGER) -> apply_done(); write_row(STAGER); v = 0 }
		:: atomic { may_crash(STAGER) -> crash(STAGER); goto lost }
		fi
	   :: atomic { may_crash(STAGER) -> crash(STAGER); goto lost }
	   :: atomic { REMADE && may_crash(STAGER) && !log_made && row[STAGER] > 0 ->
		crash(STAGER); log_made = 1; job_count = 0; jobs[0] = UPDATE(2); job_count = 1; goto lost }
	   od;
lost:	   atomic { s = 0; epoch = 0; v = 0 }
	od
}

/* ==== The updater: updater/switch.c, point.c, tally.c. POSITION, and: ==== */
#define HAS_STAGED(v) (1 << (2 + (v)))
#define ENDED(v) (1 << (4 + (v)))    /* update v has */
#define desired ((s >> 7) & 3)       /* the newest release on the DP, … */
#define desired_at ((s >> 12) & 7)   /* … and its position */
#define DUE (1 << 9)                 /* the pointer is to be switched, or looked at */
#define AGAIN (1 << 10)              /* a write may still be on its way */
#define LAST_LOOK (1 << 11)
#define next_staged staged[s & POSITION]

inline end_update(v) { s = s | ENDED(v); end_job(UPDATE(v)) }

inline desire(v) {
	if
	:: desired != 0 && !has(ENDED(desired)) -> end_update(desired) /* superseded */
	:: else
	fi;
	s = (s & ~(3 << 7 | 7 << 12)) | (v) << 7 | (s & POSITION) << 12 | DUE;
	s = (has(LAST_LOOK) -> (s & ~LAST_LOOK) | AGAIN : s)
}

inline apply_record(record) {
	v = 1 + (record - 1) % 2;
	if
	:: record == STAGED(v) -> s = s | HAS_STAGED(v)
	:: record != STAGED(v) && RESOLVED_ONCE && (has(ENDED(v)) || desired == v) /* heard before: a dead letter */
	:: else ->
		if
		:: record == WITHHELD(v) -> end_update(v)
		:: record != WITHHELD(v) && STAGED_BEFORE && (record == FAKE(v) || !has(HAS_STAGED(v))) /* an alarm */
		:: else ->
			if
			:: NEWEST_AT_SWITCH && desired > v -> end_update(v) /* superseded */
			:: else -> desire(v)
			fi
		fi
	fi;
	s++
}

/* distribution/pointer.c: what the pointer shows, and what replaces it. */
#define shows(v, at) (current == v && current_at == at && current_log)
#define shows_newer(at) (DP_FENCE && current_at > at && (current_log || !LOG_IN_POINTER))
#define is_settled (shows(desired, desired_at) || shows_newer(desired_at))
inline point(v, at) { current_at = at; current_log = 1; current = v }

/* point.c point_answer(): what was read back decides, whatever the write was answered. */
inline apply_answer() {
	if
	:: is_settled && !has(ENDED(desired)) -> end_update(desired) /* completed, or superseded by what is newer */
	:: else
	fi;
	if
	:: !is_settled -> s = s | (HTTP -> AGAIN : 0)
	:: is_settled && RECHECK && HTTP && (has(AGAIN) || unanswered) -> s = (s & ~AGAIN) | LAST_LOOK
	:: else -> s = s & ~(DUE | AGAIN | LAST_LOOK)
	fi;
	unanswered = 0
}
inline no_answer() { proven = 0; lease = (fenced(UPDATER) -> lease : 0) }
/* the looks 1, 5 and 30 s later are one here, that late writes come before */
#define may_look (has(DUE) && sealed[desired] && !(has(LAST_LOOK) && late != NONE))

proctype updater(byte me) {
	byte epoch, v;
	bool unanswered, proven;
	short s;
	do
	:: begin_term(UPDATER);
	   atomic { proven = 1; unanswered = HTTP && has(DUE) };
running:   do
	   :: fenced(UPDATER) -> goto lost
	   :: d_step {
		!fenced(UPDATER) && (s & POSITION) < staged_count ->
		apply_record(next_staged); write_row(UPDATER); v = 0; proven = 1; renew_lease(UPDATER) }

	   /* A folder compares and writes under a lock, whoever asks. So it may be asked as soon as the release
	    * is read, before the commit. */
	   :: d_step {
		!HTTP && (s & POSITION) < staged_count && next_staged > 2 && next_staged <= 4 && !has(DUE) &&
			has(HAS_STAGED(next_staged - 2)) && desired < next_staged - 2 && sealed[next_staged - 2] &&
			!shows_newer((s & POSITION)) && !shows((next_staged - 2), (s & POSITION)) ->
		point(next_staged - 2, (s & POSITION)) }
	   :: !HTTP && may_look ->
		d_step {
			if
			:: shows_newer(desired_at)
			:: else -> point(desired, desired_at)
			fi };
pointed:	goto answered

	   /* A server is read, then written. So only on a young proof, and whoever was stopped sends no more. */
	   :: HTTP && may_look && !proven ->
		prove(UPDATER, PROOF_HAS_RECORD);
		d_step {
			if
			:: PROOF_HAS_RECORD && !fenced(UPDATER) -> write_row(UPDATER)
			:: else
			fi;
			proven = 1 }
	   :: HTTP && may_look && proven ->
		if
		:: stopped[me] -> goto lost
		:: !stopped[me] && is_settled
		:: !stopped[me] && !is_settled ->
writing:		if
			:: stopped[me] -> goto lost
			:: d_step { !stopped[me] -> point(desired, desired_at) }
			:: atomic { !stopped[me] && faults > 0 -> /* refused ("503"): later, on another proof */
				faults--; no_answer(); goto running }
			:: d_step { LATE && !stopped[me] && late == NONE && faults > 0 ->
				faults--; late = desired; late_at = desired_at }
			fi
		fi;
answered:	if
		:: fenced(UPDATER) -> goto lost
		:: d_step { !fenced(UPDATER) ->
			apply_answer(); write_row(UPDATER); proven = 1; renew_lease(UPDATER) }
		:: d_step { HTTP && faults > 0 -> faults--; s = s | AGAIN; no_answer() } /* written? nobody said so */
		:: atomic { may_crash(UPDATER) -> crash(UPDATER); goto lost }
		fi
	   :: atomic { may_crash(UPDATER) -> crash(UPDATER); goto lost }
	   od;
lost:	   atomic { s = 0; epoch = 0; v = 0; unanswered = 0; proven = 0; stopped[me] = 0 }
	od
}

/* ==== The rest of the world ==== */
proctype world() {
	byte i;
	do
	:: atomic { COPIES && faults > 0 && staged_count > 0 ->
		faults--;
		do
		:: i + 1 < staged_count -> i++
		:: break
		od;
		write_staged(staged[i]);
		i = 0 }
	:: atomic { FORGED && faults > 0 -> faults--; write_staged(FAKE(1)) }
	:: atomic { FORGED && faults > 0 -> faults--; write_staged(FAKE(2)) }
	:: d_step { late != NONE -> point(late, late_at); late = NONE; late_at = 0 }
	od
}

inline send(job) { jobs[job_count] = job; job_count++; is_sent[job] = 1 }
#define may_send(job) ((!is_sent[job] || COPIES && faults > 0 && job_count < 6) && (!SORTED || job_count == job - 1))

init {
	bool is_sent[5];
	atomic {
		do
		:: may_send(CREATE(1)) -> faults = faults - is_sent[CREATE(1)]; send(CREATE(1))
		:: may_send(CREATE(2)) -> faults = faults - is_sent[CREATE(2)]; send(CREATE(2))
		:: may_send(UPDATE(1)) -> faults = faults - is_sent[UPDATE(1)]; send(UPDATE(1))
		:: may_send(UPDATE(2)) && is_sent[UPDATE(1)] && !REMADE -> faults = faults - is_sent[UPDATE(2)]; send(UPDATE(2))
		:: is_sent[CREATE(1)] && is_sent[CREATE(2)] && is_sent[UPDATE(1)] && (is_sent[UPDATE(2)] || REMADE) -> break
		od;
		is_sent[1] = 0; is_sent[2] = 0; is_sent[3] = 0; is_sent[4] = 0;
		run stager(1);
		run updater(3);
		if
		:: STAGERS == 2 -> run stager(2)
		:: else
		fi;
		if
		:: UPDATERS == 2 -> run updater(4)
		:: else
		fi;
		if
		:: COPIES || FORGED || LATE -> run world()
		:: else
		fi
	}
}

/* ==== What is shown, besides exactly one terminal for each job ==== */
#define points_to(v) (current == v && current_log)
#define is_right(v) (is_staged[v] && content[v] == GOOD)
#define is_late_job(v) (REMADE && !log_made && v == 2)
#define has_all (ended[1] && ended[2] && ended[3] && (ended[4] && points_to(2) || is_late_job(2) && points_to(1)))

/* The pointer shows only what is staged, with its staged event in the log, and whole. Releases go out in job
 * order. */
ltl safe { [] ((points_to(1) -> is_right(1)) && (points_to(2) -> is_right(2)) && !went_back) }
/* And the pointer never goes back: update 2 is the later job. */
ltl forward { [] ((points_to(1) -> is_right(1)) && (points_to(2) -> is_right(2))) && [] (points_to(2) -> [] points_to(2)) }
/* Once faults stop (their number is bounded) every job ends and the pointer rests on the last; where a shard
 * must not go on, it says so. */
ltl live { <> [] (has_all || refused) }

#ifdef FALSE_CLAIMS /* they show that the interesting states are reached */
ltl no_update_is_done { [] !points_to(2) }
ltl no_update_is_sent_before_its_create { [] !(jobs[0] == UPDATE(1) && jobs[1] == UPDATE(2) && points_to(2) && ended[UPDATE(1)]) }
ltl none_is_withheld { [] (staged[0] <= 4 && staged[1] <= 4 && staged[2] <= 4 && staged[3] <= 4) }
ltl no_zombie_uploads { [] !(stager[1]@sent && owner[STAGER] == 2) }
ltl no_zombie_mends_what_is_current { [] !(stager[1]@mending && owner[STAGER] == 2 && points_to(1)) }
ltl no_upload_is_bad { [] !stager[1]@mending }
ltl no_zombie_points { [] !(updater[2]@pointed && owner[UPDATER] == 4) }
ltl no_zombie_meets_a_newer_pointer { [] !(updater[2]@pointed && owner[UPDATER] == 4 && points_to(2) && (updater[2]:s >> 7 & 3) == 1) }
ltl no_crash_between_seal_and_staged { [] !(sealed[1] && !is_staged[1] && owner[STAGER] == NOBODY) }
ltl no_crash_between_pointer_and_commit { [] !(points_to(2) && !ended[UPDATE(2)] && owner[UPDATER] == NOBODY) }
ltl first_update_stays { <> [] points_to(1) }
#endif
