/*
 * micro.c - what the library charges for its primitives. Run with JIA_NPROC=2; host 1 or host 0 prints one line with two
 * numbers, the median and the p99 (or the same number twice), in the unit that the comment of the measurement names.
 *
 *   micro NAME [SIDEFILE]    SIDEFILE is mapped by both processes for time stamps that must not go through the library
 *
 * With BENCH_PIN in the environment, each process' own thread stays on a processor for itself.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "jia.h"
#include "timing.h"

#define PAGE 4096
enum { PAGES = 1024, ROUNDS = 20, SAMPLES = 4000 };

static volatile double *side; /* shared by the two processes behind the library's back */

static void report(double *us, int n)
{
	double median = quantile(us, n, 0.5);

	printf("%.3f %.3f\n", median, quantile(us, n, 0.99));
	fflush(stdout);
}

/* Read misses: us each. Host 0 is the home; it waits in a barrier, or with busy computes all the while. */
static void miss(int busy)
{
	volatile char *a = (volatile char *)jia_alloc2p(PAGES * PAGE, 0);
	static double us[PAGES * ROUNDS];
	int r, i, n = 0, warm = 2;

	for (r = -warm; r < ROUNDS; r++) {
		if (jiapid == 0)
			for (i = 0; i < PAGES; i++)
				a[i * PAGE] = (char)(r + i);
		side[0] = 0;
		jia_barrier();
		if (jiapid == 1) {
			for (i = 0; i < PAGES; i++) {
				double t = now_us();

				if (a[i * PAGE] != (char)(r + i))
					jia_error("page %d is stale", i);
				if (r >= 0)
					us[n++] = now_us() - t;
			}
			side[0] = 1;
		} else if (busy) {
			while (side[0] == 0)
				;
		}
		jia_barrier();
	}
	if (jiapid == 1)
		report(us, n);
}

/* Barriers: us each. With cached pages, host 1 first reads so many clean pages of host 0. */
static void barriers(size_t cached)
{
	volatile char *a = (volatile char *)jia_alloc2p((cached + 1) * PAGE, 0);
	static double us[SAMPLES];
	size_t p;
	int i;

	for (p = 0; p < cached; p++)
		if (jiapid == 1 && a[p * PAGE])
			jia_error("fresh page %zu is not zero", p);
	for (i = -100; i < SAMPLES; i++) {
		double t = now_us();

		jia_barrier();
		if (i >= 0)
			us[i] = now_us() - t;
	}
	if (jiapid == 1)
		report(us, SAMPLES);
}

/* A message of 64 bytes there and another one back: us. */
static void messages(void)
{
	static double us[SAMPLES];
	char buf[64] = { 0 };
	int i, peer = 1 - jiapid;

	for (i = -100; i < SAMPLES; i++) {
		double t = now_us();

		if (jiapid == 1)
			jia_send(buf, sizeof buf, peer, 0);
		jia_recv(buf, sizeof buf, peer, 0);
		if (jiapid == 0)
			jia_send(buf, sizeof buf, peer, 0);
		if (i >= 0)
			us[i] = now_us() - t;
	}
	if (jiapid == 1)
		report(us, SAMPLES);
}

/* work computes for so long, and lets whoever else wants the core have it. */
static void work(double us)
{
	double end = now_us() + us;

	while (now_us() < end)
		sched_yield();
}

/*
 * A contended lock from host to host: us from the call of jia_unlock to the return of the waiter's jia_lock. The holder works
 * inside its scope until the other host has asked for the lock, and outside of it before it asks again, so that neither
 * an idle processor's wake-up nor the next request is counted.
 */
static void handoff(void)
{
	static double us[SAMPLES];
	int i, n = 0;

	jia_barrier();
	for (i = 0; i < 1000; i++) {
		double left;

		jia_lock(0);
		left = side[1];
		if ((int)side[2] == 1 - jiapid && left > 0 && i > 20)
			us[n++] = now_us() - left;
		work(200);
		side[2] = jiapid;
		side[1] = now_us();
		jia_unlock(0);
		work(50);
	}
	jia_barrier();
	if (jiapid == 1)
		report(us, n);
}

/* The same lock taken and released by both hosts as fast as they can: us for each lock and unlock. */
static void contended(void)
{
	enum { TURNS = 5000 };
	double t;
	int i;

	jia_barrier();
	t = now_us();
	for (i = 0; i < TURNS; i++) {
		jia_lock(0);
		jia_unlock(0);
	}
	jia_barrier();
	t = (now_us() - t) / (2 * TURNS);
	if (jiapid == 1)
		printf("%.3f %.3f\n", t, t);
}

