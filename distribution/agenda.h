#ifndef DISTRIBUTION_AGENDA_H
#define DISTRIBUTION_AGENDA_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

/* What the I/O thread will do later: calls at a time, or as soon as the present call is over. Pure: time
 * comes as an argument. Few entries at a time: it is a sorted list. */
struct agenda;

struct agenda_entry { /* embed it; zero it; must not move while pending */
	void (*call)(struct agenda_entry *entry);
	int64_t at_ms;
	bool pending;
	uint64_t order;
	TAILQ_ENTRY(agenda_entry) entry;
};

struct agenda *agenda_new(void);
void agenda_free(struct agenda *agenda); /* calls nothing; NULL is fine */

/* Calls once, at at_ms or soon after; 0: as soon as possible. First come first served at the same time. */
void agenda_add(struct agenda *agenda, struct agenda_entry *entry, int64_t at_ms,
        void (*call)(struct agenda_entry *));
void agenda_remove(struct agenda *agenda, struct agenda_entry *entry); /* not pending is fine */

/* Calls what is due; what is added meanwhile waits for the next run. */
void agenda_run(struct agenda *agenda, int64_t now_ms);
int64_t agenda_wait_ms(const struct agenda *agenda, int64_t now_ms, int64_t most);

#endif
