/* calls.h - numbers of the allocation calls, as core.AllocCall has them. */
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

#endif
