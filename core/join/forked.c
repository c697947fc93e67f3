/*
 * forked.c - closes a host's connections in the children that the program forks. The end of a connection is how the others learn
 * of a host's death, and it has not ended while a child, which may outlive the host, has a copy of the descriptor. (One that
 * calls exec has none: the descriptors are closed on exec.)
 */
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "launcher.h"

static atomic_int fds[JIA_FORKED_MOST]; /* 1 above the descriptor; 0: a free place */
static atomic_int used;			/* all places from here on are free */

/* Only what is safe in a signal handler may be called in the child of a process with threads. */
static void in_child(void)
{
	int i, fd;

	for (i = 0; i < used; i++) {
		fd = atomic_exchange(&fds[i], 0);
		if (fd)
			close(fd - 1);
	}
}

int jia_forked_prepare(void)
{
	return pthread_atfork(NULL, NULL, in_child);
}

void jia_forked_set(int place, int fd)
{
	fds[place] = fd + 1;
	if (place >= used)
		used = place + 1;
}
