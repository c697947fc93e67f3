/*
 * random.h - a random program without data races, drawn from a seed, that checks every byte it reads.
 *
 * The seed alone decides what the program is, so every host draws the same one and knows what every byte must be.
 * Race-free means so under scope consistency: what a lock guards is written inside scopes of that lock, everything
 * else is handed over by barriers. The parts run side by side and share pages on purpose:
 *
 *   owned.c    bytes that change their owner at barriers; hosts write neighbouring bytes at the same time
 *   hammer.c   pages that their homes write without a pause while diffs of the others arrive
 *   records.c  data of a lock: counters, bytes interleaved with those of other locks, words read without the lock
 *   accounts.c nested scopes: two or three locks at once, given back in any order
 *   list.c     a sorted list of shared pointers, walked hand over hand
 *   steady.c   pages that only their homes write, a phase number under a lock, words written once
 *   recycled.c memory that is freed at barriers and allocated anew
 *
 * Each host has threads that take part in the barriers and may have some that work under locks right across them.
 */
#ifndef RANDOM_H
#define RANDOM_H

#include <stddef.h>
#include <stdint.h>

#define MAX_WORKERS 128 /* threads of all hosts */
#define PAGE 4096

/* Ranges of lock ids; those of the list follow the last. */
#define RECORD_LOCK(i) (i)
#define ACCOUNT_LOCK(i) (1000 + (i))
#define PRIVATE_LOCK(worker) (2000 + (worker))
#define NODE_LOCK(i) (3000 + (i))

/* What the seed decided; alike on all hosts. */
struct plan {
	uint64_t seed;
	int phases;        /* stretches between barriers */
	int rapid;         /* 1: many short ones */
	int phase_threads; /* threads of each host that take part in the barriers, at least 1 */
	int free_threads;  /* threads of each host that do not */
	int owned, hammer, records, accounts, list, steady, recycled; /* 1: the part is switched on */
};
extern struct plan plan;

/* A thread of this host. */
struct worker {
	int thread;     /* of this host; those that take part in barriers come first */
	int id;         /* of the job: jiapid * threads of each host + thread */
	uint64_t state; /* of its random numbers */
	int written;    /* words of those that it writes once */
};

int threads(void); /* of each host */
int workers(void); /* of all hosts */

/* mix - a number that depends on the seed and on the arguments only. */
uint64_t mix(uint64_t a, uint64_t b, uint64_t c);

/* below - the worker's next random number, from 0 to n - 1. */
unsigned below(struct worker *w, unsigned n);

/* place - allocate shared memory, with the homes that the seed draws for it. */
void *place(size_t size, unsigned what);

/* expect - end the job unless the value found at an address is the expected one; says where, what and which seed. */
#define expect(what, address, expected, found) \
	do { \
		uint64_t expect_want = (uint64_t)(expected), expect_have = (uint64_t)(found); \
		if (expect_want != expect_have) \
			wrong(what, address, expect_want, expect_have); \
	} while (0)
void wrong(const char *what, const volatile void *address, uint64_t expected, uint64_t found)
	__attribute__((noreturn));

/* Each part: allocate (collective, one thread), run, and check the outcome after the last barrier. */
void owned_layout(void);
void owned_work(struct worker *w, int phase);
void owned_end_phase(int phase); /* one thread of each host, after the barrier */
void owned_check(void);

void hammer_layout(void);
void hammer_work(struct worker *w, int phase);
void hammer_check(void);

void records_layout(void);
void records_step(struct worker *w);
void records_peek(void); /* without the lock */
void records_publish(struct worker *w);
void records_check(void);

void accounts_layout(void);
void accounts_fill(void); /* by host 0, before the first barrier */
void accounts_step(struct worker *w);
void accounts_check(void);

void list_layout(void);
void list_step(struct worker *w);
void list_check(void);

void steady_layout(void);
void steady_work(struct worker *w, int phase);
void steady_step(struct worker *w); /* under a lock */
void once_step(struct worker *w);   /* without one */
void once_finish(struct worker *w);
void steady_check(void);

void recycled_layout(void);
void recycled_work(struct worker *w, int phase);
void recycled_free(int phase);      /* one thread of each host, before the barrier */
void recycled_end_phase(int phase); /* ... and after it */

/* locked_step - one random operation under locks, whichever parts are on. The caller holds no lock. */
void locked_step(struct worker *w);

#endif
