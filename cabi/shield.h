/* shield.h - see shield.c. */
#ifndef JIA_SHIELD_H
#define JIA_SHIELD_H

#include <signal.h>

struct jia_call {
	sigset_t before;
};

/* jia_enter and jia_leave stand around every call of the program into Go. */
void jia_enter(struct jia_call *call);
void jia_leave(struct jia_call *call);

/* jia_inside tells whether the calling thread is between the two, that is, whether a signal handler asks. */
int jia_inside(void);

#endif
