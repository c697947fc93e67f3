/*
 * Kernels that compare a page with its twin and apply the result.
 *
 * A kernel works on one sub-page of 1 to 64 blocks of 64 bytes. The functions
 * below that take a page split it into sub-pages and records; the format is
 * described in diff.go. Nothing here checks its input: the Go side has done so.
 */
#ifndef JIA_DIFF_KERNELS_H
#define JIA_DIFF_KERNELS_H

#include <stddef.h>
#include <stdint.h>

enum {
	JIA_DIFF_BLOCK_BYTES = 64,
	JIA_DIFF_SUBPAGE_BLOCKS = 64,
	JIA_DIFF_SUBPAGE_BYTES = JIA_DIFF_BLOCK_BYTES * JIA_DIFF_SUBPAGE_BLOCKS,
	JIA_DIFF_RECORD_BYTES = 16, /* record header in a stream */
};

/* From slowest to fastest; the Go side holds their names in the same order. */
enum jia_diff_kernel {
	JIA_DIFF_SCALAR,
	JIA_DIFF_AVX2,
	JIA_DIFF_AVX512,
};

/* One page of a batch. Addresses are in memory that no garbage collector moves. */
struct jia_diff_pair {
	uintptr_t page, twin;
	uint64_t number;
	uint64_t diff_bytes; /* out: length of the page's diff, 0 if nothing differs */
};

struct jia_diff_batch {
	size_t bytes; /* of stream written */
	size_t pages; /* of the batch that were compared */
};

/* Whether this processor (and its operating system) can run the kernel. */
int jia_diff_available(enum jia_diff_kernel kernel);

/* Most bytes that the diff of one page takes; the encoders may scribble on all of them. */
static inline size_t jia_diff_max_encoded(size_t page_bytes)
{
	size_t subpages = (page_bytes + JIA_DIFF_SUBPAGE_BYTES - 1) / JIA_DIFF_SUBPAGE_BYTES;
	return 8 * subpages + page_bytes / 8 + page_bytes;
}

/* Writes the diff of one page and returns its length. */
size_t jia_diff_encode(enum jia_diff_kernel kernel, uint8_t *dst, const uint8_t *page,
		       const uint8_t *twin, size_t page_bytes);

/* Writes records of changed pages until the batch is done or the next might not fit. */
struct jia_diff_batch jia_diff_encode_batch(enum jia_diff_kernel kernel, uint8_t *dst,
					    size_t dst_bytes, struct jia_diff_pair *pairs,
					    size_t pair_count, size_t page_bytes);

/* Applies a checked diff to one page. */
void jia_diff_apply(enum jia_diff_kernel kernel, uint8_t *page, size_t page_bytes,
		    const uint8_t *diff);

/* Applies a checked stream; page n is at base + n * page_bytes. */
void jia_diff_apply_stream(enum jia_diff_kernel kernel, uint8_t *base, size_t page_bytes,
			   const uint8_t *stream, size_t stream_bytes);

/*
 * The kernels. An encoder returns the number of bytes written; an applier
 * returns the first byte after the part of the diff that belongs to its sub-page.
 */
size_t jia_diff_encode_scalar(uint8_t *dst, const uint8_t *page, const uint8_t *twin,
			      size_t blocks);
const uint8_t *jia_diff_apply_scalar(uint8_t *page, const uint8_t *diff);

#ifdef __x86_64__
size_t jia_diff_encode_avx2(uint8_t *dst, const uint8_t *page, const uint8_t *twin, size_t blocks);
const uint8_t *jia_diff_apply_avx2(uint8_t *page, const uint8_t *diff);
size_t jia_diff_encode_avx512(uint8_t *dst, const uint8_t *page, const uint8_t *twin,
			      size_t blocks);
const uint8_t *jia_diff_apply_avx512(uint8_t *page, const uint8_t *diff);
#endif

#endif
