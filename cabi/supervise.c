/*
 * supervise.c - turns a second copy of the program into the job's supervisor, or into its agent on another machine, before main
 * can run.
 *
 * core/launch starts that copy from the same binary, with JIA_SUPERVISOR or JIA_AGENT in its environment. It takes two
 * constructors with the start of Go's runtime between them, since a process with threads must not fork, and the supervisor is Go
 * code. The one below comes before those of the program (the lowest priority that is not reserved) and prepares the process;
 * go_started in early.c, the first after Go's start, calls jia_supervise_if_asked, which does not return in that copy.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "_cgo_export.h"
#include "early.h"

/* jia_start_directory returns the working directory that the process began with, "" if it could not be found. */
const char *jia_start_directory(void);

/* The supervisor's descriptors are 0 to 8, as core/launch passes them; the agent's are the standard ones. */
#define FIRST_FOREIGN_DESCRIPTOR 9

static char directory[PATH_MAX];
static int asked;

const char *jia_start_directory(void)
{
	return directory;
}

int jia_watches(void)
{
	return asked;
}

__attribute__((constructor(101))) static void prepare(void)
{
	asked = secure_getenv("JIA_SUPERVISOR") || secure_getenv("JIA_AGENT");
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

void jia_supervise_if_asked(void)
{
	if (asked)
		_exit(jiaSupervise());
}
