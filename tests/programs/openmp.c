/*
 * openmp - threads of OpenMP on several hosts: all of them fault, lock and unlock.
 *
 *   JIA_NPROC=2 ./openmp
 */
#include <omp.h>
#include <stdio.h>

#include "jia.h"

#define N (1 << 18)
#define BINS 16

int main(int argc, char **argv)
{
	int *a, *bin, i, round, first, past, total = 0;

	jia_init(argc, argv);
	a = (int *)jia_alloc(N * sizeof *a);
	bin = (int *)jia_alloc(BINS * sizeof *bin);
	first = (int)((long)N * jiapid / jiahosts);
	past = (int)((long)N * (jiapid + 1) / jiahosts);
	jia_barrier();
	for (round = 1; round <= 3; round++) {
#pragma omp parallel for schedule(dynamic, 64) num_threads(3)
		for (i = first; i < past; i++)
			a[i] = i + round;
		jia_barrier();
#pragma omp parallel for schedule(static, 333) num_threads(3)
		for (i = N - 1; i >= 0; i--)
			if (a[i] != i + round)
				jia_error("a[%d] is %d in round %d", i, a[i], round);
#pragma omp parallel for num_threads(3)
		for (i = first; i < past; i += 512) {
			int b = i / 512 % BINS;
			jia_lock(b);
			bin[b]++;
			jia_unlock(b);
		}
		jia_barrier();
	}
	for (i = 0; i < BINS; i++)
		total += bin[i];
	for (i = 0, first = 0; i < jiahosts; i++)
		first += (int)(((long)N * (i + 1) / jiahosts - (long)N * i / jiahosts + 511) / 512);
	if (total != 3 * first)
		jia_error("the bins hold %d, not %d", total, 3 * first);
	jia_barrier();
	if (jiapid == 0)
		printf("openmp: ok\n");
	jia_exit();
	return 0;
}
