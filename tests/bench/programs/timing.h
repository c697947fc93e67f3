/* timing.h - a clock and order statistics for the benchmark programs. */
#ifndef TIMING_H
#define TIMING_H

#include <stdlib.h>
#include <time.h>

static inline double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return 1e6 * (double)t.tv_sec + 1e-3 * (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* quantile sorts n samples and returns the one below which a share q of them lies. */
static inline double quantile(double *samples, int n, double q)
{
	int i = (int)(q * n);

	qsort(samples, (size_t)n, sizeof *samples, by_value);
	return samples[i < n ? i : n - 1];
}

#endif
