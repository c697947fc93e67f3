/*
 * checkpoints - keep writing while checkpoints are stored.
 *
 *   JIA_CKPT_DIR=dir JIA_NPROC=4 ./checkpoints STEPS PAGES THREADS EVERY start|wait|barrier
 *
 * What memory holds after each step follows from the step's number alone, so that a test can tell what a checkpoint must have: host 0
 * prints where things lie and which generation is of which step. Each EVERY-th step ends in a checkpoint, the others in a barrier. With "barrier"
 * none is asked for, and the program goes on, for STEPS at most, until EVERY have been taken all the same.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jia.h"

#define PAGE 4096UL
#define BASE 0x400000000000UL
enum { WORDS = 4096 / 8, COUNTERS = 8, LOCKED = 5, ADDED = 20, FRESH = 64, STRIDE = 97, MOST = 64 };

typedef volatile unsigned long word;

static word *array, *sparse, *locked, *atomic, *pinned, *fresh;
static word *enough;
static unsigned long steps, pages, threads, every, all; /* all: threads of all hosts */
static pthread_barrier_t gate;

static unsigned long value(unsigned long step, unsigned long at)
{
	return step << 32 ^ at;
}

static void fill(word *page, unsigned long step, unsigned long number)
{
	unsigned long w;

	for (w = 0; w < WORDS; w++)
		page[w] = value(step, number * WORDS + w);
}

/* What one thread of all writes in a step. */
static void write_step(unsigned long s, unsigned long me)
{
	unsigned long p, i;

	for (i = 0; i < COUNTERS; i++) {
		for (p = 0; p < LOCKED; p++) {
			jia_lock((int)i);
			locked[i * WORDS]++;
			jia_unlock((int)i);
		}
		for (p = 0; p < ADDED; p++)
			jia_atomic_fetch_add_u64(atomic + i * WORDS, 1);
	}
	for (p = pages; p-- > 0;) { /* from the end, which is stored last */
		if ((p + s) % all == me)
			fill(array + p * WORDS, s, p);
		if (p % 64 == 0) { /* brings them home */
			jia_lock(COUNTERS + (int)me);
			jia_unlock(COUNTERS + (int)me);
		}
	}
	fill(pinned + me * WORDS, s, me);
	for (p = s % STRIDE; p < pages; p += STRIDE)
		if ((p + s) % all == me)
			fill(sparse + p * WORDS, s, p);
	for (p = 0; fresh && p < FRESH; p++)
		if ((p + s / 4) % 3 == 0 && (p + s) % all == me)
			fill(fresh + p * WORDS, s, p);
}

static void *run(void *arg)
{
	unsigned long s, me = (unsigned long)jiapid * threads + (unsigned long)(size_t)arg;

	for (s = 1;; s++) {
		pthread_barrier_wait(&gate);
		if (s > steps)
			return NULL;
		write_step(s, me);
		pthread_barrier_wait(&gate);
	}
}

/* Memory that comes and goes: there are values of steps 1 and 2 modulo 4 in it, nothing in between. */
static void come_and_go(unsigned long s)
{
	if (s % 4 == 0) {
		fresh = (word *)jia_alloc(FRESH * PAGE);
		if (jiapid == 0)
			printf("fresh at %lu after step %lu\n", ((unsigned long)fresh - BASE) / PAGE, s);
	} else if (s % 4 == 2 && fresh) {
		jia_free((void *)fresh);
		fresh = NULL;
	}
}

/* How many checkpoints there have been. */
static unsigned long taken(void)
{
	jia_stats_t numbers = { .size = sizeof numbers };

	jia_stats(&numbers);
	return numbers.checkpoints;
}

static void end_step(unsigned long s, const char *how)
{
	int generation;

	come_and_go(s);
	if (!strcmp(how, "barrier")) {
		if (jiapid == 0)
			enough[s % 2] = taken() >= every;
		jia_barrier();
		if (enough[s % 2])
			steps = s;
		return;
	}
	if (s % every) {
		jia_barrier();
		return;
	}
	generation = strcmp(how, "wait") ? jia_checkpoint_start() : jia_checkpoint();
	if (generation <= 0)
		jia_error("step %lu: a checkpoint failed with %d", s, generation);
	if (jiapid == 0)
		printf("generation %d is of step %lu\n", generation, s);
}

static void expect(unsigned long got, unsigned long want, const char *what, unsigned long at)
{
	if (got != want)
		jia_error("%s %lu is %lx, not %lx", what, at, got, want);
}

static void check(void)
{
	unsigned long p, s;

	for (p = 0; p < pages; p++) {
		expect(array[p * WORDS + p % WORDS], value(steps, p * WORDS + p % WORDS), "array page", p);
		for (s = steps; s > 0 && s % STRIDE != p % STRIDE; s--)
			;
		expect(sparse[p * WORDS + 1], s ? value(s, p * WORDS + 1) : 0, "sparse page", p);
	}
	for (p = 0; p < all; p++)
		expect(pinned[p * WORDS + 5], value(steps, p * WORDS + 5), "pinned page", p);
	for (p = 0; p < COUNTERS; p++) {
		expect(locked[p * WORDS], steps * all * LOCKED, "locked counter", p);
		expect(jia_atomic_load_u64(atomic + p * WORDS), steps * all * ADDED, "atomic counter", p);
	}
}

static word *make(const char *name, unsigned long count)
{
	unsigned long at = jia_alloc3(count * PAGE, PAGE, 0);

	if (jiapid == 0)
		printf("%s at %lu\n", name, (at - BASE) / PAGE);
	return (word *)at;
}

int main(int argc, char **argv)
{
	pthread_t others[MOST];
	unsigned long i, s;

	if (argc != 6)
		return 2;
	steps = strtoul(argv[1], NULL, 10);
	pages = strtoul(argv[2], NULL, 10);
	threads = strtoul(argv[3], NULL, 10);
	every = strtoul(argv[4], NULL, 10);
	jia_init(argc, argv);
	all = threads * (unsigned long)jiahosts;
	array = make("array", pages);
	sparse = make("sparse", pages);
	locked = make("locked", COUNTERS);
	atomic = make("atomic", COUNTERS);
	pinned = make("pinned", all);
	enough = make("enough", 1);
	if (jia_pin_range((void *)(pinned + (unsigned long)jiapid * threads * WORDS), threads * PAGE))
		jia_error("cannot pin");
	jia_barrier();
	pthread_barrier_init(&gate, NULL, (unsigned)threads);
	for (i = 1; i < threads; i++)
		pthread_create(&others[i], NULL, run, (void *)i);
	for (s = 1; s <= steps; s++) {
		pthread_barrier_wait(&gate);
		write_step(s, (unsigned long)jiapid * threads);
		pthread_barrier_wait(&gate);
		end_step(s, argv[5]);
	}
	pthread_barrier_wait(&gate);
	for (i = 1; i < threads; i++)
		pthread_join(others[i], NULL);
	jia_barrier();
	check();
	if (jiapid == 0)
		printf("checkpoints: ok\n");
	jia_exit();
	return 0;
}
