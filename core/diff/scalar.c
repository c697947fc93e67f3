/* The kernel that runs on every processor. */
#include "words.h"

/* In each byte of a word: 1, and all bits but the top one. */
#define ONES UINT64_C(0x0101010101010101)
#define LOW7 UINT64_C(0x7f7f7f7f7f7f7f7f)

/* Bit i of the result is set if byte i of the word is not 0. */
static inline unsigned nonzero_bytes(uint64_t word)
{
	uint64_t high = (((word & LOW7) + LOW7) | word) & ~LOW7;

	/* The product moves the eight top bits, 7 + 8i, next to each other: 56 + i. */
	return (unsigned)(((high >> 7) * 0x0102040810204080) >> 56);
}

/* 0xff in each byte whose bit is set in the mask, and 0 elsewhere. */
static inline uint64_t lanes(unsigned mask)
{
	/* Byte i keeps bit i of the mask; any bit carries into the top bit. */
	uint64_t bits = mask * ONES & 0x8040201008040201;
	uint64_t top = (bits + LOW7) | bits;

	return (top >> 7 & ONES) * 0xff;
}

/* Appends the bytes of a word that the mask names. Scribbles on 8 bytes from out on. */
static inline uint8_t *pack(uint8_t *out, uint64_t word, unsigned mask)
{
	if (mask == 0xff) {
		store_word(out, word);
		return out + 8;
	}
	/* No branches within: masks are as good as random. */
	for (; mask; mask >>= 1, word >>= 8) {
		*out = (uint8_t)word;
		out += mask & 1;
	}
	return out;
}

static inline uint64_t spread(uint64_t packed, uint64_t lanes)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < 64; i += 8) {
		uint64_t lane = lanes & (uint64_t)0xff << i;

		value |= packed << i & lane;
		packed >>= lane >> i & 8;
	}
	return value;
}

size_t jia_diff_encode_scalar(uint8_t *dst, const uint8_t *page, const uint8_t *twin,
			      size_t blocks)
{
	uint8_t *masks = dst + 8, *data = data_start(dst, blocks), *out = data;
	uint64_t map = 0;

	for (size_t b = 0; b < blocks; b++, page += 64, twin += 64) {
		uint64_t mask = 0;

		for (unsigned i = 0; i < 64; i += 8) {
			/* Atomic: the mask and the bytes sent come from one read. */
			uint64_t word = __atomic_load_n((const uint64_t *)(page + i),
							__ATOMIC_RELAXED);
			uint64_t differs = word ^ load_word(twin + i);

			if (!differs)
				continue;
			unsigned changed = nonzero_bytes(differs);
			mask |= (uint64_t)changed << i;
			out = pack(out, word, changed);
		}
		if (!mask)
			continue;
		map |= (uint64_t)1 << b;
		store_word(masks, mask);
		masks += 8;
	}
	store_word(dst, map);
	return close_gap(dst, masks, data, out);
}

const uint8_t *jia_diff_apply_scalar(uint8_t *page, const uint8_t *diff)
{
	return apply_words(page, diff, lanes, spread);
}
