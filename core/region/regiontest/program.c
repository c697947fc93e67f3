#define _GNU_SOURCE
#include "program.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "_cgo_export.h"

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1U << 31)
#endif

unsigned char program_load(uintptr_t addr)
{
	return *(volatile unsigned char *)addr;
}

void program_store(uintptr_t addr, unsigned char value)
{
	*(volatile unsigned char *)addr = value;
}

uintptr_t program_load_text(void)
{
	return (uintptr_t)program_load;
}

struct storer {
	pthread_t thread;
	volatile uint64_t *word;
	_Atomic uint64_t count; /* stores made: raised after the store */
	atomic_bool stop;
};

static void *store_on(void *arg)
{
	struct storer *s = arg;

	for (uint64_t value = 1; !atomic_load(&s->stop); value++) {
		*s->word = value;
		atomic_store(&s->count, value);
	}
	return NULL;
}

struct storer *storer_start(uintptr_t addr)
{
	struct storer *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->word = (volatile uint64_t *)addr;
	if (pthread_create(&s->thread, NULL, store_on, s) != 0) {
		free(s);
		return NULL;
	}
	return s;
}

uint64_t storer_count(struct storer *s)
{
	return atomic_load(&s->count);
}

uint64_t storer_stop(struct storer *s)
{
	uint64_t count;

	atomic_store(&s->stop, true);
	pthread_join(s->thread, NULL);
	count = s->count;
	free(s);
	return count;
}

struct walker {
	pthread_t thread;
	uintptr_t base;
	long pages, page_size;
	int id, laps;
	enum stack stack;
	char *failure;
};

static void *walk(void *arg)
{
	struct walker *w = arg;
	size_t size = 64 << 10;
	stack_t mine = { .ss_sp = NULL, .ss_size = size }, now;

	if (w->stack != STACK_NONE) {
		mine.ss_sp = malloc(size);
		mine.ss_flags = w->stack == STACK_AUTODISARM ? (int)SS_AUTODISARM : 0;
		if (mine.ss_sp == NULL || sigaltstack(&mine, NULL) != 0) {
			w->failure = "no alternate stack";
			return NULL;
		}
	}
	for (int lap = 0; lap < w->laps; lap++) {
		for (long i = 0; i < w->pages; i++) {
			/* An odd stride visits every page once if their number is a power of two. */
			long page = (i * (2 * w->id + 1) + lap) % w->pages;
			++*(volatile unsigned char *)(w->base + (uintptr_t)(page * w->page_size + w->id));
		}
		regiontestCompute();
	}
	if (w->stack != STACK_NONE) {
		sigaltstack(NULL, &now);
		if (now.ss_sp != mine.ss_sp)
			w->failure = "the alternate stack is not the thread's own any more";
		mine.ss_flags = SS_DISABLE;
		sigaltstack(&mine, NULL);
		free(mine.ss_sp);
	}
	return NULL;
}

char *program_walk(uintptr_t base, long pages, long page_size, int threads, int laps, enum stack stack)
{
	struct walker *w = calloc((size_t)threads, sizeof(*w));
	char *failure = NULL;
	int started = 0;

	if (w == NULL)
		return "no memory";
	for (; started < threads; started++) {
		w[started] = (struct walker){ .base = base, .pages = pages, .page_size = page_size,
					      .id = started, .laps = laps, .stack = stack };
		if (pthread_create(&w[started].thread, NULL, walk, &w[started]) != 0) {
			failure = "no thread";
			break;
		}
	}
	for (int i = 0; i < started; i++) {
		pthread_join(w[i].thread, NULL);
		if (failure == NULL)
			failure = w[i].failure;
	}
	free(w);
	return failure;
}

static void *fault_once(void *arg)
{
	const int secret = 12345;
	sigset_t set, before, after;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	pthread_sigmask(SIG_SETMASK, &set, NULL);
	pthread_sigmask(SIG_SETMASK, NULL, &before);
	errno = secret;
	program_store((uintptr_t)arg, 1);
	if (errno != secret)
		return "the fault changed errno";
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	for (int s = 1; s < NSIG; s++)
		if (sigismember(&before, s) != sigismember(&after, s))
			return "the fault changed the signal mask";
	return NULL;
}

char *program_keeps_signal_state(uintptr_t addr)
{
	pthread_t thread;
	void *failure;

	if (pthread_create(&thread, NULL, fault_once, (void *)addr) != 0)
		return "no thread";
	pthread_join(thread, &failure);
	return failure;
}

int64_t program_bench(uintptr_t base, long pages, long page_size)
{
	struct timespec begin, end;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (long i = 0; i < pages; i++)
		program_store(base + (uintptr_t)(i * page_size), 1);
	clock_gettime(CLOCK_MONOTONIC, &end);
	return (end.tv_sec - begin.tv_sec) * 1000000000LL + (end.tv_nsec - begin.tv_nsec);
}

char *program_refuse_userfaultfd(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_userfaultfd, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = sizeof(code) / sizeof(code[0]), .filter = code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return "PR_SET_NO_NEW_PRIVS refused";
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
		return "seccomp filter refused";
	return NULL;
}

int program_fork_and_load(uintptr_t addr)
{
	int status = -1;
	pid_t child = fork();

	if (child == 0) {
		program_load(addr);
		_exit(0);
	}
	if (child > 0)
		waitpid(child, &status, 0);
	return status;
}
