/*
 * trylocks - locks that do not wait, and locks for readers and writers.
 *
 *   JIA_NPROC=4 ./trylocks COUNT
 *
 * jia_wait, which may be called inside a scope, says when who holds what.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "jia.h"

enum { PAGE = 4096, THREADS = 2 };

static volatile long *guarded;       /* [0] under lock 1; [512] and [1024], on other pages, under reader/writer lock 1 */
static volatile unsigned int *words; /* atomic: who holds lock 1, readers that have met, writers inside */
static int count;

#define CHECK(x) do { if (!(x)) jia_error("line %d: %s is not so", __LINE__, #x); } while (0)

/*
 * A lock that another host holds is refused: the holder does not unlock before all others have been refused. When it is free again
 * it is not refused. The manager and the holder are each host in turn.
 */
static void refused(void)
{
	int lock, holder;

	for (lock = 1024 - jiahosts; lock < 1024 + jiahosts; lock++) /* with and without words */
		for (holder = 0; holder < jiahosts; holder++) {
			if (jiapid == holder)
				CHECK(jia_trylock(lock) == 0);
			jia_wait();
			CHECK(jia_trylock(lock) == -EBUSY && jia_trylock(lock) == -EBUSY);
			jia_wait();
			if (jiapid == holder)
				jia_unlock(lock);
			jia_wait();
			if (jiapid == (holder + 1) % jiahosts) {
				CHECK(jia_trylock(lock) == 0);
				jia_unlock(lock);
			}
			jia_wait();
		}
}

/* The same for readers and writers. */
static void shared(void)
{
	int lock, holder;

	for (lock = 3; lock < 3 + jiahosts; lock++)
		for (holder = 0; holder < jiahosts; holder++) {
			if (jiapid == holder)
				jia_rwlock_rdlock(lock);
			jia_wait();
			CHECK(jia_rwlock_trywrlock(lock) == -EBUSY);
			if (jiapid != holder) {
				CHECK(jia_rwlock_tryrdlock(lock) == 0);
				jia_rwlock_unlock(lock);
			}
			jia_wait();
			if (jiapid == holder)
				jia_rwlock_unlock(lock);
			jia_wait();
			if (jiapid == holder)
				CHECK(jia_rwlock_trywrlock(lock) == 0);
			jia_wait();
			CHECK(jia_rwlock_tryrdlock(lock) == -EBUSY && jia_rwlock_trywrlock(lock) == -EBUSY);
			jia_wait();
			if (jiapid == holder)
				jia_rwlock_unlock(lock);
			jia_wait();
		}
}

static void *work(void *unused)
{
	int i, round, all = jiahosts * THREADS;

	(void)unused;
	for (i = 0; i < count; ) { /* one holder at a time, whichever way it came in */
		if (i % 8 == 7)
			jia_lock(1);
		else if (jia_trylock(1)) {
			sched_yield();
			continue;
		}
		CHECK(jia_atomic_fetch_add_u32(&words[0], 1) == 0);
		guarded[0]++;
		CHECK(jia_atomic_fetch_add_u32(&words[0], 4294967295u) == 1);
		jia_unlock(1);
		i++;
	}
	for (round = 1; round <= 20; round++) { /* all readers are inside at once */
		jia_rwlock_rdlock(2);
		jia_atomic_fetch_add_u32(&words[1], 1);
		while (jia_atomic_load_u32(&words[1]) < (unsigned int)(round * all))
			sched_yield();
		jia_rwlock_unlock(2);
	}
	for (i = 0; i < count; i++) {
		long seen;

		if (i % 4) {
			jia_rwlock_rdlock(1);
			CHECK(jia_atomic_load_u32(&words[2]) == 0);
			seen = guarded[512];
			CHECK(guarded[1024] == -seen);
		} else {
			jia_rwlock_wrlock(1);
			CHECK(jia_atomic_exchange_u32(&words[2], 1) == 0);
			CHECK(guarded[1024] == -guarded[512]);
			guarded[512]++;
			guarded[1024]--;
			CHECK(jia_atomic_exchange_u32(&words[2], 0) == 1);
		}
		jia_rwlock_unlock(1);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t other[THREADS];
	int i;

	count = argc > 1 ? atoi(argv[1]) : 100;
	jia_init(argc, argv);
	guarded = (volatile long *)jia_alloc(3 * PAGE);
	words = (volatile unsigned int *)jia_alloc2p(PAGE, jiahosts - 1);
	jia_barrier();
	refused();
	shared();
	for (i = 1; i < THREADS; i++)
		if (pthread_create(&other[i], NULL, work, NULL))
			jia_error("no thread");
	work(NULL);
	for (i = 1; i < THREADS; i++)
		pthread_join(other[i], NULL);
	jia_barrier();
	CHECK(guarded[0] == (long)count * jiahosts * THREADS);
	CHECK(guarded[512] == (long)(count + 3) / 4 * jiahosts * THREADS && guarded[1024] == -guarded[512]);
	jia_barrier();
	if (jiapid == 0)
		printf("trylocks: ok\n");
	jia_exit();
	return 0;
}
