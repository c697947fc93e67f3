/* early.h - see early.c and supervise.c. */
#ifndef JIA_EARLY_H
#define JIA_EARLY_H

/* jia_watches tells whether this process is no host but watches over hosts. */
int jia_watches(void);

#endif
