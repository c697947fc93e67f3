/*
 * calls.h - what C and Go agree on: the numbers of the allocation calls, as core.AllocCall has them, and of the atomic
 * operations, the length of jia_stats_t in words behind its size, and that of a list in jia_alloc_attr_t, at most.
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

/* The atomic operations, as core.AtomicKind has them. */
enum {
	JIA_ATOMIC_LOAD,
	JIA_ATOMIC_STORE,
	JIA_ATOMIC_FETCH_ADD,
	JIA_ATOMIC_EXCHANGE,
	JIA_ATOMIC_COMPARE_EXCHANGE
};

/* How a reader/writer lock is asked for, as core.RWMode has it. */
enum {
	JIA_RW_READ,
	JIA_RW_WRITE,
	JIA_RW_TRY /* added to either */
};

/* jia_caller identifies the calling thread for as long as it lives (glue.c). */
unsigned long jia_caller(void);

enum { JIA_STATS_WORDS = 48 };
enum { JIA_MOST_LISTED = 1 << 18 };

#endif
