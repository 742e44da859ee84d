#include "distribution/pace.h"

enum { PIECE_MAX = 64 << 10 }; /* so that those who share take turns */

size_t pace_piece(struct pace *pace, int64_t now_ms, size_t most)
{
	if (!pace || !pace->bytes_per_second)
		return most;
	double rate = (double)pace->bytes_per_second, held = rate / 5 > 1 ? rate / 5 : 1;
	if (now_ms > pace->at_ms)
		pace->allowance += rate * (double)(now_ms - pace->at_ms) / 1000;
	pace->at_ms = now_ms;
	if (pace->allowance > held)
		pace->allowance = held;
	if (pace->allowance < 1)
		return 0;
	size_t piece = pace->allowance < PIECE_MAX ? (size_t)pace->allowance : PIECE_MAX;
	return piece < most ? piece : most;
}

void pace_spend(struct pace *pace, size_t bytes)
{
	if (pace && pace->bytes_per_second)
		pace->allowance -= (double)bytes;
}
