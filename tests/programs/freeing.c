/*
 * freeing - memory that was given back is there again, zeroed, and many rounds of it take no more memory than few.
 *
 *   JIA_NPROC=4 ./freeing reuse
 *   JIA_NPROC=4 ./freeing rounds ROUNDS EVERY    with a barrier in every so many rounds
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jia.h"

#define PAGE 4096
#define BASE 0x400000000000
#define PAGES 64

/* resident returns the memory of this process, in bytes, without what it shares with files: its own and the shared memory. */
static unsigned long resident(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[256];
	unsigned long kib = 0, sum = 0;

	while (f && fgets(line, sizeof line, f))
		if (sscanf(line, "RssAnon: %lu kB", &kib) == 1 || sscanf(line, "RssShmem: %lu kB", &kib) == 1)
			sum += kib;
	if (f)
		fclose(f);
	return sum * 1024;
}

static unsigned long frames(void)
{
	jia_stats_t s;

	s.size = sizeof s;
	if (jia_stats(&s) != 0)
		jia_error("jia_stats does not work");
	return s.memory_bytes;
}

static void rounds(int n, int every)
{
	unsigned long memory = 0, process = 0;

	for (int i = 0; i < n; i++) {
		int pages = 1 + i % 5;
		unsigned long at = jia_alloc((size_t)pages * PAGE), *word;

		word = (unsigned long *)(at + (unsigned long)((i + jiapid) % pages) * PAGE) + jiapid;
		if (*word != 0)
			jia_error("round %d: fresh memory has %#lx", i, *word);
		*word = ~0UL;
		jia_free((void *)at);
		if (i % every == every - 1)
			jia_barrier();
		if (i == n / 10) {
			memory = frames();
			process = resident();
		}
	}
	jia_barrier();
	jia_barrier();
	if (frames() > memory + PAGES * PAGE)
		jia_error("%d rounds: %lu bytes of frames, %lu after the first tenth", n, frames(), memory);
	if (resident() > process + (24UL << 20)) /* Go lets a heap grow to 16 MiB before it collects anything */
		jia_error("%d rounds: %lu bytes of memory, %lu after the first tenth", n, resident(), process);
	if (jiapid == 0)
		printf("freeing: %lu and %lu bytes\n", frames(), resident());
}

/* fill has every host write a byte of each page, and check_all look at all of them. */
static void fill(char *p, int round)
{
	for (int i = 0; i < PAGES; i++)
		p[i * PAGE + 97 * jiapid + i] = (char)(1 + (round + i) % 100);
}

static void check_all(const char *p, int round, int written)
{
	for (int i = 0; i < PAGES; i++)
		for (int h = 0; h < jiahosts; h++)
			if (p[i * PAGE + 97 * h + i] != (written ? 1 + (round + i) % 100 : 0))
				jia_error("round %d: byte of host %d in page %d is %d", round, h, i, p[i * PAGE + 97 * h + i]);
}

static char *take(int round)
{
	switch (round % 4) {
	case 0:
		return (char *)jia_alloc((size_t)PAGES * PAGE);
	case 1:
		return (char *)jia_alloc2p((size_t)PAGES * PAGE, round / 4 % jiahosts);
	case 2:
		return (char *)jia_alloc3((size_t)PAGES * PAGE, 3 * PAGE, round % jiahosts);
	}
	return (char *)jia_alloc_random((size_t)PAGES * PAGE);
}

/* reuse frees and allocates the same pages over and over, with other homes each time. */
static void reuse(void)
{
	int *sum = (int *)jia_alloc(sizeof *sum);
	char *first = NULL;

	for (int round = 0; round < 60; round++) {
		char *p = take(round);

		if (!first)
			first = p;
		if (p != first)
			jia_error("round %d: allocation at %p, before at %p", round, (void *)p, (void *)first);
		if (round % 3 == jiapid % 3) /* some hosts write first, and some look first */
			check_all(p, round, 0);
		jia_barrier();
		check_all(p, round, 0);
		jia_barrier();
		fill(p, round);
		jia_barrier();
		check_all(p, round, 1);
		jia_lock(1);
		*sum += 1;
		p[4000] = 0x55; /* sent home, or not */
		if (round % 2)
			jia_unlock(1);
		if (round % 5 == 0)
			p[PAGE + 4000] = 0x66;
		jia_free(p);
		if (round % 2 == 0)
			jia_unlock(1);
		if (round % 7 == 0)
			jia_wait();
		jia_barrier();
	}
	if (*sum != 60 * jiahosts)
		jia_error("the sum is %d", *sum);
	/* The last host may be behind by all of these: neighbours become one. */
	for (int round = 0; round < 20; round++) {
		char *p[8], *whole;

		for (int i = 0; i < 8; i++) {
			p[i] = (char *)jia_alloc2p((size_t)(1 + i) * PAGE, (round + i) % jiahosts);
			p[i][jiapid] = 1;
		}
		for (int i = 0; i < 8; i++)
			jia_free(p[(3 * i + round) % 8]);
		jia_barrier();
		whole = (char *)jia_alloc2(36 * (size_t)PAGE, 5 * PAGE);
		if (whole != p[0])
			jia_error("36 pages at %p instead of %p", (void *)whole, (void *)p[0]);
		for (int i = 0; i < 36; i++)
			if (whole[i * PAGE + jiapid] != 0)
				jia_error("page %d is not zero", i);
		jia_free(whole);
		jia_barrier();
	}
}

int main(int argc, char **argv)
{
	jia_init(argc, argv);
	if (argc == 4 && !strcmp(argv[1], "rounds"))
		rounds(atoi(argv[2]), atoi(argv[3]));
	else
		reuse();
	jia_barrier();
	if (jiapid == 0)
		printf("freeing: ok\n");
	jia_exit();
	return 0;
}
