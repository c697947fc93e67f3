/*
 * loaded - a program that is not linked with the library but loads it while it runs, as Python does for a module.
 *
 *   JIA_NPROC=4 ./loaded libjia.so
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#include "jia.h"

static void *library;

static void *find(const char *name)
{
	void *at = dlsym(library, name);

	if (!at) {
		fprintf(stderr, "loaded: %s\n", dlerror());
		exit(1);
	}
	return at;
}

int main(int argc, char **argv)
{
	__typeof__(jia_init) *init;
	__typeof__(jia_alloc) *alloc;
	__typeof__(jia_lock) *lock, *unlock;
	__typeof__(jia_barrier) *barrier, *leave;
	const int *pid, *hosts;
	volatile int *sum;

	if (argc < 2 || !(library = dlopen(argv[1], RTLD_NOW))) {
		fprintf(stderr, "loaded: %s\n", argc < 2 ? "which library?" : dlerror());
		return 1;
	}
	*(void **)&init = find("jia_init");
	*(void **)&alloc = find("jia_alloc");
	*(void **)&lock = find("jia_lock");
	*(void **)&unlock = find("jia_unlock");
	*(void **)&barrier = find("jia_barrier");
	*(void **)&leave = find("jia_exit");
	pid = find("jiapid");
	hosts = find("jiahosts");

	init(argc, argv);
	sum = (int *)alloc(sizeof *sum);
	lock(1);
	*sum += *pid + 1;
	unlock(1);
	barrier();
	if (*sum != *hosts * (*hosts + 1) / 2)
		return 1;
	leave();
	if (*pid == 0)
		printf("loaded: ok on %d host(s)\n", *hosts);
	dlclose(library); /* has no effect */
	return 0;
}
