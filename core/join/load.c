/*
 * load.c - finds functions in a library that may not be there. dlopen itself is weak: a program that is linked statically
 * has none, and shall not get warnings about it.
 */
#include <dlfcn.h>
#include <stddef.h>

#include "launcher.h"

extern void *dlopen(const char *name, int flags) __attribute__((weak));
extern void *dlsym(void *handle, const char *name) __attribute__((weak));
extern char *dlerror(void) __attribute__((weak));

const char *jia_load(const char *library, const char *const names[], void **functions)
{
	void *handle;
	size_t i;

	if (!dlopen || !dlsym || !dlerror)
		return "the program is linked statically and cannot load it";
	handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
	if (!handle)
		return dlerror();
	for (i = 0; names[i]; i++) {
		functions[i] = dlsym(handle, names[i]);
		if (!functions[i])
			return dlerror();
	}
	return NULL; /* it stays loaded */
}
