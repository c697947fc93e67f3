/*
 * resume_jacobi - the heat of jacobi.c, in a run that can be killed and goes on.
 *
 *   JIA_NPROC=4 JIA_CKPT_DIR=ckpt JIA_CKPT_INTERVAL=60 ./resume_jacobi [n steps every]
 *   JIA_NPROC=3 JIA_CKPT_DIR=ckpt JIA_RESTORE=ckpt ./resume_jacobi [n steps every]
 *
 * What a program needs for it: how far it has come is in shared memory, written before the barrier that ends a step. A checkpoint
 * is taken in a barrier, so it has a whole number of steps. A run that begins from one makes the same allocations, leaves
 * out what fills them, and takes up the loop where it was. Sizes do not depend on the number of hosts, so that this may change.
 *
 * With every = 0 the library takes the checkpoints, by JIA_CKPT_INTERVAL; else the program asks for one each so many steps.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jia.h"

#define ALPHA 0.2 /* conductivity * time step / cell^2; stable up to 1/4 */

struct progress {
	long steps; /* that are done; written by host 0 before the barrier that ends a step */
};

static int n; /* cells in a row; a grid has a border of zeros around them */

static double *row(double *grid, int r)
{
	return grid + (size_t)r * (n + 2);
}

static double *new_grid(void)
{
	jia_alloc_attr_t bands = { .size = sizeof bands, .placement = JIA_PLACE_BLOCKS };
	double *grid = jia_alloc_attr((size_t)(n + 2) * (n + 2) * sizeof(double), &bands);

	if (!grid)
		jia_error("resume_jacobi: no memory");
	return grid;
}

static void step(double *from, double *to, int first, int last)
{
	for (int r = first; r <= last; r++) {
		const double *up = row(from, r - 1), *here = row(from, r), *down = row(from, r + 1);
		double *restrict new = row(to, r);
		for (int c = 1; c <= n; c++)
			new[c] = here[c] + ALPHA * (up[c] + down[c] + here[c - 1] + here[c + 1] - 4 * here[c]);
	}
}

/* A wave that keeps its form: see jacobi.c. */
static double wave(int r, int c)
{
	return sin(2 * M_PI * r / (n + 1)) * sin(3 * M_PI * c / (n + 1));
}

/* The end of a step: a barrier, or a checkpoint, which is one, too. What goes wrong with it is in a line of the library's. */
static void meet(long done, long every)
{
	if (every > 0 && done % every == 0)
		jia_checkpoint_start();
	else
		jia_barrier();
}

/* Host 0 looks at every cell, and takes a sum that is the same for equal grids only, or nearly so. */
static uint64_t check(double *grid, long steps)
{
	double sum = 2 * cos(2 * M_PI / (n + 1)) + 2 * cos(3 * M_PI / (n + 1));
	double factor = pow(1 + ALPHA * (sum - 4), steps);
	uint64_t hash = 14695981039346656037u;

	for (int r = 1; r <= n; r++)
		for (int c = 1; c <= n; c++) {
			double cell = row(grid, r)[c];
			uint64_t bits;
			if (!(fabs(cell - factor * wave(r, c)) < 1e-10)) /* so that a NaN counts */
				jia_error("resume_jacobi: cell %d %d is %g", r, c, cell);
			memcpy(&bits, &cell, sizeof bits);
			hash = (hash ^ bits) * 1099511628211u;
		}
	return hash;
}

int main(int argc, char **argv)
{
	n = argc > 1 ? atoi(argv[1]) : 400;
	long steps = argc > 2 ? atol(argv[2]) : 100;
	long every = argc > 3 ? atol(argv[3]) : 0;

	if (n < 1 || n > 16000 || steps < 0)
		jia_error("resume_jacobi: n must be from 1 to 16000, steps at least 0");
	jia_init(argc, argv);

	/* The same calls in every run: one that begins from a checkpoint gets what they have held. */
	double *grid[2];
	grid[0] = new_grid(); /* one by one: C does not say in which order a list is evaluated */
	grid[1] = new_grid();
	struct progress *progress = (struct progress *)jia_alloc(sizeof *progress);

	int first = 1, last = n;
	jia_divtask(&first, &last);
	if (!jia_restored()) {
		for (int r = first; r <= last; r++)
			for (int c = 1; c <= n; c++)
				row(grid[0], r)[c] = wave(r, c);
	}
	long done = progress->steps;

	jia_barrier();
	double start = jia_clock();

	while (done < steps) {
		step(grid[done % 2], grid[1 - done % 2], first, last);
		done++;
		if (jiapid == 0)
			progress->steps = done;
		meet(done, every);
	}

	double elapsed = jia_clock() - start;

	if (jiapid == 0)
		printf("resume_jacobi: %d x %d, %ld steps, %d host(s): ok, sum %016lx, %.3f s\n", n, n, steps, jiahosts,
		       (unsigned long)check(grid[done % 2], done), elapsed);
	jia_exit();
	return 0;
}
