#include "engine/packed.h"

#include "base/memory.h"

#include <assert.h>
#include <string.h>

struct packed {
	size_t len;
	char bytes[]; /* name, value, name, value …, as pack_view() writes them */
};

static void add_row(struct view name, struct view value, void *context)
{
	pack_view(context, name);
	pack_view(context, value);
}

struct packed *packed_of(const struct machine *machine, const void *state, struct buffer *scratch)
{
	buffer_clear(scratch);
	if (!machine->state_save || !machine->state_save(state, add_row, scratch) || scratch->full)
		return NULL;
	struct packed *packed = memory_alloc(sizeof(*packed) + scratch->len);
	packed->len = scratch->len;
	if (scratch->len)
		memcpy(packed->bytes, scratch->data, scratch->len);
	return packed;
}

void *packed_open(const struct machine *machine, void *shell, struct view key, const struct packed *packed)
{
	struct unpacker in = unpack_start((struct view){packed->bytes, packed->len});
	void *state = machine->state_new(shell, key);
	struct error err;

	while (!unpack_ended(&in)) {
		struct view name = unpack_view(&in), value = unpack_view(&in);
		enum status status = machine->state_load(state, name, value, &err);
		assert(!in.failed && status == STATUS_OK); /* the state wrote them itself */
		(void)status;
	}
	return state;
}
