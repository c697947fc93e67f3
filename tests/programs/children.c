/*
 * children - a program that starts other programs between its accesses to shared memory.
 *
 *   JIA_NPROC=3 ./children
 *
 * The children must neither disturb the job when they end, by whichever exit, nor find its inner variables.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "jia.h"

static int status_of(int by_exit)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		if (by_exit)
			exit(7);
		_exit(7);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		jia_error("no child");
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int main(int argc, char **argv)
{
	char text[256] = "";
	int *count, i;
	FILE *child;

	jia_init(argc, argv);
	count = (int *)jia_alloc(64 * 4096);
	for (i = 0; i < 64; i++) {
		jia_lock(i);
		count[i * 1024]++;
		jia_unlock(i);
		if (i % 16 == 0 && status_of(i % 32) != 7)
			jia_error("a child ended wrongly");
	}
	if (system("exit 5") != 5 << 8)
		jia_error("system() failed");
	child = popen("env | grep -E '^JIA_(CONTROL|SUPERVISOR)'", "r");
	if (!child || fgets(text, sizeof text, child) || pclose(child) != 1 << 8)
		jia_error("a child finds %s", text);
	jia_barrier();
	for (i = 0; i < 64; i++)
		if (count[i * 1024] != jiahosts)
			jia_error("count %d is %d", i, count[i * 1024]);
	jia_barrier();
	if (jiapid == 0)
		printf("children: ok\n");
	jia_exit();
	return 0;
}
