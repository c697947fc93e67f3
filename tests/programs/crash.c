/*
 * crash - a program dies, or handles a signal, that has nothing to do with shared memory.
 *
 *   JIA_NPROC=4 ./crash HOST NAME
 *
 * HOST does the deed after real work with shared memory, so every handler is in place; the others are in a barrier. HOST -1
 * does it without calling jia_init at all.
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "jia.h"

static volatile int zero, one = 1;
static volatile uintptr_t no_address; /* 0, which the compiler must not know */
static volatile char *shared;
static sigjmp_buf back;
static volatile sig_atomic_t caught;

static volatile int *at(uintptr_t address) { return (volatile int *)(address + no_address); }

static void null_read(void) { caught = *at(0); }
static void null_write(void) { *at(16) = 1; }
static void wild_write(void) { *at(0x123456789000) = 1; }
static void non_canonical(void) { *at(0xdead000000000000) = 1; }
static void kernel_address(void) { *at(0xffffffff80000000) = 1; }
static void below_region(void) { *at(0x3fffffffff00) = 1; }
static void read_only_page(void) { *(volatile char *)(uintptr_t)"a constant" = 1; }
static void unallocated(void) { shared[(size_t)1 << 30] = 1; }
static void unallocated_read(void) { caught = shared[(size_t)1 << 30]; }
static void freed(void) { volatile char *p = (volatile char *)jia_alloc(4096); *p = 1; jia_free((void *)p); *p = 2; }
static void freed_read(void) { volatile char *p = (volatile char *)jia_alloc(4096); *p = 1; jia_free((void *)p); caught = *p; }
static void divide(void) { caught = one / zero; }
static void aborted(void) { abort(); }
static void illegal(void) { __builtin_trap(); }
static void jump_to_null(void) { void (*volatile nowhere)(void) = NULL; nowhere(); }
static void bus_error(void)
{
	FILE *f = tmpfile();
	volatile char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(f), 0);

	*p = 1; /* beyond the end of the file */
}

static int deep(int n)
{
	volatile char frame[4096];

	frame[0] = (char)n;
	return zero ? 0 : deep(n + 1) + frame[0];
}
static void stack_overflow(void) { caught = deep(0); }

static void *thread(void *run)
{
	((void (**)(void))run)[0]();
	return NULL;
}
static void in_thread(void (*run)(void))
{
	pthread_t other;

	if (pthread_create(&other, NULL, thread, &run) == 0)
		pthread_join(other, NULL);
}
static void null_in_thread(void) { in_thread(null_write); }
static void stack_overflow_in_thread(void) { in_thread(stack_overflow); }

/* A program's own handler, as one that prints and leaves, and one that jumps back. */
static void leave(int sig, siginfo_t *info, void *context)
{
	static const char text[] = "own handler\n";
	(void)context;
	if (write(1, text, sizeof text - 1) < 0 || sig != SIGSEGV || info->si_addr != (void *)16)
		_exit(99);
	_exit(42);
}
static void jump(int sig)
{
	(void)sig;
	caught++;
	siglongjmp(back, 1);
}
static void install(int sig, void (*plain)(int), void (*full)(int, siginfo_t *, void *))
{
	struct sigaction sa;

	memset(&sa, 0, sizeof sa);
	sigemptyset(&sa.sa_mask);
	if (full) {
		sa.sa_sigaction = full;
		sa.sa_flags = SA_SIGINFO;
	} else
		sa.sa_handler = plain;
	sigaction(sig, &sa, NULL);
}

/* Recovering again and again, with faults of shared memory between. */
static void jump_back(void)
{
	for (int i = 0; i < 100; i++) {
		if (sigsetjmp(back, 1) == 0)
			null_write();
		jia_lock(1);
		shared[(size_t)(i + 1) * 4096] = (char)i;
		jia_unlock(1);
	}
	if (caught != 100)
		jia_error("%d faults caught, not 100", (int)caught);
}

static const struct deed {
	const char *name;
	void (*run)(void);
} deeds[] = {
#define DEED(name) { #name, name }
	DEED(null_read), DEED(null_write), DEED(wild_write), DEED(non_canonical), DEED(kernel_address), DEED(below_region),
	DEED(read_only_page), DEED(unallocated), DEED(unallocated_read), DEED(freed), DEED(freed_read), DEED(divide), DEED(aborted), DEED(illegal),
	DEED(jump_to_null), DEED(bus_error), DEED(stack_overflow), DEED(null_in_thread), DEED(stack_overflow_in_thread),
	{ "own_handler", null_write }, { "own_jump", jump_back },
};

int main(int argc, char **argv)
{
	int host = argc == 3 ? atoi(argv[1]) : 0;
	const char *name = argc == 3 ? argv[2] : "";

	if (!strcmp(name, "own_handler"))
		install(SIGSEGV, NULL, leave);
	if (!strcmp(name, "own_jump"))
		install(SIGSEGV, jump, NULL);
	if (host >= 0) {
		jia_init(argc, argv);
		shared = (volatile char *)jia_alloc(1 << 20);
		for (int i = jiapid; i < 256; i += jiahosts)
			shared[i * 4096] = 1;
		jia_barrier();
		for (int i = 0; i < 256; i++)
			if (shared[i * 4096] != 1)
				jia_error("page %d is wrong", i);
		jia_barrier();
	}
	if (host < 0 || jiapid == host)
		for (size_t i = 0; i < sizeof deeds / sizeof deeds[0]; i++)
			if (!strcmp(deeds[i].name, name))
				deeds[i].run();
	jia_barrier();
	if (jiapid == 0)
		printf("crash: %s: survived\n", name);
	jia_exit();
	return 0;
}
