/*
 * fortran.c - the calls of jia.h under the names that FORTRAN gives them: lower case and an underscore behind.
 *
 * Old programs pass numbers with %val, so arguments arrive by value, as in C; arrays arrive as addresses, as always. A
 * size may be an integer*4 of the caller's as well as an integer*8: an instruction that computes the lower half of a
 * 64-bit register clears its upper half.
 *
 * Each call that jia.h declares has a wrapper here, but for jia_stats, jia_pool_stats and jia_alloc_attr, which take structures;
 * tests/fortran/interfaces.sh sees to that.
 */
#include <string.h>

#include "jia.h"

/*
 * jia_ is COMMON /jia/, which a program that uses it defines too: as a common symbol, before which a weak definition
 * gives way. This one is for programs without, so that the library links. Only calls from FORTRAN write to it: in a C
 * program the name may be anything.
 */
struct jia_common {
	int jiapid, jiahosts;
};
extern struct jia_common jia_;
struct jia_common jia_ __attribute__((weak)) = { 0, 1 };

/* libgfortran's FLUSH; null writes all units. Weak: a C program comes without that library. */
extern void _gfortran_flush_i4(const int *unit) __attribute__((weak));

/* jiaf_init_ is weak because old programs may bring along the subroutine jiaf_init of the old library's FORTRAN part. */
void jiaf_init_(void) __attribute__((weak));
void jia_distask_(int *, int *, const int *, const int *) __attribute__((weak));

/* jia_init_ takes no notice of the program's arguments, whichever way they were passed; the library finds them itself. */
void jia_init_(void)
{
	static char *none[] = { NULL };

	jia_init(0, none);
	jia_.jiapid = jiapid;
	jia_.jiahosts = jiahosts;
}

void jiaf_init_(void)
{
	jia_init_();
}

void jia_exit_(void)
{
	jia_exit();
}

void jia_end_(void)
{
	jia_end();
}

/* jia_error_ takes a character variable, whose length is behind the other arguments, and which blanks fill up. */
void jia_error_(const char *text, size_t length)
{
	while (length > 0 && text[length - 1] == ' ')
		length--;
	if (_gfortran_flush_i4)
		_gfortran_flush_i4(NULL);
	jia_error("%.*s", length < 4096 ? (int)length : 4096, text);
}

double jia_clock_(void)
{
	return jia_clock();
}

unsigned long jia_alloc_(size_t size)
{
	return jia_alloc(size);
}

unsigned long jia_alloc1_(size_t size)
{
	return jia_alloc1(size);
}

unsigned long jia_alloc2_(size_t size, size_t block)
{
	return jia_alloc2(size, block);
}

unsigned long jia_alloc2p_(size_t size, int host)
{
	return jia_alloc2p(size, host);
}

unsigned long jia_alloc3_(size_t size, size_t block, int start)
{
	return jia_alloc3(size, block, start);
}

unsigned long jia_alloc4_(size_t size, const int *blocks, int n, int start)
{
	return jia_alloc4(size, blocks, n, start);
}

unsigned long jia_alloc_array_(size_t size, const int *array, int n)
{
	return jia_alloc_array(size, array, n);
}

unsigned long jia_alloc_random_(size_t size)
{
	return jia_alloc_random(size);
}

int jia_home_(const void *address)
{
	return jia_home(address);
}

void jia_free_(void *start)
{
	jia_free(start);
}

/* FORTRAN 77 has no structures: a pool is as it is without attributes. */
int jia_pool_create_(size_t bytes)
{
	return jia_pool_create(bytes, NULL);
}

void *jia_pool_alloc_(int pool, size_t size)
{
	return jia_pool_alloc(pool, size);
}

void *jia_pool_aligned_alloc_(int pool, size_t align, size_t size)
{
	return jia_pool_aligned_alloc(pool, align, size);
}

void *jia_pool_realloc_(int pool, void *object, size_t size)
{
	return jia_pool_realloc(pool, object, size);
}

void jia_pool_free_(int pool, void *object)
{
	jia_pool_free(pool, object);
}

void jia_pool_reset_(int pool)
{
	jia_pool_reset(pool);
}

int jia_pool_destroy_(int pool)
{
	return jia_pool_destroy(pool);
}

int jia_cache_resize_(size_t bytes)
{
	return jia_cache_resize(bytes);
}

void jia_prefetch_(const void *start, size_t size)
{
	jia_prefetch(start, size);
}

int jia_pin_range_(void *start, size_t size)
{
	return jia_pin_range(start, size);
}

int jia_unpin_range_(void *start, size_t size)
{
	return jia_unpin_range(start, size);
}

void jia_lock_(int lockid)
{
	jia_lock(lockid);
}

void jia_unlock_(int lockid)
{
	jia_unlock(lockid);
}

int jia_checkpoint_(void)
{
	return jia_checkpoint();
}

int jia_checkpoint_start_(void)
{
	return jia_checkpoint_start();
}

int jia_checkpoint_wait_(void)
{
	return jia_checkpoint_wait();
}

int jia_restored_(void)
{
	return jia_restored();
}

