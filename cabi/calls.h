/*
 * calls.h - what C and Go agree on: the numbers of the allocation calls, as core.AllocCall has them, and the length of
 * jia_stats_t in words behind its size, and that of a list in jia_alloc_attr_t, at most.
 */
#ifndef JIA_CALLS_H
#define JIA_CALLS_H

enum {
	JIA_CALL_ALLOC,
	JIA_CALL_ALLOC1,
	JIA_CALL_ALLOC2,
	JIA_CALL_ALLOC2P,
	JIA_CALL_ALLOC3,
	JIA_CALL_ALLOC4,
	JIA_CALL_ALLOC_ARRAY,
	JIA_CALL_ALLOC_RANDOM
};

enum { JIA_STATS_WORDS = 45 };
enum { JIA_MOST_LISTED = 1 << 18 };

#endif
