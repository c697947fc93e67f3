/*
 * unasked - a run that begins from a checkpoint takes another one before it has asked for what there was.
 *
 *   unasked save      makes two pools with objects, memory that is registered and memory that is not freed, and takes a checkpoint
 *   unasked early     takes one at once, and ends
 *   unasked half      asks for the first pool, takes one, and ends
 *   unasked check     asks for everything
 *   unasked free      frees memory that it has not asked for
 *   unasked extra     makes a pool before anything else
 *   unasked destroy   as save, but what takes the checkpoint is the barrier in which the first pool is destroyed (JIA_CKPT_INTERVAL=1)
 *   unasked after     as check, of what that has left
 *
 * Host 0 prints "unasked: ok" and the word.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "jia.h"

enum { OBJECTS = 100, BYTES = 1 << 20 };

static struct root {
	char *object[2][OBJECTS];
	int *child;
} *root;

static int pools[2], mine[100], other;

static int make_pool(int k)
{
	jia_pool_attr_t attr = { .size = sizeof attr };

	attr.object = k ? 64 : 0;
	if ((pools[k] = jia_pool_create(BYTES, &attr)) < 0)
		jia_error("no pool: %d", pools[k]);
	return pools[k];
}

static size_t size_of(int k, int i)
{
	return k ? 64 : (size_t)(1 + i * 29);
}

static void fill(void)
{
	int i, k;

	for (k = 0; k < 2; k++)
		for (i = jiapid; i < OBJECTS; i += jiahosts) {
			if (!(root->object[k][i] = jia_pool_alloc(pools[k], size_of(k, i))))
				jia_error("no room in pool %d", k);
			memset(root->object[k][i], 'a' + k + i % 20, size_of(k, i));
		}
	for (i = 0; i < 100; i++)
		mine[i] = 1000 * jiapid + i;
	other = 7;
}

static void check_pool(int k)
{
	size_t b;
	int i;

	for (i = 0; i < OBJECTS; i++) {
		for (b = 0; b < size_of(k, i); b++)
			if (root->object[k][i][b] != 'a' + k + i % 20)
				jia_error("object %d of pool %d has %d", i, k, root->object[k][i][b]);
		if (i % jiahosts == jiapid) /* which also tells whether the pool knows of it */
			jia_pool_free(pools[k], root->object[k][i]);
	}
}

static void check_private(void)
{
	int i;

	for (i = 0; i < 100; i++)
		if (mine[i] != 1000 * jiapid + i)
			jia_error("registered word %d is %d", i, mine[i]);
	if (other != 7)
		jia_error("the other registered word is %d", other);
}

static void expect(int got, int want, const char *what)
{
	if (got != want)
		jia_error("%s: %d and not %d", what, got, want);
}

static void save(int destroy)
{
	static const struct timespec interval = { 1, 100000000 };

	make_pool(0);
	make_pool(1);
	fill();
	expect(jia_checkpoint_register(mine, sizeof mine, "mine"), 0, "register");
	expect(jia_checkpoint_register(&other, sizeof other, "other"), 0, "register");
	root->child = (int *)jia_alloc2p(4096, jiahosts - 1);
	*root->child = 4711;
	if (!destroy) {
		expect(jia_checkpoint(), 1, "the checkpoint");
		return;
	}
	nanosleep(&interval, NULL);
	jia_pool_destroy(pools[0]);
	expect(jia_checkpoint_wait(), 1, "the checkpoint");
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "save";
	int whole = !strcmp(what, "check");

	jia_init(argc, argv);
	if (!strcmp(what, "early")) {
		expect(jia_checkpoint(), jia_restored() + 1, "the checkpoint");
		goto end;
	}
	if (!strcmp(what, "extra"))
		make_pool(0);
	root = (struct root *)jia_alloc(sizeof *root);
	if (!strcmp(what, "save") || !strcmp(what, "destroy")) {
		save(!strcmp(what, "destroy"));
	} else if (!strcmp(what, "half")) {
		make_pool(0);
		expect(jia_checkpoint_register(mine, sizeof mine, "mine"), 1, "register");
		expect(jia_checkpoint(), jia_restored() + 1, "the checkpoint");
	} else if (!strcmp(what, "free")) {
		jia_free(root->child);
		jia_barrier();
	} else {
		if (whole)
			make_pool(0);
		make_pool(1);
		expect((int *)jia_alloc2p(4096, jiahosts - 1) == root->child, 1, "the same address");
		expect(*root->child, 4711, "what is there");
		expect(jia_checkpoint_register(mine, sizeof mine, "mine"), 1, "register");
		expect(jia_checkpoint_register(&other, sizeof other, "other"), 1, "register");
		check_private();
		if (whole)
			check_pool(0);
		check_pool(1);
	}
end:
	if (jiapid == 0)
		printf("unasked: ok %s\n", what);
	jia_exit();
	return 0;
}
