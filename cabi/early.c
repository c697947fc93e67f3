/*
 * early.c - prepares the process for the Go runtime, and puts it back as the program expects it.
 *
 * scripts/archive.sh gives Go's entry of .init_array the priority 103, so that it comes before all constructors of the
 * program and between the two below, whatever the order of the link. What the first sets, the runtime's threads take over:
 *
 * - All signals are blocked in them. A handler of the program must not run on a thread of Go's, where its thread-local
 *   variables are others and its stack is small. (Go itself opens those that end a program from the terminal.) In the
 *   supervisor and in agents none is blocked, since the hosts that they start inherit their mask; the supervisor's own comes
 *   from a thread of host 0 that is in a call of the library, where most are.
 *
 * - Their timer slack is 4 ms (prctl(2), PR_SET_TIMERSLACK): how late the kernel may end their sleeps. The runtime's monitor
 *   thread looks after threads that stay in system calls, and sleeps 20 us at a time for as long as it finds some. The
 *   threads of a program that shares memory are in system calls most of the time, by design, so it would wake 50,000
 *   times a second. Nothing here needs the service so fast.
 *
 * Descriptors 0 to 2 exist: the runtime keeps files open, and one that got such a number would be the program's standard
 * input or output.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "_cgo_export.h"
#include "early.h"

#define RUNTIME_SLACK_NS (4UL * 1000 * 1000)

static int slack; /* in ns; 0 while nothing was changed */
static sigset_t mask;

__attribute__((constructor(102))) static void before_go(void)
{
	int fd, now = prctl(PR_GET_TIMERSLACK);
	sigset_t blocked;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= 2);
	if (fd > 2)
		close(fd);

	sigfillset(&blocked);
	if (jia_watches())
		sigemptyset(&blocked);
	pthread_sigmask(SIG_SETMASK, &blocked, &mask);
	if (now > 0 && prctl(PR_SET_TIMERSLACK, RUNTIME_SLACK_NS) == 0)
		slack = now;
}

__attribute__((constructor(104))) static void go_started(void)
{
	if (slack)
		prctl(PR_SET_TIMERSLACK, (unsigned long)slack);
	jia_supervise_if_asked(); /* hosts 1 and up inherit slack and mask as they are here */
	jia_keep_if_asked(&mask);
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
}
