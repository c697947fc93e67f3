/*
 * allocations - every kind of allocation gives zeroed pages at the same address on all hosts, and they do not overlap.
 *
 *   JIA_NPROC=4 ./allocations
 */
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "jia.h"

#define BASE 0x400000000000
#define KINDS 11

int main(int argc, char **argv)
{
	int blocks[] = { 4096, 0, 12288 }, shares[] = { 8192 };
	size_t size[KINDS] = { 1, 100000, 50000, 70000, 0, 123456, 99999, 77777, 65536, (size_t)5 << 30, 4096 };
	unsigned long at[KINDS], end = BASE;
	uint64_t *table;

	jia_init(argc, argv);
	at[0] = jia_alloc(size[0]);
	table = (uint64_t *)at[0];
	at[1] = jia_alloc(size[1]);
	/* No synchronisation: one host uses memory that another has not allocated yet. */
	if (jiapid == jiahosts - 1)
		usleep(100000);
	else if (jiapid == 0)
		for (size_t i = 0; i < size[1]; i += 4096)
			((char *)at[1])[i] = 1;
	at[2] = jia_alloc1(size[2]);
	at[3] = jia_alloc2(size[3], 5000);
	at[4] = jia_alloc2p(size[4], jiahosts - 1);
	at[5] = jia_alloc3(size[5], 8192, jiahosts / 2);
	at[6] = jia_alloc4(size[6], blocks, 3, jiahosts - 1);
	at[7] = jia_alloc_array(size[7], shares, 1);
	at[8] = jia_alloc_random(size[8]);
	at[9] = jia_alloc2(size[9], (size_t)3 << 30); /* beyond what an int holds */
	at[10] = jia_alloc(size[10]);
	for (int i = 0; i < KINDS; i++) {
		if (at[i] % 4096 != 0 || at[i] < end)
			jia_error("allocation %d is at %#lx", i, at[i]);
		end = at[i] + (size[i] ? size[i] : 1);
	}
	jia_barrier();
	if (jiapid == 0) {
		for (size_t i = 0; i < size[1]; i += 4096)
			((char *)at[1])[i] = 0;
		for (int i = 0; i < KINDS; i++)
			table[i] = at[i];
	}
	jia_barrier();
	for (int i = 0; i < KINDS; i++)
		if (table[i] != at[i])
			jia_error("allocation %d is at %#lx, on host 0 at %#lx", i, at[i], (unsigned long)table[i]);
	for (int i = 1; i < KINDS; i++) {
		char *p = (char *)at[i];
		size_t step = size[i] > 1 << 30 ? (size_t)64 << 20 : 1000;
		for (size_t k = 0; k < size[i]; k += step)
			if (p[k] != 0)
				jia_error("fresh memory: byte %zu of allocation %d is %d", k, i, p[k]);
		jia_barrier();
		for (size_t k = 0, n = 0; k < size[i]; k += step, n++)
			if ((int)(n % (unsigned)jiahosts) == jiapid)
				p[k] = (char)(n + 1);
		jia_barrier();
		for (size_t k = 0, n = 0; k < size[i]; k += step, n++)
			if (p[k] != (char)(n + 1))
				jia_error("byte %zu of allocation %d is %d", k, i, p[k]);
	}
	jia_barrier();
	if (jiapid == 0)
		printf("allocations: ok\n");
	jia_exit();
	return 0;
}
