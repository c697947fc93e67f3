/*
 * is - sort 2^m integers by buckets, after the NAS Parallel Benchmarks.
 *
 *   JIA_NPROC=4 ./is [m]
 *
 * An exchange of everything with everybody, done by reading: each host groups its own keys by bucket in
 * its own memory, and after a barrier each host collects whole buckets from all the others and writes
 * them, sorted, to where they belong. Reads of remote pages are few and long, writes are nearly all
 * local; where two hosts' buckets meet in a page, both write their part of it.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "jia.h"

#define PAGE 4096
#define KEY_BITS 17
#define BUCKET_BITS 10
#define KEYS (1 << KEY_BITS) /* keys are below this */
#define BUCKETS (1 << BUCKET_BITS)
#define WIDTH (KEYS / BUCKETS) /* different keys in a bucket */

typedef int32_t table[BUCKETS]; /* one page */

static long n;          /* keys in all */
static long slice;      /* keys that live on one host, whole pages */
static int32_t *input;  /* shared, by slices */
static int32_t *groups; /* shared, by slices: the same keys, bucket after bucket */
static int32_t *sorted; /* shared, by slices */
static table *counts;   /* shared, one page a host: how many keys of each bucket its slice has */

static long slice_begin(int host)
{
	return slice * host < n ? slice * host : n;
}

/* The i-th key: like the benchmark's, the mean of four random numbers, so the middle is crowded. */
static int32_t key(long i)
{
	uint64_t x = (uint64_t)(i + 1) * UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 32) * UINT64_C(0xd6e8feb86659fd93);
	x = (x ^ x >> 32) * UINT64_C(0xd6e8feb86659fd93);
	x ^= x >> 32;
	uint64_t sum = (x & 0xffff) + (x >> 16 & 0xffff) + (x >> 32 & 0xffff) + (x >> 48);
	return (int32_t)(sum * KEYS >> 18);
}

static int bucket_of(int32_t k)
{
	return k / WIDTH;
}

static void group(void)
{
	long first = slice_begin(jiapid), past = slice_begin(jiapid + 1);
	table count = { 0 };
	static long place[BUCKETS];

	for (long i = first; i < past; i++)
		count[bucket_of(input[i])]++;
	long at = first;
	for (int b = 0; b < BUCKETS; b++) {
		place[b] = at;
		at += counts[jiapid][b] = count[b];
	}
	for (long i = first; i < past; i++)
		groups[place[bucket_of(input[i])]++] = input[i];
}

/* Sort the buckets that begin within this host's slice of the result. */
static void collect(void)
{
	long *next = malloc(jiahosts * sizeof *next); /* where the next bucket begins in each host's groups */
	long at = 0;

	if (!next)
		jia_error("is: no memory");
	for (int h = 0; h < jiahosts; h++)
		next[h] = slice_begin(h);
	for (int b = 0; b < BUCKETS; b++) {
		int32_t count[WIDTH] = { 0 };
		int mine = at / slice == jiapid;
		for (int h = 0; h < jiahosts; h++) {
			long end = next[h] + counts[h][b];
			if (mine)
				for (long i = next[h]; i < end; i++)
					count[groups[i] % WIDTH]++;
			at += counts[h][b];
			next[h] = end;
		}
		if (!mine)
			continue;
		long to = at;
		for (int k = WIDTH - 1; k >= 0; k--)
			for (int c = count[k]; c > 0; c--)
				sorted[--to] = b * WIDTH + k;
	}
	free(next);
}

/* In order, and each key as often as it was generated. */
static void check(void)
{
	int32_t *left = calloc(KEYS, sizeof *left);

	if (!left)
		jia_error("is: no memory for the check");
	for (long i = 0; i < n; i++)
		left[key(i)]++;
	for (long i = 0; i < n; i++) {
		int32_t k = sorted[i];
		if (k < 0 || k >= KEYS || left[k]-- == 0)
			jia_error("is: key %d at %ld does not belong there", (int)k, i);
		if (i > 0 && sorted[i - 1] > k)
			jia_error("is: keys %ld and %ld are out of order", i - 1, i);
	}
	free(left);
}

int main(int argc, char **argv)
{
	int m = argc > 1 ? atoi(argv[1]) : 22;

	if (m < 1 || m > 30)
		jia_error("is: m must be from 1 to 30");
	jia_init(argc, argv);

	long page_keys = PAGE / sizeof(int32_t);
	n = 1L << m;
	slice = ((n + jiahosts - 1) / jiahosts + page_keys - 1) / page_keys * page_keys;
	size_t slice_bytes = slice * sizeof(int32_t);
	input = (int32_t *)jia_alloc3(n * sizeof(int32_t), slice_bytes, 0);
	groups = (int32_t *)jia_alloc3(n * sizeof(int32_t), slice_bytes, 0);
	sorted = (int32_t *)jia_alloc3(n * sizeof(int32_t), slice_bytes, 0);
	counts = (table *)jia_alloc(jiahosts * sizeof(table)); /* page i on host i */

	for (long i = slice_begin(jiapid); i < slice_begin(jiapid + 1); i++)
		input[i] = key(i);

	jia_barrier();
	double start = jia_clock();

	group();
	jia_barrier();
	collect();
	jia_barrier();

	double elapsed = jia_clock() - start;

	if (jiapid == 0) {
		check();
		printf("is: 2^%d keys, %d host(s): ok, %.3f s\n", m, jiahosts, elapsed);
	}
	jia_exit();
	return 0;
}
