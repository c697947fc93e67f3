/*
 * steady.c - pages that only their homes write, a phase number under a lock, and words that are written once.
 *
 * Each host writes the number of the phase into a page of its own, alternating between two so that one can be checked
 * while the other is written. The first to leave a barrier says so under a lock; who finds that there must find the
 * pages of before the barrier too, even a thread whose own host has not left that barrier yet.
 *
 * The words that are written once are written at any time, during barriers too. Everybody reads them, so old copies
 * lie about everywhere; in the end each must have arrived, and there is no second write to cover up for a lost one.
 */
#include "random.h"

#include "jia.h"

#define EPOCH_LOCK 900
#define WORDS 512 /* of a page */
#define MARKS 4   /* words of a page that its home writes */
#define ONCE 96   /* words that each worker writes once, each in another page */

typedef volatile uint64_t page[WORDS];

static page (*pages)[2];           /* shared: [host][phase % 2], homed at the host */
static volatile uint64_t *epoch;   /* shared: phases that are over; inside EPOCH_LOCK */
static page *once;                 /* shared: [ONCE][worker] */

void steady_layout(void)
{
	if (!plan.steady)
		return;
	pages = (page(*)[2])jia_alloc3(sizeof *pages * (size_t)jiahosts, sizeof *pages, 0);
	epoch = place(sizeof *epoch, 60);
	once = place(sizeof *once * ONCE, 61);
}

static int mark(int i)
{
	return i * (WORDS - 1) / (MARKS - 1);
}

void steady_work(struct worker *w, int phase)
{
	if (!plan.steady)
		return;
	if (w->thread == 0) {
		for (int i = 0; i < MARKS; i++)
			pages[jiapid][phase % 2][mark(i)] = (uint64_t)phase + 1;
		jia_lock(EPOCH_LOCK);
		if (*epoch < (uint64_t)phase)
			*epoch = (uint64_t)phase;
		jia_unlock(EPOCH_LOCK);
	}
	if (phase > 0)
		for (int h = 0; h < jiahosts; h++)
			for (int i = 0; i < MARKS; i++) {
				volatile uint64_t *at = &pages[h][(phase - 1) % 2][mark(i)];
				expect("a home's own word after the barrier", at, phase, *at);
			}
}

void steady_step(struct worker *w)
{
	if (!plan.steady)
		return;
	jia_lock(EPOCH_LOCK);
	uint64_t over = *epoch;
	for (int h = 0; h < jiahosts; h++)
		for (int set = 0; set < 2; set++) {
			/* Phases 0 to over - 1 are over: the last of them that wrote this set. It may be written right now. */
			uint64_t least = over == 0 || (over == 1 && set == 1) ? 0 : over - ((over - 1) % 2 != (uint64_t)set);
			volatile uint64_t *at = &pages[h][set][mark((int)below(w, MARKS))];
			uint64_t found = *at;
			if (found < least)
				wrong("a word of before a barrier that another host has left", at, least, found);
		}
	jia_unlock(EPOCH_LOCK);
}

static uint64_t once_value(int worker, int k)
{
	return mix(60, (uint64_t)worker, (uint64_t)k) | 1;
}

/* The worker's next word; and a look at others. */
void once_step(struct worker *w)
{
	if (!plan.steady)
		return;
	if (w->written < ONCE) {
		once[w->written][w->id] = once_value(w->id, w->written);
		w->written++;
	}
	for (int i = 0; i < 4; i++) {
		int k = (int)below(w, ONCE), worker = (int)below(w, (unsigned)workers());
		uint64_t found = once[k][worker];
		if (found != 0)
			expect("a word written once", &once[k][worker], once_value(worker, k), found);
	}
}

void once_finish(struct worker *w)
{
	while (plan.steady && w->written < ONCE)
		once_step(w);
}

void steady_check(void)
{
	if (!plan.steady)
		return;
	for (int k = 0; k < ONCE; k++)
		for (int i = 0; i < workers(); i++)
			expect("a word written once, at the end", &once[k][i], once_value(i, k), once[k][i]);
}
