/* Choice of a kernel, and the loops over sub-pages and records around it. */
#include "kernels.h"
#include "words.h"

static const struct {
	size_t (*encode)(uint8_t *, const uint8_t *, const uint8_t *, size_t);
	const uint8_t *(*apply)(uint8_t *, const uint8_t *);
} kernels[] = {
	[JIA_DIFF_SCALAR] = {jia_diff_encode_scalar, jia_diff_apply_scalar},
#ifdef __x86_64__
	[JIA_DIFF_AVX2] = {jia_diff_encode_avx2, jia_diff_apply_avx2},
	[JIA_DIFF_AVX512] = {jia_diff_encode_avx512, jia_diff_apply_avx512},
#endif
};

int jia_diff_available(enum jia_diff_kernel kernel)
{
#ifdef __x86_64__
	__builtin_cpu_init();
	switch (kernel) {
	case JIA_DIFF_SCALAR:
		return 1;
	case JIA_DIFF_AVX2:
		/* These have PEXT and PDEP in microcode, slower than the scalar kernel. */
		if (__builtin_cpu_is("bdver4") || __builtin_cpu_is("znver1") ||
		    __builtin_cpu_is("znver2"))
			return 0;
		return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
		       __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt");
	case JIA_DIFF_AVX512:
		return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
		       __builtin_cpu_supports("avx512vbmi2") && __builtin_cpu_supports("bmi") &&
		       __builtin_cpu_supports("popcnt");
	}
	return 0;
#else
	return kernel == JIA_DIFF_SCALAR;
#endif
}

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

size_t jia_diff_encode(enum jia_diff_kernel kernel, uint8_t *dst, const uint8_t *page,
		       const uint8_t *twin, size_t page_bytes)
{
	uint8_t *out = dst;

	for (size_t at = 0; at < page_bytes; at += JIA_DIFF_SUBPAGE_BYTES) {
		size_t bytes = smaller(page_bytes - at, JIA_DIFF_SUBPAGE_BYTES);

		out += kernels[kernel].encode(out, page + at, twin + at,
					      bytes / JIA_DIFF_BLOCK_BYTES);
	}
	return (size_t)(out - dst);
}

/* An unchanged page has one empty block map for each sub-page and nothing else. */
static int unchanged(size_t diff_bytes, size_t page_bytes)
{
	return diff_bytes ==
	       8 * ((page_bytes + JIA_DIFF_SUBPAGE_BYTES - 1) / JIA_DIFF_SUBPAGE_BYTES);
}

static size_t padded(size_t bytes)
{
	return (bytes + 7) & ~(size_t)7;
}

struct jia_diff_batch jia_diff_encode_batch(enum jia_diff_kernel kernel, uint8_t *dst,
					    size_t dst_bytes, struct jia_diff_pair *pairs,
					    size_t pair_count, size_t page_bytes)
{
	size_t record_bytes = JIA_DIFF_RECORD_BYTES + jia_diff_max_encoded(page_bytes);
	struct jia_diff_batch done = {0, 0};

	for (; done.pages < pair_count && dst_bytes - done.bytes >= record_bytes; done.pages++) {
		struct jia_diff_pair *pair = &pairs[done.pages];
		uint8_t *record = dst + done.bytes;
		uint8_t *diff = record + JIA_DIFF_RECORD_BYTES;
		size_t bytes = jia_diff_encode(kernel, diff, (const uint8_t *)pair->page,
					       (const uint8_t *)pair->twin, page_bytes);

		pair->diff_bytes = 0;
		if (unchanged(bytes, page_bytes))
			continue;
		pair->diff_bytes = bytes;
		store_word(record, pair->number);
		store_word(record + 8, bytes); /* u32 length, u32 zero */
		memset(diff + bytes, 0, padded(bytes) - bytes);
		done.bytes += JIA_DIFF_RECORD_BYTES + padded(bytes);
	}
	return done;
}

void jia_diff_apply(enum jia_diff_kernel kernel, uint8_t *page, size_t page_bytes,
		    const uint8_t *diff)
{
	for (size_t at = 0; at < page_bytes; at += JIA_DIFF_SUBPAGE_BYTES)
		diff = kernels[kernel].apply(page + at, diff);
}

void jia_diff_apply_stream(enum jia_diff_kernel kernel, uint8_t *base, size_t page_bytes,
			   const uint8_t *stream, size_t stream_bytes)
{
	for (const uint8_t *end = stream + stream_bytes; stream < end;) {
		uint64_t number = load_word(stream);
		size_t bytes = load_word(stream + 8);

		jia_diff_apply(kernel, base + number * page_bytes, page_bytes,
			       stream + JIA_DIFF_RECORD_BYTES);
		stream += JIA_DIFF_RECORD_BYTES + padded(bytes);
	}
}
