/* A C program that uses shared memory: the other side of the tests of package region. */
#ifndef REGIONTEST_PROGRAM_H
#define REGIONTEST_PROGRAM_H

#include <stdint.h>

unsigned char program_load(uintptr_t addr);
void program_store(uintptr_t addr, unsigned char value);

uintptr_t program_load_text(void);

struct storer;
struct storer *storer_start(uintptr_t addr);
uint64_t storer_count(struct storer *s);
uint64_t storer_stop(struct storer *s);

enum stack { STACK_NONE, STACK_ALTERNATE, STACK_AUTODISARM };

/* These return NULL, or what went wrong. */
char *program_walk(uintptr_t base, long pages, long page_size, int threads, int laps, enum stack stack);
char *program_keeps_signal_state(uintptr_t addr);
char *program_refuse_userfaultfd(void);

/* Forks; the child loads from addr. Returns the child's status as waitpid gives it, or -1. */
int program_fork_and_load(uintptr_t addr);

int64_t program_bench(uintptr_t base, long pages, long page_size);

#endif
