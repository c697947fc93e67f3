/*
 * sparse - 64 GiB of shared memory of which little is touched: memory follows what is touched.
 *
 *   JIA_NPROC=2 ./sparse
 *
 * Prints what each host has resident, in KiB.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "jia.h"

#define SIZE ((size_t)64 << 30)
#define STEP ((size_t)16 << 20)

static long status(const char *field)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[256];
	long value = -1;

	while (f && fgets(line, sizeof line, f))
		if (!strncmp(line, field, strlen(field)))
			sscanf(line + strlen(field), ": %ld", &value);
	if (f)
		fclose(f);
	return value;
}

/* A place somewhere in stretch k, so that neither the pages nor their homes follow a pattern. */
static volatile uint64_t *place(char *memory, size_t k)
{
	return (volatile uint64_t *)(memory + k * STEP + (k * 2654435761u % STEP & ~(size_t)7));
}

int main(int argc, char **argv)
{
	char *memory;
	size_t k;

	jia_init(argc, argv);
	memory = (char *)jia_alloc(SIZE);
	jia_barrier();
	for (k = 0; k < SIZE / STEP; k++)
		if ((int)(k % (unsigned)jiahosts) == jiapid)
			*place(memory, k) = k + 1;
	jia_barrier();
	for (k = 0; k < SIZE / STEP; k++)
		if (*place(memory, k) != k + 1)
			jia_error("stretch %zu is %llu", k, (unsigned long long)*place(memory, k));
	jia_barrier();
	printf("host %d: %ld KiB resident, %ld KiB of them shared\n", jiapid, status("VmRSS"), status("RssShmem"));
	jia_exit();
	return 0;
}
