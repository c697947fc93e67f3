/*
 * attributes - allocations with attributes: homes, alignment, errors, and that the memory works.
 *
 *   JIA_NPROC=4 ./attributes [KIB]    with JIA_PAGE_SIZE, so many KiB
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jia.h"

static size_t page; /* bytes of a coherence page */

static jia_alloc_attr_t with(int placement)
{
	jia_alloc_attr_t a;

	memset(&a, 0, sizeof a);
	a.size = sizeof a;
	a.placement = placement;
	return a;
}

static void home_is(const char *at, int home, const char *what)
{
	if (jia_home(at) != home || jia_home(at + page - 1) != home)
		jia_error("%s: the home of %p is %d, want %d", what, (const void *)at, jia_home(at), home);
}

/* use has every host write its part of each page, and all look at all. */
static void use(char *p, size_t pages)
{
	jia_barrier();
	for (size_t i = 0; i < pages; i++)
		p[i * page + (size_t)jiapid] = (char)(i + 1);
	jia_barrier();
	for (size_t i = 0; i < pages; i++)
		for (int h = 0; h < jiahosts; h++)
			if (p[i * page + (size_t)h] != (char)(i + 1))
				jia_error("page %zu, byte of host %d: %d", i, h, p[i * page + (size_t)h]);
	jia_barrier();
}

static void homes(void)
{
	jia_alloc_attr_t a = with(JIA_PLACE_CYCLIC);
	size_t list[4];
	int where[4];
	char *p;

	p = jia_alloc_attr(7 * page, NULL);
	for (int i = 0; i < 7; i++)
		home_is(p + (size_t)i * page, i % jiahosts, "no attributes");
	use(p, 7);
	a.block = 2 * page - 1;
	a.host = jiahosts - 1;
	p = jia_alloc_attr(9 * page, &a);
	for (int i = 0; i < 9; i++)
		home_is(p + (size_t)i * page, (a.host + i / 2) % jiahosts, "cyclic");
	use(p, 9);
	a = with(JIA_PLACE_BLOCKS);
	p = jia_alloc_attr(6 * (size_t)jiahosts * page, &a);
	for (int i = 0; i < 6 * jiahosts; i++)
		home_is(p + (size_t)i * page, i / 6, "one block a host");
	use(p, 6 * (size_t)jiahosts);
	a = with(JIA_PLACE_HOST);
	a.host = jiahosts / 2;
	p = jia_alloc_attr(3 * page, &a);
	for (int i = 0; i < 3; i++)
		home_is(p + (size_t)i * page, a.host, "one host");
	use(p, 3);
	a = with(JIA_PLACE_LIST);
	for (int i = 0; i < 4; i++) {
		list[i] = i == 1 ? 0 : (size_t)(i + 1) * page;
		where[i] = (3 * i + 1) % jiahosts;
	}
	a.list = list;
	a.hosts = where;
	a.n = 4;
	p = jia_alloc_attr(20 * page, &a);
	for (int i = 0; i < 20; i++)
		home_is(p + (size_t)i * page, where[i % 8 < 1 ? 0 : i % 8 < 4 ? 2 : 3], "list");
	use(p, 20);
	a.hosts = NULL;
	p = jia_alloc_attr(16 * page, &a);
	for (int i = 0; i < 16; i++)
		home_is(p + (size_t)i * page, (i % 8 < 1 ? 0 : i % 8 < 4 ? 2 : 3) % jiahosts, "list without hosts");
	use(p, 16);
	a = with(JIA_PLACE_FIRST_TOUCH);
	p = jia_alloc_attr(4 * page, &a);
	use(p, 4);
}

static void alignment(void)
{
	jia_alloc_attr_t a = with(JIA_PLACE_BLOCKS);

	a.name = "aligned";
	for (a.alignment = 1; a.alignment <= (size_t)1 << 32; a.alignment *= 2) {
		char *p = jia_alloc_attr(3 * page, &a);

		if (!p || (uintptr_t)p % a.alignment != 0 || (uintptr_t)p % page != 0)
			jia_error("aligned to %zu: %p", a.alignment, (void *)p);
		p[2 * page] = 1;
		jia_free(p);
		if (a.alignment % 7 == 1)
			jia_barrier();
	}
	jia_barrier();
}

#define REFUSED(call, code) do { errno = 0; if ((call) != NULL || errno != (code)) \
	jia_error("line %d: errno %d, want %d", __LINE__, errno, (code)); } while (0)

static void refused(void)
{
	jia_alloc_attr_t a = with(JIA_PLACE_CYCLIC), *longer = calloc(1, sizeof a + 8);
	size_t part = 4096, huge[] = { ~(size_t)0, ~(size_t)0 };
	int nobody = jiahosts;
	char local;

	REFUSED(jia_alloc_attr(0, &a), EINVAL);
	REFUSED(jia_alloc_attr(0, NULL), EINVAL);
	REFUSED(jia_alloc_attr(~(size_t)0, &a), ENOMEM);
	REFUSED(jia_alloc_attr((size_t)1 << 62, NULL), ENOMEM);
	a.block = ~(size_t)0;
	REFUSED(jia_alloc_attr((size_t)1 << 62, &a), ENOMEM);
	a = with(17);
	REFUSED(jia_alloc_attr(1, &a), EINVAL);
	a = with(-1);
	REFUSED(jia_alloc_attr(1, &a), EINVAL);
	a = with(JIA_PLACE_HOST);
	a.host = jiahosts;
	REFUSED(jia_alloc_attr(1, &a), EINVAL);
	a.host = -1;
	REFUSED(jia_alloc_attr(1, &a), EINVAL);
	a = with(JIA_PLACE_BLOCKS);
	a.alignment = 12288;
	REFUSED(jia_alloc_attr(1, &a), EINVAL);
	a.alignment = (size_t)1 << 63;
	REFUSED(jia_alloc_attr(1, &a), ENOMEM);
	a = with(JIA_PLACE_LIST);
	REFUSED(jia_alloc_attr(1, &a), EINVAL);
	a.list = huge;
	a.n = 2;
	REFUSED(jia_alloc_attr(1, &a), EINVAL);
	a.list = &part;
	a.n = (size_t)1 << 40;
	REFUSED(jia_alloc_attr(1, &a), EINVAL);
	a.n = 1;
	a.hosts = &nobody;
	REFUSED(jia_alloc_attr(1, &a), EINVAL);
	a = with(JIA_PLACE_CYCLIC);
	a.size = 3;
	REFUSED(jia_alloc_attr(1, &a), EINVAL);
	a.size = ~(size_t)0;
	REFUSED(jia_alloc_attr(1, &a), EINVAL);
	longer->size = sizeof a + 8;
	if (!jia_alloc_attr(1, longer))
		jia_error("attributes of a later version, all zero: errno %d", errno);
	((char *)longer)[sizeof a] = 1;
	REFUSED(jia_alloc_attr(1, longer), EINVAL);
	free(longer);
	errno = 0;
	if (jia_home(&local) != -1 || errno != EINVAL || jia_home(NULL) != -1 || jia_home((char *)0x400000000000 + ((size_t)1 << 39)) != -1)
		jia_error("the home of what is not allocated: errno %d", errno);
}

int main(int argc, char **argv)
{
	jia_init(argc, argv);
	page = argc > 1 ? (size_t)atoi(argv[1]) << 10 : 4096;
	homes();
	alignment();
	refused();
	homes();
	jia_barrier();
	if (jiapid == 0)
		printf("attributes: ok\n");
	jia_exit();
	return 0;
}
