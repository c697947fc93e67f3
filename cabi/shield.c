/*
 * shield.c - keeps the program's signal handlers out of Go.
 *
 * A thread that is in a call of the library runs on a goroutine's stack, which is small and grows only for Go. A handler of
 * the program, unless it has SA_ONSTACK, would run there and overwrite what lies below; and one that touches shared memory
 * would enter Go a second time. So asynchronous signals wait until the call is over. Synchronous ones are left alone, and so
 * are those that end or stop a program from the terminal or the shell: they must work while a call waits for long.
 *
 * Changing the mask twice costs five times what a free lock does. So it is done only while the program has a handler for
 * such a signal at all, which is looked up anew every 10 ms: a handler of a program is installed for good, and early.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <time.h>

#include "shield.h"

#define RESCAN_NS (10L * 1000 * 1000)

static const int open_signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT,
				    SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU };

static int wanted;   /* the program has a handler that must be kept out */
static long scanned; /* when wanted was found out, in ns; races between threads do no harm */
static __thread int inside;

/* shielded is the set of signals that wait. */
static void shielded(sigset_t *set)
{
	size_t i;

	sigfillset(set);
	for (i = 0; i < sizeof open_signals / sizeof *open_signals; i++)
		sigdelset(set, open_signals[i]);
}

/* scan looks for handlers that are the program's: neither default nor ignored, nor the one that Go has for SIGURG. */
static void scan(void)
{
	struct sigaction go, action;
	sigset_t set;
	int number, found = 0;

	shielded(&set);
	sigaction(SIGURG, NULL, &go);
	for (number = 1; number <= SIGRTMAX && !found; number++)
		found = sigismember(&set, number) == 1 && sigaction(number, NULL, &action) == 0 &&
			action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN &&
			action.sa_sigaction != go.sa_sigaction;
	__atomic_store_n(&wanted, found, __ATOMIC_RELAXED);
}

void jia_enter(struct jia_call *call)
{
	struct timespec t;
	sigset_t set;
	long now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	now = t.tv_sec * 1000000000L + t.tv_nsec;
	if (now - __atomic_load_n(&scanned, __ATOMIC_RELAXED) > RESCAN_NS) {
		__atomic_store_n(&scanned, now, __ATOMIC_RELAXED);
		scan();
	}
	call->masked = __atomic_load_n(&wanted, __ATOMIC_RELAXED);
	if (call->masked) {
		shielded(&set);
		pthread_sigmask(SIG_BLOCK, &set, &call->before);
	}
	inside++;
}

void jia_leave(struct jia_call *call)
{
	inside--;
	if (call->masked)
		pthread_sigmask(SIG_SETMASK, &call->before, NULL);
}

int jia_inside(void)
{
	return inside > 0;
}