/* A lock that this host held last: us for jia_lock. */
static void relock(void)
{
	static double us[SAMPLES];
	int i;

	if (jiapid == 1) {
		jia_lock(0);
		jia_unlock(0);
		for (i = 0; i < SAMPLES; i++) {
			double t = now_us();

			jia_lock(0);
			us[i] = now_us() - t;
			jia_unlock(0);
		}
		report(us, SAMPLES);
	}
	jia_barrier();
}

/* Allocation and free of 64 bytes from a pool: ns for the pair. */
static void pool(void)
{
	enum { PAIRS = 1000, HELD = 16 };
	static double ns[SAMPLES / 4];
	int pool = jia_pool_create(1 << 20, NULL), n = SAMPLES / 4, i, k;
	void *object[HELD];

	if (jiapid == 1) {
		for (k = 0; k < HELD; k++)
			object[k] = jia_pool_alloc(pool, 64);
		for (i = 0; i < n; i++) {
			double t = now_us();

			for (k = 0; k < PAIRS; k++) {
				jia_pool_free(pool, object[k % HELD]);
				object[k % HELD] = jia_pool_alloc(pool, 64);
			}
			ns[i] = (now_us() - t) * 1000 / PAIRS;
		}
		report(ns, n);
	}
	jia_barrier();
}

/* A free lock that the other host held last: us for jia_lock. */
static void remote_lock(void)
{
	static double us[SAMPLES];
	int i, n = 0;

	for (i = 0; i < 1000; i++) {
		double t = now_us();

		if (i % 2 == jiapid) {
			jia_lock(0);
			us[n++] = now_us() - t;
			jia_unlock(0);
		}
		jia_barrier();
	}
	if (jiapid == 1)
		report(us, n);
}

/* Atomic operations on a word of a host: us each. */
static void fetch_add(int home)
{
	unsigned long *word = (unsigned long *)jia_alloc2p(PAGE, home);
	static double us[SAMPLES];
	int i;

	for (i = -100; jiapid == 1 && i < SAMPLES; i++) {
		double t = now_us();

		jia_atomic_fetch_add_u64(word, 1);
		if (i >= 0)
			us[i] = now_us() - t;
	}
	if (jiapid == 1)
		report(us, SAMPLES);
	jia_barrier();
}

/* Tries for a lock that the other host, its manager, holds: us each. */
static void trylock(void)
{
	static double us[SAMPLES];
	int i;

	if (jiapid == 0)
		jia_lock(0);
	jia_wait(); /* not jia_barrier: host 0 is inside a scope */
	for (i = -100; jiapid == 1 && i < SAMPLES; i++) {
		double t = now_us();

		if (jia_trylock(0) == 0)
			jia_error("the lock is held, and was given away");
		if (i >= 0)
			us[i] = now_us() - t;
	}
	if (jiapid == 1)
		report(us, SAMPLES);
	jia_wait();
	if (jiapid == 0)
		jia_unlock(0);
}

/* A reader/writer lock of the other host that nobody else wants: us for jia_rwlock_rdlock. */
static void rdlock(void)
{
	static double us[SAMPLES];
	int i;

	for (i = -100; jiapid == 1 && i < SAMPLES; i++) {
		double t = now_us();

		jia_rwlock_rdlock(0);
		if (i >= 0)
			us[i] = now_us() - t;
		jia_rwlock_unlock(0);
	}
	if (jiapid == 1)
		report(us, SAMPLES);
	jia_barrier();
}

/* First touch of memory homed here: us a page. */
static void touch(void)
{
	size_t pages = 65536, i;
	volatile char *a = (volatile char *)jia_alloc2p(pages * PAGE, 1);
	double t = now_us();

	if (jiapid == 1) {
		for (i = 0; i < pages; i++)
			a[i * PAGE] = 1;
		t = (now_us() - t) / (double)pages;
		printf("%.3f %.3f\n", t, t);
	}
	jia_barrier();
}

/* Release of 1,024 cached remote pages, every second byte dirty: us a page, from the compare to the acknowledgement. */
static void release(void)
{
	volatile char *a = (volatile char *)jia_alloc2p(PAGES * PAGE, 0);
	static double us[ROUNDS];
	int r, i;

	for (r = -2; r < ROUNDS; r++) {
		if (jiapid == 1) {
			double t;

			jia_lock(1);
			for (i = 0; i < PAGES * PAGE; i += 2)
				a[i] = (char)(r + i + 3);
			t = now_us();
			jia_unlock(1);
			if (r >= 0)
				us[r] = (now_us() - t) / PAGES;
		}
		jia_barrier();
		if (jiapid == 0 && a[2] != (char)(r + 5))
			jia_error("the release of round %d did not arrive", r);
		jia_barrier();
	}
	if (jiapid == 1)
		report(us, ROUNDS);
}

