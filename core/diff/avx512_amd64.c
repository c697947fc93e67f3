/* The kernel for AVX-512 with BW and VBMI2: a block is one vector. */
#include <immintrin.h>

#include "words.h"

#define TARGET __attribute__((target("avx512f,avx512bw,avx512vbmi2,bmi,popcnt")))

TARGET size_t jia_diff_encode_avx512(uint8_t *dst, const uint8_t *page, const uint8_t *twin,
				     size_t blocks)
{
	uint8_t *masks = dst + 8, *data = data_start(dst, blocks), *out = data;
	uint64_t map = 0;

	for (size_t b = 0; b < blocks; b++, page += 64, twin += 64) {
		__m512i block = _mm512_loadu_si512(page);

		/* Keeps the compiler from reading the page again for the bytes. */
		__asm__("" : "+v"(block));
		uint64_t mask = _mm512_cmpneq_epi8_mask(block, _mm512_loadu_si512(twin));
		if (!mask)
			continue;
		map |= (uint64_t)1 << b;
		store_word(masks, mask);
		masks += 8;
		/* Compressing in a register: straight to memory is microcode on some. */
		_mm512_storeu_si512(out, _mm512_maskz_compress_epi8(mask, block));
		out += _mm_popcnt_u64(mask);
	}
	store_word(dst, map);
	return close_gap(dst, masks, data, out);
}

/*
 * A masked store writes no byte outside its mask. That the words inside one
 * cache line do not tear is not in the manuals, but holds for processors that
 * commit a store to a line at once; the tests watch for it.
 */
TARGET const uint8_t *jia_diff_apply_avx512(uint8_t *page, const uint8_t *diff)
{
	uint64_t map = load_word(diff);
	const uint8_t *mask_at = diff + 8;
	const uint8_t *data = mask_at + 8 * _mm_popcnt_u64(map);

	for (; map; map &= map - 1, mask_at += 8) {
		uint8_t *block = page + JIA_DIFF_BLOCK_BYTES * _tzcnt_u64(map);
		uint64_t mask = load_word(mask_at);

		/* Expanding from memory reads no byte behind those it needs. */
		_mm512_mask_storeu_epi8(block, mask, _mm512_maskz_expandloadu_epi8(mask, data));
		data += _mm_popcnt_u64(mask);
	}
	return data;
}
