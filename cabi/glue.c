/*
 * glue.c - the C side of jia.h: adapts each call to its Go counterpart, and does what needs no Go.
 *
 * Arguments that are pointers are read here, in C: a bad one then crashes in the caller's own thread like any other
 * bad pointer, and an array in shared memory is fetched like any other read.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "calls.h"
#include "early.h"
#include "jia.h"
#include "parts.h"
#include "shield.h"
#include "_cgo_export.h"

int jiapid = 0;
int jiahosts = 1;
int jia_lock_index = 0;

/* Old programs' names for the first two; weak, so that a program may have variables of these names for itself. */
extern int jia_pid __attribute__((weak, alias("jiapid")));
extern int hostc __attribute__((weak, alias("jiahosts")));

static struct timespec started;
static pid_t process; /* that called jia_init */

/* caller identifies the calling thread for as long as it lives. */
static unsigned long caller(void)
{
	static __thread unsigned long tid;

	if (!tid)
		tid = (unsigned long)syscall(SYS_gettid);
	return tid;
}

unsigned long jia_caller(void)
{
	return caller();
}

/*
 * flush_output writes what is buffered for the terminal. Not fflush(NULL): that waits for every stream that another thread
 * is in the middle of, such as one that reads standard input.
 */
static void flush_output(void)
{
	FILE *streams[] = { stdout, stderr };
	int i;

	for (i = 0; i < 2; i++)
		if (ftrylockfile(streams[i]) == 0) {
			fflush_unlocked(streams[i]);
			funlockfile(streams[i]);
		}
}

/*
 * at_exit ends this host's part in the job, after main or exit() and before stdio goes. A program that returns 0
 * without jia_exit has left in order; any other status before jia_exit is a failure, which the supervisor reports.
 */
static void at_exit(int status, void *unused)
{
	struct jia_call call;

	(void)unused;
	if (getpid() != process)
		return; /* a forked child: it has no part in the job, and no Go threads */
	if (jia_failure_ends())
		return; /* the program has been told that the job ends, and ends first */
	if (jia_inside()) { /* Go cannot be entered again */
		static const char line[] = "jia: exit was called in a signal handler during a call of the library; "
					   "set a flag there and exit after the call\n";

		if (write(STDERR_FILENO, line, sizeof line - 1) < 0)
			status = 1;
		_exit(status ? status : 1);
	}
	jia_enter(&call);
	if (status == 0)
		jiaGoExit(caller());
	flush_output();
	jiaGoFinish();
	jia_leave(&call);
}

void jia_init(int argc, char **argv)
{
	struct jia_call call;
	int terminal;

	(void)argc;
	(void)argv;
	process = getpid();
	flush_output(); /* descriptors 1 and 2 are about to become pipes */
	jia_enter(&call);
	terminal = jiaGoInit(&jiapid, &jiahosts);
	jia_leave(&call);
	if (terminal)
		setvbuf(stdout, NULL, _IOLBF, 0); /* the terminal is behind a pipe: keep lines coming */
	on_exit(at_exit, NULL);
	clock_gettime(CLOCK_MONOTONIC, &started);
}

void jia_exit(void)
{
	struct jia_call call;

	jia_enter(&call);
	jiaGoExit(caller());
	jia_leave(&call);
}

void jia_end(void)
{
	struct jia_call call;

	jia_enter(&call);
	jiaGoExit(caller());
	jia_leave(&call);
}

void jia_error(const char *fmt, ...)
{
	char text[4096];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	flush_output();
	jiaGoError(text);
	_exit(1);
}

double jia_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - started.tv_sec) + 1e-9 * (double)(now.tv_nsec - started.tv_nsec);
}

/* allocate passes an allocation on. */
static unsigned long allocate(int which, size_t size, size_t block, int host, long long *list, int n)
{
	struct jia_call call;
	unsigned long at;

	jia_enter(&call);
	at = jiaGoAlloc(which, size, block, host, list, n);
	jia_leave(&call);
	return at;
}

unsigned long jia_alloc(size_t size)
{
	return allocate(JIA_CALL_ALLOC, size, 0, 0, NULL, 0);
}

unsigned long jia_alloc1(size_t size)
{
	return allocate(JIA_CALL_ALLOC1, size, 0, 0, NULL, 0);
}

unsigned long jia_alloc2(size_t size, size_t block)
{
	return allocate(JIA_CALL_ALLOC2, size, block, 0, NULL, 0);
}

unsigned long jia_alloc2p(size_t size, int host)
{
	return allocate(JIA_CALL_ALLOC2P, size, 0, host, NULL, 0);
}

unsigned long jia_alloc3(size_t size, size_t block, int start)
{
	return allocate(JIA_CALL_ALLOC3, size, block, start, NULL, 0);
}

/* with_list passes an allocation's array on, read here and widened to 64 bits. */
static unsigned long with_list(int call, size_t size, int start, const int *list, int n)
{
	unsigned long at;
	long long *copy = n > 0 ? malloc((size_t)n * sizeof *copy) : NULL;
	int i;

	for (i = 0; copy && i < n; i++)
		copy[i] = list[i];
	at = allocate(call, size, 0, start, copy, copy ? n : 0);
	free(copy);
	return at;
}

