/* early.h - see early.c. */
#ifndef JIA_EARLY_H
#define JIA_EARLY_H

/* jia_go_started is the constructor that comes right after the one that starts Go's runtime. */
void jia_go_started(int argc, char **argv, char **envp);

#endif
