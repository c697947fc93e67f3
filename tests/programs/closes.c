/*
 * closes - a program that closes descriptors which are not its own.
 *
 *   JIA_NPROC=2 ./closes before      all but the standard ones, before jia_init
 *   JIA_NPROC=2 ./closes after       the same after jia_init
 */
#define _GNU_SOURCE
#include <string.h>
#include <unistd.h>

#include "jia.h"

int main(int argc, char **argv)
{
	int i, before = argc > 1 && strcmp(argv[1], "before") == 0;
	volatile int *counter;

	if (before)
		close_range(3, ~0U, 0);
	jia_init(argc, argv);
	counter = (volatile int *)jia_alloc(sizeof *counter);
	jia_barrier();
	if (!before)
		close_range(3, ~0U, 0);
	for (i = 0; i < 1000; i++) {
		jia_lock(0);
		++*counter;
		jia_unlock(0);
		jia_barrier();
	}
	jia_exit();
	return 0;
}
