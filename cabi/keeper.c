/*
 * keeper.c - makes the process that the user has started the job's keeper, before main can run, where a lost host is to be followed by a
 * restart. The program then runs in a child of it: see core/keep.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "_cgo_export.h"
#include "early.h"

/*
 * wanted tells whether a restart may have been asked for. Go says whether it was: the settings file is its business. Programs
 * with more rights than their user take no orders.
 */
static int wanted(void)
{
	const char *set = getenv("JIA_ON_FAILURE");

	if (getauxval(AT_SECURE))
		return 0;
	return set && *set ? strcmp(set, "fail") != 0 : access(".jiaconf", F_OK) == 0;
}

void jia_keep_if_asked(const sigset_t *programs)
{
	unsigned long mask = 0;
	sigset_t stops, before;
	int number;

	if (!wanted())
		return;
	for (number = 1; number <= 64; number++)
		if (sigismember(programs, number) == 1)
			mask |= 1UL << (number - 1);

	/* A shell has to see the keeper stop with the job. */
	sigemptyset(&stops);
	sigaddset(&stops, SIGTSTP);
	sigaddset(&stops, SIGTTIN);
	sigaddset(&stops, SIGTTOU);
	pthread_sigmask(SIG_UNBLOCK, &stops, &before); /* of the others, core/keep opens what it wants */
	jiaKeep(mask); /* returns where there is nothing to keep */
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}
