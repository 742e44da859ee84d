/* Sources that nobody uses, remembered for who asks next. The oldest goes first. */
#include "distribution/source_state.h"

#include <unistd.h>

enum {
	IDLE_MAX = 1024,        /* those of files hold no descriptor */
	IDLE_SPOOLED_MAX = 128, /* those hold one */
};

void source_leave_idle(struct source *source)
{
	struct sources *sources = source->sources;

	TAILQ_REMOVE(&sources->idle, source, idle);
	sources->idle_count--;
	sources->idle_spooled -= source->spooled;
}

void source_drop_idle(struct source *source)
{
	source_leave_idle(source);
	source_free(source);
}

bool sources_evict_spooled(void *context)
{
	struct sources *sources = context;
	struct source *source;

	TAILQ_FOREACH(source, &sources->idle, idle) {
		if (source->spooled) {
			source_drop_idle(source);
			return true;
		}
	}
	return false;
}

void source_become_idle(struct source *source)
{
	struct sources *sources = source->sources;

	source->state = SOURCE_IDLE;
	if (source->forgotten) {
		source_free(source);
		return;
	}
	if (!source->spooled) {
		close(source->fd);
		source->fd = -1;
	}
	TAILQ_INSERT_TAIL(&sources->idle, source, idle);
	sources->idle_count++;
	sources->idle_spooled += source->spooled;
	if (sources->idle_spooled > IDLE_SPOOLED_MAX)
		sources_evict_spooled(sources);
	if (sources->idle_count > IDLE_MAX)
		source_drop_idle(TAILQ_FIRST(&sources->idle));
}
