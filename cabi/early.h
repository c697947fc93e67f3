/* early.h - what the library's constructors share; see early.c and supervise.c. */
#ifndef JIA_EARLY_H
#define JIA_EARLY_H

/* jia_supervise_if_asked is the supervisor's whole life in the process that was started for it. Elsewhere it does nothing. */
void jia_supervise_if_asked(void);

#endif
