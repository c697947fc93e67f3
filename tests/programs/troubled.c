/*
 * troubled - take one checkpoint after another, whatever becomes of them, until there is a file "stop".
 *
 *   JIA_CKPT_DIR=dir JIA_NPROC=2 ./troubled PAGES
 *
 * Host 0 prints what the call returned; it must be the same on all hosts, and memory must stay right.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "jia.h"

#define PAGE 4096UL
enum { WORDS = 4096 / 8 };

int main(int argc, char **argv)
{
	static const struct timespec pause = { 0, 10000000 };
	volatile unsigned long *array, *stop;
	volatile int *results;
	unsigned long p, s, pages = argc > 1 ? strtoul(argv[1], NULL, 10) : 100;
	int h, result = 0;

	jia_init(argc, argv);
	array = (volatile unsigned long *)jia_alloc3(pages * PAGE, PAGE, 0);
	results = (volatile int *)jia_alloc(PAGE);
	stop = (volatile unsigned long *)jia_alloc(PAGE);
	jia_barrier();
	for (s = 1; !*stop; s++) {
		for (p = 0; p < pages; p++) /* a neighbour's page */
			if ((p + 1) % (unsigned long)jiahosts == (unsigned long)jiapid)
				array[p * WORDS + p % WORDS] = s * p;
		result = jia_checkpoint();
		results[jiapid] = result;
		jia_barrier();
		for (h = 0; h < jiahosts; h++)
			if (results[h] != result)
				jia_error("step %lu: host %d was told %d, host %d %d", s, h, results[h], jiapid, result);
		for (p = 0; p < pages; p++)
			if (array[p * WORDS + p % WORDS] != s * p)
				jia_error("step %lu: page %lu is wrong", s, p);
		if (jiapid == 0) {
			printf("step %lu: %d\n", s, result);
			fflush(stdout);
			nanosleep(&pause, NULL);
			*stop = access("stop", F_OK) == 0;
		}
		jia_barrier();
	}
	if (result == -EINVAL) /* without a directory there was none */
		result = 0;
	if (jia_checkpoint_wait() != result)
		jia_error("the last result was %d, and is %d now", result, jia_checkpoint_wait());
	if (jiapid == 0)
		printf("troubled: ok\n");
	jia_exit();
	return 0;
}
