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
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "_cgo_export.h"
#include "early.h"

/* jia_start_directory returns the working directory that the process began with, "" if it could not be found. */
const char *jia_start_directory(void);

/*
 * jia_start_arguments returns the arguments that the process began with, a null byte behind each, and their length in all; NULL if
 * there was no memory for them, or no /proc.
 */
const char *jia_start_arguments(size_t *length);

/* The supervisor's descriptors are 0 to 9, as core/launch passes them; the agent's are the standard ones. */
#define CONTROL 3
#define FIRST_FOREIGN_DESCRIPTOR 10

static char directory[PATH_MAX];
static char *arguments;
static size_t arguments_length;
static int asked;

const char *jia_start_directory(void)
{
	return directory;
}

const char *jia_start_arguments(size_t *length)
{
	*length = arguments_length;
	return arguments;
}

/*
 * keep_arguments copies the arguments before the program can cut them up: strtok and getsubopt write into them, and the other
 * hosts shall see what was typed.
 */
static void keep_arguments(void)
{
	size_t room = 4096;
	ssize_t n = 0;
	int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	do {
		char *larger;

		if (arguments_length + 1 > room / 2)
			room *= 2;
		larger = realloc(arguments, room);
		if (!larger) {
			n = -1;
			break;
		}
		arguments = larger;
		n = read(fd, arguments + arguments_length, room - arguments_length);
		if (n > 0)
			arguments_length += (size_t)n;
	} while (n > 0);
	close(fd);
	if (n < 0) {
		free(arguments);
		arguments = NULL;
		arguments_length = 0;
	}
}

int jia_watches(void)
{
	return asked;
}

/*
 * supervisor tells whether core/launch has started this process as one: with a control connection. A variable that somebody
 * else has set must not keep main from running, silently; jia_init then says that it is set.
 */
static int supervisor(void)
{
	struct stat control;

	return secure_getenv("JIA_SUPERVISOR") && fstat(CONTROL, &control) == 0 && S_ISSOCK(control.st_mode);
}

__attribute__((constructor(101))) static void prepare(void)
{
	int supervises = supervisor();

	asked = supervises || secure_getenv("JIA_AGENT");
	if (!asked)
		keep_arguments();
	if (!getcwd(directory, sizeof directory))
		directory[0] = '\0'; /* it was removed: the present one has to do */
	if (!supervises)
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