/* Every byte of 1,024 remote pages written, then a barrier: MB/s. Cached: the pages were here before. */
static void bulk(int cached)
{
	char *a = (char *)jia_alloc2p(PAGES * PAGE, 0);
	static double mbs[ROUNDS];
	int r, i;

	for (r = -2; r < ROUNDS; r++) {
		if (jiapid == 0 && !cached)
			for (i = 0; i < PAGES; i++)
				a[i * PAGE] = (char)-r; /* the other host must fetch again */
		jia_barrier();
		if (jiapid == 1) {
			double t = now_us();

			memset(a, r & 127, PAGES * PAGE);
			jia_barrier();
			if (r >= 0)
				mbs[r] = PAGES * PAGE / (now_us() - t);
		} else {
			jia_barrier();
		}
		jia_barrier();
	}
	if (jiapid == 1)
		report(mbs, ROUNDS);
}

enum { LARGE = 16384 }; /* pages: 64 MiB */

/*
 * 64 MiB of host 0 read by host 1 from the first word to the last: MB/s. For the first time, or again after host 0 has
 * written to each page.
 */
static void sequential(int again)
{
	const size_t words = (size_t)LARGE * PAGE / sizeof(unsigned long);
	unsigned long *a = (unsigned long *)jia_alloc2p((size_t)LARGE * PAGE, 0);
	static double mbs[5];
	size_t i;
	int r;

	for (r = again ? -1 : 0; r < (again ? 5 : 1); r++) {
		if (jiapid == 0)
			for (i = 0; i < words; i += r < 1 ? 1 : PAGE / sizeof *a)
				a[i] = (unsigned long)(r + 2);
		jia_barrier();
		if (jiapid == 1) {
			double t = now_us();
			unsigned long sum = 0;

			for (i = 0; i < words; i++)
				sum += a[i];
			t = now_us() - t;
			if (r < 1 && sum != (unsigned long)(r + 2) * words)
				jia_error("round %d: the sum is %lu", r, sum);
			if (r >= 0)
				mbs[r] = (double)LARGE * PAGE / t;
		}
		jia_barrier();
	}
	if (jiapid == 1)
		report(mbs, again ? 5 : 1);
}

/* Host 1 reads 64 MiB of host 0 again and again, which nobody writes any more: MB/s of each sweep but the first. */
static void sweep(void)
{
	const size_t words = (size_t)LARGE * PAGE / sizeof(unsigned long);
	unsigned long *a = (unsigned long *)jia_alloc2p((size_t)LARGE * PAGE, 0);
	static double mbs[5];
	size_t i;
	int r;

	if (jiapid == 0)
		for (i = 0; i < words; i++)
			a[i] = 3;
	jia_barrier();
	for (r = -1; r < 5 && jiapid == 1; r++) {
		double t = now_us();
		unsigned long sum = 0;

		for (i = 0; i < words; i++)
			sum += a[i];
		t = now_us() - t;
		if (sum != 3 * words)
			jia_error("round %d: the sum is %lu", r, sum);
		if (r >= 0)
			mbs[r] = (double)LARGE * PAGE / t;
	}
	jia_barrier();
	if (jiapid == 1)
		report(mbs, 5);
}

/*
 * Host 1 reads 48 MiB of host 0 in each of some rounds and writes a part, and host 0 writes every eighth page in between: us a
 * round. Before these are counted, 4,096 pages more are read, three times.
 */
static void rounds(void)
{
	enum { SET = 12288, EXTRA = 4096, TIMES = 60 };
	volatile unsigned long *a = (volatile unsigned long *)jia_alloc2p((size_t)(SET + EXTRA) * PAGE, 0);
	static double us[TIMES];
	size_t p, each = PAGE / sizeof *a;
	int r;

	if (jiapid == 0)
		for (p = 0; p < SET + EXTRA; p++)
			a[p * each] = 1;
	jia_barrier();
	for (r = -10; r < TIMES; r++) {
		double t;

		if (jiapid == 0)
			for (p = 0; p < SET; p += 8)
				a[p * each + 1] = (unsigned long)r;
		jia_barrier();
		t = now_us();
		for (p = 0; p < SET && jiapid == 1; p++) {
			if (a[p * each] != 1 || (p % 8 == 0 && a[p * each + 1] != (unsigned long)r))
				jia_error("round %d, page %zu", r, p);
			if (p % 64 == 1)
				a[p * each + 2] = (unsigned long)r;
		}
		for (p = SET; p < SET + EXTRA && jiapid == 1 && r < -5 && r > -9; p++)
			if (a[p * each] != 1)
				jia_error("page %zu", p);
		if (r >= 0)
			us[r] = now_us() - t;
		jia_barrier();
	}
	if (jiapid == 1)
		report(us, TIMES);
}

