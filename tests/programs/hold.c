/*
 * hold - system calls on pinned memory, and pages that were fetched ahead.
 *
 *   JIA_NPROC=2 ./hold [PAGES [calls]]
 *
 * With "calls" nothing is fetched ahead, for which PAGES have to fit in the page cache.
 * Each host has a block of memory. A host pins its own block and that of the next one, fills them by read(2), and
 * gives them to write(2), across barriers and locks; and nothing but system calls touches what is pinned.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "jia.h"

#define PAGE 4096
#define ROUNDS 4
#define CHECK(x) do { if (!(x)) jia_error("line %d: %s is not so (%s)", __LINE__, #x, strerror(errno)); } while (0)

static size_t bytes; /* of a block */
static int file;     /* of this host */
static char *private;

static char *block(char *first, int host)
{
	return first + (size_t)(host % jiahosts) * bytes;
}

static char value(int round, int host, size_t i)
{
	return (char)(round * 31 + host * 7 + (int)(i % 251) + 1);
}

/* load fills a block by read(2) from a file. */
static void load(char *at, int round, int host)
{
	for (size_t i = 0; i < bytes; i++)
		private[i] = value(round, host, i);
	CHECK(pwrite(file, private, bytes, 0) == (ssize_t)bytes);
	CHECK(pread(file, at, bytes, 0) == (ssize_t)bytes);
}

/* save gives a block to write(2), and looks at what came out. */
static void save(const char *at, int round, int host)
{
	memset(private, 0, bytes);
	CHECK(pwrite(file, at, bytes, 0) == (ssize_t)bytes);
	CHECK(pread(file, private, bytes, 0) == (ssize_t)bytes);
	for (size_t i = 0; i < bytes; i++)
		if (private[i] != value(round, host, i))
			jia_error("round %d: write(2) took %d from byte %zu of host %d's block, not %d", round, private[i], i,
				host, value(round, host, i));
}

/* Loads and stores of the program itself, by a host that has not pinned the block. */
static void look(const char *at, int round, int host)
{
	for (size_t i = 0; i < bytes; i++)
		if (at[i] != value(round, host, i))
			jia_error("round %d: byte %zu of host %d's block is %d, not %d", round, i, host, at[i], value(round, host, i));
}

static void store(char *at, int round, int host)
{
	for (size_t i = 0; i < bytes; i++)
		at[i] = value(round, host, i);
}

/* Ranges that cannot be pinned, or that are not. */
static void bad_ranges(char *first)
{
	char *end = (char *)jia_alloc1(PAGE) + PAGE;

	CHECK(jia_pin_range(private, PAGE) == -EINVAL);
	CHECK(jia_pin_range(NULL, 1) == -EINVAL);
	CHECK(jia_pin_range(first, SIZE_MAX) == -EINVAL);
	CHECK(jia_pin_range((void *)(UINTPTR_MAX - 100), 4096) == -EINVAL);
	CHECK(jia_pin_range(end, 1) == -EINVAL);
	CHECK(jia_pin_range(end - PAGE, PAGE + 1) == -EINVAL);
	CHECK(jia_pin_range(first, 0) == 0);
	CHECK(jia_unpin_range(first, 0) == 0);
	CHECK(jia_unpin_range(first, PAGE) == -EINVAL);
	CHECK(jia_pin_range(first, 2 * PAGE) == 0 && jia_pin_range(first + 100, PAGE) == 0);
	CHECK(jia_unpin_range(first, 3 * PAGE) == -EINVAL);
	CHECK(jia_unpin_range(first + 1, 2 * PAGE - 1) == 0); /* the same pages, the first of two pins */
	CHECK(jia_unpin_range(first, PAGE + 1) == 0);
	CHECK(jia_unpin_range(first, 2 * PAGE) == -EINVAL);
	jia_prefetch(private, PAGE);
	jia_prefetch(NULL, SIZE_MAX);
	jia_prefetch(first, SIZE_MAX);
	jia_prefetch(end, 1);
	jia_prefetch(first, 0);
}

