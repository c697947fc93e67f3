/* Every call with its C17 types: the compiler checks the header's promises. */
#include <assert.h>
#include <stddef.h>

#include "jia.h"

static void (*const take_nothing[])(void) = { jia_exit, jia_end, jia_barrier, jia_wait };
static void (*const take_id[])(int) = { jia_lock, jia_unlock, jia_setcv, jia_resetcv, jia_waitcv,
				       jia_rwlock_rdlock, jia_rwlock_wrlock, jia_rwlock_unlock };
static int (*const try_id[])(int) = { jia_trylock, jia_rwlock_tryrdlock, jia_rwlock_trywrlock };
static unsigned long (*const take_size[])(size_t) = { jia_alloc, jia_alloc1, jia_alloc_random };

static_assert(_Generic(jia_clock(), double: 1, default: 0), "jia_clock returns seconds as double");
static_assert(_Generic(&jiapid, int *: 1, default: 0), "jiapid is an object of type int");
static_assert(_Generic(&jiahosts, int *: 1, default: 0), "jiahosts is an object of type int");
static_assert(_Generic(&jia_pid, int *: 1, default: 0) && _Generic(&hostc, int *: 1, default: 0), "so are the aliases");

static int (*const make_pool)(size_t, const jia_pool_attr_t *) = jia_pool_create;
static void *(*const from_pool)(int, size_t) = jia_pool_alloc;
static void *(*const from_pool_aligned)(int, size_t, size_t) = jia_pool_aligned_alloc;
static void *(*const resize)(int, void *, size_t) = jia_pool_realloc;
static void (*const to_pool)(int, void *) = jia_pool_free;
static int (*const pool_numbers)(int, jia_pool_stats_t *) = jia_pool_stats;

static_assert(JIA_POOL_OWN == 0 && JIA_POOL_HOST == 1 && JIA_POOL_CYCLIC == 2, "an attribute of zeros is the default");

static void (*const send_bytes)(const void *, size_t, int, int) = jia_send;
static long (*const recv_bytes)(void *, size_t, int, int) = jia_recv;
static void (*const reduce)(const void *, void *, size_t, int, int) = jia_reduce;

static_assert(SUM_INT == 0 && MAX_INT == 1 && MIN_INT == 2 && SUM_FLOAT == 10 && MAX_FLOAT == 11 && MIN_FLOAT == 12
              && SUM_DOUBLE == 20 && MAX_DOUBLE == 21 && MIN_DOUBLE == 22, "the operations have their old numbers");
static_assert(HMIG == 0 && ADWD == 1 && BROADCAST == 2 && LOADBAL == 3 && WVEC == 4 && RDMA == 5, "so have the switches");
static_assert(MSG_PROC_ALL == -1 && MSG_TAG_ALL == -1, "and the wildcards");

static unsigned int (*const load32)(const volatile unsigned int *) = jia_atomic_load_u32;
static unsigned long (*const load64)(const volatile unsigned long *) = jia_atomic_load_u64;
static void (*const store32)(volatile unsigned int *, unsigned int) = jia_atomic_store_u32;
static void (*const store64)(volatile unsigned long *, unsigned long) = jia_atomic_store_u64;
static unsigned int (*const change32[])(volatile unsigned int *, unsigned int) = { jia_atomic_fetch_add_u32, jia_atomic_exchange_u32 };
static unsigned long (*const change64[])(volatile unsigned long *, unsigned long) = { jia_atomic_fetch_add_u64, jia_atomic_exchange_u64 };
static int (*const compare32)(volatile unsigned int *, unsigned int *, unsigned int) = jia_atomic_compare_exchange_u32;
static int (*const compare64)(volatile unsigned long *, unsigned long *, unsigned long) = jia_atomic_compare_exchange_u64;

/* Words of this host alone: everything is as if there were no other. */
static void words(unsigned int *w, unsigned long *x)
{
	unsigned int old = 7;
	unsigned long older = 7;

	store32(w, 5);
	store64(x, 5);
	if (change32[0](w, 2) != 5 || change32[1](w, 9) != 7 || compare32(w, &old, 1) || old != 9 || !compare32(w, &old, 1) || load32(w) != 1)
		jia_error("words of 32 bits");
	if (change64[0](x, 2) != 5 || change64[1](x, 9) != 7 || compare64(x, &older, 1) || older != 9 || !compare64(x, &older, 1) || load64(x) != 1)
		jia_error("words of 64 bits");
	for (int i = 0; i < 3; i++) {
		int id = 100 + jiapid;

		if (try_id[i](id) != 0 || try_id[i](id) == 0)
			jia_error("a try");
		if (i == 0)
			jia_unlock(id);
		else
			jia_rwlock_unlock(id);
	}
	take_id[5](7);
	take_id[7](7);
	take_id[6](7);
	take_id[7](7);
}

static int checked(int got)
{
	if (got == jiapid)
		return got;
	jia_error("got %d from host %d", got, jiapid); /* does not return: no value is needed after it */
}

int main(int argc, char *argv[])
{
	static const int blocks[] = { 4096, 8192 };
	size_t big = (size_t)3 << 30; /* does not fit in an int */

	jia_init(argc, argv);
	double *matrix = (double *)jia_alloc2(big, 1 << 20);
	unsigned long others = jia_alloc2p(big, jiahosts - 1) + jia_alloc3(big, big / 2, 0) + jia_alloc4(big, blocks, 2, 0)
	                       + jia_alloc_array(big, blocks, jiahosts < 2 ? jiahosts : 2);

	jia_pool_attr_t attr = { .size = sizeof attr, .name = "modern" };
	jia_pool_stats_t numbers = { .size = sizeof numbers };
	int pool = make_pool(big, &attr);
	void *object = resize(pool, from_pool(pool, 1), 10000);
	to_pool(pool, from_pool_aligned(pool, 64, 1));
	if (pool < 0 || !object || pool_numbers(pool, &numbers) != 0 || numbers.objects != 1)
		jia_error("pool %d", pool);
	jia_pool_reset(pool);
	if (jia_pool_destroy(pool) != 0)
		jia_error("jia_pool_destroy");

	unsigned long at = jia_alloc((size_t)4096 * (size_t)jiahosts);
	words((unsigned int *)(at + 64 * (size_t)jiapid), (unsigned long *)(at + 64 * (size_t)jiapid + 8));
	take_id[0](0);
	matrix[checked(jiapid)] = (double)others + (double)take_size[0](1);
	take_id[1](0);
	if (jiahosts == 1) LOCK(1);
	if (jiahosts == 1) UNLOCK(1);
	struct { int host; double x; } in, out = { jiapid, 1.5 };
	double sum;
	int begin = 0, end = 9;
	send_bytes(&out, sizeof out, jiapid, 3);
	if (recv_bytes(&in, sizeof in, MSG_PROC_ALL, MSG_TAG_ALL) != sizeof in || checked(in.host) != out.host)
		jia_error("a message to oneself");
	reduce(&out.x, &sum, 1, SUM_DOUBLE, 0);
	jia_bcast(&sum, sizeof sum, 0);
	if (sum != 1.5 * jiahosts)
		jia_error("the sum is %g", sum);
	jia_config(LOADBAL, ON);
	jia_divtask(&begin, &end);
	jia_loadcheck();
	take_nothing[0]();
	return 0;
}
