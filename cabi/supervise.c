/*
 * supervise.c - turns a second copy of the program into the job's supervisor, or into its agent on another machine, before main
 * can run.
 *
 * core/launch starts that copy from the same binary, with JIA_SUPERVISOR or JIA_AGENT in its environment. The constructor below
 * runs before those of the program (the lowest priority that is not reserved) and prepares the process; the Go runtime then starts
 * as in any host, and jia_go_started in early.c, which comes after it and still before the program's, hands over to Go.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "early.h"

/*
 * jia_start_directory returns the working directory that the process began with, "" if it could not be found, or NULL
 * if the constructor of this file has not run. Go calls it, which also makes the linker take this file from libjia.a.
 */
const char *jia_start_directory(void);

/* The supervisor's descriptors are 0 to 8, as core/launch passes them; the agent's are the standard ones. */
#define FIRST_FOREIGN_DESCRIPTOR 9

static char directory[PATH_MAX];
static int seen;

const char *jia_start_directory(void)
{
	return seen ? directory : NULL;
}

int jia_watches(void)
{
	return seen && (secure_getenv("JIA_SUPERVISOR") || secure_getenv("JIA_AGENT"));
}

__attribute__((constructor(101))) static void prepare(void)
{
	seen = 1;
	if (!getcwd(directory, sizeof directory))
		directory[0] = '\0'; /* it was removed: the present one has to do */
	if (!secure_getenv("JIA_SUPERVISOR"))
		return;

	/*
	 * The program's descriptors are not ours to hold open: the reader of a pipe would wait for us. And its children
	 * do not include us: a program that waits for all of them must not wait for the job, so we leave for init.
	 */
	closefrom(FIRST_FOREIGN_DESCRIPTOR);
	switch (fork()) {
	case -1:
		_exit(1); /* host 0 finds its connection closed */
	case 0:
		break;
	default:
		_exit(0);
	}
}
