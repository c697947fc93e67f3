/*
 * A C program with bugs of its own: usage: wild MODE CASE. TestWildAccess builds and runs it. Exit status 0: survived as
 * it should; 2: no such case, or something is wrong; or it dies of a signal.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "libwild.h"

static volatile char *const shared = (volatile char *)0x400000000000;
static volatile char *volatile nowhere = (volatile char *)16;

static sigjmp_buf recovery;
static volatile int zero, runs;
static volatile sig_atomic_t mask_ok, address_ok;

static void jump_away(int sig, siginfo_t *info, void *context)
{
	sigset_t now;

	(void)context;
	pthread_sigmask(SIG_BLOCK, NULL, &now);
	mask_ok = sigismember(&now, sig) && sigismember(&now, SIGUSR1) && !sigismember(&now, SIGUSR2);
	address_ok = info->si_addr == (void *)nowhere;
	siglongjmp(recovery, 1);
}

static void count_once(int sig)
{
	(void)sig;
	runs++;
	if (write(STDOUT_FILENO, "handler\n", 8) != 8)
		_exit(2);
}

static void handle(int flags, void (*with_info)(int, siginfo_t *, void *), void (*plain)(int))
{
	struct sigaction action = { .sa_flags = flags };

	if (with_info != NULL)
		action.sa_sigaction = with_info;
	else
		action.sa_handler = plain;
	sigaddset(&action.sa_mask, SIGUSR1);
	sigaction(SIGSEGV, &action, NULL);
}

static void *stray(void *unused)
{
	(void)unused;
	*nowhere = 1;
	return NULL;
}

static void *share_and_stray(void *unused)
{
	shared[4096] = 1;
	return stray(unused);
}

static void in_thread(void *(*body)(void *))
{
	pthread_t thread;

	pthread_create(&thread, NULL, body, NULL);
	pthread_join(thread, NULL);
}

int main(int argc, char **argv)
{
	const char *mode = argc == 3 ? argv[1] : "", *what = argc == 3 ? argv[2] : "";

	if (!strcmp(what, "own handler"))
		handle(SA_SIGINFO, jump_away, NULL);
	else if (!strcmp(what, "own one-shot handler"))
		handle(SA_RESETHAND, NULL, count_once);
	else if (!strcmp(what, "sent but ignored") || !strcmp(what, "ignored"))
		handle(0, NULL, SIG_IGN);
	wildOpen((char *)mode);
	shared[0] = 1; /* an ordinary use of shared memory works in every case */

	if (!strcmp(what, "stray store") || !strcmp(what, "own one-shot handler") || !strcmp(what, "ignored")) {
		stray(NULL);
	} else if (!strcmp(what, "stray store in a new thread")) {
		in_thread(stray);
	} else if (!strcmp(what, "stray store in a sharing thread")) {
		in_thread(share_and_stray);
	} else if (!strcmp(what, "beyond the region")) {
		shared[1 << 20] = 1;
	} else if (!strcmp(what, "refused page")) {
		shared[5 * 4096] = 1;
	} else if (!strcmp(what, "jump to nowhere")) {
		((void (*)(void))nowhere)();
	} else if (!strcmp(what, "division by zero")) {
		return 100 / zero;
	} else if (!strcmp(what, "hole in a file")) {
		char *map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fileno(tmpfile()), 0);
		return *(volatile char *)map;
	} else if (!strcmp(what, "sent") || !strcmp(what, "sent but ignored")) {
		kill(getpid(), SIGSEGV);
		shared[8192] = 1;
		return 0;
	} else if (!strcmp(what, "own handler")) {
		for (int i = 0; i < 3; i++) {
			if (sigsetjmp(recovery, 1) == 0) {
				*nowhere = 1;
				return 2;
			}
			shared[4096 * (6 + i)] = 1; /* and sharing still works */
			if (!mask_ok || !address_ok)
				return 2;
		}
		return 0;
	} else if (!strcmp(what, "nil in Go")) {
		return wildGoNil() && wildGoNil() ? 0 : 2;
	}
	return 2;
}
