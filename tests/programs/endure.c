/*
 * endure - locks and barriers that check themselves, until they are told to stop.
 *
 *   JIA_NPROC=4 ./endure            works until the file "stop" appears in the working directory of host 0; when the
 *                                   file "more" appears, four more threads on every host take locks at the same time
 */
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "jia.h"

#define LOCKS 8
#define EXTRA 4
#define TURNS 100

enum { GO_ON, MORE, STOP };

static volatile long *sums;   /* one a lock, each on a page of its own */
static volatile long *places; /* one a host */
static volatile int *order;   /* host 0's word for the coming round */

static void add(int lock)
{
	jia_lock(lock);
	sums[lock * 512]++;
	jia_unlock(lock);
}

static void *extra(void *first)
{
	int i;

	for (i = 0; i < TURNS; i++)
		add((i + *(int *)first) % LOCKS);
	return NULL;
}

static void more_threads(void)
{
	pthread_t threads[EXTRA];
	int i, first[EXTRA];

	for (i = 0; i < EXTRA; i++) {
		first[i] = i;
		if (pthread_create(&threads[i], NULL, extra, &first[i]) != 0)
			jia_error("pthread_create fails");
	}
	for (i = 0; i < EXTRA; i++)
		pthread_join(threads[i], NULL);
}

int main(int argc, char **argv)
{
	long round, want = 0, sum = 0;
	int i, had_more = 0;

	jia_init(argc, argv);
	sums = (volatile long *)jia_alloc(LOCKS * 4096);
	places = (volatile long *)jia_alloc(4096);
	order = (volatile int *)jia_alloc(4096);
	jia_barrier();
	for (round = 1; *order != STOP; round++) {
		if (*order == MORE) {
			more_threads();
			want += (long)EXTRA * TURNS * jiahosts;
			had_more = 1;
			if (jiapid == 0)
				puts("endure: more"), fflush(stdout);
		}
		add((int)(round % LOCKS));
		want += jiahosts;
		places[jiapid] = round;
		jia_barrier();
		for (i = 0; i < jiahosts; i++)
			if (places[i] != round)
				jia_error("round %ld: host %d is at %ld", round, i, places[i]);
		if (jiapid == 0)
			*order = access("stop", F_OK) == 0 ? STOP : !had_more && access("more", F_OK) == 0 ? MORE : GO_ON;
		if (jiapid == 0 && round == 3)
			puts("endure: running"), fflush(stdout);
		jia_barrier();
	}
	for (i = 0; i < LOCKS; i++)
		sum += sums[i * 512];
	if (sum != want)
		jia_error("the sum is %ld, not %ld", sum, want);
	jia_barrier();
	if (jiapid == 0)
		printf("endure: ok, %ld rounds\n", round);
	jia_exit();
	return 0;
}
