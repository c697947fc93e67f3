/*
 * misuse - the last host of the job makes a mistake, the others are in a barrier meanwhile.
 *
 *   JIA_NPROC=2 ./misuse NAME
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "jia.h"

static int last;

static void lock_negative(void) { jia_lock(-3); }
static void unlock_negative(void) { jia_unlock(-3); }
static void unlock_not_held(void) { jia_unlock(4); }
static void lock_twice(void) { jia_lock(4); jia_lock(4); }
static void unlock_twice(void) { jia_lock(4); jia_unlock(4); jia_unlock(4); }
static void barrier_in_scope(void) { jia_lock(4); jia_barrier(); }
static void exit_in_scope(void) { jia_lock(4); jia_exit(); }
static void trylock_negative(void) { jia_trylock(-3); }
static void rdlock_negative(void) { jia_rwlock_rdlock(-3); }
static void wrlock_twice(void) { jia_rwlock_wrlock(4); jia_rwlock_wrlock(4); }
static void rdlock_twice(void) { jia_rwlock_rdlock(4); jia_rwlock_rdlock(4); }
static void wrlock_of_reader(void) { jia_rwlock_rdlock(4); jia_rwlock_wrlock(4); }
static void rwunlock_not_held(void) { jia_rwlock_unlock(4); }
static void rwunlock_of_a_lock(void) { jia_lock(4); jia_rwlock_unlock(4); }
static void barrier_in_read_scope(void) { jia_rwlock_rdlock(4); jia_barrier(); }
static void atomic_misaligned(void) { jia_atomic_fetch_add_u64((unsigned long *)(jia_alloc(4096) + 4), 1); }
static void atomic_misaligned_32(void) { jia_atomic_load_u32((unsigned int *)(jia_alloc(4096) + 2)); }
static void atomic_private(void) { unsigned int own = 0; jia_atomic_store_u32(&own, 1); }
static void atomic_null(void) { jia_atomic_load_u64(NULL); }
static void atomic_unallocated(void) { jia_atomic_exchange_u64((unsigned long *)(jia_alloc(4096) + 8192), 1); }
static void cv_negative(void) { jia_setcv(-1); }
static void cv_wait_negative(void) { jia_waitcv(-1); }
static void alloc_too_much(void) { jia_alloc((size_t)65 << 20); }
static void alloc_way_too_much(void) { jia_alloc(~(size_t)0 / 2); }
static void alloc_negative(void) { int n = -4096; jia_alloc(n); }
static void alloc_negative_block(void) { jia_alloc2(4096, -5); }
static void alloc_in_small_steps(void) { for (;;) jia_alloc(1 << 20); }
static void alloc_no_such_host(void) { jia_alloc2p(4096, jiahosts); }
static void alloc_negative_host(void) { jia_alloc3(4096, 4096, -1); }
static void alloc_no_block(void) { jia_alloc2(4096, 0); }
static void alloc_no_blocks(void) { jia_alloc4(4096, NULL, 0, 0); }
static void alloc_negative_part(void) { int part[] = { -4096 }; jia_alloc_array(4096, part, 1); }
static void alloc_differently(void) { jia_alloc2(12288, 8192); jia_barrier(); }
static void alloc_once_more(void) { jia_alloc(20480); jia_alloc1(4096); jia_barrier(); }
static void free_twice(void) { void *p = (void *)jia_alloc(4096); jia_free(p); jia_free(p); }
static void free_inside(void) { jia_free((void *)(jia_alloc(8192) + 4096)); }
static void free_odd(void) { jia_free((void *)(jia_alloc(8192) + 3)); }
static void free_outside(void) { jia_free(malloc(64)); }
static void free_beyond(void) { jia_free((void *)(jia_alloc(4096) + 8192)); }
static void free_differently(void) { jia_free((void *)jia_alloc(20480)); jia_barrier(); }
static void free_null(void) { jia_alloc(20480); jia_free(NULL); jia_barrier(); }
static void init_twice(void) { jia_init(0, NULL); }
static void wait_for_barrier(void) { jia_wait(); }
static void leave_early(void) { jia_exit(); }
static void error_with_newline(void) { jia_error("an error line\n"); }
static void error_of_many_lines(void) { jia_error("first\nsecond\tthird %s", "fourth"); }

static void error_very_long(void)
{
	static char text[100000];

	memset(text, 'x', sizeof text - 1);
	jia_error("%s", text);
}

static void *take_lock(void *unused)
{
	(void)unused;
	jia_lock(4);
	return NULL;
}

static void unlock_of_another_thread(void)
{
	pthread_t other;

	if (pthread_create(&other, NULL, take_lock, NULL) == 0)
		pthread_join(other, NULL);
	jia_unlock(4);
}

static void *enter_barrier(void *unused)
{
	(void)unused;
	jia_barrier();
	return NULL;
}

/* Whichever thread is second makes the mistake: the other hosts do not come, so the first cannot get out. */
static void barrier_of_two_threads(void)
{
	pthread_t other;

	if (pthread_create(&other, NULL, enter_barrier, NULL) != 0)
		return;
	jia_barrier();
}

