/*
 * What the kernels share: access to words, and the shape of an encoded sub-page.
 */
#ifndef JIA_DIFF_WORDS_H
#define JIA_DIFF_WORDS_H

#include <stdint.h>
#include <string.h>

#include "kernels.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
	       "byte masks and the diff format are little-endian");

#define JIA_DIFF_INLINE static inline __attribute__((always_inline))

/* Words in the diff and in the twin: at any address, seen by nobody else. */
JIA_DIFF_INLINE uint64_t load_word(const uint8_t *at)
{
	uint64_t word;
	memcpy(&word, at, sizeof word);
	return word;
}

JIA_DIFF_INLINE void store_word(uint8_t *at, uint64_t word)
{
	memcpy(at, &word, sizeof word);
}

/*
 * An encoder cannot know how many masks will precede the changed bytes before
 * it has seen the whole sub-page, and it may read each word only once. So it
 * puts the bytes behind room for all masks, and closes the gap at the end: a
 * full sub-page needs no move, a sparse one has little to move. A byte that
 * block b contributes lands at or before data_start + 64 * b + 63, so an
 * encoder may store whole vectors there and let the next overwrite their tails.
 */
JIA_DIFF_INLINE uint8_t *data_start(uint8_t *dst, size_t blocks)
{
	return dst + 8 + 8 * blocks;
}

JIA_DIFF_INLINE size_t close_gap(uint8_t *dst, uint8_t *masks_end, const uint8_t *data,
				 const uint8_t *data_end)
{
	size_t data_bytes = (size_t)(data_end - data);

	if (masks_end != data)
		memmove(masks_end, data, data_bytes);
	return (size_t)(masks_end - dst) + data_bytes;
}

/*
 * The last `count` (1 to 8) bytes before `end`, in the low bytes of a word. It
 * reads the 8 bytes before `end`: within the diff, because a block map and at
 * least one mask precede all changed bytes.
 */
JIA_DIFF_INLINE uint64_t load_tail(const uint8_t *end, unsigned count)
{
	return load_word(end - 8) >> (64 - 8 * count);
}

/*
 * Stores the bytes `lanes` (0xff in each that is stored) of `value` to an
 * aligned word of a page that others may be writing and reading. The exchange
 * fails if a neighbouring byte changed since it was read, so no write is lost
 * although whole words are written; byte stores would not lose one either, but
 * a reader of the word could see half of the change.
 */
JIA_DIFF_INLINE void merge_word(uint64_t *word, uint64_t lanes, uint64_t value)
{
	uint64_t old = __atomic_load_n(word, __ATOMIC_RELAXED);

	while (!__atomic_compare_exchange_n(word, &old, (old & ~lanes) | value, 1,
					    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

/* 0xff in each byte of a word that the 8-bit mask names, 0 in the others. */
typedef uint64_t lanes_fn(unsigned mask);
/* Moves the low bytes of `packed`, as many as there are lanes, to the lanes. */
typedef uint64_t spread_fn(uint64_t packed, uint64_t lanes);

JIA_DIFF_INLINE unsigned lane_count(uint64_t lanes)
{
	return (unsigned)((lanes & 0x0101010101010101) * 0x0101010101010101 >> 56);
}

/*
 * Applies the part of one word: by a single store of 1, 2, 4 or 8 bytes if one
 * covers exactly the changed bytes, else by merge_word. The test is without
 * branches because masks are as good as random.
 */
JIA_DIFF_INLINE void apply_word(uint8_t *word, unsigned mask, uint64_t lanes, unsigned count,
				uint64_t packed, spread_fn *spread)
{
	unsigned first = (unsigned)__builtin_ctz(mask);
	int adjacent = mask >> first == (1u << count) - 1;
	int aligned = ((count | first) & (count - 1)) == 0;

	if (!(adjacent & aligned)) {
		merge_word((uint64_t *)word, lanes, spread(packed, lanes));
		return;
	}
	word += first;
	switch (count) {
	case 1:
		__atomic_store_n(word, (uint8_t)packed, __ATOMIC_RELAXED);
		return;
	case 2:
		__atomic_store_n((uint16_t *)word, (uint16_t)packed, __ATOMIC_RELAXED);
		return;
	case 4:
		__atomic_store_n((uint32_t *)word, (uint32_t)packed, __ATOMIC_RELAXED);
		return;
	default:
		__atomic_store_n((uint64_t *)word, packed, __ATOMIC_RELAXED);
	}
}

/* Applies one sub-page word by word; returns the end of its part of the diff. */
JIA_DIFF_INLINE const uint8_t *apply_words(uint8_t *page, const uint8_t *diff, lanes_fn *lanes_of,
					   spread_fn *spread)
{
	uint64_t map = load_word(diff);
	const uint8_t *mask_at = diff + 8;
	const uint8_t *data = mask_at + 8 * __builtin_popcountll(map);

	for (; map; map &= map - 1, mask_at += 8) {
		uint8_t *word = page + JIA_DIFF_BLOCK_BYTES * __builtin_ctzll(map);

		uint64_t mask = load_word(mask_at);

		if (mask == UINT64_MAX) {
			for (unsigned i = 0; i < JIA_DIFF_BLOCK_BYTES; i += 8, data += 8)
				__atomic_store_n((uint64_t *)(word + i), load_word(data),
						 __ATOMIC_RELAXED);
			continue;
		}
		for (; mask; mask >>= 8, word += 8) {
			unsigned changed = mask & 0xff;

			if (!changed)
				continue;
			uint64_t lanes = lanes_of(changed);
			unsigned count = lane_count(lanes);
			data += count;
			apply_word(word, changed, lanes, count, load_tail(data, count), spread);
		}
	}
	return data;
}

#endif