unsigned long jia_alloc4(size_t size, const int *blocks, int n, int start)
{
	return with_list(JIA_CALL_ALLOC4, size, start, blocks, n);
}

unsigned long jia_alloc_array(size_t size, const int *array, int n)
{
	return with_list(JIA_CALL_ALLOC_ARRAY, size, 0, array, n);
}

unsigned long jia_alloc_random(size_t size)
{
	return allocate(JIA_CALL_ALLOC_RANDOM, size, 0, 0, NULL, 0);
}

void *jia_alloc_attr(size_t size, const jia_alloc_attr_t *attr)
{
	jia_alloc_attr_t a;
	struct jia_call call;
	unsigned long at = 0, *list = NULL;
	long long *hosts = NULL;
	size_t i, n = 0;
	int err = 0;

	if (!part_read(&a, sizeof a, attr, offsetof(jia_alloc_attr_t, host))) {
		errno = EINVAL;
		return NULL;
	}
	if (a.placement == JIA_PLACE_LIST && a.list)
		n = a.n <= JIA_MOST_LISTED ? a.n : JIA_MOST_LISTED + 1;
	if (n > JIA_MOST_LISTED)
		err = EINVAL;
	else if (n > 0) {
		list = malloc(n * sizeof *list);
		hosts = a.hosts ? malloc(n * sizeof *hosts) : NULL;
		if (!list || (a.hosts && !hosts))
			err = ENOMEM;
		for (i = 0; !err && i < n; i++) {
			list[i] = a.list[i];
			if (hosts)
				hosts[i] = a.hosts[i];
		}
	}
	if (!err) {
		jia_enter(&call);
		err = jiaGoAllocAttr(size, a.placement, a.host, a.block, a.alignment, list, hosts, n, (char *)a.name, &at);
		jia_leave(&call);
	}
	free(list);
	free(hosts);
	if (err)
		errno = err;
	return (void *)at;
}

int jia_home(const void *address)
{
	struct jia_call call;
	int home;

	jia_enter(&call);
	home = jiaGoHome((unsigned long)address);
	jia_leave(&call);
	if (home >= 0)
		return home;
	errno = -home;
	return -1;
}

void jia_free(void *start)
{
	struct jia_call call;

	jia_enter(&call);
	jiaGoFree((unsigned long)start);
	jia_leave(&call);
}

void jia_lock(int lockid)
{
	struct jia_call call;

	jia_enter(&call);
	jiaGoLock(caller(), lockid);
	jia_leave(&call);
}

void jia_unlock(int lockid)
{
	struct jia_call call;

	jia_enter(&call);
	jiaGoUnlock(caller(), lockid);
	jia_leave(&call);
}

void jia_barrier(void)
{
	struct jia_call call;

	jia_enter(&call);
	jiaGoBarrier(caller());
	jia_leave(&call);
}

void jia_wait(void)
{
	struct jia_call call;

	jia_enter(&call);
	jiaGoWait(caller());
	jia_leave(&call);
}

void jia_setcv(int cvid)
{
	struct jia_call call;

	jia_enter(&call);
	jiaGoSetCV(cvid);
	jia_leave(&call);
}

void jia_resetcv(int cvid)
{
	struct jia_call call;

	jia_enter(&call);
	jiaGoResetCV(cvid);
	jia_leave(&call);
}

void jia_waitcv(int cvid)
{
	struct jia_call call;

	jia_enter(&call);
	jiaGoWaitCV(cvid);
	jia_leave(&call);
}

/* now_us returns the time since jia_init in us, modulo 2^32. */
static unsigned int now_us(void)
{
	return (unsigned int)(unsigned long)(1e6 * jia_clock());
}

unsigned int jia_startstat(void)
{
	struct jia_call call;

	jia_enter(&call);
	jiaGoStartStat();
	jia_leave(&call);
	return now_us();
}

unsigned int jia_stopstat(void)
{
	struct jia_call call;

	jia_enter(&call);
	jiaGoStopStat();
	jia_leave(&call);
	return now_us();
}

_Static_assert(sizeof(jia_stats_t) == sizeof(size_t) + 8 * JIA_STATS_WORDS, "jia_stats_t is made of words of 8 bytes");

/*
 * jia_stats fills as much of the caller's structure as it has. Programs that were compiled with an older header have a
 * shorter one; a longer one gets zeros behind what this library knows.
 */
int jia_stats(jia_stats_t *out)
{
	struct jia_call call;
	unsigned long words[JIA_STATS_WORDS];
	int err;

	if (!part_fits(out, offsetof(jia_stats_t, seconds_computing)))
		return -EINVAL;
	jia_enter(&call);
	err = jiaGoStats(words);
	jia_leave(&call);
	if (err)
		return err;
	part_fill(out, words, sizeof words);
	return 0;
}
