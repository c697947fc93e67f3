/* spawn.h - what the keeper needs of C: to start a process, and to end as one has ended. */
#ifndef JIA_KEEP_SPAWN_H
#define JIA_KEEP_SPAWN_H

#include <sys/types.h>

/*
 * jia_keep_spawn runs a program with @mask as its blocked signals, and has the kernel kill it when the calling thread is gone.
 * Returns its process id, or a negative error number.
 */
pid_t jia_keep_spawn(const char *path, char **argv, char **envp, unsigned long mask);

/* jia_keep_die ends this process by a signal, without a core file. It returns if the signal does not end processes. */
void jia_keep_die(int number);

#endif
