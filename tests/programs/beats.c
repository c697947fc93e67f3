/*
 * beats - hosts that are busy in ways that might keep them from showing that they live.
 *
 *   JIA_NPROC=8 ./beats WHAT SECONDS
 *
 * WHAT: compute   every host computes, twice over, without a call of the library, and then meets the others
 *       memory    every host allocates, and writes and reads much memory, of its own and of others
 *       early     all hosts but host 0 take so long before jia_init, and it waits for them there
 *       late      the hosts take different times, of about that length, between jia_exit and their ends
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "jia.h"

static double until;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void *compute(void *unused)
{
	volatile double x = 1;

	(void)unused;
	while (now() < until)
		for (int i = 0; i < 1000000; i++)
			x = x * 1.0000001 + 1e-9;
	return NULL;
}

static void memory(void)
{
	const size_t size = (size_t)32 << 20;
	char *shared = (char *)jia_alloc2p(size, 0);

	for (int go = 1; go;) {
		char *own = malloc(size);

		if (own == NULL)
			jia_error("no memory");
		memset(own, jiapid, size);
		for (size_t at = (size_t)jiapid * 4096; at < size; at += (size_t)jiahosts * 4096)
			memset(shared + at, own[at], 4096);
		jia_barrier();
		for (size_t at = 0; at < size; at += 4096)
			if (shared[at + 17] != (char)(at / 4096 % (size_t)jiahosts))
				jia_error("page %zu holds %d", at / 4096, shared[at + 17]);
		free(own);
		go = now() < until;
		jia_bcast(&go, sizeof go, 0);
	}
}

int main(int argc, char **argv)
{
	pthread_t other;
	double seconds;

	if (argc != 3)
		jia_error("usage: beats WHAT SECONDS");
	seconds = atof(argv[2]);
	if (!strcmp(argv[1], "early") && getenv("JIA_CONTROL") != NULL)
		usleep((useconds_t)(seconds * 1e6));
	jia_init(argc, argv);
	until = now() + seconds;
	if (!strcmp(argv[1], "compute")) {
		if (pthread_create(&other, NULL, compute, NULL) != 0)
			jia_error("no thread");
		compute(NULL);
		pthread_join(other, NULL);
	}
	if (!strcmp(argv[1], "memory"))
		memory();
	jia_barrier();
	if (jiapid == 0)
		printf("beats: ok\n");
	jia_exit();
	if (!strcmp(argv[1], "late"))
		usleep((useconds_t)(seconds * 1e6 * (1 + jiapid % 3) / 2));
	return 0;
}
