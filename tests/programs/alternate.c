/*
 * alternate - every second page of a long stretch is cached, so that neighbouring pages have different access.
 *
 *   JIA_NPROC=2 ./alternate PAGES
 *
 * The kernel counts a mapping for each change of protection, and has a limit of 65,530.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "jia.h"

static void *nothing(void *arg)
{
	return arg;
}

int main(int argc, char **argv)
{
	int pages = argc > 1 ? atoi(argv[1]) : 40000;
	unsigned char *memory;

	jia_init(argc, argv);
	memory = (unsigned char *)jia_alloc1((size_t)pages * 2 * 4096); /* all on host 0 */
	if (jiapid == 0)
		for (int p = 0; p < 2 * pages; p += 997)
			memory[(size_t)p * 4096] = (unsigned char)p;
	jia_barrier();
	if (jiapid == jiahosts - 1) {
		for (int p = 0; p < 2 * pages; p += 2)
			if (memory[(size_t)p * 4096] != (p % 997 == 0 ? (unsigned char)p : 0))
				jia_error("page %d is %d", p, memory[(size_t)p * 4096]);
		for (int p = 0; p < 2 * pages; p += 6)
			memory[(size_t)p * 4096 + 1] = (unsigned char)(p + 1);
		/* What else needs mappings must still work. */
		pthread_t thread;
		char *big = malloc(1 << 20);
		if (!big || pthread_create(&thread, NULL, nothing, NULL) != 0)
			jia_error("no mappings are left");
		pthread_join(thread, NULL);
		free(big);
	}
	jia_barrier();
	if (jiapid == 0) {
		for (int p = 0; p < 2 * pages; p += 6)
			if (memory[(size_t)p * 4096 + 1] != (unsigned char)(p + 1))
				jia_error("page %d came back as %d", p, memory[(size_t)p * 4096 + 1]);
		printf("alternate: %d: ok\n", pages);
	}
	jia_exit();
	return 0;
}
