/*
 * pi - integrate 4 / (1 + x*x) from 0 to 1.
 *
 *   JIA_NPROC=4 ./pi [millions of steps]
 *
 * Compute privately, share once: each host adds its part to one shared sum, under a lock.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "jia.h"

#define SUM_LOCK 0

int main(int argc, char **argv)
{
	long millions = argc > 1 ? atol(argv[1]) : 50;

	if (millions < 1)
		jia_error("pi: the millions of steps must be at least 1");
	jia_init(argc, argv);

	double *sum = (double *)jia_alloc(sizeof *sum);
	long steps = millions * 1000000;
	long first = steps * jiapid / jiahosts;
	long past = steps * (jiapid + 1) / jiahosts;
	double width = 1.0 / (double)steps;

	jia_barrier();
	double start = jia_clock();

	/* A private variable: adding to *sum here would cost a lock and a page each time. */
	double mine = 0;
	for (long i = first; i < past; i++) {
		double x = ((double)i + 0.5) * width;
		mine += 4.0 / (1.0 + x * x);
	}

	jia_lock(SUM_LOCK);
	*sum += mine * width;
	jia_unlock(SUM_LOCK);

	jia_barrier();
	double elapsed = jia_clock() - start;

	if (jiapid == 0) {
		double error = fabs(*sum - 3.14159265358979323846);
		if (!(error < 1e-9))
			jia_error("pi: %.15f is off by %g", *sum, error);
		printf("pi: %.12f, %ld million steps, %d host(s): ok, %.3f s\n", *sum, millions, jiahosts, elapsed);
	}
	jia_exit();
	return 0;
}
