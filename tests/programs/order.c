/*
 * order - whether the library's constructors ran in their order, around the start of Go and before those of the program:
 * Go's threads have what the first sets, the program's thread has got back what the second restores, on every host.
 *
 *   ./order
 */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "jia.h"

static int slack_in_constructor, blocked_in_constructor;

static int usr1_blocked(void)
{
	sigset_t mask;

	sigprocmask(SIG_BLOCK, NULL, &mask);
	return sigismember(&mask, SIGUSR1);
}

__attribute__((constructor)) static void of_the_program(void)
{
	slack_in_constructor = prctl(PR_GET_TIMERSLACK);
	blocked_in_constructor = usr1_blocked();
}

/*
 * check_thread looks at a thread of Go's from outside, and returns its timer slack in ns. The runtime's first threads have
 * the long one; any that it has made since for a call of the program have that of the program's thread.
 */
static long check_thread(int tid)
{
	unsigned long long mask = 0;
	char path[64], line[256];
	long slack = 0;
	int found = 0;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/timerslack_ns", tid);
	if ((f = fopen(path, "r"))) {
		if (fscanf(f, "%ld", &slack) != 1)
			slack = 0;
		fclose(f);
	}
	snprintf(path, sizeof path, "/proc/self/task/%d/status", tid);
	if (!(f = fopen(path, "r")))
		return slack;
	while (fgets(line, sizeof line, f))
		found |= sscanf(line, "SigBlk: %llx", &mask) == 1;
	fclose(f);
	if (found && !(mask >> (SIGUSR1 - 1) & 1))
		jia_error("thread %d takes signals of the program", tid);
	return slack;
}

int main(int argc, char **argv)
{
	struct dirent *entry;
	int tid, long_slack = 0;
	DIR *tasks;

	jia_init(argc, argv);
	if (slack_in_constructor >= 4000000 || blocked_in_constructor)
		jia_error("the program's constructor found a slack of %d ns, SIGUSR1 %sblocked", slack_in_constructor,
			  blocked_in_constructor ? "" : "not ");
	if (prctl(PR_GET_TIMERSLACK) >= 4000000 || usr1_blocked())
		jia_error("the main thread was not put back as it was");
	tasks = opendir("/proc/self/task");
	while (tasks && (entry = readdir(tasks)))
		if ((tid = atoi(entry->d_name)) > 0 && tid != getpid())
			long_slack += check_thread(tid) == 4000000;
	if (tasks)
		closedir(tasks);
	if (long_slack == 0)
		jia_error("no thread of Go's has a long timer slack");
	jia_barrier();
	if (jiapid == 0)
		printf("order: ok\n");
	jia_exit();
	return 0;
}
