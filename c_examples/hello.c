/*
 * hello - every host says hello and counts in shared memory.
 *
 *   JIA_NPROC=4 ./hello [rounds]
 *
 * The smallest complete program: join, allocate, lock, barrier, leave.
 */
#include <stdio.h>
#include <stdlib.h>

#include "jia.h"

#define COUNTER_LOCK 0

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 1000;

	if (rounds < 1)
		jia_error("hello: rounds must be at least 1");
	jia_init(argc, argv);
	printf("hello from host %d of %d\n", jiapid, jiahosts);

	/* Every host makes the same call and gets the same address. Fresh memory is zero. */
	long *counter = (long *)jia_alloc(sizeof *counter);

	jia_barrier();
	double start = jia_clock();

	for (int i = 0; i < rounds; i++) {
		/* Read and write inside the scope: the next holder of the lock sees the result. */
		jia_lock(COUNTER_LOCK);
		(*counter)++;
		jia_unlock(COUNTER_LOCK);
	}

	jia_barrier(); /* now everybody's writes are visible to everybody */
	double elapsed = jia_clock() - start;

	long expected = (long)rounds * jiahosts;
	if (*counter != expected)
		jia_error("hello: the counter is %ld, not %ld", *counter, expected);
	if (jiapid == 0)
		printf("hello: counted to %ld, %d host(s): ok, %.3f s\n", *counter, jiahosts, elapsed);
	jia_exit();
	return 0;
}
