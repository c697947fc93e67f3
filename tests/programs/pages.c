/*
 * pages - more pages at once than old systems could cache.
 *
 *   JIA_NPROC=2 ./pages PAGES
 *
 * Every host writes a part of every page, all of them dirty at the same time, within a scope and before a barrier;
 * then every second page changes hands, so that neighbouring pages have different access.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "jia.h"

#define WORDS 512 /* of a page */

static volatile uint64_t *page;
static int pages;

static uint64_t value(int round, int p, int host)
{
	return ((uint64_t)round << 48 | (uint64_t)p << 16 | (uint64_t)host) * UINT64_C(0x9e3779b97f4a7c15);
}

static void check(int round, int step)
{
	for (int p = 0; p < pages; p += step)
		for (int h = 0; h < jiahosts; h++) {
			volatile uint64_t *at = &page[(size_t)p * WORDS + 3 * h];
			if (*at != value(round, p, h))
				jia_error("round %d: page %d, word of host %d at %p: expected %llx, found %llx", round, p, h,
					(void *)at, (unsigned long long)value(round, p, h), (unsigned long long)*at);
		}
}

int main(int argc, char **argv)
{
	pages = argc > 1 ? atoi(argv[1]) : 3000;
	jia_init(argc, argv);
	page = (volatile uint64_t *)jia_alloc((size_t)pages * 4096);
	jia_barrier();
	for (int round = 1; round <= 2; round++) {
		if (round == 2)
			jia_lock(jiapid);
		for (int p = 0; p < pages; p++)
			page[(size_t)p * WORDS + 3 * jiapid] = value(round, p, jiapid);
		if (round == 2)
			jia_unlock(jiapid);
		jia_barrier();
		check(round, 1);
		jia_barrier();
	}
	/* Page by page another owner: protections alternate throughout the region. */
	for (int p = jiapid; p < pages; p += jiahosts + 1)
		for (int h = 0; h < jiahosts; h++)
			page[(size_t)p * WORDS + 3 * h] = value(3, p, h);
	jia_barrier();
	for (int p = 0; p < pages; p++)
		for (int h = 0; h < jiahosts; h++) {
			int round = p % (jiahosts + 1) < jiahosts ? 3 : 2;
			if (page[(size_t)p * WORDS + 3 * h] != value(round, p, h))
				jia_error("last round: page %d, word of host %d", p, h);
		}
	jia_barrier();
	if (jiapid == 0)
		printf("pages: %d: ok\n", pages);
	jia_exit();
	return 0;
}
