/*
 * tsp - the shortest round trip through n cities, by branch and bound.
 *
 *   JIA_NPROC=4 ./tsp [n]
 *
 * Irregular work: hosts take partial tours from a shared queue. Everybody cuts off what cannot beat
 * the best tour known, and reads that bound without its lock, on purpose: a stale bound is merely too
 * high, so it costs work and never a wrong answer. The queue and the bound have the same lock, so taking
 * work brings the newest bound along.
 */
#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "jia.h"

#define MAX_CITIES 32
#define CHECKED_CITIES 18 /* up to here dynamic programming checks the length */
#define PREFIX 3          /* cities of a partial tour in the queue */
#define POOL_LOCK 0

typedef struct {
	int8_t city[PREFIX];
} prefix;

/* Shared, on a page of its own. The rules: */
struct pool {
	int next;              /* first prefix not taken; only inside POOL_LOCK */
	volatile int best;     /* length of the best tour; written inside POOL_LOCK, read anywhere */
	int8_t tour[MAX_CITIES]; /* that tour; only inside POOL_LOCK, or after the last barrier */
};

static int n;
static int prefixes;
static prefix *queue; /* shared; written by host 0 before the first barrier, then constant */
static struct pool *pool;

/* Private and alike on all hosts: shared memory is for what changes. */
static int distance[MAX_CITIES][MAX_CITIES];
static int8_t nearest[MAX_CITIES][MAX_CITIES]; /* the other cities, nearest first */
static int cheapest[MAX_CITIES];               /* the shortest way out of a city */

static void make_map(void)
{
	int x[MAX_CITIES], y[MAX_CITIES];
	uint32_t state = 12345;

	for (int i = 0; i < n; i++) {
		x[i] = (state = state * 1664525 + 1013904223) >> 20;
		y[i] = (state = state * 1664525 + 1013904223) >> 20;
	}
	for (int i = 0; i < n; i++) {
		int others = 0;
		for (int j = 0; j < n; j++) {
			distance[i][j] = (int)hypot(x[i] - x[j], y[i] - y[j]);
			if (j == i)
				continue;
			int k = others++;
			for (; k > 0 && distance[i][nearest[i][k - 1]] > distance[i][j]; k--)
				nearest[i][k] = nearest[i][k - 1];
			nearest[i][k] = (int8_t)j;
		}
		cheapest[i] = distance[i][nearest[i][0]];
	}
}

static void offer(const int8_t *tour, int length)
{
	jia_lock(POOL_LOCK);
	if (length < pool->best) { /* look again: the unlocked look may have been stale */
		pool->best = length;
		for (int i = 0; i < n; i++)
			pool->tour[i] = tour[i];
	}
	jia_unlock(POOL_LOCK);
}

/*
 * Extend a tour of `depth` cities and the given length. `rest` is the sum of `cheapest` over the last
 * city and all cities not visited: at least that much is still to come.
 */
static void extend(int8_t *tour, int depth, uint32_t visited, int length, int rest)
{
	int last = tour[depth - 1];

	if (length + rest >= pool->best)
		return;
	if (depth == n) {
		length += distance[last][tour[0]];
		if (length < pool->best)
			offer(tour, length);
		return;
	}
	for (int k = 0; k < n - 1; k++) {
		int city = nearest[last][k];
		if (visited >> city & 1)
			continue;
		tour[depth] = (int8_t)city;
		extend(tour, depth + 1, visited | UINT32_C(1) << city, length + distance[last][city], rest - cheapest[last]);
	}
}

static int take(void)
{
	jia_lock(POOL_LOCK);
	int i = pool->next++;
	jia_unlock(POOL_LOCK);
	return i;
}

static void search(void)
{
	int8_t tour[MAX_CITIES];

	for (int i = take(); i < prefixes; i = take()) {
		uint32_t visited = 0;
		int length = 0, rest = 0;
		for (int k = 0; k < n; k++)
			rest += cheapest[k];
		for (int k = 0; k < PREFIX; k++) {
			tour[k] = queue[i].city[k];
			visited |= UINT32_C(1) << tour[k];
			if (k > 0) {
				length += distance[tour[k - 1]][tour[k]];
				rest -= cheapest[tour[k - 1]];
			}
		}
		extend(tour, PREFIX, visited, length, rest);
	}
}

/* Every tour begins in city 0; nearest neighbours come first, so that good tours are found early. */
static void fill_queue(void)
{
	prefix *p = queue;

	for (int i = 0; i < n - 1; i++)
		for (int k = 0; k < n - 1; k++) {
			int second = nearest[0][i], third = nearest[second][k];
			if (third != 0)
				*p++ = (prefix) { { 0, (int8_t)second, (int8_t)third } };
		}
	pool->best = INT_MAX;
}

/* The optimum by dynamic programming over sets of cities (Held and Karp); city n-1 is where tours begin. */
static int optimum(void)
{
	int m = n - 1;
	int *length = malloc(((size_t)m << m) * sizeof *length); /* of the shortest path through a set to its last city */
	int best = INT_MAX;

	if (!length)
		jia_error("tsp: no memory for the check");
	for (uint32_t set = 1; set < UINT32_C(1) << m; set++)
		for (int last = 0; last < m; last++) {
			if (!(set >> last & 1))
				continue;
			uint32_t before = set & ~(UINT32_C(1) << last);
			int shortest = before ? INT_MAX : distance[m][last];
			for (int k = 0; k < m; k++)
				if (before >> k & 1) {
					int l = length[(size_t)before * m + k] + distance[k][last];
					if (l < shortest)
						shortest = l;
				}
			length[(size_t)set * m + last] = shortest;
		}
	for (int last = 0; last < m; last++) {
		int l = length[(((size_t)1 << m) - 1) * m + last] + distance[last][m];
		if (l < best)
			best = l;
	}
	free(length);
	return best;
}

static void check(void)
{
	uint32_t visited = 0;
	int length = 0;

	for (int i = 0; i < n; i++) {
		visited |= UINT32_C(1) << pool->tour[i];
		length += distance[pool->tour[i]][pool->tour[(i + 1) % n]];
	}
	if (visited != UINT32_MAX >> (32 - n) || length != pool->best)
		jia_error("tsp: the best tour is no round trip of length %d", pool->best);
	if (n <= CHECKED_CITIES && length != optimum())
		jia_error("tsp: length %d is not the optimum %d", length, optimum());
}

int main(int argc, char **argv)
{
	n = argc > 1 ? atoi(argv[1]) : 15;
	if (n < PREFIX || n > MAX_CITIES)
		jia_error("tsp: the number of cities must be from %d to %d", PREFIX, MAX_CITIES);
	jia_init(argc, argv);

	prefixes = (n - 1) * (n - 2);
	queue = (prefix *)jia_alloc1(prefixes * sizeof *queue);
	pool = (struct pool *)jia_alloc1(sizeof *pool);
	make_map();
	if (jiapid == 0)
		fill_queue();

	jia_barrier();
	double start = jia_clock();

	search();

	jia_barrier();
	double elapsed = jia_clock() - start;

	if (jiapid == 0) {
		check();
		printf("tsp: %d cities, shortest tour %d, %d host(s): ok, %.3f s\n", n, pool->best, jiahosts, elapsed);
	}
	jia_exit();
	return 0;
}
