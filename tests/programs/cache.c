/*
 * cache - a job whose data are larger than what a host may hold of them.
 *
 *   JIA_NPROC=4 ./cache sweep MIB ROUNDS [GROUP]   that many MiB in all, a part on each host; every host changes words of all pages
 *                                                  in each round. With GROUP, host h moves into the control group GROUPh first.
 *   JIA_NPROC=2 ./cache resize                     jia_cache_resize
 *   JIA_NPROC=2 ./cache threads MIB                the same words from several threads under locks, while another thread resizes
 */
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "jia.h"

#define PAGE 4096
#define WORDS (PAGE / sizeof(uint64_t))

static jia_stats_t numbers(void)
{
	jia_stats_t s = { .size = sizeof s };

	if (jia_stats(&s))
		jia_error("jia_stats");
	return s;
}

/* Memory must be no more than what is homed here and what the cache may be; some pages are on their way. */
static void look(size_t homed)
{
	jia_stats_t s = numbers();
	size_t most = homed + s.cache_limit_bytes + 16 * PAGE;

	if (jiahosts > 1 && (s.memory_bytes > most || s.cache_bytes > s.cache_limit_bytes + 8 * PAGE))
		jia_error("%lu bytes of shared memory, %lu of them cached; the limit is %lu, and %zu are at home", s.memory_bytes, s.cache_bytes,
			s.cache_limit_bytes, homed);
}

static void join_group(const char *group)
{
	char name[4096];
	FILE *f;

	snprintf(name, sizeof name, "%s%d/cgroup.procs", group, jiapid);
	f = fopen(name, "w");
	if (!f || fprintf(f, "%d\n", getpid()) < 0 || fclose(f))
		jia_error("%s: %s", name, strerror(errno));
}

/* Word h of each page belongs to host h. All are read, and then one's own is written. */
static void sweep(size_t mib, int rounds, const char *group)
{
	size_t bytes = mib << 20, pages = bytes / PAGE, share = bytes / (size_t)jiahosts, p;
	uint64_t *a;
	int r, h;

	if (group)
		join_group(group);
	a = (uint64_t *)jia_alloc3(bytes, share, 0);
	jia_barrier();
	for (p = share / PAGE * (size_t)jiapid; p < share / PAGE * ((size_t)jiapid + 1); p++)
		memset(a + p * WORDS, 0, PAGE); /* memory counts where it is touched first: at home */
	jia_barrier();
	for (r = 0; r < rounds; r++) {
		for (p = 0; p < pages; p++) {
			uint64_t *page = a + p * WORDS;

			if (page[jiapid] != (uint64_t)r * p)
				jia_error("round %d, page %zu: %llu", r, p, (unsigned long long)page[jiapid]);
			page[jiapid] += p;
			if (p % 256 == 0)
				look(share);
		}
		jia_barrier();
	}
	for (p = 0; p < pages; p++)
		for (h = 0; h < jiahosts; h++)
			if (a[p * WORDS + h] != (uint64_t)rounds * p)
				jia_error("at the end, page %zu, host %d: %llu", p, h, (unsigned long long)a[p * WORDS + h]);
	look(share);
	if (jiahosts > 1 && numbers().pages_evicted == 0)
		jia_error("no page was evicted");
	jia_barrier();
}

static void resize(void)
{
	enum { PAGES = 400 };
	unsigned char *a = (unsigned char *)jia_alloc2p(PAGES * PAGE, 0);
	int i;

	if (jia_cache_resize(0) != -EINVAL || jia_cache_resize(16 * PAGE - 1) != -EINVAL)
		jia_error("a cache of less than 16 pages");
	if (jia_cache_resize(1000 * PAGE))
		jia_error("a cache of 1000 pages");
	jia_barrier();
	if (jiapid == 1) {
		for (i = 0; i < PAGES; i++)
			a[i * PAGE] = (unsigned char)(i + 1);
		if (numbers().cache_bytes != PAGES * PAGE)
			jia_error("%lu bytes cached", numbers().cache_bytes);
		if (jia_cache_resize(20 * PAGE + 5))
			jia_error("a cache of 20 pages");
		if (numbers().cache_limit_bytes != 20 * PAGE || numbers().memory_bytes > 20 * PAGE || numbers().cache_bytes > 20 * PAGE)
			jia_error("%lu bytes of memory", numbers().memory_bytes);
		for (i = 0; i < PAGES; i++)
			if (a[i * PAGE] != (unsigned char)(i + 1))
				jia_error("page %d: %d", i, a[i * PAGE]);
		look(0);
	}
	jia_barrier();
	for (i = 0; i < PAGES; i++)
		if (a[i * PAGE] != (unsigned char)(jiahosts > 1 ? i + 1 : 0))
			jia_error("page %d: %d", i, a[i * PAGE]);
	jia_barrier();
}

static struct {
	uint64_t *words;
	size_t pages;
	volatile int over;
} shared;

static void *add(void *unused)
{
	size_t i;

	(void)unused;
	for (i = 0; i < 400; i++) {
		size_t p = i * 7919 % shared.pages;

		jia_lock((int)(p % 5));
		shared.words[p * WORDS]++;
		shared.words[p * WORDS + WORDS - 1]--;
		jia_unlock((int)(p % 5));
	}
	return NULL;
}

static void *breathe(void *unused)
{
	size_t pages = 16;

	(void)unused;
	while (!shared.over) {
		pages = pages * 5 % 251 + 16;
		if (jia_cache_resize(pages * PAGE))
			jia_error("a cache of %zu pages", pages);
		usleep(200);
	}
	return NULL;
}

static void threads(size_t mib)
{
	enum { THREADS = 4 };
	pthread_t t[THREADS], b;
	uint64_t sum = 0, expected = (uint64_t)THREADS * 400 * (uint64_t)jiahosts;
	size_t p;
	int i;

	shared.pages = (mib << 20) / PAGE;
	shared.words = (uint64_t *)jia_alloc(mib << 20);
	jia_barrier();
	pthread_create(&b, NULL, breathe, NULL);
	for (i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, add, NULL);
	for (i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	shared.over = 1;
	pthread_join(b, NULL);
	jia_barrier();
	for (p = 0; p < shared.pages; p++) {
		if (shared.words[p * WORDS] + shared.words[p * WORDS + WORDS - 1] != 0)
			jia_error("page %zu", p);
		sum += shared.words[p * WORDS];
	}
	if (sum != expected)
		jia_error("%llu increments of %llu", (unsigned long long)sum, (unsigned long long)expected);
	jia_barrier();
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	jia_init(argc, argv);
	if (!strcmp(what, "sweep") && argc > 3)
		sweep(strtoul(argv[2], NULL, 10), atoi(argv[3]), argc > 4 ? argv[4] : NULL);
	else if (!strcmp(what, "resize"))
		resize();
	else if (!strcmp(what, "threads") && argc > 2)
		threads(strtoul(argv[2], NULL, 10));
	else
		jia_error("cache sweep MIB ROUNDS [GROUP] | resize | threads MIB");
	jia_exit();
	if (jiapid == 0)
		printf("cache: %s, %d host(s): ok\n", what, jiahosts);
	return 0;
}
