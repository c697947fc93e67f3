/*
 * hybrid - several threads in each of several hosts: a histogram with OpenMP and shared memory.
 *
 *   JIA_NPROC=2 ./hybrid [m threads]        2^m values, threads of each host
 *
 * Threads of one host share its memory as ever, and hosts share the region. Every thread may touch
 * absent pages, lock and unlock, all at the same time; a lock belongs to the thread that took it. Only
 * the barrier is called by one thread of each host, here outside the parallel regions.
 */
#include <omp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "jia.h"

#define PAGE 4096
#define CHUNK 16384 /* values that a thread takes at a time: 16 pages */
#define GROUPS 16   /* the histogram has as many locks, so that threads seldom meet */
#define BINS 64     /* bins of a group */

#define TICKET_LOCK 0
#define GROUP_LOCK(g) (1 + (g))

/* A group of bins has a page to itself: what one lock guards should not share a page with others' data. */
union group {
	int64_t bin[BINS];
	char page[PAGE];
};

static uint32_t value(long i)
{
	uint64_t x = (uint64_t)i * UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
	return (uint32_t)(x >> 32);
}

static int bin_of(uint32_t v)
{
	return (int)(v % (GROUPS * BINS));
}

/* Chunks are handed out one by one, to whichever thread of whichever host comes first. */
static long take(long *ticket)
{
	jia_lock(TICKET_LOCK);
	long chunk = (*ticket)++;
	jia_unlock(TICKET_LOCK);
	return chunk;
}

static void count(const uint32_t *values, long n, long *ticket, union group *groups, int self)
{
	int64_t mine[GROUPS * BINS] = { 0 };

	for (long i = take(ticket) * CHUNK; i < n; i = take(ticket) * CHUNK)
		for (long k = i; k < i + CHUNK && k < n; k++)
			mine[bin_of(values[k])]++;
	for (int k = 0; k < GROUPS; k++) {
		int g = (self + k) % GROUPS; /* threads begin at different groups */
		jia_lock(GROUP_LOCK(g));
		for (int b = 0; b < BINS; b++)
			groups[g].bin[b] += mine[g * BINS + b];
		jia_unlock(GROUP_LOCK(g));
	}
}

static void check(const union group *groups, long n)
{
	static int64_t want[GROUPS * BINS];

	for (long i = 0; i < n; i++)
		want[bin_of(value(i))]++;
	for (int b = 0; b < GROUPS * BINS; b++)
		if (groups[b / BINS].bin[b % BINS] != want[b])
			jia_error("hybrid: bin %d holds %lld, not %lld", b, (long long)groups[b / BINS].bin[b % BINS],
			          (long long)want[b]);
}

int main(int argc, char **argv)
{
	int m = argc > 1 ? atoi(argv[1]) : 22;
	int threads = argc > 2 ? atoi(argv[2]) : 2;

	if (m < 1 || m > 40 || threads < 1)
		jia_error("hybrid: m must be from 1 to 40, threads at least 1");
	jia_init(argc, argv); /* before the first parallel region */

	long n = 1L << m;
	long slice = (n + jiahosts - 1) / jiahosts;
	size_t slice_bytes = (slice * sizeof(uint32_t) + PAGE - 1) / PAGE * PAGE;
	slice = slice_bytes / sizeof(uint32_t);
	uint32_t *values = (uint32_t *)jia_alloc3(n * sizeof *values, slice_bytes, 0);
	union group *groups = (union group *)jia_alloc(GROUPS * sizeof *groups);
	long *ticket = (long *)jia_alloc(sizeof *ticket);
	long past = slice * (jiapid + 1) < n ? slice * (jiapid + 1) : n;

#pragma omp parallel for num_threads(threads)
	for (long i = slice * jiapid; i < past; i++)
		values[i] = value(i);

	jia_barrier();
	double start = jia_clock();

#pragma omp parallel num_threads(threads)
	count(values, n, ticket, groups, jiapid * threads + omp_get_thread_num());

	jia_barrier();
	double elapsed = jia_clock() - start;

	if (jiapid == 0) {
		check(groups, n);
		printf("hybrid: 2^%d values, %d host(s) of %d thread(s): ok, %.3f s\n", m, jiahosts, threads, elapsed);
	}
	jia_exit();
	return 0;
}
