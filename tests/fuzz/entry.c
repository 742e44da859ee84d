/* libFuzzer's entry into one target. */
#include "fuzz.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (const struct fuzz_target *target = fuzz_targets; target->name; target++)
		if (strcmp(target->name, FUZZ_TARGET) == 0)
			target->run((struct view){(const char *)data, size});
	return 0;
}
