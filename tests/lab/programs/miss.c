/*
 * miss - what a read miss takes, on two hosts: prints the median and the 99th percentile in us.
 *
 * The home has written the pages, so that each brings its bytes; host 1 reads them in an order in which read-ahead finds nothing
 * to do.
 */
#include <stdio.h>

#include "../../bench/programs/timing.h"
#include "jia.h"

#define PAGE 4096
enum { PAGES = 1024 }; /* a power of two: then the triangular numbers reach every page */

int main(int argc, char **argv)
{
	static double us[PAGES];
	volatile char *a;
	int i;

	jia_init(argc, argv);
	a = (volatile char *)jia_alloc2p((size_t)PAGES * PAGE, 0);
	for (i = 0; i < PAGES && jiapid == 0; i++)
		a[i * PAGE] = (char)i;
	jia_barrier();
	for (i = 0; i < PAGES && jiapid == 1; i++) {
		int page = i * (i + 1) / 2 % PAGES;
		double t = now_us();

		if (a[page * PAGE] != (char)page)
			jia_error("page %d is stale", page);
		us[i] = now_us() - t;
	}
	jia_barrier();
	if (jiapid == 1)
		printf("%.1f %.1f\n", quantile(us, PAGES, 0.5), quantile(us, PAGES, 0.99));
	jia_exit();
	return 0;
}
