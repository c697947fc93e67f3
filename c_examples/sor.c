/*
 * sor - red-black successive over-relaxation on an M x N grid whose border is zero.
 *
 *   JIA_NPROC=4 ./sor [M N iterations]      JIA_NPROC=2 ./sor 4094 4095 100
 *
 * Each host owns a band of rows, kept in its own memory; only the rows at the edge of a band are read
 * by a neighbour. Two barriers an iteration, one after each colour of those rows.
 *
 * Layout decides what an exchange costs. The cells of a row in odd columns and those in even columns
 * are of different colours, so they lie apart, each run padded to whole pages: after the red cells have
 * changed a neighbour fetches them and nothing else, for N = 1023 a single page.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "jia.h"

#define PAGE 4096
#define OMEGA 1.5
#define ERROR_LOCK 0

static int rows, columns;   /* the cells; the border around them is not stored */
static size_t run;          /* doubles from a row's odd cells (columns 1, 3, ...) to its even ones (2, 4, ...) */
static double *grid;        /* shared: row 1 odd, row 1 even, row 2 odd, ... */
static double *border;      /* private zeros: rows 0 and rows + 1 */

static double *cells(int row, int odd)
{
	if (row == 0 || row == rows + 1)
		return border;
	return grid + ((size_t)(row - 1) * 2 + !odd) * run;
}

/*
 * Relax the cells of one colour in a row. Cell k of the odd columns lies between cells k-1 and k of the
 * even ones, cell k of the even columns between cells k and k+1 of the odd ones. A run has room for a
 * cell more to the right: that one stays zero, as the border is.
 */
static void relax(int row, int odd)
{
	double *restrict mine = cells(row, odd);
	const double *up = cells(row - 1, odd), *down = cells(row + 1, odd), *beside = cells(row, !odd);
	int count = odd ? (columns + 1) / 2 : columns / 2;

	if (odd) /* nothing to the left of column 1 */
		mine[0] += OMEGA * (0.25 * (up[0] + down[0] + beside[0]) - mine[0]);
	for (int k = odd; k < count; k++)
		mine[k] += OMEGA * (0.25 * (up[k] + down[k] + beside[k - odd] + beside[k - odd + 1]) - mine[k]);
}

static void red(int row)
{
	relax(row, row % 2); /* row + column is even */
}

static void black(int row)
{
	relax(row, !(row % 2));
}

/*
 * A black row waits for the red ones around it. Inside the band it follows a row behind, while they
 * are still in the processor's cache; at the edges it waits for the neighbour's, at the barrier.
 */
static void iterate(int first, int past)
{
	for (int r = first; r < past; r++) {
		red(r);
		if (r - 1 > first)
			black(r - 1);
	}
	jia_barrier();
	if (first < past)
		black(first);
	if (first < past - 1)
		black(past - 1);
	jia_barrier();
}

/*
 * The answer is known. With s(r, c) = sin(pi r / (M+1)) sin(pi c / (N+1)), the neighbours of a cell add
 * up to 4 lambda s. So if the red cells are x s and the black ones y s, a red sweep gives
 * x' = x + omega (lambda y - x), a black one y' = y + omega (lambda x' - y): every cell stays a
 * multiple of s, and two numbers say which.
 */
static double wave(int i, int n)
{
	return sin(M_PI * i / (n + 1));
}

static double worst_error(int first, int past, int iterations)
{
	double lambda = (cos(M_PI / (rows + 1)) + cos(M_PI / (columns + 1))) / 2;
	double factor[2] = { 1, 1 }; /* [1] red, [0] black */
	double worst = 0;

	for (int i = 0; i < iterations; i++) {
		factor[1] += OMEGA * (lambda * factor[0] - factor[1]);
		factor[0] += OMEGA * (lambda * factor[1] - factor[0]);
	}
	for (int r = first; r < past; r++)
		for (int c = 1; c <= columns; c++) {
			double want = factor[(r + c) % 2 == 0] * wave(r, rows) * wave(c, columns);
			double error = fabs(cells(r, c % 2)[(c - 1) / 2] - want);
			if (!(error <= worst)) /* so that a NaN counts */
				worst = error;
		}
	return worst;
}

int main(int argc, char **argv)
{
	rows = argc > 1 ? atoi(argv[1]) : 1022;
	columns = argc > 2 ? atoi(argv[2]) : 1023;
	int iterations = argc > 3 ? atoi(argv[3]) : 100;

	if (rows < 1 || columns < 1 || iterations < 0)
		jia_error("sor: M and N must be at least 1, iterations at least 0");
	jia_init(argc, argv);

	size_t run_bytes = ((columns / 2 + 1) * sizeof(double) + PAGE - 1) / PAGE * PAGE;
	run = run_bytes / sizeof(double);

	/* A block is a band, so a band's home is the host that computes it. */
	int band = (rows + jiahosts - 1) / jiahosts;
	grid = (double *)jia_alloc3(rows * 2 * run_bytes, band * 2 * run_bytes, 0);
	double *error = (double *)jia_alloc(sizeof *error);
	border = calloc(run, sizeof *border);
	if (!border)
		jia_error("sor: no memory for the border");

	int first = 1 + band * jiapid, past = first + band;
	if (past > rows + 1)
		past = rows + 1;
	for (int r = first; r < past; r++)
		for (int c = 1; c <= columns; c++)
			cells(r, c % 2)[(c - 1) / 2] = wave(r, rows) * wave(c, columns);

	jia_barrier();
	double start = jia_clock();

	for (int i = 0; i < iterations; i++) {
		iterate(first, past);
	}

	double elapsed = jia_clock() - start;

	double mine = worst_error(first, past, iterations);
	jia_lock(ERROR_LOCK);
	if (!(mine <= *error))
		*error = mine;
	jia_unlock(ERROR_LOCK);
	jia_barrier();

	if (jiapid == 0) {
		if (!(*error < 1e-10))
			jia_error("sor: a cell is off by %g", *error);
		printf("sor: %d x %d, %d iterations, %d host(s): ok, %.3f s\n", rows, columns, iterations, jiahosts, elapsed);
	}
	jia_exit();
	return 0;
}
