/*
 * slack.c - keeps the Go runtime's monitor thread from waking 50,000 times a second.
 *
 * That thread looks after threads that stay in system calls, and sleeps 20 us at a time for as long as it finds some to
 * look after. The threads of a program that shares memory are in system calls most of the time, by design, so it always
 * does; on a core shared by the hosts of a job that costs about a tenth of it. Nothing here needs the service so fast.
 * A thread's timer slack says how late the kernel may end its sleeps (prctl(2), PR_SET_TIMERSLACK); a new thread takes
 * over that of its creator. So the main thread raises it before the runtime starts its threads, which happens in a
 * constructor of default priority, and goes back to what it had in jia_init.
 */
#include <sys/prctl.h>

#include "slack.h"

#define RUNTIME_SLACK_NS (4UL * 1000 * 1000)

static int original; /* in ns; 0 while nothing was changed */

__attribute__((constructor(102))) static void raise_slack(void)
{
	int now = prctl(PR_GET_TIMERSLACK);

	if (now > 0 && prctl(PR_SET_TIMERSLACK, RUNTIME_SLACK_NS) == 0)
		original = now;
}

void jia_restore_slack(void)
{
	if (original)
		prctl(PR_SET_TIMERSLACK, (unsigned long)original);
}
