/* spawn.h - what the keeper needs of C: to catch signals with their origin, to start a process, and to end as one has ended. */
#ifndef JIA_KEEP_SPAWN_H
#define JIA_KEEP_SPAWN_H

#include <sys/types.h>

struct jia_keep_signal {
	int number;
	int kernel; /* not 0: the kernel has sent it, for the terminal, to the whole process group */
	int run;    /* how often jia_keep_spawn had been called by then */
};

/*
 * jia_keep_catch has the signals that are passed on, less those that are ignored, written to a pipe as struct jia_keep_signal. The
 * calling thread must be one that stays; it no longer blocks them. Returns the pipe's read end, or a negative error number.
 */
int jia_keep_catch(void);

/*
 * jia_keep_spawn runs a program with @mask as its blocked signals, and has the kernel send it the signal @death when the calling thread
 * is gone.
 * Returns its process id, or a negative error number.
 */
pid_t jia_keep_spawn(const char *path, char **argv, char **envp, unsigned long mask, int death);

/* jia_keep_die ends this process by a signal, without a core file. It returns if the signal does not end processes. */
void jia_keep_die(int number);

#endif
