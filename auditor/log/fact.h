#ifndef AUDITOR_FACT_H
#define AUDITOR_FACT_H

#include "auditor/log/replay.h"

/* What one record says, flat: the one decoder of this program. Loose, as readers of events are: unknown
 * fields are ignored; a record that cannot be read is FACT_UNREADABLE with the reason, and is a fact too. */
enum fact_type {
	FACT_UNREADABLE,
	FACT_JOB,         /* jobs: what a user asks for */
	FACT_STAGED,      /* staged */
	FACT_RELEASE,     /* staged */
	FACT_WITHHELD,    /* staged */
	FACT_UPDATED,     /* updated */
	FACT_JOB_STATUS,  /* status: type "job" */
	FACT_DUPLICATE,   /* status */
	FACT_POINT,       /* status: type "distribution_point" */
	FACT_DEAD_LETTER, /* dlq; the other fields are what its headers say */
};
const char *fact_type_name(enum fact_type type); /* "staged", "job status", … */

/* Texts are views, unescaped, valid until the next fact_read() with the same reader; absent fields are absent
 * views, 0, or positions with offset -1. */
struct fact {
	enum fact_type type;
	enum log_topic topic;
	struct position position;
	int64_t log_time_ms;    /* the log's time stamp */
	int64_t time_ms;        /* the record's own "time"; the log's where it has none */
	struct view key, value; /* as they are; absent: null */

	struct view id, package, version, point; /* point: a distribution point's name */
	struct view job_id;                      /* of a job without one: "@partition-offset" of its origin */
	struct position job_position;
	struct view dp_id, digest;

	/* job, job status */
	struct view job_type;                  /* "create", "update" */
	struct view requested_by, annotations; /* annotations: JSON text */
	struct view points; /* JSON text of the array "distribution_points": iterate with fact_next() */
	struct view gate;
	struct view content; /* JSON text of the object; digest is what it brings itself, if it does */
	bool has_content;
	int64_t deadline_ms; /* also of release and withheld; 0: none */
	/* job status */
	struct view state; /* also of a point */
	bool final;
	struct view reason, detail; /* also of withheld; of a point: its error's code and message; of an
	                               unreadable record and a dead letter: why */
	uint32_t waiting_staged, waiting_targets;
	struct view missing;  /* JSON text of an array of names */
	struct view outcomes; /* JSON text of an object: point → state */
	/* duplicate */
	struct position original, duplicate;
	/* point */
	uint32_t attempt;
	bool retryable;
	int64_t next_retry_ms;
	/* staged */
	uint64_t files, bytes;
	struct view read_back;
	/* release, withheld */
	struct view staged_id; /* also of updated */
	uint32_t targets;
	/* updated */
	struct view previous_version, release_id;
	struct position staged_position, release_position;
	/* dead letter, re-routed job: where it came from */
	struct view origin_topic; /* whole name; absent: none, or of a re-routed job: jobs, as ever */
	struct position origin;
};

/* Holds what unescaping needs. */
struct fact_reader;
struct fact_reader *fact_reader_new(void);
void fact_reader_free(struct fact_reader *reader);

/* replay: where the record's headers are (of those it last read). */
void fact_read(struct fact_reader *reader, const struct replay_record *record, const struct replay *replay,
        struct fact *ret);

/* Takes the next name (and, of an object, its value) from JSON text of an array or object of texts, advancing
 * it; false at the end. Start with a copy of the fact's view. */
bool fact_next(struct fact_reader *reader, struct view *json, struct view *ret_name, struct view *ret_value);

#endif
