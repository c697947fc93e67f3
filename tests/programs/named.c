/*
 * named.c - known traffic on allocations with names, on two hosts. Host 0 is the home of all pages.
 */
#include <stdio.h>
#include <string.h>

#include "jia.h"

#define PAGE 4096
enum { PAGES = 16, WRITTEN = 5, INVALIDATED = 2 };

static volatile char *memory(const char *name, size_t pages)
{
	jia_alloc_attr_t attr;
	void *at;

	memset(&attr, 0, sizeof attr);
	attr.size = sizeof attr;
	attr.placement = JIA_PLACE_HOST;
	attr.name = name;
	at = jia_alloc_attr(pages * PAGE, &attr);
	if (!at)
		jia_error("no room for %zu pages", pages);
	return at;
}

static void fill(volatile char *at)
{
	if (jiapid == 0)
		for (int i = 0; i < PAGES; i++)
			at[i * PAGE] = 1;
}

/* Host 1 reads all pages of an array, writes to some, and then host 0 writes to some. */
static void use(volatile char *at)
{
	int sum = 0;

	if (jiapid == 1) {
		for (int i = 0; i < PAGES; i++)
			sum += at[i * PAGE];
		if (sum != PAGES)
			jia_error("the sum is %d", sum);
		for (int i = 0; i < WRITTEN; i++)
			at[i * PAGE]++;
	}
	jia_barrier();
	if (jiapid == 0)
		for (int i = 0; i < INVALIDATED; i++)
			at[i * PAGE]++;
	jia_barrier();
}

int main(int argc, char **argv)
{
	volatile char *busy, *quiet, *nameless;

	jia_init(argc, argv);
	busy = memory(jiapid == 0 ? "busy" : "what host 1 calls it", PAGES);
	quiet = memory("quiet \"array\"", PAGES);
	nameless = memory(NULL, PAGES);
	fill(busy);
	fill(quiet);
	fill(nameless);
	jia_barrier();
	use(busy);
	use(nameless);
	jia_free((void *)busy);
	jia_barrier();

	/* The same name again: it adds up. */
	busy = memory(jiapid == 0 ? "busy" : "what host 1 calls it", PAGES);
	fill(busy);
	jia_barrier();
	use(busy);
	jia_exit();
	if (jiapid == 0)
		printf("named: ok\n");
	return 0;
}