/* Both the block homed here and the next host's are pinned, and every block by two hosts. */
static void system_calls(void)
{
	char *first = (char *)jia_alloc3(bytes * (size_t)jiahosts, bytes, 0);
	char *mine = block(first, jiapid), *next = block(first, jiapid + 1);
	int behind = (jiapid + 1) % jiahosts;

	bad_ranges(first);
	jia_barrier();
	if (jiahosts > 1) {
		errno = 0;
		CHECK(pwrite(file, private, bytes, 0) == (ssize_t)bytes);
		/* or this test shows nothing */
		CHECK(pread(file, next + bytes - PAGE, PAGE, 0) == -1 && errno == EFAULT);
	}
	jia_barrier();
	CHECK(jia_pin_range(mine, bytes) == 0);
	CHECK(jia_pin_range(next, bytes) == 0);
	for (int round = 0; round < ROUNDS; round++) {
		load(next, round, behind);
		jia_barrier();
		save(mine, round, jiapid);
		save(next, round, behind);
		look(block(first, jiapid + 2), round, (jiapid + 2) % jiahosts);
		jia_barrier();
		load(mine, round + 50, jiapid); /* somebody may just have fetched it */
		jia_barrier();
		save(next, round + 50, behind);
		jia_barrier();
		jia_lock(jiapid);
		load(mine, round + 100, jiapid);
		jia_unlock(jiapid);
		jia_wait();
		jia_lock(behind);
		save(next, round + 100, behind);
		jia_unlock(behind);
		jia_barrier();
		store(mine, round + 150, jiapid);
		jia_barrier();
		save(next, round + 150, behind);
		jia_barrier();
	}
	CHECK(jia_unpin_range(next, bytes) == 0);
	if (jiahosts > 1)
		CHECK(jia_unpin_range(next, bytes) == -EINVAL);
	jia_barrier();
	store(mine, 7, jiapid);
	jia_barrier();
	look(next, 7, behind);
	if (jiapid % 2)
		CHECK(jia_unpin_range(mine, bytes) == 0); /* the others end with a pin */
	jia_barrier();
}

/* Once all pages that host 0 asked for have come, it reads them without a fault. */
static void fetch_ahead(void)
{
	int from = 1 % jiahosts;
	char *at = (char *)jia_alloc2p(bytes, from);
	jia_stats_t before, after;

	if (jiapid == from)
		store(at, 9, from);
	before.size = after.size = sizeof before;
	jia_barrier();
	if (jiapid == 0 && jiahosts > 1) {
		CHECK(jia_stats(&before) == 0);
		jia_prefetch(at, bytes);
		do {
			sched_yield();
			CHECK(jia_stats(&after) == 0);
		} while (after.cached_pages < before.cached_pages + bytes / PAGE);
		before = after;
		look(at, 9, from);
		CHECK(jia_stats(&after) == 0);
		if (after.read_faults != before.read_faults || after.seconds_faulting > before.seconds_faulting)
			jia_error("%lu faults on pages that had come", after.read_faults - before.read_faults);
	}
	jia_barrier();
	/* Hints that nobody waits for, up to the end. */
	if (jiapid == from)
		store(at, 11, from);
	jia_barrier();
	for (int i = 0; i < 1000; i++)
		jia_prefetch(at + (size_t)i * PAGE % bytes, 3 * PAGE);
	look(at, 11, from);
}

int main(int argc, char **argv)
{
	char name[] = "hold-XXXXXX";

	jia_init(argc, argv);
	bytes = (size_t)(argc > 1 ? atoi(argv[1]) : 300) * PAGE;
	private = calloc(1, bytes);
	file = mkstemp(name);
	CHECK(private && file >= 0 && unlink(name) == 0);
	system_calls();
	if (argc <= 2)
		fetch_ahead();
	jia_exit();
	if (jiapid == 0)
		printf("hold: ok\n");
	return 0;
}
