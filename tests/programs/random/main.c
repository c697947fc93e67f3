/*
 * random - run the random program of a seed. See random.h.
 *
 *   JIA_NPROC=4 ./random SEED
 */
#include "random.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "jia.h"

#define LOCKED_STEPS 1600 /* of all workers together */

struct plan plan;

static pthread_barrier_t phase_end; /* of this host's threads that take part in barriers */
static struct worker *self;         /* this host's workers */

int threads(void)
{
	return plan.phase_threads + plan.free_threads;
}

int workers(void)
{
	return threads() * jiahosts;
}

static uint64_t scramble(uint64_t x)
{
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

uint64_t mix(uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t x = scramble(plan.seed + UINT64_C(0x9e3779b97f4a7c15));

	x = scramble(x ^ a) + UINT64_C(0x9e3779b97f4a7c15);
	x = scramble(x ^ b) + UINT64_C(0x9e3779b97f4a7c15);
	return scramble(x ^ c);
}

unsigned below(struct worker *w, unsigned n)
{
	return scramble(w->state += UINT64_C(0x9e3779b97f4a7c15)) % n;
}

void wrong(const char *what, const volatile void *address, uint64_t expected, uint64_t found)
{
	jia_error("random: seed %llu: %s at %p: expected %#llx, found %#llx", (unsigned long long)plan.seed, what,
		(const void *)address, (unsigned long long)expected, (unsigned long long)found);
}

void *place(size_t size, unsigned what)
{
	uint64_t how = mix(what, size, 1);
	int host = (int)((how >> 8) % (unsigned)jiahosts);

	switch (how % 5) {
	case 0: return (void *)jia_alloc1(size);
	case 1: return (void *)jia_alloc2p(size, host);
	case 2: return (void *)jia_alloc3(size, (1 + (how >> 16) % 3) * PAGE, host);
	case 3: return (void *)jia_alloc_random(size);
	default: return (void *)jia_alloc(size);
	}
}

static void draw_plan(uint64_t seed)
{
	int most;

	plan.seed = seed;
	plan.phases = 2 + (int)(mix(0, 0, 0) % 5);
	plan.rapid = mix(0, 0, 9) % 3 == 0;
	most = jiahosts > 8 ? 2 : 4;
	plan.phase_threads = 1 + (int)(mix(0, 0, 1) % (unsigned)most);
	plan.free_threads = (int)(mix(0, 0, 2) % 3);
	/* Each part is off in one program out of five: what hides a bug may be any of the others. */
	plan.owned = mix(0, 0, 3) % 5 != 0;
	plan.hammer = mix(0, 0, 4) % 5 != 0;
	plan.records = mix(0, 0, 5) % 5 != 0;
	plan.accounts = mix(0, 0, 6) % 5 != 0;
	plan.list = mix(0, 0, 7) % 5 != 0;
	plan.steady = mix(0, 0, 8) % 5 != 0;
	plan.recycled = mix(0, 0, 10) % 5 != 0;
	if (plan.rapid) { /* barriers in quick succession, and lock traffic right across them */
		plan.phases = 40;
		plan.free_threads += plan.free_threads == 0;
		plan.owned = plan.hammer = 0;
		plan.steady = 1;
	}
}

void locked_step(struct worker *w)
{
	once_step(w);
	switch (below(w, 9)) {
	case 0: case 1: case 2: case 3:
		records_step(w);
		break;
	case 4: case 5:
		accounts_step(w);
		break;
	case 6:
		list_step(w);
		break;
	case 7:
		steady_step(w);
		break;
	default:
		records_peek();
	}
}

static void *run_free(void *arg)
{
	struct worker *w = arg;
	int steps = LOCKED_STEPS / workers() + 1;

	while (steps-- > 0)
		locked_step(w);
	once_finish(w);
	records_publish(w);
	return NULL;
}

static void *run_phases(void *arg)
{
	struct worker *w = arg;
	int most = 2 * LOCKED_STEPS / workers() / plan.phases + 1;

	for (int phase = 0; phase < plan.phases; phase++) {
		int steps = 1 + (int)below(w, (unsigned)most); /* some hosts are late */

		for (int i = 0; i < steps / 2; i++)
			locked_step(w);
		steady_work(w, phase);
		recycled_work(w, phase);
		if (below(w, 2)) {
			owned_work(w, phase);
			hammer_work(w, phase);
		} else {
			hammer_work(w, phase);
			owned_work(w, phase);
		}
		for (int i = 0; i < steps - steps / 2; i++)
			locked_step(w);

		pthread_barrier_wait(&phase_end);
		if (w->thread == phase % plan.phase_threads) { /* any thread may stand for its host */
			recycled_free(phase);
			jia_barrier();
			recycled_end_phase(phase);
			owned_end_phase(phase);
		}
		pthread_barrier_wait(&phase_end);
	}
	once_finish(w);
	records_publish(w);
	return NULL;
}

static void run_all(void)
{
	pthread_t *other = calloc((size_t)threads(), sizeof *other);

	self = calloc((size_t)threads(), sizeof *self);
	pthread_barrier_init(&phase_end, NULL, (unsigned)plan.phase_threads);
	for (int i = 0; i < threads(); i++) {
		struct worker *w = &self[i];
		w->thread = i;
		w->id = jiapid * threads() + i;
		w->state = mix(1, (uint64_t)w->id, 0);
		if (i > 0 && pthread_create(&other[i], NULL, i < plan.phase_threads ? run_phases : run_free, w) != 0)
			jia_error("random: no thread %d", i);
	}
	run_phases(&self[0]);
	for (int i = 1; i < threads(); i++)
		pthread_join(other[i], NULL);
	free(other);
}

int main(int argc, char **argv)
{
	if (argc != 2)
		jia_error("usage: random SEED");
	jia_init(argc, argv);
	draw_plan(strtoull(argv[1], NULL, 0));
	if (workers() > MAX_WORKERS)
		jia_error("random: %d threads are too many", workers());

	owned_layout();
	hammer_layout();
	records_layout();
	accounts_layout();
	list_layout();
	steady_layout();
	recycled_layout();
	if (jiapid == 0)
		accounts_fill();
	jia_barrier();
	run_all();
	jia_barrier();
	owned_check();
	hammer_check();
	records_check();
	accounts_check();
	list_check();
	steady_check();
	jia_barrier();
	if (jiapid == 0)
		printf("random: seed %llu, %d host(s) of %d + %d threads, %d phases: ok\n", (unsigned long long)plan.seed,
			jiahosts, plan.phase_threads, plan.free_threads, plan.phases);
	jia_exit();
	return 0;
}
