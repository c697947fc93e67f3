/* The kernel for AVX2 with BMI2: vectors compare, PEXT and PDEP move bytes. */
#include <immintrin.h>

#include "words.h"

#define TARGET __attribute__((target("avx2,bmi,bmi2,popcnt")))

TARGET static inline uint64_t lanes(unsigned mask)
{
	return _pdep_u64(mask, 0x0101010101010101) * 0xff;
}

TARGET static inline uint64_t spread(uint64_t packed, uint64_t changed)
{
	return _pdep_u64(packed, changed);
}

/* Half a block of the page. The empty asm keeps the compiler from reading it again. */
TARGET static inline __m256i load_once(const uint8_t *at)
{
	__m256i half = _mm256_loadu_si256((const __m256i *)at);

	__asm__("" : "+x"(half));
	return half;
}

TARGET static inline uint64_t differing(__m256i half, const uint8_t *twin)
{
	__m256i same = _mm256_cmpeq_epi8(half, _mm256_loadu_si256((const __m256i *)twin));

	return (uint32_t)~_mm256_movemask_epi8(same);
}

TARGET size_t jia_diff_encode_avx2(uint8_t *dst, const uint8_t *page, const uint8_t *twin,
				   size_t blocks)
{
	uint8_t *masks = dst + 8, *data = data_start(dst, blocks), *out = data;
	uint64_t map = 0;

	for (size_t b = 0; b < blocks; b++, page += 64, twin += 64) {
		__m256i low = load_once(page), high = load_once(page + 32);
		uint64_t mask = differing(low, twin) | differing(high, twin + 32) << 32;
		uint64_t words[8];

		if (!mask)
			continue;
		map |= (uint64_t)1 << b;
		store_word(masks, mask);
		masks += 8;
		if (mask == UINT64_MAX) {
			_mm256_storeu_si256((__m256i *)out, low);
			_mm256_storeu_si256((__m256i *)(out + 32), high);
			out += 64;
			continue;
		}
		_mm256_storeu_si256((__m256i *)words, low);
		_mm256_storeu_si256((__m256i *)(words + 4), high);
		for (unsigned i = 0; mask; i++, mask >>= 8) {
			store_word(out, _pext_u64(words[i], lanes(mask & 0xff)));
			out += _mm_popcnt_u32(mask & 0xff);
		}
	}
	store_word(dst, map);
	return close_gap(dst, masks, data, out);
}

TARGET const uint8_t *jia_diff_apply_avx2(uint8_t *page, const uint8_t *diff)
{
	return apply_words(page, diff, lanes, spread);
}
