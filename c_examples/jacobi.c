/*
 * jacobi - heat spreads in a square plate of n x n cells whose border stays at zero.
 *
 *   JIA_NPROC=4 ./jacobi [n steps]
 *
 * Every step computes a new grid from the old one, so one barrier a step is enough: nobody writes what
 * others read. Each host owns a band of rows. jia_alloc_array says how many bytes go to which host, so
 * bands may differ in size and rows need not fill pages: only a band begins on a page of its own.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "jia.h"

#define PAGE 4096
#define ALPHA 0.2 /* conductivity * time step / cell^2; stable up to 1/4 */
#define ERROR_LOCK 0

static int n;
static int *first;     /* the first row of each host, then n + 1; rows count from 1 */
static size_t *offset; /* bytes from the beginning of a grid to each host's band */
static double *border; /* private zeros: rows 0 and n + 1 */

/* Row r of a grid; its cells are [1] to [n], with a border cell at either end. */
static double *row(char *grid, int r)
{
	int host = 0;

	if (r == 0 || r == n + 1)
		return border;
	while (r >= first[host + 1])
		host++;
	return (double *)(grid + offset[host]) + (size_t)(r - first[host]) * (n + 2);
}

static void step(char *from, char *to)
{
	for (int r = first[jiapid]; r < first[jiapid + 1]; r++) {
		const double *up = row(from, r - 1), *here = row(from, r), *down = row(from, r + 1);
		double *restrict new = row(to, r);
		for (int c = 1; c <= n; c++)
			new[c] = here[c] + ALPHA * (up[c] + down[c] + here[c - 1] + here[c + 1] - 4 * here[c]);
	}
}

/*
 * A standing wave keeps its form: with s(r, c) = sin(2 pi r / (n+1)) sin(3 pi c / (n+1)), the neighbours
 * of a cell add up to (2 cos(2 pi / (n+1)) + 2 cos(3 pi / (n+1))) s, so a step multiplies s by a number.
 */
static double wave(int r, int c)
{
	return sin(2 * M_PI * r / (n + 1)) * sin(3 * M_PI * c / (n + 1));
}

static double worst_error(char *grid, int steps)
{
	double sum = 2 * cos(2 * M_PI / (n + 1)) + 2 * cos(3 * M_PI / (n + 1));
	double factor = pow(1 + ALPHA * (sum - 4), steps);
	double worst = 0;

	for (int r = first[jiapid]; r < first[jiapid + 1]; r++)
		for (int c = 1; c <= n; c++) {
			double error = fabs(row(grid, r)[c] - factor * wave(r, c));
			if (!(error <= worst)) /* so that a NaN counts */
				worst = error;
		}
	return worst;
}

int main(int argc, char **argv)
{
	n = argc > 1 ? atoi(argv[1]) : 1000;
	int steps = argc > 2 ? atoi(argv[2]) : 100;

	if (n < 1 || n > 16000 || steps < 0)
		jia_error("jacobi: n must be from 1 to 16000, steps at least 0");
	jia_init(argc, argv);

	int *bytes = malloc(jiahosts * sizeof *bytes);
	first = malloc((jiahosts + 1) * sizeof *first);
	offset = malloc(jiahosts * sizeof *offset);
	border = calloc(n + 2, sizeof *border);
	if (!bytes || !first || !offset || !border)
		jia_error("jacobi: no memory");
	size_t size = 0;
	for (int h = 0; h < jiahosts; h++) {
		first[h] = 1 + (int)((long)n * h / jiahosts);
		first[h + 1] = 1 + (int)((long)n * (h + 1) / jiahosts);
		size_t band = (first[h + 1] - first[h]) * (n + 2) * sizeof(double);
		bytes[h] = (int)((band / PAGE + 1) * PAGE);
		offset[h] = size;
		size += bytes[h];
	}
	char *old = (char *)jia_alloc_array(size, bytes, jiahosts);
	char *new = (char *)jia_alloc_array(size, bytes, jiahosts);
	double *error = (double *)jia_alloc(sizeof *error);

	for (int r = first[jiapid]; r < first[jiapid + 1]; r++)
		for (int c = 1; c <= n; c++)
			row(old, r)[c] = wave(r, c);

	jia_barrier();
	double start = jia_clock();

	for (int i = 0; i < steps; i++) {
		step(old, new);
		jia_barrier();
		char *swap = old;
		old = new;
		new = swap;
	}

	double elapsed = jia_clock() - start;

	double mine = worst_error(old, steps);
	jia_lock(ERROR_LOCK);
	if (!(mine <= *error))
		*error = mine;
	jia_unlock(ERROR_LOCK);
	jia_barrier();

	if (jiapid == 0) {
		if (!(*error < 1e-10))
			jia_error("jacobi: a cell is off by %g", *error);
		printf("jacobi: %d x %d, %d steps, %d host(s): ok, %.3f s\n", n, n, steps, jiahosts, elapsed);
	}
	jia_exit();
	return 0;
}
