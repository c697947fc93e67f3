/*
 * supervise.c - turns a second copy of the program into the job's supervisor, before main can run.
 *
 * core/launch starts that copy from the same binary, with JIA_SUPERVISOR in its environment. The constructor below runs
 * before those of the program (the lowest priority that is not reserved), finds the variable, and calls the Go function
 * jiaSupervise. That needs the Go runtime, which a c-archive starts from an entry of .init_array of its own; the entry has no
 * name to call it by, since the Go linker makes it local, but early.c knows its place. So the constructor runs the entries
 * that come after itself up to the one behind Go's. Those of the program come later and never run here.
 *
 * The linker defines the bounds of .init_array for executables only. In a shared library they are null, nothing is
 * recorded, and jia_start_directory says so: the caller then refuses to start a job. It must, for without a
 * constructor the copy would run main and start a job itself.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "_cgo_export.h"
#include "early.h"

/*
 * jia_start_directory returns the working directory that the process began with, "" if it could not be found, or NULL
 * if the constructor of this file has not run. Go calls it, which also makes the linker take this file from libjia.a.
 */
const char *jia_start_directory(void);

typedef void constructor(int argc, char **argv, char **envp);

extern constructor *__init_array_start[] __attribute__((weak, visibility("hidden")));
extern constructor *__init_array_end[] __attribute__((weak, visibility("hidden")));

/* The supervisor's descriptors are 0 to 8, as core/launch passes them. */
#define FIRST_FOREIGN_DESCRIPTOR 9

static char directory[PATH_MAX];
static int seen;

const char *jia_start_directory(void)
{
	return seen ? directory : NULL;
}

__attribute__((constructor(101))) static void supervise(int argc, char **argv, char **envp)
{
	constructor **c = __init_array_start, **end = __init_array_end;

	while (c < end && *c != supervise)
		c++;
	if (c == end)
		return;
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
	for (c++; c < end && *c != jia_go_started; c++)
		(*c)(argc, argv, envp);
	_exit(jiaSupervise());
}
