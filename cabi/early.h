/* early.h - what the library's constructors share; see early.c and supervise.c. */
#ifndef JIA_EARLY_H
#define JIA_EARLY_H

/* jia_watches tells whether this process is no host but was started to watch over hosts. */
int jia_watches(void);

/* jia_supervise_if_asked is the whole life of such a process. Elsewhere it does nothing. */
void jia_supervise_if_asked(void);

#endif