static int word;

static void send_no_such_host(void) { jia_send(&word, sizeof word, jiahosts, 1); }
static void send_without_files(void)
{
	struct rlimit none = { 0, 0 };

	setrlimit(RLIMIT_NOFILE, &none);
	jia_send(&word, sizeof word, 0, 1);
}
static void send_negative_tag(void) { jia_send(&word, sizeof word, 0, -1); }
static void send_negative_length(void) { jia_send(&word, -5, 0, 1); }
static void send_null(void) { jia_send(NULL, 4, 0, 1); }
static void recv_no_such_host(void) { jia_recv(&word, sizeof word, -2, 1); }
static void recv_negative_tag(void) { jia_recv(&word, sizeof word, 0, -7); }
static void recv_negative_length(void) { jia_recv(&word, -5, 0, 1); }
static void recv_null(void) { jia_recv(NULL, 4, 0, 1); }
static void recv_too_long(void) { jia_send("123456789", 9, jiapid, 5); jia_recv(&word, sizeof word, jiapid, 5); }
static void bcast_no_such_root(void) { jia_bcast(&word, sizeof word, jiahosts); }
static void bcast_negative_length(void) { jia_bcast(&word, -5, 0); }
static void reduce_no_such_root(void) { jia_reduce(&word, &word, 1, SUM_INT, -1); }
static void reduce_unknown(void) { jia_reduce(&word, &word, 1, 13, 0); }
static void reduce_negative_count(void) { jia_reduce(&word, &word, -3, MAX_INT, 0); }
static void reduce_null(void) { jia_reduce(NULL, &word, 1, SUM_INT, 0); }
static void reduce_for_bcast(void) { jia_reduce(&word, &word, 1, SUM_INT, 0); }
static void bcast_once_more(void) { jia_bcast(&word, 4, last); jia_bcast(&word, 4, last); }

static void *enter_bcast(void *unused)
{
	(void)unused;
	jia_bcast(&word, sizeof word, 0);
	return NULL;
}

/* As for barrier_of_two_threads: host 0, the root, does not come. */
static void bcast_of_two_threads(void)
{
	pthread_t other;

	if (pthread_create(&other, NULL, enter_bcast, NULL) != 0)
		return;
	jia_bcast(&word, sizeof word, 0);
}

static void touch_unallocated(void)
{
	volatile char *memory = (volatile char *)jia_alloc(4096);

	memory[8192] = 1;
}

