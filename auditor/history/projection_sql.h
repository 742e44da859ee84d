#ifndef AUDITOR_PROJECTION_SQL_H
#define AUDITOR_PROJECTION_SQL_H

/* What projection.c runs; the values of each are bound in the order of its question marks. */
enum statement {
	PUT_LANE,
	PUT_EVENT,
	PUT_JOB,
	PUT_JOB_STATUS,
	PUT_JOB_RELEASE,
	PUT_JOB_REROUTED,
	PUT_JOB_DEAD,
	PUT_WANTED,
	PUT_STAGED,
	PUT_POINT,
	PUT_POINT_PENDING,
	PUT_RELEASE,
	PUT_UPDATED,
	STATEMENTS,
};

extern const char *const projection_sql[STATEMENTS];

#endif
