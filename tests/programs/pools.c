/*
 * pools - memory pools: what is promised of objects, seen from the program.
 *
 *   JIA_NPROC=8 ./pools storm 1000000     mixed sizes on all hosts, 4 threads each; objects are freed elsewhere
 *   JIA_NPROC=3 ./pools basics | exhaust | recycle | forked
 *   JIA_NPROC=2 ./pools bad NAME          a mistake of the last host
 */
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "jia.h"

#define CHECK(x) do { if (!(x)) jia_error("pools: line %d: %s is not so (errno %d)", __LINE__, #x, errno); } while (0)

static jia_pool_stats_t stats_of(int pool)
{
	jia_pool_stats_t st;

	st.size = sizeof st;
	CHECK(jia_pool_stats(pool, &st) == 0);
	return st;
}

static int pool_with(size_t bytes, jia_pool_attr_t attr)
{
	int pool;

	attr.size = sizeof attr;
	pool = jia_pool_create(bytes, &attr);
	CHECK(pool >= 0);
	return pool;
}

/* --- storm --- */

enum { THREADS = 4, KEPT = 512, ROWS = 8, ROW = 16, TURNS = 400 };

struct row {
	unsigned char *object[ROW]; /* guarded by the lock with the row's number */
	char gap[8192 - ROW * sizeof(void *)];
};

static struct row *rows;
static int storm_pool;
static long turns_each;
static size_t asked[THREADS]; /* bytes that the threads have asked for and not freed, at the end of the storm */
static pthread_barrier_t halt;

static uint32_t next(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (uint32_t)(*state >> 33);
}

static size_t draw_size(uint64_t *state)
{
	uint32_t r = next(state);

	if (r % 1000 == 0)
		return 33000 + next(state) % 60000;
	if (r % 50 == 0)
		return 1024 + next(state) % 8192;
	return 16 + next(state) % (r % 4 ? 112 : 500);
}

/* An object holds its size, a seed, and bytes that follow from these and its place. */
static unsigned char byte_of(uint32_t seed, size_t i)
{
	return (unsigned char)(seed + i * 31 + (i >> 8));
}

static unsigned char *make(uint64_t *state)
{
	size_t size = draw_size(state), i;
	uint32_t head[2];
	unsigned char *object = jia_pool_alloc(storm_pool, size);

	CHECK(object);
	head[0] = (uint32_t)size;
	head[1] = next(state);
	memcpy(object, head, sizeof head);
	for (i = sizeof head; i < size; i++)
		object[i] = byte_of(head[1], i);
	return object;
}

static size_t size_at(const unsigned char *object)
{
	uint32_t size;

	memcpy(&size, object, sizeof size);
	return size;
}

static void drop(unsigned char *object)
{
	uint32_t head[2];
	size_t i;

	memcpy(head, object, sizeof head);
	for (i = sizeof head; i < head[0]; i++)
		if (object[i] != byte_of(head[1], i))
			jia_error("pools: byte %zu of the object at %p, %u bytes long, is not what was written", i, (void *)object, (unsigned)head[0]);
	memset(object, 0xdd, head[0] < 64 ? head[0] : 64);
	jia_pool_free(storm_pool, object);
}

/* Objects that are passed on are written in the scope in which they are. */
static void exchange(uint64_t *state)
{
	int r = (int)(next(state) % ROWS), i;
	unsigned char *old;

	jia_lock(r);
	for (i = 0; i < ROW; i++) {
		old = rows[r].object[i];
		rows[r].object[i] = make(state);
		if (old)
			drop(old);
	}
	jia_unlock(r);
}

static void *storm_thread(void *number)
{
	int me = (int)(intptr_t)number, i;
	uint64_t state = (uint64_t)(jiapid * THREADS + me) * 7919 + 1;
	unsigned char *kept[KEPT] = { NULL };
	long turn;

	for (turn = 0; turn < turns_each; turn += 2) { /* an allocation and mostly a free */
		i = (int)(next(&state) % KEPT);
		if (kept[i])
			drop(kept[i]);
		kept[i] = make(&state);
		if (turn % TURNS == 0) {
			exchange(&state);
			turn += 2 * ROW;
		}
	}
	asked[me] = 0;
	for (i = 0; i < KEPT; i++)
		if (kept[i])
			asked[me] += size_at(kept[i]);
	pthread_barrier_wait(&halt); /* the main thread looks at the numbers */
	pthread_barrier_wait(&halt);
	for (i = 0; i < KEPT; i++)
		if (kept[i])
			drop(kept[i]);
	return NULL;
}

