/*
 * transpose - a matrix is transposed again and again, each time into memory that was just allocated.
 *
 *   JIA_NPROC=4 ./transpose [n steps]
 *
 * jia_alloc_attr gives each host one block of rows and puts it on that host, since a host writes its own rows
 * and reads a part of everybody's. jia_free gives the old matrix back: a barrier later its addresses and its
 * memory are there again, so the program needs three matrices, however many steps it makes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jia.h"

#define TILE 64 /* rows and columns that are copied at once: both their pages stay near */

static int n;

static double *new_matrix(void)
{
	jia_alloc_attr_t attr;
	double *m;

	memset(&attr, 0, sizeof attr);
	attr.size = sizeof attr;
	attr.placement = JIA_PLACE_BLOCKS;
	attr.name = "matrix"; /* for messages and the statistics: see JIA_STATS */
	m = jia_alloc_attr((size_t)n * n * sizeof *m, &attr);
	if (!m)
		jia_error("transpose: no room for a matrix of %d x %d", n, n);
	return m;
}

/* transpose writes rows first to last of `to`, whose row is the column of `from`. */
static void transpose(double *to, const double *from, int first, int last)
{
	for (int r0 = first; r0 <= last; r0 += TILE)
		for (int c0 = 0; c0 < n; c0 += TILE)
			for (int r = r0; r < r0 + TILE && r <= last; r++)
				for (int c = c0; c < c0 + TILE && c < n; c++)
					to[(size_t)r * n + c] = from[(size_t)c * n + r] + 1;
}

static unsigned long memory(void)
{
	jia_stats_t stats;

	stats.size = sizeof stats;
	return jia_stats(&stats) == 0 ? stats.memory_bytes : 0;
}

int main(int argc, char **argv)
{
	n = argc > 1 ? atoi(argv[1]) : 768;
	int steps = argc > 2 ? atoi(argv[2]) : 20;

	if (n < 1 || n > 16000 || steps < 0)
		jia_error("transpose: n must be from 1 to 16000, steps at least 0");
	jia_init(argc, argv);

	int first = 0, last = n - 1;
	jia_divtask(&first, &last);
	double *old = new_matrix();
	for (int r = first; r <= last; r++)
		for (int c = 0; c < n; c++)
			old[(size_t)r * n + c] = r + (double)c * n;
	jia_barrier();

	double start = jia_clock();
	unsigned long most = 0;
	for (int s = 0; s < steps; s++) {
		double *new = new_matrix();

		transpose(new, old, first, last);
		jia_barrier(); /* takes the matrix back that was freed in the step before */
		jia_free(old);
		old = new;
		if (s == 3)
			most = memory();
	}
	jia_barrier();
	double seconds = jia_clock() - start;

	if (steps > 4 && memory() > most)
		jia_error("transpose: %lu bytes of memory after %d steps, %lu after 4", memory(), steps, most);
	for (int r = first; r <= last; r++)
		for (int c = 0; c < n; c++) {
			double want = (steps % 2 ? c + (double)r * n : r + (double)c * n) + steps;

			if (old[(size_t)r * n + c] != want)
				jia_error("transpose: row %d, column %d is %g, not %g", r, c, old[(size_t)r * n + c], want);
		}
	jia_barrier();
	if (jiapid == 0)
		printf("transpose: n = %d, %d steps, %d host(s): ok, %.3f s\n", n, steps, jiahosts, seconds);
	jia_exit();
	return 0;
}
