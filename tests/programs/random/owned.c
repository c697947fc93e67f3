/*
 * owned.c - bytes that change their owner at barriers.
 *
 * In each phase a byte is written by one worker, or by nobody. Ownership comes in runs of 1, 2, 8, 64 or 4096 bytes, so
 * that hosts write bytes of one word, words of one page, or whole pages. A byte that nobody writes must keep its
 * value, whatever happens to its neighbours; it is checked while they are being written.
 */
#include "random.h"

#include <stdlib.h>

#include "jia.h"

#define BYTES ((size_t)16 * PAGE) /* a power of two */

static volatile uint8_t *bytes; /* shared */
static uint8_t *shadow;         /* what they were at the last barrier */

void owned_layout(void)
{
	if (!plan.owned)
		return;
	bytes = place(BYTES, 10);
	shadow = calloc(BYTES, 1);
}

/* The worker that writes byte i; -1 for nobody. */
static int owner(int phase, size_t i)
{
	static const int shifts[] = { 0, 1, 3, 6, 12 };
	int shift = shifts[mix(10, (uint64_t)phase, 0) % 5];
	int writers = plan.phase_threads * jiahosts;
	int n = (int)(mix(11, (uint64_t)phase, i >> shift) % (unsigned)(writers + 1));

	if (n == writers)
		return -1;
	return n / plan.phase_threads * threads() + n % plan.phase_threads;
}

static uint8_t value(int phase, size_t i)
{
	return (uint8_t)mix(12, (uint64_t)phase, i);
}

void owned_work(struct worker *w, int phase)
{
	if (!plan.owned)
		return;
	size_t at = below(w, BYTES), stride = below(w, 2) ? 1 : 2 * below(w, BYTES / 2) + 1;
	for (size_t k = 0; k < BYTES; k++, at += stride) {
		size_t i = at % BYTES;
		int whose = owner(phase, i);

		if (whose >= 0 && whose != w->id)
			continue;
		if (whose < 0) {
			if (k % 16 == 0)
				expect("a byte that nobody wrote", &bytes[i], shadow[i], bytes[i]);
			continue;
		}
		expect("a byte before its owner writes it", &bytes[i], shadow[i], bytes[i]);
		if (below(w, 8) == 0) { /* twice in one scope, sometimes with a flush between */
			uint8_t first = (uint8_t)(value(phase, i) + 1);
			bytes[i] = first;
			if (below(w, 256) == 0)
				locked_step(w);
			expect("a byte just written", &bytes[i], first, bytes[i]);
		}
		bytes[i] = value(phase, i);
	}
}

void owned_end_phase(int phase)
{
	if (!plan.owned)
		return;
	for (size_t i = 0; i < BYTES; i++)
		if (owner(phase, i) >= 0)
			shadow[i] = value(phase, i);
}

void owned_check(void)
{
	if (!plan.owned)
		return;
	for (size_t i = 0; i < BYTES; i++)
		expect("a byte at the end", &bytes[i], shadow[i], bytes[i]);
}
