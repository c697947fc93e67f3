/*
 * ep - embarrassingly parallel: pairs of Gaussian random numbers, after the NAS Parallel Benchmarks.
 *
 *   JIA_NPROC=4 ./ep [S | W | A | m]        2^m pairs; class S is m = 24, W 25, A 28
 *
 * There is next to no communication, so this shows what the machine gives. For the classes the sums and
 * the counts must equal the published ones.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jia.h"

#define RESULT_LOCK 0
#define RINGS 10 /* square rings of width 1 around the origin, in which the Gaussian pairs are counted */

struct result {
	double sx, sy;
	int64_t ring[RINGS];
};

static const struct class {
	const char *name;
	int m;
	double sx, sy;
	int64_t pairs; /* accepted ones, the sum of all rings */
} classes[] = {
	{ "S", 24, -3.247834652034740e+3, -6.958407078382297e+3, 13176389 },
	{ "W", 25, -2.863319731645753e+3, -6.320053679109499e+3, 26354769 },
	{ "A", 28, -4.295875165629892e+3, -1.580732573678431e+4, 210832767 },
};

/* The generator of the benchmark: x <- 5^13 * x mod 2^46. Unsigned arithmetic is modulo 2^64, so a mask does. */
#define MULTIPLIER UINT64_C(1220703125)
#define SEED UINT64_C(271828183)
#define MASK ((UINT64_C(1) << 46) - 1)

/* The state after n steps from the seed, in log n multiplications: hosts start anywhere in the sequence. */
static uint64_t skip(uint64_t n)
{
	uint64_t x = SEED, a = MULTIPLIER;

	for (; n; n >>= 1) {
		if (n & 1)
			x = x * a & MASK;
		a = a * a & MASK;
	}
	return x;
}

static double next(uint64_t *x)
{
	*x = *x * MULTIPLIER & MASK;
	return (double)*x * 0x1p-46;
}

/* Turn uniform pairs [first, past) into Gaussian ones by the polar method. */
static void generate(int64_t first, int64_t past, struct result *r)
{
	uint64_t state = skip(2 * (uint64_t)first);

	for (int64_t i = first; i < past; i++) {
		double x = 2 * next(&state) - 1;
		double y = 2 * next(&state) - 1;
		double t = x * x + y * y;
		if (t > 1)
			continue;
		double f = sqrt(-2 * log(t) / t);
		x *= f;
		y *= f;
		r->ring[(int)fmax(fabs(x), fabs(y))]++;
		r->sx += x;
		r->sy += y;
	}
}

static int close_to(double got, double want)
{
	return fabs((got - want) / want) < 1e-8;
}

static void check(const struct result *r, int m, const struct class *c)
{
	int64_t accepted = 0;

	for (int i = 0; i < RINGS; i++)
		accepted += r->ring[i];
	if (c) {
		if (accepted != c->pairs || !close_to(r->sx, c->sx) || !close_to(r->sy, c->sy))
			jia_error("ep: class %s: %lld pairs, sums %.15e %.15e instead of %lld, %.15e %.15e", c->name,
			          (long long)accepted, r->sx, r->sy, (long long)c->pairs, c->sx, c->sy);
		return;
	}
	/* No published answer: the accepted share is pi / 4, the sums are Gaussian with variance `accepted`. */
	double n = ldexp(1, m), want = n * 0.78539816339744831;
	if (fabs((double)accepted - want) > 6 * sqrt(n) || fabs(r->sx) > 6 * sqrt(n) || fabs(r->sy) > 6 * sqrt(n))
		jia_error("ep: 2^%d: %lld pairs, sums %g %g are not random", m, (long long)accepted, r->sx, r->sy);
}

int main(int argc, char **argv)
{
	const char *arg = argc > 1 ? argv[1] : "S";
	int m = atoi(arg);
	const struct class *class = NULL;

	for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
		if (!strcmp(arg, classes[i].name) || m == classes[i].m)
			class = &classes[i];
	if (class)
		m = class->m;
	if (m < 1 || m > 44)
		jia_error("ep: %s is not a class (S, W, A) nor an exponent from 1 to 44", arg);
	jia_init(argc, argv);

	struct result *total = (struct result *)jia_alloc(sizeof *total);
	struct result mine = { 0 };
	int64_t pairs = INT64_C(1) << m;
	int64_t share = pairs / jiahosts, rest = pairs % jiahosts;
	int64_t first = share * jiapid + (jiapid < rest ? jiapid : rest);

	jia_barrier();
	double start = jia_clock();

	generate(first, first + share + (jiapid < rest), &mine);

	jia_lock(RESULT_LOCK);
	total->sx += mine.sx;
	total->sy += mine.sy;
	for (int i = 0; i < RINGS; i++)
		total->ring[i] += mine.ring[i];
	jia_unlock(RESULT_LOCK);

	jia_barrier();
	double elapsed = jia_clock() - start;

	if (jiapid == 0) {
		check(total, m, class);
		printf("ep: 2^%d pairs, %d host(s): ok, %.3f s\n", m, jiahosts, elapsed);
	}
	jia_exit();
	return 0;
}
