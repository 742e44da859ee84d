#include "engine/packed.h"

#include "base/memory.h"

#include <assert.h>
#include <string.h>

struct packed {
	size_t len;
	char bytes[]; /* name, value, name, value …, as pack_view() writes them */
};

enum { ROWS_MAX = 64 << 20 };

static void take_row(struct row_writer *writer)
{
	struct packer *packer = (struct packer *)writer;

	packer->rows.full |= writer->name.full || writer->value.full;
	pack_view(&packer->rows, buffer_view(&writer->name));
	pack_view(&packer->rows, buffer_view(&writer->value));
}

void packer_init(struct packer *packer)
{
	packer->writer.take = take_row;
	buffer_init(&packer->writer.name, OUTBOX_VALUE_MAX);
	buffer_init(&packer->writer.value, OUTBOX_VALUE_MAX);
	buffer_init(&packer->rows, ROWS_MAX);
}

void packer_release(struct packer *packer)
{
	buffer_release(&packer->writer.name);
	buffer_release(&packer->writer.value);
	buffer_release(&packer->rows);
}

struct packed *packed_of(struct packer *packer, const struct machine *machine, const void *state)
{
	const struct buffer *rows = &packer->rows;

	buffer_clear(&packer->rows);
	if (!machine->state_save || !machine->state_save(state, &packer->writer) || rows->full)
		return NULL;
	struct packed *packed = memory_alloc(sizeof(*packed) + rows->len);
	packed->len = rows->len;
	if (rows->len)
		memcpy(packed->bytes, rows->data, rows->len);
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
