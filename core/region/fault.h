/* The signal handlers of a region: see fault.c. Private to package region. */
#ifndef JIA_REGION_FAULT_H
#define JIA_REGION_FAULT_H

#include <stdint.h>

/* Whether a faulting access was a store; the values of Go's type Write. */
enum region_write { REGION_WRITE_NO, REGION_WRITE_YES, REGION_WRITE_UNKNOWN };

/* What the handlers look out for. */
struct region_watch {
	int signal;              /* SIGBUS or SIGSEGV: what a forbidden access to the region raises */
	uintptr_t base;          /* application view, address */
	uint64_t size;           /* application view, bytes */
	uint64_t page_size;      /* coherence page, bytes */
	uintptr_t go_text_begin; /* machine code of Go functions: [begin, end) */
	uintptr_t go_text_end;
};

/*
 * region_handlers_install - put our handler in front of the present ones for SIGSEGV, SIGBUS and SIGFPE.
 * Returns 0 or an errno: EBUSY if ours are still in some chain of handlers. Not thread safe.
 */
int region_handlers_install(const struct region_watch *watch);

/*
 * region_handlers_remove - restore the handlers that were there before. A handler that somebody else has covered
 * since stays, and passes every signal on. Returns 0 or an errno. Not thread safe.
 */
int region_handlers_remove(void);

/*
 * region_call_on_stack - call fn(arg) with the stack pointer at sp, which must be 16-byte aligned, then come back.
 * In assembly, one file per processor.
 */
void region_call_on_stack(uintptr_t sp, void (*fn)(void *), void *arg);

#endif
