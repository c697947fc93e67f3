/*
 * record.c - the calls of jia.h that the examples make, for one host, recording which pages of shared memory the
 * program comes to. Linked in place of the library.
 *
 * Only the last few pages may be accessed at any time: an access to another one, or the first store to one that was
 * loaded from, faults and is recorded. So what is missing from a trace is use of pages that were used just before.
 *
 * $TRACE gets 4 bytes for each access: twice the page's number, plus 1 for a store.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "jia.h"

#define BASE 0x400000000000UL
#define SIZE (1UL << 30)
#define PAGE 4096UL
#define OPEN 8 /* an instruction can need four pages at once, and loops walk along a few arrays */

int jiapid = 0;
int jiahosts = 1;

static unsigned long end = BASE;
static unsigned long open_pages[OPEN]; /* the last ones, in a ring; 0 for none */
static unsigned next;
static uint32_t buffer[4096];
static unsigned filled;
static int trace = -1;

static void flush_trace(void)
{
	if (write(trace, buffer, filled * sizeof buffer[0]) != (ssize_t)(filled * sizeof buffer[0]))
		_exit(3);
	filled = 0;
}

static void fault(int sig, siginfo_t *info, void *context)
{
	unsigned long at = (unsigned long)info->si_addr & ~(PAGE - 1);
	int store = ((ucontext_t *)context)->uc_mcontext.gregs[REG_ERR] & 2 ? 1 : 0;
	unsigned i;

	if (at < BASE || at >= end) {
		signal(sig, SIG_DFL);
		return;
	}
	for (i = 0; i < OPEN && open_pages[i] != at; i++)
		;
	if (i == OPEN) {
		if (open_pages[next])
			mprotect((void *)open_pages[next], PAGE, PROT_NONE);
		open_pages[next] = at;
		next = (next + 1) % OPEN;
	}
	mprotect((void *)at, PAGE, store ? PROT_READ | PROT_WRITE : PROT_READ);
	buffer[filled++] = (uint32_t)((at - BASE) / PAGE * 2 + (unsigned)store);
	if (filled == sizeof buffer / sizeof buffer[0])
		flush_trace();
}

void jia_init(int argc, char **argv)
{
	struct sigaction sa = { .sa_sigaction = fault, .sa_flags = SA_SIGINFO };
	const char *file = getenv("TRACE");

	(void)argc;
	(void)argv;
	trace = open(file ? file : "/dev/null", O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (trace < 0 || mmap((void *)BASE, SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED ||
	    sigaction(SIGSEGV, &sa, NULL)) {
		perror("record");
		exit(2);
	}
}

void jia_exit(void)
{
	flush_trace();
}

void jia_error(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	exit(1);
}

double jia_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

unsigned long jia_alloc(size_t size)
{
	unsigned long at = end;

	end += (size + PAGE - 1) / PAGE * PAGE + (size ? 0 : PAGE);
	if (end > BASE + SIZE)
		jia_error("record: out of memory\n");
	return at;
}

unsigned long jia_alloc1(size_t size)
{
	return jia_alloc(size);
}

unsigned long jia_alloc2p(size_t size, int host)
{
	(void)host;
	return jia_alloc(size);
}

unsigned long jia_alloc3(size_t size, size_t block, int start)
{
	(void)block;
	(void)start;
	return jia_alloc(size);
}

unsigned long jia_alloc_array(size_t size, const int *array, int n)
{
	(void)array;
	(void)n;
	return jia_alloc(size);
}

void jia_lock(int lockid)
{
	(void)lockid;
}

void jia_unlock(int lockid)
{
	(void)lockid;
}

void jia_barrier(void)
{
}
