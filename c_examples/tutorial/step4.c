/*
 * step4 - fewer locks: whether it is over is asked every tenth step.
 *
 *   JIA_NPROC=4 ./step4 [n steps]
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "jia.h"

#define ALPHA 0.2      /* conductivity * time step / cell^2; stable up to 1/4 */
#define CALM 1e-9      /* when no cell changes by more in a step, it is over */
#define EVERY 10       /* steps from one look at the changes to the next */

static int n;
static double *old, *new; /* rows 0 to n + 1 of columns 0 to n + 1, the border among them; shared */
static double *largest;   /* shared: the largest change in every tenth step */
static int first, past;   /* this host's rows */

static double *row(double *grid, int r)
{
	return grid + (size_t)r * (n + 2);
}

/* The temperature at the start: a bump that is zero along the border. */
static double bump(int r, int c)
{
	return sin(M_PI * r / (n + 1)) * sin(M_PI * c / (n + 1));
}

/* Compute one row of the new grid from three of the old; return the largest change. */
static double advance(int r)
{
	const double *up = row(old, r - 1), *here = row(old, r), *down = row(old, r + 1);
	double *next = row(new, r);
	double most = 0;

	for (int c = 1; c <= n; c++) {
		double change = ALPHA * (up[c] + down[c] + here[c - 1] + here[c + 1] - 4 * here[c]);
		next[c] = here[c] + change;
		if (fabs(change) > most)
			most = fabs(change);
	}
	return most;
}

/* The bump keeps its form, and a step multiplies it by a number that is known: so is the answer. */
static double worst_error(int steps)
{
	double factor = pow(1 + 4 * ALPHA * (cos(M_PI / (n + 1)) - 1), steps);
	double worst = 0;

	for (int r = 1; r <= n; r++)
		for (int c = 1; c <= n; c++) {
			double error = fabs(row(old, r)[c] - factor * bump(r, c));
			if (!(error <= worst)) /* so that a NaN counts */
				worst = error;
		}
	return worst;
}

int main(int argc, char **argv)
{
	n = argc > 1 ? atoi(argv[1]) : 1022;
	int steps = argc > 2 ? atoi(argv[2]) : 100;

	jia_init(argc, argv);
	int band = (n + 2 + jiahosts - 1) / jiahosts; /* rows, the border's among them */
	size_t bytes = sizeof(double) * (n + 2) * (n + 2);
	size_t block = sizeof(double) * (n + 2) * band;
	old = (double *)jia_alloc2(bytes, block);
	new = (double *)jia_alloc2(bytes, block);
	largest = (double *)jia_alloc(sizeof(double) * (steps / EVERY + 1));

	first = jiapid > 0 ? jiapid * band : 1;
	past = (jiapid + 1) * band < n + 1 ? (jiapid + 1) * band : n + 1;
	for (int r = first; r < past; r++)
		for (int c = 1; c <= n; c++)
			row(old, r)[c] = bump(r, c);

	jia_barrier();
	double start = jia_clock();
	int done = 0;
	while (done < steps) {
		double mine = 0;
		for (int r = first; r < past; r++) {
			double change = advance(r);
			if (change > mine)
				mine = change;
		}
		done++;
		int look = done % EVERY == 0;
		if (look) {
			jia_lock(0);
			if (mine > largest[done / EVERY])
				largest[done / EVERY] = mine;
			jia_unlock(0);
		}
		jia_barrier();
		double *swap = old;
		old = new;
		new = swap;
		if (look && largest[done / EVERY] < CALM)
			break;
	}
	double elapsed = jia_clock() - start;

	if (jiapid == 0) {
		if (!(worst_error(done) < 1e-10))
			jia_error("step4: a cell is wrong");
		printf("step4: %d x %d, %d steps, %d host(s): ok, %.3f s\n", n, n, done, jiahosts, elapsed);
	}
	jia_exit();
	return 0;
}
