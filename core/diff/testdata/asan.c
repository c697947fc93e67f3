/*
 * Runs each kernel on buffers of exact size, for the address and undefined
 * behaviour sanitizers. Built and started by TestKernelsUnderSanitizers.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../kernels.h"

static uint64_t state = 88172645463325252u;

static uint64_t next_random(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static void *allocate(size_t bytes)
{
	void *memory = aligned_alloc(JIA_DIFF_BLOCK_BYTES, bytes);

	if (!memory)
		abort();
	return memory;
}

/* Changes `per_256` of 256 bytes; returns 0 if the kernel gives the page back. */
static int round_trip(enum jia_diff_kernel kernel, size_t page_bytes, unsigned per_256)
{
	uint8_t *page = allocate(page_bytes), *twin = allocate(page_bytes);
	uint8_t *room = malloc(jia_diff_max_encoded(page_bytes));

	for (size_t i = 0; i < page_bytes; i++) {
		twin[i] = (uint8_t)next_random();
		page[i] = next_random() % 256 < per_256 ? (uint8_t)~twin[i] : twin[i];
	}
	size_t diff_bytes = jia_diff_encode(kernel, room, page, twin, page_bytes);
	uint8_t *diff = malloc(diff_bytes);
	memcpy(diff, room, diff_bytes);
	jia_diff_apply(kernel, twin, page_bytes, diff);
	int differs = memcmp(page, twin, page_bytes);

	free(diff);
	free(room);
	free(twin);
	free(page);
	return differs;
}

int main(void)
{
	static const size_t sizes[] = {64, 192, 4096, 4160, 16384};
	static const unsigned densities[] = {0, 1, 20, 128, 240, 256};

	for (enum jia_diff_kernel k = JIA_DIFF_SCALAR; k <= JIA_DIFF_AVX512; k++) {
		if (!jia_diff_available(k))
			continue;
		for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
			for (size_t d = 0; d < sizeof densities / sizeof *densities; d++)
				for (int round = 0; round < 10; round++)
					if (round_trip(k, sizes[s], densities[d])) {
						fprintf(stderr, "kernel %d, %zu bytes, density %u\n",
							(int)k, sizes[s], densities[d]);
						return 1;
					}
	}
	return 0;
}
