/*
 * mortal - a host dies in the first runs of a job, and not in those that follow.
 *
 *   JIA_NPROC=4 ./mortal POINT HOST WAY RUNS [CALLBACK]
 *
 * At the given POINT of the program, HOST ends in the given WAY, in the first so many RUNS. A run that nobody ends adds up
 * numbers under a lock, and host 0 prints the sum. The file "runs" in the working directory has a byte for each death. With
 * CALLBACK, jia_on_failure is used: "word" has each host that is left write what it is told into a file "word.N", "exit" ends the process
 * in the callback besides, "crash" by a wild access, "stay" never returns from it.
 *
 * SIGUSR1 makes any process of the program print a line. At POINT "outside" every host prints its process id, and stays until the file "go" is there: somebody else ends it.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "jia.h"

#define ROUNDS 20

static const char *point, *way, *callback_way;
static int host, runs;

static long deaths(void)
{
	struct stat file;

	return stat("runs", &file) == 0 ? (long)file.st_size : 0;
}

static void end(void)
{
	volatile int *volatile nowhere = NULL;
	int fd = open("runs", O_WRONLY | O_CREAT | O_APPEND, 0644);

	if (fd < 0 || write(fd, "x", 1) != 1)
		exit(99);
	close(fd);
	if (!strcmp(way, "sigkill"))
		kill(getpid(), SIGKILL);
	if (!strcmp(way, "sigstop"))
		kill(getpid(), SIGSTOP);
	if (!strcmp(way, "sigterm"))
		kill(getpid(), SIGTERM);
	if (!strcmp(way, "sigsegv"))
		*nowhere = 1;
	if (!strcmp(way, "abort"))
		abort();
	if (!strcmp(way, "exit-3"))
		exit(3);
	if (!strcmp(way, "_exit-3"))
		_exit(3);
	if (!strcmp(way, "error"))
		jia_error("the victim gives up");
	if (!strcmp(way, "misuse"))
		jia_unlock(77);
	pause();
}

static void on_signal(int number)
{
	static const char line[] = "signal\n";

	(void)number;
	if (write(STDOUT_FILENO, line, sizeof line - 1) < 0)
		_exit(98);
}

/* Hosts 1 and up are told apart from host 0 by this variable before jia_init. */
static int is_first(void)
{
	return !getenv("JIA_CONTROL");
}

static void here(const char *name)
{
	if (strcmp(point, name) || deaths() >= runs)
		return;
	if (strcmp(name, "start") ? jiapid == host : is_first() == (host == 0))
		end();
}

static void told(int who, const char *reason)
{
	char text[300], name[20];
	int fd, n;

	n = snprintf(text, sizeof text, "%d %.250s\n", who, reason);
	snprintf(name, sizeof name, "word.%d", jiapid);
	fd = open(name, O_WRONLY | O_CREAT | O_APPEND, 0644);
	if (fd >= 0 && write(fd, text, (size_t)n) == n)
		close(fd);
	if (!strcmp(callback_way, "exit"))
		exit(7);
	if (!strcmp(callback_way, "crash"))
		*(volatile int *volatile)NULL = 1;
	if (!strcmp(callback_way, "stay"))
		for (;;)
			pause();
}

int main(int argc, char **argv)
{
	long *sum;
	int i;

	if (argc < 5)
		jia_error("usage: mortal POINT HOST WAY RUNS [CALLBACK]");
	point = argv[1];
	host = atoi(argv[2]);
	way = argv[3];
	runs = atoi(argv[4]);
	callback_way = argc > 5 ? argv[5] : "";
	signal(SIGUSR1, on_signal);
	here("start");
	if (*callback_way)
		jia_on_failure(told);
	jia_init(argc, argv);
	here("init");
	sum = (long *)jia_alloc(4096);
	jia_barrier();
	if (!strcmp(point, "outside")) {
		printf("host %d pid %d\n", jiapid, (int)getpid());
		fflush(stdout);
		while (access("go", F_OK) != 0)
			usleep(2000);
	}
	for (i = 0; i < ROUNDS; i++) {
		jia_lock(1);
		*sum += jiapid + 1;
		if (i == ROUNDS / 2)
			here("lock");
		jia_unlock(1);
		if (i == ROUNDS / 2 && jiahosts > 1) {
			here("barrier");
			jia_barrier();
		}
	}
	jia_barrier();
	if (jiapid == 0)
		printf("sum %ld\n", *sum);
	here("end");
	jia_exit();
	here("left");
	return jiapid == 0 ? 5 : 0; /* what the job's status is to be */
}
