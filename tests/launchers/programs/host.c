/*
 * host.c - the program that every launcher starts in these tests.
 *
 *   host sum     every host adds to a shared array under a lock; host 0 checks it and says how many hosts there were
 *   host wait    every host says "ready <rank> <pid>" and then waits for host 0, which sleeps for ever
 *   host fork    as wait, but host 1 has forked a child by then, which lives for a minute
 *   host exit N  the last host exits with status N before jia_exit; the others wait in a barrier
 *   host child   the last host runs "host sum", which is a job of its own, while the others wait in a barrier
 *   host error   host 1 calls jia_error
 *   host go      every host says "ready <rank> <pid>" and then waits for the file "go", before the sum
 */
#include <jia.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WORDS = 4096 };

static void sum(void)
{
	long *shared = (long *)jia_alloc(WORDS * sizeof(long));
	long want = (long)jiahosts * (jiahosts + 1) / 2;
	int i;

	jia_barrier();
	jia_lock(1);
	for (i = 0; i < WORDS; i++)
		shared[i] += jiapid + 1;
	jia_unlock(1);
	jia_barrier();
	for (i = 0; i < WORDS; i++)
		if (shared[i] != want)
			jia_error("word %d is %ld, not %ld", i, shared[i], want);
	jia_barrier();
	if (jiapid == 0)
		printf("the sum is right on %d hosts\n", jiahosts);
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "sum";
	char command[4096];

	jia_init(argc, argv);
	if (!strcmp(mode, "go")) {
		printf("ready %d %d\n", jiapid, (int)getpid());
		fflush(stdout);
		while (access("go", F_OK) != 0)
			usleep(2000);
	}
	if (!strcmp(mode, "sum") || !strcmp(mode, "go"))
		sum();
	if (!strcmp(mode, "fork") && jiapid == 1 && fork() == 0) {
		close(0); /* its reader shall not wait for the child */
		close(1);
		close(2);
		sleep(60);
		_exit(0);
	}
	if (!strcmp(mode, "wait") || !strcmp(mode, "fork")) {
		printf("ready %d %d\n", jiapid, (int)getpid());
		while (jiapid == 0)
			sleep(60);
		jia_barrier();
	}
	if (!strcmp(mode, "child")) {
		if (jiapid == jiahosts - 1) {
			snprintf(command, sizeof command, "%s sum", argv[0]);
			if (system(command) != 0)
				jia_error("the child failed");
		}
		jia_barrier();
	}
	if (!strcmp(mode, "exit")) {
		if (jiapid == jiahosts - 1)
			exit(atoi(argv[2]));
		jia_barrier();
	}
	if (!strcmp(mode, "error")) {
		if (jiapid == 1)
			jia_error("the input has no line 3");
		jia_barrier();
	}
	jia_exit();
	return 0;
}