static void storm(long operations, jia_pool_attr_t attr)
{
	pthread_t thread[THREADS];
	double mine[3], all[3] = { 0 };
	jia_pool_stats_t st;
	int i, k;

	turns_each = operations / jiahosts / THREADS;
	rows = (struct row *)jia_alloc2(ROWS * sizeof *rows, sizeof *rows);
	attr.name = "storm";
	attr.limit = (size_t)256 << 20;
	storm_pool = pool_with(1 << 20, attr);
	CHECK(pthread_barrier_init(&halt, NULL, THREADS + 1) == 0);
	jia_barrier();
	for (i = 0; i < THREADS; i++)
		CHECK(pthread_create(&thread[i], NULL, storm_thread, (void *)(intptr_t)i) == 0);
	pthread_barrier_wait(&halt);
	jia_barrier();
	st = stats_of(storm_pool);
	mine[0] = 0;
	for (i = 0; i < THREADS; i++)
		mine[0] += (double)asked[i];
	for (i = jiapid; i < ROWS; i += jiahosts)
		for (k = 0; k < ROW; k++)
			if (rows[i].object[k])
				mine[0] += (double)size_at(rows[i].object[k]);
	mine[1] = (double)st.bytes;
	mine[2] = (double)st.held_bytes;
	jia_reduce(mine, all, 3, SUM_DOUBLE, 0);
	if (jiapid == 0)
		printf("pools: %.0f bytes asked for, %.0f in objects, %.0f in pages\n", all[0], all[1], all[2]);
	pthread_barrier_wait(&halt);
	for (i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	for (i = jiapid; i < ROWS; i += jiahosts)
		for (k = 0; k < ROW; k++)
			if (rows[i].object[k])
				drop(rows[i].object[k]);
	jia_barrier();
	st = stats_of(storm_pool);
	if (st.objects || st.bytes)
		jia_error("pools: %lu objects of %lu bytes are left when all are free", st.objects, st.bytes);
	CHECK(jiahosts == 1 || st.returned > 0);
	jia_barrier();
	CHECK(jia_pool_destroy(storm_pool) == 0);
}

/* --- basics --- */

static void arguments(void)
{
	jia_pool_attr_t attr = { 0 };
	jia_pool_stats_t st;
	int pool;

	CHECK(jia_pool_create(0, NULL) == -EINVAL);
	CHECK(jia_pool_create((size_t)1 << 62, NULL) == -ENOMEM);
	CHECK(jia_pool_create(~(size_t)0, NULL) == -ENOMEM);
	CHECK(jia_pool_create(4096, &attr) == -EINVAL); /* size not set */
	attr.size = sizeof attr;
	attr.align = 48;
	CHECK(jia_pool_create(4096, &attr) == -EINVAL);
	attr.align = 1 << 30;
	CHECK(jia_pool_create(4096, &attr) == -EINVAL);
	attr.align = 0;
	attr.limit = 4095;
	CHECK(jia_pool_create(4096, &attr) == -EINVAL);
	attr.limit = 0;
	attr.placement = 3;
	CHECK(jia_pool_create(4096, &attr) == -EINVAL);
	attr.placement = JIA_POOL_HOST;
	attr.host = jiahosts;
	CHECK(jia_pool_create(4096, &attr) == -EINVAL);

	errno = 0;
	CHECK(!jia_pool_alloc(7, 16) && errno == EINVAL);
	errno = 0;
	CHECK(!jia_pool_alloc(-1, 16) && errno == EINVAL);
	errno = 0;
	CHECK(!jia_pool_realloc(256, NULL, 16) && errno == EINVAL);
	CHECK(jia_pool_destroy(3) == -EINVAL);
	st.size = sizeof st;
	CHECK(jia_pool_stats(3, &st) == -EINVAL);
	pool = jia_pool_create(1 << 20, NULL);
	CHECK(pool >= 0);
	CHECK(jia_pool_stats(pool, NULL) == -EINVAL);
	st.size = 8;
	CHECK(jia_pool_stats(pool, &st) == -EINVAL);
	errno = 0;
	CHECK(!jia_pool_alloc(pool, 0) && errno == EINVAL);
	errno = 0;
	CHECK(!jia_pool_alloc(pool, ~(size_t)0) && errno == ENOMEM);
	errno = 0;
	CHECK(!jia_pool_alloc(pool, ~(size_t)0 / 2) && errno == ENOMEM);
	errno = 0;
	CHECK(!jia_pool_aligned_alloc(pool, 24, 100) && errno == EINVAL);
	errno = 0;
	CHECK(!jia_pool_aligned_alloc(pool, 0, 100) && errno == EINVAL);
	errno = 0;
	CHECK(!jia_pool_aligned_alloc(pool, (size_t)1 << 63, 100) && errno == ENOMEM);
	jia_pool_free(pool, NULL);
	CHECK(stats_of(pool).objects == 0);
	CHECK(jia_pool_destroy(pool) == 0);
}

static void alignment(void)
{
	jia_pool_attr_t attr = { 0 };
	size_t align, size;
	int pool = jia_pool_create((size_t)jiahosts << 23, NULL), aligned;
	unsigned char *object;

	attr.align = 256;
	aligned = pool_with((size_t)jiahosts << 23, attr);
	for (align = 1; align <= 65536; align *= 2)
		for (size = 1; size < 20000; size = size * 3 + 1) {
			object = jia_pool_aligned_alloc(pool, align, size);
			CHECK(object && (uintptr_t)object % align == 0 && (uintptr_t)object % 16 == 0);
			memset(object, 1, size);
			jia_pool_free(pool, object);
			object = jia_pool_alloc(aligned, size);
			CHECK(object && (uintptr_t)object % 256 == 0);
			memset(object, 1, size);
			jia_pool_free(aligned, object);
		}
	CHECK(stats_of(pool).objects == 0 && stats_of(aligned).objects == 0);
	CHECK(jia_pool_destroy(pool) == 0 && jia_pool_destroy(aligned) == 0);
}

/* Objects change their sizes, also those of other hosts. */
static void reallocation(void)
{
	int pool = jia_pool_create((size_t)jiahosts << 22, NULL), i;
	unsigned char **shared = (unsigned char **)jia_alloc1(4096), *object = NULL, *again;
	size_t size, before = 0;

	for (size = 8; size < 300000; size = size * 3 / 2 + 8) {
		again = jia_pool_realloc(pool, object, size);
		CHECK(again);
		for (i = 0; i < (int)before; i++)
			CHECK(again[i] == (unsigned char)(i * 7));
		for (; i < (int)size; i++)
			again[i] = (unsigned char)(i * 7);
		object = again;
		before = size;
	}
	again = jia_pool_realloc(pool, object, 100);
	for (i = 0; i < 100; i++)
		CHECK(again[i] == (unsigned char)(i * 7));
	errno = 0;
	CHECK(!jia_pool_realloc(pool, again, 0) && errno == EINVAL);
	errno = 0;
	CHECK(!jia_pool_realloc(pool, again, (size_t)1 << 50) && errno == ENOMEM && again[99] == (unsigned char)(99 * 7));
	jia_lock(1);
	shared[jiapid] = again;
	jia_unlock(1);
	jia_barrier();
	object = shared[(jiapid + 1) % jiahosts];
	again = jia_pool_realloc(pool, object, 5000);
	for (i = 0; i < 100; i++)
		CHECK(again[i] == (unsigned char)(i * 7));
	jia_pool_free(pool, again);
	jia_barrier();
	CHECK(stats_of(pool).objects == 0);
	CHECK(jia_pool_destroy(pool) == 0);
}

static void zeroing(void)
{
	jia_pool_attr_t attr = { 0 };
	size_t size;
	int pool, i, round;
	unsigned char *object;

	attr.zero = 1;
	pool = pool_with((size_t)jiahosts << 21, attr);
	for (round = 0; round < 3; round++)
		for (size = 1; size < 400000; size = size * 5 + 3) {
			object = jia_pool_alloc(pool, size);
			CHECK(object);
			for (i = 0; i < (int)size; i++)
				CHECK(object[i] == 0);
			memset(object, 0xff, size);
			jia_pool_free(pool, object);
		}
	CHECK(jia_pool_destroy(pool) == 0);
}

static void fixed_size(void)
{
	jia_pool_attr_t attr = { 0 };
	char *one, *two;
	int pool;

	attr.object = 72;
	attr.name = "fixed";
	pool = pool_with(1 << 20, attr);
	one = jia_pool_alloc(pool, 72);
	two = jia_pool_alloc(pool, 8);
	CHECK(one && two && stats_of(pool).objects == 2 && stats_of(pool).bytes >= 2 * 80);
	errno = 0;
	CHECK(!jia_pool_alloc(pool, 73) && errno == EINVAL);
	jia_pool_free(pool, one);
	jia_pool_free(pool, two);
	CHECK(jia_pool_destroy(pool) == 0);
}

/* After a reset all room is there again, old objects are none, and a destroyed pool's id can be another's. */
static void resetting(void)
{
	int pool = jia_pool_create((size_t)jiahosts << 20, NULL), other, i, round;
	char *object;

	for (round = 0; round < 5; round++) {
		if (round % jiahosts == jiapid) {
			for (i = 0; (object = jia_pool_alloc(pool, 1000)); i++)
				object[999] = 1;
			CHECK(errno == ENOMEM && i > 900 * jiahosts);
		}
		jia_pool_reset(pool);
		CHECK(stats_of(pool).objects == 0 && stats_of(pool).held_bytes == 0 && stats_of(pool).borrowed_bytes == 0);
		jia_barrier();
	}
	CHECK(jia_pool_destroy(pool) == 0 && jia_pool_destroy(pool) == -EINVAL);
	other = jia_pool_create((size_t)jiahosts << 20, NULL);
	CHECK(other == pool);
	object = jia_pool_alloc(other, 1000);
	CHECK(object);
	jia_pool_free(other, object);
	CHECK(jia_pool_destroy(other) == 0);
}

/* There may be 256 pools; one that ends makes room for another. */
static void many(void)
{
	int id[256], i, n;
	char *object;

	for (n = 0; (i = jia_pool_create(1, NULL)) >= 0; n++) {
		CHECK(n < 256);
		id[n] = i;
		object = jia_pool_alloc(i, 16);
		CHECK(object);
		*object = 1;
	}
	CHECK(i == -ENOMEM && n == 256);
	for (i = 0; i < n; i++)
		CHECK(jia_pool_destroy(id[i]) == 0);
}

/* Where magazines have what is asked for, no message is sent. */
static void silence(void)
{
	int pool = jia_pool_create((size_t)jiahosts << 20, NULL), i;
	jia_stats_t before, after;

	before.size = after.size = sizeof before;
	jia_pool_free(pool, jia_pool_alloc(pool, 64));
	jia_barrier();
	CHECK(jia_stats(&before) == 0);
	for (i = 0; i < 10000; i++)
		jia_pool_free(pool, jia_pool_alloc(pool, 64));
	CHECK(jia_stats(&after) == 0 && after.messages_sent == before.messages_sent);
	CHECK(jia_pool_destroy(pool) == 0);
}

/* --- exhaust: each host in turn takes all that there is, its own and the others' --- */

static void exhaust(jia_pool_attr_t attr)
{
	size_t part = 1 << 18, all = part * (size_t)jiahosts;
	int pool = pool_with(all, attr), host, n;
	char *first, *object;

	for (host = 0; host < jiahosts; host++) {
		if (host == jiapid) {
			first = NULL;
			for (n = 0; (object = jia_pool_alloc(pool, 512)); n++) {
				memset(object, n, 512);
				*(char **)object = first;
				first = object;
			}
			CHECK(errno == ENOMEM);
			/* A rest stays in magazines of the others; and who is not at home in his part lends only what was never used. */
			if ((size_t)n * 512 < (host == 0 ? all - all / 16 : attr.placement == JIA_POOL_OWN ? all / 2 : part / 2))
				jia_error("pools: host %d got %d objects of 512 bytes from %zu", host, n, all);
			CHECK(!jia_pool_alloc(pool, part + 1) && !jia_pool_alloc(pool, part));
			for (; first; n--) {
				object = first;
				first = *(char **)object;
				CHECK((unsigned char)object[511] == (unsigned char)(n - 1));
				jia_pool_free(pool, object);
			}
			object = jia_pool_alloc(pool, part / 2);
			CHECK(object);
			memset(object, 1, part / 2);
			jia_pool_free(pool, object);
		}
		jia_barrier();
		CHECK(stats_of(pool).objects == 0);
		jia_barrier();
	}
	CHECK(jia_pool_destroy(pool) == 0);
}

/* --- recycle: an object that changes hosts by free and alloc, with no synchronisation of the program --- */

enum { ITEM = 64 };

static void recycle(jia_pool_attr_t attr)
{
	int pool, i, last = jiahosts - 1, go = 5;
	unsigned char **shared = (unsigned char **)jia_alloc1(4096), *object = NULL, *again = NULL;

	attr.zero = 1;
	pool = pool_with((size_t)jiahosts << 20, attr);
	jia_lock(0);
	if (jiapid == 0) {
		object = jia_pool_alloc(pool, ITEM);
		shared[0] = object;
	}
	jia_unlock(0);
	jia_barrier();
	if (jiapid == last && last > 0) {
		object = shared[0];
		jia_lock(0);
		memset(object, 5, ITEM);
		jia_unlock(0);
		memset(object, 6, ITEM / 2); /* in no scope: it is this host's to write */
		jia_pool_free(pool, object);
		jia_lock(1);
		jia_unlock(1);
		jia_recv(&go, sizeof go, 0, 1); /* and until then no barrier sends what it has written home */
	} else if (jiapid == 0) {
		if (last == 0)
			jia_pool_free(pool, object);
		while (stats_of(pool).objects > 0) /* until it has come back */
			usleep(100);
		for (i = 0; again != object && i < 100000; i++)
			again = jia_pool_alloc(pool, ITEM);
		CHECK(again == object);
		again[3] = 9;
		jia_lock(0);
		jia_unlock(0);
		if (last > 0)
			jia_send(&go, sizeof go, last, 1);
	}
	jia_barrier();
	object = shared[0];
	for (i = 0; i < ITEM; i++)
		if (object[i] != (i == 3 ? 9 : 0))
			jia_error("pools: byte %d of the recycled object is %d", i, object[i]);
	jia_barrier();
	CHECK(jia_pool_destroy(pool) == 0);
}

/* --- forked: threads end, and children come and go, while there are magazines --- */

static void *take_and_end(void *pool)
{
	char *object = jia_pool_alloc((int)(intptr_t)pool, 100);

	CHECK(object);
	jia_pool_free((int)(intptr_t)pool, object);
	return NULL;
}

static void *nothing(void *unused)
{
	return unused;
}

static void forked(void)
{
	int pool = jia_pool_create((size_t)jiahosts << 16, NULL), i, status;
	pthread_t thread;
	pid_t child;

	for (i = 0; i < 300; i++) {
		CHECK(pthread_create(&thread, NULL, take_and_end, (void *)(intptr_t)pool) == 0);
		pthread_join(thread, NULL);
		if (i % 50 == 0) {
			take_and_end((void *)(intptr_t)pool);
			child = fork();
			if (child == 0) {
				if (pthread_create(&thread, NULL, nothing, NULL) != 0)
					_exit(1);
				pthread_join(thread, NULL);
				_exit(0);
			}
			CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0);
		}
	}
	CHECK(stats_of(pool).objects == 0 && stats_of(pool).held_bytes <= 2 * 4096);
	CHECK(jia_pool_destroy(pool) == 0);
}

