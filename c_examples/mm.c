/*
 * mm - multiply two n x n matrices: C = A B.
 *
 *   JIA_NPROC=2 ./mm [n]
 *
 * Each host computes a band of rows of C from the same band of A and all of B. The matrices are homed in
 * such bands, so A and C cost no message; B is fetched once and from then on is an ordinary cached copy.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jia.h"

#define TILE 64 /* a tile of B is 32 KiB and stays in the processor's cache */
#define ERROR_LOCK 0

static int n, stride; /* stride: doubles a row, whole tiles; the surplus is zero and harmless */
static double *A, *B, *C;

static int min(int a, int b)
{
	return a < b ? a : b;
}

/* Entries are integers below 8, so that every sum below is exact. */
static double entry(uint32_t row, uint32_t column, uint32_t seed)
{
	uint32_t x = (row * 40503u + column) * 2654435761u + seed;

	x ^= x >> 15;
	x *= 2246822519u;
	return (double)(x >> 29);
}

/* c[TILE] += a[TILE] times a TILE x TILE tile. */
static void row_times_tile(double *restrict c, const double *restrict a, double tile[TILE][TILE])
{
	for (int k = 0; k < TILE; k++)
		for (int j = 0; j < TILE; j++)
			c[j] += a[k] * tile[k][j];
}

static void multiply(int first, int past)
{
	static double tile[TILE][TILE];
	int tiles = stride / TILE;

	/* Begin with the rows of B that are at home here, so that the hosts do not all ask host 0 at once. */
	for (int step = 0; step < tiles; step++) {
		int k = (first / TILE + step) % tiles * TILE;
		for (int j = 0; j < stride; j += TILE) {
			memset(tile, 0, sizeof tile);
			for (int row = 0; row < min(TILE, n - k); row++)
				memcpy(tile[row], &B[(size_t)(k + row) * stride + j], sizeof tile[row]);
			for (int i = first; i < past; i++)
				row_times_tile(&C[(size_t)i * stride + j], &A[(size_t)i * stride + k], tile);
		}
	}
}

/*
 * Freivalds' check: C = A B if A (B x) = C x for random x, which takes n^2 steps. All terms are
 * integers and below 2^53 in sum, so equality is exact. Returns the number of wrong rows.
 */
static long wrong_rows(int first, int past)
{
	double *x = calloc(stride, sizeof *x), *y = calloc(stride, sizeof *y);
	long wrong = 0;

	if (!x || !y)
		jia_error("mm: no memory for the check");
	for (int j = 0; j < n; j++)
		x[j] = 8 * entry(j, 1, 3) + entry(j, 2, 3);
	for (int k = 0; k < n; k++)
		for (int j = 0; j < n; j++)
			y[k] += B[(size_t)k * stride + j] * x[j];
	for (int i = first; i < past; i++) {
		double diff = 0;
		for (int j = 0; j < n; j++)
			diff += A[(size_t)i * stride + j] * y[j] - C[(size_t)i * stride + j] * x[j];
		wrong += diff != 0;
	}
	free(x);
	free(y);
	return wrong;
}

int main(int argc, char **argv)
{
	n = argc > 1 ? atoi(argv[1]) : 768;
	if (n < 1 || n > 100000)
		jia_error("mm: n must be from 1 to 100000");
	jia_init(argc, argv);

	/* Eight rows of whole tiles are whole pages, so bands of a multiple of eight rows share none. */
	stride = (n + TILE - 1) / TILE * TILE;
	int band = ((n + jiahosts - 1) / jiahosts + 7) / 8 * 8;
	int first = min(n, band * jiapid), past = min(n, first + band);
	size_t row_bytes = stride * sizeof(double);
	A = (double *)jia_alloc3(n * row_bytes, band * row_bytes, 0);
	B = (double *)jia_alloc3(n * row_bytes, band * row_bytes, 0);
	C = (double *)jia_alloc3(n * row_bytes, band * row_bytes, 0);
	long *wrong = (long *)jia_alloc(sizeof *wrong);

	for (int i = first; i < past; i++)
		for (int j = 0; j < n; j++) {
			A[(size_t)i * stride + j] = entry(i, j, 1);
			B[(size_t)i * stride + j] = entry(i, j, 2);
		}

	jia_barrier();
	double start = jia_clock();

	multiply(first, past);

	jia_barrier();
	double elapsed = jia_clock() - start;

	long mine = wrong_rows(first, past);
	jia_lock(ERROR_LOCK);
	*wrong += mine;
	jia_unlock(ERROR_LOCK);
	jia_barrier();

	if (jiapid == 0) {
		if (*wrong)
			jia_error("mm: %ld rows of the product are wrong", *wrong);
		printf("mm: %d x %d, %d host(s): ok, %.3f s\n", n, n, jiahosts, elapsed);
	}
	jia_exit();
	return 0;
}
