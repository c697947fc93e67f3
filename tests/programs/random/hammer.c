/*
 * hammer.c - false sharing at full speed, the home included.
 *
 * Every host is home of one page of each set, and every byte of it belongs to one worker. The threads of the home
 * write theirs in a tight loop, while the other hosts write theirs, flush and so send diffs that are applied to the
 * page in the middle of that loop. Nobody may lose a byte. Sets alternate, so that one is checked while the next is
 * being written.
 */
#include "random.h"

#include "jia.h"

#define SETS 2
#define ROUNDS 24       /* of writing all of one's bytes in all pages */
#define HOME_ROUNDS 400 /* the same in one's own page */

static volatile uint8_t *set[SETS]; /* shared; page h is homed at host h */

void hammer_layout(void)
{
	if (!plan.hammer)
		return;
	for (int s = 0; s < SETS; s++)
		set[s] = (volatile uint8_t *)jia_alloc((size_t)jiahosts * PAGE);
}

/* The worker that writes byte i of each page. */
static int owner(int i)
{
	int n = i % (plan.phase_threads * jiahosts);

	return n % jiahosts * threads() + n / jiahosts;
}

static uint8_t value(int phase, int worker, int round)
{
	return (uint8_t)(mix(20, (uint64_t)phase, (uint64_t)worker) + (unsigned)round);
}

static int rounds_in(int page, int worker)
{
	return page == worker / threads() ? HOME_ROUNDS : ROUNDS;
}

static void write_round(struct worker *w, int phase, int page, int round)
{
	volatile uint8_t *at = set[phase % SETS] + (size_t)page * PAGE;
	int writers = plan.phase_threads * jiahosts;
	int first = 0;

	while (owner(first) != w->id)
		first++;
	for (int i = first; i < PAGE; i += writers)
		at[i] = value(phase, w->id, round);
	for (int i = first; i < PAGE; i += writers)
		expect("a byte just hammered", &at[i], value(phase, w->id, round), at[i]);
}

static void check_set(int phase)
{
	for (int page = 0; page < jiahosts; page++) {
		volatile uint8_t *at = set[phase % SETS] + (size_t)page * PAGE;
		for (int i = 0; i < PAGE; i++) {
			int worker = owner(i);
			expect("a hammered byte after the barrier", &at[i],
				value(phase, worker, rounds_in(page, worker)), at[i]);
		}
	}
}

void hammer_work(struct worker *w, int phase)
{
	if (!plan.hammer)
		return;
	for (int round = 1; round <= ROUNDS; round++) {
		for (int k = 0; k < jiahosts; k++) {
			int page = (jiapid + k) % jiahosts;
			if (page != jiapid)
				write_round(w, phase, page, round);
		}
		for (int r = (round - 1) * HOME_ROUNDS / ROUNDS + 1; r <= round * HOME_ROUNDS / ROUNDS; r++)
			write_round(w, phase, jiapid, r);
		if (round % 4 == 0) { /* a flush: the diffs go home */
			jia_lock(PRIVATE_LOCK(w->id));
			jia_unlock(PRIVATE_LOCK(w->id));
		}
	}
	if (phase > 0)
		check_set(phase - 1);
}

void hammer_check(void)
{
	if (!plan.hammer)
		return;
	check_set(plan.phases - 1);
	if (plan.phases > 1)
		check_set(plan.phases - 2);
}