/* --- bad: each ends the job with one line --- */

static void bad(const char *name)
{
	jia_pool_attr_t attr = { 0 };
	int one, two;
	char *object, *large, *theirs, **shared = (char **)jia_alloc1(4096);

	attr.name = "one";
	one = pool_with((size_t)jiahosts << 21, attr);
	attr.name = "two";
	two = pool_with((size_t)jiahosts << 21, attr);
	object = jia_pool_alloc(one, 100);
	large = jia_pool_alloc(one, 100000);
	jia_lock(0);
	shared[jiapid] = object;
	jia_unlock(0);
	jia_barrier();
	theirs = shared[0];
	if (jiapid < jiahosts - 1) {
		jia_barrier();
		sleep(5);
		exit(1);
	}
	if (!strcmp(name, "other_pool"))
		jia_pool_free(two, object);
	else if (!strcmp(name, "no_pool"))
		jia_pool_free(77, object);
	else if (!strcmp(name, "private"))
		jia_pool_free(one, &name);
	else if (!strcmp(name, "interior"))
		jia_pool_free(one, object + 16);
	else if (!strcmp(name, "odd"))
		jia_pool_free(one, object + 1);
	else if (!strcmp(name, "interior_large"))
		jia_pool_free(one, large + 8192);
	else if (!strcmp(name, "twice_large"))
		jia_pool_free(one, large), jia_pool_free(one, large);
	else if (!strcmp(name, "twice"))
		jia_pool_free(one, object), jia_pool_free(one, object);
	else if (!strcmp(name, "never"))
		jia_pool_free(one, object + 300000);
	else if (!strcmp(name, "interior_theirs"))
		jia_pool_free(one, theirs + 32);
	else if (!strcmp(name, "twice_theirs"))
		jia_pool_free(one, theirs), jia_pool_free(one, theirs);
	else if (!strcmp(name, "realloc"))
		jia_pool_realloc(one, theirs + 16, 10);
	else if (!strcmp(name, "realloc_freed"))
		jia_pool_free(one, object), jia_pool_realloc(one, object, 10);
	else if (!strcmp(name, "reset"))
		jia_pool_reset(9);
	else if (!strcmp(name, "overrun"))
		object[100] = 1, jia_pool_free(one, object);
	else if (!strcmp(name, "overrun_theirs"))
		theirs[104] = 1, jia_pool_free(one, theirs);
	else if (!strcmp(name, "underrun"))
		memset(object - 8, 255, 8), memset(object - 16, 255, 8), jia_pool_free(one, object);
	else
		jia_error("pools: no mistake is called %s", name);
	jia_barrier();
	sleep(5);
	exit(1);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "basics";
	jia_pool_attr_t attr = { 0 };

	jia_init(argc, argv);
	if (!strcmp(what, "storm")) {
		attr.placement = argc > 3 ? atoi(argv[3]) : JIA_POOL_OWN;
		storm(argc > 2 ? atol(argv[2]) : 20000, attr);
	} else if (!strcmp(what, "exhaust")) {
		exhaust(attr);
		attr.mix = 1;
		exhaust(attr);
		attr.mix = 0;
		for (attr.placement = JIA_POOL_HOST; attr.placement <= JIA_POOL_CYCLIC; attr.placement++)
			exhaust(attr);
	} else if (!strcmp(what, "recycle")) {
		for (; attr.placement <= JIA_POOL_CYCLIC; attr.placement++) {
			attr.host = jiahosts - 1;
			recycle(attr);
		}
	} else if (!strcmp(what, "forked")) {
		forked();
	} else if (!strcmp(what, "bad")) {
		bad(argc > 2 ? argv[2] : "");
	} else {
		arguments();
		alignment();
		reallocation();
		zeroing();
		fixed_size();
		silence();
		many();
		resetting();
	}
	jia_barrier();
	if (jiapid == 0)
		printf("pools: %s: ok\n", what);
	jia_exit();
	return 0;
}
