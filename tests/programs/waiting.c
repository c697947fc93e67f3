/*
 * waiting - the calls that wait without making writes visible, the clock, and what waiting costs.
 *
 *   JIA_NPROC=4 ./waiting events          event flags and jia_wait
 *   JIA_NPROC=2 ./waiting idle CALL MS    the last host is MS milliseconds late; the others print the share of a
 *                                         processor that they used meanwhile, in parts per million. CALL: barrier,
 *                                         lock, wait, event, recv, bcast
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "jia.h"

static double used(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + 1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

/* The flags pass a token round the hosts; a private clock per host shows that nobody overtakes. */
static void events(void)
{
	int round;
	volatile int *turn = (volatile int *)jia_alloc(sizeof *turn);

	jia_barrier();
	for (round = 0; round < 20; round++) {
		if (jiapid > 0 || round > 0)
			jia_waitcv(round * jiahosts + jiapid);
		jia_lock(0);
		if (*turn != round * jiahosts + jiapid)
			jia_error("turn %d in round %d", *turn, round);
		++*turn;
		jia_unlock(0);
		jia_setcv(round * jiahosts + jiapid + 1);
		jia_setcv(round * jiahosts + jiapid + 1); /* once more does nothing */
	}
	jia_wait();
	if (jiapid == 0)
		for (round = 0; round <= 20 * jiahosts; round++)
			jia_resetcv(round);
	jia_wait();
	for (round = 0; round < 50; round++) /* a flag that was cleared works again */
		if (jiapid == round % jiahosts)
			jia_setcv(round);
		else
			jia_waitcv(round);
	jia_wait();
}

static void until_late(const char *call, int ms)
{
	struct timespec pause = { ms / 1000, ms % 1000 * 1000000L };
	int late = jiapid == jiahosts - 1, h;
	double cpu, wall;

	if (late && !strcmp(call, "lock"))
		jia_lock(0);
	jia_wait(); /* unlike a barrier it may be called inside a scope */
	cpu = used();
	wall = jia_clock();
	if (late)
		nanosleep(&pause, NULL);
	if (!strcmp(call, "barrier"))
		jia_barrier();
	else if (!strcmp(call, "wait"))
		jia_wait();
	else if (!strcmp(call, "bcast"))
		jia_bcast(&late, sizeof late, jiahosts - 1);
	else if (!strcmp(call, "recv") && late)
		for (h = 0; h < jiahosts - 1; h++)
			jia_send(NULL, 0, h, 1);
	else if (!strcmp(call, "recv"))
		jia_recv(NULL, 0, MSG_PROC_ALL, MSG_TAG_ALL);
	else if (!strcmp(call, "event") && late)
		jia_setcv(3);
	else if (!strcmp(call, "event"))
		jia_waitcv(3);
	else if (late)
		jia_unlock(0);
	else {
		jia_lock(0);
		jia_unlock(0);
	}
	cpu = used() - cpu;
	wall = jia_clock() - wall;
	if (wall < 0.0009 * ms)
		jia_error("%s took %.3f s although a host was %d ms late", call, wall, ms);
	printf("host %d: %.0f\n", jiapid, 1e6 * cpu / wall);
}

int main(int argc, char **argv)
{
	jia_init(argc, argv);
	if (jia_clock() < 0 || jia_clock() > 60)
		jia_error("the clock starts at %f", jia_clock());
	if (argc == 4 && !strcmp(argv[1], "idle"))
		until_late(argv[2], atoi(argv[3]));
	else
		events();
	jia_barrier();
	if (jiapid == 0)
		printf("waiting: ok\n");
	jia_exit();
	return 0;
}
