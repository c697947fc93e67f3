/* early.h - what the library's constructors share; see early.c and supervise.c. */
#ifndef JIA_EARLY_H
#define JIA_EARLY_H

#include <signal.h>

/* jia_watches tells whether this process is no host but was started to watch over hosts. */
int jia_watches(void);

/* jia_supervise_if_asked is the whole life of such a process. Elsewhere it does nothing. */
void jia_supervise_if_asked(void);

/*
 * jia_keep_if_asked is the whole life of a keeper (keeper.c), from a thread that has blocked all signals; the program is to have
 * those in @programs blocked. Elsewhere it does nothing.
 */
void jia_keep_if_asked(const sigset_t *programs);

/* jia_failure_ends tells whether this process is about to end because a host was lost (failure.c). */
int jia_failure_ends(void);

#endif
