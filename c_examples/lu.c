/*
 * lu - factor a diagonally dominant n x n matrix in place: A = L U, without pivoting.
 *
 *   JIA_NPROC=2 ./lu [n]
 *
 * Right-looking, in blocks. The matrix is stored block by block, and block rows are dealt round the
 * hosts like cards: as the active part shrinks, everybody keeps a fair share of it. jia_alloc3 deals the
 * homes in the same way, so a host writes only memory of its own.
 *
 * Step k: the owner of block row k finishes it; after a barrier everybody updates his own rows with it.
 * Row k never changes again, so each of its pages is fetched at most once by each host.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "jia.h"

#define B 64 /* rows and columns of a block: 32 KiB, eight pages */
#define ERROR_LOCK 0

typedef double block[B][B];

static int n, blocks;  /* blocks: of a row or column; beyond n the matrix continues as the identity */
static block *matrix;  /* shared, block rows one after another */

static block *at(int i, int j)
{
	return &matrix[(size_t)i * blocks + j];
}

static int mine(int i)
{
	return i % jiahosts == jiapid;
}

/* Off the diagonal from -1/2 to 1/2; on it n, more than a row's other entries add up to. */
static double entry(int row, int column)
{
	if (row >= n || column >= n)
		return row == column;
	if (row == column)
		return n;
	uint32_t x = ((uint32_t)row * 40503u + (uint32_t)column) * 2654435761u;
	x ^= x >> 15;
	x *= 2246822519u;
	return (double)x * 0x1p-32 - 0.5;
}

/* Factor a diagonal block: the unit lower triangle of L below, U on and above the diagonal. */
static void factor(block a)
{
	for (int k = 0; k < B; k++)
		for (int i = k + 1; i < B; i++) {
			double f = a[i][k] /= a[k][k];
			for (int j = k + 1; j < B; j++)
				a[i][j] -= f * a[k][j];
		}
}

/* a = L^-1 a, where L is the lower triangle of d: a block of U. */
static void solve_lower(block d, block a)
{
	for (int k = 0; k < B; k++)
		for (int i = k + 1; i < B; i++) {
			double f = d[i][k];
			double *restrict to = a[i];
			const double *restrict from = a[k];
			for (int j = 0; j < B; j++)
				to[j] -= f * from[j];
		}
}

/* a = a U^-1, where U is the upper triangle of d: a block of L. */
static void solve_upper(block d, block a)
{
	for (int i = 0; i < B; i++)
		for (int k = 0; k < B; k++) {
			double f = a[i][k] /= d[k][k];
			for (int j = k + 1; j < B; j++)
				a[i][j] -= f * d[k][j];
		}
}

/* a -= l u, where nearly all the time goes. */
static void update(block a, block l, block u)
{
	for (int i = 0; i < B; i++)
		for (int k = 0; k < B; k++) {
			double f = l[i][k];
			double *restrict to = a[i];
			const double *restrict from = u[k];
			for (int j = 0; j < B; j++)
				to[j] -= f * from[j];
		}
}

static void decompose(void)
{
	for (int k = 0; k < blocks; k++) {
		if (mine(k)) {
			factor(*at(k, k));
			for (int j = k + 1; j < blocks; j++)
				solve_lower(*at(k, k), *at(k, j));
		}
		jia_barrier();
		/* No barrier follows: the next step writes rows below k only, each its owner alone. */
		for (int i = k + 1; i < blocks; i++) {
			if (!mine(i))
				continue;
			solve_upper(*at(k, k), *at(i, k));
			for (int j = k + 1; j < blocks; j++)
				update(*at(i, j), *at(i, k), *at(k, j));
		}
	}
}

/*
 * L U = A if L (U x) = A x for random x, up to rounding: two products of n^2 steps instead of one of n^3.
 * y = U x is shared; each host computes its rows of it. Returns the worst relative error of its rows.
 */
static double worst_error(double *y)
{
	double worst = 0;
	double *x = malloc(blocks * B * sizeof *x);

	if (!x)
		jia_error("lu: no memory for the check");
	for (int j = 0; j < blocks * B; j++)
		x[j] = 1 + entry(j % n, n + 1 + j) + sin(j);
	for (int row = 0; row < blocks * B; row++)
		if (mine(row / B)) {
			double sum = 0;
			for (int j = row; j < blocks * B; j++)
				sum += (*at(row / B, j / B))[row % B][j % B] * x[j];
			y[row] = sum;
		}
	jia_barrier();
	for (int row = 0; row < blocks * B; row++)
		if (mine(row / B)) {
			double sum = y[row], want = 0, size = 0;
			for (int j = 0; j < row; j++)
				sum += (*at(row / B, j / B))[row % B][j % B] * y[j];
			for (int j = 0; j < blocks * B; j++) {
				double term = entry(row, j) * x[j];
				want += term;
				size += fabs(term);
			}
			double error = fabs(sum - want) / (size + 1);
			if (!(error <= worst)) /* so that a NaN counts */
				worst = error;
		}
	free(x);
	return worst;
}

int main(int argc, char **argv)
{
	n = argc > 1 ? atoi(argv[1]) : 1024;
	if (n < 1 || n > 100000)
		jia_error("lu: n must be from 1 to 100000");
	jia_init(argc, argv);

	blocks = (n + B - 1) / B;
	size_t block_row = blocks * sizeof(block);
	matrix = (block *)jia_alloc3(blocks * block_row, block_row, 0);
	double *y = (double *)jia_alloc(blocks * B * sizeof *y);
	double *error = (double *)jia_alloc(sizeof *error);

	for (int row = 0; row < blocks * B; row++)
		if (mine(row / B))
			for (int j = 0; j < blocks * B; j++)
				(*at(row / B, j / B))[row % B][j % B] = entry(row, j);

	jia_barrier();
	double start = jia_clock();

	decompose();

	jia_barrier();
	double elapsed = jia_clock() - start;

	double my_error = worst_error(y);
	jia_lock(ERROR_LOCK);
	if (!(my_error <= *error))
		*error = my_error;
	jia_unlock(ERROR_LOCK);
	jia_barrier();

	if (jiapid == 0) {
		if (!(*error < 1e-12))
			jia_error("lu: L U differs from A by %g", *error);
		printf("lu: %d x %d, %d host(s): ok, %.3f s\n", n, n, jiahosts, elapsed);
	}
	jia_exit();
	return 0;
}