/* Reads of words at random in 64 MiB of host 0 by host 1, after host 0 has written to each page: us each. */
static void random_reads(void)
{
	enum { READS = LARGE / 2 };
	volatile char *a = (volatile char *)jia_alloc2p((size_t)LARGE * PAGE, 0);
	static double us[5];
	unsigned long long x = 88172645463325252ull;
	int r, i;

	for (r = -1; r < 5; r++) {
		if (jiapid == 0)
			for (i = 0; i < LARGE; i++)
				a[(size_t)i * PAGE] = (char)(r + i);
		jia_barrier();
		if (jiapid == 1) {
			double t = now_us();

			for (i = 0; i < READS; i++) {
				size_t p = (x = x * 6364136223846793005ull + 1442695040888963407ull) >> 33 & (LARGE - 1);

				if (a[p * PAGE] != (char)(r + (int)p))
					jia_error("page %zu is stale", p);
			}
			if (r >= 0)
				us[r] = (now_us() - t) / READS;
		}
		jia_barrier();
	}
	if (jiapid == 1)
		report(us, 5);
}

/* Processor time used in a wait of two seconds: per cent of a core. What is waited for: a barrier or a lock. */
static void idle(int lock)
{
	struct rusage before, after;
	double used;

	if (lock && jiapid == 0)
		jia_lock(0);
	jia_wait(); /* not jia_barrier: host 0 may be inside a scope */
	getrusage(RUSAGE_SELF, &before);
	if (jiapid == 0) {
		sleep(2);
		if (lock)
			jia_unlock(0);
	} else if (lock) {
		jia_lock(0);
		jia_unlock(0);
	}
	if (!lock)
		jia_barrier();
	getrusage(RUSAGE_SELF, &after);
	used = (double)(after.ru_utime.tv_sec - before.ru_utime.tv_sec + after.ru_stime.tv_sec - before.ru_stime.tv_sec) +
	       1e-6 * (double)(after.ru_utime.tv_usec - before.ru_utime.tv_usec + after.ru_stime.tv_usec - before.ru_stime.tv_usec);
	if (jiapid == 1)
		printf("%.3f %.3f\n", 50 * used, 50 * used);
	jia_barrier();
}

/* pin keeps the calling thread on the processor whose place in the list of those allowed is the host's number. */
static void pin(void)
{
	cpu_set_t allowed, one;
	int cpu, left = jiapid;

	CPU_ZERO(&one);
	if (sched_getaffinity(0, sizeof allowed, &allowed))
		jia_error("cannot tell the allowed processors");
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &allowed) && left-- == 0)
			CPU_SET(cpu, &one);
	if (sched_setaffinity(0, sizeof one, &one))
		jia_error("there is no processor for each host");
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	int fd;

	jia_init(argc, argv);
	if (getenv("BENCH_PIN"))
		pin();
	side = calloc(1, PAGE);
	if (argc > 2) {
		fd = open(argv[2], O_RDWR);
		if (fd >= 0)
			side = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (fd < 0 || side == MAP_FAILED)
			jia_error("cannot map %s", argv[2]);
	}
	if (!strcmp(what, "miss")) miss(0);
	else if (!strcmp(what, "miss-busy")) miss(1);
	else if (!strcmp(what, "barrier")) barriers(0);
	else if (!strcmp(what, "barrier-cached")) barriers(100000);
	else if (!strcmp(what, "messages")) messages();
	else if (!strcmp(what, "handoff")) handoff();
	else if (!strcmp(what, "contended")) contended();
	else if (!strcmp(what, "relock")) relock();
	else if (!strcmp(what, "remote-lock")) remote_lock();
	else if (!strcmp(what, "pool")) pool();
	else if (!strcmp(what, "fetch-add")) fetch_add(0);
	else if (!strcmp(what, "fetch-add-home")) fetch_add(1);
	else if (!strcmp(what, "trylock")) trylock();
	else if (!strcmp(what, "rdlock")) rdlock();
	else if (!strcmp(what, "touch")) touch();
	else if (!strcmp(what, "release")) release();
	else if (!strcmp(what, "bulk-cached")) bulk(1);
	else if (!strcmp(what, "bulk")) bulk(0);
	else if (!strcmp(what, "sequential-first")) sequential(0);
	else if (!strcmp(what, "sequential-again")) sequential(1);
	else if (!strcmp(what, "sweep")) sweep();
	else if (!strcmp(what, "rounds")) rounds();
	else if (!strcmp(what, "random")) random_reads();
	else if (!strcmp(what, "idle-barrier")) idle(0);
	else if (!strcmp(what, "idle-lock")) idle(1);
	else jia_error("unknown measurement '%s'", what);
	jia_exit();
	return 0;
}