static const struct mistake {
	const char *name;
	void (*make)(void);
} mistakes[] = {
#define MISTAKE(name) { #name, name }
	MISTAKE(lock_negative), MISTAKE(unlock_negative), MISTAKE(unlock_not_held), MISTAKE(lock_twice),
	MISTAKE(unlock_twice), MISTAKE(barrier_in_scope), MISTAKE(exit_in_scope), MISTAKE(cv_negative),
	MISTAKE(cv_wait_negative), MISTAKE(alloc_too_much), MISTAKE(alloc_way_too_much), MISTAKE(alloc_in_small_steps),
	MISTAKE(alloc_no_such_host), MISTAKE(alloc_negative_host), MISTAKE(alloc_no_block), MISTAKE(alloc_no_blocks),
	MISTAKE(alloc_negative_part), MISTAKE(alloc_negative), MISTAKE(alloc_negative_block),
	MISTAKE(alloc_differently), MISTAKE(alloc_once_more), MISTAKE(init_twice),
	MISTAKE(free_twice), MISTAKE(free_inside), MISTAKE(free_odd), MISTAKE(free_outside), MISTAKE(free_beyond),
	MISTAKE(free_differently), MISTAKE(free_null),
	MISTAKE(wait_for_barrier), MISTAKE(leave_early), MISTAKE(error_with_newline), MISTAKE(error_of_many_lines),
	MISTAKE(error_very_long), MISTAKE(unlock_of_another_thread), MISTAKE(barrier_of_two_threads),
	MISTAKE(touch_unallocated), MISTAKE(send_no_such_host), MISTAKE(send_negative_tag),
	MISTAKE(send_without_files), MISTAKE(send_negative_length),
	MISTAKE(send_null), MISTAKE(recv_no_such_host), MISTAKE(recv_negative_tag), MISTAKE(recv_negative_length),
	MISTAKE(recv_null), MISTAKE(recv_too_long), MISTAKE(bcast_no_such_root), MISTAKE(bcast_negative_length),
	MISTAKE(reduce_no_such_root), MISTAKE(reduce_unknown), MISTAKE(reduce_negative_count), MISTAKE(reduce_null),
	MISTAKE(trylock_negative), MISTAKE(rdlock_negative), MISTAKE(wrlock_twice), MISTAKE(rdlock_twice),
	MISTAKE(wrlock_of_reader), MISTAKE(rwunlock_not_held), MISTAKE(rwunlock_of_a_lock), MISTAKE(barrier_in_read_scope),
	MISTAKE(atomic_misaligned), MISTAKE(atomic_misaligned_32), MISTAKE(atomic_private), MISTAKE(atomic_null),
	MISTAKE(atomic_unallocated),
	MISTAKE(reduce_for_bcast), MISTAKE(bcast_once_more), MISTAKE(bcast_of_two_threads),
};

/* Mistakes outside the job, by every process that gets so far. */
static int before_or_after(const char *name, int argc, char **argv)
{
	if (!strcmp(name, "lock_before_init"))
		jia_lock(1);
	else if (!strcmp(name, "alloc_before_init"))
		jia_alloc(4096);
	else if (!strcmp(name, "free_before_init"))
		jia_free(NULL);
	else if (!strcmp(name, "barrier_before_init"))
		jia_barrier();
	else if (!strcmp(name, "exit_before_init"))
		jia_exit();
	else if (!strcmp(name, "error_before_init"))
		jia_error("too early");
	else if (!strcmp(name, "send_before_init"))
		jia_send(&word, sizeof word, 0, 1);
	else if (!strcmp(name, "recv_before_init"))
		jia_recv(NULL, 4, 0, 1);
	else if (!strcmp(name, "atomic_before_init"))
		jia_atomic_load_u32((unsigned int *)&word);
	else if (!strcmp(name, "config_before_init"))
		jia_config(LOADBAL, ON);
	else if (!strcmp(name, "lock_after_exit") || !strcmp(name, "barrier_after_exit")
		|| !strcmp(name, "alloc_after_exit") || !strcmp(name, "recv_after_exit")) {
		jia_init(argc, argv);
		jia_exit();
		if (jiapid != jiahosts - 1) {
			sleep(5);
			return 1;
		}
		if (name[0] == 'l')
			jia_lock(1);
		else if (name[0] == 'b')
			jia_barrier();
		else if (name[0] == 'r')
			jia_recv(&word, sizeof word, MSG_PROC_ALL, MSG_TAG_ALL);
		else
			jia_alloc(4096);
	} else
		return 0;
	return 1;
}

int main(int argc, char **argv)
{
	const char *name = argc == 2 ? argv[1] : "";

	if (before_or_after(name, argc, argv))
		return 0;
	jia_init(argc, argv);
	last = jiahosts - 1;
	if (!strcmp(name, "nothing")) {
		jia_exit();
		return 0;
	}
	if (jiapid != last) {
		if (!strcmp(name, "barrier_of_two_threads"))
			sleep(5);
		/* A different allocation is a mistake of somebody's only in comparison. */
		if (!strcmp(name, "alloc_differently") || !strcmp(name, "alloc_once_more") || !strcmp(name, "free_differently"))
			jia_alloc(20480);
		if (!strcmp(name, "free_null"))
			jia_free((void *)jia_alloc(20480));
		if (!strcmp(name, "reduce_for_bcast") || !strcmp(name, "bcast_once_more"))
			jia_bcast(&word, 4, last);
		if (!strcmp(name, "bcast_once_more"))
			jia_reduce(&word, &word, 2, SUM_INT, 0);
		jia_barrier();
		sleep(5);
		return 1;
	}
	for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++)
		if (!strcmp(mistakes[i].name, name)) {
			mistakes[i].make();
			sleep(5);
			return 1;
		}
	fprintf(stderr, "misuse: no mistake is called %s\n", name);
	return 1;
}
