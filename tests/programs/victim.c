/*
 * victim - one host of a busy job ends before its time.
 *
 *   JIA_NPROC=5 ./victim HOST WAY STATE
 *
 * HOST waits, holding a lock, for a file called "go" in the working directory, and then ends in the given WAY. The other
 * hosts are in STATE by then, or in a different state each if that is "mixed". Every host prints its process
 * id when it is about to enter its state.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "jia.h"

#define VICTIMS_LOCK 1
#ifndef AREA
#define AREA ((size_t)4 << 30)
#endif

static volatile char *area; /* shared, homed at the victim */
static int victim;

static void *crash(void *unused)
{
	int *volatile nowhere = unused;

	*nowhere = 1;
	return NULL;
}

static int end(const char *way)
{
	pthread_t other;

	if (!strcmp(way, "sigkill"))
		kill(getpid(), SIGKILL);
	if (!strcmp(way, "sigterm"))
		kill(getpid(), SIGTERM);
	if (!strcmp(way, "sigsegv"))
		crash(NULL);
	if (!strcmp(way, "sigsegv-in-a-thread") && pthread_create(&other, NULL, crash, NULL) == 0)
		pthread_join(other, NULL);
	if (!strcmp(way, "abort"))
		abort();
	if (!strcmp(way, "exit-3"))
		exit(3);
	if (!strcmp(way, "_exit-3"))
		_exit(3);
	if (!strcmp(way, "_exit-0"))
		_exit(0);
	if (!strcmp(way, "error"))
		jia_error("the victim %s", "gives up");
	if (!strcmp(way, "stop"))
		raise(SIGSTOP);
	return 3; /* from main */
}

static int watch(const char *way)
{
	while (access("go", F_OK) != 0)
		usleep(2000);
	return end(way);
}

static void busy(const char *state)
{
	volatile unsigned long work = 0;

	if (!strcmp(state, "barrier"))
		jia_barrier();
	if (!strcmp(state, "lock"))
		jia_lock(VICTIMS_LOCK);
	if (!strcmp(state, "event"))
		jia_waitcv(7);
	if (!strcmp(state, "recv"))
		jia_recv(NULL, 0, MSG_PROC_ALL, MSG_TAG_ALL);
	if (!strcmp(state, "bcast"))
		jia_bcast((void *)&work, sizeof work, victim);
	if (!strcmp(state, "fault"))
		for (size_t i = 0; i < AREA; i += 4096)
			work += (unsigned long)area[i];
	if (!strcmp(state, "compute"))
		for (;;)
			work++;
	if (!strcmp(state, "sleep"))
		for (;;)
			pause();
	jia_error("host %d came out of its state, %s", jiapid, state);
}

int main(int argc, char **argv)
{
	static const char *const mixed[] = { "barrier", "lock", "compute", "fault", "event", "sleep" };
	int distance;

	if (argc != 4)
		jia_error("usage: victim HOST WAY STATE");
	victim = atoi(argv[1]);
	jia_init(argc, argv);
	area = (volatile char *)jia_alloc2p(AREA, victim);
	if (jiapid == victim)
		jia_lock(VICTIMS_LOCK);
	jia_wait();
	printf("host %d pid %d\n", jiapid, (int)getpid());
	fflush(stdout);
	if (jiapid == victim)
		return watch(argv[2]);
	distance = (jiapid - victim + jiahosts) % jiahosts;
	busy(strcmp(argv[3], "mixed") ? argv[3] : mixed[(distance - 1) % 6]);
	return 0;
}
