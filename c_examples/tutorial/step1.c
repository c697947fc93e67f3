/*
 * step1 - heat spreads in a square plate of n x n cells whose border stays cold: an ordinary program.
 *
 *   ./step1 [n steps]
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ALPHA 0.2      /* conductivity * time step / cell^2; stable up to 1/4 */
#define CALM 1e-9      /* when no cell changes by more in a step, it is over */

static int n;
static double *old, *new; /* rows 0 to n + 1 of columns 0 to n + 1, the border among them */

static double *row(double *grid, int r)
{
	return grid + (size_t)r * (n + 2);
}

/* The temperature at the start: a bump that is zero along the border. */
static double bump(int r, int c)
{
	return sin(M_PI * r / (n + 1)) * sin(M_PI * c / (n + 1));
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + 1e-9 * now.tv_nsec;
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

	size_t bytes = sizeof(double) * (n + 2) * (n + 2);
	old = calloc(1, bytes);
	new = calloc(1, bytes);
	for (int r = 1; r <= n; r++)
		for (int c = 1; c <= n; c++)
			row(old, r)[c] = bump(r, c);

	double start = seconds();
	int done = 0;
	while (done < steps) {
		double largest = 0;
		for (int r = 1; r <= n; r++) {
			double change = advance(r);
			if (change > largest)
				largest = change;
		}
		done++;
		double *swap = old;
		old = new;
		new = swap;
		if (largest < CALM)
			break;
	}
	double elapsed = seconds() - start;

	if (!(worst_error(done) < 1e-10)) {
		fprintf(stderr, "step1: a cell is wrong\n");
		return 1;
	}
	printf("step1: %d x %d, %d steps: ok, %.3f s\n", n, n, done, elapsed);
	return 0;
}
