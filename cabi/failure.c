/*
 * failure.c - the program's own word when a host is lost.
 *
 * The callback may end the process with exit, whose handlers then find the job ending: see at_exit in glue.c.
 */
#include <stddef.h>

#include "calls.h"
#include "early.h"
#include "jia.h"

typedef void callback(int host, const char *reason);

static callback *wanted; /* atomic: set by any thread, read by the library's */
static int ending;	 /* atomic */

void jia_on_failure(callback *call)
{
	__atomic_store_n(&wanted, call, __ATOMIC_RELEASE);
}

/* jia_failure_call calls the program, from a thread of the library. */
void jia_failure_call(int host, char *reason);

void jia_failure_call(int host, char *reason)
{
	callback *call = __atomic_load_n(&wanted, __ATOMIC_ACQUIRE);

	__atomic_store_n(&ending, 1, __ATOMIC_RELEASE);
	if (call)
		call(host, reason);
}

int jia_failure_ends(void)
{
	return __atomic_load_n(&ending, __ATOMIC_ACQUIRE);
}