/* The name is one that the caller has ended with a null byte. */
int jia_checkpoint_register_(void *addr, size_t size, const char *name)
{
	return jia_checkpoint_register(addr, size, name);
}

/* A subroutine gets the host as an address, and the reason as a character variable, whose length is behind the other arguments. */
typedef void subroutine(const int *host, const char *reason, size_t length);

static subroutine *on_failure; /* atomic: set by any thread, read by the library's */

static void call_subroutine(int host, const char *reason)
{
	subroutine *call = __atomic_load_n(&on_failure, __ATOMIC_ACQUIRE);

	if (call)
		call(&host, reason, strlen(reason));
}

void jia_on_failure_(subroutine *callback)
{
	__atomic_store_n(&on_failure, callback, __ATOMIC_RELEASE);
	jia_on_failure(callback ? call_subroutine : NULL);
}

int jia_trylock_(int lockid)
{
	return jia_trylock(lockid);
}

void jia_rwlock_rdlock_(int rwlockid)
{
	jia_rwlock_rdlock(rwlockid);
}

void jia_rwlock_wrlock_(int rwlockid)
{
	jia_rwlock_wrlock(rwlockid);
}

int jia_rwlock_tryrdlock_(int rwlockid)
{
	return jia_rwlock_tryrdlock(rwlockid);
}

int jia_rwlock_trywrlock_(int rwlockid)
{
	return jia_rwlock_trywrlock(rwlockid);
}

void jia_rwlock_unlock_(int rwlockid)
{
	jia_rwlock_unlock(rwlockid);
}

void jia_barrier_(void)
{
	jia_barrier();
}

void jia_wait_(void)
{
	jia_wait();
}

void jia_setcv_(int cvid)
{
	jia_setcv(cvid);
}

void jia_resetcv_(int cvid)
{
	jia_resetcv(cvid);
}

void jia_waitcv_(int cvid)
{
	jia_waitcv(cvid);
}

void jia_send_(const void *buf, size_t len, int to, int tag)
{
	jia_send(buf, len, to, tag);
}

long jia_recv_(void *buf, size_t len, int from, int tag)
{
	return jia_recv(buf, len, from, tag);
}

void jia_bcast_(void *buf, size_t len, int root)
{
	jia_bcast(buf, len, root);
}

void jia_reduce_(const void *snd, void *rcv, size_t cnt, int op, int root)
{
	jia_reduce(snd, rcv, cnt, op, root);
}

unsigned int jia_atomic_load_u32_(const volatile unsigned int *object)
{
	return jia_atomic_load_u32(object);
}

void jia_atomic_store_u32_(volatile unsigned int *object, unsigned int desired)
{
	jia_atomic_store_u32(object, desired);
}

unsigned int jia_atomic_fetch_add_u32_(volatile unsigned int *object, unsigned int operand)
{
	return jia_atomic_fetch_add_u32(object, operand);
}

unsigned int jia_atomic_exchange_u32_(volatile unsigned int *object, unsigned int desired)
{
	return jia_atomic_exchange_u32(object, desired);
}

int jia_atomic_compare_exchange_u32_(volatile unsigned int *object, unsigned int *expected, unsigned int desired)
{
	return jia_atomic_compare_exchange_u32(object, expected, desired);
}

unsigned long jia_atomic_load_u64_(const volatile unsigned long *object)
{
	return jia_atomic_load_u64(object);
}

void jia_atomic_store_u64_(volatile unsigned long *object, unsigned long desired)
{
	jia_atomic_store_u64(object, desired);
}

unsigned long jia_atomic_fetch_add_u64_(volatile unsigned long *object, unsigned long operand)
{
	return jia_atomic_fetch_add_u64(object, operand);
}

unsigned long jia_atomic_exchange_u64_(volatile unsigned long *object, unsigned long desired)
{
	return jia_atomic_exchange_u64(object, desired);
}

int jia_atomic_compare_exchange_u64_(volatile unsigned long *object, unsigned long *expected, unsigned long desired)
{
	return jia_atomic_compare_exchange_u64(object, expected, desired);
}

void jia_divtask_(int *begin, int *end)
{
	jia_divtask(begin, end);
}

void jia_loadcheck_(void)
{
	jia_loadcheck();
}

void jia_config_(int what, int on)
{
	jia_config(what, on);
}

unsigned int jia_startstat_(void)
{
	return jia_startstat();
}

unsigned int jia_stopstat_(void)
{
	return jia_stopstat();
}

/*
 * jia_distask_ is a subroutine of the old library's FORTRAN part: of the loop from *first to *last, this host's part, *begin
 * to *end inclusive. All but the last have equally many turns; the part of a host for which none are left is empty.
 */
void jia_distask_(int *begin, int *end, const int *first, const int *last)
{
	long turns = (long)*last - *first + 1;
	long share = turns > 0 ? (turns + jiahosts - 1) / jiahosts : 0;
	long from = *first + share * jiapid, to = from + share - 1;

	*begin = (int)from;
	*end = (int)(to < *last ? to : *last);
}
