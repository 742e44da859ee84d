#include "auditor/fact.h"

const char *fact_type_name(enum fact_type type)
{
	static const char *const names[] = {"unreadable", "job", "staged", "release", "withheld", "updated",
	        "job status", "duplicate", "distribution point", "dead letter"};

	return names[type];
}
