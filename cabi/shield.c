/*
 * shield.c - keeps the program's signal handlers out of Go.
 *
 * A thread that is in a call of the library runs on a goroutine's stack, which is small and grows only for Go. A handler of
 * the program, unless it has SA_ONSTACK, would run there and overwrite what lies below; and one that touches shared memory
 * would enter Go a second time. So asynchronous signals wait until the call is over. It costs two system calls, half a
 * microsecond, and is done always: to look for handlers first would leave a gap after each is installed.
 *
 * Synchronous signals are left alone, and so are those that end or stop a program from the terminal or the shell: they
 * must work while a call waits for long. jia.h says what a handler for these may do.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>

#include "shield.h"

static sigset_t shielded; /* the signals that wait; constant once the constructor has run */
static __thread int inside;

__attribute__((constructor(105))) static void choose_signals(void)
{
	static const int open_signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT,
					    SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU };
	size_t i;

	sigfillset(&shielded);
	for (i = 0; i < sizeof open_signals / sizeof *open_signals; i++)
		sigdelset(&shielded, open_signals[i]);
}

void jia_enter(struct jia_call *call)
{
	pthread_sigmask(SIG_BLOCK, &shielded, &call->before);
	inside++;
}

void jia_leave(struct jia_call *call)
{
	inside--;
	pthread_sigmask(SIG_SETMASK, &call->before, NULL);
}

int jia_inside(void)
{
	return inside > 0;
}
