/*
 * poolcheck.h - what JIA_POOL_CHECK puts around each object: a guard before it, and bytes behind it that nobody may change. They
 * are in shared memory, so whichever host frees the object can look at them.
 */
#ifndef JIA_POOLCHECK_H
#define JIA_POOLCHECK_H

#include <stddef.h>

enum { GUARD_BEHIND = 32 }; /* bytes behind an object; before it are as many as it is aligned to */

enum jia_guard_state { JIA_GUARD_WHOLE, JIA_GUARD_FREED, JIA_GUARD_BEFORE, JIA_GUARD_OVERRUN };

struct jia_verdict {
	enum jia_guard_state what;
	size_t front; /* whole: bytes before the object */
	size_t size;  /* whole, overrun: of the object */
	size_t at;    /* overrun: which byte was written */
};

/* jia_guard makes an object of size bytes in memory that begins at a multiple of align, at least 16, and returns it. */
char *jia_guard(char *memory, size_t align, size_t size);

/* jia_look tells what has become of an object at a multiple of 16, in a pool of so many bytes from base on. */
struct jia_verdict jia_look(const char *base, size_t bytes, const char *object);

/* jia_unguard notes that a whole object is freed now. */
void jia_unguard(char *object);

#endif
