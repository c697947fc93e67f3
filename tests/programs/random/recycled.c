/*
 * recycled.c - memory that is given back at barriers and allocated anew, with other homes and in other places.
 *
 * Every worker that takes part in barriers has a few bytes of each page, next to those of the others. It finds them zero in a
 * fresh piece and as it left them in one that was kept, and writes them; then a thread of each host frees most of the
 * pieces while they are dirty, right before the barrier.
 */
#include "random.h"

#include "jia.h"

#define PIECES 5
#define OWN 8                     /* bytes of a worker in each page */
#define NOBODY (OWN * MAX_WORKERS) /* from here on nobody writes */

static struct piece {
	volatile uint8_t *at; /* shared */
	size_t pages;
	int kept; /* 1: it was here in the phase before */
} piece[PIECES];

static void take(int i, int phase)
{
	piece[i].pages = 1 + mix(50, (uint64_t)phase, (uint64_t)i) % 6;
	piece[i].at = place(piece[i].pages * PAGE, (unsigned)(50 + PIECES * phase + i));
	piece[i].kept = 0;
}

void recycled_layout(void)
{
	if (!plan.recycled)
		return;
	for (int i = 0; i < PIECES; i++)
		take(i, 0);
}

static uint8_t value(int phase, int i, size_t byte)
{
	return (uint8_t)(1 + mix(51, (uint64_t)phase * PIECES + (uint64_t)i, byte) % 255);
}

void recycled_work(struct worker *w, int phase)
{
	if (!plan.recycled)
		return;
	for (int i = 0; i < PIECES; i++)
		for (size_t p = 0; p < piece[i].pages; p++) {
			volatile uint8_t *page = piece[i].at + p * PAGE;
			size_t rest = NOBODY + below(w, PAGE - NOBODY);

			expect("a byte that nobody writes", &page[rest], 0, page[rest]);
			for (size_t b = (size_t)w->id * OWN; b < ((size_t)w->id + 1) * OWN; b++) {
				expect("a byte of a piece before it is written", &page[b],
					piece[i].kept ? value(phase - 1, i, p * PAGE + b) : 0, page[b]);
				page[b] = value(phase, i, p * PAGE + b);
			}
			if (below(w, 16) == 0)
				locked_step(w); /* which may send the page home */
		}
}

static int freed(int phase, int i)
{
	return mix(52, (uint64_t)phase, (uint64_t)i) % 4 != 0;
}

void recycled_free(int phase)
{
	if (!plan.recycled)
		return;
	for (int k = 0; k < PIECES; k++) {
		int i = (k + phase) % PIECES;
		if (freed(phase, i))
			jia_free((void *)piece[i].at);
	}
}

void recycled_end_phase(int phase)
{
	if (!plan.recycled)
		return;
	for (int i = 0; i < PIECES; i++)
		if (freed(phase, i))
			take(i, phase + 1);
		else
			piece[i].kept = 1;
}
